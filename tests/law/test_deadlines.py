"""The clocks that run along the built path (§3.8): when they begin, end, remind and are breached.

Due days are counted here by the calendar itself. The clock only moves forward, so every test has cases
of its own and asks about nobody else's.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.harness import (
    APPROVE,
    ASSESSMENT,
    COUNTY,
    MEETING,
    SHANGHAI,
    SUBJECT,
    TOWN,
    Case,
    Story,
    World,
    done,
    refused,
    sha,
    working_days_after,
)

CLERK = TOWN.petition_clerk
CHIEF = TOWN.handling_dept_head
HANDLER = TOWN.handler
REPORTER = {"name": "虚期举", "phone": "19966667777"}


def running(world: World, case: Case, who: str) -> dict[str, str]:
    """The deadlines that run on a case, as its staff read it."""
    found: dict[str, str] = world.read(case, who)["deadlines"]
    return found


def told(world: World, case: Case, deadline: str, after: int = 0) -> list[str]:
    """Reminders and breaches of one deadline, in order."""
    entries = world.log(case.service, after, "DeadlineApproaching", "DeadlineBreached")
    return [e.type for e in entries if (e.event["stream"], e.event["deadline"]) == (case.id, deadline)]


def settled(world: World, case: Case, deadline: str, last: str) -> list[str]:
    """The same, once the expected one is there."""
    world.patiently(lambda: last in told(world, case, deadline), f"{last} of {deadline}")
    return told(world, case, deadline)


def working_days_before(day: date, n: int) -> date:
    """The day by which `n` working days are left."""
    start = day - timedelta(days=1)
    while working_days_after(start, n) > day:
        start -= timedelta(days=1)
    return start


# --- when they begin and how long they are ---


def test_dl01_notice_to_a_real_name_runs_from_receipt(world: World) -> None:
    """Also where the letter is entered later: 收到之日起."""
    received = world.today - timedelta(days=3)
    story = world.story(reporter=REPORTER).received(received_on=str(received))
    assert running(world, story.complaint, CLERK)["DL-01"] == str(working_days_after(received, 15))
    anonymous = world.story().received()
    assert "DL-01" not in running(world, anonymous.complaint, CLERK)


def test_dl01_is_not_owed_for_duplicates(world: World) -> None:
    original = world.story(reporter=REPORTER).listed()
    story = world.story(reporter=REPORTER, accused=[{"match": original.ref()}]).listed()
    assert "DL-01" in running(world, story.complaint, CLERK)
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": original.complaint.id})
    assert "DL-01" not in running(world, story.complaint, CLERK)


def test_dl03_a_complaint_of_a_higher_organ_goes_up_in_five_working_days(world: World) -> None:
    story = world.story().received(competent_level="COUNTY")
    due = str(working_days_after(world.today, 5))
    assert running(world, story.complaint, CLERK) == {"DL-03": due}


def test_b12_a14_a17_a_wrong_triage_is_put_right_with_its_clocks(world: World) -> None:
    """No superior need learn of a complaint that was never theirs: each clock runs from the receipt, and one
    at a time."""
    day = world.today
    story = world.story(reporter={"name": "虚某正", "phone": "13900008223"}).received(
        competent_level="COUNTY"
    )
    five, fifteen = (str(working_days_after(day, n)) for n in (5, 15))
    assert running(world, story.complaint, CLERK) == {"DL-03": five}
    world.pass_days(1)
    why = {"reason": "首次研判有误。"}

    def correct(level: str, organ: str = "") -> dict[str, str]:
        body = {"competent_level": level, "competent_organ": organ, **why}
        world.do(story.complaint, "CorrectTriage", CLERK, body)
        return running(world, story.complaint, CLERK)

    assert correct("TOWNSHIP") == {"DL-01": fifteen}
    assert correct("TOWNSHIP", TOWN.code) == {"DL-01": fifteen}
    assert correct("TOWNSHIP", "DI-990101001") == {"DL-05": five}
    assert correct("COUNTY") == {"DL-03": five}
    body = {"competent_level": "TOWNSHIP", "competent_organ": "DI-123456789", **why}
    refused(world.give(story.complaint, "CorrectTriage", CLERK, body), "E_SCHEMA", "§5.4")
    assert correct("TOWNSHIP") == {"DL-01": fifteen}
    world.do(story.complaint, "RegisterComplaint", CLERK)
    body = {"competent_level": "COUNTY", **why}
    refused(world.give(story.complaint, "CorrectTriage", CLERK, body), "E_STATE", "B12")
    corrected = world.entries("intake", story.complaint.id, "TriageCorrected")[0].event
    told = [corrected[n] for n in ("was_level", "competent_level", "correction")]
    assert told == ["COUNTY", "TOWNSHIP", why["reason"]]


def test_dl23_a_sealed_parcel_is_taken_in_within_five_days(world: World) -> None:
    """The parcel stands in the addressee's deadlines and queue from the sealing on, until it is taken in."""
    story, clerk, head = world.story().received(), COUNTY.petition_clerk, COUNTY.petition_head
    world.pass_days(1)
    due = str(working_days_after(world.today, 5))
    body = {"to": COUNTY.code, "content": "虚述。", "competent_level": "COUNTY"}
    world.do(story.complaint, "SealAndEscalate", CLERK, body)
    born, known = world.delivered(story.complaint), {"min_position": world.position("intake")}
    for list_ in ("queue", "deadlines"):
        rows = world.paged(head, f"/intake/v1/{list_}", **known)
        assert born.id in {row["id"] for row in rows}, list_
    world.assign(born, clerk, by=head)
    assert running(world, born, clerk)["DL-23"] == due
    world.do(born, "TakeIn", clerk)
    assert "DL-23" not in running(world, born, clerk)


