"""The questions and steps that more than one phase of a clarification shares."""

from __future__ import annotations

from collections.abc import Iterable
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
    Item,
    VoidReason,
)
from shared.language.refusal import refuse
from shared.language.roles import SUBJECT

ENDED = frozenset({"NOT_REQUIRED", "COMPLETED", "DECLINED", "OVERTURNED", "RETRACTED"})
"""States in which a round is over."""


class ClarificationPhase(ClarificationState):
    """The state, and what several phases share."""

    @property
    def is_over(self) -> bool:
        """True if nothing of the present round is still to be decided, except its revocation."""
        return self.state in ENDED or self.state == "REVOKED"

    def check_findings(self, items: Iterable[Item]) -> None:
        """B28: each of these is unfounded in the latest conclusion, and no reopened case holds it."""
        items = list(items)
        if held := sorted({self.held[item.case_id] for item in items if item.case_id in self.held}):
            refuse("E_FINDING_HELD", "B28", cases=held)
        if lost := [item.allegation_id for item in items if not self.stands(item)]:
            refuse("E_ALLEGATION_NOT_UNFOUNDED", "B28", allegations=lost)

    def check_not_in_revocation(self) -> None:
        """B29: nothing more is carried out of a round whose revocation is due or under way."""
        carried = self.rounds.get(self.round)
        if carried is not None and carried.revocation:
            refuse("E_STATE", "B29", round=self.round, revocation=carried.revocation)

    def _plan(self, ctx: Context) -> ClarificationPlanned:
        if self.plan is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        return self.plan

    def _ready(self, ctx: Context) -> ClarificationPlanned:
        """The plan has its text, and the consent that it needs."""
        plan = self._plan(ctx)
        if not self.text_hash:
            refuse("E_TEXT_MISSING", "R10")
        if self.text_outdated and not self.carried_out:
            refuse("E_CONTENT_MISMATCH", "B11", field="text", reason="the subject's details have changed")
        if plans.needs_consent(plan):
            consents.require(self.consent, plan, self.text_hash, "R7")
        return plan

    def _may_answer_for_subject(self, holder: str | None, delegation_hash: str | None) -> None:
        """Refuses anyone who may not answer for the subject. A person answers for themselves; a party
        organisation through its head or the head's written delegate."""
        if self.subject.subject_type == "PERSON":
            if holder not in (None, self.subject.name) or delegation_hash is not None:
                refuse("E_CONSENT_AUTHORITY", "R7")
        elif not holder or (holder != self.subject.principal_head and delegation_hash is None):
            refuse("E_CONSENT_AUTHORITY", "R11")

    def _own_account(self, ctx: Context) -> bool:
        """True if the subject speaks from the invited account; refuses any other account in the subject's
        role."""
        if ctx.actor.role != SUBJECT:
            return False
        if not self.subject_account or ctx.actor.person != self.subject_account:
            refuse("E_CONSENT_AUTHORITY", ctx.rule)
        return True

    def _answer(
        self, ctx: Context, signed_form_hash: str | None, signed_by: str | None, delegation_hash: str | None
    ) -> dict[str, Any]:
        """The proof of the subject's answer: their own account, or their signed form."""
        by_subject = self._own_account(ctx)
        if not by_subject:
            if signed_form_hash is None or not signed_by:
                refuse("E_CONSENT_AUTHORITY", ctx.rule)
            self._may_answer_for_subject(signed_by, delegation_hash)
        return {
            "by_subject": by_subject,
            "signed_form_hash": signed_form_hash or "",
            "signed_by": signed_by or "",
            "delegation_hash": delegation_hash or "",
        }

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
                subject=self.subject,
                round=self.round + 1,
                handling_organ=last.handling_organ,
                handling_dept=last.handling_dept,
                **gathered,
            ),
        )
