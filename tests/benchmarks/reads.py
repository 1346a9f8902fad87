"""The cost of reads, beside a bare SELECT of the same rows as JSON (`reference_reads`), at 10,000 events and
at 300,000.

The stores are filled as `growth` fills them; audit's ledger takes the same events in, run by run. One
complaint in a few is about another accused, so that a search with few matches stands beside one that matches
nearly everything: a page is paid for, never the matches. `case` reads a thousand cases again and again, as
people do with those that they work on; `case_first` ever others. The bus is left out: of the record that
every reading leaves (SEC-9), sealing, commit and the projections are measured, the relay is not.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from statistics import median
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import orjson

from deploy.local.stack import Stack
from services.audit.database import engine_for
from services.audit.ledger import Ledger
from services.intake.clerks.book import DeskBook
from shared.casework.readmodel import CaseBook
from shared.kernel.bus.envelope import BusKey, to_cloudevent
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.clock import SystemClock
from shared.kernel.store.driver import open_engine
from shared.kernel.store.mapper import content_of
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import LogEntry
from shared.kernel.suites import INTERNATIONAL
from shared.language.event import Recorded
from tests.benchmarks.growth import Store, accepting, filled, mapper_of, migrated, plain
from tests.benchmarks.life import life, log_of
from tests.benchmarks.load import drive
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import POOL, checkpoint, database, server
from tests.benchmarks.write import CLERK, WARM, Target
from tests.processes import service

SMALL, LARGE = 10_000, 300_000
ROUNDS = 5
SECONDS = 1.0
RUN = 500
"""Events that audit takes in at once."""
MANY, FEW = "王虚清", "蒋虚阶"
EVERY = 20_000
MATCHES = 30
"""Complaints about the second: more than a page."""
AUDITOR = "auditor@DI-990102"
BARS = {
    "case": 0.4,
    "case_first": None,
    "timeline": 0.5,
    "queue": 0.5,
    "list": 0.5,
    "search_number": 0.3,
    "search_accused": 0.3,
    "search_few": None,
}
"""Number of the reference's reads that each is to reach."""
FLAT = 1.2
_TABLES = """
    CREATE TABLE plain_events (
        stream uuid, version int, type text, recorded_at timestamptz, position bigint, told bytea);
    CREATE TABLE plain_rows (
        stream uuid, number text, rank int, received_on date, channel text, handling_dept text,
        questions int, to_do boolean, kind text, organ text, state text, version int,
        opened_at timestamptz, changed_at timestamptz, addressee text, position bigint,
        deadline text, due date, accused text, told bytea)
    """
_INDEXES = """
    CREATE INDEX ON plain_events (stream, version);
    CREATE INDEX ON plain_rows (number);
    CREATE INDEX ON plain_rows (position);
    CREATE INDEX ON plain_rows (rank, received_on, stream) WHERE to_do;
    CREATE INDEX ON plain_rows (accused, received_on DESC, stream DESC)
    """


