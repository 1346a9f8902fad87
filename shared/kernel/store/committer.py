"""Group commit: appends that wait together are decided together and written in one transaction.

One task drains a bounded queue into batches. A batch holds the store's advisory lock for one transaction:
read the facts, decide in memory (`admission`), write one statement per table, commit, answer. If the facts
are known already, since this process has written last, all of it is one statement. Nothing is answered before
it is durable. When the answer to a COMMIT is lost, the next attempt first finds out, under the same lock,
whether it happened. The task outlives every loss of the database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kernel.clock import Clock, SystemClock
from shared.kernel.failpoint import hit
from shared.kernel.store.admission import Outcome, StoreFacts, Unit, Writes, decide
from shared.kernel.store.driver import away, driver_of
from shared.kernel.store.statements import Statements
from shared.kernel.store.types import Appended, ClockWrong, LogEntry, StoreError, StoreUnavailable

log = structlog.get_logger(__name__)
NOW = "SELECT clock_timestamp()"


@dataclass(slots=True)
class Waiting:
    """An append in the queue."""

    unit: Unit
    since: float
    answer: asyncio.Future[Appended]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A COMMIT whose answer was lost: the outcomes that it stands for if it happened, and the means to find
    out."""

    outcomes: list[Outcome]
    last_position: int
    event_id: UUID | None
    transaction: str


@dataclass(slots=True)
class Tally:
    """Counts of the committer since it started, for metrics."""

    batches: int = 0
    at_once: int = 0
    """Batches that took one statement."""
    appends: int = 0
    retries: int = 0
    doubts: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Head:
    """The end of the log as this process has written it; true until somebody else writes."""

    position: int
    recorded_at: datetime


class _Unanswered(Exception):
    def __init__(self, doubt: Doubt) -> None:
        super().__init__()
        self.doubt = doubt


@dataclass(slots=True)
class Limits:
    """Limits on the number of appends that wait, and for how long."""

    queue: int = 2000
    batch: int = 256
    patience: float = 5.0
    """Seconds after which an append that finds no database is given up."""
    transaction: float = 10.0
    """Seconds that one transaction may take, connecting included."""
    backoff: tuple[float, float] = (0.02, 0.5)


@dataclass(slots=True)
class _Connection:
    """The committer's own connection, kept out of the pool between batches."""

    held: AsyncConnection | None = None
    driver: Any = None


@dataclass(slots=True)
class _Queue:
    items: deque[Waiting] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)


