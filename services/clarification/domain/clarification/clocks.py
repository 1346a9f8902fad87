"""The clocks of a clarification and when they run (DL-14, DL-16, DL-17, DL-28 to DL-30)."""

from __future__ import annotations

from services.clarification.domain.clarification.phase import ClarificationPhase
from shared.language.contracts.clarification import (
    ClarificationAssessed,
    ClarificationAssessmentConfirmed,
    ClarificationHeld,
    ClarificationPlanned,
    ClarificationReopened,
    FurtherConclusionNoted,
    RevocationDue,
    RevocationProposed,
    RevocationReturned,
    RevocationReviewed,
    SubjectDetailsChanged,
    UnfoundedFindingsJoined,
    UnfoundedFindingsOverturned,
)
from shared.language.event import Event

WORK = {
    "ASSESSED": "to_plan",
    "PROPOSED": "to_plan",
    "PLANNED": "to_plan",
    "CONSENT_PENDING": "to_plan",
    "UNDER_REVIEW": "to_review",
    "UNDER_APPROVAL": "to_review",
    "APPROVED": "to_carry_out",
    "IMPLEMENTED": "to_file",
}
"""The condition of the catalogue that holds in a state: whose work it is now."""
CLOCKS_OF_WORK = frozenset({"DL-16", "DL-17", "DL-28", "DL-29"})


class Clocks(ClarificationPhase):
    """Answers the deadline catalogue for a clarification."""

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """The work of a state is owed unless it is held. DL-14 runs from the first conclusion of a round,
        also where that round still waits for the present one to end; what joins it later is assessed with
        it."""
        holds = set()
        if self._begins_assessment(event):
            holds.add("first_of_round")
        held_already = isinstance(event, ClarificationHeld) and self.held
        if not (held_already or (isinstance(event, RevocationReturned) and not event.due)):
            holds.add("to_answer")
        if isinstance(event, RevocationProposed | RevocationReviewed):
            holds.add("to_decide")
        if isinstance(event, ClarificationPlanned) and self.state == "PLANNED":
            return frozenset(holds)
        work = WORK.get(event.leads_to() or self.state, "")
        if work and not (self.is_held and self.round):
            holds.add(work)
        return frozenset(holds)

    def _begins_assessment(self, event: Event) -> bool:
        if isinstance(event, UnfoundedFindingsJoined):
            return "DL-14" not in self.running and not (event.round == self.round or self.waiting)
        if isinstance(event, ClarificationReopened):
            return not self.waiting
        if isinstance(event, FurtherConclusionNoted):
            return bool(event.unfounded) and "DL-14" not in self.running
        if isinstance(event, UnfoundedFindingsOverturned):
            return bool(event.left) and "DL-14" not in self.running
        return True

    def meets(self, deadline: str, event: Event) -> bool:
        """A clock of work stands still for a hold that is about the present round; planning again does not
        put it off; and an assessment that is owed besides stays owed."""
        if isinstance(event, ClarificationHeld):
            return any(item.case_id == event.case_id for item in self.of_the_round)
        if isinstance(event, ClarificationPlanned):
            return self.state != "PLANNED"
        if isinstance(event, FurtherConclusionNoted) and deadline == "DL-30":
            return not self.held.keys() - {event.case_id}
        if isinstance(event, SubjectDetailsChanged):
            return event.leads_to() is not None
        if deadline == "DL-14":
            return not self._owed_besides(event)
        if isinstance(event, UnfoundedFindingsOverturned) and deadline == "DL-36":
            return event.leads_to() is not None
        return True

    def _owed_besides(self, event: Event) -> bool:
        """True if something is still to be assessed after an event that ends an assessment (DL-14)."""
        told: set[str] = set()
        waiting = bool(self.waiting)
        match event:
            case ClarificationAssessed() | ClarificationAssessmentConfirmed():
                told = set(event.assessed())
            case FurtherConclusionNoted():
                told = {event.case_id}
                waiting = any(i.case_id not in told for joined in self.waiting for i in joined.items)
            case UnfoundedFindingsOverturned() if event.left:
                return True
        begun = self.state == "ASSESSING" and not isinstance(
            event, ClarificationAssessed | UnfoundedFindingsOverturned
        )
        unfounded = isinstance(event, FurtherConclusionNoted) and bool(event.unfounded)
        return waiting or begun or unfounded or bool(self.unassessed.keys() - told)

    def ends_beside(self, event: Event) -> frozenset[str]:
        """A round that is to be revoked is not carried on with."""
        of_present = isinstance(event, RevocationDue) and event.of_round == self.round
        return CLOCKS_OF_WORK & self.running if of_present else frozenset()
