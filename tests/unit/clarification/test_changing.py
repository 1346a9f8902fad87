"""Clearing that rests on a finding that changes: held, taken out, or revoked (B27, B28, B29, DL-30,
DL-33)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.clarification import commands as c
from shared.language.contracts import clarification as e
from tests.unit.clarification.examples import (
    APPROVER,
    EVIDENCE,
    HANDLER,
    HEAD,
    MEETING_PLAN,
    QUIET_PLAN,
    Clarifying,
    unfounded,
    written,
)

STEPS: dict[str, tuple[Callable[[Clarifying], Any], Callable[[Clarifying], Any]]] = {
    "submit": (lambda s: s.consented(), lambda s: s.submit()),
    "review": (lambda s: s.submitted(), lambda s: s.review()),
    "approve": (lambda s: (s.submitted(), s.review()), lambda s: s.approve()),
    "implement": (lambda s: s.approved(), lambda s: s.implement(written())),
}
"""The way to each of the steps that a hold forbids, and the step."""
ALL_TOLD = ("本人", "云瓶镇党委主要负责人", "居民代表", "党员")


def test_b27_a_conclusion_is_known_by_its_number(scene: Clarifying) -> None:
    """Told twice is the same number twice; another number is news."""
    scene.find().then("ClarificationOpened")
    scene.find().then()
    scene.find_again(n=2).then("FurtherConclusionNoted")
    scene.find_again(n=2).then()
    scene.find_again(n=1, true=1).then()
    scene.find_again(n=3, true=2).then("FurtherConclusionNoted", "UnfoundedFindingsOverturned")
    scene.find_again(n=3, true=2).then()


@pytest.mark.parametrize("step", STEPS)
def test_b28_what_rests_on_a_reopened_case_is_held(scene: Clarifying, step: str) -> None:
    """Submitting, endorsing, approving and carrying out wait for the next conclusion; then it goes on."""
    before, take = STEPS[step]
    before(scene)
    work = scene.aggregate.running
    scene.reopen("case-9").then()
    (held,) = scene.reopen().events
    assert isinstance(held, e.ClarificationHeld)
    assert held.held == ("HC-case-1",)
    assert scene.aggregate.running == {"DL-30"}
    scene.reopen().then()
    take(scene).refused("E_FINDING_HELD", "B28")
    scene.find_again().then("FurtherConclusionNoted", "ClarificationHoldLifted")
    assert scene.aggregate.running == {*work, "DL-14"}
    take(scene).in_state(scene.aggregate.state)
    scene.when(c.ConfirmAssessment(case_id="case-1", reason="认定未变。"), by=HANDLER)
    (confirmed,) = scene.events
    assert isinstance(confirmed, e.ClarificationAssessmentConfirmed)
    assert confirmed.assessed() == {"case-1": 2}
    assert "DL-14" not in scene.aggregate.running
    scene.when(c.ConfirmAssessment(case_id="case-1", reason="认定未变。"), by=HANDLER).refused("E_STATE")


def test_b28_a_held_round_can_be_sent_back(scene: Clarifying) -> None:
    """No hold is a trap: the reviewer and the approver may return what lies before them."""
    scene.submitted().reopen()
    scene.review(decision="RETURN").in_state("PLANNED")


def test_b28_another_round_goes_on_while_one_is_held(scene: Clarifying) -> None:
    scene.completed()
    scene.find(unfounded("case-2"))
    scene.assess()
    scene.reopen("case-1")
    assert scene.aggregate.running == {"DL-28", "DL-30"}
    scene.propose().in_state("PROPOSED")
    scene.find_again("case-1").then("FurtherConclusionNoted", "ClarificationHoldLifted")


@pytest.mark.parametrize("step", STEPS)
def test_b28_an_item_that_is_true_leaves_the_round(scene: Clarifying, step: str) -> None:
    """Nothing was carried out: what is left is assessed anew, without the old plan, text and consent."""
    STEPS[step][0](scene)
    scene.reopen()
    scene.find_again(true=1).then("FurtherConclusionNoted", "UnfoundedFindingsOverturned")
    scene.in_state("ASSESSING")
    round = scene.aggregate
    assert [i.allegation_id for i in round.items] == ["case-1/2"]
    assert (round.plan, round.text, round.consent, round.approval) == (None, None, None, None)
    assert round.running == {"DL-14"}
    (assessed,) = scene.assess().events
    assert isinstance(assessed, e.ClarificationAssessed)
    assert assessed.assessed() == {"case-1": 2}
    scene.when(c.ProposeClarification(items=["case-1/1"]), by=HANDLER).refused("E_ALLEGATION_NOT_UNFOUNDED")
    scene.propose().refused("E_DISCIPLINE_LOOSENING", "R9")


def test_b28_with_nothing_left_the_round_is_over(scene: Clarifying) -> None:
    scene.submitted().reopen()
    scene.find(unfounded("case-2")).then("UnfoundedFindingsJoined")
    scene.find_again(true=2).then(
        "FurtherConclusionNoted", "UnfoundedFindingsOverturned", "ClarificationReopened"
    )
    scene.in_state("ASSESSING")
    assert [i.case_id for i in scene.aggregate.items] == ["case-2", "case-2"]
    scene.find_again("case-2", true=2).in_state("OVERTURNED")
    assert not scene.aggregate.running
    scene.find_again("case-2", n=3).then("FurtherConclusionNoted", "ClarificationReopened")


def test_b28_what_waits_for_the_next_round_is_taken_back_too(scene: Clarifying) -> None:
    scene.submitted()
    scene.find(unfounded("case-2"))
    scene.reopen("case-2").find_again("case-2", true=1)
    assert [[i.allegation_id for i in w.items] for w in scene.aggregate.waiting] == [["case-2/2"]]
    scene.find_again("case-2", n=3, true=2)
    assert scene.aggregate.waiting == []
    assert "DL-14" not in scene.aggregate.running


def test_b28_what_was_not_required_is_assessed_anew(scene: Clarifying) -> None:
    """A further conclusion opens a round, as the first did (R53)."""
    scene.find()
    scene.assess(adverse_effect=[], recommendation="NOT")
    scene.when(c.DecideNotRequired(reason="NO_ADVERSE_EFFECT", opinion="未造成影响。"))
    scene.reopen().find_again()
    scene.then("FurtherConclusionNoted", "ClarificationHoldLifted", "ClarificationReopened")
    scene.in_state("ASSESSING")
    assert scene.aggregate.running == {"DL-14"}


def test_b28_a_new_unfounded_finding_joins_the_next_round(scene: Clarifying) -> None:
    """An inconclusive allegation turns out unfounded: it is cleared like others."""
    scene.find_again(n=1, unfounded_=1).in_state("ASSESSING")
    scene.assess()
    scene.propose()
    scene.reopen().find_again()
    scene.then("FurtherConclusionNoted", "ClarificationHoldLifted", "UnfoundedFindingsJoined")
    assert [[i.allegation_id for i in w.items] for w in scene.aggregate.waiting] == [["case-1/2"]]


# --- revocation (B29)


def test_b28_dl30_what_was_carried_out_is_to_be_revoked(scene: Clarifying) -> None:
    """Nothing is revoked by itself; whether it is, is decided within fifteen working days."""
    scene.completed().at("2022-04-01").reopen()
    assert scene.started == {"DL-30": "2022-04-24"}
    scene.find_again(true=1).then("FurtherConclusionNoted", "RevocationDue").in_state("COMPLETED")
    assert scene.started["DL-30#r1"] == "2022-04-24"
    assert scene.last("RevocationDue").lost_ids == ("case-1/1",)
    scene.find_again(n=3).then("FurtherConclusionNoted", "RevocationNoLongerDue")
    assert scene.aggregate.running == {"DL-14"}


def test_b28_half_carried_out_it_goes_no_further(scene: Clarifying) -> None:
    scene.approved(QUIET_PLAN)
    scene.implement(written())
    scene.reopen().find_again(true=1).then("FurtherConclusionNoted", "RevocationDue").in_state("APPROVED")
    assert scene.aggregate.running == {"DL-14", "DL-30#r1"}
    scene.implement(written()).refused("E_ALLEGATION_NOT_UNFOUNDED", "B28")
    scene.revoke().in_state("REVOKED")


def test_b28_nothing_is_filed_that_is_held_or_to_be_revoked(scene: Clarifying) -> None:
    scene.approved(QUIET_PLAN)
    for form in ("WRITTEN", "FACE_TO_FACE"):
        scene.implement(EVIDENCE[form]())
    scene.enter_in_file()
    scene.reopen()
    assert scene.aggregate.running == {"DL-30"}
    scene.enter_in_platform().refused("E_FINDING_HELD", "B28")
    scene.find_again(true=1)
    scene.enter_in_platform().refused("E_ALLEGATION_NOT_UNFOUNDED", "B28")
    scene.revoke()
    assert scene.last("ClarificationRevoked").places == ("ARCHIVE",)


def test_b29_the_chain_that_approved_revokes_and_everybody_is_told(scene: Clarifying) -> None:
    scene.completed().at("2022-04-01")
    propose = c.ProposeRevocation(round=1, cause="FINDING_OVERTURNED", reason="原认定已改变。")
    scene.when(propose, by=HANDLER).refused("E_STATE", "B29")
    scene.reopen().find_again(true=1)
    review = c.ReviewRevocation(round=1, decision="ENDORSE", opinion="同意。")
    approve = c.ApproveRevocation(round=1, decision="APPROVE", opinion="批准。")
    scene.when(review, by=HEAD).refused("E_STATE", "B29")
    scene.when(propose, by=HEAD, role="handler").refused("E_FORBIDDEN_ROLE")
    scene.when(propose, by=HANDLER).then("RevocationProposed")
    assert (scene.met, scene.started) == ({"DL-30#r1"}, {"DL-35#r1": "2022-04-18"})
    scene.when(approve, by=APPROVER).refused("E_STATE", "B29")
    back = c.ReviewRevocation(round=1, decision="RETURN", opinion="补充。")
    scene.when(back, by=HEAD).then("RevocationReturned")
    assert scene.started.keys() == {"DL-30#r1"}
    scene.when(propose, by=HANDLER)
    scene.when(review, by=HEAD).then("RevocationReviewed")
    scene.when(approve, by=HEAD).refused("E_APPROVER_WRONG_ORGAN")
    scene.when(approve, by=APPROVER).then("ClarificationRevoked", "UnfoundedFindingsJoined")
    scene.in_state("REVOKED")
    revoked = scene.last("ClarificationRevoked")
    assert (revoked.told, revoked.places) == (ALL_TOLD, ("PLATFORM", "ARCHIVE"))
    assert scene.aggregate.running == {"DL-14", "DL-33#r1"}
    scene.notify("县电视台").refused("E_SCHEMA", "B29")
    scene.correct("PLATFORM").then("FileCorrected")
    scene.correct("PLATFORM").refused("E_SCHEMA", "B29")
    for recipient in ALL_TOLD:
        scene.notify(recipient).then("RecipientNotified")
    scene.correct("ARCHIVE").then("FileCorrected", "RevocationCarriedOut", "ClarificationReopened")
    assert scene.last("ClarificationReopened").unfounded_ids == ("case-1/2",)
    assert scene.aggregate.running == {"DL-14"}


def test_b29_an_earlier_round_is_revoked_beside_the_present_one(scene: Clarifying) -> None:
    scene.completed()
    scene.find(unfounded("case-2"))
    scene.assess()
    scene.reopen().find_again(true=2)
    scene.revoke().in_state("ASSESSED")
    for recipient in ALL_TOLD:
        scene.notify(recipient)
    scene.correct("PLATFORM")
    scene.correct("ARCHIVE").then("FileCorrected", "RevocationCarriedOut").in_state("ASSESSED")
    scene.propose()
    scene.plan(MEETING_PLAN).in_state("PLANNED")


def test_b29_a_wrong_text_is_revoked_without_a_finding(scene: Clarifying) -> None:
    """And may be refused: then it stands, and nothing is due."""
    scene.completed()
    scene.when(c.ProposeRevocation(round=1, cause="WRONG_SUBJECT_OR_TEXT", reason="张冠李戴。"), by=HANDLER)
    scene.when(c.ReviewRevocation(round=1, decision="ENDORSE", opinion="同意。"), by=HEAD)
    refuse = c.ApproveRevocation(round=1, decision="REFUSE", opinion="无误。")
    scene.when(refuse, by=APPROVER).then("RevocationReturned").in_state("COMPLETED")
    assert not scene.aggregate.running
    scene.revoke(cause="WRONG_SUBJECT_OR_TEXT").in_state("REVOKED")


def test_b28_an_item_that_comes_back_is_in_the_letter_once(scene: Clarifying) -> None:
    """In the words of the latest conclusion: the letter of a later round is neither stopped by the words of
    an earlier one nor says anything twice."""
    scene.completed().reopen()
    again = unfounded(texts=("反映其多报补贴", "反映其收受礼金")).model_copy(update={"conclusion": 2})
    scene.find(again)
    scene.assess()
    new = scene.aggregate.items[0].allegation_id
    scene.when(c.ProposeClarification(items=[new]), by=HANDLER)
    scene.plan(QUIET_PLAN)
    scene.invite()
    scene.render()
    text = scene.last("ClarificationTextRendered").text
    assert text.count("反映其多报补贴") == 1
    assert "反映其违规发放补贴" not in text
    scene.hear()
    scene.submit().in_state("UNDER_REVIEW")


def test_b29_nothing_more_is_carried_out_while_a_revocation_is_under_way(scene: Clarifying) -> None:
    """A second form neither goes out nor makes the proposal forgotten."""
    scene.approved()
    scene.implement(written())
    scene.when(c.ProposeRevocation(round=1, cause="WRONG_SUBJECT_OR_TEXT", reason="张冠李戴。"), by=HANDLER)
    scene.implement(EVIDENCE["MEETING"]()).refused("E_STATE", "B29")
    scene.when(c.ReviewRevocation(round=1, decision="RETURN", opinion="无误。"), by=HEAD)
    scene.implement(EVIDENCE["MEETING"]()).then("ClarificationFormImplemented", "ClarificationImplemented")


def test_b29_a_cause_that_was_given_up_is_forgotten(scene: Clarifying) -> None:
    """Due for a finding, it is due no longer when the next conclusion calls that unfounded again."""
    scene.completed()
    scene.when(c.ProposeRevocation(round=1, cause="WRONG_SUBJECT_OR_TEXT", reason="张冠李戴。"), by=HANDLER)
    scene.when(c.ReviewRevocation(round=1, decision="RETURN", opinion="无误。"), by=HEAD)
    scene.reopen().find_again(n=2, true=2)
    assert scene.aggregate.rounds[1].revocation == "DUE"
    scene.reopen(conclusion=2)
    scene.find_again(n=3).then("FurtherConclusionNoted", "RevocationNoLongerDue", "ClarificationHoldLifted")
    overturned = c.ProposeRevocation(round=1, cause="FINDING_OVERTURNED", reason="认定改变。")
    scene.when(overturned, by=HANDLER).refused("E_STATE", "B29")


# --- the clocks of waiting states (DL-28, DL-29)


def test_dl28_dl29_from_the_assessment_to_the_approval(scene: Clarifying) -> None:
    """Planning again does not put off that it is laid before the head, nor does asking the subject."""
    scene.find()
    scene.assess(adverse_effect=[], recommendation="NOT")
    assert scene.started == {"DL-28": "2022-03-22"}
    scene.at("2022-03-02").propose()
    scene.plan(MEETING_PLAN)
    assert (scene.met, scene.started) == ({"DL-28"}, {"DL-28": "2022-03-23"})
    scene.at("2022-03-07").plan(MEETING_PLAN, rationale="影响更广。")
    assert (scene.met, scene.started) == (set(), {})
    scene.invite()
    scene.render()
    scene.ask()
    assert scene.aggregate.running == {"DL-28"}
    scene.deliver()
    scene.answer()
    scene.hear()
    scene.submit()
    assert scene.aggregate.clocks["DL-29"].due == "2022-03-14"
    assert scene.aggregate.running == {"DL-29"}
    scene.at("2022-03-08").review()
    assert scene.aggregate.clocks["DL-29"].due == "2022-03-15"
    scene.approve(decision="REFUSE")
    assert scene.aggregate.running == {"DL-28"}
