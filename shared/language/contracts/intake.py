"""The events that intake publishes. The law of events stands in `language.event`: additive changes only."""

from __future__ import annotations

from datetime import date
from typing import Literal

from shared.language.contracts.common import (
    Accused,
    Allegation,
    Finding,
    InVault,
    LevelName,
    NamesVaulted,
    common_events,
)
from shared.language.contracts.verification import QuarterResult
from shared.language.event import L1, L2, Event, Numbered, OfOrgan, Timing, Value

Channel = Literal["LETTER", "VISIT", "CALL", "ONLINE_SITE", "ONLINE_WECHAT", "ONLINE_APP", "OTHER"]
Source = Literal[
    "DIRECT",
    "PETITION_PLATFORM",
    "SUPERIOR_ASSIGNED",
    "SUPERIOR_TRANSFERRED",
    "SUBORDINATE_ESCALATED",
    "INSPECTION",
    "OTHER_ORGAN",
]
Category = Literal["ACCUSATION", "APPEAL", "SUGGESTION", "OUT_OF_SCOPE"]
RepeatKind = Literal["INITIAL", "DUPLICATE", "REPEAT_WITH_NEW_EVIDENCE", "RE_REPORT_AFTER_CONCLUSION"]
IdentityStatus = Literal["UNCLAIMED", "CLAIMED", "CONFIRMED", "NOT_CONFIRMED"]
Priority = Literal["URGENT", "REAL_NAME", "NORMAL"]
SupervisionCause = Literal["OVERDUE", "POORLY_ORGANISED", "NEEDS_SUPPLEMENT", "OTHER"]
SupervisionMethod = Literal["LETTER", "HEAR_REPORT", "REVIEW_FILE", "ON_SITE"]


RejectionReason = Literal["LEGAL_REMEDY", "OTHER_ORGAN_DUTY", "NO_SUBSTANCE"]
AssignmentGround = Literal["CENTRAL_DECISIONS", "TYPICAL_AND_STRONG", "LONG_DELAYED", "OTHER"]
"""The four grounds of an assignment to a lower organ (A22)."""
ReturnReason = Literal["NO_SUBSTANCE", "OTHER_ORGAN"]
Stage = Literal["ACCEPTANCE", "INVESTIGATION", "REPLY"]
"""The three meetings and three feedbacks (三见面三反馈, R46), in their order."""
Errand = Literal["VERIFICATION", "ACCEPTANCE", "INVESTIGATION", "REPLY"]
"""The errand on which the reporter was looked for: their name, or one of the three stages (B19, R46)."""
MeetingMode = Literal["IN_PERSON", "VIDEO", "PHONE_AT_REPORTER_REQUEST"]
Means = Literal["IN_PERSON", "PHONE", "SMS", "APP", "LETTER", "EMAIL"]
"""The means by which the reporter was told; always to the contact that they gave (SEC-10)."""
VerifiedBy = Literal["PHONE", "INTERVIEW", "LETTER", "VIDEO"]
PolicyPoint = Literal["HANDLING_POLICY", "CONFIDENTIALITY", "TRUTHFUL_REPORTING"]
QuestionOutcome = Literal["ANSWERED", "DECLINED", "NOT_REACHED"]
WaiverGround = Literal["REPORTER_WAIVED", "UNREACHABLE"]
MediaType = Literal["image/jpeg", "image/png", "application/pdf", "text/plain"]
Reaction = Literal["SATISFIED", "OBJECTS", "NONE"]


class IntakeEvent(Event):
    """Base of intake's events."""

    service = "intake"


COMMON = common_events(IntakeEvent)


# --- receiving ----------------------------------------------------------------------------------------


