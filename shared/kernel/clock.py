"""Time comes in through one port, so that a whole stack can live on one simulated day."""

from __future__ import annotations

import mmap
import re
import struct
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def instant_of(text: str) -> datetime:
    """The instant that somebody wrote; ValueError for a text that is not RFC 3339. `fromisoformat` takes much
    of ISO 8601 besides (weeks, no separators, no offset), and refuses the small letters."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError("not an RFC 3339 instant")
    return datetime.fromisoformat(text.upper())


_seconds_awake_or_not = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
_NOT_AHEAD = timedelta()


class Clock(Protocol):
    """The legal time: of events, deadlines and as-of questions. Tokens and leases use real time."""

    def now(self) -> datetime: ...


class SystemClock:
    """The computer's own clock, in UTC, held against its steady one and against the database's by the process
    that writes.

    One jump ahead would spoil a log for good: everything recorded afterwards is never earlier, and deadlines
    are told breached. So the time that is given goes on as if the clock had not jumped, and `wrong` says why
    nothing may be written, until the clock is put right. A person who finds that the new time is the right
    one starts the process again. A clock that goes back spoils nothing.
    """

    def __init__(
        self,
        most: timedelta | None = None,
        *,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = _seconds_awake_or_not,
    ) -> None:
        """`most`: by how much it may be ahead of where it should be; None: it is taken as it is. `steady`:
        seconds that nobody sets, which go on while the machine sleeps."""
        self._most = most
        self._wall = wall
        self._steady = steady
        self._seen, self._seen_at = wall(), steady()
        self.ahead_of_database = timedelta()

    def now(self) -> datetime:
        return self._look()[0]

    async def compare(self, database: Awaitable[datetime]) -> None:
        """Holds it against the database's clock, which all instances of a service have."""
        asked = self._wall()
        self.ahead_of_database = asked - await database

    def wrong(self) -> str | None:
        """The reason that nothing may be written by this clock; None where it is right."""
        if self._most is None:
            return None
        _, jump = self._look()
        if jump > self._most:
            return f"the clock has jumped ahead by {int(jump.total_seconds())} s"
        if self.ahead_of_database > self._most:
            seconds = int(self.ahead_of_database.total_seconds())
            return f"the clock is {seconds} s ahead of the database's"
        return None

    def _look(self) -> tuple[datetime, timedelta]:
        """The time, and by how much the clock is ahead of it."""
        wall, at = self._wall(), self._steady()
        if self._most is None:
            return wall, _NOT_AHEAD
        ahead, most = (wall - self._seen).total_seconds() - (at - self._seen_at), self._most.total_seconds()
        if ahead > most:
            jump = timedelta(seconds=ahead)
            return wall - jump, jump
        if ahead >= -most:  # set back for a while, it may be put right again
            self._seen, self._seen_at = wall, at
        return wall, _NOT_AHEAD


class FixedClock:
    """A clock for tests of pure code; it stands until it is set."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class FileClock:
    """The simulated clock of a development stack: the instant stands in a file mapped into memory.

    Layout: int64 little-endian microseconds since 1970-01-01T00:00Z, then int64 flags. The
    development control port is its only writer.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 16, access=mmap.ACCESS_READ)

    def now(self) -> datetime:
        (micros,) = struct.unpack_from("<q", self._map, 0)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
