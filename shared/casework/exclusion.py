"""Exclusion of a person from a matter, as every service learns of it from every other (B2)."""

from __future__ import annotations

from shared.casework.reaction import Desk, Reactions
from shared.kernel.store.types import Exclusion
from shared.language.event import ChangesExclusion


async def take_over_exclusion(event: ChangesExclusion, desk: Desk) -> None:
    """Writes into this service's register that somebody was excluded elsewhere, or let in again."""
    matters = desk.published.matters
    desk.exclusions += [Exclusion(matter, event.person, event.excludes) for matter in matters]


EXCLUDING: Reactions = {"PersonExcluded": take_over_exclusion, "ExclusionLifted": take_over_exclusion}
"""The same reaction in every service, by the name of the event, whoever publishes it."""
