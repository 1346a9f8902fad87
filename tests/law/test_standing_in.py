"""Substitutes, escalation, departures and the staff directory: no step hangs on one person (B5, B6, B8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deploy.local.staff import export
from tests.harness import (
    CITY,
    CONCLUSION,
    COUNTY,
    DIRECTORY,
    ENDORSE,
    OTHER_COUNTY,
    PROVINCE,
    SERVICES,
    THREE,
    TOWN,
    Story,
    World,
    a_plan,
    done,
    excluded_there,
    hidden,
    refused,
    sha,
    sub,
    working_days_after,
)

HEAD, DEPUTY = THREE.organ_head, THREE.deputy_leader
ABOVE = ("ConcludeVerification", "CountersignReport")
"""Steps of a verification that nobody of the three is left for, once the head is on the team."""
AGREE = {"opinion": "同意。"}
WAITS = "DL-34#"
STEP = f"{WAITS}step."


def escalate(world: World, story: Story, of: str, step: str, by: str, *unavailable: str) -> httpx.Response:
    """Asks that a step of one of the story's cases is taken above."""
    body = {"step": step, "reason": "本机关无人可办。", "unavailable": [sub(who) for who in unavailable]}
    return world.give(story.cases[of], "EscalateForSeparation", by, body)


def designate(world: World, who: str, role: str, person: str, **more: Any) -> httpx.Response:
    """Names a substitute for a month, unless told otherwise."""
    days = {"since": str(world.today), "until": str(world.today + timedelta(days=30))}
    body = {"role": role, "person": sub(person), "reason": "AWAY", **days, **more}
    return world.client(who).post("/intake/v1/substitutes", json=body)


def member(world: World, service: str, who: str) -> dict[str, Any]:
    """Somebody as their colleagues find them in one service's copy of the directory."""
    items = world.get(who, f"/{service}/v1/staff", limit=200).json()["items"]
    found: dict[str, Any] = next((item for item in items if item["person"] == sub(who)), {})
    return found


def known_everywhere(world: World, who: str, *roles: str) -> None:
    """Waits until every service knows in which roles somebody stands in for others."""
    for service in SERVICES:

        def told(service: str = service) -> bool:
            return {s["role"] for s in member(world, service, who).get("substitute_for", ())} == set(roles)

        world.patiently(told, f"the substitute in {service}")


def bring_in(world: World, **changes: dict[str, Any] | None) -> httpx.Response:
    """Imports the directory with another place for some people, by their roles in TOWN; None leaves one
    out."""
    body = export()
    for role, change in changes.items():
        person = sub(getattr(TOWN, role))
        [entry] = [m for m in body["members"] if m["person"] == person]
        if change is None:
            body["members"].remove(entry)
        else:
            entry.update(change)
    return world.client(DIRECTORY).post("/intake/v1/staff", json=body)


@pytest.fixture(scope="module")
def reported(world: World) -> Story:
    """A case of the township of three: its head is on the team, so the county reads the report."""
    story = world.story(THREE).disposed()
    team = {"team": story.team, "plan_hash": sha("plan")}
    found = refused(world.give(story.case, "StartVerification", DEPUTY, team), "E_STEP_UNFILLED", "B6")
    assert found["step"] in ABOVE
    for step in ABOVE:
        refused(escalate(world, story, "case", step, DEPUTY), "E_SUBSTITUTE_NOT_NEEDED", "B5")
        done(escalate(world, story, "case", step, DEPUTY, HEAD))
    return story.reported()


def test_b5_b6_a_township_of_three_plays_a_whole_case(world: World, reported: Story) -> None:
    """The head is on the team; the county countersigns and concludes. From then on the three go on by
    themselves, to the end of the visits."""
    story, case, chief, leader = reported, reported.case, COUNTY.handling_dept_head, COUNTY.organ_head
    hidden(world.give(case, "CountersignReport", HEAD, AGREE))
    hidden(world.give(case, "CountersignReport", chief, AGREE))
    world.assign(case, chief, leader, by=leader)
    assert not [deadline for deadline in world.read(case, leader)["deadlines"] if deadline.startswith(WAITS)]
    world.do(case, "CountersignReport", chief, AGREE)
    world.do(case, "ConcludeVerification", leader, CONCLUSION)
    story._done += ["countersigned", "concluded"]
    assert story.visited().state("plan") == "ACTIVE"


