"""The commands of clarification, and who may give them (§4.4, §5.2).

A person who drafts or implements never reviews or approves, in any round (SD1); reviewer and approver are two
people (SD2). Those who draft are therefore checked against both duties as well.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, StringConstraints

from services.clarification.domain.clarification import Clarification
from services.clarification.domain.clarification.carrying_out import RETALIATION
from services.clarification.domain.evidence import Evidence
from shared.casework.aggregate import Law
from shared.casework.case_commands import case_commands
from shared.casework.command import (
    Chosen,
    Command,
    Day,
    Field,
    FreeText,
    Given,
    Reference,
    Screened,
    Sha256,
    ShortText,
)
from shared.language.contracts.clarification import (
    AdverseEffect,
    ConsentDecision,
    CorrectedPlace,
    ExplainedPoint,
    Limits,
    NotRequiredReason,
    Recommendation,
    RevocationCause,
    SuspensionGround,
    Trigger,
    Venue,
)
from shared.language.contracts.common import Form, Scope
from shared.language.roles import (
    CLARIFICATION_APPROVER,
    DEPT_HEAD,
    DEPUTY_LEADER,
    HANDLER,
    ORGAN_HEAD,
    SUBJECT,
    SYSTEM,
)
from shared.language.text import IfSeen, Straight

HANDLERS = (HANDLER, DEPT_HEAD)
DECIDERS = ("reviewer", "approver")
MaybeText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=4000), IfSeen, Straight, Screened()
]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300), IfSeen, Straight, Screened()]
FormList = Annotated[tuple[Form, ...], Field(min_length=1, max_length=4)]
Hashes = Annotated[tuple[Sha256, ...], Field(min_length=1, max_length=50)]
Round = Annotated[int, Field(ge=1, le=1000)]
Receipt = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._()/-]{1,60}$"), Chosen()]


def approving_organ(aggregate: Any, law: Law) -> str:
    """The handling organ itself from county level on, else the county above it (C2)."""
    return law.organs.clarification_approving_organ(aggregate.organ).code


class ConsentLimits(Limits):
    """The limits within which the subject agrees; at least one."""

    model_config = ConfigDict(extra="forbid")

    note: Note = ""
    """Further limits in the subject's own words."""


class AssessClarification(
    Command, on=Clarification, rule="A51", by=HANDLERS, duty="handler", differs_from=DECIDERS
):
    """Assesses whether the unfounded allegations call for a clarification (澄清研判). Harm to work or
    life, or in society, makes it due (A68)."""

    adverse_effect: Annotated[tuple[AdverseEffect, ...], Field(max_length=3)]
    """The harm that was done by the report; empty if there was none. Any harm makes the clarification due."""
    trigger: Trigger | None = None
    """The reason that makes clearing due (A73)."""
    reputation: FreeText
    """The view that colleagues and neighbours have of the subject."""
    integrity_file_checked: bool
    """True if the integrity file (廉政档案) was looked at."""
    social_effect: FreeText
    """The talk about the subject, and how far it went."""
    other_open_matters: MaybeText = ""
    """Other matters that are open on the subject; empty if there are none."""
    recommendation: Recommendation
    """NOT is refused where harm was found (E_CLARIFICATION_DUE)."""


