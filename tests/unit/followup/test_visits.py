"""Visits, effect and the closed ledger (R36-R39, R48, R49, R52, SD7)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.followup.commands import CloseRevisitPlan, CompleteRevisit, RecordUnitFeedback
from shared.contracts import followup as events
from shared.security.roles import REVISIT_OFFICER, UNIT_CONTACT
from tests.unit.followup.conftest import Scene
from tests.unit.followup.examples import (
    BRANCH,
    COLLEAGUE,
    OFFICER,
    SUBJECT_ACCOUNT,
    VERIFIER,
    completed,
    draft,
    evaluation,
    unit_visit,
    visit,
    visit_line,
)


def code(scene: Scene, name: str, **body: Any) -> str:
    return scene.refused(name, **body).code


# --- visits


def test_r52_visit_meets_its_own_deadline_only(scene: Scene) -> None:
    """R52, DL-18: the visit of T1 ends the clock of T1 and no other."""
    done, voice = scene.active().on("2022-04-15").when("CompleteRevisit", **visit("T1"))
    assert isinstance(done, events.RevisitCompleted)
    assert isinstance(voice, events.SubjectVoiceRecorded)
    assert scene.history[-2].meta.deadlines_met == ("DL-18#T1",)
    assert scene.plan.duties["revisit_officer"] == {OFFICER}


@pytest.mark.parametrize(
    "field",
    ["work_performance", "thinking", "difficulties", "attitude_to_supervision", "effect", "record_hash"],
)
def test_r52_record_has_all_its_parts(field: str) -> None:
    """The form requires everything that a visit must learn (R52)."""
    with pytest.raises(ValidationError):
        CompleteRevisit(**{k: v for k, v in visit().items() if k != field})


def test_r37_unknown_mode_of_a_visit(scene: Scene) -> None:
    """R37: refused by rule."""
    assert code(scene.active(), "CompleteRevisit", **visit(mode="VIDEO")) == "E_MODE_UNKNOWN"


def test_r37_two_visit_a_home(scene: Scene) -> None:
    """R37: at least two, and one person counted twice is one."""
    scene.active()
    assert code(scene, "CompleteRevisit", **visit(staff=(OFFICER, OFFICER))) == "E_STAFF_COUNT"


def test_r37_one_is_enough_for_a_call(scene: Scene) -> None:
    """R37: the number depends on the mode."""
    call = visit_line(mode="PHONE_CALL", staff=(OFFICER,))
    scene.active(tasks=(*draft()["tasks"], call)).on("2022-04-24")
    assert scene.when("CompleteRevisit", **visit("T5", mode="PHONE_CALL", staff=(OFFICER,)))


def test_sd7_one_officer_did_not_verify(scene: Scene) -> None:
    """SD7: a subject must be able to speak freely; beside another officer the verifier may come."""
    scene.opened(completed(verification_handlers=(VERIFIER, COLLEAGUE))).active()
    assert code(scene, "CompleteRevisit", **visit(staff=(VERIFIER, COLLEAGUE))) == "E_SOD_CONFLICT"
    assert scene.when("CompleteRevisit", **visit(staff=(VERIFIER, OFFICER)))


def test_a48_recused_colleague_does_not_visit(scene: Scene) -> None:
    """Also if they stepped aside after the plan was made (A48)."""
    scene.active().when("DeclareRecusal", by=COLLEAGUE, ground="亲属关系")
    assert code(scene, "CompleteRevisit", **visit()) == "E_RECUSAL"


def test_r39_first_contact_with_a_person_needs_ideological_work(scene: Scene) -> None:
    """R39: required on the first contact with the subject, not with the unit and not later."""
    scene.active().on("2022-05-10").when("CompleteRevisit", **unit_visit(ideological_work=None))
    refusal = scene.refused("CompleteRevisit", **visit(ideological_work=None))
    assert (refusal.code, refusal.rule) == ("E_SCHEMA", "R39")
    scene.when("CompleteRevisit", **visit("T1"))
    assert scene.when("CompleteRevisit", **visit("T2", ideological_work=None))


def test_r39_party_organisation_needs_none(scene: Scene) -> None:
    """R39: person subjects only."""
    scene.opened(completed(subject=BRANCH)).active()
    assert scene.when("CompleteRevisit", **visit(ideological_work=None))


def test_r49_voice_is_the_subjects(scene: Scene) -> None:
    """R49: the unit does not speak for the subject."""
    body = {**unit_visit(), "subject_voice": "单位代述。"}
    refusal = scene.active().refused("CompleteRevisit", **body)
    assert (refusal.code, refusal.rule) == ("E_SCHEMA", "R49")


def test_r34_no_visit_after_the_subject_refused(scene: Scene) -> None:
    """R34: refused by the wish."""
    scene.active().when("RecordSubjectWish", by=SUBJECT_ACCOUNT, wish="REFUSED_ALL")
    assert code(scene, "CompleteRevisit", **visit()) == "E_WISH_REFUSED"


def test_r35_no_visit_without_an_approved_plan(scene: Scene) -> None:
    """R35: neither before the approval nor dated before it."""
    assert code(scene.drafted(), "CompleteRevisit", **visit()) == "E_PLAN_REQUIRED"
    other = Scene().active().on("2022-03-31")
    assert code(other, "CompleteRevisit", **visit()) == "E_PLAN_REQUIRED"


@pytest.mark.parametrize("changes", [{"task_id": "T9"}, {"mode": "INDIVIDUAL_MEETING"}, {"task_id": "T4"}])
def test_r35_visit_is_the_one_that_was_planned(scene: Scene, changes: dict[str, Any]) -> None:
    """R35: a known task, its target and its mode."""
    refusal = scene.active().refused("CompleteRevisit", **visit(**changes))
    assert (refusal.code, refusal.rule) == ("E_SCHEMA", "R35")


def test_e_state_a_task_is_done_once(scene: Scene) -> None:
    """§4.5: DONE is final."""
    scene.active().when("CompleteRevisit", **visit())
    assert code(scene, "CompleteRevisit", **visit()) == "E_STATE"


def test_r48_further_home_visits_beyond_the_plan(scene: Scene) -> None:
    """R48: 又多次上门回访; they meet no deadline of a planned task."""
    scene.active()
    done, voice = scene.when("CompleteRevisit", **visit(None))
    assert isinstance(done, events.RevisitCompleted)
    assert isinstance(voice, events.SubjectVoiceRecorded)
    assert (done.deadline_key, voice.at) == ("X1", "X1")
    assert scene.history[-2].meta.deadlines_met == ("DL-18#X1",)
    assert scene.when("CompleteRevisit", **visit(None, subject_voice=None))
    assert scene.plan.ledger.extra == 2
    assert scene.plan.ledger.open == ["T1", "T2", "T3", "T4"]


def test_r48_other_modes_beyond_the_plan_are_refused(scene: Scene) -> None:
    """R48: only home visits are unlimited."""
    refusal = scene.active().refused("CompleteRevisit", **visit(None, mode="PHONE_CALL"))
    assert (refusal.code, refusal.rule) == ("E_SCHEMA", "R48")


# --- unit, measures, recognition


def test_r34_unit_gives_its_feedback(scene: Scene) -> None:
    """R34: 所在单位; by its contact or through an officer."""
    recorded = scene.active().when("RecordUnitFeedback", feedback="群众认可。")
    assert recorded == [events.UnitFeedbackRecorded(feedback="群众认可。", evidence="")]
    assert RecordUnitFeedback.gate.by == (UNIT_CONTACT, REVISIT_OFFICER)


def test_r34_unit_is_not_asked_where_the_subject_refused_it(scene: Scene) -> None:
    """R34: REFUSED_UNIT."""
    scene.opened().when("RecordSubjectWish", by=SUBJECT_ACCOUNT, wish="REFUSED_UNIT")
    scene.active(targets=("SUBJECT",), package=draft()["package"][:1], tasks=draft()["tasks"][:3])
    assert code(scene, "RecordUnitFeedback", feedback="好") == "E_WISH_REFUSED"
    assert scene.when("CompleteRevisit", **visit())


def test_r38_measure_is_recorded(scene: Scene) -> None:
    """R38: an extra revisit, a talk with the unit, or a supplementary clarification."""
    recorded = scene.active().when("RecordMeasure", kind="UNIT_TALK", text="与镇党委谈话。")
    assert recorded == [events.MeasureRecorded(kind="UNIT_TALK", text="与镇党委谈话。")]


HONOUR: dict[str, Any] = {"title": "担当有为好干部", "conferred_by": "云瓶县委", "conferred_on": "2022-06-20"}


def test_r48_recognition_is_recorded(scene: Scene) -> None:
    """R48: a later honour is evidence of the outcome."""
    (recorded,) = scene.active().on("2022-06-20").when("RecordSubjectRecognition", **HONOUR)
    assert isinstance(recorded, events.SubjectRecognitionRecorded)


def test_r48_recognition_is_not_of_tomorrow(scene: Scene) -> None:
    """R48: only what has happened is recorded."""
    assert code(scene.active().on("2022-06-19"), "RecordSubjectRecognition", **HONOUR) == "E_SCHEMA"


# --- effect


def test_r38_effect_is_evaluated(scene: Scene) -> None:
    """R38: rumour, work, mood, the unit's view and a grade."""
    (recorded,) = scene.visited().when("EvaluateEffect", **evaluation())
    assert isinstance(recorded, events.RevisitEffectEvaluated)
    assert recorded.grade == "CONSOLIDATED"


