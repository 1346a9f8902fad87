"""Identities at rest: a key per complaint, wrapped by the vault's key of the month."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Row, Table, Text, Uuid, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake.domain.values import ReporterBlock
from services.intake.vault.binding import Alarm, Guard, digest, in_the_log, only, place
from services.intake.vault.keys import APART, IDENTITY, Periods
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import InVault

metadata = MetaData()
identities = Table(
    "identities",
    metadata,
    Column("complaint", Uuid, primary_key=True),
    Column("step", Uuid, primary_key=True, server_default="00000000-0000-0000-0000-000000000000"),
    Column("reporter_ref", Uuid, nullable=False, unique=True),
    Column("wrapped_by", Text, nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("deposited_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Each step by which an identity grew has a row (B19): the last one that an event names is true today, those
before it are its history. The key of the first seals what else lies with the complaint."""
STANDS = (identities.c.reporter_ref, identities.c.complaint, identities.c.step, identities.c.sealed)
FIRST = UUID(int=0)
"""The step with which a complaint's reporter came to the vault."""
AWAY = (DBAPIError, PoolTimeout, OSError)
SETTLE_PAGE = 5000
KEY = "key"
"""The name that an alarm gives to the key of a complaint that holds the contents of its cases."""
NOBODY = ReporterBlock()
"""The block that lies with the key of a complaint whose reporter is unknown."""
Destroyed = Callable[[Sequence[UUID]], Awaitable[set[UUID]]]
"""Tells which of these complaints' keys the record says were destroyed."""


class KeyDestroyed(Exception):
    """The key of this complaint was destroyed; nothing can be sealed for it any more."""


async def nothing(complaints: Sequence[UUID]) -> set[UUID]:
    """The record of a vault from which nothing was ever erased."""
    return set()


async def at_once() -> None:
    """A `ready` that never waits, for a part beside the vault."""


