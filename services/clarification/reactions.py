"""Reactions of clarification to conclusions, reopened cases and dispositions of verification, and to intake's
reports of retaliation (§8.3, P3, P7, P12, R9)."""

from __future__ import annotations

from services.clarification.domain.clarification import Clarification
from services.clarification.domain.retaliation import RetaliationWatch, watch_id
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.clarification import Disposition
from shared.language.contracts.intake import RetaliationReported, RetaliationSettled
from shared.language.contracts.verification import (
    AccusedDetailsNoted,
    AllegationsInconclusive,
    AllegationsSubstantiated,
    AllegationsVerifiedUnfounded,
    SubstantiatedDispositionRecorded,
    VerificationCaseReopened,
)


async def take_up_unfounded(event: AllegationsVerifiedUnfounded, desk: Desk) -> None:
    """Takes up a conclusion (R25, A67): one stream per subject and handling organ, since the organ that
    verified also clears."""
    id = desk.derived_id("clarification", event.subject.ref, event.handling_organ)
    clarification = await desk.get_or_new(Clarification, id)
    clarification.take_up(desk.context(event.handling_organ, rule="R25"), event)


async def note_none_unfounded(event: AllegationsSubstantiated | AllegationsInconclusive, desk: Desk) -> None:
    """Notes a further conclusion that finds nothing unfounded about a subject who was to be cleared (B28)."""
    clarification = await desk.get(
        Clarification, desk.derived_id("clarification", event.subject.ref, desk.published.organ)
    )
    if clarification is not None:
        clarification.note_none_unfounded(desk.context(clarification.organ, rule="B28"), event)


async def hold(event: VerificationCaseReopened, desk: Desk) -> None:
    """Holds what rests on a reopened case, subject by subject (P7, B28)."""
    for subject in event.subject_refs:
        id = desk.derived_id("clarification", subject, desk.published.organ)
        clarification = await desk.get(Clarification, id)
        if clarification is not None:
            clarification.hold(
                desk.context(clarification.organ, rule="P7"),
                str(desk.published.stream_id),
                event.number,
                event.conclusion,
            )


async def note_details(event: AccusedDetailsNoted, desk: Desk) -> None:
    """Notes what the register has of the subjects today (B11). The case tells it, so that no conclusion of
    before comes later."""
    for person in event.accused:
        id = desk.derived_id("clarification", person.ref, desk.published.organ)
        clarification = await desk.get(Clarification, id)
        if clarification is not None:
            clarification.note_details(desk.context(clarification.organ, rule="B11"), person)


async def note_disposition(event: SubstantiatedDispositionRecorded, desk: Desk) -> None:
    """Notes a disposition that is recorded after the conclusion (R9). Earlier ones come with the conclusion
    itself, and a subject with nothing to be cleared of has no stream here."""
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


async def note_retaliation(event: RetaliationReported, desk: Desk) -> None:
    """Notes a report of retaliation (P12), before there is anything to clear or after, whichever organ
    clears."""
    watch = await desk.get_or_new(RetaliationWatch, watch_id(event.subject_ref))
    watch.note_report(desk.context(rule="A44"), event.subject_ref, str(desk.published.stream_id))


async def note_settlement(event: RetaliationSettled, desk: Desk) -> None:
    """Notes that a report of retaliation holds nothing up any more (P12)."""
    watch = await desk.get_or_new(RetaliationWatch, watch_id(event.subject_ref))
    watch.note_settlement(desk.context(rule="A44"), event.subject_ref, str(desk.published.stream_id))


REACTIONS: Reactions = {
    "intake.RetaliationReported": note_retaliation,
    "intake.RetaliationSettled": note_settlement,
    "verification.AccusedDetailsNoted": note_details,
    "verification.AllegationsVerifiedUnfounded": take_up_unfounded,
    "verification.AllegationsSubstantiated": note_none_unfounded,
    "verification.AllegationsInconclusive": note_none_unfounded,
    "verification.VerificationCaseReopened": hold,
    "verification.SubstantiatedDispositionRecorded": note_disposition,
}
