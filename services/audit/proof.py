"""One RFC 9162 tree per log: leaf i is the event at position i + 1 of a publishing service's log, or the
record i + 1 of audit's own access log.

The leaves of events follow from what the producer recorded and from nothing of our own, so an audit rebuilt
from the producers' logs has every earlier root again. A tree grows only over an unbroken log: where an event
is parked, the tree waits before it.

A checkpoint is signed once an hour, and for every bundle; shown to the staff is the last one of an hour that
is over. So a caller who asks as often as they like learns no more than how much was recorded in each hour
(SEC-1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.database import using
from services.audit.tables import ACCESS, ACCESS_NODES, LOGS, NODES
from shared.kernel.bus.envelope import Published
from shared.kernel.clock import Clock
from shared.kernel.evidence import merkle
from shared.kernel.evidence.checkpoint import Checkpoint, sign
from shared.kernel.evidence.leaf import leaf_data
from shared.kernel.evidence.merkle import Node
from shared.kernel.evidence.note import VerifierKey
from shared.kernel.suites import Digest

ORIGIN = "zhengming"
"""The name of a development installation's logs."""
_PAGE = 2000

_SIZE = "SELECT coalesce(max(idx) + 1, 0) FROM {nodes} WHERE service = $1 AND level = 0"
_NODES = """
    SELECT level, idx, hash FROM {nodes}
    WHERE service = $1 AND (level, idx) IN (SELECT * FROM unnest($2::smallint[], $3::bigint[]))
    """
_LEAVES = """
    SELECT position, stream, version, topic, recorded_at, state_digest, content_digest, algorithm
    FROM ledger
    WHERE service = $1 AND position > $2 ORDER BY position LIMIT $3
    """
_LAST = """
    SELECT size, root, note, signed_at FROM checkpoints WHERE service = $1
    ORDER BY size DESC, signed_at DESC LIMIT 1
    """
_SHOWN = """
    SELECT DISTINCT ON (hour) hour, size, note FROM (
        SELECT date_trunc('hour', signed_at) AS hour, size, note, signed_at FROM checkpoints
        WHERE service = $1 AND signed_at < date_trunc('hour', $2::timestamptz)
            AND signed_at < $3::timestamptz
    ) AS signed
    ORDER BY hour DESC, size DESC, signed_at DESC LIMIT $4
    """
"""The last checkpoint of each hour that is over, the newest first, of hours before $3."""
_SIGN = """
    INSERT INTO checkpoints (service, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
    """


class HistoryChanged(Exception):
    """The tree does not continue the one that was signed before. Nothing is signed any more."""


def leaf_of(service: str, row: Mapping[str, Any]) -> bytes:
    """The leaf hash of a row of the ledger, or of a live store brought to the same names."""
    return merkle.leaf_hash(
        leaf_data(
            service,
            row["position"],
            str(row["stream"]),
            row["version"],
            row["topic"],
            row["recorded_at"],
            row["state_digest"],
            row["content_digest"],
            Digest(row["algorithm"]),
        )
    )


def leaf_of_published(published: Published) -> bytes:
    """The same leaf, of the event as it was received."""
    return merkle.leaf_hash(
        leaf_data(
            published.service,
            published.position,
            str(published.stream_id),
            published.stream_version,
            published.topic,
            published.recorded_at,
            published.state_digest,
            published.content_digest,
            published.algorithm,
        )
    )


async def size_of(driver: Any, service: str) -> int:
    """Number of leaves that the tree has."""
    return int(await driver.fetchval(_SIZE.format(nodes=_nodes_of(service)), service))


async def fetch_nodes(driver: Any, service: str, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """The hashes of the nodes asked for."""
    wanted = sorted(set(nodes))
    if not wanted:
        return {}
    statement = _NODES.format(nodes=_nodes_of(service))
    rows = await driver.fetch(
        statement, service, [level for level, _ in wanted], [index for _, index in wanted]
    )
    return {(row["level"], row["idx"]): row["hash"] for row in rows}


def _nodes_of(log: str) -> str:
    return ACCESS_NODES.name if log == ACCESS else NODES.name


async def root_of(driver: Any, service: str, size: int) -> bytes:
    """The root when the log had `size` events."""
    nodes = await fetch_nodes(driver, service, merkle.nodes_for_root(size))
    return merkle.root_from_nodes(size, nodes)


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree as it stands: its number of leaves, and its frontier."""

    size: int
    frontier: Sequence[bytes]


async def grown(driver: Any, log: str) -> Grown:
    """A tree as it stands in the database."""
    size = await size_of(driver, log)
    peaks = merkle.nodes_for_root(size)
    known = await fetch_nodes(driver, log, peaks)
    return Grown(size, [known[peak] for peak in peaks])


async def extend(driver: Any, service: str) -> Grown:
    """Appends the leaves of the events that the ledger has beyond the tree without a gap.

    To be called under the ledger's lock, in the transaction that wrote the rows.
    """
    tree = await grown(driver, service)
    while True:
        rows = await driver.fetch(_LEAVES, service, tree.size, _PAGE)
        leaves = [leaf_of(service, row) for n, row in enumerate(rows, 1) if row["position"] == tree.size + n]
        tree = await grow(driver, service, tree, leaves)
        if len(leaves) < _PAGE:
            return tree


async def grow(driver: Any, service: str, tree: Grown, leaves: Sequence[bytes]) -> Grown:
    """Appends leaves to the tree as it stands. To be called as `extend` is."""
    nodes, frontier = merkle.extend(tree.frontier, tree.size, leaves)
    await driver.copy_records_to_table(
        "nodes", records=[(service, *node) for node in nodes], columns=["service", "level", "idx", "hash"]
    )
    return Grown(tree.size + len(leaves), frontier)


class Signer:
    """The key that signs for every log, under each log's own name (C2SP tlog-checkpoint)."""

    def __init__(self, key: Ed25519PrivateKey, origin: str = ORIGIN) -> None:
        self._key = key
        self.origin = origin
        self.verifier_keys = [VerifierKey.of(f"{origin}/{log}", key) for log in LOGS]
        """The keys with which an outsider checks the notes: one name a log, all of the same key."""

    @classmethod
    def from_file(cls, path: Path, origin: str = ORIGIN) -> Signer:
        """A signer by 32 raw bytes of an Ed25519 private key."""
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()), origin)

    def sign(self, log: str, size: int, root: bytes, at: datetime | None) -> str:
        """A checkpoint as a signed note."""
        return sign(Checkpoint(f"{self.origin}/{log}", size, root, at), self._key)


