"""From the completed clarification to the approved plan (R34, R35, R37, DL-18)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.followup.commands import (
    ApproveRevisitPlan,
    DraftRevisitPlan,
    RecordSubjectWish,
    RecordUnitFeedback,
    RecordWorkNeed,
)
from services.followup.domain.plan import RevisitPlan
from services.followup.domain.plan.drafting import PLAN_TEXT_KNOWN
from services.followup.reactions import REACTIONS
from shared.casework.aggregate import fold
from shared.casework.reaction import Desk
from shared.language.contracts import followup as events
from shared.language.event import Event
from shared.language.ids import derived_id
from shared.language.roles import DEPT_HEAD, REVISIT_OFFICER, SUBJECT
from tests.unit.followup.examples import (
    CLARIFICATION,
    COLLEAGUE,
    HEAD,
    OFFICER,
    SECRETARY,
    SUBJECT_ACCOUNT,
    TOWNSHIP,
    VERIFIER,
    Revisiting,
    completed,
    draft,
    give,
    visit_line,
)
from tests.unit.kit import LAW


def names(recorded: list[Event]) -> list[str]:
    return [type(event).__name__ for event in recorded]


class Published:
    """The part of the published event that a reaction reads."""

    event_id = uuid4()
    stream_id = CLARIFICATION
    organ = TOWNSHIP
    occurred_at = datetime.fromisoformat("2022-03-25T10:00:00+08:00")
    correlation_id = uuid4()
    matters = (correlation_id,)
    trace_id = ""


class Nothing:
    """A store without streams."""

    async def get(self, cls: type[Any], id: Any) -> Any:
        return None


# --- opening


async def test_p4_completed_clarification_opens_plan_and_ledger_once() -> None:
    """P4, R36: plan and ledger of the round, in the handling organ; the second delivery changes nothing."""
    desk = Desk(Published(), Nothing(), LAW, Published.occurred_at, "OpenPlan")
    react = REACTIONS["clarification.ClarificationCompleted"]
    await react(completed(), desk)
    await react(completed(), desk)
    (plan,) = desk.touched.values()
    assert plan.id == derived_id("revisit-plan", CLARIFICATION, 1)
    recorded = plan.collect_events()
    default = ["DefaultRevisitScheduled"] * 3
    assert [r.type for r in recorded] == ["RevisitPlanOpened", "RevisitLedgerOpened", *default]
    assert (plan.state, plan.organ) == ("DRAFTING", TOWNSHIP)
    assert recorded[0].meta.causation_id == Published.event_id
    assert recorded[0].meta.correlation_id == Published.correlation_id
    assert recorded[0].meta.links == (str(CLARIFICATION), "c-1", "c-2")


def test_p4_the_opened_plan_carries_what_later_decisions_need(scene: Revisiting) -> None:
    """The subject's account, the complaints to screen against, and the seeded duty of SD7."""
    plan = scene.opened().aggregate
    opened = scene.history[0].event
    assert isinstance(opened, events.RevisitPlanOpened)
    assert (opened.subject, opened.clarification_id) == (SECRETARY, str(CLARIFICATION))
    assert plan.subject_account == SUBJECT_ACCOUNT
    assert plan.complaint_ids == ("c-1", "c-2")
    assert plan.duties["verification_handler"] == {VERIFIER}


def test_hf_number_is_given_by_the_committer(scene: Revisiting) -> None:
    """§0.5: the plan's number has the prefix HF and is written into the opening event."""
    scene.opened()
    assert events.RevisitPlanOpened.numbered == "HF"
    numbered = scene.history[0].numbered("HF-990102100-2022-000001")
    assert fold(RevisitPlan(numbered.originator_id), [numbered]).number == "HF-990102100-2022-000001"


# --- wish and need


def test_r34_subject_records_their_own_wish(scene: Revisiting) -> None:
    """The subject's own account asks for no evidence (R34)."""
    recorded = scene.opened().when(RecordSubjectWish(wish="WELCOME"), by=SUBJECT_ACCOUNT).events
    assert recorded == [events.SubjectWishRecorded(wish="WELCOME", phone_only=False, evidence="")]
    assert RecordSubjectWish.gate.by == (SUBJECT, REVISIT_OFFICER)


def test_r34_officer_needs_evidence_of_the_wish(scene: Revisiting) -> None:
    """R34: an officer does not invent another man's wish."""
    scene.opened()
    scene.when(RecordSubjectWish(wish="WELCOME")).refused("E_EVIDENCE_MISSING")
    assert scene.when(RecordSubjectWish(wish="WELCOME", evidence="doc-7")).events


