"""Deposits that nothing was written for are erased when they are old: by the log, and not by one that has
lost its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.commands.reporting import SubmitReport
from services.intake.deposits import IntakeDeposits
from services.intake.domain.notice import IN_FORCE
from services.intake.domain.values import ReporterBlock
from services.intake.vault.blobs import Blobs, whole
from services.intake.vault.keys import Periods
from services.intake.vault.letters import Letters
from services.intake.vault.parcels import Parcel, Parcels
from services.intake.vault.store import Vault
from services.intake.vault.sweep import LogLost, Sweep
from services.intake.vault.transfers import Transfers
from shared.casework.gate import CommandGate, Submission
from shared.casework.service import load_law
from shared.kernel.clock import SystemClock
from shared.kernel.store.types import Append, Appended
from shared.language.refusal import Refusal

Engines = tuple[AsyncEngine, AsyncEngine]
REPORTER = ReporterBlock(name="郑虚六", phone="13900001234")
TIMES = {
    "identities": "deposited_at",
    "letters": "written_at",
    "transfers": "received_at",
    "blobs": "stored_at",
    "parcels": "deposited_at",
}


class Log:
    """Intake's log: its events by position, and the complaints that it names."""

    def __init__(self) -> None:
        self.events = {1: uuid4(), 2: uuid4()}
        self.complaints: set[UUID] = set()

    async def existing(self, streams: Sequence[UUID]) -> set[UUID]:
        return self.complaints & set(streams)

    async def find_event(self, position: int) -> UUID | None:
        return self.events.get(position)

    async def max_position(self) -> int:
        return max(self.events, default=0)

    async def append(self, append: Append) -> Appended:
        """Keeps no complaint of what the gate writes of a refusal."""
        assert [event.kind for event in append.events] == ["AuditRecord"]
        return Appended((), 0, SystemClock().now(), {})

    async def find_command(self, id: UUID) -> None:
        return None


class Room:
    """The vault's stores on one database, with deposits under one complaint in each."""

    def __init__(self, engines: Engines, keys: Periods) -> None:
        self.engine, self.owner = engines
        self.vault = Vault(self.engine, keys)
        self.letters = Letters(self.engine, keys, b"pepper")
        self.transfers = Transfers(self.engine, keys)
        self.blobs = Blobs(self.engine, keys)
        self.parcels = Parcels(self.engine, keys)
        self.log = Log()
        self.named: set[UUID] = set()
        self.halts: dict[str, str | None] = {}
        self.sweep = Sweep(self.vault, self.log, self._names, self.halts.__setitem__)

    async def _names(self, parcel: Parcel) -> bool:
        return parcel.id in self.named

    async def deposit(self, complaint: UUID, letter: UUID | None = None) -> UUID:
        """In every store; returns the id of the parcel."""
        await self.vault.deposit(complaint, REPORTER)
        await self.letters.put(complaint, "REPORT", "虚述。", letter)
        await self.transfers.keep(complaint, "blob")
        await self.blobs.put(complaint, "text/plain", whole(b"page"))
        return UUID((await self.parcels.seal(complaint, "DI-9901", "虚述。")).id)

    async def age(self, *complaints: UUID) -> None:
        """Makes everything an hour old."""
        async with self.owner.begin() as connection:
            for table, at in TIMES.items():
                older = f"UPDATE {table} SET {at} = {at} - interval '1 hour' WHERE complaint = ANY(:c)"
                await connection.execute(text(older), {"c": list(complaints)})

    async def holds(self, complaint: UUID) -> dict[str, int]:
        """Number of rows of a complaint in each table."""
        async with self.owner.connect() as connection:

            async def count(table: str) -> int:
                query = text(f"SELECT count(*) FROM {table} WHERE complaint = :c")
                return int((await connection.execute(query, {"c": complaint})).scalar_one())

            return {table: await count(table) for table in TIMES}


@pytest.fixture
def room(engines: Engines, keys: Periods) -> Room:
    return Room(engines, keys)


NOTHING, ALL = dict.fromkeys(TIMES, 0), dict.fromkeys(TIMES, 1)


