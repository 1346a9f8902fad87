"""Processes of their own: services beside a stack with other settings than it gives them, and programs as
operators run them.

All are forked from modules that are loaded already, as those of the stack are (deploy/local/launcher.py): to
load a service anew takes longer than what a test asks of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import CompletedProcess

from deploy.local.launcher import LAUNCHER
from deploy.local.process import Child, answers, free_port, wait_until
from deploy.local.stack import SERVICES, Stack

PROGRAMS = ("ops.keys", "ops.backup", *(f"services.{name}.main" for name in SERVICES))
"""The modules that operators' commands load."""


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


def run(module: str, *words: str, folder: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Runs `python -m MODULE WORDS` to its end. The launcher's own words are in `folder`."""
    load(folder, *PROGRAMS)
    return LAUNCHER.run(module, words, log=folder / "log", env=env)


def start(module: str, *words: str, log: Path, env: Mapping[str, str]) -> Child:
    """`python -m MODULE WORDS`, at work."""
    load(log.parent, module)
    return LAUNCHER.launch(module, module, words, log=log, env=env)


_loaded = set[str]()


def load(folder: Path, *modules: str) -> None:
    """Has the launcher load modules once."""
    if not _loaded.issuperset(modules):
        _loaded.update(modules)
        LAUNCHER.load(modules, folder / "log")
