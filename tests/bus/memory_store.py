"""A store in memory that behaves to the bus as the real one; both pass `test_store_contract`."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from shared.kernel.bus.envelope import content
from shared.kernel.bus.parking import Parked
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.mapper import data_of
from shared.kernel.store.types import (
    AlreadyTracked,
    Append,
    Appended,
    LogEntry,
    StoreUnavailable,
    Tracked,
    VersionConflict,
)
from shared.language.event import Recorded

EPOCH = uuid4()
"""Epoch of every log in memory, until a test gives one another."""


class MemoryStore:
    """Log, tracking and parked rows in one; `step` makes gaps in the positions, as refused appends do."""

    def __init__(self, step: int = 1) -> None:
        self.entries: list[LogEntry] = []
        self.epoch_id = EPOCH
        self.places: dict[str, Tracked] = {}
        self.rows: dict[int, Parked] = {}
        self.appends = 0
        self.away = False
        self._step = step
        self._next_row = 1
        self._more = asyncio.Event()

    # --- the store

    async def append(self, append: Append, /) -> Appended:
        await asyncio.sleep(0)
        self._must_be_there()
        if append.tracking is not None:
            source = append.tracking.application_name
            if append.tracking.position <= (await self.tracked(source)).position:
                raise AlreadyTracked(source)
        if not set(append.unparked) <= self.rows.keys():
            raise AlreadyTracked("unparked by another")
        taken = {(e.stream, e.version) for e in self.entries}
        for event in append.events:
            if (event.originator_id, event.originator_version) in taken:
                raise VersionConflict(event.originator_id, event.originator_version)
        if append.tracking is not None:
            self.places[source] = append.tracking
        for row in append.parked:
            self._park(row)
        for id in append.unparked:
            del self.rows[id]
        placed = tuple(self._place(event) for event in append.events)
        self.appends += 1
        self._more.set()
        return Appended(placed, await self.max_position(), datetime.now(UTC), {})

    async def put(self, events: Iterable[Recorded]) -> None:
        """Appends events, each by itself."""
        for event in events:
            await self.append(Append(events=[event]))

    def _place(self, event: Recorded) -> LogEntry:
        previous = self.entries[-1].position if self.entries else 0
        entry = LogEntry(
            position=previous + self._step,
            stream=event.originator_id,
            version=event.originator_version,
            topic=event.event.topic,
            recorded_at=datetime.now(UTC),
            data=data_of(event),
            previous=previous,
            state=b"\0\0" + event.event_id.bytes,
            content_digest=content_digest(event.salt, content(event)),
        )
        self.entries.append(entry)
        return entry

    def _park(self, row: dict[str, object]) -> None:
        packed = row["message"]
        assert isinstance(packed, dict)
        self.rows[self._next_row] = Parked(
            **{
                **row,
                "id": self._next_row,
                "message": b64decode(packed["base64"]),
                "previous": packed["previous"],
                "parked_at": datetime.now(UTC),
                "attempts": 0,
            }
        )
        self._next_row += 1

    def _must_be_there(self) -> None:
        if self.away:
            raise StoreUnavailable("away")

    # --- the log

    async def read(self, after: int, limit: int, /) -> list[LogEntry]:
        self._must_be_there()
        return [e for e in self.entries if e.position > after][:limit]

    async def max_position(self) -> int:
        return self.entries[-1].position if self.entries else 0

    async def find_event(self, position: int, /) -> UUID | None:
        found = [UUID(e.event_id) for e in self.entries if e.position == position]
        return found[0] if found else None

    async def wait_for(self, position: int, seconds: float, /) -> None:
        if await self.max_position() > position:
            return
        self._more.clear()
        async with asyncio.timeout(seconds):
            await self._more.wait()

    async def epoch(self) -> UUID:
        return self.epoch_id

    async def tracked(self, source: str, /) -> Tracked:
        self._must_be_there()
        return self.places.get(source, Tracked(source, 0))

    # --- what is parked

    async def list(self, source: str, correlation: str | None = None) -> list[Parked]:
        found = [r for r in self.rows.values() if r.source == source and correlation in (None, r.correlation)]
        return sorted(found, key=lambda r: (r.position, r.id))

    async def correlations(self, source: str) -> set[str]:
        return {r.correlation for r in self.rows.values() if r.source == source} - {""}

    async def count(self, source: str) -> int:
        return len(await self.list(source))

    async def failed_again(self, id: int, reason: str) -> None:
        row = self.rows[id]
        self.rows[id] = replace(row, reason=reason, attempts=row.attempts + 1)
