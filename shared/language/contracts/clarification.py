"""The events that clarification publishes. The law of events (`language.event`): additive changes only."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from shared.language.contracts.common import (
    Accused,
    AllegationKind,
    Finding,
    Form,
    Read,
    Scope,
    common_events,
)
from shared.language.event import L1, L2, Event, Numbered, OfOrgan, Timing

AdverseEffect = Literal["WORK", "LIFE", "SOCIETY"]
Trigger = Literal[
    "APPOINTMENT_OR_AWARD", "RIGHTS_OR_LIFE", "REPEATED_AFTER_CONCLUSION", "SUBJECT_APPLICATION", "OTHER"
]
Recommendation = Literal["CLARIFY", "NOT"]
NotRequiredReason = Literal[
    "NO_ADVERSE_EFFECT",
    "INCONCLUSIVE",
    "NORMAL_PROCEDURE_IMPACT",
    "SUBJECT_DECLINED",
    "SECRECY_OR_OTHER_CASE",
    "OTHER",
]
Venue = Literal[
    "NONE", "UNIT_MEETING", "VILLAGE_MEETING", "RELEASE_CONFERENCE", "UNIT_CIRCULAR", "PUBLIC_MEDIA"
]
ConsentDecision = Literal["AGREED", "AGREED_WITH_LIMITS", "REFUSED"]
ExplainedPoint = Literal["PURPOSE", "SCOPE", "AUDIENCE", "CONSEQUENCES", "RIGHT_TO_REFUSE_OR_WITHDRAW"]
SuspensionGround = Literal["OTHER_CASE", "SECRECY", "RETALIATION"]
RevocationCause = Literal["FINDING_OVERTURNED", "WRONG_SUBJECT_OR_TEXT"]
CorrectedPlace = Literal["PLATFORM", "ARCHIVE"]
VoidReason = Literal["PLAN_CHANGED", "TEXT_CHANGED", "CONSENT_WITHDRAWN"]
ArchiveKind = Literal["INTEGRITY_FILE", "ORG_FILE"]


class Item(Read):
    """One allegation found unfounded, with the case and the day of that conclusion."""

    allegation_id: str
    kind: AllegationKind
    text: str
    case_id: str
    concluded_on: date


class OtherFinding(Finding):
    """Another finding about the subject, with the case it belongs to: no clearing forgets it (R9)."""

    case_id: str


class Disposition(Read):
    """A measure on a substantiated allegation of the same case (R9), as verification told it."""

    case_id: str
    allegation_id: str
    disposition_ref: str


class Limits(Read):
    """The limits within which a subject agreed (AGREED_WITH_LIMITS, R7)."""

    max_scope: Scope | None = None
    """The widest scope that the subject agrees to."""
    no_media: bool = False
    """True if no media may report it."""
    excluded_forms: tuple[Form, ...] = ()
    """Forms that the subject does not agree to."""
    note: str = ""


class ClarificationEvent(Event):
    """Base of clarification's events."""

    service = "clarification"


COMMON = common_events(ClarificationEvent)


class FromConclusions(ClarificationEvent):
    """Base of the events by which clarification takes over conclusions of verification about one subject."""

    service = "clarification"

    subject: L2[Accused]
    round: L1[int]
    items: L2[tuple[Item, ...]]
    other_findings: L2[tuple[OtherFinding, ...]]
    unfounded_ids: L1[tuple[str, ...]]
    case_ids: L1[tuple[str, ...]]
    conclusions: L1[tuple[int, ...]] = ()
    """The number of the conclusion in each of these cases (B27)."""
    case_numbers: L1[tuple[str, ...]]
    complaint_ids: L1[tuple[str, ...]]
    complaint_numbers: L1[tuple[str, ...]]
    verification_handlers: L1[tuple[str, ...]]
    concluded_by: L1[tuple[str, ...]]
    handling_organ: L1[str]
    handling_dept: L1[str]
    adverse_effect_hint: L2[tuple[str, ...]] = ()


class ClarificationOpened(Numbered, OfOrgan, FromConclusions):
    """A subject has unfounded allegations: it must be assessed whether to clear them (P3, DL-14)."""

    to = "ASSESSING"
    numbered = "CQ"


