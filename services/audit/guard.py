"""The guards of the evidence: the worker's looks from time to time, and `main check` at once.

A store is held against what audit received of it, row by row over its live table; audit's own ledger against
its sealed contents and its tree; and the access log against its tree and every checkpoint that was signed
over it. All of it goes page by page, so that it costs little memory and the worker's neighbours little time.
Differences are told by positions, never by content.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit import proof, record
from services.audit.access import leaf_of_row
from services.audit.database import using
from services.audit.proof import HistoryChanged, Trees
from services.audit.tables import ACCESS
from services.audit.verify_store import Row, compare, row_of, store_query
from shared.kernel.evidence import merkle
from shared.kernel.evidence.checkpoint import of_service, parse_and_verify, service_of
from shared.kernel.evidence.note import MalformedNote, UnverifiedNote
from shared.kernel.store.driver import dsn_of
from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import StoreTampered

PAGE = 500
REST = 0.05
"""Seconds between two pages: questions to audit come in between."""
MOST_NAMED = 20
CONNECT_SECONDS = 5.0
_LEDGER = """
    SELECT service, position, event_id, stream, version, kind, organ, type, topic, state, actor, role,
        actor_organ, correlation_id, about, occurred_at, recorded_at, state_digest, content_digest, algorithm,
        line, sealed
    FROM ledger WHERE service = $1 AND position > $2 AND position <= $3 ORDER BY position
    """
_GAPLESS = """
    SELECT count(*) = coalesce(max(notification_id), 0) AND coalesce(min(notification_id), 1) = 1
    FROM {service}_events
    """
_ACCESS = """
    SELECT id, at, who, role, organ, action, object, about, as_of, by, outcome, sealed, hash
    FROM access_log WHERE id > $1 AND id <= $2 ORDER BY id
    """

# A record and its nodes are written in one statement, and read in one: there is none beyond the tree.
_BEYOND = """
    SELECT count(*) FROM access_log
    WHERE id < 1 OR id > (SELECT coalesce(max(idx) + 1, 0) FROM access_nodes WHERE level = 0)
    """
_NOTES = "SELECT size, root, note FROM checkpoints WHERE service = $1 ORDER BY size"


class Guard:
    """Holds everything against its record. Each look returns the differences, none where all is well."""

    def __init__(
        self, engine: AsyncEngine, trees: Trees, sealer: Sealer, stores: Mapping[str, str], rest: float = REST
    ) -> None:
        self._engine = engine
        self._trees = trees
        self._sealer = sealer
        self._stores = stores
        self._rest = rest

    async def check_log(self, service: str) -> list[str]:
        """A service's live table, where audit is told of its store, and audit's own ledger of it, as far as
        the tree reaches. Raises what the driver does where the store is away."""
        found: list[str] = []
        size = await self._trees.size(service)
        frontier: Sequence[bytes] = []
        async with _connected(self._stores.get(service)) as store:
            for first in range(0, size, PAGE):
                last = min(first + PAGE, size)
                async with using(self._engine) as driver:
                    ledger = await driver.fetch(_LEDGER, service, first, last)
                if [row["position"] for row in ledger] != list(range(first + 1, last + 1)):
                    return [*found[:MOST_NAMED], f"audit's ledger lacks events of {first + 1} to {last}"]
                if store is not None:
                    stored = await store.fetch(store_query(service, "$1", "$2"), first, last)
                    found += _differences([row_of(row) for row in ledger], [row_of(row) for row in stored])
                found += self._not_as_sealed(ledger)
                _, frontier = merkle.extend(frontier, first, [proof.leaf_of(service, row) for row in ledger])
                await asyncio.sleep(self._rest)
            if store is not None and not await store.fetchval(_GAPLESS.format(service=service)):
                found.append(
                    "the store's positions are not those of a log: some are missing, or out of place"
                )
        async with using(self._engine) as driver:
            if await proof.root_of(driver, service, size) != merkle.root_of_frontier(frontier):
                found.append("audit's own ledger does not fit its tree")
        found += await self._signatures(service)
        return found[:MOST_NAMED]

    def _not_as_sealed(self, ledger: Sequence[Any]) -> list[str]:
        found = []
        for row in ledger:
            try:
                plaintext = self._sealer.open(row["sealed"], row["event_id"], row["position"], row["service"])
                fields = record.not_as_sealed(row, plaintext)
            except StoreTampered:
                fields = ["sealed"]
            if fields:
                found.append(f"position {row['position']}: audit's ledger was altered ({', '.join(fields)})")
        return found

    async def check_access(self) -> list[str]:
        """The access log: every record is the leaf that it was when it was answered, none is missing, and
        every checkpoint over it was signed by us and holds."""
        found: list[str] = []
        frontier: Sequence[bytes] = []
        signed, roots = await self._signed(ACCESS), dict[int, bytes]()
        sizes, size = sorted(signed), await self._trees.size(ACCESS)
        for first in range(0, size, PAGE):
            last = min(first + PAGE, size)
            async with using(self._engine) as driver:
                rows = await driver.fetch(_ACCESS, first, last)
            if [row["id"] for row in rows] != list(range(first + 1, last + 1)):
                there = {row["id"] for row in rows}
                gone = next(id for id in range(first + 1, last + 1) if id not in there)
                return [*found[:MOST_NAMED], f"record {gone} of the access log is missing"]
            leaves = [leaf_of_row(row) for row in rows]
            found += [
                f"record {row['id']} of the access log was altered"
                for row, leaf in zip(rows, leaves, strict=True)
                if row["hash"] != leaf
            ]
            begin = first
            for end in (*_between(sizes, first, last), last):
                _, frontier = merkle.extend(frontier, begin, leaves[begin - first : end - first])
                roots[end], begin = merkle.root_of_frontier(frontier), end
            await asyncio.sleep(self._rest)
        async with using(self._engine) as driver:
            if size and await proof.root_of(driver, ACCESS, size) != roots[size]:
                found.append("the access log does not fit its tree")
            if await driver.fetchval(_BEYOND):
                found.append("the access log holds records that are in no tree")
        for then, root in signed.items():
            if then > size:
                found.append(
                    f"the access log was cut off: it had {then} records when it was signed, now {size}"
                )
            elif then and roots[then] != root:
                found.append(f"the access log is another one than was signed at {then} records")
        found += await self._signatures(ACCESS)
        return found[:MOST_NAMED]

    async def check_kept(self, file: Path) -> list[str]:
        """Holds a kept file, a signed note or a message of `services.audit.outside`, against the trees as
        they are. Raises ValueError for a file that is neither."""
        found = []
        kept = await asyncio.to_thread(file.read_bytes)
        notes = {"": kept.decode()}
        if kept.lstrip().startswith(b"{"):
            message = orjson.loads(kept)
            message = message.get("payload", message)  # as `Files` writes it
            if not isinstance(notes := message.get("checkpoints"), dict):
                raise ValueError("holds no checkpoints")
        for note in notes.values():
            checkpoint = parse_and_verify(note, *self._trees.verifier_keys())
            log = service_of(checkpoint)
            async with using(self._engine) as driver:
                size = await proof.size_of(driver, log)
                if checkpoint.size > size:
                    found.append(f"{log} had {checkpoint.size} leaves when it was signed, now {size}")
                elif await proof.root_of(driver, log, checkpoint.size) != checkpoint.root:
                    found.append(f"{log} is another log than was signed at {checkpoint.size}")
        return found

    async def _signed(self, log: str) -> dict[int, bytes]:
        async with using(self._engine) as driver:
            return {row["size"]: row["root"] for row in await driver.fetch(_NOTES, log)}

    async def _signatures(self, log: str) -> list[str]:
        """Faults of the signatures: checkpoints that somebody without the key put there or changed, and those
        that no longer hold."""
        found = []
        async with using(self._engine) as driver:
            rows = await driver.fetch(_NOTES, log)
        for number, row in enumerate(rows):
            if number % 100 == 0:
                await asyncio.sleep(0)
            try:
                checkpoint = of_service(log, row["note"], *self._trees.verifier_keys())
                true = (checkpoint.size, checkpoint.root) == (row["size"], row["root"])
            except (MalformedNote, UnverifiedNote):
                true = False
            if not true:
                found.append(f"the checkpoint at {row['size']} is not what was signed")
        try:
            await self._trees.check(log)
        except HistoryChanged as changed:
            found.append(str(changed))
        return found


def _differences(received: Sequence[Row], stored: Sequence[Row]) -> list[str]:
    """Differences between the rows of a page; a row that was moved to another page is altered there."""
    if received == stored:
        return []
    return [str(finding) for finding in compare(received, stored)]


def _between(sizes: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Sizes within a page, before its end, at which something was signed: there the root is compared."""
    return sizes[bisect_right(sizes, first) : bisect_left(sizes, last)]


@asynccontextmanager
async def _connected(url: str | None) -> AsyncIterator[asyncpg.Connection[Any] | None]:
    if url is None:
        yield None
        return
    connection = await asyncpg.connect(dsn_of(url), timeout=CONNECT_SECONDS, command_timeout=60)
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
