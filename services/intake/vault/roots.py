"""The vault's own events as leaves of a tree, whose root intake's record keeps (B55).

Nothing that happens in the vault is published: even that something happened, and when, would tell. So audit's
trees hold none of it. Instead the root of all the vault's events is recorded each night as an event of
intake, with whose log audit takes it in and signs it; and each night the vault's log is held against every
root that was recorded. A leaf has the form of the published logs' leaves: with an event, its salt and a path
to the root, one event can be shown to somebody and checked like theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from shared.kernel.evidence import merkle
from shared.kernel.evidence.leaf import leaf_data
from shared.kernel.store.sealing import digest_of
from shared.kernel.store.types import LogEntry
from shared.language.contracts.intake import VaultRootRecorded
from shared.language.event import Recorded
from shared.language.ids import derived_id

SERVICE = "vault"
TOPIC = "intake.VaultRootRecorded"
PAGE = 500


class Log(Protocol):
    """The part of the vault's log that is read."""

    async def read(self, after: int, limit: int) -> list[LogEntry]: ...


class Record(Protocol):
    """The part of intake's log that is read."""

    async def streams_with(self, topic: str, after: int) -> list[UUID]: ...
    async def load(self, stream: UUID) -> list[Recorded]: ...


def root_id(day: date) -> UUID:
    """The stream of a night's root: there is one a day, by the first process that comes."""
    return derived_id("vault-root", day.isoformat())


class Roots:
    """Recomputes the recorded roots."""

    def __init__(self, log: Log, record: Record) -> None:
        self._log = log
        self._record = record

    async def now(self) -> tuple[VaultRootRecorded, str]:
        """The vault's tree as it is now, and its fault: the size of the first recorded root that it does not
        have, in words for an alarm; empty where it has them all."""
        recorded = await self._recorded()
        size, frontier, wrong, after = 0, list[bytes](), "", 0
        while entries := await self._log.read(after, PAGE):
            after = entries[-1].position
            for entry in entries:
                size += 1
                _, frontier = merkle.extend(frontier, size - 1, [_leaf(entry)])
                wrong = wrong or _differs(recorded, size, frontier)
        shorter = [known for known in recorded if known > size]
        if shorter and not wrong:
            wrong = f"the vault's log has {size} events and had {max(shorter)}"
        return VaultRootRecorded(size=size, root=merkle.root_of_frontier(frontier).hex()), wrong

    async def _recorded(self) -> dict[int, set[str]]:
        """The roots by the size of their trees; one size has one root, unless somebody wrote another."""
        found: dict[int, set[str]] = {}
        for stream in await self._record.streams_with(TOPIC, 0):
            for recorded in await self._record.load(stream):
                assert isinstance(recorded.event, VaultRootRecorded)
                found.setdefault(recorded.event.size, set()).add(recorded.event.root)
        return found


def _differs(recorded: dict[int, set[str]], size: int, frontier: Sequence[bytes]) -> str:
    known = recorded.get(size)
    if known is None or known == {merkle.root_of_frontier(frontier).hex()}:
        return ""
    return f"the first {size} events of the vault's log are not those that were recorded"


def _leaf(entry: LogEntry) -> bytes:
    algorithm = digest_of(entry.state)
    return merkle.leaf_hash(
        leaf_data(
            SERVICE,
            entry.position,
            str(entry.stream),
            entry.version,
            entry.topic,
            entry.recorded_at,
            algorithm.of(entry.state),
            entry.content_digest,
            algorithm,
        )
    )
