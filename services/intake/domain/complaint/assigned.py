"""The result of what a superior assigned: reported, judged, owed again (A23, A26, A31)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import ComplaintPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.intake import (
    AssignedCaseReopened,
    AssignedPeriodExtended,
    AssignedResultAccepted,
    AssignedResultNoted,
    AssignedResultReported,
    AssignedResultReturned,
    AssignmentMoved,
    AssignmentTakenBack,
    PeriodExtensionNoted,
    ResultReturnedBySuperior,
)
from shared.language.refusal import refuse


class Assigned(ComplaintPhase):
    """The result that the organ below owes for an assigned complaint, and the judgement of the organ above on
    it."""

    def note_result_sent_up(self, ctx: Context, case_number: str) -> None:
        """A26: this organ has reported to its superior, and owes nothing more (DL-06)."""
        if self.source == "SUPERIOR_ASSIGNED":
            self.record(ctx, AssignedResultReported(case_number=case_number))

    def note_assigned_result(self, ctx: Context, case_number: str, verdict: str) -> None:
        """A26: the lower organ reports; while one report waits, it is not told twice."""
        if self.assigned_down and self.state == "SENT_DOWN" and not self.result_reported:
            self.record(ctx, AssignedResultNoted(case_number=case_number, verdict=verdict))

    @allowed_in("SENT_DOWN")
    def accept_result(self, ctx: Context, opinion: str) -> None:
        """A26. An organ that had the matter assigned itself reports upward by that (`tell_origin`)."""
        self._check_reported()
        self.record(ctx, AssignedResultAccepted(opinion=opinion))
        self.note_result_sent_up(ctx, self.assigned_case)

    @allowed_in("SENT_DOWN")
    def return_result(self, ctx: Context, reason: str) -> None:
        self._check_reported()
        self.record(ctx, AssignedResultReturned(born=self.sent_as, reason=reason))

    def _check_reported(self) -> None:
        if self.state == "SENT_DOWN" and not self.result_reported:
            refuse("E_NOT_CONCLUDED", "A26", missing="AssignedResultReported")

    def note_result_returned(self, ctx: Context, reason: str) -> None:
        """A26: the superior returned what was reported; another result is owed, in a period of its own."""
        self.record(ctx, ResultReturnedBySuperior(reason=reason))

    def note_reopened_below(self, ctx: Context, case_number: str) -> None:
        """A31: withdraws the result that was reported from below, whether or not it was accepted; the next
        result is reported, judged and passed upward like the first."""
        if self.assigned_down and self.result_reported and self.assigned_case == case_number:
            self.record(ctx, AssignedCaseReopened(case_number=case_number))

    def note_taken_back(self, ctx: Context, born: str) -> None:
        """§5.4: the organ that assigned it, or one above, took it over; no result is to come from below."""
        self.record(ctx, AssignmentTakenBack(born=born))

    def note_assignment_moved(self, ctx: Context, born: str) -> None:
        """§5.4: an organ in between took over what was assigned: the result is owed by that now (A26)."""
        self.record(ctx, AssignmentMoved(born=born))

    @allowed_in(
        "RECEIVED", "REGISTERED", "ACCEPTED", "WITH_HANDLER", "SENT_DOWN", "RESULT_AVAILABLE", "CLOSED"
    )
    def request_extension(self, ctx: Context, reason: str) -> None:
        """A23: once in a period, by the lower organ's head, as long as the result is owed; its superior sees
        it."""
        began_on = self.owed_from or self.received_on
        if self.source != "SUPERIOR_ASSIGNED" or began_on is None:
            refuse("E_STATE", "A23", source=self.source)
        if self.extended:
            refuse("E_STATE", "A23", done="RequestExtension")
        if self.result_sent_up:
            refuse("E_STATE", "A23", done="SubmitAssignedResult")
        self.record(ctx, AssignedPeriodExtended(reason=reason, began_on=began_on))

    def note_extension(self, ctx: Context, reason: str) -> None:
        """A23: the organ that assigned it is told."""
        self.record(ctx, PeriodExtensionNoted(reason=reason))