class UnfoundedFindingsJoined(FromConclusions):
    """A further conclusion about the same subject, joined to the open assessment (`round` is the
    present one) or kept for the next round, which opens when the present one ends."""


class ClarificationReopened(FromConclusions):
    """A further round on new unfounded findings, back at the assessment (DL-14)."""

    to = "ASSESSING"


class ClarificationHeld(ClarificationEvent):
    """A case was reopened in which items of this subject were found unfounded: nothing that names them is
    submitted, endorsed, approved, carried out or filed until its next conclusion (B28, DL-30)."""

    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int]
    """The conclusion that does not stand any more."""
    held: L1[tuple[str, ...]]
    """The numbers of the cases that hold something now: whoever reviews or approves reads it here."""


class FurtherConclusionNoted(ClarificationEvent):
    """A case that is known here has another conclusion: from now on this one says what is unfounded (B27). It
    ends the hold of that case; what follows from it stands in the events behind it (B28)."""

    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int]
    unfounded: L2[tuple[Item, ...]]
    other_findings: L2[tuple[OtherFinding, ...]]
    concluded_on: L1[date]
    verification_handlers: L1[tuple[str, ...]] = ()
    concluded_by: L1[tuple[str, ...]] = ()
    held: L1[tuple[str, ...]]


class ClarificationHoldLifted(ClarificationEvent):
    """Everything of the present round is still unfounded: it goes on where it was (B28)."""

    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int]


class UnfoundedFindingsOverturned(ClarificationEvent):
    """Items of the present round, of which nothing was carried out yet, are not unfounded any more, or read
    otherwise: they leave it. What is left is assessed anew, without plan, text, consent or approval; with
    nothing left the round is over (B28)."""

    round: L1[int]
    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int]
    lost_ids: L1[tuple[str, ...]]
    left: L1[tuple[str, ...]]
    suspended: L1[bool] = False
    """True if the round stays suspended; resumed, it is assessed."""

    may_lead_to = ("ASSESSING", "OVERTURNED")

    def leads_to(self) -> str | None:
        if not self.left:
            return "OVERTURNED"
        return None if self.suspended else "ASSESSING"


class ClarificationAssessmentConfirmed(ClarificationEvent):
    """The assessment stands for a further conclusion of a case, of which nothing in it changed (B28, R17)."""

    subject_ref: L1[str]
    round: L1[int]
    case_id: L1[str]
    conclusion: L1[int]
    reason: L2[str]

    def assessed(self) -> dict[str, int]:
        """The conclusion for which it stands, by its case."""
        return {self.case_id: self.conclusion}


class OfRevocation(ClarificationEvent):
    """Base of the events about the revocation of one round; each round has clocks of its own."""

    service = "clarification"

    of_round: L1[int]
    """The round that it is about; it may be an earlier one than the present."""

    def timing(self) -> Timing:
        return Timing(key=f"r{self.of_round}")


class RevocationDue(OfRevocation):
    """Somebody was cleared of what the latest conclusion does not call unfounded any more: the organ decides
    within fifteen working days, and nothing is revoked by itself (B28, P7)."""

    case_id: L1[str]
    case_number: L1[str]
    conclusion: L1[int]
    lost_ids: L1[tuple[str, ...]]


class RevocationNoLongerDue(OfRevocation):
    """A later conclusion calls everything of the round unfounded again (B28)."""

    case_id: L1[str]
    conclusion: L1[int]


class RevocationProposed(OfRevocation):
    """The handler lays the revocation before the head of the organ (B29)."""

    cause: L1[RevocationCause]
    reason: L2[str]


class RevocationReviewed(OfRevocation):
    """The head of the handling organ endorsed the revocation (B29, R3)."""

    opinion: L2[str]


class RevocationReturned(OfRevocation):
    """The head, or the approving organ, does not revoke on this proposal. What is due stays due (B29)."""

    opinion: L2[str]
    by_approver: L1[bool]
    due: L1[bool]
    """True if the latest conclusion still contradicts the round."""


