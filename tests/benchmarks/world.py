"""The place of measuring: the embedded stack in a folder of its own, and the references beside it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from deploy.local.databases import Passwords, ensure_database
from deploy.local.process import Child, free_port
from deploy.local.stack import Stack
from tests.processes import process

POOL = 10
"""Connections of every pool: what the services have by default."""


async def database(stack: Stack, name: str) -> tuple[str, str]:
    """A database beside the services', on the same server; the DSNs of its owner and of its user."""
    admin_url = stack.postgres.start().admin_url
    words = Passwords(owner="owner-password", service="service-password")
    await ensure_database(admin_url, name, f"{name}_owner", f"{name}_app", words)
    place = f"@127.0.0.1:{stack.postgres.port}/{name}"
    owner = f"postgresql://{name}_owner:{words.owner}{place}"
    return owner, f"postgresql://{name}_app:{words.service}{place}"


@asynccontextmanager
async def server(stack: Stack, module: str, env: Mapping[str, str]) -> AsyncIterator[tuple[int, Child]]:
    """A reference as a process of its own, on a free port, as the services are."""
    port = free_port()
    own = {"PATH": os.environ.get("PATH", os.defpath), "BENCH_PORT": str(port), **env}
    async with process(stack, f"tests.benchmarks.{module}", [], port, own) as child:
        yield port, child


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def checkpoint(stack: Stack) -> None:
    """Writes out what earlier rounds left dirty, so that nobody pays for another."""
    admin = await asyncpg.connect(stack.postgres.start().admin_url)
    try:
        await admin.execute("CHECKPOINT")
    finally:
        await admin.close()
