"""The colours of deadlines by working days left."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.language.law.colours import Colours
from shared.language.law.policy import load_policy
from shared.language.law.working_days import working_days_left


@pytest.mark.parametrize(
    ("today", "due", "colour"),
    [
        ("2020-09-24", "2020-09-23", "BLACK"),
        ("2020-09-24", "2020-09-24", "RED"),
        ("2020-09-25", "2020-09-27", "RED"),  # Friday to the working Sunday
        ("2020-09-24", "2020-09-28", "YELLOW"),
        ("2020-09-24", "2020-09-29", "GREEN"),
        ("2025-09-30", "2025-10-08", "RED"),  # within the holidays
        ("2025-09-30", "2025-10-09", "RED"),
        ("2025-09-30", "2025-10-12", "YELLOW"),
        ("2025-09-30", "2025-10-14", "GREEN"),
    ],
)
def test_colours_by_the_calendar(today: str, due: str, colour: str) -> None:
    assert Colours.on(date.fromisoformat(today), load_policy()).of(date.fromisoformat(due)) == colour


@given(st.dates(date(2005, 1, 1), date(2030, 1, 1)), st.integers(-40, 60))
def test_a_colour_says_how_many_working_days_are_left(today: date, days: int) -> None:
    """By reading, by the working days told beside it, and by the range that a query asks for."""
    due, colours = today + timedelta(days=days), Colours.on(today, load_policy())
    left = working_days_left(today, due)[0]
    by_days = "RED" if left <= 1 else "YELLOW" if left <= 3 else "GREEN"
    assert colours.of(due) == ("BLACK" if due < today else by_days)
    within = [c for c in ("BLACK", "RED", "YELLOW", "GREEN") if _in(due, colours.days(c))]
    assert within == [colours.of(due)]


def _in(day: date, ends: tuple[date, date]) -> bool:
    return ends[0] <= day <= ends[1]
