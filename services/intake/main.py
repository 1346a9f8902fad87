"""Intake's composition root."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from services.intake.api import IntakeRoutes
from services.intake.attachments import LARGER_BODIES, Attachments
from services.intake.commands import COMMANDS
from services.intake.commands.disclosing import DestroyIdentityKey, RequestIdentityDisclosure
from services.intake.commands.overseeing import (
    RecordRetaliationReport,
    ReportStaffMisconduct,
    TellOfStaffMisconduct,
)
from services.intake.commands.passing_on import AssignJurisdiction, RequestExtension
from services.intake.commands.receiving import (
    ListAllegations,
    MarkDuplicate,
    MarkRepeat,
    ReceiveComplaint,
    SealAndEscalate,
)
from services.intake.commands.reporting import AskForRecusal, SubmitReport, WriteToOrgan, WriteToReporter
from services.intake.commands.supervising import DraftSupervisionOrder
from services.intake.contacts import ContactRoutes
from services.intake.contract import LISTENS_TO, SERVICE
from services.intake.desk.book import DeskBook
from services.intake.desk.digest import DigestRoutes, DigestSender
from services.intake.desk.oversight import OversightRoutes
from services.intake.desk.quarterly import QuarterlyRoutes
from services.intake.desk.queue import QueueRoutes
from services.intake.desk.search import SearchRoutes
from services.intake.domain.complaint import Complaint
from services.intake.domain.disclosing import Asked, Forgettable, identity_key_id
from services.intake.domain.integration import STATUS_KIND
from services.intake.domain.passing_on import PassedOn
from services.intake.domain.register import RegisterEntry, register_id
from services.intake.domain.retaliation import Retaliated
from services.intake.integration.envelopes import KEYS_FILE, Envelopes
from services.intake.integration.inbound import BATCH, BATCH_BYTES, PlatformRoutes, depositing
from services.intake.integration.messages import MESSAGE_KIND, ReporterMessages
from services.intake.integration.platforms import PLATFORMS_FILE, Callbacks, Platforms
from services.intake.integration.statuses import StatusBook
from services.intake.public import Reports
from services.intake.reactions import REACTIONS
from services.intake.readmodel import AccusedBook
from services.intake.reporting.flood import Flood
from services.intake.vault.blobs import Blobs
from services.intake.vault.blobs import blobs as blobs_table
from services.intake.vault.door import open_door
from services.intake.vault.keys import FileKeys, open_keys
from services.intake.vault.letters import Direction, Letters
from services.intake.vault.letters import codes as codes_table
from services.intake.vault.letters import letters as letters_table
from services.intake.vault.parcels import Parcel, Parcels
from services.intake.vault.parcels import parcels as parcels_table
from services.intake.vault.reading import VaultRoutes
from services.intake.vault.room import VaultRoom
from services.intake.vault.screen import Concerned, VaultScreen
from services.intake.vault.store import AWAY, Destroyed, Vault
from services.intake.vault.transfers import Transfers
from services.intake.vault.transfers import transfers as transfers_table
from shared.aggregate import Aggregate, Context
from shared.bus.connection import connect, disconnect
from shared.command import Command
from shared.contracts.common import Accused
from shared.contracts.intake import (
    ComplaintAssignedDown,
    ComplaintTakenUp,
    IdentityKeyDestroyed,
    JurisdictionAssigned,
)
from shared.gate import Beside, Facts
from shared.outgoing.adapters import Files, adapter_for
from shared.outgoing.worker import Errand
from shared.reaction import derived_id
from shared.refusal import refuse
from shared.service import Parts, Service, main
from shared.store.recorder import Recorder
from shared.store.types import StoreUnavailable

log = structlog.get_logger("intake")
SWEEP_SECONDS = 60
FORGET_SECONDS = 1
FURTHER = tuple(
    table.c.complaint for table in (letters_table, codes_table, blobs_table, parcels_table, transfers_table)
)
"""What else of a reporter ends with the keys of his complaint."""
DIRECTIONS: dict[type[Command], Direction] = {
    SubmitReport: "REPORT",
    WriteToOrgan: "FROM_REPORTER",
    WriteToReporter: "TO_REPORTER",
    AskForRecusal: "RECUSAL",
}
IDENTITY_KEY_DESTROYED = "intake.IdentityKeyDestroyed"
PASSING = (
    "SplitComplaint",
    "TransferDown",
    "AssignDown",
    "TransferLateral",
    "TakeUp",
    "AssignJurisdiction",
)
"""Commands that make another organ's complaint out of this one."""


