"""The turn of a year whose calendar is published late (§8.7), on a stack of its own.

The real calendar of 2027 is not known here; this one has a New Year's Day that falls on a Friday.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack
from tests.harness import COUNTY, MEETING, OTHER_TOWN, SHANGHAI, SUBJECT, TOWN, Case, Story, World, refused

pytestmark = pytest.mark.external

CLERK, HANDLER = TOWN.petition_clerk, TOWN.handler
YEAR = {"2027": {"2027-01-01": "HOLIDAY"}}
TOLD = ("DeadlineApproaching", "DeadlineBreached")


class Unpublished(Stack):
    """Some of its services have been told the calendar of the coming year; the others have not yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, clock="simulated")
        self.calendar = folder / "calendar.json"
        self.calendar.write_text(json.dumps(YEAR), encoding="utf-8")
        self.told: set[str] = set()

    def environment(self, service: str) -> dict[str, str]:
        env = super().environment(service)
        return env | {"ZM_CALENDAR_FILE": str(self.calendar)} if service in self.told else env

    def publish(self, service: str) -> None:
        """A restart with the year's table."""
        self.told.add(service)
        self.kill(service)
        self.start_service(service)


@dataclass
class Turn:
    """The answers before and after the services learned the year's calendar."""

    world: World
    real_name: Story
    asked: Story
    platform: Case
    sealable: Case
    before: Mapping[str, Any]
    etag: str


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turn]:
    folder = tmp_path_factory.mktemp("calendar")
    folder.chmod(0o711)
    with Unpublished(folder) as stack:
        world = World(stack)
        world.go_to(datetime(2026, 12, 21, 9, tzinfo=SHANGHAI))
        real_name = world.story(reporter={"name": "虚岁举", "phone": "19966660127"}).received()
        asked = world.story().planned(**MEETING).invited()
        world.go_to(datetime(2026, 12, 28, 9, tzinfo=SHANGHAI))
        asked.asked()
        platform = world.story().received(source="PETITION_PLATFORM", platform_no="PT-27").complaint
        sealable = world.story().received(competent_level="COUNTY").complaint
        before = {
            "real-name": running(world, real_name.complaint, "DL-01"),
            "asked": running(world, asked.clarification, "DL-15"),
            "sealable": running(world, sealable, "DL-03"),
        }
        etag = world.get(CLERK, real_name.complaint.path).headers["etag"]
        stack.publish("clarification")
        world.patiently(lambda: not running(world, asked.clarification, "DL-15")["provisional"])
        world.go_to(datetime(2027, 1, 5, 9, tzinfo=SHANGHAI))
        world.patiently(lambda: told(world, sealable, "DL-03") == ["DeadlineBreached"])
        stack.publish("intake")
        world.patiently(lambda: not running(world, real_name.complaint, "DL-01")["provisional"])
        yield Turn(world, real_name, asked, platform, sealable, before, etag)
        world.close()


def running(world: World, case: Case, deadline: str) -> dict[str, Any]:
    """One deadline as the list tells it."""
    rows = world.paged(CLERK, f"/{case.service}/v1/deadlines", min_position=world.position(case.service))
    [row] = [r for r in rows if (r["id"], r["deadline"]) == (case.id, deadline)]
    return row


def told(world: World, case: Case, deadline: str) -> list[str]:
    entries = world.log(case.service, 0, *TOLD)
    return [e.type for e in entries if (e.event["stream"], e.event["deadline"]) == (case.id, deadline)]


def test_87_without_a_calendar_a_day_is_provisional(turn: Turn) -> None:
    """From Monday to Friday, and marked so; nothing waits for the table."""
    assert {name: (row["due"], row["provisional"]) for name, row in turn.before.items()} == {
        "real-name": ("2027-01-11", True),
        "asked": ("2027-01-04", True),
        "sealable": ("2027-01-04", True),
    }
    [event] = turn.world.entries("intake", turn.real_name.complaint.id, "ComplaintReceived")
    [started] = [d for d in event.meta["deadlines"] if d["id"] == "DL-01"]
    assert (started["since"], started["working_days"]) == ("2026-12-21", 15)


def test_87_it_is_counted_anew_once_the_calendar_is_there(turn: Turn) -> None:
    """New Year's Day was taken for a working day. The case itself tells of it, once, and in every reading."""
    world, case = turn.world, turn.real_name.complaint
    row = running(world, case, "DL-01")
    assert (row["due"], row["provisional"]) == ("2027-01-12", False)
    document = world.read(case, CLERK)
    assert document["deadlines"]["DL-01"] == "2027-01-12"
    last = document["history"][-1]
    assert (last["type"], last["rule"], last["state"]) == ("DeadlineRecomputed", "§8.7", "RECEIVED")
    assert "deadline" not in document["facts"]
    assert world.get(CLERK, case.path).headers["etag"] != turn.etag
    [event] = world.entries("intake", case.id, "DeadlineRecomputed")
    assert (event.event["was"], event.event["due"]) == ("2027-01-11", "2027-01-12")


