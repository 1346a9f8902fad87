"""Alerts reach internal supervision, and are closed with a word on what was done (B47, A52)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    PROVINCE,
    TOWN,
    Organ,
    Story,
    World,
    done,
    hidden,
    refused,
    sub,
    working_days_after,
)

HANDLER, SUPERVISOR = TOWN.handler, COUNTY.internal_supervisor
REPORTER = {"name": "郑虚警", "phone": "13972064871", "may_be_contacted": True}
PURPOSE = {"purpose": "survey"}
WORD = {"outcome": "REMINDED", "done": "已与其谈话，提醒其不得打听。"}


@pytest.fixture(scope="module")
def told(world: World) -> Story:
    """A complaint of somebody who gave their name."""
    return world.story(reporter=REPORTER).registered()


def traces(world: World, story: Story, who: str) -> None:
    """Somebody asks who reported, who may not."""
    refused(world.client(who).get(f"{story.complaint.path}/reporter", headers=PURPOSE), "E_TRACE_FORBIDDEN")


def listed(world: World, who: str, **asked: str) -> list[dict[str, Any]]:
    """All that somebody of internal supervision sees, page by page."""
    items: list[dict[str, Any]] = []
    while True:
        page = done(world.get(who, "/audit/v1/alerts", limit=100, **asked))
        items += page["items"]
        if page["next"] is None:
            return items
        asked = {**asked, "cursor": page["next"]}


def of(world: World, organ: Organ, story: Story, who: str, **asked: str) -> list[dict[str, Any]]:
    seen = listed(world, organ.internal_supervisor, **asked)
    return [a for a in seen if (a["person"], a["object"]) == (sub(who), story.complaint.id)]


def arrived(world: World, organ: Organ, story: Story, who: str, **asked: str) -> dict[str, Any]:
    """The alert about somebody's attempt, as soon as audit has it."""
    found: list[dict[str, Any]] = world.patiently(lambda: of(world, organ, story, who, **asked), "the alert")
    return found[0]


def close(world: World, who: str, id: str, said: dict[str, str] = WORD, **headers: str) -> httpx.Response:
    return world.client(who).post(f"/audit/v1/alerts/{id}/closing", json=said, headers=headers)


def test_b47_a52_an_attempt_at_a_reporter_is_looked_into_and_closed(world: World, told: Story) -> None:
    """In the list of the county, since the town has no internal supervision; with the highest severity."""
    traces(world, told, HANDLER)
    alert = arrived(world, COUNTY, told, HANDLER, ours="true", state="OPEN", severity="HIGH")
    expected = {"code": "E_TRACE_FORBIDDEN", "owner": COUNTY.code, "organ": TOWN.code, "late": False}
    assert {name: alert[name] for name in expected} == expected
    closed = done(close(world, SUPERVISOR, alert["id"]))
    expected = {"state": "CLOSED", "closed_by": sub(SUPERVISOR), "outcome": "REMINDED"}
    assert {name: closed[name] for name in expected} == expected
    one = done(world.get(SUPERVISOR, f"/audit/v1/alerts/{alert['id']}"))
    assert one["done"] == WORD["done"]
    assert of(world, COUNTY, told, HANDLER, state="OPEN") == []
    [still] = of(world, COUNTY, told, HANDLER, state="CLOSED")
    assert still == closed
    refused(close(world, SUPERVISOR, alert["id"]), "E_STATE", "B47")


def test_b47_nobody_else_reads_or_closes(world: World, told: Story) -> None:
    """Neither the person, nor the leaders and auditors of their organs, nor who is outside."""
    who_tried = TOWN.handling_dept_head
    traces(world, told, who_tried)
    alert = arrived(world, COUNTY, told, who_tried)
    for who in (who_tried, TOWN.organ_head, COUNTY.organ_head, COUNTY.auditor, "subject-wu"):
        refused(world.client(who).get("/audit/v1/alerts"), "E_FORBIDDEN_ROLE", "B47")
        refused(world.client(who).get(f"/audit/v1/alerts/{alert['id']}"), "E_FORBIDDEN_ROLE", "B47")
        refused(close(world, who, alert["id"]), "E_FORBIDDEN_ROLE", "B47")
    other = OTHER_COUNTY.internal_supervisor
    assert of(world, OTHER_COUNTY, told, who_tried) == []
    hidden(world.client(other).get(f"/audit/v1/alerts/{alert['id']}"))
    hidden(close(world, other, alert["id"]))
    refused(close(world, CITY.internal_supervisor, alert["id"]), "E_FORBIDDEN_ROLE", "B47")


