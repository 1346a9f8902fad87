"""Faults of a stream that no relay wrote: holes, repeats, disorder, forgeries, and an event on which a
reaction fails. A stack of its own, because each test damages a stream until the broker is wiped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from subprocess import CompletedProcess
from uuid import uuid4

import pytest

from deploy.local.door import door
from shared.kernel.store.types import Append, LogEntry
from shared.language.contracts.verification import VerificationConcluded
from shared.language.event import Event, Meta, Recorded, event_class
from tests.faults.breakable import BreakableStack
from tests.faults.client import PATIENCE_SECONDS
from tests.faults.forger import Forger
from tests.faults.journeys import ORGAN
from tests.faults.ledger import Ledger
from tests.faults.picture import Observatory
from tests.faults.traffic import Traffic
from tests.faults.verify import verify_all

BEFORE, UNPUBLISHED, AFTER = 60, 60, 140
"""Acknowledged commands before the broker goes, while intake cannot publish, and in all of a test."""


@pytest.fixture
async def account(
    stack: BreakableStack, ledger: Ledger, observatory: Observatory
) -> Callable[..., Awaitable[None]]:
    """Everything but intake's stream is checked as it is; then the broker is wiped, and that stream too."""

    async def account() -> None:
        await verify_all(stack, ledger, observatory=observatory, damaged=["intake"])
        await asyncio.to_thread(stack.kill_nats)
        stack.wipe_nats()
        await asyncio.to_thread(stack.start_nats)
        await verify_all(stack, ledger, observatory=observatory)

    return account


async def test_holes_repeats_and_disorder(
    stack: BreakableStack, ledger: Ledger, traffic: Traffic, account: Callable[[], Awaitable[None]]
) -> None:
    """A new broker has got intake's log with a seventh missing, a fifth twice and neighbours exchanged."""
    gaps = metric(stack, "verification", "zm_inbox_gaps_total", "intake")
    async with traffic.flowing() as acknowledged:
        await acknowledged(BEFORE)
        await asyncio.to_thread(stack.kill_nats)
        await acknowledged(BEFORE + UNPUBLISHED)
        await refill(stack, disorderly)
        async with asyncio.timeout(PATIENCE_SECONDS):  # until a hole is seen
            while metric(stack, "verification", "zm_inbox_gaps_total", "intake") <= gaps:
                await asyncio.sleep(0.1)
        await asyncio.to_thread(stack.start_service, "intake")
        await acknowledged(AFTER)
    await account()


async def test_late_and_repeated_messages(
    stack: BreakableStack, ledger: Ledger, traffic: Traffic, account: Callable[[], Awaitable[None]]
) -> None:
    """Old messages come again between those of a relay that is at work."""
    before = metric(stack, "verification", "zm_inbox_duplicates_total", "intake")
    async with traffic.flowing() as acknowledged:
        async with Forger(stack, "intake") as forger:
            for round in range(10):
                await acknowledged(BEFORE + 5 * round)
                log = await forger.log()
                await forger.publish(log[-1], log[-9], log[-40])
            await forger.publish(log[2])
        await acknowledged(AFTER)
    assert metric(stack, "verification", "zm_inbox_duplicates_total", "intake") > before
    await account()


async def test_a_message_that_does_not_open(
    stack: BreakableStack, ledger: Ledger, traffic: Traffic, account: Callable[[], Awaitable[None]]
) -> None:
    """A forgery stands in the place of a true event whose producer is away: set aside with its case, the
    others go on. Tried again when the producer is back, the true event has its effect, once."""
    spoilt: list[LogEntry] = []

    async def spoil_one(forger: Forger, old: list[LogEntry], new: list[LogEntry]) -> None:
        """The first transfer among what nobody has received yet."""
        spoilt.append(next(e for e in new if e.topic == "intake.ComplaintTransferredToHandler"))
        await forger.publish(*old, *new, spoilt=spoilt[0])

    async with traffic.flowing() as acknowledged:
        await acknowledged(BEFORE)
        await asyncio.to_thread(stack.kill_nats)
        await acknowledged(BEFORE + UNPUBLISHED)
        await refill(stack, spoil_one)
        position = spoilt[0].position
        for listener in ("verification", "clarification", "followup", "audit"):
            await parked(stack, listener, "intake", position)
        await asyncio.to_thread(stack.start_service, "intake")
        await acknowledged(AFTER)
    for listener in ("verification", "clarification", "followup", "audit"):
        waiting = await operator(stack, listener, "parked", "list", "--source", "intake")
        assert (waiting.returncode, f"intake {position}  case" in waiting.stdout) == (1, True), waiting
        again = await operator(stack, listener, "parked", "retry", "--source", "intake")
        assert again.returncode == 0, again
    await account()


