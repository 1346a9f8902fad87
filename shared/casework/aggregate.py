"""The grammar of the domain: an aggregate decides in methods and changes only in its apply step.

A method carries the name of its command in snake case, takes the context and the command's
fields, refuses or records; `on_<event>` mutates and never refuses, so that a rule that was
tightened later leaves every old stream loadable. Satisfies the eventsourcing library's
`MutableAggregateProtocol` and `CollectEventsProtocol`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, wraps
from typing import Any, ClassVar, Concatenate, NamedTuple, ParamSpec, Protocol, Self, TypeVar, cast
from uuid import UUID

from shared.casework.preparation import Deposit, Lookup, Prepared, Undeclared
from shared.casework.rehearsal import Rehearsed
from shared.kernel.effect import Effect
from shared.language.contracts.common import Accused, DeadlineRecomputed
from shared.language.event import (
    DeadlineSet,
    Event,
    Meta,
    Numbered,
    OfOrgan,
    Recorded,
    event_class,
    event_classes,
)
from shared.language.frozen import frozen
from shared.language.law.deadlines import Catalogue, Deadline, Lengths
from shared.language.law.policy import Policy
from shared.language.law.working_days import FIRST_DAY, Due, add_working_days, local_date, may_have_moved
from shared.language.organs.tree import OrganTree
from shared.language.refusal import refuse
from shared.language.roles import CASEWORK, DEPUTY_LEADER, PETITION, PETITION_HEAD

STANDING_IN = "DL-34"
"""The clock for who stands in, by role or by escalated step."""
OPENERS_OUT = frozenset({PETITION_HEAD, DEPUTY_LEADER})
"""The roles without which nobody of an organ assigns anybody to an envelope (B4)."""
P = ParamSpec("P")
A = TypeVar("A", bound="Aggregate")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or service account) acting in one role of one organ."""

    person: str
    role: str
    organ: str


class Act(NamedTuple):
    """A step that somebody has taken in a case."""

    event: int
    """The number in the case."""
    step: str
    """The command."""
    person: str
    role: str
    at: datetime
    """The instant at which it was recorded."""


class Register(Protocol):
    """The register of exclusions, by the matters of whoever asks (B2)."""

    def of(self, matters: Iterable[UUID]) -> frozenset[str]: ...
    def roles_of(self, matters: Iterable[UUID]) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Law:
    """The measures of a decision: policy in force, deadline catalogue, organ tree."""

    policy: Policy
    deadlines: Catalogue
    organs: OrganTree


@frozen
class Context:
    """The circumstances of one command or reaction, passed in: the domain has no clock and no I/O."""

    actor: Actor
    now: datetime
    occurred_at: datetime
    law: Law
    command: str
    rule: str = ""
    duty: str = ""
    assigns: bool = False
    """True assigns the actor to the case that they open, by its opening event itself (§6.3)."""
    correlation_id: UUID | None = None
    matters: tuple[UUID, ...] = ()
    """The matters of what is opened by it; none where it opens a matter of its own (B1)."""
    command_id: UUID | None = None
    attempt: UUID | None = None
    """Id of this very command, body included. A deposit made before the decision is named by it, so a command
    that was refused and is sent again with another body finds no deposit of the first (R29)."""
    causation_id: UUID | None = None
    legal_basis: tuple[dict[str, str], ...] = ()
    trace_id: str = ""
    prepared: Prepared = field(default_factory=dict)
    """The answers of the lookups and deposits that the command declares; `found` and `deposited` ask."""
    effects: list[Effect] = field(default_factory=list)
    """Messages to the outside, stored in the transaction of the events."""

    def found(self, lookup: Lookup[T]) -> T:
        """The answer of a lookup that was made for the command. Raises Undeclared."""
        return cast(T, self._of(lookup))

    def deposited(self, deposit: Deposit[T]) -> T:
        """The answer of a deposit that was made for the command. Raises Undeclared."""
        return cast(T, self._of(deposit))

    def _of(self, named: Lookup[Any] | Deposit[Any]) -> Any:
        try:
            return self.prepared[named]
        except KeyError:
            raise Undeclared(f"{self.command} does not declare {named}") from None

    def check_past(self, told: datetime | date, field: str, rule: str = "§0.5") -> None:
        """Refuses an instant or day that is later than the act which tells of it (B40)."""
        at, now = (
            (self.occurred_at, self.now)
            if isinstance(told, datetime)
            else (local_date(self.occurred_at), local_date(self.now))
        )
        if told > now:
            refuse("E_SCHEMA", rule, field=field, reason="in the future")
        if told > at:
            refuse("E_SCHEMA", rule, field=field, reason="after Occurred-At")


