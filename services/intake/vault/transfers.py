"""Originals from the petition platform: encrypted for us by the platform, sealed once more so that they end
with the keys of their complaint, opened when they are read."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Row, Table, Text, Uuid, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.complaint.state import TRANSFERRED
from services.intake.vault.binding import Guard, digest, place
from services.intake.vault.keys import IDENTITY, Periods
from services.intake.vault.store import AWAY, at_once
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import InVault

metadata = MetaData()
transfers = Table(
    "transfers",
    metadata,
    Column("complaint", Uuid, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("wrapped_by", Text, nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


class Transfers:
    """Sealed originals by complaint. The event names the digest, so that it can mean no other bytes."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Periods,
        ready: Callable[[], Awaitable[None]] = at_once,
        guard: Guard | None = None,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._guard = guard or Guard()
        self._ready = ready
        """Holds every answer back until a restored vault has forgotten again (§6.5)."""

    async def keep(self, complaint: UUID, blob: str) -> InVault:
        """Keeps it before the event is written that refers to it. Kept again, the first stands."""
        body = blob.encode()
        name = TRANSFERRED + sha256(body).hexdigest()
        key, nonce = AESGCM.generate_key(256), os.urandom(12)
        bound = place("TRANSFER", name, complaint)
        sealed = nonce + AESGCM(key).encrypt(nonce, body, bound)
        told = digest(bound, sha256(sealed).digest())
        wrapped_by, wrapped_key = await self._keys.wrap(IDENTITY, key, told)
        row = {
            "complaint": complaint,
            "digest": _digest_in(name),
            "wrapped_by": wrapped_by,
            "wrapped_key": wrapped_key,
            "sealed": sealed,
        }
        keep_first = (
            insert(transfers)
            .values(row)
            .on_conflict_do_update(index_elements=["complaint", "digest"], set_={"received_at": func.now()})
        )
        try:
            async with self._engine.begin() as connection:
                return named_transfer((await connection.execute(keep_first.returning(transfers))).one())
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def copy(self, origin: UUID, complaint: UUID, named: InVault) -> InVault | None:
        """Copies the original to the complaint born of this one; None where there is none any more."""
        blob = await self.sealed(origin, named)
        return None if blob is None else await self.keep(complaint, blob)

    async def sealed(self, complaint: UUID, named: InVault) -> str | None:
        """The original that an event names, as the platform sealed it; None where it was forgotten. Refuses
        where another lies in its place, or nothing does (E_RECORD_INCOMPLETE, B55)."""
        await self._ready()
        query = select(transfers).where(
            transfers.c.complaint == complaint, transfers.c.digest == _digest_in(named.id)
        )
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query)).one_or_none()
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        blob = await self._opened(row) if row is not None and named_transfer(row) == named else None
        if blob is None:
            await self._guard.misses(complaint, named.id)
        return blob

    async def _opened(self, row: Row[Any]) -> str | None:
        named = named_transfer(row)
        key = await self._keys.unwrap(row.wrapped_by, row.wrapped_key, named.digest)
        if key is None:
            return None
        bound = place("TRANSFER", named.id, row.complaint)
        try:
            return AESGCM(key).decrypt(row.sealed[:12], row.sealed[12:], bound).decode()
        except InvalidTag:
            return None


def _digest_in(name: str) -> bytes:
    return bytes.fromhex(name.removeprefix(TRANSFERRED))


def named_transfer(row: Row[Any]) -> InVault:
    """A stored original as an event names it. So the name means no other bytes than those that came."""
    name = TRANSFERRED + row.digest.hex()
    told = digest(place("TRANSFER", name, row.complaint), sha256(row.sealed).digest())
    return InVault(kind="TRANSFER", id=name, digest=told)
