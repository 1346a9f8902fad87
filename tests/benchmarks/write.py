"""What a write costs: POST a complaint with everything on, beside a bare INSERT and beside the stock library."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from statistics import median
from time import monotonic

from deploy.local.stack import Stack
from tests.benchmarks.bodies import COMPLAINT
from tests.benchmarks.load import drive, requests
from tests.benchmarks.world import POOL, checkpoint, cpu_seconds, database, server

ROUNDS = 9
SECONDS = 3.0
CLERK = "petition_clerk@DI-990102100"


async def quiet(pid: int, limit: float = 60.0) -> float:
    """Waits until a process has nothing left to do (relay and projections caught up); how long it took."""
    began = monotonic()
    while monotonic() - began < limit:
        before = cpu_seconds(pid)
        await asyncio.sleep(0.3)
        if cpu_seconds(pid) - before <= 0.02:
            break
    return monotonic() - began - 0.3


async def measure(stack: Stack, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, float]:
    """Requests per second of each, in turns."""
    token = await asyncio.to_thread(stack.token, CLERK)

    def made() -> object:
        return requests("/v1/complaints", token, COMPLAINT)

    async with AsyncExitStack() as started:

        async def reference(module: str, name: str, **env: str) -> tuple[int, int]:
            dsn = await database(stack, name)
            port, child = await started.enter_async_context(
                server(stack, module, {"BENCH_DSN": dsn, "BENCH_POOL": str(POOL), **env})
            )
            return port, child.pid

        targets = {"intake": (int(stack.direct_url("intake").rpartition(":")[2]), stack.pids()["intake"])}
        targets["bare"] = await reference("reference_bare", "bench_bare")
        targets["bare, no reset"] = await reference("reference_bare", "bench_plain", BENCH_RESET="no")
        targets["stock"] = await reference(
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
        rates: dict[str, list[float]] = {name: [] for name in targets}
        for turn in range(-1, rounds):
            names = list(targets)
            if turn % 2:
                names.reverse()
            for name in names:
                port, pid = targets[name]
                await checkpoint(stack)
                rate, _ = await drive(port, made, seconds if turn >= 0 else 1.0)  # type: ignore[arg-type]
                drained = await quiet(pid)
                print(f"   {name:16} {rate:8.0f}/s  drained in {drained:.1f} s", flush=True)
                if turn >= 0:
                    rates[name].append(rate)
    return {name: median(found) for name, found in rates.items()}
