"""Reactions of intake to conclusions of verification (§8.3, P2)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.intake.domain.complaint import Complaint
from services.intake.domain.quarter import ReceivedFeedback, received_id
from services.intake.domain.register import RegisterEntry, register_id
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.verification import (
    AllegationsInconclusive,
    AllegationsSubstantiated,
    AllegationsVerifiedUnfounded,
    AssignedResultReported,
    CaseClosedWithoutVerification,
    ComplaintReturnedByHandler,
    NewEvidenceAssessedImmaterial,
    NewEvidenceTakenUp,
    QuarterlyFeedbackSent,
    VerificationCaseReopened,
    VerificationConcluded,
)


async def complaints_of(ids: Sequence[str], desk: Desk) -> list[Complaint]:
    """The complaints of a case: those that verification names, and those that were joined to them here before
    verification knew of it (B24)."""
    found: dict[UUID, Complaint] = {}
    for id in ids:
        complaint = await desk.get(Complaint, UUID(id))
        for other in (id, *(complaint.joined if complaint is not None else ())):
            joined = await desk.get(Complaint, UUID(other))
            if joined is not None:
                found[joined.id] = joined
    return list(found.values())


async def note_result(event: VerificationConcluded, desk: Desk) -> None:
    """Every complaint of the case has its result."""
    for complaint in await complaints_of(event.complaint_ids, desk):
        ctx = desk.context(complaint.organ, rule="P2")
        complaint.note_result(
            ctx, event.number, event.conclusion, event.verdict, event.concluded_on, event.findings
        )


async def note_closing(event: CaseClosedWithoutVerification, desk: Desk) -> None:
    """A case that ends without verification has a result too, on which nothing was proved (A58, DL-02)."""
    for complaint in await complaints_of(event.complaint_ids, desk):
        ctx = desk.context(complaint.organ, rule="A58")
        complaint.note_result(ctx, event.number, event.conclusion, "HAS_INCONCLUSIVE", event.closed_on)


async def note_returned(event: ComplaintReturnedByHandler, desk: Desk) -> None:
    """Notes that the petition department has it again (A19)."""
    for complaint in await complaints_of(event.complaint_ids, desk):
        complaint.note_returned(desk.context(complaint.organ, rule="A19"), event.number, event.reason)


async def note_assigned_result(event: AssignedResultReported, desk: Desk) -> None:
    """Tells the superior's own complaint the result that the lower organ reports on the one born of it
    (A26)."""
    for id in event.complaint_ids:
        complaint = await desk.get(Complaint, UUID(id))
        if complaint is not None:
            complaint.note_result_sent_up(desk.context(complaint.organ, rule="A26"), event.number)
        origin = await desk.get(Complaint, UUID(complaint.origin)) if complaint and complaint.origin else None
        if origin is not None:
            ctx = desk.context(origin.organ, rule="A26")
            origin.note_assigned_result(ctx, event.number, event.verdict)


async def note_evidence_answered(
    event: NewEvidenceAssessedImmaterial | NewEvidenceTakenUp, desk: Desk
) -> None:
    """Notes that the new evidence was answered: it changes nothing, or the case goes on with it (A31, B31).
    The complaint stays as it is."""
    complaint = await desk.get(Complaint, UUID(event.complaint_id))
    if complaint is not None:
        ctx = desk.context(complaint.organ, rule="A31")
        complaint.note_evidence_answered(ctx, event.evidence_id, event.number)


async def note_reopened(event: VerificationCaseReopened, desk: Desk) -> None:
    """Notes that the case was reopened (§4.1): another result is to come for every complaint of the case, and
    for every organ that was told the first (A26)."""
    for complaint in await complaints_of(event.complaint_ids, desk):
        ctx = desk.context(complaint.organ, rule="§4.1")
        complaint.note_reopened(ctx, event.number, event.conclusion)
        above: Complaint | None = complaint
        while above is not None and above.origin:
            above = await desk.get(Complaint, UUID(above.origin))
            if above is not None:
                above.note_reopened_below(desk.context(above.organ, rule="A31"), event.number)


async def _standing_entry(desk: Desk, ref: str) -> RegisterEntry | None:
    """The entry of an accused; of one that was merged, the entry that stands (B11)."""
    entry = await desk.get(RegisterEntry, register_id(ref))
    while entry is not None and entry.merged_into:
        entry = await desk.get(RegisterEntry, register_id(entry.merged_into))
    return entry


async def note_conclusion(event: AllegationsVerifiedUnfounded, desk: Desk) -> None:
    """The accused's history learns that these allegations were unfounded (R55)."""
    entry = await _standing_entry(desk, event.subject.ref)
    if entry is not None:
        entry.note_conclusion(
            desk.context(entry.organ, rule="R55"),
            event.case_number,
            event.conclusion,
            [a.id for a in event.unfounded],
            event.complaint_ids,
        )


async def note_other_conclusion(
    event: AllegationsSubstantiated | AllegationsInconclusive, desk: Desk
) -> None:
    """The accused's history learns that a further conclusion took back what was unfounded (B27, R55)."""
    if any(finding.outcome == "UNFOUNDED" for finding in event.other_findings):
        return  # told whole by AllegationsVerifiedUnfounded
    entry = await _standing_entry(desk, event.subject.ref)
    if entry is not None:
        entry.note_taken_back(desk.context(entry.organ, rule="R55"), event.case_number, event.conclusion)


async def note_quarter(event: QuarterlyFeedbackSent, desk: Desk) -> None:
    """Notes that the petition department has been told the results of its handovers (A21)."""
    received = await desk.get_or_new(ReceivedFeedback, received_id(event.organ, event.quarter))
    received.note(desk.context(event.organ, rule="A21"), event)


REACTIONS: Reactions = {
    "verification.QuarterlyFeedbackSent": note_quarter,
    "verification.ComplaintReturnedByHandler": note_returned,
    "verification.AssignedResultReported": note_assigned_result,
    "verification.VerificationConcluded": note_result,
    "verification.CaseClosedWithoutVerification": note_closing,
    "verification.NewEvidenceAssessedImmaterial": note_evidence_answered,
    "verification.NewEvidenceTakenUp": note_evidence_answered,
    "verification.VerificationCaseReopened": note_reopened,
    "verification.AllegationsVerifiedUnfounded": note_conclusion,
    "verification.AllegationsSubstantiated": note_other_conclusion,
    "verification.AllegationsInconclusive": note_other_conclusion,
}
