"""Retaliation: handled above, told to nobody else, and nothing is cleared meanwhile (A44, P12)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.harness import (
    CITY,
    COUNTY,
    OTHER_TOWN,
    PROVINCE,
    SUBJECT,
    TOWN,
    Story,
    World,
    done,
    hidden,
    kebab,
    refused,
    sub,
)

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
ABOVE, DECIDER, WATCHER = COUNTY.petition_head, COUNTY.organ_head, COUNTY.internal_supervisor
BASE = "/intake/v1/retaliation-reports"
ACCOUNT = "被误认为举报人的虚丁，其家门被泼漆。"
SETTLED = {"finding": "FOUND", "measures": "已责令停止，并另案处理。"}
REPORTER = {"name": "郑虚复", "phone": "13972064817"}


def report(world: World, story: Story, who: str = CLERK, **more: Any) -> httpx.Response:
    body = {"complaint": story.complaint.id, "subject": story.ref(), "account": ACCOUNT, **more}
    return world.client(who).post(BASE, json=body)


def reported(world: World, story: Story) -> str:
    """A report that the superior's petition head has handed to a leader."""
    id = str(done(report(world, story))["id"])
    done(assign(world, id, ABOVE, DECIDER, "organ_head"))
    return id


def assign(world: World, id: str, by: str, whom: str, role: str) -> httpx.Response:
    return world.client(by).post(f"{BASE}/{id}/assign-to-case", json={"person": sub(whom), "role": role})


def give(world: World, id: str, command: str, who: str, **body: Any) -> httpx.Response:
    etag = world.get(who, f"{BASE}/{id}").headers.get("etag", '"1"')
    return world.client(who).post(f"{BASE}/{id}/{kebab(command)}", json=body, headers={"if-match": etag})


def account(world: World, id: str, who: str, purpose: str = "protect") -> httpx.Response:
    return world.client(who).get(f"{BASE}/{id}/account", headers={"purpose": purpose} if purpose else {})


def known(world: World, id: str, event: str) -> None:
    """Clarification has heard of it."""

    def heard() -> bool:
        return any(e.event["report"] == id for e in world.log("clarification", 0, event))

    world.patiently(heard, event)


@pytest.fixture(scope="module")
def accused(world: World) -> Story:
    return world.story(reporter=REPORTER).accepted()


def test_b50_a44_while_a_report_is_open_nothing_is_carried_out(world: World) -> None:
    """Two reports, one after the other settled: only then. Whatever was found, the accused is cleared of the
    rest."""
    story = world.story().approved()
    first, second = reported(world, story), reported(world, story)
    known(world, second, "RetaliationReportNoted")
    assert refused(story.implement("WRITTEN"), "E_RETALIATION_OPEN", "A44") == {}
    done(give(world, first, "SettleRetaliation", DECIDER, **SETTLED))
    known(world, first, "RetaliationSettlementNoted")
    refused(story.implement("WRITTEN"), "E_RETALIATION_OPEN", "A44")
    done(give(world, second, "SettleRetaliation", DECIDER, finding="NOT_FOUND", measures="查无此事。"))
    known(world, second, "RetaliationSettlementNoted")
    done(story.implement("WRITTEN"))


def test_p12_a_report_from_before_the_clarification_counts(world: World) -> None:
    """Made while the complaint was still being verified; another accused is not held up by it."""
    story, other = world.story(), world.story()
    story.accepted()
    known(world, str(done(report(world, story))["id"]), "RetaliationReportNoted")
    story.approved()
    refused(story.implement("WRITTEN"), "E_RETALIATION_OPEN", "A44")
    other.implemented()


def test_a44_it_goes_to_the_superior_and_past_the_own_organ(world: World, accused: Story) -> None:
    answer = done(report(world, accused))
    id = str(answer["id"])
    assert answer["number"].startswith("BF-990102-")
    position = world.position("intake")

    def listed(who: str) -> bool:
        rows = world.get(who, BASE, min_position=position).json()["items"]
        return id in {row["id"] for row in rows}

    assert [listed(who) for who in (ABOVE, CLERK, HEAD, DECIDER, CITY.petition_head)] == [True] + [False] * 4
    for who in (CLERK, HEAD, TOWN.organ_head, DECIDER, CITY.petition_head, COUNTY.auditor, SUBJECT):
        hidden(world.get(who, f"{BASE}/{id}"))
        hidden(account(world, id, who))
    done(assign(world, id, ABOVE, DECIDER, "organ_head"))
    assert account(world, id, DECIDER).json()["account"] == ACCOUNT
    refused(account(world, id, DECIDER, purpose=""), "E_SCHEMA", "SEC-9")
    hidden(assign(world, id, HEAD, HEAD, "petition_head"))


