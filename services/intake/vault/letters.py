"""Letters of online reporters and to them: sealed in the vault under a key for each letter. Their query codes
lie here too: a keyed digest of the first half, a slow hash of the second, and nothing that opens either
(SEC-6, SEC-7)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    Uuid,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.vault.binding import Guard, digest, only, place
from services.intake.vault.keys import IDENTITY, Periods
from services.intake.vault.store import AWAY, at_once
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import InVault
from shared.language.ids import derived_id
from shared.language.refusal import refuse

metadata = MetaData()
letters = Table(
    "letters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("complaint", Uuid, nullable=False),
    Column("direction", Text, nullable=False),
    Column("wrapped_by", Text, nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("letters_complaint_idx", letters.c.complaint, letters.c.written_at)
codes = Table(
    "codes",
    metadata,
    Column("selector", LargeBinary, primary_key=True),
    Column("complaint", Uuid, nullable=False, unique=True),
    Column("salt", LargeBinary, nullable=False),
    Column("slow_hash", LargeBinary, nullable=False),
    Column("bound", LargeBinary, nullable=False),
)
"""`bound` is a keyed digest of the rest: without the key no code can be given to another complaint."""
Direction = Literal["REPORT", "FROM_REPORTER", "TO_REPORTER", "RECUSAL", "ACCOUNT"]
"""Words about a recusal, and accounts of retaliation or misconduct, are for those who decide on them, and
stand in no mailbox."""
CODE = "query-code"
"""The name that an alarm gives to a code that was exchanged; it has no id."""
PAD = 1024
"""A sealed letter's length tells no more than its number of kilobytes."""
SCRYPT = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}
"""RFC 7914; about 16 MB and some 50 ms per try."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One opened letter."""

    id: UUID
    direction: Direction
    text: str
    written_at: datetime


class Trail(NamedTuple):
    """A complaint, and the things that its events name."""

    complaint: UUID
    named: Sequence[InVault]


def _of_the_copy(complaint: UUID, letter: Letter) -> UUID:
    """The id of a letter at the complaint that it went along to."""
    return derived_id("letter", str(complaint), str(letter.id))


class SlowHash:
    """scrypt in a thread, few at a time: a flood of guesses cannot fill the memory. Beyond `waiting` a caller
    does not even wait (E_OVERLOADED)."""

    def __init__(self, at_once: int = 2, waiting: int | None = None) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._most = None if waiting is None else at_once + waiting
        self._here = 0

    async def __call__(self, secret: str, salt: bytes) -> bytes:
        if self._most is not None and self._here >= self._most:
            refuse("E_OVERLOADED", "SEC-6")
        self._here += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(hashlib.scrypt, secret.encode(), salt=salt, **SCRYPT)
        finally:
            self._here -= 1