def test_dl08_a_disposition_is_proposed_in_thirty_days(world: World) -> None:
    story = world.story().opened()
    due = str(world.today + timedelta(days=30))
    assert running(world, story.case, CHIEF)["DL-08"] == due
    story.proposed_disposition()
    assert "DL-08" not in running(world, story.case, CHIEF)


def test_dl10_a_talk_is_finished_in_thirty_days(world: World) -> None:
    story = world.story().proposed_disposition("TALK_OR_INQUIRY", "EARLY_SIGN")
    world.do(story.case, "ApproveDisposition", TOWN.deputy_leader, {"opinion": "同意。"})
    world.do(story.case, "HoldTalk", HANDLER, story.talk())
    assert running(world, story.case, CHIEF)["DL-10"] == str(world.today + timedelta(days=30))


def test_dl10_counts_from_the_day_of_the_last_talk(world: World) -> None:
    """Not from the day on which its record was entered."""
    story = world.story().proposed_disposition("TALK_OR_INQUIRY", "EARLY_SIGN")
    world.do(story.case, "ApproveDisposition", TOWN.deputy_leader, {"opinion": "同意。"})
    first = world.now
    world.pass_days(2)
    second = world.now
    world.pass_days(3)
    for held in (second, first):  # entered in the wrong order: the last talk counts
        world.do(story.case, "HoldTalk", HANDLER, story.talk(held_at=held.isoformat()))
        due = str(second.date() + timedelta(days=30))
        assert running(world, story.case, CHIEF)["DL-10"] == due


def test_dl11_a_verification_lasts_two_months(world: World) -> None:
    story = world.story().verifying()
    due = date.fromisoformat(running(world, story.case, CHIEF)["DL-11"])
    months = (due.year - world.today.year) * 12 + due.month - world.today.month
    assert months == 2
    assert due.day <= world.today.day
    story.reported()
    assert "DL-11" not in running(world, story.case, CHIEF)


def test_dl11_runs_again_when_the_report_is_returned(world: World) -> None:
    """To its old last day: returning a report gives no further two months."""
    story = world.story().verifying()
    due = running(world, story.case, CHIEF)["DL-11"]
    world.pass_days(3)
    story.reported()
    world.do(story.case, "ReturnReport", TOWN.organ_head, {"reason": "补充核查。"})
    assert running(world, story.case, CHIEF)["DL-11"] == due


def test_dl11_the_organs_head_gives_one_further_month(world: World) -> None:
    story = world.story().verifying()
    due = date.fromisoformat(running(world, story.case, CHIEF)["DL-11"])
    body = {"reason": "需调取外地账目。"}
    refused(world.give(story.case, "ExtendVerification", HANDLER, body), "E_FORBIDDEN_ROLE", "DL-11")
    world.do(story.case, "ExtendVerification", TOWN.organ_head, body)
    extended = date.fromisoformat(running(world, story.case, CHIEF)["DL-11"])
    assert (extended.year - due.year) * 12 + extended.month - due.month == 1
    refused(world.give(story.case, "ExtendVerification", TOWN.organ_head, body), "E_STATE", "DL-11")


def test_dl14_the_assessment_in_fifteen_working_days(world: World) -> None:
    story = world.story().assessing()
    due = str(working_days_after(world.today, 15))
    assert running(world, story.clarification, CHIEF)["DL-14"] == due
    world.do(story.clarification, "AssessClarification", HANDLER, ASSESSMENT)
    assert "DL-14" not in running(world, story.clarification, CHIEF)


