"""The identity vault on a real PostgreSQL: what it keeps, what it erases, and who may change it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.intake.domain.values import ReporterBlock
from services.intake.vault import letters
from services.intake.vault.keys import Periods, TransitKeys
from services.intake.vault.screen import Concerned, VaultScreen
from services.intake.vault.store import KeyDestroyed, Vault
from shared.refusal import Refusal
from shared.store.types import StoreUnavailable
from tests.vault.conftest import Bao

REPORTER = ReporterBlock(name="郑虚六", phone="13900001234", address="虚构村三组十二号")


@pytest.fixture
def vault(engines: tuple[AsyncEngine, AsyncEngine], keys: Periods) -> Vault:
    return Vault(engines[0], keys)


async def test_sec3_the_reference_is_random_per_complaint(vault: Vault) -> None:
    """The same person in two complaints has two references that nothing joins."""
    first, second = await vault.deposit(uuid4(), REPORTER), await vault.deposit(uuid4(), REPORTER)
    assert first.id != second.id


async def test_a_repeated_deposit_keeps_the_first(vault: Vault) -> None:
    """A command that comes again leaves no second identity behind."""
    complaint = uuid4()
    first = await vault.deposit(complaint, REPORTER)
    assert await vault.deposit(complaint, ReporterBlock(name="别人")) == first
    assert await vault.reporters([complaint]) == [REPORTER]


async def test_nothing_of_the_identity_lies_in_clear(
    vault: Vault, engines: tuple[AsyncEngine, AsyncEngine]
) -> None:
    """Sealed under a key of its own, and its length tells nothing."""
    await vault.deposit(uuid4(), REPORTER)
    await vault.deposit(uuid4(), ReporterBlock(name="甲"))
    async with engines[1].connect() as connection:
        rows = (await connection.execute(text("SELECT sealed, wrapped_key FROM identities"))).all()
    assert len({len(r.sealed) for r in rows}) == 1
    assert all("郑虚六".encode() not in r.sealed and b"13900001234" not in r.sealed for r in rows)
    assert len({r.wrapped_key for r in rows}) == 2


async def test_an_identity_moved_to_another_complaint_does_not_open(
    vault: Vault, engines: tuple[AsyncEngine, AsyncEngine]
) -> None:
    """The complaint is bound into the seal."""
    complaint, other = uuid4(), uuid4()
    await vault.deposit(complaint, REPORTER)
    async with engines[1].begin() as connection:
        await connection.execute(
            text("UPDATE identities SET complaint = :b WHERE complaint = :a"), {"a": complaint, "b": other}
        )
    with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
        await vault.reporters([other])


async def test_the_vaults_user_cannot_change_what_was_deposited(
    vault: Vault, engines: tuple[AsyncEngine, AsyncEngine]
) -> None:
    """It may add and erase; it may not rewrite."""
    await vault.deposit(uuid4(), REPORTER)
    with pytest.raises(DBAPIError):
        async with engines[0].begin() as connection:
            await connection.execute(text("UPDATE identities SET sealed = ''"))


async def test_sec12_the_screen_looks_only_at_the_complaints_concerned(vault: Vault) -> None:
    """It is no oracle over all reporters."""
    complaint = uuid4()
    await vault.deposit(complaint, REPORTER)
    screen = VaultScreen(vault)
    assert await screen.leaks([str(complaint)], ["郑虚六来信"])
    assert not await screen.leaks([str(uuid4())], ["郑虚六来信"])
    assert not await screen.leaks([str(complaint)], ["所反映的问题失实。"])


async def test_sec12_whoever_asks_the_screen_is_counted_once_for_all(vault: Vault) -> None:
    """Six positives of a day about one reporter, whichever service asked through whichever complaint of the
    same accused: then every text is refused, until the next day."""
    first, second = uuid4(), uuid4()
    await vault.deposit(first, REPORTER)
    day = [date(2026, 3, 2)]

    async def widen(complaints: frozenset[UUID]) -> Concerned:
        return Concerned(complaints | {first, second})

    screen = VaultScreen(vault, widen, lambda: day[0])
    for asked in (first, second) * 3:
        assert await screen.leaks([str(asked)], ["郑虚六来信"])
        assert await screen.leaks([], ["所反映的问题失实。"]) is False
    assert await screen.leaks([str(second)], ["所反映的问题失实。"])
    day[0] = date(2026, 3, 3)
    assert not await screen.leaks([str(second)], ["所反映的问题失实。"])


async def test_a_vault_that_is_away_is_said_to_be_away(keys: Periods) -> None:
    """No deposit, no complaint: 503, and nothing half-done."""
    vault = Vault(create_async_engine("postgresql+asyncpg://zm_vault:x@127.0.0.1:1/zm_vault"), keys)
    with pytest.raises(StoreUnavailable):
        await vault.deposit(uuid4(), REPORTER)


async def test_with_its_keys_in_transit_the_vault_fails_closed(
    engines: tuple[AsyncEngine, AsyncEngine], bao: Bao
) -> None:
    """What was deposited with the key service opens with it; without it neither deposit nor answer."""
    keys = TransitKeys(bao.url, bao.token_file)
    vault, complaint = Vault(engines[0], Periods(keys, b"secret")), uuid4()
    named = [await vault.deposit(complaint, REPORTER)]
    assert await vault.reporter(complaint, named) == REPORTER
    away = Vault(engines[0], Periods(TransitKeys("http://127.0.0.1:1", bao.token_file), b"secret"))
    for attempt in (
        away.deposit(uuid4(), REPORTER),
        away.reporter(complaint, named),
        VaultScreen(away).leaks([str(complaint)], ["文字"]),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt
    await keys.close()


async def test_what_is_sealed_opens_in_its_place_only(vault: Vault) -> None:
    """Bound to the complaint and to where it stands; without an identity there is a key all the same."""
    complaint, other, place = uuid4(), uuid4(), uuid4()
    sealed = await vault.seal(complaint, place, "威胁".encode())
    assert await vault.unseal(complaint, place, sealed) == "威胁".encode()
    await vault.seal(other, place, b"-")
    for wrong in ((other, place), (complaint, uuid4())):
        with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
            await vault.unseal(*wrong, sealed)


async def test_s65_with_the_key_ends_what_was_sealed_under_it(
    engines: tuple[AsyncEngine, AsyncEngine], keys: Periods
) -> None:
    """Identity and contents; and no new key comes into being for it."""
    gone: set[UUID] = set()

    async def destroyed(complaints: Sequence[UUID]) -> set[UUID]:
        return gone.intersection(complaints)

    vault, complaint, place = Vault(engines[0], keys, destroyed), uuid4(), uuid4()
    named = [await vault.deposit(complaint, REPORTER)]
    sealed = await vault.seal(complaint, place, b"threat")
    gone.add(complaint)
    assert await vault.reporter(complaint, named) is None
    await vault.destroy(complaint)
    assert await vault.unseal(complaint, place, sealed) is None
    assert await vault.holds([complaint]) == set()
    with pytest.raises(KeyDestroyed):
        await vault.seal(complaint, place, b"again")


async def test_s65_the_letters_and_the_code_end_with_the_keys(
    engines: tuple[AsyncEngine, AsyncEngine], keys: Periods
) -> None:
    """Also those of somebody who never gave a name; and after a restore before anything is answered."""
    gone = set[UUID]()

    async def destroyed(complaints: Sequence[UUID]) -> set[UUID]:
        return gone.intersection(complaints)

    further = (letters.letters.c.complaint, letters.codes.c.complaint)
    kept, other, slow = uuid4(), uuid4(), letters.SlowHash()
    before = letters.Letters(engines[0], keys, b"pepper")
    named = {id: [await before.put(id, "REPORT", "虚述。")] for id in (kept, other)}
    for complaint in (kept, other):
        await before.keep_code(complaint, (str(complaint), "half"), slow)
    gone.add(other)
    vault = Vault(engines[0], keys, destroyed, further)
    assert await vault.holds([kept, other]) == {kept, other}
    after = letters.Letters(engines[0], keys, b"pepper", vault.ready, vault.guard)
    assert await after.of(other, named[other]) == []
    assert await after.complaint_of((str(other), "half"), slow) is None
    assert await after.complaint_of((str(kept), "half"), slow) == kept
    assert len(await after.of(kept, named[kept])) == 1
    await vault.destroy(kept)
    assert await vault.holds([kept, other]) == set()


async def test_s65_a_restored_vault_answers_nothing_before_it_has_forgotten_again(
    engines: tuple[AsyncEngine, AsyncEngine], keys: Periods, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first question waits until every key was held against the record, page by page."""
    monkeypatch.setattr("services.intake.vault.store.SETTLE_PAGE", 2)
    before, complaints = Vault(engines[0], keys), [uuid4() for _ in range(7)]
    for complaint in complaints:
        await before.deposit(complaint, REPORTER)
    gone = set(complaints[::2])
    asked: list[UUID] = []

    async def destroyed(page: Sequence[UUID]) -> set[UUID]:
        asked.extend(page)
        return gone.intersection(page)

    restored = Vault(engines[0], keys, destroyed)
    assert len(await restored.reporters(complaints)) == 3
    assert set(asked) >= set(complaints)
    assert await restored.holds(complaints) == set(complaints) - gone


async def test_s65_without_the_record_a_vault_answers_nothing(
    engines: tuple[AsyncEngine, AsyncEngine], keys: Periods
) -> None:
    """Intake's log is away: who is forgotten is not known, so nobody is told."""

    async def away(page: Sequence[UUID]) -> set[UUID]:
        raise StoreUnavailable("the log is away")

    vault, complaint = Vault(engines[0], keys, away), uuid4()
    await vault.deposit(complaint, REPORTER)
    with pytest.raises(StoreUnavailable):
        await vault.reporters([complaint])