class ComplaintReceived(OfOrgan, NamesVaulted, IntakeEvent):
    """An envelope has arrived: no accused, no content (§4.1 note a)."""

    to = "RECEIVED"

    channel: L2[Channel]
    source: L2[Source]
    received_on: L2[date]
    reported_on: L2[date | None] = None
    """The day on which it came to the first organ that had it, where that sealed it for this one (B15)."""
    pages: L2[int]
    competent_level: L1[LevelName]
    blob_id: L1[str] = ""
    platform_no: L1[str] = ""
    acknowledged_notice_version: L2[str] = ""
    reporter_ref: L2[str] = ""
    """Random per complaint; the identity itself lies in the vault (SEC-3)."""
    identity_status: L2[IdentityStatus] = "UNCLAIMED"
    competent_organ: L1[str] = ""
    """Another organ that the triage found competent; its five days begin (DL-05)."""
    urgent: L1[bool] = False
    joint: L2[bool] = False
    """True if several signed it; who and how many lies in the vault (SEC-1)."""
    received_by: L2[str] = ""
    """The member of staff who spoke with the reporter, alone (A5)."""
    oral_record: L2[bool] = False
    reporter_confirmed: L2[bool] = False
    origin: L1[str] = ""
    """The complaint of another organ from which this one was born."""
    origin_number: L1[str] = ""
    sent_by: L1[str] = ""
    """The organ that passed it on; empty where a superior took it or decided a dispute."""
    sent_back: L1[bool] = False
    """True if that organ gave back what this one had passed on to it (B14)."""
    sent_because: L2[str] = ""
    """The reason why it was passed on."""
    parcel: L1[str] = ""
    """The sealed parcel of a lower organ in which it came (A14); it is not taken in yet (B15)."""
    designated: L1[bool] = False
    """True if this organ handles it because a superior said so, whoever would be competent (A9, A22,
    §5.4)."""
    in_vault: L2[tuple[InVault, ...]] = ()
    """The things in the vault: the identity, the letter, and what came along from the complaint that this one
    was born of (B55)."""

    def timing(self) -> Timing:
        """The timing of 收到之日: the clocks run from the receipt, also where it was entered later (规则 15,
        26)."""
        return Timing(begins=self.received_on)


class TriageCorrected(IntakeEvent):
    """The triage was wrong: another level or organ is competent. Its clocks run from the receipt (B12)."""

    competent_level: L1[LevelName]
    competent_organ: L1[str]
    was_level: L1[LevelName]
    was_organ: L1[str]
    correction: L2[str]
    """The reason of the correction."""
    received_on: L2[date]

    def timing(self) -> Timing:
        return Timing(begins=self.received_on)


class ComplaintRegistered(Numbered, IntakeEvent):
    """Registered under a number without gaps."""

    to = "REGISTERED"
    numbered = "XF"

    category: L1[Category]
    priority: L2[Priority]
    identity_status: L2[IdentityStatus]
    reporter_ref: L2[str] = ""


class ComplaintSealedUpward(NamesVaulted, IntakeEvent):
    """Sealed for a superior organ and taken out of every sight here (A14, A15). The content lies encrypted
    for the addressee in a parcel; nothing of it stands in any event."""

    to = "SEALED_UPWARD"

    to_organ: L1[str]
    bypass_organ_head: L1[bool]
    competent_level: L1[LevelName]
    sent_on: L1[date]
    parcel: L1[str]


class SealedParcelReceived(IntakeEvent):
    """The addressee has taken the parcel in, as its sender is told (scenario 1)."""

    taken_in_on: L2[date]


class SealedParcelTakenIn(IntakeEvent):
    """The petition department has taken in the sealed parcel that stood in its queue (B15, DL-23)."""


class AllegationsListed(IntakeEvent):
    """The atomic allegations per accused, in sanitised words (R25, SEC-2)."""

    accused: L2[tuple[Accused, ...]]
    allegations: L2[tuple[Allegation, ...]]
    approved_by: L1[str]


class AllegationCorrected(IntakeEvent):
    """An allegation was put down wrongly; so it stands now, until the conclusion (B12)."""

    was: L2[Allegation]
    now: L2[Allegation]
    allegations: L2[tuple[Allegation, ...]]
    """All allegations of the complaint from now on."""
    correction: L2[str]
    """The reason of the correction."""
    wording_approved_by: L1[str] = ""
    """The second person, where the words are others (SEC-2)."""


class AccusedCorrected(IntakeEvent):
    """The details of an accused were put down wrongly; so they stand now, until the conclusion (B12)."""

    was: L2[Accused]
    now: L2[Accused]
    correction: L2[str]
    """The reason of the correction."""


