"""A database that is away for now is told apart from a defect, however a route asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.postgres import Postgres
from shared.casework.service import readiness
from shared.kernel.http.middleware import problem_of
from shared.kernel.store.driver import borrowed
from shared.kernel.store.projector import Projector
from shared.kernel.store.reading import Readers
from shared.kernel.store.recorder import Recorder
from tests.servers import Database
from tests.store.conftest import StepClock, admin, engine_of, make_database

pytestmark = pytest.mark.external
Way = Callable[[AsyncEngine], Awaitable[Any]]


async def connected(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def written(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 1"))


async def lent(engine: AsyncEngine) -> None:
    async with borrowed(engine) as driver:
        await driver.execute("SELECT 1")


async def kept(engine: AsyncEngine) -> None:
    readers = Readers(engine, 1)
    try:
        async with readers.using() as driver:
            await driver.execute("SELECT 1")
    finally:
        await readers.close()


WAYS: list[Way] = [connected, written, lent, kept]


@pytest.fixture
async def engine(fresh: Database) -> AsyncIterator[AsyncEngine]:
    made = engine_of(fresh)
    yield made
    await made.dispose()


async def status_of(way: Way, engine: AsyncEngine) -> int:
    """The status that a caller of a route is answered who asks in this way."""
    try:
        await way(engine)
    except Exception as error:
        return problem_of(error, "", "/v1/lists").status_code
    return 200


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_takes_no_more_connections(
    fresh: Database, engine: AsyncEngine, way: Way
) -> None:
    """As long as that is so."""
    connection = await admin(fresh)
    for limit, status in ((0, 503), (-1, 200)):
        await connection.execute(f'ALTER DATABASE "{fresh.name}" CONNECTION LIMIT {limit}')
        assert await status_of(way, engine) == status
    await connection.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_is_gone_while_it_is_asked(
    crashing_server: Postgres, clock: StepClock, way: Way
) -> None:
    """On a connection of before, and on a new one; readiness says so as well, and does not fail."""
    database = await make_database(crashing_server)
    engine = engine_of(database)
    recorder = Recorder(engine, "archive", None, clock)  # type: ignore[arg-type] # nothing is read
    projector = Projector(engine, recorder, [], clock)
    assert await status_of(way, engine) == 200
    assert (await readiness(engine, projector, StepClock()))["database"]
    crashing_server.stop("immediate")
    for _ in range(2):
        assert await status_of(way, engine) == 503
    assert not (await readiness(engine, projector, StepClock()))["database"]
    crashing_server.start()
    assert await status_of(way, engine) == 200
    await engine.dispose()


async def test_a_statement_that_is_wrong_is_a_defect(engine: AsyncEngine) -> None:
    """Nobody is asked to come back for what will fail again."""

    async def mistaken(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT nothing FROM nowhere"))

    assert await status_of(mistaken, engine) == 500
