"""The subject's consent: what it was asked for, what came back, and what it covers (R7, C3, A89)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from services.clarification.domain.plan import large, width
from shared.language.contracts.clarification import (
    ClarificationConsentRequested,
    ClarificationPlanned,
    Limits,
)
from shared.language.contracts.common import Form, Scope
from shared.language.refusal import refuse

ConsentState = Literal["PENDING", "AGREED", "AGREED_WITH_LIMITS", "REFUSED", "LAPSED", "WITHDRAWN"]
GRANTED = frozenset({"AGREED", "AGREED_WITH_LIMITS"})
WIDEST_WITHOUT_MEDIA: Scope = "PROVINCE_WIDE"


@dataclass(frozen=True, slots=True)
class Consent:
    """The last request of the round and its answer. It is bound to forms, scope and text; a new plan
    outdates it, since change needs a new consent (A89)."""

    forms: tuple[Form, ...]
    scope: Scope
    text_hash: str
    asked_in: int
    """The version of the case in which it was asked."""
    due: date | None = None
    """The last day of the window; None while the subject has not been told: no window runs (B35)."""
    state: ConsentState = "PENDING"
    limits: Limits = field(default_factory=Limits)
    outdated: bool = False

    @classmethod
    def asked(cls, request: ClarificationConsentRequested, version: int) -> Consent:
        return cls(request.forms, request.scope, request.text_hash, version)

    def answered(self, state: ConsentState, limits: Limits | None = None) -> Consent:
        return replace(self, state=state, limits=limits or Limits())

    def outdate(self) -> Consent:
        return replace(self, outdated=True)

    @property
    def granted(self) -> bool:
        return self.state in GRANTED

    @property
    def declined(self) -> bool:
        """Refused, withdrawn or left unanswered: silence is no consent."""
        return self.state in ("REFUSED", "LAPSED", "WITHDRAWN")

    @property
    def widest(self) -> Scope:
        """The widest scope that the subject agreed to."""
        scopes = [self.scope, self.limits.max_scope or self.scope]
        if self.limits.no_media:
            scopes.append(WIDEST_WITHOUT_MEDIA)
        return min(scopes, key=width)

    def gap(self, plan: ClarificationPlanned, text_hash: str) -> str | None:
        """The first reason why this consent does not carry the plan with this text; None when it does."""
        if self.state == "PENDING":
            return "E_CONSENT_REQUIRED"
        if self.declined:
            return "E_CONSENT_REFUSED"
        if width(plan.scope) > width(self.widest) or set(plan.forms) & set(self.limits.excluded_forms):
            return "E_SCOPE_EXCEEDS_CONSENT"
        if self.outdated or text_hash != self.text_hash or not large(plan.forms) <= set(self.forms):
            return "E_CONSENT_STALE"
        return None


def require(consent: Consent | None, plan: ClarificationPlanned, text_hash: str, rule: str) -> None:
    """Refuses a plan that needs consent and has none that covers it."""
    gap = "E_CONSENT_REQUIRED" if consent is None else consent.gap(plan, text_hash)
    if gap is not None:
        refuse(gap, rule)
