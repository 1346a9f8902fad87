"""The embedded PostgreSQL: safe settings, closed to others, taken over from a dead supervisor."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.databases import Passwords, close_defaults, ensure_database, ensure_reader
from deploy.local.postgres import Postgres, binaries

pytestmark = pytest.mark.external

# Tests run in folders of mode 700 (pytest makes them so), which the unprivileged account cannot walk
# through: as root, every test here proves the capability as well.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    return closed


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "postgres", folder / "password", folder / "postgres.log")
    server.start()
    yield server
    server.stop()


async def test_settings(server: Postgres) -> None:
    connection = await asyncpg.connect(server.start().admin_url)
    settings = {
        name: await connection.fetchval("SELECT current_setting($1)", name)
        for name in ("fsync", "data_checksums", "server_encoding", "max_connections")
    }
    collation = await connection.fetchval("SELECT datcollate FROM pg_database WHERE datname = 'template1'")
    await connection.close()
    assert settings == {
        "fsync": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "max_connections": "200",
    }
    assert collation == "C"


async def test_a_password_is_asked_for_and_only_loopback_listens(server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:wrong@127.0.0.1:{server.port}/postgres")
    hba = (server.folder / "data" / "pg_hba.conf").read_text()
    ways = [line.split() for line in hba.splitlines()]
    assert {way[0] for way in ways} == {"host"}
    assert {tuple(way[3:]) for way in ways} == {("127.0.0.1/32", "scram-sha-256")}


def test_no_parent_was_opened(server: Postgres, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert folder.stat().st_uid == 0
        assert server.folder.stat().st_uid != 0
        assert not (server.folder / "initial-password").exists()


@pytest.fixture(scope="module")
async def database(server: Postgres) -> str:
    admin_url = server.start().admin_url
    await close_defaults(admin_url)
    for name in ("toy", "other"):
        for _ in range(2):  # the second time changes nothing
            await ensure_database(admin_url, name, f"{name}_owner", name, Passwords("o", "s"))
    return f"127.0.0.1:{server.port}/toy"


async def test_the_owner_migrates_and_the_service_gets_what_it_is_granted(database: str) -> None:
    owner = await asyncpg.connect(f"postgresql://toy_owner:o@{database}")
    await owner.execute("CREATE TABLE events (id int); GRANT SELECT, INSERT ON events TO toy")
    await owner.close()
    service = await asyncpg.connect(f"postgresql://toy:s@{database}")
    await service.execute("INSERT INTO events VALUES (1)")
    await service.execute('CREATE TABLE "view".cases (id int)')
    for forbidden in (
        "UPDATE events SET id = 2",
        "DELETE FROM events",
        "TRUNCATE events",
        "ALTER TABLE events ADD more int",
        "CREATE TABLE sneaked (id int)",
        "CREATE TEMP TABLE sneaked (id int)",
        "CREATE SCHEMA sneaked",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(forbidden)
    await service.close()


async def test_a_verifier_reads_the_events_and_nothing_else(server: Postgres, database: str) -> None:
    """Audit's guard signs in by it, in the database of somebody else."""
    admin_url = server.start().admin_url
    inside = await asyncpg.connect(f"postgresql://toy_owner:o@{database}")
    await inside.execute("CREATE TABLE toy_events (id int); CREATE TABLE toy_commands (id int)")
    await inside.close()
    for _ in range(2):
        await ensure_reader(admin_url, "toy", "verifier", "v", "toy_events")
        await ensure_reader(admin_url, "other", "verifier", "v", "nothing_of_this_name")
    verifier = await asyncpg.connect(f"postgresql://verifier:v@{database}")
    assert await verifier.fetch("SELECT * FROM toy_events") == []
    for forbidden in (
        "SELECT * FROM toy_commands",
        "INSERT INTO toy_events VALUES (1)",
        "DELETE FROM toy_events",
        "CREATE TABLE sneaked (id int)",
        'CREATE TABLE "view".sneaked (id int)',
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await verifier.execute(forbidden)
    await verifier.close()


@pytest.mark.parametrize("name", ["other", "postgres", "template1"])
async def test_a_service_enters_no_other_database(database: str, name: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(f"postgresql://toy:s@{database}", database=name)


async def test_a_crash_loses_nothing_committed(server: Postgres, database: str) -> None:
    admin_url = server.start().admin_url
    connection = await asyncpg.connect(admin_url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    await connection.close()
    server.stop("immediate")
    connection = await asyncpg.connect(server.start().admin_url)
    assert await connection.fetchval("SELECT answer FROM kept") == 42
    await connection.close()


def test_a_server_left_over_is_taken_over(tmp_path: Path) -> None:
    first = Postgres(tmp_path / "postgres", tmp_path / "password", tmp_path / "log")
    second = Postgres(tmp_path / "postgres", tmp_path / "password", tmp_path / "log")
    first.start()
    assert first.child is not None
    running = second.start()
    assert not first.child.alive()
    assert running.port == second.port != first.port
    second.stop()


def test_the_pid_file_of_a_dead_server_does_no_harm(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", tmp_path / "password", tmp_path / "log")
    server.start()
    server.stop("immediate")
    # As after a power cut, and the number now belongs to somebody else.
    (tmp_path / "postgres" / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    server.start()
    server.stop()


def test_the_wheel_is_not_imported() -> None:
    assert (binaries() / "initdb").exists()
