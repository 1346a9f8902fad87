"""Complaint (检举控告): an envelope, then registered, listed, accepted, handed over (domain.md §4.1).

The phases stand in a row (`receiving`, `deciding`, `passing_on`, `meeting`, `answering`, `reporting`,
`integration`); here stands what concerns all of them.
"""

from __future__ import annotations

from services.intake.domain.integration import Integration
from shared.event import Event
from shared.organs.tree import Level


class Complaint(Integration):
    """One registered item: a letter, a visit, a call, an online submission."""

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """Which clocks run: notices and feedback are owed to confirmed or claimed real names only."""
        holds = {"initial"}
        status = getattr(event, "identity_status", self.identity_status)
        level = Level[getattr(event, "competent_level", self.competent_level)]
        if status in ("CLAIMED", "CONFIRMED"):
            holds.add("real_name")
        holds.add("above_own_level" if level > self._stream_level else "competent")
        source = getattr(event, "source", self.source)
        holds.add(source.lower())
        if getattr(event, "competent_organ", self.other_competent) not in ("", self.organ):
            holds.add("other_organ")
        return frozenset(holds)
