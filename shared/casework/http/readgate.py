"""The gate of reads: every read passes here, once, in one order.

Token - is a case looked for by its reporter (R27) - the case: exclusion, jurisdiction, concealment, need to
know (404, the same bytes as where there is nothing; internal supervision hears of an attempt on a case sealed
past the caller) - role - organ and level - sealed upward - the form of the question - the read models - the
record of the reading (SEC-9). The first failure answers. If no assignment decides who may know of a thing
(lists, registers, the vault), the role is asked before anything is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shared.casework.aggregate import Actor, Aggregate, Context
from shared.casework.bulk import BulkReadWatch
from shared.casework.command import Token
from shared.casework.gate import HIDING, OUTSIDE_ORGANS, AuditRecord, CommandGate
from shared.casework.http.commands import Face
from shared.casework.http.describe import MIN_POSITION, Parameter, describe, in_header, in_path
from shared.casework.http.read import Asked, Read, declared_in
from shared.casework.http.shelf import Shelf
from shared.casework.http.values import object_id
from shared.casework.readmodel import CaseBook
from shared.kernel import spans
from shared.kernel.clock import Clock
from shared.kernel.store.projector import Projector
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append
from shared.language import roles
from shared.language.ids import random_id
from shared.language.law.identifiers import holds_personal_number
from shared.language.organs.tree import OrganTree
from shared.language.refusal import Refusal, refuse

WAIT_SECONDS = 1.0
NO_CASE_READERS = frozenset({roles.PLATFORM, roles.DIRECTORY, roles.STATISTICS, roles.CUSTODIAN})
"""Accounts that work with contract fields, aggregates or the vault, and see no lists of cases (A80, SD8)."""
ABOUT_REPORTERS = re.compile(
    r"reporter|informant|phone|mobile|e-?mail|^address$|resident|id_number", re.IGNORECASE
)
"""Names of parameters that only somebody who looks for a reporter would try; no read has one of these."""
_CODE = "[A-Za-z0-9._:/-]"
PURPOSE = re.compile(f"^{_CODE}{{0,60}}$")
ASKED_FOR = in_header(
    "Purpose",
    "Why it is read: a short code for the record.",
    required=True,
    pattern=f"^{_CODE}{{1,60}}$",
)
"""The header of a reading that is recorded with its purpose (SEC-9)."""
A = TypeVar("A", bound=Aggregate)


class ReadGate:
    """The gate of a service that has no cases of its own (audit): token, role, level and form."""

    def __init__(self, service: str, face: Face, organs: OrganTree) -> None:
        self.face = face
        self.organs = organs
        self.service = service

    def add(self, app: FastAPI, *holders: Any) -> None:
        """Adds the routes of everything that these objects declare, with what the document says of them."""
        for holder in holders:
            for declared, method in declared_in(holder):
                told = replace(declared, parameters=tuple(_parameters(declared)))
                app.add_api_route(
                    told.path,
                    self._endpoint(told, holder, method),
                    methods=["GET"],
                    operation_id=told.name,
                    response_class=Response,
                    tags=[told.tag],
                )
                answer: Any = told.answer
                describe(
                    app,
                    told.name,
                    parameters=told.parameters,
                    answer=answer if isinstance(answer, type | dict | None) else answer(holder),
                    media_type=told.media_type,
                    headers=told.headers,
                    codes=sorted({*told.codes, *_codes(told)}),
                    anyone=told.anyone,
                )
                reads_of(app).append(told)

    def _endpoint(
        self, read: Read, holder: Any, method: Callable[[Asked[Any]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            ask: Asked[Any] = Asked(self, read, request)  # type: ignore[arg-type] # no cases, no notes
            if read.anyone:
                return await answer(ask)
            ask.token = await self.face.token(request)
            if not spans.told():
                return await answer(ask)
            trace = request.scope["state"]["traceparent"]
            with spans.call("read", read.name, read.path, trace, self.service, ask.token.roles):
                return await answer(ask)

        async def answer(ask: Asked[Any]) -> Response:
            await self.let_in(ask, holder)
            response = await method(ask)
            assert ask.noted or not read.notes, f"{read.name} left no record"
            return response

        function = getattr(method, "__func__", method)
        endpoint.__name__, endpoint.__doc__ = function.__name__, function.__doc__
        return endpoint

    async def let_in(self, ask: Asked[Any], holder: Any) -> None:
        """Carries one asking, whose token was read, through the gate. Raises Refusal."""
        if not ask.read.anyone:
            self._check_role(ask)
        self._check_form(ask)

    def _check_role(self, ask: Asked[Any]) -> None:
        """The role, then the level of the organ."""
        read, token = ask.read, ask.token
        if read.by and not token.roles & read.by:
            refuse("E_FORBIDDEN_ROLE", read.rule, allowed=sorted(read.by))
        kept_out = (OUTSIDE_ORGANS | NO_CASE_READERS) - read.by
        if read.role_first and not read.outsiders and (token.roles & kept_out or not token.organ):
            refuse("E_FORBIDDEN_ROLE", read.rule)
        if read.level is not None:
            level = self.organs.get(token.organ).level if token.organ in self.organs else 0
            if level < read.level:
                refuse("E_LEVEL_TOO_LOW", read.rule, required_level=read.level.name)

    @staticmethod
    def _check_form(ask: Asked[Any]) -> None:
        """Refuses parameters that the read does not know: a filter that is silently ignored shows too much.
        They are not named: whatever was typed there is not told on."""
        known = ask.read.queries
        if any(name not in known for name in ask.request.query_params):
            refuse("E_SCHEMA", "", field="query", reason="unknown parameter", known=sorted(known))


class CaseReadGate(ReadGate):
    """The gate of a service that has cases."""

    def __init__(
        self,
        face: Face,
        command_gate: CommandGate,
        recorder: Recorder,
        projector: Projector,
        book: CaseBook,
        clock: Clock,
    ) -> None:
        super().__init__(command_gate.service, face, command_gate.law.organs)
        self.command_gate = command_gate
        self.recorder = recorder
        self.projector = projector
        self.book = book
        self.clock = clock
        self._watch = BulkReadWatch()
        self._shelves: dict[type[Aggregate], Shelf] = {}

    async def let_in(self, ask: Asked[Any], holder: Any) -> None:
        """The whole order. A refusal of what hides, or of a reading that traces, is told on."""
        read = ask.read
        if not read.anyone:
            if "id" in ask.request.path_params:
                ask.target = object_id(ask.request.path_params["id"])
            await self._not_by_reporter(ask)
            try:
                await self._check_reader(ask, holder)
            except Refusal as refusal:
                await self._tell_on(ask, refusal)
                raise
        self._check_form(ask)
        if read.purpose:
            purpose_of(ask.request, required=True)
        if read.models:
            await self.caught_up(ask.request, ask.token, *read.models)
        if read.notes and not read.looks_first:
            await ask.note_reading()

    async def _check_reader(self, ask: Asked[Any], holder: Any) -> None:
        """The case and its reader: 404 first, then role, organ and level, what was sealed upward."""
        read = ask.read
        if read.role_first:
            self._check_role(ask)
        if read.found is not None:
            ask.about = await read.found(holder, ask)
            if ask.about is None or ask.token.person in ask.about.excluded:
                refuse("E_NOT_FOUND")
        elif read.of is not None:
            assert ask.target is not None, read.name
            kept = await self._shelf(read.of).get(ask.target)
            if kept is None or (ask.token.roles & OUTSIDE_ORGANS and not read.outsiders):
                refuse("E_NOT_FOUND")
            ask.about, ask.view = kept.aggregate, kept.view
            self.check_case(ask, ask.about)
        if not read.role_first:
            self._check_role(ask)
            if read.own_organ and ask.token.organ not in ask.case.working_organs:
                refuse("E_FORBIDDEN_ROLE", read.rule)
            self._check_not_sealed(read, ask.case)

    def check_case(self, ask: Asked[Any], case: Aggregate) -> None:
        """Refuses unless the reader may know of a case, by its kind and by the declaration of the read."""
        read, token = ask.read, ask.token
        if token.person in case.excluded:
            refuse("E_NEED_TO_KNOW", "B2")
        if read.also is None or not read.also(token, case):
            self.command_gate.check_visible(token, case)
            if read.assigned_as is not None:
                held = case.assigned.get(token.person, set())
                if not (held & read.assigned_as if read.assigned_as else held):
                    refuse("E_NEED_TO_KNOW", read.rule)
        if read.role_first:
            if read.own_organ and token.organ not in case.working_organs:
                refuse("E_JURISDICTION", read.rule)
            self._check_not_sealed(read, case)

    @staticmethod
    def _check_not_sealed(read: Read, case: Aggregate) -> None:
        if not read.sealed and case.state in case.sealed:
            refuse("E_SEALED_UPWARD", "A14")

    def _shelf(self, kind: type[Aggregate]) -> Shelf:
        if kind not in self._shelves:
            self._shelves[kind] = Shelf(kind, self.recorder)
        return self._shelves[kind]

    def _check_role(self, ask: Asked[Any]) -> None:
        """A list is a member's of an organ; where a service has readers of its own, only theirs."""
        readers, read = self.command_gate.readers, ask.read
        if read.traces and read.by and not ask.token.roles & read.by:
            refuse("E_TRACE_FORBIDDEN", "R27")
        super()._check_role(ask)
        lists = read.of is None and not read.outsiders
        if lists and readers is not None and not ask.token.roles & readers:
            refuse("E_FORBIDDEN_ROLE", read.rule)

    async def another(self, ask: Asked[A], kind: type[A], id: UUID) -> A:
        """A second case that a read is about; the same is asked of its reader. Raises Refusal."""
        kept = await self._shelf(kind).get(id)
        try:
            if kept is None:
                refuse("E_NOT_FOUND")
            assert isinstance(kept.aggregate, kind)
            self.check_case(ask, kept.aggregate)
        except Refusal as refusal:
            about = None if kept is None else kept.aggregate
            await self._tell_on(replace(ask, target=id, about=about), refusal)  # type: ignore[arg-type]
            raise
        return kept.aggregate

    # --- What is told on ---

    async def _not_by_reporter(self, ask: Asked[Any]) -> None:
        """R27, SEC-4: nothing is found by who reported. An attempt is recorded like a refused command, and
        internal supervision hears of it."""
        if any(ABOUT_REPORTERS.search(name) for name in ask.request.query_params):
            await self.deny(ask, "E_TRACE_FORBIDDEN", "R27")

    async def _tell_on(self, ask: Asked[Any], refusal: Refusal) -> None:
        """Tells internal supervision of an attempt to read something sealed past the caller (A15), or to
        learn who reported. The caller learns nothing of it."""
        if ask.read.traces:
            await self._record_attempt(ask, refusal.code, refusal.rule)
        elif ask.about is not None and refusal.code in HIDING:
            await self.command_gate.watch(ask.token, ask.about, refusal)

    async def deny(self, ask: Asked[Any], code: str, rule: str) -> NoReturn:
        """Refuses an attempt to learn of a reporter, on record."""
        await self._record_attempt(ask, code, rule)
        refuse(code, rule)

    async def _record_attempt(self, ask: Asked[Any], code: str, rule: str) -> None:
        """Records the attempt like a refused command, with an alert (R27, A52). If the case was sealed past
        its organ, the addressee's supervision hears of it, and not the organ's own (A15)."""
        about = ask.about
        if about is None and ask.read.of is not None and ask.read.found is None and ask.target is not None:
            kept = await self._shelf(ask.read.of).get(ask.target)
            about = None if kept is None else kept.aggregate
        ctx = self._context(ask.token, ask.read.name, rule, about)
        if not self.command_gate.tally.takes(ctx.actor, code, ctx.now, alert=True):
            return
        object_ = "" if ask.target is None else str(ask.target)
        refusal = {"code": code, "actor": ask.token.person, "object": object_}
        record = AuditRecord(random_id(), self.command_gate.service)
        record.organ = about.watched_by if about is not None else ""
        record.note(ctx, "CommandRefused", rule=rule, command=ask.read.name, **refusal)
        record.alert(ctx, code, object_, severity="HIGH")
        await self.recorder.append(Append(events=record.collect_events()))

    # --- What is noted ---

    async def note_reading(self, ask: Asked[Any]) -> None:
        """The access record of one reading, durable before the answer is given (SEC-9)."""
        purpose = purpose_of(ask.request)
        ctx = self._context(ask.token, "ReadCase", "SEC-9", ask.case)
        record = AuditRecord(random_id(), self.command_gate.service)
        record.note(
            ctx,
            "CaseRead",
            who=ask.token.person,
            role=ctx.actor.role,
            object=str(ask.case.id),
            fields=ask.read.notes,
            purpose=purpose,
        )
        self._note_bulk(record, ctx, [ask.case.id])
        await self.recorder.append(Append(events=record.collect_events()))

    async def note_readings(self, ask: Asked[Any], read: Mapping[str, Sequence[UUID]]) -> None:
        """The same of one answer that shows several cases: which of them, under what was shown of them."""
        ask.noted = True
        purpose = purpose_of(ask.request)
        ctx = self._context(ask.token, "ReadCases", "SEC-9")
        record = AuditRecord(random_id(), self.command_gate.service)
        for fields, ids in read.items():
            if ids:
                record.note(
                    ctx,
                    "CasesRead",
                    who=ask.token.person,
                    role=ctx.actor.role,
                    objects=tuple(map(str, ids)),
                    fields=fields,
                    purpose=purpose,
                )
                self._note_bulk(record, ctx, ids)
        if events := record.collect_events():
            await self.recorder.append(Append(events=events))

    async def note_identity(self, ask: Asked[Any], about: Aggregate, **told: str) -> None:
        """The same of an identity that the vault is about to open: which fields, for what purpose."""
        ask.noted = True
        ctx = self._context(ask.token, "ReadIdentity", "SEC-9", about)
        record = AuditRecord(random_id(), self.command_gate.service)
        who, role = ask.token.person, ctx.actor.role
        record.note(ctx, "IdentityAccessed", who=who, role=role, object=str(about.id), **told)
        self._note_bulk(record, ctx, [about.id])
        await self.recorder.append(Append(events=record.collect_events()))

    def _note_bulk(self, record: AuditRecord, ctx: Context, ids: Sequence[UUID]) -> None:
        for id in ids:
            if objects := self._watch.saw(ctx.actor.person, id, ctx.now):
                who, role = ctx.actor.person, ctx.actor.role
                record.note(ctx, "BulkReadAlert", who=who, role=role, objects=objects)

    def _context(self, token: Token, read: str, rule: str, about: Aggregate | None = None) -> Context:
        now = self.clock.now()
        role = roles.foremost(token.roles)
        return Context(
            actor=Actor(token.person, role, token.organ or (about.organ if about else "")),
            now=now,
            occurred_at=now,
            law=self.command_gate.law,
            command=read,
            rule=rule,
            correlation_id=about.correlation_id if about else None,
            matters=about.matters if about else (),
        )

    # --- Read models ---

    async def caught_up(self, request: Request, token: Token, *others: str) -> None:
        """Waits until the read model, and other projections that an answer is made of, are there and hold
        what the caller has done, at most a second (503 E_NOT_YET). Nobody can wait for a position that they
        were not given: it would tell when somebody else acted (SEC-1, B53)."""
        given = request.query_params.get("min_position")
        position = self.face.places.open(token.person, given, "min_position", 0)
        for name in dict.fromkeys((self.book.name, *others)):
            if not await self.projector.wait_for(name, position, WAIT_SECONDS):
                refuse("E_NOT_YET")


