"""Holds the state of a revisit plan, and how each event changes it. Nothing here refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import ClassVar
from uuid import UUID

from services.followup.domain.ledger import Ledger
from shared.casework.case import Case
from shared.language.contracts.common import Accused
from shared.language.contracts.followup import (
    DefaultRevisitEnded,
    DefaultRevisitScheduled,
    MeasureRecorded,
    PlannedTask,
    RevisitCompleted,
    RevisitDeclined,
    RevisitEffectEvaluated,
    RevisitLedgerOpened,
    RevisitPlanApproved,
    RevisitPlanDrafted,
    RevisitPlanOpened,
    RevisitTaskScheduled,
    SubjectDetailsChanged,
    SubjectVoiceRecorded,
    SubjectWishRecorded,
    Target,
    UnitFeedbackRecorded,
    Wish,
    WorkNeedRecorded,
)
from shared.language.event import Meta
from shared.language.law.working_days import local_date


class RevisitPlanState(Case):
    """The folded stream of one plan."""

    kind: ClassVar[str] = "RevisitPlan"
    tells_unit: ClassVar[bool] = True
    plural: ClassVar[str] = "plans"
    ended = frozenset({"CLOSED", "CLOSED_DECLINED", "STOPPED"})
    at_rest = ended
    service: ClassVar[str] = "followup"

    subject: Accused
    completed_on: date
    ledger: Ledger

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.complaint_ids: tuple[str, ...] = ()
        self.wish: Wish | None = None
        self.phone_only = False
        self.work_need: bool | None = None
        self.targets: tuple[Target, ...] = ()
        self.tasks: tuple[PlannedTask, ...] = ()
        self.approved_on: date | None = None
        self.default_schedule: list[str] = []
        """The days of the default schedule that still hold (DL-18)."""

    @property
    def people_accused(self) -> Collection[Accused]:
        return (self.subject,)

    @property
    def rests_on(self) -> Sequence[str]:
        return self.complaint_ids

    def on_revisit_plan_opened(self, event: RevisitPlanOpened, meta: Meta) -> None:
        self.subject = event.subject
        self.subject_account = event.subject_account
        self.complaint_ids = event.complaint_ids
        self.completed_on = event.completed_on
        self.duties.setdefault("verification_handler", set()).update(event.verification_handlers)

    def on_subject_details_changed(self, event: SubjectDetailsChanged, meta: Meta) -> None:
        self.subject = event.subject
        if event.account_ends:
            self.subject_account = ""

    def on_revisit_ledger_opened(self, event: RevisitLedgerOpened, meta: Meta) -> None:
        self.ledger = Ledger()

    def on_default_revisit_scheduled(self, event: DefaultRevisitScheduled, meta: Meta) -> None:
        self.default_schedule.append(event.deadline_key)

    def on_default_revisit_ended(self, event: DefaultRevisitEnded, meta: Meta) -> None:
        self.default_schedule.remove(event.deadline_key)

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

    def on_revisit_declined(self, event: RevisitDeclined, meta: Meta) -> None:
        self.ledger.declined.add(event.task_id)

    def on_subject_voice_recorded(self, event: SubjectVoiceRecorded, meta: Meta) -> None:
        self.ledger.heard = True

    def on_unit_feedback_recorded(self, event: UnitFeedbackRecorded, meta: Meta) -> None:
        self.ledger.unit_feedback += 1

    def on_measure_recorded(self, event: MeasureRecorded, meta: Meta) -> None:
        self.ledger.measure_taken = True

    def on_revisit_effect_evaluated(self, event: RevisitEffectEvaluated, meta: Meta) -> None:
        self.ledger.add_evaluation(event.grade)
