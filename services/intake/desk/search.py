"""Search by accused and by sanitised content, and what may repeat an earlier complaint (A12, R55, SEC-4).

A hit shows number, state and organ. Its content is shown to the petition department of the organ that owns
it, which keeps the register and looks for duplicates in it (A12), and to who is assigned to the case (§6.3);
whatever was found by its content leaves a record, shown or not (SEC-9). Nothing is ever found by who
reported: no table here holds it, and whoever asks is reported himself (R27).
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import func, select, tuple_
from starlette.requests import Request
from starlette.responses import Response

from services.intake.api import LOOKERS
from services.intake.desk.book import DeskBook, accused_keys, grams, plain
from services.intake.domain.complaint import Complaint
from shared.command import Token
from shared.refusal import refuse
from shared.security import roles
from shared.service import Parts
from shared.web import query
from shared.web.app import json_response, object_id, page_number, plain_rows
from shared.web.describe import answer, array, describe, page, row_of

PARAMETERS = {
    "accused": "Part of the name, unit or position of an accused; at least two characters.",
    "text": "Part of an allegation in its sanitised words; at least two characters.",
    "number": "The number of a complaint.",
    "from": "Received on this day or later.",
    "to": "Received on this day or before.",
    **query.PAGING,
}
DUPLICATE_PARAMETERS = {"limit": query.PAGING["limit"], "min_position": query.PAGING["min_position"]}
HITS, HITS_MAX = 20, 50
LIKELY, LIKELY_MAX, CANDIDATES = 10, 50, 500
ALIKE = 0.5
"""How alike two texts must be where only the unit is the same; a unit alone has many complaints."""
PLACE: query.Cursor[tuple[date, UUID]] = query.Cursor(tuple[date, UUID])


class SearchRoutes:
    """`GET /v1/search/complaints` and `GET /v1/complaints/{id}/likely-duplicates`."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, name, parameters in (
            ("/v1/search/complaints", self.search, "SearchComplaints", PARAMETERS),
            (
                "/v1/complaints/{id}/likely-duplicates",
                self.likely_duplicates,
                "LikelyDuplicates",
                DUPLICATE_PARAMETERS,
            ),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=["GET"],
                operation_id=name,
                response_class=Response,
                tags=["reads"],
                openapi_extra=query.documented(**parameters),
            )
        cases, desk, text = self.parts.book.cases.c, self.desk.queue.c, {"type": "string"}
        columns = (desk.stream, desk.number, desk.received_on, cases.state, cases.organ)
        hit = row_of(*columns)
        hit["properties"] |= {
            "accused": array(answer(ref=text, name=text, unit=text, position=text)),
            "allegations": array(answer(kind=text, text=text)),
        }
        describe(app, "SearchComplaints", answer=page(hit, {"type": ["string", "null"]}))
        alike = row_of(*columns, same=array(text), similarity={"type": "number"})
        describe(app, "LikelyDuplicates", answer=answer(items=array(alike)))

    async def search(self, request: Request) -> Response:
        """Complaints by accused and by content, within jurisdiction, the latest first."""
        token = await self.parts.face.token(request)
        await self.parts.reads.not_by_reporter(request, token)
        if not token.roles & LOOKERS or not token.organ:
            refuse("E_FORBIDDEN_ROLE")
        query.only(request, PARAMETERS)
        cases, desk, content = self.parts.book.cases, self.desk.queue, self.desk.content
        found = (
            select(desk.c.stream, desk.c.number, desk.c.received_on, cases.c.state, cases.c.organ)
            .select_from(
                desk.join(cases, cases.c.stream == desk.c.stream).outerjoin(
                    content, content.c.stream == desk.c.stream
                )
            )
            .where(self.parts.reads.visible(cases, token))
        )
        by_content = False
        for name, words, pairs in (
            ("accused", content.c.accused, content.c.accused_grams),
            ("text", content.c.text, content.c.text_grams),
        ):
            if (wanted := _words(request, name)) is not None:
                by_content = True
                found = found.where(pairs.contains(grams(wanted)), func.strpos(words, wanted) > 0)
        number = query.code(request, "number")
        if number is not None:
            found = found.where(desk.c.number == number)
        elif not by_content:
            refuse("E_SCHEMA", "A12", field="accused", reason="accused, text or number is required")
        if (first := query.day(request, "from")) is not None:
            found = found.where(desk.c.received_on >= first)
        if (last := query.day(request, "to")) is not None:
            found = found.where(desk.c.received_on <= last)
        if (behind := PLACE.read(request)) is not None:
            found = found.where(tuple_(desk.c.received_on, desk.c.stream) < tuple_(*behind))
        limit = page_number(request.query_params.get("limit"), "limit", HITS, HITS_MAX, minimum=1)
        await self.parts.reads.caught_up(request, self.desk.name)
        found = found.order_by(desk.c.received_on.desc(), desk.c.stream.desc()).limit(limit)
        async with self.parts.engine.connect() as connection:
            rows = plain_rows((await connection.execute(found)).mappings())
        items = await self._shown(token, rows, request, by_content=by_content)
        end = rows[-1] if len(rows) == limit else None
        return json_response(
            {"items": items, "next": PLACE.write(end["received_on"], end["stream"]) if end else None}
        )

    async def likely_duplicates(self, request: Request) -> Response:
        """What this complaint may repeat, within jurisdiction, the most alike first: a suggestion for the
        clerk, who compares and decides (A12). Numbers only; the comparison is of accused and content."""
        token = await self.parts.face.token(request)
        await self.parts.reads.not_by_reporter(request, token)
        query.only(request, DUPLICATE_PARAMETERS)
        limit = page_number(request.query_params.get("limit"), "limit", LIKELY, LIKELY_MAX, minimum=1)
        target = object_id(request.path_params["id"])
        complaint = await self.parts.repository.get(Complaint, target)
        if complaint is None:
            refuse("E_NOT_FOUND")
        await self.parts.gatekeeper.check_reading(token, complaint)
        if not token.roles & frozenset(roles.PETITION):
            refuse("E_FORBIDDEN_ROLE", "A12")
        await self.parts.reads.caught_up(request, self.desk.name)
        own = set(accused_keys([a.model_dump() for a in complaint.accused]))
        words = set(grams(*(plain(a.text) for a in complaint.allegations)))
        likely = [
            hit
            for row in await self._about_the_same(token, target, own)
            if (hit := _alike(row, own, words)) is not None
        ]
        likely.sort(key=lambda hit: (-hit["similarity"], hit["number"], str(hit["stream"])))
        await self.parts.reads.note_reading(token, complaint, "likely-duplicates", request)
        return json_response({"items": likely[:limit]})

    async def _about_the_same(self, token: Token, target: UUID, own: set[str]) -> list[dict[str, Any]]:
        """Complaints with an accused, a name or a unit in common; of very many, the latest."""
        cases, desk, content = self.parts.book.cases, self.desk.queue, self.desk.content
        candidates = (
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
                content.c.stream != target,
                content.c["keys"].overlap(sorted(own)),
                self.parts.reads.visible(cases, token),
            )
            .order_by(desk.c.received_on.desc(), desk.c.stream)
            .limit(CANDIDATES)
        )
        async with self.parts.engine.connect() as connection:
            return plain_rows((await connection.execute(candidates)).mappings())

    async def _shown(
        self, token: Token, rows: list[dict[str, Any]], request: Request, *, by_content: bool
    ) -> list[dict[str, Any]]:
        """The hits, each with its content for who may read it; the records are durable before the answer."""
        open_, closed = [], []
        for row in rows:
            complaint = await self.parts.repository.get(Complaint, row["stream"])
            if complaint is None:
                continue
            if not _may_read(token, complaint):
                closed.append(complaint)
                continue
            open_.append(complaint)
            row["accused"] = [
                {"ref": a.ref, "name": a.name, "unit": a.unit, "position": a.position}
                for a in complaint.accused
            ]
            row["allegations"] = [{"kind": a.kind, "text": a.text} for a in complaint.allegations]
        await self.parts.reads.note_readings(token, open_, "search", request)
        if by_content:
            await self.parts.reads.note_readings(token, closed, "search-hit", request)
        return rows


def _words(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    wanted = plain(given)
    if not 2 <= len(wanted) <= 100:
        refuse("E_SCHEMA", "A12", field=name, minimum=2, maximum=100)
    return wanted


def _may_read(token: Token, complaint: Complaint) -> bool:
    """Who sees a hit's content: not who stepped aside; who is assigned, audits, or keeps the register."""
    if token.person in complaint.recused:
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
