"""Cases as they were last read, at hand for the next reading.

To open and fold a stream takes longer than to ask whether anything has been added to it. So folded cases are
kept, of a bounded number, and asked about anew at each reading: the last event must be there as it was, to
the byte, and none behind it. A database that was replaced and lost the end of its log, or a state that
somebody altered, is seen as it is. These copies are for reading only: a command folds its own.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import orjson

from shared.casework.aggregate import Aggregate, fold
from shared.casework.view import fold_view
from shared.kernel.bus.envelope import content
from shared.kernel.store.recorder import Recorder

MOST = 2_000
"""Cases that are kept, some ten kilobytes each."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """A case, its view as JSON, the state of its last event as it is stored, and the people excluded from its
    matters (B2)."""

    aggregate: Aggregate
    view: bytes
    last: bytes
    excluded: frozenset[str]


class Shelf:
    """The cases of one kind."""

    def __init__(self, kind: type[Aggregate], recorder: Recorder, most: int = MOST) -> None:
        self._kind = kind
        self._recorder = recorder
        self._most = most
        self._kept: OrderedDict[UUID, Shelved] = OrderedDict()

    async def get(self, id: UUID) -> Shelved | None:
        """The case as it stands now; None where there is no such stream, or one of another kind."""
        if (kept := self._kept.pop(id, None)) is not None:
            rows = await self._recorder.rows_of(id, kept.aggregate.version)
            stands = len(rows) == 1 and rows[0]["state"] == kept.last
            if not stands or self._recorder.exclusions.of(kept.aggregate.matters) != kept.excluded:
                kept = None
        if kept is None and (kept := await self._folded(id)) is None:
            return None
        self._kept[id] = kept
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return kept

    async def _folded(self, id: UUID) -> Shelved | None:
        rows = await self._recorder.rows_of(id)
        history = self._recorder.events_in(rows)
        if not history or history[0].kind != self._kind.kind:
            return None
        view, case = fold_view(map(content, history)), fold(self._kind(id), history)
        excluded = self._recorder.exclusions.of(case.matters)
        case.ask_register(self._recorder.exclusions)
        return Shelved(case, orjson.dumps(view), rows[-1]["state"], excluded)
