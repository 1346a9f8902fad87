"""A person who reads too much within an hour is noticed once (SEC-9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.casework.bulk import OBJECTS, BulkReadWatch

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


def read(watch: BulkReadWatch, objects: range, now: datetime) -> list[int]:
    return [watch.saw("p-1", UUID(int=n), now) for n in objects]


def test_sec9_one_object_too_many_is_told_once() -> None:
    watch = BulkReadWatch()
    assert not any(read(watch, range(OBJECTS), NOW))
    assert not any(read(watch, range(OBJECTS), NOW)), "the same ones again are no others"
    assert read(watch, range(OBJECTS, OBJECTS + 5), NOW) == [OBJECTS + 1, 0, 0, 0, 0]
    assert watch.saw("p-2", UUID(int=99), NOW) == 0


def test_sec9_what_was_read_an_hour_ago_does_not_count() -> None:
    watch = BulkReadWatch()
    read(watch, range(OBJECTS), NOW)
    later = NOW + timedelta(minutes=30)
    assert watch.saw("p-1", UUID(int=0), later) == 0, "read again: it counts from now on"
    an_hour_after = NOW + timedelta(hours=1)
    assert not any(read(watch, range(100, 100 + OBJECTS - 1), an_hour_after))
    assert watch.saw("p-1", UUID(int=500), an_hour_after) == OBJECTS + 1
