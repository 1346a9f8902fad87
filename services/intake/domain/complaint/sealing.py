"""Seals a complaint that belongs to a superior organ and sends it up; it is nobody's here any more (A14, A15,
§5.4)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import HEADS, ComplaintPhase
from services.intake.domain.complaint.state import ComplaintState
from services.intake.domain.values import Deposited
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Deposit, Lookup
from shared.language.contracts.common import InVault, LevelName
from shared.language.contracts.intake import (
    ComplaintReceived,
    ComplaintSealedUpward,
    SealedParcelReceived,
    SealedParcelTakenIn,
)
from shared.language.law.working_days import local_date
from shared.language.organs.tree import Level
from shared.language.refusal import refuse
from shared.language.roles import ORGAN_HEAD

OUTSIDE = "OUTSIDE"
"""Stands in place of an organ: above the province, where this system ends (§5.4)."""
PARCEL: Deposit[InVault | None] = Deposit("parcel")
"""The content, shut for everybody but the addressee; None where there is no such organ."""
SEALED_BELOW: Lookup[ComplaintState | None] = Lookup("sealed_below")
"""The complaint of the lower organ that sealed this one."""


class Sealing(ComplaintPhase):
    """Seals a complaint for the organ above, or for an addressee outside this system."""

    @allowed_in("RECEIVED")
    def seal_and_escalate(
        self,
        ctx: Context,
        to: str,
        bypass_organ_head: bool,
        competent_level: LevelName | None,
    ) -> None:
        """A14, A15: sealed whole (note b), within the knowledge of the opener and the organ's head; if the
        head is accused, not of the head. Only an unopened envelope is sealed: what turns out later goes up by
        `SendUp` (B14)."""
        above = ctx.law.organs.is_ancestor_or_self(to, self.organ)
        if not above or to == self.organ:
            refuse("E_SCHEMA", "A14", field="to", reason="not above this organ")
        self._seal(ctx, to, bypass_organ_head, competent_level, ctx.deposited(PARCEL))

    @allowed_in("RECEIVED", "REGISTERED")
    def escalate_outside(
        self,
        ctx: Context,
        bypass_organ_head: bool,
        competent_level: LevelName | None,
    ) -> None:
        """§5.4: takes out of the system a complaint that belongs above the province, or is about the
        province's own head or staff. The envelope stays here; there is no addressee whose key could open a
        parcel."""
        self._seal(ctx, OUTSIDE, bypass_organ_head, competent_level, None)

    def _seal(
        self,
        ctx: Context,
        to: str,
        bypass_organ_head: bool,
        competent_level: LevelName | None,
        parcel: InVault | None,
    ) -> None:
        self.check_taken_in()
        level = competent_level or self.competent_level
        if not bypass_organ_head and Level[level] <= self._own_level(ctx):
            refuse("E_STATE", "A14", competent_level=level, reason="own level")
        if self.allegations:
            refuse("E_STATE", "A14", state=self.state, listed=len(self.allegations))
        self.record(
            ctx,
            ComplaintSealedUpward(
                to_organ=to,
                bypass_organ_head=bypass_organ_head,
                competent_level=level,
                sent_on=local_date(ctx.occurred_at),
                parcel=parcel.id if parcel else "",
                in_vault=(parcel,) if parcel else (),
            ),
        )
        self._only_these_know(ctx, frozenset() if bypass_organ_head else ctx.found(HEADS))

    def _only_these_know(self, ctx: Context, heads: frozenset[str]) -> None:
        """Ends the assignments of all but the opener, and the head by the staff directory unless the
        complaint is about the head, or the head has stepped aside: the others are told no more."""
        openers = self.duties.get("registrar", set())
        for person, held in list(self.assigned.items()):
            for role in sorted(held):
                if person not in openers or role == ORGAN_HEAD:
                    ended = self.own("AssignmentEnded")
                    self.record(ctx, ended(person=person, role=role, reason="SEALED_UPWARD"))
        for head in sorted(heads - self.excluded):
            self.record(ctx, self.own("AssignmentStarted")(person=head, role=ORGAN_HEAD))

    def be_delivered(self, ctx: Context, of: ComplaintState, along: Deposited) -> None:
        """B15: stands in the addressee's queue from the instant of the sealing, as another complaint in the
        same matter, and brings along the things that are known of it. Its content stays shut."""
        envelope, sealed = of.envelope, ctx.law.organs.get(of.sent_to).level
        assert envelope is not None
        above = max(Level[of.competent_level], sealed)
        self.record(
            ctx,
            ComplaintReceived(
                organ=of.sent_to,
                channel=envelope.channel,
                source="SUBORDINATE_ESCALATED",
                received_on=local_date(ctx.occurred_at),
                reported_on=envelope.reported_on or envelope.received_on,
                pages=envelope.pages,
                competent_level=above.name,
                blob_id=along.original,
                acknowledged_notice_version=envelope.acknowledged_notice_version,
                reporter_ref=along.reporter_ref,
                identity_status=along.identity_status,
                in_vault=along.in_vault,
                urgent=of.urgent,
                joint=of.joint,
                received_by=envelope.received_by,
                oral_record=envelope.oral_record,
                reporter_confirmed=envelope.reporter_confirmed,
                parcel=of.parcel,
            ),
            joins=of.matters,
        )

    @allowed_in("RECEIVED")
    def take_in(self, ctx: Context) -> None:
        """B15: the petition department of the addressee takes it in, once (scenario 1, row 4)."""
        if self.state == "RECEIVED" and (ctx.found(SEALED_BELOW) is None or not self.waits_to_be_taken_in):
            refuse("E_STATE", "B15", reason="it waits in no parcel")
        self.record(ctx, SealedParcelTakenIn())

    def note_taken_in(self, ctx: Context) -> None:
        """The sender is told that the addressee has taken the parcel in."""
        if self.taken_in_on is None:
            self.record(ctx, SealedParcelReceived(taken_in_on=local_date(ctx.occurred_at)))
