"""The vault's work in the background: each part tells what it found, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from services.intake.domain.disclosing import identity_key_id
from services.intake.vault import door as door_module
from services.intake.vault.check import Missing
from services.intake.vault.door import Door
from services.intake.vault.forgetting import IDENTITY_KEY_DESTROYED, Forgetting, destroyed_keys
from services.intake.vault.nightly import CHECK, Nightly
from services.intake.vault.sweep import LogLost, Sweep
from shared.kernel.store.types import StoreUnavailable
from shared.language.contracts.intake import IdentityKeyDestroyed, VaultRootRecorded

TODAY = date(2026, 11, 30)


class Watched:
    """A vault that notes what is asked of it."""

    def __init__(self) -> None:
        self.destroyed: list[UUID] = []
        self.settled = 0
        self.alarms: list[tuple[UUID, str]] = []
        self.guard = SimpleNamespace(alarm=self._alarm)
        self.engine = None

    async def ready(self) -> None:
        pass

    async def settle(self) -> int:
        self.settled += 1
        return 1

    async def destroy(self, complaint: UUID) -> None:
        self.destroyed.append(complaint)

    async def _alarm(self, complaint: UUID, id: str) -> None:
        self.alarms.append((complaint, id))


class Book:
    """Intake's log, as far as forgetting reads it."""

    def __init__(self) -> None:
        self.ended: list[UUID] = []
        self.away = False

    async def max_position(self) -> int:
        if self.away:
            raise StoreUnavailable("away")
        return len(self.ended)

    async def existing(self, streams: Sequence[UUID]) -> set[UUID]:
        return {identity_key_id(complaint) for complaint in self.ended} & set(streams)

    async def streams_with(self, topic: str, after: int) -> list[UUID]:
        assert topic == IDENTITY_KEY_DESTROYED
        return self.ended[after:]

    async def load(self, stream: UUID) -> list[Any]:
        event = IdentityKeyDestroyed(
            complaint=str(stream), organ="DI-99", ground="RETENTION_ENDED", closed_on=TODAY
        )
        return [SimpleNamespace(event=event)]


class running:  # noqa: N801 - reads as a word
    """Has work run until the end of the block."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.task: asyncio.Task[None] = asyncio.create_task(work())

    def __enter__(self) -> asyncio.Task[None]:
        return self.task

    def __exit__(self, kind: object, *error: object) -> None:
        assert kind is not None or not self.task.done(), "it goes on until it is cancelled"
        self.task.cancel()


async def turns() -> None:
    """Lets everybody else go on for a while, without a clock."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_s65_it_settles_first_and_then_destroys_what_is_recorded() -> None:
    vault, record = Watched(), Book()
    first, second = uuid4(), uuid4()
    record.ended.append(first)
    forgetting = Forgetting(cast(Any, vault), record)
    await forgetting.look()
    assert (vault.settled, vault.destroyed) == (1, [])
    record.ended.append(second)
    for _ in range(2):
        await forgetting.look()
    assert (vault.settled, vault.destroyed) == (1, [second])
    assert await destroyed_keys(record)([first, uuid4()]) == {first}


async def test_s65_what_was_recorded_while_the_log_was_away_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Forgetting, "SECONDS", 0)
    vault, record = Watched(), Book()
    complaint = uuid4()
    forgetting = Forgetting(cast(Any, vault), record)
    await forgetting.look()
    record.away = True
    with running(forgetting.run):
        await turns()
        record.ended.append(complaint)
        record.away = False
        await turns()
    assert vault.destroyed == [complaint]


async def test_s65_a_lost_log_is_told_until_it_is_whole_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sweep, "SECONDS", 0)
    told: list[tuple[str, str | None]] = []
    answers: list[Any] = [LogLost("position 2"), StoreUnavailable("away"), 3]

    async def sweep(self: Sweep) -> int:
        answer = answers.pop(0) if answers else 0
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    monkeypatch.setattr(Sweep, "__call__", sweep)
    work = Sweep(cast(Any, Watched()), cast(Any, None), cast(Any, None), lambda *it: told.append(it))
    with running(work.run):
        await turns()
    assert told[:2] == [("vault sweep", "position 2"), ("vault sweep", None)]


