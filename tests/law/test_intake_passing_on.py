"""Intake: down, sideways, split, assigned with its result, and returned (A16-A19, A22, A23, A26)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    PROVINCE,
    TOWN,
    Case,
    Entry,
    Organ,
    Story,
    World,
    allegation,
    done,
    hidden,
    person,
    refused,
    sub,
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
    told = {"reason": "属其管辖。"} if command in ("HandDown", "SendLateral") else {}
    world.do(story.complaint, command, who, {"to_organ": to.code, **told, **body})
    [entry] = world.entries("intake", story.complaint.id)[-1:]
    return Case("intake", entry.event["born"])


def is_sent_down(world: World, case: Case, who: str) -> bool:
    return bool(world.read(case, who)["state"] == "SENT_DOWN")


def transferred(world: World) -> tuple[Story, Case]:
    story = at(world, COUNTY, [TOWN], reporter=REPORTER)
    return story, sent(world, story, "HandDown", COUNTY.petition_head, TOWN)


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


def test_a16_dl04_the_receiver_decides_within_five_working_days(world: World) -> None:
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
            world.give(story.complaint, "HandDown", head, {"to_organ": to.code, "reason": "属其管辖。"}),
            "E_NOT_COMPETENT",
            "A16",
        )
    refused(world.give(story.complaint, "HandDown", head, {"to_organ": "DI-1"}), "E_SCHEMA")
    own = at(world, COUNTY, [COUNTY])
    answer = world.give(own.complaint, "HandDown", head, {"to_organ": TOWN.code, "reason": "属其管辖。"})
    refused(answer, "E_NOT_COMPETENT", "§5.4")


def test_54_the_lower_organ_never_sees_the_superiors_stream(world: World) -> None:
    story, _ = transferred(world)
    hidden(world.get(TOWN.petition_head, story.complaint.path))
    rows = world.get(TOWN.petition_head, "/intake/v1/complaints", limit=200).json()["items"]
    assert story.complaint.id not in {r["id"] for r in rows}


def test_a12_a_duplicate_goes_nowhere(world: World) -> None:
    first = at(world, COUNTY, [TOWN])
    second = world.story(COUNTY, accused=[{"match": first.ref()}])
    second.allegations = [allegation("a0")]
    second.listed()
    head = COUNTY.petition_head
    world.do(second.complaint, "MarkDuplicate", COUNTY.petition_clerk, {"of": first.complaint.id})
    world.assign(second.complaint, head, by=head)
    refused(
        world.give(second.complaint, "HandDown", head, {"to_organ": TOWN.code, "reason": "属其管辖。"}),
        "E_DUPLICATE",
        "A12",
    )


# --- sideways and split ---


def test_a17_another_competent_organ_gets_it(world: World) -> None:
    story = at(world, COUNTY, [OTHER_COUNTY])
    head = COUNTY.petition_head
    answer = world.give(story.complaint, "SendLateral", head, {"to_organ": TOWN.code, "reason": "属其管辖。"})
    refused(answer, "E_NOT_COMPETENT", "A17")
    answer = world.give(story.complaint, "SendLateral", head, {"to_organ": CITY.code, "reason": "属其管辖。"})
    refused(answer, "E_SEALED_UPWARD", "A14")
    born = sent(world, story, "SendLateral", head, OTHER_COUNTY)
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
    assert [a["id"] for a in left["facts"]["allegations"]] == [mine]
    assert [a["ref"] for a in left["facts"]["accused"]] == [story.ref(0)]
    world.do(story.complaint, "AcceptComplaint", head, {"handling_dept": "dept"})


def test_b13_the_highest_organ_keeps_the_whole(world: World) -> None:
    """Nobody must split: with accused of three levels the city accepts all, the county below it does not."""
    story = at(world, CITY, [CITY, COUNTY, TOWN])
    world.do(story.complaint, "AcceptComplaint", CITY.petition_head, {"handling_dept": "dept"})
    assert len(world.read(story.complaint, CITY.petition_head)["facts"]["accused"]) == 3


@pytest.mark.parametrize(
    ("organ", "accused", "competent"),
    [
        (COUNTY, [COUNTY, OTHER_COUNTY], OTHER_COUNTY),
        (CITY, [COUNTY, TOWN], COUNTY),
    ],
    ids=["one of elsewhere", "none of its own level"],
)
def test_b13_an_organ_that_is_not_the_highest_accepts_nothing(
    world: World, organ: Organ, accused: list[Organ], competent: Organ
) -> None:
    story = at(world, organ, accused)
    body = {"handling_dept": "dept"}
    answer = world.give(story.complaint, "AcceptComplaint", organ.petition_head, body)
    assert refused(answer, "E_NOT_COMPETENT", "§5.4")["competent"] == competent.code


def test_b16_no_part_goes_into_the_house_of_an_accused(world: World) -> None:
    """A head is reported together with a cadre of the head's organ: the part about the cadre stays above."""
    story = world.story(COUNTY, accused=[person(TOWN, is_discipline_staff=True), person(TOWN)])
    story.allegations = [allegation(f"a{n}", n) for n in range(2)]
    story.listed()
    world.assign(story.complaint, COUNTY.petition_head, by=COUNTY.petition_head)
    body = {"to_organ": TOWN.code, "allegation_ids": [story.allegation_ids[1]]}
    answer = world.give(story.complaint, "SplitComplaint", COUNTY.petition_head, body)
    refused(answer, "E_NOT_COMPETENT", "A75")
    world.do(story.complaint, "AcceptComplaint", COUNTY.petition_head, {"handling_dept": "dept"})


