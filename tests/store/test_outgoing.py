"""Effects are carried out: after commits, under failures, restarts and among several workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import orjson
import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres import Postgres
from shared.kernel import spans
from shared.kernel.effect import Effect
from shared.kernel.otlp import Collector
from shared.kernel.outgoing.adapters import HttpEndpoint, NotDelivered
from shared.kernel.outgoing.worker import Outgoing, OutgoingJob, OutgoingMetrics, Pace
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, StoreUnavailable
from shared.kernel.trace import tell_trace
from shared.language import roles
from tests.receiver import Receiver, receiving
from tests.servers import Database
from tests.store.conftest import admin, engine_of, make_database
from tests.store.examples import opened

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
QUICK = Pace(first=0.02, longest=0.1, patience=1, lease=2, poll=0.02)


class Box:
    """An adapter in memory that notes what it was given, and may be told to fail."""

    def __init__(self) -> None:
        self.got: list[Effect] = []
        self.failures: list[Exception] = []

    async def send(self, message: Effect) -> None:
        self.got.append(message)
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as other_side:
        yield other_side


@pytest.fixture
async def engine(fresh: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(fresh)
    yield engine
    await engine.dispose()


@pytest.fixture
def telling() -> Iterator[InMemorySpanExporter]:
    """The spans that were told."""
    memory = InMemorySpanExporter()
    collector = Collector("zhengming.toy", SimpleSpanProcessor(memory))
    spans.tell_by(collector)
    yield memory
    spans.tell_by(None)
    collector.close()


def outgoing(
    engine: AsyncEngine, recorder: Recorder, pace: Pace = QUICK, **jobs: OutgoingJob
) -> tuple[Outgoing, CollectorRegistry]:
    registry = CollectorRegistry()
    return Outgoing(engine, recorder, jobs, OutgoingMetrics(registry, jobs), pace), registry


@asynccontextmanager
async def at_work(*workers: Outgoing) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(w.run()) for w in workers]
    try:
        yield
        assert not any(t.done() for t in tasks), "a worker ended by itself"
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def rows(database: Database) -> dict[str, Any]:
    connection = await admin(database)
    try:
        return {r["key"]: r for r in await connection.fetch("SELECT * FROM effects")}
    finally:
        await connection.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def states(database: Database) -> list[str]:
    return sorted(r["state"] for r in (await rows(database)).values())


async def ask(recorder: Recorder, *keys: str, kind: str = "sms") -> None:
    await recorder.append(Append(effects=[Effect(k, kind, {"n": k}) for k in keys]))


async def test_what_was_committed_is_carried_out_once(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    box = Box()
    worker, registry = outgoing(engine, recorder, sms=OutgoingJob(box))
    await ask(recorder, "z", "b")
    await ask(recorder, "z", "a")
    async with at_work(worker):
        await until(lambda: _all(fresh, "done", 3))
        await ask(recorder, "c")
        await until(lambda: _all(fresh, "done", 4))
    assert [m.key for m in box.got] == ["z", "b", "a", "c"], "in the order of their transactions"
    assert all(m.payload == {"n": m.key} for m in box.got)
    assert registry.get_sample_value("zm_outgoing_done_total", {"kind": "sms"}) == 4


async def _all(database: Database, state: str, count: int) -> bool:
    return await states(database) == [state] * count


async def test_a_receiver_that_fails_and_hangs_gets_it_in_the_end_under_one_key(
    fresh: Database, engine: AsyncEngine, recorder: Recorder, receiver: Receiver
) -> None:
    receiver.script.extend([503, "hang", 500])
    worker, registry = outgoing(engine, recorder, sms=OutgoingJob(HttpEndpoint(receiver.url, timeout=2)))
    await ask(recorder, "a")
    async with at_work(worker):
        await until(lambda: _all(fresh, "done", 1))
    assert receiver.keys() == ["a"] * 4
    assert registry.get_sample_value("zm_outgoing_failures_total", {"kind": "sms"}) == 3
    row = (await rows(fresh))["a"]
    assert (row["attempts"], row["error"]) == (4, None)


async def test_what_cannot_be_delivered_is_dead_after_its_patience_and_holds_no_one_up(
    fresh: Database, engine: AsyncEngine, recorder: Recorder, receiver: Receiver
) -> None:
    receiver.then = 500
    box = Box()
    pace = Pace(first=0.02, longest=0.05, patience=0.2, lease=2, poll=0.02)
    worker, registry = outgoing(
        engine, recorder, pace, sms=OutgoingJob(HttpEndpoint(receiver.url)), letter=OutgoingJob(box)
    )
    await ask(recorder, "a")
    await ask(recorder, "b", kind="letter")
    async with at_work(worker):
        await until(lambda: _state(fresh, "a", "dead"))
        await until(lambda: _state(fresh, "b", "done"))
        await until(lambda: _gauge(registry, "zm_outgoing_dead", 1))
    assert (await rows(fresh))["a"]["error"] == "HTTP_500"
    tries = next(n for n in range(1, 100) if pace.exhausted(n))
    assert len(receiver.got) == tries


async def _state(database: Database, key: str, state: str) -> bool:
    return bool((await rows(database))[key]["state"] == state)


async def _gauge(registry: CollectorRegistry, name: str, value: float) -> bool:
    return registry.get_sample_value(name, {"kind": "sms"}) == value


@pytest.mark.parametrize(
    ("role", "of_a_reporter", "followed"),
    [
        ("clerk", False, True),
        ("clerk", True, False),
        (roles.REPORTER, False, False),
        ("anyone", False, False),
    ],
)
async def test_a_delivery_is_followed_in_the_trace_of_the_call_that_asked_for_it(
    engine: AsyncEngine,
    recorder: Recorder,
    telling: InMemorySpanExporter,
    role: str,
    of_a_reporter: bool,
    followed: bool,
) -> None:
    """By its span, and by the line of the log that tells of its failure; but for what tells of a reporter."""
    box = Box()
    box.failures += [NotDelivered("HTTP_503"), NotDelivered("HTTP_410", final=True)]
    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(box, of_a_reporter=of_a_reporter))
    asked = opened(role=role, trace_id=TRACE)
    await recorder.append(Append(events=[asked], effects=[Effect("虚", "sms", {"to": "19273640518"})]))
    with structlog.testing.capture_logs(processors=[tell_trace]) as lines:
        assert await worker.deliver_next("sms")
        await asyncio.sleep(QUICK.longest)
        assert await worker.deliver_next("sms")
    assert [(line["reason"], line.get("trace_id")) for line in lines] == [
        (reason, TRACE if followed else None) for reason in ("HTTP_503", "HTTP_410")
    ]
    told = [
        (s.name, f"{s.context.trace_id:032x}", dict(s.attributes or {}))
        for s in telling.get_finished_spans()
        if s.context
    ]
    assert told == [
        ("send sms", TRACE, {"zm.step": "send", "zm.what": "sms", "zm.outcome": reason})
        for reason in ("HTTP_503", "HTTP_410")
        if followed
    ]


async def test_what_nobody_is_said_to_have_asked_for_belongs_to_no_trace(
    engine: AsyncEngine, recorder: Recorder, telling: InMemorySpanExporter
) -> None:
    """Nor do the lines of what the worker does next."""
    box = Box()
    box.failures += [NotDelivered("HTTP_503"), NotDelivered("HTTP_503")]
    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(box))
    await recorder.append(Append(events=[opened(trace_id=TRACE)], effects=[Effect("a", "sms", {})]))
    await ask(recorder, "b")
    with structlog.testing.capture_logs(processors=[tell_trace]) as lines:
        assert await worker.deliver_next("sms")
        assert await worker.deliver_next("sms")
    assert [line.get("trace_id") for line in lines] == [TRACE, None]
    assert len(telling.get_finished_spans()) == 1


async def test_b35_what_is_given_up_is_told_before_it_is(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    """Once, by an event; a database that is away meanwhile costs another attempt and not the event."""
    box = Box()
    box.failures += [NotDelivered("HTTP_410", final=True)] * 3
    told: list[str] = []
    stream = uuid4()

    async def on_dead(effect: Effect, reason: str) -> Append:
        told.append(reason)
        if len(told) == 1:
            raise StoreUnavailable("away")
        return Append(events=[opened(stream)])

    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(box, on_dead=on_dead))
    await ask(recorder, "a")
    with pytest.raises(StoreUnavailable):
        await worker.deliver_next("sms")
    assert await _state(fresh, "a", "pending")
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE effects SET next_at = NULL"))
    assert await worker.deliver_next("sms")
    assert await _state(fresh, "a", "dead")
    assert len(await recorder.load(stream)) == 1
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE effects SET state = 'pending', next_at = NULL"))
    assert await worker.deliver_next("sms")
    assert len(await recorder.load(stream)) == 1
    assert told == ["HTTP_410"] * 3


async def test_410_ends_it_at_once(
    fresh: Database, engine: AsyncEngine, recorder: Recorder, receiver: Receiver
) -> None:
    receiver.then = 410
    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(HttpEndpoint(receiver.url)))
    await ask(recorder, "a")
    assert await worker.deliver_next("sms")
    assert await _state(fresh, "a", "dead")
    assert not await worker.deliver_next("sms")


async def test_a_pause_that_the_receiver_asks_for_is_kept(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    box = Box()
    box.failures.append(NotDelivered("HTTP_429", after=3000))
    worker, _ = outgoing(engine, recorder, Pace(), sms=OutgoingJob(box))
    await ask(recorder, "a")
    assert await worker.deliver_next("sms")
    row = (await rows(fresh))["a"]
    connection = await admin(fresh)
    left = await connection.fetchval("SELECT extract(epoch FROM $1::timestamptz - now())", row["next_at"])
    await connection.close()
    assert 2000 < left <= 3000
    assert not await worker.deliver_next("sms")


@pytest.mark.parametrize("defect", [ValueError("13900001234"), StoreUnavailable("13900001234")])
async def test_a_defect_is_tried_again_and_tells_nothing(
    fresh: Database,
    engine: AsyncEngine,
    recorder: Recorder,
    capsys: pytest.CaptureFixture[str],
    defect: Exception,
) -> None:
    box = Box()
    box.failures.append(defect)
    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(box))
    await ask(recorder, "a")
    assert await worker.deliver_next("sms")
    row = (await rows(fresh))["a"]
    assert row["state"] == "pending"
    assert "13900001234" not in str(dict(row)) + "".join(capsys.readouterr())


async def test_several_workers_send_each_message_once(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    box = Box()
    workers = [outgoing(engine, recorder, sms=OutgoingJob(box))[0] for _ in range(3)]
    await ask(recorder, *(f"k{n:02}" for n in range(40)))
    async with at_work(*workers):
        await until(lambda: _all(fresh, "done", 40))
    assert sorted(m.key for m in box.got) == [f"k{n:02}" for n in range(40)]


async def test_what_a_killed_worker_had_claimed_is_taken_up_after_the_lease(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    begun = asyncio.Event()

    class Stuck(Box):
        async def send(self, message: Effect) -> None:
            begun.set()
            await asyncio.Event().wait()

    pace = Pace(first=0.02, longest=0.1, patience=1, lease=0.5, poll=0.02)
    await ask(recorder, "a")
    killed = asyncio.create_task(
        outgoing(engine, recorder, pace, sms=OutgoingJob(Stuck()))[0].deliver_next("sms")
    )
    await begun.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert await _state(fresh, "a", "pending")
    box = Box()
    async with at_work(outgoing(engine, recorder, pace, sms=OutgoingJob(box))[0]):
        await until(lambda: _all(fresh, "done", 1))
    assert [m.key for m in box.got] == ["a"]


async def test_an_overdue_worker_has_no_say_over_a_row_that_was_claimed_again(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    class Slow(Box):
        async def send(self, message: Effect) -> None:
            connection = await admin(fresh)  # meanwhile another one has claimed it
            await connection.execute("UPDATE effects SET attempts = attempts + 1")
            await connection.close()
            raise NotDelivered("HTTP_410", final=True)

    await ask(recorder, "a")
    await outgoing(engine, recorder, sms=OutgoingJob(Slow()))[0].deliver_next("sms")
    assert await _state(fresh, "a", "pending")


async def test_the_message_is_prepared_when_it_is_sent_and_not_stored(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    box = Box()

    async def prepare(effect: Effect) -> Effect:
        return Effect(effect.key, effect.kind, {"to": "13900001234"})

    await ask(recorder, "a")
    await outgoing(engine, recorder, sms=OutgoingJob(box, prepare))[0].deliver_next("sms")
    assert box.got[0].payload == {"to": "13900001234"}
    row = (await rows(fresh))["a"]
    assert orjson.loads(row["payload"]) == {"n": "a"}
    assert "13900001234" not in str(dict(row))


async def test_the_result_is_an_event_once_even_if_the_message_is_sent_twice(
    fresh: Database, engine: AsyncEngine, recorder: Recorder
) -> None:
    stream = uuid4()

    async def on_done(effect: Effect) -> Append:
        return Append(events=[opened(stream)])

    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(Box(), on_done=on_done))
    await ask(recorder, "a")
    await worker.deliver_next("sms")
    connection = await admin(fresh)  # as if the process had died before it could say that it was done
    await connection.execute("UPDATE effects SET state = 'pending', next_at = NULL")
    await connection.close()
    assert await worker.deliver_next("sms")
    assert await _state(fresh, "a", "done")
    assert len(await recorder.load(stream)) == 1


async def test_a_restart_of_the_database_is_survived(
    crashing_server: Postgres, make_recorder: Callable[..., Awaitable[Recorder]]
) -> None:
    database = await make_database(crashing_server)
    recorder = await make_recorder(database)
    engine = engine_of(database)
    box = Box()
    worker, _ = outgoing(engine, recorder, sms=OutgoingJob(box))
    async with at_work(worker):
        await ask(recorder, "a")
        await until(lambda: _all(database, "done", 1))
        await asyncio.to_thread(crashing_server.stop, "immediate")
        await asyncio.to_thread(crashing_server.start)
        await ask(recorder, "b")
        await until(lambda: _all(database, "done", 2))
    await engine.dispose()
    assert [m.key for m in box.got] == ["a", "b"]
