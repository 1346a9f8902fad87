"""Aggregates out of the store and back, whole and in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, Appended, CommandRecord, Effect, Tracked

if TYPE_CHECKING:
    from shared.casework.aggregate import Aggregate

A = TypeVar("A", bound="Aggregate")


class Repository:
    """Loads aggregates by folding their streams; saves the events that they recorded."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    async def get(self, cls: type[A], id: UUID, as_of: datetime | None = None) -> A | None:
        """The aggregate, now or as it was recorded at an instant; None where there is no such stream. As it
        is now, it knows who is excluded from its matters, wherever that was decided (B2).

        A stream of another kind is none either: ids come from outside.
        """
        history = await self.recorder.load(id, as_of=as_of)
        if not history or history[0].kind != cls.kind:
            return None
        aggregate = cls(id)
        for recorded in history:
            aggregate.apply(recorded)
        if as_of is None:
            aggregate.ask_register(self.recorder.exclusions)
        return aggregate

    async def save(
        self,
        *aggregates: Aggregate,
        command: CommandRecord | None = None,
        tracking: Tracked | None = None,
        effects: Sequence[Effect] = (),
        parked: Sequence[dict[str, Any]] = (),
        unparked: Sequence[int] = (),
    ) -> Appended:
        """Appends what the aggregates recorded, all or nothing, each expected at its own version.

        After a refusal the aggregates are spent: load them again.
        """
        events = [event for aggregate in aggregates for event in aggregate.collect_events()]
        appended = await self.recorder.append(
            Append(
                events=events,
                command=command,
                tracking=tracking,
                parked=parked,
                unparked=unparked,
                effects=effects,
            )
        )
        by_id = {aggregate.id: aggregate for aggregate in aggregates}
        for entry in appended.entries:
            if number := entry.data["event"].get("number"):
                by_id[entry.stream].number = number
        return appended
