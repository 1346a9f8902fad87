"""Working days, days and months of the civil-service calendar (§0.5, §8.7).

A period excludes the day that starts it and ends at 24:00, Asia/Shanghai, of its last day.
Beyond the published table (`chinesecalendar` covers 2004-2026 and raises elsewhere) Monday to Friday is
assumed and the answer is marked provisional, so that a missing table delays a recomputation, never a case.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import chinese_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")

_ONE_DAY = timedelta(days=1)
_SATURDAY = 5
_QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")
# The tables are read directly: the library scans all of its keys to validate each single question.
_HOLIDAYS: frozenset[date] = frozenset(chinese_calendar.holidays)
_ADJUSTED_WORKDAYS: frozenset[date] = frozenset(chinese_calendar.workdays)
_FIRST_YEAR = min(_HOLIDAYS).year
_LAST_YEAR = max(_HOLIDAYS).year


@dataclass(frozen=True, slots=True)
class Due:
    """The last day of a period; provisional while a year it touches has no published calendar."""

    date: date
    provisional: bool = False


def is_working_day(day: date) -> tuple[bool, bool]:
    """(is a working day, is provisional) of one date (§8.7)."""
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        return day.weekday() < _SATURDAY, True
    working = day in _ADJUSTED_WORKDAYS or (day.weekday() < _SATURDAY and day not in _HOLIDAYS)
    return working, False


def add_working_days(start: date, n: int) -> Due:
    """The n-th working day after `start`, which does not count itself (§0.5)."""
    _refuse_misuse(start, n)
    return _walk(start, n, _ONE_DAY)


def subtract_working_days(end: date, n: int) -> Due:
    """The n-th working day before `end`: the day of a reminder (`reminder.before.days`)."""
    _refuse_misuse(end, n)
    return _walk(end, n, -_ONE_DAY)


def working_days_left(today: date, due: date) -> tuple[int, bool]:
    """(working days after `today` up to and with `due`, is provisional): what a clerk still has. On the last
    day itself 0; below 0 the working days that have passed since."""
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
    """Most commands of one day ask for the same few sums, hence the cache."""
    day, provisional = start, False
    while n:
        day += step
        working, assumed = is_working_day(day)
        provisional |= assumed
        n -= working
    return Due(day, provisional)


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
