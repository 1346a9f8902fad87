"""The receiving side of a hop, as a process of its own: verification, and beside it the bare reference.

Tells on standard output when something was committed. The monotonic clock is the machine's, so the sender
may subtract.
"""

from __future__ import annotations

import logging
import os
import sys
from time import perf_counter
from typing import Any

import asyncpg
import nats
import structlog
import uvloop
from nats.js.api import ConsumerConfig

from services.verification.main import service
from shared.casework.service import build
from shared.kernel.settings import Settings


async def bare() -> None:
    """Receive, one INSERT, acknowledge."""
    pool = await asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=1, max_size=1)
    await pool.execute("CREATE TABLE arrived (id bigserial PRIMARY KEY, body bytea NOT NULL)")
    client = await nats.connect(os.environ["ZM_NATS_URL"], nkeys_seed=os.environ["BENCH_SEED"])

    async def receive(message: Any) -> None:
        await pool.execute("INSERT INTO arrived (body) VALUES ($1)", message.data)
        tell("nats")
        await message.ack()

    await client.jetstream().subscribe(
        "bench.>", durable="bench", cb=receive, manual_ack=True, config=ConsumerConfig()
    )


def tell(what: str) -> None:
    print(what, perf_counter(), flush=True)


async def main() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    await bare()
    app, parts = build(service(), Settings.from_env("verification"))
    async with app.router.lifespan_context(app):
        position = await parts.recorder.max_position()
        tell("ready")
        while True:
            if await parts.recorder.wait_for(position, 60):
                tell("hop")
                position = await parts.recorder.max_position()


if __name__ == "__main__":
    uvloop.run(main())
