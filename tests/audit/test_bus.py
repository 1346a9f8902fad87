"""Takes events from the producers' logs over a real broker into the ledger, and makes it anew from them."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from nats.aio.client import Client

from deploy.local.nats import Nats
from services.audit.main import _after_restore, _parked, _rebuild
from services.audit.proof import size_of
from services.audit.tables import PUBLISHERS
from shared.kernel.bus.connection import connect
from shared.kernel.bus.log_server import LogServer
from shared.kernel.bus.relay import Relay
from shared.kernel.settings import Settings
from shared.kernel.store.types import LogEntry
from tests.audit.conftest import Audit
from tests.audit.test_replay import FIRST, timeline
from tests.audit.test_take_in import reference_root, root
from tests.audit.world import EPOCH, KEY, Producer, World
from tests.servers import Database


class ProducersLog:
    """A producer as the bus sees a store."""

    def __init__(self, producer: Producer) -> None:
        self.producer = producer

    async def read(self, after: int, limit: int, /) -> list[LogEntry]:
        return self.producer.entries[after : after + limit]

    async def find_event(self, position: int, /) -> UUID | None:
        if not 0 < position <= len(self.producer.entries):
            return None
        return UUID(self.producer.entries[position - 1].event_id)

    async def max_position(self) -> int:
        return len(self.producer.entries)

    async def epoch(self) -> UUID:
        return EPOCH

    async def wait_for(self, position: int, seconds: float, /) -> bool:
        if len(self.producer.entries) <= position:
            await asyncio.sleep(min(seconds, 0.05))
        return len(self.producer.entries) > position


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Nats]:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    broker = Nats(tmp_path / "nats", seeds, tmp_path / "nats.log", (*PUBLISHERS, "audit"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def settings(settings: Settings, broker: Nats) -> Settings:
    """The settings of an audit with a broker; the bus key is the producers'."""
    (settings.keys_dir / "bus.key").write_bytes(b"b" * 32)
    return replace(settings, nats_url=broker.url, nats_seed_file=str(broker.seed_file("audit")))


@pytest.fixture
async def producers(broker: Nats, world: World) -> AsyncIterator[dict[str, Producer]]:
    """All four publishers, relaying and answering for their logs."""
    known = {p.service: p for p in world.producers}
    everyone = {service: known.get(service) or Producer(service) for service in PUBLISHERS}
    clients: list[Client] = []
    tasks = []
    for service, producer in everyone.items():
        nats = await connect(broker.url, broker.seed_file(service), service, lambda error: None, lambda: None)
        clients.append(nats)
        log = ProducersLog(producer)
        await LogServer(service, nats, log, KEY).start()
        tasks.append(asyncio.create_task(Relay(service, nats, log, KEY).run()))
    yield everyone
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for nats in clients:
        await nats.close()


@pytest.fixture
async def listening(audit: Audit, producers: dict[str, Producer]) -> AsyncIterator[Audit]:
    """An audit that takes in what the broker brings."""
    await audit.parts.connect(wait=True)
    tasks = [asyncio.create_task(audit.parts.inbox(service).run()) for service in PUBLISHERS]
    yield audit
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await audit.parts.close()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def all_taken_in(audit: Audit, world: World) -> bool:
    sizes = [await audit.parts.trees.size(p.service) for p in world.producers]
    return sizes == [len(p.entries) for p in world.producers]


async def test_what_is_published_is_proved(listening: Audit, world: World) -> None:
    """Over relay, broker and inbox, each event once and the roots as recorded."""
    await until(lambda: all_taken_in(listening, world))
    for producer in world.producers:
        assert await root(listening, producer.service) == (len(producer.entries), reference_root(producer))
    assert len((await timeline(listening))["events"]) == 11


