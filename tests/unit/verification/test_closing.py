"""After the conclusion: the two assessments, closing, and tracing that never happens (R9, R17, R20, R28)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.verification.commands import (
    COMMANDS,
    AssessFalseAccusation,
    CloseCase,
    RequestTracing,
)
from shared.language.contracts.verification import (
    COMMON,
    CaseClosed,
    ClarificationAssessmentNoted,
    FalseAccusationAssessed,
    SubstantiatedDispositionRecorded,
)
from shared.language.organs.tree import Level
from shared.language.roles import DEPT_HEAD
from tests.unit.verification.examples import (
    A1,
    A2,
    ALL_UNFOUNDED,
    B1,
    CONCLUDED,
    HEAD,
    OPENED,
    REPORT,
    REPORTED,
    SCREENED_OUT,
    VERIFYING,
    VERIFYING_TWO,
    WU,
    Given,
    found,
)

SCREEN_OUT = AssessFalseAccusation(result="SCREEN_OUT", reason="无证据证明捏造和故意")
NOTED = ClarificationAssessmentNoted(subject_ref=WU.ref, clarification_id="c-1", round=1)
TRACE = RequestTracing(means=("HANDWRITING",), necessity="查明写信人", less_intrusive_means_tried="无")


BOTH_SCREENED = SCREENED_OUT.model_copy(update={"subject_refs": (WU.ref, "acc-zheng")})


def test_r20_a_screened_out_report_stays_an_unfounded_report(given: Given) -> None:
    scene = given(*ALL_UNFOUNDED).when(SCREEN_OUT).then(FalseAccusationAssessed).in_state("CONCLUDED")
    assert scene.events == [SCREENED_OUT]
    assert SCREENED_OUT.report_nature == "UNFOUNDED_REPORT"


def test_r20_nothing_can_be_flagged_in_this_release() -> None:
    with pytest.raises(ValidationError):
        AssessFalseAccusation(result="FLAG", reason="多次来信")


def test_r31_only_an_unfounded_report_is_assessed(given: Given) -> None:
    history = (*VERIFYING, found(A1, "SUBSTANTIATED"), found(A2, "INCONCLUSIVE"), REPORT, CONCLUDED)
    given(*history).when(SCREEN_OUT).refused("E_ALLEGATION_NOT_UNFOUNDED", "R31")


def test_r17_one_assessment_is_enough(given: Given) -> None:
    given(*ALL_UNFOUNDED, SCREENED_OUT).when(SCREEN_OUT).refused("E_STATE")


def test_r17_no_assessment_before_the_conclusion(given: Given) -> None:
    given(*REPORTED).when(SCREEN_OUT).refused("E_STATE")


def test_r17_a_case_is_closed_after_both_assessments(given: Given) -> None:
    scene = given(*ALL_UNFOUNDED, SCREENED_OUT, NOTED).when(CloseCase(), by=HEAD)
    scene.then(CaseClosed).in_state("CLOSED")


@pytest.mark.parametrize("done", [(), (SCREENED_OUT,), (NOTED,)])
def test_r17_one_assessment_is_missing(given: Given, done: tuple[object, ...]) -> None:
    given(*ALL_UNFOUNDED, *done).when(CloseCase(), by=HEAD).refused("E_DUAL_ASSESSMENT_REQUIRED", "R17")


def test_r17_every_cleared_subject_is_assessed(given: Given) -> None:
    history = (*VERIFYING_TWO, found(A1), found(A2), found(B1), REPORT, CONCLUDED, BOTH_SCREENED, NOTED)
    given(*history).when(CloseCase(), by=HEAD).refused("E_DUAL_ASSESSMENT_REQUIRED", "R17")
    other = NOTED.model_copy(update={"subject_ref": "acc-zheng"})
    given(*history, other).when(CloseCase(), by=HEAD).then(CaseClosed)


def test_r9_no_closing_before_the_substantiated_part_is_disposed_of(given: Given) -> None:
    history = (*VERIFYING, found(A1, "SUBSTANTIATED"), found(A2), REPORT, CONCLUDED, SCREENED_OUT, NOTED)
    given(*history).when(CloseCase(), by=HEAD).refused("E_DISCIPLINE_LOOSENING", "R9")
    disposed = SubstantiatedDispositionRecorded(
        subject_ref=A1.accused_ref, allegation_id=A1.id, form_of_supervision=1, disposition_ref="CF-1"
    )
    given(*history, disposed).when(CloseCase(), by=HEAD).then(CaseClosed)


def test_r17_without_unfounded_allegations_nothing_is_assessed(given: Given) -> None:
    history = (*VERIFYING, found(A1, "INCONCLUSIVE"), found(A2, "INCONCLUSIVE"), REPORT, CONCLUDED)
    given(*history).when(CloseCase(), by=HEAD).then(CaseClosed)


def test_a31_a_real_name_case_waits_for_the_result_feedback(given: Given) -> None:
    real_name = OPENED.model_copy(update={"real_name": True})
    scene = given(real_name, *ALL_UNFOUNDED[1:], SCREENED_OUT, NOTED).when(CloseCase(), by=HEAD)
    scene.refused("E_RECORD_INCOMPLETE", "A31")


def test_r17_a_case_is_closed_once(given: Given) -> None:
    scene = given(*ALL_UNFOUNDED, SCREENED_OUT, NOTED).when(CloseCase(), by=HEAD)
    scene.when(CloseCase(), by=HEAD).refused("E_STATE")


def test_r28_tracing_is_premature_at_every_level_and_records_nothing(given: Given) -> None:
    for history in ((OPENED,), VERIFYING, ALL_UNFOUNDED):
        scene = given(*history).when(TRACE)
        scene.refused("E_TRACE_PREMATURE", "R28")


def test_r28_a_township_may_not_even_ask() -> None:
    """Scenario 2, row 3: the gate answers before the role."""
    assert RequestTracing.gate.level == Level.COUNTY
    assert RequestTracing.gate.level_code == "E_TRACE_EXECUTOR_LEVEL"


def test_a48_the_case_commands_are_here(given: Given) -> None:
    commands = {c.__name__: c for c in COMMANDS}
    scene = given(OPENED).when(
        commands["AssignToCase"].model_validate({"person": "handler-li", "role": "handler"}), role=DEPT_HEAD
    )
    scene.then(COMMON["AssignmentStarted"])
    scene.when(
        commands["EndAssignment"].model_validate(
            {"person": "handler-li", "role": "handler", "reason": "调离"}
        ),
        role=DEPT_HEAD,
    )
    assert not scene.aggregate.assigned["handler-li"]
    scene.when(commands["DeclareRecusal"].model_validate({"ground": "亲属"}), by="handler-li")
    assert scene.aggregate.excluded == {"handler-li"}
