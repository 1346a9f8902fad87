"""The cost of a write: POST a complaint with everything on, beside three references: a bare INSERT, the same
endpoint as a team writes it by hand (`usual`), and the stock library.

The service is measured as one process that accepts and works in the background (it publishes, projects and
watches deadlines meanwhile), as two processes that share this, and as the one of them that only accepts. Each
round is followed by a wait until all is caught up, and begins with a checkpoint, so that no round pays for
another, and with a second of the same load: after a checkpoint PostgreSQL writes each page whole once, and
there is one every quarter of an hour, not before every round. Last, the latency of an open load: so many
requests a second, whatever becomes of those before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from time import monotonic

from deploy.local.stack import Stack
from tests.benchmarks.bodies import COMPLAINT
from tests.benchmarks.load import drive, pace, requests
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import POOL, checkpoint, cpu_seconds, database, server
from tests.processes import service

ROUNDS = 5
SECONDS = 2.5
WARM = 1.0
"""Seconds of the load before it is measured."""
OPEN_LOAD = 300
"""Requests a second of the open load."""
CLERK = "petition_clerk@DI-990102100"


async def quiet(pid: int, limit: float = 60.0) -> None:
    """Waits until a process has nothing left to do."""
    until = monotonic() + limit
    while monotonic() < until:
        before = cpu_seconds(pid)
        await asyncio.sleep(0.3)
        if cpu_seconds(pid) - before <= 0.02:
            return


@dataclass(frozen=True, slots=True)
class Target:
    """A request, and the processes that have something to do for it."""

    port: int
    pids: tuple[int, ...]

    async def quiet(self) -> None:
        for pid in self.pids:
            await quiet(pid)


class Writes:
    """The same load on one program after the other."""

    def __init__(self, stack: Stack, token: str) -> None:
        self._stack = stack
        self._token = token

    def _requests(self) -> Iterator[bytes]:
        return requests("/v1/complaints", self._token, COMPLAINT)

    async def turns(self, targets: dict[str, Target], rounds: int) -> dict[str, list[float]]:
        """Requests per second of each, round by round, in turns."""
        rates: dict[str, list[float]] = {name: [] for name in targets}
        for turn in range(-1, rounds):  # the first one warms up
            for name in sorted(targets, reverse=bool(turn % 2)):
                await checkpoint(self._stack)
                await drive(targets[name].port, self._requests, WARM)
                rate = await drive(targets[name].port, self._requests, SECONDS)
                await targets[name].quiet()
                if turn >= 0:
                    rates[name].append(rate)
        return rates

    async def latencies(self, targets: dict[str, Target], rounds: int) -> dict[str, list[float]]:
        """The median latency of each under the open load, round by round, in turns; in seconds."""
        found: dict[str, list[float]] = {name: [] for name in targets}
        for turn in range(rounds):
            for name in sorted(targets, reverse=bool(turn % 2)):
                await checkpoint(self._stack)
                await pace(targets[name].port, self._requests, OPEN_LOAD, WARM)
                found[name].append(median(await pace(targets[name].port, self._requests, OPEN_LOAD, SECONDS)))
                await targets[name].quiet()
        return found

    async def reference(self, started: AsyncExitStack, module: str, name: str, **env: str) -> Target:
        dsn, _ = await database(self._stack, name)
        own = {"BENCH_DSN": dsn, "BENCH_POOL": str(POOL), **env}
        port, child = await started.enter_async_context(server(self._stack, module, own))
        return Target(port, (child.pid,))


async def ratios(stack: Stack) -> list[Ratio]:
    writes = Writes(stack, await asyncio.to_thread(stack.token, CLERK))
    async with AsyncExitStack() as started:
        bare = await writes.reference(started, "reference_bare", "bench_bare")
        usual = await writes.reference(
            started,
            "reference_usual",
            "bench_usual",
            BENCH_JWKS=f"{stack.direct_url('issuer')}/jwks.json",
            BENCH_NATS=stack.nats.url,
            BENCH_SEED=str(stack.nats.seed_file("admin")),
        )
        stock = await writes.reference(
            started,
            "reference_stock",
            "bench_stock",
            PERSISTENCE_MODULE="eventsourcing.postgres",
            POSTGRES_DBNAME="bench_stock",
            POSTGRES_HOST="127.0.0.1",
            POSTGRES_PORT=str(stack.postgres.port),
            POSTGRES_USER="bench_stock_owner",
            POSTGRES_PASSWORD="owner-password",
            POSTGRES_POOL_SIZE=str(POOL),
            POSTGRES_MAX_OVERFLOW="0",
        )
        async with service(stack, "intake") as (port, child):
            ours = Target(port, (child.pid,))
            whole = await writes.turns({"ours": ours, "bare": bare, "usual": usual, "stock": stock}, ROUNDS)
            slow = await writes.latencies({"ours": ours, "bare": bare}, ROUNDS)
        async with service(stack, "intake", ZM_ROLES="api") as (port, child):
            alone = await writes.turns({"ours": Target(port, (child.pid,)), "bare": bare}, ROUNDS // 2)
            async with service(stack, "intake", ZM_ROLES="worker") as (_, worker):
                both = Target(port, (child.pid, worker.pid))
                await both.quiet()
                apart = await writes.turns({"ours": both, "bare": bare}, ROUNDS)
    return [
        _ratio("write_vs_bare", whole, "bare", 1.0),
        _ratio("write_vs_usual", whole, "usual", 2.0),
        _ratio("write_vs_stock", whole, "stock", 4.5),
        _ratio("write_vs_bare_apart", apart, "bare", 1.3),
        _ratio("write_vs_bare_api_only", alone, "bare", None),
        _latency("latency_vs_bare", slow, 2.0),
    ]


def _ratio(name: str, rates: dict[str, list[float]], reference: str, at_least: float | None) -> Ratio:
    ours, theirs = rates["ours"], rates[reference]
    # Round by round: both sides of one round met the same machine.
    value = median(a / b for a, b in zip(ours, theirs, strict=True))
    shown = [f"{median(found):,.0f}/s" for found in (ours, theirs)]
    return Ratio(name, value, shown[0], shown[1], at_least=at_least)


def _latency(name: str, found: dict[str, list[float]], at_most: float) -> Ratio:
    ours, theirs = found["ours"], found["bare"]
    value = median(a / b for a, b in zip(ours, theirs, strict=True))
    shown = [f"{1000 * median(times):.1f} ms" for times in (ours, theirs)]
    return Ratio(name, value, shown[0], shown[1], at_most=at_most)
