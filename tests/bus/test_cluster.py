"""A stream on three servers: as many copies as are set, and one server may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.nats import Nats
from deploy.local.process import free_port
from shared.kernel.bus.connection import connect, disconnect
from shared.kernel.bus.relay import Relay
from shared.kernel.store.types import Append
from tests.bus.conftest import KEY, Run, until
from tests.bus.events import happened
from tests.bus.memory_store import MemoryStore

STREAM = "ZM_ALPHA"


class Member(Nats):
    """One server of a cluster."""

    name: str
    routes: dict[str, int]
    """The port at which each server listens for the others."""

    def _config(self) -> dict[str, Any]:
        others = [f"nats://127.0.0.1:{port}" for name, port in self.routes.items() if name != self.name]
        cluster = {"name": "zm", "listen": f"127.0.0.1:{self.routes[self.name]}", "routes": others}
        return {**super()._config(), "server_name": self.name, "cluster": cluster}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, Member]]:
    routes = {name: free_port() for name in ("one", "two", "three")}
    members = {}
    for name in routes:
        member = Member(tmp_path / name, tmp_path, tmp_path / f"{name}.log", ["alpha"])
        member.name, member.routes = name, routes
        member._config()  # makes the seeds, which they share, before they start at once
        members[name] = member
    yield members
    for member in members.values():
        member.kill()


@pytest.mark.external
async def test_a_stream_is_given_its_replicas_and_outlives_its_leader(
    cluster: dict[str, Member], run: Run
) -> None:
    """Also one that was made with one, by an earlier start."""
    await asyncio.gather(*(asyncio.to_thread(member.start) for member in cluster.values()))
    urls = ",".join(member.url for member in cluster.values())
    seed = cluster["one"].seed_file("alpha")
    nc = await connect(urls, seed, "alpha", lambda error: None, lambda: None)
    js, log = nc.jetstream(timeout=5), MemoryStore()

    async def holds(replicas: int, messages: int) -> bool:
        try:
            info = await js.stream_info(STREAM)
        except Exception:
            return False
        return (info.config.num_replicas, info.state.messages) == (replicas, messages)

    await log.append(Append(events=[happened(1)]))
    for replicas in (1, 3):
        relay = asyncio.create_task(Relay("alpha", nc, log, KEY, replicas=replicas, recheck=0.3).run())
        await until(lambda wanted=replicas: holds(wanted, 1))  # type: ignore[misc]
        relay.cancel()

    async def copied() -> bool:
        copies = (await js.stream_info(STREAM)).cluster
        return (
            copies is not None
            and len(copies.replicas or ()) == 2
            and all(copy.current for copy in copies.replicas or ())
        )

    await until(copied)
    led = (await js.stream_info(STREAM)).cluster
    assert led is not None
    assert led.leader is not None
    cluster[led.leader].kill()
    await log.append(Append(events=[happened(2)]))
    run(Relay("alpha", nc, log, KEY, replicas=3, recheck=0.3).run())
    await until(lambda: holds(3, 2))
    await disconnect(nc)