async def test_an_event_on_which_a_reaction_fails(
    stack: BreakableStack, ledger: Ledger, traffic: Traffic, observatory: Observatory
) -> None:
    """A conclusion that names a complaint by something that is no id: intake sets it aside, and what comes
    later of the same case; the rest goes on."""
    today = stack.now()[:10]
    poison = VerificationConcluded(
        number="HC-0",
        verdict="ALL_UNFOUNDED",
        complaint_ids=("not an id",),
        findings=(),
        three_distinctions=(),
        opinion="",
        concluded_on=today,
    )
    assigned = event_class("verification.AssignmentStarted")
    assert assigned is not None
    later = assigned(person="p-nobody", role="handler")
    async with traffic.flowing() as acknowledged:
        await acknowledged(BEFORE)
        async with Forger(stack, "verification") as forger:
            appended = await forger.recorder.append(Append(events=events_of_a_case(forger, poison, later)))
        first, second = (entry.position for entry in appended.entries)
        ledger.parked |= {("intake", "verification", first), ("intake", "verification", second)}
        reason = await parked(stack, "intake", "verification", first)
        assert "ValueError" in reason
        assert await parked(stack, "intake", "verification", second) == "behind"
        await acknowledged(AFTER)
    await verify_all(stack, ledger, observatory=observatory)


# --- how it is done -------------------------------------------------------------------------------

Write = Callable[[Forger, list[LogEntry], list[LogEntry]], Awaitable[None]]


async def refill(stack: BreakableStack, write: Write) -> None:
    """Kills intake, gives the house an empty broker, and writes intake's stream in intake's stead. `new` are
    the events that verification has not received yet. Intake stays away."""
    observatory = Observatory(stack)
    await asyncio.to_thread(stack.kill, "intake")
    received = (await observatory.tracked("verification")).get("intake", 0)
    stack.wipe_nats()
    await asyncio.to_thread(stack.start_nats)
    async with Forger(stack, "intake") as forger:
        log = await forger.log()
        await forger.make_stream()
        split = next(n for n, entry in enumerate(log) if entry.position > received)
        await write(forger, log[:split], log[split:])


async def disorderly(forger: Forger, old: list[LogEntry], new: list[LogEntry]) -> None:
    """The log with holes, repeats and exchanged neighbours; its end is true, or the relay would stop."""
    last = new.pop()
    for n in range(0, len(new) - 1, 11):
        new[n], new[n + 1] = new[n + 1], new[n]
    written = [entry for n, entry in enumerate([*old, *new]) for _ in range((n % 7 != 3) + (n % 5 == 0))]
    await forger.publish(*written, last)


async def operator(stack: BreakableStack, service: str, *words: str) -> CompletedProcess[str]:
    """Runs an operator's command after a message was set aside."""
    return await asyncio.to_thread(stack.command, service, *words)


async def parked(stack: BreakableStack, service: str, source: str, position: int) -> str:
    """Waits until a message is set aside; gives the reason."""
    connection = await Observatory(stack).connect(service)
    query = "SELECT reason FROM parked WHERE source = $1 AND position = $2"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (reason := await connection.fetchval(query, source, position)) is None:
                await asyncio.sleep(0.1)
    finally:
        await connection.close()
    return str(reason)


def events_of_a_case(forger: Forger, *events: Event) -> list[Recorded]:
    """A stream of its own with these events, under one correlation."""
    stream = uuid4()
    now = forger.clock.now()
    meta = Meta(
        occurred_at=now,
        actor="p-nobody",
        role="handler",
        organ=f"DI-{ORGAN}",
        command="Nothing",
        policy="none",
        correlation_id=uuid4(),
    )
    return [
        Recorded(
            originator_id=stream,
            originator_version=version,
            kind="VerificationCase",
            stream_organ=f"DI-{ORGAN}",
            event=event,
            meta=replace(meta),
            state="CONCLUDED",
        )
        for version, event in enumerate(events, 1)
    ]


def metric(stack: BreakableStack, service: str, name: str, source: str) -> float:
    """A counter of a service as it reports it; 0 before it first counted."""
    with door(stack.direct_url(service)) as client:
        text = client.get("/metrics").text
    line = next((line for line in text.splitlines() if line.startswith(f'{name}{{source="{source}"}}')), "")
    return float(line.rpartition(" ")[2] or 0)