def test_r38_not_reached_names_a_measure(scene: Scene) -> None:
    """R38: without a measure the grade is refused."""
    refusal = scene.visited().refused("EvaluateEffect", **evaluation(grade="NOT_REACHED"))
    assert (refusal.code, refusal.rule) == ("E_SCHEMA", "R38")
    assert scene.when("EvaluateEffect", **evaluation(grade="NOT_REACHED", measures=("UNIT_TALK",)))


def test_r38_nothing_is_evaluated_before_a_visit(scene: Scene) -> None:
    """R38: an effect needs a visit."""
    assert code(scene.active(), "EvaluateEffect", **evaluation()) == "E_LEDGER_INCOMPLETE"


# --- closing


def test_scenario_2_rows_14_and_15(scene: Scene) -> None:
    """Wish, individual plan, four visits, unit feedback, honour, effect, closed."""
    scene.opened().when("RecordSubjectWish", by=SUBJECT_ACCOUNT, wish="WELCOME")
    scene.visited().on("2022-06-20").when("RecordSubjectRecognition", **HONOUR)
    scene.when("EvaluateEffect", **evaluation())
    assert scene.when("CloseRevisitPlan") == [events.RevisitPlanClosed(revisits=4, grade="CONSOLIDATED")]
    assert scene.plan.state == "CLOSED"
    assert [r.type for r in scene.history].count("RevisitCompleted") == 4
    assert CloseRevisitPlan.gate.decides
    assert code(scene, "CloseRevisitPlan") == "E_STATE"


