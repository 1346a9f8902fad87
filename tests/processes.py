"""Services as processes of their own beside a stack, with other settings than it gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from deploy.local.launcher import LAUNCHER
from deploy.local.process import Child, answers, free_port, wait_until
from deploy.local.stack import Stack


@asynccontextmanager
async def service(
    stack: Stack, name: str, *, until: str = "/readyz", **env: str
) -> AsyncIterator[tuple[int, Child]]:
    """A service as the stack would start it, but for what `env` says otherwise; from when the path `until` is
    answered by 200."""
    port = free_port()
    own = stack.environment(name) | {"ZM_PORT": str(port)} | env
    async with process(stack, f"services.{name}.main", ["serve"], port, own, until) as child:
        yield port, child


@asynccontextmanager
async def process(
    stack: Stack, module: str, args: list[str], port: int, env: Mapping[str, str], until: str = "/readyz"
) -> AsyncIterator[Child]:
    """A Python module that serves on a port, from when it is ready to when it has ended."""
    child = LAUNCHER.launch(module, module, args, log=stack.data.log(module), env=env)
    try:
        await asyncio.to_thread(wait_until, child, lambda: answers(f"http://127.0.0.1:{port}{until}"))
        yield child
    finally:
        await asyncio.to_thread(child.end)
