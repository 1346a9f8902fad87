"""Findings that change, over the services: what was referred, reopened, held and revoked (B28, B29, B31, B33,
B36)."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.harness import (
    CONCLUSION,
    COUNTY,
    ENDORSE,
    REPORT,
    TOWN,
    Story,
    World,
    allegation,
    person,
    refused,
    sha,
)

HANDLER = TOWN.handler
HEAD = TOWN.organ_head
CHIEF = TOWN.handling_dept_head
APPROVER = COUNTY.clarification_approver


def new_evidence(world: World, story: Story) -> str:
    """Somebody brings further evidence; verification has heard of it."""
    body = {"from_reporter": True, "description": "补充了一张照片。", "document_ref": "photo-1"}
    world.do(story.complaint, "SubmitNewEvidence", TOWN.petition_clerk, body)
    noted = lambda: world.entries("verification", story.case.id, "NewEvidenceNoted")  # noqa: E731
    return str(world.patiently(noted, "verification hears of the evidence")[-1].event["evidence_id"])


def conclude_again(world: World, story: Story, *outcomes: str) -> None:
    """The reopened case is verified, reported and concluded once more."""
    world.do(story.case, "StartVerification", HANDLER, {"team": story.team, "plan_hash": sha("plan")})
    for n, outcome in enumerate(outcomes):
        world.do(story.case, "FindAllegation", HANDLER, story.finding(n, outcome))
    world.do(story.case, "SubmitReport", HANDLER, REPORT)
    world.do(story.case, "CountersignReport", CHIEF, {"opinion": "同意。"})
    world.do(story.case, "ConcludeVerification", HEAD, CONCLUSION)


def types_of(world: World, story: Story) -> list[str]:
    return [entry.type for entry in world.entries("clarification", story.clarification.id)]


def holds(world: World, story: Story, number: str) -> bool:
    """True if whoever reviews and approves is shown that this case holds it."""
    return bool(world.read(story.clarification, HEAD)["facts"].get("held") == [number])


def was_assessed(world: World, story: Story, times: int) -> bool:
    return len(world.entries("verification", story.case.id, "ClarificationAssessmentNoted")) == times


def test_b31_dl30_new_evidence_is_answered_before_the_conclusion(world: World) -> None:
    """Evidence is taken up by returning the report, or found immaterial; a further report says more."""
    story = world.story().countersigned()
    id = new_evidence(world, story)
    assert f"DL-30#{id}" in world.read(story.case, HANDLER)["deadlines"]
    answer = world.give(story.case, "ConcludeVerification", HEAD, CONCLUSION)
    assert refused(answer, "E_RECORD_INCOMPLETE", "B31")["evidence"] == [id]
    taken = {"evidence_id": id, "reason": "涉及同一笔款项。"}
    refused(world.give(story.case, "TakeUpEvidence", HANDLER, taken), "E_STATE", "B31")
    world.do(story.case, "ReturnReport", HEAD, {"reason": "核实新材料。"})
    world.do(story.case, "TakeUpEvidence", HANDLER, taken)
    answered = lambda: world.entries("intake", story.complaint.id, "NewEvidenceAnswerNoted")  # noqa: E731
    world.patiently(answered, "intake hears the answer")
    refused(world.give(story.case, "SubmitReport", HANDLER, REPORT), "E_RECORD_INCOMPLETE", "B31")
    world.do(story.case, "SubmitReport", HANDLER, REPORT | {"none_changed": "照片与账目一致。"})
    world.do(story.case, "CountersignReport", CHIEF, {"opinion": "同意。"})
    assert world.do(story.case, "ConcludeVerification", HEAD, CONCLUSION)["state"] == "CONCLUDED"


def test_b28_b29_p7_p13_a_second_thought_reaches_everybody(world: World) -> None:
    """One subject was cleared of what turns out true, the other's clearing lay before the head: both are
    held; one is revoked by the chain that approved, its recipients told, its visits stopped; the other goes
    on."""
    story = world.story(
        accused=[person(), person()], allegations=[allegation("a1"), allegation("b1", 1)]
    ).screened_out()
    cleared, waiting = story.each()
    cleared.plan_opened()
    waiting.submitted()
    reopen = {"evidence_id": new_evidence(world, story), "cause": "照片与原结论矛盾。"}
    world.do(story.case, "ReopenCase", HEAD, reopen)
    number = world.read(story.case, HEAD)["number"]
    for each in (cleared, waiting):
        world.patiently(partial(holds, world, each, number), "the hold")
    answer = world.give(waiting.clarification, "ReviewClarification", HEAD, ENDORSE)
    refused(answer, "E_FINDING_HELD", "B28")
    conclude_again(world, story, "SUBSTANTIATED", "UNFOUNDED")
    world.patiently(lambda: "ClarificationHoldLifted" in types_of(world, waiting), "the hold is lifted")
    world.do(waiting.clarification, "ReviewClarification", HEAD, ENDORSE)
    world.patiently(lambda: "RevocationDue" in types_of(world, cleared), "the revocation is due")
    assert "DL-30#r1" in world.read(cleared.clarification, HEAD)["deadlines"]

    answer = world.give(story.case, "CloseCase", CHIEF)
    told = refused(answer, "E_DUAL_ASSESSMENT_REQUIRED", "R17")
    assert told == {"clarification": [waiting.ref()], "false_accusation": False}
    confirm = {"case_id": story.case.id, "reason": "认定未变。"}
    world.do(waiting.clarification, "ConfirmAssessment", HANDLER, confirm)
    world.patiently(partial(was_assessed, world, story, 3), "the case hears that it was assessed anew")

    revoke(world, cleared)


def revoke(world: World, story: Story) -> None:
    """Proposed, reviewed, approved; then every notice and every correction, each with its clock."""
    case = story.clarification
    why = {"round": 1, "cause": "FINDING_OVERTURNED", "reason": "重新核查认定属实。"}
    world.do(case, "ProposeRevocation", HANDLER, why)
    review = {"round": 1, "decision": "ENDORSE", "opinion": "同意。"}
    refused(world.give(case, "ReviewRevocation", TOWN.deputy_leader, review), "E_FORBIDDEN_ROLE")
    world.do(case, "ReviewRevocation", HEAD, review)
    approve: dict[str, Any] = {"round": 1, "decision": "APPROVE", "opinion": "批准。"}
    assert world.do(case, "ApproveRevocation", APPROVER, approve)["state"] == "REVOKED"
    assert "DL-33#r1" in world.read(case, HANDLER)["deadlines"]
    world.patiently(lambda: story.state("plan") == "STOPPED", "the visits are stopped")
    [revoked] = world.entries("clarification", case.id, "ClarificationRevoked")
    for recipient in revoked.event["told"]:
        notice = {"round": 1, "recipient": recipient, "means": "书面通知", "document_hash": sha("notice")}
        world.do(case, "RecordRecipientNotified", HANDLER, notice | {"notified_on": str(world.today)})
    for place in ("PLATFORM", "ARCHIVE"):
        corrected = {"round": 1, "place": place, "reference": "GZ-1", "document_hashes": [sha("corrected")]}
        last = world.do(case, "RecordFileCorrected", HANDLER, corrected)
    assert last["state"] == "RETRACTED"
    assert not world.read(case, HANDLER)["deadlines"]


def test_b36_the_subject_declines_and_a_round_stands_still(world: World) -> None:
    story = world.concluded().invited()
    why = {"ground": "OTHER_CASE", "reason": "另案在查。"}
    refused(world.give(story.clarification, "SuspendClarification", HANDLER, why), "E_FORBIDDEN_ROLE")
    world.do(story.clarification, "SuspendClarification", TOWN.deputy_leader, why)
    assert set(world.read(story.clarification, HANDLER)["deadlines"]) == {"DL-36"}
    again = {"reason": "另案已结。"}
    assert (
        world.do(story.clarification, "ResumeClarification", TOWN.deputy_leader, again)["state"] == "PLANNED"
    )
    refused(world.give(story.clarification, "RecordSubjectDeclined", HANDLER, {}), "E_CONSENT_AUTHORITY")
    declined = world.do(story.clarification, "RecordSubjectDeclined", story.account, {"reason": "不愿再提。"})
    assert declined["state"] == "DECLINED"
    assert not world.read(story.clarification, HANDLER)["deadlines"]
