"""The third phase: who goes on with it, a department here or another organ (A12, A16, A17, A19, A22, A26)."""

from __future__ import annotations

from uuid import UUID

from services.intake.domain.deciding import Deciding
from shared.aggregate import Context, allowed_in
from shared.contracts.intake import (
    AllegationsListed,
    AssignedPeriodExtended,
    AssignedResultAccepted,
    AssignedResultNoted,
    AssignedResultReturned,
    AssignmentGround,
    ComplaintAssignedDown,
    ComplaintReceived,
    ComplaintSplit,
    ComplaintTransferredDown,
    ComplaintTransferredLateral,
    ComplaintTransferredToHandler,
    IdentityStatus,
    ReturnByHandlerNoted,
    ReturnReason,
    Source,
)
from shared.event import Meta
from shared.law.working_days import local_date
from shared.refusal import refuse

PassedOn = ComplaintSplit | ComplaintTransferredDown | ComplaintAssignedDown | ComplaintTransferredLateral
"""What gives birth to a complaint at another organ."""


def _source(ctx: Context, sender: str, event: PassedOn) -> Source:
    """How the receiving organ came by it."""
    if isinstance(event, ComplaintAssignedDown):
        return "SUPERIOR_ASSIGNED"
    below = ctx.law.organs.is_ancestor_or_self(sender, event.to_organ)
    return "SUPERIOR_TRANSFERRED" if below else "OTHER_ORGAN"


