"""Reference for reads: FastAPI and asyncpg, one SELECT by the right index, its rows as JSON.

No token, no jurisdiction, no seal, no access record. Its tables hold the very rows that the services answer
with, in one table for each kind of page (`tests.benchmarks.reads` fills them).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Response

POOL: Any = None
_EVENTS = "SELECT version, type, recorded_at, told FROM plain_events WHERE stream = $1 ORDER BY version"
_TIMELINE = (
    "SELECT version, type, recorded_at, told FROM plain_events"
    " WHERE stream = (SELECT stream FROM plain_rows WHERE number = $1) ORDER BY position LIMIT 200"
)
_QUEUE = (
    "SELECT stream, number, state, organ, version, received_on, channel, rank, handling_dept, questions,"
    " deadline, due FROM plain_rows WHERE to_do AND organ LIKE $1 ORDER BY rank, received_on, stream LIMIT $2"
)
_LIST = (
    "SELECT stream, kind, organ, number, state, version, opened_at, changed_at, addressee, position"
    " FROM plain_rows WHERE organ LIKE $1 ORDER BY position DESC LIMIT $2"
)
_NUMBER = "SELECT stream, number, received_on, state, organ, told FROM plain_rows WHERE number = $1"
_ACCUSED = (
    "SELECT stream, number, received_on, state, organ, told FROM plain_rows WHERE accused = $1"
    " ORDER BY received_on DESC, stream DESC LIMIT $2"
)
BELOW = "DI-990102100%"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    global POOL
    size = int(os.environ["BENCH_POOL"])
    POOL = await asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=size, max_size=size)
    yield
    await POOL.close()


app = FastAPI(lifespan=lifespan)


def answered(body: Any) -> Response:
    return Response(orjson.dumps(body, default=str), media_type="application/json")


def listed(rows: list[Any]) -> Response:
    return answered([dict(row) for row in rows])


def found(rows: list[Any]) -> Response:
    """Rows with a part that is JSON already."""
    return answered([{**row, "told": orjson.Fragment(row["told"])} for row in rows])


@app.get("/readyz")
async def readyz() -> bool:
    return True


@app.get("/case/{id}")
async def case(id: UUID) -> Response:
    return found(await POOL.fetch(_EVENTS, id))


@app.get("/timeline/{number}")
async def timeline(number: str) -> Response:
    return found(await POOL.fetch(_TIMELINE, number))


@app.get("/queue")
async def queue(limit: int = 50) -> Response:
    return listed(await POOL.fetch(_QUEUE, BELOW, limit))


@app.get("/list")
async def page(limit: int = 50) -> Response:
    return listed(await POOL.fetch(_LIST, BELOW, limit))


@app.get("/number/{number}")
async def by_number(number: str) -> Response:
    return found(await POOL.fetch(_NUMBER, number))


@app.get("/accused")
async def by_accused(name: str, limit: int = 20) -> Response:
    return found(await POOL.fetch(_ACCUSED, name, limit))


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