class Intake:
    """What intake adds to the kernel's assembly: the vault, the register, its own reads."""

    def __init__(self) -> None:
        self.accused = AccusedBook()
        self.desk = DeskBook()
        self.statuses = StatusBook()
        self.vault: Vault | None = None
        self.letters: Letters | None = None
        self.parcels: Parcels | None = None

    def vault_of(self, parts: Parts) -> Vault:
        if self.vault is None:
            engine = create_async_engine(parts.settings.vault_database_url, pool_size=3, pool_timeout=3)
            self.vault = Vault(engine, open_keys(parts.settings), destroyed_keys(parts.recorder), FURTHER)
        return self.vault

    def parcels_of(self, parts: Parts) -> Parcels:
        if self.parcels is None:
            self.parcels = Parcels(self.vault_of(parts).engine, open_keys(parts.settings))
        return self.parcels

    def letters_of(self, parts: Parts) -> Letters:
        if self.letters is None:
            pepper = FileKeys(parts.settings.key("vault.key")).secret_for("query-codes")
            vault = self.vault_of(parts)
            self.letters = Letters(vault.engine, open_keys(parts.settings), pepper, vault.ready)
        return self.letters

    def envelopes_of(self, parts: Parts) -> Envelopes:
        return Envelopes(parts.settings.keys_dir / KEYS_FILE)

    def platforms_of(self, parts: Parts) -> Platforms:
        platforms = Platforms(parts.settings.keys_dir / PLATFORMS_FILE, tls_only=parts.settings.production)
        platforms.of("")  # what cannot be used is told at the start, and not at the first call
        return platforms

    def outgoing(self, parts: Parts) -> dict[str, Errand]:
        """What leaves intake: statuses to the platform, and messages to reporters where there is a way."""
        settings, vault = parts.settings, self.vault_of(parts)
        files = None if settings.production else Files(settings.outgoing_dir / STATUS_KIND)
        errands = {STATUS_KIND: Errand(Callbacks(self.platforms_of(parts), files))}
        # As a file it holds a contact: so it lies with the vault, under the vault's key.
        folder = settings.vault_dir / MESSAGE_KIND
        way = adapter_for(settings.way_out(MESSAGE_KIND), folder, vault.seal_apart)
        if way is None:
            log.warning("no_way_out", kind=MESSAGE_KIND)
        else:
            errands[MESSAGE_KIND] = Errand(way, ReporterMessages(parts, vault).prepare)
        return errands

    def facts(self, parts: Parts) -> Facts:
        vault, repository = self.vault_of(parts), parts.repository

        async def sealed_with(parcel: UUID, organ: str) -> Complaint:
            """What a lower organ sealed for this one."""
            complaint = await self.sealed_complaint(parts, parcel, organ)
            if complaint is None:
                refuse("E_SCHEMA", "A14", field="parcel", reason="not addressed to this organ")
            return complaint

        async def deposit(command: Command, aggregate: Aggregate, ctx: Context) -> tuple[str, str]:
            """The identity is in the vault before the event that refers to it is written."""
            assert isinstance(command, ReceiveComplaint | SubmitReport)
            if isinstance(command, ReceiveComplaint) and command.parcel is not None:
                if command.source != "SUBORDINATE_ESCALATED" or command.reporter is not None:
                    refuse("E_SCHEMA", "A14", field="parcel", reason="of a lower organ, with its reporter")
                complaint = await sealed_with(command.parcel, ctx.actor.organ)
                ref = await vault.copy(complaint.id, aggregate.id)
                return ref, complaint.identity_status if ref else "UNCLAIMED"
            if command.reporter is None:
                return "", "UNCLAIMED"
            ref = await vault.deposit(aggregate.id, command.reporter)
            return ref, "CLAIMED" if command.reporter.claims_real_name else "UNCLAIMED"

        async def joint(command: Command, aggregate: Aggregate, ctx: Context) -> bool:
            """Whether others report with him: that is told, and nothing more (SEC-1)."""
            assert isinstance(command, ReceiveComplaint)
            if command.parcel is not None:
                return (await sealed_with(command.parcel, ctx.actor.organ)).joint
            return command.reporter is not None and bool(command.reporter.co_signers)

        async def seal(command: Command, aggregate: Aggregate, ctx: Context) -> UUID | None:
            """The content is in the vault, shut for everybody but the addressee, before the event that
            names the parcel is written."""
            assert isinstance(command, SealAndEscalate)
            if command.to not in ctx.law.organs:
                return None
            return await self.parcels_of(parts).seal(aggregate.id, command.to, command.content)

        letters = self.letters_of(parts)

        async def letter(command: Command, aggregate: Aggregate, ctx: Context) -> UUID:
            """Free words of or to a reporter: sealed before the event that refers to them is written."""
            assert isinstance(command, SubmitReport | WriteToOrgan | WriteToReporter | AskForRecusal)
            direction = DIRECTIONS[type(command)]
            id = derived_id("letter", ctx.command_id)
            return await letters.put(aggregate.id, direction, command.text, id)

        async def retaliated(command: Command, aggregate: Aggregate, ctx: Context) -> Retaliated:
            """Only who serves the reporter tells of it; for everybody else there is no such complaint. The
            account is in the vault before the event that refers to it is written."""
            assert isinstance(command, RecordRetaliationReport)
            complaint = await repository.get(Complaint, command.complaint)
            if complaint is None or complaint.organ != ctx.actor.organ:
                refuse("E_JURISDICTION")
            if not complaint.assigned.get(ctx.actor.person):
                refuse("E_NEED_TO_KNOW")
            if command.subject not in {a.ref for a in complaint.accused}:
                return Retaliated(complaint, None)
            id = derived_id("account", ctx.command_id)
            return Retaliated(complaint, await letters.put(complaint.id, "ACCOUNT", command.account, id))

        async def handled_by(command: Command, aggregate: Aggregate, ctx: Context) -> str:
            """The organ of the complaint that the code has opened."""
            assert isinstance(command, TellOfStaffMisconduct)
            complaint = await repository.get(Complaint, command.complaint)
            assert complaint is not None
            return complaint.organ

        async def account(command: Command, aggregate: Aggregate, ctx: Context) -> UUID:
            """What is said of a member of the staff: with the complaint that it came with, or by itself."""
            assert isinstance(command, ReportStaffMisconduct | TellOfStaffMisconduct)
            key = getattr(command, "complaint", aggregate.id)
            return await letters.put(key, "ACCOUNT", command.account, derived_id("account", ctx.command_id))

        async def register(command: Command, aggregate: Aggregate, ctx: Context) -> dict[str, Accused]:
            """The accused that the clerk says are known already."""
            assert isinstance(command, ListAllegations)
            known = {}
            for match in {a.match for a in command.accused if a.match is not None}:
                entry = await repository.get(RegisterEntry, register_id(match))
                if entry is not None and entry.accused is not None and aggregate.organ in entry.organs:
                    known[match] = entry.accused
            return known

        async def original(command: Command, aggregate: Aggregate, ctx: Context) -> Complaint | None:
            """The complaint that this one is said to repeat."""
            assert isinstance(command, MarkDuplicate | MarkRepeat)
            return await repository.get(Complaint, command.of)

        async def supervised(command: Command, aggregate: Aggregate, ctx: Context) -> Complaint | None:
            """The item of an organ below that an order is about."""
            assert isinstance(command, DraftSupervisionOrder)
            return await repository.get(Complaint, command.complaint)

        async def asked(command: Command, aggregate: Aggregate, ctx: Context) -> Asked:
            """The complaint, and whether its reporter agreed to be contacted."""
            assert isinstance(command, RequestIdentityDisclosure)
            complaint = await repository.get(Complaint, command.complaint)
            # The vault is asked only where the actor may know of the complaint at all.
            if complaint is None or not complaint.assigned.get(ctx.actor.person):
                return Asked(complaint, False)
            reporter = await vault.reporter(complaint.id)
            return Asked(complaint, reporter is not None and reporter.may_be_contacted)

        async def forgettable(command: Command, aggregate: Aggregate, ctx: Context) -> Forgettable:
            """Whether anything still needs the reporter of a complaint."""
            assert isinstance(command, DestroyIdentityKey)
            complaint = await repository.get(Complaint, command.complaint)
            held = complaint is not None and await self.room.open_for(complaint)
            return Forgettable(complaint, ctx.law.policy.int_of("retention.identity.years"), held)

        transfer = depositing(vault, Transfers(vault.engine), self.envelopes_of(parts), exists_in(parts))
        return {
            "asked": asked,
            "supervised": supervised,
            "forgettable": forgettable,
            "vault": deposit,
            "joint": joint,
            "sealed": seal,
            "letter": letter,
            "register": register,
            "original": original,
            "retaliated": retaliated,
            "handled_by": handled_by,
            "account": account,
            "transfer": transfer,
        }

    async def sealed_complaint(self, parts: Parts, parcel: UUID, organ: str) -> Complaint | None:
        """The sealed complaint of a parcel, if it is addressed to this organ; None for every other."""
        label = await self.parcels_of(parts).find(parcel)
        if label is None or label.addressee != organ:
            return None
        complaint = await parts.repository.get(Complaint, label.complaint)
        return complaint if complaint is not None and complaint.parcel == str(parcel) else None

    def beside(self, parts: Parts) -> dict[str, Beside]:
        async def link(complaint: Complaint, ctx: Context) -> Sequence[Aggregate]:
            entries = []
            for person in complaint.accused:
                id = register_id(person.ref)
                entry = await parts.repository.get(RegisterEntry, id) or RegisterEntry(id)
                kinds = sorted({a.kind for a in complaint.allegations if a.accused_ref == person.ref})
                entry.link_complaint(ctx, person, complaint.id, kinds, complaint.organ)
                entries.append(entry)
            return entries

        async def enter_register(command: Command, aggregate: Aggregate, ctx: Context) -> Sequence[Aggregate]:
            """Every accused's own stream is written in the transaction of the list (R55)."""
            assert isinstance(aggregate, Complaint)
            return await link(aggregate, ctx)

        async def pass_on(command: Command, aggregate: Aggregate, ctx: Context) -> Sequence[Aggregate]:
            """At the organ that goes on with it, the complaint is born in the same transaction: it cannot
            be lost on the way (A16, A17, A18, A22)."""
            assert isinstance(aggregate, Complaint)
            event = aggregate.pending_events[-1].event
            if isinstance(event, JurisdictionAssigned):
                return ()  # the dispute was decided for the organ itself
            assert isinstance(event, PassedOn)
            child = Complaint(UUID(event.born))
            reference = await self.vault_of(parts).copy(aggregate.id, child.id)
            below = ctx.law.organs.is_ancestor_or_self(aggregate.organ, event.to_organ)
            # Above, the superior follows its complaint down; a sibling's is a case of its own.
            child_ctx = replace(ctx, correlation_id=aggregate.correlation_id if below else None, duty="")
            told_to = isinstance(event, ComplaintAssignedDown | ComplaintTakenUp)
            designated = told_to or isinstance(command, AssignJurisdiction)
            child.be_born(child_ctx, aggregate, event, reference, designated=designated)
            return [child, *await link(child, ctx)]

        async def take_in(command: Command, aggregate: Aggregate, ctx: Context) -> Sequence[Aggregate]:
            """The lower organ's sealed complaint learns that its parcel arrived, once."""
            assert isinstance(command, ReceiveComplaint)
            if command.parcel is None:
                return ()
            complaint = await self.sealed_complaint(parts, command.parcel, ctx.actor.organ)
            assert complaint is not None
            complaint.take_in_parcel(replace(ctx, duty=""))
            return [complaint]

        async def tell_superior(command: Command, aggregate: Aggregate, ctx: Context) -> Sequence[Aggregate]:
            """That it takes longer is told to whoever assigned it (A23)."""
            assert isinstance(command, RequestExtension)
            assert isinstance(aggregate, Complaint)
            superior = await parts.repository.get(Complaint, UUID(aggregate.origin))
            assert superior is not None
            superior.note_extension(replace(ctx, duty=""), command.reason)
            return [superior]

        return {
            "ReceiveComplaint": take_in,
            "ListAllegations": enter_register,
            "RequestExtension": tell_superior,
            **dict.fromkeys(PASSING, pass_on),
        }

    def screen(self, parts: Parts) -> VaultScreen:
        """The screen, widened to every complaint about the same accused: who sent a duplicate is
        protected like who sent the first letter."""
        repository = parts.repository

        async def widen(complaints: frozenset[UUID]) -> Concerned:
            found, places = set(complaints), set()
            for id in complaints:
                complaint = await repository.get(Complaint, id)
                for person in complaint.accused if complaint else ():
                    places |= {person.unit, person.position}
                    entry = await repository.get(RegisterEntry, register_id(person.ref))
                    found |= {UUID(c) for c in entry.complaints} if entry else set()
            return Concerned(frozenset(found), tuple(sorted(places - {""})))

        return VaultScreen(self.vault_of(parts), widen)

    def extend(self, app: FastAPI, parts: Parts) -> None:
        IntakeRoutes(parts, self.accused, self.parcels_of(parts)).add_to(app)
        secret = FileKeys(parts.settings.key("vault.key")).secret_for("public")
        flood = Flood(secret, parts.settings.report_difficulty)
        QueueRoutes(parts, self.desk).add_to(app)
        SearchRoutes(parts, self.desk).add_to(app)
        DigestRoutes(parts, self.desk).add_to(app)
        parts.workers.append(DigestSender(parts, self.desk).run)
        vault, letters = self.vault_of(parts), self.letters_of(parts)
        self.room = VaultRoom(vault, parts.repository, parts.settings)
        self.room.mount(app)
        reports = Reports(parts, letters, flood, secret, self.room.ask)
        reports.add_to(app)
        ContactRoutes(parts).add_to(app)
        OversightRoutes(parts, letters).add_to(app)
        QuarterlyRoutes(parts).add_to(app)
        blobs = Blobs(vault.engine, open_keys(parts.settings), vault.ready)
        Attachments(parts, blobs, reports).add_to(app)
        VaultRoutes(parts, vault).add_to(app)
        transfers, exists = Transfers(vault.engine), exists_in(parts)
        PlatformRoutes(
            parts, self.platforms_of(parts), self.envelopes_of(parts), transfers, self.statuses
        ).add_to(app)
        parcels = self.parcels_of(parts)

        async def door() -> None:
            """The vault speaks under its own nkey, which may answer the screen and nothing else."""
            seed = os.environ.get("ZM_VAULT_NATS_SEED_FILE", "")
            nc = await connect(
                parts.settings.nats_url,
                Path(seed) if seed else None,
                "vault",
                parts.observer.nats_error,
                lambda: None,
            )
            await open_door(nc, self.screen(parts))
            try:
                await asyncio.Event().wait()
            finally:
                await disconnect(nc)

        async def sweep() -> None:
            while True:
                await asyncio.sleep(SWEEP_SECONDS)
                try:
                    erased = await vault.sweep_orphans(exists) + await letters.sweep_orphans(exists)
                    await transfers.sweep_orphans(exists)
                    erased += await parcels.sweep_orphans(named)
                except (StoreUnavailable, *AWAY) as error:
                    log.warning("sweep_waits", error=type(error).__name__)
                    continue
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

        async def named(parcel: Parcel) -> bool:
            return await self.sealed_complaint(parts, parcel.id, parcel.addressee) is not None

        if parts.settings.nats_url:
            parts.workers.append(door)
        parts.workers += [sweep, forget]