class DecideNotRequired(
    Command,
    on=Clarification,
    rule="A72",
    by=(DEPUTY_LEADER,),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Decides that no clarification is made (不予澄清); where harm was found only on the subject's own signed
    no (A68, B36)."""

    reason: NotRequiredReason
    """The ground of A72 on which none is made; SUBJECT_DECLINED also where harm was found."""
    opinion: FreeText
    """The deputy leader's reasons."""
    signed_form_hash: Sha256 | None = None
    """SHA-256 in hex of the form on which the subject declined; needed with SUBJECT_DECLINED (B36)."""
    signed_by: ShortText | None = None
    """The name under that form: the subject, or who answers for a party organisation."""
    delegation_hash: Sha256 | None = None
    """SHA-256 in hex of the written delegation, where somebody but its head signed for a party
    organisation."""


class ProposeClarification(
    Command,
    on=Clarification,
    rule="A67",
    by=HANDLERS,
    wrong_organ="E_HANDLER_MISMATCH",
    duty="handler",
    differs_from=DECIDERS,
):
    """Proposes which unfounded allegations to clear (提出澄清建议). The organ that verified clears (A67);
    every substantiated allegation of the same case needs its disposition first, recorded in verification
    (R9)."""

    items: Annotated[tuple[Given, ...], Field(min_length=1, max_length=100)]
    """The ids of unfounded allegations, of this round or an earlier one; where harm was found, all of this
    round."""


class PlanClarification(
    Command, on=Clarification, rule="R5", by=HANDLERS, duty="handler", differs_from=DECIDERS, in_order=True
):
    """Plans forms, scope, venue and audience (拟定澄清方案); the written form is always among them. A new
    plan needs a new text and a new consent, and ends an approval (R4)."""

    forms: FormList
    """The forms, WRITTEN always among them; else E_WRITTEN_FORM_REQUIRED."""
    scope: Scope
    """Beyond SUBJECT_AND_UNIT_HEAD the subject's consent is needed."""
    venue: Venue = "NONE"
    """Anything but NONE needs the subject's consent."""
    recipients: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=50)]
    """Those who are told, by function and not by name."""
    rationale: FreeText
    """Reason for this scope: not less than the harm, not more than needed (A69)."""
    public_attendance: bool = False
    """True if the meeting is open to the public; needs MEETING and `invited_groups`."""
    invited_groups: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()
    """Groups that are invited to a meeting, as `居民代表`."""


class InviteSubject(
    Command,
    on=Clarification,
    rule="R8",
    by=(DEPT_HEAD,),
    duty="inviter",
    differs_from=("handler", "author", *DECIDERS),
):
    """Opens the clarification to the subject's own account; for a party organisation to the account of its
    principal head, or of a delegate named in writing (R11). Somebody who neither drafts nor asks for the
    consent checked whose account it is: the head of the handling department."""

    account: Reference
    """The subject's own account at the identity provider; nobody who works on the case."""
    holder: ShortText | None = None
    """The person whose account it is: for a party organisation its principal head or delegate; for a person
    their own name, or left out."""
    delegation_hash: Sha256 | None = None
    """SHA-256 in hex of the written delegation, where a party organisation answers through somebody but its
    head."""


class RecordSubjectVoice(
    Command, on=Clarification, rule="R49", by=(SUBJECT, *HANDLERS), differs_from=DECIDERS
):
    """Records the subject's concerns (听取心声), from their own account or heard by the handler."""

    voice: FreeText
    """The subject's troubles and hopes, in their own sense."""


class RenderText(
    Command, on=Clarification, rule="R10", by=HANDLERS, duty="author", differs_from=DECIDERS, in_order=True
):
    """Renders the text from the template (拟制文本): only the specific unfounded allegations, no verdict
    on the person or on motives. The note is the one free passage."""

    procedural_note: Note = ""
    """A note on the procedure that is put into the text; words on the person as a whole or on motives are
    refused (R10)."""


class RequestConsent(
    Command,
    on=Clarification,
    rule="R7",
    by=HANDLERS,
    duty="handler",
    differs_from=(*DECIDERS, "inviter"),
    in_order=True,
):
    """Asks the subject to agree to these forms, this scope and this text (征求本人意见), after explaining
    all five points. Needed for meeting, circular and every public venue."""

    forms: FormList
    """The forms of the plan that the subject is asked for; MEETING and CIRCULAR always, where they are
    planned."""
    scope: Scope
    """The scope of the present plan."""
    text_hash: Sha256
    """`text_hash` of the rendered text, as the case tells it; of an older text E_CONSENT_STALE."""
    explained: Annotated[tuple[ExplainedPoint, ...], Field(max_length=5)]
    """The points that were explained to the subject: all five."""