def two_accused(count: int) -> Iterator[Recorded]:
    """A log of `count` events, in which few complaints, from all over the log, are about somebody else."""
    apart = max(1, count // len(life()) // MATCHES)
    lives = 0
    for recorded in log_of(count):
        lives += recorded.originator_version == 1
        event: Any = recorded.event
        if recorded.type == "AllegationsListed" and lives % apart == 0:
            accused = tuple(a.model_copy(update={"name": FEW}) for a in event.accused)
            recorded = replace(recorded, event=event.model_copy(update={"accused": accused}))
        yield recorded


@dataclass(frozen=True)
class Stores:
    """The stores of one size: intake's, audit's, the reference's; and what is read in them."""

    name: str
    intake: Store
    audit: Store
    reference: str
    numbers: list[str]
    """The human numbers of the cases that are read."""
    every: list[UUID]
    """More cases than a service keeps at hand, where there are so many."""


async def fill(stack: Stack, name: str, events: int) -> Stores:
    """Everything that is read, in three databases."""
    intake = await filled(stack, f"bench_reads_{name}", events, two_accused)
    audit = await migrated(stack, f"bench_reads_{name}_audit", events, "audit")
    owner, user = await database(stack, f"bench_reads_{name}_plain")
    async with accepting(stack, intake):
        pass  # the read models have followed the log to its end
    engine, ledgers = open_engine(intake.url, size=2), engine_for(audit.url, pool_size=2)
    recorder = Recorder(engine, "intake", mapper_of(stack, INTERNATIONAL), SystemClock())
    sealer = Sealer.from_files(stack.data.keys / "store-audit.key", "audit")
    bus, epoch = BusKey.single(os.urandom(32)), uuid4()
    ledger, log, listed = Ledger(ledgers, sealer, SystemClock()), Log(recorder), dict[UUID, Any]()
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(_TABLES)
        async for run in log.runs():
            await ledger.take_in([open_envelope(to_cloudevent(entry, bus, epoch), bus) for entry in run])
            rows = [
                (
                    e.stream,
                    e.version,
                    e.topic,
                    e.recorded_at,
                    e.position,
                    orjson.dumps(content_of(e.stream, e.version, e.topic, e.data)),
                )
                for e in run
            ]
            await connection.copy_records_to_table("plain_events", records=rows)
            listed |= {e.stream: e.data["event"] for e in run if e.topic == "intake.AllegationsListed"}
        await _copy_rows(intake, connection, listed)
        await connection.execute(_INDEXES)
        app = user.split("//")[1].split(":")[0]
        await connection.execute(f"GRANT SELECT ON plain_events, plain_rows TO {app}")
        for table in ("plain_events", "plain_rows"):
            await connection.execute(f"VACUUM ANALYZE {table}")
        found = "SELECT number FROM plain_rows WHERE stream = ANY($1) AND number <> '' ORDER BY stream"
        numbers = [row["number"] for row in await connection.fetch(found, intake.cases)]
        every = await connection.fetch("SELECT stream FROM plain_rows ORDER BY stream LIMIT $1", EVERY)
    finally:
        await connection.close()
        await engine.dispose()
        await ledgers.dispose()
    for store in (intake, audit):
        await _analysed(store)
    return Stores(name, intake, audit, user, numbers, [row["stream"] for row in every])


class Log:
    """The log of a store, run by run."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def runs(self) -> AsyncIterator[list[LogEntry]]:
        after = 0
        while run := await self._recorder.read(after, RUN):
            yield run
            after = run[-1].position


async def _copy_rows(intake: Store, reference: asyncpg.Connection, listed: dict[UUID, Any]) -> None:
    """The rows of intake's read models, each complaint's in one."""
    book, desk = CaseBook(), DeskBook()
    query = f"""
        SELECT q.stream, q.number, q.rank, q.received_on, q.channel, q.handling_dept, q.questions, q.to_do,
            c.kind, c.organ, c.state, c.version, c.opened_at, c.changed_at, c.addressee,
            c.position, d.deadline, d.due
        FROM {desk.queue.fullname} q JOIN {book.cases.fullname} c USING (stream)
        LEFT JOIN LATERAL (
            SELECT deadline, due FROM {book.deadlines.fullname} d WHERE d.stream = q.stream AND NOT met
            ORDER BY due, deadline LIMIT 1) d ON true
        """
    source = await asyncpg.connect(plain(intake.url))
    try:
        rows = []
        for row in await source.fetch(query):
            event = listed.get(row["stream"])
            if event is None:
                rows.append((*row, "", b"{}"))
                continue
            told = {name: event[name] for name in ("accused", "allegations")}
            rows.append((*row, event["accused"][0]["name"], orjson.dumps(told)))
    finally:
        await source.close()
    await reference.copy_records_to_table("plain_rows", records=rows)


async def _analysed(store: Store) -> None:
    """Analyses the tables, as autovacuum leaves them behind a log that has come to its end. Each role may do
    its own."""
    for url in (store.owner_url, store.url):
        connection = await asyncpg.connect(plain(url))
        try:
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()


def gets(paths: list[str], token: str = "") -> Iterator[bytes]:
    """The same requests again and again."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    made = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}\r\n".encode() for path in paths]
    return cycle(made)


Read = tuple[Target, Callable[[], Iterator[bytes]]]


