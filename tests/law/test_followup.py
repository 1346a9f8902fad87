"""Followup: wish, plan, visits, ledger, effect, closing (§4.5)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from tests.harness import (
    COUNTY,
    EFFECT,
    OTHER_SUBJECT,
    SUBJECT,
    TOWN,
    Story,
    World,
    done,
    hidden,
    party_org,
    refused,
    sub,
)

OFFICER = TOWN.revisit_officer
CHIEF = TOWN.handling_dept_head


def draft(world: World, story: Story, *tasks: dict[str, Any], **more: Any) -> httpx.Response:
    return world.give(story.plan, "DraftRevisitPlan", OFFICER, story.draft(*tasks, **more))


def visit(world: World, story: Story, *place: str, **more: Any) -> httpx.Response:
    return world.give(story.plan, "CompleteRevisit", OFFICER, story.visit(*place, **more))


# --- opening (P4, R34, R36) ---


def test_p4_a_completed_clarification_opens_plan_and_ledger(world: World, plan_opened: Story) -> None:
    view = world.read(plan_opened.plan, OFFICER)
    assert [h["type"] for h in view["history"][:2]] == ["RevisitPlanOpened", "RevisitLedgerOpened"]
    assert view["number"].startswith("HF-990102100-")
    assert view["facts"]["subject_ref"] == plan_opened.ref()


def test_r34_before_the_completion_there_is_no_plan(world: World) -> None:
    before = world.position("followup")
    story = world.concluded().implemented()
    world.concluded().plan_opened()  # a later one has arrived: followup has looked past this story
    opened = world.log("followup", before, "RevisitPlanOpened")
    assert story.ref() not in [e.event["subject_ref"] for e in opened]


# --- wish and need (R34) ---


def test_r34_the_subject_says_in_person_what_they_wish(world: World, plan_opened: Story) -> None:
    hidden(world.give(plan_opened.plan, "RecordSubjectWish", OTHER_SUBJECT, {"wish": "WELCOME"}))
    bad = world.give(plan_opened.plan, "RecordSubjectWish", SUBJECT, {"wish": "MAYBE"})
    refused(bad, "E_SCHEMA")
    world.do(plan_opened.plan, "RecordSubjectWish", SUBJECT, {"wish": "NEUTRAL"})


def test_r34_an_officer_notes_a_wish_with_evidence(world: World) -> None:
    story = world.concluded().plan_opened()
    answer = world.give(story.plan, "RecordSubjectWish", OFFICER, {"wish": "REFUSED_UNIT"})
    refused(answer, "E_EVIDENCE_MISSING", "R34")
    body = {"wish": "REFUSED_UNIT", "evidence": "call-1"}
    world.do(story.plan, "RecordSubjectWish", OFFICER, body)


def test_r34_dual_needs_both_targets(world: World, plan_opened: Story) -> None:
    only_subject = plan_opened.task()
    answer = draft(world, plan_opened, only_subject)
    assert refused(answer, "E_TARGET_MISSING", "R34") == {"missing": ["UNIT"]}
    declared = draft(world, plan_opened, only_subject, targets=["SUBJECT", "UNIT"])
    refused(declared, "E_TARGET_MISSING", "R34")


def test_r34_without_need_the_subject_alone(world: World) -> None:
    story = world.concluded().needed(False)
    assert done(draft(world, story, story.task()))["state"] == "DRAFTED"


def test_r34_the_unit_is_not_visited_against_his_wish(world: World) -> None:
    story = world.concluded().wished("REFUSED_UNIT").needed(True)
    refused(draft(world, story), "E_WISH_REFUSED", "R34")
    stray = draft(world, story, story.task(), story.task("UNIT"), targets=["SUBJECT"])
    refused(stray, "E_WISH_REFUSED", "R34")
    assert done(draft(world, story, story.task()))["state"] == "DRAFTED"


def test_r34_a_complete_refusal_ends_the_plan(world: World) -> None:
    story = world.concluded().plan_opened()
    told = world.do(story.plan, "RecordSubjectWish", SUBJECT, {"wish": "REFUSED_ALL"})
    assert told["state"] == "CLOSED_DECLINED"
    refused(draft(world, story), "E_WISH_REFUSED", "R34")
    refused(
        world.give(story.plan, "RecordWorkNeed", OFFICER, {"needed": True, "reason": "了解。"}), "E_STATE"
    )


def test_r34_he_may_refuse_while_visits_are_under_way(world: World) -> None:
    story = world.concluded().active()
    done(visit(world, story))
    milder = world.give(story.plan, "RecordSubjectWish", SUBJECT, {"wish": "NEUTRAL"})
    refused(milder, "E_STATE", "R34")
    world.do(story.plan, "RecordSubjectWish", SUBJECT, {"wish": "REFUSED_ALL"})
    refused(visit(world, story, "T2", "UNIT"), "E_WISH_REFUSED", "R34")
    position = world.position("followup")
    rows = world.get(CHIEF, "/followup/v1/deadlines", limit=200, min_position=position).json()["items"]
    assert [r for r in rows if r["id"] == story.plan.id] == []


# --- the draft (R35, R37, R52) ---


@pytest.mark.parametrize(
    "part", ["situation", "main_worry", "goals", "measures", "package", "tasks", "targets"]
)
def test_r35_a_plan_has_all_its_parts(world: World, plan_opened: Story, part: str) -> None:
    body = plan_opened.draft()
    del body[part]
    refused(world.give(plan_opened.plan, "DraftRevisitPlan", OFFICER, body), "E_SCHEMA")


def test_r35_one_persons_plan_is_not_copied_for_another(
    world: World, active: Story, plan_opened: Story
) -> None:
    words = {k: active.draft()[k] for k in ("situation", "main_worry", "goals", "measures")}
    refused(draft(world, plan_opened, **words), "E_PLAN_NOT_INDIVIDUAL", "R35")


def test_r37_only_the_modes_that_the_law_knows(world: World, plan_opened: Story) -> None:
    refused(draft(world, plan_opened, plan_opened.task(mode="VIDEO_CALL")), "E_MODE_UNKNOWN", "R37")
    package = [{"mode": "VISIT_BY_DRONE", "count": 1, "interval_days": 1}]
    refused(draft(world, plan_opened, package=package), "E_MODE_UNKNOWN", "R37")


def test_r37_two_visit_and_one_may_telephone(world: World, plan_opened: Story) -> None:
    alone = [sub(OFFICER)]
    for mode in ("HOME_VISIT", "INDIVIDUAL_MEETING", "SCHEDULED_APPOINTMENT"):
        tasks = (plan_opened.task(mode=mode, staff=alone), plan_opened.task("UNIT"))
        refused(draft(world, plan_opened, *tasks), "E_STAFF_COUNT", "R37")
    twice = plan_opened.task(staff=alone * 2)
    refused(draft(world, plan_opened, twice, plan_opened.task("UNIT")), "E_STAFF_COUNT", "R37")
    story = world.concluded().plan_opened()
    phone = story.task(mode="PHONE_CALL", staff=alone)
    done(draft(world, story, story.task(), phone, story.task("UNIT")))


def test_r37_not_by_telephone_only_unless_he_asks_for_it(world: World, plan_opened: Story) -> None:
    phone: dict[str, Any] = {"mode": "PHONE_CALL", "staff": [sub(OFFICER)]}
    tasks = (plan_opened.task(**phone), plan_opened.task("UNIT"))
    refused(draft(world, plan_opened, *tasks), "E_SCHEMA", "R37")
    story = world.concluded().wished(phone_only=True)
    done(draft(world, story, story.task(**phone), story.task("UNIT")))


def test_r37_the_tasks_carry_out_the_package(world: World, plan_opened: Story) -> None:
    package = [{"mode": "HOME_VISIT", "count": 3, "interval_days": 10}]
    refused(draft(world, plan_opened, package=package), "E_SCHEMA", "R37")


def test_r34_no_visit_before_the_completion(world: World, plan_opened: Story) -> None:
    early = plan_opened.task(due=str(world.today - timedelta(days=30)))
    refused(draft(world, plan_opened, early, plan_opened.task("UNIT")), "E_SCHEMA", "R34")


def test_r52_undated_visits_take_the_days_of_the_schedule(world: World) -> None:
    story = world.concluded().plan_opened()
    completed = world.today
    undated = [{k: v for k, v in story.task().items() if k != "due"} for _ in range(4)]
    refused(draft(world, story, *undated, story.task("UNIT")), "E_SCHEMA", "R52")
    done(draft(world, story, *undated[:3], story.task("UNIT")))
    tasks = world.read(story.plan, OFFICER)["facts"]["tasks"]
    expected = [str(completed + timedelta(days=n)) for n in (30, 90, 180)]
    assert [t["due"] for t in tasks[:3]] == expected


# --- approval ---


def test_r35_the_head_of_the_department_approves_once(world: World) -> None:
    story = world.concluded().drafted()
    for who in (OFFICER,):
        refused(world.give(story.plan, "ApproveRevisitPlan", who), "E_FORBIDDEN_ROLE", "R35")
    assert world.do(story.plan, "ApproveRevisitPlan", CHIEF)["state"] == "ACTIVE"
    refused(world.give(story.plan, "ApproveRevisitPlan", CHIEF), "E_STATE")
    refused(draft(world, story), "E_STATE")


def test_r35_no_visit_without_an_approved_plan(world: World) -> None:
    story = world.concluded().drafted()
    refused(visit(world, story), "E_PLAN_REQUIRED", "R35")


def test_dl18_the_default_schedule_runs_until_a_plan_is_approved(world: World) -> None:
    """30, 90 and 180 days after completion, and the grace: a plan that nobody drafts is late too."""
    story = world.concluded().completed()
    completed = world.today
    default = {
        f"DL-18#D{n}": str(completed + timedelta(days=days + 15))
        for n, days in enumerate((30, 90, 180), start=1)
    }
    world.pass_days(1)
    story.drafted()
    assert world.read(story.plan, OFFICER)["deadlines"] == default
    story.active()
    assert set(world.read(story.plan, OFFICER)["deadlines"]) == {"DL-18#T1", "DL-18#T2", "DL-36"}


def test_dl18_each_visit_has_its_day_and_fifteen_days_of_grace(world: World, active: Story) -> None:
    deadlines = world.read(active.plan, OFFICER)["deadlines"]
    scheduled = world.log("followup", 0, "RevisitTaskScheduled")
    days = {e.event["task_id"]: e.event["deadline_due"] for e in scheduled if e.stream == active.plan.id}
    assert set(days) == {"T1", "T2"}
    for task, day in days.items():
        assert deadlines[f"DL-18#{task}"] == str(date.fromisoformat(day) + timedelta(days=15))


# --- visits (R37, R39, R48, R52, SD7) ---


@pytest.mark.parametrize(
    "part",
    ["work_performance", "thinking", "difficulties", "attitude_to_supervision", "effect", "record_hash"],
)
def test_r52_the_record_has_all_its_parts(world: World, active: Story, part: str) -> None:
    body = active.visit()
    del body[part]
    refused(world.give(active.plan, "CompleteRevisit", OFFICER, body), "E_SCHEMA")


def test_r39_the_first_contact_with_a_person_holds_ideological_work(world: World, active: Story) -> None:
    refused(visit(world, active, ideological_work=None), "E_SCHEMA", "R39")


def test_r39_a_party_organisation_needs_none(world: World) -> None:
    story = world.story(accused=[party_org()]).active()
    done(visit(world, story, ideological_work=None))


def test_r37_visits_are_made_by_two(world: World, active: Story) -> None:
    refused(visit(world, active, staff=[sub(OFFICER)]), "E_STAFF_COUNT", "R37")


def test_sd7_one_at_least_was_not_among_those_who_verified(world: World, active: Story) -> None:
    refused(visit(world, active, staff=active.team), "E_SOD_CONFLICT", "SD7")
    verifiers = active.task(staff=active.team)
    story = world.concluded().plan_opened()
    refused(draft(world, story, verifiers, story.task("UNIT")), "E_SOD_CONFLICT", "SD7")


def test_r35_a_visit_is_the_one_that_was_planned(world: World, active: Story) -> None:
    for answer in (
        visit(world, active, "T9"),
        visit(world, active, "T1", "UNIT"),
        visit(world, active, "T1", mode="PHONE_CALL"),
    ):
        refused(answer, "E_SCHEMA", "R35")
    refused(visit(world, active, mode="HUG"), "E_MODE_UNKNOWN", "R37")


def test_r48_further_home_visits_without_a_task(world: World) -> None:
    story = world.concluded().active()
    for _ in range(3):
        done(visit(world, story, task_id=None))
    refused(visit(world, story, task_id=None, target="UNIT"), "E_SCHEMA", "R48")
    refused(visit(world, story, task_id=None, mode="INDIVIDUAL_MEETING"), "E_SCHEMA", "R48")


def test_45_a_visit_is_made_once(world: World) -> None:
    story = world.concluded().active()
    done(visit(world, story))
    refused(visit(world, story), "E_STATE")


def test_r49_only_the_subject_has_a_voice(world: World, active: Story) -> None:
    unit = visit(world, active, "T2", "UNIT", subject_voice="单位代为表示满意。")
    refused(unit, "E_SCHEMA", "R49")


def test_sec12_no_reporter_is_named_in_a_visit(world: World) -> None:
    story = world.story(reporter={"name": "虚访举", "phone": "19977778888"}).active()
    refused(visit(world, story, thinking="对虚访举仍有怨气。"), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_sec16_nor_is_anybody_guessed_at(world: World, active: Story) -> None:
    words = "怀疑是邻居写的举报信。"
    refused(visit(world, active, thinking=words), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_r48_a_later_honour_is_recorded(world: World, active: Story) -> None:
    honour = {"title": "担当有为好干部", "conferred_by": "县委", "conferred_on": str(world.today)}
    world.do(active.plan, "RecordSubjectRecognition", OFFICER, honour)
    tomorrow = {**honour, "conferred_on": str(world.today + timedelta(days=1))}
    answer = world.give(active.plan, "RecordSubjectRecognition", OFFICER, tomorrow)
    refused(answer, "E_SCHEMA", "R48")


# --- effect and closing (R34, R36, R38, R49, R53) ---


def test_r38_the_effect_is_judged_after_a_visit(world: World, active: Story) -> None:
    refused(world.give(active.plan, "EvaluateEffect", OFFICER, EFFECT), "E_LEDGER_INCOMPLETE", "R38")


def test_r38_not_reached_names_its_measures_and_they_are_taken(world: World) -> None:
    story = world.concluded().visited()
    bad = {**EFFECT, "grade": "NOT_REACHED"}
    refused(world.give(story.plan, "EvaluateEffect", OFFICER, bad), "E_SCHEMA", "R38")
    kinds = ["EXTRA_REVISIT"]
    world.do(story.plan, "EvaluateEffect", OFFICER, {**bad, "measures": kinds})
    answer = world.give(story.plan, "CloseRevisitPlan", OFFICER)
    assert refused(answer, "E_LEDGER_INCOMPLETE", "R36") == {"missing": ["measure"]}
    done(visit(world, story, task_id=None))
    assert world.do(story.plan, "CloseRevisitPlan", OFFICER)["state"] == "CLOSED"


def test_r36_the_ledger_is_complete_before_closing(world: World) -> None:
    story = world.concluded().active()

    def closing() -> httpx.Response:
        return world.give(story.plan, "CloseRevisitPlan", OFFICER)

    assert refused(closing(), "E_TARGET_MISSING", "R34") == {"missing": ["SUBJECT", "UNIT"]}
    done(visit(world, story))
    assert refused(closing(), "E_TARGET_MISSING", "R34") == {"missing": ["UNIT"]}
    done(visit(world, story, "T2", "UNIT"))
    missing = refused(closing(), "E_LEDGER_INCOMPLETE", "R36")["missing"]
    assert missing == ["unit_feedback", "effect"]
    feedback = {"feedback": "积极性恢复。"}
    world.do(story.plan, "RecordUnitFeedback", OFFICER, feedback)
    world.do(story.plan, "EvaluateEffect", OFFICER, EFFECT)
    assert done(closing())["state"] == "CLOSED"
    refused(visit(world, story, task_id=None), "E_STATE")


def test_r36_an_open_task_keeps_the_plan_open(world: World) -> None:
    story = world.concluded().plan_opened()
    story.active(story.task(), story.task(), story.task("UNIT"))
    done(visit(world, story))
    done(visit(world, story, "T3", "UNIT"))
    world.do(story.plan, "RecordUnitFeedback", OFFICER, {"feedback": "积极性恢复。"})
    world.do(story.plan, "EvaluateEffect", OFFICER, EFFECT)
    answer = world.give(story.plan, "CloseRevisitPlan", OFFICER)
    assert refused(answer, "E_LEDGER_INCOMPLETE", "R36") == {"missing": ["T2"]}


def test_r49_the_subject_is_heard_before_closing(world: World) -> None:
    story = world.concluded().active()
    done(visit(world, story, subject_voice=None))
    done(visit(world, story, "T2", "UNIT"))
    world.do(story.plan, "RecordUnitFeedback", OFFICER, {"feedback": "积极性恢复。"})
    world.do(story.plan, "EvaluateEffect", OFFICER, EFFECT)
    refused(world.give(story.plan, "CloseRevisitPlan", OFFICER), "E_VOICE_MISSING", "R49")


def test_r34_the_units_contact_gives_feedback_and_sees_nothing_else(world: World) -> None:
    story = world.concluded().active()
    contact = "unit-yunping"
    hidden(world.give(story.plan, "RecordUnitFeedback", contact, {"feedback": "很好。"}))
    world.assign(story.plan, contact, by=CHIEF)
    world.do(story.plan, "RecordUnitFeedback", contact, {"feedback": "很好。"})
    hidden(world.get(contact, story.plan.path))
    refused(world.get(contact, "/followup/v1/plans"), "E_FORBIDDEN_ROLE")
    hidden(world.give(story.plan, "RecordUnitFeedback", "unit-enforcement", {"feedback": "很好。"}))


def test_r53a_the_loop_of_one_unfounded_finding_closes(world: World) -> None:
    """R53 (a): a completed clarification and a closed plan."""
    story = world.concluded().visited()
    world.do(story.plan, "EvaluateEffect", OFFICER, EFFECT)
    world.do(story.plan, "CloseRevisitPlan", OFFICER)
    assert (story.state(), story.state("plan")) == ("COMPLETED", "CLOSED")


def test_r53b_the_loop_closes_by_a_decision_that_none_is_required(world: World) -> None:
    """R53 (b): not required, with its reason and the one who decided."""
    story = world.concluded().assessed(adverse_effect=[], recommendation="NOT")
    body = {"reason": "NORMAL_PROCEDURE_IMPACT", "opinion": "属正常程序影响。"}
    world.do(story.clarification, "DecideNotRequired", TOWN.deputy_leader, body)
    last = world.read(story.clarification, TOWN.handler)["history"][-1]
    assert (last["type"], last["by"]["actor"]) == ("ClarificationNotRequired", sub(TOWN.deputy_leader))


def test_54_a_superior_officer_and_a_stranger_do_not_visit(world: World, active: Story) -> None:
    for who in (COUNTY.revisit_officer, TOWN.handler):
        hidden(world.give(active.plan, "CompleteRevisit", who, active.visit()))
