"""A round stands still, or the subject wants none (B36, A72)."""

from __future__ import annotations

from services.clarification.domain.clarification.phase import ClarificationPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.clarification import (
    ClarificationResumed,
    ClarificationSuspended,
    SubjectDeclinedAllForms,
    SuspensionGround,
)
from shared.language.refusal import refuse


class StandingStill(ClarificationPhase):
    """Suspending, resuming, and the subject's own no."""

    @allowed_in(
        "ASSESSING",
        "ASSESSED",
        "PROPOSED",
        "PLANNED",
        "CONSENT_PENDING",
        "UNDER_REVIEW",
        "UNDER_APPROVAL",
        "APPROVED",
    )
    def suspend_clarification(self, ctx: Context, ground: SuspensionGround, reason: str) -> None:
        """Before everything is carried out. Nothing of the round may be done until it is resumed."""
        self.record(
            ctx,
            ClarificationSuspended(round=self.round, before=self.state, ground=ground, reason=reason),
        )

    @allowed_in("SUSPENDED")
    def resume_clarification(self, ctx: Context, reason: str) -> None:
        self.record(ctx, ClarificationResumed(round=self.round, back_to=self.suspended_from, reason=reason))

    @allowed_in(
        "ASSESSED",
        "PROPOSED",
        "PLANNED",
        "CONSENT_PENDING",
        "UNDER_REVIEW",
        "UNDER_APPROVAL",
        "APPROVED",
        "SUSPENDED",
    )
    def record_subject_declined(
        self,
        ctx: Context,
        reason: str | None,
        signed_form_hash: str | None,
        signed_by: str | None,
        delegation_hash: str | None,
    ) -> None:
        """Ends the round, as long as nothing of it was carried out: what was said cannot be taken back."""
        answer = self._answer(ctx, signed_form_hash, signed_by, delegation_hash)
        if self.carried_out:
            refuse("E_STATE", "B36", carried_out=sorted(self.carried_out))
        declined = SubjectDeclinedAllForms(
            round=self.round, case_ids=tuple(self.case_ids), reason=reason or "", **answer
        )
        self.record(ctx, declined)
        self._open_what_waits(ctx)
