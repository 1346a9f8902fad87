"""Attachments: the original sealed chunk by chunk under its own key, and beside it a copy without metadata.

Chunks follow the STREAM construction: the nonce holds the chunk's number and whether it is the last, so none
can be left out, moved or cut off. Each is sealed for its file: its kind, its complaint, its original and its
type. A file that was not uploaded to its end was never stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
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
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.vault.binding import Guard, digest, of_chunks, only, place
from services.intake.vault.keys import IDENTITY, Periods
from services.intake.vault.store import AWAY, at_once
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import InVault
from shared.language.ids import derived_id
from shared.language.refusal import refuse

metadata = MetaData()
blobs = Table(
    "blobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("complaint", Uuid, nullable=False, index=True),
    Column("original", Uuid),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("wrapped_by", Text, nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""`body` is the digest of the sealed chunks."""
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
    """The columns of a stored file that are known without opening it; a copy names its original."""

    id: UUID
    complaint: UUID
    original: UUID | None
    media_type: str
    size: int
    body: bytes

    @property
    def kind(self) -> Kind:
        return "ORIGINAL" if self.original is None else "COPY"

    @property
    def place(self) -> bytes:
        return place(self.kind, self.id, self.complaint, self.original, self.media_type)

    @property
    def in_vault(self) -> InVault:
        """The file as an event names it."""
        told = digest(self.place + b"\n%d" % self.size, self.body)
        return InVault(kind=self.kind, id=str(self.id), digest=told)


async def whole(content: bytes) -> AsyncIterator[bytes]:
    """A content that is there already, as a stream."""
    yield content


def _nonce(number: int, last: bool) -> bytes:
    """The key is fresh for each file, so number and end alone never repeat."""
    return number.to_bytes(11, "big") + bytes([last])


class Blobs:
    """Files of a complaint in the vault."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Periods,
        ready: Callable[[], Awaitable[None]] = at_once,
        guard: Guard | None = None,
    ) -> None:
        self._engine = engine
        self._guard = guard or Guard()
        self._ready = ready
        """Holds every answer back until a restored vault has forgotten again (§6.5)."""
        self._keys = keys

    async def put(
        self,
        complaint: UUID,
        media_type: str,
        parts: AsyncIterator[bytes],
        original: UUID | None = None,
        id: UUID | None = None,
    ) -> Blob:
        """Seals a file as it comes. A stream that ends early leaves nothing behind."""
        blob = Blob(id or uuid4(), complaint, original, media_type, 0, b"")
        key, size, told = AESGCM.generate_key(256), 0, list[bytes]()
        try:
            async with self._engine.begin() as connection:

                async def seal(plain: bytes, *, last: bool) -> None:
                    number = len(told)
                    sealed = AESGCM(key).encrypt(_nonce(number, last), plain, blob.place)
                    told.append(hashlib.sha256(sealed).digest())
                    row = insert(chunks).values(blob=blob.id, number=number, last=last, sealed=sealed)
                    await connection.execute(row)

                waiting = b""
                async for part in parts:
                    size += len(part)
                    waiting += part
                    while len(waiting) > CHUNK:
                        await seal(waiting[:CHUNK], last=False)
                        waiting = waiting[CHUNK:]
                await seal(waiting, last=True)
                blob = replace(blob, size=size, body=of_chunks(told))
                wrapped_by, wrapped_key = await self._keys.wrap(IDENTITY, key, blob.in_vault.digest)
                row = asdict(blob) | {"wrapped_by": wrapped_by, "wrapped_key": wrapped_key}
                await connection.execute(insert(blobs).values(row))
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        return blob

    async def copy(self, origin: UUID, complaint: UUID, named: Sequence[InVault]) -> list[InVault]:
        """The files of a complaint go along to the one born of it: under fresh keys. Copied again, the first
        copies stand, stored now (see `sweep`)."""

        def of_the_copy(id: UUID) -> UUID:
            return derived_id("blob", str(complaint), str(id))

        files = await self.of(origin, named)
        there = await self._stored_now([of_the_copy(blob.id) for blob in files])
        copies = []
        for blob in files:
            id = of_the_copy(blob.id)
            if (copy := there.get(id)) is None:
                original = None if blob.original is None else of_the_copy(blob.original)
                content = whole(await self.open(blob))
                copy = await self.put(complaint, blob.media_type, content, original, id)
            copies.append(copy.in_vault)
        return copies

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

    async def _stored_now(self, ids: Sequence[UUID]) -> dict[UUID, Blob]:
        query = update(blobs).where(blobs.c.id.in_(ids)).values(stored_at=func.now()).returning(blobs)
        try:
            async with self._engine.begin() as connection:
                return {row.id: blob_of(row) for row in (await connection.execute(query)).all()}
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def count(self, complaint: UUID) -> int:
        """Number of files that came for a complaint, named by an event or not."""
        query = select(func.count()).where(blobs.c.complaint == complaint, blobs.c.original.is_(None))
        try:
            async with self._engine.connect() as connection:
                return int((await connection.execute(query)).scalar_one())
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def stored(self, id: UUID) -> list[InVault]:
        """A file that was stored just now and its copy, for the event that will name them."""
        query = select(blobs).where(or_(blobs.c.id == id, blobs.c.original == id)).order_by(blobs.c.original)
        return [blob_of(row).in_vault for row in await self._rows(query)]

    async def of(self, complaint: UUID, named: Sequence[InVault]) -> list[Blob]:
        """The files that events of a complaint name, originals and copies: each is there and the one it was,
        or it refuses (E_RECORD_INCOMPLETE, B55). The content is checked when it is opened."""
        await self._ready()
        files = only(named, "ORIGINAL", "COPY")
        query = select(blobs).where(blobs.c.id.in_([UUID(thing.id) for thing in files]))
        there = {str(row.id): blob_of(row) for row in await self._rows(query)}
        found = []
        for thing in files:
            blob = there.get(thing.id)
            if blob is not None and blob.in_vault == thing:
                found.append(blob)
            else:
                await self._guard.misses(complaint, thing.id)
        return found

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
                return rows
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def open(self, blob: Blob) -> bytes:
        """A file's content. Refuses when any part of it was altered or is missing (B55)."""
        await self._ready()
        content = await self._opened(blob)
        if content is None:
            await self._guard.misses(blob.complaint, str(blob.id))
            refuse("E_NOT_FOUND")
        return content

    async def _opened(self, blob: Blob) -> bytes | None:
        keys = await self._rows(select(blobs.c.wrapped_by, blobs.c.wrapped_key).where(blobs.c.id == blob.id))
        rows = await self._rows(select(chunks).where(chunks.c.blob == blob.id).order_by(chunks.c.number))
        if not keys or of_chunks(hashlib.sha256(row.sealed).digest() for row in rows) != blob.body:
            return None
        key = await self._keys.unwrap(keys[0].wrapped_by, keys[0].wrapped_key, blob.in_vault.digest)
        if key is None:
            return None
        sealer = AESGCM(key)
        try:
            return b"".join(sealer.decrypt(_nonce(r.number, r.last), r.sealed, blob.place) for r in rows)
        except InvalidTag:
            return None


def blob_of(row: Row[Any]) -> Blob:
    """A stored file, as its row tells it."""
    return Blob(row.id, row.complaint, row.original, row.media_type, row.size, row.body)