class CategoryCorrected(IntakeEvent):
    """The complaint was taken for something else than it is; it is decided on anew (B12)."""

    to = "REGISTERED"

    category: L1[Category]
    was: L1[Category]
    correction: L2[str]
    """The reason of the correction."""


class DuplicateFiled(IntakeEvent):
    """Filed without a new verification: same facts, no new evidence (A12, R55)."""

    to = "DUPLICATE_FILED"

    of: L1[str]
    of_number: L1[str]
    repeat_kind: L2[RepeatKind]


class SameAllegation(Value):
    """An allegation of a joined complaint, and the one of the first complaint that claims the same (B24)."""

    own: str
    theirs: str


class ComplaintJoined(IntakeEvent):
    """Another named reporter's complaint on the same facts goes into the verification of the first (B24)."""

    to = "WITH_HANDLER"

    of: L1[str]
    of_number: L1[str]
    number: L1[str]
    same: L2[tuple[SameAllegation, ...]]
    handling_dept: L1[str]
    registered_by: L1[tuple[str, ...]]
    """The people who registered it; none of them may verify it (SD3)."""
    round: L1[int] = 1
    """The round of the first complaint's hand-over, whose case takes it."""
    real_name: L1[bool] = False
    """True if the name is confirmed: the reporter is told the result (DL-02)."""


class AnotherComplaintJoined(IntakeEvent):
    """Another named reporter's complaint on the same facts is verified with this one (B24)."""

    complaint: L1[str]
    number: L1[str]


class ComplaintParted(IntakeEvent):
    """The complaint with which this one was verified went to another organ: this one is decided on anew
    (B24)."""

    to = "REGISTERED"

    of: L1[str]


class RepeatMarked(IntakeEvent):
    """A complaint that repeats an earlier one and brings new evidence: it goes on like an initial one
    (A12)."""

    of: L1[str]
    of_number: L1[str]
    repeat_kind: L2[RepeatKind]
    new_evidence: L2[str]


# --- passing on ---------------------------------------------------------------------------------------


class AcceptanceProposed(IntakeEvent):
    """The clerk's proposal to accept; the department's head decides (§5.2)."""

    handling_dept: L1[str]
    opinion: L2[str]


class ComplaintAccepted(IntakeEvent):
    """Accepted as this organ's own (§5.4)."""

    to = "ACCEPTED"

    handling_dept: L1[str]


class ComplaintNotAccepted(IntakeEvent):
    """The complaint is not accepted, on one of exactly three grounds (A10)."""

    to = "NOT_ACCEPTED"

    reason: L1[RejectionReason]


class ComplaintRedirected(IntakeEvent):
    """A letter was sent on to the body that has to decide (A11)."""

    to = "CLOSED"

    to_body: L1[str]


class ReporterAdvised(IntakeEvent):
    """A reporter who came, called or wrote online was told which body decides (A11)."""

    to = "CLOSED"

    body: L1[str]


class ComplaintFiled(IntakeEvent):
    """The complaint is filed: it names somebody and says nothing about them; substance added later revives it
    (A10)."""

    to = "CLOSED"

    means: L2[Means | None] = None
    """The means by which a reporter with a confirmed name was told."""


class AppealForwarded(IntakeEvent):
    """An appeal is no accusation: it went to the body that hears appeals (C6)."""

    to = "CLOSED"

    to_body: L1[str]


class SuggestionForwarded(IntakeEvent):
    """A suggestion went to the body that it concerns."""

    to = "CLOSED"

    to_body: L1[str]


class ComplaintSplit(IntakeEvent):
    """The part that another organ must handle became a complaint of its own there (A18)."""

    born: L1[str]
    to_organ: L1[str]
    accused: L2[tuple[Accused, ...]]
    allegations: L2[tuple[Allegation, ...]]
    """The allegations and accused of this complaint from now on."""
    moved_accused: L2[tuple[Accused, ...]]
    moved_allegations: L2[tuple[Allegation, ...]]


class ComplaintHandedDown(IntakeEvent):
    """Handed down to the competent lower organ; no reply is owed (A16)."""

    to = "SENT_DOWN"

    born: L1[str]
    to_organ: L1[str]
    reason: L2[str]


