"""Carries out what the events asked for: claims due effects, delivers them, tries again, gives up.

Kinds do not wait for one another: each has a loop of its own, and within a kind the oldest due goes first.
Any number of workers is harmless: a claim skips locked rows and holds for a lease, and what an overdue
worker has to say about a row that was claimed again is not taken. So a message may be sent twice under one
key, but never lost. Pauses and leases run by the database's real clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kernel.effect import Effect
from shared.kernel.outgoing.adapters import Adapter, NotDelivered
from shared.kernel.spans import DEFECT, Untold, sending
from shared.kernel.store.driver import away, borrowed
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, CommandRecord, StoreUnavailable, VersionConflict
from shared.kernel.trace import follow
from shared.language.ids import derived_id

log = structlog.get_logger("outgoing")
WATCH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OutgoingJob:
    """Carries out one kind of message. `prepare` makes the message from the stored effect, at the moment of
    sending; `on_done` says which events follow from a delivery, if any, and `on_dead` which from giving up,
    with the reason."""

    adapter: Adapter
    prepare: Callable[[Effect], Awaitable[Effect]] | None = None
    on_done: Callable[[Effect], Awaitable[Append | None]] | None = None
    on_dead: Callable[[Effect, str], Awaitable[Append | None]] | None = None
    of_a_reporter: bool = False
    """True if what became of a message tells of a reporter (that they gave no contact): no span and no line
    of the log then leads from it to the case."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses double from `first` to `longest` seconds; after `patience` seconds of them a row is dead.

    The time during which no worker runs counts for nothing.
    """

    first: float = 5
    longest: float = 3600
    patience: float = 72 * 3600
    lease: float = 60
    poll: float = 0.5

    def pause(self, attempt: int) -> float:
        """The pause after an attempt (from 1 on), without jitter."""
        return min(self.longest, self.first * 2.0 ** min(attempt - 1, 40))

    def exhausted(self, attempt: int) -> bool:
        return sum(self.pause(n) for n in range(1, attempt + 1)) > self.patience


class OutgoingMetrics:
    """Numbers by kind, and nothing else."""

    def __init__(self, registry: CollectorRegistry, kinds: Mapping[str, object]) -> None:
        self.done = Counter("zm_outgoing_done_total", "Effects carried out", ["kind"], registry=registry)
        self.failed = Counter("zm_outgoing_failures_total", "Failed attempts", ["kind"], registry=registry)
        self.pending = Gauge("zm_outgoing_pending", "Effects to be carried out", ["kind"], registry=registry)
        self.dead = Gauge("zm_outgoing_dead", "Effects given up", ["kind"], registry=registry)
        for kind in kinds:
            for counted in (self.done, self.failed, self.pending, self.dead):
                counted.labels(kind)


class Outgoing:
    """The worker of one service. One whose deliveries are followed by no events needs no recorder."""

    def __init__(
        self,
        engine: AsyncEngine,
        recorder: Recorder | None,
        jobs: Mapping[str, OutgoingJob],
        metrics: OutgoingMetrics,
        pace: Pace | None = None,
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._jobs = jobs
        self._metrics = metrics
        self._pace = pace or Pace()

    async def run(self) -> None:
        """Works until it is cancelled; a database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            for kind in self._jobs:
                group.create_task(self._supervised(partial(self._drain, kind), self._pace.poll))
            group.create_task(self._supervised(self._watch, WATCH_SECONDS))

    async def _supervised(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await work()
            except Exception as error:
                if not away(error) and not isinstance(error, StoreUnavailable):
                    raise
                log.warning("outgoing_waits", error=type(error).__name__)
                await asyncio.sleep(1)
            await asyncio.sleep(pause)

    async def _drain(self, kind: str) -> None:
        while await self.deliver_next(kind):
            pass

    async def deliver_next(self, kind: str) -> bool:
        """Deals with the oldest due effect of a kind; False when none is due."""
        follow("")
        async with borrowed(self._engine) as driver:
            row = await driver.fetchrow(_CLAIM, kind, self._pace.lease)
        if row is None:
            return False
        effect, attempt = Effect(row["key"], kind, orjson.loads(row["payload"])), row["attempts"]
        trace_id = "" if self._jobs[kind].of_a_reporter else row["trace_id"]
        follow(trace_id)
        with sending(kind, trace_id) as step:
            await self._attempt(effect, attempt, step)
        return True

    async def _attempt(self, effect: Effect, attempt: int, step: Untold) -> None:
        kind = effect.kind
        try:
            async with asyncio.timeout(self._pace.lease / 2):
                await self._deliver(effect)
        except NotDelivered as failure:
            step.ends(failure.reason)
            await self._failed(effect, attempt, failure)
        except TimeoutError:
            step.ends("TIMEOUT")
            await self._failed(effect, attempt, NotDelivered("TIMEOUT"))
        except StoreUnavailable:
            step.ends("AWAY")
            await self._failed(effect, attempt, NotDelivered("AWAY"))
        except Exception as error:
            # Its type names the defect; its message might hold what was to be sent.
            step.ends(DEFECT)
            log.error("outgoing_defect", kind=kind, error=type(error).__name__)
            await self._failed(effect, attempt, NotDelivered(f"DEFECT_{type(error).__name__}"))
        else:
            async with borrowed(self._engine) as driver:
                await driver.execute(_DONE, effect.key, attempt)
            self._metrics.done.labels(kind).inc()

    async def _deliver(self, effect: Effect) -> None:
        job = self._jobs[effect.kind]
        message = effect if job.prepare is None else await job.prepare(effect)
        await job.adapter.send(message)
        if job.on_done is not None:
            await self._record(partial(job.on_done, effect), "effect", effect)

    async def _record(
        self, result: Callable[[], Awaitable[Append | None]], what: str, effect: Effect
    ) -> None:
        """The result as events, once per key: a delivery that is repeated finds its command known."""
        for attempt in (1, 2, 3):
            append = await result()
            if append is None or not append.events:
                return
            assert self._recorder is not None
            stream = append.events[0].originator_id
            append.command = CommandRecord(derived_id(what, effect.key), b"effect", stream)
            try:
                await self._recorder.append(append)
                return
            except VersionConflict:
                if attempt == 3:
                    raise

    async def _failed(self, effect: Effect, attempt: int, failure: NotDelivered) -> None:
        dead = failure.final or self._pace.exhausted(attempt)
        on_dead = self._jobs[effect.kind].on_dead
        if dead and on_dead is not None:
            # Before it is given up, those who must hear of it do.
            await self._record(partial(on_dead, effect, failure.reason), "dead effect", effect)
        pause = max(self._pace.pause(attempt) * random.uniform(0.5, 1), failure.after)  # noqa: S311
        async with borrowed(self._engine) as driver:
            await driver.execute(
                _FAILED,
                effect.key,
                attempt,
                "dead" if dead else "pending",
                min(pause, self._pace.longest),
                failure.reason,
            )
        self._metrics.failed.labels(effect.kind).inc()
        log.warning("not_delivered", kind=effect.kind, attempt=attempt, reason=failure.reason, dead=dead)

    async def _watch(self) -> None:
        async with borrowed(self._engine) as driver:
            rows = await driver.fetch(_COUNT)
        counts = {(r["kind"], r["state"]): r["n"] for r in rows}
        for kind in {*self._jobs, *(kind for kind, _ in counts)}:
            self._metrics.pending.labels(kind).set(counts.get((kind, "pending"), 0))
            self._metrics.dead.labels(kind).set(counts.get((kind, "dead"), 0))


_CLAIM = """
    UPDATE effects SET attempts = attempts + 1, next_at = now() + $2 * interval '1 second'
    WHERE key = (
        SELECT key FROM effects
        WHERE state = 'pending' AND kind = $1 AND (next_at IS NULL OR next_at <= now())
        ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING key, payload::text AS payload, attempts, trace_id
    """
_DONE = """
    UPDATE effects SET state = 'done', done_at = now(), next_at = NULL, error = NULL
    WHERE key = $1 AND attempts = $2 AND state = 'pending'
    """
_FAILED = """
    UPDATE effects SET state = $3, next_at = now() + $4 * interval '1 second', error = $5
    WHERE key = $1 AND attempts = $2 AND state = 'pending'
    """
_COUNT = """
    SELECT kind, state, count(*) AS n FROM effects WHERE state = 'pending' GROUP BY kind, state
    UNION ALL SELECT kind, state, count(*) AS n FROM effects WHERE state = 'dead' GROUP BY kind, state
    """