def test_r34_work_need_is_recorded(scene: Revisiting) -> None:
    """R34: the need of the work, with its reason."""
    recorded = scene.opened().when(RecordWorkNeed(needed=False, reason="单位已知悉。")).events
    assert recorded == [events.WorkNeedRecorded(needed=False, reason="单位已知悉。")]


@pytest.mark.parametrize("state", ["DRAFTING", "DRAFTED", "ACTIVE"])
def test_r34_complete_refusal_ends_the_plan_in_every_open_state(scene: Revisiting, state: str) -> None:
    """R34, §4.5: REFUSED_ALL closes the plan, and no clock runs on for a visit that is not wanted (DL-18)."""
    getattr(scene, {"DRAFTING": "opened", "DRAFTED": "drafted", "ACTIVE": "active"}[state])()
    recorded = scene.when(RecordSubjectWish(wish="REFUSED_ALL"), by=SUBJECT_ACCOUNT).events
    declined = ["RevisitDeclined"] * 4 if state == "ACTIVE" else ["DefaultRevisitEnded"] * 3
    assert names(recorded) == ["SubjectWishRecorded", *declined, "RevisitDeclinedBySubject"]
    assert scene.aggregate.state == "CLOSED_DECLINED"
    started = {d.id for r in scene.history for d in r.meta.deadlines}
    assert started <= {met for r in scene.history for met in r.meta.deadlines_met}


def test_r34_nobody_is_contacted_after_a_complete_refusal(scene: Revisiting) -> None:
    """R34: no contact with either; the reason given is the wish and not the state."""
    scene.opened().when(RecordSubjectWish(wish="REFUSED_ALL"), by=SUBJECT_ACCOUNT)
    scene.when(DraftRevisitPlan(**draft())).refused("E_WISH_REFUSED")
    scene.when(RecordUnitFeedback(feedback="好")).refused("E_WISH_REFUSED")
    scene.when(RecordSubjectWish(wish="REFUSED_ALL"), by=SUBJECT_ACCOUNT).refused("E_STATE")


def test_r34_another_wish_comes_while_drafting_only(scene: Revisiting) -> None:
    """§4.5: once a plan is drafted only the complete asked is heard."""
    scene.drafted().when(RecordSubjectWish(wish="NEUTRAL"), by=SUBJECT_ACCOUNT).refused("E_STATE")


# --- the draft


def test_r35_plan_is_drafted_for_this_person(scene: Revisiting) -> None:
    """R35: content, package, numbered tasks, and a hash of the text."""
    (drafted,) = scene.opened().when(DraftRevisitPlan(**draft())).events
    assert isinstance(drafted, events.RevisitPlanDrafted)
    assert [task.id for task in drafted.tasks] == ["T1", "T2", "T3", "T4"]
    assert [item.mode for item in drafted.package] == ["HOME_VISIT", "INDIVIDUAL_MEETING"]
    assert drafted.text_hash == DraftRevisitPlan(**draft()).text_hash()
    assert scene.aggregate.state == "DRAFTED"
    assert scene.aggregate.duties["drafter"] == {OFFICER}


def test_r35_unit_is_the_subjects_own_unless_named(scene: Revisiting) -> None:
    """R34: 所在单位."""
    (drafted,) = scene.opened().when(DraftRevisitPlan(**draft(unit=None))).events
    assert isinstance(drafted, events.RevisitPlanDrafted)
    assert drafted.unit == SECRETARY.unit


def test_r35_copied_plan_is_refused(scene: Revisiting) -> None:
    """R35: byte for byte another person's text is no individual plan."""
    scene.opened().knowing(PLAN_TEXT_KNOWN, True).when(DraftRevisitPlan(**draft())).refused(
        "E_PLAN_NOT_INDIVIDUAL"
    )


def test_r35_text_hash_tells_moved_words_apart() -> None:
    """R35: the hash covers which field a text stands in."""
    one = DraftRevisitPlan(**draft(goals="甲乙", measures="丙"))
    other = DraftRevisitPlan(**draft(goals="甲", measures="乙丙"))
    assert one.text_hash() != other.text_hash()


@pytest.mark.parametrize("field", ["situation", "main_worry", "goals", "measures", "package", "tasks"])
def test_r35_every_part_of_the_content_is_required(field: str) -> None:
    """R35: situation, worry, goals, measures, modes, dates, staff."""
    with pytest.raises(ValidationError):
        DraftRevisitPlan(**draft(**{field: ""}))


