"""Followup's composition root."""

from __future__ import annotations

import sys

from sqlalchemy import select

from services.followup.commands import COMMANDS, DraftRevisitPlan
from services.followup.contract import LISTENS_TO, SERVICE
from services.followup.domain.plan import RevisitPlan
from services.followup.reactions import REACTIONS
from services.followup.readmodel import PlanTexts
from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Command
from shared.casework.gate import Facts
from shared.casework.service import Parts, Service, main
from shared.casework.subject import subject_jobs
from shared.language.refusal import refuse

WAIT_SECONDS = 2.0


def facts(parts: Parts, texts: PlanTexts) -> Facts:
    """The lookups of followup's commands."""

    async def plan_text_known(command: Command, aggregate: Aggregate, ctx: Context) -> bool:
        """True if another plan has this very text (R35); asked of a read model that has caught up."""
        assert isinstance(command, DraftRevisitPlan)
        if not await parts.projector.wait_for(texts.name, await parts.recorder.max_position(), WAIT_SECONDS):
            refuse("E_UNAVAILABLE", "R35")
        query = select(texts.texts.c.stream).where(texts.texts.c.text_hash == command.text_hash())
        async with parts.engine.connect() as connection:
            first = (await connection.execute(query)).scalar()
        return first is not None and first != aggregate.id

    return {"plan_text_known": plan_text_known}


def service() -> Service:
    """Followup, as the kernel assembles it."""
    texts = PlanTexts()
    return Service(
        name=SERVICE,
        title="zhengming followup",
        title_zh="回访",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        extra_projections=lambda: [texts],
        facts=lambda parts: facts(parts, texts),
        outgoing=lambda parts: subject_jobs(parts, RevisitPlan),
    )


if __name__ == "__main__":
    sys.exit(main(service()))
