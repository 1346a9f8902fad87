"""Quarterly feedback: the handling department tells the petition department what it finished (A21, DL-07)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from tests.harness import (
    CITY,
    CONCLUSION,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    SHANGHAI,
    TOWN,
    Organ,
    Story,
    World,
    done,
    refused,
    working_days_after,
)

REPORTER = {"name": "郑虚季", "phone": "13972064818"}
BASE = "/verification/v1/quarterly-feedback"
HEARD = "/intake/v1/quarterly-feedback"


def send(world: World, quarter: str, who: str = TOWN.handling_dept_head, **headers: str) -> httpx.Response:
    return world.client(who).post(BASE, json={"quarter": quarter}, headers=headers)


def heard(world: World, organ: Organ, quarter: str, times: int) -> dict[str, dict[str, Any]]:
    """The quarter as the petition department reads it, by case, once it has been told `times` times."""

    def told() -> dict[str, Any] | None:
        answer = world.get(organ.petition_head, HEARD, quarter=quarter)
        return answer.json() if answer.status_code == 200 and answer.json()["feedbacks"] >= times else None

    items = world.patiently(told, f"feedback {times} on {quarter}")["items"]
    assert len({item["case_number"] for item in items}) == len(items)
    return {item["case_number"]: item for item in items}


def owed(world: World, story: Story) -> str | None:
    """The day on which the feedback on a case is due."""
    due: str | None = world.read(story.case, story.organ.handling_dept_head)["deadlines"].get("DL-07")
    return due


@dataclass
class Quarter:
    """A quarter that is over, and what was concluded in it."""

    name: str
    ends: date
    unfounded: Story
    proved: Story
    elsewhere: Story
    waiting: Story
    """A story whose report is countersigned; its conclusion was decided in the quarter and is entered after
    it."""


@pytest.fixture(scope="module")
def quarter(world: World) -> Quarter:
    """The clock only moves forward, so all tests look at one quarter and its end."""
    if (world.today + timedelta(days=1)).day == 1:
        world.pass_days(1)  # what happens on the last day of a quarter is told with the next one
    unfounded = world.story(reporter=REPORTER).received()
    body = {"verified_by": "PHONE", "result": "CONFIRMED"}
    unfounded.registered()
    world.do(unfounded.complaint, "VerifyReporterIdentity", TOWN.petition_clerk, body)
    unfounded.concluded()
    proved = world.story(outcomes={"a1": "SUBSTANTIATED"}).concluded()
    elsewhere = world.story(OTHER_TOWN).concluded()
    waiting = world.story().countersigned()
    today = world.today
    name = f"{today.year}-Q{(today.month + 2) // 3}"
    begins = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    following = (begins + timedelta(days=95)).replace(day=1)
    refused(send(world, name), "E_STATE", "A21")
    assert owed(world, unfounded) == str(working_days_after(following - timedelta(days=1), 10))
    world.morning_of(following)
    return Quarter(name, following - timedelta(days=1), unfounded, proved, elsewhere, waiting)


def test_a21_the_petition_department_is_told_what_was_finished(world: World, quarter: Quarter) -> None:
    """Way, truth, whether the reporter was told, what followed; DL-07 is met on every case that was told.
    Once more there is nothing to tell; what was entered later is told by itself."""
    key = {"idempotency-key": f"quarter-{quarter.name}"}
    first = done(send(world, quarter.name, **key))
    assert done(send(world, quarter.name, **key)) == first
    refused(send(world, quarter.name, TOWN.handler), "E_STATE", "A21")
    told = heard(world, TOWN, quarter.name, 1)
    unfounded, proved = (told[_number(world, story)] for story in (quarter.unfounded, quarter.proved))
    assert (unfounded["way"], unfounded["verdict"]) == ("PRELIMINARY_VERIFICATION", "ALL_UNFOUNDED")
    assert (unfounded["reporter_told"], unfounded["undisposed"]) == ("OWED", 0)
    assert (proved["verdict"], proved["reporter_told"]) == ("ALL_SUBSTANTIATED", "NOT_OWED")
    assert (proved["disposition_refs"], proved["undisposed"]) == ([], 1)
    assert REPORTER["name"] not in str(told)
    assert owed(world, quarter.unfounded) is owed(world, quarter.proved) is None
    assert _number(world, quarter.waiting) not in told
    last_day = datetime.combine(quarter.ends, time(18), SHANGHAI).isoformat()
    late = {"occurred-at": last_day}
    world.do(quarter.waiting.case, "ConcludeVerification", TOWN.organ_head, CONCLUSION, headers=late)
    assert owed(world, quarter.waiting) == str(working_days_after(quarter.ends, 10))
    done(send(world, quarter.name))
    again = heard(world, TOWN, quarter.name, 2)
    assert again.keys() - told.keys() == {_number(world, quarter.waiting)}


def _number(world: World, story: Story) -> str:
    return str(world.read(story.case, story.organ.handling_dept_head)["number"])


def test_a21_each_organ_tells_its_own(world: World, quarter: Quarter) -> None:
    """Only its handling department, only its own petition department reads it; a superior may."""
    done(send(world, quarter.name, COUNTY.handling_dept_head))
    refused(send(world, quarter.name, OTHER_COUNTY.petition_head), "E_FORBIDDEN_ROLE", "A21")
    heard(world, COUNTY, quarter.name, 1)
    asked = {"quarter": quarter.name, "organ": COUNTY.code}
    assert world.get(CITY.petition_clerk, HEARD, **asked).status_code == 200
    refused(world.get(TOWN.petition_head, HEARD, **asked), "E_NOT_FOUND")
    refused(world.get(OTHER_COUNTY.petition_head, HEARD, **asked), "E_NOT_FOUND")
    refused(world.get(COUNTY.handler, HEARD, quarter=quarter.name), "E_FORBIDDEN_ROLE", "A21")
    refused(world.get(COUNTY.petition_head, HEARD, quarter="2026"), "E_SCHEMA", "A21")
    refused(send(world, "2026-Q5"), "E_SCHEMA")


def test_dl07_a_feedback_that_is_late_is_told_and_then_met(world: World, quarter: Quarter) -> None:
    story = quarter.elsewhere
    due = working_days_after(quarter.ends, 10)
    assert owed(world, story) == str(due)
    world.morning_of(due + timedelta(days=1))

    def breached() -> bool:
        found = world.log("verification", 0, "DeadlineBreached")
        return any((e.event["stream"], e.event["deadline"]) == (story.case.id, "DL-07") for e in found)

    world.patiently(breached, "the breach of DL-07")
    done(send(world, quarter.name, OTHER_TOWN.handling_dept_head))
    assert owed(world, story) is None
