"""Holds the state of a complaint, and how each event changes it. Nothing here refuses."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.casework.case import Case
from shared.language.contracts.common import (
    Accused,
    Allegation,
    DeadlineRecomputed,
    InVault,
    LevelName,
    NamesVaulted,
    Outcome,
)
from shared.language.contracts.intake import (
    AcceptanceNotified,
    AccusedCorrected,
    AllegationCorrected,
    AllegationsListed,
    AnotherComplaintJoined,
    AssignedCaseReopened,
    AssignedPeriodExtended,
    AssignedResultAccepted,
    AssignedResultNoted,
    AssignedResultReported,
    AssignedResultReturned,
    AssignmentMoved,
    CategoryCorrected,
    ComplaintAccepted,
    ComplaintAssignedDown,
    ComplaintHandedDown,
    ComplaintJoined,
    ComplaintNotAccepted,
    ComplaintParted,
    ComplaintReceived,
    ComplaintRegistered,
    ComplaintReopened,
    ComplaintRevived,
    ComplaintSealedUpward,
    ComplaintSentBack,
    ComplaintSentLateral,
    ComplaintSentUp,
    ComplaintSplit,
    ComplaintTakenUp,
    ContactAttempted,
    DisputeAnswered,
    DuplicateFiled,
    Errand,
    IdentityStatus,
    JurisdictionAssigned,
    JurisdictionDisputed,
    NewEvidenceAnswerNoted,
    NewEvidenceReceived,
    ObjectionRecorded,
    PlatformTransferReceived,
    RepeatMarked,
    ReporterAnswerRelayed,
    ReporterAsked,
    ReporterContactChanged,
    ReporterIdentityAdded,
    ReporterIdentityConfirmed,
    ReporterTreatedAsAnonymous,
    ResultBecameAvailable,
    ResultFeedbackGiven,
    ResultReturnedBySuperior,
    ReturnByHandlerNoted,
    SealedParcelReceived,
    SealedParcelTakenIn,
    Stage,
    StageFeedbackGiven,
    StageMeetingHeld,
    StageWaived,
    TriageCorrected,
)
from shared.language.event import Meta, Recorded
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date

TRANSFERRED = "transfer:"
"""Prefix of the blob id of an original from the petition platform; behind it stands the digest."""
COARSE = {
    "RECEIVED": "RECEIVED",
    "SEALED_UPWARD": "RECEIVED",  # that it went upward is nobody's to know
    "REGISTERED": "RECEIVED",
    "NOT_ACCEPTED": "RECEIVED",  # how it ends follows, as CLOSED
    "ACCEPTED": "ACCEPTED",
    "WITH_HANDLER": "IN_PROGRESS",
    "SENT_DOWN": "IN_PROGRESS",
    "SENT_OUT": "IN_PROGRESS",  # it goes on elsewhere: to call it closed would be untrue
    "RESULT_AVAILABLE": "IN_PROGRESS",
    "DUPLICATE_FILED": "CLOSED",
    "CLOSED": "CLOSED",
    "RETURNED": "RETURNED",
}


class ComplaintState(Case):
    """The folded stream of one complaint."""

    kind = "Complaint"
    plural: ClassVar[str] = "complaints"
    ended = frozenset({"SEALED_UPWARD", "DUPLICATE_FILED", "SENT_OUT", "RETURNED", "CLOSED"})
    service = "intake"
    unopened = frozenset({"RECEIVED"})
    sealed = frozenset({"SEALED_UPWARD"})

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.competent_level: LevelName = "TOWNSHIP"
        self.identity_status: IdentityStatus = "UNCLAIMED"
        self.reporter_ref = ""
        self.category = ""
        self.received_on: date | None = None
        self.accused: tuple[Accused, ...] = ()
        self.ever_accused: dict[str, Accused] = {}
        """The accused as they were listed last, also those who went with a part (B16)."""
        self.allegations: tuple[Allegation, ...] = ()
        self.relisting = False
        """True if new substance may be listed, with the people it is about."""
        self.verdict = ""
        """The finding of a verification that stands; empty as long as there is none."""
        self.duplicate_of = ""
        self.channel = ""
        self.source = ""
        self.origin = ""
        self.origin_number = ""
        self.sent_by = ""
        """The organ that passed it on to this one, which must take it back."""
        self.sent_back = False
        """True if it came back from an organ to which this one had passed it on."""
        self.repeat_of = ""
        self.joined_to = ""
        """The complaint with whose case it is verified (B24)."""
        self.same: dict[str, str] = {}
        """The allegation of this complaint for each of that one's that claims the same."""
        self.joined: list[str] = []
        """The complaints that are verified with this one."""
        self.concluded_on: date | None = None
        self.joint = False
        self.pages = 0
        self.designated = False
        self.original = ""
        """The original from the petition platform, by its name in the vault."""
        self.parcel = ""
        """The parcel in which it was sealed upward."""
        self.taken_in_on: date | None = None
        """The day on which the addressee took that parcel in."""
        self.came_in = ""
        """The parcel of a lower organ in which it came."""
        self.waits_to_be_taken_in = False
        """True as long as that parcel stands in the queue, and nobody has taken it in (DL-23)."""
        self.envelope: ComplaintReceived | None = None
        """The receipt: a parcel brings it along (B15)."""
        self.sent_on: date | None = None
        self.urgent = False
        self.other_competent = ""
        self.wording_approved_by = ""
        self.sent_to = ""
        self.sent_as = ""
        """The complaint that was born of it at the organ it went to."""
        self.parts: list[str] = []
        """The complaints that were born of parts of it (A18)."""
        self.in_vault: dict[str, InVault] = {}
        """The things that the vault must hold under this complaint, by id (B55)."""
        self.handling_dept = ""
        self.rejected_for = ""
        self.return_count = 0
        self.returned_by: set[str] = set()
        self.disputed_with = ""
        self.decided_by = ""
        self.decide_by = date.min
        """The last day of the common superior (DL-34)."""
        self.dispute_opinions: dict[str, str] = {}
        """The opinion of each of the two organs, by its code."""
        self.judges: set[tuple[str, str]] = set()
        """People whom the common superior assigned, to decide the dispute, with their roles."""
        self.assigned_down = False
        self.result_reported = False
        self.assigned_verdict = ""
        self.assigned_case = ""
        self.extended = False
        self.result_sent_up = False
        self.owed_from: date | None = None
        """The day from which the period for the result runs; it begins anew when the result is returned."""
        self.met: set[Stage] = set()
        self.stages_done: set[Stage] = set()
        self.waived: set[Stage] = set()
        self.attempts: dict[Errand, set[date]] = {}
        self.concluded_in: set[str] = set()
        self.conclusions: dict[str, int] = {}
        """The latest conclusion of each case that was heard of (B27)."""
        self.found: dict[str, Outcome] = {}
        """The outcome of each allegation in the latest conclusion, by its id."""
        self.notified = False
        self.feedback_given = False
        self.objects = False
        """True if the reporter objects to what they were told, and nobody has explained it yet."""
        self.questions: dict[str, bool] = {}
        """The questions to the reporter, and whether an answer to each was relayed."""
        self.evidence: dict[str, set[str]] = {}
        """The cases that have answered each piece of new evidence."""
        self.platform = ""
        self.platform_no = ""
        self.unread: tuple[str, ...] = ()
        """The fields of the platform's reporter block that could not be read."""
        self.object_until: date | None = None
        self.statuses_told = 0
        """Counts the changes of the status that the platform may know. Statuses are put in order by it: an
        event may be told late, and the calls themselves overtake one another."""

    def apply(self, recorded: Recorded) -> None:
        told = self._told()
        super().apply(recorded)
        if isinstance(recorded.event, NamesVaulted):
            self.in_vault |= {thing.id: thing for thing in recorded.event.in_vault}
        self.statuses_told += self._told() != told

    @property
    def is_away(self) -> bool:
        """True if another organ goes on with it. An assigned complaint comes back with its result (A26); one
        that was sealed upward lies at once with the organ above (B15)."""
        return self.state in ("SENT_DOWN", "SENT_OUT") or bool(self.parcel)

    @property
    def rests_on(self) -> tuple[str, ...]:
        return (str(self.id),)

    @property
    def listed_now(self) -> tuple[Accused, ...]:
        return self.accused

    @property
    def answered_below(self) -> bool:
        """True if the reporter is answered by the organ that was told to handle it: the organ that accepts
        owes notice, meetings and result (A30), once."""
        return self.assigned_down

    def born_at(self, organ: str) -> UUID:
        """The stream under which this complaint, or one more part of it, goes on at another organ."""
        return derived_id("passed-on", self.id, organ, self.version)

    @property
    def claims(self) -> set[tuple[str, str]]:
        return {(a.accused_ref, a.kind) for a in self.allegations}

    def _told(self) -> str:
        """The status as the platform that sent this knows it; empty if none did."""
        return coarse(self.state) if self.platform else ""

    # --- receiving

    @property
    def people_accused(self) -> Collection[Accused]:
        return self.ever_accused.values()

    def on_complaint_received(self, event: ComplaintReceived, meta: Meta) -> None:
        self.envelope = event
        self.came_in, self.waits_to_be_taken_in = event.parcel, bool(event.parcel)
        self.organ = event.organ
        self.channel = event.channel
        self.source = event.source
        self.competent_level = event.competent_level
        self.other_competent = event.competent_organ
        self.reporter_ref = event.reporter_ref
        self.identity_status = event.identity_status
        self.received_on = event.received_on
        self.urgent = event.urgent
        self.joint = event.joint
        self.pages = event.pages
        self.original = event.blob_id if event.blob_id.startswith(TRANSFERRED) else ""
        self.designated = event.designated
        self.origin = event.origin
        self.origin_number = event.origin_number
        self.sent_by, self.sent_back = event.sent_by, event.sent_back
        due = [d.due for d in meta.deadlines if d.id == "DL-13"]
        self.object_until = date.fromisoformat(due[0]) if due else None

    def on_deadline_recomputed(self, event: DeadlineRecomputed, meta: Meta) -> None:
        if event.deadline == "DL-13":
            self.object_until = date.fromisoformat(event.due)
        if event.deadline == "DL-34":
            self.decide_by = date.fromisoformat(event.due)

    def on_platform_transfer_received(self, event: PlatformTransferReceived, meta: Meta) -> None:
        self.platform = event.platform
        self.platform_no = event.platform_no
        self.unread = event.unread

    def on_triage_corrected(self, event: TriageCorrected, meta: Meta) -> None:
        self.competent_level = event.competent_level
        self.other_competent = event.competent_organ

    def on_complaint_registered(self, event: ComplaintRegistered, meta: Meta) -> None:
        self.category = event.category

    def on_allegations_listed(self, event: AllegationsListed, meta: Meta) -> None:
        self.accused = event.accused
        self.ever_accused = {person.ref: person for person in event.accused}
        self.allegations = event.allegations
        self.wording_approved_by = event.approved_by
        self.relisting = False

    def on_allegation_corrected(self, event: AllegationCorrected, meta: Meta) -> None:
        self.allegations = event.allegations
        self.wording_approved_by = event.wording_approved_by or self.wording_approved_by

    def on_accused_corrected(self, event: AccusedCorrected, meta: Meta) -> None:
        self.accused = tuple(event.now if p.ref == event.now.ref else p for p in self.accused)
        self.ever_accused[event.now.ref] = event.now

    def on_category_corrected(self, event: CategoryCorrected, meta: Meta) -> None:
        self.category = event.category
        self.rejected_for = ""

    def on_duplicate_filed(self, event: DuplicateFiled, meta: Meta) -> None:
        self.duplicate_of = event.of

    def on_repeat_marked(self, event: RepeatMarked, meta: Meta) -> None:
        self.repeat_of = event.of

    def on_complaint_joined(self, event: ComplaintJoined, meta: Meta) -> None:
        self.joined_to = event.of
        self.same = {each.theirs: each.own for each in event.same}
        self.handling_dept = event.handling_dept

    def on_another_complaint_joined(self, event: AnotherComplaintJoined, meta: Meta) -> None:
        self.joined.append(event.complaint)

    def on_complaint_parted(self, event: ComplaintParted, meta: Meta) -> None:
        self._part()

    def _part(self) -> None:
        self.joined_to, self.same, self.joined = "", {}, []

    def on_complaint_sealed_upward(self, event: ComplaintSealedUpward, meta: Meta) -> None:
        self.parcel = event.parcel
        self.sent_on = event.sent_on
        self.sent_to = event.to_organ
        self.watched_by = event.to_organ if event.parcel else ""
        self.sent_as = str(received_as(event.parcel, event.to_organ)) if event.parcel else ""

    def on_sealed_parcel_received(self, event: SealedParcelReceived, meta: Meta) -> None:
        self.taken_in_on = event.taken_in_on

    def on_sealed_parcel_taken_in(self, event: SealedParcelTakenIn, meta: Meta) -> None:
        self.waits_to_be_taken_in = False

    # --- deciding

    def on_complaint_accepted(self, event: ComplaintAccepted, meta: Meta) -> None:
        self.handling_dept = event.handling_dept

    def on_complaint_not_accepted(self, event: ComplaintNotAccepted, meta: Meta) -> None:
        self.rejected_for = event.reason

    def on_complaint_split(self, event: ComplaintSplit, meta: Meta) -> None:
        self.accused = event.accused
        self.allegations = event.allegations
        self.parts.append(event.born)

    # --- passing on

    def on_return_by_handler_noted(self, event: ReturnByHandlerNoted, meta: Meta) -> None:
        self.return_count += 1
        self.returned_by.add(event.case_number)
        self._part()

    def on_complaint_handed_down(self, event: ComplaintHandedDown, meta: Meta) -> None:
        self.sent_as, self.sent_to = event.born, event.to_organ

    def on_complaint_assigned_down(self, event: ComplaintAssignedDown, meta: Meta) -> None:
        self.sent_as, self.sent_to = event.born, event.to_organ
        self.assigned_down = True

    def on_complaint_sent_lateral(self, event: ComplaintSentLateral, meta: Meta) -> None:
        self.sent_as, self.sent_to = event.born, event.to_organ

    def on_complaint_sent_up(self, event: ComplaintSentUp, meta: Meta) -> None:
        self.sent_as, self.sent_to = event.born, event.to_organ
        self.watched_by = event.to_organ if event.about_head else self.watched_by

    def on_complaint_sent_back(self, event: ComplaintSentBack, meta: Meta) -> None:
        self.sent_as, self.sent_to = event.born, event.to_organ

    def on_complaint_taken_up(self, event: ComplaintTakenUp, meta: Meta) -> None:
        self.sent_as, self.sent_to = event.born, event.to_organ
        self._end_dispute()

    # --- a dispute

    def take_on(self, person: str, role: str, meta: Meta) -> None:
        super().take_on(person, role, meta)
        if self.decided_by and meta.organ == self.decided_by:
            self.judges.add((person, role))

    def on_jurisdiction_disputed(self, event: JurisdictionDisputed, meta: Meta) -> None:
        self.disputed_with = event.with_organ
        self.decided_by = event.decided_by
        self.consulted = {event.with_organ}
        self.dispute_opinions = {self.organ: event.reason}
        due = [d.due for d in meta.deadlines if d.id == "DL-34"]
        self.decide_by = date.fromisoformat(due[0]) if due else date.min

    def on_dispute_answered(self, event: DisputeAnswered, meta: Meta) -> None:
        self.dispute_opinions[self.disputed_with] = event.opinion

    def on_jurisdiction_assigned(self, event: JurisdictionAssigned, meta: Meta) -> None:
        self._end_dispute()
        self.designated = self.designated or event.to_organ == self.organ

    def _end_dispute(self) -> None:
        self.disputed_with = self.decided_by = ""
        self.judges, self.consulted = set(), set()

    # --- the result of what was assigned

    def on_assigned_result_reported(self, event: AssignedResultReported, meta: Meta) -> None:
        self.result_sent_up = True

    def on_assigned_result_noted(self, event: AssignedResultNoted, meta: Meta) -> None:
        self.result_reported = True
        self.assigned_case = event.case_number
        self.assigned_verdict = event.verdict

    def on_assigned_result_accepted(self, event: AssignedResultAccepted, meta: Meta) -> None:
        self.verdict = self.assigned_verdict

    def on_assigned_result_returned(self, event: AssignedResultReturned, meta: Meta) -> None:
        self.result_reported = False

    def on_result_returned_by_superior(self, event: ResultReturnedBySuperior, meta: Meta) -> None:
        self._owe_another_result(meta)

    def on_assigned_case_reopened(self, event: AssignedCaseReopened, meta: Meta) -> None:
        self.result_reported = False
        self.verdict = self.assigned_verdict = self.assigned_case = ""
        if self.result_sent_up:
            self._owe_another_result(meta)

    def _owe_another_result(self, meta: Meta) -> None:
        """Owes another result to the organ that assigned it, in a period of its own (DL-06)."""
        self.owed_from = local_date(meta.occurred_at)
        self.result_sent_up = self.extended = False

    def on_assignment_moved(self, event: AssignmentMoved, meta: Meta) -> None:
        self.sent_as = event.born

    def on_assigned_period_extended(self, event: AssignedPeriodExtended, meta: Meta) -> None:
        self.extended = True

    # --- the reporter

    def on_reporter_identity_confirmed(self, event: ReporterIdentityConfirmed, meta: Meta) -> None:
        self.identity_status = "CONFIRMED"

    def on_reporter_treated_as_anonymous(self, event: ReporterTreatedAsAnonymous, meta: Meta) -> None:
        self.identity_status = "NOT_CONFIRMED"

    def on_reporter_identity_added(self, event: ReporterIdentityAdded, meta: Meta) -> None:
        self.identity_status = "CLAIMED"
        self.reporter_ref = event.reporter_ref
        self.attempts.clear()

    def on_reporter_contact_changed(self, event: ReporterContactChanged, meta: Meta) -> None:
        """At another contact they were looked for by nobody yet."""
        self.reporter_ref = event.reporter_ref
        self.attempts.clear()

    def on_stage_meeting_held(self, event: StageMeetingHeld, meta: Meta) -> None:
        self.met.add(event.stage)

    def on_stage_feedback_given(self, event: StageFeedbackGiven, meta: Meta) -> None:
        self.stages_done.add(event.stage)

    def on_contact_attempted(self, event: ContactAttempted, meta: Meta) -> None:
        self.attempts.setdefault(event.stage, set()).add(event.attempted_on)

    def on_stage_waived(self, event: StageWaived, meta: Meta) -> None:
        self.stages_done.add(event.stage)
        self.waived.add(event.stage)

    def on_acceptance_notified(self, event: AcceptanceNotified, meta: Meta) -> None:
        self.notified = True

    def on_reporter_asked(self, event: ReporterAsked, meta: Meta) -> None:
        self.questions[event.question_id] = False

    def on_reporter_answer_relayed(self, event: ReporterAnswerRelayed, meta: Meta) -> None:
        self.questions[event.question_id] = True

    # --- the result, and what comes later

    def on_result_became_available(self, event: ResultBecameAvailable, meta: Meta) -> None:
        self.concluded_in.add(event.case_number)
        self.concluded_on = event.concluded_on
        self.conclusions[event.case_number] = event.conclusion
        self.verdict = event.verdict
        self.found |= {finding.allegation_id: finding.outcome for finding in event.findings}

    def on_result_feedback_given(self, event: ResultFeedbackGiven, meta: Meta) -> None:
        self.feedback_given = True
        self.objects = event.reaction == "OBJECTS"

    def on_objection_recorded(self, event: ObjectionRecorded, meta: Meta) -> None:
        self.objects = False

    def on_new_evidence_received(self, event: NewEvidenceReceived, meta: Meta) -> None:
        self.evidence[event.evidence_id] = set()

    def on_new_evidence_answer_noted(self, event: NewEvidenceAnswerNoted, meta: Meta) -> None:
        self.evidence[event.evidence_id].add(event.case_number)

    def on_complaint_revived(self, event: ComplaintRevived, meta: Meta) -> None:
        self.rejected_for = ""
        self.repeat_of, self.duplicate_of = self.duplicate_of or self.repeat_of, ""
        self.relisting = True

    def on_complaint_reopened(self, event: ComplaintReopened, meta: Meta) -> None:
        self.concluded_in.discard(event.case_number)
        self.verdict = ""
        self.found = {}
        if self.result_sent_up:
            self._owe_another_result(meta)
        self.feedback_given = self.objects = False
        # The new result is told again, in a meeting of its own.
        self.stages_done.discard("REPLY")
        self.waived.discard("REPLY")
        self.met.discard("REPLY")


def coarse(state: str) -> str:
    """The status that the platform may learn (A80): nothing about accused, findings or reporter. A state that
    nobody decided about tells least."""
    return COARSE.get(state, "RECEIVED")


def received_as(parcel: UUID | str, organ: str) -> UUID:
    """The stream under which a sealed complaint goes on at the organ that it was sealed for."""
    return derived_id("sealed-parcel", parcel, organ)
