"""Destroys in the vault the keys that intake's log says are destroyed (§6.5).

That log is the ledger of destroyed keys: it survives a restore of the vault's database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import structlog

from services.intake.domain.disclosing import identity_key_id
from services.intake.vault.store import AWAY, Destroyed, Vault
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.intake import IdentityKeyDestroyed
from shared.language.event import Recorded

log = structlog.get_logger("intake")
IDENTITY_KEY_DESTROYED = "intake.IdentityKeyDestroyed"


class Record(Protocol):
    """The part of intake's log that is read."""

    async def existing(self, streams: Sequence[UUID]) -> set[UUID]: ...
    async def max_position(self) -> int: ...
    async def streams_with(self, topic: str, after: int) -> list[UUID]: ...
    async def load(self, stream: UUID) -> list[Recorded]: ...


def destroyed_keys(record: Record) -> Destroyed:
    """Tells which of some complaints' keys intake's log says were destroyed."""

    async def destroyed(complaints: Sequence[UUID]) -> set[UUID]:
        by_stream = {identity_key_id(complaint): complaint for complaint in complaints}
        return {by_stream[stream] for stream in await record.existing(list(by_stream))}

    return destroyed


class Forgetting:
    """Destroys at the start whatever a restore brought back, then each key whose end is recorded."""

    SECONDS = 1.0

    def __init__(self, vault: Vault, record: Record) -> None:
        self._vault = vault
        self._record = record
        self._seen: int | None = None
        """The position up to which the log was looked at; None before the first look."""

    async def run(self) -> None:
        """Looks until it is cancelled; a database that is away is asked again."""
        while True:
            try:
                await self.look()
            except (StoreUnavailable, *AWAY) as error:
                log.warning("forgetting_waits", error=type(error).__name__)
            await asyncio.sleep(self.SECONDS)

    async def look(self) -> None:
        """Destroys what was recorded since the last look."""
        position = await self._record.max_position()
        if self._seen is None:
            if erased := await self._vault.settle():
                log.warning("destroyed_keys_had_come_back", count=erased)
        else:
            for stream in await self._record.streams_with(IDENTITY_KEY_DESTROYED, self._seen):
                for recorded in await self._record.load(stream):
                    assert isinstance(recorded.event, IdentityKeyDestroyed)
                    await self._vault.destroy(UUID(recorded.event.complaint))
        self._seen = position
