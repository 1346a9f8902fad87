"""A complaint arrives, and it is decided how it is handled, or that it goes back (A19, A20, A58, A65)."""

from __future__ import annotations

from collections.abc import Set

from services.verification.domain.case.phase import VerificationPhase
from services.verification.domain.dispositions import APPROVER, REASONS
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.verification import (
    CaseHeld,
    CaseResumed,
    ComplaintReturnedByHandler,
    DispositionApproved,
    DispositionProposed,
    DispositionReason,
    DispositionRejected,
    HeldReviewed,
    ReturnProposed,
    ReturnReason,
    VerificationCaseOpened,
    Way,
)
from shared.language.refusal import refuse
from shared.language.roles import DEPUTY_LEADER


class Disposing(VerificationPhase):
    """Leads a case from the opening to the approved way, to the return, or to being held for later."""

    def open(self, ctx: Context, event: VerificationCaseOpened) -> None:
        """Opens the case once; the complaint arriving again changes nothing (P1)."""
        if self.version == 0:
            self.record(ctx, event, links=event.complaint_ids)

    # --- back to the petition department

    @allowed_in("OPENED")
    def request_return(self, ctx: Context, reason: ReturnReason, consulted: str) -> None:
        self.record(ctx, ReturnProposed(reason=reason, consulted=consulted))

    @allowed_in("OPENED")
    def return_to_petition_dept(self, ctx: Context, opinion: str) -> None:
        """A19: talked over first, and approved by the deputy leader."""
        asked = self.return_asked
        if asked is None or ctx.actor.role != DEPUTY_LEADER:
            refuse("E_APPROVAL_REQUIRED", "A19", missing="RequestReturn" if asked is None else DEPUTY_LEADER)
        self.record(
            ctx,
            ComplaintReturnedByHandler(
                number=self.number,
                complaint_ids=self.complaint_ids,
                reason=asked.reason,
                consulted=asked.consulted,
                opinion=opinion,
            ),
        )

    # --- the way of handling

    @allowed_in("OPENED")
    def propose_disposition(
        self, ctx: Context, way: Way, reason: DispositionReason, collective_study_ref: str | None
    ) -> None:
        if reason not in REASONS[way]:
            refuse("E_SCHEMA", "A58", field="reason", allowed=sorted(REASONS[way]))
        if collective_study_ref is None:
            refuse("E_COLLECTIVE_STUDY_MISSING", "A20")
        self.record(ctx, DispositionProposed(way=way, reason=reason, study_ref=collective_study_ref))

    @allowed_in("DISPOSITION_PROPOSED")
    def approve_disposition(self, ctx: Context, opinion: str) -> None:
        proposed = self._proposed_to(ctx)
        self.record(
            ctx,
            DispositionApproved(
                way=proposed.way, reason=proposed.reason, study_ref=proposed.study_ref, opinion=opinion
            ),
        )
        if proposed.way == "HELD_FOR_LATER":
            self.record(ctx, CaseHeld(reason=proposed.reason))

    @allowed_in("DISPOSITION_PROPOSED")
    def reject_disposition(self, ctx: Context, reason: str) -> None:
        self.record(ctx, DispositionRejected(way=self._proposed_to(ctx).way, reason=reason))

    def deciders(self, step: str) -> Set[str]:
        """A proposed way is decided by its own leader (A20)."""
        if step == "ApproveDisposition" and self.proposed is not None:
            return {APPROVER[self.proposed.way]}
        return super().deciders(step)

    def _proposed_to(self, ctx: Context) -> DispositionProposed:
        """The proposal, if it is this leader who decides on its way (A20)."""
        if self.proposed is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        approver = APPROVER[self.proposed.way]
        if ctx.actor.role != approver:
            refuse("E_FORBIDDEN_ROLE", "A20", allowed=[approver])
        return self.proposed

    @allowed_in("HELD")
    def review_held(self, ctx: Context, result: str) -> None:
        self.record(ctx, HeldReviewed(result=result))

    @allowed_in("HELD")
    def resume_case(self, ctx: Context, reason: str) -> None:
        self.record(ctx, CaseResumed(reason=reason))
