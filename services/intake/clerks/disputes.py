"""Disputes about competence: a list for the organs that they concern, and what each must know (A9, B17)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, not_, or_, select
from starlette.responses import Response

from services.intake.clerks.book import DeskBook
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.disputing import JUDGES
from shared.casework.command import Token
from shared.casework.http.describe import answer, array, page, row_of
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.reads import BEFORE, COLOURED, PAGING
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.casework.visibility import is_excluded
from shared.language.contracts.common import Accused
from shared.language.refusal import refuse

TEXT = {"type": "string"}
DAY = {**TEXT, "format": "date"}
OF_ACCUSED = (
    *("name", "subject_type", "unit", "unit_division", "position", "managed_by_level"),
    "is_discipline_staff",
)
"""The details of an accused from which competence is computed, with the name."""


def hears(token: Token, case: Complaint) -> bool:
    """True for who speaks for an organ that a dispute concerns beside the complaint's own."""
    return case.hears_dispute(token.organ) and not token.roles.isdisjoint(JUDGES)


class DisputeRoutes:
    """The disputes that an organ decides, or is asked about. Allegations and reporter stay unseen."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    @read(
        "ListDisputes",
        "/v1/disputes",
        rule="B17",
        by=JUDGES,
        models=(DeskBook.name,),
        parameters=PAGING,
        answer=lambda self: page(row_of(*self._told(), **COLOURED)),
    )
    async def disputes(self, ask: Asked[Complaint]) -> Response:
        """Disputes that wait for a decision, the newest first, by numbers (SEC-11): those that the caller's
        organ decides, with its last day (DL-34), and those in which it is one of the two."""
        limit, colours = self.parts.reads.limit(ask), self.parts.reads.colours()
        values = {"person": ask.token.person, "before": self.parts.reads.behind(ask)}
        rows = await self.parts.reading.rows(self._waiting, ask.token.organ, limit, **values)
        told = [
            {n: v for n, v in row.items() if n not in COLOURED} | colours.told(row["due"], row["provisional"])
            for row in rows
        ]
        return self.parts.reads.page(ask, told, limit)

    def _told(self) -> list[Any]:
        cases = self.parts.book.cases.c
        return [*self.desk.disputes.c, cases.number, cases.organ]

    def _waiting(self, organ: str, limit: int) -> Select[Any]:
        cases, clocks, of = self.parts.book.cases, self.parts.book.deadlines, self.desk.disputes
        clock = and_(clocks.c.stream == of.c.stream, clocks.c.deadline == "DL-34")
        concerned = or_(of.c.decided_by == organ, of.c.with_organ == organ, cases.c.organ == organ)
        return (
            select(*self._told(), clocks.c.due, clocks.c.provisional)
            .join(cases, cases.c.stream == of.c.stream)
            .join(clocks, clock)
            .where(concerned, not_(is_excluded(cases)), of.c.position < BEFORE)
            .order_by(of.c.position.desc())
            .limit(limit)
        )

    @read(
        "ReadDispute",
        "/v1/complaints/{id}/dispute",
        rule="B17",
        of=Complaint,
        also=hears,
        by=JUDGES,
        notes="dispute",
        looks_first=True,
        answer=answer(
            organ=TEXT,
            number=TEXT,
            version={"type": "integer"},
            with_organ=TEXT,
            decided_by=TEXT,
            due=DAY,
            opinions={"type": "object", "additionalProperties": TEXT},
            source=named("Source"),
            received_on=DAY,
            pages={"type": "integer"},
            competent_level=named("LevelName"),
            accused=array(
                answer(**dict.fromkeys(OF_ACCUSED[:-1], TEXT), is_discipline_staff={"type": "boolean"})
            ),
        ),
    )
    async def dispute(self, ask: Asked[Complaint]) -> Response:
        """The matter of a dispute, for both organs and their common superior: the envelope, the posts of the
        accused, from which competence follows, and each organ's opinion by its code."""
        case = ask.case
        if not case.disputed_with:
            refuse("E_NOT_FOUND")
        await ask.note_reading()
        return json_response(
            {
                "organ": case.organ,
                "number": case.number,
                "version": case.version,
                "with_organ": case.disputed_with,
                "decided_by": case.decided_by,
                "due": case.decide_by,
                "opinions": case.dispute_opinions,
                "source": case.source,
                "received_on": case.received_on,
                "pages": case.pages,
                "competent_level": case.competent_level,
                "accused": [_post(person) for person in case.accused],
            }
        )


def _post(person: Accused) -> dict[str, Any]:
    return {name: getattr(person, name) for name in OF_ACCUSED}
