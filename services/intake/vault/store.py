"""Identities at rest: a key per complaint, wrapped by the vault's own key; deposits and orphans."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Uuid, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.values import ReporterBlock
from services.intake.vault.keys import IDENTITY, KeyWrapper
from shared.store.types import StoreUnavailable

metadata = MetaData()
identities = Table(
    "identities",
    metadata,
    Column("complaint", Uuid, primary_key=True),
    Column("reporter_ref", Uuid, nullable=False, unique=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("deposited_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
AWAY = (DBAPIError, PoolTimeout, OSError)
ORPHAN_AGE = timedelta(minutes=15)


class Vault:
    """Deposits are sealed under a fresh key each; destroying that key is erasing (domain.md §6.5)."""

    def __init__(self, engine: AsyncEngine, keys: KeyWrapper) -> None:
        self.engine = self._engine = engine
        self._keys = keys

    async def deposit(self, complaint: UUID, reporter: ReporterBlock) -> str:
        """Keeps an identity before the event that refers to it is written. The reference is random
        per complaint (SEC-3); deposited again for the same complaint, the first one stands."""
        key, nonce = AESGCM.generate_key(256), os.urandom(12)
        body = reporter.model_dump_json().encode()
        row = {
            "complaint": complaint,
            "reporter_ref": uuid4(),
            "wrapped_key": await self._keys.wrap(IDENTITY, key),
            "sealed": nonce + AESGCM(key).encrypt(nonce, _padded(body), complaint.bytes),
        }
        keep_first = (
            insert(identities)
            .values(row)
            .on_conflict_do_update(index_elements=["complaint"], set_={"complaint": identities.c.complaint})
        )
        try:
            async with self._engine.begin() as connection:
                result = await connection.execute(keep_first.returning(identities.c.reporter_ref))
                return str(result.scalar_one())
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def copy(self, origin: UUID, complaint: UUID) -> str:
        """The reporter of a complaint goes along to the one born of it: under a fresh key and a fresh
        reference (SEC-3). Empty where nobody is known."""
        known = await self.reporters([origin])
        return await self.deposit(complaint, known[0]) if known else ""

    async def reporters(self, complaints: Sequence[UUID]) -> list[ReporterBlock]:
        """The identities behind these complaints, for the screen alone."""
        query = select(identities).where(identities.c.complaint.in_(complaints))
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).all()
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        return [await self._open(r.complaint, r.wrapped_key, r.sealed) for r in rows]

    async def sweep_orphans(self, exists: Callable[[UUID], Awaitable[bool]]) -> int:
        """Erases deposits whose complaint was never written (a crash in between)."""
        old = select(identities.c.complaint).where(
            identities.c.deposited_at < func.now() - text(f"interval '{ORPHAN_AGE.total_seconds()} seconds'")
        )
        async with self._engine.connect() as connection:
            candidates = list((await connection.execute(old)).scalars())
        orphans = [c for c in candidates if not await exists(c)]
        if orphans:
            async with self._engine.begin() as connection:
                await connection.execute(delete(identities).where(identities.c.complaint.in_(orphans)))
        return len(orphans)

    async def _open(self, complaint: UUID, wrapped: bytes, sealed: bytes) -> ReporterBlock:
        key = await self._keys.unwrap(IDENTITY, wrapped)
        body = AESGCM(key).decrypt(sealed[:12], sealed[12:], complaint.bytes)
        return ReporterBlock.model_validate_json(body.rstrip(b"\0"))


def _padded(body: bytes) -> bytes:
    """The length of what is sealed must not tell a short name from a long one."""
    return body + b"\0" * (-len(body) % 512)
