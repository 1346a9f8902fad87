"""The end of the log as this process knows it: relay and projections follow it without reading it twice."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from uuid import UUID

from shared.kernel.store.types import LogEntry

BYTES_AT_HAND = 32 * 1024 * 1024
"""Limit of the bytes of stored events that are kept."""


class Recent:
    """One unbroken run of positions, written here or read. An event that another process writes between ours
    ends it, and a new run begins."""

    def __init__(self, size: int = 3_000) -> None:
        """Holds `size` to twice as many entries, and fewer where they are large (`BYTES_AT_HAND`)."""
        self.times_forgotten = 0
        self._size = size
        self._bytes = 0
        self._run: list[LogEntry] = []
        self._since: list[float] = []
        """The times at which the database said that it has each of them; 0 for one that was read."""

    def add(self, committed: Sequence[LogEntry]) -> None:
        """Takes up the events that one transaction has written. A reader may have seen one before its writer
        is told."""
        if not committed:
            return
        kept = committed[0].position - self._run[0].position if self._run else 0
        seen = [entry.event_id for entry in self._run[kept:]] if kept > 0 else []
        if 0 < kept <= len(self._run) and seen == [entry.event_id for entry in committed[: len(seen)]]:
            del self._run[kept:], self._since[kept:]
        else:
            self._begin()
        self._extend(committed, monotonic())

    def follow(self, read: Sequence[LogEntry], before: UUID | None = None) -> None:
        """Takes up a page that was read beyond the end of the run; `before` is the id of the event before it,
        as it was read with it. Only by that id is it joined to the run: a database that was replaced may hold
        another past than the one that we know, and with it a new run begins."""
        end = self._run[-1] if self._run else None
        if not read or read[-1].position - read[0].position != len(read) - 1:
            return  # nothing; or the library's own recorders leave gaps
        if end is not None and read[-1].position <= end.position:
            return  # nothing new
        if (
            end is None
            or end.position + 1 != read[0].position
            or (end.position, end.event_id) != (read[0].previous, str(before))
        ):
            self._begin()
        self._extend(read, 0.0)

    def after(self, position: int, limit: int) -> tuple[list[LogEntry], float]:
        """The entries after a position, and since when the last of them is known to be committed; empty if
        `position + 1` is not in the run."""
        start = position + 1 - self._run[0].position if self._run else -1
        if not 0 <= start < len(self._run):
            return [], 0.0
        found = self._run[start : start + limit]
        return found, self._since[start + len(found) - 1]

    def forget(self) -> None:
        """Forgets everything. The answers that the database gave before this are of another time."""
        self.times_forgotten += 1
        self._begin()

    def _begin(self) -> None:
        self._run, self._since, self._bytes = [], [], 0

    def _extend(self, entries: Sequence[LogEntry], since: float) -> None:
        self._run += entries
        self._since += [since] * len(entries)
        self._bytes += sum(len(entry.state) for entry in entries)
        if len(self._run) > 2 * self._size:
            self._keep(self._size)
        while self._bytes > BYTES_AT_HAND and len(self._run) > 1:
            self._keep(len(self._run) // 2)

    def _keep(self, count: int) -> None:
        self._run, self._since = self._run[-count:], self._since[-count:]
        self._bytes = sum(len(entry.state) for entry in self._run)
