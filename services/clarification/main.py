"""Clarification's composition root."""

from __future__ import annotations

import sys
from uuid import UUID

from services.clarification.commands import COMMANDS, ImplementForm
from services.clarification.contract import LISTENS_TO, SERVICE
from services.clarification.domain.clarification import Clarification
from services.clarification.domain.clarification.carrying_out import RETALIATION
from services.clarification.domain.retaliation import RetaliationWatch, watch_id
from services.clarification.reactions import REACTIONS
from services.clarification.reads import DraftRoutes
from shared.casework.aggregate import Context
from shared.casework.preparation import Lookups
from shared.casework.scheduler import OnBreach, OnReminder
from shared.casework.service import Parts, Service, main
from shared.casework.subject import subject_jobs
from shared.kernel.effect import Effect, to_subject
from shared.kernel.outgoing.worker import OutgoingJob
from shared.kernel.store.types import Append, VersionConflict


def lapses(parts: Parts) -> OnBreach:
    """DL-15: a consent window that closes without an answer lapses, which counts as refusal (R7)."""

    async def lapse(stream: UUID, ctx: Context) -> None:
        for _ in range(3):
            clarification = await parts.repository.get(Clarification, stream)
            if clarification is None:
                return
            clarification.lapse_consent(ctx)
            try:
                await parts.recorder.append(Append(events=clarification.collect_events()))
            except VersionConflict:
                continue  # somebody answered in this moment: look again
            return
        raise VersionConflict(stream, 0)  # the breach stays untold, so the next tick tries both again

    return {"DL-15": lapse}


def reminders(parts: Parts) -> OnReminder:
    """DL-15: the subject hears that the window is about to close (B35)."""

    async def remind(stream: UUID) -> list[Effect]:
        clarification = await parts.repository.get(Clarification, stream)
        if clarification is None or clarification.consent is None or not clarification.subject_account:
            return []
        return [to_subject(stream, clarification.consent.asked_in, "CONSENT_REMINDER")]

    return {"DL-15": remind}


def outgoing(parts: Parts) -> dict[str, OutgoingJob]:
    """The messages that leave clarification, all to the subject. The arrival of a request opens its window
    (B35)."""

    def arrived(clarification: Clarification, ctx: Context, effect: Effect) -> None:
        if effect.payload["template"] == "CONSENT_ASKED":
            clarification.note_delivered(ctx, effect.payload["about"])

    return subject_jobs(parts, Clarification, arrived)


def lookups(parts: Parts) -> Lookups:
    async def retaliation(command: ImplementForm, case: Clarification, ctx: Context) -> bool:
        watch = await parts.repository.get(RetaliationWatch, watch_id(case.subject.ref))
        return watch is not None and watch.open

    return [RETALIATION.found_by(retaliation)]


def service() -> Service:
    """Clarification, as the kernel assembles it."""
    return Service(
        name=SERVICE,
        title="zhengming clarification",
        title_zh="澄清",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        extend=lambda app, parts: parts.reads.gate.add(app, DraftRoutes()),
        lookups=lookups,
        on_breach=lapses,
        on_reminder=reminders,
        outgoing=outgoing,
    )


if __name__ == "__main__":
    sys.exit(main(service()))
