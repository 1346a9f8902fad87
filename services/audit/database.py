"""The driver's connection for audit's statements; a database that is away is told apart from a defect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.store.driver import away, borrowed
from shared.store.types import StoreUnavailable


def engine_for(url: str, *, pool_size: int = 10, search_path: str = "public") -> AsyncEngine:
    """A pool whose unqualified table names mean the given schema."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=3,
        connect_args={"server_settings": {"search_path": search_path}},
    )


@asynccontextmanager
async def using(engine: AsyncEngine) -> AsyncIterator[Any]:
    """An asyncpg connection from the pool. Raises `StoreUnavailable` while there is none to be had."""
    try:
        async with borrowed(engine) as driver:
            yield driver
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise StoreUnavailable(type(error).__name__) from error
    except Exception as error:
        if away(error):
            raise StoreUnavailable(type(error).__name__) from error
        raise
