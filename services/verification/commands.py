"""The commands of verification, and who may give them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from services.verification.domain.case import VerificationCase
from services.verification.domain.findings import AllegationPart, FoundOutcome, ThreeDistinction
from services.verification.domain.quarter import RESULTS, QuarterlyFeedback, feedback_id
from shared.casework.case_commands import case_commands
from shared.casework.command import (
    Colleague,
    Command,
    Day,
    Field,
    FreeText,
    Given,
    Instant,
    Leader,
    Reference,
    Sha256,
    ShortText,
)
from shared.language.contracts.verification import (
    AdverseEffect,
    DispositionReason,
    EvidenceKind,
    ReturnReason,
    Signature,
    TalkedWith,
    Way,
)
from shared.language.organs.tree import Level
from shared.language.roles import DEPT_HEAD, DEPUTY_LEADER, HANDLER, ORGAN_HEAD

HANDLERS = (HANDLER, DEPT_HEAD)
People = Annotated[tuple[Colleague, ...], Field(max_length=20)]
EvidenceId = Annotated[str, StringConstraints(pattern=r"^E[0-9]{1,4}$")]
TraceMeans = Literal[
    "HANDWRITING",
    "DOCUMENT_EXAMINATION",
    "IP_ADDRESS",
    "DEVICE",
    "POSTAL",
    "TELECOM_BY_COMPETENT_AUTHORITY",
    "INTERVIEW",
    "OTHER",
]


Quarter = Annotated[str, StringConstraints(pattern=r"^(19[5-9]|20[0-9])[0-9]-Q[1-4]$")]
"""A calendar quarter, as 2026-Q1."""


class RequestReturn(
    Command, on=VerificationCase, rule="A19", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Asks to give a complaint back to the petition department: it has no substance, or is another organ's.
    `consulted` says with whom it was talked over, and to what end."""

    reason: ReturnReason
    """NO_SUBSTANCE, or OTHER_ORGAN where another organ is competent."""
    consulted: FreeText
    """The people with whom it was talked over, and to what end."""


