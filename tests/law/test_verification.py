"""Verification: disposition, evidence, findings, report, conclusion, the dual assessment (§4.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.harness import (
    CONCLUSION,
    COUNTY,
    NO_HARM,
    OTHER_COUNTY,
    OTHER_TOWN,
    REPORT,
    TOWN,
    Story,
    World,
    allegation,
    hidden,
    person,
    refused,
    sha,
    sub,
)

HANDLER = TOWN.handler
CHIEF = TOWN.handling_dept_head


# --- opening ---


def test_p1_a_transferred_complaint_opens_its_case_once(world: World, opened: Story) -> None:
    view = world.read(opened.case, HANDLER)
    assert view["history"][0]["type"] == "VerificationCaseOpened"
    assert view["number"].startswith("HC-990102100-")
    transfer = world.read(opened.complaint, TOWN.petition_clerk)
    assert view["correlation_id"] == transfer["correlation_id"]


# --- disposition (A20, A58) ---

PROPOSAL = {
    "way": "PRELIMINARY_VERIFICATION",
    "reason": "PLAUSIBLE_AND_VERIFIABLE",
    "collective_study_ref": "study-1",
}


def test_a20_a_proposal_needs_collective_study(world: World, opened: Story) -> None:
    body = {k: v for k, v in PROPOSAL.items() if k != "collective_study_ref"}
    answer = world.give(opened.case, "ProposeDisposition", HANDLER, body)
    refused(answer, "E_COLLECTIVE_STUDY_MISSING", "A20")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("PRELIMINARY_VERIFICATION", "CONDITIONS_LACKING"),
        ("TALK_OR_INQUIRY", "PLAUSIBLE_AND_VERIFIABLE"),
        ("HELD_FOR_LATER", "EARLY_SIGN"),
        ("CLOSED_NO_ACTION", "PLAUSIBLE_AND_VERIFIABLE"),
        ("REFERRED_TO_INVESTIGATION", "NOTHING_TO_VERIFY"),
    ],
)
def test_a58_a_way_has_its_own_reasons(world: World, opened: Story, way: str, reason: str) -> None:
    body = {**PROPOSAL, "way": way, "reason": reason}
    refused(world.give(opened.case, "ProposeDisposition", HANDLER, body), "E_SCHEMA", "A58")


@pytest.mark.parametrize(
    ("way", "reason", "approver", "other", "state"),
    [
        ("TALK_OR_INQUIRY", "EARLY_SIGN", "deputy_leader", "organ_head", "TALKING"),
        (
            "PRELIMINARY_VERIFICATION",
            "PLAUSIBLE_AND_VERIFIABLE",
            "organ_head",
            "deputy_leader",
            "VERIFYING_READY",
        ),
        ("HELD_FOR_LATER", "CONDITIONS_LACKING", "deputy_leader", "organ_head", "HELD"),
        ("CLOSED_NO_ACTION", "UNFOUNDED_ON_ITS_FACE", "deputy_leader", "organ_head", "CLOSING"),
        (
            "REFERRED_TO_INVESTIGATION",
            "ACCOUNTABILITY_SUSPECTED",
            "organ_head",
            "deputy_leader",
            "REFERRED",
        ),
    ],
)
def test_a20_each_way_has_its_approver(
    world: World, way: str, reason: str, approver: str, other: str, state: str
) -> None:
    story = world.story().proposed_disposition(way, reason)
    opinion = {"opinion": "同意。"}
    wrong = world.give(story.case, "ApproveDisposition", getattr(TOWN, other), opinion)
    refused(wrong, "E_FORBIDDEN_ROLE", "A20")
    answer = world.do(story.case, "ApproveDisposition", getattr(TOWN, approver), opinion)
    assert answer["state"] == state


def test_a20_a_rejected_proposal_is_made_again(world: World) -> None:
    story = world.story().proposed_disposition()
    no = world.do(story.case, "RejectDisposition", TOWN.organ_head, {"reason": "理由不充分。"})
    assert no["state"] == "OPENED"
    assert world.do(story.case, "ProposeDisposition", HANDLER, PROPOSAL)["state"] == "DISPOSITION_PROPOSED"


def test_a20_nothing_is_approved_that_was_not_proposed(world: World, opened: Story) -> None:
    answer = world.give(opened.case, "ApproveDisposition", TOWN.organ_head, {"opinion": "同意。"})
    refused(answer, "E_STATE")


def test_a65_dl21_what_is_held_is_reviewed_and_taken_up_again(world: World) -> None:
    """Every 180 days; the leader who may hold it ends it, and another disposition follows (DL-21)."""
    story = world.story().proposed_disposition("HELD_FOR_LATER", "CONDITIONS_LACKING")
    refused(world.give(story.case, "ReviewHeld", HANDLER, {"result": "条件仍不具备。"}), "E_STATE", "A65")
    held = world.do(story.case, "ApproveDisposition", TOWN.deputy_leader, {"opinion": "同意。"})
    assert held["state"] == "HELD"
    for _ in range(2):
        running = world.read(story.case, HANDLER)["deadlines"]
        assert running["DL-21"] == str(world.today + timedelta(days=180))
        world.pass_days(2)
        kept = world.do(story.case, "ReviewHeld", HANDLER, {"result": "条件仍不具备。"})
        assert kept["state"] == "HELD"
    body = {"reason": "出现新线索。"}
    refused(world.give(story.case, "ResumeCase", TOWN.organ_head, body), "E_FORBIDDEN_ROLE", "A65")
    assert world.do(story.case, "ResumeCase", TOWN.deputy_leader, body)["state"] == "OPENED"
    assert "DL-21" not in world.read(story.case, HANDLER)["deadlines"]
    assert world.do(story.case, "ProposeDisposition", HANDLER, PROPOSAL)["state"] == "DISPOSITION_PROPOSED"


def test_a58_a_case_is_closed_without_verification(world: World) -> None:
    """For the approved reason, by another than the handler. Nothing was proved: nobody is cleared (A66)."""
    accused = [person(), person()]
    story = world.story(accused=accused, allegations=[allegation("a1"), allegation("b1", 1)])
    story.proposed_disposition("CLOSED_NO_ACTION", "NOTHING_TO_VERIFY")
    body = {"opinion": "予以了结。"}
    refused(world.give(story.case, "CloseWithoutVerification", TOWN.organ_head, body), "E_STATE", "A58")
    world.do(story.case, "ApproveDisposition", TOWN.deputy_leader, {"opinion": "同意。"})
    refused(world.give(story.case, "CloseWithoutVerification", HANDLER, body), "E_FORBIDDEN_ROLE", "A58")
    position = world.position("verification")
    closed = world.do(story.case, "CloseWithoutVerification", TOWN.organ_head, body)
    assert closed["state"] == "CLOSED"
    whole, *each = [e for e in world.log("verification", position) if e.stream == story.case.id]
    assert whole.type == "CaseClosedWithoutVerification"
    assert whole.event["reason"] == "NOTHING_TO_VERIFY"
    assert {f["outcome"] for f in whole.event["findings"]} == {"INCONCLUSIVE"}
    assert [e.type for e in each] == ["AllegationsInconclusive"] * 2
    found = [[f["allegation_id"] for f in e.event["inconclusive"]] for e in each]
    assert found == [[id] for id in story.allegation_ids]
    world.patiently(lambda: story.state("complaint") == "RESULT_AVAILABLE")


# --- the team, evidence, talks (A60-A63, R27, R56) ---


def test_a61_the_team_has_two_different_people(world: World) -> None:
    story = world.story().disposed()
    for team in ([], [sub(HANDLER)], [sub(HANDLER), sub(HANDLER)]):
        body = {"team": team, "plan_hash": sha("plan")}
        refused(world.give(story.case, "StartVerification", HANDLER, body), "E_SCHEMA", "A61")


def test_sd3_the_registering_clerk_is_not_in_the_team(world: World, verifying: Story) -> None:
    story = world.story().disposed()
    with_clerk = [sub(HANDLER), sub(TOWN.petition_clerk)]
    answer = world.give(
        story.case, "StartVerification", HANDLER, {"team": with_clerk, "plan_hash": sha("plan")}
    )
    refused(answer, "E_SOD_CONFLICT", "SD3")
    evidence = verifying.evidence("E7", collectors=with_clerk)
    refused(world.give(verifying.case, "RecordEvidence", HANDLER, evidence), "E_SOD_CONFLICT", "SD3")
    talk = verifying.talk(staff=with_clerk)
    refused(world.give(verifying.case, "HoldTalk", HANDLER, talk), "E_SOD_CONFLICT", "SD3")


def test_a62_evidence_is_taken_by_two_and_not_in_the_future(world: World, verifying: Story) -> None:
    later = (world.now + timedelta(hours=1)).isoformat()
    for body in (
        verifying.evidence("E8", collectors=[sub(HANDLER)]),
        verifying.evidence("E8", collectors=[sub(HANDLER)] * 2),
        verifying.evidence("E8", collected_at=later),
        verifying.evidence("E8", collected_at="2023-01-01T10:00:00"),
        verifying.evidence("E8", hash="not-a-digest"),
        verifying.evidence("E1"),
        verifying.evidence("8"),
        verifying.evidence("E8", signature="FORGED"),
    ):
        refused(world.give(verifying.case, "RecordEvidence", HANDLER, body), "E_SCHEMA")


def test_a60_a_talk_is_held_by_two(world: World, verifying: Story) -> None:
    for staff in ([sub(HANDLER)], [sub(HANDLER)] * 2, []):
        talk = verifying.talk(staff=staff)
        refused(world.give(verifying.case, "HoldTalk", HANDLER, talk), "E_SCHEMA", "A60")


def test_a60_with_the_accused_it_says_which(world: World, verifying: Story) -> None:
    for talk in (
        verifying.talk(accused_ref=None),
        verifying.talk(talked_with="WITNESS"),
    ):
        refused(world.give(verifying.case, "HoldTalk", HANDLER, talk), "E_SCHEMA", "A60")
    talk = verifying.talk(accused_ref="acc-somebody-else")
    refused(world.give(verifying.case, "HoldTalk", HANDLER, talk), "E_SCHEMA", "A63")


def test_r56_the_accused_hears_his_duties_at_the_first_talk(world: World) -> None:
    story = world.story().verifying()
    silent = story.talk(duties_acknowledged=None)
    answer = world.give(story.case, "HoldTalk", HANDLER, silent)
    refused(answer, "E_RECORD_INCOMPLETE", "R56")
    world.do(story.case, "HoldTalk", HANDLER, story.talk())
    world.do(story.case, "HoldTalk", HANDLER, silent)


@pytest.mark.parametrize(
    "note",
    [
        "向居民打听是谁写的举报信。",
        "问其知不知道举报人是谁。",
        "让其辨认来信的笔迹。",
        "We asked who wrote the letter.",
    ],
)
def test_r27_a52_nobody_is_asked_who_reported(world: World, verifying: Story, note: str) -> None:
    before = world.position("verification")
    talk = verifying.talk(talked_with="WITNESS", accused_ref=None, note=note)
    answer = world.give(verifying.case, "HoldTalk", HANDLER, talk)
    refused(answer, "E_TRACE_FORBIDDEN")
    assert note not in answer.text
    alerts = world.log("verification", before, "SecurityAlertRaised")
    assert [(a.event["code"], a.event["actor"]) for a in alerts] == [("E_TRACE_FORBIDDEN", sub(HANDLER))]


def test_r27_forbidding_to_ask_is_no_asking(world: World, verifying: Story) -> None:
    note = "告知其不得打听举报人身份。"
    world.do(verifying.case, "HoldTalk", HANDLER, verifying.talk(note=note))


def test_sec12_the_reporters_name_is_not_stored_in_a_talk(world: World) -> None:
    story = world.story(reporter={"name": "虚谈举", "phone": "19911112222"}).verifying()
    talk = story.talk(note="本人称与虚谈举有过节。")
    refused(world.give(story.case, "HoldTalk", HANDLER, talk), "E_TRACE_FORBIDDEN", "SEC-16")
    finding = story.evidence(place="虚谈举家中")
    answer = world.give(story.case, "RecordEvidence", HANDLER, finding)
    refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_a36_the_accused_is_heard(world: World, verifying: Story) -> None:
    body = {"accused_ref": verifying.ref(), "statement": "情况不存在。", "record_hash": sha("statement")}
    world.do(verifying.case, "RecordAccusedStatement", HANDLER, body)
    other = {**body, "accused_ref": "acc-somebody-else"}
    refused(world.give(verifying.case, "RecordAccusedStatement", HANDLER, other), "E_SCHEMA", "A63")


def test_42_nothing_is_recorded_before_the_verification_starts(world: World, opened: Story) -> None:
    body = {"accused_ref": opened.ref(), "statement": "情况不存在。", "record_hash": sha("statement")}
    refused(world.give(opened.case, "RecordEvidence", HANDLER, opened.evidence()), "E_STATE")
    refused(world.give(opened.case, "RecordAccusedStatement", HANDLER, body), "E_STATE")


# --- findings (R9, R21, A63, A64) ---


def test_r21_a_finding_rests_on_recorded_evidence(world: World, verifying: Story) -> None:
    for refs in ([], ["E99"], ["E1", "E99"]):
        body = verifying.finding(evidence_refs=refs)
        refused(world.give(verifying.case, "FindAllegation", HANDLER, body), "E_EVIDENCE_MISSING", "R21")


def test_a63_only_listed_allegations_are_found(world: World, verifying: Story) -> None:
    body = verifying.finding(allegation_id="another")
    refused(world.give(verifying.case, "FindAllegation", HANDLER, body), "E_SCHEMA", "A63")


def test_42_a_partly_true_allegation_is_split_and_its_parts_are_found(world: World) -> None:
    verifying = world.story().with_evidence()
    case, whole = verifying.case, verifying.finding()["allegation_id"]
    parts = [{"suffix": "a", "text": "反映其收受酒水。"}, {"suffix": "b", "text": "反映其收受香烟。"}]
    body = {"allegation_id": whole, "parts": parts, "approved_by": sub(TOWN.handling_dept_head)}
    own = {**body, "approved_by": sub(HANDLER)}
    refused(world.give(case, "SplitAllegation", HANDLER, own), "E_SOD_CONFLICT", "SEC-2")
    told = [parts[0], {"suffix": "b", "text": "匿名信反映其收受香烟。"}]
    refused(
        world.give(case, "SplitAllegation", HANDLER, {**body, "parts": told}), "E_TEXT_IDENTITY_LEAK", "SEC-2"
    )
    refused(world.give(case, "SplitAllegation", HANDLER, {**body, "parts": parts[:1]}), "E_SCHEMA")
    world.do(case, "SplitAllegation", HANDLER, body)
    refused(world.give(case, "FindAllegation", HANDLER, verifying.finding()), "E_SCHEMA", "A63")
    refused(world.give(case, "SubmitReport", HANDLER, REPORT), "E_RECORD_INCOMPLETE", "A61")
    for suffix, outcome in (("a", "SUBSTANTIATED"), ("b", "UNFOUNDED")):
        found = verifying.finding(allegation_id=whole + suffix, outcome=outcome)
        world.do(case, "FindAllegation", HANDLER, found)
    again = {**body, "allegation_id": whole + "a"}
    refused(world.give(case, "SplitAllegation", HANDLER, again), "E_STATE", "§4.2")
    world.do(case, "SubmitReport", HANDLER, REPORT)


def test_42_an_atomic_allegation_is_not_partly_true(world: World, verifying: Story) -> None:
    body = verifying.finding(outcome="PARTIALLY_SUBSTANTIATED")
    refused(world.give(verifying.case, "FindAllegation", HANDLER, body), "E_SPLIT_REQUIRED")


def test_a61_the_report_waits_for_every_finding(world: World) -> None:
    story = world.story(allegations=[allegation("a1"), allegation("a2")]).with_evidence()
    world.do(story.case, "FindAllegation", HANDLER, story.finding(0))
    details = refused(world.give(story.case, "SubmitReport", HANDLER, REPORT), "E_RECORD_INCOMPLETE", "A61")
    assert details == {"allegations": [story.allegation_ids[1]]}


@pytest.mark.parametrize("part", sorted(REPORT))
def test_a61_the_report_has_all_its_parts(world: World, verifying: Story, part: str) -> None:
    body = {k: v for k, v in REPORT.items() if k != part}
    refused(world.give(verifying.case, "SubmitReport", HANDLER, body), "E_SCHEMA")


def test_a64_only_a_substantiated_allegation_has_a_disposition(world: World, verifying: Story) -> None:
    body = {
        "allegation_id": verifying.allegation_ids[0],
        "form_of_supervision": 1,
        "disposition_ref": "d-1",
    }
    refused(world.give(verifying.case, "RecordSubstantiatedDisposition", HANDLER, body), "E_SCHEMA", "A64")
    fifth = {**body, "form_of_supervision": 5}
    refused(world.give(verifying.case, "RecordSubstantiatedDisposition", HANDLER, fifth), "E_SCHEMA")


# --- conclusion (R1, R25, SD3) ---


def test_a61_a_returned_report_is_written_again(world: World) -> None:
    story = world.story().reported()
    back = world.do(story.case, "ReturnReport", TOWN.organ_head, {"reason": "补充核查。"})
    assert back["state"] == "VERIFYING"
    world.do(story.case, "FindAllegation", HANDLER, story.finding(outcome="INCONCLUSIVE"))
    world.do(story.case, "SubmitReport", HANDLER, REPORT)
    world.do(story.case, "CountersignReport", CHIEF, {"opinion": "同意。"})
    world.do(story.case, "ConcludeVerification", TOWN.organ_head, CONCLUSION)
    assert world.read(story.case, HANDLER)["facts"]["verdict"] == "HAS_INCONCLUSIVE"


def test_r1_the_head_of_the_department_countersigns(world: World) -> None:
    """Before the organ's head concludes; and again, where the report was written again."""
    story = world.story().reported()
    body = {"opinion": "同意。"}
    for _ in range(2):
        answer = world.give(story.case, "ConcludeVerification", TOWN.organ_head, CONCLUSION)
        refused(answer, "E_APPROVAL_REQUIRED", "R1")
        refused(world.give(story.case, "CountersignReport", HANDLER, body), "E_FORBIDDEN_ROLE", "R1")
        signed = world.do(story.case, "CountersignReport", CHIEF, body)
        assert signed["state"] == "REPORTED"
        refused(world.give(story.case, "CountersignReport", CHIEF, body), "E_STATE", "R1")
        world.do(story.case, "ReturnReport", TOWN.organ_head, {"reason": "补充核查。"})
        world.do(story.case, "SubmitReport", HANDLER, REPORT | {"none_changed": "补充材料与认定一致。"})
    world.do(story.case, "CountersignReport", CHIEF, body)
    concluded = world.do(story.case, "ConcludeVerification", TOWN.organ_head, CONCLUSION)
    assert concluded["state"] == "CONCLUDED"


