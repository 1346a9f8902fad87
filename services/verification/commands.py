"""The commands of verification, and who may give them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from services.verification.domain.case import VerificationCase
from services.verification.domain.findings import AllegationPart, FoundOutcome, ThreeDistinction
from services.verification.domain.quarter import RESULTS, QuarterlyFeedback, feedback_id
from shared.casework.case_commands import case_commands
from shared.casework.command import Command, Field, FreeText, Instant, Reference, Sha256, ShortText
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
People = Annotated[tuple[Reference, ...], Field(max_length=20)]
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
    consulted: FreeText


class ReturnToPetitionDept(
    Command,
    on=VerificationCase,
    rule="A19",
    by=(DEPUTY_LEADER, *HANDLERS),
    differs_from=("handler",),
    decides=True,
):
    """Gives the complaint back (退回), with the deputy leader's approval; the petition department
    decides on it anew."""

    opinion: FreeText


class ProposeDisposition(
    Command, on=VerificationCase, rule="A20", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Proposes a way of handling (处置意见) for a reason that A58 allows, after collective study."""

    way: Way
    reason: DispositionReason
    collective_study_ref: Reference | None = None


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


class RejectDisposition(
    Command,
    on=VerificationCase,
    rule="A20",
    by=(DEPUTY_LEADER, ORGAN_HEAD),
    duty="approver",
    differs_from=("handler",),
    decides=True,
):
    """Rejects the proposed way, for another proposal; the leader who would approve it decides."""

    reason: FreeText


class ReviewHeld(
    Command, on=VerificationCase, rule="A65", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Looks again at a case that is held for later (暂存待查) and leaves it held; the next review is then
    owed."""

    result: FreeText


class ResumeCase(
    Command,
    on=VerificationCase,
    rule="A65",
    by=(DEPUTY_LEADER,),
    duty="approver",
    differs_from=("handler",),
    decides=True,
):
    """Takes a held case up again: the leader who may hold it may end it. Another disposition follows."""

    reason: FreeText


class StartVerification(
    Command, on=VerificationCase, rule="A61", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Forms the team (核查组) of two people at least and fixes its plan. Its members become handlers."""

    team: People
    plan_hash: Sha256


class ExtendVerification(
    Command,
    on=VerificationCase,
    rule="DL-11",
    by=(ORGAN_HEAD,),
    differs_from=("handler",),
    decides=True,
):
    """Gives a preliminary verification the further time that policy allows, once."""

    reason: FreeText


class RecordEvidence(
    Command, on=VerificationCase, rule="A62", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Records an item of evidence taken by two people at least. `evidence_id` is the case's own
    numbering (`E1`, `E2`); findings refer to it."""

    evidence_id: EvidenceId
    kind: EvidenceKind
    hash: Sha256
    collectors: People
    collected_at: Instant
    place: ShortText
    signature: Signature


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
    accused_ref: Reference | None = None
    staff: People
    held_at: Instant
    place: ShortText
    note: FreeText
    record_hash: Sha256
    signature: Signature
    duties_acknowledged: bool | None = None


class RecordAccusedStatement(
    Command, on=VerificationCase, rule="A36", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Records the explanation or defence of the accused."""

    accused_ref: Reference
    statement: FreeText
    record_hash: Sha256


class SplitAllegation(
    Command, on=VerificationCase, rule="§4.2", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Splits an allegation that turns out partly true into atomic parts, each to be found by itself."""

    allegation_id: Reference
    parts: Annotated[tuple[AllegationPart, ...], Field(min_length=2, max_length=20)]
    approved_by: Reference
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

    allegation_id: Reference
    outcome: FoundOutcome
    reasoning: FreeText
    evidence_refs: Annotated[tuple[EvidenceId, ...], Field(max_length=100)]
    adverse_effect: Annotated[tuple[AdverseEffect, ...], Field(max_length=3)] = ()


class RecordSubstantiatedDisposition(
    Command, on=VerificationCase, rule="A64", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Records the measure that follows from a substantiated allegation: one of the four forms of supervision
    (四种形态). Without it the case cannot be closed, nor its subject cleared of anything else (R9)."""

    allegation_id: Reference
    form_of_supervision: Literal[1, 2, 3, 4]
    disposition_ref: Reference


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
    main_problems: FreeText
    process: FreeText
    result: FreeText
    doubtful_points: FreeText
    suggestion: FreeText


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


class ReturnReport(
    Command,
    on=VerificationCase,
    rule="A61",
    by=(ORGAN_HEAD,),
    duty="reviewer",
    differs_from=("handler",),
    decides=True,
):
    """Returns the report to its authors."""

    reason: FreeText


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
    opinion: FreeText
    collective_study_ref: Reference | None = None


class SubmitAssignedResult(
    Command, on=VerificationCase, rule="A26", by=(ORGAN_HEAD,), differs_from=("handler",), decides=True
):
    """Reports the result of an assigned item to the superior that assigned it (上报核查处理情况)."""

    collective_study_ref: Reference | None = None


class AssessFalseAccusation(
    Command, on=VerificationCase, rule="R20", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Assesses whether the unfounded report is suspected to be a false accusation. Only `SCREEN_OUT` can be
    asked: `FLAG` opens a false-accusation inquiry, which is not part of this release. Screened out, the
    report is an UNFOUNDED_REPORT: without proved intent it is never more (R20)."""

    result: Literal["SCREEN_OUT"]
    reason: FreeText


class CloseCase(Command, on=VerificationCase, rule="R17", by=(DEPT_HEAD, ORGAN_HEAD), decides=True):
    """Closes the case once clarification and false accusation are both assessed and every substantiated
    allegation has its disposition (R9). A real-name case waits for the result feedback (DL-02)."""


class AssessNewEvidence(
    Command, on=VerificationCase, rule="A31", by=HANDLERS, duty="handler", differs_from=("registrar",)
):
    """Finds that evidence which came later changes nothing, and says why. Evidence that does is answered
    by the head of the organ, who reopens the case."""

    evidence_id: Reference
    reason: FreeText


class ReopenCase(
    Command, on=VerificationCase, rule="§4.2", by=(ORGAN_HEAD,), differs_from=("handler",), decides=True
):
    """Reopens a concluded or closed case because of new evidence (重新核查)."""

    evidence_id: Reference
    cause: FreeText


class CloseWithoutVerification(
    Command,
    on=VerificationCase,
    rule="A58",
    by=(DEPT_HEAD, ORGAN_HEAD),
    duty="concluder",
    differs_from=("handler",),
    decides=True,
):
    """Closes a case for which no verification was approved (予以了结), for the reason of that disposition.
    Without evidence every allegation is inconclusive; nobody is cleared by it (A66)."""

    opinion: FreeText


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
    necessity: FreeText
    less_intrusive_means_tried: FreeText


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
    RecordSubstantiatedDisposition,
    SubmitReport,
    CountersignReport,
    ReturnReport,
    ConcludeVerification,
    SubmitAssignedResult,
    AssessFalseAccusation,
    CloseCase,
    AssessNewEvidence,
    ReopenCase,
    CloseWithoutVerification,
    RequestTracing,
    SendQuarterlyFeedback,
    *case_commands(VerificationCase),
]
