"""The clerk's queue: complaints to be worked on, by priority and then by age (A29, §8.4)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import Date, Integer, Select, Text, Uuid, func, select, true, tuple_
from starlette.requests import Request
from starlette.responses import Response

from services.intake.clerks.book import RANKS, READERS, DeskBook
from services.intake.domain.complaint import Complaint
from shared.casework.http import query
from shared.casework.http.describe import answer, of_list, page, row_of
from shared.casework.http.kinds import states_of_kind
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.reads import COLOURED, COLOURS
from shared.casework.http.values import json_response, page_number
from shared.casework.parts import Parts
from shared.casework.readmodel import DEADLINE
from shared.casework.visibility import Sight
from shared.kernel.http.docstrings import Schema
from shared.kernel.store.reading import given
from shared.language.contracts.intake import Channel
from shared.language.law.colours import Colours

OF_LISTS = (
    of_list("state", "Only this state; without it, what is still to be worked on.", "ComplaintState"),
    of_list("priority", "Only what has this priority.", "Priority"),
    of_list("channel", "Only what came through this channel.", "Channel"),
)
PARAMETERS = {
    "handling_dept": "Only what was handed to this department.",
    "organ": "Only this organ and those below it.",
    "asked": "`true`: only where a question of the handler waits to be relayed (SEC-5).",
    "colour": "Only where the most urgent deadline has this colour: GREEN, YELLOW, RED, BLACK (breached).",
    "older_than": "Only what was received more than so many days ago.",
    **query.PAGING,
}
CHANNELS: tuple[Channel, ...] = get_args(Channel)
PRIORITIES = {rank: name for name, rank in RANKS.items()}
LONGEST_AGE = 36_500
PLACE: query.Cursor[tuple[int, date, UUID]] = query.Cursor(tuple[query.Count, date, UUID])


class QueueRoutes:
    """`GET /v1/queue`: numbers, states and dates only (SEC-11); a case itself needs an assignment."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    @read(
        "WorkQueue",
        "/v1/queue",
        rule="B53",
        by=READERS,
        models=(DeskBook.name,),
        parameters=(*OF_LISTS, *query.documented(**PARAMETERS)),
        answer=lambda self: page(self._row()),
    )
    async def queue(self, ask: Asked[Complaint]) -> Response:
        """Complaints to be worked on, within jurisdiction: urgent ones first, then real-name ones, then by
        age; each with its most urgent running deadline. For petition departments and case managers (B53)."""
        reads, request = self.parts.reads, ask.request
        limit = reads.limit(ask)
        colours, organ, asked = reads.colours(), query.organ(request), query.flag(request, "asked")
        values = self._values(request, colours)
        if (behind := PLACE.read(request)) is not None:
            values["rank_behind"], values["received_behind"], values["stream_behind"] = behind
        of = (Sight.of(ask.token), organ, asked, frozenset(values), limit)
        rows = await self.parts.reading.rows(self._waiting, *of, person=ask.token.person, **values)
        last = rows[-1] if len(rows) == limit else None
        return json_response(
            {
                "items": [_item(row, colours) for row in rows],
                "next": PLACE.write(last["rank"], last["received_on"], last["id"]) if last else None,
            }
        )

    def _row(self) -> Schema:
        """One of them, as the document tells it."""
        cases, desk = self.parts.book.cases.c, self.desk.queue.c
        deadline = {"type": "string", "pattern": DEADLINE}
        return row_of(
            *(desk.stream, desk.number, cases.state, cases.organ, cases.version),
            *(desk.received_on, desk.channel, desk.handling_dept, desk.questions),
            priority=named("Priority"),
            age_days={"type": "integer"},
            deadline={"anyOf": [answer(id=deadline, **COLOURED), {"type": "null"}]},
        )

    @cached_property
    def _states(self) -> tuple[str, ...]:
        """The states of a complaint; read from its code when somebody first asks for one."""
        return states_of_kind(Complaint)

    def _values(self, request: Request, colours: Colours) -> dict[str, Any]:
        """The filters that were asked for, by name."""
        values: dict[str, Any] = {}
        if (state := query.choice(request, "state", self._states)) is not None:
            values["state"] = state
        if (priority := query.choice(request, "priority", tuple(RANKS))) is not None:
            values["rank"] = RANKS[priority]
        if (channel := query.choice(request, "channel", CHANNELS)) is not None:
            values["channel"] = channel
        if (dept := query.code(request, "handling_dept")) is not None:
            values["handling_dept"] = dept
        if (colour := query.choice(request, "colour", COLOURS)) is not None:
            values["due_from"], values["due_to"] = colours.days(colour)
        if (age := request.query_params.get("older_than")) is not None:
            days = page_number(age, "older_than", 0, LONGEST_AGE)
            values["before"] = colours.today - timedelta(days=days)
        return values

    def _waiting(
        self, sight: Sight, organ: str | None, asked: bool, values: frozenset[str], limit: int
    ) -> Select[Any]:
        cases, desk = self.parts.book.cases, self.desk.queue
        rows = self._rows().where(self.parts.reads.visible(cases, sight))
        due = rows.selected_columns["due"]
        conditions = {
            "state": cases.c.state == given("state", Text()),
            "rank": desk.c.rank == given("rank", Integer()),
            "channel": desk.c.channel == given("channel", Text()),
            "handling_dept": desk.c.handling_dept == given("handling_dept", Text()),
            "due_from": due.between(given("due_from", Date()), given("due_to", Date())),
            "before": desk.c.received_on < given("before", Date()),
            "rank_behind": tuple_(desk.c.rank, desk.c.received_on, desk.c.stream)
            > tuple_(
                given("rank_behind", Integer()),
                given("received_behind", Date()),
                given("stream_behind", Uuid()),
            ),
        }
        rows = rows.where(*(condition for name, condition in conditions.items() if name in values))
        if "state" not in values:
            rows = rows.where(desk.c.to_do)
        if asked:
            rows = rows.where(desk.c.questions > 0)
        if organ is not None:
            rows = rows.where(func.starts_with(cases.c.organ, organ))
        return rows.order_by(desk.c.rank, desk.c.received_on, desk.c.stream).limit(limit)

    def _rows(self) -> Select[Any]:
        """Complaints with the deadline that runs out first, if one runs."""
        cases, clocks, desk = self.parts.book.cases, self.parts.book.deadlines, self.desk.queue
        urgent = (
            select(clocks.c.deadline, clocks.c.due, clocks.c.provisional)
            .where(clocks.c.stream == desk.c.stream, clocks.c.met.is_(False))
            .order_by(clocks.c.due, clocks.c.deadline)
            .limit(1)
            .lateral("urgent")
        )
        return select(
            desk,
            cases.c.state,
            cases.c.organ,
            cases.c.version,
            urgent.c.deadline,
            urgent.c.due,
            urgent.c.provisional,
        ).select_from(desk.join(cases, cases.c.stream == desk.c.stream).outerjoin(urgent, true()))


def _item(row: dict[str, Any], colours: Colours) -> dict[str, Any]:
    names = ("id", "number", "state", "organ", "version", "received_on", "channel")
    deadline = None
    if row["deadline"] is not None:
        deadline = {"id": row["deadline"], **colours.told(row["due"], row["provisional"])}
    return {
        **{n: row[n] for n in names},
        "priority": PRIORITIES[row["rank"]],
        "handling_dept": row["handling_dept"],
        "questions": row["questions"],
        "age_days": (colours.today - row["received_on"]).days,
        "deadline": deadline,
    }
