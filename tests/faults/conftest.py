"""One stack per module, in pytest's own folder; its data are gone afterwards unless a test failed."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.breakable import BreakableStack
from tests.faults.ledger import Ledger
from tests.faults.picture import Observatory
from tests.faults.traffic import Traffic


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BreakableStack]:
    """All servers and services, simulated clock."""
    folder = tmp_path_factory.mktemp("faults")
    failed = request.session.testsfailed
    with BreakableStack(folder) as stack:
        yield stack
    if request.session.testsfailed == failed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
async def traffic(stack: BreakableStack, ledger: Ledger) -> AsyncIterator[Traffic]:
    """Travellers who are on their way from test to test."""
    traffic = Traffic(stack, ledger)
    yield traffic
    await traffic.end()


@pytest.fixture(scope="module")
def observatory(stack: BreakableStack) -> Observatory:
    """Looks at the stores from outside."""
    return Observatory(stack)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """The answers that the client of this module was given."""
    return Ledger()