def nightly(
    check: Callable[[], Awaitable[list[Missing]]], wrong: str = "", told: list[Any] | None = None
) -> tuple[Nightly, Watched, list[str]]:
    """The nightly work on a vault with these findings, and what it did."""
    did: list[str] = []
    vault = Watched()

    async def now() -> tuple[VaultRootRecorded, str]:
        return VaultRootRecorded(size=1, root="00"), wrong

    async def note_root(today: date, root: VaultRootRecorded) -> None:
        did.append(f"root of {today}")

    async def renewal() -> int:
        did.append("renewed")
        return 1

    def halted(part: str, reason: str | None) -> None:
        if told is not None:
            told.append((part, reason))

    clock, roots = (
        SimpleNamespace(now=lambda: datetime(2026, 11, 30, 1, tzinfo=UTC)),
        SimpleNamespace(now=now),
    )
    given: tuple[Any, ...] = (
        clock,
        vault,
        check,
        roots,
        renewal,
        SimpleNamespace(note_root=note_root),
        halted,
    )
    work = Nightly(*given)
    return work, vault, did


async def test_b55_a_whole_vault_has_its_root_recorded_and_its_keys_renewed() -> None:
    async def nothing() -> list[Missing]:
        return []

    told: list[Any] = []
    work, vault, did = nightly(nothing, told=told)
    await work.look(TODAY)
    assert did == ["root of 2026-11-30", "renewed"]
    assert (vault.alarms, told) == ([], [(CHECK, None)])


@pytest.mark.parametrize("wrong", ["", "not those that were recorded"])
async def test_b55_while_something_is_missing_no_key_ends(wrong: str) -> None:
    missing = Missing(uuid4(), "letter")

    async def one() -> list[Missing]:
        return [missing]

    told: list[Any] = []
    work, vault, did = nightly(one, wrong, told)
    await work.look(TODAY)
    assert "renewed" not in did
    assert ("root of 2026-11-30" in did) == (not wrong)
    assert vault.alarms[0] == missing
    [(part, reason)] = told
    assert part == CHECK
    assert reason.startswith("1 things of 1 complaints")
    assert reason.endswith(wrong)


async def test_b55_a_look_that_fails_is_told_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row that does not open ends no service."""
    monkeypatch.setattr(Nightly, "AGAIN", 0)
    monkeypatch.setattr(Nightly, "TICK", 0)
    looks = [ValueError("a row"), StoreUnavailable("away"), None]

    async def stumbling() -> list[Missing]:
        if error := looks.pop(0):
            raise error
        return []

    told: list[Any] = []
    work, _, did = nightly(stumbling, told=told)
    with running(work.run):
        await turns()
    assert told == [(CHECK, "cannot look: ValueError"), (CHECK, None)]
    assert did == ["root of 2026-11-30", "renewed"], "once a day"


async def test_the_door_is_shut_when_its_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    client = object()

    async def connect(url: str, seed: Any, name: str, *more: Any, **named: Any) -> object:
        did.append(f"{name} at {url}")
        return client

    async def open_door(*given: Any) -> None:
        assert given[0] is client
        did.append("open")

    async def disconnect(given: object) -> None:
        assert given is client
        did.append("shut")

    for name, stand_in in {"connect": connect, "open_door": open_door, "disconnect": disconnect}.items():
        monkeypatch.setattr(door_module, name, stand_in)
    settings: Any = SimpleNamespace(nats_url="nats://here", vault_nats_seed_file="", nats_trust=None)
    with running(Door(settings, cast(Any, None), cast(Any, None), lambda error: None).run) as task:
        await turns()
        assert did == ["vault at nats://here", "open"]
    await asyncio.gather(task, return_exceptions=True)
    assert did[-1] == "shut"