class Committer:
    """The one writer of this process. `on_commit` is told the last position of every commit, and its
    events where they are at hand; `on_loss`, that the connection is gone, and perhaps the database behind it
    another one."""

    def __init__(
        self,
        engine: AsyncEngine,
        statements: Statements,
        clock: Clock,
        on_commit: Callable[[int, Sequence[LogEntry]], None],
        limits: Limits | None = None,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        self.limits = limits or Limits()
        self.tally = Tally()
        self._engine = engine
        self._statements = statements
        self._clock = clock
        self._watched = clock if isinstance(clock, SystemClock) else None
        self._on_commit = on_commit
        self._on_loss = on_loss
        self._queue = _Queue()
        self._connection = _Connection()
        self._head: _Head | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Starts the task; the database need not be there yet."""
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name="store committer")

    async def stop(self) -> None:
        """Finishes what was accepted, then ends."""
        self._stopping = True
        self._queue.filled.set()
        if self._task is not None:
            await self._task
            self._task = None
        if self._connection.held is not None and not self._connection.driver.is_closed():
            await self._connection.held.close()
        self._connection = _Connection()

    async def submit(self, unit: Unit) -> Appended:
        """Queues an append and waits for its outcome."""
        if self._task is None or self._stopping:
            raise StoreUnavailable("the store is not running")
        if len(self._queue.items) >= self.limits.queue:
            raise StoreUnavailable("the store is overloaded")
        waiting = Waiting(unit, monotonic(), asyncio.get_running_loop().create_future())
        self._queue.items.append(waiting)
        self._queue.filled.set()
        return await waiting.answer

    async def _run(self) -> None:
        try:
            await self._work()
        finally:
            # Only when the task is cancelled from outside is anything left here.
            for waiting in self._queue.items:
                _answer(waiting, StoreUnavailable("the store was stopped"))
            self._queue.items.clear()

    async def _work(self) -> None:
        queue = self._queue
        while True:
            if not queue.items:
                if self._stopping:
                    return
                queue.filled.clear()
                await queue.filled.wait()
                continue
            # A caller who was just answered and asks again at once shall be in this batch.
            await asyncio.sleep(0)
            batch: list[Waiting] = []
            while queue.items and len(batch) < self.limits.batch:
                waiting = queue.items.popleft()
                if not waiting.answer.done():
                    batch.append(waiting)
            if batch:
                await self._serve(batch)

    async def _serve(self, batch: list[Waiting]) -> None:
        """Commits a batch, come what may; every append of it has its answer afterwards."""
        try:
            await self._commit(batch)
        except Exception as error:
            # The database refuses the write as a whole. Its message may quote data: only its kind is told.
            if len(batch) > 1:
                log.warning("store.batch_refused", appends=len(batch), error=type(error).__name__)
                for waiting in batch:
                    await self._serve([waiting])
                return
            log.error("store.append_refused", error=type(error).__name__)
            self.tally.refused += 1
            _answer(batch[0], StoreError(f"the append was refused: {type(error).__name__}"))

    async def _commit(self, batch: list[Waiting]) -> None:
        until = batch[0].since + self.limits.patience
        delay, longest = self.limits.backoff
        doubt: Doubt | None = None
        while True:
            try:
                self._check_clock()
                units = [waiting.unit for waiting in batch]
                outcomes = (await self._at_once(units)) if doubt is None else None
                if outcomes is None:
                    outcomes = await self._transact(units, doubt)
            except _Unanswered as unanswered:
                doubt = unanswered.doubt
                self.tally.doubts += 1
                log.warning("store.commit_unanswered", appends=len(batch))
                await self._disconnect()
            except ClockWrong as wrong:
                log.error("store.clock_wrong", reason=str(wrong), appends=len(batch))
                for waiting in batch:
                    _answer(waiting, wrong)
                return
            except Exception as error:
                await self._disconnect()
                if not away(error):
                    raise
                log.warning("store.away", error=type(error).__name__, appends=len(batch))
            else:
                self.tally.batches += 1
                self.tally.appends += len(batch)
                for waiting, outcome in zip(batch, outcomes, strict=True):
                    _answer(waiting, outcome)
                return
            if monotonic() >= until:
                for waiting in batch:
                    _answer(waiting, StoreUnavailable("the database is away"))
                return
            self.tally.retries += 1
            await asyncio.sleep(delay)
            delay = min(2 * delay, longest)

    async def _at_once(self, units: Sequence[Unit]) -> list[Outcome] | None:
        """Everything in one statement, where the end of the log is known and the units only add events.

        None, and nothing has happened, where it takes more: somebody else wrote, a version or a command is
        taken. That is then decided for each unit, on the facts.
        """
        head, self._head = self._head, None
        driver = self._connection.driver
        if head is None or driver is None or driver.is_closed() or not all(map(_only_adds, units)):
            return None
        # Its premises are taken for granted here and asked in the statement.
        versions: dict[UUID, int] = {}
        for unit in units:
            for stream, version in unit.places:
                versions.setdefault(stream, version - 1)
        built_on = [(stream, version) for stream, version in versions.items() if version > 0]
        facts = StoreFacts(head.position, head.recorded_at, versions)
        outcomes, writes = decide(units, facts, self._clock.now())
        if not writes.events:
            return None
        hit("store.before_commit")
        try:
            async with asyncio.timeout(self.limits.transaction):
                written = await self._statements.write_at_once(driver, writes, built_on)
        except asyncpg.UniqueViolationError:
            return None
        except Exception as error:
            if isinstance(error, asyncpg.PostgresError) and not away(error):
                raise
            raise _Unanswered(Doubt(outcomes, facts.position, _last_event(writes), "")) from error
        if not written:
            return None
        hit("store.after_commit")
        self.tally.at_once += 1
        self._wrote(facts.position, writes)
        return outcomes

    async def _transact(self, units: Sequence[Unit], doubt: Doubt | None) -> list[Outcome]:
        statements = self._statements
        async with asyncio.timeout(self.limits.transaction):
            driver = await self._connect()
            self._check_clock()
            await statements.begin(driver)
            if doubt is not None and await self._happened(driver, doubt):
                await driver.execute("ROLLBACK")
                self._on_commit(doubt.last_position, ())
                return doubt.outcomes
            facts, transaction = await statements.read_facts(driver, units)
            outcomes, writes = decide(units, facts, self._clock.now())
            if not writes:
                await driver.execute("ROLLBACK")
                return outcomes
            await statements.write(driver, writes)
        hit("store.before_commit")
        await self._end(driver, Doubt(outcomes, facts.position, _last_event(writes), transaction))
        hit("store.after_commit")
        self._wrote(facts.position, writes)
        return outcomes

    def _check_clock(self) -> None:
        """Raises `ClockWrong` where nothing may be written by this clock."""
        if self._watched is not None and (reason := self._watched.wrong()) is not None:
            raise ClockWrong(reason)

    def _wrote(self, position: int, writes: Writes) -> None:
        self._head = _Head(position, writes.recorded_at)
        self._on_commit(position, writes.entries)

    async def _end(self, driver: Any, doubt: Doubt) -> None:
        """COMMIT; whatever it does not answer is in doubt, except a refusal of the database itself."""
        try:
            async with asyncio.timeout(self.limits.transaction):
                tag = await driver.execute("COMMIT")
        except Exception as error:
            if isinstance(error, asyncpg.PostgresError) and not away(error):
                raise
            raise _Unanswered(doubt) from error
        if tag != "COMMIT":
            raise StoreError(f"the transaction ended with {tag}")

    async def _happened(self, driver: Any, doubt: Doubt) -> bool:
        """True if a COMMIT in doubt took place. Under the lock the old transaction has ended either way.

        An event id at its position is the better witness: a standby that was promoted without our tail may
        have given the transaction id to another.
        """
        if doubt.event_id is not None:
            return await self._statements.event_at(driver, doubt.last_position) == doubt.event_id
        return await self._statements.committed(driver, doubt.transaction)

    async def _connect(self) -> Any:
        connection = self._connection
        if connection.held is not None and connection.driver.is_closed():
            await self._disconnect()
        if connection.held is None:
            connection.held = await self._engine.connect()
            connection.driver = await driver_of(connection.held)
            await self._statements.set_up(connection.driver)
            if self._watched is not None:
                await self._watched.compare(connection.driver.fetchval(NOW))
        return connection.driver

    async def _disconnect(self) -> None:
        """Gives the connection up for good: after an error nobody knows what state it is in."""
        connection, self._connection = self._connection, _Connection()
        self._on_loss()
        if connection.held is None:
            return
        if connection.driver is not None:
            connection.driver.terminate()
        with contextlib.suppress(Exception):
            await connection.held.invalidate()
        with contextlib.suppress(Exception):
            await connection.held.close()


def _answer(waiting: Waiting, outcome: Outcome) -> None:
    if waiting.answer.done():  # its caller gave up
        return
    if isinstance(outcome, Exception):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome)


def _only_adds(unit: Unit) -> bool:
    """True if a unit writes nothing but events and its command, and depends on nothing but its streams."""
    command = unit.command
    return bool(
        unit.places
        and unit.tracking is None
        and not (unit.parked or unit.unparked or unit.effects or unit.exclusions or any(unit.series))
        and (command is None or any(stream == command.stream for stream, _ in unit.places))
    )


def _last_event(writes: Writes) -> UUID | None:
    return writes.events[-1].event_id if writes.events else None
