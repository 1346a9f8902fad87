"""The parts of a process that stand still until a person has looked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

Halt = Callable[[str, str | None], None]
"""Told that a part stands still, and why; None once it gets on again."""


class Halts:
    """Knows which parts stand still, for `/readyz`, and tells of each."""

    def __init__(self, tell: Halt) -> None:
        """`tell`: hears of every change; the gauge `zm_halted` does."""
        self._tell = tell
        self.names: set[str] = set()

    def halt(self, part: str, reason: str | None) -> None:
        """Tells that a part stands still, or, without a reason, that it gets on again."""
        self._tell(part, reason)
        if reason is None:
            self.names.discard(part)
        else:
            self.names.add(part)

    def within(self, room: str) -> Halts:
        """The halts of a service that lives within this one: told here, under the room's name, since nobody
        reads its own metrics."""
        return Halts(partial(self._halt_within, room))

    def _halt_within(self, room: str, part: str, reason: str | None) -> None:
        self.halt(f"{room} {part}", reason)
