"""Refusals of one person: the first of an hour are records of their own, the rest one record with their
number, so that nobody fills a log or drowns an alert by being refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.casework.aggregate import Actor

WINDOW = timedelta(hours=1)
MOST = 300
"""Refusals of one person within the window that are written one by one."""


class Summed(NamedTuple):
    """Refusals that were not written one by one."""

    person: str
    role: str
    organ: str
    since: datetime
    number: int
    codes: tuple[str, ...]
    alert: bool = False
    """True if each of them alone would have been told to internal supervision."""


@dataclass
class _Window:
    role: str
    organ: str
    since: datetime
    written: int = 0
    more: Counter[str] = field(default_factory=Counter)


class Tally:
    """The refusals of everybody in one process, within their windows."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._of: dict[tuple[str, bool], _Window] = {}
        self.ended: list[Summed] = []
        """Sums that are still to be written."""

    def takes(self, who: Actor, code: str, now: datetime, *, alert: bool = False) -> bool:
        """True if this refusal is to be written by itself; else it is counted here. Those that alert have a
        window of their own: nobody hides one behind many that do not."""
        key = who.person, alert
        window = self._of.get(key)
        if window is None or now - window.since >= WINDOW:
            self._end(*key)
            window = self._of[key] = _Window(who.role, who.organ, now)
        if window.written < self._most:
            window.written += 1
            return True
        window.more[code] += 1
        return False

    def end(self, now: datetime | None = None) -> None:
        """Ends the windows whose hour is over; without `now` all of them, at the end of a process."""
        for key, window in list(self._of.items()):
            if now is None or now - window.since >= WINDOW:
                self._end(*key)

    def _end(self, person: str, alert: bool) -> None:
        window = self._of.pop((person, alert), None)
        if window is not None and window.more:
            codes = tuple(sorted(window.more))
            number = window.more.total()
            summed = Summed(person, window.role, window.organ, window.since, number, codes, alert)
            self.ended.append(summed)