@pytest.mark.parametrize("who", [COUNTY.organ_head, COUNTY.internal_supervisor])
def test_b47_of_a_head_and_of_supervision_the_organ_above_hears(world: World, told: Story, who: str) -> None:
    """Not the internal supervision that serves under that head, nor the colleague's own."""
    traces(world, told, who)
    alert = arrived(world, CITY, told, who, ours="true")
    assert alert["owner"] == CITY.code
    assert of(world, COUNTY, told, who) == []
    hidden(close(world, SUPERVISOR, alert["id"]))
    done(close(world, CITY.internal_supervisor, alert["id"]))


def test_b47_sec12_the_word_names_no_reporter(world: World) -> None:
    """The vault is asked about the reporters of the matter; who tries is told of in turn, one organ above."""
    story = world.story(reporter=REPORTER).registered()
    who = TOWN.revisit_officer
    traces(world, story, who)
    alert = arrived(world, COUNTY, story, who)
    named = {"outcome": "NO_FAULT", "done": f"其与{REPORTER['name']}相识。"}
    refused(close(world, SUPERVISOR, alert["id"], named), "E_TEXT_IDENTITY_LEAK", "SEC-12")
    number = {"outcome": "NO_FAULT", "done": "已致电 13800138000。"}
    refused(close(world, SUPERVISOR, alert["id"], number), "E_TEXT_IDENTITY_LEAK", "B21")
    leaks = [a for a in listed(world, CITY.internal_supervisor, ours="true") if a["object"] == alert["id"]]
    assert [(a["person"], a["code"], a["severity"]) for a in leaks] == [
        (sub(SUPERVISOR), "E_TEXT_IDENTITY_LEAK", "HIGH")
    ]
    done(close(world, SUPERVISOR, alert["id"]))


def test_b2_b47_whoever_is_excluded_from_the_matter_has_no_part_in_it(world: World) -> None:
    story = world.story().registered()
    who = TOWN.handling_dept_head
    traces(world, story, who)
    alert = arrived(world, COUNTY, story, who)
    leader = TOWN.organ_head
    world.assign(story.complaint, leader, by=TOWN.petition_head)
    asked = {"role": "handler", "ground": "INTEREST", "reason": "与当事人有利害关系。"}
    asked["person"] = sub(SUPERVISOR)
    world.do(story.complaint, "RequestRecusal", leader, asked)
    decided = {"person": sub(SUPERVISOR), "granted": True, "opinion": "经研究决定。"}
    version = world.version(story.complaint)
    decided["request"] = f"R{version}"
    world.do(story.complaint, "DecideRecusal", leader, decided, if_match=version)
    world.patiently(lambda: not of(world, COUNTY, story, who), "the exclusion in audit")
    hidden(world.client(SUPERVISOR).get(f"/audit/v1/alerts/{alert['id']}"))
    refused(close(world, SUPERVISOR, alert["id"]), "E_RECUSAL", "B2")
    assert of(world, CITY, story, who)


def test_b47_sd9_closing_an_alert_is_no_command_on_a_case(world: World, told: Story) -> None:
    """Internal supervision closes what it may not touch: the case is what it was."""
    who = TOWN.deputy_leader
    traces(world, told, who)
    alert = arrived(world, COUNTY, told, who)
    version = world.version(told.complaint)
    done(close(world, SUPERVISOR, alert["id"]))
    assert world.version(told.complaint) == version
    hidden(world.give(told.complaint, "ListAllegations", SUPERVISOR, told.listing()))


def test_b47_what_nobody_closes_goes_up(world: World) -> None:
    """After five working days the organ above has it among its own, and may close it as the first may."""
    story = world.story(reporter=REPORTER).registered()
    who = TOWN.revisit_officer
    traces(world, story, who)
    alert = arrived(world, COUNTY, story, who)
    last = working_days_after(world.today, 5)
    assert alert["due"] == str(last)
    world.morning_of(last)
    assert of(world, CITY, story, who, ours="true") == []
    refused(close(world, CITY.internal_supervisor, alert["id"]), "E_FORBIDDEN_ROLE", "B47")
    world.pass_days(1)
    assert of(world, CITY, story, who, ours="true", late="true") == [alert | {"late": True}]
    assert of(world, COUNTY, story, who, ours="true", late="true")
    assert of(world, PROVINCE, story, who, late="true")
    assert of(world, PROVINCE, story, who, ours="true") == []
    done(close(world, CITY.internal_supervisor, alert["id"]))
    assert of(world, COUNTY, story, who, late="true") == []


def test_b47_an_attempt_from_outside_is_of_the_organ_whose_case_it_was(world: World, told: Story) -> None:
    """Persons outside belong to no organ."""
    traces(world, told, "unit-yunping")
    assert arrived(world, COUNTY, told, "unit-yunping", ours="true")["owner"] == COUNTY.code
