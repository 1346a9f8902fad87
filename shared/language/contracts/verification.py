"""The events that verification publishes. The law of events (`language.event`): additive changes only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from shared.language.contracts.common import Accused, Allegation, Finding, Outcome, Read, common_events
from shared.language.event import L1, L2, Event, Numbered, OfOrgan, Timing
from shared.language.law.working_days import local_date, quarter_begin

Verdict = Literal["ALL_UNFOUNDED", "MIXED", "ALL_SUBSTANTIATED", "HAS_INCONCLUSIVE"]
Way = Literal[
    "TALK_OR_INQUIRY",
    "PRELIMINARY_VERIFICATION",
    "HELD_FOR_LATER",
    "CLOSED_NO_ACTION",
    "REFERRED_TO_INVESTIGATION",
]
"""The ways of disposition (处置方式, A20)."""
DispositionReason = Literal[
    "EARLY_SIGN",
    "TENDENCY",
    "GENERAL_PROBLEM",
    "NOT_VERIFIABLE",
    "PLAUSIBLE_AND_VERIFIABLE",
    "CONDITIONS_LACKING",
    "UNFOUNDED_ON_ITS_FACE",
    "NOTHING_TO_VERIFY",
    "ACCOUNTABILITY_SUSPECTED",
]
EvidenceKind = Literal[
    "PHYSICAL",
    "DOCUMENTARY",
    "WITNESS_TESTIMONY",
    "STATEMENT_OF_ACCUSED",
    "EXPERT_OPINION",
    "INSPECTION_RECORD",
    "AUDIO_VISUAL",
    "ELECTRONIC_DATA",
    "OTHER",
]
Signature = Literal["SIGNED", "REFUSED_NOTED", "NOT_APPLICABLE"]
TalkedWith = Literal["ACCUSED", "WITNESS", "UNIT"]
AdverseEffect = Literal["WORK", "LIFE", "SOCIETY"]
ReturnReason = Literal["NO_SUBSTANCE", "OTHER_ORGAN"]
ReportNature = Literal["UNDETERMINED", "MISTAKEN_ACCUSATION", "UNFOUNDED_REPORT", "FALSE_ACCUSATION"]
STATE_AFTER: dict[Way, str] = {
    "TALK_OR_INQUIRY": "TALKING",
    "PRELIMINARY_VERIFICATION": "VERIFYING_READY",
    "HELD_FOR_LATER": "HELD",
    "CLOSED_NO_ACTION": "CLOSING",
    "REFERRED_TO_INVESTIGATION": "REFERRED",
}
"""The state to which an approved way leads (§4.2)."""


class VerificationEvent(Event):
    """Base of verification's events."""

    service = "verification"


COMMON = common_events(VerificationEvent)


class VerificationCaseOpened(Numbered, OfOrgan, VerificationEvent):
    """A complaint has reached the handling department (P1)."""

    to = "OPENED"
    numbered = "HC"

    complaint_ids: L1[tuple[str, ...]]
    complaint_numbers: L1[tuple[str, ...]]
    accused: L2[tuple[Accused, ...]]
    allegations: L2[tuple[Allegation, ...]]
    handling_dept: L1[str]
    registered_by: L1[tuple[str, ...]]
    """The people who registered the complaint; none of them may verify it (SD3)."""
    real_name: L1[bool]
    assigned_by_superior: L1[bool] = False
    """The result is owed to the superior organ (A26)."""


class ComplaintReturnedByHandler(VerificationEvent):
    """The handling department returns the complaint to the petition department (A19)."""

    to = "RETURNED"

    number: L1[str]
    complaint_ids: L1[tuple[str, ...]]
    reason: L1[ReturnReason]
    consulted: L2[str]
    opinion: L2[str]


class VerificationCasePassedOn(VerificationEvent):
    """The case ends without a finding: its complaint went to the organ to which it belongs (B14)."""

    to = "PASSED_ON"

    number: L1[str]
    complaint_id: L1[str]


class AllegationCorrectionNoted(VerificationEvent):
    """The petition department had put an allegation down wrongly; so it reads now (B12). Where its words are
    others, what was found on it does not stand."""

    allegation: L2[Allegation]
    found_anew: L1[bool]
    """True if it has to be found on anew."""


class AccusedDetailsNoted(VerificationEvent):
    """The register has other details of an accused: a new post or unit, another head of a party organisation,
    or a slip that was corrected (B11, B12). Whatever is written of them from now on says so."""

    accused: L2[tuple[Accused, ...]]
    """Everybody whom the case is about, as they are today."""


class ReturnProposed(VerificationEvent):
    """The handling department has talked it over and asks the deputy leader to let it return it (A19)."""

    reason: L1[ReturnReason]
    consulted: L2[str]


