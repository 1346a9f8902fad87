"""Visits, effect and the closed ledger (R36-R39, R48, R49, R52, SD7)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.followup.commands import (
    CloseRevisitPlan,
    CompleteRevisit,
    EvaluateEffect,
    RecordMeasure,
    RecordSubjectRecognition,
    RecordSubjectWish,
    RecordUnitFeedback,
)
from shared.language.contracts import followup as events
from shared.language.roles import REVISIT_OFFICER, UNIT_CONTACT
from tests.unit.followup.examples import (
    BRANCH,
    COLLEAGUE,
    HEAD,
    OFFICER,
    SUBJECT_ACCOUNT,
    VERIFIER,
    Revisiting,
    completed,
    draft,
    evaluation,
    give,
    unit_visit,
    visit,
    visit_line,
)

# --- visits


def test_r52_visit_meets_its_own_deadline_only(scene: Revisiting) -> None:
    """R52, DL-18: the visit of T1 ends the clock of T1 and no other."""
    done, voice = scene.active().at("2022-04-15").when(CompleteRevisit(**visit("T1"))).events
    assert isinstance(done, events.RevisitCompleted)
    assert isinstance(voice, events.SubjectVoiceRecorded)
    assert scene.history[-2].meta.deadlines_met == ("DL-18#T1",)
    assert scene.aggregate.duties["revisit_officer"] == {OFFICER}


@pytest.mark.parametrize(
    "field",
    ["work_performance", "thinking", "difficulties", "attitude_to_supervision", "effect", "record_hash"],
)
def test_r52_record_has_all_its_parts(field: str) -> None:
    """The form requires everything that a visit must learn (R52)."""
    with pytest.raises(ValidationError):
        CompleteRevisit(**{k: v for k, v in visit().items() if k != field})


def test_r37_unknown_mode_of_a_visit(scene: Revisiting) -> None:
    """R37: refused by rule."""
    scene.active().when(CompleteRevisit(**visit(mode="VIDEO"))).refused("E_MODE_UNKNOWN")


def test_r37_two_visit_a_home(scene: Revisiting) -> None:
    """R37: at least two, and one person counted twice is one."""
    scene.active()
    scene.when(CompleteRevisit(**visit(staff=(OFFICER, OFFICER)))).refused("E_STAFF_COUNT")


def test_r37_one_is_enough_for_a_call(scene: Revisiting) -> None:
    """R37: the number depends on the mode."""
    call = visit_line(mode="PHONE_CALL", staff=(OFFICER,))
    scene.active(tasks=(*draft()["tasks"], call)).at("2022-04-24")
    assert scene.when(CompleteRevisit(**visit("T5", mode="PHONE_CALL", staff=(OFFICER,)))).events


def test_sd7_one_officer_did_not_verify(scene: Revisiting) -> None:
    """SD7: a subject must be able to speak freely; beside another officer the verifier may come."""
    scene.opened(completed(verification_handlers=(VERIFIER, COLLEAGUE))).active()
    scene.when(CompleteRevisit(**visit(staff=(VERIFIER, COLLEAGUE)))).refused("E_SOD_CONFLICT")
    assert scene.when(CompleteRevisit(**visit(staff=(VERIFIER, OFFICER)))).events


def test_a48_recused_colleague_does_not_visit(scene: Revisiting) -> None:
    """Also if they stepped aside after the plan was made (A48)."""
    scene.active().when(give("DeclareRecusal", ground="亲属关系"), by=COLLEAGUE)
    scene.when(CompleteRevisit(**visit())).refused("E_RECUSAL")


def test_r39_first_contact_with_a_person_needs_ideological_work(scene: Revisiting) -> None:
    """R39: required on the first contact with the subject, not with the unit and not later."""
    scene.active().at("2022-05-10").when(CompleteRevisit(**unit_visit(ideological_work=None)))
    scene.when(CompleteRevisit(**visit(ideological_work=None))).refused("E_SCHEMA", "R39")
    scene.when(CompleteRevisit(**visit("T1")))
    assert scene.when(CompleteRevisit(**visit("T2", ideological_work=None))).events


def test_r39_party_organisation_needs_none(scene: Revisiting) -> None:
    """R39: person subjects only."""
    scene.opened(completed(subject=BRANCH)).active()
    assert scene.when(CompleteRevisit(**visit(ideological_work=None))).events


def test_r49_voice_is_the_subjects(scene: Revisiting) -> None:
    """R49: the unit does not speak for the subject."""
    body = {**unit_visit(), "subject_voice": "单位代述。"}
    scene.active().when(CompleteRevisit(**body)).refused("E_SCHEMA", "R49")


def test_r34_no_visit_after_the_subject_refused(scene: Revisiting) -> None:
    """R34: refused by the wish."""
    scene.active().when(RecordSubjectWish(wish="REFUSED_ALL"), by=SUBJECT_ACCOUNT)
    scene.when(CompleteRevisit(**visit())).refused("E_WISH_REFUSED")


def test_r35_no_visit_without_an_approved_plan(scene: Revisiting) -> None:
    """R35: neither before the approval nor dated before it."""
    scene.drafted().when(CompleteRevisit(**visit())).refused("E_PLAN_REQUIRED")
    other = Revisiting().active().at("2022-03-31")
    other.when(CompleteRevisit(**visit())).refused("E_PLAN_REQUIRED")


@pytest.mark.parametrize("changes", [{"task_id": "T9"}, {"mode": "INDIVIDUAL_MEETING"}, {"task_id": "T4"}])
def test_r35_visit_is_the_one_that_was_planned(scene: Revisiting, changes: dict[str, Any]) -> None:
    """R35: a known task, its target and its mode."""
    scene.active().when(CompleteRevisit(**visit(**changes))).refused("E_SCHEMA", "R35")


def test_e_state_a_task_is_done_once(scene: Revisiting) -> None:
    """§4.5: DONE is final."""
    scene.active().when(CompleteRevisit(**visit()))
    scene.when(CompleteRevisit(**visit())).refused("E_STATE")


def test_r48_further_home_visits_beyond_the_plan(scene: Revisiting) -> None:
    """R48: 又多次上门回访; they meet no deadline of a planned task."""
    scene.active()
    done, voice = scene.when(CompleteRevisit(**visit(None))).events
    assert isinstance(done, events.RevisitCompleted)
    assert isinstance(voice, events.SubjectVoiceRecorded)
    assert (done.deadline_key, voice.at) == ("X1", "X1")
    assert scene.history[-2].meta.deadlines_met == ()
    assert scene.when(CompleteRevisit(**visit(None, subject_voice=None))).events
    assert scene.aggregate.ledger.extra == 2
    assert scene.aggregate.ledger.open == ["T1", "T2", "T3", "T4"]


def test_r48_other_modes_beyond_the_plan_are_refused(scene: Revisiting) -> None:
    """R48: only home visits are unlimited."""
    scene.active().when(CompleteRevisit(**visit(None, mode="PHONE_CALL"))).refused("E_SCHEMA", "R48")


# --- unit, measures, recognition


def test_r34_unit_gives_its_feedback(scene: Revisiting) -> None:
    """R34: 所在单位; by its contact or through an officer."""
    recorded = scene.active().when(RecordUnitFeedback(feedback="群众认可。")).events
    assert recorded == [events.UnitFeedbackRecorded(feedback="群众认可。", evidence="")]
    assert RecordUnitFeedback.gate.by == (UNIT_CONTACT, REVISIT_OFFICER)


def test_r34_unit_is_not_asked_where_the_subject_refused_it(scene: Revisiting) -> None:
    """R34: REFUSED_UNIT."""
    scene.opened().when(RecordSubjectWish(wish="REFUSED_UNIT"), by=SUBJECT_ACCOUNT)
    scene.active(targets=("SUBJECT",), package=draft()["package"][:1], tasks=draft()["tasks"][:3])
    scene.when(RecordUnitFeedback(feedback="好")).refused("E_WISH_REFUSED")
    assert scene.when(CompleteRevisit(**visit())).events


def test_r38_measure_is_recorded(scene: Revisiting) -> None:
    """R38: an extra revisit, a talk with the unit, or a supplementary clarification."""
    recorded = scene.active().when(RecordMeasure(kind="UNIT_TALK", text="与镇党委谈话。")).events
    assert recorded == [events.MeasureRecorded(kind="UNIT_TALK", text="与镇党委谈话。")]


HONOUR: dict[str, Any] = {"title": "担当有为好干部", "conferred_by": "云瓶县委", "conferred_on": "2022-06-20"}


def test_r48_recognition_is_recorded(scene: Revisiting) -> None:
    """R48: a later honour is evidence of the outcome."""
    (recorded,) = scene.active().at("2022-06-20").when(RecordSubjectRecognition(**HONOUR)).events
    assert isinstance(recorded, events.SubjectRecognitionRecorded)


def test_r48_recognition_is_not_of_tomorrow(scene: Revisiting) -> None:
    """R48: only what has happened is recorded."""
    scene.active().at("2022-06-19").when(RecordSubjectRecognition(**HONOUR)).refused("E_SCHEMA")


# --- effect


def test_r38_effect_is_evaluated(scene: Revisiting) -> None:
    """R38: rumour, work, mood, the unit's view and a grade."""
    (recorded,) = scene.visited().when(EvaluateEffect(**evaluation())).events
    assert isinstance(recorded, events.RevisitEffectEvaluated)
    assert recorded.grade == "CONSOLIDATED"


