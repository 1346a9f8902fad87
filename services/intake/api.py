"""What is special about intake's HTTP face: the register of accused."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from sqlalchemy import Column, Select, Text, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from services.intake.domain.register import RegisterEntry, register_id
from services.intake.readmodel import AccusedBook
from services.intake.vault.binding import INCOMPLETE
from services.intake.vault.parcels import Parcel, Parcels
from shared.command import Token
from shared.refusal import refuse
from shared.security import roles
from shared.security.spelling import normal
from shared.service import Parts
from shared.store.reading import given
from shared.web.describe import MIN_POSITION, answer, array, describe, in_path, in_query, row_of
from shared.web.reads import Sight
from shared.web.values import json_response, object_id

LOOKERS = frozenset({roles.PETITION_CLERK, roles.PETITION_HEAD, roles.CASE_MANAGER, roles.AUDITOR})
CANDIDATES = 50
NAME_MAX = 120
"""Entries of the register that one search tells."""


class IntakeRoutes:
    """Hand-written reads of intake."""

    def __init__(self, parts: Parts, accused: AccusedBook, parcels: Parcels) -> None:
        self.parts = parts
        self.accused = accused
        self.parcels = parcels

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, name in (
            ("/v1/accused", self.find_accused, "FindAccused"),
            ("/v1/accused/{ref}/history", self.accused_history, "AccusedHistory"),
            ("/v1/sealed-parcels", self.sealed_parcels, "ListSealedParcels"),
            ("/v1/sealed-parcels/{id}", self.sealed_parcel, "ReadSealedParcel"),
        ):
            app.add_api_route(
                path, endpoint, methods=["GET"], operation_id=name, response_class=Response, tags=["reads"]
            )
        self._describe(app)

    def _describe(self, app: FastAPI) -> None:
        """What the OpenAPI document says of these reads."""
        cases, outcomes = self.parts.book.cases.c, self.accused.outcomes.c
        earlier = (outcomes.received_on, outcomes.repeat_kind, outcomes.verdict)
        text: dict[str, Any] = {"type": "string"}
        uuid, day = {**text, "format": "uuid"}, {**text, "format": "date"}
        describe(
            app,
            "FindAccused",
            parameters=[
                in_query(
                    "name",
                    "The whole name.",
                    required=True,
                    maxLength=NAME_MAX,
                    pattern=r"\S",
                ),
                MIN_POSITION,
            ],
            answer=answer(items=array(row_of(*self._told()))),
        )
        describe(
            app,
            "AccusedHistory",
            parameters=[in_path("ref", "The accused's reference in the register."), MIN_POSITION],
            answer=answer(
                ref=text,
                complaints=array(row_of(cases.stream, cases.number, cases.state, cases.organ, *earlier)),
                conclusions=array(text),
            ),
        )
        label = answer(
            id=uuid,
            from_organ=text,
            channel=text,
            received_on=day,
            sent_on={**day, "type": ["string", "null"]},
            pages={"type": "integer"},
            taken_in={"type": "boolean"},
        )
        describe(app, "ListSealedParcels", answer=answer(items=array(label)))
        describe(
            app,
            "ReadSealedParcel",
            codes=INCOMPLETE,
            parameters=[in_path("id", "The parcel.", format="uuid")],
            answer=answer(label["properties"], content=text),
        )

    async def find_accused(self, request: Request) -> Response:
        """Candidates of the register by name and unit, for the clerk to confirm a match (R55)."""
        token = await self._looker(request)
        typed = request.query_params.get("name", "")
        if len(typed) > NAME_MAX or not (name := normal(typed)):
            refuse("E_SCHEMA", "R55", field="name", maximum=NAME_MAX)
        await self._caught_up(request, token)
        rows = await self.parts.reading.rows(self._called, token.organ, name=name)
        entries = [register_id(row["ref"]) for row in rows]
        await self.parts.reads.note_readings(token, {"accused-search": entries}, request)
        return json_response({"items": rows})

    def _told(self) -> list[Column[Any]]:
        """What is shown of an entry."""
        return [column for column in self.accused.accused.c if column.name != "called"]

    def _called(self, organ: str) -> Select[Any]:
        table = self.accused.accused
        return (
            select(*self._told())
            .ext(distinct_on(table.c.ref))
            .where(func.starts_with(table.c.organ, organ), table.c.called == given("name", Text()))
            .order_by(table.c.ref, table.c.organ)
            .limit(CANDIDATES)
        )

    async def accused_history(self, request: Request) -> Response:
        """All complaints about one accused across years and organs, with their outcomes (R55)."""
        token = await self._looker(request)
        ref = request.path_params["ref"]
        entry = await self.parts.repository.get(RegisterEntry, register_id(ref))
        organs = self.parts.law.organs
        if entry is None or not any(organs.is_ancestor_or_self(token.organ, o) for o in entry.organs):
            refuse("E_NOT_FOUND")
        await self._caught_up(request, token)
        values = {"person": token.person, "ref": ref}
        rows = await self.parts.reading.rows(self._about, Sight.of(token), **values)
        await self.parts.reads.note_reading(token, entry, "accused-history", request)
        # A superior may have passed on what it knew already: its own conclusions are not told downwards.
        own = [n for n in sorted(entry.conclusions) if f"DI-{n.split('-')[1]}".startswith(token.organ)]
        return json_response({"ref": ref, "complaints": rows, "conclusions": own})

    def _about(self, sight: Sight) -> Select[Any]:
        book, cases = self.accused, self.parts.book.cases
        return (
            select(
                cases.c.stream,
                cases.c.number,
                cases.c.state,
                cases.c.organ,
                book.outcomes.c.received_on,
                book.outcomes.c.repeat_kind,
                book.outcomes.c.verdict,
            )
            .join(book.links, book.links.c.complaint == cases.c.stream)
            .join(book.outcomes, book.outcomes.c.complaint == cases.c.stream)
            .where(book.links.c.ref == given("ref", Text()), self.parts.reads.visible(cases, sight))
            .order_by(book.outcomes.c.received_on, cases.c.number)
        )

    async def sealed_parcels(self, request: Request) -> Response:
        """What lower organs sealed for this one (A14), for its petition department: envelopes only."""
        token = await self._petition(request)
        items = []
        for parcel in await self.parcels.addressed_to(token.organ):
            complaint = await self.parts.repository.get(Complaint, parcel.complaint)
            if complaint is not None and complaint.parcel == str(parcel.id):
                items.append(_label(parcel, complaint))
        return json_response({"items": items})

    async def sealed_parcel(self, request: Request) -> Response:
        """One sealed parcel with its content, opened with the addressee's own key; leaves a record."""
        token = await self._petition(request)
        parcel = await self.parcels.find(object_id(request.path_params["id"]))
        if parcel is None or parcel.addressee != token.organ:
            refuse("E_NOT_FOUND")
        complaint = await self.parts.repository.get(Complaint, parcel.complaint)
        if complaint is None or complaint.parcel != str(parcel.id):
            refuse("E_NOT_FOUND")
        await self.parts.reads.note_reading(token, complaint, "sealed-parcel", request)
        content = await self.parcels.open(complaint.id, complaint.in_vault[complaint.parcel])
        return json_response({**_label(parcel, complaint), "content": content})

    async def _petition(self, request: Request) -> Token:
        token = await self.parts.face.token(request)
        if not token.roles.intersection(roles.PETITION) or not token.organ:
            refuse("E_FORBIDDEN_ROLE", "A14", allowed=list(roles.PETITION))
        return token

    async def _looker(self, request: Request) -> Token:
        token = await self.parts.face.token(request)
        await self.parts.reads.not_by_reporter(request, token)
        if not token.roles & LOOKERS or not token.organ:
            refuse("E_FORBIDDEN_ROLE")
        return token

    async def _caught_up(self, request: Request, token: Token) -> None:
        await self.parts.reads.caught_up(request, token, self.accused.name)


def _label(parcel: Parcel, complaint: Complaint) -> dict[str, Any]:
    """The envelope of a sealed complaint as its addressee sees it."""
    return {
        "id": parcel.id,
        "from_organ": complaint.organ,
        "channel": complaint.channel,
        "received_on": complaint.received_on,
        "sent_on": complaint.sent_on,
        "pages": complaint.pages,
        "taken_in": complaint.parcel_received,
    }
