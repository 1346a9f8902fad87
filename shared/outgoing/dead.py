"""The list of messages that could not be delivered, for the staff of the province, and a way to try them
again."""

from __future__ import annotations

from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from shared.aggregate import Actor, Context
from shared.command import Token
from shared.gate import AuditRecord
from shared.organs.tree import Level
from shared.refusal import refuse
from shared.security import roles
from shared.store.driver import borrowed
from shared.store.schema import KernelTables
from shared.store.types import Append
from shared.web.describe import answer, describe, in_path, in_query, page, row_of, whole
from shared.web.reads import Reads
from shared.web.values import json_response, page_number, plain_rows

WATCHERS = frozenset({roles.CASE_MANAGER, roles.PETITION_HEAD})
PAGE = 50
PAGE_MAX = 200


class DeadLetters:
    """The dead effects of one service, without their payloads: no reader may learn what was to be said to
    whom."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._effects = KernelTables(reads.service).effects

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route(
            "/v1/outgoing/dead",
            self.dead,
            methods=["GET"],
            operation_id="ListDeadEffects",
            response_class=Response,
            tags=["outgoing"],
        )
        app.add_api_route(
            "/v1/outgoing/dead/{key:path}/replay",
            self.replay,
            methods=["POST"],
            operation_id="ReplayDeadEffect",
            response_class=Response,
            tags=["outgoing"],
        )
        e, text = self._effects.c, {"type": "string"}
        describe(
            app,
            "ListDeadEffects",
            parameters=[
                in_query("after", "`next` of the page before."),
                whole("limit", "Items on a page.", minimum=1, maximum=PAGE_MAX, default=PAGE),
            ],
            answer=page(row_of(e.key, e.kind, e.attempts, e.error, e.created_at)),
        )
        describe(
            app,
            "ReplayDeadEffect",
            parameters=[in_path("key", "The key of the message.")],
            answer=answer(key=text, kind=text, state=text),
        )

    async def dead(self, request: Request) -> Response:
        """Messages that were given up, by key: kind, attempts, last reason, without what they say."""
        await self._watcher(request)
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        after = request.query_params.get("after", "")
        e = self._effects.c
        query = (
            select(e.key, e.kind, e.attempts, e.error, e.created_at)
            .where(e.state == "dead", e.key > after)
            .order_by(e.key)
            .limit(limit)
        )
        async with self._reads.engine.connect() as connection:
            rows = plain_rows((await connection.execute(query)).mappings())
        return json_response({"items": rows, "next": rows[-1]["key"] if len(rows) == limit else None})

    async def replay(self, request: Request) -> Response:
        """Tries a message again that was given up, from the start. Leaves an audit record."""
        token = await self._watcher(request)
        key = request.path_params["key"]
        if "\0" in key:
            refuse("E_NOT_FOUND")
        async with borrowed(self._reads.engine) as driver:
            kind = await driver.fetchval("SELECT kind FROM effects WHERE key = $1 AND state = 'dead'", key)
        if kind is None:
            refuse("E_NOT_FOUND")
        await self._note(token, key, kind)
        async with borrowed(self._reads.engine) as driver:
            await driver.execute(_REPLAY, key)
        return json_response({"key": key, "kind": kind, "state": "pending"})

    async def _watcher(self, request: Request) -> Token:
        token = await self._reads.face.token(request)
        if not token.roles & WATCHERS:
            refuse("E_FORBIDDEN_ROLE")
        organs = self._reads.gatekeeper.law.organs
        if token.organ not in organs or organs.get(token.organ).level < Level.PROVINCE:
            refuse("E_LEVEL_TOO_LOW", "A80", required_level=Level.PROVINCE.name)
        return token

    async def _note(self, token: Token, key: str, kind: str) -> None:
        """Durable before the message is tried again."""
        now = self._reads.clock.now()
        record = AuditRecord(uuid4(), self._reads.service)
        role = next(iter(sorted(token.roles & WATCHERS)))
        ctx = Context(
            actor=Actor(token.person, role, token.organ),
            now=now,
            occurred_at=now,
            law=self._reads.gatekeeper.law,
            command="ReplayDeadEffect",
            rule="A80",
        )
        record.note(ctx, "EffectReplayed", who=token.person, role=role, key=key, kind=kind)
        await self._reads.recorder.append(Append(events=record.collect_events()))


_REPLAY = """
    UPDATE effects SET state = 'pending', attempts = 0, next_at = NULL
    WHERE key = $1 AND state = 'dead'
    """
