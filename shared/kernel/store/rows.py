"""The rows of a read model while a batch of events is folded into them.

A projection asks for the rows that its batch touches (`await rows[table].fetch(keys)`), reads and changes
them in memory, and the projector writes what changed, in bulk: on the driver's connection, a column as one
array, so that a table costs the same prepared statement however many rows there are. The same code fills a
fresh generation: there a table starts empty, nothing is fetched, everything stays in memory and is copied in
at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import JSON, Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import ARRAY

from shared.kernel.store.types import RawEntry

Key = Any
"""The primary key of a row: its value, or a tuple where it has several columns."""
Row = dict[str, Any]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def begun_in(batch: Iterable[RawEntry]) -> set[UUID]:
    """The streams whose first event is in a batch."""
    return {entry.stream for entry in batch if entry.version == 1}


class RowNotFetched(LookupError):
    """A projection reads a row that it did not fetch for this batch; it would take it for absent."""


class _Statements:
    """The statements about one table: every parameter is a column of many rows."""

    def __init__(self, table: Table) -> None:
        quote = _DIALECT.identifier_preparer
        name = quote.format_table(table)
        columns, keys = list(table.columns), list(table.primary_key.columns)
        self.names = [column.name for column in columns]
        self.json = frozenset(column.name for column in columns if isinstance(column.type, JSON))
        self.lists = frozenset(column.name for column in columns if isinstance(column.type, ARRAY))
        quoted = {column.name: quote.format_column(column) for column in columns}
        all_columns, key_columns = (", ".join(quoted[c.name] for c in some) for some in (columns, keys))
        others = ", ".join(
            f"{quoted[c.name]} = excluded.{quoted[c.name]}" for c in columns if not c.primary_key
        )
        conflict = f"DO UPDATE SET {others}" if others else "DO NOTHING"
        given = ", ".join(f"${n}::{self._sent_as(column)}[]" for n, column in enumerate(columns, 1))
        values = ", ".join(self._value_of(column, f"given.{quoted[column.name]}") for column in columns)
        among = ", ".join(f"${n}::{_type_of(column)}[]" for n, column in enumerate(keys, 1))
        # ruff: noqa: S608 -- names of our own tables
        self.upsert = (
            f"INSERT INTO {name} ({all_columns}) SELECT {values}"
            f" FROM unnest({given}) AS given ({all_columns}) ON CONFLICT ({key_columns}) {conflict}"
        )
        self.some = f"SELECT {all_columns} FROM {name} WHERE "
        self.among = f"({key_columns}) IN (SELECT * FROM unnest({among}))"
        self.delete = f"DELETE FROM {name} WHERE {self.among}"
        self.width = len(keys)

    def _sent_as(self, column: Column[Any]) -> str:
        """The type under which a column's values are sent. Arrays of different lengths do not stand in one
        array, so they travel as JSON, as JSON does."""
        return "text" if column.name in self.json | self.lists else _type_of(column)

    def _value_of(self, column: Column[Any], given: str) -> str:
        if column.name in self.json:
            return f"{given}::{_type_of(column)}"
        if column.name in self.lists:
            items = f"ARRAY(SELECT json_array_elements_text({given}::json))::{_type_of(column)}"
            return f"CASE WHEN {given} IS NOT NULL THEN {items} END"
        return given

    def columns_of(self, rows: Sequence[Row]) -> list[list[Any]]:
        """The values of rows, column by column; a member that a row leaves out is null."""
        return [self._column(name, [row.get(name) for row in rows]) for name in self.names]

    def _column(self, name: str, values: list[Any]) -> list[Any]:
        if name in self.json or name in self.lists:
            return [None if value is None else orjson.dumps(value).decode() for value in values]
        return values

    def columns_of_keys(self, keys: Sequence[Key]) -> list[list[Any]]:
        return [list(keys)] if self.width == 1 else [[key[n] for key in keys] for n in range(self.width)]


@lru_cache(maxsize=256)  # a rebuild has tables of its own
def _statements(table: Table) -> _Statements:
    return _Statements(table)


def _type_of(column: Column[Any]) -> str:
    return column.type.compile(dialect=_DIALECT)


class TableRows:
    """One table's rows by primary key. `Table` columns are the keys of a row; leave out what is null."""

    def __init__(self, table: Table, driver: asyncpg.Connection | None, *, empty: bool = False) -> None:
        self.table = table
        self._driver = driver
        self._sql = _statements(table)
        self._names = [column.name for column in table.primary_key.columns]
        self._key_of: Callable[[Mapping[str, Any]], Key] = itemgetter(*self._names)
        self._rows: dict[Key, Row | None] = {}
        self._changed: set[Key] = set()
        # True while the table in the database is certainly empty: what is not in memory is not there.
        self._empty = empty

    async def fetch(self, keys: Iterable[Key], *, begun: Container[Any] = ()) -> None:
        """Has the rows of these keys at hand; those that do not exist are known to be absent.

        `begun` holds the streams that begin in this batch. Only for a table whose rows are made by events of
        the stream that their key is or begins with: there is no row of such a stream yet."""
        if self._empty:
            return
        wanted = []
        for key in dict.fromkeys(keys):
            if key not in self._rows:
                if (key[0] if type(key) is tuple else key) in begun:
                    self._rows[key] = None
                else:
                    wanted.append(key)
        if not wanted:
            return
        for row in await self._select(self._sql.among, *self._sql.columns_of_keys(wanted)):
            self._rows[self._key_of(row)] = row
        for key in wanted:
            self._rows.setdefault(key, None)

    async def where(self, **equals: Any) -> list[Row]:
        """All rows with these values, changes of this batch included, to be changed in place.

        Costs a query, or in a rebuild a look at every row: prefer `fetch` by key.
        """
        if not self._empty:
            condition = " AND ".join(f'"{name}" = ${n}' for n, name in enumerate(equals, 1))
            for row in await self._select(condition, *equals.values()):
                self._rows.setdefault(self._key_of(row), row)
        found = {
            key: row
            for key, row in self._rows.items()
            if row is not None and all(row.get(name) == value for name, value in equals.items())
        }
        if not self._empty:
            self._changed.update(found)
        return list(found.values())

    def get(self, key: Key) -> Row | None:
        """The row to read or to change in place; it will be written. None where there is none."""
        if self._empty:  # all of it will be copied
            return self._rows.get(key)
        row = self._known(key)
        if row is not None:
            self._changed.add(key)
        return row

    def peek(self, key: Key) -> Row | None:
        """The row to read only: it is not written for this."""
        return self._known(key)

    def put(self, row: Row) -> Row:
        """Adds a row or replaces it whole; gives it back."""
        key = self._key_of(row)
        self._rows[key] = row
        if not self._empty:
            self._changed.add(key)
        return row

    def delete(self, key: Key) -> None:
        """Removes a row; there need not be one."""
        if self._empty:
            self._rows.pop(key, None)
            return
        self._rows[key] = None
        self._changed.add(key)

    def __getitem__(self, key: Key) -> Row:
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    def __contains__(self, key: Key) -> bool:
        return self._known(key) is not None

    def __delitem__(self, key: Key) -> None:
        self.delete(key)

    def __len__(self) -> int:
        """Number of rows held in memory, those known to be absent included."""
        return len(self._rows)

    async def flush(self) -> None:
        """Writes the changes: one statement for rows that are gone, one for rows that are new or
        different."""
        assert self._driver is not None
        changed = [(key, self._rows[key]) for key in self._changed]
        gone = [key for key, row in changed if row is None]
        kept = [row for _, row in changed if row is not None]
        if gone:
            await self._driver.execute(self._sql.delete, *self._sql.columns_of_keys(gone))
        if kept:
            await self._driver.execute(self._sql.upsert, *self._sql.columns_of(kept))
        self._changed.clear()

    async def copy_out(self) -> None:
        """Copies everything held into the table, which is empty, and forgets it."""
        assert self._driver is not None
        sql = self._sql
        await self._driver.copy_records_to_table(
            self.table.name,
            schema_name=self.table.schema,
            columns=sql.names,
            records=_records(self._rows.values(), sql.names, sql.json),
        )
        self._rows.clear()
        self._changed.clear()
        self._empty = False

    def bind(self, driver: asyncpg.Connection) -> None:
        """Reads and writes through this connection from now on; rows held before are stale."""
        self._driver = driver
        if not self._empty:
            self._rows.clear()
            self._changed.clear()

    async def _select(self, condition: str, *values: Any) -> list[Row]:
        assert self._driver is not None
        return [dict(row) for row in await self._driver.fetch(self._sql.some + condition, *values)]

    def _known(self, key: Key) -> Row | None:
        try:
            return self._rows[key]
        except KeyError:
            if self._empty:
                return None
            raise RowNotFetched(f"{self.table.name}: {key!r} was not fetched for this batch") from None


