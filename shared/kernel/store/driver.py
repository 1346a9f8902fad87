"""The driver's own connection, out of SQLAlchemy's pool.

SQLAlchemy owns pool, schema and most queries. The statements that every command passes, and reading the
log in bulk, use the driver directly: an array parameter per column, and no object per row in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

READ_SECONDS = 10.0
"""Seconds that a read waits for its answer, as long as a write does: a database that is frozen gives none,
and never answers a request to stop."""
_AWAY = (
    "08",  # connection exception
    "25006",  # read only: this server is a standby now
    "40",  # rolled back: deadlock, serialisation
    "53",  # insufficient resources: disk full, too many connections
    "55P03",  # the lock was not to be had in time
    "57",  # operator intervention: shutting down, starting up, statement cancelled
    "58",  # system error: I/O
    "25P03",  # idle in transaction for too long: we were frozen
)


def open_engine(url: str, *, size: int = 10) -> AsyncEngine:
    """The pool of one service: bounded in size and in how long anybody waits for it, JSON by orjson."""
    return create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,  # an error that is logged or shown quotes none of them
        connect_args={"timeout": 5},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )


def dsn_of(url: str) -> str:
    """A database's URL as the driver itself reads it: there `ssl` is called `sslmode`, and what it does not
    know it would hand to the server."""
    parsed = make_url(url)
    query = {("sslmode" if name == "ssl" else name): value for name, value in parsed.query.items()}
    return parsed.set(drivername="postgresql", query=query).render_as_string(hide_password=False)


def away(error: BaseException) -> bool:
    """True if an error says that the database is away for now, rather than that it refuses what we ask."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig.__cause__ or error.orig
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(_AWAY)
    return isinstance(
        error, OSError | TimeoutError | PoolTimeout | asyncpg.InterfaceError | asyncpg.InternalClientError
    )


async def driver_of(connection: AsyncConnection) -> Any:
    """The asyncpg connection below."""
    return (await connection.get_raw_connection()).driver_connection


@asynccontextmanager
async def borrowed(engine: AsyncEngine) -> AsyncIterator[Any]:
    """An asyncpg connection from the pool; a broken one is not given back."""
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        try:
            yield driver
        except BaseException:
            # Also on cancellation: its protocol may be in the middle of something.
            await connection.invalidate()
            raise
        if driver.is_closed():
            await connection.invalidate()
