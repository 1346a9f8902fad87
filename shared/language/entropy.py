"""Random bytes, drawn from the kernel by the page: one system call for hundreds of nonces, salts and ids."""

from __future__ import annotations

import os
import threading

_PAGE = 8_192


class _Drawn(threading.local):
    """A page of this thread, with the number of bytes of it that were given away."""

    def __init__(self) -> None:
        self.page = b""
        self.given = 0

    def take(self, count: int) -> bytes:
        end = self.given + count
        if end > len(self.page):
            self.page, self.given, end = os.urandom(max(_PAGE, count)), 0, count
        taken, self.given = self.page[self.given : end], end
        return taken

    def forget(self) -> None:
        self.page, self.given = b"", 0


_drawn = _Drawn()
fresh = _drawn.take
"""Draws this many unpredictable bytes, never given before."""
# A child would give away the same bytes as its parent.
os.register_at_fork(after_in_child=_drawn.forget)
