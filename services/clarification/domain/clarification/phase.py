"""The questions and steps that more than one phase of a clarification shares."""

from __future__ import annotations

from typing import Any

from services.clarification.domain import consent as consents
from services.clarification.domain import plan as plans
from services.clarification.domain.clarification.state import ClarificationState
from shared.casework.aggregate import Context
from shared.kernel.effect import to_subject
from shared.language.contracts.clarification import (
    ClarificationApprovalVoided,
    ClarificationPlanned,
    ClarificationReopened,
    VoidReason,
)
from shared.language.refusal import refuse


class ClarificationPhase(ClarificationState):
    """The state, and what several phases share."""

    def _plan(self, ctx: Context) -> ClarificationPlanned:
        if self.plan is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        return self.plan

    def _ready(self, ctx: Context) -> ClarificationPlanned:
        """The plan has its text, and the consent that it needs."""
        plan = self._plan(ctx)
        if not self.text_hash:
            refuse("E_TEXT_MISSING", "R10")
        if plans.needs_consent(plan):
            consents.require(self.consent, plan, self.text_hash, "R7")
        return plan

    def _tell_subject(self, ctx: Context, template: str) -> None:
        """Tells the subject by a message to their account, if they have one: else somebody goes there
        (B35)."""
        if self.subject_account:
            ctx.effects.append(to_subject(self.id, self.version, template))

    def _void_approval(self, ctx: Context, reason: VoidReason) -> None:
        """R4: ends the approval after any later change."""
        if self.approval is not None and self.state == "APPROVED":
            self.record(ctx, self._voided(reason))

    def _voided(self, reason: VoidReason) -> ClarificationApprovalVoided:
        return ClarificationApprovalVoided(round=self.round, reason=reason, text_hash=self.text_hash)

    def _open_what_waits(self, ctx: Context) -> None:
        """The round is over: findings that came in meanwhile open the next one."""
        if not self.waiting:
            return
        last = self.waiting[-1]
        gathered: dict[str, Any] = {
            name: sum((getattr(w, name) for w in self.waiting), ())
            for name in type(last).model_fields
            if isinstance(getattr(last, name), tuple)
        }
        self.record(
            ctx,
            ClarificationReopened(
                subject=last.subject,
                round=self.round + 1,
                handling_organ=last.handling_organ,
                handling_dept=last.handling_dept,
                **gathered,
            ),
        )
