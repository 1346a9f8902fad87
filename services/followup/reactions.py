"""Reactions of followup to another service's events (§8.3, P4)."""

from __future__ import annotations

from services.followup.domain.plan import RevisitPlan
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.clarification import ClarificationCompleted


async def open_plan(event: ClarificationCompleted, desk: Desk) -> None:
    """A completed clarification opens plan and ledger of its round, once."""
    clarification = desk.published.stream_id
    plan = await desk.get_or_new(RevisitPlan, desk.derived_id("revisit-plan", clarification, event.round))
    plan.open(desk.context(event.handling_organ, rule="R34"), str(clarification), event)


REACTIONS: Reactions = {
    "clarification.ClarificationCompleted": open_plan,
}
