"""Reactions of followup to another service's events (§8.3, P4, P13)."""

from __future__ import annotations

from services.followup.domain.plan import RevisitPlan
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.clarification import (
    ClarificationCompleted,
    ClarificationRevoked,
    SubjectDetailsChanged,
)


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


async def note_details(event: SubjectDetailsChanged, desk: Desk) -> None:
    """Notes in the plans of every round where the subject is today (B11)."""
    for round in range(1, event.round + 1):
        plan = await desk.get(RevisitPlan, desk.derived_id("revisit-plan", desk.published.stream_id, round))
        if plan is not None:
            ctx = desk.context(plan.organ, rule="B11")
            plan.note_details(ctx, event.subject, account_ends=event.account_ends)


REACTIONS: Reactions = {
    "clarification.SubjectDetailsChanged": note_details,
    "clarification.ClarificationRevoked": stop_plan,
    "clarification.ClarificationCompleted": open_plan,
}
