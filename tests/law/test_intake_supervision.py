"""Supervision orders: a superior presses an organ below, and never learns or tells who reported (§4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    TOWN,
    Case,
    Story,
    World,
    done,
    hidden,
    person,
    refused,
    sub,
)

CLERK = COUNTY.petition_clerk
HEAD = COUNTY.petition_head
DEPUTY = COUNTY.deputy_leader
REPORTER = {"name": "虚督举", "phone": "19955551234"}
TEXT = "该件已超期，请抓紧办理并书面说明原因。"


class Order(Case):
    """A supervision order; its path is not that of intake's complaints."""

    @property
    def path(self) -> str:
        return f"/intake/v1/supervision-orders/{self.id}"


@dataclass
class Pressed:
    """A complaint of the town, and an order of the county about it."""

    world: World
    story: Story
    order: Order

    def approved(self) -> Pressed:
        self.world.assign(self.order, DEPUTY, by=DEPUTY)
        self.world.do(self.order, "ApproveSupervisionOrder", DEPUTY)
        return self

    def issued(self) -> Pressed:
        self.approved()
        self.world.do(self.order, "IssueSupervisionOrder", CLERK)
        return self

    def answered(self) -> Pressed:
        self.issued()
        self.world.assign(self.order, TOWN.petition_head, by=TOWN.petition_head)
        self.respond()
        return self

    def respond(self, who: str = TOWN.petition_head) -> None:
        self.world.do(self.order, "RespondSupervision", who, {"response": "已办理完毕，情况如上。"})

    @property
    def state(self) -> str:
        return str(self.world.read(self.order, CLERK)["state"])


def body(story: Story, **more: Any) -> dict[str, Any]:
    return {
        "target": story.organ.code,
        "complaint": story.complaint.id,
        "cause": "OVERDUE",
        "methods": ["LETTER"],
        "text": TEXT,
        **more,
    }


def draft(world: World, who: str, sent: dict[str, Any]) -> httpx.Response:
    return world.client(who).post("/intake/v1/supervision-orders", json=sent)


def drafted(world: World, story: Story | None = None, **more: Any) -> Pressed:
    story = story or world.story().listed()
    answer = done(draft(world, CLERK, body(story, **more)))
    return Pressed(world, story, Order("intake", answer["id"]))


@pytest.fixture(scope="module")
def draft_only(world: World) -> Pressed:
    return drafted(world)


@pytest.fixture(scope="module")
def issued(world: World) -> Pressed:
    return drafted(world).issued()


@pytest.fixture(scope="module")
def answered(world: World) -> Pressed:
    return drafted(world).answered()


# --- the whole way ---


def test_47_from_draft_to_close(world: World) -> None:
    pressed = drafted(world)
    states = [pressed.state]
    states.append(pressed.approved().state)
    world.do(pressed.order, "IssueSupervisionOrder", CLERK)
    states.append(pressed.state)
    world.assign(pressed.order, TOWN.handling_dept_head, by=TOWN.petition_head)
    pressed.respond(TOWN.handling_dept_head)
    states.append(pressed.state)
    world.do(pressed.order, "ReturnSupervisionResponse", CLERK, {"reason": "未附材料。"})
    states.append(pressed.state)
    pressed.respond(TOWN.handling_dept_head)
    world.do(pressed.order, "CloseSupervision", CLERK, {"result": "已办结。"})
    states.append(pressed.state)
    assert states == ["DRAFTED", "APPROVED", "ISSUED", "RESPONDED", "RETURNED", "CLOSED"]


def test_47_orders_are_numbered_without_gaps_when_they_are_issued(world: World) -> None:
    first, never, second = drafted(world), drafted(world), drafted(world)
    for pressed in (first, second):
        pressed.issued()
    views = [world.read(p.order, CLERK) for p in (first, never, second)]
    assert views[1]["number"] == ""
    assert views[0]["number"].startswith(f"DB-990102-{world.today.year}-")
    counts = [int(views[n]["number"].rpartition("-")[2]) for n in (0, 2)]
    assert counts[1] == counts[0] + 1


@pytest.mark.parametrize("cause", ["OVERDUE", "POORLY_ORGANISED", "NEEDS_SUPPLEMENT", "OTHER"])
def test_a24_the_four_causes(world: World, answered: Pressed, cause: str) -> None:
    assert drafted(world, answered.story, cause=cause).state == "DRAFTED"


def test_a24_no_fifth_cause(world: World, answered: Pressed) -> None:
    refused(draft(world, CLERK, body(answered.story, cause="ANNOYED")), "E_SCHEMA")


def test_a25_the_four_methods_and_no_other(world: World, answered: Pressed) -> None:
    all_four = ["LETTER", "HEAR_REPORT", "REVIEW_FILE", "ON_SITE"]
    pressed = drafted(world, answered.story, methods=all_four)
    assert world.read(pressed.order, CLERK)["facts"]["methods"] == all_four
    for wrong in ([], ["PHONE"], [*all_four, "LETTER"]):
        refused(draft(world, CLERK, body(answered.story, methods=wrong)), "E_SCHEMA")


