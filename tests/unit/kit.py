"""Given events, when a command, then events or a refusal: the one kit of all unit tests of aggregates.

    given(OPENED, PROPOSED).when(APPROVE).then(DispositionApproved).in_state("TALKING")
    given(OPENED).when(APPROVE).refused("E_STATE", "A20")

Time, actor, law and what the gate would have looked up are passed in; no server runs. Before each command
the aggregate is folded anew from its history; what it decided must be what the replay of its events knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, ClassVar, Generic, Self, TypeVar

from shared.casework.aggregate import Actor, Aggregate, Context, Law, fold
from shared.casework.command import Command
from shared.casework.preparation import Deposit, Lookup, Prepared
from shared.language import roles
from shared.language.event import Event, Numbered, Recorded
from shared.language.law.deadlines import Catalogue
from shared.language.law.policy import load_policy
from shared.language.law.working_days import SHANGHAI
from shared.language.organs.tree import OrganTree
from shared.language.refusal import Refusal, refuse

A = TypeVar("A", bound=Aggregate)
T = TypeVar("T")
LAW = Law(load_policy(), Catalogue.load(), OrganTree.load())
TOWN = "DI-990102100"
START = datetime(2022, 3, 1, 17, 0, tzinfo=SHANGHAI)
NOTHING: Prepared = {}


class Scene(Generic[A]):
    """One aggregate, the instant at which it is played, and everything that was recorded of it."""

    _unasked: ClassVar[list[Refusal]] = []
    """Refusals for which no test has asked yet."""

    def __init__(self, fresh: Callable[[], A], *, number: str = "NO-2022-000001", law: Law = LAW) -> None:
        self.fresh = fresh
        self.aggregate = fresh()
        self.number = number
        """The human number that the committer would give."""
        self.law = law
        self.now = START
        self.prepared: dict[Lookup[Any] | Deposit[Any], Any] = {}
        """The answers of the gate's lookups and deposits, whichever command asks."""
        self.history: list[Recorded] = []
        self.recorded: list[Recorded] = []
        """The events that the last `when` recorded."""
        self._refusal: Refusal | None = None

    # --- given

    def given(self, *events: Event, by: str | Actor = roles.SYSTEM, duty: str = "") -> Self:
        """These events have happened, in this order; no guard is asked."""
        self._expect_no_refusal()
        for event in events:
            actor = by if isinstance(by, Actor) else Actor(by, roles.SYSTEM, self.aggregate.organ or TOWN)
            aggregate = self.replayed()
            aggregate.record(self.context(actor, duty=duty), event)
            self._keep(aggregate)
        self.recorded = []
        return self

    def at(self, moment: datetime | date | str) -> Self:
        """The clock stands at this instant, or at noon of this day."""
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment) if "T" in moment else date.fromisoformat(moment)
        self.now = moment if isinstance(moment, datetime) else datetime.combine(moment, time(12), SHANGHAI)
        return self

    def knowing(self, named: Lookup[T] | Deposit[T], answer: T) -> Self:
        """Sets what is looked up or deposited from now on for a command that declares it."""
        self.prepared[named] = answer
        return self

    # --- when

    def when(self, command: Command, by: str | Actor = "", role: str = "") -> Self:
        """Gives a command. If nobody is named, somebody gives it who may."""
        actor = self._actor(type(command), by, role)
        gate = type(command).gate
        given = {named: self.prepared[named] for named in gate.prepared}
        ctx = self.context(actor, type(command).__name__, gate.rule, gate.duty, given)

        def decide(aggregate: A) -> None:
            check_actor(type(command), aggregate, actor, self.law)
            aggregate.check_open(ctx)
            getattr(aggregate, command.method)(ctx, **command.arguments())

        return self._decide(decide)

    def when_told(self, reaction: Callable[[A, Context], None], rule: str = "") -> Self:
        """Another service's event came in: calls what the reaction would call."""
        ctx = self.context(Actor(roles.SYSTEM, roles.SYSTEM, self.aggregate.organ or TOWN), rule=rule)
        return self._decide(lambda aggregate: reaction(aggregate, ctx))

    def context(
        self, actor: Actor, command: str = "test", rule: str = "", duty: str = "", given: Prepared = NOTHING
    ) -> Context:
        """The circumstances that the gate makes of a command."""
        return Context(
            actor=actor,
            now=self.now,
            occurred_at=self.now,
            law=self.law,
            command=command,
            rule=rule,
            duty=duty,
            prepared=given,
        )

    # --- then

    @property
    def events(self) -> list[Event]:
        """The events that the last `when` recorded; fails if it was refused."""
        self._expect_no_refusal()
        return [r.event for r in self.recorded]

    def then(self, *expected: Event | type[Event] | str) -> Self:
        """Exactly these events were recorded: by value, by class or by name."""
        events = self.events
        assert len(events) == len(expected), events
        for event, wanted in zip(events, expected, strict=True):
            if isinstance(wanted, str):
                assert type(event).__name__ == wanted, event
            else:
                assert type(event) is wanted if isinstance(wanted, type) else event == wanted, event
        return self

    def in_state(self, state: str) -> Self:
        self._expect_no_refusal()
        assert self.aggregate.state == state
        assert not self.recorded or self.recorded[-1].state == state
        return self

    def refused(self, code: str, rule: str = "") -> Refusal:
        """The last `when` was refused with this code and rule; the scene goes on as if nobody had asked."""
        refusal, self._refusal = self._refusal, None
        assert refusal is not None, f"recorded {self.events}"
        self._unasked.remove(refusal)
        assert refusal.code == code, (refusal, refusal.details)
        assert not rule or refusal.rule == rule, refusal
        return refusal

    def was_refused(self) -> bool:
        """True if the last `when` was refused, for any reason: for histories by chance."""
        if self._refusal is None:
            return False
        self.refused(self._refusal.code)
        return True

    @property
    def started(self) -> dict[str, str]:
        """The deadlines that the last `when` started, with their last days."""
        self._expect_no_refusal()
        return {d.id: d.due for r in self.recorded for d in r.meta.deadlines}

    @property
    def met(self) -> set[str]:
        """The deadlines that the last `when` met."""
        self._expect_no_refusal()
        return {id for r in self.recorded for id in r.meta.deadlines_met}

    def last(self, name: str) -> Any:
        """The last event of that name."""
        return next(r.event for r in reversed(self.history) if r.type == name)

    def due(self, name: str, deadline: str) -> str:
        """The last day of a deadline that the last event of that name started."""
        recorded = next(r for r in reversed(self.history) if r.type == name)
        return next(d.due for d in recorded.meta.deadlines if d.id == deadline)

    def replayed(self) -> A:
        return fold(self.fresh(), self.history)

    # --- behind the scene

    def _actor(self, command: type[Command], by: str | Actor, role: str) -> Actor:
        if isinstance(by, Actor):
            return by
        gate = command.gate
        organ = gate.organ(self.aggregate, self.law) if gate.organ else ""
        role = role or (gate.by[0] if gate.by else "anyone")
        return Actor(by or f"p-{role}", role, organ or self.aggregate.organ or TOWN)

    def _decide(self, decide: Callable[[A], None]) -> Self:
        self._expect_no_refusal()
        aggregate = self.replayed()
        try:
            decide(aggregate)
        except Refusal as refusal:
            assert not aggregate.pending_events, "a refused command records nothing"
            assert known(aggregate) == known(self.aggregate), "a refused command changes nothing"
            self._refusal = refusal
            self._unasked.append(refusal)
            self.recorded = []
        else:
            self.recorded = self._keep(aggregate)
        return self

    def _keep(self, aggregate: A) -> list[Recorded]:
        """Takes over what was recorded, numbered as by the committer and read as from the store."""
        events = [
            r.numbered(self.number) if isinstance(r.event, Numbered) and not r.event.number else r
            for r in aggregate.collect_events()
        ]
        for event in (r.event for r in events):
            assert type(event).model_validate_json(event.model_dump_json()) == event
        for recorded in events:
            self.aggregate.apply(recorded)
        aggregate.number = self.aggregate.number
        assert known(self.aggregate) == known(aggregate), "the replay differs from what was decided"
        self.history += events
        return events

    def _expect_no_refusal(self) -> None:
        if self._refusal is not None:
            raise AssertionError(f"refused: {self._refusal} {self._refusal.details}") from self._refusal


