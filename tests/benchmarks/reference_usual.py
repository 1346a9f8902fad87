"""Reference: the same endpoint as a competent team writes it by hand, without event sourcing.

The bearer token is verified (and remembered for a minute), the role asked, `Idempotency-Key` honoured; one
transaction writes the complaint, its assignment, an audit row and an outbox row, and a task in the same
process publishes the outbox in order. No sealing, no proof, no read models, no deadlines, no replay.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import httpx
import nats
import orjson
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.benchmarks.bodies import Body

SCHEMA = """
    CREATE TABLE IF NOT EXISTS complaints (
        id uuid PRIMARY KEY, organ text NOT NULL, state text NOT NULL, version int NOT NULL,
        channel text NOT NULL, source text NOT NULL, received_on date NOT NULL, pages int NOT NULL,
        competent_level text NOT NULL, blob_id text NOT NULL, platform_no text NOT NULL,
        acknowledged_notice_version text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX IF NOT EXISTS complaints_organ ON complaints (organ);
    CREATE TABLE IF NOT EXISTS assignments (
        complaint uuid NOT NULL, person text NOT NULL, role text NOT NULL,
        since timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (complaint, person, role));
    CREATE TABLE IF NOT EXISTS audit (
        id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), actor text NOT NULL,
        role text NOT NULL, organ text NOT NULL, action text NOT NULL, object uuid NOT NULL,
        trace text NOT NULL, detail jsonb NOT NULL);
    CREATE INDEX IF NOT EXISTS audit_object ON audit (object);
    CREATE TABLE IF NOT EXISTS idempotency (
        key text PRIMARY KEY, request_hash bytea NOT NULL, answer jsonb NOT NULL,
        at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE IF NOT EXISTS outbox (
        id bigserial PRIMARY KEY, subject text NOT NULL, body jsonb NOT NULL,
        sent boolean NOT NULL DEFAULT false);
    CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (id) WHERE NOT sent;
    """
ALGORITHMS = ["ES256", "EdDSA", "Ed25519"]
KNOW = """
    INSERT INTO idempotency (key, request_hash, answer) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1
    """
RECEIVE = """
    INSERT INTO complaints (id, organ, state, version, channel, source, received_on, pages, competent_level,
        blob_id, platform_no, acknowledged_notice_version)
    VALUES ($1, $2, 'RECEIVED', 1, $3, $4, $5, $6, $7, $8, $9, $10)
    """
NOTE = """
    INSERT INTO audit (actor, role, organ, action, object, trace, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)
    """
CLERK = "petition_clerk"


async def relay(pool: asyncpg.Pool, wake: asyncio.Event) -> None:
    """Publishes what waits, in order, and marks it."""
    client = await nats.connect(os.environ["BENCH_NATS"], nkeys_seed=os.environ["BENCH_SEED"])
    stream = client.jetstream()
    await stream.add_stream(name="USUAL", subjects=["usual.>"], max_bytes=1024**3)
    query = "SELECT id, subject, body FROM outbox WHERE NOT sent ORDER BY id LIMIT 128"
    while True:
        rows = await pool.fetch(query)
        if not rows:
            wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), 1.0)
            continue
        await asyncio.gather(
            *(
                stream.publish(row["subject"], row["body"].encode(), headers={"Nats-Msg-Id": str(row["id"])})
                for row in rows
            )
        )
        await pool.execute("UPDATE outbox SET sent = true WHERE id = ANY($1)", [row["id"] for row in rows])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    size = int(os.environ["BENCH_POOL"])
    app.state.pool = await asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=size, max_size=size)
    await app.state.pool.execute(SCHEMA)
    async with httpx.AsyncClient(trust_env=False) as client:
        app.state.keys = KeySet.import_key_set((await client.get(os.environ["BENCH_JWKS"])).json())
    app.state.known = {}
    app.state.wake = asyncio.Event()
    task = asyncio.create_task(relay(app.state.pool, app.state.wake))
    yield
    task.cancel()
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def readyz() -> bool:
    return True


async def user(request: Request, authorization: Annotated[str, Header()]) -> dict[str, Any]:
    raw = authorization.removeprefix("Bearer ")
    digest, now = sha256(raw.encode()).digest(), time.time()
    known: dict[bytes, tuple[float, dict[str, Any]]] = request.app.state.known
    if (found := known.get(digest)) is not None and found[0] > now:
        return found[1]
    claims = dict(jwt.decode(raw, request.app.state.keys, algorithms=ALGORITHMS).claims)
    if claims["exp"] < now:
        raise HTTPException(401)
    known[digest] = (now + 60, claims)
    return claims


@app.post("/v1/complaints", status_code=201)
async def receive(
    request: Request,
    response: Response,
    body: Body,
    who: Annotated[dict[str, Any], Depends(user)],
    idempotency_key: Annotated[str, Header(min_length=8, max_length=128)],
    traceparent: Annotated[str, Header()] = "",
) -> dict[str, Any]:
    held = who["role"] if isinstance(who["role"], list) else [who["role"]]
    if CLERK not in held:
        raise HTTPException(403)
    person, organ = who["sub"], who["organ"]
    told = body.model_dump(mode="json", exclude={"reporter"})
    request_hash = sha256(orjson.dumps(told)).digest()
    key = sha256(f"{person}:{idempotency_key}".encode()).hexdigest()
    id = uuid4()
    answer = {"id": str(id), "state": "RECEIVED", "version": 1}
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval(KNOW, key, request_hash, json.dumps(answer)):
            row = await connection.fetchrow(
                "SELECT request_hash, answer FROM idempotency WHERE key = $1", key
            )
            if row["request_hash"] != request_hash:
                raise HTTPException(422)
            repeated: dict[str, Any] = json.loads(row["answer"])
            return repeated
        await connection.execute(
            RECEIVE,
            id,
            organ,
            body.channel,
            body.source,
            body.received_on,
            body.pages,
            body.competent_level,
            body.blob_id,
            body.platform_no,
            body.acknowledged_notice_version,
        )
        await connection.execute(
            "INSERT INTO assignments (complaint, person, role) VALUES ($1, $2, $3)", id, person, CLERK
        )
        detail = json.dumps(told)
        await connection.execute(NOTE, person, CLERK, organ, "ReceiveComplaint", id, traceparent, detail)
        published = json.dumps({"id": str(id), "by": person, **told})
        await connection.execute(
            "INSERT INTO outbox (subject, body) VALUES ($1, $2)", "usual.ComplaintReceived", published
        )
    request.app.state.wake.set()
    response.headers["etag"] = '"1"'
    response.headers["location"] = f"complaints/{id}"
    return answer


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
