"""Rows bound to all that gives them meaning, and the vault held against what events name (B55)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.values import ReporterBlock
from services.intake.vault.binding import Guard
from services.intake.vault.blobs import Blob, Blobs, whole
from services.intake.vault.check import Missing, VaultCheck, told
from services.intake.vault.events import ProtectionRequested
from services.intake.vault.keys import FileKeys, KeysUnavailable, Periods
from services.intake.vault.letters import CODE, Letters, SlowHash
from services.intake.vault.parcels import Parcels
from services.intake.vault.renewal import WRAPPED, Renewal
from services.intake.vault.store import KEY, Vault
from services.intake.vault.transfers import Transfers
from shared.casework.repository import Repository
from shared.kernel.store.exclusions import Change, Exclusions
from shared.language.contracts.common import InVault
from shared.language.contracts.intake import AttachmentReceived, ComplaintReceived, StaffMisconductReported
from shared.language.event import Event, Meta, Recorded
from shared.language.refusal import Refusal

Engines = tuple[AsyncEngine, AsyncEngine]
REPORTER = ReporterBlock(name="郑虚六", phone="13900001234")
SECRET = bytes(range(32))
THEN, NOW = datetime(2024, 3, 5, tzinfo=UTC), datetime(2034, 4, 5, tzinfo=UTC)


async def nothing(number: int) -> list[Change]:
    return []


async def nought() -> int:
    return 0


class Log:
    """Intake's log, as far as the check reads it: the first events of a few cases."""

    def __init__(self) -> None:
        self.events: dict[UUID, list[Recorded]] = {}
        self.exclusions = Exclusions(nothing, nought)

    async def streams_with(self, topic: str, after: int) -> list[UUID]:
        return [id for id, events in self.events.items() if events[0].event.topic == topic]

    async def load(self, stream: UUID, *, as_of: datetime | None = None) -> list[Recorded]:
        return self.events.get(stream, [])

    def write(self, stream: UUID, kind: str, event: Event) -> None:
        meta = Meta(
            occurred_at=THEN,
            actor="p-1",
            role="petition_clerk",
            organ="DI-99",
            command="Command",
            policy="0",
            correlation_id=stream,
        )
        before = self.events.setdefault(stream, [])
        before.append(
            Recorded(
                originator_id=stream,
                originator_version=len(before) + 1,
                kind=kind,
                stream_organ="DI-99",
                event=event,
                meta=meta,
            )
        )


