"""The gate: every command passes here, once, in one order.

Object within jurisdiction and need to know (404, nothing told) - organ and level - role - recusal -
separation of duties - `If-Match` - the rules - `E_STATE`. The first failure answers; a refusal leaves
an audit record and no domain event. The token was read before, and a body without form never gets here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson

from shared.casework import visibility
from shared.casework.aggregate import Actor, Aggregate, Context, Law
from shared.casework.command import Command, Token
from shared.casework.preparation import Deposit, Lookup, Prepare
from shared.casework.rehearsal import MOMENT, Dated, NotPrepared
from shared.casework.screen import Asker, Verdict
from shared.casework.staff import DIRECTORY_ID
from shared.casework.steps import Standing, known_steps, touched
from shared.casework.tally import Tally
from shared.kernel.clock import Clock
from shared.kernel.store.types import (
    Append,
    Appended,
    Clearance,
    CommandMismatch,
    CommandRecord,
    EventTooLarge,
    PersonIsExcluded,
    VersionConflict,
)
from shared.language import roles
from shared.language.alerts import severity_of
from shared.language.contracts.common import Accused, Severity
from shared.language.ids import derived_id, keyed_digest, keyed_id, random_id
from shared.language.law.working_days import local_date
from shared.language.refusal import Refusal, refuse

A = TypeVar("A", bound=Aggregate)
BEFOREHAND = timedelta(seconds=1)
OUTSIDE_ORGANS = roles.OUTSIDE
ALERTS = frozenset({"E_TRACE_FORBIDDEN", "E_TRACE_EXECUTOR_LEVEL", "E_REPORTER_PENALTY_FORBIDDEN"})
"""Refusals that internal supervision must hear of (R27, A52)."""
HIDING = frozenset({"E_JURISDICTION", "E_NEED_TO_KNOW"})
"""Refusals that are answered as if there were nothing."""


class Store(Protocol):
    """The part of the event store that the gate needs."""

    async def append(self, append: Append) -> Appended: ...
    async def find_command(self, id: UUID) -> tuple[bytes, dict[str, Any]] | None: ...


class Repository(Protocol):
    """Loads aggregates by folding their streams."""

    async def get(self, cls: type[A], id: UUID) -> A | None: ...


class Screen(Protocol):
    """The vault's narrow question: would these texts reveal who reported? Fails closed (SEC-12)."""

    async def asked(
        self, asker: Asker, complaints: Sequence[str], texts: Sequence[str], accused: Sequence[Accused] = ()
    ) -> Verdict: ...


class Directory(Protocol):
    """The staff directory, as far as the gate asks it (`shared.casework.staff`)."""

    async def reach(self) -> None: ...
    def roles_of(self, person: str, organs: Container[str], today: date) -> frozenset[str]: ...
    def holders(self, organ: str, roles: Set[str], today: date) -> frozenset[str]: ...


Beside = Callable[[Command, Aggregate, Context], Awaitable[Sequence[Aggregate]]]
"""Other streams that a command writes in the same transaction."""


class Submission(NamedTuple):
    """A command as it came: who asks, on what, under which conditions."""

    command: Command
    token: Token | None
    object_id: UUID | None
    idempotency_key: str | None = None
    if_match: frozenset[int] | None = None
    occurred_at: datetime | None = None
    legal_basis: tuple[dict[str, str], ...] = ()
    trace_id: str = ""
    content: bytes = b""
    """A digest of what came, where the command says only what was made of it."""


class Foretold(NamedTuple):
    """The outcome of one command that a person's roles may give; `dated` if it hangs on the clock."""

    command: str
    code: str
    rule: str
    dated: tuple[type[Command], Actor] | None


class May(NamedTuple):
    """Commands that a reader could give now, and those of their roles that they could not, and why."""

    now: list[str]
    not_now: list[dict[str, str]]
    in_question: list[dict[str, Any]]
    """Earlier steps of people excluded since: whoever takes the next step confirms them first, or sends them
    back (B3)."""


async def no_others(case: Aggregate) -> Collection[Accused]:
    """Nobody, in a service whose cases know themselves whom they are about."""
    return ()


