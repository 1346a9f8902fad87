"""Random bytes are fetched by the page and given out once: to no thread and to no process a second time."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from uuid import RFC_4122

import pytest

from shared import entropy
from shared.entropy import PAGE_BYTES, fresh, random_id


def test_no_byte_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order out of the kernel's pages, over their borders, and more than a page at once."""
    pages: list[bytes] = []

    def urandom(count: int) -> bytes:
        pages.append(real(count))
        return pages[-1]

    real = os.urandom
    monkeypatch.setattr(os, "urandom", urandom)
    page = entropy._Page()
    sizes = [16, 12, PAGE_BYTES - 28, 12, PAGE_BYTES, PAGE_BYTES + 1, 24]
    taken = [page.take(size) for size in sizes]
    assert [len(part) for part in taken] == sizes
    assert b"".join(taken[:3]) == pages[0]
    assert taken[3] == pages[1][:12]
    assert [len(one) for one in pages] == [PAGE_BYTES, PAGE_BYTES, PAGE_BYTES, PAGE_BYTES + 1, PAGE_BYTES]
    assert taken[5] == pages[3]


def test_threads_share_nothing() -> None:
    with ThreadPoolExecutor(8) as pool:
        given = pool.map(lambda _: [fresh(12) for _ in range(3_000)], range(8))
        assert max(Counter(chain.from_iterable(given)).values()) == 1


def test_a_child_process_starts_anew() -> None:
    """It would else give out what its parent gives out: the same nonces, under the same key."""
    fresh(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, fresh(32))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 32) != fresh(32)
    os.close(reader)
    os.close(writer)


def test_ids_are_random_ids() -> None:
    ids = {random_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {(id.version, id.variant) for id in ids} == {(4, RFC_4122)}
