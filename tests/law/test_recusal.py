"""Recusal asked for and decided: in every service, by staff, accused and reporters (A33, A48, SD10)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.harness import (
    ANONYMOUS,
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_SUBJECT,
    PROVINCE,
    SUBJECT,
    TOWN,
    Case,
    Story,
    World,
    done,
    excluded_there,
    hidden,
    refused,
    sub,
)

CLERK, HEAD, HANDLER, CHIEF = TOWN.petition_clerk, TOWN.petition_head, TOWN.handler, TOWN.handling_dept_head
LEADER, DEPUTY = TOWN.organ_head, TOWN.deputy_leader
ASKED = {"role": "handler", "ground": "INTEREST", "reason": "与当事人有利害关系。"}


def asked(world: World, case: Case, who: str = CHIEF, person: str | None = HANDLER, **more: Any) -> str:
    """A request; returns its name in the case."""
    whom = {} if person is None else {"person": sub(person)}
    world.do(case, "RequestRecusal", who, {**ASKED, **whom, **more})
    return f"R{world.entries(case.service, case.id, 'RecusalRequested')[-1].version}"


def decision(request: str, person: str = HANDLER, *, granted: bool = True) -> dict[str, Any]:
    return {"request": request, "person": sub(person), "granted": granted, "opinion": "经研究决定。"}


def decide(world: World, case: Case, who: str, body: dict[str, Any]) -> httpx.Response:
    """Decides on the version that the decider reads."""
    etag = world.get(who, case.path).headers.get("etag", '"1"')
    return world.give(case, "DecideRecusal", who, body, if_match=etag)


def waiting(world: World, case: Case, who: str) -> set[str]:
    """The requests of a case that somebody's list shows."""
    known = {"min_position": world.position(case.service), "limit": 200}
    answer = world.get(who, f"/{case.service}/v1/recusal-requests", **known)
    assert answer.status_code == 200, answer.text
    return {row["request"] for row in answer.json()["items"] if row["id"] == case.id}


@pytest.mark.parametrize("service", ["intake", "verification", "clarification", "followup"])
def test_a48_a_recusal_is_asked_for_and_decided_in_every_service(world: World, service: str) -> None:
    """The person works on until it is decided, and is out at once when it is."""
    story = world.story().plan_opened() if service == "followup" else world.story()
    if service == "intake":
        case, clerk = story.accepted().complaint, HEAD
        world.assign(case, HANDLER, by=HEAD)
    else:
        if service == "clarification":
            story.assessing()
        elif service == "verification":
            story.verifying()
        name = {"verification": "case", "clarification": "clarification", "followup": "plan"}[service]
        case, clerk = getattr(story, name), CHIEF
    world.assign(case, *([LEADER] if service in ("intake", "followup") else []), by=clerk)
    if service == "followup":
        world.assign(case, HANDLER, by=CHIEF)
    request = asked(world, case, clerk)
    assert world.get(HANDLER, case.path).status_code == 200
    told = world.read(case, LEADER)["recusals"][request]
    assert (told["person"], told["asked_by"], told["ground"]) == (sub(HANDLER), "STAFF", "INTEREST")
    done(decide(world, case, LEADER, decision(request)))
    hidden(world.get(HANDLER, case.path))
    body = {"person": sub(HANDLER), "role": "handler"}
    refused(world.give(case, "AssignToCase", clerk, body), "E_RECUSAL", "A48")
    assert world.read(case, LEADER)["recusals"][request]["granted"] is True


def test_a48_a_recused_leader_is_answered_e_recusal(world: World) -> None:
    """Leaders need no assignment to open a case to others; recused, they may not even do that."""
    story = world.story().verifying()
    request = asked(world, story.case, HANDLER, CHIEF, role="handling_dept_head")
    done(decide(world, story.case, LEADER, decision(request, CHIEF)))
    body = {"person": sub(TOWN.handler_second), "role": "handler"}
    refused(world.give(story.case, "AssignToCase", CHIEF, body), "E_RECUSAL", "A48")


def test_a48_refused_he_stays(world: World) -> None:
    story = world.story().verifying()
    request = asked(world, story.case)
    done(decide(world, story.case, DEPUTY, decision(request, granted=False)))
    world.do(story.case, "RecordEvidence", HANDLER, story.evidence())
    refused(decide(world, story.case, DEPUTY, decision(request)), "E_STATE", "A48")


def test_a48_nobody_decides_on_themselves_or_on_somebody_else_than_was_meant(world: World) -> None:
    story = world.story().verifying()
    request = asked(world, story.case, CHIEF, DEPUTY, role="deputy_leader")
    refused(decide(world, story.case, DEPUTY, decision(request, DEPUTY)), "E_RECUSAL", "A48")
    refused(decide(world, story.case, LEADER, decision(request)), "E_SCHEMA", "A48")
    refused(decide(world, story.case, CHIEF, decision(request, DEPUTY)), "E_FORBIDDEN_ROLE")