def test_b5_dl34_the_organ_above_is_told_and_owes_an_answer(world: World) -> None:
    """The step stands in the list of deadlines there, for five working days; once escalated, only those above
    may take it, and they only that step."""
    story = world.story(THREE).opened()
    done(escalate(world, story, "case", "ApproveDisposition", DEPUTY, HEAD, DEPUTY))
    due = str(working_days_after(world.today, 5))
    running = world.read(story.case, HEAD)["deadlines"]
    assert running[f"{STEP}ApproveDisposition"] == due
    position = world.position("verification")
    listed = world.get(COUNTY.organ_head, "/verification/v1/deadlines", limit=200, min_position=position)
    assert f"{STEP}ApproveDisposition" in {
        row["deadline"] for row in listed.json()["items"] if row["id"] == story.case.id
    }
    story.proposed_disposition()
    hidden(world.give(story.case, "ApproveDisposition", HEAD, AGREE))
    above, county = {"person": sub(COUNTY.organ_head), "role": "organ_head"}, COUNTY.organ_head
    hidden(world.give(story.case, "AssignToCase", OTHER_COUNTY.organ_head, above))
    refused(
        world.give(story.case, "AssignToCase", county, {"person": sub(COUNTY.handler), "role": "handler"}),
        "E_NOT_FOUND",
    )
    world.assign(story.case, county, by=county)
    world.do(story.case, "ApproveDisposition", county, AGREE)
    hidden(world.give(story.case, "StartVerification", county, {"team": story.team, "plan_hash": sha("p")}))


def test_b5_nobody_escalates_past_a_free_holder_or_from_outside(world: World) -> None:
    story = world.story().opened()
    refused(escalate(world, story, "case", "ConcludeVerification", TOWN.handler), "E_SUBSTITUTE_NOT_NEEDED")
    # Working on it, managing cases here, or leading above: nobody else.
    hidden(escalate(world, story, "case", "ConcludeVerification", TOWN.revisit_officer, TOWN.organ_head))
    hidden(escalate(world, story, "case", "ConcludeVerification", OTHER_COUNTY.organ_head, TOWN.organ_head))
    refused(escalate(world, story, "case", "NoSuchStep", TOWN.handler), "E_SCHEMA")
    done(escalate(world, story, "case", "ConcludeVerification", COUNTY.organ_head, TOWN.organ_head))
    # If nobody is left there either, the city takes it.
    # Who works on it says of nobody but themselves that they are not there.
    by_handler = escalate(world, story, "case", "ConcludeVerification", TOWN.handler, COUNTY.organ_head)
    refused(by_handler, "E_FORBIDDEN_ROLE", "B5")
    done(escalate(world, story, "case", "ConcludeVerification", CITY.organ_head, COUNTY.organ_head))
    assert world.entries("verification", story.case.id)[-1].event["to_organ"] == CITY.code


def test_b5_at_the_top_a_substitute_is_named(world: World) -> None:
    """Above the province is nobody: its deputy leader names who stands in for the head."""
    story = world.story(PROVINCE).opened()
    case, head = story.case, PROVINCE.organ_head
    told = escalate(world, story, "case", "ConcludeVerification", PROVINCE.handling_dept_head, head)
    refused(told, "E_STATE", "B5")
    refused(designate(world, PROVINCE.case_manager, "organ_head", PROVINCE.city_approver), "E_FORBIDDEN_ROLE")
    done(designate(world, PROVINCE.deputy_leader, "organ_head", PROVINCE.city_approver))
    known_everywhere(world, PROVINCE.city_approver, "organ_head")
    story.countersigned()
    world.assign(case, PROVINCE.city_approver, by=PROVINCE.handling_dept_head, role="organ_head")
    world.do(case, "ConcludeVerification", PROVINCE.city_approver, CONCLUSION)
    [concluded] = world.entries("verification", case.id, "VerificationConcluded")
    assert (concluded.meta["actor"], concluded.meta["role"]) == (sub(PROVINCE.city_approver), "organ_head")