def test_b16_what_stays_remembers_who_was_accused_with_it(world: World) -> None:
    """The officer's part has gone elsewhere; the rest still does not go into their house."""
    story = world.story(PROVINCE, accused=[person(COUNTY, is_discipline_staff=True), person(COUNTY)])
    story.allegations = [allegation(f"a{n}", n) for n in range(2)]
    story.listed()
    head = PROVINCE.petition_head
    world.assign(story.complaint, head, by=head)
    sent(world, story, "SplitComplaint", head, CITY, allegation_ids=[story.allegation_ids[0]])
    answer = world.give(story.complaint, "HandDown", head, {"to_organ": COUNTY.code, "reason": "属其管辖。"})
    refused(answer, "E_NOT_COMPETENT", "A75")


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
    lower = Story.of(world, born, TOWN, "received", "registered", "listed", "accepted")
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

    def noted() -> list[Entry]:
        return world.entries("intake", upper.complaint.id, "AssignedResultNoted")

    world.patiently(noted, "the superior hears of the result")
    world.do(upper.complaint, "ReturnResult", head, {"reason": "需补充核查。"})
    refused(
        world.give(upper.complaint, "AcceptResult", head, {"opinion": "同意。"}), "E_NOT_CONCLUDED", "A26"
    )
    world.do(lower.case, "SubmitAssignedResult", chief, study)
    world.patiently(lambda: len(noted()) == 2, "the second report")
    answer = world.do(upper.complaint, "AcceptResult", head, {"opinion": "同意。"})
    assert answer["state"] == "RESULT_AVAILABLE"


def test_a26_a_returned_result_is_told_below_and_owed_again(world: World) -> None:
    """The lower organ finds it on its desk, with the reason and a period of its own."""
    upper, born, lower = reported_up(world)
    reason = {"reason": "需补充核查。"}
    world.do(upper.complaint, "ReturnResult", COUNTY.petition_head, reason)
    [told] = world.entries("intake", born.id, "ResultReturnedBySuperior")
    assert told.event["reason"] == reason["reason"]
    assert [d["id"] for d in told.meta["deadlines"]] == ["DL-06"]
    assert born.id in {row["id"] for row in world.queue(TOWN.petition_clerk)}
    world.do(lower.case, "SubmitAssignedResult", TOWN.organ_head, {"collective_study_ref": "study-27"})
    world.patiently(lambda: len(world.entries("intake", born.id, "AssignedResultReported")) == 2)
    assert "DL-06" not in world.read(born, TOWN.petition_head)["deadlines"]


