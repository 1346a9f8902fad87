"""Refusals are written one by one up to a number, then summed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from shared.casework.aggregate import Actor
from shared.casework.gate import CommandGate
from shared.casework.service import load_law
from shared.casework.tally import Summed, Tally
from shared.kernel.clock import FixedClock
from shared.kernel.store.types import Append

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE, OTHER = Actor("p-1", "handler", "DI-990102"), Actor("p-2", "handler", "DI-990102")


def test_what_is_more_than_the_first_is_counted() -> None:
    tally = Tally(most=2)
    assert [tally.takes(ONE, code, AT) for code in ("E_STATE", "E_JURISDICTION", "E_STATE", "E_STATE")] == [
        *(True, True, False, False)
    ]
    assert tally.takes(OTHER, "E_STATE", AT), "others are not held up"
    tally.end(AT + HOUR - timedelta(seconds=1))
    assert tally.ended == []
    tally.end(AT + HOUR)
    assert tally.ended == [Summed("p-1", "handler", "DI-990102", AT, 2, ("E_STATE",))]


def test_no_alert_is_hidden_behind_many_refusals() -> None:
    tally = Tally(most=1)
    assert tally.takes(ONE, "E_STATE", AT)
    assert not tally.takes(ONE, "E_STATE", AT)
    assert tally.takes(ONE, "E_TRACE_FORBIDDEN", AT, alert=True)
    assert not tally.takes(ONE, "E_TRACE_FORBIDDEN", AT, alert=True)
    tally.end()
    assert [s.codes for s in tally.ended] == [("E_STATE",), ("E_TRACE_FORBIDDEN",)]


def test_a_new_hour_begins_anew_and_the_old_one_is_not_lost() -> None:
    tally = Tally(most=1)
    assert [tally.takes(ONE, "E_STATE", AT) for _ in range(3)] == [True, False, False]
    assert tally.takes(ONE, "E_STATE", AT + HOUR)
    assert tally.ended == [Summed("p-1", "handler", "DI-990102", AT, 2, ("E_STATE",))]
    tally.end(AT + 3 * HOUR)
    assert len(tally.ended) == 1, "an hour with nothing to sum leaves no record"


class Recorded:
    """A store that takes its time, and keeps what it was given."""

    def __init__(self) -> None:
        self.appended: list[Append] = []

    async def append(self, append: Append) -> None:
        await asyncio.sleep(0)
        self.appended.append(append)


async def test_a_sum_is_written_once_whoever_comes_to_write_it() -> None:
    """Requests and the worker may come at the same moment; the record is of the organ of who was refused."""
    store, away = Recorded(), cast(Any, None)
    gate = CommandGate(
        "intake", load_law(), FixedClock(AT + HOUR), cast(Any, store), away, away, bytes(32), staff=away
    )
    gate.tally = Tally(most=1)
    for _ in range(3):
        gate.tally.takes(ONE, "E_STATE", AT)
    await asyncio.gather(*(gate.sum_refusals() for _ in range(3)))
    [append] = store.appended
    assert [event.type for event in append.events] == ["RefusalsSummed", "SecurityAlertRaised"]
    assert {event.stream_organ for event in append.events} == {ONE.organ}
    assert append.events[1].event.severity == "LOW"  # type: ignore[attr-defined]
    assert gate.tally.ended == []


async def test_b47_many_attempts_together_are_as_grave_as_one() -> None:
    """The sum of refusals each of which alone is told is the gravest, whatever their codes are."""
    store, away = Recorded(), cast(Any, None)
    gate = CommandGate(
        "intake", load_law(), FixedClock(AT + HOUR), cast(Any, store), away, away, bytes(32), staff=away
    )
    gate.tally = Tally(most=1)
    for _ in range(3):
        gate.tally.takes(ONE, "E_NEED_TO_KNOW", AT, alert=True)
    await gate.sum_refusals()
    [append] = store.appended
    assert append.events[1].event.severity == "HIGH"  # type: ignore[attr-defined]
