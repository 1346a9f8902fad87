"""Drafts the plan: from the completed clarification to the approved plan (R34, R35, R37, DL-18)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.followup.domain.plan.phase import RevisitPlanPhase
from services.followup.domain.task import (
    PHONE,
    PackageLine,
    TaskLine,
    check_package,
    package_of,
    tasks_of,
    text_hash,
)
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Lookup
from shared.kernel.effect import to_subject
from shared.language.contracts.clarification import ClarificationCompleted
from shared.language.contracts.followup import (
    DefaultRevisitEnded,
    DefaultRevisitScheduled,
    PlannedTask,
    RevisitDeclined,
    RevisitDeclinedBySubject,
    RevisitLedgerOpened,
    RevisitPlanApproved,
    RevisitPlanDrafted,
    RevisitPlanOpened,
    RevisitTaskScheduled,
    SubjectWishRecorded,
    Target,
    Wish,
    WorkNeedRecorded,
)
from shared.language.refusal import refuse
from shared.language.roles import REVISIT_OFFICER

PLAN_TEXT_KNOWN: Lookup[bool] = Lookup("plan_text_known")
"""True if another plan has this very text (R35)."""


class Drafting(RevisitPlanPhase):
    """The wish of the subject, the need of the work, the plan and its approval."""

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
            self._check_wish(target)
        self._check_targets(ctx, targets, planned)
        check_package(items, planned)
        self._check_not_only_by_phone(targets, planned)
        for task in planned:
            self._check_staff(ctx, task.mode, task.staff)
        if ctx.found(PLAN_TEXT_KNOWN):
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
        last_due = max((task.due for task in self.tasks), default=None)
        self.record(ctx, RevisitPlanApproved(tasks=len(self.tasks), last_due=last_due))
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
            ctx.effects.append(to_subject(self.id, self.version, "VISIT_PLANNED"))

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

    def _dual_due(self, ctx: Context) -> bool:
        """True if both must be visited: the work needs it and the subject does not refuse (R34)."""
        refused = self.wish in ("REFUSED_UNIT", "REFUSED_ALL")
        needed = ctx.law.policy.bool_of("revisit.dual.default") if self.work_need is None else self.work_need
        return needed and not refused

    def _check_not_only_by_phone(self, targets: Sequence[Target], tasks: Sequence[PlannedTask]) -> None:
        if self.phone_only or "SUBJECT" not in targets:
            return
        if all(task.mode == PHONE for task in tasks if task.target == "SUBJECT"):
            refuse("E_SCHEMA", "R37", field="tasks", reason="the subject is met by phone only")