class ComplaintSentUp(IntakeEvent):
    """Turned out to be an organ's above; it went there with its content (B14)."""

    to = "SENT_OUT"

    born: L1[str]
    to_organ: L1[str]
    reason: L2[str]
    about_head: L2[bool] = False
    """True if it turned out to be about the own head, who is excluded from the matter by it (A15)."""


class ComplaintSentBack(IntakeEvent):
    """Went back to the organ that had passed it on, which must take it (B14)."""

    to = "SENT_OUT"

    born: L1[str]
    to_organ: L1[str]
    reason: L2[str]


class ComplaintAssignedDown(IntakeEvent):
    """Assigned to a lower organ, which reports the result (A22)."""

    to = "SENT_DOWN"

    born: L1[str]
    to_organ: L1[str]
    ground: L1[AssignmentGround]
    letter_ref: L1[str]
    report_by: L1[date]


class ComplaintSentLateral(IntakeEvent):
    """Handed to another competent organ that is neither above nor below (A17)."""

    to = "SENT_OUT"

    born: L1[str]
    to_organ: L1[str]
    reason: L2[str]


class ComplaintTakenUp(IntakeEvent):
    """A superior took it over, and it was received there in the same moment (§5.4)."""

    to = "SENT_OUT"

    born: L1[str]
    to_organ: L1[str]
    reason: L2[str]


class JurisdictionDisputed(IntakeEvent):
    """The organ holds that another is competent; their common superior decides (A9)."""

    with_organ: L1[str]
    decided_by: L1[str]
    """The common superior."""
    reason: L2[str]


class DisputeAnswered(IntakeEvent):
    """The other organ of a dispute said why it is not competent either (B17)."""

    opinion: L2[str]


class JurisdictionAssigned(IntakeEvent):
    """The common superior decided which of the two handles it, or that it does so itself (A9, B17)."""

    to_organ: L1[str]
    reason: L2[str]


class AssignedResultReported(IntakeEvent):
    """The organ has reported the result of an assigned complaint to its superior (A26, DL-06)."""

    case_number: L1[str]


class PeriodExtensionNoted(IntakeEvent):
    """The lower organ takes longer over an assigned complaint, and said why (A23)."""

    reason: L2[str]


class AssignedResultNoted(IntakeEvent):
    """The lower organ has reported its result; the superior has not yet judged it (A26)."""

    case_number: L1[str]
    verdict: L2[str]


class AssignedResultAccepted(IntakeEvent):
    """The superior accepts the reported result."""

    to = "RESULT_AVAILABLE"

    opinion: L2[str]


class AssignedResultReturned(IntakeEvent):
    """The superior returns the reported result; another one is owed."""

    born: L1[str]
    reason: L2[str]


class ResultReturnedBySuperior(IntakeEvent):
    """The superior has returned the result that this organ reported; another one is owed (A26, DL-06)."""

    reason: L2[str]


class AssignedCaseReopened(IntakeEvent):
    """The organ below has reopened the case whose result was reported here; another one is to come (A31)."""

    to = "SENT_DOWN"

    case_number: L1[str]


class AssignmentTakenBack(IntakeEvent):
    """The organ that assigned a complaint, or one above, has taken it over as another complaint (§5.4)."""

    to = "SENT_OUT"

    born: L1[str]


class AssignmentMoved(IntakeEvent):
    """An organ in between has taken over what was assigned below: it owes the result now (§5.4)."""

    born: L1[str]


class AssignedPeriodExtended(IntakeEvent):
    """The lower organ takes longer, with its head's approval (A23)."""

    reason: L2[str]
    began_on: L2[date]

    def timing(self) -> Timing:
        """The longer period counts from the day from which the first one ran."""
        return Timing(begins=self.began_on)


class ReturnByHandlerNoted(IntakeEvent):
    """The handling department returned it; the petition department decides anew (A19)."""

    to = "REGISTERED"

    reason: L1[ReturnReason]
    case_number: L1[str]