class Trees:
    """Sizes, proofs and signed checkpoints of all logs."""

    def __init__(self, engine: AsyncEngine, signer: Signer, clock: Clock) -> None:
        self._engine = engine
        self._signer = signer
        self._clock = clock
        self._seen: dict[str, tuple[int, bytes]] = {}
        """Size and root as this process saw them last: an end that is gone with its signatures is missed."""

    @property
    def origin(self) -> str:
        """The name of this installation in its logs."""
        return self._signer.origin

    def verifier_keys(self) -> list[VerifierKey]:
        """The keys with which the notes are checked."""
        return self._signer.verifier_keys

    async def checkpoint(self, log: str) -> str:
        """The signed state of a log now; the same size has the same note within an hour.

        Raises `HistoryChanged` if the tree does not continue what was signed before.
        """
        async with using(self._engine) as driver:
            note, _ = await self._checkpoint(driver, log)
            return note

    async def check(self, log: str) -> int:
        """The size of a log that still holds its signed root and the end that was seen of it before; raises
        `HistoryChanged`."""
        async with using(self._engine) as driver:
            size, _ = await self._continued(driver, log)
            self._seen[log] = size, await root_of(driver, log, size)
            return size

    async def shown(self, log: str) -> str:
        """The last checkpoint of an hour that is over; before there is one, that of the empty log."""
        listed = await self.listed(log, None, 1)
        return listed[0]["note"] if listed else self._signer.sign(log, 0, merkle.root([]), None)

    async def listed(self, log: str, before: datetime | None, limit: int) -> list[dict[str, Any]]:
        """The last checkpoint of each hour that is over and lies before an instant, the newest first."""
        now = self._clock.now()
        async with using(self._engine) as driver:
            rows = await driver.fetch(_SHOWN, log, now, before or now, limit)
        return [dict(row) for row in rows]

    async def _continued(self, driver: Any, log: str) -> tuple[int, Any]:
        """The size of a tree, and the last checkpoint, which it holds."""
        size = await size_of(driver, log)
        last = await driver.fetchrow(_LAST, log)
        signed = [] if last is None else [(last["size"], last["root"])]
        for then, root in {*signed, *filter(None, [self._seen.get(log)])}:
            if then > size or await root_of(driver, log, then) != root:
                raise HistoryChanged(f"the tree of {log} no longer holds what it held at {then}")
        return size, last

    async def _checkpoint(self, driver: Any, log: str) -> tuple[str, int]:
        now = self._clock.now()
        size, last = await self._continued(driver, log)
        if last is not None and last["size"] == size and last["signed_at"] >= hour_of(now):
            return str(last["note"]), size
        root = await root_of(driver, log, size)
        note = self._signer.sign(log, size, root, now)
        await driver.execute(_SIGN, log, size, root, note, now)
        self._seen[log] = size, root
        return note, size

    async def inclusion(self, log: str, index: int, size: int) -> list[bytes]:
        """Proof that a leaf stands in the tree of `size` leaves."""
        async with using(self._engine) as driver:
            nodes = await fetch_nodes(driver, log, merkle.nodes_for_inclusion(index, size))
        return merkle.inclusion_proof(index, size, nodes)

    async def inclusions(self, log: str, indexes: Sequence[int]) -> tuple[str, int, dict[int, list[bytes]]]:
        """A fresh checkpoint, and with it proofs for many leaves at once; those beyond it are left out."""
        async with using(self._engine) as driver:
            note, size = await self._checkpoint(driver, log)
            proved = [index for index in indexes if index < size]
            wanted = {node for index in proved for node in merkle.nodes_for_inclusion(index, size)}
            nodes = await fetch_nodes(driver, log, wanted)
        return note, size, {index: merkle.inclusion_proof(index, size, nodes) for index in proved}

    async def consistency(self, log: str, old: int, new: int) -> list[bytes]:
        """Proof that the tree of `new` leaves continues the tree of `old`."""
        async with using(self._engine) as driver:
            nodes = await fetch_nodes(driver, log, merkle.nodes_for_consistency(old, new))
        return merkle.consistency_proof(old, new, nodes)

    async def size(self, log: str) -> int:
        """Number of leaves of a log that are proved."""
        async with using(self._engine) as driver:
            return await size_of(driver, log)


def hour_of(now: datetime) -> datetime:
    """The beginning of an instant's hour."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