class RecordConsentDelivery(
    Command, on=Clarification, rule="B35", by=HANDLERS, duty="handler", differs_from=DECIDERS, in_order=True
):
    """Records that the request for consent was handed to the subject (当面送达), who signed for it: the
    window runs from then. For a subject without an account, and where the message did not arrive."""

    receipt_hash: Sha256
    """SHA-256 in hex of the receipt that the subject signed."""


class RecordConsent(
    Command,
    on=Clarification,
    rule="R7",
    by=(SUBJECT, *HANDLERS),
    differs_from=(*DECIDERS, "inviter"),
    in_order=True,
):
    """Records the subject's answer, from their invited account; or on a form that they signed, entered by the
    handler. `text_hash` names the text that they read."""

    decision: ConsentDecision
    """REFUSED leaves the written form alone, and asking again for the same plan is refused."""
    text_hash: Sha256
    """`text_hash` of the text that the subject read; it must be the one that consent was asked for."""
    limits: ConsentLimits | None = None
    """Given with AGREED_WITH_LIMITS, and only then."""
    signed_form_hash: Sha256 | None = None
    """SHA-256 in hex of the form that the subject signed; needed if the handler enters the answer, and not
    from the subject's own account."""
    signed_by: ShortText | None = None
    """The name under the signed form: the subject, or who answers for a party organisation."""
    delegation_hash: Sha256 | None = None
    """SHA-256 in hex of the written delegation, where somebody but its head signed for a party
    organisation."""


class LapseConsent(Command, on=Clarification, rule="R7", by=(SYSTEM,), need_to_know=False):
    """Ends a consent window that passed in silence (DL-15): the same as a refusal."""


class WithdrawConsent(
    Command, on=Clarification, rule="R7", by=(SUBJECT, *HANDLERS), differs_from=DECIDERS, in_order=True
):
    """Takes the subject's consent back, as long as the form has not been carried out; an approval ends with
    it."""

    reason: FreeText | None = None
    """The reason, if the subject wishes to give one."""
    signed_form_hash: Sha256 | None = None
    """SHA-256 in hex of the form that the subject signed; needed if the handler enters the answer, and not
    from the subject's own account."""
    signed_by: ShortText | None = None
    """The name under the signed form: the subject, or who answers for a party organisation."""
    delegation_hash: Sha256 | None = None
    """SHA-256 in hex of the written delegation, where somebody but its head signed for a party
    organisation."""


class SubmitForReview(
    Command, on=Clarification, rule="R3", by=HANDLERS, duty="handler", differs_from=DECIDERS, in_order=True
):
    """Lays plan, text and consent before the head of the organ (报审)."""


class ReviewClarification(
    Command,
    on=Clarification,
    rule="R3",
    by=(ORGAN_HEAD,),
    duty="reviewer",
    differs_from=("handler", "author", "approver"),
    decides=True,
):
    """Records the review by the head of the handling organ (审核). To endorse, the head confirms that nothing
    else that is open on the subject is prejudiced (R9)."""

    decision: Literal["ENDORSE", "RETURN"]
    """ENDORSE leads to the approving organ; RETURN leads back to the plan."""
    opinion: FreeText
    """The head's opinion; for RETURN what must change."""
    no_prejudice_confirmed: bool = False
    """Must be true to endorse: nothing else that is open on the subject is prejudiced (R9)."""


