"""Merkle trees of RFC 9162 §2.1, with SHA-256.

A tree is kept as its *nodes*: the hash at `(level, index)` covers the leaves from `index << level` up to,
but not including, `(index + 1) << level`. A node is written once, when its last leaf arrives, and never
changes, so the nodes hold every earlier tree as well. The *frontier* of a tree is the list of its largest
complete subtrees, left to right; it is all that one needs to append.

An asynchronous caller asks `nodes_for_...` what a root or proof needs, fetches that in one query, and hands
the result to `root_from_nodes`, `inclusion_proof` or `consistency_proof`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Protocol

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

Node = tuple[int, int]
"""(level, index)."""
Span = tuple[int, int]
"""The leaves from the first number up to, but not including, the second."""


# --- Hashing, RFC 9162 §2.1.1 ---


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf (RFC 9162 §2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side (RFC 9162 §2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The Merkle Tree Hash of a list of leaf hashes (RFC 9162 §2.1.1)."""
    return root_of_frontier(extend((), 0, leaf_hashes)[1])


def root_of_frontier(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree that has this frontier."""
    if not frontier:
        return EMPTY_ROOT
    *rest, top = frontier
    for peak in reversed(rest):
        top = node_hash(peak, top)
    return top


def extend(
    frontier: Sequence[bytes], start_size: int, leaf_hashes: Iterable[bytes]
) -> tuple[list[tuple[int, int, bytes]], list[bytes]]:
    """Append a batch: the new nodes as (level, index, hash), leaves included, and the new frontier."""
    if len(frontier) != start_size.bit_count():
        raise ValueError(
            f"a tree of {start_size} leaves has {start_size.bit_count()} peaks, not {len(frontier)}"
        )
    peaks = list(frontier)
    new_nodes: list[tuple[int, int, bytes]] = []
    for index, hash_ in enumerate(leaf_hashes, start_size):
        level = 0
        new_nodes.append((level, index, hash_))
        while index >> level & 1:  # a right child: its left sibling is the last peak
            hash_ = node_hash(peaks.pop(), hash_)
            level += 1
            new_nodes.append((level, index >> level, hash_))
        peaks.append(hash_)
    return new_nodes, peaks


# --- What a root or proof is made of ---


def nodes_for_root(size: int) -> list[Node]:
    """The nodes of the frontier at this size, left to right."""
    return list(_peaks((0, size)))


def nodes_for_inclusion(index: int, size: int) -> list[Node]:
    """The nodes that `inclusion_proof` needs."""
    return [node for span in _inclusion_spans(index, size) for node in _peaks(span)]


def nodes_for_consistency(old: int, new: int) -> list[Node]:
    """The nodes that `consistency_proof` needs."""
    return [node for span in _consistency_spans(old, new) for node in _peaks(span)]


def root_from_nodes(size: int, nodes: Mapping[Node, bytes]) -> bytes:
    """The root at this size, from `nodes_for_root`."""
    return _hash_of((0, size), nodes)


def inclusion_proof(index: int, size: int, nodes: Mapping[Node, bytes]) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 §2.1.3.1, from `nodes_for_inclusion`."""
    return [_hash_of(span, nodes) for span in _inclusion_spans(index, size)]


def consistency_proof(old: int, new: int, nodes: Mapping[Node, bytes]) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162 §2.1.4.1, from `nodes_for_consistency`; empty if trivial."""
    return [_hash_of(span, nodes) for span in _consistency_spans(old, new)]


def _inclusion_spans(index: int, size: int) -> list[Span]:
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    spans: list[Span] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = _split(begin, end)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((begin, middle))
            begin = middle
    return spans[::-1]


def _consistency_spans(old: int, new: int) -> list[Span]:
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not extend one of {old}")
    if old == 0:
        return []
    spans: list[Span] = []
    begin, end = 0, new
    while end != old:
        middle = _split(begin, end)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((begin, middle))
            begin = middle
    if begin:  # otherwise what is left is the old tree itself, whose root the verifier has
        spans.append((begin, end))
    return spans[::-1]


def _split(begin: int, end: int) -> int:
    """The place where a tree divides: after the largest power of two smaller than its size."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def _peaks(span: Span) -> Iterator[Node]:
    begin, end = span
    while begin < end:
        level = (end - begin).bit_length() - 1
        yield level, begin >> level
        begin += 1 << level


def _hash_of(span: Span, nodes: Mapping[Node, bytes]) -> bytes:
    return root_of_frontier([nodes[node] for node in _peaks(span)])


# --- Verifying: after the RFC's own algorithms, not after the code above, so that each checks the other ---


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True if the proof shows the leaf at this index of the tree with this root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf_hash, root, *proof):
        return False
    fn, sn, computed = index, size - 1, leaf_hash
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            fn, sn = _skip_missing_siblings(fn, sn)
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and computed == root


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """True if the proof shows the new tree to be the old one with leaves appended (RFC 9162 §2.1.4.2).

    The RFC leaves out the trivial cases: the empty tree precedes every tree, and a tree precedes itself; both
    with an empty proof.
    """
    if not 0 <= old_size <= new_size or not _are_hashes(old_root, new_root, *proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root and (old_size > 0 or old_root == EMPTY_ROOT)
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    first, *rest = [old_root, *proof] if old_size.bit_count() == 1 else proof or [b""]
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old_computed = new_computed = first
    for sibling in rest:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            fn, sn = _skip_missing_siblings(fn, sn)
        else:
            new_computed = node_hash(new_computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old_computed == old_root and new_computed == new_root


def _skip_missing_siblings(fn: int, sn: int) -> tuple[int, int]:
    """Climb the right border past the levels where the node has no sibling."""
    while fn and not fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _are_hashes(*candidates: bytes) -> bool:
    return all(len(candidate) == HASH_SIZE for candidate in candidates)


# --- A log over a store ---


class NodeStore(Protocol):
    """A log's store of nodes. A node is put once and never changed."""

    def get(self, level: int, index: int) -> bytes:
        """The hash put there; KeyError if none was."""

    def put(self, level: int, index: int, hash_: bytes) -> None:
        """Keep a hash."""


class DictStore:
    """Nodes in memory."""

    def __init__(self) -> None:
        self.nodes: dict[Node, bytes] = {}

    def get(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def put(self, level: int, index: int, hash_: bytes) -> None:
        self.nodes[level, index] = hash_


class MerkleLog:
    """An append-only RFC 9162 §2.1 tree: every earlier root and every proof for O(log n) hashes."""

    def __init__(self, store: NodeStore, size: int = 0) -> None:
        self._store = store
        self._size = size
        self._frontier = [store.get(*node) for node in nodes_for_root(size)]

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf_hash: bytes) -> int:
        """Append a leaf and return its index."""
        self.extend([leaf_hash])
        return self._size - 1

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Append leaves in order."""
        new_nodes, frontier = extend(self._frontier, self._size, leaf_hashes)
        for node in new_nodes:
            self._store.put(*node)
        self._frontier = frontier
        self._size += len(leaf_hashes)

    def root(self, size: int | None = None) -> bytes:
        """The root now, or when the log had `size` leaves."""
        size = self._size_or(size)
        return root_from_nodes(size, self._fetch(nodes_for_root(size)))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Proof that a leaf is in the tree of `size` leaves."""
        size = self._size_or(size)
        return inclusion_proof(index, size, self._fetch(nodes_for_inclusion(index, size)))

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the tree of `new` leaves extends the tree of `old`."""
        new = self._size_or(new)
        return consistency_proof(old, new, self._fetch(nodes_for_consistency(old, new)))

    def _size_or(self, size: int | None) -> int:
        if size is None:
            return self._size
        if not 0 <= size <= self._size:
            raise ValueError(f"the log has {self._size} leaves, not {size}")
        return size

    def _fetch(self, nodes: Iterable[Node]) -> dict[Node, bytes]:
        return {node: self._store.get(*node) for node in nodes}