async def test_a_forged_event_is_set_aside_and_the_tree_waits(
    world: World, listening: Audit, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other cases flow on; what was set aside stays so until its store has been put right."""
    await until(lambda: all_taken_in(listening, world))
    before = len(world.intake.entries)
    world.intake.record(
        world.numbered("XF-990102100-2022-000003"), world.second, at=_later(world), correlation=world.second
    )
    right = world.intake.entries[before]
    world.intake.forge(before + 1)
    world.intake.record(
        world.numbered("XF-990101-2022-000002"), world.foreign, at=_later(world), correlation=world.foreign
    )

    async def behind_it() -> bool:
        return (await listening.parts.ledger.tracked("intake")).position == before + 2

    await until(behind_it)
    assert await listening.parts.trees.size("intake") == before
    (parked,) = await listening.parts.parked.list("intake")
    assert parked.reason.startswith("NotProved")
    capsys.readouterr()
    assert await _parked(settings, Namespace(what="list", source=None, case=None)) == 1
    assert f"intake {before + 1}  case {world.second}" in capsys.readouterr().out
    retry = Namespace(what="retry", source=["intake"], case=str(world.second))
    assert await _parked(settings, retry) == 1
    assert await listening.parts.trees.size("intake") == before
    world.intake.entries[before] = right
    assert await _parked(settings, retry) == 0
    assert await _parked(settings, Namespace(what="list", source=None, case=None)) == 0
    assert await root(listening, "intake") == (before + 2, reference_root(world.intake))


async def test_an_audit_made_anew_has_every_signed_root(
    listening: Audit, world: World, settings: Settings, database: Database
) -> None:
    """From the producers' logs alone; then it takes the old one's place, and answers the same."""
    await until(lambda: all_taken_in(listening, world))
    for producer in world.producers:
        await listening.parts.trees.checkpoint(producer.service)
    before = await timeline(listening)
    assert await _rebuild(settings, put_in_place=False) == 0
    assert await _rebuild(settings, put_in_place=True) == 0
    after = await timeline(listening)
    assert after["events"] == before["events"]
    for producer in world.producers:
        assert await root(listening, producer.service) == (len(producer.entries), reference_root(producer))
    # It goes on taking in where the old one stood.
    world.intake.record(
        world.numbered("XF-990101-2022-000002"), world.foreign, at=_later(world), correlation=world.foreign
    )
    await until(lambda: all_taken_in(listening, world))
    connection = await asyncpg.connect(database.plain_admin_url)
    try:
        (kept,) = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_%'")
        await connection.execute(f"SET search_path TO {kept['nspname']}")
        assert await size_of(connection, "intake") == len(world.intake.entries) - 1
    finally:
        await connection.close()


async def test_a_producer_with_another_history_does_not_replace_the_old(
    listening: Audit, world: World, settings: Settings
) -> None:
    """A store that lost its tail cannot give the signed root again: that is said, and nothing changed."""
    await until(lambda: all_taken_in(listening, world))
    await listening.parts.trees.checkpoint("intake")
    world.intake.entries.pop()
    assert await _rebuild(settings, put_in_place=True) == 1
    assert (await listening.get(f"{FIRST}/timeline")).status_code == 200
    assert await listening.parts.trees.size("intake") == len(world.intake.entries) + 1


async def test_sec3_audit_takes_nothing_in_the_place_of_what_a_producer_lost(
    listening: Audit, world: World, settings: Settings, broker: Nats, capsys: pytest.CaptureFixture[str]
) -> None:
    """Audit holds the lost events and proves them: it names them, and goes on only when told to."""
    await until(lambda: all_taken_in(listening, world))
    await listening.parts.trees.checkpoint("intake")
    assert await _after_restore(settings) == 0
    lost, size = world.intake.entries.pop(), len(world.intake.entries) + 1
    for number in (2, 3, 4):
        told = world.numbered(f"XF-990101-2022-00000{number}")
        world.intake.record(told, world.foreign, at=_later(world), correlation=world.foreign)

    admin = await connect(broker.url, broker.seed_file("admin"), "admin", lambda error: None, lambda: None)
    await admin.jetstream().delete_stream("ZM_INTAKE")  # its relay fills it anew
    await admin.close()

    async def refused() -> bool:
        return 'zm_halted{part="inbox.intake"} 1.0' in (await listening.client.get("/metrics")).text

    await until(refused)
    assert await listening.parts.trees.size("intake") == size
    capsys.readouterr()
    assert await _after_restore(settings) == 1
    said = capsys.readouterr().out
    assert "audit: ! intake: its log does not have 1 events" in said
    assert f"{size} {lost.topic.partition('.')[2]} of {lost.stream}" in said

    assert await _rebuild(settings, put_in_place=True) == 1
    assert await _rebuild(settings, put_in_place=True, despite_loss=True) == 0
    listening.parts.trees._seen.clear()  # audit is stopped for it, and starts anew
    await until(lambda: all_taken_in(listening, world))
    assert await root(listening, "intake") == (len(world.intake.entries), reference_root(world.intake))
    await listening.parts.trees.checkpoint("intake")


def _later(world: World) -> datetime:
    return world.intake.entries[-1].recorded_at
