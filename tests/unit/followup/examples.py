"""Named examples of scenario 2: the cleared secretary's clarification, plan and visits."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.contracts.clarification import ClarificationCompleted
from shared.contracts.common import Accused

TOWNSHIP = "DI-990102100"
SUBJECT_ACCOUNT = "p-subject-wu"
VERIFIER = "p-verifier"
OFFICER = "p-officer"
COLLEAGUE = "p-colleague"
HEAD = "p-dept-head"
STAFF = (OFFICER, COLLEAGUE)

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