class Room:
    """Two complaints in the vault with all that can lie there, and a log that names it."""

    def __init__(self, engines: Engines, folder: Path) -> None:
        self.now, self.alarms = THEN, set[Missing]()
        self.forgotten: set[UUID] = set()
        self.engine, self.owner = engines
        self.keys = Periods(FileKeys(SECRET, folder / "periods"), b"secret", lambda: self.now)
        self.vault = Vault(self.engine, self.keys, self._destroyed, (), self._alarm)
        guard: Guard = self.vault.guard
        ready = self.vault.ready
        self.letters = Letters(self.engine, self.keys, b"pepper", ready, guard)
        self.blobs = Blobs(self.engine, self.keys, ready, guard)
        self.parcels = Parcels(self.engine, self.keys, ready, guard)
        self.transfers = Transfers(self.engine, self.keys, ready, guard)
        self.slow = SlowHash()
        self.log = Log()
        repository = Repository(self.log)  # type: ignore[arg-type]
        self.cases = Log()
        cases = Repository(self.cases)  # type: ignore[arg-type]
        self.check = VaultCheck(self.engine, self.keys, repository, cases, self.letters, self._destroyed)
        self.renewal = Renewal(self.engine, self.keys, timedelta(days=7))
        self.named: dict[UUID, list[InVault]] = {}
        self.files: dict[UUID, Blob] = {}

    async def _destroyed(self, complaints: Sequence[UUID]) -> set[UUID]:
        return self.forgotten.intersection(complaints)

    async def _alarm(self, complaint: UUID, id: str) -> None:
        self.alarms.add(Missing(complaint, id))

    async def fill(self, complaint: UUID) -> None:
        file = await self.blobs.put(complaint, "text/plain", whole(b"page"))
        copy = await self.blobs.put(complaint, "text/plain", whole(b"copy"), original=file.id)
        self.files[complaint] = file
        received = [
            await self.vault.deposit(complaint, REPORTER),
            await self.letters.put(complaint, "REPORT", "虚述。"),
            await self.transfers.keep(complaint, f"blob of {complaint}"),
            await self.parcels.seal(complaint, "DI-9901", "虚述。"),
        ]
        account = await self.letters.put(complaint, "ACCOUNT", "虚告。")
        await self.letters.keep_code(complaint, (f"there-{complaint}", "half"), self.slow)
        self.log.write(
            complaint,
            "Complaint",
            ComplaintReceived(
                organ="DI-99",
                channel="ONLINE_SITE",
                source="DIRECT",
                received_on=THEN.date(),
                pages=1,
                competent_level="COUNTY",
                in_vault=tuple(received),
            ),
        )
        added = AttachmentReceived(
            attachment=str(file.id),
            media_type="text/plain",
            size=4,
            in_vault=(file.in_vault, copy.in_vault),
        )
        self.log.write(complaint, "Complaint", added)
        reported = StaffMisconductReported(
            organ="DI-99",
            staff_organ="DI-9901",
            complaint=str(complaint),
            letter=account.id,
            in_vault=(account,),
        )
        self.log.write(uuid4(), "StaffMisconductReport", reported)
        self.named[complaint] = [*received, account, file.in_vault, copy.in_vault]

    async def by_hand(self, statement: str, **values: object) -> None:
        async with self.owner.begin() as connection:
            await connection.execute(text(statement), values)

    async def read(self, complaint: UUID) -> None:
        """All that a complaint names, opened."""
        *_, transfer, parcel, _, _, _ = self.named[complaint]
        await self.vault.reporter(complaint, self.named[complaint])
        letters = [x for x in self.named[complaint] if x.kind in ("REPORT", "ACCOUNT")]
        await self.letters.of(complaint, letters)
        await self.transfers.sealed(complaint, transfer)
        await self.parcels.open(complaint, parcel)
        for blob in await self.blobs.of(complaint, self.named[complaint]):
            await self.blobs.open(blob)


@pytest.fixture
async def room(engines: Engines, tmp_path: Path) -> Room:
    room = Room(engines, tmp_path)
    for complaint in (uuid4(), uuid4()):
        await room.fill(complaint)
    return room


TAMPERINGS = {
    "another identity": "UPDATE identities SET sealed = (SELECT sealed FROM identities WHERE complaint = :b) "
    "WHERE complaint = :a",
    "another reference": "UPDATE identities SET reporter_ref = gen_random_uuid() WHERE complaint = :a",
    "another step": "UPDATE identities SET step = gen_random_uuid() WHERE complaint = :a",
    "no identity": "DELETE FROM identities WHERE complaint = :a",
    "another direction": "UPDATE letters SET direction = 'FROM_REPORTER' WHERE complaint = :a "
    "AND direction = 'ACCOUNT'",
    "no direction that there is": "UPDATE letters SET direction = 'X' WHERE complaint = :a",
    "a letter of another": "UPDATE letters SET complaint = :b WHERE complaint = :a",
    "no letter": "DELETE FROM letters WHERE complaint = :a AND direction = 'REPORT'",
    "another media type": "UPDATE blobs SET media_type = 'image/png' WHERE complaint = :a",
    "another size": "UPDATE blobs SET size = 5 WHERE complaint = :a",
    "a copy for an original": "UPDATE blobs SET original = NULL WHERE complaint = :a",
    "a file of another": "UPDATE blobs SET complaint = :b WHERE complaint = :a",
    "no file": "DELETE FROM blobs WHERE complaint = :a",
    "another content": "UPDATE blob_chunks SET sealed = decode('00', 'hex') WHERE blob IN "
    "(SELECT id FROM blobs WHERE complaint = :a)",
    "no content": "DELETE FROM blob_chunks WHERE blob IN (SELECT id FROM blobs WHERE complaint = :a)",
    "no transfer": "DELETE FROM transfers WHERE complaint = :a",
    "another transfer": "UPDATE transfers SET sealed = (SELECT sealed FROM transfers WHERE complaint = :b) "
    "WHERE complaint = :a",
    "another addressee": "UPDATE parcels SET addressee = 'DI-9902' WHERE complaint = :a",
    "no parcel": "DELETE FROM parcels WHERE complaint = :a",
}


