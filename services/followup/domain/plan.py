"""RevisitPlan: one person, one plan, one ledger after a completed clarification (R34-R39, R48, R49, R52)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from services.followup.domain.ledger import Ledger
from services.followup.domain.task import (
    PHONE,
    PackageLine,
    TaskLine,
    check_package,
    known_mode,
    package_of,
    tasks_of,
    text_hash,
)
from shared.aggregate import Context, allowed_in
from shared.case import Case
from shared.contracts.clarification import ClarificationCompleted
from shared.contracts.common import Accused
from shared.contracts.followup import (
    Grade,
    Measure,
    MeasureRecorded,
    Mode,
    PlannedTask,
    RevisitCompleted,
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
from shared.event import Meta
from shared.law.working_days import local_date
from shared.refusal import refuse
from shared.security.roles import REVISIT_OFFICER


class RevisitPlan(Case):
    """The visits owed to one cleared person and the unit, from the wish to the closed ledger."""

    kind: ClassVar[str] = "RevisitPlan"
    plural: ClassVar[str] = "plans"
    service: ClassVar[str] = "followup"

    subject: Accused
    completed_on: date

    subject_account = ""
    complaint_ids: tuple[str, ...] = ()
    wish: Wish | None = None
    phone_only = False
    work_need: bool | None = None
    targets: tuple[Target, ...] = ()
    tasks: tuple[PlannedTask, ...] = ()
    approved_on: date | None = None
    ledger: Ledger

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

    @allowed_in("DRAFTING", "DRAFTED", "ACTIVE")
    def record_subject_wish(self, ctx: Context, wish: Wish, phone_only: bool, evidence: str | None) -> None:
        """A complete refusal is heard at any time; any other wish shapes the draft."""
        if ctx.actor.role == REVISIT_OFFICER and not evidence:
            refuse("E_EVIDENCE_MISSING", "R34", field="evidence")
        if wish != "REFUSED_ALL" and self.state in ("DRAFTED", "ACTIVE"):
            refuse("E_STATE", "R34", state=self.state, allowed=["DRAFTING"])
        self.record(ctx, SubjectWishRecorded(wish=wish, phone_only=phone_only, evidence=evidence or ""))
        if wish == "REFUSED_ALL":
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
            self._check_wish(target)
        self._check_targets(ctx, targets, planned)
        check_package(items, planned)
        self._check_not_only_by_phone(targets, planned)
        for task in planned:
            self._check_staff(ctx, task.mode, task.staff)
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
        if conferred_on > local_date(ctx.now):
            refuse("E_SCHEMA", "R48", field="conferred_on", reason="in the future")
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

    # --- guards

    def _dual_due(self, ctx: Context) -> bool:
        """Both are visited where the work needs it and the subject does not refuse (R34)."""
        refused = self.wish in ("REFUSED_UNIT", "REFUSED_ALL")
        needed = ctx.law.policy.bool_of("revisit.dual.default") if self.work_need is None else self.work_need
        return needed and not refused

    def _check_wish(self, target: Target) -> None:
        if self.wish == "REFUSED_ALL" or (self.wish == "REFUSED_UNIT" and target == "UNIT"):
            refuse("E_WISH_REFUSED", "R34", target=target)

    def _check_targets(self, ctx: Context, targets: Sequence[Target], tasks: Sequence[PlannedTask]) -> None:
        stray = sorted({task.target for task in tasks} - set(targets))
        for target in stray:
            self._check_wish(target)
        if stray:
            refuse("E_SCHEMA", "R34", field="tasks", stray=stray)
        wanted: set[Target] = {"SUBJECT", "UNIT"} if self._dual_due(ctx) else set(targets)
        missing = sorted(wanted - {task.target for task in tasks})
        if missing:
            refuse("E_TARGET_MISSING", "R34", missing=missing)

    def _check_not_only_by_phone(self, targets: Sequence[Target], tasks: Sequence[PlannedTask]) -> None:
        if self.phone_only or "SUBJECT" not in targets:
            return
        if all(task.mode == PHONE for task in tasks if task.target == "SUBJECT"):
            refuse("E_SCHEMA", "R37", field="tasks", reason="the subject is met by phone only")

    def _check_staff(self, ctx: Context, mode: Mode, staff: Sequence[str]) -> None:
        present = set(staff)
        needed = ctx.law.policy.int_table_of("revisit.min_staff")[mode]
        if len(present) < needed:
            refuse("E_STAFF_COUNT", "R37", mode=mode, needed=needed)
        if present & self.recused:
            refuse("E_RECUSAL", "A48")
        if present <= self.duties.get("verification_handler", set()):
            refuse("E_SOD_CONFLICT", "SD7", duty="verification_handler")

    def _check_task(self, task_id: str | None, target: Target, mode: Mode) -> None:
        """The visit is the one that the plan names, or a further home visit (R48)."""
        if task_id is None:
            if (target, mode) != ("SUBJECT", "HOME_VISIT"):
                refuse("E_SCHEMA", "R48", field="task_id", reason="only further home visits lie beyond the plan")
            return
        task = self.ledger.owed.get(task_id)
        if task is None:
            refuse("E_SCHEMA", "R35", field="task_id", known=list(self.ledger.owed))
        if (target, mode) != (task.target, task.mode):
            refuse("E_SCHEMA", "R35", field="mode", target=task.target, mode=task.mode)
        if task_id in self.ledger.done:
            refuse("E_STATE", "§4.5", task_id=task_id, state="DONE")

    # --- what the events change

    def on_revisit_plan_opened(self, event: RevisitPlanOpened, meta: Meta) -> None:
        self.subject = event.subject
        self.subject_account = event.subject_account
        self.complaint_ids = event.complaint_ids
        self.completed_on = event.completed_on
        self.duties.setdefault("verification_handler", set()).update(event.verification_handlers)

    def on_revisit_ledger_opened(self, event: RevisitLedgerOpened, meta: Meta) -> None:
        self.ledger = Ledger()

    def on_subject_wish_recorded(self, event: SubjectWishRecorded, meta: Meta) -> None:
        self.wish = event.wish
        self.phone_only = event.phone_only

    def on_work_need_recorded(self, event: WorkNeedRecorded, meta: Meta) -> None:
        self.work_need = event.needed

    def on_revisit_plan_drafted(self, event: RevisitPlanDrafted, meta: Meta) -> None:
        self.targets = event.targets
        self.tasks = event.tasks

    def on_revisit_plan_approved(self, event: RevisitPlanApproved, meta: Meta) -> None:
        self.approved_on = local_date(meta.occurred_at)

    def on_revisit_task_scheduled(self, event: RevisitTaskScheduled, meta: Meta) -> None:
        task = next(task for task in self.tasks if task.id == event.task_id)
        self.ledger.owed[task.id] = task

    def on_revisit_completed(self, event: RevisitCompleted, meta: Meta) -> None:
        self.ledger.add_revisit(event)

    def on_subject_voice_recorded(self, event: SubjectVoiceRecorded, meta: Meta) -> None:
        self.ledger.heard = True

    def on_unit_feedback_recorded(self, event: UnitFeedbackRecorded, meta: Meta) -> None:
        self.ledger.unit_feedback += 1

    def on_measure_recorded(self, event: MeasureRecorded, meta: Meta) -> None:
        self.ledger.measure_taken = True

    def on_revisit_effect_evaluated(self, event: RevisitEffectEvaluated, meta: Meta) -> None:
        self.ledger.add_evaluation(event.grade)
