"""One RFC 9162 tree per publishing service: leaf i is the event at position i + 1 of that service's log.

Leaves follow from what the producer recorded and from nothing of our own, so an audit rebuilt from the
producers' logs has every earlier root again. A tree grows only over an unbroken log: where an event is
parked, the tree waits before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.database import using
from services.audit.tables import PUBLISHERS
from shared.bus.envelope import Published
from shared.clock import Clock
from shared.evidence import merkle
from shared.evidence.checkpoint import Checkpoint, sign
from shared.evidence.leaf import leaf_data
from shared.evidence.merkle import Node
from shared.evidence.note import VerifierKey
from shared.suites import Digest

OPERATOR = "zhengming"
_PAGE = 2000
_SIZE = "SELECT coalesce(max(idx) + 1, 0) FROM nodes WHERE service = $1 AND level = 0"
_NODES = """
    SELECT level, idx, hash FROM nodes
    WHERE service = $1 AND (level, idx) IN (SELECT * FROM unnest($2::smallint[], $3::bigint[]))
    """
_LEAVES = """
    SELECT position, stream, version, topic, recorded_at, state_digest, content_digest, algorithm
    FROM ledger
    WHERE service = $1 AND position > $2 ORDER BY position LIMIT $3
    """
_LAST = "SELECT size, root FROM checkpoints WHERE service = $1 ORDER BY size DESC LIMIT 1"
_FIND = "SELECT note FROM checkpoints WHERE service = $1 AND size = $2"
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
    """How many leaves the tree has."""
    return int(await driver.fetchval(_SIZE, service))


async def fetch_nodes(driver: Any, service: str, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """The hashes of the nodes asked for."""
    wanted = sorted(set(nodes))
    if not wanted:
        return {}
    rows = await driver.fetch(_NODES, service, [level for level, _ in wanted], [index for _, index in wanted])
    return {(row["level"], row["idx"]): row["hash"] for row in rows}


async def root_of(driver: Any, service: str, size: int) -> bytes:
    """The root when the log had `size` events."""
    nodes = await fetch_nodes(driver, service, merkle.nodes_for_root(size))
    return merkle.root_from_nodes(size, nodes)


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree as it stands: how many leaves, and its frontier."""

    size: int
    frontier: Sequence[bytes]


async def extend(driver: Any, service: str) -> Grown:
    """Appends the leaves of what the ledger has beyond the tree without a gap.

    To be called under the ledger's lock, in the transaction that wrote the rows.
    """
    size = await size_of(driver, service)
    peaks = merkle.nodes_for_root(size)
    known = await fetch_nodes(driver, service, peaks)
    tree = Grown(size, [known[peak] for peak in peaks])
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

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> Signer:
        """32 raw bytes of an Ed25519 private key."""
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))

    def sign(self, service: str, size: int, root: bytes) -> str:
        """A checkpoint as a signed note."""
        return sign(Checkpoint(_origin(service), size, root), self._key)

    def verifier_keys(self) -> list[VerifierKey]:
        """What an outsider needs to check the notes: one name a log, all of the same key."""
        return [VerifierKey.of(_origin(service), self._key) for service in PUBLISHERS]


class Trees:
    """Sizes, proofs and signed checkpoints of all logs."""

    def __init__(self, engine: AsyncEngine, signer: Signer, clock: Clock) -> None:
        self._engine = engine
        self._signer = signer
        self._clock = clock

    def verifier_keys(self) -> list[VerifierKey]:
        """What the notes are checked with."""
        return self._signer.verifier_keys()

    async def checkpoint(self, service: str) -> str:
        """The signed state of a log now; the same size always has the same note.

        Raises `HistoryChanged` if the tree does not continue what was signed before.
        """
        async with using(self._engine) as driver:
            note, _ = await self._checkpoint(driver, service)
            return note

    async def _checkpoint(self, driver: Any, service: str) -> tuple[str, int]:
        size = await size_of(driver, service)
        last = await driver.fetchrow(_LAST, service)
        if last is not None:
            signed = last["size"]
            if signed > size or await root_of(driver, service, signed) != last["root"]:
                raise HistoryChanged(f"the tree of {service} no longer holds what was signed at {signed}")
            if signed == size:
                return str(await driver.fetchval(_FIND, service, size)), size
        root = await root_of(driver, service, size)
        note = self._signer.sign(service, size, root)
        await driver.execute(_SIGN, service, size, root, note, self._clock.now())
        return note, size

    async def inclusion(self, service: str, index: int, size: int) -> list[bytes]:
        """Proof that a leaf stands in the tree of `size` leaves."""
        async with using(self._engine) as driver:
            nodes = await fetch_nodes(driver, service, merkle.nodes_for_inclusion(index, size))
        return merkle.inclusion_proof(index, size, nodes)

    async def inclusions(
        self, service: str, indexes: Sequence[int]
    ) -> tuple[str, int, dict[int, list[bytes]]]:
        """A fresh checkpoint, and with it proofs for many leaves at once; those beyond it are left out."""
        async with using(self._engine) as driver:
            note, size = await self._checkpoint(driver, service)
            proved = [index for index in indexes if index < size]
            wanted = {node for index in proved for node in merkle.nodes_for_inclusion(index, size)}
            nodes = await fetch_nodes(driver, service, wanted)
        return note, size, {index: merkle.inclusion_proof(index, size, nodes) for index in proved}

    async def consistency(self, service: str, old: int, new: int) -> list[bytes]:
        """Proof that the tree of `new` leaves continues the tree of `old`."""
        async with using(self._engine) as driver:
            nodes = await fetch_nodes(driver, service, merkle.nodes_for_consistency(old, new))
        return merkle.consistency_proof(old, new, nodes)

    async def size(self, service: str) -> int:
        """How many events of a service are proved."""
        async with using(self._engine) as driver:
            return await size_of(driver, service)


def _origin(service: str) -> str:
    return f"{OPERATOR}/{service}"
