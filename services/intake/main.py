"""Intake's composition root: every part of its own is made here, once, after those that it needs."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import create_async_engine

from services.intake.beside import IntakeBeside
from services.intake.clerks.accused import IntakeRoutes
from services.intake.clerks.accused_book import AccusedBook
from services.intake.clerks.book import DeskBook
from services.intake.clerks.digest import DigestRoutes, DigestSender
from services.intake.clerks.disputes import DisputeRoutes
from services.intake.clerks.handovers import HandoverRoutes
from services.intake.clerks.letters import LetterRoutes
from services.intake.clerks.quarterly import QuarterlyRoutes
from services.intake.clerks.queue import QueueRoutes
from services.intake.clerks.search import SearchRoutes
from services.intake.commands import COMMANDS
from services.intake.contract import LISTENS_TO, SERVICE
from services.intake.deposits import IntakeDeposits
from services.intake.domain.complaint.integration import STATUS_KIND
from services.intake.lookups import IntakeLookups, accused_of
from services.intake.platform.envelopes import KEYS_FILE, Envelopes
from services.intake.platform.inbound import BATCH, BATCH_BYTES, PlatformRoutes
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
from services.intake.vault.blobs import Blobs
from services.intake.vault.blobs import blobs as blobs_table
from services.intake.vault.check import VaultCheck
from services.intake.vault.clearance import ClearanceRoutes
from services.intake.vault.door import Door
from services.intake.vault.exclusions import ExclusionExchange
from services.intake.vault.findings import Findings
from services.intake.vault.forgetting import Forgetting, destroyed_keys
from services.intake.vault.keys import Periods, open_keys, secret_for
from services.intake.vault.letters import Letters
from services.intake.vault.letters import codes as codes_table
from services.intake.vault.letters import letters as letters_table
from services.intake.vault.nightly import Nightly
from services.intake.vault.parcels import Parcel, Parcels
from services.intake.vault.parcels import parcels as parcels_table
from services.intake.vault.reading import VaultRoutes
from services.intake.vault.renewal import Renewal
from services.intake.vault.room import VaultRoom
from services.intake.vault.roots import Roots
from services.intake.vault.screen import VaultScreen, widening
from services.intake.vault.store import Vault
from services.intake.vault.sweep import Sweep
from services.intake.vault.transfers import Transfers
from services.intake.vault.transfers import transfers as transfers_table
from shared.casework.http.app import Application
from shared.casework.http.language import LanguageRoutes
from shared.casework.parts import Additions, Core, Parts, Service, Work
from shared.casework.service import main
from shared.kernel.outgoing.adapters import Files, adapter_for
from shared.kernel.outgoing.worker import OutgoingJob
from shared.language.law.working_days import local_date

log = structlog.get_logger("intake")
STAFF, STAFF_BYTES = "/v1/staff", 8 << 20
"""The import of the staff directory: a province in one go."""
FURTHER = tuple(
    table.c.complaint for table in (letters_table, codes_table, blobs_table, parcels_table, transfers_table)
)
"""The other things of a reporter that end with the keys of their complaint."""


def assemble(core: Core) -> Additions:
    """Makes the vault and what lies in it, what leads in and out, the work in the background, the routes."""
    settings, clock = core.settings, core.clock
    recorder, repository = core.recorder, core.repository
    accused, desk, statuses = core.model(AccusedBook), core.model(DeskBook), core.model(StatusBook)
    secret = settings.key("vault.key")

    keys = Periods(open_keys(settings), secret_for("wrapped-keys", secret), clock.now)
    engine = create_async_engine(
        settings.vault_database_url, pool_size=6, pool_timeout=3, hide_parameters=True
    )
    findings = Findings(repository, core.law, clock)
    destroyed = destroyed_keys(recorder)
    vault = Vault(engine, keys, destroyed, FURTHER, findings.alarm)
    pepper = secret_for("query-codes", secret)
    letters = Letters(engine, keys, pepper, vault.ready, vault.guard)
    blobs = Blobs(engine, keys, vault.ready, vault.guard)
    parcels = Parcels(engine, keys, vault.ready, vault.guard)
    transfers = Transfers(engine, keys, vault.ready, vault.guard)

    def today() -> date:
        return local_date(clock.now())

    # One screen, which counts for all who ask.
    screen = VaultScreen(vault, widening(repository), today)
    room = VaultRoom(vault, repository, settings, core.halts, core.staff, partial(accused_of, repository))
    envelopes = Envelopes(settings.keys_dir / KEYS_FILE)
    platforms = Platforms(settings.keys_dir / PLATFORMS_FILE, strict=settings.production)
    platforms.of("")  # what cannot be used is told at the start, and not at the first call
    numbers = secret_for("accused-numbers", secret)
    lookups = IntakeLookups(repository, vault, blobs, parcels, room.open_for, core.staff, numbers)
    deposits = IntakeDeposits(repository, vault, letters, blobs, parcels, transfers, envelopes)

    async def named(parcel: Parcel) -> bool:
        return await lookups.sealed_complaint(parcel.id, parcel.addressee) is not None

    halted = core.observer.halted
    check = VaultCheck(engine, keys, repository, room.parts.repository, letters, destroyed)
    roots = Roots(room.parts.recorder, recorder)
    renewal = Renewal(engine, keys, settings.vault_backups_kept)
    door = Door(settings, screen, core.bus_key, core.observer.nats_error)
    workers: list[Work] = [
        DigestSender(core, desk).run,
        *([door.run] if settings.nats_url else []),
        Sweep(vault, recorder, named, halted).run,
        Forgetting(vault, recorder).run,
        ExclusionExchange(room.parts.recorder, repository, core.law, clock).run,
        Nightly(clock, vault, check, roots, renewal, findings, halted).run,
        partial(asyncio.to_thread, tell_of_sandbox, halted),
    ]

    public = secret_for("public", secret)
    flood = Flood(public, settings.report_difficulty, SpentProofs(core.engine))

    def add_routes(app: Application, parts: Parts) -> None:
        parts.reads.gate.add(
            app,
            LanguageRoutes(parts.law.organs),
            IntakeRoutes(parts, accused, parcels),
            QueueRoutes(parts, desk),
            SearchRoutes(parts, desk),
            DigestRoutes(parts, desk),
            HandoverRoutes(parts, desk),
            DisputeRoutes(parts, desk),
            ContactRoutes(parts),
            LetterRoutes(parts, letters),
            OversightRoutes(parts),
            *(AccountRoutes(kind, letters) for kind in KINDS),
            QuarterlyRoutes(parts),
        )
        room.mount(app)
        reports = Reports(parts, letters, flood, public, room.ask)
        reports.add_to(app)
        ClearanceRoutes(parts, screen.questions).add_to(app)
        Attachments(parts, blobs, reports).add_to(app)
        VaultRoutes(parts, vault).add_to(app)
        PlatformRoutes(parts, platforms, envelopes, transfers, statuses).add_to(app)

    return Additions(
        lookups=lookups.lookups(),
        deposits=deposits.deposits(),
        beside=IntakeBeside(repository, deposits).beside(),
        accused_of=partial(accused_of, repository),
        screen=screen,
        secret=secret_for("ids", secret),
        jobs=outgoing(core, platforms, vault),
        workers=workers,
        rooms=[room.assembled],
        routes=add_routes,
    )


def outgoing(core: Core, platforms: Platforms, vault: Vault) -> dict[str, OutgoingJob]:
    """The messages that leave intake: statuses to the platform, and messages to reporters where there is a
    way."""
    settings = core.settings
    files = None if settings.production else Files(settings.outgoing_dir / STATUS_KIND)
    jobs = {STATUS_KIND: OutgoingJob(Callbacks(platforms, files, settings.outgoing_trust))}
    # As a file it holds a contact: so it lies with the vault, under the vault's key.
    folder = settings.vault_dir / MESSAGE_KIND
    way = adapter_for(settings.way_out(MESSAGE_KIND), folder, settings.outgoing_trust, vault.seal_apart)
    if way is None:
        log.warning("no_way_out", kind=MESSAGE_KIND)
    else:
        jobs[MESSAGE_KIND] = OutgoingJob(way, ReporterMessages(core, vault).prepare, of_a_reporter=True)
    return jobs


def service() -> Service:
    """Intake, as the kernel assembles it."""
    return Service(
        name=SERVICE,
        title="zhengming intake",
        title_zh="受理",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        models=(AccusedBook, DeskBook, StatusBook),
        assemble=assemble,
        larger_bodies={**LARGER_BODIES, BATCH: BATCH_BYTES, STAFF: STAFF_BYTES},
        for_anyone="/v1/reports",
        readers_of_files={"ZM_CONTACTS_FILE": load_contacts},
        migrations=[("services/intake/vault/migrations", "ZM_VAULT_OWNER_DATABASE_URL")],
    )


if __name__ == "__main__":
    sys.exit(main(service()))
