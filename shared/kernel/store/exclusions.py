"""The register of exclusions as a process has it at hand: who is excluded from which matter (B2).

The table is the truth: a change of it is written in the transaction of the event, or of another service's
event, that it follows from, and every append asks it there. The copy answers without a round trip. Each
reading of a stream brings the number of the last change, and what is missing here is fetched before the
reading is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

Change = tuple[UUID, str, bool, int]
"""A row of the table: matter, person, whether excluded, the number of its last change."""
NOBODY: frozenset[str] = frozenset()


class Exclusions:
    """The persons excluded from each matter."""

    def __init__(self, changed_since: Callable[[int], Awaitable[list[Change]]]) -> None:
        self._changed_since = changed_since
        self._of: dict[UUID, frozenset[str]] = {}
        self._number = 0
        self._fetching = asyncio.Lock()

    def of(self, matters: Iterable[UUID]) -> frozenset[str]:
        """Everybody who is excluded from one of these matters."""
        found = [self._of[matter] for matter in matters if matter in self._of]
        return NOBODY.union(*found) if found else NOBODY

    async def reach(self, number: int) -> None:
        """Fetches what has changed, up to this number at least. A number that goes back is of a database that
        was replaced: all of it is fetched anew."""
        if number == self._number:
            return
        async with self._fetching:
            if number == self._number:
                return
            of, last = (dict(self._of), self._number) if number > self._number else ({}, 0)
            for matter, person, excluded, changed in await self._changed_since(last):
                others = of.get(matter, NOBODY) - {person}
                of[matter], last = others | {person} if excluded else others, changed
            # In one step: nobody who asks meanwhile finds half a register.
            self._of, self._number = of, last
