"""The mark of a store: the form of its data. A version that cannot read them says so at the start, in two
languages, and serves nothing; else it would answer half of what it is asked, and nobody would know why."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url

from shared.kernel.store.driver import away, dsn_of
from shared.kernel.store.reading import told_apart

FORMAT = 1
"""Number of the form. Raise it with a change of stored data that this version cannot read: an event without
an upcast, a seal bound to something else, another layout of a data folder. A column that a migration adds
needs no new number."""
ROOT = Path(__file__).resolve().parents[3]
MARK = Table(
    "store_mark",
    MetaData(),
    Column("format", Integer, nullable=False),
    Column("revision", Text, nullable=False),
)


class CannotTakeOver(SystemExit):
    """Raised when the data are another version's; the process ends before it has changed or served
    anything."""

    def __init__(self, where: str, found: str) -> None:
        super().__init__(
            f"{where}：数据由另一版本写成（{found}，本版本为 {FORMAT}），本版本不能接手，未作任何改动。"
            "请用原版本启动，或另择新的数据。\n"
            f"{where}: these data were written by another version ({found}; this one reads {FORMAT}) and "
            "cannot be taken over. Nothing was changed. Start that version, or choose new data."
        )


class NotMigrated(SystemExit):
    """The database is older than the code; the process ends before it serves anything."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where}：数据库尚未迁移到本版本，请先运行 migrate。\n"
            f"{where}: the database has not been migrated to this version; run `migrate` first."
        )


class NotLetIn(SystemExit):
    """The server refuses the user, the password or the database; the process ends before it serves."""

    def __init__(self, where: str, error: asyncpg.PostgresError) -> None:
        reason = type(error).__name__
        super().__init__(
            f"{where}：数据库拒绝连接（{reason}），请检查数据库地址、用户与口令。\n"
            f"{where}: the database lets nobody in ({reason}); look at its URL, user and password."
        )


def check_format(where: str, found: str | None) -> None:
    """Refuses data whose mark is not this version's. None: they have none, as before there were marks."""
    if found != str(FORMAT):
        raise CannotTakeOver(where, found or "0")


def take_over(connection: Connection, revisions: set[str], known: set[str]) -> None:
    """Begins a migration: refuses a database that is there already and not ours, or at a revision that is not
    `known`; marks one that is new."""
    where = str(connection.engine.url.database)
    if revisions:
        marked = inspect(connection).has_table(MARK.name)
        check_format(where, str(connection.scalar(select(MARK.c.format))) if marked else None)
        if unknown := revisions - known:
            raise CannotTakeOver(where, f"{FORMAT}, {', '.join(sorted(unknown))}")
    else:
        MARK.create(connection)
        connection.execute(insert(MARK).values(format=FORMAT, revision=""))
        # For everyone who may look into this schema at all: the service. It is no secret.
        connection.execute(text(f"GRANT SELECT ON {MARK.name} TO PUBLIC"))


def note_revision(connection: Connection, revision: str) -> None:
    """Ends a migration: notes its revision."""
    connection.execute(update(MARK).values(revision=revision))


async def check_store(url: str, folder: str) -> None:
    """Checks at the start of a service that its database is of this version's form, and at the newest
    revision of its migrations folder. Raises `StoreUnavailable` where it cannot be asked."""
    where, known = str(make_url(url).database), _revisions(folder)
    with told_apart():
        try:
            connection = await asyncpg.connect(dsn_of(url), timeout=5)
        except asyncpg.PostgresError as error:
            if away(error):
                raise
            raise NotLetIn(where, error) from None
        try:
            row = await connection.fetchrow(f"SELECT format, revision FROM {MARK.name}")  # noqa: S608
        except asyncpg.UndefinedTableError:
            row = None
        finally:
            await connection.close()
    if row is None:
        raise NotMigrated(where)
    check_format(where, str(row["format"]))
    if row["revision"] not in known:
        raise CannotTakeOver(where, f"{FORMAT}, {row['revision']}")
    if row["revision"] != known[-1]:
        raise NotMigrated(where)


def _revisions(folder: str) -> list[str]:
    """The revisions of a migrations folder, by the names of its files: to load Alembic takes a tenth of a
    start."""
    return sorted(path.name.partition("_")[0] for path in (ROOT / folder / "versions").glob("[0-9]*.py"))
