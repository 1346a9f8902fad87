"""Rows go into a table and come out of it as they were, whichever way they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.kernel.store.driver import borrowed
from shared.kernel.store.rows import TableRows
from tests.servers import Database
from tests.store.conftest import engine_of

NAMES = MetaData(schema="view")
KINDS = Table(
    "kinds_v1",
    NAMES,
    Column("id", Uuid, primary_key=True),
    Column("Order", Integer, primary_key=True, autoincrement=False),
    Column("text", Text),
    Column("count", BigInteger),
    Column("true", Boolean),
    Column("day", Date),
    Column("at", DateTime(timezone=True)),
    Column("told", JSONB),
    Column("words", ARRAY(Text)),
    Column("numbers", ARRAY(Integer)),
)
KEYS = Table("keys_v1", NAMES, Column("id", Uuid, primary_key=True))
ID = UUID(int=1)
ROWS: list[dict[str, Any]] = [
    {
        "id": ID,
        "Order": 1,
        "text": "他'说\"\\",
        "count": 2**40,
        "true": True,
        "day": date(2022, 3, 1),
        "at": datetime(2022, 3, 1, 4, 5, 6, 789, tzinfo=UTC),
        "told": {"a": [1, None, {"b": "张三"}], "c": 1.5},
        "words": ["x", "", 'a,b{}"\\', "NULL", "举报"],
        "numbers": [3, 1, 2],
    },
    {"id": ID, "Order": 2, "words": [], "numbers": [7], "told": []},
    {"id": uuid4(), "Order": 1, "words": ["one"], "told": "text"},
]


def whole(row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: row.get(column.name) for column in KINDS.columns}


@pytest.fixture
async def driver(fresh: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database that has the tables."""
    engine = engine_of(fresh)
    async with engine.begin() as connection:
        await connection.run_sync(NAMES.create_all)
    async with borrowed(engine) as found:
        yield found
    await engine.dispose()


@pytest.mark.parametrize("way", ["flush", "copy_out"])
async def test_nulls_json_and_arrays_come_back(driver: asyncpg.Connection, way: str) -> None:
    """An array of each length, nothing at all, and what needs quoting; by the live loop and by a rebuild."""
    written = TableRows(KINDS, driver, empty=way == "copy_out")
    for row in ROWS:
        written.put(dict(row))
    await getattr(written, way)()
    found = TableRows(KINDS, driver)
    await found.fetch((row["id"], row["Order"]) for row in ROWS)
    assert [found.peek((row["id"], row["Order"])) for row in ROWS] == [whole(row) for row in ROWS]
    assert await found.where(id=ID, Order=2) == [whole(ROWS[1])]


async def test_rows_are_replaced_and_deleted(driver: asyncpg.Connection) -> None:
    """In one flush; what was there keeps nothing of its old values."""
    rows = TableRows(KINDS, driver)
    for row in ROWS:
        rows.put(dict(row))
    await rows.flush()
    rows.bind(driver)
    rows.put({"id": ID, "Order": 1, "text": "new"})
    rows.delete((ID, 2))
    await rows.flush()
    rows.bind(driver)
    assert await rows.where(id=ID) == [whole({"id": ID, "Order": 1, "text": "new"})]
    await rows.flush()


async def test_a_table_of_nothing_but_its_key(driver: asyncpg.Connection) -> None:
    """A row that is there already stays."""
    rows = TableRows(KEYS, driver)
    for _ in range(2):
        rows.put({"id": ID})
        await rows.flush()
    await rows.fetch([ID, UUID(int=2)])
    assert (ID in rows, UUID(int=2) in rows) == (True, False)
    assert await driver.fetchval("SELECT count(*) FROM view.keys_v1") == 1
