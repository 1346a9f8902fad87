"""Proposing, approving and rejecting a way of handling (A20, A58)."""

from __future__ import annotations

import pytest

from services.verification.commands import ApproveDisposition, ProposeDisposition, RejectDisposition
from shared.language.contracts.verification import (
    CaseHeld,
    DispositionApproved,
    DispositionProposed,
    DispositionRejected,
)
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD
from tests.unit.verification.examples import (
    APPROVED,
    CLERK,
    DEPUTY,
    HEAD,
    LI,
    OPENED,
    PROPOSED,
    PROPOSED_TALK,
    ZHAO,
    Given,
)

PROPOSE = ProposeDisposition(
    way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE", collective_study_ref="JY-2022-3"
)


def test_a20_a_studied_proposal_is_recorded(given: Given) -> None:
    given(OPENED).when(PROPOSE).then(PROPOSED).in_state("DISPOSITION_PROPOSED")


def test_a20_no_proposal_without_collective_study(given: Given) -> None:
    command = ProposeDisposition(way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE")
    given(OPENED).when(command).refused("E_COLLECTIVE_STUDY_MISSING", "A20")


def test_a58_each_way_has_its_own_reasons(given: Given) -> None:
    command = ProposeDisposition(
        way="TALK_OR_INQUIRY", reason="PLAUSIBLE_AND_VERIFIABLE", collective_study_ref="JY-1"
    )
    given(OPENED).when(command).refused("E_SCHEMA", "A58")


def test_a20_only_one_proposal_at_a_time(given: Given) -> None:
    given(OPENED, PROPOSED).when(PROPOSE).refused("E_STATE")


def test_a20_the_head_approves_a_preliminary_verification(given: Given) -> None:
    scene = given(OPENED, PROPOSED).when(ApproveDisposition(opinion="同意"), by=HEAD, role=ORGAN_HEAD)
    scene.then(DispositionApproved).in_state("VERIFYING_READY")


def test_a20_the_deputy_leader_may_not_approve_a_preliminary_verification(given: Given) -> None:
    scene = given(OPENED, PROPOSED).when(ApproveDisposition(opinion="同意"), by=DEPUTY, role=DEPUTY_LEADER)
    scene.refused("E_FORBIDDEN_ROLE", "A20")


def test_a20_the_deputy_leader_approves_a_talk(given: Given) -> None:
    scene = given(OPENED, PROPOSED_TALK).when(
        ApproveDisposition(opinion="同意"), by=DEPUTY, role=DEPUTY_LEADER
    )
    scene.then(DispositionApproved).in_state("TALKING")


@pytest.mark.parametrize(
    ("way", "reason", "role", "state"),
    [
        ("CLOSED_NO_ACTION", "NOTHING_TO_VERIFY", DEPUTY_LEADER, "CLOSING"),
        ("REFERRED_TO_INVESTIGATION", "ACCOUNTABILITY_SUSPECTED", ORGAN_HEAD, "REFERRED"),
    ],
)
def test_a20_the_other_ways_lead_out_of_verification(
    given: Given, way: str, reason: str, role: str, state: str
) -> None:
    proposed = DispositionProposed.model_validate({"way": way, "reason": reason, "study_ref": "JY-1"})
    scene = given(OPENED, proposed).when(ApproveDisposition(opinion="同意"), by=DEPUTY, role=role)
    scene.then(DispositionApproved).in_state(state)


def test_a65_a_held_case_starts_its_review_clock(given: Given) -> None:
    held = DispositionProposed(way="HELD_FOR_LATER", reason="CONDITIONS_LACKING", study_ref="JY-1")
    scene = given(OPENED, held).when(ApproveDisposition(opinion="同意"), by=DEPUTY, role=DEPUTY_LEADER)
    scene.then(DispositionApproved, CaseHeld).in_state("HELD")
    assert [d.id for d in scene.recorded[-1].meta.deadlines] == ["DL-21"]


def test_a20_nothing_to_approve_before_a_proposal(given: Given) -> None:
    given(OPENED).when(ApproveDisposition(opinion="同意"), role=ORGAN_HEAD).refused("E_STATE")


def test_a20_a_decided_proposal_is_decided(given: Given) -> None:
    decided = (OPENED, PROPOSED, APPROVED)
    given(*decided).when(ApproveDisposition(opinion="同意"), by=HEAD, role=ORGAN_HEAD).refused("E_STATE")
    given(*decided).when(RejectDisposition(reason="不同意"), by=HEAD, role=ORGAN_HEAD).refused("E_STATE")


def test_a20_a_rejected_proposal_reopens_the_question(given: Given) -> None:
    scene = given(OPENED, PROPOSED).when(RejectDisposition(reason="研究不充分"), by=HEAD, role=ORGAN_HEAD)
    scene.then(DispositionRejected).in_state("OPENED")


def test_a20_whoever_may_not_approve_may_not_reject(given: Given) -> None:
    scene = given(OPENED, PROPOSED).when(RejectDisposition(reason="不同意"), by=DEPUTY, role=DEPUTY_LEADER)
    scene.refused("E_FORBIDDEN_ROLE", "A20")


def test_sd3_the_registering_clerk_may_not_handle_and_the_proposer_may_not_approve(given: Given) -> None:
    given(OPENED).when(PROPOSE, by=CLERK).refused("E_SOD_CONFLICT", "A20")
    scene = given(OPENED).when(PROPOSE, by=LI).then(PROPOSED)
    for command in (ApproveDisposition(opinion="同意"), RejectDisposition(reason="不同意")):
        scene.when(command, by=LI, role=ORGAN_HEAD).refused("E_SOD_CONFLICT", "A20")
    scene.when(ApproveDisposition(opinion="同意"), by=ZHAO, role=ORGAN_HEAD).then(DispositionApproved)
