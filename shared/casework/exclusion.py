"""Exclusion of a person from a matter, as every service learns of it from every other (B2)."""

from __future__ import annotations

from shared.casework.gate import AuditRecord
from shared.casework.reaction import Desk, Reactions
from shared.language.contracts.common import ExclusionNoted
from shared.language.event import ChangesExclusion
from shared.language.ids import derived_id


def noting(service: str) -> Reactions:
    """The reactions of a service to an exclusion, or its end, whichever service publishes it, by the name of
    the event."""

    async def note_exclusion(event: ChangesExclusion, desk: Desk) -> None:
        """Notes that somebody was excluded elsewhere, or let in again: by an event, which has a place in the
        log, so that no append on its way passes it by, and a restored store shows whether it was told."""
        stream, role, excluded = event.change(desk.published.stream_id)
        id = derived_id("exclusion-noted", desk.published.event_id)
        desk.touched[id] = record = AuditRecord(id, service)
        record.note(
            desk.context(rule="B2"),
            ExclusionNoted.__name__,
            person=event.person,
            decided_in=str(stream),
            role=role,
            excluded=excluded,
        )

    return {"PersonExcluded": note_exclusion, "ExclusionLifted": note_exclusion}
