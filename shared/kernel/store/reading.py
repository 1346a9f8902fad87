"""SELECTs of the read models: written in SQLAlchemy, compiled once, run on the driver's own connection.

To build and compile a statement for every request takes longer than PostgreSQL takes to answer it. So a read
names the things that its statement is made of (the organ that asks, the filters that were given), the
statement is kept under that, and only the values change. Everything that the planner must know stands in the
text, which is all that is not `given`: the organ, since one organ sees a handful of cases and another all of
them, the states that are concealed, the length of a page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeEngine

from shared.kernel.store.driver import READ_SECONDS, away, driver_of
from shared.kernel.store.types import StoreUnavailable

STATEMENTS = 1_000
"""Compiled statements that a service keeps: organs times the filters that people use."""
PATIENCE_SECONDS = 5.0
"""Seconds that a read waits for a connection before it says that the database is away."""
_SETTINGS = f"SET enable_memoize = off; SET statement_timeout = '{READ_SECONDS:.0f}s'"
"""A page joins each of its rows by a key that comes once. PostgreSQL would remember them all the same, in a
table as large as all rows that fit: that took longer than the page, and grew with the store. A statement that
runs on is ended there too."""
_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


def given(name: str, of: TypeEngine[Any]) -> BindParameter[Any]:
    """A value that comes with the request. Every other one stands in the text of the statement, so that it is
    planned for: nothing confidential, since a database may log its statements."""
    return bindparam(name, None, type_=of)


class Statement:
    """A SELECT as the driver takes it."""

    def __init__(self, query: Select[Any]) -> None:
        planned: Any = replacement_traverse(query, {}, _in_the_text)
        compiled = planned.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        self.text = compiled.string
        self._names: list[str] = getattr(compiled, "positiontup", None) or []

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The values in the order of the statement. A value that was not given is an error, not NULL."""
        return [values[name] for name in self._names]


def _in_the_text(element: Any, **_: Any) -> Any:
    """A constant as the text shows it; None, and so no change, for everything else."""
    constant = isinstance(element, BindParameter) and element.value is not None
    return element.render_literal_execute() if constant else None


class Reading:
    """The reads of one service."""

    def __init__(self, readers: Readers) -> None:
        self.readers = readers
        self._statement = lru_cache(STATEMENTS)(_made)

    async def rows(
        self, make: Callable[..., Select[Any]], *of: Hashable, **values: Any
    ) -> list[dict[str, Any]]:
        """The rows of the statement that `make` makes of `of`; a case is called by its `id`, as in every
        answer. Raises `StoreUnavailable`."""
        statement = self._statement(make, *of)
        async with self.readers.using() as driver:
            rows = await driver.fetch(statement.text, *statement.arguments(values), timeout=READ_SECONDS)
        found = [dict(row) for row in rows]
        for row in found:
            if "stream" in row:
                row["id"] = row.pop("stream")
        return found


def _made(make: Callable[..., Select[Any]], *of: Hashable) -> Statement:
    return Statement(make(*of))


class Readers:
    """Connections that stay out of the pool between reads: taking one from it and giving it back costs as
    much as a query. There are as many as the pool holds; a broken one is replaced."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._slots = asyncio.Semaphore(most)
        self._free: list[tuple[AsyncConnection, Any]] = []

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Any]:
        """An asyncpg connection. Raises `StoreUnavailable` while there is none to be had."""
        with told_apart():
            if self._slots.locked():
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._slots.acquire()
            else:
                await self._slots.acquire()  # at once: a timer would cost more
            try:
                connection, driver = await self._take()
                try:
                    yield driver
                except BaseException:
                    # Also on cancellation: its protocol may be in the middle of something.
                    await _discard(connection)
                    raise
                self._free.append((connection, driver))
            finally:
                self._slots.release()

    async def _take(self) -> tuple[AsyncConnection, Any]:
        while self._free:
            connection, driver = self._free.pop()
            if not driver.is_closed():
                return connection, driver
            await _discard(connection)
        connection = await self._engine.connect()
        try:
            driver = await driver_of(connection)
            await driver.execute(_SETTINGS, timeout=READ_SECONDS)
        except BaseException:
            await _discard(connection)
            raise
        return connection, driver

    async def close(self) -> None:
        """Gives everything back."""
        while self._free:
            await self._free.pop()[0].close()
        await self._engine.dispose()


async def _discard(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


@contextmanager
def told_apart() -> Iterator[None]:
    """Tells a database that is away (`StoreUnavailable`) from a defect, which stays what it is."""
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise StoreUnavailable(type(error).__name__) from error
    except Exception as error:
        if away(error):
            raise StoreUnavailable(type(error).__name__) from error
        raise