class ComplaintTransferredToHandler(IntakeEvent):
    """Handed to the handling department, which opens a verification case (P1)."""

    to = "WITH_HANDLER"

    number: L1[str]
    handling_dept: L1[str]
    accused: L2[tuple[Accused, ...]]
    allegations: L2[tuple[Allegation, ...]]
    registered_by: L1[tuple[str, ...]]
    """The people who registered it; none of them may verify it (SD3)."""
    real_name: L2[bool]
    round: L1[int] = 1
    """2 and more: it was returned and is handed over again, to a new case (A19)."""
    assigned_by_superior: L1[bool] = False
    """The result must be reported to the superior that assigned it (A26)."""


# --- answering ----------------------------------------------------------------------------------------


class ResultBecameAvailable(IntakeEvent):
    """The verification of this complaint has ended (P2); starts the feedback clock DL-02."""

    to = "RESULT_AVAILABLE"

    case_number: L1[str]
    conclusion: L1[int] = 1
    """The number of the conclusion in its case (B27)."""
    verdict: L2[str]
    concluded_on: L1[date]
    findings: L2[tuple[Finding, ...]] = ()
    """The findings of the case; none where it was closed without verification."""


class ReporterIdentityConfirmed(IntakeEvent):
    """The name is real and the contact answers: a real-name complaint (A27)."""

    reporter_ref: L2[str]
    method: L2[VerifiedBy]
    priority: L2[Priority]
    identity_status: L2[IdentityStatus] = "CONFIRMED"


class ReporterTreatedAsAnonymous(IntakeEvent):
    """The name could not be verified: handled like an anonymous one, with nothing lost (A28)."""

    reporter_ref: L2[str]
    reason: L1[Literal["NOT_CONFIRMED", "UNREACHABLE"]]
    identity_status: L2[IdentityStatus] = "NOT_CONFIRMED"


class ReporterIdentityAdded(NamesVaulted, IntakeEvent):
    """An anonymous reporter, or one whose name was not confirmed, gave a name and a contact: from now on they
    are owed what real names are owed (B19)."""

    reporter_ref: L2[str]
    by_reporter: L2[bool]
    """True if it came behind the query code; else a clerk took it at the desk."""
    identity_status: L2[IdentityStatus] = "CLAIMED"


class ReporterContactChanged(NamesVaulted, IntakeEvent):
    """The reporter is reached in another way from now on; the old contact stays in the vault (B19)."""

    reporter_ref: L2[str]
    by_reporter: L2[bool]
    """True if it came behind the query code; else a clerk took it at the desk."""


class AcceptanceNotified(IntakeEvent):
    """The real-name reporter knows that it was accepted (A30)."""

    means: L2[Means]


class ContactAttempted(IntakeEvent):
    """Somebody tried to reach the reporter, in vain (R46)."""

    stage: L1[Errand]
    means: L2[Means]
    attempted_on: L2[date]


class StageMeetingHeld(IntakeEvent):
    """The reporter was met and heard (R46)."""

    stage: L1[Stage]
    mode: L2[MeetingMode]
    staff: L1[tuple[str, ...]]
    heard: L2[str]
    demands: L2[str]


class StageFeedbackGiven(IntakeEvent):
    """The reporter was told where the matter stands (R46)."""

    stage: L1[Stage]
    content_code: L1[str]
    means: L2[Means]


class ReporterWaivedMeeting(IntakeEvent):
    """The reporter does without one of the three meetings (R46)."""

    stage: L1[Stage]


class StageWaived(IntakeEvent):
    """One meeting with its feedback is not owed: the reporter does not want it, or cannot be reached."""

    stage: L1[Stage]
    ground: L1[WaiverGround]


class ResultFeedbackGiven(IntakeEvent):
    """The real-name reporter has heard the result, what policy says, and the duty of secrecy (A31, A34)."""

    outcomes: L2[tuple[Finding, ...]]
    means: L2[Means]
    policy_explained: L2[tuple[PolicyPoint, ...]]
    reaction: L2[Reaction]
    case_numbers: L1[tuple[str, ...]]


class ObjectionRecorded(IntakeEvent):
    """The reporter's objection, word for word in substance, and the explanation that was given (A31)."""

    objection: L2[str]
    explanation: L2[str]


