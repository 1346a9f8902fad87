"""The list of messages that could not be delivered, for the staff of the province, and a way to try them
again."""

from __future__ import annotations

from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import ColumnElement, any_, exists, not_, select
from starlette.requests import Request
from starlette.responses import Response

from shared.casework.aggregate import Actor, Aggregate, Context, Law
from shared.casework.command import Token
from shared.casework.gate import AuditRecord
from shared.casework.http.describe import answer, describe, in_path, in_query, page, row_of, whole
from shared.casework.http.naming import a_list
from shared.casework.http.read import Asked, read
from shared.casework.http.reads import PAGE, PAGE_MAX, Reads
from shared.casework.http.values import json_response, plain_rows
from shared.kernel.clock import Clock
from shared.kernel.store.driver import borrowed
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.schema import KernelTables
from shared.kernel.store.types import Append
from shared.language import roles
from shared.language.organs.tree import Level
from shared.language.refusal import refuse

WATCHERS = frozenset({roles.CASE_MANAGER, roles.PETITION_HEAD})
SHOWN = ("key", "kind", "attempts", "error", "created_at")


class DeadLetters:
    """The dead effects of one service, without their payloads: no reader may learn what was to be said to
    whom."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        tables = KernelTables(reads.service)
        self._effects, self._register = tables.effects, tables.exclusions.c

    def add_to(self, app: FastAPI) -> None:
        self._reads.gate.add(app, self)
        app.add_api_route(
            "/v1/outgoing/dead/{key:path}/replay",
            self.replay,
            methods=["POST"],
            operation_id="ReplayDeadEffect",
            response_class=Response,
            tags=["outgoing"],
        )
        text = {"type": "string"}
        describe(
            app,
            "ReplayDeadEffect",
            parameters=[in_path("key", "The key of the message.")],
            answer=answer(key=text, kind=text, state=a_list(["pending"])),
        )

    @read(
        "ListDeadEffects",
        "/v1/outgoing/dead",
        rule="A80",
        by=WATCHERS,
        level=Level.PROVINCE,
        parameters=(
            in_query("after", "`next` of the page before."),
            whole("limit", "Items on a page.", minimum=1, maximum=PAGE_MAX, default=PAGE),
        ),
        answer=lambda self: page(row_of(*(self._effects.c[name] for name in SHOWN))),
        tag="outgoing",
    )
    async def dead(self, ask: Asked[Aggregate]) -> Response:
        """Messages that were given up, by key: kind, attempts, last reason, without what they say."""
        limit = self._reads.limit(ask)
        e = self._effects.c
        query = (
            select(*(e[name] for name in SHOWN))
            .where(e.state == "dead", e.key > ask.query("after"), not_(self._kept_from(ask.token.person)))
            .order_by(e.key)
            .limit(limit)
        )
        async with self._reads.engine.connect() as connection:
            rows = plain_rows((await connection.execute(query)).mappings())
        return json_response({"items": rows, "next": rows[-1]["key"] if len(rows) == limit else None})

    def _kept_from(self, person: str) -> ColumnElement[bool]:
        """The messages of matters from which somebody is excluded (B2)."""
        register, matters = self._register, self._effects.c.matters
        return exists().where(register.person == person, register.excluded, register.matter == any_(matters))

    async def replay(self, request: Request) -> Response:
        """Tries a message again that was given up, from the start. Leaves an audit record."""
        token = await self._watcher(request)
        key = request.path_params["key"]
        if "\0" in key:
            refuse("E_NOT_FOUND")
        async with borrowed(self._reads.engine) as driver:
            kind = await driver.fetchval(KIND, key, token.person)
        if kind is None:
            refuse("E_NOT_FOUND")
        await self._note(token, key, kind)
        async with borrowed(self._reads.engine) as driver:
            await driver.execute(REPLAY, key)
        return json_response({"key": key, "kind": kind, "state": "pending"})

    async def _watcher(self, request: Request) -> Token:
        token = await self._reads.face.token(request)
        if not token.roles & WATCHERS:
            refuse("E_FORBIDDEN_ROLE")
        organs = self._reads.command_gate.law.organs
        if token.organ not in organs or organs.get(token.organ).level < Level.PROVINCE:
            refuse("E_LEVEL_TOO_LOW", "A80", required_level=Level.PROVINCE.name)
        return token

    async def _note(self, token: Token, key: str, kind: str) -> None:
        actor = Actor(token.person, next(iter(sorted(token.roles & WATCHERS))), token.organ)
        reads = self._reads
        await note_replay(reads.recorder, reads.command_gate.law, reads.clock, actor, key, kind)


async def note_replay(recorder: Recorder, law: Law, clock: Clock, actor: Actor, key: str, kind: str) -> None:
    """Records who had a message sent again (A80); durable before the message is tried."""
    now = clock.now()
    record = AuditRecord(uuid4(), recorder.service)
    ctx = Context(actor=actor, now=now, occurred_at=now, law=law, command="ReplayDeadEffect", rule="A80")
    record.note(ctx, "EffectReplayed", who=actor.person, role=actor.role, key=key, kind=kind)
    await recorder.append(Append(events=record.collect_events()))


KIND = """
    SELECT kind FROM effects WHERE key = $1 AND state = 'dead' AND NOT EXISTS (
        SELECT FROM exclusions WHERE person = $2 AND excluded AND matter = ANY(effects.matters))
    """
DEAD = "SELECT key, kind, attempts, error, created_at FROM effects WHERE state = 'dead' ORDER BY key"
"""Selects the messages that were given up; never their payload."""
REPLAY = """
    UPDATE effects SET state = 'pending', attempts = 0, next_at = NULL
    WHERE key = $1 AND state = 'dead'
    """
