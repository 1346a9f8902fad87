"""A proof of work is spent once, whatever process takes it (SEC-6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from deploy.local.postgres import Postgres
from services.intake.reporters.flood import LIFE_SECONDS, Flood, SpentProofs, solve
from shared.kernel.store.driver import open_engine
from shared.language.refusal import Refusal
from tests.servers import Database, migrated_database

NOON = 1_700_000_000.0


@pytest.fixture
async def intake(server: Postgres) -> Database:
    return await migrated_database(server, "zm_intake", "services/intake/migrations")


@pytest.fixture
async def two(intake: Database) -> AsyncIterator[list[Flood]]:
    """Two processes of intake on one database."""
    engines = [open_engine(intake.service_url) for _ in range(2)]
    yield [Flood(b"secret", 4, SpentProofs(engine), lambda: NOON) for engine in engines]
    for engine in engines:
        await engine.dispose()


def proof(of: Flood) -> str:
    challenge = str(of.challenge()["challenge"])
    return f"{challenge}.{solve(challenge, 4)}"


async def taken(flood: Flood, proof: str) -> str:
    """Empty, or why it was not."""
    try:
        await flood.check(proof)
    except Refusal as refused:
        return f"{refused.code} {refused.details['reason']}"
    return ""


async def test_sec6_a_proof_is_spent_once_over_all_processes(two: list[Flood]) -> None:
    """One proof counts once, also if two processes get it in the same moment; it was once per process."""
    for _ in range(5):
        once = proof(two[0])
        answers = await asyncio.gather(*(taken(each, once) for each in (*two, *two)))
        assert sorted(answers) == ["", *["E_PROOF_OF_WORK used"] * 3]


async def test_sec1_nothing_is_kept_of_a_proof_that_expired(two: list[Flood], intake: Database) -> None:
    """Nor in a backup: which proofs were spent when tells when somebody reported."""
    await two[0].check(proof(two[0]))
    for each in two:
        each.now = lambda: NOON + 2 * LIFE_SECONDS
    assert await taken(two[1], proof(two[1])) == ""
    engine = open_engine(intake.service_url)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM spent_proofs")) == 1
        logged = text("SELECT relpersistence FROM pg_class WHERE relname = 'spent_proofs'")
        assert await connection.scalar(logged) in ("u", b"u")
    await engine.dispose()
