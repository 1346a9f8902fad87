"""The clocks of a complaint, when they run and what ends them (§8.7, DL-01 to DL-06, DL-13)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import ComplaintPhase
from shared.language.contracts.intake import (
    AssignedCaseReopened,
    ComplaintAccepted,
    ComplaintReceived,
    ComplaintRegistered,
    ComplaintReopened,
    JurisdictionAssigned,
    ReporterIdentityAdded,
    ReporterIdentityConfirmed,
    ResultBecameAvailable,
    Stage,
    StageWaived,
    TriageCorrected,
)
from shared.language.event import Event
from shared.language.organs.tree import Level

STAGE_OF: dict[str, Stage] = {"DL-01": "ACCEPTANCE", "DL-02": "REPLY"}
ABOVE = "above_own_level"
WHOSE = {"DL-01": "competent", "DL-03": ABOVE, "DL-05": "another_is_competent"}
"""The clock that runs for each answer of the triage to the question whose the complaint is."""


class Clocks(ComplaintPhase):
    """Answers the deadline catalogue for a complaint."""

    def meets(self, deadline: str, event: Event) -> bool:
        """A waiver ends the clock of its own stage: of the notice, or of the result (R46). The organ whose it
        is decides which clock runs (A14, A17, A30)."""
        if isinstance(event, StageWaived):
            return STAGE_OF.get(deadline) == event.stage
        if isinstance(event, TriageCorrected):
            return WHOSE[deadline] != _whose(self.organ, event.competent_level, event.competent_organ)
        return True

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """The conditions under which clocks run: notices and feedback are owed to confirmed or claimed real
        names only, and by the organ that the triage found competent."""
        found = _whose(self.organ, self.competent_level, self.other_competent)
        holds = {"initial", "undecided"}
        own, source = self.organ, self.source
        status: str = self.identity_status
        level, competent = self.competent_level, self.other_competent
        if isinstance(event, ComplaintReceived):
            own, source = event.organ, event.source
            holds |= {"in_parcel"} if event.parcel else set()
        if isinstance(event, ComplaintReceived | ComplaintRegistered):
            status = event.identity_status
        if isinstance(event, ComplaintReceived | TriageCorrected):
            level, competent = event.competent_level, event.competent_organ
        whose = _whose(own, level, competent)
        if isinstance(event, TriageCorrected) and whose == found:
            return frozenset()
        if isinstance(event, ReporterIdentityAdded):
            status = "CLAIMED"
        if isinstance(event, ReporterIdentityConfirmed):
            # A name that is confirmed at a second attempt is owed anew what the first one had ended (B19).
            status = "CONFIRMED" if status == "NOT_CONFIRMED" else ""
        if status in ("CLAIMED", "CONFIRMED"):
            holds.add("real_name")
        if self.verdict or isinstance(event, ResultBecameAvailable):
            holds.add("concluded")
        if self.answered_below and isinstance(event, ReporterIdentityAdded | ReporterIdentityConfirmed):
            holds.discard("real_name")
        holds.add("competent" if isinstance(event, ComplaintAccepted) and whose != ABOVE else whose)
        if self.notified and isinstance(event, ReporterIdentityAdded | ReporterIdentityConfirmed):
            holds.discard("initial")
        if isinstance(event, ComplaintAccepted) and (self.notified or self.other_competent in ("", own)):
            holds.discard("initial")  # the clock of the notice has run since the receipt, or they were told
        if isinstance(event, JurisdictionAssigned):
            # Named itself, the organ decides on it like on everything that a superior sends it (DL-04).
            source = "SUPERIOR_TRANSFERRED" if event.to_organ == self.organ else ""
            holds -= set() if event.to_organ == self.organ else {"undecided"}
        holds.add(source.lower())
        came_from = event.origin if isinstance(event, ComplaintReceived) else ""
        if source == "SUPERIOR_TRANSFERRED" or (came_from and source != "SUPERIOR_ASSIGNED"):
            holds.add("passed_on")
        if isinstance(event, ComplaintReopened | AssignedCaseReopened) and not self.result_sent_up:
            holds.discard("superior_assigned")  # the first period still runs
        return frozenset(holds)


def _whose(own: str, level: str, competent: str) -> str:
    """The competence that the triage found, seen from an organ. A complaint of a lower organ goes down at
    once, by no clock of ours (A16)."""
    if not level or not own:
        return ""  # nothing was received yet
    if Level[level] > _level_of(own):
        return ABOVE
    if competent in ("", own):
        return "competent"
    return "below" if competent.startswith(own) else "another_is_competent"


def _level_of(organ: str) -> Level:
    digits = len(organ.removeprefix("DI-"))
    return {2: Level.PROVINCE, 4: Level.CITY, 6: Level.COUNTY}.get(digits, Level.TOWNSHIP)
