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
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.database import using
from services.audit.ledger import columns
from shared.clock import Clock
from shared.evidence.leaf import format_instant
from shared.store.canonical import canonical
from shared.store.types import StoreUnavailable

GENESIS = bytes(32)
Head = tuple[int, bytes]
"""Id and hash of the last record."""
_MOST_AT_ONCE = 500
_MOST_RACES = 20
# One statement, so one round trip and one transaction: the records, and the totals by what was replayed.
_ADD = """
    WITH added AS (
        INSERT INTO access_log (id, who, role, organ, action, object, about, as_of, by, outcome,
                                prev_hash, hash, at)
        SELECT *, $13::timestamptz FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bytea[])
        RETURNING about, who, role, organ, outcome
    )
    INSERT INTO replayed (about, who, role, organ, count, first, last)
    SELECT about, who, role, organ, count(*), $13, $13
    FROM added WHERE outcome = 'ok' AND about IS NOT NULL
    GROUP BY about, who, role, organ ORDER BY about, who, role, organ
    ON CONFLICT (about, who, role, organ) DO UPDATE SET count = replayed.count + excluded.count,
        first = least(replayed.first, excluded.first), last = greatest(replayed.last, excluded.last)
    """
_HEAD = "SELECT id, hash FROM access_log ORDER BY id DESC LIMIT 1"
_PAGE = """
    SELECT id, at, who, role, organ, action, object, about, as_of, by, outcome, prev_hash, hash
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
    about: UUID | None = None
    as_of: str = ""
    by: str = ""
    outcome: str = "ok"


def chained(previous: bytes, id: int, at: datetime, access: Access) -> bytes:
    """The hash of a row: over the hash before it and everything that the row says."""
    said = {
        "previous": previous.hex(),
        "id": str(id),
        "at": format_instant(at),
        "who": access.who,
        "role": access.role,
        "organ": access.organ,
        "action": access.action,
        "object": access.object,
        "about": str(access.about or ""),
        "as_of": access.as_of,
        "by": access.by,
        "outcome": access.outcome,
    }
    return sha256(canonical(said)).digest()


class AccessLog:
    """Adds records; any number of processes may."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: list[tuple[Access, asyncio.Future[str]]] = []
        self._task: asyncio.Task[None] | None = None
        self._head: Head | None = None

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
        """Chains the records to the last one that is known. Where another process was faster, its record
        has the id that ours asks for: then ours is chained to that one."""
        async with using(self._engine) as driver:
            for _ in range(_MOST_RACES):
                # Forgotten until it is known to be true again.
                head, self._head = self._head or await _last(driver), None
                at = self._clock.now()
                rows, head = _chain(batch, head, at)
                try:
                    await driver.execute(_ADD, *columns(rows, 12), at)
                except asyncpg.UniqueViolationError:
                    continue
                self._head = head
                return [f"{row[0]}:{row[-1].hex()}" for row in rows]
        raise StoreUnavailable("the access log is written to from too many sides")


async def _last(driver: Any) -> Head:
    head = await driver.fetchrow(_HEAD)
    return (0, GENESIS) if head is None else (head["id"], head["hash"])


def _chain(batch: list[Access], head: Head, at: datetime) -> tuple[list[tuple[Any, ...]], Head]:
    rows = []
    last, previous = head
    for id, a in enumerate(batch, last + 1):
        hash_ = chained(previous, id, at, a)
        said = (a.who, a.role, a.organ, a.action, a.object, a.about, a.as_of, a.by, a.outcome)
        rows.append((id, *said, previous, hash_))
        previous = hash_
    return rows, (last + len(batch), previous)


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
    said = ("who", "role", "organ", "action", "object", "about", "as_of", "by", "outcome")
    return chained(row["prev_hash"], row["id"], row["at"], Access(**{name: row[name] for name in said}))
