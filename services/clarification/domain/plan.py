"""Holds a plan of clarification to its rules: its forms, how far they reach, and when they need consent (R5,
R7, R47, A69, A70, C4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import get_args

import rfc8785

from shared.language.contracts.clarification import ClarificationPlanned, Venue
from shared.language.contracts.common import SCOPES, Form, Scope
from shared.language.refusal import refuse

FORMS: tuple[Form, ...] = get_args(Form)
LARGE_FORMS: frozenset[Form] = frozenset({"MEETING", "CIRCULAR"})
"""Forms that reach more than the subject and the head of the subject's unit (R7)."""
VENUE_FORMS: dict[Venue, frozenset[Form]] = {
    "UNIT_MEETING": frozenset({"MEETING"}),
    "VILLAGE_MEETING": frozenset({"MEETING"}),
    "RELEASE_CONFERENCE": LARGE_FORMS,
    "UNIT_CIRCULAR": frozenset({"CIRCULAR"}),
    "PUBLIC_MEDIA": frozenset({"CIRCULAR"}),
}
"""A venue is a place of one of the four forms, never a fifth form (R5)."""
VENUE_REACH: dict[Venue, Scope] = {
    "UNIT_MEETING": "UNIT_PARTY_COMMITTEE",
    "VILLAGE_MEETING": "VILLAGE_OR_COMMUNITY",
    "RELEASE_CONFERENCE": "COUNTY_WIDE",
    "UNIT_CIRCULAR": "UNIT_PARTY_COMMITTEE",
    "PUBLIC_MEDIA": "PUBLIC_MEDIA",
}
"""The least reach of a venue: a plan may not ask for consent to less than what happens."""


def width(scope: Scope) -> int:
    """The place of a scope from narrow to wide."""
    return SCOPES.index(scope)


def ordered(forms: Iterable[Form]) -> tuple[Form, ...]:
    """Each form once, in the order of the law."""
    asked = set(forms)
    return tuple(f for f in FORMS if f in asked)


def large(forms: Iterable[Form]) -> frozenset[Form]:
    """The forms among these that need consent by themselves."""
    return LARGE_FORMS & set(forms)


def check(
    forms: Sequence[Form], scope: Scope, venue: Venue, public_attendance: bool, invited_groups: Sequence[str]
) -> None:
    """Refuses a plan that lacks the written form or understates whom it reaches."""
    if "WRITTEN" not in forms:
        refuse("E_WRITTEN_FORM_REQUIRED", "R5")
    if venue != "NONE" and not VENUE_FORMS[venue] & set(forms):
        refuse("E_SCHEMA", "R5", field="venue", needs=sorted(VENUE_FORMS[venue]))
    if public_attendance and ("MEETING" not in forms or not invited_groups):
        refuse("E_SCHEMA", "R47", field="public_attendance", needs=["MEETING", "invited_groups"])
    reach = _reach(forms, venue, public_attendance)
    if width(scope) < width(reach):
        refuse("E_SCHEMA", "A69", field="scope", at_least=reach)


def _reach(forms: Sequence[Form], venue: Venue, public_attendance: bool) -> Scope:
    reaches: list[Scope] = ["UNIT_PARTY_COMMITTEE" if large(forms) else "SUBJECT_AND_UNIT_HEAD"]
    if venue != "NONE":
        reaches.append(VENUE_REACH[venue])
    if public_attendance:
        reaches.append("VILLAGE_OR_COMMUNITY")
    return max(reaches, key=width)


def needs_consent(plan: ClarificationPlanned) -> bool:
    """True of large forms and public venues, and of any scope beyond the subject and the head of the
    subject's unit (R7, C3)."""
    return bool(large(plan.forms)) or plan.venue != "NONE" or width(plan.scope) > 0


def plan_hash(plan: dict[str, object]) -> str:
    """SHA-256, in hex, of a plan in RFC 8785 canonical form."""
    return hashlib.sha256(rfc8785.dumps(plan)).hexdigest()  # type: ignore[arg-type]