def test_b5_a_substitute_reviews_while_the_head_is_away(world: World) -> None:
    """In the role of the head, for the days that were said, beside their own; separation of duties holds for
    them too."""
    story, second = world.concluded().submitted(), TOWN.deputy_leader
    refused(world.give(story.clarification, "ReviewClarification", second, ENDORSE), "E_FORBIDDEN_ROLE")
    done(designate(world, COUNTY.organ_head, "organ_head", second, organ=TOWN.code))
    known_everywhere(world, second, "organ_head")
    world.do(story.clarification, "ReviewClarification", second, ENDORSE)
    assert world.entries("clarification", story.clarification.id)[-1].meta["role"] == "organ_head"
    other = world.concluded().submitted()
    world.pass_days(31)
    refused(world.give(other.clarification, "ReviewClarification", second, ENDORSE), "E_FORBIDDEN_ROLE")


def test_b5_who_may_name_whom_and_for_how_long(world: World) -> None:
    leader, above, day = TOWN.organ_head, COUNTY.organ_head, world.today
    clerk = TOWN.petition_clerk
    refused(designate(world, leader, "organ_head", TOWN.deputy_leader), "E_NOT_FOUND")
    hidden(designate(world, above, "petition_head", clerk, organ=TOWN.code))
    refused(designate(world, TOWN.deputy_leader, "petition_head", clerk), "E_FORBIDDEN_ROLE", "B5")
    refused(designate(world, TOWN.handler, "petition_head", clerk), "E_FORBIDDEN_ROLE")
    refused(designate(world, leader, "petition_clerk", clerk), "E_SUBSTITUTE_NOT_NEEDED", "B5")
    for role in ("identity_custodian", "internal_supervisor", "auditor", "subject_mobile"):
        refused(designate(world, leader, role, clerk), "E_SCHEMA")
    refused(designate(world, COUNTY.organ_head, "handler", COUNTY.identity_custodian), "E_SOD_CONFLICT", "B5")
    refused(designate(world, leader, "petition_head", COUNTY.petition_clerk), "E_PERSON_UNKNOWN", "B8")
    told = refused(
        designate(world, leader, "petition_head", clerk, until=str(day + timedelta(days=90))),
        "E_SCHEMA",
        "B5",
    )
    assert told["maximum_days"] == 90
    refused(designate(world, leader, "petition_head", clerk, until=str(day - timedelta(days=1))), "E_SCHEMA")
    done(designate(world, leader, "petition_head", clerk, until=str(day + timedelta(days=89))))
    past = {"since": str(day - timedelta(days=2)), "until": str(day - timedelta(days=1))}
    done(designate(world, leader, "petition_head", clerk, **past))
    known_everywhere(world, clerk)
    # Nothing is ended that had not begun.
    refused(designate(world, leader, "handler", TOWN.revisit_officer, **past), "E_STATE", "B5")


def test_b8_a_person_named_in_a_command_serves_there_in_a_fitting_role(world: World) -> None:
    story = world.story().disposed()
    nobody, elsewhere = "p-nobody", sub(OTHER_COUNTY.handler)
    for stranger in (nobody, elsewhere, sub("subject-wu")):
        team = {"team": [sub(TOWN.handler), stranger], "plan_hash": sha("plan")}
        told = refused(
            world.give(story.case, "StartVerification", TOWN.handler, team), "E_PERSON_UNKNOWN", "B8"
        )
        assert (told["field"], told["person"]) == ("team", stranger)
    chief = TOWN.handling_dept_head
    unfit = {"person": sub(TOWN.petition_clerk), "role": "deputy_leader"}
    told = refused(world.give(story.case, "AssignToCase", chief, unfit), "E_PERSON_UNKNOWN", "B8")
    assert told["field"] == "person"
    # Above the organ of the case, people serve it too.
    lent = {"team": [sub(TOWN.handler), sub(COUNTY.handler)], "plan_hash": sha("plan")}
    world.do(story.case, "StartVerification", TOWN.handler, lent)
    evidence = story.evidence(collectors=[sub(TOWN.handler), nobody])
    refused(world.give(story.case, "RecordEvidence", TOWN.handler, evidence), "E_PERSON_UNKNOWN", "B8")