def test_r1_who_took_part_does_not_countersign(world: World) -> None:
    """The head of the department took evidence in person."""
    story = world.story().verifying()
    evidence = story.evidence(collectors=[sub(HANDLER), sub(CHIEF)])
    with world.standing_in(TOWN, "handling_dept_head", TOWN.deputy_leader):
        world.do(story.case, "RecordEvidence", HANDLER, evidence)
    world.do(story.case, "FindAllegation", HANDLER, story.finding())
    world.do(story.case, "SubmitReport", HANDLER, REPORT)
    refused(world.give(story.case, "CountersignReport", CHIEF, {"opinion": "同意。"}), "E_SOD_CONFLICT", "R1")


def test_r1_the_three_distinctions_are_examined(world: World, reported: Story) -> None:
    head = TOWN.organ_head
    for body in (
        {**CONCLUSION, "three_distinctions": []},
        {k: v for k, v in CONCLUSION.items() if k != "three_distinctions"},
        {
            **CONCLUSION,
            "three_distinctions": [{"distinction": "KIND_VS_UNKIND", "applies": False, "reasoning": "无。"}],
        },
        {
            **CONCLUSION,
            "three_distinctions": [
                {"distinction": "EXPERIENCE_VS_KNOWING", "applies": False, "reasoning": ""}
            ],
        },
    ):
        refused(world.give(reported.case, "ConcludeVerification", head, body), "E_SCHEMA")


