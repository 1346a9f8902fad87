"""Search by accused and by sanitised content, and for earlier complaints that one may repeat (A12, R55,
SEC-4).

A hit shows number, state and organ. Its content is shown to the petition department of the organ that owns
it, which keeps the register and looks for duplicates in it (A12), and to people who are assigned to the case
(§6.3); a hit that was found by its content leaves a record, shown or not (SEC-9). Nothing is ever found by
who reported: no table here holds it, and an attempt is reported as well (R27).

A search costs its page, not its matches: an accused is looked up among the names, units and positions that
there are, and of each the latest complaints are read. The query decides who may see a hit's content, and the
case itself does where the read model is behind it.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple, Self
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from starlette.requests import Request
from starlette.responses import Response

from services.intake.clerks.accused import LOOKERS
from services.intake.clerks.book import DeskBook, accused_keys, grams, shown
from services.intake.domain.complaint import Complaint
from shared.casework.command import Token
from shared.casework.http import query
from shared.casework.http.describe import answer, array, page, row_of
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.casework.visibility import PERSON, Sight
from shared.kernel.http.docstrings import Schema
from shared.kernel.store.reading import given
from shared.language import roles
from shared.language.refusal import refuse
from shared.language.spelling import normal

HITS, HITS_MAX = 20, 50
LIKELY, LIKELY_MAX, CANDIDATES = 10, 50, 500
ALIKE = 0.5
"""Least likeness of two texts where only the unit is the same; a unit alone has many complaints."""
PLACE: query.Cursor[tuple[date, UUID]] = query.Cursor(tuple[date, UUID])


TEXT: Schema = {"type": "string"}


class Reader(NamedTuple):
    """The part of a token, besides the person, that decides on whether a hit's content is shown."""

    sight: Sight
    auditor: bool

    @classmethod
    def of(cls, token: Token) -> Self:
        return cls(Sight.of(token), roles.AUDITOR in token.roles)