async def test_s65_what_belongs_to_nothing_is_erased_and_nothing_else(room: Room) -> None:
    orphan, kept, young = uuid4(), uuid4(), uuid4()
    _, parcel, _ = [await room.deposit(complaint) for complaint in (orphan, kept, young)]
    room.log.complaints, room.named = {kept}, {parcel}
    await room.age(orphan, kept)
    assert await room.sweep() == len(TIMES)
    assert [await room.holds(c) for c in (orphan, kept, young)] == [NOTHING, ALL, ALL]
    async with room.owner.connect() as connection:
        left = await connection.execute(text("SELECT count(DISTINCT blob) FROM blob_chunks"))
        assert left.scalar_one() == 2
    assert await room.sweep() == 0


async def test_s65_what_was_deposited_for_a_refused_command_is_erased(room: Room) -> None:
    """A report from nowhere: its words and its reporter were in the vault before anybody could say so."""
    nothing = cast(Any, None)
    stores = (room.vault, room.letters, room.blobs, room.parcels, room.transfers)
    gate = CommandGate(
        "intake", load_law(), SystemClock(), room.log, nothing, nothing, bytes(32), staff=nothing
    )
    gate.deposits = dict(IntakeDeposits(nothing, *stores, nothing).deposits())
    report = SubmitReport(
        channel="ONLINE_SITE",
        acknowledged_notice_version=IN_FORCE,
        unit_division="000000",
        managed_by_level="COUNTY",
        text="虚述。",
        reporter=REPORTER,
    )
    with pytest.raises(Refusal) as refusal:
        await gate.execute(Submission(report, None, None))
    assert refusal.value.details["field"] == "unit_division"
    async with room.owner.connect() as connection:
        deposited = (await connection.execute(text("SELECT complaint FROM letters"))).scalar_one()
    assert await room.holds(deposited) == NOTHING | {"identities": 1, "letters": 1}
    await room.age(deposited)
    await room.sweep()
    assert await room.holds(deposited) == NOTHING


async def test_s65_what_is_deposited_again_is_young(room: Room) -> None:
    """The command comes again after a quarter of an hour: its event finds what it refers to."""
    complaint, letter = uuid4(), uuid4()
    origin = await room.blobs.put(uuid4(), "text/plain", whole(b"along"))
    await room.deposit(complaint, letter)
    await room.blobs.copy(origin.complaint, complaint, [origin.in_vault])
    await room.age(complaint)
    await room.vault.deposit(complaint, REPORTER)
    await room.letters.put(complaint, "REPORT", "虚述。", letter)
    await room.transfers.keep(complaint, "blob")
    await room.blobs.copy(origin.complaint, complaint, [origin.in_vault])
    await room.sweep()
    assert await room.holds(complaint) == ALL | {"parcels": 0}


@pytest.mark.parametrize("lost", ["tail", "all", "other"])
async def test_s65_nothing_is_erased_by_a_log_that_lost_its_end(room: Room, lost: str) -> None:
    """An older backup, or another database: what it does not name may have been written all the same."""
    assert await room.sweep() == 0
    complaint = uuid4()
    await room.deposit(complaint)
    await room.age(complaint)
    if lost == "other":
        room.log.events[2] = uuid4()
    else:
        room.log.events = {1: room.log.events[1]} if lost == "tail" else {}
    for _ in range(2):
        with pytest.raises(LogLost):
            await room.sweep()
    assert await room.holds(complaint) == ALL


async def test_s65_an_empty_log_erases_nothing(room: Room) -> None:
    """A vault that has seen none yet, beside a database that was set up anew."""
    room.log.events = {}
    complaint = uuid4()
    await room.deposit(complaint)
    await room.age(complaint)
    assert await room.sweep() == 0
    assert await room.holds(complaint) == ALL


async def test_s65_a_log_that_grows_is_the_same(room: Room) -> None:
    complaint = uuid4()
    await room.deposit(complaint)
    await room.age(complaint)
    assert await room.sweep() == len(TIMES)
    room.log.events[3] = uuid4()
    assert await room.sweep() == 0
    del room.log.events[3]
    with pytest.raises(LogLost):
        await room.sweep()