def test_a31_reopened_below_another_result_is_owed_to_all_who_were_told_the_first(world: World) -> None:
    """New evidence at the city goes down to the township; reopened there, the next result comes up again."""
    top, middle, born = assigned_twice(world)
    _, lower = reported_by(world, born, middle)
    opinion = {"opinion": "同意。"}
    world.do(middle, "AcceptResult", COUNTY.petition_head, opinion)
    world.do(top.complaint, "AcceptResult", CITY.petition_head, opinion)
    world.do(top.complaint, "CloseComplaint", CITY.petition_clerk)
    body = {"from_reporter": True, "description": "补充了一张照片。", "document_ref": "photo-1"}
    world.do(top.complaint, "SubmitNewEvidence", CITY.petition_clerk, body)

    def noted() -> list[Entry]:
        return world.entries("verification", lower.case.id, "NewEvidenceNoted")

    [event] = world.patiently(noted, "verification hears of the evidence")
    reopen = {"evidence_id": event.event["evidence_id"], "cause": "照片与原结论矛盾。"}
    world.do(lower.case, "ReopenCase", TOWN.organ_head, reopen)
    for case, who in ((top.complaint, CITY.petition_head), (middle, COUNTY.petition_head)):
        world.patiently(partial(is_sent_down, world, case, who))
        refused(world.give(case, "AcceptResult", who, opinion), "E_NOT_CONCLUDED", "A26")
    seen = {"min_position": world.position("intake")}
    history = world.get(CITY.petition_clerk, f"/intake/v1/accused/{top.ref()}/history", **seen).json()
    told = {row["id"]: row["verdict"] for row in history["complaints"]}
    assert told[top.complaint.id] == "", "no verdict stands (R55)"
    # What comes while it is open again goes the same way.
    world.do(top.complaint, "SubmitNewEvidence", CITY.petition_clerk, {**body, "document_ref": "photo-2"})
    world.patiently(lambda: len(noted()) == 2, "the second photograph")
    for owing, who in ((middle, COUNTY.petition_head), (born, TOWN.petition_head)):
        assert "DL-06" in world.read(owing, who)["deadlines"]
    taken = {"evidence_id": noted()[1].event["evidence_id"], "reason": "与原结论有关。"}
    world.do(lower.case, "TakeUpEvidence", TOWN.handler, taken)
    lower.forget("verifying", "found", "reported", "countersigned", "concluded").concluded()
    world.do(lower.case, "SubmitAssignedResult", TOWN.organ_head, {"collective_study_ref": "study-28"})
    world.patiently(lambda: len(world.entries("intake", middle.id, "AssignedResultNoted")) == 2)
    world.do(middle, "AcceptResult", COUNTY.petition_head, opinion)
    answer = world.do(top.complaint, "AcceptResult", CITY.petition_head, opinion)
    assert answer["state"] == "RESULT_AVAILABLE"
    for owing, who in ((middle, COUNTY.petition_head), (born, TOWN.petition_head)):
        assert "DL-06" not in world.read(owing, who)["deadlines"]


def test_dl06_a_case_reopened_before_its_report_has_its_first_period_still(world: World) -> None:
    """Nothing was reported that no longer stands: reopening gives no further three months."""
    upper, born = assigned(world)
    lower = accepted_below(world, born).concluded()
    due = world.read(born, TOWN.petition_head)["deadlines"]["DL-06"]
    world.pass_days(3)
    body = {"from_reporter": True, "description": "补充了一张照片。", "document_ref": "photo-1"}
    world.do(born, "SubmitNewEvidence", TOWN.petition_clerk, body)

    def noted() -> list[Entry]:
        return world.entries("verification", lower.case.id, "NewEvidenceNoted")

    [event] = world.patiently(noted, "verification hears of the evidence")
    reopen = {"evidence_id": event.event["evidence_id"], "cause": "照片与原结论矛盾。"}
    world.do(lower.case, "ReopenCase", TOWN.organ_head, reopen)
    world.patiently(lambda: world.entries("intake", born.id, "ComplaintReopened"), "reopened")
    assert world.read(born, TOWN.petition_head)["deadlines"]["DL-06"] == due
    assert world.entries("intake", upper.complaint.id, "AssignedCaseReopened") == []


def test_a31_evidence_on_what_was_transferred_is_for_the_organ_that_has_it(world: World) -> None:
    story, _ = transferred(world)
    body = {"from_reporter": True, "description": "补充了一张照片。", "document_ref": "photo-1"}
    answer = world.give(story.complaint, "SubmitNewEvidence", COUNTY.petition_head, body)
    assert refused(answer, "E_STATE", "A31")["competent"] == TOWN.code