class AssignedResultReported(VerificationEvent):
    """The result of an assigned item, studied collectively and approved by the head, goes up (A26)."""

    number: L1[str]
    conclusion: L1[int] = 1
    """The conclusion whose result it is (B27)."""
    complaint_ids: L1[tuple[str, ...]]
    verdict: L2[Verdict]
    findings: L2[tuple[Finding, ...]]
    study_ref: L1[str]
    reported_on: L1[date]


class VerificationExtended(VerificationEvent):
    """A preliminary verification takes longer, with the head's approval (DL-11)."""

    reason: L2[str]
    started_on: L1[date]

    def timing(self) -> Timing:
        """The longer period counts from the day from which the first one ran."""
        return Timing(begins=self.started_on)


class ReferralResultRecorded(VerificationEvent):
    """The body to which the case was referred tells what it found on one allegation (B33). With the last of
    them the case is reported, and goes on to its conclusion."""

    allegation_id: L1[str]
    outcome: L2[Outcome]
    reasoning: L2[str]
    decided_by: L2[str]
    """The body that found it."""
    decided_on: L1[date]
    document_ref: L1[str]
    document_hash: L1[str]
    adverse_effect: L2[tuple[AdverseEffect, ...]] = ()
    complete: L1[bool]
    """True if every allegation has its finding by now."""

    may_lead_to = ("REPORTED",)

    def leads_to(self) -> str | None:
        return "REPORTED" if self.complete else None


class DispositionProposed(VerificationEvent):
    """A way of handling, studied collectively (A20)."""

    to = "DISPOSITION_PROPOSED"

    way: L1[Way]
    reason: L1[DispositionReason]
    study_ref: L1[str]


class DispositionApproved(VerificationEvent):
    """The way is approved by the leader whom it needs (A20)."""

    way: L1[Way]
    reason: L1[DispositionReason]
    study_ref: L1[str]
    opinion: L2[str]

    may_lead_to = tuple(STATE_AFTER.values())

    def leads_to(self) -> str:
        return STATE_AFTER[self.way]


class DispositionRejected(VerificationEvent):
    """The way is not approved: propose again."""

    to = "OPENED"

    way: L1[Way]
    reason: L2[str]


class CaseHeld(VerificationEvent):
    """Held for later; starts the review clock DL-21 (A65)."""

    reason: L1[DispositionReason]


class HeldReviewed(VerificationEvent):
    """A held case was looked at again and stays held; the next review is owed (A65, DL-21)."""

    result: L2[str]


class CaseResumed(VerificationEvent):
    """A held case is taken up again, for another disposition (A65); or one that was to be closed, for
    evidence that came (B31)."""

    to = "OPENED"

    reason: L2[str]


class VerificationStarted(VerificationEvent):
    """The team is formed and its plan is fixed (A61)."""

    to = "VERIFYING"

    team: L1[tuple[str, ...]]
    plan_hash: L1[str]


class EvidenceRecorded(VerificationEvent):
    """One item of evidence, taken by two people at least (A62)."""

    evidence_id: L1[str]
    kind: L1[EvidenceKind]
    hash: L1[str]
    collectors: L1[tuple[str, ...]]
    collected_at: L1[datetime]
    place: L2[str]
    signature: L1[Signature]


class TalkHeld(VerificationEvent):
    """A talk held by two people at least (A60)."""

    talked_with: L1[TalkedWith]
    accused_ref: L1[str] = ""
    staff: L1[tuple[str, ...]]
    held_at: L1[datetime]
    place: L2[str]
    note: L2[str]
    record_hash: L1[str]
    signature: L1[Signature]
    duties_acknowledged: L1[bool | None] = None
    """The answer of the accused when their duties were read to them (R56); None: not read in this talk."""

    def timing(self) -> Timing:
        """DL-10 counts from the talk itself, also where its record was entered later."""
        return Timing(begins=local_date(self.held_at))


class AccusedStatementRecorded(VerificationEvent):
    """The accused has explained or defended themselves (A36)."""

    accused_ref: L1[str]
    statement: L2[str]
    record_hash: L1[str]


class AllegationSplit(VerificationEvent):
    """A partly true allegation is retired; its atomic parts are found each by itself (§4.2)."""

    allegation_id: L1[str]
    parts: L2[tuple[Allegation, ...]]
    approved_by: L1[str]
    """The person who approved the sanitised wording of the parts (SEC-2)."""


class AllegationFound(VerificationEvent):
    """The finding about one atomic allegation; a later finding replaces an earlier one."""

    allegation_id: L1[str]
    outcome: L2[Outcome]
    reasoning: L2[str]
    evidence_refs: L1[tuple[str, ...]]
    adverse_effect: L2[tuple[AdverseEffect, ...]] = ()


