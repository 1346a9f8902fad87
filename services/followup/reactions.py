"""Reactions of followup to another service's events (§8.3, P4, P13)."""

from __future__ import annotations

from services.followup.domain.plan import RevisitPlan
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.clarification import ClarificationCompleted, ClarificationRevoked


async def open_plan(event: ClarificationCompleted, desk: Desk) -> None:
    """A completed clarification opens plan and ledger of its round, once."""
    clarification = desk.published.stream_id
    plan = await desk.get_or_new(RevisitPlan, desk.derived_id("revisit-plan", clarification, event.round))
    plan.open(desk.context(event.handling_organ, rule="R34"), str(clarification), event)


async def stop_plan(event: ClarificationRevoked, desk: Desk) -> None:
    """Stops the plan of a round that was revoked (P13)."""
    clarification = desk.published.stream_id
    plan = await desk.get(RevisitPlan, desk.derived_id("revisit-plan", clarification, event.of_round))
    if plan is not None:
        plan.stop(desk.context(plan.organ, rule="P13"), str(clarification), event.of_round)


REACTIONS: Reactions = {
    "clarification.ClarificationRevoked": stop_plan,
    "clarification.ClarificationCompleted": open_plan,
}
