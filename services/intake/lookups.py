"""The lookups that intake's commands want before they are decided, and the writings beside them.

Everything that goes into the vault (identities, letters, parcels) is there before the event that refers to it
is written; things to which nothing refers in the end are swept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from services.intake.commands.answering import SubmitNewEvidence
from services.intake.commands.deciding import AdviseReporter
from services.intake.commands.disclosing import DestroyIdentityKey, RequestIdentityDisclosure
from services.intake.commands.overseeing import (
    RecordRetaliationReport,
    ReportStaffMisconduct,
    TellOfStaffMisconduct,
)
from services.intake.commands.passing_on import AssignJurisdiction, RequestExtension, ReturnResult
from services.intake.commands.receiving import (
    ListAllegations,
    MarkDuplicate,
    MarkRepeat,
    ReceiveComplaint,
    SealAndEscalate,
)
from services.intake.commands.reporting import (
    AddAttachment,
    AskForRecusal,
    SubmitReport,
    WriteToOrgan,
    WriteToReporter,
)
from services.intake.commands.supervising import DraftSupervisionOrder
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.passing_on import PassedOn
from services.intake.domain.disclosing import Asked, Forgettable
from services.intake.domain.misconduct import StaffMisconductReport
from services.intake.domain.overseen import REPORTED, Overseen
from services.intake.domain.register import RegisterEntry, register_id
from services.intake.domain.retaliation import Retaliated, RetaliationReport
from services.intake.domain.values import Deposited
from services.intake.platform.inbound import Deposit
from services.intake.vault.binding import only
from services.intake.vault.blobs import Blobs
from services.intake.vault.letters import Direction, Letters
from services.intake.vault.parcels import Parcels
from services.intake.vault.store import Vault
from services.intake.vault.tokens import reveals
from services.intake.vault.transfers import Transfers
from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Command
from shared.casework.gate import Beside, Facts
from shared.casework.repository import Repository
from shared.language.contracts.common import Accused, InVault
from shared.language.contracts.intake import (
    ComplaintAssignedDown,
    ComplaintSplit,
    ComplaintTakenUp,
    JurisdictionAssigned,
)
from shared.language.ids import derived_id
from shared.language.refusal import refuse

Written = Sequence[Aggregate]
DIRECTIONS: dict[type[Command], Direction] = {
    SubmitReport: "REPORT",
    WriteToOrgan: "FROM_REPORTER",
    WriteToReporter: "TO_REPORTER",
    AskForRecusal: "RECUSAL",
}
PASSING = (
    "SplitComplaint",
    "TransferDown",
    "AssignDown",
    "TransferLateral",
    "TakeUp",
    "AssignJurisdiction",
)
"""Commands that make another organ's complaint out of this one."""

OVERSEEN: tuple[tuple[type[Overseen], str], ...] = (
    (RetaliationReport, "intake.RetaliationReported"),
    (StaffMisconductReport, "intake.StaffMisconductReported"),
)
"""The reports that may have come with a complaint, and the event that each began with."""