class SubstantiatedDispositionRecorded(VerificationEvent):
    """The measure that follows from a substantiated allegation: one of the four forms of supervision (R9,
    A64). Clarification hears of it here, and from nobody's say-so."""

    subject_ref: L1[str]
    allegation_id: L1[str]
    form_of_supervision: L2[Literal[1, 2, 3, 4]]
    disposition_ref: L2[str]


class VerificationReportSubmitted(VerificationEvent):
    """The report with the parts that A61 demands."""

    to = "REPORTED"

    basics: L2[str]
    main_problems: L2[str]
    process: L2[str]
    result: L2[str]
    doubtful_points: L2[str]
    suggestion: L2[str]
    none_changed: L2[str] = ""
    """The reason why no finding changed; empty where one was made anew (B31)."""


class VerificationReportCountersigned(VerificationEvent):
    """The head of the handling department stands by the report of its people (R1)."""

    opinion: L2[str]


class VerificationReportReturned(VerificationEvent):
    """The report goes back to where it came from."""

    back_to: L1[Literal["TALKING", "VERIFYING", "REFERRED"]]
    reason: L2[str]
    started_on: L1[date | None] = None
    """The day on which the team began to verify, or the case was referred."""
    extended: L1[bool] = False
    """True if DL-11 had been extended."""

    def timing(self) -> Timing:
        """DL-11 and DL-31 run again, to their old last day: returning a report gives no further time."""
        return Timing(begins=self.started_on, extended=self.extended)

    may_lead_to = ("TALKING", "VERIFYING", "REFERRED")

    def leads_to(self) -> str:
        return self.back_to


class VerificationConcluded(VerificationEvent):
    """The organ's head has concluded the case (R1, A61)."""

    to = "CONCLUDED"

    number: L1[str]
    """The case's number, repeated for the readers; it was given when the case was opened."""
    conclusion: L1[int] = 1
    """The number of this conclusion in its case: with the case it names it (B27)."""
    verdict: L2[Verdict]
    complaint_ids: L1[tuple[str, ...]]
    findings: L2[tuple[Finding, ...]]
    three_distinctions: L2[tuple[dict[str, str], ...]]
    opinion: L2[str]
    concluded_on: L1[date]
    study_ref: L1[str] = ""

    def timing(self) -> Timing:
        """DL-07 counts from the end of the quarter, also for its last day."""
        return Timing(begins=quarter_begin(self.concluded_on))


class AllegationsVerifiedUnfounded(VerificationEvent):
    """One subject's unfounded allegations in one conclusion (R25): clarification starts from here (P3)."""

    subject: L2[Accused]
    unfounded: L2[tuple[Allegation, ...]]
    other_findings: L2[tuple[Finding, ...]]
    """The subject's other allegations of the same case, so that no clearing forgets them (R9)."""
    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int] = 1
    complaint_ids: L1[tuple[str, ...]]
    complaint_numbers: L1[tuple[str, ...]]
    handling_organ: L1[str]
    handling_dept: L1[str]
    verification_handlers: L1[tuple[str, ...]]
    concluded_by: L1[str]
    concluded_on: L1[date]
    adverse_effect_hint: L2[tuple[str, ...]] = ()


class AllegationsSubstantiated(VerificationEvent):
    """One subject's substantiated allegations in one conclusion (R25)."""

    subject: L2[Accused]
    substantiated: L2[tuple[Finding, ...]]
    other_findings: L2[tuple[Finding, ...]] = ()
    """The subject's other allegations in the same conclusion: each event alone tells it whole (B27)."""
    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int] = 1
    concluded_on: L1[date]


class AllegationsInconclusive(VerificationEvent):
    """One subject's allegations that are neither proved nor excluded: never a ground to clear (A66)."""

    subject: L2[Accused]
    inconclusive: L2[tuple[Finding, ...]]
    other_findings: L2[tuple[Finding, ...]] = ()
    """The subject's other allegations in the same conclusion (B27)."""
    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int] = 1
    concluded_on: L1[date]


class CaseClosedWithoutVerification(VerificationEvent):
    """Closed on the approved disposition (予以了结). Nobody gathered evidence, so nothing was proved either
    way: every allegation is inconclusive and clears nobody (A58, A66)."""

    to = "CLOSED"

    number: L1[str]
    conclusion: L1[int] = 1
    complaint_ids: L1[tuple[str, ...]]
    reason: L1[DispositionReason]
    findings: L2[tuple[Finding, ...]]
    opinion: L2[str]
    closed_on: L1[date]

    def timing(self) -> Timing:
        """DL-07 counts from the end of the quarter, also for its last day."""
        return Timing(begins=quarter_begin(self.closed_on))


