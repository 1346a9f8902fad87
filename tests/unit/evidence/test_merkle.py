"""RFC 9162 trees: published vectors, the RFC's definitions as an oracle, and what forgers would try."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.evidence import merkle
from shared.kernel.evidence.merkle import DictStore, MerkleLog, leaf_hash, node_hash
from tests.unit.evidence import vectors


def log_of(leaves: Sequence[bytes]) -> MerkleLog:
    log = MerkleLog(DictStore())
    log.extend([leaf_hash(leaf) for leaf in leaves])
    return log


def numbered(size: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(size)]


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ (1 << bit)).to_bytes(len(data), "big")


# --- The RFC's recursive definitions, as an oracle ---


def half(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    if not d:
        return vectors.CT_EMPTY_ROOT
    if len(d) == 1:
        return leaf_hash(d[0])
    k = half(len(d))
    return node_hash(mth(d[:k]), mth(d[k:]))


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = half(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], complete: bool) -> list[bytes]:
    if m == len(d):
        return [] if complete else [mth(d)]
    k = half(len(d))
    if m <= k:
        return [*subproof(m, d[:k], complete), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def test_every_root_and_proof_is_what_the_rfc_defines() -> None:
    """Roots and proofs of all trees up to 33 leaves equal MTH, PATH and PROOF of RFC 9162, and verify."""
    leaves = numbered(33)
    log = log_of(leaves)
    for new in range(len(leaves) + 1):
        d = leaves[:new]
        root = log.root(new)
        assert root == mth(d) == merkle.root(map(leaf_hash, d))
        for index in range(new):
            proof = log.inclusion_proof(index, new)
            assert proof == path(index, d)
            assert merkle.verify_inclusion(leaf_hash(d[index]), index, new, proof, root)
        for old in range(1, new + 1):
            proof = log.consistency_proof(old, new)
            assert proof == subproof(old, d, True)
            assert merkle.verify_consistency(old, new, log.root(old), root, proof)


# --- Published vectors ---


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_of_the_reference_tree(size: int) -> None:
    """The Certificate Transparency reference tree has its published root at every size."""
    assert merkle.root(map(leaf_hash, vectors.CT_LEAVES[:size])) == vectors.CT_ROOTS[size - 1]
    assert log_of(vectors.CT_LEAVES).root(size) == vectors.CT_ROOTS[size - 1]


def test_root_of_the_empty_tree() -> None:
    """The empty tree's root is the hash of nothing."""
    assert merkle.root([]) == MerkleLog(DictStore()).root() == merkle.EMPTY_ROOT == vectors.CT_EMPTY_ROOT


@pytest.mark.parametrize(("leaf", "size", "proof"), vectors.CT_INCLUSION)
def test_inclusion_proofs_of_the_reference_tree(leaf: int, size: int, proof: list[bytes]) -> None:
    """Published inclusion proofs are made exactly, and verify."""
    assert log_of(vectors.CT_LEAVES).inclusion_proof(leaf - 1, size) == proof
    hash_ = leaf_hash(vectors.CT_LEAVES[leaf - 1])
    assert merkle.verify_inclusion(hash_, leaf - 1, size, proof, vectors.CT_ROOTS[size - 1])


@pytest.mark.parametrize(("old", "new", "proof"), vectors.CT_CONSISTENCY)
def test_consistency_proofs_of_the_reference_tree(old: int, new: int, proof: list[bytes]) -> None:
    """Published consistency proofs are made exactly, and verify."""
    assert log_of(vectors.CT_LEAVES).consistency_proof(old, new) == proof
    assert merkle.verify_consistency(old, new, vectors.CT_ROOTS[old - 1], vectors.CT_ROOTS[new - 1], proof)


# --- Forgeries ---


@st.composite
def trees(draw: st.DrawFn) -> tuple[MerkleLog, int, int]:
    """A log of distinct leaves, and 0 <= smaller < larger <= its size."""
    log = log_of(numbered(draw(st.integers(2, 300))))
    larger = draw(st.integers(2, log.size))
    return log, draw(st.integers(1, larger - 1)), larger


