"""Where it is measured: the embedded stack in a folder of its own, and the references beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from deploy.local.databases import Passwords, ensure_database
from deploy.local.process import Child, answers, free_port, spawn, wait_until
from deploy.local.stack import Stack

POOL = 10
"""Connections of every pool: what the services have by default."""


async def database(stack: Stack, name: str) -> str:
    """A database beside the services', on the same server; the DSN of its owner."""
    admin_url = stack.postgres.start().admin_url
    words = Passwords(owner="owner-password", service="service-password")
    await ensure_database(admin_url, name, f"{name}_owner", f"{name}_app", words)
    return f"postgresql://{name}_owner:{words.owner}@127.0.0.1:{stack.postgres.port}/{name}"


@asynccontextmanager
async def server(stack: Stack, module: str, env: Mapping[str, str]) -> AsyncIterator[tuple[int, Child]]:
    """A reference as a process of its own, on a free port, as the services are."""
    port = free_port()
    child = spawn(
        module,
        [sys.executable, "-m", f"tests.benchmarks.{module}"],
        log=stack.data.log(module),
        env={"PATH": os.environ.get("PATH", os.defpath), "BENCH_PORT": str(port), **env},
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        wait_until(child, lambda: answers(f"http://127.0.0.1:{port}/readyz"), 30)
        yield port, child
    finally:
        child.end()


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def checkpoint(stack: Stack) -> None:
    """Writes out what earlier rounds left dirty, so that nobody pays for another."""
    admin = await asyncpg.connect(stack.postgres.start().admin_url)
    try:
        await admin.execute("CHECKPOINT")
    finally:
        await admin.close()