def test_a48_on_the_head_of_an_organ_the_superior_decides(world: World) -> None:
    """Also where the asker took the head for somebody else. The superior's leader comes for this alone."""
    story = world.story().verifying()
    case, superior = story.case, COUNTY.organ_head
    body = {"person": sub(superior), "role": "organ_head"}
    hidden(world.give(case, "AssignToCase", superior, body))
    request = asked(world, case, CHIEF, LEADER, role="deputy_leader")
    hidden(decide(world, case, DEPUTY, decision(request, LEADER)))
    hidden(world.give(case, "AssignToCase", CITY.organ_head, {**body, "person": sub(CITY.organ_head)}))
    world.do(case, "AssignToCase", superior, body)
    done(decide(world, case, superior, decision(request, LEADER)))
    hidden(world.get(LEADER, case.path))
    hidden(world.get(superior, case.path))


def test_a48_the_head_stays_the_head_when_his_assignment_has_ended(world: World) -> None:
    story = world.story().verifying()
    case, superior = story.case, COUNTY.organ_head
    world.do(case, "EndAssignment", CHIEF, {"person": sub(LEADER), "role": "organ_head", "reason": "虚事。"})
    request = asked(world, case, CHIEF, LEADER)
    hidden(decide(world, case, DEPUTY, decision(request, LEADER)))
    world.do(case, "AssignToCase", superior, {"person": sub(superior), "role": "organ_head"})
    done(decide(world, case, superior, decision(request, LEADER)))


def test_a48_on_the_head_of_the_province_another_of_its_leaders_decides(world: World) -> None:
    complaint = world.story(PROVINCE).accepted().complaint
    world.assign(complaint, PROVINCE.organ_head, PROVINCE.deputy_leader, by=PROVINCE.petition_head)
    request = asked(world, complaint, PROVINCE.petition_head, PROVINCE.organ_head, role="organ_head")
    body = decision(request, PROVINCE.organ_head)
    refused(decide(world, complaint, PROVINCE.organ_head, body), "E_RECUSAL", "A48")
    done(decide(world, complaint, PROVINCE.deputy_leader, body))
    hidden(world.get(PROVINCE.organ_head, complaint.path))


def test_a48_whoever_may_be_the_head_is_not_decided_on_by_his_deputy(world: World) -> None:
    """Named as a handler, and never seen here: nobody can tell that they are the head. The superior may
    decide, and so does the head on somebody else whom the case does not know."""
    case, superior = world.story().accepted().complaint, COUNTY.organ_head
    world.assign(case, DEPUTY, by=HEAD)
    request = asked(world, case, HEAD, LEADER)
    refused(decide(world, case, DEPUTY, decision(request, LEADER)), "E_FORBIDDEN_ROLE", "A48")
    assert request not in waiting(world, case, DEPUTY)
    assert request in waiting(world, case, superior)
    world.do(case, "AssignToCase", superior, {"person": sub(superior), "role": "organ_head"})
    done(decide(world, case, superior, decision(request, LEADER)))
    refused(
        world.give(case, "AssignToCase", HEAD, {"person": sub(LEADER), "role": "organ_head"}), "E_RECUSAL"
    )
    stranger = TOWN.revisit_officer
    other = world.story().verifying()
    request = asked(world, other.case, CHIEF, stranger)
    refused(decide(world, other.case, DEPUTY, decision(request, stranger)), "E_FORBIDDEN_ROLE", "A48")
    done(decide(world, other.case, LEADER, decision(request, stranger)))


@pytest.mark.parametrize("service", ["intake", "verification", "clarification", "followup"])
def test_a48_who_decides_finds_what_waits(world: World, service: str) -> None:
    """Leaders see what they decide on, internal supervision what waits; it goes when it is decided."""
    story = world.story()
    steps = {"intake": "accepted", "verification": "verifying", "clarification": "assessing"}
    getattr(story, steps.get(service, "plan_opened"))()
    names = {"intake": "complaint", "verification": "case", "clarification": "clarification"}
    case: Case = getattr(story, names.get(service, "plan"))
    leaders = [LEADER, DEPUTY]
    clerk = HEAD if service == "intake" else CHIEF
    for leader in leaders:
        if sub(leader) not in world.read(case, clerk)["assigned"]:
            world.assign(case, leader, by=clerk)
    if sub(HANDLER) not in world.read(case, clerk)["assigned"]:
        world.assign(case, HANDLER, by=clerk)
    request = asked(world, case, clerk)
    watcher = COUNTY.internal_supervisor
    for who in (*leaders, watcher):
        assert request in waiting(world, case, who)
    assert request not in waiting(world, case, COUNTY.organ_head), "the organ itself decides"
    for who in (HANDLER, CLERK, COUNTY.auditor):
        refused(world.get(who, f"/{service}/v1/recusal-requests"), "E_FORBIDDEN_ROLE", "A48")
    done(decide(world, case, LEADER, decision(request, granted=False)))
    for who in (*leaders, watcher):
        assert request not in waiting(world, case, who)


def test_a48_no_list_shows_a_leader_what_is_about_them(world: World) -> None:
    story = world.story().verifying()
    request = asked(world, story.case, CHIEF, DEPUTY, role="deputy_leader")
    assert request not in waiting(world, story.case, DEPUTY)
    assert request in waiting(world, story.case, LEADER)
    assert waiting(world, story.case, OTHER_COUNTY.organ_head) == set(), "siblings see nothing (§5.4)"