class ReturnToPetitionDept(
    Command,
    on=VerificationCase,
    rule="A19",
    by=(DEPUTY_LEADER, *HANDLERS),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Gives the complaint back (退回), with the deputy leader's approval; the petition department
    decides on it anew."""

    opinion: FreeText
    """The deputy leader's reasons for giving it back."""


class ProposeDisposition(
    Command, on=VerificationCase, rule="A20", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Proposes a way of handling (处置意见) for a reason that A58 allows, after collective study."""

    way: Way
    """One of the ways of handling of A20; it decides who approves: the organ's head for a preliminary
    verification or a referral, else the deputy leader."""
    reason: DispositionReason
    """A reason that A58 allows for this way; another one is E_SCHEMA with those that are allowed."""
    collective_study_ref: Reference | None = None
    """The registered minutes of the collective study (集体研究); without them E_COLLECTIVE_STUDY_MISSING."""


class ApproveDisposition(
    Command,
    on=VerificationCase,
    rule="A20",
    by=(DEPUTY_LEADER, ORGAN_HEAD),
    duty="approver",
    differs_from=("handler",),
    decides=True,
):
    """Approves the proposed way: the deputy leader, and the organ's head for a preliminary verification
    or a referral."""

    opinion: FreeText
    """The approving leader's opinion."""


class RejectDisposition(
    Command,
    on=VerificationCase,
    rule="A20",
    by=(DEPUTY_LEADER, ORGAN_HEAD),
    duty="approver",
    differs_from=("handler",),
    decides=True,
    step="ApproveDisposition",
):
    """Rejects the proposed way, for another proposal; the leader who would approve it decides."""

    reason: FreeText
    """The reason, for the next proposal."""


class ReviewHeld(
    Command, on=VerificationCase, rule="A65", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Looks again at a case that is held for later (暂存待查) and leaves it held; the next review is then
    owed."""

    result: FreeText
    """The finding of the new look, and why the case stays held."""


class ResumeCase(
    Command,
    on=VerificationCase,
    rule="A65",
    by=(DEPUTY_LEADER,),
    duty="approver",
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Takes a held case up again: the leader who may hold it may end it. Another disposition follows."""

    reason: FreeText
    """The change that lets the case be handled now."""


class StartVerification(
    Command, on=VerificationCase, rule="A61", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Forms the team (核查组) of two people at least and fixes its plan. Its members become handlers."""

    team: People
    """The accounts of two different people at least, none of them excluded; they become handlers of the
    case."""
    plan_hash: Sha256
    """SHA-256 in hex of the approved verification plan (核查方案), which stays in the file."""


class ExtendVerification(
    Command,
    on=VerificationCase,
    rule="DL-11",
    by=(ORGAN_HEAD,),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Gives a preliminary verification the further time that policy allows, once."""

    reason: FreeText
    """The reason why the term does not suffice; it is extended once only."""


class RecordEvidence(
    Command, on=VerificationCase, rule="A62", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Records an item of evidence taken by two people at least. `evidence_id` is the case's own
    numbering (`E1`, `E2`); findings refer to it."""

    evidence_id: EvidenceId
    """The case's own number of this item, as `E1`; each is given once."""
    kind: EvidenceKind
    """The kind of evidence by law."""
    hash: Sha256
    """SHA-256 in hex of the item or its copy, which stays in the file."""
    collectors: People
    """The accounts of those who took it: two different people at least."""
    collected_at: Instant
    """Not later than now."""
    place: ShortText
    """The place where it was taken."""
    signature: Signature
    """SIGNED by the holder, REFUSED_NOTED, or NOT_APPLICABLE where nobody hands it over."""


class HoldTalk(
    Command,
    on=VerificationCase,
    rule="A60",
    by=HANDLERS,
    duty="handler",
    differs_from=("registrar",),
    leak="E_TRACE_FORBIDDEN",
):
    """Records a talk (谈话) held by two people at least. At the first talk with an accused their duties are
    read to them and the answer is kept (R56). Nobody may be asked who reported (R27)."""

    talked_with: TalkedWith
    """ACCUSED needs `accused_ref`."""
    accused_ref: Given | None = None
    """The reference of the accused in this case; given for a talk with an accused, and for no other."""
    staff: People
    """The accounts of those who held the talk: two different people at least."""
    held_at: Instant
    """Not later than now."""
    place: ShortText
    """The place of the talk."""
    note: FreeText
    """The talk in short. A question for the reporter is refused (E_TRACE_FORBIDDEN)."""
    record_hash: Sha256
    """SHA-256 in hex of the signed record of the talk (谈话笔录)."""
    signature: Signature
    """SIGNED by the person, REFUSED_NOTED, or NOT_APPLICABLE."""
    duties_acknowledged: bool | None = None
    """True if the accused acknowledged their duties when these were read to them, false if they did not;
    needed at the first talk with each accused (R56)."""


class RecordAccusedStatement(
    Command, on=VerificationCase, rule="A36", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Records the explanation or defence of the accused."""

    accused_ref: Given
    """The reference of the accused in this case."""
    statement: FreeText
    """The explanation or defence, in short."""
    record_hash: Sha256
    """SHA-256 in hex of the statement or its signed record."""


class SplitAllegation(
    Command, on=VerificationCase, rule="§4.2", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Splits an allegation that turns out partly true into atomic parts, each to be found by itself."""

    allegation_id: Given
    """The allegation that is partly true, by its id in this case."""
    parts: Annotated[tuple[AllegationPart, ...], Field(min_length=2, max_length=20)]
    """Two parts at least, each to be found by itself; they take the place of the whole."""
    approved_by: Leader
    """The person who approved the sanitised wording of the parts."""


class FindAllegation(
    Command,
    on=VerificationCase,
    rule="§4.2",
    by=HANDLERS,
    duty="handler",
    differs_from=("registrar",),
    in_order=True,
):
    """Finds one atomic allegation substantiated, unfounded or inconclusive, on recorded evidence. A finding
    made again, after the report was returned, replaces the earlier one."""

    allegation_id: Given
    """One atomic allegation, by its id in this case."""
    outcome: FoundOutcome
    """PARTIALLY_SUBSTANTIATED is refused on an atomic allegation: it is split first (E_SPLIT_REQUIRED)."""
    reasoning: FreeText
    """The way from the evidence to this finding."""
    evidence_refs: Annotated[tuple[EvidenceId, ...], Field(max_length=100)]
    """The recorded items that it rests on, as `E1`."""
    adverse_effect: Annotated[tuple[AdverseEffect, ...], Field(max_length=3)] = ()
    """Harm of an unfounded allegation that the team noticed; a hint for the clarification."""


class RecordReferralResult(
    Command,
    on=VerificationCase,
    rule="B33",
    by=HANDLERS,
    duty="handler",
    differs_from=("registrar",),
    in_order=True,
):
    """Records what the body to which the case was referred found on one allegation, with its document. With
    the last one the case lies before the heads, and goes on to its conclusion like every other: a real-name
    reporter is told the result. A body that gives no result is an INCONCLUSIVE one, with its answer."""

    allegation_id: Given
    """One atomic allegation, by its id in this case."""
    outcome: FoundOutcome
    """PARTIALLY_SUBSTANTIATED is refused on an atomic allegation: it is split first (E_SPLIT_REQUIRED)."""
    reasoning: FreeText
    """The finding of that body, in short."""
    decided_by: ShortText
    """The body that found it, by its name."""
    decided_on: Day
    """The day of its decision; not before the referral, and not later than today."""
    document_ref: Reference
    """The registered document that holds the result."""
    document_hash: Sha256
    """SHA-256 in hex of that document."""
    adverse_effect: Annotated[tuple[AdverseEffect, ...], Field(max_length=3)] = ()
    """Harm of an unfounded allegation that was noticed; a hint for the clarification."""


class RecordSubstantiatedDisposition(
    Command, on=VerificationCase, rule="A64", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Records the measure that follows from a substantiated allegation: one of the four forms of supervision
    (四种形态). Without it the case cannot be closed, nor its subject cleared of anything else (R9)."""

    allegation_id: Given
    """A substantiated allegation of this case."""
    form_of_supervision: Literal[1, 2, 3, 4]
    """1 to 4: which of the four forms of supervision (四种形态)."""
    disposition_ref: Reference
    """The decision by which it was dealt with."""


class SubmitReport(
    Command,
    on=VerificationCase,
    rule="A61",
    by=HANDLERS,
    duty="handler",
    differs_from=("registrar",),
    in_order=True,
):
    """Submits the report (核查报告) once every allegation has its finding."""

    basics: FreeText
    """The accused, and their post (被核查人基本情况)."""
    main_problems: FreeText
    """The reported problems, in sanitised words."""
    process: FreeText
    """The steps of the verification, and who took them."""
    result: FreeText
    """The finding on each allegation, and its reasons."""
    doubtful_points: FreeText
    """Points that stay doubtful (存疑问题); say so where none does."""
    suggestion: FreeText
    """The team's suggestion on what follows."""
    none_changed: FreeText | None = None
    """Given with a report that was returned or follows a reopening: the reason why no finding changed.
    Needed unless something was found since (B31), and given only then."""


class CountersignReport(
    Command,
    on=VerificationCase,
    rule="R1",
    by=(DEPT_HEAD,),
    duty="countersigner",
    differs_from=("handler", "registrar"),
    decides=True,
):
    """Countersigns the report (会签) as the head of the handling department, who took no part in the
    verification. Without it the organ's head cannot conclude; a report written again needs it again."""

    opinion: FreeText
    """The opinion of the head of the handling department."""


class ReturnReport(
    Command,
    on=VerificationCase,
    rule="A61",
    by=(ORGAN_HEAD,),
    duty="reviewer",
    differs_from=("handler",),
    decides=True,
    step="ConcludeVerification",
):
    """Returns the report to its authors."""

    reason: FreeText
    """The points that the authors must add or correct."""


class ConcludeVerification(
    Command,
    on=VerificationCase,
    rule="R1",
    by=(ORGAN_HEAD,),
    duty="concluder",
    differs_from=("handler", "countersigner"),
    decides=True,
):
    """Approves the report and concludes the case, with the three distinctions examined; "none applies" is an
    answer, with its reasoning. The findings are told for each subject apart (R25)."""

    three_distinctions: Annotated[tuple[ThreeDistinction, ...], Field(max_length=3)]
    """Those of the three distinctions that were examined, one at least."""
    opinion: FreeText
    """The opinion of the organ's head."""
    collective_study_ref: Reference | None = None
    """The registered minutes of the collective study of the report; without them
    E_COLLECTIVE_STUDY_MISSING."""


class SubmitAssignedResult(
    Command,
    on=VerificationCase,
    rule="A26",
    by=(ORGAN_HEAD,),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Reports the result of an assigned item to the superior that assigned it (上报核查处理情况)."""

    collective_study_ref: Reference | None = None
    """The registered minutes of the collective study of the result; without them
    E_COLLECTIVE_STUDY_MISSING."""


class AssessFalseAccusation(
    Command, on=VerificationCase, rule="R20", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Assesses whether the unfounded report is suspected to be a false accusation. Only `SCREEN_OUT` can be
    asked: `FLAG` opens a false-accusation inquiry, which is not part of this release. Screened out, the
    report is an UNFOUNDED_REPORT: without proved intent it is never more (R20)."""

    result: Literal["SCREEN_OUT"]
    """SCREEN_OUT: no false accusation is suspected."""
    reason: FreeText
    """The facts that speak for a mistake rather than for invention."""
    subject_ref: Given | None = None
    """The subject about whom the report is assessed; left out: each one who is not assessed yet. A further
    conclusion asks for it anew."""


class CloseCase(Command, on=VerificationCase, rule="R17", by=(DEPT_HEAD, ORGAN_HEAD), decides=True):
    """Closes the case once clarification and false accusation are both assessed and every substantiated
    allegation has its disposition (R9). A real-name case waits for the result feedback (DL-02)."""


class TakeUpEvidence(
    Command, on=VerificationCase, rule="B31", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Finds that evidence which came later matters, before there is a report: the case goes on with it. An
    approved closing without verification is given up for it. After the report the head returns it, after the
    conclusion the head reopens the case."""

    evidence_id: Given
    """The id that the new evidence was given when intake took it in (`NewEvidenceNoted`)."""
    reason: FreeText
    """The point that it bears on."""


class AssessNewEvidence(
    Command, on=VerificationCase, rule="A31", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Finds that evidence which came later changes nothing, and says why. Evidence that does is taken up, or
    answered by the head of the organ, who reopens the case. Nothing is concluded or closed before (B31)."""

    evidence_id: Given
    """The id that the new evidence was given when intake took it in (`NewEvidenceNoted`)."""
    reason: FreeText
    """The reason why it changes nothing."""


class ReopenCase(
    Command,
    on=VerificationCase,
    rule="§4.2",
    by=(ORGAN_HEAD,),
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Reopens a concluded or closed case because of new evidence (重新核查)."""

    evidence_id: Given
    """The new evidence that still waits for an answer (`NewEvidenceNoted`)."""
    cause: FreeText
    """The change that the evidence makes."""


class CloseWithoutVerification(
    Command,
    on=VerificationCase,
    rule="A58",
    by=(DEPT_HEAD, ORGAN_HEAD),
    duty="concluder",
    differs_from=("handler",),
    decides=True,
    occasional=True,
):
    """Closes a case for which no verification was approved (予以了结), for the reason of that disposition.
    Without evidence every allegation is inconclusive; nobody is cleared by it (A66)."""

    opinion: FreeText
    """The opinion of the leader who closes it."""


class RequestTracing(
    Command,
    on=VerificationCase,
    rule="R28",
    by=(HANDLER,),
    differs_from=("registrar",),
    level=Level.COUNTY,
    level_code="E_TRACE_EXECUTOR_LEVEL",
):
    """Asks for the reporter to be traced (追查). Only an organ of county level or above may ask, and only
    within a false-accusation inquiry; as there is none in this release, it is always refused."""

    means: Annotated[tuple[TraceMeans, ...], Field(min_length=1, max_length=8)]
    """The means that are asked for."""
    necessity: FreeText
    """The reason why the reporter would have to be known."""
    less_intrusive_means_tried: FreeText
    """Means that were tried before."""


class SendQuarterlyFeedback(
    Command,
    on=QuarterlyFeedback,
    creates=True,
    rule="A21",
    by=HANDLERS,
    need_to_know=False,
    lookups=(RESULTS,),
):
    """Tells the petition department the results of a quarter that is over (每季度反馈): way of disposition,
    whether it was true, whether the reporter was told, and the measures. Once per organ and quarter; again
    only if more was entered since, else E_STATE. Owed within ten working days (DL-07)."""

    quarter: Quarter
    """A calendar quarter that is over, as `2026-Q1`."""

    def stream(self, organ: str) -> UUID:
        return feedback_id(organ, self.quarter)


COMMANDS: list[type[Command]] = [
    RequestReturn,
    ReturnToPetitionDept,
    ProposeDisposition,
    ApproveDisposition,
    RejectDisposition,
    ReviewHeld,
    ResumeCase,
    StartVerification,
    ExtendVerification,
    RecordEvidence,
    HoldTalk,
    RecordAccusedStatement,
    SplitAllegation,
    FindAllegation,
    RecordReferralResult,
    RecordSubstantiatedDisposition,
    SubmitReport,
    CountersignReport,
    ReturnReport,
    ConcludeVerification,
    SubmitAssignedResult,
    AssessFalseAccusation,
    CloseCase,
    TakeUpEvidence,
    AssessNewEvidence,
    ReopenCase,
    CloseWithoutVerification,
    RequestTracing,
    SendQuarterlyFeedback,
    *case_commands(VerificationCase),
]
