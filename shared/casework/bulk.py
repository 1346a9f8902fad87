"""Watches for bulk reading (SEC-9): more than twenty different objects within an hour."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from datetime import datetime, timedelta
from uuid import UUID

OBJECTS = 20
WITHIN = timedelta(hours=1)


class BulkReadWatch:
    """Remembers the last hour's readings of each person, in this process."""

    def __init__(self) -> None:
        self._read: dict[str, OrderedDict[UUID, datetime]] = defaultdict(OrderedDict)
        """The objects that each person read and when, the oldest first."""

    def saw(self, person: str, object: UUID, now: datetime) -> int:
        """Notes a reading; gives the number of objects when this one made it too many, else 0. Told again
        only after it has fallen."""
        read = self._read[person]
        while read and now - next(iter(read.values())) >= WITHIN:
            read.popitem(last=False)
        before = len(read)
        read[object] = now
        read.move_to_end(object)
        return len(read) if before <= OBJECTS < len(read) else 0
