"""Adds to intake's HTTP face the register of accused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, Table, Text, exists, not_, or_, select
from starlette.responses import Response

from services.intake.clerks.accused_book import DECIDING, AccusedBook
from services.intake.domain.complaint import Complaint
from services.intake.domain.register import RegisterEntry, may_handle, register_id
from services.intake.entries import entry_of
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.parcels import Parcel, Parcels
from shared.casework.command import Token
from shared.casework.http.describe import answer, array, in_path, in_query, row_of
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.casework.visibility import EXCLUDED_FROM, Sight, is_excluded
from shared.kernel.http.docstrings import Schema
from shared.kernel.store.reading import given
from shared.language import roles
from shared.language.contracts.common import Accused
from shared.language.refusal import refuse
from shared.language.spelling import normal

LOOKERS = frozenset({roles.PETITION_CLERK, roles.PETITION_HEAD, roles.CASE_MANAGER, roles.AUDITOR})
CANDIDATES = 50
NAME_MAX = 120
"""Entries of the register that one search tells."""


TEXT: Schema = {"type": "string"}
DAY = {**TEXT, "format": "date"}
LABEL = answer(
    id={**TEXT, "format": "uuid"},
    complaint={**TEXT, "format": "uuid"},
    from_organ=TEXT,
    channel=named("Channel"),
    received_on=DAY,
    sent_on={**DAY, "type": ["string", "null"]},
    pages={"type": "integer"},
    urgent={"type": "boolean"},
    joint={"type": "boolean"},
    taken_in={"type": "boolean"},
)
"""An envelope, as the document tells it."""


class IntakeRoutes:
    """Hand-written reads of intake."""

    def __init__(self, parts: Parts, accused: AccusedBook, parcels: Parcels) -> None:
        self.parts = parts
        self.accused = accused
        self.parcels = parcels

    @read(
        "FindAccused",
        "/v1/accused",
        rule="R55",
        by=LOOKERS,
        models=(AccusedBook.name,),
        notes="accused-search",
        looks_first=True,
        parameters=(in_query("name", "The whole name.", required=True, maxLength=NAME_MAX, pattern=r"\S"),),
        answer=lambda self: answer(items=array(row_of(*self._told()))),
    )
    async def find_accused(self, ask: Asked[RegisterEntry]) -> Response:
        """Candidates of the register by name and unit, for the clerk to confirm a match, whichever organ
        entered them (B11, R55). Those about whom an organ above decides are not told: a complaint about them
        goes there (A14)."""
        typed = ask.query("name")
        if len(typed) > NAME_MAX or not (name := normal(typed)):
            refuse("E_SCHEMA", "R55", field="name", maximum=NAME_MAX)
        values = {"name": name, "person": ask.token.person}
        found = await self.parts.reading.rows(self._called, **values)
        rows = [row for row in found if self._is_ours(ask.token.organ, row)]
        entries = [register_id(row["ref"]) for row in rows]
        await ask.gate.note_readings(ask, {"accused-search": entries})
        return json_response({"items": rows})

    def _told(self) -> list[Column[Any]]:
        """The columns of an entry that are shown."""
        return [column for column in self.accused.accused.c if column.name != "called"]

    def _called(self) -> Select[Any]:
        table = self.accused.accused
        return (
            select(*self._told())
            .where(
                table.c.called == given("name", Text()),
                or_(EXCLUDED_FROM.is_(None), self._in_another_matter(table)),
            )
            .order_by(table.c.ref)
            .limit(CANDIDATES)
        )

    def _in_another_matter(self, table: Table) -> ColumnElement[bool]:
        """True for an accused of whom the person who asks may know by another complaint (B2)."""
        links, cases = self.accused.links, self.parts.book.cases
        linked = links.join(cases, cases.c.stream == links.c.complaint)
        return exists().select_from(linked).where(links.c.ref == table.c.ref, not_(is_excluded(cases)))

    def _is_ours(self, organ: str, row: Mapping[str, Any]) -> bool:
        """True for somebody whom an organ of this level may handle."""
        details = {name: row[name] for name in DECIDING}
        return may_handle(
            self.parts.law.organs,
            organ,
            Accused(ref=row["ref"], name=row["name"], unit=row["unit"], **details),
        )

    async def _entry(self, ask: Asked[RegisterEntry]) -> RegisterEntry | None:
        """An entry that the caller's organ, or one below it, has had a complaint about."""
        ref, organs = ask.request.path_params["ref"], self.parts.law.organs
        entry = await entry_of(self.parts.repository, ref)
        if entry is None or entry.accused is None:
            return None
        ref = entry.accused.ref
        known = entry.organs_of_all_but(await self._withheld(ref, ask.token.person))
        return entry if any(organs.is_ancestor_or_self(ask.token.organ, organ) for organ in known) else None

    async def _withheld(self, ref: str, person: str) -> frozenset[str]:
        """The complaints about an accused from which a person is excluded (B2)."""
        rows = await self.parts.reading.rows(self._excluded_about, ref=ref, person=person)
        return frozenset(str(row["id"]) for row in rows)

    def _excluded_about(self) -> Select[Any]:
        links, cases = self.accused.links, self.parts.book.cases
        about = select(cases.c.stream).join(links, links.c.complaint == cases.c.stream)
        return about.where(links.c.ref == given("ref", Text()), is_excluded(cases))

    @read(
        "AccusedHistory",
        "/v1/accused/{ref}/history",
        rule="R55",
        of=RegisterEntry,
        found=_entry,
        by=LOOKERS,
        models=(AccusedBook.name,),
        notes="accused-history",
        parameters=(in_path("ref", "The accused's reference in the register."),),
        answer=lambda self: answer(
            ref=TEXT, complaints=array(row_of(*self._history())), conclusions=array(TEXT)
        ),
    )
    async def accused_history(self, ask: Asked[RegisterEntry]) -> Response:
        """All complaints about one accused across years and organs, with their outcomes (R55)."""
        assert ask.case.accused is not None
        ref, token = ask.case.accused.ref, ask.token
        values = {"person": token.person, "ref": ref}
        rows = await self.parts.reading.rows(self._about, Sight.of(token), **values)
        # A superior may have passed on what it knew already: its own conclusions are not told downwards.
        conclusions = ask.case.conclusions_of_all_but(await self._withheld(ref, token.person))
        own = [n for n in conclusions if f"DI-{n.split('-')[1]}".startswith(token.organ)]
        return json_response({"ref": ref, "complaints": rows, "conclusions": own})

    def _history(self) -> list[Column[Any]]:
        """The columns that are told of each complaint about one accused."""
        cases, outcomes = self.parts.book.cases.c, self.accused.outcomes.c
        told = (outcomes.received_on, outcomes.repeat_kind, outcomes.verdict)
        return [cases.stream, cases.number, cases.state, cases.organ, *told]

    def _about(self, sight: Sight) -> Select[Any]:
        book, cases = self.accused, self.parts.book.cases
        return (
            select(*self._history())
            .join(book.links, book.links.c.complaint == cases.c.stream)
            .join(book.outcomes, book.outcomes.c.complaint == cases.c.stream)
            .where(book.links.c.ref == given("ref", Text()), self.parts.reads.visible(cases, sight))
            .order_by(book.outcomes.c.received_on, cases.c.number)
        )

    @read(
        "ListSealedParcels",
        "/v1/sealed-parcels",
        rule="A14",
        by=roles.PETITION,
        answer=answer(items=array(LABEL)),
    )
    async def sealed_parcels(self, ask: Asked[Complaint]) -> Response:
        """The parcels that lower organs sealed for this one (A14): envelopes only, for the head of the
        petition department, who assigns them, and for those who are assigned (B15)."""
        items = []
        for parcel in await self.parcels.addressed_to(ask.token.organ):
            both = await self._both(parcel)
            if both is not None and _may_know(ask.token, both[1]):
                items.append(_label(parcel, *both))
        return json_response({"items": items})

    async def _both(self, parcel: Parcel) -> tuple[Complaint, Complaint] | None:
        """The complaint that was sealed in a parcel, and the one that it became at its addressee."""
        sent = await self.parts.repository.get(Complaint, parcel.complaint)
        if sent is None or sent.parcel != str(parcel.id):
            return None
        born = await self.parts.repository.get(Complaint, UUID(sent.sent_as))
        return None if born is None else (sent, born)

    async def _assigned(self, ask: Asked[Complaint]) -> Complaint | None:
        """The complaint that a parcel became, for those who are assigned to it at the caller's organ."""
        assert ask.target is not None
        parcel = await self.parcels.find(ask.target)
        if (
            parcel is None
            or parcel.addressee != ask.token.organ
            or (both := await self._both(parcel)) is None
        ):
            return None
        return both[1] if both[1].assigned.get(ask.token.person) else None

    @read(
        "ReadSealedParcel",
        "/v1/sealed-parcels/{id}",
        rule="A14",
        of=Complaint,
        found=_assigned,
        by=roles.PETITION,
        notes="sealed-parcel",
        parameters=(in_path("id", "The parcel.", format="uuid"),),
        answer=answer(LABEL["properties"], content=TEXT),
        codes=tuple(INCOMPLETE),
    )
    async def sealed_parcel(self, ask: Asked[Complaint]) -> Response:
        """One sealed parcel with its content, opened with the addressee's own key, for those who are assigned
        to it (B15); leaves a record."""
        assert ask.target is not None
        parcel = await self.parcels.find(ask.target)
        if parcel is None or (both := await self._both(parcel)) is None:
            refuse("E_NOT_FOUND")
        sent, born = both
        content = await self.parcels.open(sent.id, sent.in_vault[sent.parcel])
        return json_response({**_label(parcel, sent, born), "content": content})


def _may_know(token: Token, born: Complaint) -> bool:
    """True for those who are assigned to a parcel, and those who may assign somebody to it (§6.3, B4)."""
    if token.person in born.excluded:
        return False
    assigns = roles.PETITION_HEAD in token.roles or roles.PETITION_HEAD in born.roles_out
    return assigns or bool(born.assigned.get(token.person))


def _label(parcel: Parcel, sent: Complaint, born: Complaint) -> dict[str, Any]:
    """The envelope of a sealed complaint as its addressee sees it: the days are those of the first receipt
    and of the sealing."""
    assert born.envelope is not None
    return {
        "id": parcel.id,
        "complaint": born.id,
        "from_organ": sent.organ,
        "channel": born.channel,
        "received_on": born.envelope.reported_on,
        "sent_on": sent.sent_on,
        "pages": born.pages,
        "urgent": born.urgent,
        "joint": born.joint,
        "taken_in": not born.waits_to_be_taken_in,
    }
