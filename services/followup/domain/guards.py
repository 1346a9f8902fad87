"""The rules that a plan and its visits are measured by: each refuses, or returns."""

from __future__ import annotations

from collections.abc import Sequence

from services.followup.domain.state import PlanState
from services.followup.domain.task import PHONE
from shared.aggregate import Context
from shared.contracts.followup import Mode, PlannedTask, Target
from shared.refusal import refuse


def dual_due(plan: PlanState, ctx: Context) -> bool:
    """Both are visited where the work needs it and the subject does not refuse (R34)."""
    refused = plan.wish in ("REFUSED_UNIT", "REFUSED_ALL")
    needed = ctx.law.policy.bool_of("revisit.dual.default") if plan.work_need is None else plan.work_need
    return needed and not refused


def check_wish(plan: PlanState, target: Target) -> None:
    if plan.wish == "REFUSED_ALL" or (plan.wish == "REFUSED_UNIT" and target == "UNIT"):
        refuse("E_WISH_REFUSED", "R34", target=target)


def check_targets(
    plan: PlanState, ctx: Context, targets: Sequence[Target], tasks: Sequence[PlannedTask]
) -> None:
    stray = sorted({task.target for task in tasks} - set(targets))
    for target in stray:
        check_wish(plan, target)
    if stray:
        refuse("E_SCHEMA", "R34", field="tasks", stray=stray)
    wanted: set[Target] = {"SUBJECT", "UNIT"} if dual_due(plan, ctx) else set(targets)
    missing = sorted(wanted - {task.target for task in tasks})
    if missing:
        refuse("E_TARGET_MISSING", "R34", missing=missing)


def check_not_only_by_phone(plan: PlanState, targets: Sequence[Target], tasks: Sequence[PlannedTask]) -> None:
    if plan.phone_only or "SUBJECT" not in targets:
        return
    if all(task.mode == PHONE for task in tasks if task.target == "SUBJECT"):
        refuse("E_SCHEMA", "R37", field="tasks", reason="the subject is met by phone only")


def check_staff(plan: PlanState, ctx: Context, mode: Mode, staff: Sequence[str]) -> None:
    present = set(staff)
    needed = ctx.law.policy.int_table_of("revisit.min_staff")[mode]
    if len(present) < needed:
        refuse("E_STAFF_COUNT", "R37", mode=mode, needed=needed)
    plan.check_not_recused(present)
    if present <= plan.duties.get("verification_handler", set()):
        refuse("E_SOD_CONFLICT", "SD7", duty="verification_handler")


def check_task(plan: PlanState, task_id: str | None, target: Target, mode: Mode) -> None:
    """The visit is the one that the plan names, or a further home visit (R48)."""
    if task_id is None:
        if (target, mode) != ("SUBJECT", "HOME_VISIT"):
            refuse("E_SCHEMA", "R48", field="task_id", reason="only further home visits lie beyond the plan")
        return
    task = plan.ledger.owed.get(task_id)
    if task is None:
        refuse("E_SCHEMA", "R35", field="task_id", known=list(plan.ledger.owed))
    if (target, mode) != (task.target, task.mode):
        refuse("E_SCHEMA", "R35", field="mode", target=task.target, mode=task.mode)
