"""The cost of a command with 1,000,000 events in the store, against 10,000; and under SM against the default.

The events are not made by commands, which would take hours: they are the life of a complaint as its aggregate
records it, again and again, sealed and digested by the service's own mapper and written with COPY, each with
the row of its command, and the counter of the numbers that they bear. So tables and indexes are what the
commands would have left; before anything is measured, a sample of the large store is loaded as the service
loads it and held against its digests, and the service's read models have followed the log to its end. The bus
is left out: nobody would wait until a million events were published.

Measured are a new complaint, which reads nothing but the end of the log, and a decision on one of a thousand
cases from all over the store, which loads its stream first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

import asyncpg
import orjson
from nats.nuid import NUID

from deploy.local.databases import Passwords, ensure_database
from deploy.local.stack import Stack
from ops import secretfiles
from services.intake.domain.complaint import Complaint
from shared.casework.repository import Repository
from shared.kernel.bus.envelope import content
from shared.kernel.clock import SystemClock
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.driver import open_engine
from shared.kernel.store.mapper import EventMapper
from shared.kernel.store.migrate import migrate
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.sealing import Sealer
from shared.kernel.suites import INTERNATIONAL, SM, Suite
from shared.language.event import Recorded
from tests.benchmarks.bodies import COMPLAINT
from tests.benchmarks.life import TOWNSHIP, YEAR, life, log_of
from tests.benchmarks.load import drive, requests
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import checkpoint
from tests.benchmarks.write import CLERK, Target, quiet
from tests.processes import service

SMALL, LARGE = 10_000, 1_000_000
CASES = 1_000
ROUNDS = 5
SECONDS = 2.0
PAGE = 20_000
SAMPLE = 100
HEAD = f"petition_head@{TOWNSHIP}"
RECORDED = datetime(YEAR, 3, 10, tzinfo=UTC)
EVENTS = [
    *("originator_id", "originator_version", "topic", "state", "notification_id"),
    *("recorded_at", "content_digest", "correlation_id", "event_id"),
]
COMMANDS = ["id", "request_hash", "stream", "answer", "position", "recorded_at"]


@dataclass(frozen=True)
class Store:
    """A database of intake's with so many events in it."""

    events: int
    url: str
    owner_url: str
    cases: list[UUID]
    """Cases from all over the log."""


