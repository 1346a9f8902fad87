"""Attachments: the original sealed chunk by chunk under its own key, and beside it a copy without metadata.

Chunks follow the STREAM construction: the nonce holds the chunk's number and whether it is the last, so
none can be left out, moved or cut off. What was not uploaded to its end was never stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake.vault.keys import IDENTITY, KeyWrapper
from services.intake.vault.store import AWAY, at_once
from shared.reaction import derived_id
from shared.store.types import StoreUnavailable

metadata = MetaData()
blobs = Table(
    "blobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("complaint", Uuid, nullable=False, index=True),
    Column("original", Uuid),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
chunks = Table(
    "blob_chunks",
    metadata,
    Column("blob", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("last", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
CHUNK = 64 * 1024
Kind = Literal["ORIGINAL", "COPY"]


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a stored file without opening it; a copy names its original."""

    id: UUID
    complaint: UUID
    original: UUID | None
    media_type: str
    size: int


async def whole(content: bytes) -> AsyncIterator[bytes]:
    """A content that is there already, as a stream."""
    yield content


def _nonce(number: int, last: bool) -> bytes:
    """The key is fresh for each file, so number and end alone never repeat."""
    return number.to_bytes(11, "big") + bytes([last])


class Blobs:
    """Files of a complaint in the vault."""

    def __init__(
        self, engine: AsyncEngine, keys: KeyWrapper, ready: Callable[[], Awaitable[None]] = at_once
    ) -> None:
        self._engine = engine
        self._ready = ready
        """Nothing is answered from a restored vault before it has forgotten again (domain.md §6.5)."""
        self._keys = keys

    async def put(
        self,
        complaint: UUID,
        media_type: str,
        parts: AsyncIterator[bytes],
        original: UUID | None = None,
        id: UUID | None = None,
    ) -> Blob:
        """Seals a file as it comes. Whatever ends the stream early leaves nothing behind."""
        id, key = id or uuid4(), AESGCM.generate_key(256)
        wrapped = await self._keys.wrap(IDENTITY, key)
        digest, size = hashlib.sha256(), 0
        try:
            async with self._engine.begin() as connection:
                number, waiting = 0, b""
                async for part in parts:
                    digest.update(part)
                    size += len(part)
                    waiting += part
                    while len(waiting) > CHUNK:
                        await self._seal(connection, id, key, number, waiting[:CHUNK], last=False)
                        number, waiting = number + 1, waiting[CHUNK:]
                await self._seal(connection, id, key, number, waiting, last=True)
                await connection.execute(
                    insert(blobs).values(
                        id=id,
                        complaint=complaint,
                        original=original,
                        media_type=media_type,
                        size=size,
                        sha256=digest.digest(),
                        wrapped_key=wrapped,
                    )
                )
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        return Blob(id, complaint, original, media_type, size)

    async def copy(self, origin: UUID, complaint: UUID) -> None:
        """The files of a complaint go along to the one born of it: under fresh keys. Copied again, the first
        copies stand, stored now (see `sweep`)."""

        def of_the_copy(id: UUID) -> UUID:
            return derived_id("blob", str(complaint), str(id))

        there = {blob.id for blob in await self.of(complaint)}
        if there:
            await self._stored_now(complaint)
        for blob in await self.of(origin):
            if (id := of_the_copy(blob.id)) not in there:
                original = None if blob.original is None else of_the_copy(blob.original)
                await self.put(complaint, blob.media_type, whole(await self.open(blob.id)), original, id)

    async def erase(self, id: UUID) -> None:
        """Forgets a file and its copy."""
        both = or_(blobs.c.id == id, blobs.c.original == id)
        ids = select(blobs.c.id).where(both)
        try:
            async with self._engine.begin() as connection:
                await connection.execute(delete(chunks).where(chunks.c.blob.in_(ids)))
                await connection.execute(delete(blobs).where(both))
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def _stored_now(self, complaint: UUID) -> None:
        query = update(blobs).where(blobs.c.complaint == complaint).values(stored_at=func.now())
        try:
            async with self._engine.begin() as connection:
                await connection.execute(query)
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def of(self, complaint: UUID) -> list[Blob]:
        """The files of a complaint, originals and copies."""
        await self._ready()
        query = select(blobs).where(blobs.c.complaint == complaint).order_by(blobs.c.id)
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(query)).all()
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        return [Blob(r.id, r.complaint, r.original, r.media_type, r.size) for r in rows]

    async def open(self, id: UUID) -> bytes:
        """A file's content. Raises InvalidTag when anything of it was altered, and ValueError when it is
        not whole."""
        await self._ready()
        try:
            async with self._engine.connect() as connection:
                wrapped = (
                    await connection.execute(select(blobs.c.wrapped_key).where(blobs.c.id == id))
                ).scalar_one()
                query = select(chunks).where(chunks.c.blob == id).order_by(chunks.c.number)
                rows = (await connection.execute(query)).all()
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        sealer = AESGCM(await self._keys.unwrap(IDENTITY, wrapped))
        if not rows or not rows[-1].last or [r.number for r in rows] != list(range(len(rows))):
            raise ValueError("the file is not whole")
        return b"".join(sealer.decrypt(_nonce(r.number, r.last), r.sealed, id.bytes) for r in rows)

    @staticmethod
    async def _seal(
        connection: AsyncConnection, id: UUID, key: bytes, number: int, plain: bytes, *, last: bool
    ) -> None:
        sealed = AESGCM(key).encrypt(_nonce(number, last), plain, id.bytes)
        await connection.execute(insert(chunks).values(blob=id, number=number, last=last, sealed=sealed))