def test_sd10_a_decided_recusal_travels_to_what_follows(world: World) -> None:
    officer = TOWN.revisit_officer
    story = world.story().accepted()
    world.assign(story.complaint, officer, LEADER, by=HEAD)
    request = asked(world, story.complaint, HEAD, officer, role="revisit_officer")
    done(decide(world, story.complaint, LEADER, decision(request, officer)))
    case = story.opened().case
    excluded_there(world, case, officer)
    body = {"person": sub(officer), "role": "revisit_officer"}
    refused(world.give(case, "AssignToCase", CHIEF, body), "E_RECUSAL", "SD10")


def test_a36_the_accused_asks_from_his_own_account(world: World) -> None:
    """Nobody else's clarification is the accused's to know of; they need not know an account to be
    understood."""
    story = world.story().invited()
    body = {**ASKED, "on_behalf_of": "REPORTER"}
    hidden(world.give(story.clarification, "RequestRecusal", OTHER_SUBJECT, body))
    request = asked(world, story.clarification, SUBJECT, None)
    told = world.read(story.clarification, LEADER)["recusals"][request]
    assert (told["asked_by"], told["person"]) == ("ACCUSED", "")
    done(decide(world, story.clarification, LEADER, decision(request)))
    hidden(world.get(HANDLER, story.clarification.path))


def test_a48_only_who_knows_of_the_case_asks(world: World, verifying: Story) -> None:
    hidden(world.give(verifying.case, "RequestRecusal", TOWN.handler_second, ASKED))
    refused(
        world.give(verifying.case, "RequestRecusal", CHIEF, {**ASKED, "ground": "REPORTERS_COUSIN"}),
        "E_SCHEMA",
    )


def test_a33_a_reporter_asks_behind_his_query_code(world: World) -> None:
    """The reporter's words lie in the vault; they are told to the leaders who decide, and not to the person
    they are about."""
    post = world.anonymously
    before = world.position("intake")
    code = done(post(**ANONYMOUS))["query_code"]
    words = "贵单位信访干部虚某系其表亲，请求回避。"
    body: dict[str, Any] = {"code": code, "role": "petition_clerk", "ground": "OTHER", "text": words}
    assert done(post("/recusal", **body)) == {"status": "RECEIVED"}
    [event] = world.log("intake", before, "RecusalRequested")
    assert (event.event["asked_by"], event.event["reason"]) == ("REPORTER", "")
    assert "表亲" not in str(world.log("intake", before))
    case = Case("intake", event.stream)
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    world.assign(case, LEADER, by=HEAD)
    letters = f"{case.path}/recusal-letters"
    assert [x["text"] for x in world.get(LEADER, letters).json()["letters"]] == [words]
    for who in (CLERK, HEAD):
        refused(world.get(who, letters), "E_FORBIDDEN_ROLE", "A48")
        assert "表亲" not in world.get(who, f"{case.path}/letters").text
    assert "表亲" not in post("/mailbox", code=code).text
    done(decide(world, case, LEADER, decision(f"R{event.version}", CLERK)))
    hidden(world.get(CLERK, case.path))
    hidden(post("/recusal", **{**body, "code": "0000-0000-0000-0000"}))
    refused(post("/recusal", **{**body, "ground": "REPORTERS_COUSIN"}), "E_SCHEMA")
    refused(post("/recusal", code=code, text=words), "E_SCHEMA")


def test_a48_who_may_be_meant_does_not_decide_whom_it_meant(world: World) -> None:
    """A reporter names a role only: whoever acts in it does not turn the request on somebody else."""
    code = done(world.anonymously(**ANONYMOUS))["query_code"]
    before = world.position("intake")
    asked = {"code": code, "role": "deputy_leader", "ground": "OTHER", "text": "分管领导系其表亲。"}
    done(world.anonymously("/recusal", **asked))
    [event] = world.log("intake", before, "RecusalRequested")
    case = Case("intake", event.stream)
    world.assign(case, CLERK, HEAD, by=HEAD)
    world.do(case, "RegisterComplaint", CLERK)
    deputy = TOWN.deputy_leader
    world.assign(case, deputy, by=HEAD)
    body = {**decision(f"R{event.version}", CLERK), "granted": False}
    refused(decide(world, case, deputy, body), "E_RECUSAL", "A48")


def test_a48_no_cursor_tells_a_leader_what_is_about_them(world: World) -> None:
    """A page that is short, or whose cursor leads past an item that is not shown, would count it for the
    leader."""
    for whom, role in ((TOWN.revisit_officer, "revisit_officer"), (DEPUTY, "deputy_leader")):
        asked(world, world.story().verifying().case, CHIEF, whom, role=role)
    params: dict[str, Any] = {"limit": 1, "min_position": world.position("verification")}
    while True:
        page = world.get(DEPUTY, "/verification/v1/recusal-requests", **params).json()
        if page["next"] is None:
            break
        assert page["items"]
        params = {"limit": 1, "cursor": page["next"]}
