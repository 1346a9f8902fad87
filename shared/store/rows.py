"""The rows of a read model while a batch of events is folded into them.

A projection asks for the rows that its batch touches (`await rows[table].fetch(keys)`), reads and changes
them in memory, and the projector writes what changed, in bulk. The same code fills a fresh generation:
there a table starts empty, nothing is fetched, everything stays in memory and is copied in at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Table, any_, bindparam, delete, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store.driver import driver_of

Key = Any
"""The primary key of a row: its value, or a tuple where it has several columns."""
Row = dict[str, Any]


class RowNotFetched(LookupError):
    """A projection reads a row that it did not fetch for this batch; it would take it for absent."""


class TableRows:
    """One table's rows by primary key. `Table` columns are the keys of a row; leave out what is null."""

    def __init__(self, table: Table, connection: AsyncConnection | None, *, empty: bool = False) -> None:
        self.table = table
        self._connection = connection
        self._names = [column.name for column in table.primary_key.columns]
        self._key_of: Callable[[Mapping[str, Any]], Key] = itemgetter(*self._names)
        self._rows: dict[Key, Row | None] = {}
        self._changed: set[Key] = set()
        # True while the table in the database is certainly empty: what is not in memory is not there.
        self._empty = empty

    async def fetch(self, keys: Iterable[Key]) -> None:
        """Has the rows of these keys at hand; those that do not exist are known to be absent."""
        if self._empty:
            return
        wanted = [key for key in dict.fromkeys(keys) if key not in self._rows]
        if not wanted:
            return
        for row in await self._select(self._among(wanted)):
            self._rows[self._key_of(row)] = row
        for key in wanted:
            self._rows.setdefault(key, None)

    async def where(self, **equals: Any) -> list[Row]:
        """All rows with these values, changes of this batch included, to be changed in place.

        Costs a query, or in a rebuild a look at every row: prefer `fetch` by key.
        """
        if not self._empty:
            condition = [self.table.c[name] == value for name, value in equals.items()]
            for row in await self._select(*condition):
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
        """How many rows are held in memory, those known to be absent included."""
        return len(self._rows)

    async def flush(self) -> None:
        """Writes what changed: one statement for what is gone, one for what is new or different."""
        assert self._connection is not None
        changed = [(key, self._rows[key]) for key in self._changed]
        gone = [key for key, row in changed if row is None]
        kept = [row for _, row in changed if row is not None]
        if gone:
            await self._connection.execute(delete(self.table).where(self._among(gone)))
        if kept:
            statement = insert(self.table)
            others = {
                c.name: statement.excluded[c.name] for c in self.table.columns if c.name not in self._names
            }
            statement = (
                statement.on_conflict_do_update(index_elements=self._names, set_=others)
                if others
                else statement.on_conflict_do_nothing(index_elements=self._names)
            )
            await self._connection.execute(statement, [self._complete(row) for row in kept])
        self._changed.clear()

    async def copy_out(self, connection: AsyncConnection) -> None:
        """Copies everything held into the table, which is empty, and forgets it."""
        names = [column.name for column in self.table.columns]
        sql = connection.dialect
        bind = [column.type.dialect_impl(sql).bind_processor(sql) for column in self.table.columns]
        driver = await driver_of(connection)
        await driver.copy_records_to_table(
            self.table.name,
            schema_name=self.table.schema,
            columns=names,
            records=_records(self._rows.values(), names, bind),
        )
        self._rows.clear()
        self._changed.clear()
        self._empty = False

    def bind(self, connection: AsyncConnection | None) -> None:
        """Reads and writes through this connection from now on; what was held is stale."""
        self._connection = connection
        if not self._empty:
            self._rows.clear()
            self._changed.clear()

    async def _select(self, *conditions: Any) -> list[Row]:
        assert self._connection is not None
        result = await self._connection.execute(select(self.table).where(*conditions))
        return [dict(row) for row in result.mappings()]

    def _among(self, keys: list[Key]) -> ColumnElement[bool]:
        """The rows of these keys; for one column as one array, so that the statement stays the same."""
        columns = list(self.table.primary_key.columns)
        if len(columns) > 1:
            return tuple_(*columns).in_(keys)
        return columns[0] == any_(bindparam(None, keys, type_=ARRAY(columns[0].type)))

    def _known(self, key: Key) -> Row | None:
        try:
            return self._rows[key]
        except KeyError:
            if self._empty:
                return None
            raise RowNotFetched(f"{self.table.name}: {key!r} was not fetched for this batch") from None

    def _complete(self, row: Row) -> Row:
        return {column.name: row.get(column.name) for column in self.table.columns}


class RowSet:
    """The tables of one projection, each by its declared `Table`."""

    def __init__(
        self, tables: Mapping[Table, Table], connection: AsyncConnection | None, *, empty: bool = False
    ) -> None:
        self._tables = {declared: TableRows(t, connection, empty=empty) for declared, t in tables.items()}

    def __getitem__(self, table: Table) -> TableRows:
        return self._tables[table]

    def __iter__(self) -> Iterator[TableRows]:
        return iter(self._tables.values())

    def __len__(self) -> int:
        """How many rows are held in memory."""
        return sum(len(rows) for rows in self._tables.values())

    async def flush(self) -> None:
        """Writes what changed in every table."""
        for rows in self._tables.values():
            await rows.flush()

    async def copy_out(self, connection: AsyncConnection) -> None:
        """Copies all tables into the database."""
        for rows in self._tables.values():
            await rows.copy_out(connection)

    def bind(self, connection: AsyncConnection | None) -> None:
        """Uses another connection from now on."""
        for rows in self._tables.values():
            rows.bind(connection)


def _records(
    rows: Iterable[Row | None], names: Sequence[str], bind: Sequence[Callable[[Any], Any] | None]
) -> Iterator[list[Any]]:
    """Rows as COPY takes them: in column order, through the types' own converters where they have one."""
    converters = [(n, convert) for n, convert in enumerate(bind) if convert is not None]
    for row in rows:
        if row is None:
            continue
        values = [row.get(name) for name in names]
        for n, convert in converters:
            if values[n] is not None:
                values[n] = convert(values[n])
        yield values