@pytest.mark.parametrize("where", ["package", "tasks"])
def test_r37_unknown_mode_is_refused(scene: Revisiting, where: str) -> None:
    """R37: the four modes and no other."""
    line = (
        {"mode": "WECHAT", "count": 1, "interval_days": 0}
        if where == "package"
        else visit_line(mode="WECHAT")
    )
    scene.opened().when(DraftRevisitPlan(**draft(**{where: (line,)}))).refused("E_MODE_UNKNOWN")


def phone_plan(*more: dict[str, Any]) -> dict[str, Any]:
    meeting = visit_line("UNIT", "INDIVIDUAL_MEETING")
    return draft(
        package=({"mode": "PHONE_CALL", "count": 1, "interval_days": 0},),
        tasks=(visit_line(mode="PHONE_CALL", staff=(OFFICER,)), meeting, *more),
    )


def test_r37_subject_is_not_met_by_phone_only(scene: Revisiting) -> None:
    """R37: at least one contact is not by phone."""
    scene.opened().when(DraftRevisitPlan(**phone_plan())).refused("E_SCHEMA", "R37")
    assert scene.when(DraftRevisitPlan(**phone_plan(visit_line()))).events


def test_r37_phone_only_where_the_subject_asked_for_it(scene: Revisiting) -> None:
    """R37: unless the subject asks otherwise."""
    scene.opened().when(RecordSubjectWish(wish="NEUTRAL", phone_only=True), by=SUBJECT_ACCOUNT)
    assert scene.when(DraftRevisitPlan(**phone_plan())).events


def test_r37_tasks_carry_out_the_package(scene: Revisiting) -> None:
    """R37: a package of three home visits is not kept by one."""
    lines = (visit_line(), visit_line("UNIT", "INDIVIDUAL_MEETING"))
    scene.opened().when(DraftRevisitPlan(**draft(tasks=lines))).refused("E_SCHEMA", "R37")


def test_r37_too_few_staff_are_refused_already_in_the_plan(scene: Revisiting) -> None:
    """R37: two for a visit, one for a call; the same person twice is one."""
    tasks = (visit_line(staff=(OFFICER, OFFICER)), *draft()["tasks"][1:])
    scene.opened().when(DraftRevisitPlan(**draft(tasks=tasks))).refused("E_STAFF_COUNT")


@pytest.mark.parametrize("target", ["SUBJECT", "UNIT"])
def test_r34_dual_plan_needs_a_task_for_both(scene: Revisiting, target: str) -> None:
    """R34: by default both are visited."""
    package = ({"mode": "HOME_VISIT", "count": 1, "interval_days": 0},)
    body = draft(package=package, tasks=(visit_line(target),))
    scene.opened().when(DraftRevisitPlan(**body)).refused("E_TARGET_MISSING")
    scene.when(DraftRevisitPlan(**{**body, "targets": (target,)})).refused("E_TARGET_MISSING")


def subject_only() -> dict[str, Any]:
    return draft(targets=("SUBJECT",), package=draft()["package"][:1], tasks=draft()["tasks"][:3])


def test_r34_without_work_need_the_subject_alone_is_enough(scene: Revisiting) -> None:
    """R34: dual where the work needs it."""
    scene.opened().when(RecordWorkNeed(needed=False, reason="单位已知悉。"))
    assert scene.when(DraftRevisitPlan(**subject_only())).events


def test_r34_unit_is_left_alone_where_the_subject_refuses_it(scene: Revisiting) -> None:
    """R34: REFUSED_UNIT means the subject only, whatever the work needs."""
    scene.opened().when(RecordSubjectWish(wish="REFUSED_UNIT"), by=SUBJECT_ACCOUNT)
    scene.when(RecordWorkNeed(needed=True, reason="需要。"))
    scene.when(DraftRevisitPlan(**draft())).refused("E_WISH_REFUSED")
    scene.when(DraftRevisitPlan(**draft(targets=("SUBJECT",)))).refused("E_WISH_REFUSED")
    assert scene.when(DraftRevisitPlan(**subject_only())).events


def test_r34_task_for_an_undeclared_target_is_refused(scene: Revisiting) -> None:
    """R34: targets are declared."""
    scene.opened().when(RecordWorkNeed(needed=False, reason="单位已知悉。"))
    asked = scene.when(DraftRevisitPlan(**draft(targets=("SUBJECT",))))
    assert asked.refused("E_SCHEMA").details["stray"] == ["UNIT"]


