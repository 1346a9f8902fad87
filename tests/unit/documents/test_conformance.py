"""The table of rules finds what it should, and tells what is missing."""

from __future__ import annotations

import pytest

from deploy.conformance import RULES, beginning, conformance, rules_of_test


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("test_r7_dl15_silence_is_no_consent", ["R7", "DL-15"]),
        ("test_sec12_the_screen_is_no_oracle", ["SEC-12"]),
        ("test_dl3_a_day_late", ["DL-03"]),
        ("test_54_need_to_know", ["§5.4"]),
        ("test_4_2_a_later_finding", ["§4.2"]),
        ("test_s63_people_are_assigned", ["§6.3"]),
        ("test_412_applies_to_any_command", []),
        ("test_numbers_have_no_gaps", []),
        ("test_r5_there_is_no_a70_here", ["R5"]),
    ],
)
def test_a_tests_rules_stand_at_the_beginning_of_its_name(name: str, rules: list[str]) -> None:
    assert rules_of_test(name) == rules


@pytest.mark.parametrize("id", ["R7", "A14", "SEC-12", "DL-03", "SD8", "C4", "P10", "§5.4"])
def test_the_name_asked_for_is_the_one_that_is_read(id: str) -> None:
    assert rules_of_test(f"{beginning(id)}something") == [id]


def test_what_is_missing_is_told() -> None:
    """A rule that nothing carries out, one that is still to come, and tests of rules that are not listed."""
    listed = 'R999 = { title = "x", by = "intake" }\nR998 = { title = "y", by = "intake", later = "then" }'
    wrong = "\n".join(conformance(listed).wrong)
    assert "R999 (x; intake) has no test" in wrong
    assert "R999 (x; intake) is named nowhere" in wrong
    assert "R998" not in wrong
    assert "test_r7_a89_all_five_points_are_explained is of R7, which" in wrong
    assert "verification.HoldTalk carries out A60, which" in wrong


def test_a_rule_is_shown_with_its_commands_and_its_tests() -> None:
    told = conformance(RULES.read_text("utf-8"))
    assert "clarification.RecordConsent" in told.rules["R7"].commands
    assert "shared/gate.py" in told.rules["SEC-12"].places
    assert ("tests/law/test_clarification.py", "test_r7_a89_all_five_points_are_explained") in told.rules[
        "A89"
    ].tests
    assert "| later: " in told.table()
