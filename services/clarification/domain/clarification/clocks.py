"""The clocks of a clarification and when they run (DL-14)."""

from __future__ import annotations

from services.clarification.domain.clarification.phase import ClarificationPhase
from shared.language.contracts.clarification import ClarificationReopened, UnfoundedFindingsJoined
from shared.language.event import Event


class Clocks(ClarificationPhase):
    """Answers the deadline catalogue for a clarification."""

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """DL-14 runs from the first conclusion of a round, also where that round still waits for the present
        one to end; what joins it later is assessed with it."""
        joins = isinstance(event, UnfoundedFindingsJoined) and (event.round == self.round or self.waiting)
        opens_what_waited = isinstance(event, ClarificationReopened) and self.waiting
        return frozenset(() if joins or opens_what_waited else {"first_of_round"})
