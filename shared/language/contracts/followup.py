"""The events that followup publishes. The law of events stands in `language.event`: additive changes only."""

from __future__ import annotations

from datetime import date
from typing import Literal

from shared.language.contracts.common import Accused, Read, common_events
from shared.language.event import L1, L2, Event, Numbered, OfOrgan, Timing

Target = Literal["SUBJECT", "UNIT"]
Mode = Literal["INDIVIDUAL_MEETING", "SCHEDULED_APPOINTMENT", "PHONE_CALL", "HOME_VISIT"]
Wish = Literal["WELCOME", "NEUTRAL", "REFUSED_UNIT", "REFUSED_ALL"]
Grade = Literal["CONSOLIDATED", "IMPROVING", "NOT_REACHED"]
Measure = Literal["EXTRA_REVISIT", "UNIT_TALK", "SUPPLEMENTARY_CLARIFICATION"]


class PackageItem(Read):
    """One line of the package (套餐, R37): a number of contacts of one mode, and the days between them."""

    mode: Mode
    count: int
    interval_days: int


class PlannedTask(Read):
    """One visit of the plan, with its day and its staff."""

    id: str
    target: Target
    mode: Mode
    due: date
    staff: tuple[str, ...]


class FollowupEvent(Event):
    """Base of followup's events."""

    service = "followup"


COMMON = common_events(FollowupEvent)


class RevisitPlanOpened(Numbered, OfOrgan, FollowupEvent):
    """A clarification is complete: its subject is owed an individual plan (R34, P4)."""

    to = "DRAFTING"
    numbered = "HF"

    handling_dept: L1[str]
    subject: L2[Accused]
    subject_ref: L1[str]
    subject_account: L2[str]
    clarification_id: L1[str]
    clarification_number: L1[str]
    round: L1[int]
    verification_handlers: L1[tuple[str, ...]]
    clarification_handlers: L1[tuple[str, ...]]
    complaint_ids: L1[tuple[str, ...]]
    completed_on: L1[date]


class SubjectDetailsChanged(FollowupEvent):
    """The subject has another post or unit, a party organisation another head, or a slip was corrected:
    visits go where they are today (B11). The account of the head before sees nothing any more (B10)."""

    subject: L2[Accused]
    """The subject as they are today."""
    account_ends: L1[bool]


class RevisitLedgerOpened(FollowupEvent):
    """One person, one ledger (一人一档, R36): the events that follow in this stream are its content."""

    subject_ref: L1[str]


class DefaultRevisitScheduled(FollowupEvent):
    """A visit is owed on this day of the default schedule and within its grace, until a plan says otherwise
    (DL-18): a plan that nobody drafts is late too. `deadline_key` is `D1`, `D2`, ..."""

    deadline_due: L1[date]
    deadline_key: L1[str]

    def timing(self) -> Timing:
        return Timing(due=self.deadline_due, key=self.deadline_key)


class DefaultRevisitEnded(FollowupEvent):
    """The scheduled day no longer holds: an approved plan has its own days, or the subject wants no visit."""

    deadline_key: L1[str]

    def timing(self) -> Timing:
        return Timing(key=self.deadline_key)


class SubjectWishRecorded(FollowupEvent):
    """The wish of the cleared person (R34)."""

    wish: L1[Wish]
    phone_only: L1[bool]
    evidence: L1[str]


class RevisitDeclinedBySubject(FollowupEvent):
    """The subject wants no contact: nobody is visited (R34)."""

    to = "CLOSED_DECLINED"


class WorkNeedRecorded(FollowupEvent):
    """A decision whether the organ's work needs the unit to be visited too (R34)."""

    needed: L1[bool]
    reason: L2[str]


class RevisitPlanDrafted(FollowupEvent):
    """The plan made for this one person (一人一策, R35). `text_hash` recognises a copied text."""

    to = "DRAFTED"

    targets: L1[tuple[Target, ...]]
    unit: L2[str]
    situation: L2[str]
    main_worry: L2[str]
    goals: L2[str]
    measures: L2[str]
    package: L1[tuple[PackageItem, ...]]
    tasks: L1[tuple[PlannedTask, ...]]
    text_hash: L1[str]


class RevisitPlanApproved(FollowupEvent):
    """The head of the handling department approved the plan; its tasks follow."""

    to = "ACTIVE"

    tasks: L1[int]
    last_due: L1[date | None] = None
    """The day of its last visit."""

    def timing(self) -> Timing:
        """DL-36 counts from the last visit: then the plan is to be closed."""
        return Timing(begins=self.last_due)


class RevisitTaskScheduled(FollowupEvent):
    """One visit is owed until `deadline_due` and its grace (DL-18). `deadline_key` is the task's id."""

    task_id: L1[str]
    target: L1[Target]
    mode: L1[Mode]
    deadline_due: L1[date]
    deadline_key: L1[str]

    def timing(self) -> Timing:
        return Timing(due=self.deadline_due, key=self.deadline_key)


class SubjectNotReached(FollowupEvent):
    """A message to the subject was given up: the revisit officer sees to it that they hear of it (B35)."""

    notice: L1[str]
    reason: L1[str]


class RevisitCompleted(FollowupEvent):
    """A visit was made (R37, R39, R52). A further home visit beyond the plan has no `task_id` (R48)."""

    task_id: L1[str | None]
    deadline_key: L1[str]
    target: L1[Target]
    mode: L1[Mode]
    staff: L1[tuple[str, ...]]
    work_performance: L2[str]
    thinking: L2[str]
    difficulties: L2[str]
    attitude_to_supervision: L2[str]
    effect: L2[str]
    ideological_work: L2[str]
    record_hash: L1[str]

    def timing(self) -> Timing:
        return Timing(key=self.deadline_key)


class RevisitDeclined(FollowupEvent):
    """A scheduled visit is not wanted and no longer owed (R34)."""

    task_id: L1[str]
    deadline_key: L1[str]

    def timing(self) -> Timing:
        return Timing(key=self.deadline_key)


class SubjectVoiceRecorded(FollowupEvent):
    """The subject was heard at a visit (R49)."""

    voice: L2[str]
    at: L1[str]
    """The task of the visit; further home visits are `X1`, `X2`, ..."""


class UnitFeedbackRecorded(FollowupEvent):
    """The unit's own word on the effect of the clarification (R34)."""

    feedback: L2[str]
    evidence: L1[str]


class MeasureRecorded(FollowupEvent):
    """A measure was taken because the effect was not yet reached, or a new worry arose (R38)."""

    kind: L1[Measure]
    text: L2[str]


class SubjectRecognitionRecorded(FollowupEvent):
    """A later honour of the cleared person: evidence of the outcome, no condition of closing (R48)."""

    title: L2[str]
    conferred_by: L2[str]
    conferred_on: L1[date]


class RevisitEffectEvaluated(FollowupEvent):
    """A judgement whether the visits reached the heart (R38)."""

    rumour_gone: L2[bool | None]
    work_state: L2[str]
    mood: L2[str]
    unit_view: L2[str]
    grade: L1[Grade]
    measures: L1[tuple[Measure, ...]]


class RevisitPlanClosed(FollowupEvent):
    """Every visit was made, the subject was heard and the ledger is complete (R36, R53)."""

    to = "CLOSED"

    revisits: L1[int]
    grade: L1[Grade]


class RevisitPlanStopped(FollowupEvent):
    """The clarification that was visited for no longer holds: nobody is visited as cleared (B29, P13)."""

    to = "STOPPED"

    clarification_id: L1[str]
    round: L1[int]
