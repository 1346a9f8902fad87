"""Protection of threatened reporters: only the petition department knows of it (A49, §4.8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.harness import (
    ANONYMOUS,
    CITY,
    COUNTY,
    OTHER_TOWN,
    PROVINCE,
    TOWN,
    Case,
    Story,
    World,
    done,
    hidden,
    kebab,
    refused,
    sub,
    working_days_after,
)

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
THREAT = "虚乙扬言报复其家人，请求保护。"
BASE = "/intake/vault/v1/protection-requests"
REPORTER = {"name": "郑虚护", "phone": "13972064816"}


def ask(world: World, story: Story, who: str = CLERK, **more: Any) -> httpx.Response:
    body = {"complaint": story.complaint.id, "threat": THREAT, **more}
    return world.client(who).post(BASE, json=body)


def give(world: World, id: str, command: str, who: str, **body: Any) -> httpx.Response:
    """A command on a request, based on the version that its assignee reads."""
    etag = world.get(who, f"{BASE}/{id}").headers.get("etag", "")
    return world.client(who).post(f"{BASE}/{id}/{kebab(command)}", json=body, headers={"if-match": etag})


def assign(world: World, id: str, who: str, role: str = "petition_head", by: str = "") -> httpx.Response:
    body = {"person": sub(who), "role": role}
    return world.client(by or who).post(f"{BASE}/{id}/assign-to-case", json=body)


def contents(world: World, id: str, who: str, purpose: str = "protect") -> httpx.Response:
    return world.client(who).get(f"{BASE}/{id}/contents", headers={"purpose": purpose} if purpose else {})


@pytest.fixture(scope="module")
def served(world: World) -> Story:
    return world.story(reporter=REPORTER).received()


def requested(world: World, story: Story) -> str:
    """A request that the head has taken up."""
    id = str(done(ask(world, story))["id"])
    done(assign(world, id, HEAD))
    return id


def test_a49_a_request_has_a_number_and_a_day_to_be_answered(world: World, served: Story) -> None:
    answer = done(ask(world, served))
    assert answer["number"].startswith(f"BH-990102100-{world.today.year}-")
    assert answer["state"] == "REQUESTED"
    view = world.get(CLERK, f"{BASE}/{answer['id']}").json()
    assert view["deadlines"] == {"DL-20": str(working_days_after(world.today, 1))}


def test_a49_an_anonymous_reporter_is_protected_too(world: World) -> None:
    """Also one of whom nothing is known: the request has a key of its complaint's own."""
    id = str(done(ask(world, world.story().received()))["id"])
    told = contents(world, id, CLERK).json()["items"]
    assert [item["contents"] for item in told] == [{"threat": THREAT}]


def test_48_a49_provided_with_measures_and_ended(world: World, served: Story) -> None:
    id = requested(world, served)
    done(give(world, id, "AskOtherAuthority", HEAD, authority="POLICE", request="请派出所巡护。"))
    assert done(give(world, id, "ProvideProtection", HEAD, measures="专人联系。"))["state"] == "PROVIDED"
    assert world.get(HEAD, f"{BASE}/{id}").json()["deadlines"] == {}
    refused(give(world, id, "DeclineProtection", HEAD, reason="无"), "E_STATE", "A49")
    assert done(give(world, id, "EndProtection", HEAD, reason="威胁消除。"))["state"] == "ENDED"
    told = [item["contents"] for item in contents(world, id, HEAD).json()["items"]]
    assert told == [
        {"threat": THREAT},
        {"request": "请派出所巡护。"},
        {"measures": "专人联系。"},
        {"reason": "威胁消除。"},
    ]


def test_48_a49_a_refusal_is_reviewed_above(world: World, served: Story) -> None:
    """Only by the next organ's petition head, only after the refusal; overturned, the clock runs again."""
    id = requested(world, served)
    reviewer = COUNTY.petition_head
    hidden(assign(world, id, reviewer))
    done(give(world, id, "DeclineProtection", HEAD, reason="未见威胁。"))
    refused(give(world, id, "ReviewDeclinedProtection", HEAD, upheld=True, opinion="同意"), "E_NOT_FOUND")
    done(assign(world, id, reviewer))
    assert contents(world, id, reviewer).status_code == 200
    answer = give(world, id, "ReviewDeclinedProtection", reviewer, upheld=False, opinion="应予保护。")
    assert done(answer)["state"] == "REQUESTED"
    hidden(contents(world, id, reviewer))
    due = working_days_after(world.today, 1)
    assert world.get(HEAD, f"{BASE}/{id}").json()["deadlines"] == {"DL-20": str(due)}
    done(give(world, id, "DeclineProtection", HEAD, reason="仍未见威胁。"))
    done(assign(world, id, reviewer))
    upheld = give(world, id, "ReviewDeclinedProtection", reviewer, upheld=True, opinion="同意。")
    assert done(upheld)["state"] == "ENDED"


