"""`zhengming SERVICE dead` and `zhengming backup`, as operators run them beside a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from subprocess import CompletedProcess

import asyncpg
import pytest

from deploy.local.postgres import Postgres, binaries
from ops import keys
from tests.processes import run
from tests.servers import migrated_database, running_server

MESSAGES = """
    INSERT INTO effects (key, kind, payload, attempts, state, error, created_at)
    SELECT 'message/' || n, 'reporter-message', '{"text": "secret words"}', 9, 'dead', 'GONE', now()
    FROM generate_series(1, 3) n
    """


async def zhengming(folder: Path, *words: str, **env: str) -> CompletedProcess[str]:
    own = {"PATH": os.defpath, "ZM_PROFILE": "development"}
    return await asyncio.to_thread(run, "ops", *words, folder=folder, env=own | env)


async def test_a80_what_was_given_up_is_sent_again_by_command_and_that_is_on_record(
    server: Postgres, tmp_path: Path
) -> None:
    """The list tells keys and reasons, and never what was to be said to whom."""
    database = await migrated_database(server, "zm_followup", "services/followup/migrations")
    keys.make(tmp_path, ["followup"])
    env = {"ZM_DATABASE_URL": database.service_url, "ZM_KEYS_DIR": str(tmp_path)}
    admin = await asyncpg.connect(database.plain_admin_url)
    await admin.execute(MESSAGES)

    told = await zhengming(tmp_path, "followup", "dead", "list", **env)
    assert (told.returncode, told.stdout.count("reporter-message")) == (1, 3), told
    assert "9 attempts: GONE" in told.stdout
    assert "secret" not in told.stdout + told.stderr

    assert (await zhengming(tmp_path, "followup", "dead", "replay", **env)).returncode == 1  # which?
    some = await zhengming(tmp_path, "followup", "dead", "replay", "message/2", "message/7", **env)
    assert (some.returncode, "message/7: 不在其列" in some.stdout) == (1, True)
    states = "SELECT key, state, attempts FROM effects ORDER BY key"
    assert [tuple(row) for row in await admin.fetch(states)] == [
        ("message/1", "dead", 9),
        ("message/2", "pending", 0),
        ("message/3", "dead", 9),
    ]
    assert (await zhengming(tmp_path, "followup", "dead", "replay", "--all", **env)).returncode == 0
    assert (await zhengming(tmp_path, "followup", "dead", "list", **env)).returncode == 0
    recorded = await admin.fetch("SELECT topic FROM followup_events")
    assert [row["topic"] for row in recorded] == ["followup.EffectReplayed"] * 3
    await admin.close()


async def test_nothing_is_set_aside_in_a_new_store(server: Postgres, tmp_path: Path) -> None:
    database = await migrated_database(server, "zm_followup", "services/followup/migrations")
    keys.make(tmp_path, ["followup"])
    env = {"ZM_DATABASE_URL": database.service_url, "ZM_KEYS_DIR": str(tmp_path)}
    told = await zhengming(tmp_path, "followup", "parked", "list", **env)
    assert (told.returncode, told.stdout) == (0, "0 件搁置 / set aside\n"), told
    strange = await zhengming(tmp_path, "followup", "parked", "list", "--source", "audit", **env)
    assert (strange.returncode, strange.stderr.count("\n")) == (1, 1)
    away = await zhengming(tmp_path, "followup", "parked", "list", **env | {"ZM_DATABASE_URL": AWAY})
    assert (away.returncode, "不可达" in away.stderr, "Traceback" in away.stderr) == (2, True, False), away


AWAY = "postgresql+asyncpg://nobody:x@127.0.0.1:1/nowhere"


@pytest.mark.external
async def test_sec3_a_backup_holds_all_databases_of_one_instant_and_is_put_back(tmp_path: Path) -> None:
    """Taken while the server works; an altered one is not put back; what it replaces is kept."""
    programs, backup = str(binaries()), tmp_path / "backup"
    with running_server() as server:
        url = tmp_path / "url"
        url.write_text(server.start().admin_url)
        take = "backup", "take", str(backup), "--url-file", str(url), "--programs", programs
        await execute(server, "CREATE TABLE known (n int)", "INSERT INTO known VALUES (1)")
        taken = await zhengming(tmp_path, *take)
        assert taken.returncode == 0, taken
        again = await zhengming(tmp_path, *take)
        assert (again.returncode, "is not empty" in again.stderr) == (1, True)
        await execute(server, "INSERT INTO known VALUES (2)")

        put = "backup", "put-back", str(backup), "--data", str(server.folder / "data"), "--programs", programs
        running = await zhengming(tmp_path, *put)
        assert (running.returncode, "stop it first" in running.stderr) == (1, True)
        server.stop()
        some = next(file for file in (backup / "base").rglob("*") if file.is_file() and file.stat().st_size)
        whole = some.read_bytes()
        some.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        altered = await zhengming(tmp_path, *put)
        assert (altered.returncode, some.name in altered.stderr) == (1, True), altered
        some.write_bytes(whole)
        back = await zhengming(tmp_path, *put)
        assert back.returncode == 0, back
        assert await execute(server, "SELECT array_agg(n) FROM known") == [[1]]
        assert len(list(server.folder.glob("data.before-*"))) == 1


async def execute(server: Postgres, *statements: str) -> list[object]:
    connection = await asyncpg.connect(server.start().admin_url)
    try:
        return [await connection.fetchval(statement) for statement in statements]
    finally:
        await connection.close()
