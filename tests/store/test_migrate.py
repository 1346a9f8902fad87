"""`zhengming SERVICE migrate`, as operators run it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.databases import ensure_database
from deploy.local.postgres import Postgres
from deploy.local.stack import SERVICES
from shared.kernel.store.mark import FORMAT, CannotTakeOver, NotLetIn, NotMigrated, check_store
from shared.kernel.store.migrate import migrate
from shared.kernel.store.types import StoreUnavailable
from tests.processes import run, start
from tests.servers import PASSWORDS, Database, make_database, migrated_database

TABLES = {"audit": "ledger", **{name: f"{name}_events" for name in SERVICES if name != "audit"}}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_owner_makes_the_tables_and_a_second_time_changes_nothing(
    server: Postgres, service: str, tmp_path: Path
) -> None:
    admin_url, made = server.start().admin_url, f"m_{uuid4().hex[:12]}"
    place = f"127.0.0.1:{server.port}"
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "ZM_PROFILE": "development",
        "ZM_KEYS_DIR": str(tmp_path),
    }
    for setting, role, name in (
        ("ZM", f"zm_{service}", made),
        ("ZM_VAULT", "zm_vault", f"{made}_vault"),
    ):
        await ensure_database(admin_url, name, f"{role}_owner", role, PASSWORDS)
        env[f"{setting}_DATABASE_URL"] = f"postgresql+asyncpg://{role}:{PASSWORDS.service}@{place}/{name}"
        owner = f"{role}_owner:{PASSWORDS.owner}"
        env[f"{setting}_OWNER_DATABASE_URL"] = f"postgresql+asyncpg://{owner}@{place}/{name}"
    for _ in range(2):
        done = await asyncio.to_thread(run, "ops", service, "migrate", folder=tmp_path, env=env)
        assert done.returncode == 0, done
    connection = await asyncpg.connect(admin_url, database=made)
    query = "SELECT tableowner FROM pg_tables WHERE tablename = $1"
    assert await connection.fetchval(query, TABLES[service]) == f"zm_{service}_owner"
    await connection.close()


async def test_of_three_at_once_one_migrates_and_the_others_wait(server: Postgres, tmp_path: Path) -> None:
    """Three instances may start at the same time on an empty database."""
    admin_url, made = server.start().admin_url, f"m_{uuid4().hex[:12]}"
    await ensure_database(admin_url, made, "zm_followup_owner", "zm_followup", PASSWORDS)
    url = f"postgresql+asyncpg://zm_followup_owner:{PASSWORDS.owner}@127.0.0.1:{server.port}/{made}"
    env = {"PATH": os.environ.get("PATH", os.defpath), "ZM_PROFILE": "development"}
    env |= {"ZM_KEYS_DIR": str(tmp_path), "ZM_OWNER_DATABASE_URL": url}
    holder = await asyncpg.connect(admin_url, database=made)
    await holder.execute("SELECT pg_advisory_lock(hashtext('zm.migrate'))")
    at_work = [start("ops", "followup", "migrate", log=tmp_path / str(n), env=env) for n in range(3)]
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while await holder.fetchval(waiting) < 3:  # all are there
        assert all(child.alive() for child in at_work), at_work
        await asyncio.sleep(0.05)
    await holder.close()
    assert [await asyncio.to_thread(child.popen.wait) for child in at_work] == [0, 0, 0]
    await check_store(url, FOLDER)


FOLDER = "services/followup/migrations"
BOTH = r"本版本不能接手(.|\n)*cannot be taken over"


@pytest.fixture
async def followup(server: Postgres) -> Database:
    """A database that this version has made."""
    return await migrated_database(server, "zm_followup", FOLDER)


async def change(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.plain_admin_url)
    await connection.execute(statement)
    await connection.close()


async def test_a_store_that_this_version_made_is_taken_over(followup: Database) -> None:
    """By the owner, who migrates it, and by the service, which may read the mark and no more."""
    await asyncio.to_thread(migrate, FOLDER, followup.owner_url)
    await check_store(followup.service_url, FOLDER)
    service = await asyncpg.connect(followup.service_url.replace("+asyncpg", ""))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute("UPDATE store_mark SET format = 7")
    await service.close()


@pytest.mark.parametrize(
    "made_otherwise",
    [
        f"UPDATE store_mark SET format = {FORMAT + 1}",
        f"UPDATE store_mark SET format = {FORMAT - 1}",
        "DROP TABLE store_mark",
        "UPDATE alembic_version SET version_num = '9999'; UPDATE store_mark SET revision = '9999'",
    ],
)
async def test_a_store_of_another_version_is_refused_in_both_languages(
    followup: Database, made_otherwise: str
) -> None:
    """Newer or older, or from before there were marks: nothing is changed and nothing is served."""
    await change(followup, made_otherwise)
    before = await dump(followup)
    with pytest.raises(CannotTakeOver, match=BOTH):
        await asyncio.to_thread(migrate, FOLDER, followup.owner_url)
    assert await dump(followup) == before
    with pytest.raises((CannotTakeOver, NotMigrated)):
        await check_store(followup.service_url, FOLDER)


async def dump(database: Database) -> list[tuple[str, str]]:
    """The tables that there are, and their revision."""
    connection = await asyncpg.connect(database.plain_admin_url)
    tables = await connection.fetch("SELECT schemaname, tablename FROM pg_tables ORDER BY 1, 2")
    revisions = await connection.fetch("SELECT 'revision', version_num FROM alembic_version")
    await connection.close()
    return [tuple(row) for row in (*tables, *revisions)]


async def test_a_service_serves_no_store_that_was_not_migrated(server: Postgres, tmp_path: Path) -> None:
    """The process says so and ends, with a status that a supervisor takes for a failure."""

    async def nothing(_: Database) -> None:
        return

    empty = await make_database(server, "empty_store", nothing)
    with pytest.raises(NotMigrated, match=r"请先运行 migrate(.|\n)*run `migrate` first"):
        await check_store(empty.service_url, FOLDER)
    env = {"PATH": os.environ.get("PATH", os.defpath), "ZM_PROFILE": "development"}
    env |= {"ZM_KEYS_DIR": str(tmp_path), "ZM_DATABASE_URL": empty.service_url}
    for name in ("store-followup.key", "bus.key"):
        (tmp_path / name).write_bytes(os.urandom(32))
    ended = await asyncio.to_thread(run, "ops", "followup", "serve", folder=tmp_path, env=env)
    assert (ended.returncode, "请先运行 migrate" in ended.stderr) == (1, True)


async def test_a_service_that_the_database_does_not_let_in_says_so(server: Postgres) -> None:
    """In a sentence; it is not waited for, since it will not come."""
    server.start()
    place = f"127.0.0.1:{server.port}"
    for user, name in (("nobody", "postgres"), ("zm_followup", "nowhere")):
        with pytest.raises(NotLetIn, match=f"{name}: the database lets nobody in"):
            await check_store(f"postgresql+asyncpg://{user}:wrong@{place}/{name}", FOLDER)


async def test_a_store_that_is_away_is_asked_later() -> None:
    """A service starts without its database; it is not said that it is another version's."""
    with pytest.raises(StoreUnavailable):
        await check_store("postgresql+asyncpg://nobody:x@127.0.0.1:1/nowhere", FOLDER)
