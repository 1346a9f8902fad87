"""The replays over HTTP: order, as-of, difference, jurisdiction, accesses."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.audit.access import Access, AccessLog
from shared.casework.view import fold_view
from shared.kernel.bus.envelope import content
from shared.kernel.clock import SystemClock
from shared.language.contracts import intake
from shared.language.event import Event
from tests.audit.conftest import Audit
from tests.audit.world import (
    CANARY,
    CITY,
    COUNTY,
    MORNING,
    OTHER_COUNTY,
    TOWNSHIP,
    World,
    accused,
    allegation,
)

FIRST = "/v1/cases/XF-990102100-2022-000001"
SECOND = "/v1/cases/XF-990102100-2022-000002"
HC = "/v1/cases/HC-990102100-2022-000001"


def types(body: dict[str, Any]) -> list[str]:
    return [event["type"] for event in body["events"]]


async def timeline(audit: Audit, case: str = FIRST, **params: str) -> dict[str, Any]:
    answer = await audit.get(f"{case}/timeline", **params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_66_the_timeline_joins_all_services(told: Audit) -> None:
    """Refusals are in it, readings are counted, and the duplicate that came later is linked."""
    body = await timeline(told)
    assert types(body) == [
        "ComplaintReceived",
        "ComplaintRegistered",
        "AllegationsListed",
        "ComplaintTransferredToHandler",
        "VerificationCaseOpened",
        "CommandRefused",
        "ComplaintReceived",
        "ComplaintRegistered",
        "DuplicateFiled",
        "VerificationConcluded",
        "AllegationsVerifiedUnfounded",
    ]
    opened = body["events"][4]
    assert opened["number"] == "HC-990102100-2022-000001"
    assert opened["by"] == {"actor": "system", "role": "system", "organ": TOWNSHIP}
    assert (opened["rule"], opened["policy"]) == ("R1", "2022-01")
    assert opened["event"]["accused"][0]["name"] == CANARY
    assert body["events"][0]["deadlines"][0]["id"] == "DL-01"
    assert body["subjects"] == ["s-1", "s-2"]
    assert [(a["who"], a["role"], a["count"]) for a in body["accesses"]] == [("p-head", "petition_head", 2)]


@pytest.mark.parametrize("case", [SECOND, HC])
async def test_any_number_leads_to_the_same_case(told: Audit, case: str) -> None:
    """Links are followed in both directions."""
    assert (await timeline(told, case))["events"] == (await timeline(told))["events"]


async def test_a_case_without_a_number_is_found_by_its_id(told: Audit, world: World) -> None:
    """The id of any of its streams will do."""
    assert (await timeline(told, f"/v1/cases/{world.case}"))["events"] == (await timeline(told))["events"]


async def test_order_of_taking_in_does_not_matter(audit: Audit, world: World, told: Audit) -> None:
    """A cause that came after its effect links them all the same (here `told` took effects first)."""
    assert len(types(await timeline(told, HC))) == 11


async def test_66_as_of_by_recorded_time_is_a_prefix(told: Audit) -> None:
    """A later link is not there, and the number given an hour later is not shown."""
    whole = await timeline(told)
    for moment in (MORNING, MORNING + timedelta(hours=3), MORNING + timedelta(days=30)):
        part = await timeline(told, as_of=moment.isoformat())
        assert part["events"] == [
            {**event, "number": event["number"] if moment > MORNING else ""}
            for event in whole["events"]
            if event["recorded_at"] <= moment.isoformat()
        ]
    early = await timeline(told, as_of=MORNING.isoformat())
    assert [s["number"] for s in early["streams"]] == [""]


async def test_r54_66_as_of_answers_stay_the_same(audit: Audit, world: World) -> None:
    """Events that are recorded and linked afterwards change no earlier day."""
    moment = (MORNING + timedelta(days=30)).isoformat()
    published = world.intake.published()
    await audit.parts.ledger.take_in(published[:8])
    await audit.take_in(world.verification)
    then = await timeline(audit, as_of=moment)
    await audit.take_in(world.intake)
    assert await timeline(audit, as_of=moment) == then


async def test_by_occurred_time_the_letter_comes_first(told: Audit) -> None:
    """The letter arrived a day before anybody recorded it."""
    eve = (MORNING - timedelta(hours=2)).isoformat()
    assert types(await timeline(told, as_of=eve, by="occurred")) == ["ComplaintReceived"]
    assert types(await timeline(told, as_of=eve, by="recorded")) == []


@pytest.mark.parametrize("by", ["recorded", "occurred"])
@pytest.mark.parametrize("limit", ["1", "4", "11"])
async def test_pages_make_the_whole(told: Audit, by: str, limit: str) -> None:
    """Every event once, whatever the size of the page."""
    whole = await timeline(told, by=by)
    events: list[Any] = []
    page = await timeline(told, by=by, limit=limit)
    events += page["events"]
    while page["next"]:
        page = await timeline(told, by=by, limit=limit, cursor=page["next"])
        events += page["events"]
    assert events == whole["events"]


async def test_one_subject_at_a_time(told: Audit) -> None:
    """A stream that concerns only another is left out; the duplicate, which names nobody yet, is not."""
    body = await timeline(told, subject="s-1")
    assert "AllegationsVerifiedUnfounded" not in types(body)
    assert "AllegationsListed" in types(body)
    assert "DuplicateFiled" in types(body)
    other = await timeline(told, subject="s-2")
    assert "AllegationsVerifiedUnfounded" in types(other)
    assert (await told.get(f"{FIRST}/timeline", subject="s-9")).status_code == 404


async def test_the_state_is_what_the_service_answered(told: Audit, world: World) -> None:
    """Byte for byte, on every day."""
    for hours in (0, 1, 2, 3, 24 * 100):
        moment = MORNING + timedelta(hours=hours)
        answer = await told.get(f"{FIRST}/state", as_of=moment.isoformat())
        history = [
            r
            for r in world.intake.recorded
            if r.originator_id == world.first and r.recorded_at is not None and r.recorded_at <= moment
        ]
        assert orjson.dumps(fold_view(content(r) for r in history), default=str) in answer.content


async def test_the_difference_names_what_changed(told: Audit) -> None:
    """Between the first hour and the third: the number was given, the allegations were listed."""
    body = (
        await told.get(
            f"{FIRST}/difference",
            **{"from": MORNING.isoformat(), "to": (MORNING + timedelta(hours=2)).isoformat()},
        )
    ).json()
    assert types(body) == ["ComplaintRegistered", "AllegationsListed"]
    (changed,) = body["streams"]
    assert changed["before"] == {"version": 1, "state": "RECEIVED"}
    assert changed["after"] == {"version": 3, "state": "REGISTERED"}
    assert changed["facts"]["number"] == {"before": None, "after": "XF-990102100-2022-000001"}
    assert "channel" not in changed["facts"]
    later = (
        await told.get(f"{FIRST}/difference", **{"from": (MORNING + timedelta(hours=2)).isoformat()})
    ).json()
    (complaint,) = [
        s for s in later["streams"] if s["number"].endswith("-000001") and s["kind"] == "Complaint"
    ]
    assert complaint["deadlines"] == {"DL-01": {"before": "2022-03-22", "after": None}}


# --- Who may ---


@pytest.mark.parametrize("what", ["timeline", "state", "bundle", "difference"])
async def test_foreign_and_unknown_look_the_same(told: Audit, what: str) -> None:
    """404 with the same bytes; only the access log knows which it was."""
    params = {"from": MORNING.isoformat()} if what == "difference" else {}
    foreign = await told.get(f"{FIRST}/{what}", organ=OTHER_COUNTY, **params)
    unknown = await told.get(f"/v1/cases/XF-990102100-2022-999999/{what}", organ=OTHER_COUNTY, **params)
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.content == unknown.content
    assert foreign.headers.keys() == unknown.headers.keys()


@pytest.mark.parametrize("organ", [COUNTY, CITY, "DI-99"])
async def test_superiors_see_what_is_below_them(told: Audit, organ: str) -> None:
    assert (await told.get(f"{FIRST}/timeline", organ=organ)).status_code == 200


@pytest.mark.parametrize("role", ["petition_clerk", "organ_head", "statistics_viewer", "reporter_mobile"])
async def test_66_only_auditors_replay(told: Audit, role: str) -> None:
    """The case makes no difference; so nothing can be learnt about it."""
    for case in (FIRST, "/v1/cases/XF-990102100-2022-999999"):
        answer = await told.get(f"{case}/timeline", role=role)
        assert (answer.status_code, answer.json()["code"]) == (403, "E_FORBIDDEN_ROLE")


async def test_auditors_stand_at_the_county_or_above(told: Audit) -> None:
    answer = await told.get(f"{FIRST}/timeline", organ=TOWNSHIP)
    assert (answer.status_code, answer.json()["code"]) == (403, "E_LEVEL_TOO_LOW")


async def test_without_a_token_nothing(told: Audit) -> None:
    assert (await told.client.get(f"{FIRST}/timeline")).status_code == 401
    assert (await told.client.get("/v1/logs/intake/checkpoint")).status_code == 401


async def test_66_every_replay_is_recorded(told: Audit) -> None:
    """The next timeline counts the one before; refusals stand in the log with their true code."""
    await timeline(told)
    await told.get(f"{FIRST}/state", organ=OTHER_COUNTY)
    answer = await told.get(f"{FIRST}/timeline")
    auditor = [a for a in answer.json()["accesses"] if a["role"] == "auditor"]
    assert [(a["who"], a["count"]) for a in auditor] == [(f"p-auditor-{COUNTY}", 1)]
    number, _, hash_ = answer.headers["access-record"].partition(":")
    assert number == "3"
    async with told.parts.engine.connect() as connection:
        rows = (
            await connection.exec_driver_sql("SELECT action, outcome, hash FROM access_log ORDER BY id")
        ).all()
    assert [(r.action, r.outcome) for r in rows] == [
        ("timeline", "ok"),
        ("state", "E_JURISDICTION"),
        ("timeline", "ok"),
    ]
    assert rows[2].hash.hex() == hash_
    assert await told.parts.guard.check_access() == []


async def test_readings_are_counted_as_of_a_day(told: Audit) -> None:
    """Before the fourth hour nobody had read the case; a replay of today is not of that day."""
    for hours, counts in ((3, []), (4, [("p-head", 2)]), (24 * 365, [("p-head", 2)])):
        body = await timeline(told, as_of=(MORNING + timedelta(hours=hours)).isoformat())
        assert [(a["who"], a["count"]) for a in body["accesses"]] == counts
    now = {a["who"]: a for a in (await timeline(told))["accesses"]}
    assert now[f"p-auditor-{COUNTY}"]["count"] == 3
    then = {a["who"]: a for a in (await timeline(told, as_of="2022-06-30T00:00:00Z"))["accesses"]}
    assert now["p-head"] == then["p-head"]


async def test_many_processes_write_one_log(told: Audit) -> None:
    """Each comes after the last record, whoever wrote it; none is lost, and the totals agree."""
    logs = [AccessLog(told.parts.engine, SystemClock()) for _ in range(3)]
    access = Access(who="p", role="auditor", organ=COUNTY, action="state", object="XF", about=UUID(int=1))
    receipts = await asyncio.gather(*(log.add(access) for _ in range(20) for log in logs))
    assert sorted(int(receipt.partition(":")[0]) for receipt in receipts) == list(range(1, 61))
    assert await told.parts.guard.check_access() == []
    async with told.parts.engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count FROM replayed")).scalar_one() == 60


# --- Bad input ---


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("timeline", {"as_of": "yesterday"}),
        ("timeline", {"as_of": "2022-03-01T00:00:00"}),
        ("timeline", {"as_of": "0001-01-01T00:00:00+14:00"}),
        ("timeline", {"by": "guessed"}),
        ("timeline", {"limit": "1001"}),
        ("timeline", {"limit": "0"}),
        ("timeline", {"limit": "-1"}),
        ("timeline", {"cursor": "x"}),
        ("timeline", {"cursor": "W10"}),
        ("timeline", {"cursor": "WyJhIiwiaW50YWtlIiwxXQ"}),
        ("timeline", {"subject": "a b"}),
        ("state", {"by": ""}),
        ("difference", {}),
        ("difference", {"from": "2022-03-02T00:00:00Z", "to": "2022-03-01T00:00:00Z"}),
        ("bundle", {"withhold": "L1"}),
        ("bundle", {"as_of": "2019-03-11T00:00:00Z"}),
        ("bundle", {"as_of": "2019-03-11T00:00:00Z", "by": "occurred"}),
    ],
)
async def test_bad_questions_are_told_so(told: Audit, path: str, params: dict[str, str]) -> None:
    """A caller who may ask is told, and nobody else. Before the first day of the case there is nothing to
    prove, ever."""
    answer = await told.get(f"{FIRST}/{path}", **params)
    assert (answer.status_code, answer.json()["code"]) == (422, "E_SCHEMA")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await told.client.get(f"{FIRST}/{path}", params=params)).status_code == 401
    assert (await told.get(f"{FIRST}/{path}", role="handler", **params)).status_code == 403


@pytest.mark.parametrize(
    "number", ["x", "%00", "XF-1", "XF-990102100-2022-%E4%B8%80", "' OR 1=1", "a" * 4000]
)
async def test_what_is_no_number_is_not_found(told: Audit, number: str) -> None:
    assert (await told.get(f"/v1/cases/{number}/timeline")).status_code == 404


async def test_nul_is_refused_before_anything_else(told: Audit) -> None:
    assert (await told.client.get(f"{FIRST}/timeline", params={"subject": "a\x00b"})).status_code == 422


async def test_extreme_instants_are_no_defect(told: Audit) -> None:
    for moment in ("0001-01-02T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await told.get(f"{FIRST}/timeline", as_of=moment)).status_code == 200


async def test_the_openapi_document_names_every_parameter(audit: Audit) -> None:
    schema = (await audit.client.get("/openapi.json")).json()
    assert {p["name"] for p in schema["paths"]["/v1/cases/{number}/timeline"]["get"]["parameters"]} == {
        "number",
        "as_of",
        "by",
        "subject",
        "limit",
        "cursor",
    }


async def test_b51_by_occurrence_a_case_stands_where_its_steps_had_led(audit: Audit, world: World) -> None:
    """An event that was entered late and leads nowhere carries no later state back to its day, and a note
    that happened last takes the case back to no earlier one."""
    log, id, hour = world.intake, uuid4(), timedelta(hours=1)
    start = MORNING + timedelta(days=200)

    def record(event: Event, at: int, occurred: int) -> None:
        log.record(event, id, at=start + at * hour, occurred=start + occurred * hour, correlation=id)

    listed = intake.AllegationsListed(
        accused=(accused("s-9"),), allegations=(allegation("s-9"),), approved_by="p-head"
    )
    record(world.received(TOWNSHIP, date(2022, 9, 17)), 0, 0)
    record(listed, 5, 5)
    record(world.numbered("XF-990102100-2022-000009"), 6, 3)
    record(listed, 7, 1)
    await audit.take_in(log, world.verification)

    async def stands(at: int | None, by: str = "occurred") -> tuple[str, int]:
        day = {} if at is None else {"as_of": (start + at * hour).isoformat()}
        answer = await audit.get("/v1/cases/XF-990102100-2022-000009/state", by=by, **day)
        (stream,) = answer.json()["streams"]
        return stream["state"], stream["version"]

    states = [await stands(None), await stands(2), await stands(3), await stands(4)]
    assert states == [("REGISTERED", 4), ("RECEIVED", 2), ("REGISTERED", 3), ("REGISTERED", 3)]
    assert await stands(None, "recorded") == ("REGISTERED", 4)
    span = {"from": (start + hour).isoformat(), "to": (start + 3 * hour).isoformat(), "by": "occurred"}
    answer = await audit.get("/v1/cases/XF-990102100-2022-000009/difference", **span)
    assert [event["type"] for event in answer.json()["events"]] == ["ComplaintRegistered"]
