"""Passes a complaint on, to a department here or to another organ (A9, A12, A16, A17, A19, A22)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import ComplaintPhase
from services.intake.domain.complaint.state import ComplaintState
from services.intake.domain.values import Deposited
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.intake import (
    AllegationsListed,
    AssignmentGround,
    ComplaintAssignedDown,
    ComplaintReceived,
    ComplaintSplit,
    ComplaintTakenUp,
    ComplaintTransferredDown,
    ComplaintTransferredLateral,
    ComplaintTransferredToHandler,
    JurisdictionAssigned,
    JurisdictionDisputed,
    ReturnByHandlerNoted,
    ReturnReason,
    Source,
)
from shared.language.law.working_days import local_date
from shared.language.organs.tree import Organ, OrganTree
from shared.language.refusal import refuse

PassedOn = (
    ComplaintSplit
    | ComplaintTransferredDown
    | ComplaintAssignedDown
    | ComplaintTransferredLateral
    | ComplaintTakenUp
)

"""The events that give birth to a complaint at another organ."""


class PassingOn(ComplaintPhase):
    """Handed to the handling department, or to another organ, where a new stream is born with it."""

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
                round=self.return_count + 1,
                assigned_by_superior=self.source == "SUPERIOR_ASSIGNED",
            ),
        )

    def note_returned(self, ctx: Context, case_number: str, reason: ReturnReason) -> None:
        """A19: the handling department returned it. Told twice, it changes nothing."""
        if case_number not in self.returned_by:
            self.record(ctx, ReturnByHandlerNoted(reason=reason, case_number=case_number))

    # --- to another organ

    @allowed_in("REGISTERED")
    def transfer_down(self, ctx: Context, to_organ: str) -> None:
        """A16: passes to a lower organ a complaint that belongs to it; that organ decides within five working
        days."""
        self._check_leaves()
        self.check_result_not_owed()
        if not self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A16", field="to_organ", reason="not below")
        self._check_competent(ctx, to_organ, self.accused)
        self._check_not_their_own(ctx, to_organ)
        self.record(ctx, ComplaintTransferredDown(born=str(self.born_at(to_organ)), to_organ=to_organ))

    @allowed_in("REGISTERED")
    def assign_down(self, ctx: Context, to_organ: str, ground: AssignmentGround, letter_ref: str) -> None:
        """A22: assigns by letter and with the deputy leader's approval; the result is owed in three
        months."""
        self._check_leaves()
        if not self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A22", field="to_organ", reason="not below")
        if self.state == "REGISTERED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        self._check_not_their_own(ctx, to_organ)
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

    @allowed_in("REGISTERED")
    def transfer_lateral(self, ctx: Context, to_organ: str) -> None:
        """A17: passes to another organ, neither above nor below, a complaint for which it is competent,
        within five days."""
        self._check_leaves()
        self.check_result_not_owed()
        organs = ctx.law.organs
        if to_organ not in organs or self.organ == to_organ or self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A17", field="to_organ")
        if organs.is_ancestor_or_self(to_organ, self.organ):
            refuse("E_SEALED_UPWARD", "A14", field="to_organ")
        self._check_competent(ctx, to_organ, self.accused)
        self._check_not_their_own(ctx, to_organ)
        self.record(ctx, ComplaintTransferredLateral(born=str(self.born_at(to_organ)), to_organ=to_organ))

    @allowed_in("REGISTERED", "ACCEPTED")
    def take_up(self, ctx: Context, reason: str) -> None:
        """§5.4: a superior may take over what a lower organ has, as long as nobody verifies it yet."""
        superior = ctx.actor.organ
        if superior == self.organ:
            refuse("E_NOT_COMPETENT", "§5.4", competent=self.organ)
        if not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        born = str(self.born_at(superior))
        self.record(ctx, ComplaintTakenUp(born=born, to_organ=superior, reason=reason))

    def be_born(
        self,
        ctx: Context,
        of: ComplaintState,
        event: PassedOn,
        along: Deposited,
        *,
        designated: bool = False,
        owed_to: ComplaintState | None = None,
    ) -> None:
        """The same complaint at the organ that goes on with it: with accused and allegations, without the
        number and the decisions of the organ from which it came. `owed_to`: the complaint above that still
        waits for its result."""
        split = event if isinstance(event, ComplaintSplit) else None
        self.record(
            ctx,
            ComplaintReceived(
                organ=event.to_organ,
                channel=of.channel,
                source="SUPERIOR_ASSIGNED" if owed_to is not None else _source(ctx, of.organ, event),
                received_on=local_date(ctx.occurred_at),
                pages=of.pages,
                # The reporter's own words tell of the other parts too (A18).
                blob_id=along.original,
                joint=of.joint,
                designated=designated,
                competent_level=ctx.law.organs.get(event.to_organ).level.name,
                reporter_ref=along.reporter_ref,
                identity_status=along.identity_status,
                in_vault=along.in_vault,
                urgent=of.urgent,
                origin=str((owed_to or of).id),
                origin_number=(owed_to or of).number,
            ),
            joins=of.matters,
        )
        self.record(
            ctx,
            AllegationsListed(
                accused=split.moved_accused if split else of.accused,
                allegations=split.moved_allegations if split else of.allegations,
                approved_by=of.wording_approved_by,
            ),
        )

    def _check_leaves(self) -> None:
        self.check_not_sealed()
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)

    def _is_below(self, ctx: Context, organ: str) -> bool:
        organs = ctx.law.organs
        return organ in organs and organ != self.organ and organs.is_ancestor_or_self(self.organ, organ)

    # --- who is competent

    @allowed_in("REGISTERED")
    def dispute_jurisdiction(self, ctx: Context, with_organ: str, reason: str) -> None:
        """A9: two organs each hold the other competent; their common superior decides. An organ that was told
        by a superior is competent by that."""
        self.check_result_not_owed()
        superior = _common_superior(ctx.law.organs, self.organ, with_organ)
        if superior is None:
            refuse("E_SCHEMA", "A9", field="with_organ")
        if self.state == "REGISTERED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        self.record(ctx, JurisdictionDisputed(with_organ=with_organ, decided_by=superior.code, reason=reason))

    @allowed_in("REGISTERED")
    def assign_jurisdiction(self, ctx: Context, to_organ: str, reason: str) -> None:
        """A9: the common superior says which of the two handles it; the organ it names is competent by
        that."""
        if not self.disputed_with:
            refuse("E_STATE", "A9", missing="JurisdictionDisputed")
        if to_organ not in (self.organ, self.disputed_with):
            refuse("E_SCHEMA", "A9", field="to_organ", allowed=[self.organ, self.disputed_with])
        self._check_not_their_own(ctx, to_organ)
        self.record(ctx, JurisdictionAssigned(to_organ=to_organ, reason=reason))
        if to_organ != self.organ:
            born = str(self.born_at(to_organ))
            self.record(ctx, ComplaintTransferredLateral(born=born, to_organ=to_organ))


def _source(ctx: Context, sender: str, event: PassedOn) -> Source:
    """The way by which the receiving organ came by it."""
    if isinstance(event, ComplaintAssignedDown):
        return "SUPERIOR_ASSIGNED"
    if isinstance(event, ComplaintTakenUp):
        return "SUBORDINATE_ESCALATED"
    below = ctx.law.organs.is_ancestor_or_self(sender, event.to_organ)
    return "SUPERIOR_TRANSFERRED" if below else "OTHER_ORGAN"


def _common_superior(organs: OrganTree, one: str, other: str) -> Organ | None:
    """The lowest organ above both; None where there is none, or where one is above the other."""
    if (
        other not in organs
        or organs.is_ancestor_or_self(one, other)
        or organs.is_ancestor_or_self(other, one)
    ):
        return None
    at = organs.get(one)
    while at.parent is not None:
        at = organs.get(at.parent)
        if organs.is_ancestor_or_self(at.code, other):
            return at
    return None