def test_b8_received_and_approved_by_people_of_the_organ(world: World) -> None:
    alone = {"received_by": "p-nobody", "others_present": False}
    told = refused(
        world.receive(TOWN.petition_clerk, {"channel": "VISIT", "reception": alone}), "E_PERSON_UNKNOWN"
    )
    assert told["field"] == "reception"
    story = world.story().registered()
    listing = {**story.listing(), "approved_by": sub(TOWN.revisit_officer)}
    told = refused(
        world.give(story.complaint, "ListAllegations", TOWN.petition_clerk, listing), "E_PERSON_UNKNOWN"
    )
    assert told["field"] == "approved_by"


@pytest.fixture
def directory(world: World) -> Iterator[None]:
    """The directory is again as it was, whatever a test has made of it."""
    yield
    done(bring_in(world))
    for service in SERVICES:

        def back(service: str = service) -> bool:
            return member(world, service, TOWN.handler_second).get("roles") == ["handler"]

        world.patiently(back, f"the directory in {service}")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    "change",
    [None, {"organ": CITY.code}, {"roles": ["revisit_officer"]}],
    ids=["left", "another organ", "another role"],
)
def test_b8_dl34_who_leaves_or_moves_loses_the_assignments(
    world: World, change: dict[str, Any] | None
) -> None:
    """In every service; where nobody else had the role, somebody is to be assigned in five working days."""
    story, gone = world.story().opened(), TOWN.handler_second
    clarified = world.concluded().assessing()
    chief = TOWN.handling_dept_head
    for case in (story.case, clarified.clarification):
        for of, person in (("handler", TOWN.handler),):
            world.do(case, "EndAssignment", chief, {"person": sub(person), "role": of, "reason": "DONE"})
        world.assign(case, gone, by=chief)
    done(bring_in(world, handler_second=change))
    due = str(working_days_after(world.today, 5))
    for case in (story.case, clarified.clarification):

        def ended(case: Any = case) -> bool:
            last = world.entries(case.service, case.id, "AssignmentEnded")[-1]
            return bool(last.event["person"] == sub(gone) and last.event["reason"] == "LEFT")

        world.patiently(ended, f"the end of the assignment in {case.service}")
        assert world.read(case, chief)["deadlines"][f"{WAITS}handler"] == due
        hidden(world.get(gone, case.path))
        world.assign(case, TOWN.handler, by=chief)
        assert f"{WAITS}handler" not in world.read(case, chief)["deadlines"]


def test_b2_dl34_somebody_stands_in_for_who_steps_aside(world: World) -> None:
    """Not where others go on in that role."""
    story = world.story().opened()
    chief = TOWN.handling_dept_head
    world.assign(story.case, TOWN.handler_second, by=chief)
    world.do(story.case, "DeclareRecusal", TOWN.handler_second, {"ground": "OTHER"})
    assert f"{WAITS}handler" not in world.read(story.case, chief)["deadlines"]
    world.do(story.case, "DeclareRecusal", TOWN.handler, {"ground": "OTHER"})
    assert f"{WAITS}handler" in world.read(story.case, chief)["deadlines"]
    # Of the town's handlers nobody is left: the county's go on.
    done(escalate(world, story, "case", "handler", chief))
    county = COUNTY.handling_dept_head
    world.assign(story.case, COUNTY.handler, by=county)
    body = {
        "way": "PRELIMINARY_VERIFICATION",
        "reason": "PLAUSIBLE_AND_VERIFIABLE",
        "collective_study_ref": "s-1",
    }
    world.do(story.case, "ProposeDisposition", COUNTY.handler, body)
    hidden(world.give(story.case, "ProposeDisposition", chief, body))