def test_a61_the_conclusion_needs_collective_study(world: World, reported: Story) -> None:
    body = {**CONCLUSION, "collective_study_ref": None}
    answer = world.give(reported.case, "ConcludeVerification", TOWN.organ_head, body)
    refused(answer, "E_COLLECTIVE_STUDY_MISSING", "A61")


@pytest.mark.parametrize("who", ["handler", "handling_dept_head", "deputy_leader"])
def test_r1_only_the_organs_head_concludes(world: World, reported: Story, who: str) -> None:
    answer = world.give(reported.case, "ConcludeVerification", getattr(TOWN, who), CONCLUSION)
    refused(answer, "E_FORBIDDEN_ROLE", "R1")


def test_sd3_whoever_gathered_facts_does_not_conclude(world: World) -> None:
    """The organ's head took evidence in person while somebody stood in for them: now the county's head would
    have to conclude."""
    story = world.story().verifying()
    evidence = story.evidence(collectors=[sub(HANDLER), sub(TOWN.organ_head)])
    with world.standing_in(TOWN, "organ_head", TOWN.deputy_leader):
        world.do(story.case, "RecordEvidence", HANDLER, evidence)
    world.do(story.case, "FindAllegation", HANDLER, story.finding())
    world.do(story.case, "SubmitReport", HANDLER, REPORT)
    answer = world.give(story.case, "ConcludeVerification", TOWN.organ_head, CONCLUSION)
    refused(answer, "E_SOD_CONFLICT", "R1")


