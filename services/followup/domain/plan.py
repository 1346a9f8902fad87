"""RevisitPlan: one person, one plan, one ledger after a completed clarification (R34-R39, R48, R49, R52)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from services.followup.domain.guards import (
    check_not_only_by_phone,
    check_staff,
    check_targets,
    check_task,
    check_wish,
)
from services.followup.domain.state import PlanState
from services.followup.domain.task import (
    PackageLine,
    TaskLine,
    check_package,
    known_mode,
    package_of,
    tasks_of,
    text_hash,
)
from shared.aggregate import Context, allowed_in
from shared.contracts.clarification import ClarificationCompleted
from shared.contracts.followup import (
    DefaultRevisitEnded,
    DefaultRevisitScheduled,
    Grade,
    Measure,
    MeasureRecorded,
    RevisitCompleted,
    RevisitDeclined,
    RevisitDeclinedBySubject,
    RevisitEffectEvaluated,
    RevisitLedgerOpened,
    RevisitPlanApproved,
    RevisitPlanClosed,
    RevisitPlanDrafted,
    RevisitPlanOpened,
    RevisitTaskScheduled,
    SubjectRecognitionRecorded,
    SubjectVoiceRecorded,
    SubjectWishRecorded,
    Target,
    UnitFeedbackRecorded,
    Wish,
    WorkNeedRecorded,
)
from shared.effect import to_subject
from shared.law.working_days import local_date
from shared.refusal import refuse
from shared.security.roles import REVISIT_OFFICER


class RevisitPlan(PlanState):
    """The visits owed to one cleared person and the unit, from the wish to the closed ledger."""

    def open(self, ctx: Context, clarification_id: str, completed: ClarificationCompleted) -> None:
        """Opens plan and ledger, once per round of a clarification (P4)."""
        if self.version:
            return
        self.record(
            ctx,
            RevisitPlanOpened(
                organ=completed.handling_organ,
                handling_dept=completed.handling_dept,
                subject=completed.subject,
                subject_ref=completed.subject.ref,
                subject_account=completed.subject_account,
                clarification_id=clarification_id,
                clarification_number=completed.number,
                round=completed.round,
                verification_handlers=completed.verification_handlers,
                clarification_handlers=completed.clarification_handlers,
                complaint_ids=completed.complaint_ids,
                completed_on=completed.completed_on,
            ),
            links=(clarification_id, *completed.complaint_ids),
        )
        self.record(ctx, RevisitLedgerOpened(subject_ref=completed.subject.ref))
        for nth, days in enumerate(ctx.law.policy.ints_of("revisit.schedule.days"), start=1):
            due = completed.completed_on + timedelta(days=days)
            self.record(ctx, DefaultRevisitScheduled(deadline_due=due, deadline_key=f"D{nth}"))

    def _end_default_schedule(self, ctx: Context) -> None:
        for key in tuple(self.default_schedule):
            self.record(ctx, DefaultRevisitEnded(deadline_key=key))

    @allowed_in("DRAFTING", "DRAFTED", "ACTIVE")
    def record_subject_wish(self, ctx: Context, wish: Wish, phone_only: bool, evidence: str | None) -> None:
        """A complete refusal is heard at any time; any other wish shapes the draft."""
        if ctx.actor.role == REVISIT_OFFICER and not evidence:
            refuse("E_EVIDENCE_MISSING", "R34", field="evidence")
        if wish != "REFUSED_ALL" and self.state in ("DRAFTED", "ACTIVE"):
            refuse("E_STATE", "R34", state=self.state, allowed=["DRAFTING"])
        self.record(ctx, SubjectWishRecorded(wish=wish, phone_only=phone_only, evidence=evidence or ""))
        if wish == "REFUSED_ALL":
            self._end_default_schedule(ctx)
            for task_id in self.ledger.open:
                self.record(ctx, RevisitDeclined(task_id=task_id, deadline_key=task_id))
            self.record(ctx, RevisitDeclinedBySubject())

    @allowed_in("DRAFTING")
    def record_work_need(self, ctx: Context, needed: bool, reason: str) -> None:
        self.record(ctx, WorkNeedRecorded(needed=needed, reason=reason))

    @allowed_in("DRAFTING")
    def draft_revisit_plan(
        self,
        ctx: Context,
        targets: Sequence[Target],
        unit: str | None,
        situation: str,
        main_worry: str,
        goals: str,
        measures: str,
        package: Sequence[PackageLine],
        tasks: Sequence[TaskLine],
    ) -> None:
        items = package_of(package)
        planned = tasks_of(tasks, self.completed_on, ctx.law.policy.ints_of("revisit.schedule.days"))
        for target in targets:
            check_wish(self, target)
        check_targets(self, ctx, targets, planned)
        check_package(items, planned)
        check_not_only_by_phone(self, targets, planned)
        for task in planned:
            check_staff(self, ctx, task.mode, task.staff)
        if ctx.facts.get("plan_text_known"):
            refuse("E_PLAN_NOT_INDIVIDUAL", "R35")
        self.record(
            ctx,
            RevisitPlanDrafted(
                targets=tuple(dict.fromkeys(targets)),
                unit=unit or self.subject.unit,
                situation=situation,
                main_worry=main_worry,
                goals=goals,
                measures=measures,
                package=items,
                tasks=planned,
                text_hash=text_hash(situation, main_worry, goals, measures),
            ),
        )

    @allowed_in("DRAFTED")
    def approve_revisit_plan(self, ctx: Context) -> None:
        """The days of the approved plan stand in the place of the default schedule (DL-18)."""
        self.record(ctx, RevisitPlanApproved(tasks=len(self.tasks)))
        self._end_default_schedule(ctx)
        for task in self.tasks:
            self.record(
                ctx,
                RevisitTaskScheduled(
                    task_id=task.id,
                    target=task.target,
                    mode=task.mode,
                    deadline_due=task.due,
                    deadline_key=task.id,
                ),
            )
        if self.subject_account:
            ctx.facts.setdefault("effects", []).append(to_subject(self.id, self.version, "VISIT_PLANNED"))

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
        check_wish(self, target)
        if self.approved_on is None or local_date(ctx.occurred_at) < self.approved_on:
            refuse("E_PLAN_REQUIRED", "R35")
        check_task(self, task_id, target, known)
        check_staff(self, ctx, known, staff)
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
        check_wish(self, "UNIT")
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