class ApproveClarification(
    Command,
    on=Clarification,
    rule="R4",
    by=(CLARIFICATION_APPROVER,),
    organ=approving_organ,
    wrong_organ="E_APPROVER_WRONG_ORGAN",
    duty="approver",
    differs_from=("reviewer", "handler", "author", "verification_handler", "concluder"),
    decides=True,
):
    """Records the approval by the petition-report department of the approving organ (批准), bound to forms,
    scope and text; nothing may be carried out before it."""

    decision: Literal["APPROVE", "REFUSE"]
    """APPROVE, or REFUSE, which leads back to the plan."""
    opinion: FreeText
    """The approving organ's reasons."""
    no_prejudice_confirmed: bool = False
    """Must be true to approve: nothing else that is open on the subject is prejudiced (R9)."""
    valid_from: Day | None = None
    """The first day on which it may be carried out; today if it is left out or lies in the past."""


class ImplementForm(
    Command,
    on=Clarification,
    rule="R6",
    by=HANDLERS,
    duty="handler",
    differs_from=DECIDERS,
    in_order=True,
    carries_out=True,
    lookups=(RETALIATION,),
):
    """Records that one approved form was carried out (实施), with the evidence of that form. Refused as long
    as a report of retaliation around the subject is open (A44); the refusal says nothing else of it."""

    evidence: Evidence
    """The evidence of this one form; each approved form is recorded once."""


class RecordPlatformEntry(
    Command,
    on=Clarification,
    rule="R50",
    by=HANDLERS,
    duty="handler",
    differs_from=DECIDERS,
    carries_out=True,
):
    """Records the entry of the materials in the reporting platform (录入平台); nothing that was sealed
    upward may be in them (C7)."""

    platform_receipt_no: Receipt
    """The number of the platform's receipt."""
    material_hashes: Hashes
    """SHA-256 in hex of each document that was entered."""
    holds_sealed_content: bool = False
    """True is refused (E_PLATFORM_ENTRY_FORBIDDEN): what was sealed upward stays out of the platform."""


class RecordIntegrityFileEntry(
    Command,
    on=Clarification,
    rule="R51",
    by=HANDLERS,
    duty="handler",
    differs_from=DECIDERS,
    carries_out=True,
):
    """Records the filing in the integrity file (廉政档案), for a party organisation in its own file."""

    file_no: Receipt
    """The number of the file."""
    document_hashes: Hashes
    """SHA-256 in hex of each document that was filed."""


class ConfirmAssessment(
    Command, on=Clarification, rule="B28", by=HANDLERS, duty="handler", differs_from=DECIDERS
):
    """Says that the assessment stands for a further conclusion of a case in which nothing changed for this
    subject: the case is closed only when each conclusion is assessed (R17)."""

    case_id: Given
    """The verification case that was reopened and concluded again."""
    reason: FreeText
    """The reason why the assessment stands."""


