"""What every case has: who may know of it, who steps aside (domain.md §6.3, A48)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from shared.aggregate import Aggregate, Context
from shared.contracts.common import AssignmentEnded, AssignmentStarted, RecusalDeclared
from shared.event import Event, Meta, event_class
from shared.refusal import refuse
from shared.security.roles import CLARIFICATION_APPROVER, UNIT_CONTACT


class Case(Aggregate):
    """An aggregate that people are assigned to. Commands of all services include these three.

    Whoever acts on a case that he opened himself is assigned by that act (`assigns_actor`).
    """

    tells_unit: ClassVar[bool] = False

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.recused_before: set[str] = set()
        """Of the recused, those who stepped aside in another service's case (SD10)."""

    def own(self, name: str) -> type[Event]:
        """This service's own class of a common event."""
        cls = event_class(f"{self.service}.{name}")
        assert cls is not None
        return cls

    def assign_to_case(self, ctx: Context, person: str, role: str) -> None:
        self._may_assign(ctx, role)
        if person == getattr(self, "subject_account", ""):
            refuse("E_RECUSAL", "A48", person=person)
        if self.version == 0 or role in self.assigned.get(person, ()):
            refuse("E_STATE", "§6.3", person=person)
        self.check_not_recused([person])
        self.record(ctx, self.own("AssignmentStarted")(person=person, role=role))

    def end_assignment(self, ctx: Context, person: str, role: str, reason: str) -> None:
        self._may_assign(ctx, role)
        if role not in self.assigned.get(person, ()):
            refuse("E_STATE", "§6.3", person=person)
        self.record(ctx, self.own("AssignmentEnded")(person=person, role=role, reason=reason))

    def _may_assign(self, ctx: Context, role: str) -> None:
        """§5.4: the organ that owns the case assigns its people; from above, the organ that must approve
        a clarification names its own approver and nobody else. The unit is told of revisits only."""
        if role == UNIT_CONTACT and not self.tells_unit:
            refuse("E_SCHEMA", "§6.3", field="role")
        if ctx.actor.organ == self.organ:
            return
        approving = ctx.law.organs.clarification_approving_organ(self.organ).code
        if ctx.actor.organ != approving or role != CLARIFICATION_APPROVER:
            refuse("E_JURISDICTION", "§5.4")

    def declare_recusal(self, ctx: Context, ground: str) -> None:
        declared = self.own("RecusalDeclared")
        self.record(ctx, declared(person=ctx.actor.person, ground=ground, **self.recusal_reach()))

    def recusal_reach(self) -> dict[str, Any]:
        """What the next service finds its own cases by, when somebody steps aside from this one (SD10)."""
        return {}

    def take_over_recusals(self, ctx: Context, people: Iterable[str], origin: str, ground: str = "") -> None:
        """SD10: who stepped aside from a case has stepped aside from what follows from it. Told twice, it
        changes nothing. Recorded as this case's own event, it travels on by itself."""
        for person in people:
            if person not in self.recused:
                declared = self.own("RecusalDeclared")
                self.record(
                    ctx, declared(person=person, ground=ground, origin=origin, **self.recusal_reach())
                )

    def check_not_recused(self, people: Iterable[str]) -> None:
        """Refuses to send or assign anybody who stepped aside, here (A48) or in a case before (SD10)."""
        if recused := self.recused.intersection(people):
            refuse("E_RECUSAL", "SD10" if recused <= self.recused_before else "A48", people=sorted(recused))

    def on_assignment_started(self, event: AssignmentStarted, meta: Meta) -> None:
        self.assigned.setdefault(event.person, set()).add(event.role)

    def on_assignment_ended(self, event: AssignmentEnded, meta: Meta) -> None:
        self.assigned.get(event.person, set()).discard(event.role)

    def on_recusal_declared(self, event: RecusalDeclared, meta: Meta) -> None:
        self.recused.add(event.person)
        if event.origin:
            self.recused_before.add(event.person)
        self.assigned.pop(event.person, None)
