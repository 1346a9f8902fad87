"""The reads that every service has: a case, the lists of cases, my work, running deadlines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import Response

from shared.aggregate import Actor, Aggregate, Context
from shared.bus.envelope import content
from shared.case import Case
from shared.clock import Clock
from shared.command import Token
from shared.gate import OUTSIDE_ORGANS, AuditRecord, Gatekeeper
from shared.readmodel import CaseBook
from shared.refusal import refuse
from shared.security import roles
from shared.security.bulk import BulkReadWatch
from shared.store.projector import Projector
from shared.store.recorder import Recorder
from shared.store.types import Append
from shared.view import fold_view
from shared.web.app import Face, instant, json_response, object_id, page_number, plain_rows

WAIT_SECONDS = 1.0
PAGE = 50
PAGE_MAX = 200
NO_CASE_READERS = frozenset({roles.PLATFORM, roles.STATISTICS, roles.CUSTODIAN})
"""Accounts that work with contract fields, aggregates or the vault, and see no lists of cases (A80, SD8)."""
PURPOSE = re.compile(r"^[A-Za-z0-9._:/-]{0,60}$")


class Reads:
    """Staff reads. Lists hold L1 only, within jurisdiction; a case itself needs an assignment, and
    every reading of it leaves a record (SEC-9)."""

    def __init__(
        self,
        service: str,
        face: Face,
        gatekeeper: Gatekeeper,
        recorder: Recorder,
        projector: Projector,
        engine: AsyncEngine,
        book: CaseBook,
        clock: Clock,
    ) -> None:
        self.service = service
        self.face = face
        self.gatekeeper = gatekeeper
        self.recorder = recorder
        self.projector = projector
        self.engine = engine
        self.book = book
        self.clock = clock
        self._watch = BulkReadWatch()

    def add_to(self, app: FastAPI, kinds: Sequence[type[Aggregate]]) -> None:
        """Adds the routes."""
        for kind in kinds:
            if issubclass(kind, Case):
                self._add(app, f"/v1/{kind.plural}/{{id}}", self._case(kind), f"Read{kind.kind}")
                self._add(app, f"/v1/{kind.plural}", self._list(kind), f"List{kind.kind}s")
        self._add(app, "/v1/my-work", self.my_work, "MyWork")
        self._add(app, "/v1/deadlines", self.deadlines, "RunningDeadlines")

    @staticmethod
    def _add(app: FastAPI, path: str, endpoint: Callable[..., Any], name: str) -> None:
        app.add_api_route(
            path, endpoint, methods=["GET"], operation_id=name, response_class=Response, tags=["reads"]
        )

    def _case(self, kind: type[Aggregate]) -> Callable[..., Any]:
        async def read_case(request: Request) -> Response:
            """A case as its events tell it, now or as it was recorded at `as_of` (R54)."""
            token = await self.face.token(request)
            target = object_id(request.path_params["id"])
            as_of = instant(request.query_params.get("as_of"), "as_of")
            history = await self.recorder.load(target)
            if not history or history[0].kind != kind.kind or token.roles & OUTSIDE_ORGANS:
                refuse("E_NOT_FOUND")
            aggregate = kind(target)
            for recorded in history:
                aggregate.apply(recorded)
            self.gatekeeper.check_visible(token, aggregate)
            shown = [r for r in history if as_of is None or (r.recorded_at and r.recorded_at <= as_of)]
            view = fold_view(content(r) for r in shown)
            if view is None:
                refuse("E_NOT_FOUND")
            await self.note_reading(token, aggregate, "case", request)
            return json_response(view, headers={"etag": f'"{view["version"]}"'})

        return read_case

    def _list(self, kind: type[Aggregate]) -> Callable[..., Any]:
        async def list_cases(request: Request) -> Response:
            """Cases of the organ and its descendants: numbers, states and dates, by cursor."""
            token = await self.staff(request)
            cases = self.book.cases
            query = select(cases).where(cases.c.kind == kind.kind, self._within(cases.c.organ, token))
            if (state := request.query_params.get("state")) is not None:
                query = query.where(cases.c.state == state)
            return await self._page(request, query, cases.c.position)

        return list_cases

    async def my_work(self, request: Request) -> Response:
        """The cases that the caller is assigned to, or that are about him, by the last change."""
        token = await self.face.token(request)
        cases, work = self.book.cases, self.book.work
        query = (
            select(cases, work.c.roles)
            .join(work, work.c.stream == cases.c.stream)
            .where(work.c.person == token.person)
        )
        return await self._page(request, query, cases.c.position)

    async def deadlines(self, request: Request) -> Response:
        """Running deadlines within jurisdiction, with case numbers only (SEC-11)."""
        token = await self.staff(request)
        await self.caught_up(request)
        d, cases = self.book.deadlines, self.book.cases
        query = (
            select(
                d.c.stream, cases.c.number, cases.c.kind, d.c.deadline, d.c.due, d.c.provisional, d.c.breached
            )
            .join(cases, cases.c.stream == d.c.stream)
            .where(d.c.met.is_(False), self._within(d.c.organ, token))
            .order_by(d.c.due, d.c.stream, d.c.deadline)
        )
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        offset = page_number(request.query_params.get("after"), "after", 0, 1_000_000)
        rows = await self._rows(query.limit(limit).offset(offset))
        return json_response({"items": rows, "next": offset + len(rows) if len(rows) == limit else None})

    async def staff(self, request: Request) -> Token:
        """A member of an organ; persons outside see no lists."""
        token = await self.face.token(request)
        if token.roles & (OUTSIDE_ORGANS | NO_CASE_READERS) or not token.organ:
            refuse("E_FORBIDDEN_ROLE")
        return token

    async def caught_up(self, request: Request) -> None:
        """Waits until the read model holds what the caller has seen, at most a second (503 E_NOT_YET)."""
        position = page_number(request.query_params.get("min_position"), "min_position", 0, 1 << 62)
        if position and not await self.projector.wait_for(self.book.name, position, WAIT_SECONDS):
            refuse("E_NOT_YET", position=position)

    async def note_reading(self, token: Token, aggregate: Aggregate, fields: str, request: Request) -> None:
        """The access record of one reading, durable before the answer is given (SEC-9)."""
        now = self.clock.now()
        record = AuditRecord(uuid4(), self.service)
        role = next(iter(sorted(token.roles)), "")
        ctx = Context(
            actor=Actor(token.person, role, token.organ or aggregate.organ),
            now=now,
            occurred_at=now,
            law=self.gatekeeper.law,
            command="ReadCase",
            rule="SEC-9",
            correlation_id=aggregate.correlation_id,
        )
        record.note(
            ctx,
            "CaseRead",
            who=token.person,
            role=role,
            object=str(aggregate.id),
            fields=fields,
            purpose=_purpose(request.headers.get("purpose", "")),
        )
        if objects := self._watch.saw(token.person, aggregate.id, now):
            record.note(ctx, "BulkReadAlert", who=token.person, role=role, objects=objects)
        await self.recorder.append(Append(events=record.collect_events()))

    def _within(self, column: Any, token: Token) -> Any:
        """The organ's own and its descendants', by the prefix of the division code (§5.4)."""
        return func.starts_with(column, token.organ)

    async def _page(self, request: Request, query: Select[Any], cursor: Any) -> Response:
        await self.caught_up(request)
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        before = page_number(request.query_params.get("before"), "before", 1 << 62, 1 << 62)
        rows = await self._rows(query.where(cursor < before).order_by(cursor.desc()).limit(limit))
        return json_response({"items": rows, "next": rows[-1]["position"] if len(rows) == limit else None})

    async def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        async with self.engine.connect() as connection:
            return plain_rows((await connection.execute(query)).mappings())


def _purpose(value: str) -> str:
    """Why a case is read: a short code, since prose might hold what belongs in no log."""
    if not PURPOSE.match(value):
        refuse("E_SCHEMA", "SEC-9", field="Purpose")
    return value