def test_dl14_runs_for_a_finding_that_waits_for_the_round_before(world: World) -> None:
    story = world.story().proposed()
    assert "DL-14" not in running(world, story.clarification, CHIEF)
    world.story(accused=[{"match": story.ref()}]).concluded()
    due = str(working_days_after(world.today, 15))
    world.patiently(lambda: running(world, story.clarification, CHIEF).get("DL-14") == due, "DL-14")
    world.pass_days(4)
    story.completed()
    assert story.state() == "ASSESSING"
    assert running(world, story.clarification, CHIEF) == {"DL-14": due}


def test_dl15_the_consent_window_is_five_working_days(world: World) -> None:
    story = world.story().asked()
    due = str(working_days_after(world.today, 5))
    assert running(world, story.clarification, CHIEF)["DL-15"] == due
    draft = world.get(SUBJECT, story.clarification.path + "/draft").json()
    assert draft["consent"]["due"] == due
    story.answered()
    assert "DL-15" not in running(world, story.clarification, CHIEF)


def test_dl16_dl17_carrying_out_and_filing(world: World) -> None:
    story = world.story().approved()
    assert running(world, story.clarification, CHIEF)["DL-16"] == str(working_days_after(world.today, 5))
    world.pass_days(1)
    story.implemented()
    assert running(world, story.clarification, CHIEF) == {"DL-17": str(working_days_after(world.today, 10))}
    story.completed()
    assert running(world, story.clarification, CHIEF) == {}


def test_dl16_counts_from_the_day_from_which_the_approval_holds(world: World) -> None:
    story = world.story().reviewed()
    later = world.today + timedelta(days=20)
    body = {**APPROVE, "valid_from": str(later)}
    world.do(story.clarification, "ApproveClarification", COUNTY.clarification_approver, body)
    assert running(world, story.clarification, CHIEF)["DL-16"] == str(working_days_after(later, 5))


def test_dl17_counts_from_the_day_of_the_deed(world: World) -> None:
    """Not from the day on which its evidence was entered."""
    story = world.story().approved()
    day = world.today
    world.pass_days(3)
    letter = {"document_hash": sha("letter"), "sent_on": str(day), "received_on": str(day)}
    done(story.implement("WRITTEN", to_subject=letter, to_unit_head=letter))
    assert running(world, story.clarification, CHIEF) == {"DL-17": str(working_days_after(day, 10))}


def test_05_a_deadline_runs_from_when_it_happened(world: World) -> None:
    """Not from when it was entered."""
    story = world.story().disposed()
    start = world.now
    world.pass_days(3)
    body = {"team": story.team, "plan_hash": "0" * 64}
    answer = world.give(
        story.case, "StartVerification", HANDLER, body, headers={"occurred-at": start.isoformat()}
    )
    done(answer)
    due = date.fromisoformat(running(world, story.case, CHIEF)["DL-11"])
    assert (due.month - start.month) % 12 == 2
    assert due.day <= start.day


def test_05_a_period_ends_at_midnight_in_shanghai(world: World) -> None:
    """Still in time at 23:59 of the last day; at midnight, which is 16:00 in UTC, it is over."""
    story = world.story().asked()
    due = working_days_after(world.today, 5)
    world.go_to(datetime(due.year, due.month, due.day, 23, 59, tzinfo=SHANGHAI))
    assert story.state() == "CONSENT_PENDING"
    assert told(world, story.clarification, "DL-15")[-1:] != ["DeadlineBreached"]
    world.go_to(datetime(due.year, due.month, due.day, tzinfo=SHANGHAI) + timedelta(days=1))
    assert settled(world, story.clarification, "DL-15", "DeadlineBreached")[-1] == "DeadlineBreached"


# --- reminders and breaches (P10), each once ---


def test_p10_reminded_three_working_days_before_and_breached_after_each_once(world: World) -> None:
    story = world.story().assessing()
    due = date.fromisoformat(running(world, story.clarification, CHIEF)["DL-14"])
    remind = working_days_before(due, 3)
    world.morning_of(remind - timedelta(days=1))
    position = world.position("clarification")
    world.morning_of(remind)
    assert settled(world, story.clarification, "DL-14", "DeadlineApproaching") == ["DeadlineApproaching"]
    assert told(world, story.clarification, "DL-14", position) == ["DeadlineApproaching"], "not a day early"
    world.morning_of(due)
    world.morning_of(due + timedelta(days=1))
    both = ["DeadlineApproaching", "DeadlineBreached"]
    assert settled(world, story.clarification, "DL-14", "DeadlineBreached") == both
    world.pass_days(10)
    later = world.story().received()  # something else happens meanwhile
    assert later.complaint
    assert told(world, story.clarification, "DL-14") == both
    assert story.state() == "ASSESSING", "a breach changes no state by itself"


