"""One running stack for the tests through the public API: simulated clock, data in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
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
LAW_BEGINS = datetime(2023, 1, 3, 9, tzinfo=SHANGHAI)
"""After the last row of the scenario that is played on the same stack."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The clock only moves forward: the scenarios, which have dates, are played before the other tests."""
    items.sort(key=lambda item: "tests/scenarios" not in item.path.as_posix())


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
