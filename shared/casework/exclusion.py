"""Exclusion of a person from a matter, as every service learns of it from every other (B2)."""

from __future__ import annotations

from uuid import UUID

from shared.casework.aggregate import Aggregate, Context
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.common import ExclusionNoted
from shared.language.event import ChangesExclusion
from shared.language.ids import derived_id


class NotedExclusion(Aggregate):
    """One exclusion that was decided elsewhere. As an event it takes a place in the log, so that no append
    that is on its way passes it by, and a restored store shows whether it was told."""

    kind = "AuditRecord"

    def __init__(self, id: UUID, service: str) -> None:
        super().__init__(id)
        self.service = service  # type: ignore[misc]

    def note(self, ctx: Context, person: str, decided_in: UUID, role: str, *, excluded: bool) -> None:
        noted = self.own(ExclusionNoted.__name__)
        self.record(ctx, noted(person=person, decided_in=str(decided_in), role=role, excluded=excluded))


def noting(service: str) -> Reactions:
    """The reactions of a service to an exclusion, or its end, whichever service publishes it, by the name of
    the event."""

    async def note_exclusion(event: ChangesExclusion, desk: Desk) -> None:
        """Notes that somebody was excluded elsewhere, or let in again."""
        decided_in, role, excluded = event.change(desk.published.stream_id)
        id = derived_id("exclusion-noted", desk.published.event_id)
        noted = NotedExclusion(id, service)
        desk.touched[id] = noted
        ctx = desk.context(rule="B2")
        noted.note(ctx, event.person, decided_in, role, excluded=excluded)

    return {"PersonExcluded": note_exclusion, "ExclusionLifted": note_exclusion}