class RowSet:
    """The tables of one projection, each by its declared `Table`."""

    def __init__(
        self, tables: Mapping[Table, Table], driver: asyncpg.Connection | None, *, empty: bool = False
    ) -> None:
        self._tables = {declared: TableRows(t, driver, empty=empty) for declared, t in tables.items()}

    def __getitem__(self, table: Table) -> TableRows:
        return self._tables[table]

    def __iter__(self) -> Iterator[TableRows]:
        return iter(self._tables.values())

    def __len__(self) -> int:
        """Number of rows held in memory."""
        return sum(len(rows) for rows in self._tables.values())

    async def flush(self) -> None:
        """Writes the changes of every table."""
        for rows in self._tables.values():
            await rows.flush()

    async def copy_out(self) -> None:
        """Copies all tables into the database."""
        for rows in self._tables.values():
            await rows.copy_out()

    def bind(self, driver: asyncpg.Connection) -> None:
        """Uses another connection from now on."""
        for rows in self._tables.values():
            rows.bind(driver)


def _records(rows: Iterable[Row | None], names: Sequence[str], json: frozenset[str]) -> Iterator[list[Any]]:
    """Rows as COPY takes them: in column order, JSON as text."""
    written = [n for n, name in enumerate(names) if name in json]
    for row in rows:
        if row is None:
            continue
        values = [row.get(name) for name in names]
        for n in written:
            if values[n] is not None:
                values[n] = orjson.dumps(values[n]).decode()
        yield values
