"""The questions that more than one phase of a revisit plan shares."""

from __future__ import annotations

from collections.abc import Sequence

from services.followup.domain.plan.state import RevisitPlanState
from shared.casework.aggregate import Context
from shared.language.contracts.followup import Mode, Target
from shared.language.refusal import refuse


class RevisitPlanPhase(RevisitPlanState):
    """The state, and the rules that several phases share: each refuses, or returns."""

    def _check_wish(self, target: Target) -> None:
        if self.wish == "REFUSED_ALL" or (self.wish == "REFUSED_UNIT" and target == "UNIT"):
            refuse("E_WISH_REFUSED", "R34", target=target)

    def _check_staff(self, ctx: Context, mode: Mode, staff: Sequence[str]) -> None:
        present = set(staff)
        needed = ctx.law.policy.int_table_of("revisit.min_staff")[mode]
        if len(present) < needed:
            refuse("E_STAFF_COUNT", "R37", mode=mode, needed=needed)
        self.check_not_excluded(present)
        if present <= self.duties.get("verification_handler", set()):
            refuse("E_SOD_CONFLICT", "SD7", duty="verification_handler")
