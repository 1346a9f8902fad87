"""A real PostgreSQL for the store's tests, with a fresh database per module or test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres import Postgres
from shared.kernel.clock import Clock
from shared.kernel.store.committer import Limits
from shared.kernel.store.driver import open_engine
from shared.kernel.store.recorder import Recorder
from tests.servers import Database, kernel_database, running_server
from tests.store.examples import NOON, SERVICE, mapper


class StepClock:
    """A clock that tests set; every look moves it by `step`."""

    def __init__(self, instant: datetime = NOON, step: timedelta = timedelta()) -> None:
        self.instant = instant
        self.step = step

    def now(self) -> datetime:
        self.instant += self.step
        return self.instant


@pytest.fixture
def crashing_server() -> Iterator[Postgres]:
    """A server that one test may stop and start as it likes."""
    with running_server() as postgres:
        yield postgres


async def make_database(server: Postgres, service: str = SERVICE) -> Database:
    """A fresh database with the kernel in it."""
    return await kernel_database(server, service)


@pytest.fixture(scope="module")
async def database(server: Postgres) -> Database:
    """The module's own database."""
    return await make_database(server)


@pytest.fixture
async def fresh(server: Postgres) -> Database:
    """A database for one test that wants an empty log."""
    return await make_database(server)


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


def engine_of(database: Database, url: str | None = None) -> AsyncEngine:
    return open_engine(url or database.service_url)


@pytest.fixture
async def make_recorder(
    clock: StepClock,
) -> AsyncIterator[Callable[..., Awaitable[Recorder]]]:
    """Starts recorders as the service's user; stops them after the test."""
    started: list[tuple[Recorder, AsyncEngine]] = []

    async def make(
        database: Database, *, url: str | None = None, limits: Limits | None = None, clock: Clock = clock
    ) -> Recorder:
        engine = engine_of(database, url)
        recorder = Recorder(engine, SERVICE, mapper(), clock, limits)
        await recorder.start()
        started.append((recorder, engine))
        return recorder

    yield make
    for recorder, engine in started:
        await recorder.stop()
        await engine.dispose()


@pytest.fixture
async def recorder(fresh: Database, make_recorder: Callable[..., Awaitable[Recorder]]) -> Recorder:
    """A recorder over an empty log."""
    return await make_recorder(fresh)


async def admin(database: Database) -> asyncpg.Connection:
    """A superuser's connection to a database."""
    return await asyncpg.connect(database.plain_admin_url)
