"""Requests for recusal that wait for a decision (A33, A48): without a list nobody would learn of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Select, select
from starlette.requests import Request
from starlette.responses import Response

from shared.case import RECUSAL_DECIDERS, Case
from shared.command import Command, Token
from shared.refusal import refuse
from shared.security.roles import INTERNAL_SUPERVISOR
from shared.web.describe import describe, page, row_of
from shared.web.reads import BEFORE, PAGE, PAGE_MAX, PAGING, Reads, Sight
from shared.web.values import page_number


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
        app.add_api_route(
            "/v1/recusal-requests",
            self.waiting,
            methods=["GET"],
            operation_id="RecusalRequests",
            response_class=Response,
            tags=["reads"],
        )
        cases, asked = self.reads.book.cases.c, self.reads.book.recusals.c
        describe(
            app,
            "RecusalRequests",
            parameters=PAGING,
            answer=page(row_of(cases.kind, cases.organ, cases.number, *asked)),
        )

    async def waiting(self, request: Request) -> Response:
        """Requests for recusal that wait, the newest first: for a leader those on which they decide and that
        are not about them; for internal supervision those of its organ and below. The case tells whom they
        name and why."""
        token = await self.reads.staff(request)
        watching = INTERNAL_SUPERVISOR in token.roles
        if not watching and not token.roles.intersection(RECUSAL_DECIDERS):
            refuse("E_FORBIDDEN_ROLE", "A48")
        await self.reads.caught_up(request, token)
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        before = self.reads.behind(request, token)
        of, items = (Sight.of(token), limit), list[dict[str, Any]]()
        while len(items) < limit:
            values = {"person": token.person, "before": before}
            rows = await self.reads.reading.rows(self._asked, *of, **values)
            for row in rows:
                if watching or await self._decides(token, row):
                    items.append(row)
            if len(rows) < limit:
                break
            before = rows[-1]["position"]
        # What is not shown tells nothing, by its place in the order neither.
        return self.reads.page(token, items[:limit], limit)

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
        gatekeeper = self.reads.gatekeeper
        case = await gatekeeper.repository.get(self._kinds[row["kind"]], row["stream"])
        about = (gatekeeper.law, token.person, token.roles, token.organ)
        return case is not None and row["request"] in case.recusals_to_decide(*about)
