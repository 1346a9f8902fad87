"""The severity of an alert to internal supervision (B47, A52).

The gravest is an attempt to find out who reported, or to have a text stored that tells it. A look at what was
sealed past somebody, a penalty for a reporter, a letter that is missing and bulk reading stand in the middle;
everything else that is told is the least. A tie of the person to the accused makes an alert graver (A53), and
is not asked here.
"""

from __future__ import annotations

from typing import get_args

from shared.language.contracts.common import Severity

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the gravest to the least."""
BULK_READING = "SEC-9"
"""The code of an alert about somebody who was shown too many cases."""
_ABOUT_REPORTERS = frozenset({"R27", "R28", "SEC-4", "SEC-5", "SEC-12", "SEC-16"})
_GRAVE = frozenset({"E_REPORTER_PENALTY_FORBIDDEN", "E_RECORD_INCOMPLETE", BULK_READING})


def rank_of(severity: Severity) -> int:
    """A number that is the greater, the graver an alert is."""
    return len(SEVERITIES) - SEVERITIES.index(severity)


def severity_of(code: str, rule: str = "") -> Severity:
    """The severity of an alert by its code, and by the rule under which it was refused."""
    if code.startswith("E_TRACE_") or code == "E_TEXT_IDENTITY_LEAK" or rule in _ABOUT_REPORTERS:
        return "HIGH"
    return "MEDIUM" if code in _GRAVE or rule == "A15" else "LOW"
