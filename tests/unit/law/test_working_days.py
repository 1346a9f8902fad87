"""Periods in working days, days and months (§0.5, §8.7)."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.language.law.working_days import (
    Due,
    add_days,
    add_months,
    add_working_days,
    end_of_local_day,
    is_working_day,
    last_known_day,
    load_years,
    local_date,
    may_have_moved,
    quarter_end_after,
    said_from_file,
    subtract_working_days,
    working_days_left,
)

days = st.dates(date(2003, 1, 1), date(2032, 12, 31))
known_days = st.dates(date(2004, 3, 1), date(2026, 10, 31))
lengths = st.integers(0, 40)


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        ("2020-09-21", 5, "2020-09-27"),
        ("2021-01-20", 15, "2021-02-09"),
        ("2021-02-03", 5, "2021-02-09"),
        ("2021-02-04", 10, "2021-02-23"),
        ("2022-03-01", 15, "2022-03-22"),
        ("2022-03-07", 5, "2022-03-14"),
        ("2022-03-14", 5, "2022-03-21"),
        ("2022-03-18", 10, "2022-04-01"),
        ("2022-09-22", 5, "2022-09-29"),
        ("2022-09-28", 10, "2022-10-17"),
        ("2025-09-26", 5, "2025-10-10"),
        ("2026-03-02", 15, "2026-03-23"),
        ("2026-04-01", 15, "2026-04-23"),
        ("2026-05-06", 15, "2026-05-26"),
        ("2026-05-21", 5, "2026-05-28"),
        ("2026-05-25", 10, "2026-06-08"),
        ("2026-06-01", 15, "2026-06-23"),
        ("2026-06-17", 10, "2026-07-02"),
    ],
)
def test_87_vectors_of_the_specification(start: str, n: int, due: str) -> None:
    """Every date that the scenarios and §8.7 compute comes out, and is certain."""
    assert add_working_days(date.fromisoformat(start), n) == Due(date.fromisoformat(due), provisional=False)


def test_87_a_year_is_loaded_from_a_file(unpublished: Path) -> None:
    """From then on it is as certain as the packaged ones, and what was asked before is not remembered."""
    before = add_working_days(date(2026, 12, 30), 3)
    assert (before.date, before.provisional) == (date(2027, 1, 4), True)
    assert last_known_day() == date(2026, 12, 31)
    unpublished.write_text('{"2027": {"2027-01-01": "HOLIDAY", "2027-01-02": "WORKDAY"}}')
    load_years(str(unpublished))
    assert add_working_days(date(2026, 12, 30), 2) == Due(date(2027, 1, 2))
    assert before.since is not None
    assert add_working_days(before.since, before.working_days) == Due(date(2027, 1, 4))
    assert working_days_left(date(2026, 12, 31), date(2027, 1, 4)) == (2, False)
    assert last_known_day() == date(2027, 12, 31)
    assert add_working_days(date(2027, 12, 30), 2).provisional


def test_87_a_published_year_is_amended(unpublished: Path) -> None:
    """As the State Council did in 2019 and 2020: the days that are named change, and no other; which periods
    they may have moved is known."""
    assert not may_have_moved(date(2004, 1, 1), date(2030, 1, 1))
    before = add_working_days(date(2026, 9, 28), 5)
    changed = {"2026-09-30": "HOLIDAY", "2026-10-10": "HOLIDAY", "2026-10-11": "WORKDAY"}
    unpublished.write_text(json.dumps({"2026": changed}))
    load_years(str(unpublished))
    days = ("2026-09-29", "2026-09-30", "2026-10-01", "2026-10-10", "2026-10-11")
    assert [is_working_day(date.fromisoformat(day))[0] for day in days] == [True, False, False, False, True]
    after = add_working_days(date(2026, 9, 28), 5)
    assert (before, after) == (Due(date(2026, 10, 10)), Due(date(2026, 10, 12)))
    assert said_from_file() == (date(2026, 9, 30), date(2026, 10, 11))
    assert may_have_moved(date(2026, 9, 28), before.date)
    assert not may_have_moved(date(2026, 10, 11), date(2026, 12, 31))
    assert not may_have_moved(date(2026, 9, 1), date(2026, 9, 29))


def test_87_a_notice_moves_days_of_the_year_before(unpublished: Path) -> None:
    """The notice for 2019 made 29 December 2018 a working day; so have five others since."""
    days = {"2026-12-26": "WORKDAY", "2027-01-01": "HOLIDAY", "2028-01-03": "HOLIDAY"}
    unpublished.write_text(json.dumps({"2027": days}))
    load_years(str(unpublished))
    assert is_working_day(date(2026, 12, 26)) == (True, False)
    assert add_working_days(date(2026, 12, 25), 5) == Due(date(2026, 12, 31))
    assert is_working_day(date(2028, 1, 3)) == (False, True), "its own notice may still say otherwise"
    assert last_known_day() == date(2027, 12, 31)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"2027": {}}',
        '{"2027": {"2029-01-01": "HOLIDAY"}}',
        '{"2027": {"2027-01-01": "HOLIDAY"}, "2028": {"2027-01-01": "WORKDAY"}}',
        '{"2027": {"2027-01-01": "holiday"}}',
        '{"2027": {"2027-02-30": "HOLIDAY"}}',
    ],
)
def test_87_a_file_of_another_form_stops_the_start(unpublished: Path, content: str) -> None:
    unpublished.write_text(content)
    with pytest.raises(ValueError, match=r"calendar|JSON|valid"):
        load_years(str(unpublished))
    assert is_working_day(date(2027, 1, 1)) == (True, True)


def test_87_beyond_the_published_calendar_is_provisional() -> None:
    """A missing table gives Monday to Friday, marked, instead of an exception."""
    assert add_working_days(date(2026, 12, 30), 1) == Due(date(2026, 12, 31), provisional=False)
    assert add_working_days(date(2026, 12, 30), 2) == Due(
        date(2027, 1, 1), provisional=True, since=date(2026, 12, 30), working_days=2
    )
    assert is_working_day(date(2030, 6, 8)) == (False, True)


@given(known_days)
def test_87_agrees_with_the_library(day: date) -> None:
    """Reading its tables directly gives the answer of the library itself."""
    assert is_working_day(day) == (chinese_calendar.is_workday(day), False)


@given(days, lengths, lengths)
def test_more_days_never_end_earlier(start: date, n: int, more: int) -> None:
    """Adding working days is monotonic in the length."""
    assert add_working_days(start, n).date <= add_working_days(start, n + more).date


@given(days, days, lengths)
def test_a_later_start_never_ends_earlier(one: date, other: date, n: int) -> None:
    """Adding working days is monotonic in the start, too, once the start counts as excluded."""
    first, second = sorted((one, other))
    if n:
        assert add_working_days(first, n).date <= add_working_days(second, n).date


@given(days, st.integers(1, 40))
def test_ends_on_a_working_day_after_exactly_n(start: date, n: int) -> None:
    """The period holds n working days, the last of them its end, and not its start."""
    end = add_working_days(start, n).date
    inside = [start + timedelta(days=i) for i in range(1, (end - start).days + 1)]
    assert sum(is_working_day(day)[0] for day in inside) == n
    assert is_working_day(end)[0]


@given(days, st.integers(1, 40))
def test_subtracting_undoes_adding(start: date, n: int) -> None:
    """From a working day, n forth and n back is where it began."""
    working = add_working_days(start, 1).date
    assert subtract_working_days(add_working_days(working, n).date, n).date == working


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        ("2020-10-22", 2, "2020-12-22"),
        ("2020-10-22", 3, "2021-01-22"),
        ("2025-12-31", 2, "2026-02-28"),
        ("2023-12-31", 2, "2024-02-29"),
        ("2024-08-31", 1, "2024-09-30"),
    ],
)
def test_months_are_clamped(start: str, n: int, due: str) -> None:
    """Months are calendar months, and end with the month where it is too short."""
    assert add_months(date.fromisoformat(start), n) == Due(date.fromisoformat(due))


def test_days_are_calendar_days() -> None:
    """Thirty days from 1 March end on 31 March (tracing order of scenario 1)."""
    assert add_days(date(2021, 3, 1), 30) == Due(date(2021, 3, 31))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-01", "2026-03-31"),
        ("2026-03-30", "2026-03-31"),
        ("2026-03-31", "2026-06-30"),
        ("2026-12-31", "2027-03-31"),
    ],
)
def test_quarter_end_excludes_its_start(start: str, end: str) -> None:
    """A start on the last day of a quarter looks to the next quarter."""
    assert quarter_end_after(date.fromisoformat(start)) == date.fromisoformat(end)


def test_local_date_is_shanghai() -> None:
    """16:00 UTC is the next day in Shanghai."""
    assert local_date(datetime(2026, 4, 1, 15, 59, tzinfo=UTC)) == date(2026, 4, 1)
    assert local_date(datetime(2026, 4, 1, 16, 0, tzinfo=UTC)) == date(2026, 4, 2)
    with pytest.raises(ValueError, match="naive"):
        local_date(datetime(2026, 4, 1))


@given(days)
def test_the_end_of_a_day_is_its_first_instant_over(day: date) -> None:
    """24:00 local belongs to the next day, the moment before it still to this one."""
    end = end_of_local_day(day)
    assert end.tzinfo is UTC
    assert local_date(end) == day + timedelta(days=1)
    assert local_date(end - timedelta(microseconds=1)) == day


@pytest.mark.parametrize(
    ("today", "due", "left"),
    [
        ("2020-09-21", "2020-09-27", 5),  # the vectors of §8.7, backwards: 27 September is a working Sunday
        ("2021-01-20", "2021-02-09", 15),
        ("2022-03-01", "2022-03-22", 15),
        ("2025-09-26", "2025-10-10", 5),
        ("2026-04-01", "2026-04-23", 15),
        ("2020-09-26", "2020-09-27", 1),
        ("2020-09-27", "2020-09-27", 0),
        ("2020-09-28", "2020-09-27", -1),
        ("2025-09-30", "2025-10-08", 0),  # eight days of holidays, and not one to work on
        ("2025-10-10", "2025-09-26", -5),
    ],
)
def test_working_days_left(today: str, due: str, left: int) -> None:
    """Number of working days that a clerk still has, and of those that have passed since."""
    assert working_days_left(date.fromisoformat(today), date.fromisoformat(due)) == (left, False)


def test_working_days_left_beyond_the_published_calendar() -> None:
    assert working_days_left(date(2026, 12, 30), date(2026, 12, 31)) == (1, False)
    assert working_days_left(date(2026, 12, 30), date(2027, 1, 4)) == (3, True)


@given(days, st.integers(0, 60))
def test_what_is_left_is_what_was_given(start: date, n: int) -> None:
    """On the first day of a period of n working days, n are left; afterwards never more."""
    due = add_working_days(start, n).date
    assert working_days_left(start, due)[0] == n
    assert working_days_left(start + timedelta(days=1), due)[0] <= n


def test_misuse_is_an_error() -> None:
    """An instant is no local date, and no period is negative."""
    with pytest.raises(TypeError, match="local_date"):
        add_working_days(datetime(2026, 4, 1, tzinfo=UTC), 1)
    with pytest.raises(ValueError, match="negative"):
        add_days(date(2026, 4, 1), -1)
