"""Misconduct of discipline staff (检举工作人员): reported past their organ, settled above (A33, A36)."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from services.intake.domain.overseen import REPORTED, Overseen, superior_of
from shared.casework.aggregate import Aggregate, Context, allowed_in
from shared.casework.preparation import Deposit, Lookup
from shared.language.contracts.common import InVault
from shared.language.contracts.intake import (
    MisconductFinding,
    StaffMisconductReported,
    StaffMisconductSettled,
)
from shared.language.event import Meta
from shared.language.organs.tree import Level
from shared.language.refusal import refuse

TOLD_OVER: Lookup[Aggregate] = Lookup("told_over")
"""The complaint that the code has opened."""
ACCOUNT: Deposit[InVault] = Deposit("account")
"""The words about a member of the staff."""


class StaffMisconductReport(Overseen):
    """A report on a member of staff. The organ above theirs owns it. To the person reported there is nothing
    here, in whatever role they come (`kept_from`).

    Internal supervision of the organ above watches over it; that of the person's own organ only if the report
    names them by their account: otherwise it might be the very person whom the words describe. The report
    stands on a correlation of its own, so that no case in which the person works leads here.
    """

    kind = "StaffMisconductReport"
    plural: ClassVar[str] = "staff-misconduct-reports"
    ended = frozenset({"SETTLED"})

    def report_staff_misconduct(self, ctx: Context, staff_organ: str, staff: str | None) -> None:
        """A33, A36: reported by staff, and by the accused from their own account."""
        self._report(ctx, staff_organ, staff or "")

    def tell_of_staff_misconduct(self, ctx: Context, complaint: UUID) -> None:
        """A33: told by a reporter behind their query code, about the organ that handles their complaint."""
        over = ctx.found(TOLD_OVER)
        self.matters = over.matters
        self._report(ctx, over.organ, "", str(complaint))

    def _report(self, ctx: Context, staff_organ: str, staff: str, complaint: str = "") -> None:
        if staff_organ not in ctx.law.organs:
            refuse("E_SCHEMA", "A33", field="staff_organ")
        if staff and staff == ctx.actor.person:
            refuse("E_SCHEMA", "A33", field="staff", reason="oneself")
        superior = superior_of(staff_organ, ctx.law)
        letter = ctx.deposited(ACCOUNT)
        supervised = ctx.law.organs.get(staff_organ).level >= Level.COUNTY
        self.record(
            ctx,
            StaffMisconductReported(
                organ=superior,
                staff_organ=staff_organ,
                staff=staff,
                addressee=staff_organ if staff and supervised and staff_organ != superior else "",
                complaint=complaint,
                letter=letter.id,
                in_vault=(letter,),
            ),
        )
        if staff:
            # Named in it, they are out of its matter everywhere (B2).
            self.record(ctx, self.own("PersonExcluded")(person=staff, role="", ground="ACCUSED_OR_RELATIVE"))

    def on_staff_misconduct_reported(self, event: StaffMisconductReported, meta: Meta) -> None:
        self._take_in(event)
        self.addressees |= {event.addressee} - {""}
        self.kept_from |= {event.staff} - {""}
        self.excluded |= self.kept_from

    @allowed_in(REPORTED)
    def settle_staff_misconduct(self, ctx: Context, finding: MisconductFinding, measures: str) -> None:
        self.record(ctx, StaffMisconductSettled(finding=finding, measures=measures))
