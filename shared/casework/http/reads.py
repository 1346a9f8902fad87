"""The reads that every service has: a case, the lists of cases, my work, running deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Any, get_args
from uuid import UUID

import orjson
from fastapi import FastAPI
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    Table,
    Text,
    Uuid,
    func,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from shared.casework.aggregate import Aggregate
from shared.casework.case import Case
from shared.casework.gate import May
from shared.casework.http import query
from shared.casework.http.commands import Face
from shared.casework.http.describe import CURSOR, array, in_header, in_query, of_list, page, row_of, whole
from shared.casework.http.kinds import states_of_kind
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.readgate import PURPOSE, CaseReadGate
from shared.casework.http.values import instant, json_response, page_number
from shared.casework.readmodel import CaseBook
from shared.casework.view import fold_view
from shared.casework.visibility import PERSON, Sight, is_excluded, listed
from shared.kernel.bus.envelope import content
from shared.kernel.clock import Clock
from shared.kernel.store.projector import Projector
from shared.kernel.store.reading import Reading, given
from shared.kernel.store.recorder import Recorder
from shared.language.law.colours import Colour, Colours
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

PAGE = 50
PAGE_MAX = 200
COLOURS: tuple[Colour, ...] = get_args(Colour)
DEADLINES: query.Cursor[tuple[date, UUID, str]] = query.Cursor(tuple[date, UUID, query.Key])
COLOURED: dict[str, dict[str, Any]] = {
    "due": {"type": "string", "format": "date"},
    "working_days_left": {"type": "integer"},
    "colour": {"type": "string", "enum": list(COLOURS)},
    "provisional": {"type": "boolean"},
}
"""The urgency of a due day, as the lists tell it."""
LIMIT = whole("limit", "Items on a page.", minimum=1, maximum=PAGE_MAX, default=PAGE)
PAGING = (LIMIT, CURSOR)
BEFORE = given("before", BigInteger())
"""The position behind which a page begins."""
_TEXT = {"type": "string"}
CASES = (CaseBook.name,)
"""The read model of every list of cases."""


class Reads:
    """The things that the reads of one service share: its gate, the lists of cases, and the form of a
    page."""

    def __init__(
        self,
        service: str,
        face: Face,
        gate: CaseReadGate,
        recorder: Recorder,
        projector: Projector,
        engine: AsyncEngine,
        reading: Reading,
        book: CaseBook,
        clock: Clock,
        kinds: Sequence[type[Aggregate]],
    ) -> None:
        self.service = service
        self.face = face
        self.gate = gate
        self.command_gate = gate.command_gate
        self.recorder = recorder
        self.projector = projector
        self.engine = engine
        self.reading = reading
        self.book = book
        self.clock = clock
        self._kinds = kinds

    def add_to(self, app: FastAPI) -> None:
        """Adds the reads of each kind, and those of them all."""
        cases = [CaseReads(self, kind) for kind in self._kinds if issubclass(kind, Case)]
        self.gate.add(app, *cases, self)

    @read(
        "MyWork",
        "/v1/my-work",
        rule="§6.3",
        outsiders=True,
        models=CASES,
        parameters=PAGING,
        answer=lambda self: page(row_of(*self.book.told, roles=array(named("Role")))),
    )
    async def my_work(self, ask: Asked[Aggregate]) -> Response:
        """The cases that the caller is assigned to, or that are about them, by the last change."""
        limit = self.limit(ask)
        values = {"person": ask.token.person, "before": self.behind(ask)}
        return self.page(ask, await self.reading.rows(self._mine, limit, **values), limit)

    def _mine(self, limit: int) -> Select[Any]:
        cases, work = self.book.cases, self.book.work
        roles = func.string_to_array(work.c.roles, ",").label("roles")
        mine = select(*self.book.told, roles).join(work, work.c.stream == cases.c.stream)
        mine = mine.where(work.c.person == PERSON, not_(is_excluded(cases)))
        return _latest(mine, cases.c.position, limit)

    @read(
        "RunningDeadlines",
        "/v1/deadlines",
        rule="SEC-11",
        models=CASES,
        parameters=query.documented(
            PAGE_MAX,
            organ="Only this organ and those below it.",
            colour="GREEN, YELLOW, RED, or BLACK (breached).",
            suggested="`true`: only what case management is to look into, since its reminder or breach was"
            " told.",
            **query.PAGING,
        ),
        answer=lambda self: page(
            row_of(
                *(self.book.deadlines.c.stream, self.book.cases.c.number, self.book.cases.c.kind),
                *(self.book.cases.c.organ, self.book.deadlines.c.deadline, self.book.deadlines.c.breached),
                **{"reminded": {"type": "boolean"}, **COLOURED},
            ),
        ),
    )
    async def deadlines(self, ask: Asked[Aggregate]) -> Response:
        """Running deadlines within jurisdiction, the most urgent first, with case numbers only (SEC-11):
        due day, working days left and colour. `suggested` is case management's list of what to supervise:
        what was reminded or breached stands there until it is met (P10). Filters: `organ` and below,
        `colour`."""
        request = ask.request
        colours, asked = self.colours(), dict[str, Any]()
        organ = query.organ(request)
        if (colour := query.choice(request, "colour", COLOURS)) is not None:
            asked["first"], asked["last"] = colours.days(colour)
        if (behind := DEADLINES.read(request)) is not None:
            asked["due"], asked["stream"], asked["deadline"] = behind
        suggested = query.flag(request, "suggested")
        limit = self.limit(ask)
        of = (Sight.of(ask.token), organ, suggested, frozenset(asked), limit)
        rows = await self.reading.rows(self._running, *of, person=ask.token.person, **asked)
        items = [row | colours.told(row["due"], row["provisional"]) for row in rows]
        more = len(rows) == limit
        last = DEADLINES.write(*(rows[-1][k] for k in ("due", "id", "deadline"))) if more else None
        return json_response({"items": items, "next": last})

    def _running(
        self, sight: Sight, organ: str | None, suggested: bool, asked: frozenset[str], limit: int
    ) -> Select[Any]:
        d, cases = self.book.deadlines, self.book.cases
        running = (
            select(
                *(d.c.stream, cases.c.number, cases.c.kind, cases.c.organ),
                *(d.c.deadline, d.c.due, d.c.provisional, d.c.approaching.label("reminded"), d.c.breached),
            )
            .join(cases, cases.c.stream == d.c.stream)
            .where(d.c.met.is_(False), self.visible(cases, sight))
            .order_by(d.c.due, d.c.stream, d.c.deadline)
            .limit(limit)
        )
        if organ is not None:
            running = running.where(func.starts_with(cases.c.organ, organ))
        if "first" in asked:
            running = running.where(d.c.due.between(given("first", Date()), given("last", Date())))
        if suggested:
            running = running.where(or_(d.c.approaching, d.c.breached))
        if "stream" in asked:
            behind = given("due", Date()), given("stream", Uuid()), given("deadline", Text())
            running = running.where(tuple_(d.c.due, d.c.stream, d.c.deadline) > tuple_(*behind))
        return running

    def colours(self) -> Colours:
        """The urgency of due days on today's legal date."""
        return Colours.on(local_date(self.clock.now()), self.command_gate.law.policy)

    def visible(self, cases: Table, sight: Sight) -> ColumnElement[bool]:
        """The rows of cases that may stand in a list of this service (`shared.casework.visibility`)."""
        return listed(cases, self.book, self._kinds, self.command_gate.law.organs, sight)

    async def withheld(self, person: str) -> frozenset[str]:
        """The numbers of the cases from which a person is excluded (B2), for answers that hold numbers."""
        rows = await self.reading.rows(self._withheld, person=person)
        return frozenset(row["number"] for row in rows)

    def _withheld(self) -> Select[Any]:
        cases = self.book.cases
        return select(cases.c.number).where(is_excluded(cases))

    @staticmethod
    def limit(ask: Asked[Any], default: int = PAGE, maximum: int = PAGE_MAX) -> int:
        """The length of a page."""
        return page_number(ask.request.query_params.get("limit"), "limit", default, maximum, minimum=1)

    def behind(self, ask: Asked[Any]) -> int:
        """The position behind which a page begins, of the latest first."""
        given = ask.request.query_params.get("cursor")
        return self.face.places.open(ask.token.person, given, "cursor", 1 << 62)

    def page(self, ask: Asked[Any], rows: list[dict[str, Any]], limit: int) -> Response:
        """Rows of the latest first, each without its place in the log; `next` is that of the last one."""
        places = [row.pop("position") for row in rows]
        last = self.face.places.seal(ask.token.person, places[-1]) if len(rows) == limit else None
        return json_response({"items": rows, "next": last})


