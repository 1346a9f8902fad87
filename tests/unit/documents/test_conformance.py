"""The table of rules finds what it should, and tells what is missing."""

from __future__ import annotations

import pytest

from tools.conformance import Conformance, Rule, beginning, conformance, rules_of_test, speechless


@pytest.fixture(scope="module")
def told() -> Conformance:
    """The table of this repository."""
    return conformance()


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("test_r7_dl15_silence_is_no_consent", ["R7", "DL-15"]),
        ("test_sec12_the_screen_is_no_oracle", ["SEC-12"]),
        ("test_dl3_a_day_late", ["DL-03"]),
        ("test_54_need_to_know", ["§5.4"]),
        ("test_4_2_a_later_finding", ["§4.2"]),
        ("test_s63_people_are_assigned", ["§6.3"]),
        ("test_b53_b8_no_answer_depends_on_a_log", ["B53", "B8"]),
        ("test_412_applies_to_any_command", []),
        ("test_numbers_have_no_gaps", []),
        ("test_r5_there_is_no_a70_here", ["R5"]),
    ],
)
def test_a_tests_rules_stand_at_the_beginning_of_its_name(name: str, rules: list[str]) -> None:
    assert rules_of_test(name) == rules


@pytest.mark.parametrize("id", ["R7", "A14", "B55", "SEC-12", "DL-03", "SD8", "C4", "P10", "§5.4"])
def test_the_name_asked_for_is_the_one_that_is_read(id: str) -> None:
    assert rules_of_test(f"{beginning(id)}something") == [id]


def test_what_is_missing_is_told() -> None:
    """A rule that nothing carries out, one that is still to come, and tests of rules that are not listed."""
    listed = 'R999 = { title = "x", by = "intake" }\nR998 = { title = "y", by = "intake", later = "then" }'
    wrong = "\n".join(conformance(listed).wrong)
    assert "R999 (x; intake) has no test" in wrong
    assert "R999 (x; intake) is named nowhere" in wrong
    assert "R998 (y; intake)" not in wrong
    assert "test_r7_a89_all_five_points_are_explained is of R7, which" in wrong
    assert "verification.HoldTalk carries out A60, which" in wrong


def test_a_rule_is_shown_with_its_commands_and_its_tests(told: Conformance) -> None:
    assert "clarification.RecordConsent" in told.rules["R7"].commands
    assert "shared/casework/gate.py" in told.rules["SEC-12"].places
    assert "shared/casework/gate.py" in told.rules["B40"].places
    assert ("tests/law/test_clarification.py", "test_r7_a89_all_five_points_are_explained") in told.rules[
        "A89"
    ].tests
    table = told.table()
    assert "| later: " in table
    row = next(line for line in table.splitlines() if line.startswith('| <a id="B53"></a>'))
    assert "[B53](law/second-part.md#B53)" in row
    assert "outsiders learn nothing from a log that is not theirs." in row
    assert "[tests/law/test_outsiders.py](../tests/law/test_outsiders.py)" in row


def test_a_rule_is_built_when_all_that_it_names_is(told: Conformance) -> None:
    """R28 has code and tests; its orders for tracing are still to come."""
    assert told.rules["R4"].built
    assert "E_APPROVAL_REQUIRED" in {clause.name for clause in told.rules["R4"].clauses}
    assert not told.rules["R28"].built
    assert not told.rules["R28"].later
    assert "lacks `ApproveTracing`" in told.rules["R28"].status
    assert "| process managers | 7 | 13 |" in told.table()


def test_a_rule_says_what_it_demands_in_one_sentence(told: Conformance) -> None:
    rules = [
        Rule("R1", "a", "all", says="It does."),
        Rule("R2", "b", "all"),
        Rule("R3", "c", "all", says="x" * 200 + "."),
        Rule("R4", "d", "all", says="no end"),
    ]
    wrong = speechless({rule.id: rule for rule in rules})
    assert [line.split()[0] for line in wrong] == ["R2", "R3", "R4"]
    assert speechless({id: rule for id, rule in told.rules.items() if id.startswith("B")}) == []
