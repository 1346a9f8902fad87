"""The reads that every service has: a case, the lists of cases, my work, running deadlines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Self, get_args
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
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import Response

from shared.aggregate import Actor, Aggregate, Context
from shared.bus.envelope import content
from shared.case import Case
from shared.clock import Clock
from shared.command import Token
from shared.entropy import random_id
from shared.gate import OUTSIDE_ORGANS, AuditRecord, Gatekeeper
from shared.law.colours import Colour, Colours
from shared.law.identifiers import holds_personal_number
from shared.law.working_days import local_date
from shared.readmodel import CaseBook
from shared.refusal import refuse
from shared.security import roles
from shared.security.bulk import BulkReadWatch
from shared.store.projector import Projector
from shared.store.reading import Reading, given
from shared.store.recorder import Recorder
from shared.store.types import Append
from shared.view import fold_view
from shared.web import query
from shared.web.commands import Face
from shared.web.describe import (
    CURSOR,
    MIN_POSITION,
    describe,
    in_header,
    in_path,
    in_query,
    page,
    row_of,
    whole,
)
from shared.web.naming import named
from shared.web.shelf import Shelf
from shared.web.values import instant, json_response, object_id, page_number

WAIT_SECONDS = 1.0
PAGE = 50
PAGE_MAX = 200
COLOURS: tuple[Colour, ...] = get_args(Colour)
DEADLINE_PARAMETERS = {
    "organ": "Only this organ and those below it.",
    "colour": "GREEN, YELLOW, RED, or BLACK (breached).",
    "suggested": "`true`: only what case management is to look into, since its reminder or breach was told.",
    **query.PAGING,
}
DEADLINES: query.Cursor[tuple[date, UUID, str]] = query.Cursor(tuple[date, UUID, query.Key])
NO_CASE_READERS = frozenset({roles.PLATFORM, roles.STATISTICS, roles.CUSTODIAN})
"""Accounts that work with contract fields, aggregates or the vault, and see no lists of cases (A80, SD8)."""
ABOUT_REPORTERS = re.compile(
    r"reporter|informant|phone|mobile|e-?mail|^address$|resident|id_number", re.IGNORECASE
)
"""Names of parameters that only somebody who looks for a reporter would try; no read has one of these."""
_CODE = "[A-Za-z0-9._:/-]"
PURPOSE = re.compile(f"^{_CODE}{{0,60}}$")
COLOURED: dict[str, dict[str, Any]] = {
    "due": {"type": "string", "format": "date"},
    "working_days_left": {"type": "integer"},
    "colour": {"type": "string", "enum": list(COLOURS)},
    "provisional": {"type": "boolean"},
}
"""How urgent a due day is, as the lists tell it."""
ASKED_FOR = in_header(
    "Purpose",
    "Why it is read: a short code for the record.",
    required=True,
    pattern=f"^{_CODE}{{1,60}}$",
)
"""The header of a reading that is recorded with its purpose (SEC-9)."""
LIMIT = whole("limit", "Items on a page.", minimum=1, maximum=PAGE_MAX, default=PAGE)
PAGING = [LIMIT, CURSOR, MIN_POSITION]
PERSON = given("person", Text())
"""Who asks, in the statements of lists."""
BEFORE = given("before", BigInteger())
"""The position behind which a page begins."""


class Sight(NamedTuple):
    """What of a token decides on which cases stand in a list, besides the person."""

    organ: str
    petition: bool

    @classmethod
    def of(cls, token: Token) -> Self:
        return cls(token.organ, bool(token.roles.intersection(roles.PETITION)))


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
        reading: Reading,
        book: CaseBook,
        clock: Clock,
    ) -> None:
        self.service = service
        self.face = face
        self.gatekeeper = gatekeeper
        self.recorder = recorder
        self.projector = projector
        self.engine = engine
        self.reading = reading
        self.book = book
        self.clock = clock
        self._watch = BulkReadWatch()
        self._kinds: Sequence[type[Aggregate]] = ()

    def add_to(self, app: FastAPI, kinds: Sequence[type[Aggregate]]) -> None:
        """Adds the routes."""
        self._kinds = kinds
        for kind in kinds:
            if issubclass(kind, Case):
                self._add(app, f"/v1/{kind.plural}/{{id}}", self._case(kind), f"Read{kind.kind}")
                self._add(app, f"/v1/{kind.plural}", self._list(kind), f"List{kind.kind}s")
                self._describe(app, kind)
        self._add(app, "/v1/my-work", self.my_work, "MyWork")
        self._add(app, "/v1/deadlines", self.deadlines, "RunningDeadlines", **DEADLINE_PARAMETERS)
        cases, d = self.book.cases.c, self.book.deadlines.c
        describe(app, "MyWork", parameters=PAGING, answer=page(row_of(*cases, self.book.work.c.roles)))
        describe(
            app,
            "RunningDeadlines",
            answer=page(
                row_of(
                    *(d.stream, cases.number, cases.kind, cases.organ, d.deadline, d.breached),
                    **{"reminded": {"type": "boolean"}, **COLOURED},
                ),
            ),
        )

    def _describe(self, app: FastAPI, kind: type[Aggregate]) -> None:
        describe(
            app,
            f"Read{kind.kind}",
            parameters=[
                in_path("id", "The case.", format="uuid"),
                in_query("as_of", "As it was recorded at this instant.", format="date-time"),
                in_header("Purpose", "Why it is read: a short code for the record.", pattern=PURPOSE.pattern),
            ],
            answer=named(f"{kind.kind}View"),
            headers=["ETag"],
        )
        describe(
            app,
            f"List{kind.kind}s",
            parameters=[in_query("state", "In this state only."), *PAGING],
            answer=page(row_of(*self.book.cases.c, state=named(f"{kind.kind}State"))),
        )

    @staticmethod
    def _add(app: FastAPI, path: str, endpoint: Callable[..., Any], name: str, **parameters: str) -> None:
        app.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            operation_id=name,
            response_class=Response,
            tags=["reads"],
            openapi_extra=query.documented(**parameters),
        )

    def _case(self, kind: type[Aggregate]) -> Callable[..., Any]:
        shelf = Shelf(kind, self.recorder)

        async def read_case(request: Request) -> Response:
            """A case as its events tell it, now or as it was recorded at `as_of` (R54)."""
            token = await self.face.token(request)
            target = object_id(request.path_params["id"])
            as_of = instant(request.query_params.get("as_of"), "as_of")
            case = await shelf.get(target)
            if case is None or token.roles & OUTSIDE_ORGANS:
                refuse("E_NOT_FOUND")
            aggregate, view, version = case.aggregate, case.view, case.aggregate.version
            await self.gatekeeper.check_reading(token, aggregate)
            if as_of is not None:
                history = await self.recorder.load(target)
                shown = fold_view(content(r) for r in history if r.recorded_at and r.recorded_at <= as_of)
                if shown is None:
                    refuse("E_NOT_FOUND")
                view, version = orjson.dumps(shown), shown["version"]
            await self.note_reading(token, aggregate, "case", request)
            return Response(view, headers={"etag": f'"{version}"'}, media_type="application/json")

        return read_case

    def _list(self, kind: type[Aggregate]) -> Callable[..., Any]:
        async def list_cases(request: Request) -> Response:
            """Cases of the organ and its descendants: numbers, states and dates, by cursor."""
            token = await self.staff(request)
            state = request.query_params.get("state")
            limit, values = await self._paging(request, token)
            asked = {} if state is None else {"state": state}
            of = (kind.kind, Sight.of(token), frozenset(asked), limit)
            rows = await self.reading.rows(self._cases_of, *of, **values, **asked)
            return self.page(token, rows, limit)

        return list_cases

    def _cases_of(self, kind: str, sight: Sight, asked: frozenset[str], limit: int) -> Select[Any]:
        cases = self.book.cases
        listed = select(cases).where(cases.c.kind == kind, self.visible(cases, sight))
        if "state" in asked:
            listed = listed.where(cases.c.state == given("state", Text()))
        return _latest(listed, cases.c.position, limit)

    async def my_work(self, request: Request) -> Response:
        """The cases that the caller is assigned to, or that are about him, by the last change."""
        token = await self.face.token(request)
        limit, values = await self._paging(request, token)
        return self.page(token, await self.reading.rows(self._mine, limit, **values), limit)

    def _mine(self, limit: int) -> Select[Any]:
        cases, work = self.book.cases, self.book.work
        mine = select(cases, work.c.roles).join(work, work.c.stream == cases.c.stream)
        return _latest(mine.where(work.c.person == PERSON), cases.c.position, limit)

    async def deadlines(self, request: Request) -> Response:
        """Running deadlines within jurisdiction, the most urgent first, with case numbers only (SEC-11):
        due day, working days left and colour. `suggested` is case management's list of what to supervise:
        what was reminded or breached stands there until it is met (P10). Filters: `organ` and below,
        `colour`."""
        token = await self.staff(request)
        query.only(request, DEADLINE_PARAMETERS)
        await self.caught_up(request, token)
        colours, asked = self.colours(), dict[str, Any]()
        organ = query.organ(request)
        if (colour := query.choice(request, "colour", COLOURS)) is not None:
            asked["first"], asked["last"] = colours.days(colour)
        if (behind := DEADLINES.read(request)) is not None:
            asked["due"], asked["stream"], asked["deadline"] = behind
        suggested = query.flag(request, "suggested")
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        of = (Sight.of(token), organ, suggested, frozenset(asked), limit)
        rows = await self.reading.rows(self._running, *of, person=token.person, **asked)
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
        """How urgent a due day is on today's legal date."""
        return Colours.on(local_date(self.clock.now()), self.gatekeeper.law.policy)

    async def staff(self, request: Request) -> Token:
        """A member of an organ; persons outside see no lists."""
        token = await self.face.token(request)
        await self.not_by_reporter(request, token)
        if token.roles & (OUTSIDE_ORGANS | NO_CASE_READERS) or not token.organ:
            refuse("E_FORBIDDEN_ROLE")
        if self.gatekeeper.readers is not None and not token.roles & self.gatekeeper.readers:
            refuse("E_FORBIDDEN_ROLE")
        return token

    async def caught_up(self, request: Request, token: Token, *others: str) -> None:
        """Waits until the read model, and other projections that an answer is made of, are there and hold
        what the caller has done, at most a second (503 E_NOT_YET). Nobody can wait for a position that they
        were not given: it would tell when somebody else acted (SEC-1, B53)."""
        given = request.query_params.get("min_position")
        position = self.face.places.open(token.person, given, "min_position", 0)
        for name in (self.book.name, *others):
            if not await self.projector.wait_for(name, position, WAIT_SECONDS):
                refuse("E_NOT_YET")

    def behind(self, request: Request, token: Token) -> int:
        """The position behind which a page begins, of the latest first."""
        return self.face.places.open(token.person, request.query_params.get("cursor"), "cursor", 1 << 62)

    def page(self, token: Token, rows: list[dict[str, Any]], limit: int) -> Response:
        """Rows of the latest first, each without its place in the log; `next` is that of the last one."""
        places = [row.pop("position") for row in rows]
        last = self.face.places.seal(token.person, places[-1]) if len(rows) == limit else None
        return json_response({"items": rows, "next": last})

    async def note_reading(self, token: Token, aggregate: Aggregate, fields: str, request: Request) -> None:
        """The access record of one reading, durable before the answer is given (SEC-9)."""
        purpose = purpose_of(request)
        ctx = self._context(token, "ReadCase", "SEC-9", aggregate)
        record = AuditRecord(random_id(), self.service)
        record.note(
            ctx,
            "CaseRead",
            who=token.person,
            role=ctx.actor.role,
            object=str(aggregate.id),
            fields=fields,
            purpose=purpose,
        )
        self._note_bulk(record, ctx, [aggregate.id])
        await self.recorder.append(Append(events=record.collect_events()))

    async def note_readings(self, token: Token, read: Mapping[str, Sequence[UUID]], request: Request) -> None:
        """The same of one answer that shows several cases: which of them, under what was shown of them."""
        purpose = purpose_of(request)
        ctx = self._context(token, "ReadCases", "SEC-9")
        record = AuditRecord(random_id(), self.service)
        for fields, ids in read.items():
            if ids:
                record.note(
                    ctx,
                    "CasesRead",
                    who=token.person,
                    role=ctx.actor.role,
                    objects=tuple(map(str, ids)),
                    fields=fields,
                    purpose=purpose,
                )
                self._note_bulk(record, ctx, ids)
        if events := record.collect_events():
            await self.recorder.append(Append(events=events))

    def _note_bulk(self, record: AuditRecord, ctx: Context, ids: Sequence[UUID]) -> None:
        for id in ids:
            if objects := self._watch.saw(ctx.actor.person, id, ctx.now):
                who, role = ctx.actor.person, ctx.actor.role
                record.note(ctx, "BulkReadAlert", who=who, role=role, objects=objects)

    async def not_by_reporter(self, request: Request, token: Token) -> None:
        """R27, SEC-4: nothing is found by who reported. Whoever tries is recorded like a refused command,
        and internal supervision hears of it."""
        if not any(ABOUT_REPORTERS.search(name) for name in request.query_params):
            return
        refusal = {"code": "E_TRACE_FORBIDDEN", "actor": token.person, "object": ""}
        read = request.scope["route"].operation_id
        ctx = self._context(token, read, "R27")
        if self.gatekeeper.tally.takes(ctx.actor, refusal["code"], ctx.now, alert=True):
            record = AuditRecord(random_id(), self.service)
            record.note(ctx, "CommandRefused", rule="R27", command=read, **refusal)
            record.note(ctx, "SecurityAlertRaised", **refusal)
            await self.recorder.append(Append(events=record.collect_events()))
        refuse("E_TRACE_FORBIDDEN", "R27")

    def _context(self, token: Token, read: str, rule: str, about: Aggregate | None = None) -> Context:
        now = self.clock.now()
        role = next(iter(sorted(token.roles)), "")
        return Context(
            actor=Actor(token.person, role, token.organ or (about.organ if about else "")),
            now=now,
            occurred_at=now,
            law=self.gatekeeper.law,
            command=read,
            rule=rule,
            correlation_id=about.correlation_id if about else None,
        )

    def visible(self, cases: Table, sight: Sight) -> ColumnElement[bool]:
        """The one rule by which a case may stand in a list (§5.4): the organ's own and its descendants', by
        the prefix of the division code, and what a superior sent to this very organ. Envelopes that nobody
        has registered stand only in those of the petition department that they came to, and what was
        sealed upward in none (§4.1 note a, A14, A15). Whom a report is about finds nothing of it (A33). What
        is kept within its organ stands above only while it is reviewed there (A49). The statement is given
        `person`."""
        organ = sight.organ
        within = or_(func.starts_with(cases.c.organ, organ), cases.c.addressee == organ)
        return and_(within, *(not_(hidden) for hidden in self._concealed(cases, sight)))

    def _concealed(self, cases: Table, sight: Sight) -> Iterator[ColumnElement[bool]]:
        kept, organ = self.book.kept_from.c, sight.organ
        yield exists().where(kept.stream == cases.c.stream, kept.person == PERSON)
        for kind in self._kinds:
            if kind.sealed:
                yield and_(cases.c.kind == kind.kind, cases.c.state.in_(kind.sealed))
            if kind.unopened:
                envelopes = and_(cases.c.kind == kind.kind, cases.c.state.in_(kind.unopened))
                yield and_(envelopes, cases.c.organ != organ) if sight.petition else envelopes
            if kind.kept_within:
                below = self.gatekeeper.law.organs.directly_below(sight.organ)
                reviewed = and_(cases.c.organ.in_(below), cases.c.state.in_(kind.reviewed_above))
                elsewhere = and_(cases.c.kind == kind.kind, cases.c.organ != organ)
                yield and_(elsewhere, not_(reviewed))

    async def _paging(self, request: Request, token: Token) -> tuple[int, dict[str, Any]]:
        """How long a page by position is, and the values of its statement."""
        await self.caught_up(request, token)
        limit = page_number(request.query_params.get("limit"), "limit", PAGE, PAGE_MAX, minimum=1)
        return limit, {"person": token.person, "before": self.behind(request, token)}


def _latest(rows: Select[Any], position: ColumnElement[int], limit: int) -> Select[Any]:
    return rows.where(position < BEFORE).order_by(position.desc()).limit(limit)


def purpose_of(request: Request, *, required: bool = False) -> str:
    """Why something is read: a short code, since prose might hold what belongs in no log (SEC-9)."""
    value = request.headers.get("purpose", "")
    if not PURPOSE.fullmatch(value) or (required and not value) or holds_personal_number(value):
        refuse("E_SCHEMA", "SEC-9", field="Purpose")
    return value
