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


class Forger:
    """A second process with a service's own credentials for its store and for the bus."""

    def __init__(self, stack: Stack, service: str) -> None:
        self.service = service
        keys = stack.data.keys
        self.bus_key = BusKey.from_files(keys / "bus.key")
        self.wrong_key = BusKey.of({self.bus_key.active: secrets.token_bytes(32)}, self.bus_key.active)
        self._engine = open_engine(stack.database_url(f"zm_{service}"), size=2)
        sealer = Sealer.from_files(keys / f"store-{service}.key", service)
        self.clock = FileClock(Path(stack.data.clock))
        self.recorder = Recorder(self._engine, service, EventMapper(sealer), self.clock)
        self._url, self._seed = stack.nats.url, stack.nats.seed_file(service)
        self._nc: Client | None = None

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
        return await self.recorder.read(after, 1_000_000)

    async def make_stream(self) -> None:
        """The service's stream, empty, exactly as its relay makes it."""
        relay = Relay(self.service, await self._connected(), self.recorder, self.bus_key)
        await relay._create_stream()

    async def publish(self, entry: LogEntry, key: BusKey | None = None) -> None:
        """An event of the log, wherever the stream stands; sealed with `key`, which may be a wrong one."""
        epoch, before = await self.recorder.epoch(), await self.recorder.find_event(entry.previous)
        headers = {
            POSITION: str(entry.position),
            PREVIOUS: str(entry.previous),
            EVENT_ID: entry.event_id,
            EPOCH: str(epoch),
        }
        if before is not None:
            headers[FOLLOWS] = str(before)
        js = (await self._connected()).jetstream()
        message = to_cloudevent(entry, key or self.bus_key, epoch)
        subject = type_of(entry.topic, entry.data["event_version"])
        await js.publish(subject, message, headers=headers)

    async def _connected(self) -> Client:
        if self._nc is None:
            self._nc = await connect(
                self._url, self._seed, self.service, lambda error: None, lambda: None, wait=True
            )
        return self._nc
