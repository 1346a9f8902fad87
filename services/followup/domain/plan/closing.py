"""The effect is judged, and the ledger is closed; or the plan is stopped (B29, R34, R36, R38, R49)."""

from __future__ import annotations

from collections.abc import Sequence

from services.followup.domain.plan.phase import RevisitPlanPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import Accused
from shared.language.contracts.followup import (
    Grade,
    Measure,
    RevisitEffectEvaluated,
    RevisitPlanClosed,
    RevisitPlanStopped,
    SubjectDetailsChanged,
)
from shared.language.refusal import refuse


class Closing(RevisitPlanPhase):
    """Judges what was reached, and ends the plan."""

    @allowed_in("ACTIVE")
    def evaluate_effect(
        self,
        ctx: Context,
        rumour_gone: bool | None,
        work_state: str,
        mood: str,
        unit_view: str | None,
        grade: Grade,
        measures: Sequence[Measure],
    ) -> None:
        if grade == "NOT_REACHED" and not measures:
            refuse("E_SCHEMA", "R38", field="measures")
        if not self.ledger.revisits:
            refuse("E_LEDGER_INCOMPLETE", "R38", missing=["revisit"])
        self.record(
            ctx,
            RevisitEffectEvaluated(
                rumour_gone=rumour_gone,
                work_state=work_state,
                mood=mood,
                unit_view=unit_view or "",
                grade=grade,
                measures=tuple(measures),
            ),
        )

    def stop(self, ctx: Context, clarification_id: str, round: int) -> None:
        """B29: the round was revoked. A plan that has ended stays as it is; hearing of it again changes
        nothing."""
        if self.state not in self.ended:
            self.record(ctx, RevisitPlanStopped(clarification_id=clarification_id, round=round))

    def note_details(self, ctx: Context, now: Accused, *, account_ends: bool) -> None:
        """B10, B11: the subject's details are others today. Hearing of it again changes nothing."""
        if now != self.subject and self.state not in self.ended:
            self.record(ctx, SubjectDetailsChanged(subject=now, account_ends=account_ends))

    @allowed_in("ACTIVE")
    def close_revisit_plan(self, ctx: Context) -> None:
        unvisited = [target for target in self.targets if target not in self.ledger.visited]
        if unvisited:
            refuse("E_TARGET_MISSING", "R34", missing=unvisited)
        missing = self.ledger.missing(self.targets)
        grade = self.ledger.grade
        if missing or grade is None:
            refuse("E_LEDGER_INCOMPLETE", "R36", missing=missing)
        if not self.ledger.heard:
            refuse("E_VOICE_MISSING", "R49")
        self.record(ctx, RevisitPlanClosed(revisits=self.ledger.revisits, grade=grade))
