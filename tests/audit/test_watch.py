"""Bulk reading is counted over all services, processes and audit's own replays (SEC-9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.audit.access import AccessLog
from services.audit.watch import Reading, Watch, crossings
from shared.kernel.clock import FixedClock
from shared.language.event import event_class
from tests.audit.conftest import Audit
from tests.audit.world import COUNTY, MORNING, OTHER_COUNTY, TOWNSHIP, Producer, World

LATER = MORNING + timedelta(days=300)
MINUTE = timedelta(minutes=1)


def read(producer: Producer, who: str, at: datetime, *cases: UUID, role: str = "handler") -> None:
    """The record of one answer that showed these cases."""
    name = "CaseRead" if len(cases) == 1 else "CasesRead"
    cls = event_class(f"{producer.service}.{name}")
    assert cls is not None
    objects = {"object": str(cases[0])} if len(cases) == 1 else {"objects": tuple(map(str, cases))}
    event = cls.model_validate({"who": who, "role": role, "fields": "case", "purpose": "", **objects})
    producer.record(event, uuid4(), at=at, correlation=uuid4(), kind="AuditRecord", actor=who, role=role)


def fresh(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


async def alerts(audit: Audit, organ: str = COUNTY, **params: str) -> list[dict[str, Any]]:
    answer = await audit.get("/v1/bulk-readings", role="internal_supervisor", organ=organ, **params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_sec9_what_was_read_in_several_services_counts_together(told: Audit, world: World) -> None:
    """Eleven cases here and ten there are twenty-one; the same cases again are not more."""
    cases = fresh(20)
    for n, case in enumerate(cases):
        producer = world.producers[n % 2]
        read(producer, "p-curious", LATER + n * MINUTE, case)
        read(producer, "p-curious", LATER + n * MINUTE, case)
    await told.take_in(*world.producers)
    assert await told.parts.watch.look() == 0
    assert await alerts(told) == []
    read(world.verification, "p-curious", LATER + 30 * MINUTE, uuid4())
    await told.take_in(*world.producers)
    assert await told.parts.watch.look() == 1
    assert await told.parts.watch.look() == 0
    (alert,) = await alerts(told)
    assert {name: alert[name] for name in ("who", "role", "organ", "objects")} == {
        "who": "p-curious",
        "role": "handler",
        "organ": TOWNSHIP,
        "objects": 21,
    }
    assert datetime.fromisoformat(alert["at"]) == LATER + 30 * MINUTE
    assert await alerts(told, OTHER_COUNTY) == []
    assert await told.parts.guard.check_access() == []


async def test_sec9_an_hour_is_an_hour_and_one_answer_may_show_many(told: Audit, world: World) -> None:
    """A slow reader is no bulk reader; one search that shows twenty-one cases makes one."""
    for n, case in enumerate(fresh(40)):
        read(world.intake, "p-diligent", LATER + n * 3 * MINUTE, case)
    read(world.intake, "p-searching", LATER, *fresh(21))
    await told.take_in(*world.producers)
    assert await told.parts.watch.look() == 1
    assert [alert["who"] for alert in await alerts(told)] == ["p-searching"]


async def test_sec9_after_a_restart_it_goes_on_counting(told: Audit, world: World) -> None:
    """Nothing is in memory: another process, and a record that arrives late, are counted with the rest."""
    cases = fresh(21)
    for n in range(0, 20, 2):
        read(world.intake, "p-curious", LATER + n * MINUTE, cases[n])
    read(world.intake, "p-curious", LATER + 20 * MINUTE, cases[20])
    await told.take_in(world.intake)
    assert await told.parts.watch.look() == 0
    for n in range(1, 20, 2):
        read(world.verification, "p-curious", LATER + n * MINUTE, cases[n])
    await told.take_in(world.verification)
    again = Watch(told.parts.engine, AccessLog(told.parts.engine, FixedClock(LATER)))
    assert await again.look() == 1
    assert await told.parts.watch.look() == 0


async def test_sec9_audits_own_replays_count(told: Audit, world: World) -> None:
    """An auditor who has twenty-one cases shown in whatever form is told like anybody else."""
    cases = fresh(21)
    for case in cases:
        world.intake.record(world.received(TOWNSHIP, LATER.date()), case, at=LATER, correlation=case)
    for n, case in enumerate(cases):
        world.intake.record(world.numbered(f"XF-990102100-2023-{n:06}"), case, at=LATER, correlation=case)
    await told.take_in(world.intake)
    for n, case in enumerate(cases):
        kind = ("timeline", "state", "bundle")[n % 3]
        assert (await told.get(f"/v1/cases/{case}/{kind}")).status_code == 200
        assert await told.parts.watch.look() == (1 if n == 20 else 0)
    (alert,) = await alerts(told)
    assert (alert["who"], alert["role"], alert["objects"]) == (f"p-auditor-{COUNTY}", "auditor", 21)
    again = (await told.get(f"/v1/cases/{cases[0]}/timeline")).json()["accesses"]
    assert sum(a["count"] for a in again if a["role"] == "auditor") == 1


async def test_sec9_alerts_are_for_internal_supervision(told: Audit, world: World) -> None:
    """A page at a time; for nobody else, the auditor included."""
    for n in range(3):
        read(world.intake, f"p-{n}", LATER, *fresh(21))
    await told.take_in(world.intake)
    assert await told.parts.watch.look() == 3
    first = await told.get("/v1/bulk-readings", role="internal_supervisor", limit="2")
    rest = await alerts(told, before=str(first.json()["next"]))
    assert len({a["who"] for a in (*first.json()["items"], *rest)}) == 3
    for role in ("auditor", "handler", "subject_mobile"):
        assert (await told.get("/v1/bulk-readings", role=role)).status_code == 403


@pytest.mark.parametrize("hours", [1, 2])
def test_who_goes_on_is_told_again_only_after_falling(hours: int) -> None:
    begin = datetime(2022, 3, 1, tzinfo=UTC)

    def burst(at: datetime) -> list[Reading]:
        return [Reading(at, "handler", TOWNSHIP, id) for id in fresh(25)]

    found = crossings(
        [*burst(begin), *burst(begin + timedelta(minutes=30)), *burst(begin + timedelta(hours=hours))]
    )
    assert [(reading.at, objects) for reading, objects in found] == [(begin, 21)] + (
        [(begin + timedelta(hours=2), 21)] if hours == 2 else []
    )


def alarmed(producer: Producer, who: str, at: datetime, organ: str, code: str = "E_TRACE_FORBIDDEN") -> None:
    """The record of something that internal supervision must see."""
    cls = event_class(f"{producer.service}.SecurityAlertRaised")
    assert cls is not None
    event = cls.model_validate({"code": code, "actor": who, "object": str(uuid4())})
    producer.record(
        event, uuid4(), at=at, correlation=uuid4(), kind="AuditRecord", actor=who, role="handler", organ=organ
    )


async def test_b47_r27_a52_alerts_of_all_services_reach_internal_supervision(
    told: Audit, world: World
) -> None:
    """Internal supervision reads the alerts of its organ and below, the newest first, page by page; none
    about the reader."""
    alarmed(world.intake, "p-one", LATER, TOWNSHIP)
    alarmed(world.verification, "p-two", LATER + MINUTE, COUNTY, "E_TEXT_IDENTITY_LEAK")
    alarmed(world.intake, "p-elsewhere", LATER + 2 * MINUTE, OTHER_COUNTY)
    alarmed(world.intake, "p-outside", LATER + 3 * MINUTE, "")
    await told.take_in(*world.producers)

    async def seen(organ: str, **params: str) -> list[tuple[str, str]]:
        answer = await told.get("/v1/alerts", role="internal_supervisor", organ=organ, **params)
        assert answer.status_code == 200, answer.text
        return [(item["actor"], item["code"]) for item in answer.json()["items"]]

    assert await seen(COUNTY) == [("p-two", "E_TEXT_IDENTITY_LEAK"), ("p-one", "E_TRACE_FORBIDDEN")]
    assert await seen(TOWNSHIP) == [("p-one", "E_TRACE_FORBIDDEN")]
    city = COUNTY[:7]
    assert [who for who, _ in await seen(city)] == ["p-outside", "p-elsewhere", "p-two", "p-one"]
    first = (await told.get("/v1/alerts", role="internal_supervisor", organ=city, limit="3")).json()
    assert await seen(city, cursor=first["next"]) == [("p-one", "E_TRACE_FORBIDDEN")]
    for role in ("auditor", "handler", "subject_mobile"):
        assert (await told.get("/v1/alerts", role=role)).status_code == 403