def test_r38_not_reached_names_a_measure(scene: Revisiting) -> None:
    """R38: without a measure the grade is refused."""
    scene.visited().when(EvaluateEffect(**evaluation(grade="NOT_REACHED"))).refused("E_SCHEMA", "R38")
    assert scene.when(EvaluateEffect(**evaluation(grade="NOT_REACHED", measures=("UNIT_TALK",)))).events


def test_r38_nothing_is_evaluated_before_a_visit(scene: Revisiting) -> None:
    """R38: an effect needs a visit."""
    scene.active().when(EvaluateEffect(**evaluation())).refused("E_LEDGER_INCOMPLETE")


# --- closing


def test_scenario_2_rows_14_and_15(scene: Revisiting) -> None:
    """Wish, individual plan, four visits, unit feedback, honour, effect, closed."""
    scene.opened().when(RecordSubjectWish(wish="WELCOME"), by=SUBJECT_ACCOUNT)
    scene.visited().at("2022-06-20").when(RecordSubjectRecognition(**HONOUR))
    scene.when(EvaluateEffect(**evaluation()))
    scene.when(CloseRevisitPlan()).then(events.RevisitPlanClosed(revisits=4, grade="CONSOLIDATED"))
    assert scene.aggregate.state == "CLOSED"
    assert [r.type for r in scene.history].count("RevisitCompleted") == 4
    assert CloseRevisitPlan.gate.decides
    scene.when(CloseRevisitPlan()).refused("E_STATE")