class SearchRoutes:
    """`GET /v1/search/complaints` and `GET /v1/complaints/{id}/likely-duplicates`."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    @read(
        "SearchComplaints",
        "/v1/search/complaints",
        rule="A12",
        by=LOOKERS,
        models=(DeskBook.name,),
        notes="search",
        looks_first=True,
        parameters=query.documented(
            HITS_MAX,
            accused="Part of the name, unit or position of an accused; at least two characters.",
            text="Part of an allegation in its sanitised words; at least two characters.",
            number="The number of a complaint.",
            **{"from": "Received on this day or later.", "to": "Received on this day or before."},
            **query.PAGING,
        ),
        answer=lambda self: page(self._hit()),
    )
    async def search(self, ask: Asked[Complaint]) -> Response:
        """Complaints by accused and by content, within jurisdiction, the latest first."""
        token = ask.token
        values, by_content = self._values(ask.request)
        limit = self.parts.reads.limit(ask, HITS, HITS_MAX)
        of = (Reader.of(token), frozenset(values), limit)
        rows = await self.parts.reading.rows(self._found, *of, person=token.person, **values)
        end = rows[-1] if len(rows) == limit else None
        items = [await self._shown(token, row) for row in rows]
        shown = {"search": [item["id"] for item in items if "accused" in item]}
        if by_content:
            shown["search-hit"] = [item["id"] for item in items if "accused" not in item]
        await ask.gate.note_readings(ask, shown)
        return json_response(
            {"items": items, "next": PLACE.write(end["received_on"], end["id"]) if end else None}
        )

    def _columns(self) -> list[Any]:
        cases, desk = self.parts.book.cases.c, self.desk.queue.c
        return [desk.stream, desk.number, desk.received_on, cases.state, cases.organ]

    def _hit(self) -> Schema:
        """A hit, as the document tells it: its content stands there for those who may read it."""
        hit = row_of(*self._columns())
        hit["properties"] |= {
            "accused": array(answer(ref=TEXT, name=TEXT, unit=TEXT, position=TEXT)),
            "allegations": array(answer(kind=named("AllegationKind"), text=TEXT)),
        }
        return hit

    @staticmethod
    def _values(request: Request) -> tuple[dict[str, Any], bool]:
        """The search terms, by name, and whether one is content."""
        values: dict[str, Any] = {}
        for name in ("accused", "text"):
            if (wanted := _words(request, name)) is not None:
                values[name], values[f"{name}_grams"] = wanted, grams(wanted)
        by_content = bool(values)
        if (number := query.code(request, "number")) is not None:
            values["number"] = number
        elif not by_content:
            refuse("E_SCHEMA", "A12", field="accused", reason="accused, text or number is required")
        if (first := query.day(request, "from")) is not None:
            values["first"] = first
        if (last := query.day(request, "to")) is not None:
            values["last"] = last
        if (behind := PLACE.read(request)) is not None:
            values["received_behind"], values["stream_behind"] = behind
        return values, by_content

    def _found(self, reader: Reader, values: frozenset[str], limit: int) -> Select[Any]:
        """The latest hits. In a search by accused, each name, unit or position that fits gives its own
        latest."""
        hits = self._hits(reader, values).limit(limit)
        if "accused" not in values:
            return hits
        term, words = self.desk.terms.c, given("accused", Text())
        pairs = given("accused_grams", ARRAY(Text()))
        fitting = select(term.term).where(term.grams.contains(pairs), func.strpos(term.term, words) > 0)
        terms = fitting.subquery("fitting")
        of_each = hits.where(self.desk.named.c.term == terms.c.term).correlate(terms).lateral("of_each")
        place = of_each.c.received_on, of_each.c.stream
        found = select(of_each).select_from(terms.join(of_each, true())).ext(distinct_on(*place))
        return found.order_by(*(column.desc() for column in place)).limit(limit)

    def _hits(self, reader: Reader, values: frozenset[str]) -> Select[Any]:
        """Complaints that fit, the latest first."""
        cases, content = self.parts.book.cases, self.desk.content
        listed = self.desk.named if "accused" in values else self.desk.queue
        place = listed.c.received_on, listed.c.stream
        events = self.parts.recorder.tables.events.c
        level = select(func.max(events.originator_version)).where(events.originator_id == cases.c.stream)
        conditions = {
            "text": and_(
                content.c.text_grams.contains(given("text_grams", ARRAY(Text()))),
                func.strpos(content.c.text, given("text", Text())) > 0,
            ),
            "number": cases.c.number == given("number", Text()),
            "first": listed.c.received_on >= given("first", Date()),
            "last": listed.c.received_on <= given("last", Date()),
            "stream_behind": tuple_(*place)
            < tuple_(given("received_behind", Date()), given("stream_behind", Uuid())),
        }
        return (
            select(
                *(listed.c.stream, cases.c.number, listed.c.received_on, cases.c.state, cases.c.organ),
                *(content.c.accused, content.c.allegations),
                self._readable(reader).label("readable"),
                (cases.c.version == level.scalar_subquery()).label("current"),
            )
            .select_from(
                listed.join(cases, cases.c.stream == listed.c.stream).outerjoin(
                    content, content.c.stream == listed.c.stream
                )
            )
            .where(self.parts.reads.visible(cases, reader.sight))
            .where(*(condition for name, condition in conditions.items() if name in values))
            .order_by(*(column.desc() for column in place))
        )

    def _readable(self, reader: Reader) -> ColumnElement[bool]:
        """`_may_read` for the query."""
        cases, work = self.parts.book.cases.c, self.parts.book.work

        def stands_in(table: Table) -> ColumnElement[bool]:
            # Not EXISTS: that may be answered by reading all that a person works on.
            found = select(table.c.person).where(table.c.stream == cases.stream, table.c.person == PERSON)
            return found.scalar_subquery().is_not(None)

        keeps_register = cases.organ == reader.sight.organ if reader.sight.petition else false()
        return true() if reader.auditor else or_(keeps_register, stands_in(work))

    @read(
        "LikelyDuplicates",
        "/v1/complaints/{id}/likely-duplicates",
        rule="A12",
        of=Complaint,
        by=roles.PETITION,
        sealed=True,
        models=(DeskBook.name,),
        notes="likely-duplicates",
        parameters=query.documented(LIKELY_MAX, limit=query.PAGING["limit"]),
        answer=lambda self: answer(
            items=array(row_of(*self._columns(), same=array(TEXT), similarity={"type": "number"}))
        ),
    )
    async def likely_duplicates(self, ask: Asked[Complaint]) -> Response:
        """The complaints that this one may repeat, within jurisdiction, the most alike first: a suggestion
        for the clerk, who compares and decides (A12). Numbers only; the comparison is of accused and
        content."""
        complaint, limit = ask.case, self.parts.reads.limit(ask, LIKELY, LIKELY_MAX)
        own = set(accused_keys([a.model_dump() for a in complaint.accused]))
        words = set(grams(*(normal(a.text) for a in complaint.allegations)))
        likely = [
            hit
            for row in await self._about_the_same(ask.token, complaint.id, own)
            if (hit := _alike(row, own, words)) is not None
        ]
        likely.sort(key=lambda hit: (-hit["similarity"], hit["number"], str(hit["id"])))
        return json_response({"items": likely[:limit]})

    async def _about_the_same(self, token: Token, target: UUID, own: set[str]) -> list[dict[str, Any]]:
        """Complaints with an accused, a name or a unit in common; of very many, the latest."""
        values = {"person": token.person, "target": target, "own": sorted(own)}
        return await self.parts.reading.rows(self._candidates, Sight.of(token), **values)

    def _candidates(self, sight: Sight) -> Select[Any]:
        cases, desk, content = self.parts.book.cases, self.desk.queue, self.desk.content
        return (
            select(
                desk.c.stream,
                desk.c.number,
                desk.c.received_on,
                cases.c.state,
                cases.c.organ,
                content.c["keys"],
                content.c.text_grams,
            )
            .select_from(
                content.join(cases, cases.c.stream == content.c.stream).join(
                    desk, desk.c.stream == content.c.stream
                )
            )
            .where(
                content.c.stream != given("target", Uuid()),
                content.c["keys"].overlap(given("own", ARRAY(Text()))),
                self.parts.reads.visible(cases, sight),
            )
            .order_by(desk.c.received_on.desc(), desk.c.stream)
            .limit(CANDIDATES)
        )

    async def _shown(self, token: Token, row: dict[str, Any]) -> dict[str, Any]:
        """A hit, with its content for its readers. If the read model is behind the case, the case itself says
        who they are: somebody may have stepped aside just now."""
        hit = {name: row[name] for name in ("id", "number", "received_on", "state", "organ")}
        readable, content = row["readable"], {name: row[name] or b"[]" for name in ("accused", "allegations")}
        if not row["current"]:
            complaint = await self.parts.repository.get(Complaint, row["id"])
            readable = complaint is not None and _may_read(token, complaint)
            if complaint is not None:
                content = content_of(complaint)
        return hit | {n: orjson.Fragment(told) for n, told in content.items()} if readable else hit


def content_of(complaint: Complaint) -> dict[str, bytes]:
    """The content that a hit shows, from the case itself."""
    people, allegations = complaint.accused, complaint.allegations
    return shown(
        {"accused": [p.model_dump() for p in people], "allegations": [a.model_dump() for a in allegations]}
    )


def _words(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    wanted = normal(given)
    if not 2 <= len(wanted) <= 100:
        refuse("E_SCHEMA", "A12", field=name, minimum=2, maximum=100)
    return wanted


def _may_read(token: Token, complaint: Complaint) -> bool:
    """True for readers of a hit's content: people who are assigned, audit, or keep the register, and are not
    excluded."""
    if token.person in complaint.excluded:
        return False
    keeps_register = token.organ == complaint.organ and bool(token.roles & frozenset(roles.PETITION))
    return keeps_register or roles.AUDITOR in token.roles or bool(complaint.assigned.get(token.person))


def _alike(row: dict[str, Any], own: set[str], words: set[str]) -> dict[str, Any] | None:
    """A candidate with what it has in common, and how alike the words are (Dice over pairs of characters)."""
    common = sorted({key.partition(":")[0].upper() for key in own.intersection(row.pop("keys"))})
    theirs = set(row.pop("text_grams"))
    total = len(words) + len(theirs)
    similarity = round(2 * len(words & theirs) / total, 2) if total else 0.0
    if common == ["UNIT"] and similarity < ALIKE:
        return None
    return {**row, "same": common, "similarity": similarity}
