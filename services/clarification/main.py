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
from shared.casework.http.app import Application
from shared.casework.parts import Additions, Core, Parts, Service
from shared.casework.preparation import Lookups
from shared.casework.scheduler import OnBreach, OnReminder
from shared.casework.service import main
from shared.casework.subject import subject_jobs
from shared.kernel.effect import Effect, to_subject
from shared.kernel.outgoing.worker import OutgoingJob
from shared.kernel.store.types import Append, VersionConflict


def lapses(core: Core) -> OnBreach:
    """DL-15: a consent window that closes without an answer lapses, which counts as refusal (R7)."""

    async def lapse(stream: UUID, ctx: Context) -> None:
        for _ in range(3):
            clarification = await core.repository.get(Clarification, stream)
            if clarification is None:
                return
            clarification.lapse_consent(ctx)
            try:
                await core.recorder.append(Append(events=clarification.collect_events()))
            except VersionConflict:
                continue  # somebody answered in this moment: look again
            return
        raise VersionConflict(stream, 0)  # the breach stays untold, so the next tick tries both again

    return {"DL-15": lapse}


def reminders(core: Core) -> OnReminder:
    """DL-15: the subject hears that the window is about to close (B35)."""

    async def remind(stream: UUID) -> list[Effect]:
        clarification = await core.repository.get(Clarification, stream)
        if clarification is None or clarification.consent is None or not clarification.subject_account:
            return []
        return [to_subject(stream, clarification.consent.asked_in, "CONSENT_REMINDER")]

    return {"DL-15": remind}


def outgoing(core: Core) -> dict[str, OutgoingJob]:
    """The messages that leave clarification, all to the subject. The arrival of a request opens its window
    (B35)."""

    def arrived(clarification: Clarification, ctx: Context, effect: Effect) -> None:
        if effect.payload["template"] == "CONSENT_ASKED":
            clarification.note_delivered(ctx, effect.payload["about"])

    return subject_jobs(core, Clarification, arrived)


def lookups(core: Core) -> Lookups:
    async def retaliation(command: ImplementForm, case: Clarification, ctx: Context) -> bool:
        watch = await core.repository.get(RetaliationWatch, watch_id(case.subject.ref))
        return watch is not None and watch.open

    return [RETALIATION.found_by(retaliation)]


def add_routes(app: Application, parts: Parts) -> None:
    """Adds the reading of the draft by its subject."""
    parts.reads.gate.add(app, DraftRoutes())


def assemble(core: Core) -> Additions:
    """The lookups of clarification's commands, its messages to the subject, and the draft's reading."""
    return Additions(
        lookups=lookups(core),
        on_breach=lapses(core),
        on_reminder=reminders(core),
        jobs=outgoing(core),
        routes=add_routes,
    )


def service() -> Service:
    """Clarification, as the kernel assembles it."""
    return Service(
        name=SERVICE,
        title="zhengming clarification",
        title_zh="澄清",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        assemble=assemble,
    )


if __name__ == "__main__":
    sys.exit(main(service()))
