"""Reactions of verification to another service's events (§8.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from services.verification.domain.case import VerificationCase
from services.verification.domain.joined import JoinedComplaint, joined_id
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.clarification import (
    ClarificationAssessed,
    ClarificationAssessmentConfirmed,
)
from shared.language.contracts.intake import (
    AccusedDetailsRecorded,
    AllegationCorrected,
    ComplaintHandedDown,
    ComplaintJoined,
    ComplaintSentBack,
    ComplaintSentLateral,
    ComplaintSentUp,
    ComplaintTransferredToHandler,
    NewEvidenceReceived,
    ReporterIdentityConfirmed,
    ResultFeedbackGiven,
    StageWaived,
)
from shared.language.contracts.verification import VerificationCaseOpened
from shared.language.ids import derived_id

PassedOn = ComplaintHandedDown | ComplaintSentLateral | ComplaintSentUp | ComplaintSentBack
"""The events by which a complaint goes to another organ, in any state before a finding."""


def case_id(complaint: UUID, round: int) -> UUID:
    """The case of a complaint; after a return, the next round has a case of its own."""
    return derived_id("verification-case", complaint, *([round] if round > 1 else []))


async def cases_of(desk: Desk, complaint: UUID | None = None) -> AsyncIterator[VerificationCase]:
    """The cases of a complaint, or else of the one that speaks: those that it was joined to (B24), and its
    own in the order of their rounds. A round in which it was joined has no case of its own."""
    complaint = complaint or desk.published.stream_id
    joined = await desk.get(JoinedComplaint, joined_id(complaint))
    for id in joined.cases if joined is not None else ():
        if (case := await desk.get(VerificationCase, UUID(id))) is not None:
            yield case
    round, missing = 1, 1 if joined is None else 1 + len(joined.cases)
    while missing:
        case = await desk.get(VerificationCase, case_id(complaint, round))
        if case is not None:
            yield case
        round, missing = round + 1, missing - (case is None)


async def open_case(event: ComplaintTransferredToHandler, desk: Desk) -> None:
    """Opens the verification case of a complaint that was handed to the handling department (P1), once;
    handed over again after a return, another one (A19)."""
    complaint = desk.published.stream_id
    case = await desk.get_or_new(VerificationCase, case_id(complaint, event.round))
    case.open(
        desk.context(rule="P1"),
        VerificationCaseOpened(
            organ=desk.published.organ,
            complaint_ids=(str(complaint),),
            complaint_numbers=(event.number,),
            accused=event.accused,
            allegations=event.allegations,
            handling_dept=event.handling_dept,
            registered_by=event.registered_by,
            real_name=event.real_name,
            assigned_by_superior=event.assigned_by_superior,
        ),
    )


async def end_case(event: PassedOn, desk: Desk) -> None:
    """Ends the case of a complaint that was passed on to the organ to which it belongs (B14)."""
    async for case in cases_of(desk):
        case.note_passed_on(desk.context(case.organ, rule="B14"), str(desk.published.stream_id))


async def note_correction(event: AllegationCorrected, desk: Desk) -> None:
    """Notes that an allegation reads otherwise (B12)."""
    async for case in cases_of(desk):
        case.note_correction(desk.context(case.organ, rule="B12"), event.now)


async def note_details(event: AccusedDetailsRecorded, desk: Desk) -> None:
    """Notes in each case about an accused what the register has of them today (B11)."""
    for complaint in event.complaints:
        async for case in cases_of(desk, UUID(complaint)):
            case.note_details(desk.context(case.organ, rule="B11"), event.known_as, event.now)


async def join_case(event: ComplaintJoined, desk: Desk) -> None:
    """Takes another named reporter's complaint into the case of the first (B24)."""
    case = await desk.get(VerificationCase, case_id(UUID(event.of), event.round))
    if case is not None:
        complaint = desk.published.stream_id
        case.note_joined(desk.context(case.organ, rule="B24"), str(complaint), event)
        joined = await desk.get_or_new(JoinedComplaint, joined_id(complaint))
        joined.note_case(desk.context(case.organ, rule="B24"), str(complaint), str(case.id))


async def note_feedback(event: ResultFeedbackGiven, desk: Desk) -> None:
    """Notes that the real-name reporter knows the result (DL-02); the case no longer waits for that."""
    async for case in cases_of(desk):
        case.note_feedback(desk.context(case.organ, rule="A31"), str(desk.published.stream_id))


async def note_waiver(event: StageWaived, desk: Desk) -> None:
    """Notes a waiver (R46): a reporter who waived the reply, or could not be reached, is owed no feedback any
    more."""
    if event.stage == "REPLY":
        async for case in cases_of(desk):
            case.note_feedback(desk.context(case.organ, rule="R46"), str(desk.published.stream_id))


async def note_real_name(event: ReporterIdentityConfirmed, desk: Desk) -> None:
    """Notes a confirmed name (A27): one that was confirmed after the hand-over is answered like every other
    (DL-02)."""
    async for case in cases_of(desk):
        ctx = desk.context(case.organ, rule="A27")
        case.note_real_name(ctx, str(desk.published.stream_id))


async def note_new_evidence(event: NewEvidenceReceived, desk: Desk) -> None:
    """Notes evidence that came after the complaint was handed over (P8)."""
    async for case in cases_of(desk):
        case.note_new_evidence(
            desk.context(case.organ, rule="P8"),
            str(desk.published.stream_id),
            event.evidence_id,
            event.description,
            event.document_ref,
        )


async def note_clarification_assessment(
    event: ClarificationAssessed | ClarificationAssessmentConfirmed, desk: Desk
) -> None:
    """Notes in each case that a subject's clarification came from that it is assessed, for which conclusion
    (R17, B28)."""
    for case_id, conclusion in event.assessed().items():
        case = await desk.get(VerificationCase, UUID(case_id))
        if case is not None:
            case.note_clarification_assessment(
                desk.context(case.organ, rule="R17"),
                event.subject_ref,
                str(desk.published.stream_id),
                event.round,
                conclusion,
            )


REACTIONS: Reactions = {
    "intake.ComplaintTransferredToHandler": open_case,
    "intake.ComplaintJoined": join_case,
    "intake.AccusedDetailsRecorded": note_details,
    "intake.AllegationCorrected": note_correction,
    "intake.ComplaintHandedDown": end_case,
    "intake.ComplaintSentLateral": end_case,
    "intake.ComplaintSentUp": end_case,
    "intake.ComplaintSentBack": end_case,
    "intake.ReporterIdentityConfirmed": note_real_name,
    "intake.ResultFeedbackGiven": note_feedback,
    "intake.StageWaived": note_waiver,
    "intake.NewEvidenceReceived": note_new_evidence,
    "clarification.ClarificationAssessed": note_clarification_assessment,
    "clarification.ClarificationAssessmentConfirmed": note_clarification_assessment,
}