class Vault:
    """Deposits are sealed under a fresh key each; destroying that key is erasing (§6.5). Here the
    wrapped key is deleted; the one that wraps it ends in its time (`renewal`)."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Periods,
        destroyed: Destroyed = nothing,
        further: Sequence[Column[UUID]] = (),
        alarm: Alarm = in_the_log,
    ) -> None:
        self.engine = self._engine = engine
        self._keys = keys
        self._destroyed = destroyed
        self.guard = Guard(self.forgotten, alarm)
        self._columns: tuple[Column[UUID], ...] = (identities.c.complaint, *further)
        """Columns under which a complaint's secrets lie: `further` names those of other tables with keys of
        their own."""
        self._settled = False
        self._settling = asyncio.Lock()

    async def settle(self) -> int:
        """Holds the vault against the record of destroyed keys, and destroys again those that a restored
        database has brought back. Nothing is answered before that was done once (§6.5)."""
        erased = 0
        for column in self._columns:
            last = UUID(int=0)
            page = select(column).distinct().order_by(column).limit(SETTLE_PAGE)
            while True:
                async with self._connected() as connection:
                    here = list((await connection.execute(page.where(column > last))).scalars())
                if not here:
                    break
                last = here[-1]
                if gone := await self._destroyed(here):
                    erased += await self._erase(gone)
        self._settled = True
        return erased

    async def destroy(self, complaint: UUID) -> None:
        """Deletes every wrapped key of a complaint: nothing here opens any more. A backup opens until the
        keys of its months have ended."""
        await self._erase([complaint])

    async def _erase(self, complaints: Iterable[UUID]) -> int:
        gone, erased = list(complaints), 0
        async with self._writing() as connection:
            for column in self._columns:
                done = await connection.execute(delete(column.table).where(column.in_(gone)))
                erased += int(done.rowcount)
        return erased

    async def ready(self) -> None:
        """Waits until the vault was held against the record once; every answer from it waits for this
        first."""
        if not self._settled:
            async with self._settling:
                if not self._settled:
                    await self.settle()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield connection
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def deposit(self, complaint: UUID, reporter: ReporterBlock, step: UUID = FIRST) -> InVault:
        """Keeps an identity before the event that refers to it is written. The reference is random
        per complaint and step (SEC-3); deposited again for the same step, the first one stands and is as
        young as ever, so that it is not swept from under the event that comes now."""
        key, nonce, ref = AESGCM.generate_key(256), os.urandom(12), uuid4()
        body = reporter.model_dump_json().encode()
        bound = _place(ref, complaint, step)
        sealed = nonce + AESGCM(key).encrypt(nonce, _padded(body), bound)
        told = digest(bound, sha256(sealed).digest())
        wrapped_by, wrapped_key = await self._keys.wrap(IDENTITY, key, told)
        row = {
            "complaint": complaint,
            "step": step,
            "reporter_ref": ref,
            "wrapped_by": wrapped_by,
            "wrapped_key": wrapped_key,
            "sealed": sealed,
        }
        keep_first = (
            insert(identities)
            .values(row)
            .on_conflict_do_update(index_elements=["complaint", "step"], set_={"deposited_at": func.now()})
        )
        async with self._writing() as connection:
            kept = await connection.execute(keep_first.returning(*STANDS))
            return named_identity(kept.one())

    async def copy(self, origin: UUID, complaint: UUID, named: Iterable[InVault]) -> InVault | None:
        """Copies the reporter of a complaint to the one born of it, under a fresh key and a fresh reference
        (SEC-3). None where nobody is known."""
        known = await self.reporter(origin, named)
        return None if known is None else await self.deposit(complaint, known)

    async def reporters(self, complaints: Sequence[UUID]) -> list[ReporterBlock]:
        """The identities behind these complaints, for the screen: an old telephone tells of somebody too."""
        await self.ready()
        return list(await asyncio.gather(*(self._open(row) for row in await self._rows(complaints))))

    async def _rows(self, complaints: Sequence[UUID]) -> Sequence[Row[Any]]:
        query = select(identities).where(identities.c.complaint.in_(complaints))
        async with self._connected() as connection:
            return (await connection.execute(query)).all()

    async def forgotten(self, complaint: UUID) -> bool:
        """True if the record says that the key of this complaint was destroyed (§6.5)."""
        return bool(await self._destroyed([complaint]))

    async def reporter(self, complaint: UUID, named: Iterable[InVault]) -> ReporterBlock | None:
        """The identity that events of a complaint named last; None where they name none, or it was
        forgotten. Refuses where another lies in its place, or nothing does (E_RECORD_INCOMPLETE, B55)."""
        if await self.forgotten(complaint):
            return None
        await self.ready()
        for thing in only(named, "IDENTITY")[-1:]:
            for row in await self._rows([complaint]):
                if named_identity(row) == thing:
                    return await self._open(row)
            await self.guard.misses(complaint, thing.id)
        return None

    async def holds(self, complaints: Sequence[UUID]) -> set[UUID]:
        """The complaints, of these, for which there is a key."""
        found: set[UUID] = set()
        async with self._connected() as connection:
            for column in self._columns:
                query = select(column).distinct().where(column.in_(complaints))
                found.update((await connection.execute(query)).scalars())
        return found

    async def seal(self, complaint: UUID, context: UUID, body: bytes) -> str:
        """Seals something under the complaint's own key, bound to the place where it will stand. A complaint
        without an identity gets its key with the first thing that needs one."""
        key = await self._key(complaint)
        if key is None and await self.forgotten(complaint):
            raise KeyDestroyed(str(complaint))
        if key is None:
            await self.deposit(complaint, NOBODY)
            key = await self._key(complaint)
        if key is None:
            await self.guard.misses(complaint, KEY)
            raise KeyDestroyed(str(complaint))
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(key).encrypt(nonce, _padded(body), complaint.bytes + context.bytes)
        return b64encode(sealed).decode()

    async def unseal(self, complaint: UUID, context: UUID, sealed: str) -> bytes | None:
        """The sealed content; None where the key was destroyed."""
        key = await self._key(complaint)
        raw = b64decode(sealed)
        try:
            if key is not None:
                bound = complaint.bytes + context.bytes
                return AESGCM(key).decrypt(raw[:12], raw[12:], bound).rstrip(b"\0")
        except InvalidTag:
            pass
        await self.guard.misses(complaint, str(context))
        return None

    async def _key(self, complaint: UUID) -> bytes | None:
        await self.ready()
        for row in await self._rows([complaint]):
            if row.step == FIRST:
                return await self._keys.unwrap(row.wrapped_by, row.wrapped_key, named_identity(row).digest)
        return None

    async def seal_apart(self, body: bytes) -> bytes:
        """Seals a thing outside the database (a message as a file) under a key of its own."""
        key, nonce = AESGCM.generate_key(256), os.urandom(12)
        wrapped_by, wrapped = await self._keys.wrap(APART, key, APART)
        parts = [wrapped_by.encode(), wrapped, nonce + AESGCM(key).encrypt(nonce, body, b"apart")]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    async def open_apart(self, sealed: bytes) -> bytes:
        """Opens a thing that `seal_apart` sealed."""
        parts = []
        while sealed:
            end = 4 + int.from_bytes(sealed[:4], "big")
            parts.append(sealed[4:end])
            sealed = sealed[end:]
        key = await self._keys.unwrap(parts[0].decode(), parts[1], APART)
        assert key is not None
        return AESGCM(key).decrypt(parts[2][:12], parts[2][12:], b"apart")

    async def _open(self, row: Row[Any]) -> ReporterBlock:
        key = await self._keys.unwrap(row.wrapped_by, row.wrapped_key, named_identity(row).digest)
        bound = _place(row.reporter_ref, row.complaint, row.step)
        try:
            if key is not None:
                body = AESGCM(key).decrypt(row.sealed[:12], row.sealed[12:], bound)
                return ReporterBlock.model_validate_json(body.rstrip(b"\0"))
        except InvalidTag:
            pass
        await self.guard.misses(row.complaint, str(row.reporter_ref))
        return NOBODY  # forgotten while it was read


def _place(ref: UUID, complaint: UUID, step: UUID) -> bytes:
    return place("IDENTITY", ref, complaint, step)


def named_identity(row: Row[Any]) -> InVault:
    """A stored identity as an event names it."""
    sealed = sha256(row.sealed).digest()
    told = digest(_place(row.reporter_ref, row.complaint, row.step), sealed)
    return InVault(kind="IDENTITY", id=str(row.reporter_ref), digest=told)


def _padded(body: bytes) -> bytes:
    """Pads a body: the length of the ciphertext must not tell a short name from a long one."""
    return body + b"\0" * (-len(body) % 512)