def test_b5_when_head_and_deputy_are_out_the_county_accepts(world: World) -> None:
    """Intake's way on after B4: what is registered is decided above."""
    story = world.story().listed()
    for who in (TOWN.petition_head, TOWN.deputy_leader):
        world.assign(story.complaint, who, by=TOWN.organ_head)
        world.do(story.complaint, "DeclareRecusal", who, {"ground": "ACCUSED_OR_RELATIVE"})
    done(escalate(world, story, "complaint", "petition_head", TOWN.petition_clerk))
    head = COUNTY.petition_head
    world.assign(story.complaint, head, by=head)
    world.do(story.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    world.do(story.complaint, "TransferToHandler", head)
    story._done += ["accepted"]
    case = world.arrived("verification", story.complaint.id, TOWN.handling_dept_head)
    assert world.read(case, TOWN.handling_dept_head)["organ"] == TOWN.code
    excluded_there(world, case, TOWN.petition_head)


ENTRY = {"person": "p-new", "name": "虚新", "organ": TOWN.code, "roles": ["handler"]}


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ({"members": [ENTRY, ENTRY]}, "E_SCHEMA", "members"),
        ({"members": [{**ENTRY, "organ": COUNTY.code}]}, "E_SCHEMA", "members.0.organ"),
        ({"organs": ["DI-1234"]}, "E_SCHEMA", "organs"),
        ({"members": [{**ENTRY, "since": "2099-01-01"}]}, "E_SCHEMA", "members.0.since"),
        ({"members": [{**ENTRY, "roles": ["subject_mobile"]}]}, "E_SCHEMA", None),
        ({"members": [{**ENTRY, "person": "13912345678"}]}, "E_SCHEMA", None),
        (
            {"members": [{**ENTRY, "roles": ["identity_custodian", "handler"]}]},
            "E_SOD_CONFLICT",
            "members.0.roles",
        ),
    ],
)
def test_b8_an_import_that_cannot_be_is_refused_whole(
    world: World, sent: dict[str, Any], code: str, field: str | None
) -> None:
    before = world.get(TOWN.petition_head, "/intake/v1/staff", limit=200).json()
    body = {"organs": [TOWN.code], "members": [ENTRY], **sent}
    told = refused(world.client(DIRECTORY).post("/intake/v1/staff", json=body), code)
    assert field is None or told["field"] == field
    assert world.get(TOWN.petition_head, "/intake/v1/staff", limit=200).json() == before


def test_b8_the_same_import_again_leaves_no_record(world: World) -> None:
    position = world.position("intake")
    done(bring_in(world))
    assert not [e for e in world.log("intake", position) if e.type.startswith("Staff")]


@pytest.mark.parametrize("who", [COUNTY.organ_head, COUNTY.case_manager, "petition-platform"])
def test_b8_nobody_but_the_directory_imports(world: World, who: str) -> None:
    refused(world.client(who).post("/intake/v1/staff", json=export()), "E_FORBIDDEN_ROLE", "B8")


def test_b8_the_directory_itself_is_shown_no_case(world: World) -> None:
    """The account gives staff, and reads staff: nothing else of any service."""
    story = world.story().opened()
    for service in SERVICES:
        assert world.get(DIRECTORY, f"/{service}/v1/staff", organ=TOWN.code).status_code == 200
        refused(world.get(DIRECTORY, f"/{service}/v1/deadlines"), "E_FORBIDDEN_ROLE")
    hidden(world.get(DIRECTORY, story.case.path))


def test_b5_63_with_its_last_day_a_substitution_ends_what_it_carried(world: World) -> None:
    """The need to know that somebody had in that role ends too, and the role waits for somebody."""
    story, second = world.concluded().assessing(), TOWN.revisit_officer
    chief = TOWN.handling_dept_head
    with world.standing_in(TOWN, "handler", second):
        world.assign(story.clarification, second, by=chief, role="handler")
        assert world.get(second, story.clarification.path).status_code == 200

    def ended() -> bool:
        last = world.entries("clarification", story.clarification.id, "AssignmentEnded")
        return bool(last and last[-1].event == {"person": sub(second), "role": "handler", "reason": "LEFT"})

    world.patiently(ended, "the end of the assignment")
    hidden(world.get(second, story.clarification.path))


def test_b5_an_escalated_handling_goes_to_its_end(world: World) -> None:
    """The county's handlers draft and carry out what the town's cannot."""
    story = world.concluded().assessed()
    chief, handler = TOWN.handling_dept_head, COUNTY.handler
    away = (chief, TOWN.handler, TOWN.handler_second)
    done(escalate(world, story, "clarification", "handler", chief, *away))
    world.assign(story.clarification, handler, by=COUNTY.handling_dept_head)
    items = world.read(story.clarification, handler)["facts"]["unfounded_ids"]
    world.do(story.clarification, "ProposeClarification", handler, {"items": items})
    world.do(story.clarification, "PlanClarification", handler, a_plan())
    world.do(story.clarification, "RenderText", handler)


