"""Reference: a bare FastAPI endpoint that validates the body and does one INSERT and commit on asyncpg."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI

from tests.benchmarks.bodies import Body

POOL: Any = None


class Plain(asyncpg.Connection):  # type: ignore[misc] # it has no types
    """A connection that is not reset when it goes back to the pool: a round trip less per request than
    asyncpg's default."""

    def get_reset_query(self) -> str:
        return ""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    global POOL
    size = int(os.environ["BENCH_POOL"])
    kind = Plain if os.environ.get("BENCH_RESET") == "no" else asyncpg.Connection
    POOL = await asyncpg.create_pool(
        os.environ["BENCH_DSN"], min_size=size, max_size=size, connection_class=kind
    )
    await POOL.execute(
        """
        CREATE TABLE IF NOT EXISTS complaints (
            id uuid PRIMARY KEY, channel text NOT NULL, source text NOT NULL, received_on date NOT NULL,
            pages int NOT NULL, competent_level text NOT NULL, blob_id text NOT NULL,
            platform_no text NOT NULL, acknowledged_notice_version text NOT NULL,
            recorded_at timestamptz NOT NULL DEFAULT now())
        """
    )
    yield
    await POOL.close()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def readyz() -> bool:
    return True


@app.post("/v1/complaints", status_code=201)
async def receive(body: Body) -> dict[str, UUID]:
    id = uuid4()
    await POOL.execute(
        "INSERT INTO complaints (id, channel, source, received_on, pages, competent_level, blob_id,"
        " platform_no, acknowledged_notice_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        body.channel,
        body.source,
        body.received_on,
        body.pages,
        body.competent_level,
        body.blob_id,
        body.platform_no,
        body.acknowledged_notice_version,
    )
    return {"id": id}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        backlog=2048,
    )
