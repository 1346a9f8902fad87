"""Findings, report and conclusion (R1, R9, R21, R25, A61, A64, A66)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from services.verification.commands import (
    FindAllegation,
    ReturnReport,
)
from shared.language.contracts.common import Finding
from shared.language.contracts.verification import (
    AllegationFound,
    AllegationsInconclusive,
    AllegationsSubstantiated,
    AllegationsVerifiedUnfounded,
    CaseClosed,
    SubstantiatedDispositionRecorded,
    TalkHeld,
    VerificationConcluded,
    VerificationExtended,
    VerificationReportReturned,
)
from shared.language.law.policy import Policy, load_policy
from shared.language.law.working_days import local_date
from tests.unit.kit import LAW, Scene, but
from tests.unit.verification.examples import (
    A1,
    A2,
    APPROVED,
    APPROVED_TALK,
    B1,
    CONCLUDE,
    COUNTERSIGNED,
    DISPOSE,
    EVIDENCE,
    HEAD,
    NOW,
    NUMBER,
    OPENED,
    PROPOSED,
    PROPOSED_TALK,
    REPORT,
    REPORTED,
    SIGNED,
    STARTED,
    SUBMIT,
    TALK,
    TEAM,
    VERIFYING,
    VERIFYING_TWO,
    WU,
    ZHENG,
    Given,
    found,
    fresh_case,
)

FIND = FindAllegation(allegation_id="a1", outcome="UNFOUNDED", reasoning="账目相符", evidence_refs=("E1",))


def test_r21_a_finding_rests_on_recorded_evidence(given: Given) -> None:
    given(*VERIFYING).when(FIND).then(found(A1))


@pytest.mark.parametrize("refs", [(), ("E2",), ("E1", "E2")])
def test_r21_no_finding_without_its_evidence(given: Given, refs: tuple[str, ...]) -> None:
    given(*VERIFYING).when(but(FIND, evidence_refs=refs)).refused("E_EVIDENCE_MISSING", "R21")


def test_a63_no_finding_about_something_nobody_alleged(given: Given) -> None:
    given(*VERIFYING).when(but(FIND, allegation_id="a9")).refused("E_SCHEMA", "A63")


def test_4_2_a_partly_true_allegation_is_split_first(given: Given) -> None:
    partly = but(FIND, outcome="PARTIALLY_SUBSTANTIATED")
    given(*VERIFYING).when(partly).refused("E_SPLIT_REQUIRED")


def test_4_2_no_finding_after_the_report(given: Given) -> None:
    given(*REPORTED).when(FIND).refused("E_STATE")


def test_a61_the_report_comes_when_every_allegation_is_found(given: Given) -> None:
    given(*VERIFYING, found(A1), found(A2)).when(SUBMIT).then(REPORT).in_state("REPORTED")


def test_a61_no_report_with_an_open_allegation(given: Given) -> None:
    given(*VERIFYING, found(A1)).when(SUBMIT).refused("E_RECORD_INCOMPLETE", "A61")


def test_a61_a_report_is_submitted_once(given: Given) -> None:
    given(*REPORTED).when(SUBMIT).refused("E_STATE")


TALKED = TalkHeld(**TALK.model_dump(exclude={"accused_ref"}), accused_ref=WU.ref)


def test_dl11_runs_again_when_the_report_is_returned(given: Given) -> None:
    """To its old last day; a returned talk has DL-10, which never stopped, and where nobody was talked with
    yet DL-26."""
    scene = given(*REPORTED).when(ReturnReport(reason="补充证据"), by=HEAD)
    (returned,) = scene.recorded
    started, two_months = local_date(NOW), LAW.deadlines.get("DL-11").due(NOW, LAW.policy)
    assert isinstance(returned.event, VerificationReportReturned)
    assert returned.event.started_on == started
    assert [(d.id, d.due) for d in returned.meta.deadlines] == [("DL-11", two_months.date.isoformat())]
    talked = (OPENED, PROPOSED_TALK, APPROVED_TALK, EVIDENCE, found(A1), found(A2), REPORT)
    scene = given(*talked).when(ReturnReport(reason="再谈一次"), by=HEAD)
    assert scene.started.keys() == {"DL-26"}
    scene = given(*talked[:3], TALKED, *talked[3:]).when(ReturnReport(reason="再谈一次"), by=HEAD)
    assert not scene.started
    assert "DL-10" in scene.aggregate.running


@pytest.mark.parametrize("extended", [False, True])
def test_b52_a_running_clock_keeps_its_law(tmp_path: Path, extended: bool) -> None:
    """Two months and one more when it began; four and two since. Extended and returned it ends as it would
    have, and says which law that is; a case that begins now has the new one."""
    newer = replace(LAW, policy=policy_with(tmp_path, 4, 2))

    started = local_date(NOW)
    longer = VerificationExtended(reason="案情复杂", started_on=started)
    returned = VerificationReportReturned(
        back_to="VERIFYING", reason="补充", started_on=started, extended=extended
    )
    scene = Scene(fresh_case).at(NOW).given(OPENED, PROPOSED, APPROVED, STARTED)
    scene.law = newer
    scene.given(*([longer] if extended else ()), REPORT, returned)
    clock = scene.aggregate.clocks["DL-11"]
    assert clock.due == ("2022-06-01" if extended else "2022-05-01")
    assert (clock.length, clock.extension, clock.policy) == (2, 1, LAW.policy.label)
    scene = Scene(fresh_case, law=newer).at(NOW).given(OPENED, PROPOSED, APPROVED, STARTED)
    clock = scene.aggregate.clocks["DL-11"]
    assert (clock.due, clock.length, clock.extension) == ("2022-07-01", 4, 2)
    assert clock.policy == newer.policy.label


def policy_with(tmp_path: Path, months: int, extension: int) -> Policy:
    """Another policy document, of which the time of a preliminary verification differs."""
    document = json.loads(files("shared.language.law").joinpath("policy.json").read_bytes())
    document["version"] = "2026.2"
    document["parameters"] |= {
        "preliminary_verification.months": months,
        "preliminary_verification.extension_months": extension,
    }
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load_policy(path)


def test_a61_a_returned_report_goes_back_to_the_team(given: Given) -> None:
    scene = given(*REPORTED).when(ReturnReport(reason="补充证据"), by=HEAD)
    scene.then(VerificationReportReturned).in_state("VERIFYING")
    scene.when(but(FIND, outcome="INCONCLUSIVE"))
    assert scene.aggregate.findings.outcome("a1") == "INCONCLUSIVE"


def test_a61_a_report_after_talks_goes_back_to_talking(given: Given) -> None:
    talked = (OPENED, PROPOSED_TALK, APPROVED_TALK, EVIDENCE, found(A1), found(A2), REPORT)
    given(*talked).when(ReturnReport(reason="再谈一次"), by=HEAD).in_state("TALKING")


def test_r1_no_conclusion_without_the_countersignature(given: Given) -> None:
    """And a report that is written again needs it again."""
    given(*REPORTED).when(CONCLUDE, by=HEAD).refused("E_APPROVAL_REQUIRED", "R1")
    returned = VerificationReportReturned(back_to="VERIFYING", reason="补充")
    given(*SIGNED, returned, REPORT).when(CONCLUDE, by=HEAD).refused("E_APPROVAL_REQUIRED", "R1")


def test_a61_nothing_to_return_before_a_report(given: Given) -> None:
    given(*VERIFYING).when(ReturnReport(reason="补充"), by=HEAD).refused("E_STATE")


def test_r1_r25_a_conclusion_tells_what_was_unfounded(given: Given) -> None:
    scene = given(*SIGNED).when(CONCLUDE, by=HEAD)
    scene.then(VerificationConcluded, AllegationsVerifiedUnfounded).in_state("CONCLUDED")
    concluded, unfounded = scene.events
    assert isinstance(concluded, VerificationConcluded)
    assert (concluded.verdict, concluded.number) == ("ALL_UNFOUNDED", NUMBER)
    assert concluded.three_distinctions == (
        {"distinction": "EXPERIENCE_VS_KNOWING", "applies": "false", "reasoning": "不涉及"},
    )
    assert isinstance(unfounded, AllegationsVerifiedUnfounded)
    assert unfounded.subject == WU
    assert unfounded.unfounded == (A1, A2)
    assert unfounded.verification_handlers == TEAM
    assert unfounded.concluded_by == HEAD
    assert unfounded.adverse_effect_hint == ("WORK",)
    assert unfounded.concluded_on.isoformat() == "2022-03-01"


def test_r1_no_conclusion_without_the_three_distinctions(given: Given) -> None:
    given(*SIGNED).when(but(CONCLUDE, three_distinctions=()), by=HEAD).refused("E_SCHEMA", "R1")


def test_a61_no_conclusion_without_collective_study(given: Given) -> None:
    without = but(CONCLUDE, collective_study_ref=None)
    given(*SIGNED).when(without, by=HEAD).refused("E_COLLECTIVE_STUDY_MISSING", "A61")


def test_a61_no_conclusion_before_the_report(given: Given) -> None:
    given(*VERIFYING).when(CONCLUDE, by=HEAD).refused("E_STATE")


def test_r25_each_subject_is_told_apart(given: Given) -> None:
    """Two subjects: one partly substantiated with an inconclusive one, one cleared."""
    history = (
        *VERIFYING_TWO,
        found(A1, "SUBSTANTIATED"),
        found(A2),
        found(B1, "UNFOUNDED", "LIFE"),
        REPORT,
        COUNTERSIGNED,
    )
    scene = given(*history).when(CONCLUDE, by=HEAD)
    scene.then(
        VerificationConcluded,
        AllegationsVerifiedUnfounded,
        AllegationsSubstantiated,
        AllegationsVerifiedUnfounded,
    )
    concluded, wu, substantiated, zheng = scene.events
    assert isinstance(concluded, VerificationConcluded)
    assert concluded.verdict == "MIXED"
    assert isinstance(wu, AllegationsVerifiedUnfounded)
    assert (wu.subject, wu.unfounded) == (WU, (A2,))
    assert wu.other_findings == (Finding(allegation_id="a1", outcome="SUBSTANTIATED"),)
    assert isinstance(substantiated, AllegationsSubstantiated)
    assert isinstance(zheng, AllegationsVerifiedUnfounded)
    assert (zheng.subject, zheng.other_findings) == (ZHENG, ())


def test_a66_an_inconclusive_allegation_is_never_told_as_unfounded(given: Given) -> None:
    history = (*VERIFYING, found(A1, "INCONCLUSIVE"), found(A2, "INCONCLUSIVE"), REPORT, COUNTERSIGNED)
    scene = given(*history).when(CONCLUDE, by=HEAD).then(VerificationConcluded, AllegationsInconclusive)
    assert scene.events[0].model_dump()["verdict"] == "HAS_INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (("UNFOUNDED", "UNFOUNDED"), "ALL_UNFOUNDED"),
        (("SUBSTANTIATED", "SUBSTANTIATED"), "ALL_SUBSTANTIATED"),
        (("SUBSTANTIATED", "UNFOUNDED"), "MIXED"),
        (("UNFOUNDED", "INCONCLUSIVE"), "HAS_INCONCLUSIVE"),
    ],
)
def test_4_2_the_verdict_follows_from_the_findings(
    given: Given, outcomes: tuple[str, str], verdict: str
) -> None:
    history = (*VERIFYING, found(A1, outcomes[0]), found(A2, outcomes[1]), REPORT, COUNTERSIGNED)
    scene = given(*history).when(CONCLUDE, by=HEAD)
    assert scene.events[0].model_dump()["verdict"] == verdict


def test_a64_a_disposition_of_a_substantiated_allegation_is_recorded_and_told(given: Given) -> None:
    history = (*VERIFYING, found(A1, "SUBSTANTIATED"), found(A2), REPORT, COUNTERSIGNED)
    scene = given(*history).when(DISPOSE).then(SubstantiatedDispositionRecorded).when(CONCLUDE, by=HEAD)
    unfounded = scene.events[1]
    assert isinstance(unfounded, AllegationsVerifiedUnfounded)
    assert unfounded.other_findings[0].disposition_ref == "CF-2022-7"


def test_a64_only_a_substantiated_allegation_has_a_disposition(given: Given) -> None:
    given(*VERIFYING, found(A1)).when(DISPOSE).refused("E_SCHEMA", "A64")
    given(*VERIFYING).when(but(DISPOSE, allegation_id="a9")).refused("E_SCHEMA", "A63")


def test_a64_a_closed_case_takes_no_disposition(given: Given) -> None:
    closed = CaseClosed(number=NUMBER, closed_on=date(2022, 3, 1))
    given(*VERIFYING, found(A1, "SUBSTANTIATED"), found(A2), REPORT, closed).when(DISPOSE).refused("E_STATE")


def test_4_2_a_later_finding_replaces_the_earlier(given: Given) -> None:
    scene = given(*VERIFYING, found(A1, "SUBSTANTIATED")).when(FIND).then(AllegationFound)
    assert scene.aggregate.findings.outcome("a1") == "UNFOUNDED"