class SuspendClarification(
    Command,
    on=Clarification,
    rule="B36",
    by=(DEPUTY_LEADER,),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Suspends the round for another open case, secrecy or retaliation (中止). Its clocks stand still; the
    question of consent, where it was open, is put anew."""

    ground: SuspensionGround
    """OTHER_CASE, SECRECY or RETALIATION."""
    reason: FreeText
    """The deputy leader's reasons."""


class ResumeClarification(
    Command,
    on=Clarification,
    rule="B36",
    by=(DEPUTY_LEADER,),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Resumes a suspended round where it was (恢复)."""

    reason: FreeText
    """The reason why it may go on."""


class RecordSubjectDeclined(
    Command, on=Clarification, rule="B36", by=(SUBJECT, *HANDLERS), differs_from=DECIDERS, in_order=True
):
    """Records that the subject wants no clarification in any form, not even the letter to the unit: from
    their invited account, or on a form that they signed. It ends the round, as long as nothing was carried
    out."""

    reason: FreeText | None = None
    """The reason, if the subject wishes to give one."""
    signed_form_hash: Sha256 | None = None
    """SHA-256 in hex of the form that the subject signed; needed if the handler enters it, and not from the
    subject's own account."""
    signed_by: ShortText | None = None
    """The name under the signed form: the subject, or who answers for a party organisation."""
    delegation_hash: Sha256 | None = None
    """SHA-256 in hex of the written delegation, where somebody but its head signed for a party
    organisation."""


class ProposeRevocation(
    Command, on=Clarification, rule="B29", by=HANDLERS, duty="handler", differs_from=DECIDERS, in_order=True
):
    """Proposes to revoke a round of which something was carried out (撤销澄清): since the latest conclusion
    does not call its items unfounded any more, or since its text or subject is wrong."""

    round: Round
    """The round; it may be an earlier one than the present."""
    cause: RevocationCause
    """FINDING_OVERTURNED where the revocation is due; else E_STATE."""
    reason: FreeText
    """The reasons, for head and approver."""


class ReviewRevocation(
    Command,
    on=Clarification,
    rule="B29",
    by=(ORGAN_HEAD,),
    duty="reviewer",
    differs_from=("handler", "author", "approver"),
    decides=True,
    occasional=True,
):
    """Records the review of a revocation by the head of the handling organ, who also reviewed the
    clarification (R3)."""

    round: Round
    """The round that is to be revoked."""
    decision: Literal["ENDORSE", "RETURN"]
    """ENDORSE leads to the approving organ. After RETURN, what is due stays due."""
    opinion: FreeText
    """The head's opinion."""


class ApproveRevocation(
    Command,
    on=Clarification,
    rule="B29",
    by=(CLARIFICATION_APPROVER,),
    organ=approving_organ,
    wrong_organ="E_APPROVER_WRONG_ORGAN",
    duty="approver",
    differs_from=("reviewer", "handler", "author", "verification_handler", "concluder"),
    decides=True,
    occasional=True,
):
    """Records the approval of a revocation by the petition-report department of the approving organ (R4).
    From then on every former recipient is owed a notice, and every entry a correction."""

    round: Round
    """The round that is to be revoked."""
    decision: Literal["APPROVE", "REFUSE"]
    """APPROVE revokes the round. After REFUSE, what is due stays due."""
    opinion: FreeText
    """The approving organ's reasons."""


class RecordRecipientNotified(
    Command, on=Clarification, rule="B29", by=HANDLERS, duty="handler", differs_from=DECIDERS, in_order=True
):
    """Records that a former recipient was told that the round no longer holds."""

    round: Round
    """The revoked round."""
    recipient: ShortText
    """One of its recipients, in the words of its plan."""
    means: ShortText
    """The way by which they were told."""
    notified_on: Day
    """The day on which they were told; not later than today."""
    document_hash: Sha256
    """SHA-256 in hex of the notice."""


class RecordFileCorrected(
    Command, on=Clarification, rule="B29", by=HANDLERS, duty="handler", differs_from=DECIDERS, in_order=True
):
    """Records that the entry of a revoked round was corrected in the platform or in the file."""

    round: Round
    """The revoked round."""
    place: CorrectedPlace
    """PLATFORM, or ARCHIVE: the integrity file, of a party organisation its own."""
    reference: Receipt
    """The number of the receipt, or of the file."""
    document_hashes: Hashes
    """SHA-256 in hex of each document of the correction."""


COMMANDS: list[type[Command]] = [
    AssessClarification,
    ConfirmAssessment,
    SuspendClarification,
    ResumeClarification,
    RecordSubjectDeclined,
    ProposeRevocation,
    ReviewRevocation,
    ApproveRevocation,
    RecordRecipientNotified,
    RecordFileCorrected,
    DecideNotRequired,
    ProposeClarification,
    PlanClarification,
    InviteSubject,
    RecordSubjectVoice,
    RenderText,
    RequestConsent,
    RecordConsentDelivery,
    RecordConsent,
    LapseConsent,
    WithdrawConsent,
    SubmitForReview,
    ReviewClarification,
    ApproveClarification,
    ImplementForm,
    RecordPlatformEntry,
    RecordIntegrityFileEntry,
    *case_commands(Clarification),
]
