"""What verification publishes. The law of events stands in `shared.event`: additive changes only."""

from __future__ import annotations

from datetime import date
from typing import Literal

from shared.contracts.common import Accused, Allegation, Finding, common_events
from shared.event import L1, L2, Event

Verdict = Literal["ALL_UNFOUNDED", "MIXED", "ALL_SUBSTANTIATED", "HAS_INCONCLUSIVE"]


class VerificationEvent(Event):
    """Base of verification's events."""

    service = "verification"


COMMON = common_events(VerificationEvent)


class VerificationConcluded(VerificationEvent):
    """The organ's head has concluded the case (R1, A61)."""

    to = "CONCLUDED"

    number: L1[str]
    """The case's number, repeated for the readers; it was given when the case was opened."""
    verdict: L1[Verdict]
    complaint_ids: L1[tuple[str, ...]]
    findings: L2[tuple[Finding, ...]]
    three_distinctions: L2[tuple[dict[str, str], ...]]
    opinion: L2[str]
    concluded_on: L1[date]


class AllegationsVerifiedUnfounded(VerificationEvent):
    """One subject's unfounded allegations in one conclusion (R25): clarification starts from here (P3)."""

    subject: L2[Accused]
    unfounded: L2[tuple[Allegation, ...]]
    other_findings: L2[tuple[Finding, ...]]
    """The subject's other allegations of the same case, so that no clearing forgets them (R9)."""
    case_id: L1[str]
    case_number: L1[str]
    complaint_ids: L1[tuple[str, ...]]
    complaint_numbers: L1[tuple[str, ...]]
    handling_organ: L1[str]
    handling_dept: L1[str]
    verification_handlers: L1[tuple[str, ...]]
    concluded_by: L1[str]
    concluded_on: L1[date]
    adverse_effect_hint: L2[tuple[str, ...]] = ()
