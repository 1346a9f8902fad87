"""Unpredictable bytes and ids, fetched from the kernel by the page: one system call for some hundred of them.

An event takes five: its id, its salt, two nonces, a span. A call for each was a noticeable part of a command.
"""

from __future__ import annotations

import os
import threading
from uuid import UUID

PAGE_BYTES = 8_192


class _Page(threading.local):
    """What a thread has fetched and not given out yet. No other thread sees it: no nonce is given twice."""

    def __init__(self) -> None:
        self._left = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        start, end = self._at, self._at + count
        if end > len(self._left):
            self._left, start, end = os.urandom(max(PAGE_BYTES, count)), 0, count
        self._at = end
        return self._left[start:end]

    def forget(self) -> None:
        self._left, self._at = b"", 0


_page = _Page()
# A child process would else give out what its parent gives out too.
os.register_at_fork(after_in_child=_page.forget)


def fresh(count: int) -> bytes:
    """So many unpredictable bytes, given to nobody before."""
    return _page.take(count)


def random_id() -> UUID:
    """As `uuid4`."""
    return UUID(bytes=_page.take(16), version=4)
