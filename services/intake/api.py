"""What is special about intake's HTTP face: the register of accused."""

from __future__ import annotations

from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain.register import RegisterEntry, register_id
from services.intake.readmodel import AccusedBook
from shared.command import Token
from shared.refusal import refuse
from shared.security import roles
from shared.service import Parts
from shared.web.app import json_response, plain_rows

LOOKERS = frozenset({roles.PETITION_CLERK, roles.PETITION_HEAD, roles.CASE_MANAGER, roles.AUDITOR})


class IntakeRoutes:
    """Hand-written reads of intake."""

    def __init__(self, parts: Parts, accused: AccusedBook) -> None:
        self.parts = parts
        self.accused = accused

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, name in (
            ("/v1/accused", self.find_accused, "FindAccused"),
            ("/v1/accused/{ref}/history", self.accused_history, "AccusedHistory"),
        ):
            app.add_api_route(
                path, endpoint, methods=["GET"], operation_id=name, response_class=Response, tags=["reads"]
            )

    async def find_accused(self, request: Request) -> Response:
        """Candidates of the register by name and unit, for the clerk to confirm a match (R55)."""
        token = await self._looker(request)
        name = request.query_params.get("name", "").strip()
        if not name or len(name) > 60:
            refuse("E_SCHEMA", "R55", field="name")
        table = self.accused.accused
        query = (
            select(table)
            .where(func.starts_with(table.c.organ, token.organ), table.c.name == name)
            .order_by(table.c.ref)
            .limit(50)
        )
        await self._caught_up(request)
        async with self.parts.engine.connect() as connection:
            rows = plain_rows((await connection.execute(query)).mappings())
        for row in rows:
            entry = await self.parts.repository.get(RegisterEntry, register_id(row["ref"]))
            if entry is not None:
                await self.parts.reads.note_reading(token, entry, "accused-search", request)
        return json_response({"items": rows})

    async def accused_history(self, request: Request) -> Response:
        """All complaints about one accused across years and organs, with their outcomes (R55)."""
        token = await self._looker(request)
        ref = request.path_params["ref"]
        entry = await self.parts.repository.get(RegisterEntry, register_id(ref))
        if entry is None or not self.parts.law.organs.is_ancestor_or_self(token.organ, entry.organ):
            refuse("E_NOT_FOUND")
        await self._caught_up(request)
        book, cases = self.accused, self.parts.book.cases
        query = (
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
            .where(book.links.c.ref == ref)
            .order_by(book.outcomes.c.received_on, cases.c.number)
        )
        async with self.parts.engine.connect() as connection:
            rows = plain_rows((await connection.execute(query)).mappings())
        await self.parts.reads.note_reading(token, entry, "accused-history", request)
        return json_response({"ref": ref, "complaints": rows, "conclusions": sorted(entry.conclusions)})

    async def _looker(self, request: Request) -> Token:
        token = await self.parts.face.token(request)
        await self.parts.reads.not_by_reporter(request, token)
        if not token.roles & LOOKERS or not token.organ:
            refuse("E_FORBIDDEN_ROLE")
        return token

    async def _caught_up(self, request: Request) -> None:
        await self.parts.reads.caught_up(request, self.accused.name)