def test_r34_closing_needs_both_targets_visited(scene: Scene) -> None:
    """R34: dual complete."""
    scene.active().when("CompleteRevisit", **visit())
    refusal = scene.refused("CloseRevisitPlan")
    assert (refusal.code, refusal.details["missing"]) == ("E_TARGET_MISSING", ["UNIT"])


def test_r36_closing_needs_the_whole_ledger(scene: Scene) -> None:
    """R36: every task, the unit's feedback and the effect; what is missing is named."""
    scene.active().when("CompleteRevisit", **visit())
    scene.on("2022-05-10").when("CompleteRevisit", **unit_visit())
    refusal = scene.refused("CloseRevisitPlan")
    assert refusal.code == "E_LEDGER_INCOMPLETE"
    assert refusal.details["missing"] == ["T2", "T3", "unit_feedback", "effect"]


def test_r49_closing_needs_the_subjects_voice(scene: Scene) -> None:
    """R49: heard at least once after the clarification; a further visit makes up for it."""
    scene.visited(subject_voice=None).when("EvaluateEffect", **evaluation())
    assert code(scene, "CloseRevisitPlan") == "E_VOICE_MISSING"
    scene.when("CompleteRevisit", **visit(None))
    assert scene.when("CloseRevisitPlan")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("RecordMeasure", {"kind": "UNIT_TALK", "text": "与镇党委谈话。"}),
        ("CompleteRevisit", visit(None)),
        ("EvaluateEffect", evaluation(grade="IMPROVING")),
    ],
)
def test_r38_not_reached_closes_only_after_a_measure(scene: Scene, name: str, body: dict[str, Any]) -> None:
    """R38: a measure taken, a further visit, or a better grade; what came before the grade does not count."""
    scene.active().when("RecordMeasure", kind="UNIT_TALK", text="先行谈话。")
    scene = Scene().evaluated(grade="NOT_REACHED", measures=("UNIT_TALK",))
    refusal = scene.refused("CloseRevisitPlan")
    assert (refusal.code, refusal.details["missing"]) == ("E_LEDGER_INCOMPLETE", ["measure"])
    scene.when(name, **body)
    assert scene.when("CloseRevisitPlan")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("RecordUnitFeedback", {"feedback": "好"}),
        ("RecordMeasure", {"kind": "UNIT_TALK", "text": "谈话。"}),
        ("RecordSubjectRecognition", HONOUR),
        ("EvaluateEffect", evaluation()),
        ("CompleteRevisit", visit(None)),
        ("RecordSubjectWish", {"wish": "REFUSED_ALL", "evidence": "doc-1"}),
    ],
)
def test_e_state_closed_plan_takes_nothing_more(scene: Scene, name: str, body: dict[str, Any]) -> None:
    """§4.5: CLOSED is final."""
    scene.evaluated().when("CloseRevisitPlan")
    assert code(scene, name, **body) == "E_STATE"


# --- the case


def test_s63_people_are_assigned_to_the_plan(scene: Scene) -> None:
    """§6.3: assignment opens the case, its end closes it, and both are events of followup."""
    scene.opened().when("AssignToCase", person="p-unit", role="unit_contact")
    assert scene.plan.assigned == {"p-unit": {"unit_contact"}}
    assert code(scene, "AssignToCase", person="p-unit", role="unit_contact") == "E_STATE"
    scene.when("EndAssignment", person="p-unit", role="unit_contact", reason="调离")
    assert not scene.plan.assigned["p-unit"]
    assert scene.history[-1].event.topic == "followup.AssignmentEnded"
