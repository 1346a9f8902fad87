"""Naming what became of a store's rows, over random damage."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.audit.verify_store import Row, compare

SIZE = 8


def row(position: int) -> Row:
    return Row(
        position,
        UUID(int=position // 2),
        position % 2 + 1,
        "intake.X",
        datetime(2022, 3, 1, tzinfo=UTC),
        b"%032d" % position,
        b"c" * 32,
        "SHA-256",
        UUID(int=1000 + position),
        UUID(int=1),
    )


RECEIVED = [row(n) for n in range(1, SIZE + 1)]


def test_nothing_done_nothing_found() -> None:
    assert compare(RECEIVED, RECEIVED) == []
    assert compare([], []) == []


@given(st.permutations(range(SIZE)))
def test_every_moved_row_is_told_with_its_origin(order: list[int]) -> None:
    """Nothing counts as gone or new, whatever the order they were put in."""
    stored = [RECEIVED[origin]._replace(position=n) for n, origin in enumerate(order, 1)]
    found = {(f.kind, f.position, f.other) for f in compare(RECEIVED, stored)}
    assert found == {("moved", n, origin + 1) for n, origin in enumerate(order, 1) if n != origin + 1}


@given(st.sets(st.integers(1, SIZE), min_size=1), st.sets(st.integers(1, SIZE)))
def test_missing_and_altered_rows_are_told_apart(missing: set[int], altered: set[int]) -> None:
    stored = [
        r._replace(state_digest=b"x" * 31 + bytes((r.position,))) if r.position in altered else r
        for r in RECEIVED
        if r.position not in missing
    ]
    last = max((r.position for r in stored), default=0)
    found = {(f.kind, f.position) for f in compare(RECEIVED, stored)}
    assert found == {("altered", n) for n in altered - missing} | {
        ("truncated" if n > last else "deleted", n) for n in missing
    }


def test_a_row_put_in_is_told() -> None:
    extra = row(99)._replace(position=SIZE + 1)
    (found,) = compare(RECEIVED, [*RECEIVED, extra])
    assert (found.kind, found.position) == ("added", SIZE + 1)


def test_a_copy_of_a_row_is_told_as_put_in() -> None:
    """The original stands where it stood."""
    copy = RECEIVED[2]._replace(position=SIZE + 1, version=7)
    (found,) = compare(RECEIVED, [*RECEIVED, copy])
    assert (found.kind, found.position) == ("added", SIZE + 1)
