"""A producer whose stream a test arranges by hand: any message, in any order, as often as it likes."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from nats.aio.client import Client

from shared.kernel.bus.envelope import to_cloudevent
from shared.kernel.bus.log_server import LogServer
from shared.kernel.store.mapper import type_of
from shared.kernel.store.types import LogEntry
from tests.bus.conftest import KEY
from tests.bus.events import happened
from tests.bus.memory_store import MemoryStore


class Producer:
    """The service alpha: its log, its stream, and (once it answers) its log server."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self.store = MemoryStore()
        self.server = LogServer("alpha", nc, self.store, KEY)

    async def create_stream(self) -> None:
        await self.nc.jetstream().add_stream(name="ZM_ALPHA", subjects=["zm.alpha.>"])

    async def happen(self, count: int, correlation: UUID | None = None) -> None:
        """Adds `count` events to the log; they are not published yet."""
        start = len(self.store.entries)
        await self.store.put(happened(n, correlation=correlation) for n in range(start, start + count))

    def lose(self, count: int) -> list[LogEntry]:
        """The last entries of the log are not there any more, as after a restore."""
        lost = self.store.entries[-count:]
        del self.store.entries[-count:]
        return lost

    async def publish(self, numbers: Iterable[int]) -> None:
        """Publishes entries of the log by their number, from 0."""
        for number in numbers:
            await self.publish_bytes(
                number, to_cloudevent(self.store.entries[number], KEY, self.store.epoch_id)
            )

    async def publish_bytes(self, number: int, data: bytes) -> None:
        """Publishes something else in the place of an entry."""
        entry = self.store.entries[number]
        subject = type_of(entry.topic, entry.data["event_version"])
        await self.nc.jetstream().publish(subject, data, headers=headers_of(entry, self.store, number))


def headers_of(entry: LogEntry, log: MemoryStore, number: int) -> dict[str, str]:
    return {
        **({"Ev-Follows": log.entries[number - 1].event_id} if number else {}),
        "Ev-Pos": str(entry.position),
        "Ev-Prev": str(entry.previous),
        "Ev-Id": entry.event_id,
        "Ev-Epoch": str(log.epoch_id),
    }