@dataclass(slots=True)
class CommandGate:
    """Carries one command from the request to the stored events, or to a refusal."""

    service: str
    law: Law
    clock: Clock
    store: Store
    repository: Repository
    screen: Screen
    secret: bytes
    """The secret under which ids and digests are made, so that nobody can try which request one belongs
    to."""
    commands: Mapping[type[Aggregate], Sequence[type[Command]]] = field(default_factory=dict)
    """The commands that people may give on a case of each kind."""
    _foretold: WeakKeyDictionary[Aggregate, tuple[int, dict[tuple[Any, ...], list[Foretold]]]] = field(
        default_factory=WeakKeyDictionary
    )
    """The answers of `may` by reader, for one version of a case that is kept folded (`http.shelf`)."""
    lookups: Mapping[Lookup[Any], Prepare] = field(default_factory=dict)
    deposits: Mapping[Deposit[Any], Prepare] = field(default_factory=dict)
    beside: dict[str, Beside] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    _summing: asyncio.Lock = field(default_factory=asyncio.Lock)
    staff: Directory = field(kw_only=True)
    accused_of: Callable[[Aggregate], Awaitable[Collection[Accused]]] = no_others
    """Finds the people accused in the matters of a case, beside those whom it knows itself (B16)."""
    readers: frozenset[str] | None = None
    """The only roles that may know of these cases; None: every member of an organ, within its bounds."""

    async def execute(self, request: Submission) -> Appended:
        """Decides the command and stores its events. Raises Refusal, or StoreUnavailable (503)."""
        command_id = self._command_id(request)
        request_hash = self._request_hash(request)
        try:
            try:
                return await self._decide_with_retry(request, command_id, request_hash)
            except Refusal as refusal:
                # The first attempt may have succeeded and its answer been lost: success is no conflict.
                known = await self._known(request, command_id, request_hash)
                if known is not None:
                    return known
                await self._audit(request, refusal)
                raise
        except CommandMismatch:
            refused = Refusal("E_IDEMPOTENCY_MISMATCH")
        except EventTooLarge:
            refused = Refusal("E_BODY_TOO_LARGE", request.command.gate.rule)
        await self._audit(request, refused)
        raise refused

    async def _decide_with_retry(
        self, request: Submission, command_id: UUID, request_hash: bytes
    ) -> Appended:
        # A repeated creation is found out by the store, unless it would bring an identity to the vault again.
        if not request.command.creates or request.command.brings_secrets:
            known = await self._known(request, command_id, request_hash)
            if known is not None:
                return known
        for attempt in (1, 2):
            try:
                return await self._decide(request, command_id, request_hash)
            except PersonIsExcluded:
                refuse("E_RECUSAL", "B2")
            except VersionConflict:
                if attempt == 2:
                    refuse("E_CONFLICT_VERSION")
        raise AssertionError("unreachable")

    async def _decide(self, request: Submission, command_id: UUID, request_hash: bytes) -> Appended:
        command, gate = request.command, request.command.gate
        attempt = derived_id("attempt", command_id, request_hash.hex())
        aggregate = await self._load(request, attempt)
        actor = self._check_actor(command, request.token, aggregate)
        if not command.creates:
            self._check_version(request, aggregate)
        assigns = command.creates and gate.need_to_know and actor.role in roles.STAFF
        now = self.clock.now()
        prepared: dict[Lookup[Any] | Deposit[Any], Any] = {}
        ctx = Context(
            actor=actor,
            now=now,
            occurred_at=_hour(now) if gate.anyone else self._occurred_at(request, aggregate, now),
            law=self.law,
            command=type(command).__name__,
            rule=gate.rule,
            duty=gate.duty,
            assigns=assigns,
            command_id=command_id,
            attempt=attempt,
            legal_basis=request.legal_basis,
            trace_id=request.trace_id,
            prepared=prepared,
        )
        aggregate.check_open(ctx)
        before = {duty: frozenset(people) for duty, people in aggregate.duties.items()}
        in_question = aggregate.in_question
        for lookup in gate.lookups:
            prepared[lookup] = await self.lookups[lookup](command, aggregate, ctx)
        for deposit in gate.deposits:
            prepared[deposit] = await self.deposits[deposit](command, aggregate, ctx)
        getattr(aggregate, command.method)(ctx, **command.arguments())
        if gate.asks_steps and in_question and aggregate.in_question == in_question:
            refuse("E_STEP_IN_QUESTION", "B3", events=[act.event for act in in_question])
        aggregate.note_step_taken(ctx, command.takes)
        await self._check_people(command, aggregate, actor)
        if aggregate.duties != before:
            await self._check_steps(aggregate, before)
        await self._check_texts(command, aggregate, actor)
        others: Sequence[Aggregate] = ()
        if (beside := self.beside.get(type(command).__name__)) is not None:
            others = await beside(command, aggregate, ctx)
        events = [e for a in (aggregate, *others) for e in a.collect_events()]
        appended = await self.store.append(
            Append(
                events=events,
                command=CommandRecord(
                    command_id,
                    request_hash,
                    aggregate.id,
                    {"state": aggregate.state, "number": aggregate.number},
                ),
                effects=ctx.effects,
                clearance=_clearance(actor, aggregate, begins=command.creates),
            )
        )
        if aggregate.id == DIRECTORY_ID:
            await self.staff.reach()  # whom it names may act at once
        return appended

    async def _load(self, request: Submission, attempt: UUID) -> Aggregate:
        command = request.command
        organ = request.token.organ if request.token else ""
        if command.creates and (own := command.stream(organ)) is not None:
            return await self.repository.get(command.on, own) or command.on(own)
        if command.creates:
            # A repeated command finds its own stream again, so it cannot open a second one.
            return command.on(attempt)
        assert request.object_id is not None
        aggregate = await self.repository.get(command.on, request.object_id)
        if aggregate is None:
            refuse("E_NOT_FOUND")
        return aggregate

    def _check_actor(
        self, command: Command | type[Command], token: Token | None, aggregate: Aggregate
    ) -> Actor:
        """404 first, then organ and level, role, recusal, separation of duties."""
        gate = command.gate
        if gate.anyone or token is None:
            return Actor("anonymous", "anyone", aggregate.organ)
        if not command.creates:
            self.check_visible(token, aggregate, assigned=gate.need_to_know, commands=True)
        return token.as_actor(self._check_right(command, token, _held(token), aggregate))

    def _check_right(
        self, command: Command | type[Command], token: Token, held: frozenset[str], aggregate: Aggregate
    ) -> str:
        """The role in which somebody who may know of a case may do this to it."""
        gate, outside = command.gate, not held.isdisjoint(OUTSIDE_ORGANS)
        own = aggregate.organ or token.organ
        if not outside and gate.organ is not None:
            escalated = aggregate.acting.get(command.takes)
            required = own if command.creates else escalated or gate.organ(aggregate, self.law)
            if required and token.organ != required:
                refuse(gate.wrong_organ, gate.rule, required_organ=required)
        if gate.level is not None and self._level(token.organ) < gate.level:
            refuse(gate.level_code, gate.rule, required_level=gate.level.name)
        role = next((r for r in gate.by if r in held), None)
        if role is None or not token.roles.isdisjoint(roles.NEVER_CASE_COMMANDS):
            refuse("E_FORBIDDEN_ROLE", gate.rule, allowed=list(gate.by))
        themself = role != roles.SUBJECT and token.person == aggregate.subject_account
        if token.person in aggregate.excluded or themself:
            refuse("E_RECUSAL", "A48")
        for duty in gate.differs_from:
            if token.person in aggregate.duties.get(duty, ()):
                refuse("E_SOD_CONFLICT", gate.rule, duty=duty)
        return role

    def may(self, token: Token, aggregate: Aggregate) -> May:
        """Tells which of the commands of their roles the reader of this case could give now. It runs the
        gate's own checks; nothing is recorded, looked up or deposited, and the vault is not
        asked.

        Without a body it can say: organ and level, role, recusal, separation of duties, the state, what no
        command may do to the case as it stands (`check_open`), and what the method guards before it looks
        into a field or into what was looked up. So a command that stands under `now` may still be refused for
        what it says, for what lies in other cases or in the vault; one that stands under `not_now` is refused
        whatever it says. If the state does not allow a command, the answer is E_STATE, though the gate asks
        for it last and may find another reason before.
        """
        version, of_case = self._foretold.get(aggregate, (0, {}))
        if version != aggregate.version:
            self._foretold[aggregate] = aggregate.version, (of_case := {})
        reader = token.person, token.roles, token.organ
        if (told := of_case.get(reader)) is None:
            told = of_case[reader] = self._foretell(token, aggregate)
        now: list[str] = []
        not_now: list[dict[str, str]] = []
        for each in told:
            code, rule = each.code, each.rule
            if each.dated is not None:
                code, rule = self._asked(*each.dated, aggregate.rehearsing(), self.clock.now())
            if code:
                not_now.append({"command": each.command, "code": code, "rule": rule})
            else:
                now.append(each.command)
        outside = not token.roles.isdisjoint(OUTSIDE_ORGANS)
        return May(now, not_now, [] if outside else [act._asdict() for act in aggregate.in_question])

    def _foretell(self, token: Token, aggregate: Aggregate) -> list[Foretold]:
        """Finds the outcome of each command of the person's roles on this version of the case. A command
        whose method looks at the clock must be asked anew each time; all else holds until the case moves."""
        told: list[Foretold] = []
        held, asked = _held(token), aggregate.rehearsing()
        for command in self.commands.get(type(aggregate), ()):
            gate, dated = command.gate, None
            if held.isdisjoint(gate.by):
                continue
            code, rule = "E_STATE", gate.rule
            try:
                actor = token.as_actor(self._check_right(command, token, held, aggregate))
                if not command.states or aggregate.state in command.states:
                    code, rule = self._asked(command, actor, asked, MOMENT)
            except Refusal as refusal:
                code, rule = refusal.shown_code, refusal.rule
            except Dated:
                dated = command, actor
            told.append(Foretold(command.__name__, code, rule, dated))
        return told

    def _asked(
        self, command: type[Command], actor: Actor, asked: Aggregate, now: datetime
    ) -> tuple[str, str]:
        """Code and rule with which the case itself would refuse; empty where it would not."""
        gate = command.gate
        ctx = Context(
            actor=actor,
            now=now,
            occurred_at=now,
            law=self.law,
            command=command.__name__,
            rule=gate.rule,
            duty=gate.duty,
            prepared=NotPrepared.fromkeys(gate.prepared),
        )
        try:
            asked.check_open(ctx)
            command.rehearse(asked, ctx)
        except Refusal as refusal:
            return refusal.shown_code, refusal.rule
        return "", ""

    def check_visible(
        self, token: Token, aggregate: Aggregate, *, assigned: bool = True, commands: bool = False
    ) -> None:
        """Refuses as 404 if the person may not know of the case at all (`shared.casework.visibility`)."""
        organs, readers = self.law.organs, self.readers
        visibility.check(token, aggregate, organs, readers, assigned=assigned, commands=commands)

    async def watch(self, token: Token, aggregate: Aggregate, refusal: Refusal) -> None:
        """Raises an alert to the addressee's internal supervision when someone tries to open a case that was
        sealed past them (A15). The caller learns nothing of it."""
        actor = _actor_of(token)
        watched = aggregate.watched_by and refusal.code in HIDING
        if watched and self.tally.takes(actor, refusal.code, self.clock.now(), alert=True):
            record = AuditRecord(random_id(), self.service)
            record.organ = aggregate.watched_by
            ctx = self._on_record(actor, "Watch", "A15", record.id)
            record.alert(ctx, refusal.code, str(aggregate.id))
            await self.store.append(Append(events=record.collect_events()))

    def _level(self, organ: str) -> int:
        return int(self.law.organs.get(organ).level) if organ in self.law.organs else 0

    @staticmethod
    def _check_version(request: Submission, aggregate: Aggregate) -> None:
        if request.if_match is None:
            if request.command.gate.decides:
                refuse("E_VERSION_REQUIRED", request.command.gate.rule, version=aggregate.version)
        elif aggregate.version not in request.if_match:
            refuse("E_STALE_VERSION", "", version=aggregate.version)

    @staticmethod
    def _occurred_at(request: Submission, aggregate: Aggregate, now: datetime) -> datetime:
        """Never in the future (§0.5), never before what the command presupposes (B40): a paper letter may be
        told late, but not from before the case was where such a letter can reach it. A decision, and what
        must follow one, cannot lie before anything that the case already holds."""
        given = request.occurred_at
        if given is None:
            return now
        if given > now + BEFOREHAND:
            refuse("E_SCHEMA", "§0.5", field="Occurred-At", reason="in the future")
        gate = request.command.gate
        if gate.decides or gate.in_order:
            earliest, reason = aggregate.modified_on, "before the last event of the case"
        else:
            earliest = aggregate.possible_since(request.command.states)
            reason = "before what it presupposes"
        if earliest is not None and given < earliest:
            refuse("E_SCHEMA", gate.rule, field="Occurred-At", reason=reason)
        return given

    async def _check_people(self, command: Command, aggregate: Aggregate, actor: Actor) -> None:
        """The people whom a command names hold a fitting role today, in the organ of the case or one above
        (B8)."""
        if not (named := list(command.people())):
            return
        await self.staff.reach()
        own, today = {actor.organ, aggregate.organ}, local_date(self.clock.now())
        line = own.union(self.law.organs.line(aggregate.organ))
        for name, person, fitting in named:
            if fitting.roles.isdisjoint(self.staff.roles_of(person, own if fitting.own else line, today)):
                refuse("E_PERSON_UNKNOWN", "B8", field=name, person=person, roles=sorted(fitting.roles))

    async def _check_steps(self, aggregate: Aggregate, before: Mapping[str, Set[str]]) -> None:
        """Some other person is left for every later step, if there was one before (B6)."""
        if not (later := touched(aggregate, before)):
            return
        await self.staff.reach()
        today = local_date(self.clock.now())
        for step in later:
            after, earlier = (
                step.free(aggregate, self.law, self.staff, today, duties)
                for duties in (aggregate.duties, before)
            )
            if earlier and not after:
                refuse("E_STEP_UNFILLED", "B6", step=step.name)

    async def find_standing(self, command: Command, case: Aggregate, ctx: Context) -> Standing:
        """The step that is to be escalated, as it stands in a case (B5)."""
        await self.staff.reach()
        step = known_steps(type(case))[command.arguments()["step"]]
        free = step.free(case, self.law, self.staff, local_date(ctx.now), case.duties)
        organ, past = step.acting_organ(case, self.law), step.is_past(case)
        return Standing(step, organ, free, past, await self.accused_of(case))

    async def _check_texts(self, command: Command, aggregate: Aggregate, actor: Actor) -> None:
        """SEC-12, after every other rule, so that a text cannot be tried out where it would not be stored.

        A person from outside learns nothing from the answer: their words are held against guesses only, never
        against the vault. The vault counts and bounds what everybody else can learn from it (B54).
        """
        texts = [*command.texts(), *aggregate.composed_texts]
        if not texts:
            return
        if fields := command.numbered():
            refuse("E_TEXT_IDENTITY_LEAK", "B21", fields=fields, reason="number")
        complaints = list(aggregate.rests_on)
        # The people accused by this very command are recorded nowhere yet (B48).
        accused = aggregate.listed_now
        if actor.role in OUTSIDE_ORGANS:
            complaints = []
        verdict = await self.screen.asked(Asker(actor.person, actor.organ), complaints, texts, accused)
        if verdict.leak:
            code = command.gate.leak
            rule = "SEC-16" if code == "E_TRACE_FORBIDDEN" else "B54" if verdict.reason else "SEC-12"
            told = {"fields": list(command.screened), "alert": verdict.alert}
            refuse(code, rule, **told, **({"reason": verdict.reason} if verdict.reason else {}))

    def _command_id(self, request: Submission) -> UUID:
        if request.idempotency_key is None:
            return random_id()
        # Bound to the caller, and without an account to the case acted on: nobody fetches another's answer.
        who = request.token.person if request.token else f"anonymous {request.object_id}"
        return keyed_id(self.secret, "command", who, request.idempotency_key)

    def _request_hash(self, request: Submission) -> bytes:
        """Digests the meaning of the request: the command, when it happened, and the material it is founded
        on; not the condition on which it was sent. The digest is keyed, since a body may hold an identity and
        people choose keys in order: without the secret, anyone who has the store could try which identity
        fits."""
        if request.idempotency_key is None:
            return b""
        body = request.content or request.command.__pydantic_serializer__.to_json(request.command)
        happened = request.occurred_at and request.occurred_at.astimezone(UTC).isoformat()
        head = orjson.dumps(
            [
                *(request.idempotency_key, type(request.command).__name__, str(request.object_id)),
                *(happened, request.legal_basis),
            ]
        )
        return keyed_digest(self.secret, b"%s:%s" % (head, body))

    async def _known(self, request: Submission, command_id: UUID, request_hash: bytes) -> Appended | None:
        if request.idempotency_key is None:
            return None
        known = await self.store.find_command(command_id)
        if known is None:
            return None
        if known[0] != request_hash:
            raise CommandMismatch
        answer = known[1]
        return Appended((), answer["position"], self.clock.now(), answer, repeated=True)

    async def _audit(self, request: Submission, refusal: Refusal) -> None:
        """One audit record per refusal: code, rule, command, actor, object; never the body."""
        token = request.token
        person = token.person if token and roles.REPORTER not in token.roles else "anonymous"
        actor = (
            Actor("anonymous", "anyone", "") if token is None else replace(_actor_of(token), person=person)
        )
        target = None
        if request.object_id is not None:
            target = await self.repository.get(request.command.on, request.object_id)
        if target is not None and token is not None:
            await self.watch(token, target, refusal)
        if self.tally.ended:
            await self.sum_refusals()
        alert = refusal.code in ALERTS or bool(refusal.details.get("alert"))
        if not self.tally.takes(actor, refusal.code, self.clock.now(), alert=alert):
            return
        record = AuditRecord(random_id(), self.service)
        ctx = self._on_record(
            actor,
            type(request.command).__name__,
            refusal.rule or request.command.gate.rule,
            (target.correlation_id if target else None) or record.id,
            request.trace_id,
            target.matters if target else (),
        )
        object_ = str(request.object_id or "")
        record.note(
            ctx,
            "CommandRefused",
            code=refusal.code,
            rule=ctx.rule,
            command=ctx.command,
            actor=person,
            object=object_,
        )
        if alert:
            record.alert(ctx, refusal.code, object_)
        await self.store.append(Append(events=record.collect_events()))

    def _on_record(
        self,
        actor: Actor,
        command: str,
        rule: str,
        correlation: UUID,
        trace_id: str = "",
        matters: tuple[UUID, ...] = (),
    ) -> Context:
        """The context of a record that belongs to no case and happened now."""
        now = self.clock.now()
        return Context(
            actor=actor,
            now=now,
            occurred_at=now,
            law=self.law,
            command=command,
            rule=rule,
            correlation_id=correlation,
            matters=matters,
            trace_id=trace_id,
        )

    async def sum_refusals(self, *, ending: bool = False) -> None:
        """Writes the sums of the hours that are over, `ending` of all, and tells internal supervision. Sums
        that could not be written are kept. Raises `StoreUnavailable`."""
        self.tally.end(None if ending else self.clock.now())
        async with self._summing:
            await self._write_sums()

    async def _write_sums(self) -> None:
        while self.tally.ended:
            summed = self.tally.ended[0]
            record = AuditRecord(random_id(), self.service)
            actor = Actor(summed.person, summed.role, summed.organ)
            ctx = self._on_record(actor, "SumRefusals", "R27", record.id)
            record.note(
                ctx,
                "RefusalsSummed",
                actor=summed.person,
                since=summed.since.isoformat(),
                count=summed.number,
                codes=summed.codes,
            )
            record.alert(ctx, summed.codes[0], severity="HIGH" if summed.alert else "LOW")
            await self.store.append(Append(events=record.collect_events()))
            self.tally.ended.remove(summed)