class Letters:
    """Letters of a complaint, and the code that opens them to the author of the first one."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Periods,
        pepper: bytes,
        ready: Callable[[], Awaitable[None]] = at_once,
        guard: Guard | None = None,
    ) -> None:
        self._engine = engine
        self._guard = guard or Guard()
        self._ready = ready
        """Holds every answer back until a restored vault has forgotten again (§6.5)."""
        self._keys = keys
        self._pepper = pepper

    async def put(self, complaint: UUID, direction: Direction, words: str, id: UUID | None = None) -> InVault:
        """Seals a letter. Put again under the same id, the first one stands, written now (see `sweep`)."""
        id = id or uuid4()
        key, nonce = AESGCM.generate_key(256), os.urandom(12)
        body = words.encode()
        body += b"\0" * (-len(body) % PAD)
        bound = place(direction, id, complaint)
        sealed = nonce + AESGCM(key).encrypt(nonce, body, bound)
        told = digest(bound, hashlib.sha256(sealed).digest())
        wrapped_by, wrapped_key = await self._keys.wrap(IDENTITY, key, told)
        row = {
            "id": id,
            "complaint": complaint,
            "direction": direction,
            "wrapped_by": wrapped_by,
            "wrapped_key": wrapped_key,
            "sealed": sealed,
        }
        keep_first = (
            insert(letters)
            .values(row)
            .on_conflict_do_update(index_elements=["id"], set_={"written_at": func.now()})
        )
        try:
            async with self._engine.begin() as connection:
                return named_letter((await connection.execute(keep_first.returning(letters))).one())
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def copy(self, origin: UUID, complaint: UUID, named: Sequence[InVault]) -> list[InVault]:
        """Copies a reporter's letters to the complaint born of theirs, under fresh keys. Copied again, the
        first copies stand."""
        return [
            await self.put(complaint, letter.direction, letter.text, _of_the_copy(complaint, letter))
            for letter in await self.of(origin, only(named, "REPORT", "FROM_REPORTER"))
        ]

    async def of(self, complaint: UUID, named: Sequence[InVault]) -> list[Letter]:
        """The letters that events of a complaint name, oldest first: each is there and the one it was, or it
        refuses (E_RECORD_INCOMPLETE, B55). A letter that no event names was refused, and written to
        nobody."""
        await self._ready()
        query = select(letters).where(letters.c.id.in_([UUID(thing.id) for thing in named]))
        try:
            async with self._engine.connect() as connection:
                rows = {str(row.id): row for row in (await connection.execute(query)).all()}
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        opened = []
        for thing in named:
            row = rows.get(thing.id)
            if row is not None and named_letter(row) == thing and (letter := await self._opened(row)):
                opened.append(letter)
            else:
                await self._guard.misses(complaint, thing.id)
        return sorted(opened, key=lambda letter: (letter.written_at, letter.id))

    async def _opened(self, row: Row[Any]) -> Letter | None:
        key = await self._keys.unwrap(row.wrapped_by, row.wrapped_key, named_letter(row).digest)
        bound = place(row.direction, row.id, row.complaint)
        if key is None:
            return None
        try:
            words = AESGCM(key).decrypt(row.sealed[:12], row.sealed[12:], bound).rstrip(b"\0").decode()
        except InvalidTag:
            return None
        return Letter(row.id, row.direction, words, row.written_at)

    async def to_and_fro(self, trail: Sequence[Trail], parts: Sequence[Trail] = ()) -> list[Letter]:
        """The letters between a reporter and the organs that their complaint went through, oldest first, and
        those of the organs that have a part of it; a letter that went along with it stands there once."""
        found = [
            letter
            for part in parts
            for letter in await self.of(part.complaint, only(part.named, "TO_REPORTER"))
        ]
        before: list[Letter] = []
        for complaint, named in trail:
            came_along = {_of_the_copy(complaint, letter) for letter in before}
            before = await self.of(complaint, only(named, "FROM_REPORTER", "TO_REPORTER"))
            found += [letter for letter in before if letter.id not in came_along]
        return sorted(found, key=lambda letter: (letter.written_at, letter.id))

    # --- query codes ---

    def selector(self, code_half: str) -> bytes:
        """The key by which a code is found: a keyed digest of its first half, worthless without the
        secret."""
        return hmac.digest(self._pepper, b"query-code " + code_half.encode(), "sha256")

    async def keep_code(self, complaint: UUID, halves: tuple[str, str], slow: SlowHash) -> None:
        """Stores a code as a slow hash of its second half. Kept again for a complaint, the first stands; for
        one that was forgotten nothing is kept."""
        if await self._guard.forgotten(complaint):
            return
        salt, selector = os.urandom(16), self.selector(halves[0])
        slow_hash = await slow(halves[1], salt + complaint.bytes)
        row = {
            "selector": selector,
            "complaint": complaint,
            "salt": salt,
            "slow_hash": slow_hash,
            "bound": self._bound(selector, complaint, salt, slow_hash),
        }
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(codes).values(row).on_conflict_do_nothing())
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def complaint_of(self, halves: tuple[str, str], slow: SlowHash) -> UUID | None:
        """The complaint that a code opens. One slow hash is spent whether there is such a code or not."""
        await self._ready()
        query = select(codes).where(codes.c.selector == self.selector(halves[0]))
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query)).one_or_none()
        except AWAY as error:
            raise StoreUnavailable("the identity vault is away") from error
        id, salt, expected = (
            (row.complaint, row.salt, row.slow_hash) if row else (UUID(int=0), bytes(16), b"")
        )
        found = hmac.compare_digest(await slow(halves[1], salt + id.bytes), expected)
        if row is not None and not self.is_bound(row):
            await self._guard.misses(row.complaint, CODE)
            return None
        return id if row is not None and found else None

    def is_bound(self, row: Row[Any]) -> bool:
        """True if a stored code is the one that was kept for its complaint."""
        bound = self._bound(row.selector, row.complaint, row.salt, row.slow_hash)
        return hmac.compare_digest(bound, row.bound)

    def _bound(self, selector: bytes, complaint: UUID, salt: bytes, slow_hash: bytes) -> bytes:
        parts = (b"query-code-row", selector, complaint.bytes, salt, slow_hash)
        return hmac.digest(
            self._pepper, b"".join(len(part).to_bytes(2, "big") + part for part in parts), "sha256"
        )


def named_letter(row: Row[Any]) -> InVault:
    """A stored letter as an event names it."""
    sealed = hashlib.sha256(row.sealed).digest()
    told = digest(place(row.direction, row.id, row.complaint), sealed)
    # A file that somebody has written there by hand is another, and no defect.
    return InVault.model_construct(kind=row.direction, id=str(row.id), digest=told)
