"""Intake: not accepted, led elsewhere, forwarded, received in person (domain.md §4.1, A5-A11, C6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import COUNTY, TOWN, Story, World, done, refused, sub

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
BODY = "云湖县人民法院"
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
    position = world.position("intake")
    rows = world.get(CLERK, "/intake/v1/complaints", limit=200, min_position=position).json()["items"]
    assert next(r for r in rows if r["stream"] == story.complaint.id)["priority"] == "URGENT"


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
