"""PostgreSQL for the tests that need no whole stack, and which tests need servers at all.

A worker has one PostgreSQL. A database of some kind is migrated once and copied from then on, which takes a
small part of the time of a migration.

A test that needs more than Python has the mark `external`; `make test-fast` leaves it out. It has the mark
by a fixture of `EXTERNAL`, or says so itself. A test without it that starts one of `PROGRAMS` fails, so that
none is on the wrong side.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.databases import Passwords, ensure_database
from deploy.local.postgres import Postgres
from shared.kernel.store.migrate import migrate
from shared.kernel.store.schema import create_kernel

EXTERNAL = frozenset({"stack", "server", "crashing_server", "broker", "bao"})
"""The fixtures that start something, or that another one starts it for."""
PROGRAMS = frozenset({"postgres", "initdb", "nats-server", "caddy", "bao", "node"})
PASSWORDS = Passwords(owner="owner-password", service="service-password")


# --- which tests need them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks who has a fixture that needs a server."""
    for item in items:
        if isinstance(item, pytest.Function) and not EXTERNAL.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.external)


class _Guard:
    """Python tells of every program that is started; what an unmarked test must not start is refused."""

    def __init__(self) -> None:
        self.unmarked: str | None = None
        sys.addaudithook(self.started)

    def started(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.unmarked is not None and event == "subprocess.Popen":
            programs = PROGRAMS & {Path(str(word)).name for word in arguments[1]}
            if programs:
                raise AssertionError(f"{self.unmarked} starts {programs} and lacks the mark `external`")


_guard = _Guard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _guard.unmarked = None if item.get_closest_marker("external") else item.nodeid
    try:
        return (yield)
    finally:
        _guard.unmarked = None


# --- PostgreSQL


@dataclass(frozen=True)
class Database:
    """A database with its two roles. URLs are for SQLAlchemy."""

    name: str
    admin_url: str
    owner_url: str
    service_url: str
    owner_role: str
    service_role: str

    @property
    def plain_admin_url(self) -> str:
        return self.admin_url.replace("+asyncpg", "")


Fill = Callable[[Database], Awaitable[None]]


@contextmanager
def running_server() -> Iterator[Postgres]:
    """A PostgreSQL of the embedded stack in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zm-postgres-"))
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
    """The server that all tests of a worker share."""
    with running_server() as postgres:
        yield postgres


async def make_database(server: Postgres, kind: str, fill: Fill) -> Database:
    """A fresh database with its two roles, as the embedded stack makes them, filled.

    The first of its kind becomes the template of the others. It has the kind's name, and so has the service's
    role, since migrations know the role by its name.
    """
    admin_url = server.start().admin_url
    template = _database(admin_url, kind, kind)
    admin = await asyncpg.connect(admin_url)
    try:
        if not await admin.fetchval("SELECT datistemplate FROM pg_database WHERE datname = $1", kind):
            await ensure_database(admin_url, kind, template.owner_role, kind, PASSWORDS)
            await fill(template)
            await admin.execute(f'ALTER DATABASE "{kind}" IS_TEMPLATE true')
        made = _database(admin_url, f"t_{uuid4().hex[:12]}", kind)
        await admin.execute(f'CREATE DATABASE "{made.name}" TEMPLATE "{kind}" OWNER "{made.owner_role}"')
        # All is copied but who may connect.
        await admin.execute(f'REVOKE ALL ON DATABASE "{made.name}" FROM PUBLIC')
        await admin.execute(f'GRANT CONNECT ON DATABASE "{made.name}" TO "{kind}"')
    finally:
        await admin.close()
    return made


async def kernel_database(server: Postgres, service: str) -> Database:
    """A fresh database with the kernel's tables of a service that there need not be."""

    async def fill(database: Database) -> None:
        engine = create_async_engine(database.owner_url)
        async with engine.begin() as connection:
            await connection.run_sync(create_kernel, service, database.service_role)
        await engine.dispose()

    return await make_database(server, f"kernel_{service}", fill)


async def migrated_database(server: Postgres, role: str, migrations: str) -> Database:
    """A fresh database as a folder of migrations makes it."""

    async def fill(database: Database) -> None:
        await asyncio.to_thread(migrate, migrations, database.owner_url)

    return await make_database(server, role, fill)


def _database(admin_url: str, name: str, service: str) -> Database:
    base = make_url(admin_url).set(drivername="postgresql+asyncpg", database=name)

    def url(user: str, password: str) -> str:
        return base.set(username=user, password=password).render_as_string(hide_password=False)

    owner = f"{service}_owner"
    return Database(
        name=name,
        admin_url=base.render_as_string(hide_password=False),
        owner_url=url(owner, PASSWORDS.owner),
        service_url=url(service, PASSWORDS.service),
        owner_role=owner,
        service_role=service,
    )
