"""Misconduct of discipline staff: reported past their organ, and unseen by whom it names (A33, A36)."""

from __future__ import annotations

from typing import Any

import httpx

from tests.harness import (
    ANONYMOUS,
    CITY,
    COUNTY,
    PROVINCE,
    SUBJECT,
    TOWN,
    World,
    done,
    hidden,
    kebab,
    refused,
    sub,
)

NAMED = COUNTY.handler
ABOVE, DECIDER, WATCHER = CITY.petition_head, CITY.organ_head, CITY.internal_supervisor
BASE = "/intake/v1/staff-misconduct-reports"
ACCOUNT = "该承办人虚戊接受当事人宴请。"
SETTLED = {"finding": "FOUND", "measures": "已调离岗位。"}


def report(world: World, who: str = COUNTY.petition_clerk, **more: Any) -> httpx.Response:
    body = {"staff_organ": COUNTY.code, "staff": sub(NAMED), "account": ACCOUNT, **more}
    return world.client(who).post(BASE, json={k: v for k, v in body.items() if v is not None})


def assign(world: World, id: str, by: str, whom: str, role: str) -> httpx.Response:
    return world.client(by).post(f"{BASE}/{id}/assign-to-case", json={"person": sub(whom), "role": role})


def give(world: World, id: str, command: str, who: str, **body: Any) -> httpx.Response:
    etag = world.get(who, f"{BASE}/{id}").headers.get("etag", '"1"')
    return world.client(who).post(f"{BASE}/{id}/{kebab(command)}", json=body, headers={"if-match": etag})


def account(world: World, id: str, who: str) -> httpx.Response:
    return world.client(who).get(f"{BASE}/{id}/account", headers={"purpose": "supervise"})


def listed(world: World, who: str, path: str = BASE) -> set[str]:
    answer = world.get(who, path, min_position=world.position("intake"), limit=200)
    return {row["id"] for row in answer.json()["items"]}


WATCHED = "/intake/v1/internal-supervision"


def test_a33_it_goes_to_the_superior_organ_and_to_internal_supervision(world: World) -> None:
    answer = done(report(world))
    id = str(answer["id"])
    assert answer["number"].startswith("JG-9901-")
    assert id in listed(world, ABOVE)
    for watcher in (WATCHER, COUNTY.internal_supervisor):
        assert id in listed(world, watcher, WATCHED)
        assert account(world, id, watcher).json()["account"] == ACCOUNT
    done(assign(world, id, ABOVE, DECIDER, "organ_head"))
    assert account(world, id, DECIDER).json()["account"] == ACCOUNT
    assert done(give(world, id, "SettleStaffMisconduct", DECIDER, **SETTLED))["state"] == "SETTLED"
    refused(give(world, id, "SettleStaffMisconduct", DECIDER, **SETTLED), "E_STATE", "A33")


def test_a33_the_named_one_and_his_organ_see_nothing_of_it(world: World) -> None:
    before = world.position("intake")
    id = str(done(report(world, TOWN.petition_clerk))["id"])
    for who in (NAMED, COUNTY.petition_head, COUNTY.organ_head, COUNTY.auditor, TOWN.petition_clerk, SUBJECT):
        hidden(world.get(who, f"{BASE}/{id}"))
        hidden(account(world, id, who))
    for who in (NAMED, COUNTY.petition_head, DECIDER):
        assert id not in listed(world, who)
    refused(world.get(NAMED, WATCHED), "E_FORBIDDEN_ROLE", "A33")
    assert "虚戊" not in str(world.log("intake", before))


def test_a33_in_whatever_rank_the_named_one_comes(world: World) -> None:
    """An internal supervisor above, and the petition head to whom it went: there is nothing for them, and
    nobody can hand it to them."""
    id = str(done(report(world, staff=sub(WATCHER)))["id"])
    assert id not in listed(world, WATCHER, WATCHED)
    hidden(account(world, id, WATCHER))
    own = str(done(report(world, staff=sub(ABOVE)))["id"])
    hidden(assign(world, own, ABOVE, DECIDER, "organ_head"))
    assert own not in listed(world, ABOVE)
    assert own in listed(world, CITY.petition_clerk)
    his = str(done(report(world, staff=sub(DECIDER)))["id"])
    refused(assign(world, his, ABOVE, DECIDER, "organ_head"), "E_RECUSAL", "A48")


def test_a33_who_was_not_named_by_account_might_be_the_supervisor(world: World) -> None:
    """Then internal supervision of the own organ is left out; that above knows."""
    id = str(done(report(world, staff=None))["id"])
    assert id in listed(world, WATCHER, WATCHED)
    assert id not in listed(world, COUNTY.internal_supervisor, WATCHED)
    hidden(account(world, id, COUNTY.internal_supervisor))


