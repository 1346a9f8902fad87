"""Findings that change: what comes back from elsewhere, evidence that comes later, and a further conclusion
(B27, B28, B31, B32, B33, DL-25 to DL-31)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.verification import commands as c
from services.verification.domain.case import VerificationCase
from services.verification.domain.findings import AllegationPart
from shared.language.contracts import verification as e
from shared.language.contracts.intake import ComplaintJoined
from shared.language.event import Event
from shared.language.roles import DEPT_HEAD, DEPUTY_LEADER, ORGAN_HEAD
from tests.unit.kit import Scene, but
from tests.unit.verification import examples as x
from tests.unit.verification.examples import A1, A2, B1, HEAD, Given, found

OTHER = {"way": "REFERRED_TO_INVESTIGATION", "reason": "ACCOUNTABILITY_SUSPECTED"}
REFERRED: tuple[Event, ...] = (
    x.OPENED,
    x.PROPOSED.model_copy(update=OTHER),
    x.APPROVED.model_copy(update=OTHER),
)
PARTS = (AllegationPart(suffix="a", text="收受红包一次"), AllegationPart(suffix="b", text="收受红包两次"))
SPLIT = c.SplitAllegation(allegation_id="a1", parts=PARTS, approved_by="p-reader")
LATER = e.NewEvidenceNoted(
    complaint_id=str(x.COMPLAINT), evidence_id="N1", description="收据一张", document_ref="D-1"
)
TAKE_UP = c.TakeUpEvidence(evidence_id="N1", reason="涉及红包一事")
REOPEN = c.ReopenCase(evidence_id="N1", cause="新证据")
NOTED = e.ClarificationAssessmentNoted(subject_ref=x.WU.ref, clarification_id="c-1", round=1)
RETURN = c.ReturnReport(reason="补充证据")
SCREEN_OUT = c.AssessFalseAccusation(result="SCREEN_OUT", reason="无证据证明捏造和故意")


def find(allegation: Any, outcome: str = "UNFOUNDED") -> c.FindAllegation:
    return c.FindAllegation(
        allegation_id=allegation.id, outcome=outcome, reasoning="账目相符", evidence_refs=("E1",)
    )


def result(allegation: Any, outcome: str = "UNFOUNDED", **over: Any) -> c.RecordReferralResult:
    told = {"allegation_id": allegation.id, "outcome": outcome, "reasoning": "经审查调查认定"}
    told |= {"decided_by": "上级审查调查部门", "decided_on": date(2022, 6, 1)}
    return c.RecordReferralResult(**{**told, "document_ref": "SC-1", "document_hash": x.HASH, **over})


def conclude_again(scene: Scene[VerificationCase], *outcomes: str) -> Scene[VerificationCase]:
    """The reopened case is verified, reported and concluded once more."""
    scene.when(x.START)
    for allegation, outcome in zip((A1, A2), outcomes, strict=True):
        scene.when(find(allegation, outcome))
    scene.when(x.SUBMIT)
    scene.when(c.CountersignReport(opinion="同意"), role=DEPT_HEAD)
    return scene.when(x.CONCLUDE, by=HEAD)


# --- what was referred comes back (B33, DL-31)


def test_b33_dl31_a_referral_comes_back_allegation_by_allegation(given: Given) -> None:
    """Each with its document; with the last one the case goes on to its conclusion, like every other."""
    scene = given(*REFERRED)
    assert scene.aggregate.clocks["DL-31"].due == "2022-09-01"
    scene.at("2022-06-10")
    scene.when(result(A1, "PARTIALLY_SUBSTANTIATED")).refused("E_SPLIT_REQUIRED")
    scene.when(result(A1, decided_on=date(2022, 2, 28))).refused("E_SCHEMA", "B33")
    scene.when(result(A1, decided_on=date(2022, 6, 11))).refused("E_SCHEMA", "B33")
    scene.when(but(result(A1), allegation_id="a9")).refused("E_SCHEMA", "A63")
    scene.when(result(A1, "SUBSTANTIATED")).then(e.ReferralResultRecorded).in_state("REFERRED")
    assert "DL-31" in scene.aggregate.running
    scene.when(result(A2)).in_state("REPORTED")
    assert "DL-31" not in scene.aggregate.running
    assert scene.started.keys() == {"DL-27"}
    scene.when(x.CONCLUDE, by=HEAD).refused("E_APPROVAL_REQUIRED", "R1")
    scene.when(c.CountersignReport(opinion="同意"), role=DEPT_HEAD)
    concluded, unfounded, substantiated = scene.when(x.CONCLUDE, by=HEAD).events
    assert isinstance(concluded, e.VerificationConcluded)
    assert concluded.verdict == "MIXED"
    assert isinstance(unfounded, e.AllegationsVerifiedUnfounded)
    assert isinstance(substantiated, e.AllegationsSubstantiated)


def test_b33_a_referred_result_that_is_returned_is_asked_again(given: Given) -> None:
    """The term goes on from its first day; one result that is recorded anew leads back to the heads."""
    scene = given(*REFERRED).at("2022-06-10").when(result(A1))
    scene.when(SPLIT).refused("E_STATE", "§4.2")
    scene.when(result(A2)).in_state("REPORTED")
    scene.when(RETURN, by=HEAD).in_state("REFERRED")
    assert scene.started == {"DL-31": "2022-09-01"}
    scene.when(SPLIT).then(e.AllegationSplit).in_state("REFERRED")
    for id in ("a1a", "a1b"):
        scene.when(but(result(A1), allegation_id=id))
    scene.in_state("REPORTED")
    assert scene.aggregate.findings.found.keys() == {"a1a", "a1b", "a2"}


# --- evidence is answered (B31, DL-30)


def test_b31_nothing_is_concluded_or_closed_while_evidence_waits(given: Given) -> None:
    scene = given(*x.SIGNED, LATER).when(x.CONCLUDE, by=HEAD)
    assert scene.refused("E_RECORD_INCOMPLETE", "B31").details["evidence"] == ["N1"]
    scene.when(TAKE_UP).refused("E_STATE", "B31")
    scene.when(c.AssessNewEvidence(evidence_id="N1", reason="不影响结论"))
    assert scene.met == {"DL-30#N1"}
    scene.when(x.CONCLUDE, by=HEAD).in_state("CONCLUDED")
    scene = given(*x.ALL_UNFOUNDED, x.SCREENED_OUT, NOTED, LATER)
    assert scene.aggregate.clocks["DL-30#N1"].due == "2022-03-22"
    scene.when(c.CloseCase(), by=HEAD).refused("E_RECORD_INCOMPLETE", "B31")


def test_b31_what_was_to_be_closed_is_decided_anew(given: Given) -> None:
    """Evidence that matters overtakes an approved closing without verification."""
    closing = {"way": "CLOSED_NO_ACTION", "reason": "NOTHING_TO_VERIFY"}
    history = (x.OPENED, *(event.model_copy(update=closing) for event in (x.PROPOSED, x.APPROVED)), LATER)
    scene = given(*history).when(c.CloseWithoutVerification(opinion="了结"), by=HEAD)
    scene.refused("E_RECORD_INCOMPLETE", "B31")
    scene.when(TAKE_UP).then(e.NewEvidenceTakenUp, e.CaseResumed).in_state("OPENED")
    assert scene.started == {"DL-25": "2022-03-31"}


@pytest.mark.parametrize("of", [x.REPORTED, x.ALL_UNFOUNDED])
def test_b31_a_further_report_finds_something_or_says_why_not(given: Given, of: tuple[Event, ...]) -> None:
    scene = given(*of, LATER)
    if scene.aggregate.state == "REPORTED":
        scene.when(RETURN, by=HEAD)
    else:
        scene.when(REOPEN, by=HEAD)
        scene.when(x.START)
    scene.when(x.SUBMIT).refused("E_RECORD_INCOMPLETE", "B31")
    scene.when(but(x.SUBMIT, none_changed="新材料与账目一致")).then(e.VerificationReportSubmitted)
    scene.when(RETURN, by=HEAD)
    scene.when(find(A1, "SUBSTANTIATED"))
    scene.when(but(x.SUBMIT, none_changed="新材料与账目一致")).refused("E_SCHEMA", "B31")
    scene.when(x.SUBMIT).then(e.VerificationReportSubmitted)


def test_p8_b31_what_went_elsewhere_takes_in_no_evidence(given: Given) -> None:
    """Nothing runs any more, and nothing that comes later is noted."""
    scene = given(x.OPENED, LATER)
    scene.when_told(lambda case, ctx: case.note_passed_on(ctx, str(x.COMPLAINT))).in_state("PASSED_ON")
    assert not scene.aggregate.running
    scene.when_told(lambda case, ctx: case.note_new_evidence(ctx, str(x.COMPLAINT), "N2", "收据", "D-2"))
    assert scene.events == []


# --- a finding that was returned or reopened (B32)


def test_b32_a_returned_finding_can_be_split(given: Given) -> None:
    """Partly true, as it turns out: the head says so by returning the report, or by reopening the case."""
    scene = given(*x.VERIFYING, found(A1), found(A2)).when(SPLIT)
    scene.refused("E_STATE", "§4.2")
    scene = given(*x.REPORTED).when(RETURN, by=HEAD).when(find(A2))
    scene.when(but(SPLIT, allegation_id="a2")).refused("E_STATE", "§4.2")
    scene.when(SPLIT).then(e.AllegationSplit)
    assert scene.aggregate.findings.missing() == ["a1a", "a1b"]
    scene = given(*x.ALL_UNFOUNDED, LATER).when(REOPEN, by=HEAD).when(x.START)
    scene.when(SPLIT).then(e.AllegationSplit)


# --- a further conclusion (B27, B28)


def test_b27_conclusions_are_numbered_and_each_is_told_whole(given: Given) -> None:
    scene = given(*x.SIGNED).when(x.CONCLUDE, by=HEAD)
    assert {event.model_dump()["conclusion"] for event in scene.events} == {1}
    scene.given(LATER).when(REOPEN, by=HEAD).then(e.NewEvidenceTakenUp, e.VerificationCaseReopened)
    assert scene.last("VerificationCaseReopened").conclusion == 1
    conclude_again(scene, "SUBSTANTIATED", "INCONCLUSIVE")
    assert {event.model_dump()["conclusion"] for event in scene.events} == {2}
    _, substantiated, inconclusive = scene.events
    for event, own in ((substantiated, "substantiated"), (inconclusive, "inconclusive")):
        told = event.model_dump()
        whole = (*told[own], *told["other_findings"])
        assert {finding["allegation_id"] for finding in whole} == {"a1", "a2"}


def test_b28_no_assessment_outlasts_its_conclusion(given: Given) -> None:
    """Both halves of R17 are asked for again, also where the first one arrives late."""
    scene = given(*x.ALL_UNFOUNDED, x.SCREENED_OUT, NOTED, LATER).when(REOPEN, by=HEAD)
    assert scene.started == {"DL-26": "2022-03-15"}
    conclude_again(scene, "UNFOUNDED", "UNFOUNDED")
    scene.when_told(lambda case, ctx: case.note_clarification_assessment(ctx, x.WU.ref, "c-1", 1, 1))
    assert scene.events == []
    refusal = scene.when(c.CloseCase(), by=HEAD).refused("E_DUAL_ASSESSMENT_REQUIRED", "R17")
    assert refusal.details == {"clarification": [x.WU.ref], "false_accusation": False}
    (screened,) = scene.when(SCREEN_OUT).events
    assert isinstance(screened, e.FalseAccusationAssessed)
    assert (screened.conclusion, screened.subject_refs) == (2, (x.WU.ref,))
    scene.when_told(lambda case, ctx: case.note_clarification_assessment(ctx, x.WU.ref, "c-1", 2, 2))
    scene.when(c.CloseCase(), by=HEAD).in_state("CLOSED")


def test_b28_r17_each_subject_is_assessed_apart(given: Given) -> None:
    scene = given(*x.VERIFYING_TWO, found(A1), found(A2), found(B1), x.REPORT, x.CONCLUDED)
    scene.when(but(SCREEN_OUT, subject_ref="acc-other")).refused("E_ALLEGATION_NOT_UNFOUNDED", "R31")
    (one,) = scene.when(but(SCREEN_OUT, subject_ref="acc-zheng")).events
    assert isinstance(one, e.FalseAccusationAssessed)
    assert one.subject_refs == ("acc-zheng",)
    scene.when(but(SCREEN_OUT, subject_ref="acc-zheng")).refused("E_STATE", "R17")
    (left,) = scene.when(SCREEN_OUT).events
    assert isinstance(left, e.FalseAccusationAssessed)
    assert left.subject_refs == (x.WU.ref,)


# --- the clocks of waiting states (DL-25 to DL-27, DL-35, DL-36)


def test_dl25_dl26_dl35_from_the_proposal_to_the_beginning(given: Given) -> None:
    scene = given(x.OPENED, x.PROPOSED)
    assert scene.aggregate.running == {"DL-35"}
    scene.when(c.RejectDisposition(reason="不同意"), role=ORGAN_HEAD)
    assert (scene.met, scene.started) == ({"DL-35"}, {"DL-25": "2022-03-31"})
    scene.given(x.PROPOSED).when(c.ApproveDisposition(opinion="同意"), role=ORGAN_HEAD)
    assert (scene.started, scene.aggregate.running) == ({"DL-26": "2022-03-15"}, {"DL-26"})
    scene.when(x.START)
    assert scene.aggregate.running == {"DL-11"}
    scene.at("2022-05-02").when(c.ExtendVerification(reason="案情复杂"), by=HEAD).refused("E_STATE", "DL-11")
    scene = given(x.OPENED, x.PROPOSED_TALK).when(c.ApproveDisposition(opinion="同意"), role=DEPUTY_LEADER)
    assert scene.aggregate.running == {"DL-26"}
    scene.when(x.TALK)
    assert scene.aggregate.running == {"DL-10"}


def test_dl27_dl36_from_the_report_to_the_end(given: Given) -> None:
    scene = given(*x.REPORTED)
    assert scene.aggregate.running == {"DL-27"}
    scene.at("2022-03-04").when(c.CountersignReport(opinion="同意"), role=DEPT_HEAD)
    assert scene.started == {"DL-27": "2022-03-18"}
    scene.when(x.CONCLUDE, by=HEAD)
    assert scene.aggregate.running == {"DL-07", "DL-36"}


# --- what other streams change meanwhile (B11, B12, B24)


def test_b11_b12_a_correction_leaves_the_allegation_with_its_accused(given: Given) -> None:
    """Intake may name the accused by an older reference than the case: they were merged before the
    hand-over."""
    scene = given(x.OPENED, x.PROPOSED, x.APPROVED)
    corrected = A1.model_copy(update={"accused_ref": "acc-merged", "text": "收受红包两次"})
    scene.when_told(lambda case, ctx: case.note_correction(ctx, corrected))
    assert scene.last("AllegationCorrectionNoted").allegation.accused_ref == x.WU.ref
    scene.when_told(lambda case, ctx: case.note_correction(ctx, corrected)).then()


def test_b11_the_case_learns_where_its_accused_are_today(given: Given) -> None:
    """Known by any reference of theirs; told twice it is news once, and others stay as they are."""
    scene = given(x.OPENED, x.PROPOSED, x.APPROVED)
    now = x.WU.model_copy(update={"ref": "acc-stands", "unit": "新社区"})
    known_as = ("acc-stands", x.WU.ref)
    scene.when_told(lambda case, ctx: case.note_details(ctx, known_as, now)).then("AccusedDetailsNoted")
    assert scene.aggregate.accused[x.WU.ref].unit == "新社区"
    scene.when_told(lambda case, ctx: case.note_details(ctx, known_as, now)).then()
    scene.when_told(lambda case, ctx: case.note_details(ctx, ("acc-other",), now)).then()


def test_b24_a_joined_reporter_whose_name_was_confirmed_before_is_owed_the_result(given: Given) -> None:
    joined = ComplaintJoined(
        of=str(x.COMPLAINT),
        of_number="XF-990102100-2022-000002",
        number="XF-990102100-2022-000009",
        same=(),
        handling_dept="supervision-1",
        registered_by=(),
        real_name=True,
    )
    scene = given(x.OPENED)
    scene.when_told(lambda case, ctx: case.note_joined(ctx, "second", joined)).then("JoinedComplaintNoted")
    assert scene.aggregate.real_names == {"second"}