@given(trees(), st.data())
def test_an_inclusion_proof_serves_one_leaf_only(
    tree: tuple[MerkleLog, int, int], data: st.DataObject
) -> None:
    """Flip any bit of leaf, index, proof or root, or cut or lengthen the proof, and it fails."""
    log, index, size = tree
    leaf, root, proof = leaf_hash(numbered(size)[index]), log.root(size), log.inclusion_proof(index, size)
    assert merkle.verify_inclusion(leaf, index, size, proof, root)
    bit = data.draw(st.integers(0, 255))
    at = data.draw(st.integers(0, len(proof) - 1))
    forged = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
    assert not merkle.verify_inclusion(flipped(leaf, bit), index, size, proof, root)
    assert not merkle.verify_inclusion(leaf, index ^ (1 << bit % 12), size, proof, root)
    assert not merkle.verify_inclusion(leaf, index, size, forged, root)
    assert not merkle.verify_inclusion(leaf, index, size, proof, flipped(root, bit))
    assert not merkle.verify_inclusion(leaf, index, size, proof[:at] + proof[at + 1 :], root)
    for extra in (b"", root, proof[at]):
        assert not merkle.verify_inclusion(leaf, index, size, [extra, *proof], root)
        assert not merkle.verify_inclusion(leaf, index, size, [*proof, extra], root)


@given(trees(), st.data())
def test_a_consistency_proof_serves_two_roots_only(
    tree: tuple[MerkleLog, int, int], data: st.DataObject
) -> None:
    """Flip any bit of either root or the proof, or cut or lengthen the proof, and it fails."""
    log, old, new = tree
    old_root, new_root, proof = log.root(old), log.root(new), log.consistency_proof(old, new)
    assert merkle.verify_consistency(old, new, old_root, new_root, proof)
    bit = data.draw(st.integers(0, 255))
    at = data.draw(st.integers(0, len(proof) - 1))
    forged = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
    assert not merkle.verify_consistency(old, new, flipped(old_root, bit), new_root, proof)
    assert not merkle.verify_consistency(old, new, old_root, flipped(new_root, bit), proof)
    assert not merkle.verify_consistency(old, new, old_root, new_root, forged)
    assert not merkle.verify_consistency(old, new, old_root, new_root, proof[:at] + proof[at + 1 :])
    assert not merkle.verify_consistency(new, old, new_root, old_root, proof)
    assert not merkle.verify_consistency(old, new, old_root, new_root, [])
    for extra in (b"", old_root, new_root, proof[at]):
        assert not merkle.verify_consistency(old, new, old_root, new_root, [extra, *proof])
        assert not merkle.verify_consistency(old, new, old_root, new_root, [*proof, extra])


@given(trees(), st.data())
def test_a_rewritten_log_is_not_consistent(tree: tuple[MerkleLog, int, int], data: st.DataObject) -> None:
    """A log that grew after one old leaf was altered cannot prove that it extends the old one."""
    log, old, new = tree
    leaves = numbered(new)
    leaves[data.draw(st.integers(0, old - 1))] = b"altered"
    rewritten = log_of(leaves)
    proof = rewritten.consistency_proof(old, new)
    assert not merkle.verify_consistency(old, new, log.root(old), rewritten.root(), proof)


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "proof", "answer"),
    [
        (0, 0, vectors.CT_EMPTY_ROOT, vectors.CT_EMPTY_ROOT, [], True),
        (0, 0, vectors.CT_ROOTS[0], vectors.CT_ROOTS[0], [], False),
        (0, 3, vectors.CT_EMPTY_ROOT, vectors.CT_ROOTS[2], [], True),
        (0, 3, vectors.CT_ROOTS[0], vectors.CT_ROOTS[2], [], False),
        (0, 3, vectors.CT_EMPTY_ROOT, vectors.CT_ROOTS[2], [vectors.CT_ROOTS[0]], False),
        (3, 3, vectors.CT_ROOTS[2], vectors.CT_ROOTS[2], [], True),
        (3, 3, vectors.CT_ROOTS[2], vectors.CT_ROOTS[1], [], False),
        (3, 3, vectors.CT_ROOTS[2], vectors.CT_ROOTS[2], [vectors.CT_ROOTS[0]], False),
        (2, 1, vectors.CT_ROOTS[1], vectors.CT_ROOTS[0], [], False),
        (-1, 1, vectors.CT_ROOTS[1], vectors.CT_ROOTS[0], [], False),
    ],
)
def test_consistency_of_the_trivial_cases(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes], answer: bool
) -> None:
    """The empty tree precedes all, a tree precedes itself, nothing goes back in time."""
    assert merkle.verify_consistency(old, new, old_root, new_root, proof) is answer


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 0), (1, 1), (-1, 1)])
def test_no_leaf_is_included_outside_the_tree(index: int, size: int) -> None:
    """An index outside the tree is refused by prover and verifier."""
    hash_ = vectors.CT_ROOTS[0]
    assert not merkle.verify_inclusion(hash_, index, size, [], hash_)
    with pytest.raises(ValueError, match="no leaf"):
        merkle.nodes_for_inclusion(index, size)


