"""A real PostgreSQL for the store's tests: one server per session, a fresh database per module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.databases import Passwords, ensure_database
from deploy.local.postgres import Postgres
from shared.store.committer import Limits
from shared.store.driver import open_engine
from shared.store.recorder import Recorder
from shared.store.schema import create_kernel
from tests.store.examples import NOON, SERVICE, mapper


class StepClock:
    """A clock that tests set; every look moves it by `step`."""

    def __init__(self, instant: datetime = NOON, step: timedelta = timedelta()) -> None:
        self.instant = instant
        self.step = step

    def now(self) -> datetime:
        self.instant += self.step
        return self.instant


@dataclass(frozen=True)
class Database:
    """A database with the kernel in it. URLs are for SQLAlchemy."""

    name: str
    admin_url: str
    owner_url: str
    service_url: str
    owner_role: str
    service_role: str


Databases = Callable[..., Awaitable[Database]]


@contextmanager
def running_server() -> Iterator[Postgres]:
    """A PostgreSQL of the embedded stack in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zm-store-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres", folder / "password", folder / "postgres.log")
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """The server that all tests share."""
    with running_server() as postgres:
        yield postgres


@pytest.fixture
def crashing_server() -> Iterator[Postgres]:
    """A server that one test may stop and start as it likes."""
    with running_server() as postgres:
        yield postgres


async def make_database(server: Postgres, service: str = SERVICE) -> Database:
    """A fresh database with owner and service role, as the embedded stack makes them."""
    running = server.start()
    name = f"t_{uuid4().hex[:12]}"
    owner, role = f"{name}_owner", f"{name}_app"
    passwords = Passwords(owner="owner-password", service="service-password")
    await ensure_database(running.admin_url, name, owner, role, passwords)
    base = make_url(running.admin_url).set(drivername="postgresql+asyncpg", database=name)

    def url(user: str, password: str) -> str:
        return base.set(username=user, password=password).render_as_string(hide_password=False)

    database = Database(
        name=name,
        admin_url=base.render_as_string(hide_password=False),
        owner_url=url(owner, passwords.owner),
        service_url=url(role, passwords.service),
        owner_role=owner,
        service_role=role,
    )
    engine = create_async_engine(database.owner_url)
    async with engine.begin() as connection:
        await connection.run_sync(create_kernel, service, role)
    await engine.dispose()
    return database


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
        database: Database, *, url: str | None = None, limits: Limits | None = None, clock: StepClock = clock
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
    return await asyncpg.connect(database.admin_url.replace("+asyncpg", ""))