# --- who ---


@pytest.mark.parametrize("who", ["handler", "deputy_leader", "organ_head", "case_manager", "auditor"])
def test_r45_the_petition_department_drafts(world: World, answered: Pressed, who: str) -> None:
    refused(draft(world, getattr(COUNTY, who), body(answered.story)), "E_FORBIDDEN_ROLE", "A24")


@pytest.mark.parametrize("who", ["petition_clerk", "petition_head", "organ_head"])
def test_a24_the_deputy_leader_approves_and_nobody_else(world: World, draft_only: Pressed, who: str) -> None:
    person = getattr(COUNTY, who)
    if who != "petition_clerk":
        world.give(draft_only.order, "AssignToCase", person, {"person": sub(person), "role": who})
    answer = world.give(draft_only.order, "ApproveSupervisionOrder", person)
    refused(answer, "E_FORBIDDEN_ROLE", "A24")


def test_a24_another_organ_does_not_approve(world: World, draft_only: Pressed) -> None:
    for who in (TOWN.deputy_leader, OTHER_COUNTY.deputy_leader):
        hidden(world.give(draft_only.order, "ApproveSupervisionOrder", who, if_match=1))
    city = CITY.deputy_leader
    hidden(world.give(draft_only.order, "AssignToCase", city, {"person": sub(city), "role": "deputy_leader"}))


def test_a24_nothing_goes_out_without_approval(world: World, draft_only: Pressed) -> None:
    refused(world.give(draft_only.order, "IssueSupervisionOrder", CLERK), "E_APPROVAL_REQUIRED", "A24")
    assert draft_only.state == "DRAFTED"


def test_47_each_step_in_its_state(world: World, issued: Pressed) -> None:
    refused(world.give(issued.order, "ApproveSupervisionOrder", DEPUTY), "E_STATE")
    refused(world.give(issued.order, "IssueSupervisionOrder", CLERK), "E_STATE")
    refused(world.give(issued.order, "ReturnSupervisionResponse", CLERK, {"reason": "无。"}), "E_STATE")
    refused(world.give(issued.order, "CloseSupervision", CLERK, {"result": "无。"}), "E_STATE")


def test_r45_only_the_organ_addressed_answers(world: World, answered: Pressed) -> None:
    hidden(world.give(answered.order, "RespondSupervision", CLERK, {"response": "代答。"}))
    unassigned = TOWN.petition_clerk
    hidden(world.give(answered.order, "RespondSupervision", unassigned, {"response": "代答。"}))
    handler = TOWN.handler
    body = {"person": sub(handler), "role": "handler"}
    hidden(world.give(answered.order, "AssignToCase", TOWN.petition_head, body))


def test_sd10_who_stepped_aside_from_the_complaint_presses_nobody(world: World) -> None:
    story = world.story().listed()
    world.assign(story.complaint, TOWN.handling_dept_head, by=TOWN.petition_head)
    world.do(story.complaint, "DeclareRecusal", TOWN.handling_dept_head, {"ground": "近亲属关系。"})
    pressed = drafted(world, story).issued()
    answer = world.give(
        pressed.order,
        "AssignToCase",
        TOWN.petition_head,
        {"person": sub(TOWN.handling_dept_head), "role": "handling_dept_head"},
    )
    refused(answer, "E_RECUSAL", "SD10")


# --- whom ---


@pytest.mark.parametrize("target", [COUNTY.code, CITY.code, OTHER_TOWN.code, OTHER_COUNTY.code, "DI-12"])
def test_47_the_target_is_below(world: World, answered: Pressed, target: str) -> None:
    hidden(draft(world, CLERK, body(answered.story, target=target)))


def test_a24_the_item_is_a_registered_one_of_the_target(world: World) -> None:
    """One answer for what is elsewhere, not registered or nowhere: nothing can be found out by asking."""
    told = []
    unregistered = world.story().received()
    elsewhere = world.story(OTHER_TOWN).registered()
    for id in (unregistered.complaint.id, elsewhere.complaint.id, str(uuid4())):
        sent = body(unregistered, complaint=id)
        told.append(refused(draft(world, CLERK, sent), "E_SCHEMA", "A24"))
    assert told[0] == told[1] == told[2]


