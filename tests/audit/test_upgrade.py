"""An audit that was made before its guards were there is brought to what it is today."""

from __future__ import annotations

import asyncio

import asyncpg

from shared.kernel.store.migrate import migrate
from tests.audit.conftest import Audit
from tests.audit.test_replay import timeline
from tests.audit.world import World
from tests.servers import Database

BEFORE = """
    DROP TABLE access_log, access_nodes, watched, effects;
    DROP INDEX ledger_openings_idx;
    CREATE TABLE access_log (id bigint PRIMARY KEY, about uuid, prev_hash bytea, hash bytea);
    CREATE INDEX access_log_about_idx ON access_log (about);
    INSERT INTO access_log VALUES (1, NULL, '', '');
    ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey;
    ALTER TABLE checkpoints ADD PRIMARY KEY (service, size);
    UPDATE alembic_version SET version_num = '0002';
    """


async def test_an_older_audit_gets_its_guards(told: Audit, world: World, database: Database) -> None:
    """The older audit's rows are kept, the chained access log beside the tree that begins."""
    connection = await asyncpg.connect(database.owner_url.replace("+asyncpg", ""))
    try:
        await connection.execute(BEFORE)
        await asyncio.to_thread(migrate, "services/audit/migrations", database.owner_url)
        assert await connection.fetchval("SELECT count(*) FROM access_log_chained") == 1
    finally:
        await connection.close()
    await timeline(told)
    for log, size in (("access", 1), ("intake", len(world.intake.entries))):
        await told.parts.trees.checkpoint(log)
        assert await told.parts.trees.check(log) == size
    assert await told.parts.guard.check_access() == []
    assert await told.parts.outside.send_hourly()
    assert await told.parts.watch.look() == 0
