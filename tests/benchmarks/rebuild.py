"""The cost of a rebuild: the casebook from 300,000 sealed events, beside read, JSON-decode and COPY."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from statistics import median
from time import perf_counter

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.stack import Stack
from shared.casework.readmodel import CaseBook
from shared.kernel.clock import SystemClock
from shared.kernel.store.driver import open_engine
from shared.kernel.store.mapper import EventMapper, data_of
from shared.kernel.store.projector import Projector
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.schema import create_kernel
from shared.kernel.store.sealing import Keyring, Sealer
from tests.benchmarks.life import log_of
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import POOL, checkpoint, database

EVENTS = 300_000
ROUNDS = 3
PAGE = 2_000
"""Rows per read of the reference; the projector reads as many."""
COLUMNS = ["position", "stream", "version", "topic", "kind", "organ", "state", "occurred_at"]
TOWNSHIP = "DI-990102100"


async def _fill(dsn: str, mapper: EventMapper, count: int) -> None:
    """The service's log, and the same events unsealed for the reference."""
    at = datetime(2022, 3, 1, 2, tzinfo=UTC)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "CREATE TABLE plain (position bigint PRIMARY KEY, stream uuid NOT NULL, version bigint NOT NULL,"
            " topic text NOT NULL, recorded_at timestamptz NOT NULL, state bytea NOT NULL)"
        )
        log = log_of(count)
        while page := list(islice(log, 20_000)):
            sealed, plain = [], []
            for recorded in page:
                row = mapper.to_stored_event(recorded)
                place = (recorded.originator_id, recorded.originator_version, row.topic)
                digest = sha256(row.state).digest()
                ids = (recorded.meta.correlation_id, recorded.event_id)
                sealed.append((*place, row.state, recorded.position, at, digest, *ids))
                plain.append((recorded.position, *place, at, orjson.dumps(data_of(recorded))))
            await connection.copy_records_to_table("intake_events", records=sealed)
            await connection.copy_records_to_table("plain", records=plain)
        await connection.execute("VACUUM ANALYZE intake_events")
        await connection.execute("VACUUM ANALYZE plain")
    finally:
        await connection.close()


async def _copy(dsn: str) -> None:
    """The reference: read page by page, decode, COPY a row per event."""
    reader, writer = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        await writer.execute("DROP TABLE IF EXISTS copied")
        await writer.execute(
            "CREATE TABLE copied (position bigint, stream uuid, version bigint, topic text, kind text,"
            " organ text, state text, occurred_at timestamptz)"
        )
        query = (
            "SELECT position, stream, version, topic, state FROM plain"
            " WHERE position > $1 ORDER BY position LIMIT $2"
        )
        after = 0
        while rows := await reader.fetch(query, after, PAGE):
            records = []
            for position, stream, version, topic, state in rows:
                data = orjson.loads(state)
                occurred = datetime.fromisoformat(data["meta"]["occurred_at"])
                about = (data["kind"], data["organ"], data["state"], occurred)
                records.append((position, stream, version, topic, *about))
            await writer.copy_records_to_table("copied", records=records, columns=COLUMNS)
            after = rows[-1][0]
    finally:
        await reader.close()
        await writer.close()


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Stops the collector as the projector's rebuild does, so that the reference does not lose by it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _sqlalchemy(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+asyncpg://")


async def measure(stack: Stack, events: int = EVENTS, rounds: int = ROUNDS) -> dict[str, float]:
    """Events per second of each, in turns."""
    dsn, user = await database(stack, "bench_rebuild")
    kernel = create_async_engine(_sqlalchemy(dsn))
    async with kernel.begin() as connection:
        await connection.run_sync(create_kernel, "intake", "bench_rebuild_app")
    await kernel.dispose()
    mapper = EventMapper(Sealer(Keyring("intake", {"1": b"k" * 32}, "1")))
    await _fill(dsn, mapper, events)
    engine = open_engine(_sqlalchemy(user), size=POOL)
    clock = SystemClock()
    recorder = Recorder(engine, "intake", mapper, clock)
    projector = Projector(engine, recorder, [CaseBook()], clock)
    rates: dict[str, list[float]] = {"rebuild": [], "copy": []}
    try:
        for turn in range(rounds):
            for name in ("rebuild", "copy") if turn % 2 else ("copy", "rebuild"):
                await checkpoint(stack)
                began = perf_counter()
                if name == "rebuild":
                    assert await projector.rebuild("casebook") == events
                else:
                    with _no_collector():
                        await _copy(dsn)
                rates[name].append(events / (perf_counter() - began))
    finally:
        await engine.dispose()
    return {name: median(found) for name, found in rates.items()}


async def ratios(stack: Stack) -> list[Ratio]:
    found = await measure(stack)
    ours, reference = (f"{found[name]:,.0f} events/s" for name in ("rebuild", "copy"))
    return [Ratio("rebuild_vs_copy", found["rebuild"] / found["copy"], ours, reference, at_least=0.5)]