class FalseAccusationAssessed(VerificationEvent):
    """An assessment whether the unfounded report is suspected to be a false accusation (R17). Screened out,
    it is an unfounded report and nothing more: no intent was shown (R20). It is made for subjects of one
    conclusion; the next one asks for it anew (B28)."""

    conclusion: L1[int] = 1
    subject_refs: L1[tuple[str, ...]] = ()
    result: L1[Literal["SCREEN_OUT", "FLAG"]]
    report_nature: L1[ReportNature]
    reason: L2[str]


class ClarificationAssessmentNoted(VerificationEvent):
    """Clarification has assessed one subject of this case: the other half of the dual assessment (R17)."""

    subject_ref: L1[str]
    clarification_id: L1[str]
    round: L1[int]
    conclusion: L1[int] = 1
    """The conclusion that was assessed: it counts for no other (B28)."""


class ResultFeedbackNoted(VerificationEvent):
    """Intake has told the real-name reporter the result (DL-02); the case may be closed."""

    complaint_id: L1[str]


class RealNameNoted(VerificationEvent):
    """The reporter's name was confirmed after the hand-over: the result is owed to them (A27, DL-02)."""

    complaint_id: L1[str]


class JoinedComplaintNoted(VerificationEvent):
    """Another named reporter's complaint on the same facts is verified with the others of the case, and
    answered by itself (B24)."""

    complaint_id: L1[str]
    complaint_number: L1[str]
    registered_by: L1[tuple[str, ...]]
    real_name: L1[bool] = False


class CaseOfComplaintNoted(VerificationEvent):
    """The case in which a joined complaint is verified (B24)."""

    complaint_id: L1[str]
    case_id: L1[str]


class NewEvidenceNoted(VerificationEvent):
    """Evidence has come after the fact: it must be assessed (P8)."""

    complaint_id: L1[str]
    evidence_id: L1[str]
    description: L2[str]
    document_ref: L1[str]

    def timing(self) -> Timing:
        """Each piece has its own fifteen working days (DL-30)."""
        return Timing(key=self.evidence_id)


class NewEvidenceTakenUp(VerificationEvent):
    """The new evidence matters: the case goes on with it (B31)."""

    complaint_id: L1[str]
    evidence_id: L1[str]
    number: L1[str]
    reason: L2[str]

    def timing(self) -> Timing:
        return Timing(key=self.evidence_id)


class NewEvidenceAssessedImmaterial(VerificationEvent):
    """The new evidence changes nothing (A31)."""

    complaint_id: L1[str]
    evidence_id: L1[str]
    number: L1[str]
    reason: L2[str]

    def timing(self) -> Timing:
        return Timing(key=self.evidence_id)


class VerificationCaseReopened(VerificationEvent):
    """The head of the organ takes the case up again because of new evidence (A31, R54)."""

    to = "VERIFYING_READY"

    number: L1[str]
    complaint_ids: L1[tuple[str, ...]]
    subject_refs: L1[tuple[str, ...]]
    conclusion: L1[int] = 1
    """The conclusion that does not stand any more; the next one has the next number (B27)."""
    evidence_id: L1[str]
    cause: L2[str]


class CaseClosed(VerificationEvent):
    """Both assessments are answered and every disposition is recorded (R9, R17)."""

    to = "CLOSED"

    number: L1[str]
    closed_on: L1[date]


class QuarterResult(Read):
    """One concluded case in a quarterly feedback (A21): the way of disposition, whether it was true, whether
    its reporter was told, and what followed. It names nobody."""

    case_number: str
    complaint_numbers: tuple[str, ...]
    handling_dept: str
    concluded_on: date
    way: Way | None
    verdict: Verdict
    reporter_told: Literal["TOLD", "OWED", "NOT_OWED"]
    """NOT_OWED: no confirmed real-name reporter (规则 27)."""
    disposition_refs: tuple[str, ...] = ()
    """References of the decisions on substantiated allegations."""
    undisposed: int = 0
    """Substantiated allegations on which nothing was decided yet."""


class QuarterlyFeedbackSent(OfOrgan, VerificationEvent):
    """The handling department tells the petition department what it finished in a quarter (规则 18, A21). A
    later one of the same quarter tells what was entered later."""

    to = "SENT"

    quarter: L1[str]
    """The quarter, as 2026-Q1."""
    results: L2[tuple[QuarterResult, ...]]


class QuarterlyFeedbackNoted(VerificationEvent):
    """The case's result was told in the feedback of its quarter (DL-07)."""

    quarter: L1[str]
