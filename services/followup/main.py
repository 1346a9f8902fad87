"""Followup's composition root."""

from __future__ import annotations

import sys

from sqlalchemy import select

from services.followup.commands import COMMANDS, DraftRevisitPlan
from services.followup.contract import LISTENS_TO, SERVICE
from services.followup.domain.plan import RevisitPlan
from services.followup.domain.plan.drafting import PLAN_TEXT_KNOWN
from services.followup.reactions import REACTIONS
from services.followup.readmodel import PlanTexts
from shared.casework.aggregate import Context
from shared.casework.parts import Additions, Core, Service
from shared.casework.preparation import Lookups
from shared.casework.service import main
from shared.casework.subject import subject_jobs
from shared.language.refusal import refuse

WAIT_SECONDS = 2.0


def lookups(core: Core, texts: PlanTexts) -> Lookups:
    """The lookups of followup's commands."""

    async def plan_text_known(command: DraftRevisitPlan, case: RevisitPlan, ctx: Context) -> bool:
        """Asks a read model that has caught up."""
        if not await core.projector.wait_for(texts.name, await core.recorder.max_position(), WAIT_SECONDS):
            refuse("E_UNAVAILABLE", "R35")
        query = select(texts.texts.c.stream).where(texts.texts.c.text_hash == command.text_hash())
        async with core.engine.connect() as connection:
            first = (await connection.execute(query)).scalar()
        return first is not None and first != case.id

    return [PLAN_TEXT_KNOWN.found_by(plan_text_known)]


def assemble(core: Core) -> Additions:
    """The lookups of followup's commands, and its messages to the subject."""
    return Additions(
        lookups=lookups(core, core.model(PlanTexts)),
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
