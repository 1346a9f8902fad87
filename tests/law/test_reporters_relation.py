"""The reporter's relation: identity grows, whatever way it is typed (B18, B19)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.harness import (
    COUNTY,
    SHANGHAI,
    TOWN,
    Case,
    World,
    allegation,
    done,
    hidden,
    person,
    refused,
    sub,
    working_days_after,
)
from tests.law.test_intake_anonymous import behind, reported

CLERK, HEAD, HANDLER = TOWN.petition_clerk, TOWN.petition_head, TOWN.handler
NAMED = {"name": "郑虚增", "phone": "13972064801"}
PURPOSE = {"purpose": "serve"}


def reporter(world: World, case: Case, who: str = CLERK, fields: str = "NAME,PHONE,EMAIL,ADDRESS") -> Any:
    return world.client(who).get(f"{case.path}/reporter", params={"fields": fields}, headers=PURPOSE)


def status(world: World, case: Case, who: str = CLERK) -> str:
    return str(world.read(case, who)["facts"]["identity_status"])


def test_b19_an_anonymous_reporter_gives_a_name_behind_the_code(world: World) -> None:
    """From then on they are owed the notice; a name that is believed already is changed by nobody."""
    code, case = reported(world)
    world.assign(case, CLERK, HEAD, by=HEAD)
    hidden(reporter(world, case))
    refused(world.anonymously("/contact", code=code, contacts={"phone": "1397206480１"}), "E_STATE", "B19")
    nothing = world.anonymously("/identity", code=code, reporter={"name": "匿名", "phone": "13972064801"})
    refused(nothing, "E_SCHEMA", "A27")
    refused(world.anonymously("/identity", code=code, reporter={"name": "郑", "phone": "打我"}), "E_SCHEMA")
    assert "DL-01" not in world.read(case, CLERK)["deadlines"]
    done(world.anonymously("/identity", code=code, reporter=NAMED))
    assert status(world, case) == "CLAIMED"
    assert world.read(case, CLERK)["deadlines"]["DL-01"] == str(working_days_after(world.today, 15))
    assert reporter(world, case).json() == {**NAMED, "email": "", "address": ""}
    refused(world.anonymously("/identity", code=code, reporter=NAMED), "E_STATE", "B19")
    [event] = world.entries("intake", case.id, "ReporterIdentityAdded")
    assert "13972064801" not in str(event)
    assert "郑虚增" not in str(event)


def test_b19_a_contact_changes_and_the_old_one_is_still_screened(world: World) -> None:
    code, case = reported(world, reporter={"name": "郑虚换", "phone": "13972064802"})
    world.assign(case, CLERK, HEAD, by=HEAD)
    changed = {"contacts": {"phone": "１３９７２０６４８０３转8001", "address": "虚构村九组", "email": "无"}}
    world.do(case, "ChangeContact", CLERK, changed)
    told = {"phone": "13972064803转8001", "address": "虚构村九组", "email": "", "name": "郑虚换"}
    assert reporter(world, case).json() == told
    done(world.anonymously("/contact", code=code, contacts={"address": "虚构村十组"}))
    assert reporter(world, case).json() == told | {"address": "虚构村十组"}
    refused(
        world.anonymously("/contact", code=code, contacts={"address": "-", "phone": "无"}), "E_SCHEMA", "B19"
    )
    refused(world.give(case, "ChangeContact", CLERK, {"contacts": {}}), "E_SCHEMA")
    world.do(case, "RegisterComplaint", CLERK)
    for old in ("虚构村九组", "虚构村十组"):
        listing = world.story().listing()
        listing["allegations"][0]["text"] = f"{old}的人说的。"
        refused(world.give(case, "ListAllegations", CLERK, listing), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_b19_who_was_not_reached_is_verified_again(world: World) -> None:
    """Out of reach is whoever was tried on three working days; and no is not for ever."""
    story = world.story(reporter=NAMED).listed()
    case = story.complaint

    def verify(result: str) -> Any:
        return world.give(case, "VerifyReporterIdentity", CLERK, {"verified_by": "PHONE", "result": result})

    days = [working_days_after(world.today, n) for n in (1, 2, 3)]
    world.go_to(datetime.combine(days[-1] + timedelta(days=1), datetime.min.time(), SHANGHAI))
    for day in (days[0], days[0], days[1], days[2]):
        assert refused(verify("UNREACHABLE"), "E_RECORD_INCOMPLETE", "B19")["needed"] == 3
        tried = {"stage": "VERIFICATION", "means": "PHONE", "attempted_on": str(day)}
        world.do(case, "RecordContactAttempt", CLERK, tried)
    done(verify("UNREACHABLE"))
    story.accepted()
    refused(world.give(case, "NotifyAcceptance", CLERK, {"means": "PHONE"}), "E_NOTICE_NOT_DUE", "A30")
    done(verify("CONFIRMED"))
    assert status(world, case) == "CONFIRMED"
    assert "DL-01" in world.read(case, CLERK)["deadlines"]
    world.do(case, "NotifyAcceptance", CLERK, {"means": "PHONE"})
    refused(verify("NOT_CONFIRMED"), "E_STATE", "A27")


def test_b18_b19_a_name_given_once_stands_in_every_part(world: World) -> None:
    """The parts of a matter learn of it in one transaction, each under its own key and reference."""
    clerk, head = COUNTY.petition_clerk, COUNTY.petition_head
    code, case = reported(world, unit_division="990102", managed_by_level="COUNTY")
    world.assign(case, clerk, head, by=head)
    world.do(case, "RegisterComplaint", clerk)
    claims = [allegation("a1"), allegation("b1", 1)]
    listing = {"accused": [person(COUNTY), person()], "allegations": claims, "approved_by": sub(head)}
    world.do(case, "ListAllegations", clerk, listing)
    split = {"to_organ": TOWN.code, "allegation_ids": [f"{case.id[:8]}-b1"]}
    world.do(case, "SplitComplaint", head, split)
    [event] = world.entries("intake", case.id, "ComplaintSplit")
    part = Case("intake", event.event["born"])
    world.assign(part, CLERK, by=HEAD)
    world.do(case, "AddIdentity", clerk, {"reporter": NAMED})
    assert (status(world, case, clerk), status(world, part)) == ("CLAIMED", "CLAIMED")
    world.do(part, "ChangeContact", CLERK, {"contacts": {"phone": "13972064804"}})
    for who, each in ((clerk, case), (CLERK, part)):
        assert reporter(world, each, who, "NAME,PHONE").json() == NAMED | {"phone": "13972064804"}
    refs = {
        world.entries("intake", c.id, "ReporterIdentityAdded")[0].event["reporter_ref"] for c in (case, part)
    }
    assert len(refs) == 2
    refused(world.give(part, "AddIdentity", CLERK, {"reporter": NAMED}), "E_STATE", "B19")
    hidden(world.give(case, "AddIdentity", HANDLER, {"reporter": NAMED}))
    assert behind(world, code).json()["status"] == "RECEIVED"


def test_b19_what_citizens_type_is_read_with_tolerance(world: World) -> None:
    """Numbers in any width and of before 1999; words that say that nothing is given are nothing."""
    typed = {
        "name": " 郑虚宽 ",
        "phone": "（０５７１）９９００１２３４　轉８００１",
        "resident_id": "99010119000107 007x",
        "email": "无",
        "address": "－",
        "unit": "null",
    }
    _, case = reported(world, reporter=typed)
    world.assign(case, CLERK, HEAD, by=HEAD)
    told = reporter(world, case, fields="NAME,PHONE,RESIDENT_ID,EMAIL,ADDRESS,UNIT").json()
    assert told["resident_id"] == "99010119000107007X"
    assert (told["name"], told["email"], told["address"], told["unit"]) == ("郑虚宽", "", "", "")
    assert told["phone"].startswith("(0571)99001234")
    _, old = reported(world, reporter={**NAMED, "resident_id": "990101000107007"})
    world.assign(old, CLERK, HEAD, by=HEAD)
    assert reporter(world, old, fields="RESIDENT_ID").json() == {"resident_id": "99010119000107007X"}
    for nobody in ({"name": "-", "phone": "13972064801"}, {"name": "匿名", "phone": "无"}):
        _, none = reported(world, reporter=nobody)
        world.assign(none, CLERK, HEAD, by=HEAD)
        assert status(world, none) == "UNCLAIMED"
