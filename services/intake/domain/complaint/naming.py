"""A reporter's name, and how to reach them, may come later and change (B19)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import HERE, IDENTITY, ComplaintPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import InVault
from shared.language.contracts.intake import ReporterContactChanged, ReporterIdentityAdded
from shared.language.refusal import refuse


class Naming(ComplaintPhase):
    """The identity of a reporter that grows: at the desk, or behind the query code."""

    @property
    def may_be_named(self) -> bool:
        """True if a name may still be given: nobody gave one, or the one given was not confirmed."""
        return self.identity_status in ("UNCLAIMED", "NOT_CONFIRMED")

    @allowed_in("RECEIVED", "NOT_ACCEPTED", *HERE)
    def add_identity(self, ctx: Context) -> None:
        self._add(ctx, by_reporter=False)

    @allowed_in("RECEIVED", "NOT_ACCEPTED", *HERE)
    def give_identity(self, ctx: Context) -> None:
        self._add(ctx, by_reporter=True)

    @allowed_in("RECEIVED", "NOT_ACCEPTED", *HERE)
    def change_contact(self, ctx: Context) -> None:
        self._change(ctx, by_reporter=False)

    @allowed_in("RECEIVED", "NOT_ACCEPTED", *HERE)
    def give_contact(self, ctx: Context) -> None:
        self._change(ctx, by_reporter=True)

    def _add(self, ctx: Context, *, by_reporter: bool) -> None:
        """B19: takes a name with a contact, from when on the reporter is owed what real names are owed. A
        name that is believed already is changed by nobody."""
        if not self.may_be_named:
            refuse("E_STATE", "B19", identity_status=self.identity_status)
        deposited = ctx.deposited(IDENTITY)
        if deposited.identity_status != "CLAIMED" or deposited.reporter is None:
            refuse("E_SCHEMA", "A27", field="reporter", reason="a name or unit, and a contact")
        self.note_identity_added(ctx, deposited.reporter, by_reporter=by_reporter)

    def _change(self, ctx: Context, *, by_reporter: bool) -> None:
        """B19: changes how the reporter is reached; the attempts at the old contact count no more."""
        kept = ctx.deposited(IDENTITY).reporter
        if kept is None:
            refuse("E_STATE", "B19", identity_status=self.identity_status, reason="nobody to reach is known")
        self.note_contact_changed(ctx, kept, by_reporter=by_reporter)

    def note_identity_added(self, ctx: Context, kept: InVault, *, by_reporter: bool) -> None:
        self.record(
            ctx, ReporterIdentityAdded(reporter_ref=kept.id, by_reporter=by_reporter, in_vault=(kept,))
        )

    def note_contact_changed(self, ctx: Context, kept: InVault, *, by_reporter: bool) -> None:
        self.record(
            ctx, ReporterContactChanged(reporter_ref=kept.id, by_reporter=by_reporter, in_vault=(kept,))
        )
