"""Two organs each hold the other competent; their common superior decides, in knowledge (A9, B17)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import ComplaintPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.intake import (
    ComplaintSentLateral,
    ComplaintTakenUp,
    DisputeAnswered,
    JurisdictionAssigned,
    JurisdictionDisputed,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse
from shared.language.roles import ORGAN_HEAD, PETITION_HEAD

JUDGES = frozenset({PETITION_HEAD, ORGAN_HEAD})
"""Roles in which an organ speaks in a dispute, and in which the common superior decides it."""


class Disputing(ComplaintPhase):
    """A complaint whose competent organ is disputed: nothing is done with it until that is decided."""

    @allowed_in("REGISTERED")
    def dispute_jurisdiction(self, ctx: Context, with_organ: str, reason: str) -> None:
        """A9: two organs each hold the other competent; their common superior decides. An organ that was told
        by a superior is competent by that."""
        self.check_not_told()
        self.check_undisputed()
        superior = self._common_superior(ctx, with_organ)
        if superior is None:
            refuse("E_SCHEMA", "A9", field="with_organ")
        if self.state == "REGISTERED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        self._check_not_their_own(ctx, with_organ, field="with_organ")
        self.record(ctx, JurisdictionDisputed(with_organ=with_organ, decided_by=superior, reason=reason))

    @allowed_in("REGISTERED")
    def answer_dispute(self, ctx: Context, opinion: str) -> None:
        """B17: the other organ says, once, why it is not competent either."""
        if not self.disputed_with:
            refuse("E_STATE", "B17", missing="JurisdictionDisputed")
        if self.disputed_with in self.dispute_opinions:
            refuse("E_STATE", "B17", done="AnswerDispute")
        self.record(ctx, DisputeAnswered(opinion=opinion))

    @allowed_in("REGISTERED")
    def assign_jurisdiction(self, ctx: Context, to_organ: str, reason: str) -> None:
        """A9, B17: the common superior names one of the two, or itself, and whom it names is competent by
        that. It knows both opinions; that of an organ which keeps silent it awaits as long as the clock
        runs."""
        if not self.disputed_with:
            refuse("E_STATE", "A9", missing="JurisdictionDisputed")
        if to_organ not in (allowed := [self.organ, self.disputed_with, self.decided_by]):
            refuse("E_SCHEMA", "A9", field="to_organ", allowed=allowed)
        if self.disputed_with not in self.dispute_opinions and local_date(ctx.occurred_at) <= self.decide_by:
            refuse("E_RECORD_INCOMPLETE", "B17", missing="DisputeAnswered", due=str(self.decide_by))
        self._check_not_their_own(ctx, to_organ)
        born = str(self.born_at(to_organ))
        superior = self.decided_by
        self.dismiss_judges(ctx)
        self.record(ctx, JurisdictionAssigned(to_organ=to_organ, reason=reason))
        if to_organ == superior:
            self.record(ctx, ComplaintTakenUp(born=born, to_organ=to_organ, reason=reason))
        elif to_organ != self.organ:
            self.record(ctx, ComplaintSentLateral(born=born, to_organ=to_organ, reason=reason))

    def hears_dispute(self, organ: str) -> bool:
        """True for an organ that a dispute concerns beside this one: the other, and their superior."""
        return bool(self.disputed_with) and organ in (self.disputed_with, self.decided_by)

    def _may_assign(self, ctx: Context, role: str) -> None:
        """§6.3, B17: the common superior assigns itself, to read what it decides on; it ends nobody's
        assignment."""
        judging = self.decided_by == ctx.actor.organ and {ctx.actor.role, role} <= JUDGES
        if not judging or ctx.command != "AssignToCase":
            super()._may_assign(ctx, role)

    def _common_superior(self, ctx: Context, other: str) -> str | None:
        """The lowest organ above both; None where there is none, or where one is above the other."""
        organs = ctx.law.organs
        if (
            other not in organs
            or organs.is_ancestor_or_self(self.organ, other)
            or organs.is_ancestor_or_self(other, self.organ)
        ):
            return None
        at = organs.get(self.organ)
        while at.parent is not None:
            at = organs.get(at.parent)
            if organs.is_ancestor_or_self(at.code, other):
                return at.code
        return None
