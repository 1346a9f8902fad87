"""A service as two processes, one that only accepts and one that only works in the background; one that is
asked before its read models are there; and one that finds an older version's, and something in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import nats
import psycopg
import pytest

from deploy.local.stack import Stack
from services.intake.clerks.book import DeskBook
from tests.faults.client import PATIENCE_SECONDS
from tests.faults.picture import read_stream
from tests.harness import end_of
from tests.processes import service

LISTS = {"/v1/complaints", "/v1/deadlines", "/v1/my-work", "/v1/queue"}
CLERK = "petition_clerk@DI-990102100"
COMPLAINT = b'{"channel":"LETTER","received_on":"2022-03-01","competent_level":"TOWNSHIP"}'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Intake alone; its own process gives way to those of the test."""
    with Stack(tmp_path_factory.mktemp("apart"), clock="system", services=("intake",)) as stack:
        stack.kill("intake", 15)
        yield stack


async def test_one_accepts_and_the_other_publishes_and_fills_the_lists(stack: Stack) -> None:
    """A complaint that the first has accepted stands in no list before there is a worker; then in all of
    them, and callers who ask the first for a list wait for their own complaint."""

    async def published() -> int:
        nc = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
        try:
            return len(await read_stream(nc, "intake"))
        finally:
            await nc.close()

    async with (
        service(stack, "intake", ZM_ROLES="api") as (port, _),
        await clerk(stack, port) as client,
    ):
        before = await published()
        first = await receive(client)
        behind = await client.get("/v1/complaints", params={"min_position": first["position"]})
        assert (behind.status_code, behind.json()["code"]) == (503, "E_NOT_YET")
        assert await published() == before
        async with service(stack, "intake", ZM_ROLES="worker"):
            second = await receive(client)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (found := await listed(client, second["position"])) is None:
                    pass  # it has waited for a second itself
                assert found >= {first["id"], second["id"]}
                while await published() < end_of(stack, "intake"):
                    await asyncio.sleep(0.05)


@pytest.mark.parametrize("roles", ["api,worker", "api"])
async def test_lists_that_are_not_there_yet_say_so(stack: Stack, roles: str) -> None:
    """A start takes commands at once. Until the tables of the read models are made it is not ready, and its
    lists answer E_NOT_YET: no table is a moment of a start, and no defect."""
    url = stack.database_url("zm_intake", scheme="postgresql")
    async with await psycopg.AsyncConnection.connect(url) as held:
        await held.execute("DROP TABLE IF EXISTS " + ", ".join(await tables(held)))
        await held.commit()
        # As another process that is about to make them.
        await held.execute("SELECT pg_advisory_xact_lock(hashtext('zm.projections'))")
        async with (
            service(stack, "intake", until="/livez", ZM_ROLES=roles) as (port, _),
            await clerk(stack, port) as client,
        ):
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["read_models"]) == (503, False)
            complaint = await receive(client)
            lists = await lists_of(client)
            told = dict(zip(lists, await asyncio.gather(*(client.get(path) for path in lists)), strict=True))
            assert {path for path, answer in told.items() if answer.status_code >= 500} >= LISTS
            for path, answer in told.items():
                assert answer.status_code < 500 or answer.json()["code"] == "E_NOT_YET", path
            await held.rollback()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (ready := await client.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.05)
            assert {(await client.get(path)).status_code for path in LISTS} == {200}
            if roles != "api":
                assert complaint["id"] in (await listed(client, complaint["position"]) or ())


async def test_an_upgrade_stops_no_read_model_but_the_one_that_fails(stack: Stack) -> None:
    """One cannot make its tables: its own lists are E_NOT_YET, which readiness and the gauge tell. All others
    answer, and so do commands. Once the way is free, what the older version left in clear is gone."""
    url = stack.database_url("zm_intake", scheme="postgresql")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as database:
        await database.execute("DROP TABLE IF EXISTS " + ", ".join(await tables(database)))
        await database.execute("CREATE TABLE view.accused_v1 (name text)")
        in_the_way = f"queue_v{DeskBook.version}_to_do_rank_received_on_stream_idx"
        await database.execute(f"CREATE INDEX {in_the_way} ON view.accused_v1 (name)")
        async with service(stack, "intake") as (port, _), await clerk(stack, port) as client:
            complaint = await receive(client)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await listed(client, complaint["position"]) is None:
                    await asyncio.sleep(0.05)
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["halted"]) == (200, ["read model deskbook"])
            assert 'zm_halted{part="read model deskbook"} 1.0' in (await client.get("/metrics")).text
            queue = await client.get("/v1/queue")
            assert (queue.status_code, queue.json()["code"]) == (503, "E_NOT_YET")
            await database.execute(f"DROP INDEX view.{in_the_way}")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await client.get("/readyz")).json()["halted"]:
                    await asyncio.sleep(0.05)
                while 'view."accused_v1"' in await tables(database):
                    await asyncio.sleep(0.05)
            assert (
                await client.get("/v1/queue", params={"min_position": complaint["position"]})
            ).status_code == 200
            assert 'zm_halted{part="read model deskbook"} 0.0' in (await client.get("/metrics")).text


async def tables(database: psycopg.AsyncConnection) -> list[str]:
    """The tables of the read models, and of their bookkeeping."""
    found = await database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'view'")
    return [f'view."{name}"' for (name,) in await found.fetchall()]


async def lists_of(client: httpx.AsyncClient) -> list[str]:
    """The reads that wait for a position."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    given = {path: of["get"].get("parameters", ()) for path, of in paths.items() if "get" in of}
    return [p for p, names in given.items() if "{" not in p and "min_position" in {n["name"] for n in names}]


async def clerk(stack: Stack, port: int) -> httpx.AsyncClient:
    """A clerk of a township, asking one process."""
    headers = {
        "authorization": f"Bearer {await asyncio.to_thread(stack.token, CLERK)}",
        "content-type": "application/json",
    }
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
    )


async def receive(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/v1/complaints", content=COMPLAINT)
    assert answer.status_code == 201
    return {**answer.json(), "position": answer.headers["position"]}


async def listed(client: httpx.AsyncClient, position: str) -> set[str] | None:
    """The cases of the list that holds a position; None where it is not there yet."""
    found = await client.get("/v1/complaints", params={"min_position": position})
    if found.status_code == 503:
        return None
    return {row["id"] for row in found.json()["items"]}