async def filled(
    stack: Stack, name: str, events: int, log_of: Callable[[int], Iterator[Recorded]] = log_of
) -> Store:
    """A fresh database, migrated as a service's own is, and filled."""
    store = await migrated(stack, name, events)
    mapper = mapper_of(stack, INTERNATIONAL)
    connection = await asyncpg.connect(plain(store.owner_url))
    lives = events // len(life())
    apart = max(1, lives // CASES)
    try:
        await connection.set_type_codec(
            "jsonb", encoder=_jsonb, decoder=bytes, schema="pg_catalog", format="binary"
        )
        log, born = log_of(events), 0
        while page := list(islice(log, PAGE)):
            rows, commands = [], []
            for recorded in page:
                command, digest = uuid4(), os.urandom(32)
                recorded = replace(recorded, meta=replace(recorded.meta, command_id=command))
                position, stream = recorded.position, recorded.originator_id
                assert position is not None
                at = RECORDED + timedelta(milliseconds=position)
                row = mapper.to_stored_event(recorded)
                proved = content_digest(recorded.salt, content(recorded), mapper.digest)
                place = (stream, recorded.originator_version, row.topic, row.state, position, at)
                rows.append((*place, proved, recorded.meta.correlation_id, recorded.event_id))
                answer = {"id": str(stream), "version": recorded.originator_version, "state": recorded.state}
                told = orjson.dumps({**answer, "number": "", "position": position})
                commands.append((command, digest, stream, told, position, at))
                if recorded.originator_version == 1:
                    if born % apart == 0 and len(store.cases) < CASES:
                        store.cases.append(stream)
                    born += 1
            await connection.copy_records_to_table("intake_events", records=rows, columns=EVENTS)
            await connection.copy_records_to_table("commands", records=commands, columns=COMMANDS)
        series = f"XF-{TOWNSHIP.removeprefix('DI-')}-{YEAR}"
        await connection.execute("INSERT INTO counters (series, last) VALUES ($1, $2)", series, lives + 1)
        for table in ("intake_events", "commands", "counters"):
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()
    return store


async def migrated(stack: Stack, name: str, events: int, service: str = "intake") -> Store:
    """A fresh database of a service, without anything in it."""
    roles = (f"zm_{service}", f"zm_{service}_owner")
    service_word, owner_word = (secretfiles.password(stack.data.secrets / f"pg-{r}.password") for r in roles)
    words = Passwords(owner=owner_word, service=service_word)
    await ensure_database(stack.postgres.start().admin_url, name, roles[1], roles[0], words)
    urls = [stack.database_url(role, name) for role in roles]
    await asyncio.to_thread(migrate, f"services/{service}/migrations", urls[1])
    return Store(events, urls[0], urls[1], [])


def mapper_of(stack: Stack, suite: Suite) -> EventMapper:
    """The mapper with which intake seals its events."""
    return EventMapper(Sealer.from_files(stack.data.keys / "store-intake.key", "intake", suite))


def _jsonb(text: bytes) -> bytes:
    """Writes the text as COPY takes it: its version first."""
    return b"\x01" + text


def plain(url: str) -> str:
    """The URL as the driver takes it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def genuine(stack: Stack, store: Store) -> None:
    """Loads cases as the service does: each is whole and stands where its life ends, and the digests in the
    rows are those of the contents. An error if it is not so."""
    engine = open_engine(store.url, size=2)
    recorder = Recorder(engine, "intake", mapper_of(stack, INTERNATIONAL), SystemClock())
    repository = Repository(recorder)
    connection = await asyncpg.connect(plain(store.url))
    try:
        end = await connection.fetchrow("SELECT count(*), max(notification_id) FROM intake_events")
        if tuple(end) != (store.events, store.events):
            raise RuntimeError(f"{store.events} events were to be there, and there are {tuple(end)}")
        for id in store.cases[:: max(1, len(store.cases) // SAMPLE)]:
            case = await repository.get(Complaint, id)
            if case is None or case.state != "WITH_HANDLER":
                raise RuntimeError(f"{id} is not what its life made it")
            query = "SELECT content_digest FROM intake_events WHERE originator_id = $1 ORDER BY 1"
            stored = [row[0] for row in await connection.fetch(query, id)]
            events = await recorder.load(id)
            if sorted(content_digest(r.salt, content(r)) for r in events) != stored:
                raise RuntimeError(f"the digests of {id} are not those of its events")
    finally:
        await connection.close()
        await engine.dispose()


def decisions(cases: list[UUID], token: str) -> Iterator[bytes]:
    """Ever another person is assigned to ever another of the cases."""
    names = NUID()
    for case in cycle(cases):
        body = b'{"person":"p-%s","role":"handler"}' % bytes(names.next())
        head = (
            f"POST /v1/complaints/{case}/assign-to-case HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nIdempotency-Key: "
        )
        yield b"%s%s\r\n\r\n%s" % (head.encode(), bytes(names.next()), body)


@asynccontextmanager
async def accepting(stack: Stack, store: Store, **env: str) -> AsyncIterator[Target]:
    """Intake on such a store, without a broker."""
    own = {"ZM_DATABASE_URL": store.url, "ZM_NATS_URL": "", **env}
    async with service(stack, "intake", **own) as (port, child):
        await caught_up(store)
        await quiet(child.pid, 600)
        yield Target(port, (child.pid,))


async def caught_up(store: Store) -> None:
    """Waits until every read model has seen the events that the store was filled with."""
    connection = await asyncpg.connect(plain(store.url))
    try:
        async with asyncio.timeout(900):
            while not await connection.fetchval(
                "SELECT to_regclass('view.projection_positions') IS NOT NULL"
            ):
                await asyncio.sleep(0.5)
            query = "SELECT count(*) > 0 AND min(position) >= $1 FROM view.projection_positions"
            while not await connection.fetchval(query, store.events):
                await asyncio.sleep(0.5)
    finally:
        await connection.close()


async def in_turns(
    stack: Stack, targets: dict[str, tuple[Target, list[UUID]]], tokens: tuple[str, str]
) -> dict[str, list[float]]:
    """Commands per second: `new` and `case` of each target, round by round."""
    clerk, head = tokens
    rates: dict[str, list[float]] = {f"{kind} {name}": [] for name in targets for kind in ("new", "case")}
    for turn in range(-1, ROUNDS):  # the first one warms up
        for name in sorted(targets, reverse=bool(turn % 2)):
            target, cases = targets[name]
            for kind in ("new", "case"):
                await checkpoint(stack)

                def make(kind: str = kind, cases: list[UUID] = cases) -> Iterator[bytes]:
                    if kind == "new":
                        return requests("/v1/complaints", clerk, COMPLAINT)
                    return decisions(cases, head)

                rate = await drive(target.port, make, SECONDS)
                await target.quiet()
                if turn >= 0:
                    rates[f"{kind} {name}"].append(rate)
    return rates


def sealing(stack: Stack, rounds: int = 5, count: int = 3_000) -> dict[str, float]:
    """Seconds of one core to seal, digest and open again one event, by suite."""
    mappers = {suite.name: mapper_of(stack, suite) for suite in (INTERNATIONAL, SM)}
    pattern = life()[3]
    found: dict[str, list[float]] = {name: [] for name in mappers}
    published = content(pattern)
    for _ in range(rounds):
        for name, mapper in mappers.items():
            began = perf_counter()
            for _ in range(count):
                row = mapper.to_stored_event(pattern)
                content_digest(pattern.salt, published, mapper.digest)
                mapper.digest.of(row.state)
                mapper.sealer.open(row.state, pattern.originator_id, pattern.originator_version, row.topic)
            found[name].append((perf_counter() - began) / count)
    return {name: median(times) for name, times in found.items()}


async def ratios(stack: Stack) -> list[Ratio]:
    tokens = await asyncio.to_thread(stack.token, CLERK), await asyncio.to_thread(stack.token, HEAD)
    small = await filled(stack, "bench_growth_small", SMALL)
    large = await filled(stack, "bench_growth_large", LARGE)
    await genuine(stack, small)
    await genuine(stack, large)
    async with AsyncExitStack() as started:
        targets = {
            store_name: (await started.enter_async_context(accepting(stack, store)), store.cases)
            for store_name, store in (("small", small), ("large", large))
        }
        grown = await in_turns(stack, targets, tokens)
    suites = await filled(stack, "bench_suites", SMALL)
    async with AsyncExitStack() as started:
        targets = {
            suite.name: (
                await started.enter_async_context(accepting(stack, suites, ZM_SUITE=suite.name)),
                suites.cases,
            )
            for suite in (INTERNATIONAL, SM)
        }
        sealed = await in_turns(stack, targets, tokens)
    bare = sealing(stack)
    ours, reference = bare[SM.name], bare[INTERNATIONAL.name]
    return [
        _cost("growth", grown, "case", "large", "small", 1.2),
        _cost("growth_new", grown, "new", "large", "small", 1.2),
        _cost("suite_sm_case", sealed, "case", SM.name, INTERNATIONAL.name, None),
        _cost("suite_sm_new", sealed, "new", SM.name, INTERNATIONAL.name, None),
        Ratio(
            "suite_sm_sealing",
            ours / reference,
            f"{ours * 1e6:.0f} µs",
            f"{reference * 1e6:.0f} µs",
        ),
    ]


def _cost(
    name: str, rates: dict[str, list[float]], kind: str, ours: str, reference: str, at_most: float | None
) -> Ratio:
    """The cost of one command, by its cost in the reference; round by round, on the same machine."""
    mine, theirs = rates[f"{kind} {ours}"], rates[f"{kind} {reference}"]
    value = median(b / a for a, b in zip(mine, theirs, strict=True))
    shown = [f"{median(found):,.0f}/s" for found in (mine, theirs)]
    return Ratio(name, value, shown[0], shown[1], at_most=at_most)