def test_sd3_whoever_proposed_does_not_approve_the_disposition(world: World) -> None:
    """The team member of an organ's head is that head's own handler."""
    story = world.story().disposed()
    team = {"team": [sub(HANDLER), sub(TOWN.organ_head)], "plan_hash": sha("plan")}
    with world.standing_in(TOWN, "organ_head", TOWN.deputy_leader):
        world.do(story.case, "StartVerification", HANDLER, team)
    world.do(story.case, "RecordEvidence", HANDLER, story.evidence())
    world.do(story.case, "FindAllegation", HANDLER, story.finding())
    world.do(story.case, "SubmitReport", HANDLER, REPORT)
    answer = world.give(story.case, "ReturnReport", TOWN.organ_head, {"reason": "补充核查。"})
    refused(answer, "E_SOD_CONFLICT", "A61")


def test_r25_each_subject_is_concluded_apart(world: World) -> None:
    story = world.story(
        accused=[person(), person()],
        allegations=[allegation("a1"), allegation("a2"), allegation("b1", 1)],
        outcomes={"a2": "SUBSTANTIATED", "b1": "UNFOUNDED"},
    )
    before = world.position("verification")
    story.concluded()
    told = world.log("verification", before, "AllegationsVerifiedUnfounded")
    assert [(e.event["subject"]["ref"], len(e.event["unfounded"])) for e in told] == [
        (story.ref(0), 1),
        (story.ref(1), 1),
    ]
    assert [f["outcome"] for f in told[0].event["other_findings"]] == ["SUBSTANTIATED"]
    assert told[1].event["other_findings"] == []
    substantiated = world.log("verification", before, "AllegationsSubstantiated")
    assert [e.event["subject"]["ref"] for e in substantiated] == [story.ref(0)]
    assert world.read(story.case, HANDLER)["facts"]["verdict"] == "MIXED"


