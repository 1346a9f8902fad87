"""The driver's connection for audit's statements; a database that is away is told apart from a defect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.store.driver import away, borrowed, driver_of
from shared.store.types import StoreUnavailable


def engine_for(url: str, *, pool_size: int = 10, search_path: str = "public") -> AsyncEngine:
    """A pool whose unqualified table names mean the given schema."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=3,
        connect_args={"server_settings": {"search_path": search_path, "timezone": "UTC"}},
    )


@asynccontextmanager
async def using(engine: AsyncEngine) -> AsyncIterator[Any]:
    """An asyncpg connection from the pool. Raises `StoreUnavailable` while there is none to be had."""
    with _told_apart():
        async with borrowed(engine) as driver:
            yield driver


class Readers:
    """Connections that stay out of the pool between replays: taking one from it and giving it back costs
    as much as a query. As many as the pool holds; a broken one is replaced."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._slots = asyncio.Semaphore(most)
        self._free: list[tuple[AsyncConnection, Any]] = []

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Any]:
        """An asyncpg connection. Raises `StoreUnavailable` while there is none to be had."""
        with _told_apart():
            async with self._slots:
                connection, driver = await self._take()
                try:
                    yield driver
                except BaseException:
                    # Also on cancellation: its protocol may be in the middle of something.
                    await _discard(connection)
                    raise
                self._free.append((connection, driver))

    async def _take(self) -> tuple[AsyncConnection, Any]:
        while self._free:
            connection, driver = self._free.pop()
            if not driver.is_closed():
                return connection, driver
            await _discard(connection)
        connection = await self._engine.connect()
        return connection, await driver_of(connection)

    async def close(self) -> None:
        """Gives everything back."""
        while self._free:
            await self._free.pop()[0].close()
        await self._engine.dispose()


async def _discard(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise StoreUnavailable(type(error).__name__) from error
    except Exception as error:
        if away(error):
            raise StoreUnavailable(type(error).__name__) from error
        raise
