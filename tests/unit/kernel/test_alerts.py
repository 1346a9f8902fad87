"""The severity of an alert, and the role in which somebody stands in it (B47)."""

from __future__ import annotations

import pytest

from shared.casework.gate import ALERTS
from shared.language import roles
from shared.language.alerts import SEVERITIES, rank_of, severity_of
from shared.language.contracts.common import Severity


@pytest.mark.parametrize(
    ("code", "rule", "severity"),
    [
        ("E_TRACE_FORBIDDEN", "R27", "HIGH"),
        ("E_TRACE_EXECUTOR_LEVEL", "C1", "HIGH"),
        ("E_TEXT_IDENTITY_LEAK", "SEC-12", "HIGH"),
        ("E_TEXT_IDENTITY_LEAK", "B54", "HIGH"),
        ("E_NEED_TO_KNOW", "SEC-5", "HIGH"),
        ("E_NEED_TO_KNOW", "A15", "MEDIUM"),
        ("E_RECORD_INCOMPLETE", "B55", "MEDIUM"),
        ("SEC-9", "", "MEDIUM"),
        ("B54", "B54", "LOW"),
        ("E_STATE", "", "LOW"),
    ],
)
def test_b47_severity_follows_from_code_and_rule(code: str, rule: str, severity: Severity) -> None:
    assert severity_of(code, rule) == severity


def test_b47_no_refusal_that_is_told_by_itself_is_the_least() -> None:
    assert "LOW" not in {severity_of(code) for code in ALERTS}


def test_b47_the_graver_the_greater() -> None:
    assert sorted(SEVERITIES, key=rank_of, reverse=True) == ["HIGH", "MEDIUM", "LOW"]


def test_b47_whoever_is_head_is_on_record_as_head() -> None:
    """Else an alert about a head who also handles a case would go to those who serve under them."""
    assert roles.foremost({"handler", "organ_head", "case_manager"}) == "organ_head"
    assert roles.foremost({"petition_clerk", "internal_supervisor"}) == "internal_supervisor"
    assert roles.foremost({"petition_head", "handler"}) == "handler"
    assert roles.foremost(()) == ""
