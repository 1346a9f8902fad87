"""Retaliation (打击报复): reported, handled above, and settled (A44, P12)."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from services.intake.domain.complaint import Complaint
from services.intake.domain.overseen import REPORTED, Overseen, superior_of
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Deposit, Lookup
from shared.language.contracts.common import InVault
from shared.language.contracts.intake import RetaliationFinding, RetaliationReported, RetaliationSettled
from shared.language.event import Meta
from shared.language.refusal import refuse

OVER: Lookup[Complaint] = Lookup("over")
"""The complaint over which somebody suffers."""
ACCOUNT: Deposit[InVault | None] = Deposit("account of retaliation")
"""The words about it; None if they are about nobody who is accused in that complaint."""


class RetaliationReport(Overseen):
    """One report of retaliation by (or for) one accused. The rule is the same for the reporter, their
    relatives and people merely taken for the reporter, and the report says of nobody which of these they are:
    so nothing follows from it about who reported.

    From the report until it is settled no clarification of that accused is carried out
    (E_RETALIATION_OPEN).
    """

    kind = "RetaliationReport"
    plural: ClassVar[str] = "retaliation-reports"
    ended = frozenset({"SETTLED"})

    def record_retaliation_report(self, ctx: Context, complaint: UUID, subject: str) -> None:
        """A44. Several reports on one accused stand side by side; each is settled by itself."""
        over, letter = ctx.found(OVER), ctx.deposited(ACCOUNT)
        if letter is None:
            refuse("E_SCHEMA", "A44", field="subject", reason="not accused in this complaint")
        self.follow(over)
        self.record(
            ctx,
            RetaliationReported(
                organ=superior_of(over.organ, ctx.law),
                complaint=str(complaint),
                subject_ref=subject,
                letter=letter.id,
                in_vault=(letter,),
            ),
        )

    def on_retaliation_reported(self, event: RetaliationReported, meta: Meta) -> None:
        self._take_in(event)
        self.subject_ref = event.subject_ref

    @allowed_in(REPORTED)
    def settle_retaliation(self, ctx: Context, finding: RetaliationFinding, measures: str) -> None:
        """Settles the report. Any finding ends the delay of the clarification: that is about other facts
        (R9)."""
        self.record(ctx, RetaliationSettled(subject_ref=self.subject_ref, finding=finding, measures=measures))