def test_r34_no_visit_before_the_clarification_was_completed(scene: Revisiting) -> None:
    """R34: 在澄清正名后."""
    tasks = (visit_line(due="2022-03-24"), *draft()["tasks"][1:])
    scene.opened().when(DraftRevisitPlan(**draft(tasks=tasks))).refused("E_SCHEMA", "R34")


def test_r52_undated_tasks_take_the_default_schedule(scene: Revisiting) -> None:
    """R52: 30, 90 and 180 days after completion, for each target anew; a fourth must name its day."""
    undated = [visit_line() for _ in range(3)]
    meeting = visit_line("UNIT", "INDIVIDUAL_MEETING")
    (drafted,) = scene.opened().when(DraftRevisitPlan(**draft(tasks=(*undated, meeting)))).events
    assert isinstance(drafted, events.RevisitPlanDrafted)
    days = [task.due.isoformat() for task in drafted.tasks]
    assert days == ["2022-04-24", "2022-06-23", "2022-09-21", "2022-04-24"]
    other = Revisiting().opened().when(DraftRevisitPlan(**draft(tasks=(*undated, visit_line(), meeting))))
    other.refused("E_SCHEMA", "R52")


# --- approval


def test_dl18_the_default_schedule_runs_from_the_opening(scene: Revisiting) -> None:
    """DL-18: 30, 90 and 180 days after 2022-03-25, each with 15 days of grace; a draft changes nothing."""
    clocks = {d.id: d.due for r in scene.opened().history for d in r.meta.deadlines}
    assert clocks == {"DL-18#D1": "2022-05-09", "DL-18#D2": "2022-07-08", "DL-18#D3": "2022-10-06"}
    scene.drafted()
    assert not [met for r in scene.history for met in r.meta.deadlines_met]


def test_dl18_approval_schedules_each_task_with_its_own_clock(scene: Revisiting) -> None:
    """DL-18: the task's day and 15 days of grace, one deadline per task."""
    recorded = scene.drafted().when(ApproveRevisitPlan(), by=HEAD).events
    ended, scheduled = ["DefaultRevisitEnded"] * 3, ["RevisitTaskScheduled"] * 4
    assert names(recorded) == ["RevisitPlanApproved", *ended, *scheduled]
    clocks = {d.id: d.due for r in scene.history[-4:] for d in r.meta.deadlines}
    assert {met for r in scene.history for met in r.meta.deadlines_met} == {
        "DL-18#D1",
        "DL-18#D2",
        "DL-18#D3",
    }
    assert clocks == {
        "DL-18#T1": "2022-04-30",
        "DL-18#T2": "2022-05-21",
        "DL-18#T3": "2022-06-16",
        "DL-18#T4": "2022-05-25",
    }
    assert scene.aggregate.state == "ACTIVE"


def test_r35_approver_is_not_the_drafter() -> None:
    """§4.5: the head of the handling department decides, on the current version, and did not draft it."""
    gate = ApproveRevisitPlan.gate
    assert (gate.by, gate.differs_from, gate.decides) == ((DEPT_HEAD,), ("drafter",), True)
    assert DraftRevisitPlan.gate.duty == "drafter"


@pytest.mark.parametrize(
    ("told", "name", "body"),
    [
        ("opened", "ApproveRevisitPlan", {}),
        ("active", "ApproveRevisitPlan", {}),
        ("drafted", "DraftRevisitPlan", draft()),
        ("drafted", "RecordWorkNeed", {"needed": True, "reason": "需要。"}),
    ],
)
def test_e_state_each_step_in_its_state(
    scene: Revisiting, told: str, name: str, body: dict[str, Any]
) -> None:
    """A step that comes too early or too late is refused by state, last of all guards (§4.5)."""
    getattr(scene, told)()
    by = HEAD if name == "ApproveRevisitPlan" else ""
    scene.when(give(name, **body), by=by).refused("E_STATE")


def test_sd7_plan_does_not_send_the_verifier_alone(scene: Revisiting) -> None:
    """SD7: a call made only by the verification handler is refused in the plan already."""
    tasks = (*draft()["tasks"], visit_line(mode="PHONE_CALL", staff=(VERIFIER,)))
    scene.opened().when(DraftRevisitPlan(**draft(tasks=tasks))).refused("E_SOD_CONFLICT")


def test_a48_recused_officer_is_not_sent(scene: Revisiting) -> None:
    """An officer who stepped aside does not visit (A48, SD10)."""
    scene.opened().when(give("DeclareRecusal", ground="亲属关系"), by=COLLEAGUE)
    scene.when(DraftRevisitPlan(**draft())).refused("E_RECUSAL")