def test_p2_the_complaint_learns_its_result(world: World) -> None:
    story = world.story().concluded()
    world.patiently(lambda: story.state("complaint") == "RESULT_AVAILABLE")


# --- after the conclusion (R9, R17, R20, R31) ---


def test_r17_both_assessments_before_closing(world: World) -> None:
    story = world.story().assessing()
    chief = TOWN.handling_dept_head
    details = refused(world.give(story.case, "CloseCase", chief), "E_DUAL_ASSESSMENT_REQUIRED", "R17")
    assert details == {"clarification": [story.ref()], "false_accusation": False}
    story.screened_out()
    details = refused(world.give(story.case, "CloseCase", chief), "E_DUAL_ASSESSMENT_REQUIRED", "R17")
    assert details == {"clarification": [story.ref()], "false_accusation": True}
    story.assessed(**NO_HARM)

    def noted() -> bool:
        history = world.read(story.case, chief)["history"]
        return any(h["type"] == "ClarificationAssessmentNoted" for h in history)

    world.patiently(noted)
    assert world.do(story.case, "CloseCase", chief)["state"] == "CLOSED"
    refused(world.give(story.case, "CloseCase", chief), "E_STATE")


def test_r17_one_assessment_alone_does_not_close(world: World) -> None:
    story = world.story().assessed(**NO_HARM)
    world.patiently(
        lambda: any(
            h["type"] == "ClarificationAssessmentNoted" for h in world.read(story.case, HANDLER)["history"]
        )
    )
    answer = world.give(story.case, "CloseCase", TOWN.handling_dept_head)
    assert refused(answer, "E_DUAL_ASSESSMENT_REQUIRED", "R17")["false_accusation"] is False