def test_p10_case_management_finds_what_to_supervise(world: World) -> None:
    """From the reminder on, until it is met; no sooner, and nobody else's."""
    story = world.story().assessing()
    due = date.fromisoformat(running(world, story.clarification, CHIEF)["DL-14"])

    def suggested(who: str = COUNTY.case_manager) -> list[tuple[str, bool, bool, str]]:
        behind = {"min_position": world.position("clarification")}
        rows = world.paged(who, "/clarification/v1/deadlines", suggested="true", **behind)
        mine = [r for r in rows if r["id"] == story.clarification.id]
        return [(r["deadline"], r["reminded"], r["breached"], r["organ"]) for r in mine]

    assert suggested() == []
    world.morning_of(working_days_before(due, 3))
    settled(world, story.clarification, "DL-14", "DeadlineApproaching")
    assert suggested() == [("DL-14", True, False, TOWN.code)]
    world.morning_of(due + timedelta(days=1))
    settled(world, story.clarification, "DL-14", "DeadlineBreached")
    assert suggested() == [("DL-14", True, True, TOWN.code)]
    assert suggested("petition_clerk@DI-990101001") == []
    world.do(story.clarification, "AssessClarification", HANDLER, ASSESSMENT)
    assert "DL-14" not in [deadline for deadline, *_ in suggested()]
    path = "/clarification/v1/deadlines"
    refused(world.get(COUNTY.case_manager, path, suggested="perhaps"), "E_SCHEMA")


def test_p10_what_was_done_in_time_is_never_told(world: World) -> None:
    story = world.story().assessed()
    slow = world.story().assessing()
    due = date.fromisoformat(running(world, slow.clarification, CHIEF)["DL-14"])
    world.morning_of(due + timedelta(days=1))
    settled(world, slow.clarification, "DL-14", "DeadlineBreached")
    assert told(world, story.clarification, "DL-14") == []


def test_p10_a_reminder_never_stales_an_etag(world: World) -> None:
    story = world.story().assessing()
    before = world.get(CHIEF, story.clarification.path).headers["etag"]
    due = date.fromisoformat(running(world, story.clarification, CHIEF)["DL-14"])
    world.morning_of(due + timedelta(days=1))
    settled(world, story.clarification, "DL-14", "DeadlineBreached")
    assert world.get(CHIEF, story.clarification.path).headers["etag"] == before
    world.do(story.clarification, "AssessClarification", HANDLER, ASSESSMENT, if_match=before)


def test_p10_a_jump_over_both_days_tells_the_breach(world: World) -> None:
    story = world.story().assessing()
    world.pass_days(60)
    assert settled(world, story.clarification, "DL-14", "DeadlineBreached")[-1] == "DeadlineBreached"


def test_p10_a_second_window_is_reminded_and_breached_anew(world: World) -> None:
    """DL-15 runs once for every request, and lapses once for each."""
    story = world.story().asked()
    for _ in range(2):
        world.morning_of(working_days_after(world.today, 5) + timedelta(days=1))
        world.patiently(lambda: story.state() == "PLANNED")
        story.planned(**MEETING)
        world.do(story.clarification, "RequestConsent", HANDLER, story.asking())
        story.notified()
    types = [h["type"] for h in world.read(story.clarification, HANDLER)["history"]]
    assert types.count("ClarificationConsentLapsed") == 2
    assert told(world, story.clarification, "DL-15").count("DeadlineBreached") == 2


def test_sec11_the_list_of_deadlines_holds_numbers_only(world: World) -> None:
    story = world.story().assessing()
    position = world.position("clarification")

    def rows(who: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            behind = {"cursor": page["next"]} if page["next"] else {}
            answer = world.get(who, "/clarification/v1/deadlines", limit=200, min_position=position, **behind)
            assert story.accused[0]["name"] not in answer.text
            page = answer.json()
            found += page["items"]
        return [r for r in found if r["id"] == story.clarification.id]

    mine = rows(CHIEF)
    assert [(r["deadline"], r["breached"]) for r in mine] == [("DL-14", False)]
    assert mine[0]["number"] == world.read(story.clarification, CHIEF)["number"]
    assert rows(COUNTY.case_manager) == mine
    assert rows("petition_clerk@DI-990101001") == []
    refused(world.get(SUBJECT, "/clarification/v1/deadlines"), "E_FORBIDDEN_ROLE")


@pytest.mark.parametrize("wish", ["REFUSED_ALL"])
def test_dl18_a_refused_revisit_is_owed_no_more(world: World, wish: str) -> None:
    story: Story = world.story().active()
    world.do(story.plan, "RecordSubjectWish", SUBJECT, {"wish": wish})
    assert running(world, story.plan, TOWN.revisit_officer) == {}
