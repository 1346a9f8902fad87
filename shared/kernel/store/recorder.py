"""The recorder: a service's event store as its commands, inbox, relay and projections see it.

Appending goes through the group commit of `committer`; the particulars of our events (sealing, human numbers,
the content digest) are in `_Unit` here. Reading opens each state in its place; entries that one reader of the
log has opened, or this process has written, are at hand for the next.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kernel.clock import Clock
from shared.kernel.spans import followed, step, told
from shared.kernel.store.admission import EventRow, Rendered
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.committer import Committer, Limits, Tally
from shared.kernel.store.driver import READ_SECONDS, away, borrowed
from shared.kernel.store.exclusions import Change, Exclusions
from shared.kernel.store.mapper import EventMapper, content_of, data_of, lifted, recorded_of
from shared.kernel.store.recent import Recent
from shared.kernel.store.schema import KernelTables
from shared.kernel.store.statements import Statements
from shared.kernel.store.types import (
    Append,
    Appended,
    Clearance,
    CommandRecord,
    Effect,
    EventTooLarge,
    Exclusion,
    LogEntry,
    RawEntry,
    StoreUnavailable,
    Tracked,
)
from shared.language.event import ChangesExclusion, Recorded

LEGAL_TIME = ZoneInfo("Asia/Shanghai")
MOST_BYTES = 600_000
"""Most bytes of a stored event. Published, its sealed fields are a third longer, and the broker takes 1
MiB."""
JUST_SAID = 0.25
"""Seconds for which the relay trusts a commit's own answer: a failover in that time loses no more than
that."""
POLL, POLL_QUIET = 0.1, 0.5
"""Seconds between looks for events that other processes appended, and where none has come for `QUIET`."""
QUIET = 10.0
"""Seconds without an event after which a log is looked at less often: an idle store costs little."""


class Recorder:
    """Appends events and reads them back. One per process and store."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: str,
        mapper: EventMapper,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        self.service = service
        self.mapper = mapper
        self.tables = KernelTables(service)
        self._engine = engine
        self._recent = Recent()
        self.exclusions = Exclusions(self.exclusions_since, self.last_exclusion)
        self._committer = Committer(
            engine, Statements(self.tables), clock, self._committed, limits, self._forget
        )
        self._seen = 0
        self._moved = monotonic()
        """The moment at which it was last seen to grow."""
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._wake: asyncio.Event = asyncio.Event()
        self._sql = _Queries(self.tables)

    @property
    def tally(self) -> Tally:
        """The committer's counts, for metrics."""
        return self._committer.tally

    async def start(self) -> None:
        """Starts the committer. Appending works as soon as the database does."""
        await self._committer.start()

    async def stop(self) -> None:
        """Finishes the appends that were accepted; takes nothing more."""
        await self._committer.stop()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    async def append(self, append: Append) -> Appended:
        """Appends all or nothing, durably.

        Raises `VersionConflict`, `CommandMismatch`, `AlreadyTracked` or `StoreUnavailable`. The answer to a
        command that is known is its first answer (`repeated`).
        """
        unit = _Unit(append, self.mapper)
        if not told():
            return await self._committer.submit(unit)
        with step("commit", self.service, self.service):
            return await self._committer.submit(unit)

    async def load(
        self, stream: UUID, *, as_of: datetime | None = None, up_to_version: int | None = None
    ) -> list[Recorded]:
        """A stream's events in order; by recorded time, `as_of` is a prefix of the log."""
        rows = await self._fetch(self._sql.stream, stream, as_of, up_to_version)
        await self._learn(rows)
        return self.events_in(rows)

    async def rows_of(self, stream: UUID, first: int = 1) -> list[Any]:
        """A stream from a version on, as it is stored; `events_in` opens it."""
        rows = await self._fetch(self._sql.stream_from, stream, first)
        await self._learn(rows)
        return rows

    async def _learn(self, rows: list[Any]) -> None:
        """Takes the register as far as a reading of a stream tells that it has come."""
        if rows:
            await self.exclusions.reach(rows[0]["register"])

    async def exclusions_since(self, number: int) -> list[Change]:
        """The changes of the register of exclusions behind one of them, in their order."""
        rows = await self._fetch(self._sql.exclusions, number)
        return [Change(Exclusion(*row[:6]), row["number"]) for row in rows]

    async def last_exclusion(self) -> int:
        """The number of the register's last change; 0 where there is none."""
        rows = await self._fetch(self._sql.last_exclusion)
        return int(rows[0][0])

    def events_in(self, rows: list[Any]) -> list[Recorded]:
        """Opens the events of rows."""
        return [self._recorded(row) for row in rows]

    async def streams_of(self, correlation: UUID) -> list[UUID]:
        """The streams of one correlation."""
        return [row[0] for row in await self._fetch(self._sql.correlated, correlation)]

    async def existing(self, streams: Sequence[UUID]) -> set[UUID]:
        """Finds those of these streams that have begun."""
        return {row[0] for row in await self._fetch(self._sql.existing, list(streams))}

    async def streams_with(self, topic: str, after: int) -> list[UUID]:
        """The streams with an event of a topic behind a position. Reads topics only."""
        return [row[0] for row in await self._fetch(self._sql.with_topic, after, topic)]

    async def read(self, after: int, limit: int) -> list[LogEntry]:
        """The log after a position, as relay and log server send it."""
        return await self._entries(after, limit, trusted=JUST_SAID)

    async def read_raw(self, after: int, limit: int) -> list[RawEntry]:
        """The log after a position, as projections fold it."""
        return [
            RawEntry(entry.position, entry.stream, entry.version, entry.topic, entry.recorded_at, data)
            for entry in await self._entries(after, limit)
            for data in [lifted(entry.topic, entry.data)]
        ]

    async def scan(self, after: int, limit: int) -> list[RawEntry]:
        """The same for a rebuild, which reads the whole log: nothing of it stays at hand."""
        return [
            RawEntry(
                row["notification_id"],
                row["originator_id"],
                row["originator_version"],
                row["topic"],
                row["recorded_at"],
                lifted(row["topic"], self.mapper.open_row(row)),
            )
            for row in await self._fetch(self._sql.scan, after, limit)
        ]

    async def _entries(self, after: int, limit: int, *, trusted: float = 0.0) -> list[LogEntry]:
        """The entries at hand after a position, while the database still says so: one that was replaced may
        have lost the end of the log. Its word is trusted for `trusted` seconds."""
        found, since = self._recent.after(after, limit)
        if found and monotonic() - since >= trusted:
            there = await self.find_event(found[-1].position)
            if str(there) != found[-1].event_id:
                self._recent.forget()
                found = []
        if not found:
            before = self._recent.times_forgotten
            rows = await self._fetch(self._sql.log, after, limit)
            found = self._opened(rows)
            if self._recent.times_forgotten == before:  # else it may be another database by now
                self._recent.follow(found, rows[0]["before_id"] if rows else None)
        return found

    def _opened(self, rows: list[Any]) -> list[LogEntry]:
        """Rows of the log, each state opened in its place."""
        previous = rows[0]["before"] if rows else 0
        entries = []
        for row in rows:
            stream, version, topic, state, position, recorded_at, _, _, digest, *_ = row
            data = self.mapper.open_row(row)
            entries.append(
                LogEntry(position, stream, version, topic, recorded_at, data, previous, state, digest)
            )
            previous = position
        return entries

    async def max_position(self) -> int:
        """The last position of the log; 0 when it is empty."""
        rows = await self._fetch(self._sql.last)
        position = int(rows[0][0] or 0)
        self._see(position)
        return position

    async def last_recorded(self) -> datetime | None:
        """The time at which the last event of the log was recorded."""
        rows = await self._fetch(self._sql.last_recorded)
        return rows[0][0] if rows else None

    @property
    def head(self) -> int:
        """The last position of the log that this process has seen."""
        return self._seen

    async def tracked(self, source: str) -> Tracked:
        """The position up to which a source was processed; 0 when it never was."""
        rows = await self._fetch(self._sql.tracked, source)
        return Tracked(source, *rows[0]) if rows else Tracked(source, 0)

    async def epoch(self) -> UUID:
        """The epoch of this log: made with the store, and renewed after a restore."""
        rows = await self._fetch(self._sql.epoch)
        epoch: UUID = rows[0][0]
        return epoch

    async def find_command(self, id: UUID) -> tuple[bytes, dict[str, Any]] | None:
        """The request hash and first answer of a command that was carried out."""
        rows = await self._fetch(self._sql.command, id)
        return (bytes(rows[0][0]), orjson.loads(rows[0][1])) if rows else None

    async def find_event(self, position: int) -> UUID | None:
        """The id of the event at a position."""
        rows = await self._fetch(self._sql.event, position)
        return rows[0][0] if rows else None

    async def wait_for(self, position_after: int, timeout: float) -> bool:  # noqa: ASYNC109 -- not an error
        """Waits until something stands after a position; False when the time is over first.

        Commits of this process wake it in memory, those of others are found by looking every `POLL`; one
        looks for all that wait.
        """
        if self._seen > position_after:
            return True
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout):
                while self._seen <= position_after:
                    self._look_out()
                    await self._wake.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    def _look_out(self) -> None:
        if self._looking is not None and self._looking.done():
            ended, self._looking = self._looking, None
            ended.result()  # what went wrong with it is told, once, to somebody who waits
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name=f"{self.service}-look")

    async def _look(self) -> None:
        """Looks for events that other processes appended, as long as somebody waits for one."""
        while self._waiting:
            await asyncio.sleep(POLL if monotonic() - self._moved < QUIET else POLL_QUIET)
            with contextlib.suppress(StoreUnavailable):  # those who wait go on waiting: it comes back
                await self.max_position()

    def _forget(self) -> None:
        """Trusts nothing at hand any more: the database may be another one."""
        self._recent.forget()
        self.exclusions.forget()

    def _committed(self, position: int, entries: Sequence[LogEntry]) -> None:
        self._recent.add(entries)
        self._see(position)

    def _see(self, position: int) -> None:
        if position > self._seen:
            self._seen, self._moved = position, monotonic()
            self._wake.set()
            self._wake = asyncio.Event()

    async def _fetch(self, query: str, *args: Any) -> list[Any]:
        try:
            async with borrowed(self._engine) as driver:
                return await driver.fetch(query, *args, timeout=READ_SECONDS)  # type: ignore[no-any-return]
        except Exception as error:
            if away(error):
                raise StoreUnavailable(f"the database is away: {type(error).__name__}") from error
            raise

    def _recorded(self, row: Any) -> Recorded:
        topic, data = row["topic"], self.mapper.open_row(row)
        return recorded_of(
            row["originator_id"],
            row["originator_version"],
            topic,
            lifted(topic, data),
            row["notification_id"],
            row["recorded_at"],
        )


