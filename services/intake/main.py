"""Intake's composition root."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import create_async_engine

from services.intake.clerks.accused import IntakeRoutes
from services.intake.clerks.accused_book import AccusedBook
from services.intake.clerks.book import DeskBook
from services.intake.clerks.digest import DigestRoutes, DigestSender
from services.intake.clerks.handovers import HandoverRoutes
from services.intake.clerks.letters import LetterRoutes
from services.intake.clerks.quarterly import QuarterlyRoutes
from services.intake.clerks.queue import QueueRoutes
from services.intake.clerks.search import SearchRoutes
from services.intake.commands import COMMANDS
from services.intake.contract import LISTENS_TO, SERVICE
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.integration import STATUS_KIND
from services.intake.domain.disclosing import identity_key_id
from services.intake.domain.register import RegisterEntry, register_id
from services.intake.lookups import Lookups
from services.intake.platform.envelopes import KEYS_FILE, Envelopes
from services.intake.platform.inbound import BATCH, BATCH_BYTES, PlatformRoutes, depositing
from services.intake.platform.platforms import PLATFORMS_FILE, Callbacks, Platforms
from services.intake.platform.statuses import StatusBook
from services.intake.reactions import REACTIONS
from services.intake.reporters.attachments import LARGER_BODIES, Attachments
from services.intake.reporters.cleaning import tell_of_sandbox
from services.intake.reporters.contacts import ContactRoutes
from services.intake.reporters.contacts import load as load_contacts
from services.intake.reporters.flood import Flood, SpentProofs
from services.intake.reporters.messages import MESSAGE_KIND, ReporterMessages
from services.intake.reporters.public import Reports
from services.intake.supervisors.oversight import KINDS, AccountRoutes, OversightRoutes
from services.intake.vault.binding import Alarm
from services.intake.vault.blobs import Blobs
from services.intake.vault.blobs import blobs as blobs_table
from services.intake.vault.check import VaultCheck, told
from services.intake.vault.clearance import ClearanceRoutes
from services.intake.vault.door import open_door
from services.intake.vault.keys import Periods, open_keys, secret_for
from services.intake.vault.letters import Letters
from services.intake.vault.letters import codes as codes_table
from services.intake.vault.letters import letters as letters_table
from services.intake.vault.parcels import Parcel, Parcels
from services.intake.vault.parcels import parcels as parcels_table
from services.intake.vault.reading import VaultRoutes
from services.intake.vault.renewal import Renewal
from services.intake.vault.room import VaultRoom
from services.intake.vault.roots import Roots, root_id
from services.intake.vault.screen import Concerned, VaultScreen, places_of
from services.intake.vault.store import AWAY, Destroyed, Vault
from services.intake.vault.sweep import LogLost, Sweep
from services.intake.vault.transfers import Transfers
from services.intake.vault.transfers import transfers as transfers_table
from shared.casework.aggregate import Actor, Context
from shared.casework.gate import AuditRecord
from shared.casework.http.app import Application
from shared.casework.http.language import LanguageRoutes
from shared.casework.service import Parts, Service, main
from shared.kernel.bus.connection import connect, disconnect
from shared.kernel.bus.parking import reason_of
from shared.kernel.outgoing.adapters import Files, adapter_for
from shared.kernel.outgoing.worker import OutgoingJob
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, StoreUnavailable, VersionConflict
from shared.language.contracts.common import Accused
from shared.language.contracts.intake import COMMON, IdentityKeyDestroyed
from shared.language.event import Event
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.organs.tree import Level
from shared.language.roles import SYSTEM

log = structlog.get_logger("intake")
SWEEP_SECONDS = 60
FORGET_SECONDS = 1
CHECK = "vault check"
ALERT = COMMON["SecurityAlertRaised"]
FURTHER = tuple(
    table.c.complaint for table in (letters_table, codes_table, blobs_table, parcels_table, transfers_table)
)
"""The other things of a reporter that end with the keys of their complaint."""
IDENTITY_KEY_DESTROYED = "intake.IdentityKeyDestroyed"


class Intake:
    """Adds to the kernel's assembly the parts that are intake's: the vault, the register, its own reads."""

    def __init__(self) -> None:
        self.accused = AccusedBook()
        self.desk = DeskBook()
        self.statuses = StatusBook()
        self.keys: Periods | None = None
        self.vault: Vault | None = None
        self.letters: Letters | None = None
        self.parcels: Parcels | None = None
        self.one_screen: VaultScreen | None = None

    def vault_of(self, parts: Parts) -> Vault:
        if self.vault is None:
            url = parts.settings.vault_database_url
            engine = create_async_engine(url, pool_size=6, pool_timeout=3, hide_parameters=True)
            self.vault = Vault(
                engine, self.keys_of(parts), destroyed_keys(parts.recorder), FURTHER, alarm_of(parts)
            )
        return self.vault

    def parcels_of(self, parts: Parts) -> Parcels:
        if self.parcels is None:
            vault = self.vault_of(parts)
            self.parcels = Parcels(vault.engine, self.keys_of(parts), vault.ready, vault.guard)
        return self.parcels

    def letters_of(self, parts: Parts) -> Letters:
        if self.letters is None:
            pepper = secret_for("query-codes", parts.settings.key("vault.key"))
            vault = self.vault_of(parts)
            self.letters = Letters(vault.engine, self.keys_of(parts), pepper, vault.ready, vault.guard)
        return self.letters

    def blobs_of(self, parts: Parts) -> Blobs:
        vault = self.vault_of(parts)
        return Blobs(vault.engine, self.keys_of(parts), vault.ready, vault.guard)

    def transfers_of(self, parts: Parts) -> Transfers:
        vault = self.vault_of(parts)
        return Transfers(vault.engine, self.keys_of(parts), vault.ready, vault.guard)

    def keys_of(self, parts: Parts) -> Periods:
        if self.keys is None:
            secret = secret_for("wrapped-keys", parts.settings.key("vault.key"))
            self.keys = Periods(open_keys(parts.settings), secret, parts.clock.now)
        return self.keys

    def envelopes_of(self, parts: Parts) -> Envelopes:
        return Envelopes(parts.settings.keys_dir / KEYS_FILE)

    def platforms_of(self, parts: Parts) -> Platforms:
        platforms = Platforms(parts.settings.keys_dir / PLATFORMS_FILE, strict=parts.settings.production)
        platforms.of("")  # what cannot be used is told at the start, and not at the first call
        return platforms

    def outgoing(self, parts: Parts) -> dict[str, OutgoingJob]:
        """The messages that leave intake: statuses to the platform, and messages to reporters where there is
        a way."""
        settings, vault = parts.settings, self.vault_of(parts)
        files = None if settings.production else Files(settings.outgoing_dir / STATUS_KIND)
        jobs = {STATUS_KIND: OutgoingJob(Callbacks(self.platforms_of(parts), files, settings.outgoing_trust))}
        # As a file it holds a contact: so it lies with the vault, under the vault's key.
        folder = settings.vault_dir / MESSAGE_KIND
        way = adapter_for(settings.way_out(MESSAGE_KIND), folder, settings.outgoing_trust, vault.seal_apart)
        if way is None:
            log.warning("no_way_out", kind=MESSAGE_KIND)
        else:
            jobs[MESSAGE_KIND] = OutgoingJob(way, ReporterMessages(parts, vault).prepare, of_a_reporter=True)
        return jobs

    def lookups(self, parts: Parts) -> Lookups:
        vault = self.vault_of(parts)
        transfers = self.transfers_of(parts)
        deposit = depositing(vault, transfers, self.envelopes_of(parts), exists_in(parts))
        letters, blobs, parcels = self.letters_of(parts), self.blobs_of(parts), self.parcels_of(parts)
        return Lookups(parts.repository, vault, letters, blobs, parcels, transfers, deposit, self._held)

    async def _held(self, complaint: Complaint) -> bool:
        return await self.room.open_for(complaint)

    def screen(self, parts: Parts) -> VaultScreen:
        """The screen, widened to every complaint about the same accused: who sent a duplicate is
        protected like who sent the first letter. There is one, which counts for all who ask."""
        if self.one_screen is not None:
            return self.one_screen
        repository = parts.repository

        async def widen(complaints: frozenset[UUID], accused: Sequence[Accused]) -> Concerned:
            found, people = set(complaints), list(accused)
            for id in complaints:
                complaint = await repository.get(Complaint, id)
                people += complaint.accused if complaint else ()
            for ref in sorted({person.ref for person in people}):
                entry = await repository.get(RegisterEntry, register_id(ref))
                found |= {UUID(c) for c in entry.complaints} if entry else set()
            return Concerned(frozenset(found), places_of(people), frozenset(p.name for p in people))

        def today() -> date:
            return local_date(parts.clock.now())

        self.one_screen = VaultScreen(self.vault_of(parts), widen, today)
        return self.one_screen

    def extend(self, app: Application, parts: Parts) -> None:
        secret = secret_for("public", parts.settings.key("vault.key"))
        flood = Flood(secret, parts.settings.report_difficulty, SpentProofs(parts.engine))
        parts.workers.append(DigestSender(parts, self.desk).run)
        vault, letters = self.vault_of(parts), self.letters_of(parts)
        parts.reads.gate.add(
            app,
            LanguageRoutes(parts.law.organs),
            IntakeRoutes(parts, self.accused, self.parcels_of(parts)),
            QueueRoutes(parts, self.desk),
            SearchRoutes(parts, self.desk),
            DigestRoutes(parts, self.desk),
            HandoverRoutes(parts, self.desk),
            ContactRoutes(parts),
            LetterRoutes(parts, letters),
            OversightRoutes(parts),
            *(AccountRoutes(kind, letters) for kind in KINDS),
            QuarterlyRoutes(parts),
        )
        self.room = VaultRoom(vault, parts.repository, parts.settings)
        self.room.mount(app)
        parts.rooms.append(self.room.parts)
        reports = Reports(parts, letters, flood, secret, self.room.ask)
        reports.add_to(app)
        ClearanceRoutes(parts, self.screen(parts).questions).add_to(app)
        blobs = self.blobs_of(parts)
        Attachments(parts, blobs, reports).add_to(app)
        VaultRoutes(parts, vault).add_to(app)
        PlatformRoutes(
            parts,
            self.platforms_of(parts),
            self.envelopes_of(parts),
            self.transfers_of(parts),
            self.statuses,
        ).add_to(app)
        lookups = self.lookups(parts)

        async def door() -> None:
            """The vault speaks under its own nkey, which may answer the screen and nothing else."""
            seed = parts.settings.vault_nats_seed_file
            nc = await connect(
                parts.settings.nats_url,
                Path(seed) if seed else None,
                "vault",
                parts.observer.nats_error,
                lambda: None,
                trust=parts.settings.nats_trust,
            )
            try:
                await open_door(nc, self.screen(parts), parts.bus_key)
                await asyncio.Event().wait()
            finally:
                await disconnect(nc)

        async def named(parcel: Parcel) -> bool:
            return await lookups.sealed_complaint(parcel.id, parcel.addressee) is not None

        swept = Sweep(vault.engine, parts.recorder, named)

        async def sweep() -> None:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                try:
                    await vault.ready()
                    erased = await swept()
                except LogLost as lost:
                    parts.observer.halted("vault sweep", str(lost))
                    log.error("sweep_halted", reason=str(lost))
                except (StoreUnavailable, *AWAY) as error:
                    log.warning("sweep_waits", error=type(error).__name__)
                else:
                    parts.observer.halted("vault sweep", None)
                    if erased:
                        log.info("orphans_erased", count=erased)

        async def forget() -> None:
            """Destroys what the record says is destroyed: at the start whatever a restore brought back, then
            each key whose end is recorded."""
            seen: int | None = None
            while True:
                try:
                    position = await parts.recorder.max_position()
                    if seen is None:
                        if erased := await vault.settle():
                            log.warning("destroyed_keys_had_come_back", count=erased)
                    else:
                        for stream in await parts.recorder.streams_with(IDENTITY_KEY_DESTROYED, seen):
                            for recorded in await parts.recorder.load(stream):
                                assert isinstance(recorded.event, IdentityKeyDestroyed)
                                await vault.destroy(UUID(recorded.event.complaint))
                    seen = position
                except (StoreUnavailable, *AWAY) as error:
                    log.warning("forgetting_waits", error=type(error).__name__)
                await asyncio.sleep(FORGET_SECONDS)

        check = VaultCheck(
            vault.engine,
            self.keys_of(parts),
            parts.repository,
            self.room.parts.repository,
            letters,
            destroyed_keys(parts.recorder),
        )
        renewal = Renewal(vault.engine, self.keys_of(parts), parts.settings.vault_backups_kept)
        roots = Roots(self.room.parts.recorder, parts.recorder)

        async def look_over(today: date) -> None:
            """Once a day. While something is missing no key is ended: a backup may have to bring it back."""
            await vault.ready()
            missing = await check()
            for each in missing:
                await vault.guard.alarm(*each)
            root, wrong = await roots.now()
            if wrong:
                await vault.guard.alarm(derived_id("vault-log"), wrong)
            elif root.size:  # nothing has happened in a vault without events
                await note_once(parts, root_id(today), root)
            said = [told(missing)] if missing else []
            parts.observer.halted(CHECK, "; ".join([*said, *([wrong] if wrong else [])]) or None)
            if not missing and not wrong and (ended := await renewal()):
                log.info("vault_keys_ended", count=ended)

        async def check_nightly() -> None:
            """Checks at the start, and each day anew."""
            checked: date | None = None
            while True:
                try:
                    today = local_date(parts.clock.now())
                    if today != checked:
                        await look_over(today)
                        checked = today
                except (StoreUnavailable, *AWAY) as error:
                    log.warning("vault_check_waits", error=type(error).__name__)
                    await asyncio.sleep(SWEEP_SECONDS)
                except Exception as error:
                    # One row that does not open ends no service: it is told, and looked at again.
                    log.error("vault_check_failed", error=reason_of(error))
                    parts.observer.halted(CHECK, f"cannot look: {type(error).__name__}")
                    await asyncio.sleep(SWEEP_SECONDS)
                await asyncio.sleep(FORGET_SECONDS)

        if parts.settings.nats_url:
            parts.workers.append(door)

        async def painter() -> None:
            await asyncio.to_thread(tell_of_sandbox, parts.observer.halted)

        parts.workers += [sweep, forget, check_nightly, painter]


def destroyed_keys(recorder: Recorder) -> Destroyed:
    """Intake's own log is the ledger of destroyed keys: it survives a restore of the vault's database."""

    async def destroyed(complaints: Sequence[UUID]) -> set[UUID]:
        by_stream = {identity_key_id(complaint): complaint for complaint in complaints}
        return {by_stream[stream] for stream in await recorder.existing(list(by_stream))}

    return destroyed


def alarm_of(parts: Parts) -> Alarm:
    """Internal supervision hears once of each thing that is missing (R27, B55)."""

    async def alarm(complaint: UUID, id: str) -> None:
        log.error("vault_incomplete", complaint=str(complaint), id=id)
        alert = ALERT(code="E_RECORD_INCOMPLETE", actor=SYSTEM, object=str(complaint))
        await note_once(parts, derived_id("vault-incomplete", str(complaint), id), alert, complaint)

    return alarm


async def note_once(parts: Parts, stream: UUID, event: Event, about: UUID | None = None) -> None:
    """Records something that nobody has asked for, once under this id."""
    if await parts.recorder.existing([stream]):
        return
    complaint = None if about is None else await parts.repository.get(Complaint, about)
    province = next(organ.code for organ in parts.law.organs if organ.level is Level.PROVINCE)
    now = parts.clock.now()
    ctx = Context(
        actor=Actor(SYSTEM, SYSTEM, complaint.organ if complaint else province),
        now=now,
        occurred_at=now,
        law=parts.law,
        command="CheckVault",
        rule="B55",
        correlation_id=complaint.correlation_id if complaint else stream,
    )
    record = AuditRecord(stream, SERVICE)
    record.record(ctx, event)
    with suppress(VersionConflict):  # another was faster
        await parts.recorder.append(Append(events=record.collect_events()))


def exists_in(parts: Parts) -> Callable[[UUID], Awaitable[bool]]:
    """Answers whether a complaint was ever written."""

    async def exists(complaint: UUID) -> bool:
        return bool(await parts.recorder.load(complaint, up_to_version=1))

    return exists


def service() -> Service:
    """Intake, as the kernel assembles it."""
    own = Intake()
    return Service(
        name=SERVICE,
        title="zhengming intake",
        title_zh="受理",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        extra_projections=lambda: [own.accused, own.desk, own.statuses],
        facts=lambda parts: own.lookups(parts).facts(),
        beside=lambda parts: own.lookups(parts).beside(),
        screen=own.screen,
        secret=lambda settings: secret_for("ids", settings.key("vault.key")),
        outgoing=own.outgoing,
        larger_bodies={**LARGER_BODIES, BATCH: BATCH_BYTES},
        for_anyone="/v1/reports",
        extend=own.extend,
        readers_of_files={"ZM_CONTACTS_FILE": load_contacts},
        migrations=[("services/intake/vault/migrations", "ZM_VAULT_OWNER_DATABASE_URL")],
    )


if __name__ == "__main__":
    sys.exit(main(service()))
