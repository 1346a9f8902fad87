"""The subject is heard and asked (R7, R8, R11, R49, C3, A89)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.clarification.domain import plan as plans
from services.clarification.domain.clarification.phase import ClarificationPhase
from services.clarification.domain.clarification.state import asked_of
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.clarification import (
    ClarificationConsentGranted,
    ClarificationConsentLapsed,
    ClarificationConsentRefused,
    ClarificationConsentRequested,
    ClarificationConsentWithdrawn,
    ConsentDecision,
    ConsentNoticeDelivered,
    ExplainedPoint,
    Limits,
    SubjectInvited,
    SubjectVoiceRecorded,
)
from shared.language.contracts.common import Form, Scope
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

EXPLAINED: frozenset[ExplainedPoint] = frozenset(
    {"PURPOSE", "SCOPE", "AUDIENCE", "CONSEQUENCES", "RIGHT_TO_REFUSE_OR_WITHDRAW"}
)
"""The points that must be explained before anyone can agree (R7, A89)."""


class Consenting(ClarificationPhase):
    """Asks the subject, and takes the answer from the subject's own account or on a signed form."""

    @allowed_in("ASSESSED", "PROPOSED", "PLANNED")
    def invite_subject(
        self, ctx: Context, account: str, holder: str | None, delegation_hash: str | None
    ) -> None:
        self._may_answer_for_subject(holder, delegation_hash)
        staff = {
            ctx.actor.person,
            *self.assigned,
            *self.excluded,
            *(p for d in self.duties.values() for p in d),
        }
        if (
            self.subject_account not in ("", account)
            and self.consent is not None
            and not self.consent.outdated
        ):
            # Another account cannot answer what this one was asked: a new plan comes first.
            refuse("E_CONSENT_STALE", "R7")
        if account in staff:
            refuse("E_CONSENT_AUTHORITY", "R7", account=account)
        self.record(
            ctx,
            SubjectInvited(account=account, holder=holder or "", delegation_hash=delegation_hash or ""),
        )

    @allowed_in("PROPOSED", "PLANNED", "CONSENT_PENDING")
    def record_subject_voice(self, ctx: Context, voice: str) -> None:
        by_subject = self._own_account(ctx)
        self.record(ctx, SubjectVoiceRecorded(round=self.round, voice=voice, by_subject=by_subject))

    @allowed_in("PLANNED")
    def request_consent(
        self,
        ctx: Context,
        forms: Sequence[Form],
        scope: Scope,
        text_hash: str,
        explained: Sequence[ExplainedPoint],
    ) -> None:
        missing = EXPLAINED - set(explained)
        if missing:
            refuse("E_SCHEMA", "R7", field="explained", missing=sorted(missing))
        plan = self._plan(ctx)
        if not plans.needs_consent(plan):
            refuse("E_STATE", "R7", needed=False)
        if not self.text_hash:
            refuse("E_TEXT_MISSING", "R10")
        covered = plans.large(plan.forms) <= set(forms) <= set(plan.forms)
        if not covered or scope != plan.scope or text_hash != self.text_hash:
            refuse("E_CONSENT_STALE", "R7")
        lapsed = self.consent is not None and self.consent.declined and not self.consent.outdated
        if lapsed or asked_of(plan) in self.declined_plans:
            # They have answered: asking again for the same plan would be pressing them (R8).
            refuse("E_CONSENT_REFUSED", "R7")
        self.record(
            ctx,
            ClarificationConsentRequested(
                round=self.round,
                forms=plans.ordered(forms),
                scope=scope,
                text_hash=text_hash,
                explained=tuple(sorted(EXPLAINED)),
            ),
        )
        self._tell_subject(ctx, "CONSENT_ASKED")

    @property
    def waits_for_notice(self) -> bool:
        """True if consent was asked of a subject who has not been told so."""
        return self.state == "CONSENT_PENDING" and self.consent is not None and self.consent.due is None

    @allowed_in("CONSENT_PENDING")
    def record_consent_delivery(self, ctx: Context, receipt_hash: str) -> None:
        """Handed over on paper; the window runs from that day (B35)."""
        if self.state == "CONSENT_PENDING" and not self.waits_for_notice:
            refuse("E_STATE", "B35", delivered=True)
        delivered = ConsentNoticeDelivered(round=self.round, by_hand=True, receipt_hash=receipt_hash)
        self.record(ctx, delivered)

    def note_delivered(self, ctx: Context, asked_in: int) -> None:
        """A message has arrived. Nothing follows from one that is about another request than the present, or
        after an answer or a delivery by hand."""
        if self.waits_for_notice and self.consent is not None and self.consent.asked_in == asked_in:
            self.record(ctx, ConsentNoticeDelivered(round=self.round, by_hand=False))

    @allowed_in("CONSENT_PENDING")
    def record_consent(
        self,
        ctx: Context,
        decision: ConsentDecision,
        text_hash: str,
        limits: Limits | None,
        signed_form_hash: str | None,
        signed_by: str | None,
        delegation_hash: str | None,
    ) -> None:
        answer = self._answer(ctx, signed_form_hash, signed_by, delegation_hash)
        within = Limits(**limits.model_dump()) if limits else Limits()
        if (within != Limits()) != (decision == "AGREED_WITH_LIMITS"):
            refuse("E_SCHEMA", "R7", field="limits")
        asked = self._asked(ctx)
        if text_hash != asked["text_hash"]:
            refuse("E_CONSENT_STALE", "R7")
        assert self.consent is not None
        due = self.consent.due
        if self.state == "CONSENT_PENDING" and due is not None and local_date(ctx.now) > due:
            # The window has passed in silence, whether or not it was already noted (DL-15).
            refuse("E_CONSENT_REFUSED", "R7", due=due.isoformat())
        if decision == "REFUSED":
            self.record(ctx, ClarificationConsentRefused(**asked, **answer))
        else:
            granted = ClarificationConsentGranted(decision=decision, limits=within, **asked, **answer)
            self.record(ctx, granted)

    def _asked(self, ctx: Context) -> dict[str, Any]:
        """The terms of the last request, as its answers repeat them."""
        if self.consent is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        return {
            "round": self.round,
            "forms": self.consent.forms,
            "scope": self.consent.scope,
            "text_hash": self.consent.text_hash,
        }

    @allowed_in("CONSENT_PENDING")
    def lapse_consent(self, ctx: Context) -> None:
        """The window is open until 24:00 of its last day (§0.5); after that, silence counts as refusal. If
        the subject was not told that they are asked, there is no window, and no silence (B35)."""
        asked = self._asked(ctx)
        assert self.consent is not None
        due = self.consent.due
        if due is None:
            refuse("E_STATE", "B35", delivered=False)
        if local_date(ctx.now) <= due:
            refuse("E_STATE", "R7", due=due.isoformat())
        self.record(ctx, ClarificationConsentLapsed(due=due, **asked))

    @allowed_in("PLANNED", "UNDER_REVIEW", "UNDER_APPROVAL", "APPROVED")
    def withdraw_consent(
        self,
        ctx: Context,
        reason: str | None,
        signed_form_hash: str | None,
        signed_by: str | None,
        delegation_hash: str | None,
    ) -> None:
        answer = self._answer(ctx, signed_form_hash, signed_by, delegation_hash)
        asked = self._asked(ctx)
        assert self.consent is not None
        done = plans.large(self.consent.forms) <= self.implemented.keys() and bool(self.implemented)
        if not self.consent.granted or done:
            refuse("E_STATE", "R7", state=self.state)
        approved = self.state == "APPROVED"
        self.record(ctx, ClarificationConsentWithdrawn(reason=reason or "", **asked, **answer))
        if approved:
            self.record(ctx, self._voided("CONSENT_WITHDRAWN"))
