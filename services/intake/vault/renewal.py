"""Ends the keys under which something was forgotten (§6.5, ADR 0027).

For every row that is erased, the database notes the name of the key that wrapped its data key. After the
month of that key is over, the living rows move to a fresh key, and the old one is ended: then no backup of
the vault opens a forgotten row. As long as backups are kept that must open the living, it waits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Column, DateTime, MetaData, Row, Table, Text, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.vault.blobs import blob_of, blobs
from services.intake.vault.keys import KeysUnavailable, Periods
from services.intake.vault.letters import letters, named_letter
from services.intake.vault.parcels import named_parcel, parcels
from services.intake.vault.store import identities, named_identity
from services.intake.vault.transfers import named_transfer, transfers
from shared.language.contracts.common import InVault

log = structlog.get_logger("vault")
metadata = MetaData()
spent_keys = Table(
    "spent_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("moved_at", DateTime(timezone=True)),
)
"""Keys under which something was erased; a trigger of each table adds them."""
LOCK = 20271128
"""The advisory lock of the vault's database that a process holds while it renews keys."""
WRAPPED: dict[Table, Callable[[Row[Any]], InVault]] = {
    identities: named_identity,
    letters: named_letter,
    blobs: lambda row: blob_of(row).in_vault,
    transfers: named_transfer,
    parcels: named_parcel,
}
"""Tables sealed under a data key of their own, and how events name their rows."""
PAGE = 200


class Renewal:
    """Moves the living, then ends the key."""

    def __init__(self, engine: AsyncEngine, keys: Periods, kept: timedelta) -> None:
        """`kept`: the age of a backup of the vault that must still open the living."""
        self._engine = engine
        self._keys = keys
        self._kept = kept

    async def __call__(self) -> int:
        """Renews keys whose time is over; returns how many were ended."""
        ended = 0
        async with self._engine.connect() as guard:
            # One at a time: another process that had moved the rows would make us end the key at once.
            if not await guard.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
                return 0
            spent = (await guard.execute(select(spent_keys))).all()
            for name, moved_at in spent:
                try:
                    ended += await self._renew(name, moved_at) if self._keys.is_over(name) else 0
                except KeysUnavailable:
                    log.error("vault_key_away", name=name)  # or ended: rows of too old a backup lie under it
        return ended

    async def _renew(self, name: str, moved_at: datetime | None) -> int:
        if await self._wraps(name):
            # Noted before and after: broken off in between, the key is not ended as one that wrapped nobody.
            await self._note(update(spent_keys).values(moved_at=self._keys.now()), name)
            await self._move(name)
            await self._note(update(spent_keys).values(moved_at=self._keys.now()), name)
        elif moved_at is None or moved_at + self._kept <= self._keys.now():
            await self._keys.end(name)
            await self._note(delete(spent_keys), name)
            return 1
        return 0

    async def _wraps(self, name: str) -> bool:
        """True if any row lies under this key."""
        for table in WRAPPED:
            if await self._rows(select(table).where(table.c.wrapped_by == name).limit(1)):
                return True
        return False

    async def _move(self, name: str) -> None:
        """Wraps again the data keys that this key wraps."""
        successor = self._keys.successor(name)
        for table, named in WRAPPED.items():
            query = select(table).where(table.c.wrapped_by == name).limit(PAGE)
            while rows := await self._rows(query):
                for row in rows:
                    opens = named(row).digest
                    again = await self._keys.wrap_again(name, row.wrapped_key, successor, opens)
                    same = and_(*(key == getattr(row, key.name) for key in table.primary_key.columns))
                    async with self._engine.begin() as connection:
                        await connection.execute(
                            update(table)
                            .where(same, table.c.wrapped_by == name)
                            .values(wrapped_by=successor, wrapped_key=again)
                        )

    async def _rows(self, query: Any) -> Any:
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).all()

    async def _note(self, statement: Any, name: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(statement.where(spent_keys.c.name == name))
