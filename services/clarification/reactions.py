"""What clarification does when verification concludes, and when it disposes (domain.md §8.3, P3, R9)."""

from __future__ import annotations

from services.clarification.domain.clarification import Clarification
from shared.contracts.clarification import Disposition
from shared.contracts.common import RecusalDeclared
from shared.contracts.verification import AllegationsVerifiedUnfounded, SubstantiatedDispositionRecorded
from shared.reaction import Desk, Reactions


async def take_up_unfounded(event: AllegationsVerifiedUnfounded, desk: Desk) -> None:
    """One stream per subject and handling organ: whoever verified also clears (R25, A67)."""
    id = desk.derived_id("clarification", event.subject.ref, event.handling_organ)
    clarification = await desk.get_or_new(Clarification, id)
    clarification.take_up(desk.context(event.handling_organ, rule="R25"), event)
    ctx = desk.context(event.handling_organ, rule="SD10")
    clarification.take_over_recusals(ctx, event.recused, event.case_id)


async def take_over_recusal(event: RecusalDeclared, desk: Desk) -> None:
    """SD10: somebody stepped aside from a case whose conclusion clarification already has."""
    case = str(desk.published.stream_id)
    for subject_ref in event.subject_refs:
        id = desk.derived_id("clarification", subject_ref, desk.published.organ)
        clarification = await desk.get(Clarification, id)
        if clarification is not None and case in clarification.known_cases:
            ctx = desk.context(clarification.organ, rule="SD10")
            clarification.take_over_recusals(ctx, [event.person], case, event.ground)


async def note_disposition(event: SubstantiatedDispositionRecorded, desk: Desk) -> None:
    """R9: what is recorded after the conclusion. Earlier ones come with the conclusion itself, and who has
    nothing to be cleared of has no stream here."""
    id = desk.derived_id("clarification", event.subject_ref, desk.published.organ)
    clarification = await desk.get(Clarification, id)
    if clarification is not None:
        clarification.note_disposition(
            desk.context(clarification.organ, rule="R9"),
            Disposition(
                case_id=str(desk.published.stream_id),
                allegation_id=event.allegation_id,
                disposition_ref=event.disposition_ref,
            ),
        )


REACTIONS: Reactions = {
    "verification.AllegationsVerifiedUnfounded": take_up_unfounded,
    "verification.SubstantiatedDispositionRecorded": note_disposition,
    "verification.RecusalDeclared": take_over_recusal,
}