def test_a24_what_was_handed_down_is_pressed_before_it_is_registered_there(world: World) -> None:
    """The clock of DL-04 runs at the target from its receipt; and nobody is pressed for what another has."""
    story = world.story(COUNTY, accused=[person(TOWN)]).listed()
    not_sent = body(story, target=TOWN.code)
    refused(draft(world, CLERK, not_sent), "E_SCHEMA", "A24")
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "HandDown", HEAD, {"to_organ": TOWN.code, "reason": "属其管辖。"})
    number = world.read(story.complaint, CLERK)["number"]
    order = done(draft(world, CLERK, body(story, target=TOWN.code)))
    view = world.read(Order("intake", order["id"]), CLERK)
    assert (view["facts"]["target"], view["facts"]["complaint_number"]) == (TOWN.code, number)
    elsewhere = body(story, target=OTHER_COUNTY.code)
    refused(draft(world, CITY.petition_clerk, elsewhere), "E_SCHEMA", "A24")


@pytest.mark.parametrize("number", ["HC-990101001-2026-000001", "XF-990102100-2026-000001", "虚"])
def test_a24_a_case_number_is_one_of_the_target(world: World, answered: Pressed, number: str) -> None:
    refused(draft(world, CLERK, body(answered.story, case_number=number)), "E_SCHEMA")
    right = body(answered.story, case_number=f"HC-990102100-{world.today.year}-000001")
    done(draft(world, CLERK, right))


# --- who sees it ---


def listed(world: World, who: str, pressed: Pressed) -> list[dict[str, Any]]:
    rows = world.get(
        who, "/intake/v1/supervision-orders", min_position=world.position("intake"), limit=200
    ).json()["items"]
    return [r for r in rows if r["id"] == pressed.order.id]


def test_54_the_target_sees_it_from_its_issue_on(world: World) -> None:
    pressed = drafted(world).approved()
    assert listed(world, TOWN.petition_head, pressed) == []
    hidden(world.get(TOWN.petition_head, pressed.order.path))
    world.do(pressed.order, "IssueSupervisionOrder", CLERK)
    [row] = listed(world, TOWN.petition_head, pressed)
    assert row["number"] == world.read(pressed.order, CLERK)["number"]
    hidden(world.get(TOWN.petition_head, pressed.order.path))  # need to know comes first (§6.3)
    world.assign(pressed.order, TOWN.petition_head, by=TOWN.petition_head)
    assert world.read(pressed.order, TOWN.petition_head)["facts"]["text"] == TEXT


def test_54_siblings_see_nothing_and_superiors_by_assignment(world: World, answered: Pressed) -> None:
    for who in (OTHER_TOWN.petition_head, OTHER_COUNTY.petition_head):
        assert listed(world, who, answered) == []
        hidden(world.get(who, answered.order.path))
        body = {"person": sub(who), "role": "petition_head"}
        hidden(world.give(answered.order, "AssignToCase", who, body))
    assert len(listed(world, CITY.petition_head, answered)) == 1
    hidden(world.get(CITY.petition_head, answered.order.path))


def test_63_each_organ_ends_the_need_to_know_of_its_own_people(world: World) -> None:
    pressed = drafted(world).answered()
    ending = {"person": sub(CLERK), "role": "petition_clerk", "reason": "轮岗。"}
    hidden(world.give(pressed.order, "EndAssignment", TOWN.petition_head, ending))
    mine = {"person": sub(TOWN.petition_head), "role": "petition_head", "reason": "轮岗。"}
    hidden(world.give(pressed.order, "EndAssignment", HEAD, mine))
    world.do(pressed.order, "EndAssignment", TOWN.petition_head, mine)
    hidden(world.get(TOWN.petition_head, pressed.order.path))


# --- never the reporter ---


def test_47_an_order_never_reveals_the_reporter(world: World) -> None:
    """Neither in its words, which the vault screens against this complaint's reporter, nor in its events."""
    story: Story = world.story(reporter=REPORTER).listed()
    for leak, rule in ((f"来信人{REPORTER['name']}多次来电", "SEC-12"), (f"电话{REPORTER['phone']}", "B21")):
        answer = draft(world, CLERK, body(story, text=leak))
        refused(answer, "E_TEXT_IDENTITY_LEAK", rule)
        assert REPORTER["name"] not in answer.text
    pressed = drafted(world, story).answered()
    for command, who, name in (
        ("ReturnSupervisionResponse", CLERK, "reason"),
        ("CloseSupervision", CLERK, "result"),
    ):
        leaking = {name: f"{REPORTER['name']}不满意"}
        world.forget_questions()
        refused(world.give(pressed.order, command, who, leaking), "E_TEXT_IDENTITY_LEAK", "SEC-12")
    world.do(pressed.order, "ReturnSupervisionResponse", CLERK, {"reason": "请补充。"})
    leaking = {"response": f"已答复{REPORTER['name']}"}
    answer = world.give(pressed.order, "RespondSupervision", TOWN.petition_head, leaking)
    refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-12")
    told = world.client(TOWN.petition_head).get(pressed.order.path).text
    reference = world.read(story.complaint, TOWN.petition_clerk)["facts"]["reporter_ref"]
    assert reference
    for word in (*REPORTER.values(), reference, "reporter", "channel", "received_on"):
        assert word not in told
