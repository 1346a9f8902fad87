"""The clocks of a case and when they run (DL-10, DL-11)."""

from __future__ import annotations

from services.verification.domain.case.phase import VerificationPhase
from shared.language.contracts.verification import TalkHeld
from shared.language.event import Event


class Clocks(VerificationPhase):
    """Answers the deadline catalogue for a case."""

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """DL-11 runs in a preliminary verification. DL-10 runs from the last talk: one that is entered late
        does not take it back."""
        if self.way != "TALK_OR_INQUIRY":
            return frozenset({"preliminary_verification"})
        earlier = isinstance(event, TalkHeld) and self.last_talk and event.held_at < self.last_talk
        return frozenset(() if earlier else {"talk_or_inquiry"})