def test_r34_closing_needs_both_targets_visited(scene: Revisiting) -> None:
    """R34: dual complete."""
    scene.active().when(CompleteRevisit(**visit()))
    asked = scene.when(CloseRevisitPlan())
    assert asked.refused("E_TARGET_MISSING").details["missing"] == ["UNIT"]


def test_r36_closing_needs_the_whole_ledger(scene: Revisiting) -> None:
    """R36: every task, the unit's feedback and the effect; what is missing is named."""
    scene.active().when(CompleteRevisit(**visit()))
    scene.at("2022-05-10").when(CompleteRevisit(**unit_visit()))
    asked = scene.when(CloseRevisitPlan())
    assert asked.refused("E_LEDGER_INCOMPLETE").details["missing"] == ["T2", "T3", "unit_feedback", "effect"]


def test_r49_closing_needs_the_subjects_voice(scene: Revisiting) -> None:
    """R49: heard at least once after the clarification; a further visit makes up for it."""
    scene.visited(subject_voice=None).when(EvaluateEffect(**evaluation()))
    scene.when(CloseRevisitPlan()).refused("E_VOICE_MISSING")
    scene.when(CompleteRevisit(**visit(None)))
    assert scene.when(CloseRevisitPlan()).events


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("RecordMeasure", {"kind": "UNIT_TALK", "text": "与镇党委谈话。"}),
        ("CompleteRevisit", visit(None)),
        ("EvaluateEffect", evaluation(grade="IMPROVING")),
    ],
)
def test_r38_not_reached_closes_only_after_a_measure(
    scene: Revisiting, name: str, body: dict[str, Any]
) -> None:
    """R38: a measure taken, a further visit, or a better grade; what came before the grade does not count."""
    scene.active().when(RecordMeasure(kind="UNIT_TALK", text="先行谈话。"))
    scene = Revisiting().evaluated(grade="NOT_REACHED", measures=("UNIT_TALK",))
    asked = scene.when(CloseRevisitPlan())
    assert asked.refused("E_LEDGER_INCOMPLETE").details["missing"] == ["measure"]
    scene.when(give(name, **body))
    assert scene.when(CloseRevisitPlan()).events


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
def test_e_state_closed_plan_takes_nothing_more(scene: Revisiting, name: str, body: dict[str, Any]) -> None:
    """§4.5: CLOSED is final."""
    scene.evaluated().when(CloseRevisitPlan())
    scene.when(give(name, **body)).refused("E_STATE")


# --- the case


def test_s63_people_are_assigned_to_the_plan(scene: Revisiting) -> None:
    """§6.3: assignment opens the case, its end closes it, and both are events of followup."""
    scene.opened().when(give("AssignToCase", person="p-unit", role="unit_contact"), by=HEAD)
    assert scene.aggregate.assigned == {"p-unit": {"unit_contact"}}
    scene.when(give("AssignToCase", person="p-unit", role="unit_contact"), by=HEAD).refused("E_STATE")
    scene.when(give("EndAssignment", person="p-unit", role="unit_contact", reason="调离"), by=HEAD)
    assert not scene.aggregate.assigned["p-unit"]
    assert scene.history[-1].event.topic == "followup.AssignmentEnded"