def test_a_true_proof_of_a_smaller_tree_is_none_of_a_larger() -> None:
    """A proof and root of four leaves are refused for a tree said to have eight."""
    log = log_of(vectors.CT_LEAVES)
    assert not merkle.verify_inclusion(leaf_hash(b""), 0, 8, log.inclusion_proof(0, 4), log.root(4))
    proof = log.consistency_proof(2, 4)
    assert not merkle.verify_consistency(2, 8, log.root(2), log.root(4), proof)


def test_bytes_cannot_move_between_leaf_and_sibling() -> None:
    """Hashes of another length are refused, even where they concatenate to the same bytes."""
    log = log_of(numbered(2))
    leaf, (sibling,) = leaf_hash(b"leaf 0"), log.inclusion_proof(0)
    assert merkle.verify_inclusion(leaf, 0, 2, [sibling], log.root())
    assert not merkle.verify_inclusion(leaf + sibling[:1], 0, 2, [sibling[1:]], log.root())
    assert not merkle.verify_inclusion(b"", 0, 1, [], b"")
    assert not merkle.verify_consistency(1, 1, b"", b"", [])


def test_a_proof_that_only_swaps_node_for_leaf_fails() -> None:
    """An inner node cannot be passed off as a leaf: the two are hashed apart."""
    left, right = (leaf_hash(leaf) for leaf in (b"a", b"b"))
    assert leaf_hash(left + right) != node_hash(left, right)


# --- Growing ---


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 70))
def test_batches_make_the_same_log_as_single_leaves(batches: list[int], start: int) -> None:
    """Extending in batches yields the nodes and frontier of appending one at a time."""
    store, one_by_one = DictStore(), DictStore()
    log = MerkleLog(store)
    log.extend([leaf_hash(leaf) for leaf in numbered(start)])
    for batch in batches:
        begin = log.size
        log.extend([leaf_hash(leaf) for leaf in numbered(begin + batch)[begin:]])
    reference = MerkleLog(one_by_one)
    for index, leaf in enumerate(numbered(log.size)):
        assert reference.append(leaf_hash(leaf)) == index
    assert store.nodes == one_by_one.nodes
    assert log.root() == reference.root()


@given(st.integers(0, 200), st.integers(0, 60))
def test_a_log_goes_on_from_its_store(before: int, after: int) -> None:
    """A frontier read back by nodes_for_root is all that one needs to append, and old nodes never change."""
    store = DictStore()
    MerkleLog(store).extend([leaf_hash(leaf) for leaf in numbered(before)])
    kept = dict(store.nodes)
    frontier = [store.get(*node) for node in merkle.nodes_for_root(before)]
    hashes = [leaf_hash(leaf) for leaf in numbered(before + after)[before:]]
    new_nodes, new_frontier = merkle.extend(frontier, before, hashes)
    assert not kept.keys() & {(level, index) for level, index, _ in new_nodes}
    for node in new_nodes:
        store.put(*node)
    resumed = MerkleLog(store, before + after)
    assert resumed.root() == merkle.root_of_frontier(new_frontier) == mth(numbered(before + after))


@given(st.integers(1, 1 << 62), st.data())
def test_proofs_need_few_nodes(size: int, data: st.DataObject) -> None:
    """Roots and proofs of a log of any size need O(log n) nodes, all of them complete within it."""
    index = data.draw(st.integers(0, size - 1))
    wanted = [
        merkle.nodes_for_root(size),
        merkle.nodes_for_inclusion(index, size),
        merkle.nodes_for_consistency(index, size),
    ]
    for nodes in wanted:
        assert len(nodes) <= 2 * size.bit_length()
        assert all((number + 1) << level <= size for level, number in nodes)


def test_a_log_refuses_what_it_cannot_have() -> None:
    """Later sizes, backward consistency and a frontier of another size are refused."""
    log = log_of(numbered(5))
    for attempt in (
        lambda: log.root(6),
        lambda: log.root(-1),
        lambda: log.inclusion_proof(0, 6),
        lambda: log.consistency_proof(4, 3),
        lambda: merkle.extend([b""], 3, []),
    ):
        with pytest.raises(ValueError, match=r"leaves|extend"):
            attempt()
