"""What a write costs: POST a complaint with everything on, beside a bare INSERT and beside the stock library.

The service is measured as it runs by default, one process that accepts and works in the background (it
publishes, projects and watches deadlines meanwhile), and once more as a process that only accepts
(ZM_ROLES=api), as a larger deployment runs it. Each round is followed by a wait until all is caught up,
so that no round pays for another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from statistics import median
from time import monotonic

from deploy.local.stack import Stack
from tests.benchmarks.bodies import COMPLAINT
from tests.benchmarks.load import drive, requests
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.world import POOL, checkpoint, cpu_seconds, database, server, service

ROUNDS = 7
SECONDS = 2.5
CLERK = "petition_clerk@DI-990102100"


async def quiet(pid: int, limit: float = 60.0) -> None:
    """Waits until a process has nothing left to do."""
    until = monotonic() + limit
    while monotonic() < until:
        before = cpu_seconds(pid)
        await asyncio.sleep(0.3)
        if cpu_seconds(pid) - before <= 0.02:
            return


Target = tuple[int, int]
"""Port and process id."""


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
                port, pid = targets[name]
                await checkpoint(self._stack)
                rate = await drive(port, self._requests, SECONDS)
                await quiet(pid)
                if turn >= 0:
                    rates[name].append(rate)
        return rates

    async def reference(self, started: AsyncExitStack, module: str, name: str, **env: str) -> Target:
        dsn, _ = await database(self._stack, name)
        own = {"BENCH_DSN": dsn, "BENCH_POOL": str(POOL), **env}
        port, child = await started.enter_async_context(server(self._stack, module, own))
        return port, child.pid


async def ratios(stack: Stack) -> list[Ratio]:
    writes = Writes(stack, await asyncio.to_thread(stack.token, CLERK))
    async with AsyncExitStack() as started:
        bare = await writes.reference(started, "reference_bare", "bench_bare")
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
            whole = await writes.turns({"ours": (port, child.pid), "bare": bare, "stock": stock}, ROUNDS)
        async with service(stack, "intake", ZM_ROLES="api") as (port, child):
            api = await writes.turns({"ours": (port, child.pid), "bare": bare}, ROUNDS // 2 + 1)
    return [
        _ratio("write_vs_bare", whole, "bare", 1.0),
        _ratio("write_vs_stock", whole, "stock", 4.0),
        _ratio("write_vs_bare_api_only", api, "bare", None),
    ]


def _ratio(name: str, rates: dict[str, list[float]], reference: str, at_least: float | None) -> Ratio:
    ours, theirs = rates["ours"], rates[reference]
    # Round by round: both sides of one round met the same machine.
    value = median(a / b for a, b in zip(ours, theirs, strict=True))
    shown = [f"{median(found):,.0f}/s" for found in (ours, theirs)]
    return Ratio(name, value, shown[0], shown[1], at_least=at_least)
