"""The clocks of a case and when they run (DL-10, DL-11, DL-25 to DL-27, DL-31, DL-35, DL-36)."""

from __future__ import annotations

from services.verification.domain.case.phase import VerificationPhase
from shared.language.contracts.verification import (
    DispositionApproved,
    ReferralResultRecorded,
    TalkHeld,
    VerificationCaseReopened,
    VerificationReportReturned,
    Way,
)
from shared.language.event import Event

BY_WAY: dict[Way, frozenset[str]] = {
    "TALK_OR_INQUIRY": frozenset({"to_begin", "talk_or_inquiry"}),
    "PRELIMINARY_VERIFICATION": frozenset({"to_begin", "preliminary_verification"}),
    "HELD_FOR_LATER": frozenset(),
    "CLOSED_NO_ACTION": frozenset(),
    "REFERRED_TO_INVESTIGATION": frozenset({"referred"}),
}
"""The conditions of the catalogue that hold once a way is approved."""


class Clocks(VerificationPhase):
    """Answers the deadline catalogue for a case."""

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """The way decides which clocks run. DL-10 runs from the last talk: one that is entered late does not
        take it back."""
        way = event.way if isinstance(event, DispositionApproved) else self.way
        if isinstance(event, VerificationCaseReopened) or way is None:
            way = "PRELIMINARY_VERIFICATION"
        holds = {"to_answer", *BY_WAY[way]}
        if isinstance(event, TalkHeld) and self.last_talk and event.held_at < self.last_talk:
            holds.discard("talk_or_inquiry")
        if isinstance(event, VerificationReportReturned) and (event.back_to != "TALKING" or self.last_talk):
            holds.discard("to_begin")
        state = event.leads_to() or self.state
        if state == "REPORTED":
            holds.add("reported")
        if state in ("DISPOSITION_PROPOSED", "CLOSING"):
            holds.add("to_decide")
        return frozenset(holds)

    def meets(self, deadline: str, event: Event) -> bool:
        """A referral is answered with its last allegation (DL-31)."""
        return not isinstance(event, ReferralResultRecorded) or event.complete
