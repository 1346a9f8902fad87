"""Random bytes are given once: to one caller, in one process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from shared.language.entropy import fresh
from shared.language.ids import random_id


def test_no_byte_is_given_twice() -> None:
    """Over the end of a page, and more at once than a page holds."""
    given = [fresh(12) for _ in range(2_000)]
    assert len(set(given)) == len(given)
    assert {len(one) for one in given} == {12}
    assert len(fresh(20_000)) == 20_000
    assert len({fresh(0), fresh(1)[:0]}) == 1


def test_ids_are_random_uuids() -> None:
    ids = {random_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {(id.version, id.variant) for id in ids} == {(4, "specified in RFC 4122")}


def test_threads_draw_their_own() -> None:
    """A nonce that two threads were given would open what it sealed."""
    with ThreadPoolExecutor(8) as pool:
        given = [
            one for some in pool.map(lambda _: [fresh(12) for _ in range(2_000)], range(16)) for one in some
        ]
    assert len(set(given)) == len(given)


def test_a_child_draws_its_own() -> None:
    """A forked process would otherwise give away the rest of its parent's page."""
    fresh(1)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, fresh(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != fresh(16)
