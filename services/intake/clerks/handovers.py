"""`GET /v1/handovers`: the handovers that case management is told of (通报案管, A12), by numbers (SEC-11)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Select, Text, func, select
from starlette.responses import Response

from services.intake.clerks.book import READERS, DeskBook
from services.intake.domain.complaint import Complaint
from shared.casework.http import query
from shared.casework.http.describe import page, row_of
from shared.casework.http.read import Asked, read
from shared.casework.parts import Parts
from shared.casework.visibility import Sight
from shared.kernel.store.reading import given

BEHIND = given("behind", BigInteger())


class HandoverRoutes:
    """The one read of handovers."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    @read(
        "ListHandovers",
        "/v1/handovers",
        rule="A12",
        by=READERS,
        models=(DeskBook.name,),
        parameters=query.documented(
            organ="Only this organ and those below it.",
            handling_dept="Only what was handed to this department.",
            **query.PAGING,
        ),
        answer=lambda self: page(row_of(*self.desk.handovers.c, self.parts.book.cases.c.organ)),
    )
    async def handovers(self, ask: Asked[Complaint]) -> Response:
        """Every complaint that was handed to a handling department within jurisdiction, the latest first: for
        case managers, who follow it from there, and the petition department that handed it over. `round`
        counts from 1; more than once, it had been returned in between (A19)."""
        reads, organ = self.parts.reads, query.organ(ask.request)
        values: dict[str, Any] = {"behind": reads.behind(ask)}
        if (dept := query.code(ask.request, "handling_dept")) is not None:
            values["handling_dept"] = dept
        limit = reads.limit(ask)
        of = (Sight.of(ask.token), organ, frozenset(values), limit)
        rows = await self.parts.reading.rows(self._handed, *of, person=ask.token.person, **values)
        return reads.page(ask, rows, limit)

    def _handed(self, sight: Sight, organ: str | None, values: frozenset[str], limit: int) -> Select[Any]:
        cases, told = self.parts.book.cases, self.desk.handovers
        found = select(told, cases.c.organ).join(cases, cases.c.stream == told.c.stream)
        found = found.where(self.parts.reads.visible(cases, sight), told.c.position < BEHIND)
        if organ is not None:
            found = found.where(func.starts_with(cases.c.organ, organ))
        if "handling_dept" in values:
            found = found.where(told.c.handling_dept == given("handling_dept", Text()))
        return found.order_by(told.c.position.desc()).limit(limit)