class ReporterAsked(IntakeEvent):
    """The handler has a question for the reporter, which the petition department puts to them (SEC-5)."""

    question_id: L1[str]
    question: L2[str]


class ReporterAnswerRelayed(IntakeEvent):
    """The outcome of a question to the reporter; the answer without anything that tells who they are
    (SEC-5)."""

    question_id: L1[str]
    outcome: L1[QuestionOutcome]
    means: L2[Means]
    answer: L2[str] = ""


class NewEvidenceReceived(IntakeEvent):
    """Evidence that came later; verification decides what it changes (A31, P8)."""

    evidence_id: L1[str]
    from_reporter: L1[bool]
    description: L2[str]
    document_ref: L1[str]
    case_numbers: L1[tuple[str, ...]]


class NewEvidenceAnswerNoted(IntakeEvent):
    """Verification found that the evidence changes nothing (A31)."""

    evidence_id: L1[str]
    case_number: L1[str]


class ComplaintRevived(IntakeEvent):
    """A complaint that was filed for lack of substance has got some (§4.1)."""

    to = "REGISTERED"

    repeat_kind: L2[RepeatKind]


class ComplaintReopened(IntakeEvent):
    """Verification has reopened the case: another result is to come."""

    to = "RESULT_AVAILABLE"

    case_number: L1[str]


class ReportWithdrawn(IntakeEvent):
    """The reporter withdraws; it is recorded and stops nothing (§4.1)."""

    means: L2[Means]


class ComplaintClosed(IntakeEvent):
    """Everything is done, told and recorded (R44)."""

    to = "CLOSED"

    number: L1[str]
    result_code: L2[str]


# --- reporting without an account ---------------------------------------------------------------------


class MessageFromReporterReceived(NamesVaulted, IntakeEvent):
    """The reporter has written again behind the query code; the letter lies in the vault."""

    letter: L1[str]


class AttachmentReceived(NamesVaulted, IntakeEvent):
    """A file has come behind the query code; it lies sealed in the vault."""

    attachment: L1[str]
    media_type: L1[MediaType]
    size: L2[int]
    in_vault: L2[tuple[InVault, ...]] = ()
    """The file as it came, and its copy without metadata where there is one."""


class MessageToReporterSent(NamesVaulted, IntakeEvent):
    """The organ has written to the reporter, who reads it behind the query code."""

    letter: L1[str]


# --- integration ----------------------------------------------------------------------------------------


class PlatformTransferReceived(IntakeEvent):
    """The petition platform sent this complaint (A8). A late arrival is information only (DL-12)."""

    platform: L1[str]
    """The platform's service account: it is told how the complaint stands, and nobody else is."""
    platform_no: L1[str]
    platform_received_on: L2[date]
    transferred_on: L2[date]
    platform_category: L1[Category]
    """The category that the platform took it for; the clerk decides when registering it."""
    late_from_platform: L2[bool]
    unread: L2[tuple[str, ...]] = ()
    """Fields of the reporter block that could not be read: the platform is told them, and there is no
    reporter until one is added (B19)."""


class TransferObjected(IntakeEvent):
    """Sent back to the platform: another organ is competent (条例 23, DL-13)."""

    to = "RETURNED"

    competent_organ: L1[str]
    reason: L2[str]


# --- the register of accused --------------------------------------------------------------------------


class AccusedRegistered(IntakeEvent):
    """A person or organisation enters the register of accused under a stable reference."""

    to = "REGISTERED"

    accused: L2[Accused]


class AccusedDetailsRecorded(IntakeEvent):
    """The details of an accused are others than the register has: a new post, unit or level since a day, or
    a slip that was corrected (B11, B12)."""

    since: L1[str]
    """The first day of the new details; that of the old ones, where they were a slip."""
    was: L2[Accused]
    now: L2[Accused]
    slip: L1[bool] = False
    known_as: L1[tuple[str, ...]]
    """The references by which complaints name them: their own, and those that were merged into it."""
    complaints: L1[tuple[str, ...]]
    """The complaints about them: their cases learn it."""


