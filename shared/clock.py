"""Time comes in through one port, so that a whole stack can live on one simulated day."""

from __future__ import annotations

import mmap
import re
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def instant_of(text: str) -> datetime:
    """The instant that somebody wrote; ValueError for what is not RFC 3339. `fromisoformat` takes much of
    ISO 8601 besides (weeks, no separators, no offset), and refuses the small letters."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError("not an RFC 3339 instant")
    return datetime.fromisoformat(text.upper())


class Clock(Protocol):
    """The legal time: of events, deadlines and as-of questions. Tokens and leases use real time."""

    def now(self) -> datetime: ...


class SystemClock:
    """The computer's own clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


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
