"""Letters, codes and files in the vault, on PostgreSQL: what goes along, is swept, and a guess costs."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.vault.binding import only
from services.intake.vault.blobs import Blobs, whole
from services.intake.vault.keys import Periods
from services.intake.vault.letters import Letters, SlowHash
from shared.language.refusal import Refusal

Engines = tuple[AsyncEngine, AsyncEngine]


class Counting(SlowHash):
    """A slow hash that counts how often it is asked."""

    asked = 0

    async def __call__(self, secret: str, salt: bytes) -> bytes:
        self.asked += 1
        return await super().__call__(secret, salt)


@pytest.fixture
def letters(engines: Engines, keys: Periods) -> Letters:
    return Letters(engines[0], keys, b"pepper")


@pytest.fixture
def blobs(engines: Engines, keys: Periods) -> Blobs:
    return Blobs(engines[0], keys)


@pytest.mark.parametrize("halves", [("there", "right"), ("there", "wrong"), ("nowhere", "right")])
async def test_sec7_every_try_costs_one_slow_hash(letters: Letters, halves: tuple[str, str]) -> None:
    """One hash is spent whether there is such a code or not; only both halves together open anything."""
    complaint, slow = uuid4(), Counting()
    there, right = f"there-{complaint}", f"right-{complaint}"
    await letters.keep_code(complaint, (there, right), slow)
    slow.asked = 0
    asked = (halves[0].replace("there", there), halves[1].replace("right", right))
    found = await letters.complaint_of(asked, slow)
    assert slow.asked == 1
    assert found == (complaint if halves == ("there", "right") else None)


async def test_sec6_a_flood_of_guesses_does_not_even_wait() -> None:
    """Two are hashed and so many wait; who comes then comes back. Afterwards there is room again."""
    slow = SlowHash(at_once=2, waiting=3)
    tries = await asyncio.gather(*(slow("half", bytes(16)) for _ in range(8)), return_exceptions=True)
    turned_away = [x for x in tries if isinstance(x, Refusal)]
    assert [x.code for x in turned_away] == ["E_OVERLOADED"] * 3
    assert len(await slow("half", bytes(16))) == 32


async def test_what_goes_along_is_copied_once_under_keys_of_its_own(
    letters: Letters, blobs: Blobs, engines: Engines
) -> None:
    origin, born = uuid4(), uuid4()
    named = [
        await letters.put(origin, "REPORT", "虚述。"),
        await letters.put(origin, "TO_REPORTER", "收悉。"),
        await letters.put(origin, "RECUSAL", "请回避。"),
    ]
    original = await blobs.put(origin, "text/plain", whole(b"page"))
    clean = await blobs.put(origin, "text/plain", whole(b"clean"), original=original.id)
    named += [original.in_vault, clean.in_vault]
    along = [
        [*await letters.copy(origin, born, named), *await blobs.copy(origin, born, named)] for _ in range(2)
    ]
    assert along[0] == along[1]
    assert not {thing.digest for thing in along[0]} & {thing.digest for thing in named}
    assert [x.text for x in await letters.of(born, only(along[0], "REPORT", "TO_REPORTER"))] == ["虚述。"]
    files = {blob.original: blob for blob in await blobs.of(born, along[0])}
    assert set(files) == {None, files[None].id}
    assert await blobs.open(files[None]) == b"page"
    assert await blobs.open(files[files[None].id]) == b"clean"
    assert not {blob.id for blob in (original, clean)} & {blob.id for blob in files.values()}
    async with engines[1].connect() as connection:
        query = text("SELECT wrapped_key FROM blobs WHERE complaint IN (:a, :b)")
        wrapped = (await connection.execute(query, {"a": origin, "b": born})).scalars().all()
    assert len(set(wrapped)) == 4


async def test_a_file_that_was_refused_is_erased_with_its_copy_and_nothing_else(
    blobs: Blobs, engines: Engines
) -> None:
    complaint = uuid4()
    kept, refused = [await blobs.put(complaint, "text/plain", whole(b"page")) for _ in range(2)]
    copy = await blobs.put(complaint, "text/plain", whole(b"clean"), original=refused.id)
    await blobs.erase(refused.id)
    assert await blobs.of(complaint, [kept.in_vault]) == [kept]
    assert await blobs.count(complaint) == 1
    async with engines[1].connect() as connection:
        left = text("SELECT count(*) FROM blob_chunks WHERE blob IN (:a, :b)")
        found = await connection.execute(left, {"a": refused.id, "b": copy.id})
        assert found.scalar_one() == 0
