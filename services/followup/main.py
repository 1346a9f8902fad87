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
from shared.casework.parts import Additions, Core, Service
from shared.casework.service import main
from shared.casework.subject import subject_jobs
from shared.language.refusal import refuse

WAIT_SECONDS = 2.0


def facts(core: Core, texts: PlanTexts) -> Facts:
    """The lookups of followup's commands."""

    async def plan_text_known(command: Command, aggregate: Aggregate, ctx: Context) -> bool:
        """True if another plan has this very text (R35); asked of a read model that has caught up."""
        assert isinstance(command, DraftRevisitPlan)
        if not await core.projector.wait_for(texts.name, await core.recorder.max_position(), WAIT_SECONDS):
            refuse("E_UNAVAILABLE", "R35")
        query = select(texts.texts.c.stream).where(texts.texts.c.text_hash == command.text_hash())
        async with core.engine.connect() as connection:
            first = (await connection.execute(query)).scalar()
        return first is not None and first != aggregate.id

    return {"plan_text_known": plan_text_known}


def assemble(core: Core) -> Additions:
    """The lookups of followup's commands, and its messages to the subject."""
    return Additions(
        facts=facts(core, core.model(PlanTexts)),
        jobs=subject_jobs(core, RevisitPlan),
    )


def service() -> Service:
    """Followup, as the kernel assembles it."""
    return Service(
        name=SERVICE,
        title="zhengming followup",
        title_zh="回访",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        models=(PlanTexts,),
        assemble=assemble,
    )


if __name__ == "__main__":
    sys.exit(main(service()))
