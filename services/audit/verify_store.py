"""`zhengming audit verify-store`: compares a service's live store with what audit received of it, row by row.

Every leaf is recomputed from the table as it is now. Rows that were altered, moved, deleted, cut off at the
end or put in are named by their positions. Encryption alone cannot see a missing row; this can.

Against the file of a signed checkpoint it tells whether the first events of the store are still the ones that
were signed, but not which are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg

from services.audit import proof
from services.audit.tables import PUBLISHERS
from shared.kernel.evidence import merkle
from shared.kernel.evidence.checkpoint import Checkpoint, parse_and_verify
from shared.kernel.evidence.verify import read_keys
from shared.kernel.store.driver import dsn_of
from shared.kernel.suites import SM

SAME, CHANGED, UNREADABLE = 0, 1, 2
# The second byte of a sealed state is its suite's number (kernel/store/sealing.py). SHA-256 is computed
# where the rows are; states under SM4 come here for their SM3.
_STORE = """
    SELECT notification_id AS position, originator_id AS stream, originator_version AS version, topic,
        recorded_at, sha256(state) AS state_digest, content_digest, 'SHA-256' AS algorithm,
        event_id, correlation_id,
        CASE WHEN substring(state FROM 2 FOR 1) = '\\x{sm:02x}'::bytea THEN state END AS sm_state
    FROM {service}_events WHERE notification_id > {after} AND notification_id <= {last}
    ORDER BY notification_id
    """
_LEDGER = """
    SELECT position, stream, version, topic, recorded_at, state_digest, content_digest, algorithm,
        event_id, correlation_id
    FROM ledger WHERE service = $1 ORDER BY position
    """
Kind = Literal["altered", "moved", "deleted", "truncated", "added"]
WORDS: dict[Kind, tuple[str, str]] = {
    "altered": ("被篡改", "altered"),
    "moved": ("被移位", "moved"),
    "deleted": ("被删除", "deleted"),
    "truncated": ("末尾被截去", "cut off at the end"),
    "added": ("证据中没有", "not on record"),
}


class Row(NamedTuple):
    """The members of a leaf, and the columns beside it by which a service looks events up: they stand sealed
    in the state, and were published with it."""

    position: int
    stream: UUID
    version: int
    topic: str
    recorded_at: datetime
    state_digest: bytes
    content_digest: bytes
    algorithm: str
    event_id: UUID
    correlation_id: UUID

    @property
    def identity(self) -> tuple[UUID, int]:
        return self.stream, self.version

    def leaf(self, service: str) -> bytes:
        return proof.leaf_of(service, self._asdict())


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not as it was received. `other`: the former place of a row that was moved."""

    kind: Kind
    position: int
    fields: tuple[str, ...] = ()
    other: int | None = None

    def __str__(self) -> str:
        zh, en = WORDS[self.kind]
        detail = f" ({', '.join(self.fields)})" if self.fields else ""
        if self.other is not None:
            zh, detail = f"{zh}，原在 {self.other}", f", was at {self.other}"
        return f"位置 {self.position}：{zh} / position {self.position}: {en}{detail}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A store beside the events that were received of it."""

    service: str
    size: int
    """Events received."""
    stored: int
    """Rows in the store."""
    root: bytes
    """The root of the events received, or the signed one."""
    recomputed: bytes
    """The root of the store's rows."""
    findings: Sequence[Finding] = field(default_factory=tuple)
    sound: bool = True
    """False where audit's ledger does not fit its own tree, and so cannot say who is right."""

    @property
    def same(self) -> bool:
        return self.root == self.recomputed and self.sound and not self.findings

    def report(self) -> str:
        """A few lines for a person, Chinese and English."""
        lines = [
            f"{self.service}：存储与证据一致 / the store is what was recorded"
            if self.same
            else f"{self.service}：存储与证据不符 / the store is NOT what was recorded",
            f"  证据中的根 / root on record    {self.root.hex()} ({self.size})",
            f"  由存储重算 / root recomputed   {self.recomputed.hex()} ({self.stored})",
        ]
        if not self.sound:
            lines.append("  审计账簿与其自身的树不符 / audit's own ledger does not fit its tree")
        return "\n".join([*lines, *(f"  {finding}" for finding in self.findings)])


