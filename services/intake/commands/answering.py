"""Commands about the reporter's name, meetings and answers, and the end of a complaint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.intake.domain.complaint import Complaint
from services.intake.domain.values import OutcomeTold
from shared.casework.command import Code, Colleague, Command, Day, FreeText, Given, Reference
from shared.language.contracts.intake import (
    Errand,
    Means,
    MeetingMode,
    PolicyPoint,
    QuestionOutcome,
    Reaction,
    Stage,
    VerifiedBy,
    WaiverGround,
)
from shared.language.roles import DEPT_HEAD, HANDLER, PETITION

HANDLERS = (HANDLER, DEPT_HEAD)
BOTH = (*PETITION, *HANDLERS)
"""The petition department, and the handlers for their own stage; nobody learns a contact by it (SEC-5)."""


class VerifyReporterIdentity(Command, on=Complaint, rule="A27", by=PETITION):
    """Records whether the reporter is the person whom they name (实名核实), by phone or in a talk."""

    verified_by: VerifiedBy
    """The way of verification; never through the unit of the accused (A27)."""
    result: Literal["CONFIRMED", "NOT_CONFIRMED", "UNREACHABLE"]
    """CONFIRMED makes it a real-name complaint; after NOT_CONFIRMED or UNREACHABLE it is handled as an
    anonymous one (A28), until it is verified again. UNREACHABLE needs three attempts on three working days
    (B19)."""
    through_accused_unit: bool = False
    """True is refused: nobody is verified through the unit of the accused (A27)."""


class NotifyAcceptance(Command, on=Complaint, rule="A30", by=PETITION, duty="notifier"):
    """Tells a real-name reporter that their complaint was accepted (告知受理情况), within 15 working days."""

    means: Means
    """The means by which they were told; always the contact that the reporter gave (SEC-10)."""


class RecordStageMeeting(Command, on=Complaint, rule="R46", by=BOTH):
    """Records one of the three meetings (见面): at acceptance, during the investigation, at the reply."""

    stage: Stage
    """ACCEPTANCE, INVESTIGATION or REPLY, each after the one before."""
    mode: MeetingMode
    """By phone only if the reporter asked for it."""
    staff: Annotated[tuple[Colleague, ...], Field(min_length=1, max_length=10)]
    """The accounts of those who met the reporter."""
    place_type: Literal["DISCREET"]
    """DISCREET: a place where nobody notices."""
    heard: FreeText
    """The reporter's words in substance, without a word on who they are."""
    demands: FreeText
    """The reporter's demands, without a word on who they are."""


class RecordStageFeedback(Command, on=Complaint, rule="R46", by=BOTH):
    """Records one of the three feedbacks (反馈)."""

    stage: Stage
    """ACCEPTANCE, INVESTIGATION or REPLY, each after the one before. Its meeting is recorded before."""
    content_code: Code
    """The organ's own code of what was told, as `TOLD`."""
    means: Means
    """The means by which they were told; always the contact that the reporter gave (SEC-10)."""


class RecordContactAttempt(Command, on=Complaint, rule="R46", by=BOTH):
    """Records that the reporter could not be reached."""

    stage: Errand
    """VERIFICATION of a name that was given; or ACCEPTANCE, INVESTIGATION or REPLY, each after the one
    before."""
    means: Means
    """The means that was tried."""
    attempted_on: Day
    """The day of the attempt; not later than today, nor before the complaint came."""


class WaiveStage(Command, on=Complaint, rule="R46", by=BOTH):
    """Waives a stage that is not owed: the reporter does without it, or three attempts on three working days
    were in vain."""

    stage: Stage
    """ACCEPTANCE, INVESTIGATION or REPLY, each after the one before."""
    ground: WaiverGround
    """UNREACHABLE needs three recorded attempts on three working days."""


class RecordResultFeedback(Command, on=Complaint, rule="A31", by=HANDLERS, duty="answerer"):
    """Tells a real-name reporter the result (反馈结果), explains policy, and reminds them of secrecy. A
    handler who worked on it does this (§5.2); the petition department reads that it was done."""

    outcomes: Annotated[tuple[OutcomeTold, ...], Field(min_length=1, max_length=2000)]
    """The findings that the reporter is told, by allegation."""
    means: Means
    """The means by which they were told; always the contact that the reporter gave (SEC-10)."""
    policy_explained: Annotated[tuple[PolicyPoint, ...], Field(max_length=3)]
    """The points that were explained: all three (R40)."""
    secrecy_duty_told: bool
    """Must be true: the reporter was reminded to keep it secret (A34)."""
    reaction: Reaction = "NONE"
    """OBJECTS is followed by `RecordObjection`."""


class RecordObjection(Command, on=Complaint, rule="A31", by=BOTH):
    """Records an objection in the reporter's own terms, and the explanation that was given."""

    objection: FreeText
    """The objection in the reporter's sense, without a word on who they are."""
    explanation: FreeText
    """The explanation that was given."""


class AskReporter(Command, on=Complaint, rule="SEC-5", by=HANDLERS):
    """Asks the reporter something (询问举报人); the petition department puts the question to them."""

    question: FreeText
    """The question; the petition department puts it, and answers by `RelayAnswer`."""


class RelayAnswer(Command, on=Complaint, rule="SEC-5", by=PETITION):
    """Passes on the reporter's answer, without a word that tells who they are."""

    question_id: Given
    """The question that waits, as `Q1`."""
    outcome: QuestionOutcome
    """ANSWERED needs `answer`."""
    means: Means
    """The means by which the question was put."""
    answer: FreeText | None = None
    """The answer, without a word on who gives it; with ANSWERED, and only then."""


class SubmitNewEvidence(Command, on=Complaint, rule="A31", by=PETITION):
    """Enters evidence that came later, from the reporter or anybody else."""

    from_reporter: bool
    """True if the reporter brought it."""
    description: FreeText
    """A description that tells nothing of who brought it."""
    document_ref: Reference
    """The reference under which it is filed."""


class WithdrawReport(Command, on=Complaint, rule="§4.1", by=PETITION):
    """Records that the reporter withdraws the report. It stops nothing."""

    means: Means
    """The means by which the reporter said so."""


class CloseComplaint(Command, on=Complaint, rule="R44", by=PETITION, decides=True):
    """Closes the complaint (办结) once everything that was owed is done and recorded."""


ANSWERING: list[type[Command]] = [
    VerifyReporterIdentity,
    NotifyAcceptance,
    RecordStageMeeting,
    RecordStageFeedback,
    RecordContactAttempt,
    WaiveStage,
    RecordResultFeedback,
    RecordObjection,
    AskReporter,
    RelayAnswer,
    SubmitNewEvidence,
    WithdrawReport,
    CloseComplaint,
]