def reads_of(app: FastAPI) -> list[Read]:
    """Every read that an application answers."""
    found: list[Read] = app.state.reads
    return found


def purpose_of(request: Request, *, required: bool = False) -> str:
    """The purpose of a reading: a short code, since prose might hold words that belong in no log (SEC-9)."""
    value = request.headers.get("purpose", "")
    if not PURPOSE.fullmatch(value) or (required and not value) or holds_personal_number(value):
        refuse("E_SCHEMA", "SEC-9", field="Purpose")
    return value


def _parameters(read: Read) -> list[Parameter]:
    """The parameters that are declared, and those that follow from the declaration."""
    found = {(p["in"], p["name"]): p for p in read.parameters}
    if read.of is not None and "{id}" in read.path and ("path", "id") not in found:
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", read.of.kind).lower()
        found = {("path", "id"): in_path("id", f"The {what}.", format="uuid"), **found}
    if read.models:
        found.setdefault(("query", "min_position"), MIN_POSITION)
    if read.purpose:
        found.setdefault(("header", "Purpose"), ASKED_FOR)
    return list(found.values())


def _codes(read: Read) -> set[str]:
    """The codes with which the gate itself can refuse the read."""
    codes = set()
    if read.models:
        codes.add("E_NOT_YET")
    if read.level is not None:
        codes.add("E_LEVEL_TOO_LOW")
    if read.of is not None and read.of.sealed and not read.sealed:
        codes.add("E_SEALED_UPWARD")
    if not read.anyone:
        codes.add("E_TRACE_FORBIDDEN")
    return codes
