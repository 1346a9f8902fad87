"""Visits and what is learnt by them (R34, R37-R39, R48, R49, R52, SD7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.followup.domain.plan.phase import RevisitPlanPhase
from services.followup.domain.task import known_mode
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.followup import (
    Measure,
    MeasureRecorded,
    Mode,
    RevisitCompleted,
    SubjectRecognitionRecorded,
    SubjectVoiceRecorded,
    Target,
    UnitFeedbackRecorded,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse


class Visiting(RevisitPlanPhase):
    """Every visit with its record; what the unit says, what is done, what is conferred."""

    @allowed_in("ACTIVE")
    def complete_revisit(
        self,
        ctx: Context,
        task_id: str | None,
        target: Target,
        mode: str,
        staff: Sequence[str],
        work_performance: str,
        thinking: str,
        difficulties: str,
        attitude_to_supervision: str,
        effect: str,
        ideological_work: str | None,
        subject_voice: str | None,
        record_hash: str,
    ) -> None:
        known = known_mode(mode)
        self._check_wish(target)
        if self.approved_on is None or local_date(ctx.occurred_at) < self.approved_on:
            refuse("E_PLAN_REQUIRED", "R35")
        self._check_task(task_id, target, known)
        self._check_staff(ctx, known, staff)
        first_contact = target == "SUBJECT" and "SUBJECT" not in self.ledger.visited
        if first_contact and self.subject.subject_type == "PERSON" and not ideological_work:
            refuse("E_SCHEMA", "R39", field="ideological_work")
        if subject_voice and target != "SUBJECT":
            refuse("E_SCHEMA", "R49", field="subject_voice")
        if task_id in self.ledger.done:
            refuse("E_STATE", "§4.5", task_id=task_id, state="DONE")
        at = task_id or f"X{self.ledger.extra + 1}"
        self.record(
            ctx,
            RevisitCompleted(
                task_id=task_id,
                deadline_key=at,
                target=target,
                mode=known,
                staff=tuple(dict.fromkeys(staff)),
                work_performance=work_performance,
                thinking=thinking,
                difficulties=difficulties,
                attitude_to_supervision=attitude_to_supervision,
                effect=effect,
                ideological_work=ideological_work or "",
                record_hash=record_hash,
            ),
        )
        if subject_voice:
            self.record(ctx, SubjectVoiceRecorded(voice=subject_voice, at=at))

    @allowed_in("ACTIVE")
    def record_unit_feedback(self, ctx: Context, feedback: str, evidence: str | None) -> None:
        self._check_wish("UNIT")
        self.record(ctx, UnitFeedbackRecorded(feedback=feedback, evidence=evidence or ""))

    @allowed_in("ACTIVE")
    def record_measure(self, ctx: Context, kind: Measure, text: str) -> None:
        self.record(ctx, MeasureRecorded(kind=kind, text=text))

    @allowed_in("ACTIVE")
    def record_subject_recognition(
        self, ctx: Context, title: str, conferred_by: str, conferred_on: date
    ) -> None:
        ctx.check_past(conferred_on, "conferred_on", "R48")
        self.record(
            ctx,
            SubjectRecognitionRecorded(title=title, conferred_by=conferred_by, conferred_on=conferred_on),
        )

    def _check_task(self, task_id: str | None, target: Target, mode: Mode) -> None:
        """The visit is the one that the plan names, or a further home visit (R48)."""
        if task_id is None:
            if (target, mode) != ("SUBJECT", "HOME_VISIT"):
                refuse(
                    "E_SCHEMA", "R48", field="task_id", reason="only further home visits lie beyond the plan"
                )
            return
        task = self.ledger.owed.get(task_id)
        if task is None:
            refuse("E_SCHEMA", "R35", field="task_id", known=list(self.ledger.owed))
        if (target, mode) != (task.target, task.mode):
            refuse("E_SCHEMA", "R35", field="mode", target=task.target, mode=task.mode)