Changes = dict[type[Event], dict[str, Any]]
"""Fields that differ in events of a past, by the event's class."""


def changed(events: Sequence[Event], changes: Changes) -> tuple[Event, ...]:
    """The same past with other fields in some events."""
    return tuple(event.model_copy(update=changes.get(type(event), {})) for event in events)


@dataclass(frozen=True)
class Row:
    """A row of a state machine: a command, the states in which it is carried out, and the past it needs."""

    command: Command
    states: frozenset[str]
    to: str | Mapping[str, str] = ""
    """The state that it leads to, by the state before where that matters; empty: it stays."""
    past: Changes = field(default_factory=dict)
    without: tuple[type[Event], ...] = ()
    then: tuple[Event, ...] = ()
    """Events that have happened besides, and changed no state."""
    by: str | Actor = ""
    role: str = ""
    knowing: Prepared = field(default_factory=dict)
    """Answers of lookups and deposits that differ from those of the scene."""
    first: Mapping[str, str] = field(default_factory=dict)
    """The code, by state, for states in which a rule answers before the state is asked."""

    @property
    def name(self) -> str:
        return type(self.command).__name__

    def before(self, history: Sequence[Event]) -> tuple[Event, ...]:
        kept = [event for event in history if not isinstance(event, self.without)]
        return (*changed(kept, self.past), *self.then)

    def must_hold(self, scene: Scene[Any], state: str) -> None:
        """Gives the command: it is carried out in its states, and refused everywhere else."""
        scene.prepared |= self.knowing
        scene.in_state(state).when(self.command, by=self.by, role=self.role)
        if state not in self.states:
            scene.refused(self.first.get(state, "E_STATE"))
            return
        assert scene.events
        scene.in_state((self.to if isinstance(self.to, str) else self.to.get(state, "")) or state)


