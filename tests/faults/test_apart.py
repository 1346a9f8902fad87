"""A service as two processes: one that only accepts, one that only works in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import nats
import pytest

from deploy.local.stack import Stack
from tests.faults.client import PATIENCE_SECONDS
from tests.faults.picture import read_stream
from tests.processes import service

CLERK = "petition_clerk@DI-990102100"
COMPLAINT = b'{"channel":"LETTER","received_on":"2022-03-01","competent_level":"TOWNSHIP"}'


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Intake alone; its own process gives way to those of the test."""
    with Stack(tmp_path_factory.mktemp("apart"), clock="system", services=("intake",)) as stack:
        stack.kill("intake", 15)
        yield stack


async def test_one_accepts_and_the_other_publishes_and_fills_the_lists(stack: Stack) -> None:
    """What the first has accepted stands in no list before there is a worker; then in all of them, and those
    who ask the first for a list wait for their own complaint."""
    headers = {
        "authorization": f"Bearer {await asyncio.to_thread(stack.token, CLERK)}",
        "content-type": "application/json",
    }

    async def published() -> int:
        nc = await nats.connect(stack.nats.url, nkeys_seed=str(stack.nats.seed_file("admin")))
        try:
            return len(await read_stream(nc, "intake"))
        finally:
            await nc.close()

    async with (
        service(stack, "intake", ZM_ROLES="api") as (port, _),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
        ) as client,
    ):
        first = await receive(client)
        behind = await client.get("/v1/complaints", params={"min_position": first["position"]})
        assert (behind.status_code, behind.json()["code"]) == (503, "E_NOT_YET")
        assert await published() == 0
        async with service(stack, "intake", ZM_ROLES="worker"):
            second = await receive(client)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (found := await listed(client, second["position"])) is None:
                    pass  # it has waited for a second itself
                assert found == {first["id"], second["id"]}
                while await published() < second["position"]:
                    await asyncio.sleep(0.05)


async def receive(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/v1/complaints", content=COMPLAINT)
    assert answer.status_code == 201
    told: dict[str, Any] = answer.json()
    return told


async def listed(client: httpx.AsyncClient, position: int) -> set[str] | None:
    """The cases of the list that holds a position; None where it is not there yet."""
    found = await client.get("/v1/complaints", params={"min_position": position})
    if found.status_code == 503:
        return None
    return {row["stream"] for row in found.json()["items"]}
