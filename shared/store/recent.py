"""The end of the log as this process wrote it: relay and projections follow it without reading it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from shared.store.types import LogEntry, RawEntry


@dataclass(slots=True)
class Fresh:
    """An event that was just committed, as it would be read. `raw`: once somebody has opened it."""

    entry: LogEntry
    state: bytes
    raw: RawEntry | None = None
    since: float = field(default_factory=monotonic)

    @property
    def position(self) -> int:
        return self.entry.recorded.position


class Recent:
    """One unbroken run of positions. What others write between ours ends it, and a new one begins."""

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._run: list[Fresh] = []

    def add(self, committed: Sequence[Fresh]) -> None:
        """Takes up what one transaction has written."""
        if self._run and committed and committed[0].position != self._run[-1].position + 1:
            self._run = []
        self._run += committed
        if len(self._run) > 2 * self._size:
            self._run = self._run[-self._size :]

    def after(self, position: int, limit: int) -> list[Fresh]:
        """What follows a position; nothing where the run does not hold the very next one."""
        start = position + 1 - self._run[0].position if self._run else -1
        return self._run[start : start + limit] if start >= 0 else []
