"""The computer's clock, held against its steady one and against the database's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.casework.service import clock_of
from shared.kernel.clock import SystemClock
from shared.kernel.settings import Settings

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Machine:
    """A computer whose wall clock and steady clock the test moves."""

    def __init__(self) -> None:
        self.wall = NOON
        self.steady = 100.0
        self.clock = SystemClock(5 * MINUTE, wall=lambda: self.wall, steady=lambda: self.steady)

    def passes(self, time: timedelta) -> None:
        self.wall += time
        self.steady += time.total_seconds()

    async def compared(self, database: datetime) -> None:
        async def told() -> datetime:
            return database

        await self.clock.compare(told())


def test_time_passes_and_small_steps_are_taken() -> None:
    """A time server corrects a clock by seconds, day after day; a machine that slept for a night has not
    jumped."""
    machine = Machine()
    for _ in range(30):
        machine.passes(timedelta(hours=24))
        machine.wall += timedelta(seconds=50)
        assert machine.clock.now() == machine.wall
    assert machine.clock.wrong() is None


def test_a_jump_ahead_is_not_followed_until_it_is_put_right() -> None:
    """The time goes on as if it had not been, and nothing may be written by it."""
    machine = Machine()
    machine.wall += timedelta(days=9 * 365)
    machine.passes(MINUTE)
    assert machine.clock.now() == NOON + MINUTE
    assert machine.clock.wrong() == f"the clock has jumped ahead by {9 * 365 * 86400} s"
    machine.passes(10 * MINUTE)
    assert machine.clock.now() == NOON + 11 * MINUTE
    machine.wall -= timedelta(days=9 * 365)
    assert machine.clock.wrong() is None
    assert machine.clock.now() == machine.wall == NOON + 11 * MINUTE


def test_a_clock_that_goes_back_is_followed_and_may_return() -> None:
    """The record never goes back with the clock; putting it right is no jump."""
    machine = Machine()
    machine.wall -= timedelta(hours=2)
    assert machine.clock.now() == NOON - timedelta(hours=2)
    assert machine.clock.wrong() is None
    machine.passes(MINUTE)
    machine.wall += timedelta(hours=2)
    assert machine.clock.now() == NOON + MINUTE
    assert machine.clock.wrong() is None


def test_a_clock_that_is_not_watched_is_followed() -> None:
    """A process that only notes when something was looked at has nothing to spoil."""
    machine = Machine()
    machine.clock = SystemClock(wall=lambda: machine.wall, steady=lambda: machine.steady)
    machine.wall += timedelta(days=365)
    assert machine.clock.now() == machine.wall
    assert machine.clock.wrong() is None


@pytest.mark.parametrize("seconds", ["0", "-300", "86400", "nan"])
def test_a_service_watches_its_clock(seconds: str) -> None:
    """By five minutes unless it is told otherwise; it cannot be told to look away."""
    clock = clock_of(Settings.from_env("intake", {"ZM_PROFILE": "development"}))
    assert isinstance(clock, SystemClock)
    assert clock.wrong() is None
    with pytest.raises(SystemExit, match="ZM_CLOCK_JUMP_SECONDS"):
        clock_of(Settings.from_env("intake", {"ZM_PROFILE": "development", "ZM_CLOCK_JUMP_SECONDS": seconds}))


async def test_an_instance_ahead_of_the_database_writes_nothing() -> None:
    """The instance was started with a wrong clock, so its steady one tells nothing."""
    machine = Machine()
    await machine.compared(NOON - 30 * MINUTE)
    assert machine.clock.wrong() == "the clock is 1800 s ahead of the database's"
    await machine.compared(NOON + 30 * MINUTE)  # behind it, it moves nobody
    assert machine.clock.wrong() is None
