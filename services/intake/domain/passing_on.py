"""The second phase: whose complaint it is, and who goes on with it (§5.4, A12)."""

from __future__ import annotations

from uuid import UUID

from services.intake.domain.receiving import Receiving
from shared.aggregate import Context, allowed_in
from shared.contracts.intake import ComplaintAccepted, ComplaintTransferredToHandler
from shared.event import Meta
from shared.refusal import refuse


class PassingOn(Receiving):
    """Accepted and handed to the handling department, or passed on to another organ."""

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.handling_dept = ""

    @allowed_in("REGISTERED")
    def accept_complaint(self, ctx: Context, handling_dept: str) -> None:
        """Only what this organ is competent for by management authority and place (§5.4)."""
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)
        if self.state == "REGISTERED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        if self.category not in ("", "ACCUSATION"):
            refuse("E_NOT_COMPETENT", "C6", category=self.category)
        for person in self.accused:
            if self._competent_organ(ctx, person) != self.organ:
                refuse("E_NOT_COMPETENT", "§5.4", competent=self._competent_organ(ctx, person))
        self.record(ctx, ComplaintAccepted(handling_dept=handling_dept))

    def on_complaint_accepted(self, event: ComplaintAccepted, meta: Meta) -> None:
        self.handling_dept = event.handling_dept

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
            ),
        )