def compare(received: Iterable[Row], stored: Iterable[Row]) -> list[Finding]:
    """Finds the fate of each row.

    A row is found again by its place in its stream, or, where rows changed their states among each other, by
    its state; so a shift of many rows is told as moves, and only rows that are really gone as deleted.
    """
    ledger = {row.position: row for row in received}
    store = {row.position: row for row in stored}
    changed = {p for p in ledger.keys() | store.keys() if ledger.get(p) != store.get(p)}
    by_identity = {ledger[p].identity: p for p in changed if p in ledger}
    by_state = {ledger[p].state_digest: p for p in changed if p in ledger}
    last = max(store, default=0)
    findings: list[Finding] = []
    found: set[int] = set()
    for position in sorted(changed & store.keys()):
        row = store[position]
        origin = by_identity.get(row.identity)
        if origin is None or origin == position:
            origin = by_state.get(row.state_digest, origin)
        if origin is None:
            findings.append(Finding("added", position))
        elif origin != position:
            findings.append(Finding("moved", position, other=origin))
        else:
            fields = tuple(n for n in Row._fields if getattr(row, n) != getattr(ledger[position], n))
            findings.append(Finding("altered", position, fields))
        if origin is not None:
            found.add(origin)
    # A row put where another stood: the one that stood there is altered in everything, not gone and new.
    for n, finding in enumerate(findings):
        if finding.kind == "added" and finding.position in ledger and finding.position not in found:
            findings[n] = Finding("altered", finding.position, ("stream", "version"))
            found.add(finding.position)
    for position in sorted(ledger.keys() & changed - found):
        findings.append(Finding("truncated" if position > last else "deleted", position))
    return sorted(findings, key=lambda f: (f.position, f.kind))


# --- Against databases ---


async def verify_store(
    service: str, store_url: str, audit_url: str, *, patience: float = 5.0, schema: str = "public"
) -> Comparison:
    """Compares a live store with audit's ledger and tree.

    The store is read first; then audit gets `patience` seconds to receive events under way. An event that it
    still has not seen then was never published.
    """
    store = await _read(store_url, store_query(service))
    last = max((row.position for row in store), default=0)
    connection = await asyncpg.connect(dsn_of(audit_url), server_settings={"search_path": schema})
    try:
        received = await _received(connection, service, last, patience)
        size = await proof.size_of(connection, service)
        # The tree says what was signed; the ledger only helps to name what changed.
        root = await proof.root_of(connection, service, size)
    finally:
        await connection.close()
    sound = _root(service, received[:size]) == root
    findings = compare(received, store)
    return Comparison(service, size, len(store), root, _root(service, store), findings, sound)


async def verify_checkpoint(service: str, store_url: str, checkpoint: Checkpoint) -> Comparison:
    """Compares the first events of a store with the ones that a checkpoint was signed over."""
    store = await _read(store_url, store_query(service))
    first = [row for row in store if row.position <= checkpoint.size]
    return Comparison(service, checkpoint.size, len(first), checkpoint.root, _root(service, first))


async def _received(
    connection: asyncpg.Connection[Any], service: str, last: int, patience: float
) -> list[Row]:
    until = asyncio.get_running_loop().time() + patience
    while True:
        rows = [row_of(row) for row in await connection.fetch(_LEDGER, service)]
        if (rows and rows[-1].position >= last) or asyncio.get_running_loop().time() >= until:
            return rows
        await asyncio.sleep(0.2)


async def _read(url: str, query: str) -> list[Row]:
    return [row async for row in _stream(url, query)]


async def _stream(url: str, query: str) -> AsyncIterator[Row]:
    connection = await asyncpg.connect(dsn_of(url))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for row in connection.cursor(query, prefetch=1000):
                yield row_of(row)
    finally:
        await connection.close()


def store_query(service: str, after: str = "-9223372036854775808", last: str = "9223372036854775807") -> str:
    """The query for a service's rows as far as leaves and lookups go, between two positions."""
    return _STORE.format(service=_known(service), sm=SM.number, after=after, last=last)


def row_of(row: Mapping[str, Any]) -> Row:
    """A row of a store or of the ledger; the digest of a state under SM4 is made here."""
    found = Row(*(row[name] for name in Row._fields))
    state = row.get("sm_state")
    if state is None:
        return found
    return found._replace(state_digest=SM.digest.of(state), algorithm=SM.digest)


def _root(service: str, rows: Iterable[Row]) -> bytes:
    return merkle.root([row.leaf(service) for row in rows])


def _known(service: str) -> str:
    if service not in PUBLISHERS:
        raise ValueError(f"no such service: {service}")
    return service


async def verify_note(service: str, store_url: str, note: Path, keys: Path | None) -> Comparison:
    """The same against the file of a signed checkpoint of the service's log."""
    if keys is None:
        raise ValueError("a checkpoint's file needs --key")
    signed = await asyncio.to_thread(note.read_text, "utf-8")
    checkpoint = parse_and_verify(signed, *read_keys(keys))
    if checkpoint.origin.rpartition("/")[2] != service:
        raise ValueError(f"the checkpoint is of another log, {checkpoint.origin}")
    return await verify_checkpoint(service, store_url, checkpoint)
