"""Read models: one supervised loop for all projections, and the rebuild of each beside the one that serves.

A batch of events and the position behind it are one transaction, so a read model is always the fold of a
prefix of the log. Projections that get on share one reading of the log and one transaction; as soon as one of
them fails, each goes on by itself until none does. Each makes its tables in a transaction of its own. A loop
survives every loss of the database and every error of its projection: it logs, waits and tries again, reports
its lag, and never stops without a word.

A new version comes up beside the old one, whose tables go once all of this process serve (ADR 25).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from time import monotonic, time_ns
from typing import Any, NamedTuple, Protocol

import structlog
from sqlalchemy import MetaData, Table, Uuid, delete, func, select, text, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateIndex

from shared.kernel.clock import Clock
from shared.kernel.spans import batch as tell_batch
from shared.kernel.store.driver import away, borrowed, driver_of
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.rows import RowSet
from shared.kernel.store.schema import NEXT_SCHEMA, VIEW_SCHEMA, ProjectionTables, view_metadata
from shared.kernel.store.types import RawEntry, StoreUnavailable

log = structlog.get_logger(__name__)

# The custom plan: one that was made while a table was small scans it for ever.
_BEGIN = "BEGIN; SET LOCAL plan_cache_mode = force_custom_plan"
# ruff: noqa: S608 -- the names are those of our own tables
_THESE = "(name, version) IN (SELECT * FROM unnest($1::text[], $2::int[]))"
_LOCK_POSITIONS = (
    f"SELECT name, position FROM {VIEW_SCHEMA}.projection_positions WHERE {_THESE} ORDER BY name FOR UPDATE"
)
_MOVE_POSITIONS = f"UPDATE {VIEW_SCHEMA}.projection_positions SET position = $3 WHERE {_THESE}"

_LOCK = select(func.pg_advisory_xact_lock(func.hashtext("zm.projections")))
"""Two replicas may start at once, and CREATE IF NOT EXISTS races."""
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_TABLES_IN = "SELECT tablename FROM pg_tables WHERE schemaname = :schema"

OnLag = Callable[[str, int], None]
"""Told a projection's name and how many events it is behind."""
OnHalt = Callable[[str, str | None], None]
"""Told a projection's name and the kind of the error by which it stands still; None once it gets on."""


class Difference(NamedTuple):
    """Number of rows of a table that are not what the log says, and some of the cases that they belong to:
    the rows themselves may hold names."""

    table: str
    missing: int
    altered: int
    surplus: int
    some: tuple[str, ...]

    @property
    def rows(self) -> int:
        return self.missing + self.altered + self.surplus