def destroyed_keys(recorder: Recorder) -> Destroyed:
    """Intake's own log is the ledger of destroyed keys: it survives a restore of the vault's database."""

    async def destroyed(complaints: Sequence[UUID]) -> set[UUID]:
        by_stream = {identity_key_id(complaint): complaint for complaint in complaints}
        return {by_stream[stream] for stream in await recorder.existing(list(by_stream))}

    return destroyed


def exists_in(parts: Parts) -> Callable[[UUID], Awaitable[bool]]:
    """Whether a complaint was ever written."""

    async def exists(complaint: UUID) -> bool:
        return bool(await parts.recorder.load(complaint, up_to_version=1))

    return exists


def service() -> Service:
    """Intake, as the kernel assembles it."""
    own = Intake()
    return Service(
        name=SERVICE,
        title="zhengming intake (受理)",
        commands=COMMANDS,
        reactions=REACTIONS,
        listens_to=LISTENS_TO,
        extra_projections=lambda: [own.accused, own.desk, own.statuses],
        facts=own.facts,
        beside=own.beside,
        screen=own.screen,
        outgoing=own.outgoing,
        larger_bodies={**LARGER_BODIES, BATCH: BATCH_BYTES},
        extend=own.extend,
        migrations=[("services/intake/vault/migrations", "ZM_VAULT_OWNER_DATABASE_URL")],
    )


if __name__ == "__main__":
    main(service())
