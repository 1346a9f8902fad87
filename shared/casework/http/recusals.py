"""Requests for recusal that wait for a decision (A33, A48): without a list nobody would learn of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Select, select
from starlette.responses import Response

from shared.casework.case import RECUSAL_DECIDERS, Case
from shared.casework.command import Command, Token
from shared.casework.http.describe import page, row_of
from shared.casework.http.read import Asked, read
from shared.casework.http.reads import BEFORE, CASES, PAGING, Reads
from shared.casework.visibility import Sight
from shared.language.roles import INTERNAL_SUPERVISOR


class RecusalRequests:
    """The list for the leaders who decide, and for the internal supervision that watches over it (§5.1)."""

    def __init__(self, reads: Reads, commands: Sequence[type[Command]]) -> None:
        self.reads = reads
        asked_of = [c.on for c in commands if c.__name__ == "DecideRecusal" and issubclass(c.on, Case)]
        self._kinds = {kind.kind: kind for kind in asked_of}

    def add_to(self, app: FastAPI) -> None:
        """Adds the route, where recusal can be asked for at all."""
        if not self._kinds:
            return
        self.reads.gate.add(app, self)

    @read(
        "RecusalRequests",
        "/v1/recusal-requests",
        rule="A48",
        by=(INTERNAL_SUPERVISOR, *RECUSAL_DECIDERS),
        models=CASES,
        parameters=PAGING,
        answer=lambda self: page(
            row_of(
                *(self.reads.book.cases.c.kind, self.reads.book.cases.c.organ),
                *(self.reads.book.cases.c.number, *self.reads.book.recusals.c),
            )
        ),
    )
    async def waiting(self, ask: Asked[Case]) -> Response:
        """Requests for recusal that wait, the newest first: for a leader those that they decide on and that
        are not about them; for internal supervision those of its organ and below. The case tells whom they
        name, and why."""
        watching = INTERNAL_SUPERVISOR in ask.token.roles
        limit, before = self.reads.limit(ask), self.reads.behind(ask)
        of, items = (Sight.of(ask.token), limit), list[dict[str, Any]]()
        while len(items) < limit:
            values = {"person": ask.token.person, "before": before}
            rows = await self.reads.reading.rows(self._asked, *of, **values)
            for row in rows:
                if watching or await self._decides(ask.token, row):
                    items.append(row)
            if len(rows) < limit:
                break
            before = rows[-1]["position"]
        # A request that is not shown tells nothing, by its place in the order neither.
        return self.reads.page(ask, items[:limit], limit)

    def _asked(self, sight: Sight, limit: int) -> Select[Any]:
        cases, asked = self.reads.book.cases, self.reads.book.recusals
        return (
            select(cases.c.kind, cases.c.organ, cases.c.number, asked)
            .join(cases, cases.c.stream == asked.c.stream)
            .where(self.reads.visible(cases, sight), asked.c.position < BEFORE)
            .order_by(asked.c.position.desc())
            .limit(limit)
        )

    async def _decides(self, token: Token, row: dict[str, Any]) -> bool:
        command_gate = self.reads.command_gate
        case = await command_gate.repository.get(self._kinds[row["kind"]], row["id"])
        about = (command_gate.law, token.person, token.roles, token.organ)
        return case is not None and row["request"] in case.recusals_to_decide(*about)