class Projection(Protocol):
    """A read model. Its tables are of `view_metadata()`; their names end with `_v<version>`.

    `apply` fetches the rows that the batch touches and folds the events into them, in order. It must
    depend on nothing but events and rows: a rebuild has to give the same.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def tables(self) -> Sequence[Table]: ...
    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None: ...


class Projector:
    """Runs the projections of one service."""

    BATCH = 500
    BULK = 2_000
    HELD = 1_000_000
    """Rows that a rebuild holds in memory before it goes on in the database."""
    HELD_GENTLY = 50_000
    """Rows that a comparison holds: fewer, since others work beside it."""
    GENTLY = 3.0
    """The rest of a comparison, as a multiple of the time that a page took."""
    LONGEST_LAG = 60.0
    """Seconds for which a comparison waits for a read model that is behind."""
    BACKOFF = (0.1, 5.0)
    REST = 3.0
    """The rest of a loop that has caught up, as a multiple of the time that its last batch took."""
    LONGEST_REST = 0.25
    AFTER_OTHERS = 0.002
    """Seconds for which a projection waits until the other work that a commit has woken is under way."""

    def __init__(
        self,
        engine: AsyncEngine,
        recorder: Recorder,
        projections: Sequence[Projection],
        clock: Clock,
        on_lag: OnLag | None = None,
        on_halt: OnHalt | None = None,
    ) -> None:
        self.lag: dict[str, int] = {}
        self.failing: dict[str, str] = {}
        """The kind of the last error of each projection that does not get on."""
        self.halted: dict[str, str] = {}
        """Failing projections that a person has to look at: it is not that the database is away."""
        self._alone: set[str] = set()
        """The projections that have not come within a batch of the end since they went on by themselves."""
        self._engine = engine
        self._recorder = recorder
        self._projections = {projection.name: projection for projection in projections}
        self._clock = clock
        self._on_lag = on_lag
        self._on_halt = on_halt
        self._books = ProjectionTables()
        self._positions: dict[str, int] = {}
        self._moved: dict[str, asyncio.Event] = {name: asyncio.Event() for name in self._projections}
        self._asked = asyncio.Event()
        """Set when somebody waits for a position."""
        self._loop: asyncio.Task[None] | None = None
        self._filling = asyncio.Lock()
        """One at a time holds its rows in memory; side by side they would be no sooner done."""
        self._folding = False
        _check(projections)

    @property
    def names(self) -> list[str]:
        """The names of the read models."""
        return list(self._projections)

    async def start(self, *, folding: bool = True) -> None:
        """Starts the loop; the database need not be there yet. If another process folds, this one only sees
        to it that there are tables to read."""
        self._folding = folding
        if self._projections:
            work = self._run() if folding else self._only_prepare()
            self._loop = asyncio.create_task(work, name="projections")

    async def stop(self) -> None:
        """Stops the loop; a batch in work is rolled back and comes again."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop, self._folding = None, False

    async def prepare(self) -> None:
        """Creates what is missing: bookkeeping, and the tables of versions that never ran here."""
        for projection in self._projections.values():
            await self._prepare(projection)

    async def _prepare(self, projection: Projection) -> None:
        """The same for one of them, in a transaction of its own: one that cannot stops no other."""
        name, version = projection.name, projection.version
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            await connection.run_sync(self._books.metadata.create_all)
            for table in projection.tables:
                await connection.run_sync(table.metadata.create_all, tables=[table])
            positions, active = self._books.positions, self._books.active
            prepared = upsert(positions).values(name=name, version=version, position=0)
            serving = upsert(active).values(
                name=name, version=version, generation=1, switched_at=self._clock.now()
            )
            await connection.execute(prepared.on_conflict_do_nothing())
            await connection.execute(serving.on_conflict_do_nothing())

    @property
    def prepared(self) -> bool:
        """True once every read model has its tables, so that it can be asked at all, or is known to stand
        still (`halted`): its reads then answer E_NOT_YET, and commands need not wait for it."""
        return self._positions.keys() | self.halted.keys() >= self._projections.keys()

    async def position(self, name: str) -> int:
        """The position up to which a projection has read, as its tables show it; -1 where it has none."""
        projection = self._projections[name]
        async with self._engine.connect() as connection:
            position = await self._read_position(connection, projection)
        if position < self._positions.get(name, -1):  # its tables were dropped, and made again
            self._positions[name] = position
        self._reached(name, position)
        return position

    async def wait_for(self, name: str, position: int, timeout: float = 1.0) -> bool:  # noqa: ASYNC109
        """Waits until a read model shows a position; False when the time is over first. One whose tables are
        not there yet shows none, not even 0.

        Works in a process that does not run the loops, too: it then looks every 50 ms.
        """
        until = monotonic() + timeout
        while self._positions.get(name, -1) < position:
            left = until - monotonic()
            if left <= 0:
                return False
            self._asked.set()
            moved = self._moved[name]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.05)):
                    await moved.wait()
            if not self._folding:
                with contextlib.suppress(DBAPIError, OSError):
                    await self.position(name)
        return True

    async def _only_prepare(self) -> None:
        await asyncio.gather(*map(self._prepare_patiently, self._projections.values()))

    async def _prepare_patiently(self, projection: Projection) -> None:
        delay, longest = self.BACKOFF
        while True:
            try:
                await self._prepare(projection)
                await self.position(projection.name)
                self._gets_on(projection.name)
                return
            except Exception as error:
                self._fails(projection.name, error, delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, longest)

    async def _run(self) -> None:
        everyone = list(self._projections.values())
        tidy = False
        while True:
            self._alone = set(self._projections)
            await asyncio.gather(*(self._catch_up(projection) for projection in everyone))
            try:
                if not tidy:
                    # Once: an older process beside us may make its own again, and the two would quarrel.
                    tidy = True
                    await self.drop_others()
                while True:
                    await self._step(everyone)
            except Exception as error:
                # The culprit shows when each goes on by itself.
                log.warning("projections.apart", error=_kind(error))

    async def _catch_up(self, projection: Projection) -> None:
        """Folds one projection by itself, until all are near the end of the log: more than a batch behind, it
        would hold up the others."""
        name = projection.name
        delay, longest = self.BACKOFF
        while True:
            try:
                await self._prepare(projection)
                await self._bring_up(projection)
                while self._alone:
                    await self._step([projection])
                    delay = self.BACKOFF[0]
                    self._gets_on(name)
                    if self.lag[name] < self.BATCH:
                        self._alone.discard(name)
                return
            except Exception as error:
                self._alone.add(name)
                self._fails(name, error, delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, longest)

    def _fails(self, name: str, error: Exception, delay: float) -> None:
        self.failing[name] = kind = _kind(error)
        # Not the message: it may quote a row.
        log.warning("projection.failing", projection=name, error=kind, retry_in=delay)
        if not (isinstance(error, StoreUnavailable) or away(error)):
            self.halted[name] = kind
            if self._on_halt is not None:
                self._on_halt(name, kind)

    def _gets_on(self, name: str) -> None:
        self.failing.pop(name, None)
        if self.halted.pop(name, None) is not None and self._on_halt is not None:
            self._on_halt(name, None)

    async def _bring_up(self, projection: Projection) -> None:
        """A version that never ran and finds a long log is filled in bulk."""
        position = await self.position(projection.name)
        head = await self._recorder.max_position()
        self._report(projection.name, head - position)
        if position == 0 and head > self.BULK:
            async with self._exclusively(projection) as guard:
                # Another replica may have done it while we waited.
                if await self.position(projection.name) == 0:
                    await self._rebuild(projection, guard)
        await self._serve(projection)

    async def _serve(self, projection: Projection) -> None:
        """Notes that this version is the one that serves, if an older one was."""
        active = self._books.active
        async with self._engine.begin() as connection:
            await connection.execute(
                update(active)
                .where(active.c.name == projection.name, active.c.version < projection.version)
                .values(
                    version=projection.version,
                    generation=active.c.generation + 1,
                    switched_at=self._clock.now(),
                )
            )

    async def drop_others(self) -> None:
        """Drops tables that no read model of this process has: other versions, those that were given up, the
        rest of a rebuild. They hold names and allegations in clear (§6.5). A process that is itself the older
        one drops nothing: it runs beside the new one, or for as long as that is taken back."""
        positions, active = self._books.positions, self._books.active
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            newest = (await connection.execute(select(active.c.name, active.c.version))).all()
            ours = {p.name: p.version for p in self._projections.values()}
            if any(version > ours.get(name, version) for name, version in newest):
                log.warning("projections.newer_version_there")
                return
            kept = {table.name for p in self._projections.values() for table in p.tables}
            books = {table.name for table in self._books.metadata.tables.values()}
            dropped: list[str] = []
            for schema, names in ((VIEW_SCHEMA, kept | books), (NEXT_SCHEMA, kept)):
                found = (await connection.execute(text(_TABLES_IN), {"schema": schema})).scalars().all()
                dropped += [f'{schema}."{name}"' for name in sorted(set(found) - names)]
            for name in dropped:
                await connection.execute(text(f"DROP TABLE {name}"))
            those = tuple_(positions.c.name, positions.c.version)
            await connection.execute(delete(positions).where(those.not_in(list(ours.items()))))
            await connection.execute(delete(active).where(active.c.name.not_in(ours)))
        if dropped:
            log.info("projections.old_tables_dropped", tables=dropped)

    async def _step(self, projections: Sequence[Projection]) -> None:
        """Folds the next batch into those of them that are furthest behind, or waits for one."""
        known = min(map(self._position_of, projections))
        if not await self._recorder.wait_for(known, 1.0):
            # Asked, not assumed: waiting in vain is also what a database that is away looks like.
            head = await self._recorder.max_position()
            for projection in projections:
                self._report(projection.name, head - self._position_of(projection))
            return
        # Callers who wait for the answer to a command, and the relay, come first: this keeps the loop busy.
        await asyncio.sleep(self.AFTER_OTHERS)
        began = monotonic()
        full = await self._fold(projections)
        head = await self._recorder.max_position() if full else max(map(self._position_of, projections))
        for projection in projections:
            self._report(projection.name, head - self._position_of(projection))
        if not full:
            # Caught up: under a steady stream a rest makes the next batch larger, and each event cheaper.
            await self._rest(min(self.REST * (monotonic() - began), self.LONGEST_REST))

    async def _rest(self, seconds: float) -> None:
        """Rests until the time is over, or somebody waits for events that have not been folded yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    async def _fold(self, projections: Sequence[Projection]) -> bool:
        """Folds one batch in one transaction; True if there may be more. A connection on which it fails is
        given up, and the transaction with it."""
        self._asked.clear()
        began = time_ns()
        async with borrowed(self._engine) as driver:
            await driver.execute(_BEGIN)
            # The row locks make a second projector of the same service wait, and go on behind us.
            keys = [p.name for p in projections], [p.version for p in projections]
            positions = dict(await driver.fetch(_LOCK_POSITIONS, *keys))
            if len(positions) != len(projections):
                raise LookupError("a projection was not prepared")
            position = min(positions.values())
            behind = [p for p in projections if positions[p.name] == position]
            batch = await self._recorder.read_raw(position, self.BATCH)
            if batch:
                for projection in behind:
                    rows = RowSet({table: table for table in projection.tables}, driver)
                    await projection.apply(batch, rows)
                    await rows.flush()
                    positions[projection.name] = batch[-1].position
                keys = [p.name for p in behind], [p.version for p in behind]
                await driver.execute(_MOVE_POSITIONS, *keys, batch[-1].position)
            await driver.execute("COMMIT")
        followed = ((entry.data["event_id"], entry.data["meta"]) for entry in batch)
        tell_batch(self._recorder.service, "fold", "+".join(keys[0]), began, followed)
        for name, reached in positions.items():
            self._reached(name, reached)
        return len(batch) == self.BATCH or len(behind) < len(projections)

    def _position_of(self, projection: Projection) -> int:
        return self._positions.get(projection.name, 0)

    async def rebuild(self, name: str) -> int:
        """Fills the next generation from the whole log, then switches; returns the position reached.

        The version that serves goes on serving and reading. The switch is one transaction: a reader sees the
        old tables or the new ones.
        """
        projection = self._projections[name]
        await self._prepare(projection)
        async with self._exclusively(projection) as guard:
            return await self._rebuild(projection, guard)

    @contextlib.asynccontextmanager
    async def _exclusively(self, projection: Projection) -> AsyncIterator[AsyncConnection]:
        """Keeps others from rebuilding this version meanwhile: the next generation has one name.

        Gives the connection whose session holds the lock; a lock that was lost shows when it is used.
        """
        key = func.hashtextextended(f"zm.rebuild.{projection.name}.{projection.version}", 0)
        async with self._engine.connect() as guard:
            guard = await guard.execution_options(isolation_level="AUTOCOMMIT")
            try:
                await guard.execute(select(func.pg_advisory_lock(key)))
                yield guard
                await guard.execute(select(func.pg_advisory_unlock(key)))
            except BaseException:
                await guard.invalidate()  # the session ends, and with it the lock
                raise

    async def _rebuild(self, projection: Projection, guard: AsyncConnection) -> int:
        targets = _next_tables(projection)
        await self._create_next(targets)
        async with self._filling:
            with _no_collector():
                position = await self._fill(projection, targets, self.HELD)
            _let_go()
        async with self._engine.begin() as connection:
            # The row's lock holds the live loop up while the last events come in.
            await self._read_position(connection, projection, lock=True)
            driver = await driver_of(connection)
            rows = RowSet(targets, driver)
            while batch := await self._recorder.read_raw(position, self.BATCH):
                await projection.apply(batch, rows)
                await rows.flush()
                rows.bind(driver)
                position = batch[-1].position
            await self._switch(connection, projection, position)
            await guard.execute(select(1))  # still alone
        self._reached(projection.name, position)
        log.info(
            "projection.rebuilt", projection=projection.name, version=projection.version, position=position
        )
        return position

    async def compare(self, name: str) -> list[Difference]:
        """Folds the whole log beside the read model that serves, and tells where this differs: somebody has
        changed it, or a defect has. Nothing is held up by it; None differs in what is not folded yet."""
        projection = self._projections[name]
        targets = _next_tables(projection)
        async with self._exclusively(projection) as guard:
            try:
                await self._create_next(targets)
                async with self._engine.begin() as connection:
                    for table in targets.values():  # for an hour at most: no need to be in every backup
                        await connection.execute(
                            text(f'ALTER TABLE {NEXT_SCHEMA}."{table.name}" SET UNLOGGED')
                        )
                async with self._filling:
                    position = await self._fill(projection, targets, self.HELD_GENTLY, self.GENTLY)
                if not await self.wait_for(name, position, self.LONGEST_LAG):
                    raise StoreUnavailable(f"{name} is too far behind to be compared")
                found = await self._differences(projection, targets, position)
                await guard.execute(select(1))  # still alone
                return found
            finally:
                await self._drop_next(targets)

    async def _differences(
        self, projection: Projection, targets: dict[Table, Table], position: int
    ) -> list[Difference]:
        """The differences at one instant: the tables that serve and their position are one snapshot, up to
        which the other ones are brought in the same transaction."""
        async with self._engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin() as transaction:
                reached = await self._read_position(connection, projection)
                driver = await driver_of(connection)
                rows = RowSet(targets, driver)
                while position < reached:
                    batch = await self._recorder.read_raw(position, min(self.BATCH, reached - position))
                    await projection.apply(batch, rows)
                    await rows.flush()
                    rows.bind(driver)
                    position = batch[-1].position
                compared = [await _compared(driver, table, targets[table]) for table in projection.tables]
                await transaction.rollback()
        return [difference for difference in compared if difference.rows]

    async def _drop_next(self, targets: dict[Table, Table]) -> None:
        async with self._engine.begin() as connection:
            for table in reversed(list(targets.values())):
                await connection.execute(text(f'DROP TABLE IF EXISTS {NEXT_SCHEMA}."{table.name}"'))

    async def _create_next(self, targets: dict[Table, Table]) -> None:
        await self._drop_next(targets)
        async with self._engine.begin() as connection:
            for table in targets.values():
                # Without its indexes: they are made over the filled table, at once.
                bare = table.to_metadata(MetaData())
                bare.indexes.clear()
                await connection.run_sync(bare.create)

    async def _fill(
        self, projection: Projection, targets: dict[Table, Table], held: int, rest: float = 0.0
    ) -> int:
        """Folds the log in memory, up to so many rows, and copies them in. Reading is one page ahead of
        folding. `rest`: how long to leave the process to others, by how long a page took."""
        position, copied = 0, False
        async with self._engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            driver = await driver_of(connection)
            rows = RowSet(targets, driver, empty=True)
            page = asyncio.create_task(self._recorder.scan(position, self.BULK))
            try:
                while batch := await page:
                    began = monotonic()
                    position = batch[-1].position
                    page = asyncio.create_task(self._recorder.scan(position, self.BULK))
                    await asyncio.sleep(0)  # lets the next page's query go out before we compute
                    await projection.apply(batch, rows)
                    if copied:
                        await rows.flush()
                        rows.bind(driver)
                    elif len(rows) > held:
                        await rows.copy_out()
                        copied = True
                    if rest:
                        await asyncio.sleep(rest * (monotonic() - began))
            finally:
                page.cancel()
            if not copied:
                await rows.copy_out()
            for table in targets.values():
                for index in table.indexes:
                    await connection.execute(CreateIndex(index))
                await connection.execute(text(f'ANALYZE {NEXT_SCHEMA}."{table.name}"'))
        return position

    async def _switch(self, connection: AsyncConnection, projection: Projection, position: int) -> None:
        for table in reversed(list(projection.tables)):
            await connection.execute(text(f'DROP TABLE IF EXISTS {VIEW_SCHEMA}."{table.name}"'))
        for table in projection.tables:
            await connection.execute(
                text(f'ALTER TABLE {NEXT_SCHEMA}."{table.name}" SET SCHEMA {VIEW_SCHEMA}')
            )
        await self._write_position(connection, projection, position)
        active = self._books.active
        await connection.execute(
            update(active)
            .where(active.c.name == projection.name)
            .values(
                version=func.greatest(active.c.version, projection.version),
                generation=active.c.generation + 1,
                switched_at=self._clock.now(),
            )
        )

    async def _read_position(
        self, connection: AsyncConnection, projection: Projection, *, lock: bool = False
    ) -> int:
        positions = self._books.positions
        query = select(positions.c.position).where(
            positions.c.name == projection.name, positions.c.version == projection.version
        )
        found = (await connection.execute(query.with_for_update() if lock else query)).scalar()
        if found is None and lock:
            raise LookupError(f"projection {projection.name} was not prepared")
        return -1 if found is None else int(found)

    async def _write_position(
        self, connection: AsyncConnection, projection: Projection, position: int
    ) -> None:
        positions = self._books.positions
        await connection.execute(
            update(positions)
            .where(positions.c.name == projection.name, positions.c.version == projection.version)
            .values(position=position)
        )

    def _reached(self, name: str, position: int) -> None:
        if position > self._positions.get(name, -1):
            self._positions[name] = position
            moved, self._moved[name] = self._moved[name], asyncio.Event()
            moved.set()

    def _report(self, name: str, lag: int) -> None:
        self.lag[name] = lag
        if self._on_lag is not None:
            self._on_lag(name, lag)


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Switches off the cycle collector, which else walks the held rows again and again: half of the time.

    A rebuild makes JSON, without cycles; reference counting frees it.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _kind(error: Exception) -> str:
    """The name of an error below the one that SQLAlchemy or the store wraps it in."""
    return type(getattr(error, "orig", None) or error).__name__


def _let_go() -> None:
    """Gives the system back the memory of a rebuild: the allocator keeps it for another that may never
    come."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


