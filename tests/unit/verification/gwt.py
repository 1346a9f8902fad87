"""given(events).when(command).then(events) or .refused(code): the shape of every test here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.verification.domain.case import VerificationCase
from shared.aggregate import Actor, Context, Law
from shared.command import Command
from shared.event import Event, Meta, Recorded
from shared.law.deadlines import Catalogue
from shared.law.policy import load_policy
from shared.organs.tree import OrganTree
from shared.refusal import Refusal
from tests.unit.verification.examples import LI, NOW, TOWNSHIP, fresh_case

LAW = Law(load_policy(), Catalogue.load(), OrganTree.load())


def context(
    command: type[Command] | None = None, *, person: str = LI, role: str = "", now: datetime = NOW
) -> Context:
    """The circumstances that the gate makes of a command: its rule, its duty, the actor's role."""
    gate = command.gate if command else None
    return Context(
        actor=Actor(person, role or (gate.by[0] if gate else "system"), TOWNSHIP),
        now=now,
        occurred_at=now,
        law=LAW,
        command=command.__name__ if command else "test",
        rule=gate.rule if gate else "",
        duty=gate.duty if gate else "",
    )


def replay(case: VerificationCase, *events: Event, actor: str = "system", duty: str = "") -> VerificationCase:
    """Folds events in as if they had come from the store."""
    for event in events:
        ctx = context(person=actor)
        case.apply(
            Recorded(
                originator_id=case.id,
                originator_version=case.version + 1,
                kind=case.kind,
                stream_organ=TOWNSHIP,
                event=event,
                meta=Meta(
                    occurred_at=ctx.occurred_at,
                    actor=actor,
                    role="",
                    organ=TOWNSHIP,
                    command="",
                    policy="",
                    correlation_id=UUID(int=1),
                    duty=duty,
                ),
            )
        )
    return case


def execute(case: VerificationCase, command: Command, ctx: Context) -> None:
    getattr(case, command.method)(ctx, **command.arguments())


@dataclass
class Story:
    """One sentence: given these events, when this is asked, then that is recorded or refused."""

    case: VerificationCase = field(default_factory=fresh_case)
    refusal: Refusal | None = None

    def when(self, command: Command, *, by: str = LI, role: str = "") -> Story:
        before = self.case.version
        try:
            execute(self.case, command, context(type(command), person=by, role=role))
        except Refusal as refusal:
            assert self.case.version == before, "a refused command records nothing"
            self.refusal = refusal
        return self

    def when_reacting(self, react: Callable[[VerificationCase, Context], None]) -> Story:
        react(self.case, context())
        return self

    @property
    def events(self) -> list[Event]:
        assert self.refusal is None, self.refusal
        return [r.event for r in self.case.pending_events]

    def then(self, *expected: Event | type[Event]) -> Story:
        assert len(self.events) == len(expected), self.events
        for event, wanted in zip(self.events, expected, strict=True):
            assert type(event) is wanted if isinstance(wanted, type) else event == wanted
        return self

    def in_state(self, state: str) -> Story:
        assert self.case.state == state
        assert self.case.pending_events[-1].state == state
        return self

    def refused(self, code: str, rule: str = "") -> None:
        assert self.refusal is not None, f"recorded {self.events}"
        assert self.refusal.code == code, self.refusal
        assert not rule or self.refusal.rule == rule, self.refusal


Given = Callable[..., Story]


def conflicts(command: type[Command], case: VerificationCase, person: str) -> bool:
    """Would the gate refuse this person with E_SOD_CONFLICT?"""
    return any(person in case.duties.get(duty, ()) for duty in command.gate.differs_from)


def but(command: Command, **fields: Any) -> Command:
    """The same command with other fields."""
    return type(command)(
        **{**{name: getattr(command, name) for name in type(command).model_fields}, **fields}
    )
