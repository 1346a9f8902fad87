"""Passes a complaint on, to a department here or to another organ (A9, A12, A16, A17, A19, A22)."""

from __future__ import annotations

from uuid import UUID

from services.intake.domain.complaint.phase import BEFORE_FINDING, GOES_ON_AT, HEADS, TODAY, ComplaintPhase
from services.intake.domain.complaint.state import ComplaintState
from services.intake.domain.values import Deposited
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.intake import (
    AllegationsListed,
    AssignmentGround,
    ComplaintAssignedDown,
    ComplaintHandedDown,
    ComplaintReceived,
    ComplaintSentBack,
    ComplaintSentLateral,
    ComplaintSentUp,
    ComplaintSplit,
    ComplaintTakenUp,
    ComplaintTransferredToHandler,
    ReturnByHandlerNoted,
    ReturnReason,
    Source,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse
from shared.language.roles import ORGAN_HEAD

PassedOn = (
    ComplaintSplit
    | ComplaintHandedDown
    | ComplaintAssignedDown
    | ComplaintSentLateral
    | ComplaintSentUp
    | ComplaintSentBack
    | ComplaintTakenUp
)

"""The events that give birth to a complaint at another organ."""


class PassingOn(ComplaintPhase):
    """Handed to the handling department, or to another organ, where a new stream is born with it."""

    @allowed_in("ACCEPTED")
    def transfer_to_handler(self, ctx: Context) -> None:
        """A12: an initial complaint goes to the handling department, which opens a case (P1), as long as this
        organ is competent for the accused as they are today (B11)."""
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)
        if not self.designated:
            self.check_own(ctx)
        today = ctx.found(TODAY)
        self.record(
            ctx,
            ComplaintTransferredToHandler(
                number=self.number,
                handling_dept=self.handling_dept,
                accused=self._of_today(ctx, self.accused),
                allegations=tuple(
                    a.model_copy(update={"accused_ref": today[a.accused_ref].ref})
                    if a.accused_ref in today
                    else a
                    for a in self.allegations
                ),
                registered_by=tuple(sorted(self.duties.get("registrar", ()))),
                real_name=self.identity_status == "CONFIRMED",
                round=self.return_count + 1,
                assigned_by_superior=self.source == "SUPERIOR_ASSIGNED",
            ),
        )

    def note_returned(self, ctx: Context, case_number: str, reason: ReturnReason) -> None:
        """A19: the handling department returned it. Told twice, it changes nothing."""
        if case_number not in self.returned_by and not self.is_away:
            self.record(ctx, ReturnByHandlerNoted(reason=reason, case_number=case_number))

    # --- to another organ

    @allowed_in(*BEFORE_FINDING)
    def hand_down(self, ctx: Context, to_organ: str, reason: str) -> None:
        """A16: passes to a lower organ a complaint that belongs to it; that organ decides within five working
        days."""
        self._check_leaves()
        self.check_result_not_owed()
        if not self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A16", field="to_organ", reason="not below")
        self._check_not_sent_back_by(to_organ)
        self._check_competent(ctx, to_organ, self.accused)
        self._check_not_their_own(ctx, to_organ)
        born = str(self.born_at(to_organ))
        self.record(ctx, ComplaintHandedDown(born=born, to_organ=to_organ, reason=reason))

    @allowed_in(*BEFORE_FINDING)
    def send_lateral(self, ctx: Context, to_organ: str, reason: str) -> None:
        """A17: passes to another organ, neither above nor below, a complaint for which it is competent,
        within five days."""
        self._check_leaves()
        self.check_not_told()
        organs = ctx.law.organs
        if to_organ not in organs or self.organ == to_organ or self._is_below(ctx, to_organ):
            refuse("E_NOT_COMPETENT", "A17", field="to_organ")
        if organs.is_ancestor_or_self(to_organ, self.organ):
            refuse("E_SEALED_UPWARD", "A14", field="to_organ")
        self._check_not_sent_back_by(to_organ)
        self._check_competent(ctx, to_organ, self.accused)
        self._check_not_their_own(ctx, to_organ)
        born = str(self.born_at(to_organ))
        self.record(ctx, ComplaintSentLateral(born=born, to_organ=to_organ, reason=reason))

    @allowed_in(*BEFORE_FINDING)
    def send_up(self, ctx: Context, to_organ: str, reason: str, about_head: bool) -> None:
        """B14: passes to an organ above what turned out to be its, or to be about this organ's own head, who
        is out of the matter by that (A15, B2). An envelope of which nothing is known is sealed instead."""
        self._check_leaves()
        if to_organ == self.organ or not ctx.law.organs.is_ancestor_or_self(to_organ, self.organ):
            refuse("E_NOT_COMPETENT", "B14", field="to_organ", reason="not above")
        if self.state == "RECEIVED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "A14", missing="SealAndEscalate")
        self._check_not_sent_back_by(to_organ)
        self._check_not_their_own(ctx, to_organ)
        born = str(self.born_at(to_organ))
        if about_head:
            self._exclude_heads(ctx)
        sent = ComplaintSentUp(born=born, to_organ=to_organ, reason=reason, about_head=about_head)
        self.record(ctx, sent)

    @allowed_in("REGISTERED")
    def send_after(self, ctx: Context, of: UUID, reason: str) -> None:
        """A12, B24: a further letter on what another organ goes on with by now goes there too, whoever would
        be competent: it is not verified anew."""
        self._check_leaves()
        self.check_result_not_owed()
        original, to_organ = self.known_original(ctx), ctx.found(GOES_ON_AT)
        if not original.is_away or to_organ in ("", self.organ):
            refuse("E_STATE", "A12", of=original.number, reason="no other organ goes on with it")
        mine = self.claims_of_today(ctx, self)
        if not mine or not mine <= self.claims_of_today(ctx, original):
            # More than the first letter says may belong to another organ: it is split off first (A14).
            refuse("E_CONTENT_MISMATCH", "A12", field="of", reason="other accused or other facts")
        self._check_not_their_own(ctx, to_organ)
        born = str(self.born_at(to_organ))
        sent: PassedOn
        if ctx.law.organs.is_ancestor_or_self(to_organ, self.organ):
            sent = ComplaintSentUp(born=born, to_organ=to_organ, reason=reason)
        elif self._is_below(ctx, to_organ):
            sent = ComplaintHandedDown(born=born, to_organ=to_organ, reason=reason)
        else:
            sent = ComplaintSentLateral(born=born, to_organ=to_organ, reason=reason)
        self.record(ctx, sent, links=(str(original.correlation_id),), joins=original.matters)

    @allowed_in(*BEFORE_FINDING)
    def send_back(self, ctx: Context, reason: str) -> None:
        """B14: gives back to the sender what came to the wrong organ; the sender must take it. An organ below
        gets nothing back whose result is owed above: that is assigned to it."""
        self._check_leaves()
        if not self.sent_by or self.sent_back:
            refuse("E_STATE", "B14", reason="no organ passed it on that must take it back")
        if not ctx.law.organs.is_ancestor_or_self(self.sent_by, self.organ):
            self.check_result_not_owed()
        self._check_not_their_own(ctx, self.sent_by)
        born = str(self.born_at(self.sent_by))
        self.record(ctx, ComplaintSentBack(born=born, to_organ=self.sent_by, reason=reason))

    def _check_not_sent_back_by(self, organ: str) -> None:
        """B14: refuses to send it once more to the organ that gave it back: that is assigned, or disputed."""
        if self.sent_back and organ == self.sent_by:
            refuse("E_STATE", "B14", reason="that organ gave it back")

    def _exclude_heads(self, ctx: Context) -> None:
        """A15, B2: excludes the heads of this organ, by the directory and by what was done here."""
        heads = {*ctx.found(HEADS), *self.heads}
        if not heads:
            refuse("E_SCHEMA", "B14", field="about_head", reason="no head of this organ is known")
        excluded = self.own("PersonExcluded")
        for head in sorted(heads - self.excluded):
            self.record(ctx, excluded(person=head, role=ORGAN_HEAD, ground="ACCUSED_OR_RELATIVE"))

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

    @allowed_in("REGISTERED", "ACCEPTED")
    def take_up(self, ctx: Context, reason: str) -> None:
        """§5.4: a superior may take over what a lower organ has, as long as nobody verifies it yet."""
        superior = ctx.actor.organ
        if superior == self.organ:
            refuse("E_NOT_COMPETENT", "§5.4", competent=self.organ)
        if not ctx.law.organs.is_ancestor_or_self(superior, self.organ):
            refuse("E_JURISDICTION", "§5.4")
        if not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        self.dismiss_judges(ctx)
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
        decided = ctx.command == "AssignJurisdiction"
        taken = isinstance(event, ComplaintTakenUp)
        self.record(
            ctx,
            ComplaintReceived(
                organ=event.to_organ,
                channel=of.channel,
                source="SUPERIOR_ASSIGNED" if owed_to is not None else _source(ctx, of, event, designated),
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
                sent_by="" if taken or decided else of.organ,
                sent_back=isinstance(event, ComplaintSentBack),
                sent_because=getattr(event, "reason", ""),
            ),
            joins=of.matters,
        )
        if not of.allegations:
            return  # it turned out to be a superior's before anything was listed
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
        if self.joined_to:
            refuse("E_STATE", "B24", reason="it is verified with another", of=self.joined_to)
        self.check_undisputed()
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)

    def _is_below(self, ctx: Context, organ: str) -> bool:
        organs = ctx.law.organs
        return organ in organs and organ != self.organ and organs.is_ancestor_or_self(self.organ, organ)


def _source(ctx: Context, of: ComplaintState, event: PassedOn, designated: bool) -> Source:
    """The way by which the receiving organ came by it: from a superior too where that decided a dispute."""
    above = ctx.law.organs.is_ancestor_or_self
    if isinstance(event, ComplaintAssignedDown):
        return "SUPERIOR_ASSIGNED"
    if above(event.to_organ, of.organ):
        return "SUBORDINATE_ESCALATED"
    return "SUPERIOR_TRANSFERRED" if designated or above(of.organ, event.to_organ) else "OTHER_ORGAN"