@cache
def snake(name: str) -> str:
    """`ApproveClarification` -> `approve_clarification`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


_STATES: dict[Any, tuple[str, ...]] = {}


def states_of(method: Any) -> tuple[str, ...]:
    """The states that `allowed_in` names for a method; empty where it may act in any."""
    return _STATES.get(method, ())


def allowed_in(
    *states: str,
) -> Callable[[Callable[Concatenate[A, P], R]], Callable[Concatenate[A, P], R]]:
    """Names the states in which a command may record anything. They are checked at its first event, so
    E_STATE comes last."""

    def decorate(method: Callable[Concatenate[A, P], R]) -> Callable[Concatenate[A, P], R]:
        @wraps(method)
        def guarded(self: A, *args: P.args, **kwargs: P.kwargs) -> R:
            self._allowed = states
            try:
                return method(self, *args, **kwargs)
            finally:
                self._allowed = None

        _STATES[guarded] = states
        return guarded  # type: ignore[return-value] # wraps() keeps the name `self`

    return decorate


class Aggregate:
    """A stream of events folded into what its decisions need."""

    kind: ClassVar[str]
    plural: ClassVar[str]
    """Name of its cases in paths: `/v1/<plural>/{id}`."""
    service: ClassVar[str]
    unopened: ClassVar[frozenset[str]] = frozenset()
    """States in which only the petition department of its own organ knows of a case (§4.1 note a)."""
    openers: ClassVar[frozenset[str]] = frozenset(PETITION)
    """Roles of its own organ that may assign people to a case in an `unopened` state; lists show it to
    petition staff."""
    sealed: ClassVar[frozenset[str]] = frozenset()
    """States in which nobody knows of a case but the people assigned to it (A14, A15)."""
    kept_within: ClassVar[bool] = False
    """True keeps its cases in the lists of their own organ, out of those of every superior."""
    ended: ClassVar[frozenset[str]] = frozenset()
    """States in which nothing is owed any more."""
    at_rest: ClassVar[frozenset[str]] = frozenset()
    """Ended states in which no clock runs any more, also none of those that outlast other ends."""
    collects: ClassVar[bool] = False
    """True for what tells of many cases: each of its events names the matters of those that it tells of, and
    it belongs to none of them itself (B1)."""
    reviewed_above: ClassVar[frozenset[str]] = frozenset()
    """States in which a `kept_within` case is still listed for the next higher organ, which reviews it."""

    _handlers: ClassVar[dict[str, Callable[[Any, Event, Meta], None]]] = {}
    """The `on_<event>` methods by the event's name."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Finds the `on_<event>` methods, inherited ones included. One that no event of the service bears
        would never run: it fails here, at import."""
        super().__init_subclass__(**kwargs)
        methods = {name: getattr(cls, name) for name in dir(cls) if name.startswith("on_")}
        if not hasattr(cls, "kind") or not methods:
            return
        events = {"on_" + snake(event.__name__): event.__name__ for event in event_classes(cls.service)}
        if lost := methods.keys() - events.keys():
            raise TypeError(f"{cls.__name__}: no event of {cls.service} for {', '.join(sorted(lost))}")
        cls._handlers = {events[name]: method for name, method in methods.items()}

    def __init__(self, id: UUID) -> None:
        self.id = id
        self.version = 0
        self.state = ""
        self.organ = ""
        self.number = ""
        self.correlation_id: UUID | None = None
        self.duties: dict[str, set[str]] = {}
        self.assigned: dict[str, set[str]] = {}
        self.matters: tuple[UUID, ...] = ()
        """The matters that it belongs to (B1): the first letters from which it grew, several where it joins
        them."""
        self.excluded: set[str] = set()
        """People excluded from one of its matters, wherever that was decided (B2)."""
        self.were_assigned: dict[str, set[str]] = {}
        """The excluded who had worked on it, with their roles: they may be told that they are out, it is no
        news to them."""
        self.roles_out: set[str] = set()
        """Roles in which somebody is out of its matters (B4)."""
        self.acting: dict[str, str] = {}
        """The organ that takes a step, of those that were escalated (B5)."""
        self.addressees: set[str] = set()
        """Organs below that this was sent to: they may see it although a superior owns it (§5.4)."""
        self.consulted: set[str] = set()
        """Organs beside its own that are asked for a word on it, and see nothing else of it (B17)."""
        self.kept_from: set[str] = set()
        """People for whom this does not exist, whatever their rank: those whom a report is about (A33)."""
        self.subject_account = ""
        """The account of the person whom it is about, where they take part by one of their own."""
        self.watched_by = ""
        """The organ whose internal supervision hears of every attempt at what is sealed (A15)."""
        self.created_on: datetime | None = None
        self.modified_on: datetime | None = None
        self.entered: list[tuple[str, datetime]] = []
        """The states that it went through, in order, each with the instant at which it was reached."""
        self.taken: dict[str, int] = {}
        """The commands that brought it to where it stands, each with the length of its path then."""
        self.path: list[str] = []
        """The states that lie behind it, up to the present one; a return cuts it, and what was done since."""
        self.clocks: dict[str, DeadlineSet] = {}
        """Every deadline as it was last counted, by its id."""
        self.stopped: set[str] = set()
        """Ids of the deadlines that are met."""
        self._composed_texts: tuple[str, ...] = ()
        self._pending: list[Recorded] = []
        self._allowed: tuple[str, ...] | None = None
        self._rehearsed = False

    @property
    def working_organs(self) -> frozenset[str]:
        """The organ that owns it, and those above to which the work of a role was escalated (B5)."""
        return frozenset({self.organ, *(organ for step, organ in self.acting.items() if step in CASEWORK)})

    def deciders(self, step: str) -> Set[str]:
        """The roles that may take a step as the case stands, where not all to which it belongs may."""
        return CASEWORK

    def note_step_taken(self, ctx: Context, step: str) -> None:
        """Notes that an escalated step was taken up, where its command shows that first."""

    @property
    def in_question(self) -> tuple[Act, ...]:
        """The earlier steps of people excluded since that nobody has confirmed yet (B3)."""
        return ()

    @property
    def running(self) -> Set[str]:
        """Ids of the deadlines that run."""
        return self.clocks.keys() - self.stopped

    @property
    def pending_events(self) -> Sequence[Recorded]:
        return tuple(self._pending)

    @property
    def composed_texts(self) -> tuple[str, ...]:
        """Texts that the command's method put together; screened like those that were typed."""
        return self._composed_texts

    @property
    def rests_on(self) -> Sequence[str]:
        """Ids of the complaints that it rests on: no text in it may name their reporters (SEC-12)."""
        return ()

    @property
    def listed_now(self) -> Sequence[Accused]:
        """The accused, with those whom the present command lists: no record knows them yet (B48)."""
        return ()

    @property
    def opened_by(self) -> frozenset[str]:
        """The roles of its own organ that may assign people while it is unopened (B4): its openers, and once
        the head of the petition department is out, the deputy leader."""
        return self.openers | {DEPUTY_LEADER} if PETITION_HEAD in self.roles_out else self.openers

    @property
    def opens_above(self) -> bool:
        """True if the head of the petition department of the next organ above opens it: both the head of the
        own one and the deputy leader are out (B4)."""
        return self.state in self.unopened and self.roles_out.issuperset(OPENERS_OUT)

    def collect_events(self) -> Sequence[Recorded]:
        """Hands over the events recorded since the last call."""
        events, self._pending = self._pending, []
        return events

    def own(self, name: str) -> type[Event]:
        """The service's own class of a common event."""
        cls = event_class(f"{self.service}.{name}")
        assert cls is not None, name
        return cls

    def check_state(self, ctx: Context, allowed: Sequence[str]) -> None:
        """Refuses what the present state does not allow; where none is named, every state will do."""
        if allowed and self.state not in allowed:
            refuse("E_STATE", ctx.rule, state=self.state, allowed=list(allowed))

    def rehearsing(self) -> Self:
        """The same case, to ask what its methods would do: they stop at their first event with `Rehearsed`,
        so nothing is recorded and nothing here changes."""
        asked = copy(self)
        asked._rehearsed = True
        return asked

    def check_open(self, ctx: Context) -> None:
        """Refuses a command that this case takes from nobody as it stands, before anything is looked up for
        it."""

    def possible_since(self, states: Sequence[str]) -> datetime | None:
        """The instant since which it has been in one of these states without a break; that of its beginning
        where no states are given.

        Nothing that presupposes them can have happened before (B40). None where it is in none of them.
        """
        if not states:
            return self.created_on
        since = None
        for state, at in reversed(self.entered):
            if state not in states:
                break
            since = at
        return since

    def follow(self, case: Aggregate) -> None:
        """Makes what is opened over a case belong to its matters (B1), on the same correlation."""
        self.correlation_id, self.matters = case.correlation_id, case.matters
        self.keep_out(case.excluded)

    def ask_register(self, register: Register) -> None:
        """Takes over who is excluded from its matters, wherever that was decided (B2)."""
        if people := register.of(self.matters):
            self.keep_out(people)
            self.roles_out |= register.roles_of(self.matters)

    def keep_out(self, people: Set[str]) -> None:
        """Excludes people, and ends their need to know of this."""
        self.excluded |= people
        for person in people:
            if held := self.assigned.pop(person, None):
                self.were_assigned[person] = held

    def record(
        self,
        ctx: Context,
        event: Event,
        *,
        links: Sequence[str] = (),
        joins: Sequence[UUID] = (),
    ) -> None:
        """Adds an event to the stream and applies it. From it on, the stream belongs to the matters too that
        it `joins` (B1). Refuses with E_STATE where the command's
        `allowed_in` does not name the present state (asked once, at the command's first event)."""
        if self._allowed is not None:
            self.check_state(ctx, self._allowed)
            self._allowed = None
        if self._rehearsed:
            raise Rehearsed
        recorded = Recorded(
            originator_id=self.id,
            originator_version=self.version + 1,
            kind=self.kind,
            stream_organ=self.organ or (isinstance(event, OfOrgan) and event.organ) or ctx.actor.organ,
            event=event,
            state=event.leads_to() or self.state,
            meta=Meta(
                occurred_at=ctx.occurred_at,
                actor=ctx.actor.person,
                role=ctx.actor.role,
                organ=ctx.actor.organ,
                command=ctx.command,
                policy=ctx.law.policy.label,
                correlation_id=self.correlation_id or ctx.correlation_id or self.id,
                matters=self._matters_with(ctx, joins),
                rule=ctx.rule,
                duty=ctx.duty,
                command_id=ctx.command_id,
                causation_id=ctx.causation_id,
                links=tuple(links),
                legal_basis=ctx.legal_basis,
                deadlines=self._deadlines_started(ctx, event),
                deadlines_met=self._deadlines_met(ctx, event),
                assigns=ctx.assigns and self.version == 0,
                trace_id=ctx.trace_id,
            ),
        )
        self.apply(recorded)
        self._pending.append(recorded)

    def _matters_with(self, ctx: Context, joins: Sequence[UUID]) -> tuple[UUID, ...]:
        if not joins:
            return self.matters or ctx.matters or (self.id,)
        return tuple(dict.fromkeys((*(self.matters or ctx.matters), *joins)))

    def recompute_deadlines(self, ctx: Context) -> None:
        """Counts due days anew (§8.7): those that were provisional, by the calendar that is known now, and
        those that were counted by days that were changed since. A deadline that has not moved and is no more
        certain than before leaves no record."""
        running = [c for id, c in self.clocks.items() if id not in self.stopped and c.working_days]
        for counted in running:
            since, told = date.fromisoformat(counted.since), date.fromisoformat(counted.due)
            if not (counted.provisional or may_have_moved(since, told)):
                continue
            due = _counted_anew(ctx, counted)
            if due.date != told or counted.provisional != due.provisional:
                recomputed = self.own("DeadlineRecomputed")
                self.record(ctx, recomputed(deadline=counted.id, was=counted.due, due=due.date.isoformat()))

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """The conditions of the catalogue that hold here (DL-01 runs for `real_name` complaints only)."""
        return frozenset()

    def meets(self, deadline: str, event: Event) -> bool:
        """True if this one event ends a deadline that events of its kind may end."""
        return True

    def ends_beside(self, event: Event) -> Set[str]:
        """Ids of running deadlines that an event ends besides those that the catalogue names for it."""
        return frozenset()

    def _deadlines_met(self, ctx: Context, event: Event) -> tuple[str, ...]:
        """The deadlines that an event ends; one that has a key only where it runs. With the case itself it
        ends that somebody stands in; with what is at rest, every clock."""
        ends = ctx.law.deadlines.satisfied_by(self.service, type(event).__name__)
        met = [_keyed(id, event) for id in ends if self.meets(id, event)]
        met += sorted(self.ends_beside(event))
        if event.leads_to() in self.at_rest:
            met = sorted({*met, *self.running})
        elif event.leads_to() in self.ended:
            met += sorted(id for id in self.running if id.startswith(f"{STANDING_IN}#"))
        return tuple(id for id in met if "#" not in id or id in self.running)

    def _deadlines_started(self, ctx: Context, event: Event) -> tuple[DeadlineSet, ...]:
        """The deadlines that an event starts, with their due dates, fixed under the policy of that day (R54).
        An event may know better (`Event.timing`). Extending a deadline starts it anew, from its old first
        day. A deadline that runs from the same first day as before is the same clock, and keeps its law
        (B52)."""
        if isinstance(event, DeadlineRecomputed):
            counted, deadline = self.clocks[event.deadline], _row(ctx, event.deadline)
            anew = _counted_anew(ctx, counted)
            since = date.fromisoformat(counted.since)
            return (_deadline_set(ctx, deadline, counted.id, since, anew, _lengths_of(counted)),)
        started: list[DeadlineSet] = []
        catalogue, name = ctx.law.deadlines, type(event).__name__
        extended = catalogue.extended_by(self.service, name)
        candidates = (*catalogue.started_by(self.service, name), *map(catalogue.get, extended))
        if not candidates:
            return ()
        holds, timing = self.deadline_conditions(event), event.timing()
        for deadline in candidates:
            if not holds.issuperset(deadline.when):
                continue
            longer = deadline.id in extended or timing.extended
            id, first = _keyed(deadline.id, event), timing.due or timing.begins or local_date(ctx.occurred_at)
            before = self.clocks.get(id)
            same = before is not None and before.since == first.isoformat()
            lengths = _lengths_of(before) if before and same else deadline.lengths(ctx.law.policy)
            due = deadline.due_from(first, lengths, extended=longer)
            if due.provisional and first < FIRST_DAY and ctx.causation_id is None:
                # Such a year will never have its calendar: a day of it is exact, or nobody is told one.
                # An event that follows from events that are there is not held up by it.
                refuse("E_CALENDAR_UNAVAILABLE", "§8.7", due=due.date.isoformat())
            started.append(_deadline_set(ctx, deadline, id, first, due, lengths))
        return tuple(started)

    def apply(self, recorded: Recorded) -> None:
        """Folds one event in. Never refuses."""
        if self.version == 0:
            self.created_on = recorded.meta.occurred_at
            self.correlation_id = recorded.meta.correlation_id
            self.organ = recorded.stream_organ
        self.version = recorded.originator_version
        if not self.collects:
            self.matters = recorded.meta.matters or self.matters
        if not isinstance(recorded.event, DeadlineRecomputed):
            # That is nobody's act: a paper letter that is told late may lie before it, as before others.
            occurred = recorded.meta.occurred_at
            self.modified_on = max(self.modified_on or occurred, occurred)
        if recorded.meta.duty:
            self.duties.setdefault(recorded.meta.duty, set()).add(recorded.meta.actor)
        if recorded.event.numbered:
            assert isinstance(recorded.event, Numbered)
            self.number = recorded.event.number or self.number
        self.taken[recorded.meta.command] = len(self.path)
        if state := recorded.event.leads_to():
            if state in self.path:
                first = self.path.index(state)
                self.taken = {command: n for command, n in self.taken.items() if n <= first}
                del self.path[first:]
            self.path.append(state)
            self.state = state
            self.entered.append((state, recorded.meta.occurred_at))
        self.stopped.update(recorded.meta.deadlines_met)
        for started in recorded.meta.deadlines:
            self.clocks[started.id] = replace(started, policy=started.policy or recorded.meta.policy)
            self.stopped.discard(started.id)
        if handler := self._handlers.get(recorded.type):
            handler(self, recorded.event, recorded.meta)


