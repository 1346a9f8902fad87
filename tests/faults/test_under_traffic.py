"""Every fault of the plan while commands come in, and after each the whole account.

One stack and one ledger for all: what an earlier fault has left behind would show later.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from deploy.local.stack import SERVICES
from tests.faults import LONG
from tests.faults.breakable import BreakableStack
from tests.faults.client import PATIENCE_SECONDS
from tests.faults.ledger import Ledger
from tests.faults.picture import Observatory
from tests.faults.traffic import Traffic
from tests.faults.verify import verify_all

pytestmark = pytest.mark.external

IN_ALL = int(os.environ.get("ZM_FAULT_COMMANDS", "40"))
"""Acknowledged commands of each test; 260 in `make faults`, so that a run holds the 5,000 of the plan."""
BEFORE = IN_ALL // 5
"""Commands before the fault."""
FORGOTTEN = 60
"""Events of intake that the broker had given out and then forgets."""
LEAST = 5000 if LONG else 15 * IN_ALL
"""Acknowledged commands that a whole run must have held."""

Fault = Callable[[BreakableStack], Awaitable[None]]


@pytest.fixture
async def endure(
    stack: BreakableStack, ledger: Ledger, traffic: Traffic, observatory: Observatory
) -> Callable[[Fault], Awaitable[None]]:
    """Traffic, the fault in its midst, traffic again, rest, and the account."""

    async def endure(fault: Fault) -> None:
        await asyncio.to_thread(stack.advance, timedelta(minutes=7))
        async with traffic.flowing() as acknowledged:
            await acknowledged(BEFORE)
            await fault(stack)
            await acknowledged(IN_ALL)
        assert [child.name for child in stack.ended()] == []
        await verify_all(stack, ledger, observatory=observatory)

    return endure


Endure = Callable[[Fault], Awaitable[None]]


# --- services -------------------------------------------------------------------------------------


@pytest.mark.parametrize("victims", [*((name,) for name in SERVICES if LONG), SERVICES], ids="+".join)
async def test_kill_9(endure: Endure, victims: tuple[str, ...]) -> None:
    """Killed in the middle of whatever it did, started again."""

    async def fault(stack: BreakableStack) -> None:
        await asyncio.to_thread(stack.kill_and_start, *victims)

    await endure(fault)


WRITERS = {"intake": 25, "verification": 9, "clarification": 4}
PUBLISHERS = {"intake": 6, "verification": 5, "clarification": 2}
LISTENERS = {"intake": 5, "verification": 8, "clarification": 5, "followup": 2, "audit": 7}
POINTS = {
    "store.before_commit": WRITERS,
    "store.after_commit": WRITERS,
    "relay.before_publish": PUBLISHERS,
    "relay.after_publish": PUBLISHERS,
    "inbox.before_commit": LISTENERS,
    "inbox.after_commit": LISTENERS,
}
"""Failpoint -> at which of its passes a service dies."""


@pytest.mark.parametrize("point", POINTS)
async def test_death_between_two_lines(endure: Endure, point: str) -> None:
    """Dead between commit, publish and acknowledge, in several services at once."""

    async def fault(stack: BreakableStack) -> None:
        await asyncio.to_thread(stack.arm, {name: f"{point}:{n}" for name, n in POINTS[point].items()})
        await asyncio.to_thread(stack.await_failpoints)

    await endure(fault)


# --- broker ---------------------------------------------------------------------------------------


async def nats_killed(stack: BreakableStack, *, wiped: bool = False) -> None:
    await asyncio.to_thread(stack.kill_nats)
    await asyncio.sleep(1)
    if wiped:
        stack.wipe_nats()
    await asyncio.to_thread(stack.start_nats)


async def nats_wiped_twice_and_listeners_killed(stack: BreakableStack) -> None:
    await nats_killed(stack, wiped=True)
    await asyncio.sleep(1)
    await nats_killed(stack, wiped=True)
    await asyncio.to_thread(stack.kill_and_start, "verification", "followup", "audit")


async def nats_frozen(stack: BreakableStack) -> None:
    stack.kill("nats", signal.SIGSTOP)
    await asyncio.sleep(4)
    stack.kill("nats", signal.SIGCONT)


async def nats_lost_its_last_second(stack: BreakableStack, *, consumers_too: bool = True) -> None:
    """Killed, and its disk shows an earlier moment: what came since was acknowledged and not yet synced. Or
    only the messages are of that moment, and the consumers stand beyond the end of their streams."""
    store, older = stack.nats.store, stack.nats.store.with_name("older")
    observatory = Observatory(stack)

    async def taken_in() -> int:
        return min([(await observatory.tracked(name)).get("intake", 0) for name in ("verification", "audit")])

    stack.kill("nats", signal.SIGSTOP)
    await asyncio.to_thread(shutil.copytree, store, older)
    stack.kill("nats", signal.SIGCONT)
    before = await taken_in()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await taken_in() < before + FORGOTTEN:
            await asyncio.sleep(0.05)
    await asyncio.to_thread(stack.kill_nats)
    if consumers_too:
        shutil.rmtree(store)
        shutil.move(older, store)
    else:
        for messages in older.rglob("msgs"):
            kept = store / messages.relative_to(older)
            shutil.rmtree(kept)
            shutil.move(messages, kept)
        shutil.rmtree(older)
    await asyncio.to_thread(stack.start_nats)


# --- database -------------------------------------------------------------------------------------


async def postgres_crashed(stack: BreakableStack) -> None:
    await asyncio.to_thread(stack.stop_postgres, "immediate")
    await asyncio.sleep(1)
    await asyncio.to_thread(stack.start_postgres)


async def postgres_away_for_long(stack: BreakableStack) -> None:
    """Stops PostgreSQL for longer than a service waits for it: its clients hear 503 meanwhile."""
    await asyncio.to_thread(stack.stop_postgres, "immediate")
    await asyncio.sleep(7)
    await asyncio.to_thread(stack.start_postgres)


async def power_cut(stack: BreakableStack) -> None:
    """Everything at once, and the services before what they need."""
    await asyncio.to_thread(stack.stop_postgres, "immediate")
    await asyncio.to_thread(stack.kill_nats)
    for name in SERVICES:
        stack.kill(name)
    for name in SERVICES:
        stack.start_service(name, wait=False)
    await asyncio.to_thread(stack.start_postgres)
    await asyncio.to_thread(stack.start_nats)
    for name in SERVICES:
        await asyncio.to_thread(stack.start_service, name)


# --- time -----------------------------------------------------------------------------------------


async def killed_while_deadlines_fall_due(stack: BreakableStack) -> None:
    """A month passes at once; the schedulers die while they tell of it."""
    await asyncio.to_thread(stack.advance, timedelta(days=31))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(stack.kill_and_start, "intake", "verification")


@pytest.mark.parametrize(
    "fault",
    [
        nats_killed,
        partial(nats_killed, wiped=True),
        nats_wiped_twice_and_listeners_killed,
        nats_frozen,
        nats_lost_its_last_second,
        partial(nats_lost_its_last_second, consumers_too=False),
        postgres_crashed,
        postgres_away_for_long,
        power_cut,
        killed_while_deadlines_fall_due,
    ],
    ids=lambda fault: getattr(fault, "__name__", None) or "-".join([fault.func.__name__, *fault.keywords]),
)
async def test_fault(endure: Endure, fault: Fault) -> None:
    """Broker, database, everything, and time."""
    await endure(fault)


def test_it_was_enough(ledger: Ledger, record_property: Callable[[str, object], None]) -> None:
    """The account covers what the plan asks for, and the client was really disturbed."""
    record_property("ledger", str(ledger))
    assert len(ledger.acknowledged) >= LEAST
    assert ledger.repeats.total() > len(POINTS)
