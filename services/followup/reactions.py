"""Reactions of followup to another service's events (§8.3, P4)."""

from __future__ import annotations

from services.followup.domain.plan import RevisitPlan
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.clarification import ClarificationCompleted
from shared.language.contracts.common import RecusalDeclared


async def open_plan(event: ClarificationCompleted, desk: Desk) -> None:
    """A completed clarification opens plan and ledger of its round, once."""
    clarification = desk.published.stream_id
    plan = await desk.get_or_new(RevisitPlan, desk.derived_id("revisit-plan", clarification, event.round))
    plan.open(desk.context(event.handling_organ, rule="R34"), str(clarification), event)
    ctx = desk.context(event.handling_organ, rule="SD10")
    plan.take_over_recusals(ctx, event.recused, str(clarification))


async def take_over_recusal(event: RecusalDeclared, desk: Desk) -> None:
    """Takes over a recusal (SD10): somebody stepped aside from a clarification that has plans already, one
    per completed round."""
    clarification = desk.published.stream_id
    for round in range(1, event.round + 1):
        plan = await desk.get(RevisitPlan, desk.derived_id("revisit-plan", clarification, round))
        if plan is not None:
            ctx = desk.context(plan.organ, rule="SD10")
            plan.take_over_recusals(ctx, [event.person], str(clarification), event.ground)


REACTIONS: Reactions = {
    "clarification.ClarificationCompleted": open_plan,
    "clarification.RecusalDeclared": take_over_recusal,
}
