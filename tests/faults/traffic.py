"""Many journeys at once, at a steady pace, for as long as a fault lasts."""

from __future__ import annotations

import asyncio
import itertools
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
                Journey(self._client, self._road, self._streams.exists, self._stack.now, name), number
            )


class Streams:
    """Looks into a store for a stream that a reaction opens. A store that is away has nothing yet."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._connections: dict[str, asyncpg.Connection] = {}
        self._one_at_a_time = asyncio.Lock()

    async def exists(self, service: str, stream: UUID) -> bool:
        query = f"SELECT EXISTS (SELECT FROM {service}_events WHERE originator_id = $1)"
        async with self._one_at_a_time:
            try:
                connection = await self._connection(service)
                return bool(await connection.fetchval(query, stream, timeout=2))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                if (broken := self._connections.pop(service, None)) is not None:
                    broken.terminate()
                return False

    def close(self) -> None:
        for connection in self._connections.values():
            connection.terminate()
        self._connections.clear()

    async def _connection(self, service: str) -> asyncpg.Connection:
        if service not in self._connections:
            url = self._stack.database_url(f"zm_{service}", scheme="postgresql")
            self._connections[service] = await asyncpg.connect(url, timeout=2)
        return self._connections[service]


def tokens(stack: Stack) -> dict[str, str]:
    """An access token of everybody who takes part."""
    return {name: stack.token(name) for name in USERNAMES}