async def test_b55_a_vault_that_holds_what_events_name_is_whole(room: Room) -> None:
    for complaint in room.named:
        await room.read(complaint)
    assert await room.check() == []
    assert room.alarms == set()


@pytest.mark.parametrize("done", TAMPERINGS)
async def test_b55_what_is_missing_or_exchanged_is_told_and_not_shown(room: Room, done: str) -> None:
    """By the database's owner, who has no key: reading refuses, with an alarm, and the check finds the same
    without being asked to open anything. The other complaint is whole."""
    a, b = room.named
    await room.by_hand(TAMPERINGS[done], a=a, b=b)
    with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
        await room.read(a)
    await room.read(b)
    found = await room.check()
    assert {missing.complaint for missing in found} == {a}
    assert room.alarms <= set(found)
    assert len(room.alarms) == 1
    assert f"{len(found)} things of 1 complaints" in told(found)


@pytest.mark.parametrize("garbage", [False, True])
@pytest.mark.parametrize("table", ["identities", "letters", "blobs", "transfers", "parcels"])
async def test_b55_what_does_not_open_any_more_is_told(room: Room, table: str, garbage: bool) -> None:
    """The wrapped key was exchanged: the digest in the event does not cover that, since keys move."""
    a, b = room.named
    instead = "'x'" if garbage else "y.wrapped_key"
    again = f"UPDATE {table} AS x SET wrapped_key = {instead} FROM {table} AS y WHERE x.complaint = :a"
    await room.by_hand(f"{again} AND y.complaint = :b", a=a, b=b)
    with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
        await room.read(a)
    found = await room.check()
    assert {missing.complaint for missing in (*room.alarms, *found)} == {a}


async def test_b55_the_key_of_what_the_vault_itself_tells_is_missed(room: Room) -> None:
    """A reporter who gave no name has no identity that an event names; the key of their protection lies there
    too."""
    anonymous = uuid4()
    stream = uuid4()
    sealed = await room.vault.seal(anonymous, stream, b"threat")
    asked = ProtectionRequested(organ="DI-99", complaint=str(anonymous), sealed=sealed)
    room.cases.write(stream, "ProtectionRequest", asked)
    assert await room.check() == []
    await room.by_hand("UPDATE identities SET wrapped_key = sealed WHERE complaint = :c", c=anonymous)
    assert await room.check() == [Missing(anonymous, KEY)]
    with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
        await room.vault.seal(anonymous, stream, b"more")
    await room.by_hand("DELETE FROM identities WHERE complaint = :c", c=anonymous)
    assert await room.check() == [Missing(anonymous, KEY)]
    with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
        await room.vault.unseal(anonymous, stream, sealed)


async def test_b55_a_code_opens_the_complaint_that_it_was_made_for(room: Room) -> None:
    """Two codes exchange their complaints: neither opens the other's mailbox, and both are told."""
    a, b = room.named
    exchange = "UPDATE codes SET complaint = CASE complaint WHEN :a THEN CAST(:b AS uuid) ELSE :a END"
    await room.by_hand("ALTER TABLE codes DROP CONSTRAINT codes_complaint_key")
    try:
        await room.by_hand(exchange, a=a, b=b)
        for complaint in (a, b):
            with pytest.raises(Refusal, match="E_RECORD_INCOMPLETE"):
                await room.letters.complaint_of((f"there-{complaint}", "half"), room.slow)
        assert sorted(await room.check()) == sorted([Missing(a, CODE), Missing(b, CODE)])
    finally:
        await room.by_hand("TRUNCATE codes")
        await room.by_hand("ALTER TABLE codes ADD CONSTRAINT codes_complaint_key UNIQUE (complaint)")


async def test_b55_the_slow_hash_itself_is_bound(room: Room) -> None:
    """Somebody who had the pepper too could forge the row's digest; the hash of the code still fits one
    complaint."""
    a, b = room.named
    async with room.owner.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM codes WHERE complaint = :a"), {"a": a})).one()
    bound = room.letters._bound(row.selector, b, row.salt, row.slow_hash)
    await room.by_hand("DELETE FROM codes WHERE complaint = :b", b=b)
    await room.by_hand("UPDATE codes SET complaint = :b, bound = :bound", b=b, bound=bound)
    assert await room.letters.complaint_of((f"there-{a}", "half"), room.slow) is None