class ClarificationRevoked(OfRevocation):
    """One round no longer holds: every former recipient is told, platform and file are corrected (B29,
    P13)."""

    number: L1[str]
    subject_ref: L1[str]
    cause: L1[RevocationCause]
    opinion: L2[str]
    approving_organ: L1[str]
    told: L2[tuple[str, ...]]
    """Those who are owed a notice: all who were told by the round."""
    places: L1[tuple[CorrectedPlace, ...]]
    """The places in which it was entered, and is corrected."""
    present: L1[bool]
    """True if it is the present round of the subject."""

    may_lead_to = ("REVOKED",)

    def leads_to(self) -> str | None:
        return "REVOKED" if self.present else None


class RecipientNotified(OfRevocation):
    """A former recipient was told that the round no longer holds (B29)."""

    recipient: L2[str]
    means: L2[str]
    notified_on: L1[date]
    document_hash: L1[str]


class FileCorrected(OfRevocation):
    """The entry of a revoked round was corrected in the platform, or in the integrity or organisation's file
    (B29)."""

    place: L1[CorrectedPlace]
    reference: L1[str]
    document_hashes: L1[tuple[str, ...]]


class RevocationCarriedOut(OfRevocation):
    """Every former recipient was told, and every entry corrected (B29)."""

    present: L1[bool]

    may_lead_to = ("RETRACTED",)

    def leads_to(self) -> str | None:
        return "RETRACTED" if self.present else None


class ClarificationSuspended(ClarificationEvent):
    """Another case, secrecy or retaliation holds the round up until it is resumed (B36)."""

    to = "SUSPENDED"

    round: L1[int]
    before: L1[str]
    """The state in which it was; whoever was being asked is asked anew."""
    ground: L2[SuspensionGround]
    reason: L2[str]


class ClarificationResumed(ClarificationEvent):
    """The round goes on where it was. Where the subject was asked, they are asked anew (B36)."""

    round: L1[int]
    back_to: L1[str]
    reason: L2[str]

    may_lead_to = (
        "ASSESSING",
        "ASSESSED",
        "PROPOSED",
        "PLANNED",
        "UNDER_REVIEW",
        "UNDER_APPROVAL",
        "APPROVED",
    )

    def leads_to(self) -> str:
        return self.back_to


class SubjectDeclinedAllForms(ClarificationEvent):
    """The subject wants no clarification in any form, not even the letter to the unit (B36, A72)."""

    to = "DECLINED"

    round: L1[int]
    case_ids: L1[tuple[str, ...]]
    reason: L2[str] = ""
    by_subject: L1[bool]
    signed_form_hash: L1[str] = ""
    signed_by: L2[str] = ""
    delegation_hash: L1[str] = ""


class SubstantiatedDispositionNoted(ClarificationEvent):
    """Verification has recorded a measure that follows from a substantiated allegation of one of the cases
    (R9)."""

    disposition: L2[Disposition]


class ClarificationAssessed(ClarificationEvent):
    """The assessment whether the unfounded allegations call for a clarification (A51, A68, A73)."""

    to = "ASSESSED"

    subject_ref: L1[str]
    round: L1[int]
    case_ids: L1[tuple[str, ...]]
    """The verification cases whose clarification is hereby assessed (dual assessment, R17)."""
    conclusions: L1[tuple[int, ...]] = ()
    """The conclusion of each of these cases that is assessed (B28)."""
    adverse_effect: L2[tuple[str, ...]]
    trigger: L1[str] = ""
    recommendation: L1[str]
    reputation: L2[str] = ""
    social_effect: L2[str] = ""
    other_open_matters: L2[str] = ""
    integrity_file_checked: L1[bool] = False

    def assessed(self) -> dict[str, int]:
        """The conclusion of each case that is assessed; the first where none is told."""
        return dict.fromkeys(self.case_ids, 1) | dict(zip(self.case_ids, self.conclusions, strict=False))


class ClarificationNotRequired(ClarificationEvent):
    """The round ends without a clarification, for one of the reasons of A72."""

    to = "NOT_REQUIRED"

    round: L1[int]
    case_ids: L1[tuple[str, ...]]
    reason: L1[NotRequiredReason]
    opinion: L2[str]
    signed_form_hash: L1[str] = ""
    """The subject's own signed word, where they declined (B36)."""
    signed_by: L2[str] = ""
    delegation_hash: L1[str] = ""