def _deadline_set(
    ctx: Context, deadline: Deadline, id: str, first: date, due: Due, lengths: Lengths
) -> DeadlineSet:
    """The record of a deadline that the event starts."""
    return DeadlineSet(
        id=id,
        due=due.date.isoformat(),
        remind_on=deadline.remind_on(due, ctx.law.policy).isoformat(),
        provisional=due.provisional,
        since=(due.since or first).isoformat(),
        working_days=due.working_days,
        length=lengths.length,
        extension=lengths.extension,
        policy="" if lengths.policy == ctx.law.policy.label else lengths.policy,
    )


def _lengths_of(counted: DeadlineSet) -> Lengths:
    """The law of a clock that has begun."""
    return Lengths(counted.length, counted.extension, counted.policy)


def _counted_anew(ctx: Context, counted: DeadlineSet) -> Due:
    """The day by the calendar that is known now. A last day that was told to the subject as theirs stays
    theirs."""
    due = add_working_days(date.fromisoformat(counted.since), counted.working_days)
    told = date.fromisoformat(counted.due)
    if due.date < told and _row(ctx, counted.id).owner == "subject":
        return replace(due, date=told)
    return due


def _row(ctx: Context, id: str) -> Deadline:
    """The catalogue's row of a deadline, by its id with or without a key."""
    return ctx.law.deadlines.get(id.partition("#")[0])


def _keyed(deadline_id: str, event: Event) -> str:
    key = event.timing().key
    return f"{deadline_id}#{key}" if key else deadline_id


def fold(aggregate: A, history: Sequence[Recorded]) -> A:
    """Replays a history into a fresh aggregate."""
    for recorded in history:
        aggregate.apply(recorded)
    return aggregate