def test_87_r7_the_subject_keeps_the_day_that_was_theirs(turn: Turn) -> None:
    """The window, counted without the holiday, would have closed yesterday (DL-15)."""
    assert running(turn.world, turn.asked.clarification, "DL-15")["due"] == "2027-01-05"
    signed = {"occurred-at": "2026-12-30T10:00:00+08:00"}  # before the day was counted anew
    body = {"decision": "AGREED", "text_hash": turn.asked.text_hash()}
    turn.world.do(turn.asked.clarification, "RecordConsent", SUBJECT, body, headers=signed)
    history = turn.world.read(turn.asked.clarification, HANDLER)["history"]
    types = [entry["type"] for entry in history]
    assert "ClarificationConsentGranted" in types
    assert "ClarificationConsentLapsed" not in types


def test_87_dl13_a_transfer_may_go_back_on_its_last_day(turn: Turn) -> None:
    body = {"competent_organ": OTHER_TOWN.code, "reason": "属彼处管辖。"}
    turn.world.do(turn.platform, "ObjectToTransfer", CLERK, body)


def test_87_a_breach_that_was_none_is_told_anew(turn: Turn) -> None:
    """The deadline was said to be over on the day that is its last. When that has passed, it is."""
    world, case = turn.world, turn.sealable
    row = running(world, case, "DL-03")
    assert (row["due"], row["breached"]) == ("2027-01-05", False)
    world.patiently(lambda: told(world, case, "DL-03")[-1] == "DeadlineApproaching")
    world.go_to(datetime(2027, 1, 6, 9, tzinfo=SHANGHAI))
    world.patiently(lambda: told(world, case, "DL-03").count("DeadlineBreached") == 2)


def test_87_a_day_before_any_calendar_is_refused(turn: Turn) -> None:
    """No table will ever say which days of 2003 were working days: what needs one of them is not guessed."""
    for day in ("2003-11-03", "2003-12-30"):
        body = {"competent_level": "COUNTY", "received_on": day}
        refused(turn.world.receive(CLERK, body), "E_CALENDAR_UNAVAILABLE", "§8.7")


def test_87_what_was_counted_anew_is_replayed_and_proved(turn: Turn) -> None:
    """A recomputation's events are as provable as all others, and audit tells the new day as the service
    does."""
    world = turn.world
    at = f"/audit/v1/cases/{turn.asked.complaint.id}"

    def recomputed() -> bool:
        events = world.get(COUNTY.auditor, f"{at}/timeline", limit=1000).json()["events"]
        anew = (e["deadlines"] for e in events if e["type"] == "DeadlineRecomputed")
        return ("DL-15", "2027-01-05") in {(d["id"], d["due"]) for started in anew for d in started}

    world.patiently(recomputed, "the new day of DL-15")
    assert world.get(COUNTY.auditor, f"{at}/bundle").headers["unproved-events"] == "0"


def test_87_a_restart_counts_nothing_twice(turn: Turn) -> None:
    """Not even what is far enough away to be provisional for the year after."""
    world, stack = turn.world, turn.world.stack
    assert isinstance(stack, Unpublished)
    before = len(world.log("intake", 0, "DeadlineRecomputed"))
    stack.publish("intake")
    later = world.story().received(competent_level="COUNTY").complaint
    world.morning_of(date(2027, 1, 12))
    world.patiently(lambda: told(world, later, "DL-03"))  # the scheduler has looked
    assert len(world.log("intake", 0, "DeadlineRecomputed")) == before


def test_87_an_amended_year_moves_what_was_certain(turn: Turn) -> None:
    """The State Council makes a working day of a published year a holiday: what runs over it is counted
    anew, and what is over before it is not."""
    world, stack = turn.world, turn.world.stack
    assert isinstance(stack, Unpublished)
    case = world.story().received(competent_level="COUNTY").complaint
    before = running(world, case, "DL-03")
    assert (before["due"], before["provisional"]) == ("2027-01-19", False)
    amended = YEAR["2027"] | {"2027-01-14": "HOLIDAY", "2027-02-06": "WORKDAY"}
    stack.calendar.write_text(json.dumps({"2027": amended}), encoding="utf-8")
    stack.publish("intake")
    world.patiently(lambda: running(world, case, "DL-03")["due"] == "2027-01-20")
    [event] = world.entries("intake", case.id, "DeadlineRecomputed")
    assert (event.event["was"], event.event["due"]) == ("2027-01-19", "2027-01-20")
    [recounted] = event.meta["deadlines"]
    assert (recounted["since"], recounted["working_days"]) == ("2027-01-12", 5)
    [again] = world.entries("intake", turn.real_name.complaint.id, "DeadlineRecomputed")
    assert again.event["due"] == "2027-01-12"