class ClarificationProposed(ClarificationEvent):
    """The handler proposes which unfounded allegations to clear (A67, R9)."""

    to = "PROPOSED"

    round: L1[int]
    item_ids: L1[tuple[str, ...]]
    left_out: L1[tuple[str, ...]] = ()
    """Unfounded allegations of the round that are not proposed; only where no harm was found."""
    dispositions: L2[tuple[Disposition, ...]] = ()
    """The measures that have followed from the substantiated allegations of the same cases: the proposal
    rests on them."""


class ClarificationPlanned(ClarificationEvent):
    """The plan: in which forms, before whom and why (R5, A69). A new plan voids text, consent and
    approval."""

    to = "PLANNED"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    venue: L1[Venue] = "NONE"
    recipients: L2[tuple[str, ...]]
    scope_rationale: L2[str]
    public_attendance: L1[bool] = False
    invited_groups: L2[tuple[str, ...]] = ()
    plan_hash: L1[str]


class SubjectInvited(ClarificationEvent):
    """The account of the subject (for a party organisation: of its head or written delegate, R11); only this
    account may see the draft and answer for the subject."""

    account: L2[str]
    holder: L2[str] = ""
    delegation_hash: L1[str] = ""


class SubjectDetailsChanged(ClarificationEvent):
    """The subject has another post or unit, a party organisation another head, or a slip was corrected (B11).
    A text that names them otherwise is rendered anew before it goes on. Another head is asked anew, and the
    account of the one before sees nothing any more (B10)."""

    was: L2[Accused]
    subject: L2[Accused]
    """The subject as they are today."""
    round: L1[int]
    text_outdated: L1[bool]
    account_ends: L1[bool]
    back_to: L1[str] = ""
    """PLANNED, where the former head was being asked."""

    may_lead_to = ("PLANNED",)

    def leads_to(self) -> str | None:
        return self.back_to or None


class SubjectVoiceRecorded(ClarificationEvent):
    """The subject was heard (R49)."""

    round: L1[int]
    voice: L2[str]
    by_subject: L1[bool]


class ClarificationTextRendered(ClarificationEvent):
    """The text, made from the template (R10), and the words for a meeting (R47). `text_hash` is
    SHA-256 over both; consent and approval are bound to it."""

    round: L1[int]
    template_version: L1[str]
    text: L2[str]
    script: L2[str] = ""
    text_hash: L1[str]


class ClarificationConsentRequested(ClarificationEvent):
    """The subject is asked to agree to these forms, this scope and this text (R7, DL-15)."""

    to = "CONSENT_PENDING"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    explained: L1[tuple[ExplainedPoint, ...]]


class ConsentNoticeDelivered(ClarificationEvent):
    """The subject has been told that their consent is asked, by a message to their account or by hand: from
    now on the window runs (B35, DL-15)."""

    round: L1[int]
    by_hand: L1[bool]
    receipt_hash: L1[str] = ""
    """The receipt that was signed, where it was handed over."""


class SubjectNotReached(ClarificationEvent):
    """A message to the subject was given up: who handles the case sees to it that they hear of it (B35)."""

    notice: L1[str]
    reason: L1[str]


class ClarificationConsentGranted(ClarificationEvent):
    """The subject agreed, perhaps within limits."""

    to = "PLANNED"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    decision: L1[Literal["AGREED", "AGREED_WITH_LIMITS"]]
    limits: L2[Limits] = Limits()
    by_subject: L1[bool]
    signed_form_hash: L1[str] = ""
    signed_by: L2[str] = ""
    delegation_hash: L1[str] = ""


class ClarificationConsentRefused(ClarificationEvent):
    """The subject refused: the large forms are blocked, written and face to face remain (C3)."""

    to = "PLANNED"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    by_subject: L1[bool]
    signed_form_hash: L1[str] = ""
    signed_by: L2[str] = ""
    delegation_hash: L1[str] = ""


class ClarificationConsentLapsed(ClarificationEvent):
    """The window ended in silence, which is no consent (DL-15): as refused."""

    to = "PLANNED"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    due: L1[date]


