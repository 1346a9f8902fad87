"""Working days, days and months of the civil-service calendar (§0.5, §8.7).

A period excludes the day that starts it and ends at 24:00, Asia/Shanghai, of its last day.
Beyond the published tables (`chinesecalendar` covers 2004-2026 and raises elsewhere; later years, and what is
changed of earlier ones, come from a file, `load_years`) Monday to Friday is assumed and the answer is marked
provisional, so that a missing table delays a recomputation, never a case.
"""

import calendar
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import chinese_calendar
from pydantic import TypeAdapter

SHANGHAI = ZoneInfo("Asia/Shanghai")

_ONE_DAY = timedelta(days=1)
_SATURDAY = 5
_QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")
# The tables are read directly: the library scans all of its keys to validate each single question.
_holidays: set[date] = set(chinese_calendar.holidays)
_adjusted_workdays: set[date] = set(chinese_calendar.workdays)
_years: set[int] = {day.year for day in _holidays}
_said: set[date] = set()
"""The days that a file speaks for: every one that it names, and all of a year that it adds."""
FIRST_DAY = date(min(_years), 1, 1)
"""The first day of any calendar: before it none can be had, and none will be published."""

Kind = Literal["WORKDAY", "HOLIDAY"]
_YEARS = TypeAdapter(dict[int, dict[date, Kind]])


def load_years(path: str) -> None:
    """Takes over the years of a file: `{"2027": {"2027-01-01": "HOLIDAY", …}}`, by year every date that is
    not what its day of the week says. The notice of a year may move days of the year before or after it. In a
    year that is known already the file changes the days that it names, as the State Council did in 2019 and
    2020; deadlines that were counted by them are counted anew. Raises ValueError for a file of another form,
    and for one that says two things of a day."""
    years = _YEARS.validate_json(Path(path).read_bytes())
    said: dict[date, Kind] = {}
    for year, days in years.items():
        if not days or any(abs(day.year - year) > 1 for day in days):
            raise ValueError(
                f"the calendar of {year} holds no days, or days of a year that is not next to it"
            )
        for day, what in days.items():
            if said.setdefault(day, what) != what:
                raise ValueError(f"the calendar says that {day} is a WORKDAY and that it is a HOLIDAY")
    for year in years.keys() - _years:
        _said.update(
            date(year, 1, 1) + timedelta(days=n) for n in range(366 if calendar.isleap(year) else 365)
        )
    _years.update(years)
    _said.update(said)
    for day, what in said.items():
        right, wrong = (_holidays, _adjusted_workdays)[:: 1 if what == "HOLIDAY" else -1]
        right.add(day)
        wrong.discard(day)
    _walk.cache_clear()
    _between.cache_clear()


def said_from_file() -> tuple[date, date] | None:
    """The first and the last of the days that a file speaks for."""
    return (min(_said), max(_said)) if _said else None


def may_have_moved(since: date, due: date) -> bool:
    """True if a file speaks for one of the days by which a period was counted. Without a file nothing is
    counted anew: another process that was given one may have done so."""
    return any(since < day <= due for day in _said)


def last_known_day() -> date:
    """The last day up to which every year since the first has its calendar."""
    year = FIRST_DAY.year
    while year + 1 in _years:
        year += 1
    return date(year, 12, 31)


Day = date  # `Due` has a field that is called like the type


@dataclass(frozen=True, slots=True)
class Due:
    """The last day of a period; provisional while a year it touches has no published calendar. A period of
    working days says how it was counted, so that it can be counted anew: `working_days` after `since`."""

    date: Day
    provisional: bool = False
    since: Day | None = field(default=None, compare=False)
    working_days: int = field(default=0, compare=False)


def is_working_day(day: date) -> tuple[bool, bool]:
    """(is a working day, is provisional) of one date (§8.7)."""
    working = day in _adjusted_workdays or (day.weekday() < _SATURDAY and day not in _holidays)
    return working, day.year not in _years


def add_working_days(start: date, n: int) -> Due:
    """The n-th working day after `start`, which does not count itself (§0.5)."""
    _refuse_misuse(start, n)
    return _walk(start, n, _ONE_DAY)


def subtract_working_days(end: date, n: int) -> Due:
    """The n-th working day before `end`: the day of a reminder (`reminder.before.days`)."""
    _refuse_misuse(end, n)
    return _walk(end, n, -_ONE_DAY)


def working_days_left(today: date, due: date) -> tuple[int, bool]:
    """(working days after `today` up to and with `due`, is provisional): the time that a clerk still has. On
    the last day itself 0; below 0 the working days that have passed since."""
    if due < today:
        late, provisional = working_days_left(due, today)
        return -late, provisional
    _refuse_misuse(today, 0)
    return _between(today, due)


def add_days(start: date, n: int) -> Due:
    """Calendar days: the last day counts even when it is a holiday, and is therefore never provisional."""
    _refuse_misuse(start, n)
    return Due(start + timedelta(days=n))


def add_months(start: date, n: int) -> Due:
    """Calendar months, clamped to the end of the month (DL-06, DL-11; §8.7)."""
    _refuse_misuse(start, n)
    years, month0 = divmod(start.month - 1 + n, 12)
    year, month = start.year + years, month0 + 1
    last = calendar.monthrange(year, month)[1]
    return Due(date(year, month, min(start.day, last)))


def quarter_end_after(start: date) -> date:
    """The first end of a calendar quarter after `start`, which does not count itself (DL-07)."""
    following = start + _ONE_DAY
    month = (following.month + 2) // 3 * 3
    return date(following.year, month, calendar.monthrange(following.year, month)[1])


def quarter_of(day: date) -> str:
    """The calendar quarter of a day, as `2026-Q1`."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def quarter_begin(day: date) -> date:
    """The first day of a day's calendar quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def quarter_end(quarter: str) -> date:
    """The last day of a quarter that is written as `2026-Q1`. Raises ValueError for anything else."""
    if _QUARTER.fullmatch(quarter) is None:
        raise ValueError("a quarter is written as 2026-Q1")
    return quarter_end_after(date(int(quarter[:4]), int(quarter[-1]) * 3 - 2, 1))


def local_date(instant: datetime) -> date:
    """The Asia/Shanghai date on which deadlines see an instant (§0.5)."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return instant.astimezone(SHANGHAI).date()


def end_of_local_day(day: date) -> datetime:
    """24:00 local of `day`, in UTC: the first instant at which a period ending on `day` is over."""
    return datetime.combine(day + _ONE_DAY, time.min, SHANGHAI).astimezone(UTC)


@lru_cache(maxsize=16_384)
def _walk(start: date, n: int, step: timedelta) -> Due:
    """Walks day by day. Most commands of one day ask for the same few sums, hence the cache."""
    day, provisional, left = start, False, n
    while left:
        day += step
        working, assumed = is_working_day(day)
        provisional |= assumed
        left -= working
    return Due(day, provisional, start, n)


@lru_cache(maxsize=16_384)
def _between(start: date, end: date) -> tuple[int, bool]:
    days = [is_working_day(start + timedelta(days=i)) for i in range(1, (end - start).days + 1)]
    return sum(working for working, _ in days), any(assumed for _, assumed in days)


def _refuse_misuse(start: date, n: int) -> None:
    # A datetime is a date to the type checker, but its UTC day is the wrong one for eight hours out of 24.
    if isinstance(start, datetime):
        raise TypeError("a period starts on a local date: call local_date() first")
    if n < 0:
        raise ValueError(f"a period cannot be negative: {n}")
