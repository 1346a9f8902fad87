"""A live store beside its evidence: whatever is done to its rows is found, and named by position."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.postgres import Postgres
from services.audit.verify_store import Comparison, Finding, verify_checkpoint, verify_store
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.bus.envelope import to_cloudevent
from shared.kernel.clock import FixedClock
from shared.kernel.evidence.checkpoint import parse_and_verify
from shared.kernel.settings import Settings
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.sealing import Keyring, Sealer, digest_of
from shared.kernel.store.types import Append, LogEntry
from shared.kernel.suites import SUITES, Digest
from shared.language.contracts import intake
from shared.language.event import Meta, Recorded
from tests import processes
from tests.audit.conftest import Audit
from tests.audit.world import EPOCH, KEY, TOWNSHIP
from tests.servers import Database, migrated_database

SIZE = 9


KEYRINGS = [Keyring("intake", {"1": b"s" * suite.key_bytes}, "1", suite) for suite in SUITES]


class Store:
    """Intake's real store, whose suite was changed after four events, and the means to break it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.url = database.admin_url

    async def fill(self, count: int) -> None:
        """Streams of two events each, as intake records them."""
        engine = create_async_engine(self.database.service_url)
        await self._record(engine, range(4), KEYRINGS)
        self.entries = await self._record(engine, range(4, count), KEYRINGS[::-1])
        await engine.dispose()

    async def _record(
        self, engine: AsyncEngine, numbers: Iterable[int], keyrings: list[Keyring]
    ) -> list[LogEntry]:
        mapper = EventMapper(Sealer(*keyrings))
        clock = FixedClock(datetime(2022, 3, 1, tzinfo=UTC))
        recorder = Recorder(engine, "intake", mapper, clock)
        await recorder.start()
        stream = uuid4()
        for n in numbers:
            if n % 2 == 0:
                stream = uuid4()
            received = intake.ComplaintReceived(
                organ=TOWNSHIP,
                channel="LETTER",
                source="DIRECT",
                received_on=date(2022, 3, 1),
                pages=n + 1,
                competent_level="COUNTY",
            )
            meta = Meta(
                occurred_at=clock.now(),
                actor="p-clerk",
                role="petition_clerk",
                organ=TOWNSHIP,
                command="ReceiveComplaint",
                policy="2022-01",
                correlation_id=stream,
            )
            recorded = Recorded(
                originator_id=stream,
                originator_version=n % 2 + 1,
                kind="Complaint",
                stream_organ=TOWNSHIP,
                event=received,
                meta=meta,
                state="RECEIVED",
            )
            await recorder.append(Append(events=[recorded]))
        entries = await recorder.read(0, 1000)
        await recorder.stop()
        return entries

    async def break_by(self, *statements: str) -> None:
        """Acts as somebody with all rights over the database."""
        connection = await asyncpg.connect(self.database.plain_admin_url)
        try:
            await connection.execute("ALTER TABLE intake_events DISABLE TRIGGER ALL")
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
async def store(server: Postgres, audit: Audit) -> Store:
    """A store whose whole log audit has received."""
    store = Store(await migrated_database(server, "zm_intake", "services/intake/migrations"))
    await store.fill(SIZE)
    published = [open_envelope(to_cloudevent(entry, KEY, EPOCH), KEY) for entry in store.entries]
    await audit.parts.ledger.take_in(published)
    return store


async def check(store: Store, database: Database) -> Comparison:
    return await verify_store("intake", store.url, database.admin_url, patience=0)


async def test_an_untouched_store_is_what_was_recorded(store: Store, database: Database) -> None:
    """The leaves recomputed from the live table give the very root of the evidence."""
    comparison = await check(store, database)
    assert comparison.same
    assert comparison.size == comparison.stored == SIZE
    assert [digest_of(entry.state) for entry in store.entries] == [Digest.SHA_256] * 4 + [Digest.SM3] * 5
    assert "一致" in comparison.report()


SWAP = """
    UPDATE intake_events a SET state = b.state FROM intake_events b
    WHERE a.notification_id IN (3, 4) AND b.notification_id = 7 - a.notification_id
    """
SWAP_PLACES = """
    UPDATE intake_events SET notification_id = -3 WHERE notification_id = 3;
    UPDATE intake_events SET notification_id = 3 WHERE notification_id = 6;
    UPDATE intake_events SET notification_id = 6 WHERE notification_id = -3
    """
SHIFT = """
    DELETE FROM intake_events WHERE notification_id = 5;
    UPDATE intake_events SET notification_id = -notification_id WHERE notification_id > 5;
    UPDATE intake_events SET notification_id = -notification_id - 1 WHERE notification_id < 0
    """
