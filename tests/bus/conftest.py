"""A real nats-server per test, with the permissions of the embedded stack, and stores beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.kernel.bus.connection import connect, disconnect
from shared.kernel.bus.envelope import BusKey
from shared.kernel.bus.observer import Observer
from shared.kernel.bus.parking import PgParkedStore
from shared.kernel.clock import SystemClock
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.sealing import Keyring, Sealer
from tests.bus.memory_store import MemoryStore
from tests.servers import kernel_database

KEY = BusKey.single(os.urandom(32))
SERVICES = ("alpha", "beta", "gamma")


@dataclass
class Heard(Observer):
    """All that the bus told."""

    duplicates: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    halts: list[str | None] = field(default_factory=list)
    parks: list[tuple[int, str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    applications: list[int] = field(default_factory=list)
    resyncs: int = 0
    shipped: list[int] = field(default_factory=list)
    last: int = 0
    shares: list[float] = field(default_factory=lambda: [0.0])

    def duplicate(self, source: str) -> None:
        self.duplicates += 1

    def gap(self, source: str, after: int, before: int) -> None:
        self.gaps.append((after, before))

    def halted(self, part: str, reason: str | None) -> None:
        self.halts.append(reason)

    def parked(self, source: str, position: int, reason: str) -> None:
        self.parks.append((position, reason))

    def error(self, part: str, error: BaseException) -> None:
        self.errors.append(error)

    def applied(self, source: str, count: int) -> None:
        self.applications.append(count)

    def published(self, service: str, count: int, position: int) -> None:
        self.shipped.append(count)
        self.last = position

    def filled(self, service: str, share: float) -> None:
        self.shares.append(share)

    def resynced(self, service: str, position: int) -> None:
        self.resyncs += 1


async def until(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    """Waits for something to become true; the condition may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def broker() -> Iterator[Nats]:
    """nats-server over a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="zm-bus-"))
    (folder / "seeds").mkdir(mode=0o700)
    broker = Nats(folder / "nats", folder / "seeds", folder / "nats.log", SERVICES)
    try:
        broker.start()
        yield broker
    finally:
        if broker.child is not None and broker.child.alive():
            os.kill(broker.child.pid, signal.SIGCONT)  # a test may have left it frozen
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def connection(broker: Nats) -> AsyncIterator[Connect]:
    """Connects as a service."""
    opened: list[Client] = []

    async def as_service(service: str) -> Client:
        client = await connect(
            broker.url, broker.seed_file(service), service, lambda error: None, lambda: None
        )
        opened.append(client)
        return client

    yield as_service
    for client in opened:
        await disconnect(client, patience=1.0)


Run = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Runs something until the test is over; that it ended before is a failure."""
    tasks: list[asyncio.Task[None]] = []

    def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        tasks.append(task)
        return task

    yield start
    ended = [task for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert not ended, "a supervised loop stopped by itself"


@dataclass(frozen=True)
class Store:
    """A recorder and what is parked beside it, real or in memory."""

    recorder: Any
    parked: Any


MakeStore = Callable[[str], Awaitable[Store]]


@pytest.fixture
async def real_store(server: Postgres) -> AsyncIterator[MakeStore]:
    """A service's store in PostgreSQL."""
    opened: list[tuple[Recorder, Any]] = []

    async def make(service: str) -> Store:
        database = await kernel_database(server, service)
        engine = create_async_engine(database.service_url, pool_size=5)
        mapper = EventMapper(Sealer(Keyring(service, {"1": os.urandom(32)}, "1")))
        recorder = Recorder(engine, service, mapper, SystemClock())
        await recorder.start()
        opened.append((recorder, engine))
        return Store(recorder, PgParkedStore(engine))

    yield make
    for recorder, engine in opened:
        await recorder.stop()
        await engine.dispose()


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, real_store: MakeStore) -> MakeStore:
    """The same test over the fake and over the real one."""
    if request.param == "postgres":
        return real_store

    async def make(service: str) -> Store:
        memory = MemoryStore()
        return Store(memory, memory)

    return make