def test_a33_of_a_township_the_county_handles_and_watches(world: World) -> None:
    id = str(done(report(world, TOWN.handler, staff_organ=TOWN.code, staff=sub(TOWN.organ_head)))["id"])
    assert id in listed(world, COUNTY.petition_head)
    assert id in listed(world, COUNTY.internal_supervisor, WATCHED)
    hidden(world.get(TOWN.organ_head, f"{BASE}/{id}"))


def test_a33_the_province_handles_its_own_and_the_named_one_is_left_out(world: World) -> None:
    named = PROVINCE.petition_head
    id = str(done(report(world, TOWN.handler, staff_organ=PROVINCE.code, staff=sub(named)))["id"])
    hidden(assign(world, id, named, PROVINCE.organ_head, "organ_head"))
    assert id not in listed(world, named)
    hidden(account(world, id, named))
    hidden(account(world, id, PROVINCE.organ_head))
    done(assign(world, id, PROVINCE.organ_head, PROVINCE.organ_head, "organ_head"))
    assert account(world, id, PROVINCE.organ_head).json()["account"] == ACCOUNT
    assert account(world, id, PROVINCE.internal_supervisor).json()["account"] == ACCOUNT


def test_a36_the_accused_reports_from_his_own_account(world: World) -> None:
    before = world.position("intake")
    answer = done(report(world, SUBJECT, staff=None))
    [event] = world.log("intake", before, "StaffMisconductReported")
    assert (event.stream, event.meta["role"]) == (answer["id"], "subject_mobile")
    refused(report(world, SUBJECT, staff_organ="DI-0000"), "E_SCHEMA", "A33")
    refused(report(world, TOWN.petition_clerk, staff=sub(TOWN.petition_clerk)), "E_SCHEMA", "A33")


def test_a33_a_reporter_does_behind_his_query_code(world: World) -> None:
    """Past the organ that handles the complaint: nothing of the report hangs on that complaint."""
    post = world.anonymously
    before = world.position("intake")
    code = done(post(**ANONYMOUS))["query_code"]
    # A number would tell how many others did so this year (B53).
    assert done(post("/staff-misconduct", code=code, text=ACCOUNT)) == {"status": "RECEIVED"}
    [received] = world.log("intake", before, "ComplaintReceived")
    [told] = world.log("intake", before, "StaffMisconductReported")
    assert told.meta["correlation_id"] != received.meta["correlation_id"]
    assert told.organ == COUNTY.code
    assert told.event["number"].startswith("JG-990102-")
    assert account(world, told.stream, COUNTY.internal_supervisor).json()["account"] == ACCOUNT
    letters = f"/intake/v1/complaints/{received.stream}/letters"
    world.client(TOWN.petition_head).post(
        f"/intake/v1/complaints/{received.stream}/assign-to-case",
        json={"person": sub(TOWN.petition_head), "role": "petition_head"},
    )
    assert "虚戊" not in world.get(TOWN.petition_head, letters).text
    hidden(post("/staff-misconduct", code="0000-0000-0000-0000", text=ACCOUNT))
    refused(post("/staff-misconduct", code=code, text="  "), "E_SCHEMA")


def test_a33_nobody_settles_what_he_reported(world: World) -> None:
    reporter = CITY.deputy_leader
    id = str(done(report(world, reporter))["id"])
    done(assign(world, id, ABOVE, reporter, "deputy_leader"))
    refused(give(world, id, "SettleStaffMisconduct", reporter, **SETTLED), "E_SOD_CONFLICT")


def test_a33_audit_shows_nothing_of_it(world: World) -> None:
    """Neither to whom it names nor to any other auditor: its number runs in sequence."""
    answer = done(report(world, staff=sub(COUNTY.auditor)))
    world.patiently(lambda: world.log("intake", 0, "StaffMisconductReported"), "recorded")
    for who in (COUNTY.auditor, CITY.auditor):
        hidden(world.get(who, f"/audit/v1/cases/{answer['number']}/timeline"))


def test_a33_no_cursor_tells_the_named_one_that_there_is_something(world: World) -> None:
    """A page that is short, or whose cursor leads past an item that is not shown, would count it for the
    named person."""
    for staff in (DECIDER, WATCHER, WATCHER, DECIDER):
        done(report(world, staff=sub(staff)))
    for who in (WATCHER, CITY.internal_supervisor):
        page = world.get(who, WATCHED, limit=1, min_position=world.position("intake")).json()
        while page["next"] is not None:
            assert page["items"]
            page = world.get(who, WATCHED, limit=1, cursor=page["next"]).json()