def _held(token: Token) -> frozenset[str]:
    """The roles in which somebody acts: who comes from outside acts as such only, whatever else their token
    says that they are."""
    return token.roles & OUTSIDE_ORGANS or token.roles


def _clearance(actor: Actor, aggregate: Aggregate, *, begins: bool) -> Clearance | None:
    """The condition of the append: nobody is excluded yet from a matter that begins with it."""
    if begins and aggregate.matters == (aggregate.id,):
        return None
    return Clearance(actor.person, aggregate.matters)


def _actor_of(token: Token) -> Actor:
    """The person who was refused, in the foremost of their roles."""
    return Actor(token.person, roles.foremost(token.roles) or "anyone", token.organ)


def _hour(instant: datetime) -> datetime:
    """The hour in which a person without an account acted, as it is told outside the vault (B53)."""
    return instant.replace(minute=0, second=0, microsecond=0)


class AuditRecord(Aggregate):
    """A short stream of its own for something that belongs to no case: a refusal, a reading, a replay."""

    kind = "AuditRecord"

    def __init__(self, id: UUID, service: str) -> None:
        super().__init__(id)
        self.service = service  # type: ignore[misc]

    def note(self, ctx: Context, name: str, **fields: str | int | tuple[str, ...]) -> None:
        self.record(ctx, self.own(name)(**fields))

    def alert(self, ctx: Context, code: str, object_: str = "", severity: Severity | None = None) -> None:
        """Tells internal supervision of what the actor did (R27, B47)."""
        fields = {"code": code, "actor": ctx.actor.person, "object": object_}
        self.note(ctx, "SecurityAlertRaised", **fields, severity=severity or severity_of(code, ctx.rule))
