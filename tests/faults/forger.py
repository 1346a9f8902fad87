"""One who holds a producer's key: writes into its stream what its relay would not.

The broker's rules allow a service to publish its own subjects and nothing more, so this is the worst that
a fault, or a thief of one service's key, can do to a stream that denies deleting.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Self

from nats.aio.client import Client

from deploy.local.stack import Stack
from shared.kernel.bus.connection import connect, disconnect
from shared.kernel.bus.envelope import BusKey, to_cloudevent
from shared.kernel.bus.names import EPOCH, EVENT_ID, FOLLOWS, POSITION, PREVIOUS
from shared.kernel.bus.relay import Relay
from shared.kernel.clock import FileClock
from shared.kernel.store.driver import open_engine
from shared.kernel.store.mapper import EventMapper, type_of
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import LogEntry
from tests.faults.client import PATIENCE_SECONDS


class Forger:
    """A second process with a service's own credentials for its store and for the bus."""

    def __init__(self, stack: Stack, service: str) -> None:
        self.service = service
        keys = stack.data.keys
        self.bus_key = BusKey.from_files(keys / "bus.key")
        self._wrong_key = BusKey.of({self.bus_key.active: secrets.token_bytes(32)}, self.bus_key.active)
        self._engine = open_engine(stack.database_url(f"zm_{service}"), size=2)
        sealer = Sealer.from_files(keys / f"store-{service}.key", service)
        self.clock = FileClock(Path(stack.data.clock))
        self.recorder = Recorder(self._engine, service, EventMapper(sealer), self.clock)
        self._url, self._seed = stack.nats.url, stack.nats.seed_file(service)
        self._nc: Client | None = None
        self._ids: dict[int, str] = {}

    async def __aenter__(self) -> Self:
        await self.recorder.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.recorder.stop()
        await self._engine.dispose()
        if self._nc is not None:
            await disconnect(self._nc)

    async def log(self, after: int = 0) -> list[LogEntry]:
        """The service's log after a position."""
        log = await self.recorder.read(after, 1_000_000)
        self._ids |= {entry.position: entry.event_id for entry in log}
        return log

    async def make_stream(self) -> None:
        """The service's stream, empty, exactly as its relay makes it."""
        relay = Relay(self.service, await self._connected(), self.recorder, self.bus_key)
        await relay._create_stream()

    async def publish(self, *entries: LogEntry, spoilt: LogEntry | None = None) -> None:
        """Events of the log one after the other, wherever the stream stands; `spoilt` is sealed with a wrong
        key. The broker's word is awaited for the last one, which it takes after all others."""
        nc, epoch = await self._connected(), await self.recorder.epoch()
        for entry in entries:
            headers = {
                POSITION: str(entry.position),
                PREVIOUS: str(entry.previous),
                EVENT_ID: entry.event_id,
                EPOCH: str(epoch),
            }
            if entry.previous:
                headers[FOLLOWS] = self._ids[entry.previous]
            key = self._wrong_key if entry is spoilt else self.bus_key
            subject = type_of(entry.topic, entry.data["event_version"])
            message = to_cloudevent(entry, key, epoch)
            if entry is entries[-1]:
                await nc.jetstream().publish(subject, message, PATIENCE_SECONDS, headers=headers)
            else:
                await nc.publish(subject, message, headers=headers)

    async def _connected(self) -> Client:
        if self._nc is None:
            self._nc = await connect(
                self._url, self._seed, self.service, lambda error: None, lambda: None, wait=True
            )
        return self._nc