class _Queries:
    """The recorder's reads, on the driver's connection: these are on the path of every request."""

    def __init__(self, tables: KernelTables) -> None:
        events, tracking = tables.events.name, tables.tracking.name
        columns = (
            "originator_id, originator_version, topic, state, notification_id, recorded_at, event_id,"
            " correlation_id"
        )
        register = "(SELECT coalesce(max(number), 0) FROM exclusions) AS register"
        # ruff: noqa: S608 -- the names are those of our own tables
        self.stream = (
            f"SELECT {columns}, {register} FROM {events} WHERE originator_id = $1"
            " AND ($2::timestamptz IS NULL OR recorded_at <= $2)"
            " AND ($3::bigint IS NULL OR originator_version <= $3) ORDER BY originator_version"
        )
        self.stream_from = (
            f"SELECT {columns}, {register} FROM {events}"
            " WHERE originator_id = $1 AND originator_version >= $2"
            " ORDER BY originator_version"
        )
        # The position before the first row is the last one not after `after`, whether or not that exists.
        self.log = (
            f"WITH last AS (SELECT notification_id, event_id FROM {events} WHERE notification_id <= $1"
            " ORDER BY notification_id DESC LIMIT 1)"
            f" SELECT {columns}, content_digest, coalesce((SELECT notification_id FROM last), 0) AS before,"
            " (SELECT event_id FROM last) AS before_id"
            f" FROM {events} WHERE notification_id > $1 ORDER BY notification_id LIMIT $2"
        )
        self.scan = (
            f"SELECT {columns} FROM {events} WHERE notification_id > $1 ORDER BY notification_id LIMIT $2"
        )
        self.correlated = f"SELECT DISTINCT originator_id FROM {events} WHERE correlation_id = $1"
        self.exclusions = (
            "SELECT matter, person, stream, role, excluded, since, number FROM exclusions WHERE number > $1"
            " ORDER BY number"
        )
        self.last_exclusion = "SELECT coalesce(max(number), 0) FROM exclusions"
        self.existing = (
            f"SELECT originator_id FROM {events} WHERE originator_id = ANY($1) AND originator_version = 1"
        )
        self.with_topic = f"SELECT originator_id FROM {events} WHERE notification_id > $1 AND topic = $2"
        self.last = f"SELECT max(notification_id) FROM {events}"
        self.last_recorded = f"SELECT recorded_at FROM {events} ORDER BY notification_id DESC LIMIT 1"
        self.tracked = f"SELECT notification_id, event_id, epoch FROM {tracking} WHERE application_name = $1"
        self.epoch = "SELECT id FROM epochs ORDER BY number DESC LIMIT 1"
        self.command = "SELECT request_hash, answer::text FROM commands WHERE id = $1"
        self.event = f"SELECT event_id FROM {events} WHERE notification_id = $1"


