"""The driver's connection for audit's statements; a database that is away is told apart from a defect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.kernel.store.driver import borrowed
from shared.kernel.store.reading import told_apart


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
    with told_apart():
        async with borrowed(engine) as driver:
            yield driver
