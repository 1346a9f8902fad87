"""The log of replays: rows that are only added, and the leaves of a tree of their own.

audit publishes nothing, so its own records of replays (`ReplayPerformed` of §6.4) need no event log, stream
or relay: a table is enough. Record i + 1 is leaf i of the log `access`, whose checkpoints are signed and
leave the machine like those of the services' logs; so a record that was changed, removed or put between
others is told, and so is an end that was cut off or a log that was written anew as a whole: for that one
would need the key (`services.audit.guard`). Every replay is answered with its record's number and leaf, a
receipt that shows when records at the end are missing. A refusal is recorded with its true code, which the
caller of a 404 never learns.

A record is durable before its replay is answered. Those that wait together are written together, so that the
price of a commit is shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.database import using
from services.audit.ledger import columns
from services.audit.proof import Grown, grown
from services.audit.tables import ACCESS
from shared.kernel.clock import Clock
from shared.kernel.evidence import merkle
from shared.kernel.evidence.leaf import format_instant
from shared.kernel.store.canonical import canonical
from shared.kernel.store.types import StoreUnavailable

_MOST_AT_ONCE = 500
_MOST_RACES = 20
# One statement, so one round trip and one transaction: the records, the nodes of their tree, and the totals
# by what was replayed.
_ADD = """
    WITH added AS (
        INSERT INTO access_log
            (id, who, role, organ, action, object, about, as_of, by, outcome, sealed, hash, at)
        SELECT *, $13::timestamptz FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bytea[])
        RETURNING about, who, role, organ, outcome
    ), grown AS (
        INSERT INTO access_nodes (service, level, idx, hash)
        SELECT $14, * FROM unnest($15::smallint[], $16::bigint[], $17::bytea[])
    )
    INSERT INTO replayed (about, who, role, organ, count, first, last)
    SELECT about, who, role, organ, count(*), $13, $13
    FROM added WHERE outcome = 'ok' AND about IS NOT NULL
    GROUP BY about, who, role, organ ORDER BY about, who, role, organ
    ON CONFLICT (about, who, role, organ) DO UPDATE SET count = replayed.count + excluded.count,
        first = least(replayed.first, excluded.first), last = greatest(replayed.last, excluded.last)
    """

ALERT = "alert"
"""The outcome of a record that is an alert of audit's own: `action` is its code, `about` its id (B47)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One replay, done or refused; an alert that audit raises, or the end of one."""

    who: str
    role: str
    organ: str
    action: str
    object: str
    about: UUID | None = None
    as_of: str = ""
    by: str = ""
    outcome: str = "ok"
    sealed: bytes = b""


def leaf_of(id: int, at: datetime, access: Access) -> bytes:
    """The leaf of a record: everything that it says."""
    said = {
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
        **({"sealed": access.sealed.hex()} if access.sealed else {}),
    }
    return merkle.leaf_hash(canonical(said))


class AccessLog:
    """Adds records; any number of processes may."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: list[tuple[Access, asyncio.Future[str]]] = []
        self._task: asyncio.Task[None] | None = None
        self._tree: Grown | None = None

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
            except Exception as error:  # those who wait must hear of it
                for done in waiting:
                    if not done.done():
                        done.set_exception(error)
                continue
            for done, receipt in zip(waiting, receipts, strict=True):
                if not done.done():  # otherwise its caller went away
                    done.set_result(receipt)

    async def _write(self, batch: list[Access]) -> list[str]:
        """Appends the records to the last one that is known. If another process was faster, its record has
        the id that ours asks for: then ours come after that one."""
        async with using(self._engine) as driver:
            for _ in range(_MOST_RACES):
                # Forgotten until it is known to be true again.
                tree, self._tree = self._tree or await grown(driver, ACCESS), None
                at = self._clock.now()
                rows = [_row(id, at, access) for id, access in enumerate(batch, tree.size + 1)]
                nodes, frontier = merkle.extend(tree.frontier, tree.size, [row[-1] for row in rows])
                try:
                    await driver.execute(_ADD, *columns(rows, 12), at, ACCESS, *columns(nodes, 3))
                except asyncpg.UniqueViolationError:
                    continue
                self._tree = Grown(tree.size + len(rows), frontier)
                return [f"{row[0]}:{row[-1].hex()}" for row in rows]
        raise StoreUnavailable("the access log is written to from too many sides")


def _row(id: int, at: datetime, a: Access) -> tuple[Any, ...]:
    said = (a.who, a.role, a.organ, a.action, a.object, a.about, a.as_of, a.by, a.outcome, a.sealed)
    return (id, *said, leaf_of(id, at, a))


def leaf_of_row(row: Mapping[str, Any]) -> bytes:
    """The leaf that a stored record ought to have."""
    said = ("who", "role", "organ", "action", "object", "about", "as_of", "by", "outcome", "sealed")
    return leaf_of(row["id"], row["at"], Access(**{name: row[name] for name in said}))
