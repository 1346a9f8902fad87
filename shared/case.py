"""What every case has: who may know of it, who steps aside (domain.md §6.3, A48)."""

from __future__ import annotations

from typing import ClassVar

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
        if person in self.recused:
            refuse("E_RECUSAL", "A48", person=person)
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
        self.record(ctx, self.own("RecusalDeclared")(person=ctx.actor.person, ground=ground))

    def on_assignment_started(self, event: AssignmentStarted, meta: Meta) -> None:
        self.assigned.setdefault(event.person, set()).add(event.role)

    def on_assignment_ended(self, event: AssignmentEnded, meta: Meta) -> None:
        self.assigned.get(event.person, set()).discard(event.role)

    def on_recusal_declared(self, event: RecusalDeclared, meta: Meta) -> None:
        self.recused.add(event.person)
        self.assigned.pop(event.person, None)
