"""Seals a complaint that belongs to a superior organ and sends it up; it is nobody's here any more (A14, A15,
§5.4)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import ComplaintPhase
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Deposit
from shared.language.contracts.common import InVault, LevelName
from shared.language.contracts.intake import ComplaintSealedUpward, SealedParcelReceived
from shared.language.law.working_days import local_date
from shared.language.organs.tree import Level
from shared.language.refusal import refuse
from shared.language.roles import ORGAN_HEAD

OUTSIDE = "OUTSIDE"
"""Stands in place of an organ: above the province, where this system ends (§5.4)."""
PARCEL: Deposit[InVault | None] = Deposit("parcel")
"""The content, shut for everybody but the addressee; None where there is no such organ."""


class Sealing(ComplaintPhase):
    """Seals a complaint for the organ above, or for an addressee outside this system."""

    @allowed_in("RECEIVED")
    def seal_and_escalate(
        self,
        ctx: Context,
        to: str,
        bypass_organ_head: bool,
        organ_head: str | None,
        competent_level: LevelName | None,
    ) -> None:
        """A14, A15: sealed whole (note b), within the knowledge of the opener and the organ's head; if the
        head is accused, not of the head. Only an unopened envelope is sealed: what turns out later goes up by
        `SendUp` (B14)."""
        above = ctx.law.organs.is_ancestor_or_self(to, self.organ)
        if not above or to == self.organ:
            refuse("E_SCHEMA", "A14", field="to", reason="not above this organ")
        self._seal(ctx, to, bypass_organ_head, organ_head, competent_level, ctx.deposited(PARCEL))

    @allowed_in("RECEIVED", "REGISTERED")
    def escalate_outside(
        self,
        ctx: Context,
        bypass_organ_head: bool,
        organ_head: str | None,
        competent_level: LevelName | None,
    ) -> None:
        """§5.4: takes out of the system a complaint that belongs above the province, or is about the
        province's own head or staff. The envelope stays here; there is no addressee whose key could open a
        parcel."""
        self._seal(ctx, OUTSIDE, bypass_organ_head, organ_head, competent_level, None)

    def _seal(
        self,
        ctx: Context,
        to: str,
        bypass_organ_head: bool,
        organ_head: str | None,
        competent_level: LevelName | None,
        parcel: InVault | None,
    ) -> None:
        if bypass_organ_head == (organ_head is not None):
            refuse("E_SCHEMA", "A15" if bypass_organ_head else "A14", field="organ_head")
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
                received_on=self.received_on,
            ),
        )
        self._only_these_know(ctx, organ_head)

    def _only_these_know(self, ctx: Context, organ_head: str | None) -> None:
        """Ends the assignments of all but the opener, and the head unless the complaint is about the head:
        the others are told no more."""
        openers = self.duties.get("registrar", set())
        for person, held in list(self.assigned.items()):
            for role in sorted(held):
                if person not in openers or role == ORGAN_HEAD:
                    ended = self.own("AssignmentEnded")
                    self.record(ctx, ended(person=person, role=role, reason="SEALED_UPWARD"))
        if organ_head is not None:
            self.check_not_excluded([organ_head])
            self.record(ctx, self.own("AssignmentStarted")(person=organ_head, role=ORGAN_HEAD))

    def take_in_parcel(self, ctx: Context) -> None:
        """The addressee received the parcel that was sealed for them, once (scenario 1, row 4)."""
        if self.parcel_received:
            refuse("E_STATE", "A14", parcel=self.parcel)
        self.record(ctx, SealedParcelReceived(received_on=local_date(ctx.occurred_at)))
