"""The event store as the bus sees it."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from shared.kernel.store.types import Append, Appended, LogEntry, Tracked


class Log(Protocol):
    """The record itself, which the stream only copies."""

    async def read(self, after: int, limit: int, /) -> list[LogEntry]:
        """The entries whose positions follow `after`, in order."""
        ...

    async def find_event(self, position: int, /) -> UUID | None:
        """The id of the event at a position; None where there is none."""
        ...

    async def max_position(self) -> int:
        """The last position; 0 while there is none."""
        ...

    async def epoch(self) -> UUID:
        """The epoch of the log; a restore begins another."""
        ...

    async def wait_for(self, position: int, seconds: float, /) -> object:
        """Returns when the log has something after `position`, or after so many seconds."""
        ...


class Receiver(Protocol):
    """A store that takes in effects together with the position of their source."""

    async def append(self, append: Append, /) -> Appended: ...

    async def tracked(self, source: str, /) -> Tracked:
        """The place up to which a source is dealt with; position 0 before the first."""
        ...