def test_48_who_reviewed_a_refusal_does_not_learn_how_the_reporter_is_protected(
    world: World, served: Story
) -> None:
    """The reviewer came for the review alone, and so did the people whom they brought along."""
    id = requested(world, served)
    reviewer, helper = COUNTY.petition_head, COUNTY.petition_clerk
    done(give(world, id, "DeclineProtection", HEAD, reason="未见威胁。"))
    done(assign(world, id, reviewer))
    done(assign(world, id, helper, role="petition_clerk", by=reviewer))
    done(give(world, id, "ReviewDeclinedProtection", reviewer, upheld=False, opinion="应予保护。"))
    done(give(world, id, "ProvideProtection", HEAD, measures="夜间巡逻，临时住处在虚构路一号。"))
    for who in (reviewer, helper):
        hidden(contents(world, id, who))
    hidden(assign(world, id, reviewer))
    assert contents(world, id, HEAD).status_code == 200


def listed(world: World, who: str) -> set[str]:
    """The requests that somebody finds, with their clocks: in the list and among the deadlines."""
    cases = world.paged(who, BASE, min_position=world.position("vault"))
    clocks = world.paged(who, "/intake/vault/v1/deadlines", min_position=world.position("vault"))
    found = {item["id"] for item in cases}
    assert {item["id"] for item in clocks} <= found
    return found


def test_a49_lists_above_hold_what_is_reviewed_there_and_nothing_else(world: World, served: Story) -> None:
    """A township's request is its own; when it declines, the next organ above finds it, and none beyond."""
    id = requested(world, served)
    above = (COUNTY.petition_head, CITY.petition_head, PROVINCE.petition_head)
    assert id in listed(world, HEAD)
    assert [id in listed(world, who) for who in above] == [False, False, False]
    done(give(world, id, "DeclineProtection", HEAD, reason="未见威胁。"))
    assert [id in listed(world, who) for who in above] == [True, False, False]
    done(assign(world, id, COUNTY.petition_head))
    answer = give(world, id, "ReviewDeclinedProtection", COUNTY.petition_head, upheld=True, opinion="同意。")
    assert done(answer)["state"] == "ENDED"
    assert [id in listed(world, who) for who in above] == [False, False, False]


def test_dl20_a_request_that_waits_is_told(world: World, served: Story) -> None:
    """One working day; the breach is told within the vault, and nowhere else."""
    before = world.position("intake")
    id = str(done(ask(world, served))["id"])
    world.morning_of(working_days_after(world.today, 1) + timedelta(days=1))

    def breached() -> bool:
        rows = world.paged(CLERK, "/intake/vault/v1/deadlines", min_position=0)
        return any(row["id"] == id and row["breached"] for row in rows)

    world.patiently(breached, "the breach of DL-20")
    assert id not in str([(e.stream, e.event) for e in world.log("intake", before)])


@pytest.mark.parametrize(
    "role",
    ["handler", "handling_dept_head", "organ_head", "deputy_leader", "case_manager", "revisit_officer"],
)
def test_a49_nobody_else_knows_of_it(world: World, served: Story, role: str) -> None:
    """Not even a count: L3 throughout."""
    id, who = str(done(ask(world, served))["id"]), getattr(TOWN if role != "case_manager" else COUNTY, role)
    refused(ask(world, served, who), "E_FORBIDDEN_ROLE", "A49")
    hidden(world.get(who, f"{BASE}/{id}"))
    hidden(contents(world, id, who))
    refused(world.get(who, BASE), "E_FORBIDDEN_ROLE")
    refused(world.get(who, "/intake/vault/v1/deadlines"), "E_FORBIDDEN_ROLE")