def test_r20_screened_out_is_an_unfounded_report_and_never_more(world: World) -> None:
    story = world.story().screened_out()
    assert world.read(story.case, HANDLER)["facts"]["report_nature"] == "UNFOUNDED_REPORT"
    body = {"result": "SCREEN_OUT", "reason": "没有证据。"}
    refused(world.give(story.case, "AssessFalseAccusation", HANDLER, body), "E_STATE", "R17")


def test_r20_no_intent_is_ever_determined_here(world: World) -> None:
    story = world.story().concluded()
    flag = {"result": "FLAG", "reason": "怀疑是诬告。"}
    refused(world.give(story.case, "AssessFalseAccusation", HANDLER, flag), "E_SCHEMA")


@pytest.mark.parametrize("outcome", ["SUBSTANTIATED", "INCONCLUSIVE"])
def test_r31_only_an_unfounded_report_may_be_suspected(world: World, outcome: str) -> None:
    story = world.story(outcomes={"a1": outcome}).concluded()
    body = {"result": "SCREEN_OUT", "reason": "没有证据。"}
    answer = world.give(story.case, "AssessFalseAccusation", HANDLER, body)
    refused(answer, "E_ALLEGATION_NOT_UNFOUNDED", "R31")


def test_r31_not_before_the_conclusion(world: World, reported: Story) -> None:
    body = {"result": "SCREEN_OUT", "reason": "没有证据。"}
    answer = world.give(reported.case, "AssessFalseAccusation", HANDLER, body)
    assert answer.status_code == 409