def with_may(view: bytes, may: May) -> bytes:
    """The JSON of a case, with what its reader may do."""
    return b'%b,"may":%b}' % (view[:-1], orjson.dumps(may._asdict()))


class CaseReads:
    """The case itself and the list of its kind. Lists hold L1 only, within jurisdiction; a case itself needs
    an assignment, and every reading of it leaves a record (SEC-9)."""

    def __init__(self, reads: Reads, kind: type[Aggregate]) -> None:
        self.reads = reads
        self.kind = kind

    @read(
        "Read<kind>",
        "/v1/<plural>/{id}",
        rule="§6.3",
        of=Case,
        sealed=True,
        notes="case",
        looks_first=True,
        parameters=(
            in_query("as_of", "As it was recorded at this instant.", format="date-time"),
            in_header("Purpose", "Why it is read: a short code for the record.", pattern=PURPOSE.pattern),
        ),
        answer=lambda self: named(f"{self.kind.kind}View"),
        headers=("ETag",),
    )
    async def read_case(self, ask: Asked[Case]) -> Response:
        """A case as its events tell it, now or as it was recorded at `as_of` (R54). For the present, `may`
        says which commands the reader could give `now`, and why those of their roles that they could not are
        `not_now`. The content of a command, of other cases and of the vault is judged when the command is
        given."""
        as_of = instant(ask.request.query_params.get("as_of"), "as_of")
        view, version = ask.view, ask.case.version
        if as_of is not None:
            history = await self.reads.recorder.load(ask.case.id)
            shown = fold_view(content(r) for r in history if r.recorded_at and r.recorded_at <= as_of)
            if shown is None:
                refuse("E_NOT_FOUND")
            view, version = orjson.dumps(shown), shown["version"]
        else:
            view = with_may(view, self.reads.command_gate.may(ask.token, ask.case))
        await ask.note_reading()
        return Response(view, headers={"etag": f'"{version}"'}, media_type="application/json")

    @read(
        "List<kind>s",
        "/v1/<plural>",
        rule="§5.4",
        models=CASES,
        parameters=(of_list("state", "In this state only.", "<kind>State"), *PAGING),
        answer=lambda self: page(row_of(*self.reads.book.told, state=named(f"{self.kind.kind}State"))),
    )
    async def list_cases(self, ask: Asked[Case]) -> Response:
        """Cases of the organ and its descendants: numbers, states and dates, by cursor."""
        reads, state = self.reads, query.choice(ask.request, "state", self._states)
        limit = reads.limit(ask)
        asked = {} if state is None else {"state": state}
        of = (self.kind.kind, Sight.of(ask.token), frozenset(asked), limit)
        values = {"person": ask.token.person, "before": reads.behind(ask)}
        rows = await reads.reading.rows(self._cases_of, *of, **values, **asked)
        return reads.page(ask, rows, limit)

    @cached_property
    def _states(self) -> tuple[str, ...]:
        """The states of the kind; read from its code when somebody first asks for one."""
        return states_of_kind(self.kind)

    def _cases_of(self, kind: str, sight: Sight, asked: frozenset[str], limit: int) -> Select[Any]:
        cases = self.reads.book.cases
        of_kind = select(*self.reads.book.told).where(cases.c.kind == kind, self.reads.visible(cases, sight))
        if "state" in asked:
            of_kind = of_kind.where(cases.c.state == given("state", Text()))
        return _latest(of_kind, cases.c.position, limit)


def _latest(rows: Select[Any], position: ColumnElement[int], limit: int) -> Select[Any]:
    return rows.where(position < BEFORE).order_by(position.desc()).limit(limit)
