"""Erases, after a while, deposits in the vault for something that was never written (it was refused, or the
process died in between). Nothing is erased on the word of a log that has lost its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, Column, MetaData, SmallInteger, Table, Uuid, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from services.intake.vault.blobs import blobs, chunks
from services.intake.vault.letters import letters
from services.intake.vault.parcels import LABEL, Parcel, parcels
from services.intake.vault.store import AWAY, Vault, identities
from services.intake.vault.transfers import transfers
from shared.kernel.halts import Halt
from shared.kernel.store.types import StoreUnavailable

log = structlog.get_logger("intake")
metadata = MetaData()
log_seen = Table(
    "log_seen",
    metadata,
    Column("one", SmallInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("event_id", Uuid, nullable=False),
)
"""The last event of intake's log that the vault has seen: one row."""
ORPHAN_AGE = timedelta(minutes=15)
PAGE = 5000
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
DEPOSITED: tuple[tuple[Column[Any], Column[Any]], ...] = (
    (identities.c.complaint, identities.c.deposited_at),
    (letters.c.complaint, letters.c.written_at),
    (transfers.c.complaint, transfers.c.received_at),
    (blobs.c.complaint, blobs.c.stored_at),
)
"""Columns of things that lie under a complaint's id, and of the time when each came."""


class Record(Protocol):
    """The part of intake's log that is asked."""

    async def existing(self, streams: Sequence[UUID]) -> set[UUID]: ...
    async def find_event(self, position: int) -> UUID | None: ...
    async def max_position(self) -> int: ...


class LogLost(Exception):
    """Intake's log is not the one that the vault has seen, or has lost its end: a complaint that it does not
    name may have been written all the same."""


class Sweep:
    """Looks at each deposit once, when it has become old: what is written by then stays written."""

    SECONDS = 60.0

    def __init__(
        self, vault: Vault, record: Record, named: Callable[[Parcel], Awaitable[bool]], halted: Halt
    ) -> None:
        """`named`: tells whether a complaint names this parcel. `halted`: is told that nothing is swept."""
        self._vault = vault
        self._engine = vault.engine
        self._record = record
        self._named = named
        self._halted = halted
        self._swept = BEGINNING
        """The instant up to which everything was looked at. After a start that is everything."""

    async def run(self) -> None:
        """Sweeps every minute until it is cancelled."""
        while True:
            await asyncio.sleep(self.SECONDS)
            try:
                await self.look()
            except (StoreUnavailable, *AWAY) as error:
                log.warning("sweep_waits", error=type(error).__name__)

    async def look(self) -> None:
        """Sweeps once. A log that is not the one that the vault has seen is told until a person has
        looked."""
        await self._vault.ready()
        try:
            erased = await self()
        except LogLost as lost:
            self._halted("vault sweep", str(lost))
            log.error("sweep_halted", reason=str(lost))
            return
        self._halted("vault sweep", None)
        if erased:
            log.info("orphans_erased", count=erased)

    async def __call__(self) -> int:
        """Erases deposits that are old and belong to nothing; returns of how many. Raises LogLost."""
        await self._check_log()
        if not await self._record.max_position():
            return 0  # an empty log has said nothing of anything
        old = func.now() - text(f"interval '{ORPHAN_AGE.total_seconds()} seconds'")
        async with self._engine.connect() as connection:
            until = (await connection.execute(select(old))).scalar_one()
        erased = [await self._erase_orphans(complaint, at, until) for complaint, at in DEPOSITED]
        erased.append(await self._erase_parcels(until))
        self._swept = until
        await self._note_log()
        return sum(erased)

    async def _check_log(self) -> None:
        async with self._engine.connect() as connection:
            seen = (await connection.execute(select(log_seen))).one_or_none()
        if seen is None:
            return
        found = await self._record.find_event(seen.position)
        if found != seen.event_id:
            raise LogLost(f"position {seen.position} was {seen.event_id}, and is {found or 'nothing'}")

    async def _note_log(self) -> None:
        position = await self._record.max_position()
        row = {"one": 1, "position": position, "event_id": await self._record.find_event(position)}
        if row["event_id"] is None:
            return
        told = {name: row[name] for name in ("position", "event_id")}
        async with self._engine.begin() as connection:
            await connection.execute(
                insert(log_seen).values(row).on_conflict_do_update(index_elements=["one"], set_=told)
            )

    async def _erase_orphans(self, complaint: Column[Any], at: Column[Any], until: datetime) -> int:
        last, erased = UUID(int=0), 0
        page = select(complaint).distinct().where(at > self._swept, at <= until).order_by(complaint)
        while True:
            async with self._engine.connect() as connection:
                query = page.where(complaint > last).limit(PAGE)
                candidates = list((await connection.execute(query)).scalars())
            if not candidates:
                return erased
            last = candidates[-1]
            orphans = set(candidates) - await self._record.existing(candidates)
            if orphans:
                await self._check_log()
                await self._erase(complaint, at, orphans, until)
                erased += len(orphans)

    async def _erase(
        self, complaint: Column[Any], at: Column[Any], orphans: set[UUID], until: datetime
    ) -> None:
        """Erases a deposit, unless it was made again in the meantime: then it is young, and stays."""
        gone = delete(complaint.table).where(complaint.in_(orphans), at <= until)
        async with self._engine.begin() as connection:
            if complaint.table is blobs:
                files = (await connection.execute(gone.returning(blobs.c.id))).scalars()
                await connection.execute(delete(chunks).where(chunks.c.blob.in_(list(files))))
            else:
                await connection.execute(gone)

    async def _erase_parcels(self, until: datetime) -> int:
        query = select(*LABEL).where(parcels.c.deposited_at > self._swept, parcels.c.deposited_at <= until)
        async with self._engine.connect() as connection:
            found = [Parcel._make(row) for row in (await connection.execute(query)).all()]
        orphans = [parcel.id for parcel in found if not await self._named(parcel)]
        if orphans:
            await self._check_log()
            async with self._engine.begin() as connection:
                await connection.execute(delete(parcels).where(parcels.c.id.in_(orphans)))
        return len(orphans)