async def _compared(driver: Any, serving: Table, beside: Table) -> Difference:
    quote = _DIALECT.identifier_preparer
    names = [quote.format_column(column) for column in serving.columns]
    keys = [quote.format_column(column) for column in serving.primary_key.columns]
    cases = [quote.format_column(c) for c in serving.primary_key.columns if isinstance(c.type, Uuid)]
    case = f"coalesce(serving.{cases[0]}, beside.{cases[0]})::text" if cases else "NULL::text"
    here, there = (", ".join(f"{side}.{name}" for name in names) for side in ("serving", "beside"))
    missing, altered, surplus, some = await driver.fetchrow(
        f"""
        SELECT count(*) FILTER (WHERE serving.{keys[0]} IS NULL),
            count(*) FILTER (WHERE serving.{keys[0]} IS NOT NULL AND beside.{keys[0]} IS NOT NULL),
            count(*) FILTER (WHERE beside.{keys[0]} IS NULL),
            (array_agg(DISTINCT {case}))[1:5]
        FROM {quote.format_table(serving)} AS serving
        FULL JOIN {quote.format_table(beside)} AS beside USING ({", ".join(keys)})
        WHERE ({here}) IS DISTINCT FROM ({there})
        """
    )
    return Difference(serving.name, missing, altered, surplus, tuple(s for s in some or () if s))


def _check(projections: Iterable[Projection]) -> None:
    """Refuses tables and indexes whose names another version, or another projection, might have too: schema
    `view` holds the old ones beside the new ones."""
    taken: set[str] = set()
    for projection in projections:
        for table in projection.tables:
            if table.schema != VIEW_SCHEMA or not table.name.endswith(f"_v{projection.version}"):
                raise ValueError(
                    f"{projection.name}: {table.fullname} is not a table "
                    f"of schema {VIEW_SCHEMA} whose name ends with _v{projection.version}"
                )
            names = [*(i.name for i in table.indexes), *(c.name for c in table.constraints)]
            parts = {str(name) for name in names if name is not None}
            for part in parts:
                if not part.startswith(f"{table.name}_"):
                    raise ValueError(f"{projection.name}: {part} does not begin with {table.name}_")
            if shared := taken & {table.name, *parts}:
                raise ValueError(f"{projection.name}: {', '.join(sorted(shared))} is another's")
            taken |= {table.name, *parts}


def _next_tables(projection: Projection) -> dict[Table, Table]:
    metadata = view_metadata(NEXT_SCHEMA)
    return {table: table.to_metadata(metadata, schema=NEXT_SCHEMA) for table in projection.tables}
