"""The subject's view of their own clarification (R8): the draft, its audience, the subject's rights and the
state of their consent. No reporter data, no channel, no date or number of reports, nothing of the opinions of
those who decide (SEC-1)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from services.clarification.domain import plan as plans
from services.clarification.domain.clarification.state import ClarificationState
from services.clarification.domain.consent import ConsentState
from services.clarification.domain.text import SCOPE_ZH
from shared.language.contracts.clarification import Limits, Venue
from shared.language.contracts.common import Form, Scope
from shared.language.event import Value

WITHDRAWABLE = ("PLANNED", "UNDER_REVIEW", "UNDER_APPROVAL", "APPROVED")
DECLINABLE = ("ASSESSED", "PROPOSED", "CONSENT_PENDING", "SUSPENDED", *WITHDRAWABLE)


class Wording(Value):
    """One sentence in both languages."""

    zh: str
    en: str


PURPOSE = Wording(
    zh="说明反映您的具体问题经核查失实，消除不良影响。",
    en="To state that specific allegations against you were found unfounded, and to undo their effect.",
)
CONSEQUENCES = Wording(
    zh="同意后，上述范围内的人员将知悉文本内容；已经公开的内容无法收回。",
    en="If you agree, the people within this scope will learn the text; "
    "what was made known cannot be taken back.",
)
RIGHTS = Wording(
    zh="您可以同意、附条件同意或者不同意；不答复视为不同意。实施前可以随时撤回同意。"
    "不同意不影响书面澄清，也不会对您产生不利。",
    en="You may agree, agree within limits, or refuse; silence counts as refusal. "
    "You may withdraw at any time before it is carried out. "
    "Refusing does not affect the written clarification and has no disadvantage.",
)


class Audience(Value):
    """The people before whom the clarification is to take place."""

    forms: tuple[Form, ...]
    scope: Scope
    scope_zh: str
    venue: Venue
    recipients: tuple[str, ...]
    public_attendance: bool
    invited_groups: tuple[str, ...]


class ConsentView(Value):
    """The question put to the subject, its last day, and the subject's answer."""

    needed: bool
    state: ConsentState | Literal["NOT_ASKED"]
    forms: tuple[Form, ...] = ()
    scope: Scope | None = None
    text_hash: str = ""
    due: date | None = None
    limits: Limits | None = None
    outdated: bool = False


class DraftView(Value):
    """The subject's own page."""

    id: str
    number: str
    state: str
    round: int
    name: str
    text: str
    script: str
    text_hash: str
    template_version: str
    audience: Audience | None
    purpose: Wording = PURPOSE
    consequences: Wording = CONSEQUENCES
    rights: Wording = RIGHTS
    consent: ConsentView
    heard: bool
    may: tuple[str, ...]
    """The commands that are open to the subject now."""


def for_subject(clarification: ClarificationState) -> DraftView:
    """The page of the invited account."""
    text, plan = clarification.text, clarification.plan
    return DraftView(
        id=str(clarification.id),
        number=clarification.number,
        state=clarification.state,
        round=clarification.round,
        name=clarification.subject.name,
        text=text.text if text else "",
        script=text.script if text else "",
        text_hash=text.text_hash if text else "",
        template_version=text.template_version if text else "",
        audience=plan
        and Audience(
            forms=plan.forms,
            scope=plan.scope,
            scope_zh=SCOPE_ZH[plan.scope],
            venue=plan.venue,
            recipients=plan.recipients,
            public_attendance=plan.public_attendance,
            invited_groups=plan.invited_groups,
        ),
        consent=_consent(clarification),
        heard=clarification.heard,
        may=tuple(_open_to_him(clarification)),
    )


def _consent(clarification: ClarificationState) -> ConsentView:
    plan, consent = clarification.plan, clarification.consent
    needed = plan is not None and plans.needs_consent(plan)
    if consent is None:
        return ConsentView(needed=needed, state="NOT_ASKED")
    return ConsentView(
        needed=needed,
        state=consent.state,
        forms=consent.forms,
        scope=consent.scope,
        text_hash=consent.text_hash,
        due=consent.due,
        limits=consent.limits if consent.state == "AGREED_WITH_LIMITS" else None,
        outdated=consent.outdated,
    )


def _open_to_him(clarification: ClarificationState) -> list[str]:
    state, consent = clarification.state, clarification.consent
    may = []
    if state in ("PROPOSED", "PLANNED", "CONSENT_PENDING"):
        may.append("RecordSubjectVoice")
    if state == "CONSENT_PENDING":
        may.append("RecordConsent")
    if consent is not None and consent.granted and state in WITHDRAWABLE:
        may.append("WithdrawConsent")
    if state in DECLINABLE and not clarification.carried_out:
        may.append("RecordSubjectDeclined")
    return may