class PassingOn(Deciding):
    """Handed to the handling department, or to another organ, where a new stream is born with it."""

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.return_count = 0
        self.returned_by: set[str] = set()
        self.sent_to = ""
        self.assigned_down = False
        self.result_reported = False
        self.assigned_verdict = ""
        self.extended = False

    @allowed_in("ACCEPTED")
    def transfer_to_handler(self, ctx: Context) -> None:
        """A12: an initial complaint goes to the handling department, which opens a case (P1)."""
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)
        self.record(
            ctx,
            ComplaintTransferredToHandler(
                number=self.number,
                handling_dept=self.handling_dept,
                accused=self.accused,
                allegations=self.allegations,
                registered_by=tuple(sorted(self.duties.get("registrar", ()))),
                real_name=self.identity_status == "CONFIRMED",
                recused=tuple(sorted(self.recused)),
                round=self.return_count + 1,
                assigned_by_superior=self.source == "SUPERIOR_ASSIGNED",
            ),
        )

    def note_returned(self, ctx: Context, case_number: str, reason: ReturnReason) -> None:
        """A19: the handling department returned it. Told twice, it changes nothing."""
        if case_number not in self.returned_by:
            self.record(ctx, ReturnByHandlerNoted(reason=reason, case_number=case_number))

    def on_return_by_handler_noted(self, event: ReturnByHandlerNoted, meta: Meta) -> None:
        self.return_count += 1
        self.returned_by.add(event.case_number)

    # --- to another organ --------------------------------------------------------------------------

    @allowed_in("REGISTERED")
    def transfer_down(self, ctx: Context, to_organ: str) -> None:
        """A16: what belongs to a lower organ goes there; that organ decides within five working days."""
        self._check_leaves()
        if not self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A16", field="to_organ", reason="not below")
        self._check_competent(ctx, to_organ, self.accused)
        self.record(ctx, ComplaintTransferredDown(born=str(self.born_at(to_organ)), to_organ=to_organ))

    def on_complaint_transferred_down(self, event: ComplaintTransferredDown, meta: Meta) -> None:
        self.sent_to = event.to_organ

    @allowed_in("REGISTERED")
    def assign_down(self, ctx: Context, to_organ: str, ground: AssignmentGround, letter_ref: str) -> None:
        """A22: by letter and with the deputy leader's approval; the result is owed in three months."""
        self._check_leaves()
        if not self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A22", field="to_organ", reason="not below")
        if self.state == "REGISTERED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        due = ctx.law.deadlines.get("DL-06").due(ctx.occurred_at, ctx.law.policy)
        self.record(
            ctx,
            ComplaintAssignedDown(
                born=str(self.born_at(to_organ)),
                to_organ=to_organ,
                ground=ground,
                letter_ref=letter_ref,
                report_by=due.date,
            ),
        )

    def on_complaint_assigned_down(self, event: ComplaintAssignedDown, meta: Meta) -> None:
        self.sent_to = event.to_organ
        self.assigned_down = True

    @allowed_in("REGISTERED")
    def transfer_lateral(self, ctx: Context, to_organ: str) -> None:
        """A17: what another organ is competent for, neither above nor below, goes there within five days."""
        self._check_leaves()
        organs = ctx.law.organs
        if to_organ not in organs or self.organ == to_organ or self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A17", field="to_organ")
        if organs.is_ancestor_or_self(to_organ, self.organ):
            refuse("E_SEALED_UPWARD", "A14", field="to_organ")
        self._check_competent(ctx, to_organ, self.accused)
        self.record(ctx, ComplaintTransferredLateral(born=str(self.born_at(to_organ)), to_organ=to_organ))

    def on_complaint_transferred_lateral(self, event: ComplaintTransferredLateral, meta: Meta) -> None:
        self.sent_to = event.to_organ

    def be_born(
        self,
        ctx: Context,
        of: PassingOn,
        event: PassedOn,
        reporter_ref: str,
    ) -> None:
        """The same complaint at the organ that goes on with it: with accused and allegations, without the
        number and the decisions of the organ from which it came."""
        status: IdentityStatus = of.identity_status if reporter_ref else "UNCLAIMED"
        part = event if isinstance(event, ComplaintSplit) else of
        self.record(
            ctx,
            ComplaintReceived(
                organ=event.to_organ,
                channel=of.channel,
                source=_source(ctx, of.organ, event),
                received_on=local_date(ctx.occurred_at),
                pages=1,
                competent_level=ctx.law.organs.get(event.to_organ).level.name,
                reporter_ref=reporter_ref,
                identity_status=status,
                urgent=of.urgent,
                origin=str(of.id),
                origin_number=of.number,
            ),
        )
        self.record(
            ctx,
            AllegationsListed(
                accused=part.accused,
                allegations=part.allegations,
                approved_by=of.wording_approved_by,
            ),
        )

    def _check_leaves(self) -> None:
        self._check_not_sealed()
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)

    def _is_below(self, ctx: Context, organ: str) -> bool:
        organs = ctx.law.organs
        return organ in organs and organ != self.organ and organs.is_ancestor_or_self(self.organ, organ)

    # --- the result of an assigned item --------------------------------------------------------------

    def note_assigned_result(self, ctx: Context, case_number: str, verdict: str) -> None:
        """A26: the lower organ reports; while one report waits, it is not told twice."""
        if self.assigned_down and self.state == "SENT_DOWN" and not self.result_reported:
            self.record(ctx, AssignedResultNoted(case_number=case_number, verdict=verdict))

    def on_assigned_result_noted(self, event: AssignedResultNoted, meta: Meta) -> None:
        self.result_reported = True
        self.assigned_verdict = event.verdict

    @allowed_in("SENT_DOWN")
    def accept_result(self, ctx: Context, opinion: str) -> None:
        self._check_reported()
        self.record(ctx, AssignedResultAccepted(opinion=opinion))

    @allowed_in("SENT_DOWN")
    def return_result(self, ctx: Context, reason: str) -> None:
        self._check_reported()
        self.record(ctx, AssignedResultReturned(born=str(self.born_at(self.sent_to)), reason=reason))

    def on_assigned_result_returned(self, event: AssignedResultReturned, meta: Meta) -> None:
        self.result_reported = False

    def _check_reported(self) -> None:
        if self.state == "SENT_DOWN" and not self.result_reported:
            refuse("E_NOT_CONCLUDED", "A26", missing="AssignedResultReported")

    @allowed_in("RECEIVED", "REGISTERED", "ACCEPTED", "WITH_HANDLER")
    def request_extension(self, ctx: Context, reason: str) -> None:
        """A23: once, by the lower organ's head; its superior sees it."""
        if self.source != "SUPERIOR_ASSIGNED" or self.received_on is None:
            refuse("E_STATE", "A23", source=self.source)
        if self.extended:
            refuse("E_STATE", "A23", done="RequestExtension")
        self.record(ctx, AssignedPeriodExtended(reason=reason, began_on=self.received_on))

    def on_assigned_period_extended(self, event: AssignedPeriodExtended, meta: Meta) -> None:
        self.extended = True