def test_a44_internal_supervision_of_the_superior_watches_and_does_not_decide(
    world: World, accused: Story
) -> None:
    id = reported(world, accused)
    position = world.position("intake")

    def watched(who: str) -> httpx.Response:
        return world.get(who, "/intake/v1/internal-supervision", min_position=position)

    assert id in {row["id"] for row in watched(WATCHER).json()["items"]}
    assert id not in {row["id"] for row in watched(CITY.internal_supervisor).json()["items"]}
    refused(watched(ABOVE), "E_FORBIDDEN_ROLE", "A33")
    before = world.position("intake")
    assert account(world, id, WATCHER).json()["account"] == ACCOUNT
    assert [e.event["who"] for e in world.log("intake", before, "CaseRead")] == [sub(WATCHER)]
    hidden(account(world, id, CITY.internal_supervisor))
    hidden(give(world, id, "SettleRetaliation", WATCHER, **SETTLED))
    refused(report(world, accused, WATCHER), "E_FORBIDDEN_ROLE", "A44")


def test_a44_settled_once_by_a_leader_above(world: World, accused: Story) -> None:
    id = reported(world, accused)
    done(assign(world, id, ABOVE, ABOVE, "petition_head"))
    refused(give(world, id, "SettleRetaliation", ABOVE, **SETTLED), "E_FORBIDDEN_ROLE", "A44")
    assert done(give(world, id, "SettleRetaliation", DECIDER, **SETTLED))["state"] == "SETTLED"
    refused(give(world, id, "SettleRetaliation", DECIDER, **SETTLED), "E_STATE", "A44")


def test_sec12_what_is_settled_names_no_reporter(world: World, accused: Story) -> None:
    id = reported(world, accused)
    words = {"finding": "FOUND", "measures": f"已对{REPORTER['name']}采取保护措施。"}
    refused(give(world, id, "SettleRetaliation", DECIDER, **words), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_a44_only_who_serves_the_reporter_records_it_and_about_an_accused(
    world: World, accused: Story
) -> None:
    hidden(report(world, accused, OTHER_TOWN.petition_clerk))
    hidden(report(world, accused, complaint="00000000-0000-4000-8000-000000000000"))
    hidden(report(world, world.story().listed(), HEAD, subject="acc-1"))
    refused(report(world, accused, TOWN.handler), "E_FORBIDDEN_ROLE", "A44")
    refused(report(world, accused, subject="acc-unknown"), "E_SCHEMA", "A44")


def test_a44_nothing_tells_who_was_hit_and_the_subject_notices_nothing(world: World) -> None:
    """In no event of any service, and not in what the subject and the handler read."""
    story = world.story(reporter=REPORTER).approved()
    draft = f"{story.clarification.path}/draft"

    def seen() -> list[str]:
        return [
            world.get(SUBJECT, draft).text,
            world.get(TOWN.handler, story.clarification.path).text,
            world.get(TOWN.handler, story.case.path).text,
            world.get(CLERK, story.complaint.path).text,
        ]

    before, places = seen(), {s: world.position(s) for s in ("intake", "clarification")}
    id = reported(world, story)
    known(world, id, "RetaliationReportNoted")
    assert seen() == before
    written = str([(e.event, e.meta) for s in places for e in world.log(s, places[s])])
    assert "虚丁" not in written
    assert REPORTER["name"] not in written
    rows = world.get(TOWN.handler, "/clarification/v1/clarifications", limit=200).text
    assert id not in rows


def test_a48_who_stepped_aside_from_the_complaint_settles_nothing_of_it(world: World) -> None:
    """The province handles its own reports; whoever stepped aside from the matter stays aside from them."""
    story = world.story(PROVINCE, reporter=REPORTER).listed()
    leader = PROVINCE.organ_head
    world.assign(story.complaint, leader, by=PROVINCE.petition_head)
    world.do(story.complaint, "DeclareRecusal", leader, {"ground": "系亲属。"})
    id = str(done(report(world, story, PROVINCE.petition_clerk))["id"])
    refused(assign(world, id, PROVINCE.petition_head, leader, "organ_head"), "E_RECUSAL", "SD10")
    done(assign(world, id, PROVINCE.petition_head, PROVINCE.deputy_leader, "deputy_leader"))
