"""Team, evidence, talks and statements (A36, A60-A63, R27, R56)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.verification.commands import (
    HoldTalk,
    RecordAccusedStatement,
)
from shared.language.contracts.verification import (
    COMMON,
    AccusedStatementRecorded,
    TalkHeld,
)
from shared.language.tracing import asks_who_reported
from tests.unit.kit import but
from tests.unit.verification.examples import (
    ALL_UNFOUNDED,
    APPROVED,
    APPROVED_TALK,
    CLERK,
    CONCLUDE,
    EARLIER,
    EVIDENCE,
    HASH,
    HEAD,
    LI,
    NOW,
    OPENED,
    PROPOSED,
    PROPOSED_TALK,
    START,
    STARTED,
    TAKE,
    TALK,
    VERIFYING,
    WU,
    ZHAO,
    Given,
)

READY = (OPENED, PROPOSED, APPROVED)
ASK_RESIDENT = but(
    TALK, talked_with="WITNESS", accused_ref=None, duties_acknowledged=None, note="询问居民是否收到过救济款"
)


def test_a61_a_team_of_two_starts_with_its_plan(given: Given) -> None:
    scene = given(*READY).when(START).then(STARTED).in_state("VERIFYING")
    assert [d.id for d in scene.recorded[0].meta.deadlines] == ["DL-11"]


@pytest.mark.parametrize("team", [(), (LI,), (LI, LI), (LI, LI, ZHAO)])
def test_a61_a_team_is_two_different_people_at_least(given: Given, team: tuple[str, ...]) -> None:
    given(*READY).when(but(START, team=team)).refused("E_SCHEMA", "A61")


def test_a48_a_recused_person_joins_no_team(given: Given) -> None:
    recused = COMMON["PersonExcluded"].model_validate({"person": ZHAO, "role": "handler", "ground": "亲属"})
    given(*READY, recused).when(START).refused("E_RECUSAL", "A48")


def test_sd3_the_registering_clerk_joins_no_team(given: Given) -> None:
    given(*READY).when(but(START, team=(LI, CLERK))).refused("E_SOD_CONFLICT", "SD3")


def test_sd3_who_gathers_facts_may_not_conclude(given: Given) -> None:
    scene = given(*READY, STARTED)
    scene.when(CONCLUDE, by=ZHAO).refused("E_SOD_CONFLICT")
    scene.given(EVIDENCE.model_copy(update={"collectors": (LI, HEAD)}))
    scene.when(CONCLUDE, by=HEAD).refused("E_SOD_CONFLICT")


def test_a61_no_start_without_an_approved_way(given: Given) -> None:
    given(OPENED).when(START).refused("E_STATE")


def test_a62_evidence_of_two_collectors_is_recorded(given: Given) -> None:
    given(*READY, STARTED).when(TAKE).then(EVIDENCE).in_state("VERIFYING")


def test_a62_evidence_needs_two_collectors(given: Given) -> None:
    given(*READY, STARTED).when(but(TAKE, collectors=(LI,))).refused("E_SCHEMA", "A62")


def test_a62_evidence_is_not_taken_in_the_future(given: Given) -> None:
    future = but(TAKE, collected_at=NOW + timedelta(days=1))
    given(*READY, STARTED).when(future).refused("E_SCHEMA")


def test_a62_an_evidence_number_is_used_once(given: Given) -> None:
    given(*VERIFYING).when(TAKE).refused("E_SCHEMA", "A62")


def test_a62_evidence_carries_signature_state_and_a_time_with_zone() -> None:
    with pytest.raises(ValidationError):
        but(TAKE, signature="MAYBE")
    with pytest.raises(ValidationError):
        but(TAKE, collected_at=EARLIER.replace(tzinfo=None))


def test_a62_no_evidence_before_the_start(given: Given) -> None:
    given(*READY).when(TAKE).refused("E_STATE")


def test_a60_a_talk_of_two_is_recorded(given: Given) -> None:
    given(*VERIFYING).when(TALK).then(TalkHeld).in_state("VERIFYING")


def test_a60_nobody_talks_alone(given: Given) -> None:
    given(*VERIFYING).when(but(TALK, staff=(LI,))).refused("E_SCHEMA", "A60")


def test_a60_a_talk_names_the_accused_exactly_when_it_is_with_him(given: Given) -> None:
    given(*VERIFYING).when(but(TALK, accused_ref=None)).refused("E_SCHEMA", "A60")
    given(*VERIFYING).when(but(TALK, talked_with="WITNESS")).refused("E_SCHEMA", "A60")


def test_dl10_runs_from_a_talk_only_where_talking_is_the_way(given: Given) -> None:
    talking = given(OPENED, PROPOSED_TALK, APPROVED_TALK).when(TALK).in_state("TALKING")
    assert [d.id for d in talking.recorded[0].meta.deadlines] == ["DL-10"]
    verifying = given(*VERIFYING).when(TALK)
    assert verifying.recorded[0].meta.deadlines == ()


def test_r56_the_duties_are_read_at_the_first_talk_with_the_accused(given: Given) -> None:
    silent = but(TALK, duties_acknowledged=None)
    given(*VERIFYING).when(silent).refused("E_RECORD_INCOMPLETE", "R56")
    given(*VERIFYING).when(TALK).then(TalkHeld).when(silent).then(TalkHeld)


def test_r56_a_refused_acknowledgement_is_recorded_too(given: Given) -> None:
    scene = given(*VERIFYING).when(but(TALK, duties_acknowledged=False)).then(TalkHeld)
    assert scene.events[0].model_dump()["duties_acknowledged"] is False


def test_r27_nobody_asks_the_residents_who_wrote_the_letters(given: Given) -> None:
    """Scenario 2, row 3: refused after the conclusion too, as tracing and not as a wrong state."""
    tracing = but(ASK_RESIDENT, note="逐户询问居民举报信是谁写的")
    given(*ALL_UNFOUNDED).when(tracing).refused("E_TRACE_FORBIDDEN", "R27")
    given(*VERIFYING).when(tracing).refused("E_TRACE_FORBIDDEN", "R27")
    assert HoldTalk.gate.leak == "E_TRACE_FORBIDDEN"
    assert "note" in HoldTalk.screened


@pytest.mark.parametrize(
    "text",
    [
        "问他知不知道谁举报的",
        "打听是哪个写的匿名信",
        "比对举报信的笔迹",
        "了解举报人的真实身份",
        "来信人是谁，居民均称不知",
        "Asked who wrote the letters.",
    ],
)
def test_r27_the_question_for_the_reporter_is_recognised(text: str) -> None:
    assert asks_who_reported(text)


@pytest.mark.parametrize(
    "text",
    [
        "告知其不得打听举报人身份，不得打击报复",
        "询问收据是谁写的",
        "比对合同签名笔迹",
        "核对举报信反映的金额",
        "He was told that he must not ask who reported him.",
    ],
)
def test_r27_other_questions_pass(text: str) -> None:
    assert not asks_who_reported(text)


def test_a36_the_accused_is_heard(given: Given) -> None:
    command = RecordAccusedStatement(accused_ref=WU.ref, statement="救济款已全额发放", record_hash=HASH)
    given(*VERIFYING).when(command).then(AccusedStatementRecorded)


def test_4_2_talks_and_statements_end_with_the_conclusion(given: Given) -> None:
    statement = RecordAccusedStatement(accused_ref=WU.ref, statement="无", record_hash=HASH)
    given(*ALL_UNFOUNDED).when(TALK).refused("E_STATE")
    given(*ALL_UNFOUNDED).when(statement).refused("E_STATE")


def test_a63_a_stranger_to_the_complaint_is_not_heard_as_accused(given: Given) -> None:
    command = RecordAccusedStatement(accused_ref="acc-other", statement="无", record_hash=HASH)
    given(*VERIFYING).when(command).refused("E_SCHEMA", "A63")
    given(*VERIFYING).when(but(TALK, accused_ref="acc-other")).refused("E_SCHEMA", "A63")
