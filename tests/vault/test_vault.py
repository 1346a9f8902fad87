"""The identity vault on a real PostgreSQL: what it keeps, what it erases, and who may change it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.intake.domain.values import Contacts, ReporterBlock
from services.intake.vault import letters
from services.intake.vault.keys import Periods, TransitKeys
from services.intake.vault.screen import Concerned, VaultScreen
from services.intake.vault.store import KeyDestroyed, Vault
from shared.casework.screen import Asker
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.common import Accused
from shared.language.refusal import Refusal
from tests.vault.conftest import Bao

REPORTER = ReporterBlock(name="郑虚六", phone="13900001234", address="虚构村三组十二号")


def asker(person: str) -> Asker:
    return Asker(person, "DI-990102100")


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


async def test_b19_an_identity_grows_and_its_history_stays_for_the_screen(vault: Vault) -> None:
    """The last one that events name is true today; one that no event names is shown to nobody; and the key of
    the first goes on sealing what lies beside."""
    complaint, context = uuid4(), uuid4()
    sealed = await vault.seal(complaint, context, b"before")
    named = [await vault.deposit(complaint, REPORTER, uuid4())]
    moved = REPORTER.reached(Contacts(phone="13900004444"))
    step = uuid4()
    named.append(await vault.deposit(complaint, moved, step))
    assert await vault.deposit(complaint, REPORTER, step) == named[-1]
    await vault.deposit(complaint, ReporterBlock(name="别人"), uuid4())
    assert await vault.reporter(complaint, named) == moved
    assert await vault.reporter(complaint, named[:1]) == REPORTER
    assert {r.phone for r in await vault.reporters([complaint])} >= {REPORTER.phone, moved.phone}
    assert await vault.unseal(complaint, context, sealed) == b"before"
    born = uuid4()
    copied = await vault.copy(complaint, born, named)
    assert copied is not None
    assert await vault.reporter(born, [copied]) == moved
    await vault.destroy(complaint)
    assert await vault.reporters([complaint]) == []


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
    """The vault's user may add and erase; it may not rewrite."""
    await vault.deposit(uuid4(), REPORTER)
    with pytest.raises(DBAPIError):
        async with engines[0].begin() as connection:
            await connection.execute(text("UPDATE identities SET sealed = ''"))


async def test_sec12_the_screen_looks_only_at_the_complaints_concerned(vault: Vault) -> None:
    """The screen is no oracle over all reporters."""
    complaint = uuid4()
    await vault.deposit(complaint, REPORTER)
    screen = VaultScreen(vault)
    assert await screen.asked(asker("p-1"), [str(complaint)], ["郑虚六来信"]) == (True, True, "")
    assert await screen.asked(asker("p-1"), [str(uuid4())], ["郑虚六来信"]) == (False, False, "")
    assert await screen.asked(asker("p-1"), [str(complaint)], ["所反映的问题失实。"]) == (False, False, "")


COLLEAGUE = ReporterBlock(name="甲虚乙", unit="云瓶镇虚构合作社财务科", unit_code="11990102000000002M")


async def test_b48_the_unit_of_who_is_being_listed_is_no_token(vault: Vault) -> None:
    """A colleague who reports by name is not stuck, and no refusal tells that it was a colleague."""
    complaint = uuid4()
    await vault.deposit(complaint, COLLEAGUE)
    listed = Accused(
        ref="acc-1",
        name="虚丙",
        unit="云瓶镇虚构合作社",
        unit_division="990102100",
        organisation_code="11990102000000002M",
        managed_by_level="TOWNSHIP",
    )
    screen, of = VaultScreen(vault), [str(complaint)]
    unit = ["云瓶镇虚构合作社", "虚构合作社", "代码11990102000000002M", "财务科的账"]
    assert not (await screen.asked(asker("p-20"), of, unit, [listed])).leak
    assert (await screen.asked(asker("p-20"), of, ["云瓶镇虚构合作社财务科"], [listed])).alert
    assert (await screen.asked(asker("p-20"), of, ["甲虚乙"], [listed])).alert
    assert (await screen.asked(asker("p-20"), of, ["云瓶镇虚构合作社财务科"])).alert


async def about_one_accused(vault: Vault, day: list[date], count: int) -> tuple[VaultScreen, list[str]]:
    """Several complaints about the same accused, all of one reporter, and the screen beside them."""
    complaints = [uuid4() for _ in range(count)]
    for complaint in complaints:
        await vault.deposit(complaint, REPORTER)

    async def widen(asked: frozenset[UUID], accused: Sequence[Accused]) -> Concerned:
        return Concerned(asked | set(complaints), names=frozenset({"冯虚一"}))

    return VaultScreen(vault, widen, lambda: day[0]), [str(c) for c in complaints]


async def test_b54_after_three_positives_nothing_of_a_person_is_looked_at(vault: Vault) -> None:
    """Over all cases, processes and thirty days; each positive alerts, and other people are not held up."""
    day = [date(2026, 3, 2)]
    screen, complaints = await about_one_accused(vault, day, 1)
    another, others = await about_one_accused(vault, day, 1)
    for asks, of in ((screen, complaints), (another, others), (screen, complaints)):
        assert await asks.asked(asker("p-2"), of, ["郑虚六来信"]) == (True, True, "")
        assert await asks.asked(asker("p-2"), [], ["郑虚六来信"]) == (False, False, "")
    for asks, of in ((screen, complaints), (another, others)):
        assert await asks.asked(asker("p-2"), of, ["所反映的问题失实。"]) == (True, False, "clearance")
    restarted = VaultScreen(vault, today=lambda: day[0])
    verdict = await restarted.asked(asker("p-2"), complaints, ["所反映的问题失实。"])
    assert verdict == (True, False, "clearance")
    assert await screen.asked(asker("p-3"), complaints, ["所反映的问题失实。"]) == (False, False, "")
    day[0] = date(2026, 4, 1)
    assert (await screen.asked(asker("p-2"), complaints, ["所反映的问题失实。"])).reason == "clearance"
    day[0] = date(2026, 4, 2)
    assert await screen.asked(asker("p-2"), complaints, ["所反映的问题失实。"]) == (False, False, "")


