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
    answer = await audit.get("/v1/alerts", role="internal_supervisor", organ=organ, **params)
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
    assert {name: alert[name] for name in ("person", "role", "organ", "code", "object", "severity")} == {
        "person": "p-curious",
        "role": "handler",
        "organ": TOWNSHIP,
        "code": "SEC-9",
        "object": "21",
        "severity": "MEDIUM",
    }
    assert await alerts(told, OTHER_COUNTY) == []
    assert await told.parts.guard.check_access() == []


async def test_sec9_an_hour_is_an_hour_and_one_answer_may_show_many(told: Audit, world: World) -> None:
    """A slow reader is no bulk reader; one search that shows twenty-one cases makes one."""
    for n, case in enumerate(fresh(40)):
        read(world.intake, "p-diligent", LATER + n * 3 * MINUTE, case)
    read(world.intake, "p-searching", LATER, *fresh(21))
    await told.take_in(*world.producers)
    assert await told.parts.watch.look() == 1
    assert [alert["person"] for alert in await alerts(told)] == ["p-searching"]


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
    found = alert["person"], alert["role"], alert["object"]
    assert found == (f"p-auditor-{COUNTY}", "auditor", "21")
    again = (await told.get(f"/v1/cases/{cases[0]}/timeline")).json()["accesses"]
    assert sum(a["count"] for a in again if a["role"] == "auditor") == 1


async def test_sec9_what_a_service_has_told_is_not_told_again(told: Audit, world: World) -> None:
    """A service tells at once of a person who reads too much of its own; that is one alert, and not two."""
    read(world.intake, "p-searching", LATER, *fresh(21))
    cls = event_class("intake.BulkReadAlert")
    assert cls is not None
    event = cls.model_validate({"who": "p-searching", "role": "handler", "objects": 21})
    world.intake.record(
        event, uuid4(), at=LATER, correlation=uuid4(), kind="AuditRecord", actor="p-searching", role="handler"
    )
    await told.take_in(world.intake)
    assert await told.parts.watch.look() == 0
    (alert,) = await alerts(told)
    assert (alert["service"], alert["person"], alert["object"]) == ("intake", "p-searching", "21")


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
