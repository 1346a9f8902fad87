"""The register of exclusions as a process has it at hand: who is excluded from which matter (B2).

The table is the truth: a change of it is written in the transaction of the event that it follows from, and
every append asks it there. The copy answers without a round trip. Each reading of a stream brings the number
of the last change, and what is missing here is fetched before the reading is answered.

A person is excluded as long as one stream says so: each decides for itself, and what one lifts, another may
uphold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple
from uuid import UUID

from shared.kernel.store.types import Exclusion


class Change(NamedTuple):
    """A row of the table, with the number of its last change."""

    row: Exclusion
    number: int


Held = frozenset[tuple[str, UUID, str]]
"""The persons excluded from one matter, each with the stream that says so and the role concerned."""
NOBODY: Held = frozenset()


class Exclusions:
    """The persons excluded from each matter."""

    def __init__(
        self, since: Callable[[int], Awaitable[list[Change]]], last: Callable[[], Awaitable[int]]
    ) -> None:
        self._since = since
        self._last = last
        self._of: dict[UUID, Held] = {}
        self._number = 0
        self._fetching = asyncio.Lock()

    def of(self, matters: Iterable[UUID]) -> frozenset[str]:
        """Everybody who is excluded from one of these matters."""
        return frozenset(person for person, _, _ in self._held(matters))

    def roles_of(self, matters: Iterable[UUID]) -> frozenset[str]:
        """The roles in which somebody is excluded from one of these matters (B4)."""
        return frozenset(role for _, _, role in self._held(matters))

    def _held(self, matters: Iterable[UUID]) -> Held:
        found = [self._of[matter] for matter in matters if matter in self._of]
        return NOBODY.union(*found) if found else NOBODY

    def forget(self) -> None:
        """Has it fetched anew from its beginning, at the next reading."""
        self._number = -1

    async def reach(self, number: int) -> None:
        """Fetches what has changed, up to this number at least. A number that is behind may be of a reading
        that was on its way; where the table itself is behind, it is of a database that was replaced, and all
        of it is fetched."""
        if number == self._number:
            return
        async with self._fetching:
            if number == self._number or 0 <= number < self._number <= await self._last():
                return
            of, last = (dict(self._of), self._number) if number > self._number >= 0 else ({}, 0)
            for row, changed in await self._since(last):
                others = frozenset(held for held in of.get(row.matter, NOBODY) if held[:2] != row[1:3])
                of[row.matter] = others | {row[1:4]} if row.excluded else others
                last = changed
            # In one step: nobody who asks meanwhile finds half a register.
            self._of, self._number = of, last
