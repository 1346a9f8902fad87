"""Review by the head, and approval by the organ above (R3, R4, R9)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from services.clarification.domain.clarification.phase import ClarificationPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.clarification import (
    ClarificationApproved,
    ClarificationRefused,
    ClarificationReturned,
    ClarificationReviewed,
    ClarificationSubmitted,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse


class Deciding(ClarificationPhase):
    """Submits, endorses and approves the draft, or sends it back."""

    @allowed_in("PLANNED")
    def submit_for_review(self, ctx: Context) -> None:
        plan = self._ready(ctx)
        self.check_findings(self.proposed_items)
        if not self.heard:
            refuse("E_VOICE_MISSING", "R49")
        self.record(
            ctx,
            ClarificationSubmitted(
                round=self.round, forms=plan.forms, scope=plan.scope, text_hash=self.text_hash
            ),
        )

    @allowed_in("UNDER_REVIEW")
    def review_clarification(
        self,
        ctx: Context,
        decision: Literal["ENDORSE", "RETURN"],
        opinion: str,
        no_prejudice_confirmed: bool,
    ) -> None:
        if decision == "RETURN":
            self.record(ctx, ClarificationReturned(round=self.round, opinion=opinion))
            return
        self._ready(ctx)
        self.check_findings(self.proposed_items)
        _no_prejudice(no_prejudice_confirmed)
        self.record(
            ctx,
            ClarificationReviewed(
                round=self.round, text_hash=self.text_hash, opinion=opinion, no_prejudice_confirmed=True
            ),
        )

    @allowed_in("UNDER_APPROVAL")
    def approve_clarification(
        self,
        ctx: Context,
        decision: Literal["APPROVE", "REFUSE"],
        opinion: str,
        no_prejudice_confirmed: bool,
        valid_from: date | None,
    ) -> None:
        if decision == "REFUSE":
            refused = ClarificationRefused(round=self.round, approving_organ=ctx.actor.organ, opinion=opinion)
            self.record(ctx, refused)
            return
        plan = self._ready(ctx)
        self.check_findings(self.proposed_items)
        _no_prejudice(no_prejudice_confirmed)
        today = local_date(ctx.occurred_at)
        self.record(
            ctx,
            ClarificationApproved(
                round=self.round,
                approving_organ=ctx.actor.organ,
                forms=plan.forms,
                scope=plan.scope,
                text_hash=self.text_hash,
                valid_from=max(valid_from or today, today),
                opinion=opinion,
                no_prejudice_confirmed=True,
            ),
        )
        self._tell_subject(ctx, "APPROVED")


def _no_prejudice(confirmed: bool) -> None:
    """R9: refuses unless the endorser or approver has seen the subject's other open matters."""
    if not confirmed:
        refuse("E_DISCIPLINE_LOOSENING", "R9", field="no_prejudice_confirmed")
