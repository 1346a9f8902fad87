"""`GET /v1/handovers`: the handovers that case management is told of (通报案管, A12), by numbers (SEC-11)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from sqlalchemy import BigInteger, Select, Text, func, select
from starlette.requests import Request
from starlette.responses import Response

from services.intake.desk.book import READERS, DeskBook
from shared.refusal import refuse
from shared.service import Parts
from shared.store.reading import given
from shared.web import query
from shared.web.describe import describe, page, row_of
from shared.web.reads import PAGE, PAGE_MAX, Sight
from shared.web.values import page_number

PARAMETERS = {
    "organ": "Only this organ and those below it.",
    "handling_dept": "Only what was handed to this department.",
    **query.PAGING,
}
BEHIND = given("behind", BigInteger())


class HandoverRoutes:
    """The one read of handovers."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route(
            "/v1/handovers",
            self.handovers,
            methods=["GET"],
            operation_id="ListHandovers",
            response_class=Response,
            tags=["reads"],
            openapi_extra=query.documented(**PARAMETERS),
        )
        row = row_of(*self.desk.handovers.c, self.parts.book.cases.c.organ)
        describe(app, "ListHandovers", answer=page(row))

    async def handovers(self, request: Request) -> Response:
        """Every complaint that was handed to a handling department within jurisdiction, the latest first: for
        case managers, who follow it from there, and the petition department that handed it over. `round`
        counts from 1; more than once, it had been returned in between (A19)."""
        reads = self.parts.reads
        token = await reads.staff(request)
        if not token.roles & READERS:
            refuse("E_FORBIDDEN_ROLE", "A12")
        query.only(request, PARAMETERS)
        organ = query.organ(request)
        values: dict[str, Any] = {"behind": reads.behind(request, token)}
        if (dept := query.code(request, "handling_dept")) is not None:
            values["handling_dept"] = dept
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        await reads.caught_up(request, token, self.desk.name)
        of = (Sight.of(token), organ, frozenset(values), limit)
        rows = await self.parts.reading.rows(self._handed, *of, person=token.person, **values)
        return reads.page(token, rows, limit)

    def _handed(self, sight: Sight, organ: str | None, values: frozenset[str], limit: int) -> Select[Any]:
        cases, told = self.parts.book.cases, self.desk.handovers
        found = select(told, cases.c.organ).join(cases, cases.c.stream == told.c.stream)
        found = found.where(self.parts.reads.visible(cases, sight), told.c.position < BEHIND)
        if organ is not None:
            found = found.where(func.starts_with(cases.c.organ, organ))
        if "handling_dept" in values:
            found = found.where(told.c.handling_dept == given("handling_dept", Text()))
        return found.order_by(told.c.position.desc()).limit(limit)
