"""Counts its start, and tells what it was given."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import nats
import uvicorn
from fastapi import FastAPI

from deploy.local.clockfile import ClockReader
from shared.kernel.bus.names import inbox_prefix, stream_name

SERVICE = os.environ["ZM_SERVICE"]


def _dsn(variable: str) -> str:
    return Path(os.environ[f"{variable}_FILE"]).read_text().replace("+asyncpg", "")


app = FastAPI()


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    return {}


@app.get("/state")
async def state() -> dict[str, object]:
    connection = await asyncpg.connect(_dsn("ZM_DATABASE_URL"))
    starts = await connection.fetchval("SELECT count(*) FROM starts")
    await connection.close()
    clock = os.environ.get("ZM_CLOCK_FILE")
    return {
        "service": SERVICE,
        "starts": starts,
        "streams": await _stream_messages(),
        "now": ClockReader(Path(clock)).now().isoformat() if clock else None,
        "vault": "ZM_VAULT_DATABASE_URL_FILE" in os.environ,
        "owner": "ZM_OWNER_DATABASE_URL_FILE" in os.environ,
    }


async def _stream_messages() -> int:
    nc = await nats.connect(
        os.environ["ZM_NATS_URL"],
        nkeys_seed=os.environ["ZM_NATS_SEED_FILE"],
        inbox_prefix=inbox_prefix(SERVICE).encode(),
    )
    info = await nc.jetstream(timeout=10).stream_info(stream_name(SERVICE))
    await nc.close()
    return info.state.messages


async def _begin() -> None:
    if os.environ.get("TOY_FAILS") == SERVICE:
        sys.exit("the toy was told to fail")
    connection = await asyncpg.connect(_dsn("ZM_DATABASE_URL"))
    await connection.execute("INSERT INTO starts DEFAULT VALUES")
    await connection.close()
    nc = await nats.connect(
        os.environ["ZM_NATS_URL"],
        nkeys_seed=os.environ["ZM_NATS_SEED_FILE"],
        inbox_prefix=inbox_prefix(SERVICE).encode(),
    )
    js = nc.jetstream(timeout=10)
    await js.add_stream(name=stream_name(SERVICE), subjects=[f"zm.{SERVICE}.>"])
    await js.publish(f"zm.{SERVICE}.Started.v1", b"{}")
    await nc.close()


if __name__ == "__main__":
    asyncio.run(_begin())
    uvicorn.run(app, host=os.environ["ZM_HOST"], port=int(os.environ["ZM_PORT"]), access_log=False)