ADD = """
    INSERT INTO intake_events (originator_id, originator_version, topic, state, notification_id,
        recorded_at, content_digest, correlation_id, event_id)
    SELECT gen_random_uuid(), 1, topic, 'forged', {position}, recorded_at, content_digest, correlation_id,
        gen_random_uuid()
    FROM intake_events WHERE notification_id = 1
    """


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE intake_events SET state = state || 'x' WHERE notification_id = 3",
            [Finding("altered", 3, ("state_digest",))],
        ),
        (
            "UPDATE intake_events SET state = state || 'x' WHERE notification_id = 8",
            [Finding("altered", 8, ("state_digest",))],
        ),
        (
            "UPDATE intake_events SET state = set_byte(state, 1, 2) WHERE notification_id = 3",
            [Finding("altered", 3, ("state_digest", "algorithm"))],
        ),
        (
            "UPDATE intake_events SET state = substring(state FOR 1) WHERE notification_id = 7",
            [Finding("altered", 7, ("state_digest", "algorithm"))],
        ),
        (
            "UPDATE intake_events SET recorded_at = recorded_at - interval '1 day' WHERE notification_id = 9",
            [Finding("altered", 9, ("recorded_at",))],
        ),
        (
            "UPDATE intake_events SET topic = 'intake.ComplaintAccepted' WHERE notification_id = 1",
            [Finding("altered", 1, ("topic",))],
        ),
        (
            "UPDATE intake_events SET content_digest = sha256(content_digest) WHERE notification_id = 2",
            [Finding("altered", 2, ("content_digest",))],
        ),
        (
            "UPDATE intake_events SET event_id = gen_random_uuid() WHERE notification_id = 4",
            [Finding("altered", 4, ("event_id",))],
        ),
        (
            "UPDATE intake_events SET correlation_id = gen_random_uuid() WHERE notification_id = 6",
            [Finding("altered", 6, ("correlation_id",))],
        ),
        (SWAP, [Finding("moved", 3, other=4), Finding("moved", 4, other=3)]),
        (SWAP_PLACES, [Finding("moved", 3, other=6), Finding("moved", 6, other=3)]),
        ("DELETE FROM intake_events WHERE notification_id = 5", [Finding("deleted", 5)]),
        (
            "DELETE FROM intake_events WHERE notification_id > 7",
            [Finding("truncated", 8), Finding("truncated", 9)],
        ),
        ("TRUNCATE intake_events", [Finding("truncated", n) for n in range(1, SIZE + 1)]),
        (
            SHIFT,
            [Finding("deleted", 5), *(Finding("moved", n, other=n + 1) for n in range(5, SIZE))],
        ),
        (ADD.format(position=SIZE + 1), [Finding("added", SIZE + 1)]),
        (
            "DELETE FROM intake_events WHERE notification_id = 5;" + ADD.format(position=5),
            [Finding("altered", 5, ("stream", "version"))],
        ),
    ],
)
async def test_what_was_done_is_found(
    store: Store, database: Database, statement: str, expected: list[Finding]
) -> None:
    """Altered, moved, deleted, cut off, put in: each by its position."""
    await store.break_by(statement)
    comparison = await check(store, database)
    assert not comparison.same
    assert list(comparison.findings) == expected
    beside = {finding.fields for finding in expected} <= {("event_id",), ("correlation_id",)}
    assert (comparison.root == comparison.recomputed) == beside
    report = comparison.report()
    assert "NOT what was recorded" in report
    assert all(f"position {finding.position}:" in report for finding in expected)


async def test_a_changed_ledger_convicts_nobody(store: Store, database: Database) -> None:
    """A ledger of audit that no longer fits its tree is told as well."""
    connection = await asyncpg.connect(database.plain_admin_url)
    try:
        await connection.execute("ALTER TABLE ledger DISABLE TRIGGER ALL")
        await connection.execute("UPDATE ledger SET state_digest = sha256(state_digest) WHERE position = 4")
    finally:
        await connection.close()
    comparison = await check(store, database)
    assert not comparison.same
    assert not comparison.sound
    assert comparison.root == comparison.recomputed
    assert "own ledger" in comparison.report()


async def test_against_a_checkpoint_alone(store: Store, audit: Audit) -> None:
    """A signed checkpoint is enough to know that something was done to the first events."""
    note = await audit.parts.trees.checkpoint("intake")
    checkpoint = parse_and_verify(note, *audit.parts.trees.verifier_keys())
    await store.break_by(ADD.format(position=SIZE + 1))
    assert (await verify_checkpoint("intake", store.url, checkpoint)).same
    await store.break_by("DELETE FROM intake_events WHERE notification_id = 5")
    assert not (await verify_checkpoint("intake", store.url, checkpoint)).same


async def test_the_command(store: Store, audit: Audit, settings: Settings, tmp_path: Path) -> None:
    """0 as it was, 1 changed, 2 not to be compared. No URL, which holds a password, is on its line."""
    note, keys = tmp_path / "checkpoint", tmp_path / "keys"
    note.write_text(await audit.parts.trees.checkpoint("intake"), "utf-8")
    keys.write_text("\n".join(map(str, audit.parts.trees.verifier_keys())))
    env = {"PATH": os.defpath, "ZM_PROFILE": "development", "ZM_DATABASE_URL": settings.database_url}
    env |= {"ZM_STORE_URL_INTAKE": store.url}

    async def run(*more: str) -> tuple[int, str]:
        words = "services.audit.main", "verify-store", "--patience", "0", *more
        done = await asyncio.to_thread(processes.run, *words, folder=tmp_path, env=env)
        return done.returncode, done.stdout + done.stderr

    assert (await run())[0] == 0
    assert (await run("intake", "--checkpoint", str(note), "--key", str(keys)))[0] == 0
    assert (await run("intake", "--checkpoint", str(note)))[0] == 2
    status, told = await run("followup")
    assert (status, "ZM_STORE_URL_FOLLOWUP" in told) == (1, True)
    await store.break_by("DELETE FROM intake_events WHERE notification_id = 5")
    status, told = await run("intake")
    assert (status, "被删除" in told) == (1, True)