def reads(stores: Stores, targets: dict[str, Target], clerk: str, auditor: str) -> dict[str, dict[str, Read]]:
    """Every read: of ours, and of the reference."""
    cases, numbers = stores.intake.cases, stores.numbers
    many, few = quote(MANY), quote(FEW)
    asked = {
        "case": ([f"/v1/complaints/{id}" for id in cases], [f"/case/{id}" for id in cases]),
        "case_first": (
            [f"/v1/complaints/{id}" for id in stores.every],
            [f"/case/{id}" for id in stores.every],
        ),
        "timeline": ([f"/v1/cases/{n}/timeline" for n in numbers], [f"/timeline/{n}" for n in numbers]),
        "queue": (["/v1/queue?limit=50"], ["/queue"]),
        "list": (["/v1/complaints?limit=50"], ["/list"]),
        "search_number": (
            [f"/v1/search/complaints?number={n}" for n in numbers],
            [f"/number/{n}" for n in numbers],
        ),
        "search_accused": ([f"/v1/search/complaints?accused={many}"], [f"/accused?name={many}"]),
        "search_few": ([f"/v1/search/complaints?accused={few}"], [f"/accused?name={few}"]),
    }

    def read(target: Target, paths: list[str], token: str = "") -> Read:
        return target, lambda: gets(paths, token)

    return {
        name: {
            "ours": read(targets["audit"], ours, auditor)
            if name == "timeline"
            else read(targets["intake"], ours, clerk),
            "reference": read(targets["reference"], theirs),
        }
        for name, (ours, theirs) in asked.items()
    }


@asynccontextmanager
async def serving(stack: Stack, stores: Stores) -> AsyncIterator[dict[str, Target]]:
    """The services on these stores, without a broker, and the reference."""
    async with AsyncExitStack() as started:
        targets = {"intake": await started.enter_async_context(accepting(stack, stores.intake))}
        own = {"ZM_DATABASE_URL": stores.audit.url, "ZM_NATS_URL": ""}
        port, child = await started.enter_async_context(service(stack, "audit", **own))
        targets["audit"] = Target(port, (child.pid,))
        own = {"BENCH_DSN": stores.reference, "BENCH_POOL": str(POOL)}
        port, child = await started.enter_async_context(server(stack, "reference_reads", own))
        targets["reference"] = Target(port, (child.pid,))
        yield targets


async def in_turns(
    stack: Stack, asked: dict[str, dict[str, Read]], rounds: int = ROUNDS
) -> dict[str, dict[str, list[float]]]:
    """Reads per second of each, round by round. A round begins with a checkpoint and with readings that write
    whole pages, once, behind it (`write` says why)."""
    rates: dict[str, dict[str, list[float]]] = {name: {side: [] for side in asked[name]} for name in asked}
    for turn in range(-1, rounds):  # the first one warms up
        await checkpoint(stack)
        for target, make in (asked["case"]["ours"], asked["timeline"]["ours"]):
            await drive(target.port, make, WARM)
            await target.quiet()
        for name, sides in asked.items():
            for side in sorted(sides, reverse=bool(turn % 2)):
                target, make = sides[side]
                rate = await drive(target.port, make, SECONDS)
                await target.quiet()
                if turn >= 0:
                    rates[name][side].append(rate)
    return rates


async def ratios(stack: Stack) -> list[Ratio]:
    clerk, auditor = [await asyncio.to_thread(stack.token, who) for who in (CLERK, AUDITOR)]
    found: list[Ratio] = []
    for size, events in (("small", SMALL), ("large", LARGE)):
        stores = await fill(stack, size, events)
        async with serving(stack, stores) as targets:
            rates = await in_turns(stack, reads(stores, targets, clerk, auditor))
        found += [
            _ratio(f"{name}_vs_select_{size}", sides["ours"], sides["reference"], BARS[name])
            for name, sides in rates.items()
        ]
        many, few = rates["search_accused"]["ours"], rates["search_few"]["ours"]
        found.append(_cost(f"search_flat_{size}", many, few))
    return found


def _ratio(name: str, ours: list[float], theirs: list[float], at_least: float | None) -> Ratio:
    # Round by round: both sides of one round met the same machine.
    value = median(a / b for a, b in zip(ours, theirs, strict=True))
    shown = [f"{median(found):,.0f}/s" for found in (ours, theirs)]
    return Ratio(name, value, shown[0], shown[1], at_least=at_least)


def _cost(name: str, many: list[float], few: list[float]) -> Ratio:
    """The cost of a search with very many matches, by that of one with few."""
    value = median(b / a for a, b in zip(many, few, strict=True))
    shown = [f"{median(found):,.0f}/s" for found in (many, few)]
    return Ratio(name, value, shown[0], shown[1], at_most=FLAT)
