"""Commands about the reporter's name, meetings and answers, and the end of a complaint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.intake.domain.complaint import Complaint
from services.intake.domain.values import OutcomeTold
from shared.casework.command import Code, Command, Day, FreeText, Reference
from shared.language.contracts.intake import (
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
    result: Literal["CONFIRMED", "NOT_CONFIRMED", "UNREACHABLE"]
    through_accused_unit: bool = False


class NotifyAcceptance(Command, on=Complaint, rule="A30", by=PETITION, duty="notifier"):
    """Tells a real-name reporter that their complaint was accepted (告知受理情况), within 15 working days."""

    means: Means


class RecordStageMeeting(Command, on=Complaint, rule="R46", by=BOTH):
    """Records one of the three meetings (见面): at acceptance, during the investigation, at the reply."""

    stage: Stage
    mode: MeetingMode
    staff: Annotated[tuple[Reference, ...], Field(min_length=1, max_length=10)]
    place_type: Literal["DISCREET"]
    heard: FreeText
    demands: FreeText


class RecordStageFeedback(Command, on=Complaint, rule="R46", by=BOTH):
    """Records one of the three feedbacks (反馈)."""

    stage: Stage
    content_code: Code
    means: Means


class RecordContactAttempt(Command, on=Complaint, rule="R46", by=BOTH):
    """Records that the reporter could not be reached."""

    stage: Stage
    means: Means
    attempted_on: Day


class WaiveStage(Command, on=Complaint, rule="R46", by=BOTH):
    """Waives a stage that is not owed: the reporter does without it, or three attempts on three working days
    were in vain."""

    stage: Stage
    ground: WaiverGround


class RecordResultFeedback(Command, on=Complaint, rule="A31", by=HANDLERS, duty="answerer"):
    """Tells a real-name reporter the result (反馈结果), explains policy, and reminds them of secrecy. A
    handler who worked on it does this (§5.2); the petition department reads that it was done."""

    outcomes: Annotated[tuple[OutcomeTold, ...], Field(min_length=1, max_length=100)]
    means: Means
    policy_explained: Annotated[tuple[PolicyPoint, ...], Field(max_length=3)]
    secrecy_duty_told: bool
    reaction: Reaction = "NONE"


class RecordObjection(Command, on=Complaint, rule="A31", by=BOTH):
    """Records an objection in the reporter's own terms, and the explanation that was given."""

    objection: FreeText
    explanation: FreeText


class AskReporter(Command, on=Complaint, rule="SEC-5", by=HANDLERS):
    """Asks the reporter something (询问举报人); the petition department puts the question to them."""

    question: FreeText


class RelayAnswer(Command, on=Complaint, rule="SEC-5", by=PETITION):
    """Passes on the reporter's answer, without a word that tells who they are."""

    question_id: Code
    outcome: QuestionOutcome
    means: Means
    answer: FreeText | None = None


class SubmitNewEvidence(Command, on=Complaint, rule="A31", by=PETITION):
    """Enters evidence that came later, from the reporter or anybody else."""

    from_reporter: bool
    description: FreeText
    document_ref: Reference


class WithdrawReport(Command, on=Complaint, rule="§4.1", by=PETITION):
    """Records that the reporter withdraws the report. It stops nothing."""

    means: Means


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