@dataclass(slots=True)
class _Unit:
    """An append of our own events, as the committer sees it.

    Rows of events that need no number are made before the lock is asked for; that also shows an event that
    cannot be stored to its caller alone.
    """

    append: Append
    mapper: EventMapper
    places: list[tuple[UUID, int]]
    series: list[str]
    exclusions: list[Exclusion]
    _ready: list[Rendered | None]

    def __init__(self, append: Append, mapper: EventMapper) -> None:
        self.append = append
        self.mapper = mapper
        self.places = []
        self.series = []
        self._ready = []
        self.exclusions = []
        for recorded in append.events:
            if recorded.originator_version < 1:
                raise ValueError(f"{recorded.type}: a stream starts at version 1")
            if not recorded.event.topic:
                raise TypeError(f"{recorded.type} belongs to no service and has no topic")
            if isinstance(event := recorded.event, ChangesExclusion):
                change = event.change(recorded.originator_id)
                since = recorded.meta.occurred_at
                self.exclusions += [Exclusion(m, event.person, *change, since) for m in recorded.meta.matters]
            self.places.append((recorded.originator_id, recorded.originator_version))
            series = series_of(recorded)
            self.series.append(series)
            self._ready.append(None if series else self._render(recorded))

    @property
    def command(self) -> CommandRecord | None:
        return self.append.command

    @property
    def tracking(self) -> Tracked | None:
        return self.append.tracking

    @property
    def parked(self) -> Sequence[dict[str, Any]]:
        return self.append.parked

    @property
    def unparked(self) -> Sequence[int]:
        return self.append.unparked

    @property
    def clearance(self) -> Clearance | None:
        return self.append.clearance

    @property
    def effects(self) -> Sequence[Effect]:
        append = self.append
        if not append.effects or not append.events:
            return append.effects
        meta = append.events[0].meta
        trace_id = followed(meta.trace_id, meta.role)
        return [replace(effect, trace_id=trace_id, matters=meta.matters) for effect in append.effects]

    def render(self, index: int, number: str) -> Rendered:
        ready = self._ready[index]
        if ready is None:
            ready = self._render(self.append.events[index].numbered(number), number)
        return ready

    def _render(self, recorded: Recorded, number: str = "") -> Rendered:
        stream, version, topic = recorded.originator_id, recorded.originator_version, recorded.event.topic
        data = data_of(recorded)
        state = self.mapper.seal(data, stream, version, topic)
        if len(state) > MOST_BYTES:
            raise EventTooLarge(f"{recorded.type}: {len(state)} bytes")
        published = content_of(stream, version, topic, data)
        digest = content_digest(recorded.salt, published, self.mapper.digest, simple=recorded.event.simple)
        row = EventRow(stream, version, topic, state, digest, recorded.meta.correlation_id, recorded.event_id)
        return Rendered(row, number, data)


def series_of(recorded: Recorded) -> str:
    """The series of an event's human number (`XF-990102100-2022`); "" for an event that has none.

    The year is that of the occurrence, in legal time: a letter of 31 December entered in January belongs to
    the old year's register.
    """
    prefix = recorded.event.numbered
    if not prefix:
        return ""
    year = recorded.meta.occurred_at.astimezone(LEGAL_TIME).year
    return f"{prefix}-{recorded.stream_organ.removeprefix('DI-')}-{year}"
