"""The one simulated clock, shared between processes through a file of 16 bytes.

    bytes 0-7    int64, little endian: the simulated instant, in microseconds since 1970-01-01T00:00:00Z
    bytes 8-15   int64, little endian: flags; bit 0 is set when the instant is valid, the rest is zero

Simulated time stands still until it is moved, and it is never moved backwards. Readers map the file: an
aligned load of eight bytes is whole on every machine we run on, so no lock is needed and a read costs
nothing. There is one writer, the issuer's control port, and the supervisor before any reader starts.
"""

import mmap
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

SIZE = 16
VALID = 1
START = datetime(2019, 3, 1, 0, 0, tzinfo=UTC)
"""The start of the simulated clock: before the first letter of the oldest scenario."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT64 = struct.Struct("<q")


class ClockMovesForwardOnly(ValueError):
    """The instant asked for lies before the simulated now."""


class ClockReader:
    """Reads the simulated now from a clock file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_READ)
        if not _load(self._map, 8) & VALID:
            raise ValueError(f"{path} is not a clock file that has been set")

    def now(self) -> datetime:
        return _EPOCH + _load(self._map, 0) * _MICROSECOND


class ClockWriter:
    """Moves the simulated clock; to be held by one process at a time."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size != SIZE:
                os.ftruncate(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)

    def now(self) -> datetime | None:
        """The simulated now; None before it was first set."""
        if not _load(self._map, 8) & VALID:
            return None
        return _EPOCH + _load(self._map, 0) * _MICROSECOND

    def move_to(self, instant: datetime) -> None:
        """Set the simulated now. Raises ClockMovesForwardOnly when that is in its past."""
        before = self.now()
        if before is not None and instant < before:
            raise ClockMovesForwardOnly(f"{instant.isoformat()} is before {before.isoformat()}")
        _INT64.pack_into(self._map, 0, (instant - _EPOCH) // _MICROSECOND)
        _INT64.pack_into(self._map, 8, VALID)
        self._map.flush()


def ensure_clock(path: Path, start: datetime = START) -> None:
    """Set a clock that was never set; a clock that stands somewhere stays there."""
    writer = ClockWriter(path)
    if writer.now() is None:
        writer.move_to(start)


def _load(memory: mmap.mmap, offset: int) -> int:
    value: int = _INT64.unpack_from(memory, offset)[0]
    return value
