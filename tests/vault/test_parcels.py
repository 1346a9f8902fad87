"""Parcels sealed for a superior, and identities that go along, on a real PostgreSQL (A14, SEC-3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.intake.vault.keys import Periods
from services.intake.vault.parcels import Parcel, Parcels
from services.intake.vault.store import Vault
from shared.kernel.store.types import StoreUnavailable
from shared.language.refusal import Refusal
from tests.vault.test_vault import REPORTER

CITY, COUNTY = "DI-9901", "DI-990101"
CONTENT = "虚构信件全文。"


@pytest.fixture
async def parcels(engines: tuple[AsyncEngine, AsyncEngine], keys: Periods) -> AsyncIterator[Parcels]:
    yield Parcels(engines[0], keys)
    async with engines[1].begin() as connection:
        await connection.execute(text("TRUNCATE parcels"))


async def test_a14_what_was_sealed_is_opened_whole(parcels: Parcels) -> None:
    complaint = uuid4()
    named = await parcels.seal(complaint, CITY, CONTENT)
    id = UUID(named.id)
    assert await parcels.open(complaint, named) == CONTENT
    assert await parcels.find(id) == Parcel(id, complaint, CITY)
    assert await parcels.find(uuid4()) is None
    assert await parcels.addressed_to(CITY) == [Parcel(id, complaint, CITY)]
    assert await parcels.addressed_to(COUNTY) == []


@pytest.mark.parametrize("change", ["addressee = 'DI-990101'", "complaint = gen_random_uuid()"])
async def test_a14_a_parcel_under_another_label_does_not_open(
    parcels: Parcels,
    engines: tuple[AsyncEngine, AsyncEngine],
    change: str,
) -> None:
    """Not for whom it was readdressed to by hand, and not as another complaint's."""
    complaint = uuid4()
    named = await parcels.seal(complaint, CITY, CONTENT)
    async with engines[1].begin() as connection:
        query = text(f"UPDATE parcels SET {change} WHERE id = :id")
        await connection.execute(query, {"id": UUID(named.id)})
    with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
        await parcels.open(complaint, named)


async def test_a14_the_vaults_user_cannot_readdress_a_parcel(
    parcels: Parcels,
    engines: tuple[AsyncEngine, AsyncEngine],
) -> None:
    await parcels.seal(uuid4(), CITY, CONTENT)
    with pytest.raises(DBAPIError):
        async with engines[0].begin() as connection:
            await connection.execute(text("UPDATE parcels SET addressee = 'DI-990101'"))


async def test_a_vault_that_is_away_seals_nothing(keys: Periods) -> None:
    away = create_async_engine("postgresql+asyncpg://zm_vault:x@127.0.0.1:1/zm_vault")
    with pytest.raises(StoreUnavailable):
        await Parcels(away, keys).seal(uuid4(), CITY, CONTENT)
    with pytest.raises(StoreUnavailable):
        await Parcels(away, keys).addressed_to(CITY)


# --- identities that go with a complaint ---


async def test_sec3_a_copied_identity_has_a_key_and_a_reference_of_its_own(
    engines: tuple[AsyncEngine, AsyncEngine],
    keys: Periods,
) -> None:
    vault, (here, there) = Vault(engines[0], keys), (uuid4(), uuid4())
    first = await vault.deposit(here, REPORTER)
    copied = await vault.copy(here, there, [first])
    assert copied is not None
    assert copied.id != first.id
    assert await vault.copy(here, there, [first]) == copied
    assert await vault.reporters([there]) == [REPORTER]
    async with engines[1].connect() as connection:
        rows = (await connection.execute(text("SELECT wrapped_key FROM identities"))).scalars().all()
    assert len(set(rows)) == 2


async def test_sec3_where_nobody_is_known_nothing_is_copied(
    engines: tuple[AsyncEngine, AsyncEngine],
    keys: Periods,
) -> None:
    vault, there = Vault(engines[0], keys), uuid4()
    assert await vault.copy(uuid4(), there, []) is None
    assert await vault.reporters([there]) == []