async def test_b54_a_person_who_was_cleared_is_counted_anew(vault: Vault) -> None:
    screen, complaints = await about_one_accused(vault, [date(2026, 3, 2)], 1)
    for _ in range(3):
        assert (await screen.asked(asker("p-4"), complaints, ["郑虚六来信"])).alert
    assert (await screen.asked(asker("p-4"), complaints, ["失实。"])).reason == "clearance"
    await screen.questions.forget("p-4")
    assert await screen.asked(asker("p-4"), complaints, ["失实。"]) == (False, False, "")


async def test_b54_questions_at_once_know_of_one_another(vault: Vault) -> None:
    """Ten lists at the same time, each with half of the names, would tell one among a thousand."""
    screen, complaints = await about_one_accused(vault, [date(2026, 3, 2)], 1)
    asked = (screen.asked(asker("p-5"), complaints, ["郑虚六来信"]) for _ in range(12))
    verdicts = await asyncio.gather(*asked)
    assert sorted(v.reason for v in verdicts) == ["", "", "", *["clearance"] * 9]


@pytest.mark.parametrize(
    "text",
    [
        "、".join(f"张虚{n}" for n in "一二三四五六七"),
        "".join(f"张虚{n}" for n in "一二三四五六七"),
        "，".join(f"{s}虚说" for s in "张王李赵陈杨黄"),
        " 和 ".join(f"欧阳虚{n}" for n in "一二三四五六七"),
        "；".join(f"向{s}虚国核实" for s in "张王李赵陈杨黄"),
        " ".join(f"{s}虚国签字" for s in "张王李赵陈杨黄"),
        "，".join(f"{s}虚国谈话一次" for s in "张王李赵陈杨黄"),
        ", ".join(f"Zhang Xu{n}" for n in ("yi", "er", "san", "si", "wu", "liu", "qi")),
        "、".join(f"1390000{n}" for n in range(1000, 1007)),
        "張虛一\n張虛二\n張虛三\n張虛四\n張虛五\n張虛六\n張虛七",
    ],
)
async def test_b54_a_list_of_names_is_refused_whoever_they_are(vault: Vault, text: str) -> None:
    """Before the vault is asked: with or without the reporter among them, and counted as no positive."""
    screen, complaints = await about_one_accused(vault, [date(2026, 3, 2)], 1)
    person = str(uuid4())
    for tried in (text, f"{text}、郑虚六"):
        assert await screen.asked(asker(person), complaints, [tried]) == (True, False, "names")
    assert await screen.asked(asker(person), complaints, ["郑虚六来信"]) == (True, True, "")


async def test_b54_names_that_the_case_knows_and_a_handful_of_others_pass(vault: Vault) -> None:
    screen, complaints = await about_one_accused(vault, [date(2026, 3, 2)], 1)
    names = "、".join(f"张虚{n}" for n in "一二三四五六")
    assert not (await screen.asked(asker("p-7"), complaints, [f"冯虚一与{names}谈话。"])).leak
    words = "管理费、安置费、经济合同、方案、项目、成本、路面、石料、田地、文件、安排、余额、党费、金额。"
    assert not (await screen.asked(asker("p-7"), complaints, [words])).leak


async def test_sec12_six_positives_of_a_day_close_a_case_for_everybody(vault: Vault) -> None:
    """The person who asked, and the complaint of the same accused, make no difference, until the next day."""
    day = [date(2026, 3, 2)]
    screen, (first, second) = await about_one_accused(vault, day, 2)
    for n in range(6):
        assert (await screen.asked(asker(f"p-8{n}"), [(first, second)[n % 2]], ["郑虚六来信"])).alert
    assert await screen.asked(asker("p-9"), [second], ["所反映的问题失实。"]) == (True, True, "clearance")
    day[0] = date(2026, 3, 3)
    assert not (await screen.asked(asker("p-9"), [second], ["所反映的问题失实。"])).leak


async def test_a_vault_that_is_away_is_said_to_be_away(keys: Periods) -> None:
    """No deposit, no complaint: 503, and nothing half-done."""
    vault = Vault(create_async_engine("postgresql+asyncpg://zm_vault:x@127.0.0.1:1/zm_vault"), keys)
    with pytest.raises(StoreUnavailable):
        await vault.deposit(uuid4(), REPORTER)


async def test_with_its_keys_in_transit_the_vault_fails_closed(
    engines: tuple[AsyncEngine, AsyncEngine], bao: Bao
) -> None:
    """A deposit with the key service opens with it; without it there is neither deposit nor answer."""
    keys = TransitKeys(bao.url, bao.token_file)
    vault, complaint = Vault(engines[0], Periods(keys, b"secret")), uuid4()
    named = [await vault.deposit(complaint, REPORTER)]
    assert await vault.reporter(complaint, named) == REPORTER
    away = Vault(engines[0], Periods(TransitKeys("http://127.0.0.1:1", bao.token_file), b"secret"))
    for attempt in (
        away.deposit(uuid4(), REPORTER),
        away.reporter(complaint, named),
        VaultScreen(away).asked(asker("p-1"), [str(complaint)], ["文字"]),
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
