"""Who replayed what: rows that are only added, each sealed to the one before it by its hash.

audit publishes nothing, so its own records of replays (`ReplayPerformed` of domain.md §6.4) need no event
log, stream or relay: a table is enough, whose rows form a hash chain. A row that was changed, removed or
put between others breaks the chain from there on; `first_broken` finds the place. Every replay is answered
with its record's number and hash, a receipt that shows when records at the end are missing. What was
refused is recorded with its true code, which the caller of a 404 never learns.

A record is durable before its replay is answered. Those that wait together are written together, so that
the price of a commit is shared.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.database import using
from shared.clock import Clock
from shared.evidence.encoding import canonical_json
from shared.evidence.leaf import format_instant

GENESIS = bytes(32)
_LOCK = 0x7A68656E676C6F67
_MOST_AT_ONCE = 500
_COLUMNS = (
    "id", "at", "who", "role", "organ", "action", "object", "correlation_id", "as_of", "by", "outcome",
    "prev_hash", "hash",
)  # fmt: skip
_HEAD = "SELECT id, hash FROM access_log ORDER BY id DESC LIMIT 1"
_PAGE = """
    SELECT id, at, who, role, organ, action, object, correlation_id, as_of, by, outcome, prev_hash, hash
    FROM access_log WHERE id > $1 ORDER BY id LIMIT 1000
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One replay, done or refused."""

    who: str
    role: str
    organ: str
    action: str
    object: str
    correlation_id: UUID | None = None
    as_of: str = ""
    by: str = ""
    outcome: str = "ok"


def chained(previous: bytes, id: int, at: datetime, access: Access) -> bytes:
    """The hash of a row: over the hash before it and everything that the row says."""
    said = asdict(access)
    said["correlation_id"] = str(access.correlation_id or "")
    said |= {"id": str(id), "at": format_instant(at), "previous": previous.hex()}
    return sha256(canonical_json(said)).digest()


class AccessLog:
    """Adds records; any number of processes may."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: list[tuple[Access, asyncio.Future[str]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, access: Access) -> str:
        """The receipt ("<id>:<hash>") of a record that is durable now. Raises `StoreUnavailable`."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((access, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        return await done

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            waiting = [done for _, done in batch]
            try:
                receipts = await self._write([access for access, _ in batch])
            except Exception as error:  # whoever waits must hear of it
                for done in waiting:
                    if not done.done():
                        done.set_exception(error)
                continue
            for done, receipt in zip(waiting, receipts, strict=True):
                if not done.done():  # otherwise its caller went away
                    done.set_result(receipt)

    async def _write(self, batch: list[Access]) -> list[str]:
        async with using(self._engine) as driver, driver.transaction():
            await driver.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            head = await driver.fetchrow(_HEAD)
            last, previous = (head["id"], head["hash"]) if head is not None else (0, GENESIS)
            at = self._clock.now()
            rows = []
            for id, access in enumerate(batch, last + 1):
                hash_ = chained(previous, id, at, access)
                said = (access.who, access.role, access.organ, access.action, access.object)
                when = (access.as_of, access.by, access.outcome)
                rows.append((id, at, *said, access.correlation_id, *when, previous, hash_))
                previous = hash_
            await driver.copy_records_to_table("access_log", records=rows, columns=_COLUMNS)
        return [f"{row[0]}:{row[-1].hex()}" for row in rows]


async def first_broken(engine: AsyncEngine) -> int | None:
    """The id of the first record that does not follow from the one before it; None if all do."""
    last, previous = 0, GENESIS
    while True:
        async with using(engine) as driver:
            rows = await driver.fetch(_PAGE, last)
        for row in rows:
            if row["id"] != last + 1 or row["prev_hash"] != previous or row["hash"] != _hash_of(row):
                return int(row["id"])
            last, previous = row["id"], row["hash"]
        if not rows:
            return None


def _hash_of(row: Any) -> bytes:
    said = ("who", "role", "organ", "action", "object", "correlation_id", "as_of", "by", "outcome")
    return chained(row["prev_hash"], row["id"], row["at"], Access(**{name: row[name] for name in said}))