class PrincipalHeadChanged(IntakeEvent):
    """A party organisation has another head, who speaks for it from that day on (B10)."""

    accused_ref: L1[str]
    since: L1[str]
    was: L2[str]
    head: L2[str]


class AccusedNumberRecorded(IntakeEvent):
    """The number of an accused is known (B11). The number itself is nowhere: `number` follows from it under
    a key of intake's."""

    number: L1[str]


class AccusedNumberBound(IntakeEvent):
    """A resident or credit number belongs to this accused: whoever enters it finds them (B11)."""

    to = "REGISTERED"

    accused_ref: L1[str]


class AccusedMerged(IntakeEvent):
    """An entry of the register was a second one of the same person or organisation (B11)."""

    to = "MERGED"

    accused_ref: L1[str]
    into: L1[str]
    reason: L2[str]


class AccusedTookOver(IntakeEvent):
    """An entry holds from now on the complaints, conclusions and number of another one, which was the
    same (B11)."""

    accused_ref: L1[str]
    merged: L1[tuple[str, ...]]
    """The references of the other entry, and of those that it had taken over itself."""
    complaints: L1[dict[str, str]]
    """The organ of each complaint, by its id."""
    conclusions: L1[dict[str, tuple[str, ...]]]
    number: L1[str] = ""


class ComplaintLinkedToAccused(IntakeEvent):
    """A complaint about this accused (R55): the history over the years is made of these."""

    accused_ref: L1[str]
    complaint: L1[str]
    allegation_kinds: L1[tuple[str, ...]]
    complaint_organ: L1[str] = ""
    """The organ of the complaint: its register knows this accused too."""


class AccusedConclusionNoted(IntakeEvent):
    """The conclusion of a verification about this accused; a later repeat is a re-report (R55)."""

    case_number: L1[str]
    conclusion: L1[int] = 1
    """The number of the conclusion in its case (B27): a later one takes the place of the earlier."""
    unfounded: L1[tuple[str, ...]]
    complaints: L1[tuple[str, ...]]


# --- supervision orders (督办, §4.7) ---------------------------------------------------------


class SupervisionOrderDrafted(IntakeEvent):
    """Pressure on an item of an organ below is proposed (A24, A25). Names the item, never who reported."""

    to = "DRAFTED"

    target: L1[str]
    complaint: L1[str]
    complaint_number: L1[str]
    case_number: L1[str] = ""
    cause: L1[SupervisionCause]
    methods: L1[tuple[SupervisionMethod, ...]]
    text: L2[str]


class SupervisionOrderApproved(IntakeEvent):
    """The deputy leader of the same organ approves it (A24)."""

    to = "APPROVED"


class SupervisionOrderIssued(Numbered, IntakeEvent):
    """Sent to the organ below, under a number; from now on it may see the order."""

    to = "ISSUED"
    numbered = "DB"

    addressee: L1[str]
    cause: L1[SupervisionCause]
    methods: L1[tuple[SupervisionMethod, ...]]


class SupervisionOrderResponded(IntakeEvent):
    """The organ below has answered."""

    to = "RESPONDED"

    response: L2[str]
    documents: L1[tuple[str, ...]] = ()


class SupervisionResponseReturned(IntakeEvent):
    """The answer does not do: the organ below answers again."""

    to = "RETURNED"

    reason: L2[str]


class SupervisionOrderClosed(IntakeEvent):
    """Supervision of the item has ended."""

    to = "CLOSED"

    result: L2[str]


# --- retaliation (打击报复, A44) ------------------------------------------------------------------------

RetaliationFinding = Literal["FOUND", "NOT_FOUND", "NOT_PROVABLE"]


class RetaliationReported(Numbered, OfOrgan, NamesVaulted, IntakeEvent):
    """Somebody is said to suffer for a report: the reporter, a relative, or a person taken for the reporter
    (A44). The vault alone holds which of them, and what happened: this does not tell who reported. Until
    `RetaliationSettled` no clarification of the subject is carried out (P12)."""

    to = "REPORTED"
    numbered = "BF"

    organ: L1[str]
    """The superior organ, which handles it."""
    complaint: L1[str]
    subject_ref: L1[str]
    letter: L1[str]
    """The account of it in the vault."""