async def test_b55_s65_what_was_forgotten_is_not_missing(room: Room) -> None:
    """Nothing is left of it, and nobody is told that something is."""
    a, _ = room.named
    room.forgotten = {a}
    for table in (*(str(table) for table in WRAPPED), "codes"):
        await room.by_hand(f"DELETE FROM {table} WHERE complaint = :a", a=a)
    assert await room.check() == []
    assert await room.vault.reporter(a, room.named[a]) is None
    assert await room.letters.of(a, [x for x in room.named[a] if x.kind == "REPORT"]) == []
    assert await room.blobs.of(a, room.named[a]) == []
    assert room.alarms == set()


# --- keys that really end (§6.5) ---


async def test_s65_no_backup_opens_what_was_forgotten(room: Room) -> None:
    """Rows of a dump from before, put back beside all that is left of the keys: who was forgotten is noise,
    in every table; who lives is read as ever, by the vault as it is now."""
    a, b = room.named
    tables = [str(table) for table in WRAPPED]
    for table in tables:
        await room.by_hand(f"CREATE TABLE backup_{table} AS SELECT * FROM {table} WHERE complaint = :a", a=a)
    try:
        room.now = NOW
        await room.vault.destroy(a)
        for table in tables[1:]:
            await room.by_hand(f"DELETE FROM {table} WHERE complaint = :a", a=a)
        room.forgotten = {a}
        assert await room.renewal() == 0
        await room.read(b)
        room.now += timedelta(days=6)
        assert await room.renewal() == 0
        room.now += timedelta(days=1)
        assert await room.renewal() == 2  # that of the month, and the organ's
        await room.read(b)
        assert await room.check() == []
        async with room.owner.connect() as connection:
            for sealed, named in WRAPPED.items():
                rows = (await connection.execute(text(f"SELECT * FROM backup_{sealed}"))).all()
                assert rows, sealed
                for row in rows:
                    opens = named(row).digest
                    assert room.keys.fits(row.wrapped_by, row.wrapped_key, opens)
                    with pytest.raises(KeysUnavailable):
                        await room.keys.unwrap(row.wrapped_by, row.wrapped_key, opens)
        assert await room.renewal() == 0
    finally:
        for table in tables:
            await room.by_hand(f"DROP TABLE backup_{table}")


async def test_s65_the_key_of_this_month_is_not_ended(room: Room) -> None:
    """Somebody wraps under it at this moment. When the month is over, it is; where nobody lives under it, at
    once."""
    a, b = room.named
    for complaint in (a, b):
        await room.vault.destroy(complaint)
    assert await room.renewal() == 0
    for table in WRAPPED:
        await room.by_hand(f"DELETE FROM {table}")
    assert await room.renewal() == 0
    room.now += timedelta(days=40)
    assert await room.renewal() == 2


async def test_s65_one_key_that_is_away_holds_up_no_other(room: Room) -> None:
    """Rows of a backup that was too old lie under a key that has ended: they stay shut, the rest goes on."""
    a, b = room.named
    await room.by_hand("UPDATE letters SET wrapped_by = 'identity/2019-01' WHERE complaint = :a", a=a)
    await room.by_hand("DELETE FROM letters WHERE complaint = :a AND direction = 'ACCOUNT'", a=a)
    await room.vault.destroy(b)
    for table in WRAPPED:
        await room.by_hand(f"DELETE FROM {table} WHERE complaint = :b", b=b)
    room.now = NOW
    await room.renewal()
    room.now += timedelta(days=7)
    assert await room.renewal() == 2
    async with room.owner.connect() as connection:
        assert (await connection.execute(text("SELECT name FROM spent_keys"))).scalars().all() == [
            "identity/2019-01"
        ]


async def test_s65_the_vaults_user_moves_keys_and_nothing_else(room: Room) -> None:
    """The service may change where a deposit's key lies, and when it came, and nothing else of it."""
    a, _ = room.named
    for change in ("complaint = :a", "sealed = ''", "reporter_ref = :a"):
        with pytest.raises(Exception, match="permission denied"):
            async with room.engine.begin() as connection:
                await connection.execute(text(f"UPDATE identities SET {change}"), {"a": a})
