"""Intake: not accepted, led elsewhere, forwarded, received in person (§4.1, A5-A11, C6)."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from services.intake.commands import COMMANDS
from services.intake.domain.complaint import Complaint
from tests.harness import COUNTY, TOWN, Case, Story, World, allegation, done, hidden, refused, sub

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
BODY = "云湖县人民法院"
REPORTER = {"name": "郑虚决", "phone": "19900000041"}
SIGNER = {"name": "孙虚联", "phone": "19900000042"}
ALONE = {"received_by": sub(CLERK), "others_present": False}


def headed(world: World, **envelope: Any) -> Story:
    """Registered, with the head of the petition department assigned."""
    story = world.story()
    story.received(**envelope)
    story.registered()
    world.do(story.complaint, "AssignToCase", HEAD, {"person": sub(HEAD), "role": "petition_head"})
    return story


def rejected(world: World, reason: str, **envelope: Any) -> Story:
    story = headed(world, **envelope)
    world.do(story.complaint, "RejectComplaint", HEAD, {"reason": reason})
    return story


def facts(world: World, case: Case) -> dict[str, Any]:
    found: dict[str, Any] = world.read(case, CLERK)["facts"]
    return found


# --- receiving in person ---


@pytest.mark.parametrize("channel", ["VISIT", "CALL"])
def test_a5_spoken_reports_are_taken_by_a_named_person_alone(world: World, channel: str) -> None:
    refused(world.receive(CLERK, {"channel": channel}), "E_SCHEMA", "A5")
    crowd = {**ALONE, "others_present": True}
    refused(world.receive(CLERK, {"channel": channel, "reception": crowd}), "E_SCHEMA", "A5")
    assert done(world.receive(CLERK, {"channel": channel, "reception": ALONE}))["state"] == "RECEIVED"


def test_a5_a_letter_has_no_reception(world: World) -> None:
    refused(world.receive(CLERK, {"reception": ALONE}), "E_SCHEMA", "A5")


@pytest.mark.parametrize(("group", "sent", "allowed"), [(2, 3, 2), (10, 4, 3), (11, 6, 5), (500, 6, 5)])
def test_a6_a_group_sends_three_or_five(world: World, group: int, sent: int, allowed: int) -> None:
    visit = {**ALONE, "group_size": group, "representatives": sent}
    details = refused(
        world.receive(CLERK, {"channel": "VISIT", "reception": visit}), "E_REPRESENTATIVES", "A6"
    )
    assert details["at_most"] == allowed
    visit["representatives"] = allowed
    done(world.receive(CLERK, {"channel": "VISIT", "reception": visit}))


def test_a7_what_was_said_is_written_down(world: World) -> None:
    said = {**ALONE, "oral_record": True, "reporter_confirmed": True}
    answer = done(world.receive(CLERK, {"channel": "CALL", "reception": said}))
    [received] = world.entries("intake", answer["id"], "ComplaintReceived")
    assert (received.event["oral_record"], received.event["reporter_confirmed"]) == (True, True)


def test_a29_what_threatens_safety_or_evidence_comes_first(world: World) -> None:
    story = headed(world, urgent=True)
    row = next(r for r in world.queue(CLERK) if r["id"] == story.complaint.id)
    assert row["priority"] == "URGENT"


def test_sec1_that_several_report_is_told_and_never_how_many(world: World) -> None:
    before = world.position("intake")
    signers = [SIGNER, {"name": "李虚联", "phone": "19900000043"}]
    joint = done(world.receive(CLERK, {"reporter": {**REPORTER, "co_signers": signers}}))
    group = done(
        world.receive(
            CLERK, {"channel": "VISIT", "reception": {**ALONE, "group_size": 17, "representatives": 5}}
        )
    )
    single = done(world.receive(CLERK, {"reporter": REPORTER}))
    flags = [facts(world, Case("intake", a["id"]))["joint"] for a in (joint, group, single)]
    assert flags == [True, True, False]
    written = json.dumps([e.event for e in world.log("intake", before)], ensure_ascii=False)
    for told in ("co_signers", "group_size", "representatives", "孙虚联", "19900000043"):
        assert told not in written


def test_sec12_co_signers_are_screened_like_the_first(world: World) -> None:
    story = world.story(reporter={**REPORTER, "co_signers": [SIGNER]}).registered()
    body = {**story.listing(), "allegations": [allegation("a1") | {"text": "据孙虚联称，其收受礼金。"}]}
    answer = world.give(story.complaint, "ListAllegations", CLERK, body)
    refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-12")


# --- not accepted ---


@pytest.mark.parametrize("reason", ["ANONYMOUS", "UNFOUNDED_BEFORE", "REPEATED", "REPORTER_UNRELIABLE"])
def test_a10_there_are_three_grounds_and_no_other(world: World, listed: Story, reason: str) -> None:
    world.give(listed.complaint, "AssignToCase", HEAD, {"person": sub(HEAD), "role": "petition_head"})
    answer = world.give(listed.complaint, "RejectComplaint", HEAD, {"reason": reason})
    assert refused(answer, "E_REJECTION_REASON", "A10")["allowed"] == [
        "LEGAL_REMEDY",
        "NO_SUBSTANCE",
        "OTHER_ORGAN_DUTY",
    ]


def test_a10_the_clerk_does_not_decide(world: World, listed: Story) -> None:
    answer = world.give(listed.complaint, "RejectComplaint", CLERK, {"reason": "NO_SUBSTANCE"})
    refused(answer, "E_FORBIDDEN_ROLE")


def test_a11_a_letter_is_sent_on(world: World) -> None:
    story = rejected(world, "LEGAL_REMEDY")
    refused(world.give(story.complaint, "AdviseReporter", CLERK, {"body": BODY}), "E_SCHEMA", "A11")
    refused(world.give(story.complaint, "FileNotAccepted", CLERK), "E_RECORD_INCOMPLETE", "A11")
    assert world.do(story.complaint, "RedirectOut", CLERK, {"to_body": BODY})["state"] == "CLOSED"
    refused(world.give(story.complaint, "RedirectOut", CLERK, {"to_body": BODY}), "E_STATE")


def test_a11_whoever_called_is_advised(world: World) -> None:
    story = rejected(world, "OTHER_ORGAN_DUTY", channel="CALL", reception=ALONE)
    refused(world.give(story.complaint, "RedirectOut", CLERK, {"to_body": BODY}), "E_SCHEMA", "A11")
    assert world.do(story.complaint, "AdviseReporter", CLERK, {"body": BODY})["state"] == "CLOSED"


def test_a10_without_substance_it_is_filed(world: World) -> None:
    story = rejected(world, "NO_SUBSTANCE")
    refused(world.give(story.complaint, "RedirectOut", CLERK, {"to_body": BODY}), "E_SCHEMA", "A11")
    assert world.do(story.complaint, "FileNotAccepted", CLERK)["state"] == "CLOSED"


def test_r29_anonymous_and_real_name_are_accepted_by_the_same_rules(world: World) -> None:
    """No ground of refusal, and no code, speaks of who reported (R16, R29)."""
    named = world.story()
    named.reporter = {"name": "虚某明", "phone": "13900007001"}
    for story in (world.story(), named):
        assert story.accepted()
        assert world.read(story.complaint, HEAD)["state"] == "ACCEPTED"


@pytest.mark.parametrize(
    ("category", "event"), [("APPEAL", "AppealForwarded"), ("SUGGESTION", "SuggestionForwarded")]
)
def test_c6_appeals_and_suggestions_are_forwarded(world: World, category: str, event: str) -> None:
    story = world.story().received()
    world.do(story.complaint, "RegisterComplaint", CLERK, {"category": category})
    assert world.do(story.complaint, "ForwardComplaint", CLERK, {"to_body": BODY})["state"] == "CLOSED"
    assert world.entries("intake", story.complaint.id, event)


def test_c6_an_accusation_is_not_forwarded(world: World, registered: Story) -> None:
    refused(world.give(registered.complaint, "ForwardComplaint", CLERK, {"to_body": BODY}), "E_SCHEMA", "C6")


def test_c6_out_of_scope_is_another_organs_duty(world: World) -> None:
    story = world.story().received()
    world.do(story.complaint, "RegisterComplaint", CLERK, {"category": "OUT_OF_SCOPE"})
    world.do(story.complaint, "AssignToCase", HEAD, {"person": sub(HEAD), "role": "petition_head"})
    other = world.give(story.complaint, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    refused(other, "E_REJECTION_REASON", "A10")
    world.do(story.complaint, "RejectComplaint", HEAD, {"reason": "OTHER_ORGAN_DUTY"})


def test_54_the_county_knows_its_own(world: World) -> None:
    assert world.story(COUNTY).accepted()


# --- repeats (A12, R55) ---


def repeating(world: World, original: Story, **more: Any) -> Story:
    story = world.story(accused=[{"match": original.ref()}], **more).listed()
    world.assign(story.complaint, HEAD, by=HEAD)
    return story


def test_a12_a_repeat_with_new_evidence_goes_on_marked(world: World, listed: Story) -> None:
    story = repeating(world, listed)
    body = {"of": listed.complaint.id, "new_evidence": "附有转账凭证一份。"}
    assert world.do(story.complaint, "MarkRepeat", CLERK, body)["state"] == "REGISTERED"
    told = facts(world, story.complaint)
    assert (told["repeat_kind"], told["of"]) == ("REPEAT_WITH_NEW_EVIDENCE", listed.complaint.id)
    refused(world.give(story.complaint, "MarkRepeat", CLERK, body), "E_STATE", "A12")
    world.do(story.complaint, "AcceptComplaint", HEAD, {"handling_dept": "supervision_dept"})
    world.do(story.complaint, "TransferToHandler", HEAD)
    path = f"/intake/v1/accused/{listed.ref()}/history"
    history = world.get(CLERK, path, min_position=world.position("intake")).json()["complaints"]
    kinds = {c["id"]: c["repeat_kind"] for c in history}
    assert kinds[story.complaint.id] == "REPEAT_WITH_NEW_EVIDENCE"


def test_a12_a_repeat_is_about_the_same_matter(world: World, listed: Story) -> None:
    others = [
        repeating(world, listed, allegations=[allegation("a1", kind="LIFE_DISCIPLINE")]),
        world.story().listed(),
    ]
    for story in others:
        body = {"of": listed.complaint.id, "new_evidence": "附有凭证。"}
        refused(world.give(story.complaint, "MarkRepeat", CLERK, body), "E_CONTENT_MISMATCH", "A12")
    body = {"of": others[0].complaint.id, "new_evidence": "附有凭证。"}
    refused(world.give(others[0].complaint, "MarkRepeat", CLERK, body), "E_CONTENT_MISMATCH", "A12")
    nothing = {"of": listed.complaint.id, "new_evidence": ""}
    refused(world.give(others[1].complaint, "MarkRepeat", CLERK, nothing), "E_SCHEMA")


def test_b24_another_named_reporter_is_joined_and_answered(world: World) -> None:
    """Two people by name, one verification: who is excluded from one letter is out of the other, and each
    of the two is owed the result."""
    one, two = ({"name": n, "phone": p} for n, p in (("罗虚甲", "19900000031"), ("罗虚乙", "19900000032")))
    first = world.story(reporter=one).opened()
    second = repeating(world, first, reporter=two)
    duplicate = {"of": first.complaint.id}
    refused(world.give(second.complaint, "MarkDuplicate", CLERK, duplicate), "E_CONTENT_MISMATCH", "B24")
    theirs, mine = (
        [a["id"] for a in world.read(s.complaint, CLERK)["facts"]["allegations"]] for s in (first, second)
    )
    body = {
        "of": first.complaint.id,
        "same": [{"own": own, "theirs": other} for own, other in zip(mine, theirs, strict=True)],
    }
    joined = world.do(second.complaint, "JoinComplaint", TOWN.petition_head, body)
    assert joined["state"] == "WITH_HANDLER"

    def numbers() -> set[str]:
        noted = world.entries("verification", first.case.id, "JoinedComplaintNoted")
        return {entry.event["complaint_id"] for entry in noted}

    world.patiently(lambda: numbers() == {second.complaint.id}, "the case has both")
    matters = world.entries("verification", first.case.id)[-1].meta["matters"]
    assert matters == [first.complaint.id, second.complaint.id]
    assert len(world.entries("intake", first.complaint.id, "AnotherComplaintJoined")) == 1
    world.do(second.complaint, "DeclareRecusal", TOWN.petition_head, {"ground": "系近亲属。"})
    hidden(world.get(TOWN.petition_head, first.complaint.path))
    first.concluded()
    result = lambda: world.read(second.complaint, CLERK)["state"] == "RESULT_AVAILABLE"  # noqa: E731
    world.patiently(result, "the second reporter's result")
    told = world.entries("intake", second.complaint.id, "ResultBecameAvailable")[0].event["findings"]
    assert {f["allegation_id"] for f in told} == set(mine)


def test_a12_what_was_sealed_upward_is_no_original_that_anybody_learns_of(world: World) -> None:
    """The answer is the same as for a complaint that does not exist."""
    sealed = world.story().received(competent_level="COUNTY").complaint
    body = {"to": COUNTY.code, "content": "虚构内容。"}
    world.do(sealed, "SealAndEscalate", CLERK, body)
    story = world.story().listed()
    for command, more in (("MarkDuplicate", {}), ("MarkRepeat", {"new_evidence": "附有凭证。"})):
        answers = [
            world.give(story.complaint, command, CLERK, {"of": of, **more})
            for of in (sealed.id, "00000000-0000-4000-8000-000000000000")
        ]
        assert answers[0].content == answers[1].content
        refused(answers[0], "E_CONTENT_MISMATCH", "A12")


# --- acceptance ---


def test_52_the_clerk_proposes_and_the_head_decides(world: World) -> None:
    story = headed(world)
    body = {"handling_dept": "supervision_dept", "opinion": "属本机关管辖，拟受理。"}
    answer = world.give(story.complaint, "ProposeAcceptance", CLERK, body)
    refused(answer, "E_RECORD_INCOMPLETE", "R44")
    world.do(story.complaint, "ListAllegations", CLERK, story.listing())
    head = world.give(story.complaint, "ProposeAcceptance", HEAD, body)
    refused(head, "E_FORBIDDEN_ROLE", "§5.2")
    assert world.do(story.complaint, "ProposeAcceptance", CLERK, body)["state"] == "REGISTERED"
    clerk = world.give(story.complaint, "AcceptComplaint", CLERK, {"handling_dept": "supervision_dept"})
    refused(clerk, "E_FORBIDDEN_ROLE", "§5.4")
    world.do(story.complaint, "AcceptComplaint", HEAD, {"handling_dept": "supervision_dept"})


def test_r44_who_registered_decided_and_handed_over_is_recorded(world: World) -> None:
    story = world.story().opened()
    history = world.read(story.complaint, CLERK)["history"]
    by = {h["type"]: h["by"]["actor"] for h in history}
    for type, who in (
        ("ComplaintReceived", CLERK),
        ("ComplaintRegistered", CLERK),
        ("AllegationsListed", CLERK),
        ("ComplaintAccepted", HEAD),
        ("ComplaintTransferredToHandler", HEAD),
    ):
        assert by[type] == sub(who)


def test_r16_who_reported_is_no_input_of_any_decision() -> None:
    """No command takes a reporter's reference, and no decision on acceptance reads one."""
    for command in COMMANDS:
        assert not {"reporter_ref", "reporter_id"} & set(command.model_fields), command
    decisions = (
        Complaint.propose_acceptance,
        Complaint.accept_complaint,
        Complaint._check_acceptable,
        Complaint.reject_complaint,
        Complaint.mark_duplicate,
        Complaint.transfer_to_handler,
    )
    for decision in decisions:
        source = inspect.getsource(decision)
        assert "reporter_ref" not in source
    for decision in decisions[:-1]:
        assert "identity_status" not in inspect.getsource(decision)


def test_r16_an_unfounded_report_costs_the_reporter_nothing(world: World) -> None:
    """A reporter whose earlier report was found untrue is received, accepted and handed over like anybody."""
    first = world.story(reporter=REPORTER).concluded()
    world.patiently(lambda: first.state("complaint") == "RESULT_AVAILABLE")
    again = world.story(reporter=REPORTER).opened()
    anonymous = world.story().opened()
    told = [world.read(s.complaint, CLERK) for s in (again, anonymous)]
    assert [t["state"] for t in told] == ["WITH_HANDLER"] * 2
    assert [h["type"] for h in told[0]["history"]] == [h["type"] for h in told[1]["history"]]