def test_r9_a_substantiated_allegation_has_its_disposition_before_closing(world: World) -> None:
    story = world.story(outcomes={"a1": "SUBSTANTIATED"}).concluded()
    chief = TOWN.handling_dept_head
    refused(world.give(story.case, "CloseCase", chief), "E_DISCIPLINE_LOOSENING", "R9")
    disposition = {
        "allegation_id": story.allegation_ids[0],
        "form_of_supervision": 1,
        "disposition_ref": "d-1",
    }
    world.do(story.case, "RecordSubstantiatedDisposition", HANDLER, disposition)
    assert world.do(story.case, "CloseCase", chief)["state"] == "CLOSED"


def test_a66_an_inconclusive_case_closes_without_clearing_anybody(world: World) -> None:
    before = world.position("verification")
    story = world.story(outcomes={"a1": "INCONCLUSIVE"}).concluded()
    assert not world.log("verification", before, "AllegationsVerifiedUnfounded")
    assert len(world.log("verification", before, "AllegationsInconclusive")) == 1
    assert world.do(story.case, "CloseCase", TOWN.handling_dept_head)["state"] == "CLOSED"


# --- tracing (R28, C1) ---

TRACING: dict[str, Any] = {
    "means": ["HANDWRITING"],
    "necessity": "想弄清来信出处。",
    "less_intrusive_means_tried": "无。",
}