class Lookups:
    """Answers by the names that the commands ask under."""

    def __init__(
        self,
        repository: Repository,
        vault: Vault,
        letters: Letters,
        blobs: Blobs,
        parcels: Parcels,
        transfers: Transfers,
        transfer: Deposit,
        held: Callable[[Complaint], Awaitable[bool]],
    ) -> None:
        self.repository = repository
        self.vault = vault
        self.letters = letters
        self.blobs = blobs
        self.parcels = parcels
        self.transfers = transfers
        self.transfer = transfer
        self.held = held
        """Answers whether something still needs the reporter of a complaint."""

    def facts(self) -> Facts:
        """The lookups that are made before a command is decided."""
        return {
            "asked": self.asked,
            "supervised": self.supervised,
            "forgettable": self.forgettable,
            "vault": self.deposit,
            "joint": self.joint,
            "sealed": self.seal,
            "letter": self.letter,
            "file": self.file,
            "advice": self.advice,
            "register": self.register,
            "original": self.original,
            "retaliated": self.retaliated,
            "handled_by": self.handled_by,
            "account": self.account,
            "transfer": self.transfer,
        }

    def beside(self) -> dict[str, Beside]:
        """The writings in the transaction of a command, beside its own case."""
        return {
            "ReceiveComplaint": self.take_in,
            "ListAllegations": self.enter_register,
            "RequestExtension": self.tell_superior,
            "AcceptResult": self.tell_origin,
            "ReturnResult": self.tell_born,
            "SubmitNewEvidence": self.tell_born,
            **dict.fromkeys(PASSING, self.pass_on),
        }

    async def sealed_complaint(self, parcel: UUID, organ: str) -> Complaint | None:
        """The sealed complaint of a parcel, if it is addressed to this organ; None for every other."""
        label = await self.parcels.find(parcel)
        if label is None or label.addressee != organ:
            return None
        complaint = await self.repository.get(Complaint, label.complaint)
        return complaint if complaint is not None and complaint.parcel == str(parcel) else None

    async def _sealed_with(self, parcel: UUID, organ: str) -> Complaint:
        """The complaint that a lower organ sealed for this one."""
        complaint = await self.sealed_complaint(parcel, organ)
        if complaint is None:
            refuse("E_SCHEMA", "A14", field="parcel", reason="not addressed to this organ")
        return complaint

    async def deposit(self, command: Command, aggregate: Aggregate, ctx: Context) -> Deposited:
        """Puts the identity into the vault before the event that refers to it is written. With a parcel come
        the reporter, their words and files, and the platform's original."""
        assert isinstance(command, ReceiveComplaint | SubmitReport)
        if isinstance(command, ReceiveComplaint) and command.parcel is not None:
            if command.source != "SUBORDINATE_ESCALATED" or command.reporter is not None:
                refuse("E_SCHEMA", "A14", field="parcel", reason="of a lower organ, with its reporter")
            complaint = await self._sealed_with(command.parcel, ctx.actor.organ)
            if aggregate.version:  # received before: it refuses, and what was forgotten here stays so
                return Deposited()
            return await self._send_along(complaint, aggregate.id)
        if command.reporter is None:
            return Deposited()
        # A new complaint has this one reporter: no need to ask the screen, which asks the vault.
        if isinstance(command, ReceiveComplaint):
            numbers = f"{command.blob_id}\n{command.platform_no}"
            if reveals(numbers, [command.reporter]):
                refuse("E_TEXT_IDENTITY_LEAK", "SEC-12", fields=["blob_id", "platform_no"])
        reporter = await self.vault.deposit(aggregate.id, command.reporter)
        return Deposited(reporter, "CLAIMED" if command.reporter.claims_real_name else "UNCLAIMED")

    async def _send_along(self, complaint: Complaint, born: UUID, *, words: bool = True) -> Deposited:
        """The reporter goes along to the complaint born of theirs, and with their `words` what they attached
        and what the platform sent."""
        named = list(complaint.in_vault.values())
        reporter = await self.vault.copy(complaint.id, born, named)
        things: list[InVault] = []
        if words:
            things += await self.letters.copy(complaint.id, born, named)
            things += await self.blobs.copy(complaint.id, born, named)
            for transfer in only(named, "TRANSFER"):
                copy = await self.transfers.copy(complaint.id, born, transfer)
                things += [copy] if copy else []
        original = "".join(thing.id for thing in only(things, "TRANSFER"))
        status = complaint.identity_status if reporter else "UNCLAIMED"
        return Deposited(reporter, status, original, tuple(things))

    async def joint(self, command: Command, aggregate: Aggregate, ctx: Context) -> bool:
        """True if others report with the reporter: that is told, and nothing more (SEC-1)."""
        assert isinstance(command, ReceiveComplaint)
        if command.parcel is not None:
            return (await self._sealed_with(command.parcel, ctx.actor.organ)).joint
        return command.reporter is not None and bool(command.reporter.co_signers)

    async def seal(self, command: Command, aggregate: Aggregate, ctx: Context) -> InVault | None:
        """The content is in the vault, shut for everybody but the addressee, before the event that
        names the parcel is written."""
        assert isinstance(command, SealAndEscalate)
        if command.to not in ctx.law.organs:
            return None
        return await self.parcels.seal(aggregate.id, command.to, command.content)

    async def file(self, command: Command, aggregate: Aggregate, ctx: Context) -> tuple[InVault, ...]:
        """A file that lies in the vault already, and its copy."""
        assert isinstance(command, AddAttachment)
        return tuple(await self.blobs.stored(UUID(command.attachment)))

    async def letter(self, command: Command, aggregate: Aggregate, ctx: Context) -> InVault:
        """Free words of or to a reporter: sealed before the event that refers to them is written."""
        assert isinstance(command, SubmitReport | WriteToOrgan | WriteToReporter | AskForRecusal)
        await self._check_remembered(aggregate.id)
        direction = DIRECTIONS[type(command)]
        id = derived_id("letter", ctx.attempt)
        return await self.letters.put(aggregate.id, direction, command.text, id)

    async def _check_remembered(self, complaint: UUID) -> None:
        """Refuses if the reporter was forgotten: anything put under a destroyed key's name would be erased
        with it."""
        if await self.vault.forgotten(complaint):
            refuse("E_STATE", "§6.5", reason="its reporter was forgotten")

    async def advice(self, command: Command, aggregate: Aggregate, ctx: Context) -> InVault | None:
        """Writes a letter to a reporter who wrote online: they are shown only letters that an event names
        (A11)."""
        assert isinstance(command, AdviseReporter)
        assert isinstance(aggregate, Complaint)
        if not aggregate.channel.startswith("ONLINE") or await self.vault.forgotten(aggregate.id):
            return None
        words = f"您反映的事项属于{command.body}的职责，请向其反映。"
        return await self.letters.put(aggregate.id, "TO_REPORTER", words, derived_id("letter", ctx.attempt))

    async def retaliated(self, command: Command, aggregate: Aggregate, ctx: Context) -> Retaliated:
        """Seals the account of retaliation by those who serve the reporter; for everybody else there is no
        such complaint. The account is in the vault before the event that refers to it is written."""
        assert isinstance(command, RecordRetaliationReport)
        complaint = await self.repository.get(Complaint, command.complaint)
        if complaint is None or complaint.organ != ctx.actor.organ:
            refuse("E_JURISDICTION")
        if not complaint.assigned.get(ctx.actor.person):
            refuse("E_NEED_TO_KNOW")
        if command.subject not in {a.ref for a in complaint.accused}:
            return Retaliated(complaint, None)
        await self._check_remembered(complaint.id)
        id = derived_id("account", ctx.attempt)
        return Retaliated(complaint, await self.letters.put(complaint.id, "ACCOUNT", command.account, id))

    async def handled_by(self, command: Command, aggregate: Aggregate, ctx: Context) -> str:
        """The organ of the complaint that the code has opened."""
        assert isinstance(command, TellOfStaffMisconduct)
        complaint = await self.repository.get(Complaint, command.complaint)
        assert complaint is not None
        return complaint.organ

    async def account(self, command: Command, aggregate: Aggregate, ctx: Context) -> InVault:
        """Seals the words about a member of the staff: with the complaint that they came with, or by
        themselves."""
        assert isinstance(command, ReportStaffMisconduct | TellOfStaffMisconduct)
        key = getattr(command, "complaint", aggregate.id)
        await self._check_remembered(key)
        return await self.letters.put(key, "ACCOUNT", command.account, derived_id("account", ctx.attempt))

    async def register(self, command: Command, aggregate: Aggregate, ctx: Context) -> dict[str, Accused]:
        """The accused that the clerk says are known already."""
        assert isinstance(command, ListAllegations)
        known = {}
        for match in {a.match for a in command.accused if a.match is not None}:
            entry = await self.repository.get(RegisterEntry, register_id(match))
            if entry is not None and entry.accused is not None and aggregate.organ in entry.organs:
                known[match] = entry.accused
        return known

    async def original(self, command: Command, aggregate: Aggregate, ctx: Context) -> Complaint | None:
        """The complaint that this one is said to repeat."""
        assert isinstance(command, MarkDuplicate | MarkRepeat)
        return await self.repository.get(Complaint, command.of)

    async def supervised(self, command: Command, aggregate: Aggregate, ctx: Context) -> Complaint | None:
        """The item of an organ below that an order is about."""
        assert isinstance(command, DraftSupervisionOrder)
        return await self.repository.get(Complaint, command.complaint)

    async def asked(self, command: Command, aggregate: Aggregate, ctx: Context) -> Asked:
        """The complaint, and whether its reporter agreed to be contacted."""
        assert isinstance(command, RequestIdentityDisclosure)
        complaint = await self.repository.get(Complaint, command.complaint)
        # The vault is asked only where the actor may know of the complaint at all.
        if complaint is None or not complaint.assigned.get(ctx.actor.person):
            return Asked(complaint, False)
        reporter = await self.vault.reporter(complaint.id, complaint.in_vault.values())
        return Asked(complaint, reporter is not None and reporter.may_be_contacted)

    async def forgettable(self, command: Command, aggregate: Aggregate, ctx: Context) -> Forgettable:
        """Finds out whether anything still needs the reporter of a complaint."""
        assert isinstance(command, DestroyIdentityKey)
        complaint = await self.repository.get(Complaint, command.complaint)
        held = complaint is not None and await self._still_needed(complaint)
        return Forgettable(complaint, ctx.law.policy.int_of("retention.identity.years"), held)

    async def _still_needed(self, complaint: Complaint) -> bool:
        """Protection that has not ended, and reports that came with the complaint and are not settled."""
        if await self.held(complaint):
            return True
        for kind, topic in OVERSEEN:
            for stream in await self.repository.recorder.streams_with(topic, 0):
                report = await self.repository.get(kind, stream)
                assert report is not None
                if report.complaint == str(complaint.id) and report.state == REPORTED:
                    return True
        return False

    async def _link(self, complaint: Complaint, ctx: Context) -> Written:
        entries = []
        for person in complaint.accused:
            id = register_id(person.ref)
            entry = await self.repository.get(RegisterEntry, id) or RegisterEntry(id)
            kinds = sorted({a.kind for a in complaint.allegations if a.accused_ref == person.ref})
            entry.link_complaint(ctx, person, complaint.id, kinds, complaint.organ)
            entries.append(entry)
        return entries

    async def enter_register(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Every accused's own stream is written in the transaction of the list (R55)."""
        assert isinstance(aggregate, Complaint)
        return await self._link(aggregate, ctx)

    async def pass_on(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Writes the complaint that is born at the organ that goes on with it, in the same transaction: it
        cannot be lost on the way (A16, A17, A18, A22)."""
        assert isinstance(aggregate, Complaint)
        event = aggregate.pending_events[-1].event
        if isinstance(event, JurisdictionAssigned):
            return ()  # the dispute was decided for the organ itself
        assert isinstance(event, PassedOn)
        child = Complaint(UUID(event.born))
        # Their own words tell of the other parts too (A18).
        along = await self._send_along(aggregate, child.id, words=not isinstance(event, ComplaintSplit))
        below = ctx.law.organs.is_ancestor_or_self(aggregate.organ, event.to_organ)
        # Above, the superior follows its complaint down; a sibling's is a case of its own.
        child_ctx = replace(ctx, correlation_id=aggregate.correlation_id if below else None, duty="")
        told_to = isinstance(event, ComplaintAssignedDown | ComplaintTakenUp)
        designated = told_to or isinstance(command, AssignJurisdiction)
        told, owed_to = await self._tell_who_waits(aggregate, event, ctx)
        child.be_born(child_ctx, aggregate, event, along, designated=designated, owed_to=owed_to)
        return [child, *await self._link(child, ctx), *told]

    async def _tell_who_waits(
        self, complaint: Complaint, event: PassedOn, ctx: Context
    ) -> tuple[list[Complaint], Complaint | None]:
        """§5.4, A26: tells the organs that wait for the result of a complaint that is taken over. Those below
        the organ that takes it get no result; an organ that waits above it gets the result from there."""
        if not isinstance(event, ComplaintTakenUp):
            return [], None
        below, told = complaint, []
        while below.source == "SUPERIOR_ASSIGNED":
            waiting = await self._origin_of(below)
            if waiting is None or waiting.state != "SENT_DOWN":
                break
            told.append(waiting)
            if not ctx.law.organs.is_ancestor_or_self(event.to_organ, waiting.organ):
                waiting.note_assignment_moved(replace(ctx, duty=""), event.born)
                return told, waiting
            waiting.note_taken_back(replace(ctx, duty=""), event.born)
            below = waiting
        return told, None

    async def take_in(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """The lower organ's sealed complaint learns that its parcel arrived, once."""
        assert isinstance(command, ReceiveComplaint)
        if command.parcel is None:
            return ()
        complaint = await self.sealed_complaint(command.parcel, ctx.actor.organ)
        assert complaint is not None
        complaint.take_in_parcel(replace(ctx, duty=""))
        return [complaint]

    async def _origin_of(self, complaint: Complaint) -> Complaint | None:
        """The complaint of the organ that assigned or transferred this one; None where it came on paper."""
        return await self.repository.get(Complaint, UUID(complaint.origin)) if complaint.origin else None

    async def tell_origin(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """A26: tells the organ that assigned the matter to this one the result that it accepted from
        below."""
        assert isinstance(aggregate, Complaint)
        superior = await self._origin_of(aggregate)
        if superior is None or aggregate.source != "SUPERIOR_ASSIGNED":
            return ()
        told = replace(ctx, duty="")
        superior.note_assigned_result(told, aggregate.assigned_case, aggregate.verdict)
        return [superior]

    async def tell_born(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Writes down at the lower organ, too, the things that come for a complaint that it has: a returned
        result, where it was reported (A26); evidence, down to the organ that handles it (A31)."""
        assert isinstance(command, ReturnResult | SubmitNewEvidence)
        assert isinstance(aggregate, Complaint)
        told, written = replace(ctx, duty=""), list[Complaint]()
        while aggregate.assigned_down and aggregate.sent_as:
            born = await self.repository.get(Complaint, UUID(aggregate.sent_as))
            assert born is not None, "it is written in the transaction of what sends it"
            written.append(born)
            if isinstance(command, ReturnResult):
                born.note_result_returned(told, command.reason)
                break
            born.note_new_evidence(told, **command.model_dump())
            aggregate = born
        return written

    async def tell_superior(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Tells the organ that assigned the complaint that it takes longer (A23)."""
        assert isinstance(command, RequestExtension)
        assert isinstance(aggregate, Complaint)
        superior = await self._origin_of(aggregate)
        if superior is None:  # assigned on paper: it is told on paper
            return ()
        superior.note_extension(replace(ctx, duty=""), command.reason)
        return [superior]
