"""One running stack per worker for the tests through the public API, each with its own clock and data folder.

`make test` runs two workers side by side. The tests of a file stay together on one of them, since they share
what their module has made; no worker sees anything of another.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.stack import Stack
from tests.harness import SHANGHAI, World

# A time limit would fail on a busy machine, and tell nothing of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
pytest_plugins = ["tests.servers"]
sys.dont_write_bytecode = False
"""Keeps the code that pytest makes of the tests, whatever the environment says: else each worker makes it
again at every run, for ten seconds."""
LAW_BEGINS = datetime(2023, 1, 3, 9, tzinfo=SHANGHAI)
"""A working day; the clock of the stack only moves forward from here."""
TESTS = Path(__file__).parent
MEMORY, ROOM = Path("/dev/shm"), 12 * 2**30
"""The place whose files lie in memory, and the bytes that two workers may need there."""
LONGEST = ("scenarios", "faults")
"""The rooms whose files take minutes, on stacks of their own. They come first."""
SHARING = ("fuzz", "clients", "law")
"""The rooms that share the worker's stack. They come last: from its start on it works for itself, for a
twentieth of a core. The short files of the law fill the gaps at the end."""


def has_room(place: Path) -> bool:
    """True if all that the tests write can lie there, programs included."""
    return (
        place.is_dir()
        and shutil.disk_usage(place).free >= ROOM
        and not os.statvfs(place).f_flag & os.ST_NOEXEC
    )


if has_room(MEMORY):
    # A stack has thousands of files: to remove them from a disk takes longer than to start it.
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest first, and together what shares a stack; a worker that is free takes the next file."""
    sizes = Counter(item.path for item in items)
    order = (*LONGEST, "", *SHARING)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        room = item.path.relative_to(TESTS).parts[0]
        rank = order.index(room if room in order else "")
        return rank, -sizes[item.path], str(item.path)

    items.sort(key=place)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the accounts that tests give of what they did, such as the ledger of `make faults`."""
    for report in terminalreporter.stats.get("passed", ()):
        for name, told in getattr(report, "user_properties", ()):
            terminalreporter.write_line(f"{name}: {told}")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole stack, started once."""
    folder = Path(tempfile.mkdtemp(prefix="zm-tests-"))
    folder.chmod(0o711)  # PostgreSQL's own account must be able to walk through
    try:
        with Stack(folder, clock="simulated") as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def world(stack: Stack) -> Iterator[World]:
    """The stack as its users meet it, on a working day."""
    world = World(stack)
    world.go_to(LAW_BEGINS)
    yield world
    world.close()