def test_r28_c1_a_township_does_not_trace(world: World, verifying: Story) -> None:
    before = world.position("verification")
    answer = world.give(verifying.case, "RequestTracing", HANDLER, TRACING)
    assert refused(answer, "E_TRACE_EXECUTOR_LEVEL", "R28") == {"required_level": "COUNTY"}
    assert len(world.log("verification", before, "SecurityAlertRaised")) == 1


def test_r28_a_county_does_not_trace_without_an_inquiry(world: World) -> None:
    story = world.story(COUNTY).verifying()
    answer = world.give(story.case, "RequestTracing", COUNTY.handler, TRACING)
    refused(answer, "E_TRACE_PREMATURE", "R28")
    assert story.state("case") == "VERIFYING"


def test_r28_every_means_is_one_that_the_law_names(world: World, verifying: Story) -> None:
    body = {**TRACING, "means": ["DREAMS"]}
    refused(world.give(verifying.case, "RequestTracing", HANDLER, body), "E_SCHEMA")


# --- who sees a case (§5.4) ---


def test_54_need_to_know_and_jurisdiction(world: World, verifying: Story) -> None:
    for stranger in (
        TOWN.revisit_officer,
        TOWN.handler_second,
        COUNTY.handler,
        COUNTY.organ_head,
        OTHER_TOWN.handler,
        OTHER_COUNTY.auditor,
        "subject-wu",
        "unit-yunping",
        "reporter-zheng",
    ):
        hidden(world.get(stranger, verifying.case.path))
    assert world.get(COUNTY.auditor, verifying.case.path).status_code == 200


def test_sd9_auditors_and_supervisors_never_act(world: World, verifying: Story) -> None:
    auditor, supervisor = COUNTY.auditor, COUNTY.internal_supervisor
    refused(world.give(verifying.case, "DeclareRecusal", auditor, {"ground": "无。"}), "E_FORBIDDEN_ROLE")
    for who in (auditor, supervisor):
        body = {"person": sub(who), "role": "handler"}
        refused(world.give(verifying.case, "AssignToCase", who, body), "E_FORBIDDEN_ROLE")
    # Not even when a leader tries to give them a role in a case.
    for role in ("internal_supervisor", "auditor", "identity_custodian", "system"):
        body = {"person": sub(supervisor), "role": role}
        refused(world.give(verifying.case, "AssignToCase", TOWN.organ_head, body), "E_SCHEMA")