class RetaliationSettled(IntakeEvent):
    """The superior organ has dealt with it."""

    to = "SETTLED"

    subject_ref: L1[str]
    finding: L2[RetaliationFinding]
    measures: L2[str]


# --- misconduct of staff (检举工作人员, A33) -------------------------------------------------------------

MisconductFinding = Literal["FOUND", "NOT_FOUND", "NOT_PROVABLE"]


class StaffMisconductReported(Numbered, OfOrgan, NamesVaulted, IntakeEvent):
    """A member of the staff is reported (A33, A36). It goes to the organ above theirs and to internal
    supervision; what is said of them lies in the vault."""

    to = "REPORTED"
    numbered = "JG"

    organ: L1[str]
    """The superior organ, which handles it."""
    staff_organ: L1[str]
    staff: L2[str] = ""
    """The account of the member of staff, where the person who reports them knows it."""
    addressee: L1[str] = ""
    """The organ whose internal supervision watches over it besides that of the superior."""
    complaint: L1[str] = ""
    letter: L1[str]
    """The account of it in the vault."""


class StaffMisconductSettled(IntakeEvent):
    """The superior organ has dealt with it."""

    to = "SETTLED"

    finding: L2[MisconductFinding]
    measures: L2[str]


# --- duplicates, told monthly (A12) -------------------------------------------------------------------


class DuplicateDigest(IntakeEvent):
    """The repeated complaints that were filed in a month, told to the department that handles the originals
    (规则 14). Numbers only (SEC-11); a later one of the same month tells what was entered later."""

    to = "SENT"

    month: L1[str]
    handling_dept: L1[str]
    count: L1[int]
    duplicates: L1[tuple[str, ...]]
    originals: L1[tuple[str, ...]]
    """The numbers of the complaints that they repeat, in the same order."""


class QuarterlyFeedbackReceived(OfOrgan, IntakeEvent):
    """The results that the handling department finished in a quarter, as the petition department was told
    them (A21)."""

    to = "RECEIVED"

    quarter: L1[str]
    results: L2[tuple[QuarterResult, ...]]


# --- the vault's door ---------------------------------------------------------------------------------

IdentityField = Literal["NAME", "UNIT", "ADDRESS", "PHONE", "EMAIL"]


class IdentityDisclosureRequested(OfOrgan, IntakeEvent):
    """Somebody asks to be told how to reach a reporter: for what, which fields, until when (SEC-5)."""

    to = "REQUESTED"

    complaint: L1[str]
    purpose: L2[str]
    fields: L1[tuple[IdentityField, ...]]
    until: L1[date]


class IdentityDisclosureApproved(IntakeEvent):
    """The organ's head agrees: these fields, until this day."""

    to = "APPROVED"

    fields: L1[tuple[IdentityField, ...]]
    until: L1[date]
    opinion: L2[str]


class IdentityDisclosureDenied(IntakeEvent):
    """The organ's head does not agree."""

    to = "DENIED"

    opinion: L2[str]


class IdentityAccessed(IntakeEvent):
    """Audit record: the vault opened something of a reporter, for whom and for what; never the value."""

    who: L1[str]
    role: L1[str]
    object: L1[str]
    fields: L1[str]
    purpose: L1[str]
    disclosure: L1[str] = ""
    """The approved request that it rests on; empty for the clerk who serves the reporter."""


class IdentityKeyDestroyed(OfOrgan, IntakeEvent):
    """The key of a complaint was destroyed: its reporter is forgotten for ever (§6.5). This record is the
    ledger that the vault holds itself against after a restore."""

    to = "DESTROYED"

    complaint: L1[str]
    ground: L1[Literal["RETENTION_ENDED"]]
    closed_on: L1[date]


class ScreenCleared(IntakeEvent):
    """Audit record: a person's texts are looked at again, after too many of them were refused (B54)."""

    who: L1[str]
    role: L1[str]
    person: L1[str]


class VaultRootRecorded(IntakeEvent):
    """The tree over all events of the vault, as it was at night (B55): they are published to nobody, and with
    this root they stand under audit's signature all the same."""

    size: L2[int]
    root: L2[str]
