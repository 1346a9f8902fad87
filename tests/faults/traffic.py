"""Many journeys at once, at a steady pace, for as long as a fault lasts."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from deploy.local.stack import Stack
from tests.faults.breakable import BreakableStack
from tests.faults.client import Client
from tests.faults.journeys import USERNAMES, Journey, Road, travel
from tests.faults.ledger import Ledger

TRAVELLERS = 36


class Traffic:
    """Travellers that begin one journey after another, between two commands held up whenever the house is
    to come to rest."""

    def __init__(self, stack: BreakableStack, ledger: Ledger, travellers: int = TRAVELLERS) -> None:
        self._stack = stack
        self._ledger = ledger
        self._road = Road()
        self._client = Client(stack, ledger, tokens(stack), travellers * 2)
        self._streams = Streams(stack)
        self._numbers = itertools.count()
        self._tasks = [asyncio.create_task(self._travel()) for _ in range(travellers)]

    async def end(self) -> None:
        """Ends all journeys where they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        self._streams.close()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
        """Lets the travellers go on. Gives a way to wait until so many more commands are acknowledged; at
        the end every command that was sent has its final answer."""
        began = len(self._ledger.acknowledged)

        async def acknowledged(count: int) -> None:
            while len(self._ledger.acknowledged) - began < count:
                self._check()
                await asyncio.sleep(0.02)

        self._road.open()
        yield acknowledged
        self._road.close()
        while self._road.busy:
            self._check()
            await asyncio.sleep(0.02)

    def _check(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()

    async def _travel(self) -> None:
        while True:
            number = next(self._numbers)
            name = f"journey-{number:05d}"
            await travel(
                Journey(self._client, self._road, self._streams.opened, self._stack.now, name), number
            )


class Streams:
    """Looks into the stores for streams that reactions open: one question for all who wait for one."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._connections: dict[str, asyncpg.Connection] = {}
        self._awaited: dict[str, dict[UUID, asyncio.Future[None]]] = defaultdict(dict)
        self._looking: asyncio.Task[None] | None = None

    async def opened(self, service: str, stream: UUID) -> None:
        """Waits until the stream is there."""
        arrival = self._awaited[service].setdefault(stream, asyncio.get_running_loop().create_future())
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.wait({arrival, self._looking}, return_when=asyncio.FIRST_COMPLETED)
        if not arrival.done():
            self._looking.result()  # it ends before all is there by an error alone

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        for connection in self._connections.values():
            connection.terminate()
        self._connections.clear()

    async def _look(self) -> None:
        while any(self._awaited.values()):
            for service, awaited in list(self._awaited.items()):
                for stream in await self._among(service, list(awaited)):
                    awaited.pop(stream).set_result(None)
            await asyncio.sleep(0.05)

    async def _among(self, service: str, streams: list[UUID]) -> list[UUID]:
        """Those that are there. A store that is away has nothing yet."""
        query = f"SELECT DISTINCT originator_id FROM {service}_events WHERE originator_id = ANY($1)"
        try:
            connection = await self._connection(service)
            return [row[0] for row in await connection.fetch(query, streams, timeout=2)]
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            if (broken := self._connections.pop(service, None)) is not None:
                broken.terminate()
            return []

    async def _connection(self, service: str) -> asyncpg.Connection:
        if service not in self._connections:
            url = self._stack.database_url(f"zm_{service}", scheme="postgresql")
            self._connections[service] = await asyncpg.connect(url, timeout=2)
        return self._connections[service]


def tokens(stack: Stack) -> dict[str, str]:
    """An access token of everybody who takes part."""
    return {name: stack.token(name) for name in USERNAMES}
