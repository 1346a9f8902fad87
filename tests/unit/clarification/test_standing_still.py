"""The subject says no, and a round stands still (B36, A68, A72, DL-28, DL-36)."""

from __future__ import annotations

import pytest

from services.clarification import commands as c
from tests.unit.clarification.examples import (
    DEPUTY,
    HANDLER,
    HASH,
    QUIET_PLAN,
    STRANGER,
    SUBJECT,
    Clarifying,
    unfounded,
    written,
)

SUSPEND = c.SuspendClarification(ground="OTHER_CASE", reason="另案在查。")
RESUME = c.ResumeClarification(reason="另案已结。")
SIGNED = {"signed_form_hash": HASH, "signed_by": "吴虚四"}


def test_b36_the_subject_declines_every_form(scene: Clarifying) -> None:
    """From the invited account, or on a form that they signed; it ends the round and its clocks."""
    scene.submitted()
    scene.when(c.RecordSubjectDeclined(), by=STRANGER).refused("E_CONSENT_AUTHORITY")
    scene.when(c.RecordSubjectDeclined(), by=HANDLER).refused("E_CONSENT_AUTHORITY")
    scene.when(c.RecordSubjectDeclined(reason="不愿再提。"), by=SUBJECT).then("SubjectDeclinedAllForms")
    scene.in_state("DECLINED")
    assert not scene.aggregate.running
    scene.find(unfounded("case-2")).then("ClarificationReopened").in_state("ASSESSING")
    scene.when(c.RecordSubjectDeclined(**SIGNED), by=HANDLER).refused("E_STATE")
    scene.assess()
    scene.when(c.RecordSubjectDeclined(**SIGNED), by=HANDLER).in_state("DECLINED")


def test_b36_what_was_carried_out_is_not_declined(scene: Clarifying) -> None:
    scene.approved(QUIET_PLAN)
    scene.implement(written())
    scene.when(c.RecordSubjectDeclined(), by=SUBJECT).refused("E_STATE", "B36")


def test_b36_a68_with_harm_only_the_subjects_signed_no_counts(scene: Clarifying) -> None:
    scene.find()
    scene.assess()
    other = c.DecideNotRequired(reason="SECRECY_OR_OTHER_CASE", opinion="不予澄清。")
    scene.when(other, by=DEPUTY).refused("E_CLARIFICATION_DUE", "A68")
    told = {"reason": "SUBJECT_DECLINED", "opinion": "本人不愿。"}
    scene.when(c.DecideNotRequired(**told), by=DEPUTY).refused("E_EVIDENCE_MISSING", "B36")
    scene.when(c.DecideNotRequired(**told, **SIGNED), by=DEPUTY).in_state("NOT_REQUIRED")
    assert scene.last("ClarificationNotRequired").signed_by == "吴虚四"


@pytest.mark.parametrize("state", ["ASSESSED", "CONSENT_PENDING", "UNDER_REVIEW", "APPROVED"])
def test_b36_a_suspended_round_goes_on_where_it_was(scene: Clarifying, state: str) -> None:
    """The clocks stand still, and begin anew; a question that was open is put anew."""
    way = {"ASSESSED": lambda: (scene.find(), scene.assess()), "CONSENT_PENDING": scene.asked}
    way |= {"UNDER_REVIEW": scene.submitted, "APPROVED": scene.approved}
    way[state]()
    work = scene.aggregate.running - {"DL-15"}
    scene.when(SUSPEND, by=DEPUTY).in_state("SUSPENDED")
    assert scene.aggregate.running == {"DL-36"}
    scene.when(SUSPEND, by=DEPUTY).refused("E_STATE")
    scene.when(RESUME, by=DEPUTY).in_state("PLANNED" if state == "CONSENT_PENDING" else state)
    assert scene.aggregate.running == work
    if state == "CONSENT_PENDING":
        scene.ask().in_state("CONSENT_PENDING")


def test_b36_b28_findings_change_while_it_is_suspended(scene: Clarifying) -> None:
    scene.submitted().when(SUSPEND, by=DEPUTY)
    scene.reopen().find_again(true=1).in_state("SUSPENDED")
    scene.when(RESUME, by=DEPUTY).in_state("ASSESSING")
    assert scene.aggregate.running == {"DL-14"}
    scene.when(SUSPEND, by=DEPUTY)
    scene.reopen(conclusion=2).find_again(n=3, true=2).in_state("OVERTURNED")
    assert not scene.aggregate.running