def assigned_twice(world: World) -> tuple[Story, Case, Case]:
    """City to county to township."""
    top = at(world, CITY, [TOWN])
    letter = {"ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    middle = sent(world, top, "AssignDown", CITY.deputy_leader, COUNTY, **letter)
    received_by(world, middle, COUNTY)
    world.assign(middle, COUNTY.deputy_leader, by=COUNTY.petition_head)
    world.do(middle, "AssignDown", COUNTY.deputy_leader, {"to_organ": TOWN.code, **letter})
    [event] = world.entries("intake", middle.id, "ComplaintAssignedDown")
    return top, middle, Case("intake", event.event["born"])


def test_a26_what_was_assigned_from_organ_to_organ_comes_back_the_same_way(world: World) -> None:
    """City to county to township: the county's acceptance is its report to the city."""
    top, middle, born = assigned_twice(world)
    _, lower = reported_by(world, born, middle)
    opinion = {"opinion": "同意。"}
    head = CITY.petition_head
    refused(world.give(top.complaint, "AcceptResult", head, opinion), "E_NOT_CONCLUDED", "A26")
    world.do(middle, "AcceptResult", COUNTY.petition_head, opinion)
    [told] = world.entries("intake", top.complaint.id, "AssignedResultNoted")
    number = world.read(lower.case, TOWN.organ_head)["number"]
    assert (told.event["case_number"], told.event["verdict"]) == (number, "ALL_UNFOUNDED")
    assert "DL-06" not in world.read(middle, COUNTY.petition_head)["deadlines"]
    assert world.do(top.complaint, "AcceptResult", head, opinion)["state"] == "RESULT_AVAILABLE"


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("RejectComplaint", {"reason": "NO_SUBSTANCE"}),
        ("HandDown", {"to_organ": TOWN.code, "reason": "属其管辖。"}),
        ("SendLateral", {"to_organ": OTHER_COUNTY.code, "reason": "属其管辖。"}),
        ("DisputeJurisdiction", {"with_organ": OTHER_COUNTY.code, "reason": "非本机关管辖。"}),
        ("SplitComplaint", {"to_organ": OTHER_COUNTY.code, "allegation_ids": ["a1"]}),
    ],
)
def test_a22_what_was_assigned_ends_with_its_result_alone(
    world: World, command: str, body: dict[str, Any]
) -> None:
    """Nothing else would ever be told to the organ that waits for it."""
    top = at(world, CITY, [TOWN, OTHER_COUNTY])
    letter = {"ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    middle = sent(world, top, "AssignDown", CITY.deputy_leader, COUNTY, **letter)
    received_by(world, middle, COUNTY)
    refused(world.give(middle, command, COUNTY.petition_head, body), "E_STATE", "A22")


def test_54_who_assigned_it_may_take_it_back(world: World) -> None:
    """Then no result is to come from below any more, and the complaint goes on at the superior."""
    upper, born = assigned(world)
    world.assign(born, TOWN.petition_head, TOWN.petition_clerk, by=TOWN.petition_head)
    world.do(born, "RegisterComplaint", TOWN.petition_clerk)
    version = world.read(born, TOWN.petition_head)["version"]
    reason = {"reason": "提级办理。"}
    world.do(born, "TakeUp", COUNTY.petition_head, reason, if_match=version)
    [taken] = world.entries("intake", born.id, "ComplaintTakenUp")
    view = world.read(upper.complaint, COUNTY.petition_head)
    assert (view["state"], view["facts"]["born"]) == ("SENT_OUT", taken.event["born"])
    received_by(world, Case("intake", taken.event["born"]), COUNTY)


def taken_up(world: World, born: Case, organ: Organ, by: Organ) -> Case:
    """The complaint of the organ that takes over what another one has."""
    received_by(world, born, organ)
    version = world.read(born, organ.petition_head)["version"]
    world.do(born, "TakeUp", by.petition_head, {"reason": "提级办理。"}, if_match=version)
    [taken] = world.entries("intake", born.id, "ComplaintTakenUp")
    return Case("intake", taken.event["born"])


def test_54_a26_who_takes_over_in_between_owes_the_result(world: World) -> None:
    """The county takes back what it assigned to the township: the city waits on, and gets it from there;
    returned, it is the county's again."""
    top, middle, born = assigned_twice(world)
    taken = taken_up(world, born, TOWN, COUNTY)
    view = world.read(middle, COUNTY.petition_head)
    assert (view["state"], view["deadlines"]) == ("SENT_OUT", {})
    own = received_by(world, taken, COUNTY)
    assert "DL-06" in world.read(taken, COUNTY.petition_head)["deadlines"]
    accepts(world, taken, COUNTY)
    own.concluded()
    world.do(own.case, "SubmitAssignedResult", COUNTY.organ_head, {"collective_study_ref": "study-26"})

    def noted() -> list[Entry]:
        return world.entries("intake", top.complaint.id, "AssignedResultNoted")

    world.patiently(noted, "the city hears of it")
    world.do(top.complaint, "ReturnResult", CITY.petition_head, {"reason": "需补充核查。"})
    assert world.entries("intake", taken.id, "ResultReturnedBySuperior")
    world.do(own.case, "SubmitAssignedResult", COUNTY.organ_head, {"collective_study_ref": "study-27"})
    world.patiently(lambda: len(noted()) == 2, "the second report")
    answer = world.do(top.complaint, "AcceptResult", CITY.petition_head, {"opinion": "同意。"})
    assert answer["state"] == "RESULT_AVAILABLE"


def test_54_who_takes_over_from_below_leaves_nobody_waiting(world: World) -> None:
    """The city takes what it had assigned to the county, and that to the township: nobody waits any more."""
    top, middle, born = assigned_twice(world)
    taken_up(world, born, TOWN, CITY)
    for case, head in ((top.complaint, CITY.petition_head), (middle, COUNTY.petition_head)):
        view = world.read(case, head)
        assert (view["state"], view["deadlines"]) == ("SENT_OUT", {})


def test_a30_r46_what_was_assigned_is_answered_by_who_handles_it(world: World) -> None:
    """The superior, which accepted nothing, owes the reporter no second notice, meeting or result."""
    story = at(world, COUNTY, [TOWN], reporter=REPORTER)
    letter = {"ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    born = sent(world, story, "AssignDown", COUNTY.deputy_leader, TOWN, **letter)
    reported_by(world, born, story.complaint)
    head = COUNTY.petition_head
    world.do(story.complaint, "AcceptResult", head, {"opinion": "同意。"})
    notice = world.give(story.complaint, "NotifyAcceptance", head, {"means": "PHONE"})
    refused(notice, "E_NOTICE_NOT_DUE", "A30")
    assert world.do(story.complaint, "CloseComplaint", head)["state"] == "CLOSED"
    refused(world.give(born, "CloseComplaint", TOWN.petition_head), "E_RECORD_INCOMPLETE", "R44")


def test_a23_it_may_take_longer_as_long_as_a_result_is_owed(world: World) -> None:
    """Handed on, concluded, and once more when the result was returned: from the day of that."""
    _, middle, _ = assigned_twice(world)
    world.assign(middle, COUNTY.organ_head, by=COUNTY.petition_head)
    longer = {"reason": "须外地调证。"}
    world.do(middle, "RequestExtension", COUNTY.organ_head, longer)
    upper, born, _ = reported_up(world)
    world.assign(born, TOWN.organ_head, by=TOWN.petition_head)

    def give() -> httpx.Response:
        return world.give(born, "RequestExtension", TOWN.organ_head, longer)

    world.patiently(lambda: world.entries("intake", born.id, "AssignedResultReported"), "reported")
    refused(give(), "E_STATE", "A23")
    world.pass_days(3)
    world.do(upper.complaint, "ReturnResult", COUNTY.petition_head, {"reason": "需补充核查。"})
    done(give())
    [extended] = world.entries("intake", born.id, "AssignedPeriodExtended")
    assert extended.event["began_on"] == str(world.today)
    refused(give(), "E_STATE", "A23")


def test_a12_of_what_another_organ_has_nothing_is_a_duplicate_here(world: World) -> None:
    """Only that organ knows what was found, and tells its department: the second letter goes there too."""
    story, _ = transferred(world)
    second = at(world, COUNTY, [TOWN])
    for command, body in (("MarkDuplicate", {}), ("MarkRepeat", {"new_evidence": "转账凭证。"})):
        of = {"of": story.complaint.id, **body}
        who = COUNTY.petition_clerk
        refused(world.give(second.complaint, command, who, of), "E_CONTENT_MISMATCH", "A12")


def test_a15_a75_nobody_is_told_to_handle_what_is_about_his_own(world: World) -> None:
    """Neither assigned nor designated: the head of that organ would read it."""
    story = world.story(CITY, accused=[person(COUNTY, is_discipline_staff=True)])
    story.allegations = [allegation("a0")]
    story.listed()
    world.assign(story.complaint, CITY.deputy_leader, by=CITY.petition_head)
    letter = {"ground": "TYPICAL_AND_STRONG", "letter_ref": "letter-22"}
    for to in (COUNTY, TOWN):
        body = {"to_organ": to.code, **letter}
        answer = world.give(story.complaint, "AssignDown", CITY.deputy_leader, body)
        assert refused(answer, "E_NOT_COMPETENT", "A75")["own_organ"] == COUNTY.code
    body = {"to_organ": OTHER_COUNTY.code, **letter}
    world.do(story.complaint, "AssignDown", CITY.deputy_leader, body)


def test_sd10_who_stepped_aside_stays_aside_when_it_comes_back(world: World) -> None:
    """To another organ and back by a decision of the superior: the new complaint knows of it."""
    story = at(world, COUNTY, [OTHER_COUNTY])
    clerk = COUNTY.petition_clerk
    world.do(story.complaint, "DeclareRecusal", clerk, {"ground": "与当事人有利害关系。"})
    world.confirm_steps(story.complaint, COUNTY.petition_head)
    away = sent(world, story, "SendLateral", COUNTY.petition_head, OTHER_COUNTY)
    received_by(world, away, OTHER_COUNTY)
    dispute = {"with_organ": COUNTY.code, "reason": "该员已调任。"}
    world.do(away, "DisputeJurisdiction", OTHER_COUNTY.petition_head, dispute)
    world.do(away, "AnswerDispute", COUNTY.petition_head, {"opinion": "亦非本机关管辖。"})
    world.assign(away, CITY.petition_head, by=CITY.petition_head)
    body = {"to_organ": COUNTY.code, "reason": "由其主管。"}
    world.do(away, "AssignJurisdiction", CITY.petition_head, body)
    [event] = world.entries("intake", away.id, "ComplaintSentLateral")
    back = Case("intake", event.event["born"])
    world.assign(back, COUNTY.petition_head, by=COUNTY.petition_head)
    body = {"person": sub(clerk), "role": "petition_clerk"}
    refused(world.give(back, "AssignToCase", COUNTY.petition_head, body), "E_RECUSAL", "SD10")


def test_a31_evidence_at_the_superior_reaches_the_organ_that_verified(world: World) -> None:
    upper, born, lower = reported_up(world)
    world.do(upper.complaint, "AcceptResult", COUNTY.petition_head, {"opinion": "同意。"})
    evidence = {"from_reporter": True, "description": "新账页。", "document_ref": "DOC-31"}
    world.do(upper.complaint, "SubmitNewEvidence", COUNTY.petition_head, evidence)
    [told] = world.entries("intake", born.id, "NewEvidenceReceived")
    assert told.event["document_ref"] == "DOC-31"

    def noted() -> list[Entry]:
        return world.entries("verification", lower.case.id, "NewEvidenceNoted")

    world.patiently(noted, "the case hears of it")


def test_a58_an_assigned_item_closed_without_verification_proves_nothing(world: World) -> None:
    """Nothing was found: what goes up says so, and not that all was true."""
    upper, born = assigned(world)
    lower = accepted_below(world, born)
    lower.opened()
    study = {"collective_study_ref": "study-58"}
    way = {"way": "CLOSED_NO_ACTION", "reason": "NOTHING_TO_VERIFY", **study}
    world.do(lower.case, "ProposeDisposition", TOWN.handler, way)
    world.do(lower.case, "ApproveDisposition", TOWN.deputy_leader, {"opinion": "同意。"})
    world.do(lower.case, "CloseWithoutVerification", TOWN.organ_head, {"opinion": "予以了结。"})
    world.do(lower.case, "SubmitAssignedResult", TOWN.organ_head, study)

    def noted() -> list[Entry]:
        return world.entries("intake", upper.complaint.id, "AssignedResultNoted")

    [told] = world.patiently(noted, "the superior hears of the result")
    assert told.event["verdict"] == "HAS_INCONCLUSIVE"


def test_a23_what_was_assigned_on_paper_may_take_longer_too(world: World) -> None:
    """There is no complaint above that could be told."""
    received = done(world.receive(TOWN.petition_clerk, {"source": "SUPERIOR_ASSIGNED"}))
    case = Case("intake", received["id"])
    world.assign(case, TOWN.organ_head, by=TOWN.petition_head)
    world.do(case, "RequestExtension", TOWN.organ_head, {"reason": "须外地调证。"})


def accepted_below(world: World, born: Case) -> Story:
    """An assigned complaint in the hands of the lower organ."""
    world.assign(born, TOWN.petition_head, TOWN.petition_clerk, by=TOWN.petition_head)
    world.do(born, "RegisterComplaint", TOWN.petition_clerk)
    world.do(born, "AcceptComplaint", TOWN.petition_head, {"handling_dept": "supervision_dept"})
    return Story.of(world, born, TOWN, "received", "registered", "listed", "accepted")


def reported_by(world: World, born: Case, waits: Case) -> tuple[Case, Story]:
    """Verified below, and its result reported to the complaint that waits for it."""
    lower = accepted_below(world, born)
    lower.concluded()
    world.do(lower.case, "SubmitAssignedResult", TOWN.organ_head, {"collective_study_ref": "study-26"})
    world.patiently(lambda: world.entries("intake", waits.id, "AssignedResultNoted"), "the result")
    return born, lower


def reported_up(world: World) -> tuple[Story, Case, Story]:
    upper, born = assigned(world)
    _, lower = reported_by(world, born, upper.complaint)
    return upper, born, lower


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


# --- registers, audit and clocks of what was passed on ---


def test_r55_the_accused_stands_in_both_registers(world: World) -> None:
    """The lower organ may match the accused again; of the superior's complaints it learns nothing."""
    story, born = transferred(world)
    again = world.story(TOWN, accused=[{"match": story.ref()}]).listed()
    assert again.ref() == story.ref()
    world.assign(born, TOWN.petition_head, TOWN.petition_clerk, by=TOWN.petition_head)
    world.do(born, "RegisterComplaint", TOWN.petition_clerk)
    position = world.position("intake")
    path = f"/intake/v1/accused/{story.ref()}/history"
    below = world.get(TOWN.petition_clerk, path, min_position=position).json()["complaints"]
    assert {c["id"] for c in below} == {born.id, again.complaint.id}
    above = world.get(COUNTY.petition_clerk, path, min_position=position).json()["complaints"]
    assert {c["id"] for c in above} == {story.complaint.id, born.id, again.complaint.id}
    hidden(world.get(OTHER_TOWN.petition_clerk, path))


def test_54_audit_shows_each_organ_its_own_part(world: World) -> None:
    story = at(world, CITY, [COUNTY])
    born = sent(world, story, "HandDown", CITY.petition_head, COUNTY)
    world.assign(born, COUNTY.petition_clerk, by=COUNTY.petition_head)
    world.do(born, "RegisterComplaint", COUNTY.petition_clerk)

    def told(who: str, case: Case) -> set[str]:
        answer = world.get(who, f"/audit/v1/cases/{case.id}/timeline")
        return {e["id"] for e in answer.json()["events"]} if answer.status_code == 200 else set()

    world.patiently(lambda: {story.complaint.id, born.id} <= told(CITY.auditor, born), "audit")
    below = told(COUNTY.auditor, born)
    assert born.id in below
    assert story.complaint.id not in below
    assert told(COUNTY.auditor, story.complaint) == set()
    assert told(OTHER_COUNTY.auditor, born) == set()


def test_a18_two_parts_may_go_to_the_same_organ(world: World) -> None:
    story = at(world, COUNTY, [COUNTY, TOWN, TOWN])
    head = COUNTY.petition_head
    born = {
        sent(world, story, "SplitComplaint", head, TOWN, allegation_ids=[story.allegation_ids[n]]).id
        for n in (1, 2)
    }
    assert len(born) == 2


def test_a18_a_part_does_not_go_up(world: World) -> None:
    """Were an accused a superior's, the whole would have been sealed (note b)."""
    story = at(world, COUNTY, [COUNTY, TOWN])
    body = {"to_organ": CITY.code, "allegation_ids": [story.allegation_ids[1]]}
    answer = world.give(story.complaint, "SplitComplaint", COUNTY.petition_head, body)
    refused(answer, "E_NOT_COMPETENT", "§5.4")


def test_dl05_dl13_run_where_another_organ_is_competent(world: World) -> None:
    """DL-13 runs for whatever the platform sent: only who looks at it can tell whose it is."""
    due = str(working_days_after(world.today, 5))

    def running(**envelope: Any) -> dict[str, str]:
        answer = done(world.receive(COUNTY.petition_clerk, envelope))
        deadlines: dict[str, str] = world.read(Case("intake", answer["id"]), COUNTY.petition_clerk)[
            "deadlines"
        ]
        return deadlines

    other = {"competent_organ": OTHER_COUNTY.code}
    platform = {"source": "PETITION_PLATFORM", "platform_no": "PP-13"}
    assert running(**other) == {"DL-05": due}
    assert running(**other, **platform) == {"DL-05": due, "DL-13": due}
    assert running(**platform) == {"DL-13": due}
    assert running(competent_organ=COUNTY.code) == {}
    assert running(competent_organ=TOWN.code) == {}
    named = {"reporter": REPORTER}
    assert set(running(**named)) == {"DL-01"}
    assert set(running(**named, **other)) == {"DL-05"}
    nowhere = {"competent_organ": "DI-123456"}
    refused(world.receive(COUNTY.petition_clerk, nowhere), "E_SCHEMA", "§5.4")


def test_dl05_ends_with_the_transfer(world: World) -> None:
    story = world.story(COUNTY, accused=[person(OTHER_COUNTY)]).received(competent_organ=OTHER_COUNTY.code)
    story.listed()
    head = COUNTY.petition_head
    world.assign(story.complaint, head, by=head)
    born = sent(world, story, "SendLateral", head, OTHER_COUNTY)
    assert world.read(story.complaint, head)["deadlines"] == {}
    [received] = world.entries("intake", born.id, "ComplaintReceived")
    assert "DL-05" not in [d["id"] for d in received.meta.get("deadlines", ())], "it has arrived"


# --- told by a superior ---


def received_by(world: World, born: Case, organ: Organ) -> Story:
    """The receiving organ's own story of what it was sent."""
    story = Story.of(world, born, organ, "received", "registered", "listed", "accepted")
    world.assign(born, organ.petition_head, organ.petition_clerk, by=organ.petition_head)
    world.do(born, "RegisterComplaint", organ.petition_clerk)
    return story


def accepts(world: World, born: Case, organ: Organ) -> None:
    world.do(born, "AcceptComplaint", organ.petition_head, {"handling_dept": "supervision_dept"})


def test_a22_the_lower_organ_handles_it_because_it_was_told_to(world: World) -> None:
    """The accused is the county's; the township is competent by the assignment."""
    story = at(world, COUNTY, [COUNTY])
    body = {"ground": "LONG_DELAYED", "letter_ref": "letter-22"}
    born = sent(world, story, "AssignDown", COUNTY.deputy_leader, TOWN, **body)
    received_by(world, born, TOWN)
    facts = world.read(born, TOWN.petition_clerk)["facts"]
    assert (facts["source"], facts["designated"]) == ("SUPERIOR_ASSIGNED", True)
    accepts(world, born, TOWN)


def test_dl06_is_met_when_the_result_is_reported_and_not_before(world: World) -> None:
    _, born = assigned(world)
    lower = received_by(world, born, TOWN)
    accepts(world, born, TOWN)
    lower.concluded()
    world.patiently(lambda: lower.state("complaint") == "RESULT_AVAILABLE")
    assert "DL-06" in world.read(born, TOWN.petition_clerk)["deadlines"]
    world.do(lower.case, "SubmitAssignedResult", TOWN.organ_head, {"collective_study_ref": "study-26"})
    world.patiently(lambda: "DL-06" not in world.read(born, TOWN.petition_clerk)["deadlines"], "DL-06")


def test_a23_the_superior_is_told_that_it_takes_longer(world: World) -> None:
    upper, born = assigned(world)
    world.assign(born, TOWN.petition_head, by=TOWN.petition_head)
    world.do(born, "RegisterComplaint", TOWN.petition_head)
    world.assign(born, TOWN.organ_head, by=TOWN.petition_head)
    head = world.give(born, "RequestExtension", TOWN.petition_head, {"reason": "须外地调证。"})
    refused(head, "E_FORBIDDEN_ROLE", "A23")
    world.do(born, "RequestExtension", TOWN.organ_head, {"reason": "须外地调证。"})
    assert world.read(upper.complaint, COUNTY.petition_head)["facts"]["reason"] == "须外地调证。"
    own = world.story().accepted()
    world.assign(own.complaint, TOWN.organ_head, by=TOWN.petition_head)
    answer = world.give(own.complaint, "RequestExtension", TOWN.organ_head, {"reason": "须外地调证。"})
    refused(answer, "E_STATE", "A23")


def test_54_a_superior_takes_a_complaint_over(world: World) -> None:
    story = world.story(reporter=REPORTER).accepted()
    reason = {"reason": "案情重大，提级办理。"}
    version = world.read(story.complaint, TOWN.petition_clerk)["version"]
    for who, code in (
        (TOWN.petition_head, "E_NOT_COMPETENT"),
        (COUNTY.petition_clerk, "E_FORBIDDEN_ROLE"),
        (OTHER_COUNTY.petition_head, "E_NOT_FOUND"),
    ):
        refused(world.give(story.complaint, "TakeUp", who, reason, if_match=version), code)
    world.do(story.complaint, "TakeUp", COUNTY.petition_head, reason, if_match=version)
    view = world.read(story.complaint, TOWN.petition_clerk)
    assert (view["state"], view["deadlines"]) == ("SENT_OUT", {})
    [taken] = world.entries("intake", story.complaint.id, "ComplaintTakenUp")
    born = Case("intake", taken.event["born"])
    hidden(world.get(TOWN.petition_clerk, born.path))
    received_by(world, born, COUNTY)
    accepts(world, born, COUNTY)
    # A further letter on the same goes after it, and is verified by nobody else (A12).
    again = world.story(accused=[{"match": story.ref()}]).listed()
    head = TOWN.petition_head
    world.assign(again.complaint, head, by=head)
    refused(
        world.give(again.complaint, "MarkDuplicate", head, {"of": story.complaint.id}),
        "E_CONTENT_MISMATCH",
        "A12",
    )
    after = {"of": story.complaint.id, "reason": "前件已由县级提级办理。"}
    assert world.do(again.complaint, "SendAfter", head, after)["state"] == "SENT_OUT"
    [sent] = world.entries("intake", again.complaint.id, "ComplaintSentUp")
    assert sent.event["to_organ"] == COUNTY.code
    assert set(sent.meta["matters"]) == {again.complaint.id, story.complaint.id}


def test_54_what_is_being_verified_is_not_taken_up(world: World) -> None:
    story = world.story().opened()
    version = world.read(story.complaint, TOWN.petition_clerk)["version"]
    reason = {"reason": "提级办理。"}
    answer = world.give(story.complaint, "TakeUp", COUNTY.petition_head, reason, if_match=version)
    refused(answer, "E_STATE")


def test_a19_who_steps_aside_from_it_steps_aside_from_the_case_that_is_open_now(
    world: World, returned: Story
) -> None:
    head = TOWN.petition_head
    world.patiently(lambda: world.read(returned.complaint, head)["state"] == "REGISTERED", "returned")
    accepts(world, returned.complaint, TOWN)
    before = world.position("verification")
    world.do(returned.complaint, "TransferToHandler", head)
    (opened,) = world.patiently(lambda: world.log("verification", before, "VerificationCaseOpened"))
    case = Case("verification", opened.stream)
    world.assign(case, TOWN.handling_dept_head, TOWN.handler, by=TOWN.handling_dept_head)
    assert world.read(case, TOWN.handler)["state"] == "OPENED"
    assert world.read(returned.case, TOWN.handler)["state"] == "RETURNED"
    world.do(
        returned.complaint,
        "AssignToCase",
        head,
        {"person": sub(TOWN.handler), "role": "handler"},
    )
    world.do(returned.complaint, "DeclareRecusal", TOWN.handler, {"ground": "近亲属关系。"})
    world.patiently(lambda: world.get(TOWN.handler, case.path).status_code == 404, "SD10")
