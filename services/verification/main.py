"""Verification's composition root."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from services.verification.commands import COMMANDS, SendQuarterlyFeedback
from services.verification.contract import LISTENS_TO, SERVICE
from services.verification.domain.case import VerificationCase
from services.verification.domain.quarter import RESULTS, QuarterlyFeedback
from services.verification.reactions import REACTIONS
from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Command
from shared.casework.gate import Beside
from shared.casework.parts import Additions, Core, Service
from shared.casework.preparation import Lookups
from shared.casework.service import main
from shared.language.law.working_days import quarter_of
from shared.language.refusal import refuse

PATIENCE_SECONDS = 5.0


def lookups(core: Core) -> Lookups:
    async def results(
        command: SendQuarterlyFeedback, feedback: QuarterlyFeedback, ctx: Context
    ) -> list[VerificationCase]:
        """Finds those on which DL-07 runs. Of those from which the actor is excluded somebody else tells."""
        position = await core.recorder.max_position()
        if not await core.projector.wait_for(core.book.name, position, PATIENCE_SECONDS):
            refuse("E_NOT_YET")
        owed = core.book.deadlines
        query = select(owed.c.stream).where(
            owed.c.deadline == "DL-07", owed.c.met.is_(False), owed.c.organ == ctx.actor.organ
        )
        async with core.engine.connect() as connection:
            streams = (await connection.execute(query.order_by(owed.c.stream))).scalars().all()
        found = [await core.repository.get(VerificationCase, stream) for stream in streams]
        known = [case for case in found if case and ctx.actor.person not in case.excluded]
        concluded = [c for c in known if c.concluded_on and quarter_of(c.concluded_on) == command.quarter]
        return sorted(concluded, key=lambda c: c.number)

    return [RESULTS.found_by(results)]


def beside() -> dict[str, Beside]:
    async def note_told(command: Command, aggregate: Aggregate, ctx: Context) -> Sequence[Aggregate]:
        """Every case that was told of knows it, in the same transaction: none is told twice or forgotten."""
        assert isinstance(command, SendQuarterlyFeedback)
        told = ctx.found(RESULTS)
        for case in told:
            case.note_quarterly_feedback(replace(ctx, duty=""), command.quarter)
        return told

    return {"SendQuarterlyFeedback": note_told}


def assemble(core: Core) -> Additions:
    """The lookups of verification's commands, and what they write beside their own case."""
    return Additions(lookups=lookups(core), beside=beside())


def service() -> Service:
    """Verification, as the kernel assembles it."""
    return Service(
        name=SERVICE,
        title="zhengming verification",
        title_zh="核查",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        assemble=assemble,
    )


if __name__ == "__main__":
    sys.exit(main(service()))
