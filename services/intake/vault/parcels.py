"""Parcels that a lower organ sealed for a superior (径送): encrypted for the addressee alone (A14, A15, L4).

The parcel is here before the event that names it is written. A parcel that no event names, because the
process died in between, is swept; until then it is listed to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.vault.binding import Guard, digest, place
from services.intake.vault.keys import Periods, organ_key
from services.intake.vault.store import AWAY, at_once
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import InVault
from shared.language.refusal import refuse

metadata = MetaData()
parcels = Table(
    "parcels",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("complaint", Uuid, nullable=False),
    Column("addressee", Text, nullable=False, index=True),
    Column("wrapped_by", Text, nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("deposited_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
LABEL = (parcels.c.id, parcels.c.complaint, parcels.c.addressee)
PADDING = 4096


class Parcel(NamedTuple):
    """A parcel as its label tells it; the content stays shut."""

    id: UUID
    complaint: UUID
    addressee: str


class Parcels:
    """The vault's table of parcels. Its rows are added, read and swept, never changed."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Periods,
        ready: Callable[[], Awaitable[None]] = at_once,
        guard: Guard | None = None,
    ) -> None:
        self._engine = engine
        self._guard = guard or Guard()
        self._keys = keys
        self._ready = ready
        """Holds every answer back until a restored vault has forgotten again (§6.5)."""

    async def seal(self, complaint: UUID, addressee: str, content: str) -> InVault:
        """Encrypts the content under a fresh key, which only the addressee's key opens."""
        id, key, nonce = uuid4(), AESGCM.generate_key(256), os.urandom(12)
        body = content.encode()
        body += b"\0" * (-len(body) % PADDING)
        bound = place("PARCEL", id, complaint, addressee)
        sealed = nonce + AESGCM(key).encrypt(nonce, body, bound)
        told = digest(bound, sha256(sealed).digest())
        wrapped_by, wrapped_key = await self._keys.wrap(organ_key(addressee), key, told)
        row = {
            "id": id,
            "complaint": complaint,
            "addressee": addressee,
            "wrapped_by": wrapped_by,
            "wrapped_key": wrapped_key,
            "sealed": sealed,
        }
        try:
            async with self._engine.begin() as connection:
                await connection.execute(parcels.insert().values(row))
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        return InVault(kind="PARCEL", id=str(id), digest=told)

    async def addressed_to(self, organ: str) -> list[Parcel]:
        """The labels of the parcels that were sealed for this organ, newest first."""
        query = select(*LABEL).where(parcels.c.addressee == organ).order_by(parcels.c.deposited_at.desc())
        return [Parcel._make(row) for row in await self._rows(query)]

    async def find(self, id: UUID) -> Parcel | None:
        """The label of one parcel."""
        rows = await self._rows(select(*LABEL).where(parcels.c.id == id))
        return Parcel._make(rows[0]) if rows else None

    async def open(self, complaint: UUID, named: InVault) -> str:
        """The content, for the addressee, who was checked before. Refuses where it is not the parcel that its
        event names (E_RECORD_INCOMPLETE, B55)."""
        rows = await self._rows(select(parcels).where(parcels.c.id == UUID(named.id)))
        content = await self._opened(rows[0]) if rows and named_parcel(rows[0]) == named else None
        if content is None:
            await self._guard.misses(complaint, named.id)
            refuse("E_NOT_FOUND")
        return content

    async def _opened(self, row: Row[Any]) -> str | None:
        key = await self._keys.unwrap(row.wrapped_by, row.wrapped_key, named_parcel(row).digest)
        if key is None:
            return None
        try:
            return AESGCM(key).decrypt(row.sealed[:12], row.sealed[12:], _place(row)).rstrip(b"\0").decode()
        except InvalidTag:
            return None

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        await self._ready()
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
                return rows
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error


def _place(row: Row[Any]) -> bytes:
    return place("PARCEL", row.id, row.complaint, row.addressee)


def named_parcel(row: Row[Any]) -> InVault:
    """A stored parcel as an event names it."""
    return InVault(kind="PARCEL", id=str(row.id), digest=digest(_place(row), sha256(row.sealed).digest()))