def test_b5_an_escalated_clerks_work_reaches_the_reporter(world: World) -> None:
    """The clerk above reads the letters and the identity that the work needs, as one below would (B20)."""
    reporter = {"name": "郑虚升", "phone": "13972064820", "may_be_contacted": True}
    story = world.story(reporter=reporter).listed()
    clerk, head = COUNTY.petition_clerk, COUNTY.petition_head
    world.assign(story.complaint, TOWN.petition_head, by=TOWN.petition_head)
    done(escalate(world, story, "complaint", "petition_clerk", TOWN.petition_head, TOWN.petition_clerk))
    world.assign(story.complaint, clerk, by=head)
    world.do(
        story.complaint, "VerifyReporterIdentity", clerk, {"verified_by": "PHONE", "result": "CONFIRMED"}
    )
    assert world.get(clerk, f"{story.complaint.path}/letters").status_code == 200


def test_b2_dl34_who_was_excluded_elsewhere_leaves_a_clock_here(world: World) -> None:
    """Excluded in intake, the only handler of the verification is missed there too."""
    story = world.story().opened()
    head, chief = TOWN.petition_head, TOWN.handling_dept_head
    world.assign(story.complaint, TOWN.handler, by=head)
    world.do(story.complaint, "DeclareRecusal", TOWN.handler, {"ground": "OTHER"})
    excluded_there(world, story.case, TOWN.handler)
    due = str(working_days_after(world.today, 5))
    world.patiently(
        lambda: world.read(story.case, chief)["deadlines"].get(f"{WAITS}handler") == due, "the clock"
    )


@pytest.mark.usefixtures("directory")
def test_b5_sd8_a_substitute_who_becomes_custodian_stands_in_no_more(world: World) -> None:
    """A custodian of identities decides no case, whatever they were named for before."""
    who, story = COUNTY.case_manager, world.story(COUNTY).listed()
    done(designate(world, COUNTY.organ_head, "petition_head", who))
    known_everywhere(world, who, "petition_head")
    told = export()
    [entry] = [m for m in told["members"] if m["person"] == sub(who)]
    entry["roles"] = ["identity_custodian"]
    done(world.client(DIRECTORY).post("/intake/v1/staff", json=told))
    named = {"person": sub(COUNTY.petition_head), "role": "petition_head"}
    refused(world.give(story.complaint, "AssignToCase", who, named), "E_FORBIDDEN_ROLE")
    past = str(world.today - timedelta(days=1))
    done(designate(world, COUNTY.organ_head, "petition_head", who, since=past, until=past))


def test_b5_a44_a_report_whose_leaders_are_out_is_settled_above(world: World) -> None:
    """The city sees the report, assigns itself and settles it; who stepped aside sees it no more."""
    reporter = {"name": "郑虚报", "phone": "13972064821", "may_be_contacted": True}
    story = world.story(reporter=reporter).listed()
    clerk, head, above = TOWN.petition_clerk, COUNTY.petition_head, CITY.organ_head
    body = {"complaint": story.complaint.id, "subject": story.ref(), "account": "被调离岗位。"}
    id = done(world.client(clerk).post("/intake/v1/retaliation-reports", json=body))["id"]
    path = f"/intake/v1/retaliation-reports/{id}"

    def give(who: str, command: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return world.client(who).post(f"{path}/{command}", json=body, headers=headers)

    for who in (head, COUNTY.organ_head, COUNTY.deputy_leader):
        done(give(head, "assign-to-case", {"person": sub(who), "role": who.partition("@")[0]}))
    for who in (COUNTY.organ_head, COUNTY.deputy_leader):
        done(give(who, "declare-recusal", {"ground": "OTHER"}))
    done(give(head, "escalate-for-separation", {"step": "SettleRetaliation", "reason": "均须回避。"}))
    listed = world.get(above, "/intake/v1/retaliation-reports", min_position=world.position("intake"))
    assert id in listed.text
    done(give(above, "assign-to-case", {"person": sub(above), "role": "organ_head"}))
    etag = world.get(above, path).headers["etag"]
    settled = {"finding": "NOT_PROVABLE", "measures": "已提醒。"}
    done(give(above, "settle-retaliation", settled, **{"if-match": etag}))
    hidden(world.get(COUNTY.organ_head, path))
