"""Binds a row of the vault to its meaning, and tells its digest to the event that names it (B55).

Each row is sealed under its own key for its own place: kind, id, complaint and the rest of its columns. The
digest covers that place and the ciphertext. Fresh key and nonce salt it, so it tells nothing of the content,
two copies of one letter have two digests, and no key is needed to check one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from uuid import UUID

import structlog

from shared.language.contracts.common import InVault, VaultKind
from shared.language.refusal import refuse

log = structlog.get_logger("vault")
Alarm = Callable[[UUID, str], Awaitable[None]]
"""Tells that under this complaint the thing of this id is missing or exchanged."""


INCOMPLETE = ("E_RECORD_INCOMPLETE",)
"""Codes that every reading from the vault may be answered with."""


async def in_the_log(complaint: UUID, id: str) -> None:
    """The alarm of a vault that stands alone."""
    log.error("vault_incomplete", complaint=str(complaint), id=id)


def place(kind: VaultKind, id: UUID | str, complaint: UUID, *more: UUID | str | None) -> bytes:
    """The place of something and its kind there: bound into its seal. No part holds a line's end."""
    return "\n".join((kind, str(id), str(complaint), *(str(part or "") for part in more))).encode()


def digest(place: bytes, sealed: bytes) -> str:
    """The digest that an event carries; `sealed` is the SHA-256 of the ciphertext."""
    return sha256(place + b"\n" + sealed).hexdigest()


def of_chunks(chunks: Iterable[bytes]) -> bytes:
    """The digest of a ciphertext in several pieces, by the SHA-256 of each."""
    return sha256(b"".join(chunks)).digest()


def only(named: Iterable[InVault], *kinds: VaultKind) -> list[InVault]:
    """The things of these kinds, among those that events name."""
    return [thing for thing in named if thing.kind in kinds]


async def never(complaint: UUID) -> bool:
    """The record of a vault from which nothing was ever erased."""
    return False


class Guard:
    """Decides what follows when a thing that events name is missing or is another."""

    def __init__(
        self, forgotten: Callable[[UUID], Awaitable[bool]] = never, alarm: Alarm = in_the_log
    ) -> None:
        self.forgotten = forgotten
        """Tells whether the record says that the keys of a complaint were destroyed (§6.5)."""
        self.alarm = alarm

    async def misses(self, complaint: UUID, id: str) -> None:
        """Refuses to show a record that differs from its events, and tells of it; but for a complaint that
        was forgotten, of which nothing is left."""
        if not await self.forgotten(complaint):
            await self.alarm(complaint, id)
            refuse("E_RECORD_INCOMPLETE", "B55", reason="the vault does not hold what the events name")