class ClarificationConsentWithdrawn(ClarificationEvent):
    """The subject took their consent back (R7, R8)."""

    to = "PLANNED"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    reason: L2[str] = ""
    by_subject: L1[bool]
    signed_form_hash: L1[str] = ""
    signed_by: L2[str] = ""
    delegation_hash: L1[str] = ""


class ClarificationSubmitted(ClarificationEvent):
    """The proposal was laid before the head of the handling organ."""

    to = "UNDER_REVIEW"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]


class ClarificationReviewed(ClarificationEvent):
    """The head of the handling organ endorsed it (R3)."""

    to = "UNDER_APPROVAL"

    round: L1[int]
    text_hash: L1[str]
    opinion: L2[str]
    no_prejudice_confirmed: L1[bool]


class ClarificationReturned(ClarificationEvent):
    """The head of the handling organ sent it back (R3)."""

    to = "PLANNED"

    round: L1[int]
    opinion: L2[str]


class ClarificationApproved(ClarificationEvent):
    """The petition department of the approving organ approved it (R4, DL-16)."""

    to = "APPROVED"

    round: L1[int]
    approving_organ: L1[str]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    valid_from: L1[date]
    opinion: L2[str]
    no_prejudice_confirmed: L1[bool]

    def timing(self) -> Timing:
        """The timing of DL-16, which may be set later: nobody can be late with an act that they may not do
        yet."""
        return Timing(begins=self.valid_from)


class ClarificationRefused(ClarificationEvent):
    """The approval was refused; the plan may be changed and submitted again (R4)."""

    to = "PLANNED"

    round: L1[int]
    approving_organ: L1[str]
    opinion: L2[str]


class ClarificationApprovalVoided(ClarificationEvent):
    """Forms, scope, recipients, text or consent changed after the approval, which is void (R4). A form
    implemented under it is history; the next approval is implemented anew."""

    to = "PLANNED"

    round: L1[int]
    reason: L1[VoidReason]
    text_hash: L1[str]


class ClarificationFormImplemented(ClarificationEvent):
    """One form was carried out, with its own evidence (R6)."""

    round: L1[int]
    form: L1[Form]
    on: L1[date]
    text_hash: L1[str]
    evidence: L2[dict[str, Any]]
    evidence_hashes: L1[tuple[str, ...]]


class ClarificationImplemented(ClarificationEvent):
    """Every approved form was carried out (DL-17)."""

    to = "IMPLEMENTED"

    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    text_hash: L1[str]
    implemented_on: L1[date]
    """The day on which the last form was carried out."""

    def timing(self) -> Timing:
        """DL-17 counts from the deed, also where its evidence was entered later."""
        return Timing(begins=self.implemented_on)


class ClarificationEnteredInPlatform(ClarificationEvent):
    """The materials are in the reporting platform (R50)."""

    round: L1[int]
    receipt_no: L1[str]
    material_hashes: L1[tuple[str, ...]]


class IntegrityFileEntryRecorded(ClarificationEvent):
    """The materials are in the integrity file, or in the organisation's file (R51)."""

    round: L1[int]
    archive_kind: L1[ArchiveKind]
    file_no: L1[str]
    document_hashes: L1[tuple[str, ...]]


class ClarificationCompleted(ClarificationEvent):
    """Implemented and filed (R50, R51): the clearing is done, revisits may begin (P4)."""

    to = "COMPLETED"

    number: L1[str]
    subject: L2[Accused]
    subject_account: L2[str] = ""
    round: L1[int]
    forms: L1[tuple[Form, ...]]
    scope: L1[Scope]
    handling_organ: L1[str]
    handling_dept: L1[str]
    clarification_handlers: L1[tuple[str, ...]]
    verification_handlers: L1[tuple[str, ...]]
    complaint_ids: L1[tuple[str, ...]]
    case_ids: L1[tuple[str, ...]]
    completed_on: L1[date]


class RetaliationReportNoted(ClarificationEvent):
    """A report of retaliation around the subject is open: nothing of the subject's clarification may be
    carried out until it is settled (A44, P12). It tells nothing of the report."""

    subject_ref: L1[str]
    report: L1[str]


class RetaliationSettlementNoted(ClarificationEvent):
    """One report of retaliation is settled; another may still be open."""

    subject_ref: L1[str]
    report: L1[str]
