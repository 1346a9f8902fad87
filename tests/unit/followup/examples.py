"""Named examples of scenario 2: the cleared secretary's clarification, plan and visits."""

from __future__ import annotations

from datetime import date
from typing import Any, Self
from uuid import UUID

from services.followup import commands as f
from services.followup.domain.plan import RevisitPlan
from services.followup.domain.plan.drafting import PLAN_TEXT_KNOWN
from shared.casework.aggregate import Actor
from shared.casework.command import Command
from shared.language.contracts.clarification import ClarificationCompleted
from shared.language.contracts.common import Accused
from shared.language.roles import DEPT_HEAD, REVISIT_OFFICER, SUBJECT
from tests.unit.kit import Scene, named

TOWNSHIP = "DI-990102100"
SUBJECT_ACCOUNT = "p-subject-wu"
VERIFIER = "p-verifier"
OFFICER = "p-officer"
COLLEAGUE = "p-colleague"
HEAD = "p-dept-head"
STAFF = (OFFICER, COLLEAGUE)
ROLES = {OFFICER: REVISIT_OFFICER, COLLEAGUE: REVISIT_OFFICER, HEAD: DEPT_HEAD, SUBJECT_ACCOUNT: SUBJECT}
CLARIFICATION = UUID("6ba7c0de-0000-5000-8000-000000000002")
PLAN = UUID("6ba7c0de-0000-5000-8000-000000000001")

SECRETARY = Accused(
    ref="acc-wu",
    name="吴虚四",
    unit="向阳社区",
    unit_division="990102100001",
    position="党委书记",
    managed_by_level="TOWNSHIP",
)
BRANCH = Accused(
    ref="acc-branch",
    subject_type="PARTY_ORG",
    name="向阳社区党支部",
    unit="向阳社区",
    unit_division="990102100001",
    managed_by_level="TOWNSHIP",
)


def completed(**changes: Any) -> ClarificationCompleted:
    """The clarification of the community secretary, completed on 25 March 2022."""
    fields: dict[str, Any] = {
        "number": "CQ-990102100-2022-000001",
        "subject": SECRETARY,
        "subject_account": SUBJECT_ACCOUNT,
        "round": 1,
        "forms": ("WRITTEN", "MEETING"),
        "scope": "VILLAGE_OR_COMMUNITY",
        "handling_organ": TOWNSHIP,
        "handling_dept": "纪检监察室",
        "clarification_handlers": ("p-clarifier",),
        "verification_handlers": (VERIFIER,),
        "complaint_ids": ("c-1", "c-2"),
        "case_ids": ("v-1",),
        "completed_on": date(2022, 3, 25),
    }
    return ClarificationCompleted(**{**fields, **changes})


def visit_line(target: str = "SUBJECT", mode: str = "HOME_VISIT", **changes: Any) -> dict[str, Any]:
    return {"target": target, "mode": mode, "staff": STAFF, **changes}


def draft(**changes: Any) -> dict[str, Any]:
    """Row 14: three home visits, one meeting, and the town's party committee as the unit (dual)."""
    fields: dict[str, Any] = {
        "targets": ("SUBJECT", "UNIT"),
        "unit": "云瓶镇党委",
        "situation": "连续三年被匿名举报，情绪低落。",
        "main_worry": "担心居民仍有议论。",
        "goals": "放下包袱，安心工作。",
        "measures": "上门谈心，与镇党委沟通。",
        "package": (
            {"mode": "HOME_VISIT", "count": 3, "interval_days": 20},
            {"mode": "INDIVIDUAL_MEETING", "count": 1, "interval_days": 0},
        ),
        "tasks": (
            visit_line(due="2022-04-15"),
            visit_line(due="2022-05-06"),
            visit_line(due="2022-06-01"),
            visit_line("UNIT", "INDIVIDUAL_MEETING", due="2022-05-10"),
        ),
    }
    return {**fields, **changes}


def visit(task_id: str | None = "T1", **changes: Any) -> dict[str, Any]:
    """The first home visit."""
    fields: dict[str, Any] = {
        "task_id": task_id,
        "target": "SUBJECT",
        "mode": "HOME_VISIT",
        "staff": STAFF,
        "work_performance": "主动承担小区改造工作。",
        "thinking": "情绪平稳。",
        "difficulties": "无。",
        "attitude_to_supervision": "理解并接受群众监督。",
        "effect": "议论明显减少。",
        "ideological_work": "谈了正确对待群众监督。",
        "subject_voice": "希望组织继续关心基层。",
        "record_hash": "a" * 64,
    }
    return {**fields, **changes}


def unit_visit(**changes: Any) -> dict[str, Any]:
    """The meeting with the town's party committee."""
    return visit("T4", target="UNIT", mode="INDIVIDUAL_MEETING", subject_voice=None, **changes)


def evaluation(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "rumour_gone": True,
        "work_state": "积极",
        "mood": "开朗",
        "unit_view": "肯定",
        "grade": "CONSOLIDATED",
    }
    return {**fields, **changes}


def give(name: str, **body: Any) -> Command:
    """A command by its name."""
    return named(f.COMMANDS, name).model_validate(body)


class Revisiting(Scene[RevisitPlan]):
    """The visits to one cleared person. If nobody is named, the officer acts."""

    def __init__(self) -> None:
        super().__init__(lambda: RevisitPlan(PLAN), number="HF-990102100-2022-000001")
        self.at("2022-03-25").knowing(PLAN_TEXT_KNOWN, False)

    def _actor(self, command: type[Command], by: str | Actor, role: str) -> Actor:
        if isinstance(by, Actor):
            return by
        person = by or OFFICER
        return Actor(person, role or ROLES.get(person, REVISIT_OFFICER), TOWNSHIP)

    def opened(self, completion: ClarificationCompleted | None = None) -> Self:
        """The clarification is complete."""
        done = completion or completed()
        return self.when_told(lambda plan, ctx: plan.open(ctx, str(CLARIFICATION), done), "R34")

    # --- how far it has come

    def drafted(self, **changes: Any) -> Self:
        if not self.history:
            self.opened()
        self.when(f.DraftRevisitPlan(**draft(**changes)))
        return self

    def active(self, **changes: Any) -> Self:
        self.drafted(**changes).at("2022-04-01").when(f.ApproveRevisitPlan(), by=HEAD)
        return self

    def visited(self, **first_visit: Any) -> Self:
        """All four visits of the plan, and the unit's feedback."""
        self.active().at("2022-04-15").when(f.CompleteRevisit(**visit("T1", **first_visit)))
        self.at("2022-05-06").when(f.CompleteRevisit(**visit("T2", subject_voice=None)))
        self.at("2022-05-10").when(f.CompleteRevisit(**unit_visit()))
        self.when(f.RecordUnitFeedback(feedback="工作积极，群众认可。"))
        self.at("2022-06-01").when(f.CompleteRevisit(**visit("T3", subject_voice=None)))
        return self

    def evaluated(self, **changes: Any) -> Self:
        self.visited().at("2022-06-20").when(f.EvaluateEffect(**evaluation(**changes)))
        return self