def test_a49_organs_above_beside_and_below_do_not_see_it(world: World, served: Story) -> None:
    """The superior steps in only where it has a refusal to review."""
    id = str(done(ask(world, served))["id"])
    for who in (COUNTY.petition_head, COUNTY.petition_clerk, OTHER_TOWN.petition_clerk):
        hidden(world.get(who, f"{BASE}/{id}"))
        hidden(contents(world, id, who))
    hidden(assign(world, id, COUNTY.petition_head))
    hidden(assign(world, id, TOWN.organ_head))


@pytest.mark.parametrize("who", ["auditor", "identity_custodian", "internal_supervisor"])
def test_sec1_auditor_custodian_and_supervisor_are_no_readers(world: World, served: Story, who: str) -> None:
    """The auditor has no vault, the custodian no cases (SD8, SD9)."""
    id, person = str(done(ask(world, served))["id"]), getattr(COUNTY, who)
    hidden(world.get(person, f"{BASE}/{id}"))
    hidden(contents(world, id, person))
    refused(ask(world, served, person), "E_FORBIDDEN_ROLE")


def test_a49_only_who_serves_the_reporter_asks(world: World, served: Story) -> None:
    """Another clerk, another organ, a complaint that is none: all the same."""
    hidden(ask(world, served, HEAD))
    hidden(ask(world, served, OTHER_TOWN.petition_clerk))
    hidden(ask(world, served, complaint="00000000-0000-4000-8000-000000000000"))


def test_a49_the_head_assigns_petition_staff_only(world: World, served: Story) -> None:
    id = requested(world, served)
    body = {"person": sub(TOWN.handler), "role": "handler"}
    hidden(world.client(HEAD).post(f"{BASE}/{id}/assign-to-case", json=body))


def test_sec9_reading_the_contents_needs_a_purpose(world: World, served: Story) -> None:
    id = requested(world, served)
    refused(contents(world, id, CLERK, purpose=""), "E_SCHEMA", "SEC-9")


def test_a49_nothing_of_it_is_published_or_lies_in_clear(world: World, served: Story) -> None:
    """Not in intake's log, and in the vault's only sealed under the complaint's own key."""
    before = world.position("intake")
    id = requested(world, served)
    assert not [e for e in world.log("intake", before) if id in str(e)]
    stored = [e for e in world.log("vault") if e.stream == id]
    assert [e.type for e in stored] == ["ProtectionRequested", "AssignmentStarted"]
    assert "虚乙" not in str(stored)
    streams = {e.topic.split(".")[0] for e in world.log("vault")}
    assert streams == {"vault"}


def test_a33_a_reporter_asks_behind_his_query_code(world: World) -> None:
    """Without a name or an account; the petition head takes it up from their list."""
    post = world.anonymously
    code = done(post(**ANONYMOUS))["query_code"]
    start = world.position("vault")
    # A number would tell how many others asked this year (B53).
    assert done(post("/protection", code=code, text=THREAT)) == {"status": "RECEIVED"}
    [asked] = world.log("vault", start, "ProtectionRequested")
    id = asked.stream
    rows = world.get(HEAD, BASE, min_position=world.position("vault")).json()["items"]
    [row] = [row for row in rows if row["id"] == id]
    assert row["number"].startswith("BH-990102100-")
    done(assign(world, id, HEAD))
    told = contents(world, id, HEAD).json()["items"]
    assert [item["contents"] for item in told] == [{"threat": THREAT}]
    assert "DL-20" in world.get(HEAD, f"{BASE}/{id}").json()["deadlines"]
    hidden(post("/protection", code="0000-0000-0000-0000", text=THREAT))
    refused(post("/protection", code=code, text="  "), "E_SCHEMA")
    refused(post("/protection", code=code), "E_SCHEMA")


def test_a14_who_sealed_a_complaint_opens_nothing_here_for_it(world: World) -> None:
    """The request would stand in the lists of the very organ past whose head it was sealed."""
    received = {"competent_level": "COUNTY", "reporter": REPORTER}
    case = Case("intake", done(world.receive(CLERK, received))["id"])
    sealing = {"to": COUNTY.code, "content": "虚述。"}
    world.do(case, "SealAndEscalate", CLERK, sealing)
    answer = world.client(CLERK).post(BASE, json={"complaint": case.id, "threat": THREAT})
    refused(answer, "E_SEALED_UPWARD", "A14")
