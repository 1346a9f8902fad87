"""Intake: down, sideways, split, assigned with its result, and returned (A16-A19, A22, A23, A26)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    TOWN,
    Case,
    Organ,
    Story,
    World,
    allegation,
    done,
    hidden,
    person,
    refused,
    working_days_after,
)

REPORTER = {"name": "虚某传", "phone": "13900007117"}


def at(world: World, organ: Organ, accused: list[Organ], **more: Any) -> Story:
    """Listed at an organ that its accused do not belong to, its head assigned."""
    story = world.story(organ, accused=[person(a) for a in accused], **more)
    story.allegations = [allegation(f"a{n}", n) for n in range(len(accused))]
    story.listed()
    world.assign(story.complaint, organ.petition_head, organ.deputy_leader, by=organ.petition_head)
    return story


def sent(world: World, story: Story, command: str, who: str, to: Organ, **body: Any) -> Case:
    """Passed on; returns the complaint that was born there."""
    world.do(story.complaint, command, who, {"to_organ": to.code, **body})
    [entry] = world.entries("intake", story.complaint.id)[-1:]
    return Case("intake", entry.event["born"])


def transferred(world: World) -> tuple[Story, Case]:
    story = at(world, COUNTY, [TOWN], reporter=REPORTER)
    return story, sent(world, story, "TransferDown", COUNTY.petition_head, TOWN)


# --- down ---


def test_a16_what_is_a_lower_organs_is_born_there_with_its_content(world: World) -> None:
    story, born = transferred(world)
    assert world.read(story.complaint, COUNTY.petition_head)["state"] == "SENT_DOWN"
    world.assign(born, TOWN.petition_head, TOWN.petition_clerk, by=TOWN.petition_head)
    view = world.read(born, TOWN.petition_head)
    assert (view["state"], view["facts"]["source"]) == ("RECEIVED", "SUPERIOR_TRANSFERRED")
    assert [a["text"] for a in view["facts"]["allegations"]] == [story.allegations[0]["text"]]
    world.do(born, "RegisterComplaint", TOWN.petition_clerk)
    world.do(born, "AcceptComplaint", TOWN.petition_head, {"handling_dept": "supervision_dept"})
    assert world.do(born, "TransferToHandler", TOWN.petition_head)["state"] == "WITH_HANDLER"


def test_a16_the_receiver_decides_within_five_working_days(world: World) -> None:
    _, born = transferred(world)
    due = working_days_after(world.today, 5)
    [received] = world.entries("intake", born.id, "ComplaintReceived")
    running = {d["id"]: d["due"] for d in received.meta["deadlines"]}
    assert running["DL-04"] == str(due)


def test_sec3_the_reporter_goes_along_under_another_reference(world: World) -> None:
    story, born = transferred(world)
    [here] = world.entries("intake", story.complaint.id, "ComplaintReceived")
    [there] = world.entries("intake", born.id, "ComplaintReceived")
    assert here.event["reporter_ref"]
    assert there.event["reporter_ref"]
    assert here.event["reporter_ref"] != there.event["reporter_ref"]
    assert there.event["identity_status"] == "CLAIMED"
    # The screen knows him there too.
    world.assign(born, TOWN.petition_head, by=TOWN.petition_head)
    world.assign(born, TOWN.petition_clerk, by=TOWN.petition_head)
    leak = {"ground": f"与{REPORTER['name']}相识。"}
    refused(world.give(born, "DeclareRecusal", TOWN.petition_clerk, leak), "E_TEXT_IDENTITY_LEAK")


def test_a16_only_downwards_and_only_to_the_competent(world: World) -> None:
    story = at(world, COUNTY, [TOWN])
    head = COUNTY.petition_head
    for to in (COUNTY, CITY, OTHER_TOWN):
        refused(
            world.give(story.complaint, "TransferDown", head, {"to_organ": to.code}), "E_NOT_COMPETENT", "A16"
        )
    refused(world.give(story.complaint, "TransferDown", head, {"to_organ": "DI-1"}), "E_SCHEMA")
    own = at(world, COUNTY, [COUNTY])
    answer = world.give(own.complaint, "TransferDown", head, {"to_organ": TOWN.code})
    refused(answer, "E_NOT_COMPETENT", "§5.4")


def test_54_the_lower_organ_never_sees_the_superiors_stream(world: World) -> None:
    story, _ = transferred(world)
    hidden(world.get(TOWN.petition_head, story.complaint.path))
    rows = world.get(TOWN.petition_head, "/intake/v1/complaints", limit=200).json()["items"]
    assert story.complaint.id not in {r["stream"] for r in rows}


def test_a12_a_duplicate_goes_nowhere(world: World) -> None:
    first = at(world, COUNTY, [TOWN])
    second = world.story(COUNTY, accused=[{"match": first.ref()}])
    second.allegations = [allegation("a0")]
    second.listed()
    head = COUNTY.petition_head
    world.do(second.complaint, "MarkDuplicate", COUNTY.petition_clerk, {"of": first.complaint.id})
    world.assign(second.complaint, head, by=head)
    refused(world.give(second.complaint, "TransferDown", head, {"to_organ": TOWN.code}), "E_DUPLICATE", "A12")


# --- sideways and split ---


def test_a17_another_competent_organ_gets_it(world: World) -> None:
    story = at(world, COUNTY, [OTHER_COUNTY])
    head = COUNTY.petition_head
    answer = world.give(story.complaint, "TransferLateral", head, {"to_organ": TOWN.code})
    refused(answer, "E_NOT_COMPETENT", "A17")
    answer = world.give(story.complaint, "TransferLateral", head, {"to_organ": CITY.code})
    refused(answer, "E_SEALED_UPWARD", "A14")
    born = sent(world, story, "TransferLateral", head, OTHER_COUNTY)
    world.assign(born, OTHER_COUNTY.petition_head, by=OTHER_COUNTY.petition_head)
    view = world.read(born, OTHER_COUNTY.petition_head)
    assert view["facts"]["source"] == "OTHER_ORGAN"
    assert view["correlation_id"] != world.read(story.complaint, head)["correlation_id"]


def test_a17_five_working_days_run_when_the_triage_names_another_organ(world: World) -> None:
    envelope = {"competent_organ": OTHER_COUNTY.code}
    received = done(world.receive(COUNTY.petition_clerk, envelope))
    [event] = world.entries("intake", received["id"], "ComplaintReceived")
    running = {d["id"]: d["due"] for d in event.meta["deadlines"]}
    assert running["DL-05"] == str(working_days_after(world.today, 5))


def test_a18_part_of_it_goes_to_the_other_organ(world: World) -> None:
    story = at(world, COUNTY, [COUNTY, TOWN])
    head = COUNTY.petition_head
    mine, other = (a["id"] for a in world.read(story.complaint, head)["facts"]["allegations"])
    give = {"to_organ": TOWN.code}
    refused(
        world.give(story.complaint, "SplitComplaint", head, {**give, "allegation_ids": [mine]}),
        "E_NOT_COMPETENT",
        "§5.4",
    )
    refused(
        world.give(story.complaint, "SplitComplaint", head, {**give, "allegation_ids": [mine, other]}),
        "E_SCHEMA",
        "A18",
    )
    born = sent(world, story, "SplitComplaint", head, TOWN, allegation_ids=[other])
    left = world.read(story.complaint, head)
    assert left["state"] == "REGISTERED"
    world.assign(born, TOWN.petition_head, by=TOWN.petition_head)
    view = world.read(born, TOWN.petition_head)
    assert [a["id"] for a in view["facts"]["allegations"]] == [other]
    assert view["facts"]["origin_number"] == left["number"]
    world.do(story.complaint, "AcceptComplaint", head, {"handling_dept": "dept"})


# --- assigned, and its result ---


def assigned(world: World) -> tuple[Story, Case]:
    story = at(world, COUNTY, [TOWN])
    body = {"ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    return story, sent(world, story, "AssignDown", COUNTY.deputy_leader, TOWN, **body)


def test_a22_the_deputy_leader_assigns_on_one_of_four_grounds(world: World) -> None:
    story = at(world, COUNTY, [TOWN])
    body = {"to_organ": TOWN.code, "ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    refused(world.give(story.complaint, "AssignDown", COUNTY.petition_head, body), "E_FORBIDDEN_ROLE")
    other = {**body, "ground": "BECAUSE"}
    refused(world.give(story.complaint, "AssignDown", COUNTY.deputy_leader, other), "E_SCHEMA")
    world.do(story.complaint, "AssignDown", COUNTY.deputy_leader, body)


def test_a23_the_lower_organ_has_three_months_and_once_three_more(world: World) -> None:
    _, born = assigned(world)
    [received] = world.entries("intake", born.id, "ComplaintReceived")
    first = {d["id"]: d["due"] for d in received.meta["deadlines"]}["DL-06"]
    world.assign(born, TOWN.organ_head, by=TOWN.petition_head)
    world.do(born, "RequestExtension", TOWN.organ_head, {"reason": "须外地调证。"})
    [extended] = world.entries("intake", born.id, "AssignedPeriodExtended")
    later = {d["id"]: d["due"] for d in extended.meta["deadlines"]}["DL-06"]
    assert timedelta(days=88) <= _days(first, later) <= timedelta(days=93)
    refused(world.give(born, "RequestExtension", TOWN.organ_head, {"reason": "再延。"}), "E_STATE", "A23")


def _days(a: str, b: str) -> timedelta:
    return date.fromisoformat(b) - date.fromisoformat(a)


def test_a26_the_result_goes_up_and_is_accepted_or_returned(world: World) -> None:
    upper, born = assigned(world)
    lower = Story(world, TOWN)
    lower._done += ["received", "registered", "listed", "accepted"]
    lower._cases["complaint"] = born
    world.assign(born, TOWN.petition_head, TOWN.petition_clerk, by=TOWN.petition_head)
    world.do(born, "RegisterComplaint", TOWN.petition_clerk)
    world.do(born, "AcceptComplaint", TOWN.petition_head, {"handling_dept": "supervision_dept"})
    head = COUNTY.petition_head
    refused(
        world.give(upper.complaint, "AcceptResult", head, {"opinion": "同意。"}), "E_NOT_CONCLUDED", "A26"
    )
    lower.concluded()
    chief = TOWN.organ_head
    refused(world.give(lower.case, "SubmitAssignedResult", chief), "E_COLLECTIVE_STUDY_MISSING", "A26")
    study = {"collective_study_ref": "study-26"}
    world.do(lower.case, "SubmitAssignedResult", chief, study)
    noted = lambda: world.entries("intake", upper.complaint.id, "AssignedResultNoted")  # noqa: E731
    world.patiently(noted, "the superior hears of the result")
    world.do(upper.complaint, "ReturnResult", head, {"reason": "需补充核查。"})
    refused(
        world.give(upper.complaint, "AcceptResult", head, {"opinion": "同意。"}), "E_NOT_CONCLUDED", "A26"
    )
    world.do(lower.case, "SubmitAssignedResult", chief, study)
    world.patiently(lambda: len(noted()) == 2, "the second report")
    answer = world.do(upper.complaint, "AcceptResult", head, {"opinion": "同意。"})
    assert answer["state"] == "RESULT_AVAILABLE"


def test_a26_nobody_reports_what_nobody_assigned(world: World) -> None:
    story = world.story().concluded()
    answer = world.give(story.case, "SubmitAssignedResult", TOWN.organ_head, {"collective_study_ref": "s"})
    refused(answer, "E_STATE", "A26")


# --- returned ---


@pytest.fixture
def returned(world: World) -> Story:
    story = world.story().opened()
    ask = {"reason": "NO_SUBSTANCE", "consulted": "已与信访举报部门沟通。"}
    world.do(story.case, "RequestReturn", TOWN.handler, ask)
    world.do(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, {"opinion": "同意退回。"})
    return story


def test_a19_a_return_needs_the_deputy_leader(world: World) -> None:
    story = world.story().opened()
    opinion = {"opinion": "同意退回。"}
    answer = world.give(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, opinion)
    refused(answer, "E_APPROVAL_REQUIRED", "A19")
    ask = {"reason": "NO_SUBSTANCE", "consulted": "已与信访举报部门沟通。"}
    world.do(story.case, "RequestReturn", TOWN.handler, ask)
    answer = world.give(story.case, "ReturnToPetitionDept", TOWN.handling_dept_head, opinion)
    refused(answer, "E_APPROVAL_REQUIRED", "A19")
    done(world.give(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, opinion))


def test_a19_the_petition_department_decides_anew(world: World, returned: Story) -> None:
    head = TOWN.petition_head
    world.patiently(lambda: world.read(returned.complaint, head)["state"] == "REGISTERED", "returned")
    world.do(returned.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    world.do(returned.complaint, "TransferToHandler", head)

    def cases() -> list[Any]:
        opened = world.log("verification", 0, "VerificationCaseOpened")
        return [e for e in opened if returned.complaint.id in e.event["complaint_ids"]]

    world.patiently(lambda: len(cases()) == 2, "a new case for the next round")
