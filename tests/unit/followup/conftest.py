"""Given / when / then for the revisit plan. Before each command the plan is folded anew from its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from services.followup.commands import COMMANDS
from services.followup.domain.plan import RevisitPlan
from shared.aggregate import Actor, Context, Law, fold
from shared.command import Command
from shared.contracts.clarification import ClarificationCompleted
from shared.event import Event, Recorded
from shared.law.deadlines import Catalogue
from shared.law.policy import load_policy
from shared.organs.tree import OrganTree
from shared.refusal import Refusal
from shared.security.roles import DEPT_HEAD, REVISIT_OFFICER, SUBJECT
from tests.unit.followup.examples import (
    COLLEAGUE,
    HEAD,
    OFFICER,
    SUBJECT_ACCOUNT,
    TOWNSHIP,
    completed,
    draft,
    evaluation,
    unit_visit,
    visit,
)

LAW = Law(load_policy(), Catalogue.load(), OrganTree.load())
BY_NAME = {command.__name__: command for command in COMMANDS}
CLARIFICATION = UUID("6ba7c0de-0000-5000-8000-000000000002")
PLAN = UUID("6ba7c0de-0000-5000-8000-000000000001")
ROLES = {OFFICER: REVISIT_OFFICER, COLLEAGUE: REVISIT_OFFICER, HEAD: DEPT_HEAD, SUBJECT_ACCOUNT: SUBJECT}


class Scene:
    """One plan and its history so far."""

    def __init__(self, law: Law = LAW) -> None:
        self.law = law
        self.history: list[Recorded] = []
        self.day = "2022-03-25"

    @property
    def plan(self) -> RevisitPlan:
        return fold(RevisitPlan(PLAN), self.history)

    def on(self, day: str) -> Scene:
        """Moves the clock."""
        self.day = day
        return self

    def context(self, by: str, gate_of: type[Command] | None = None, **facts: Any) -> Context:
        now = datetime.fromisoformat(f"{self.day}T10:00:00+08:00")
        return Context(
            actor=Actor(by, ROLES.get(by, REVISIT_OFFICER), TOWNSHIP),
            now=now,
            occurred_at=now,
            law=self.law,
            command=gate_of.__name__ if gate_of else "open_plan",
            rule=gate_of.gate.rule if gate_of else "R34",
            duty=gate_of.gate.duty if gate_of else "",
            facts=facts,
        )

    def opened(self, completion: ClarificationCompleted | None = None) -> Scene:
        plan = self.plan
        plan.open(self.context("system"), str(CLARIFICATION), completion or completed())
        self.history += plan.collect_events()
        return self

    def when(
        self, name: str, *, by: str = OFFICER, facts: dict[str, Any] | None = None, **body: Any
    ) -> list[Event]:
        """Gives one command and returns what it recorded; a refusal is raised."""
        command = BY_NAME[name](**body)
        plan = self.plan
        ctx = self.context(by, type(command), **(facts or {}))
        getattr(plan, command.method)(ctx, **command.arguments())
        recorded = plan.collect_events()
        self.history += recorded
        assert vars(self.plan) == vars(plan), "the replay differs from what was decided"
        return [r.event for r in recorded]

    def refused(self, name: str, **given: Any) -> Refusal:
        """Gives a command that must be refused and leave nothing."""
        before = len(self.history)
        with pytest.raises(Refusal) as answer:
            self.when(name, **given)
        assert len(self.history) == before
        return answer.value

    # --- how far the story is told

    def drafted(self, **changes: Any) -> Scene:
        if not self.history:
            self.opened()
        self.when("DraftRevisitPlan", **draft(**changes))
        return self

    def active(self, **changes: Any) -> Scene:
        self.drafted(**changes).on("2022-04-01").when("ApproveRevisitPlan", by=HEAD)
        return self

    def visited(self, **first_visit: Any) -> Scene:
        """All four visits of the plan, and the unit's feedback."""
        self.active().on("2022-04-15").when("CompleteRevisit", **visit("T1", **first_visit))
        self.on("2022-05-06").when("CompleteRevisit", **visit("T2", subject_voice=None))
        self.on("2022-05-10").when("CompleteRevisit", **unit_visit())
        self.when("RecordUnitFeedback", feedback="工作积极，群众认可。")
        self.on("2022-06-01").when("CompleteRevisit", **visit("T3", subject_voice=None))
        return self

    def evaluated(self, **changes: Any) -> Scene:
        self.visited().on("2022-06-20").when("EvaluateEffect", **evaluation(**changes))
        return self


@pytest.fixture
def scene() -> Scene:
    return Scene()