def row(command: Command, *states: str, **how: Any) -> Row:
    return Row(command, frozenset(states), **how)


@contextmanager
def every_refusal_asked_for() -> Iterator[None]:
    """Fails where a `when` was refused and the test did not say so."""
    Scene._unasked.clear()
    yield
    assert not Scene._unasked, [(str(r), r.details) for r in Scene._unasked]


def check_actor(command: type[Command], aggregate: Aggregate, actor: Actor, law: Law = LAW) -> None:
    """Does the gate's checks of the actor: organ, role, recusal and separation of duties, in this order. The
    tests of the gate hold it to who may see a case at all."""
    gate = command.gate
    if gate.anyone:
        return
    if actor.role not in roles.OUTSIDE and gate.organ is not None:
        required = gate.organ(aggregate, law)
        if required and actor.organ != required:
            refuse(gate.wrong_organ, gate.rule)
    if actor.role not in gate.by:
        refuse("E_FORBIDDEN_ROLE", gate.rule)
    if actor.person in aggregate.excluded:
        refuse("E_RECUSAL", "A48")
    if any(actor.person in aggregate.duties.get(duty, ()) for duty in gate.differs_from):
        refuse("E_SOD_CONFLICT", gate.rule)


def known(aggregate: Aggregate) -> dict[str, Any]:
    """Everything that decisions depend on."""
    return {k: v for k, v in vars(aggregate).items() if not k.startswith("_")}


def but(command: Command, **fields: Any) -> Command:
    """The same command with other fields."""
    same = {name: getattr(command, name) for name in type(command).model_fields}
    return type(command)(**{**same, **fields})


def named(commands: Sequence[type[Command]], name: str) -> type[Command]:
    """One of a service's commands, by its name: those that every case has are made at import."""
    return next(command for command in commands if command.__name__ == name)
