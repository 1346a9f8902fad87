"""The deposits of intake's commands: what goes into the vault before a command is decided.

Everything that an event refers to (identities, letters, parcels) is there before the event is written. What
no event names in the end is shown to nobody; the sweep erases it where its case never came to be.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import ValidationError

from services.intake.commands.deciding import AdviseReporter
from services.intake.commands.integration import ReceivePlatformTransfer
from services.intake.commands.naming import AddIdentity, ChangeContact, GiveContact, GiveIdentity
from services.intake.commands.overseeing import (
    RecordRetaliationReport,
    ReportStaffMisconduct,
    TellOfStaffMisconduct,
)
from services.intake.commands.receiving import ReceiveComplaint, SealAndEscalate
from services.intake.commands.reporting import AskForRecusal, SubmitReport, WriteToOrgan, WriteToReporter
from services.intake.domain import misconduct, retaliation
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.deciding import ADVICE
from services.intake.domain.complaint.integration import TRANSFER
from services.intake.domain.complaint.phase import IDENTITY
from services.intake.domain.complaint.reporting import LETTER
from services.intake.domain.complaint.sealing import PARCEL
from services.intake.domain.misconduct import StaffMisconductReport
from services.intake.domain.retaliation import RetaliationReport
from services.intake.domain.values import Deposited, ReporterBlock
from services.intake.platform.envelopes import Envelopes, NotForUs
from services.intake.vault.binding import only
from services.intake.vault.blobs import Blobs
from services.intake.vault.letters import Direction, Letters
from services.intake.vault.parcels import Parcels
from services.intake.vault.store import Vault
from services.intake.vault.tokens import reveals
from services.intake.vault.transfers import Transfers
from shared.casework.aggregate import Context
from shared.casework.command import Command
from shared.casework.preparation import Deposits
from shared.casework.repository import Repository
from shared.kernel.http.problems import within
from shared.language.contracts.common import InVault
from shared.language.contracts.intake import IdentityStatus
from shared.language.ids import derived_id
from shared.language.refusal import refuse
from shared.language.tracing import asks_who_you_are

Grows = AddIdentity | ChangeContact | GiveIdentity | GiveContact
DIRECTIONS: dict[type[Command], Direction] = {
    SubmitReport: "REPORT",
    WriteToOrgan: "FROM_REPORTER",
    WriteToReporter: "TO_REPORTER",
    AskForRecusal: "RECUSAL",
}


class IntakeDeposits:
    """Writes to the vault for the commands of intake."""

    def __init__(
        self,
        repository: Repository,
        vault: Vault,
        letters: Letters,
        blobs: Blobs,
        parcels: Parcels,
        transfers: Transfers,
        envelopes: Envelopes,
    ) -> None:
        self.repository = repository
        self.vault = vault
        self.letters = letters
        self.blobs = blobs
        self.parcels = parcels
        self.transfers = transfers
        self.envelopes = envelopes

    def deposits(self) -> Deposits:
        """Every deposit, and the function that makes it."""
        return [
            IDENTITY.made_by(self.identity),
            LETTER.made_by(self.letter),
            ADVICE.made_by(self.advice),
            PARCEL.made_by(self.parcel),
            TRANSFER.made_by(self.transfer),
            retaliation.ACCOUNT.made_by(self.account_of_retaliation),
            misconduct.ACCOUNT.made_by(self.account),
        ]

    async def identity(
        self, command: ReceiveComplaint | SubmitReport | Grows, case: Complaint, ctx: Context
    ) -> Deposited:
        """Puts the reporter into the vault."""
        if isinstance(command, AddIdentity | ChangeContact | GiveIdentity | GiveContact):
            return await self.grow(command, case, ctx)
        if command.reporter is None:
            return Deposited()
        # A new complaint has this one reporter: no need to ask the screen, which asks the vault.
        if isinstance(command, ReceiveComplaint):
            numbers = f"{command.blob_id}\n{command.platform_no}"
            if reveals(numbers, [command.reporter]):
                refuse("E_TEXT_IDENTITY_LEAK", "SEC-12", fields=["blob_id", "platform_no"])
        return await self._keep(case, command.reporter)

    async def grow(self, command: Grows, case: Complaint, ctx: Context) -> Deposited:
        """Puts a reporter beside the one that was known before, as one more step of the same (B19)."""
        await self._check_remembered(case.id)
        reporter: ReporterBlock | None
        if isinstance(command, AddIdentity | GiveIdentity):
            reporter = command.reporter
            if not reporter.claims_real_name:
                return Deposited()
        else:
            before = await self.vault.reporter(case.id, case.in_vault.values())
            if before is None:
                return Deposited()
            reporter = before.reached(command.contacts)
            if before.claims_real_name and not reporter.claims_real_name:
                refuse("E_SCHEMA", "B19", field="contacts", reason="none is left")
        step = derived_id("identity", ctx.attempt, case.id, case.version)
        kept = await self.vault.deposit(case.id, reporter, step)
        return Deposited(kept, "CLAIMED" if reporter.claims_real_name else "UNCLAIMED")

    async def _keep(self, case: Complaint, reporter: ReporterBlock | None) -> Deposited:
        if reporter is None:
            return Deposited()
        kept = await self.vault.deposit(case.id, reporter)
        status: IdentityStatus = "CLAIMED" if reporter.claims_real_name else "UNCLAIMED"
        return Deposited(kept, status, joint=bool(reporter.co_signers))

    async def send_along(self, complaint: Complaint, born: UUID, *, words: bool = True) -> Deposited:
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
        return Deposited(reporter, status, original, tuple(things), complaint.joint)

    async def letter(
        self,
        command: SubmitReport | WriteToOrgan | WriteToReporter | AskForRecusal,
        case: Complaint,
        ctx: Context,
    ) -> InVault:
        """Seals free words of or to a reporter."""
        await self._check_remembered(case.id)
        if isinstance(command, WriteToReporter) and asks_who_you_are(command.text):
            refuse("E_TRACE_FORBIDDEN", "B21", fields=["text"])
        id = derived_id("letter", ctx.attempt)
        return await self.letters.put(case.id, DIRECTIONS[type(command)], command.text, id)

    async def _check_remembered(self, complaint: UUID) -> None:
        """Refuses if the reporter was forgotten: anything put under a destroyed key's name would be erased
        with it."""
        if await self.vault.forgotten(complaint):
            refuse("E_STATE", "§6.5", reason="its reporter was forgotten")

    async def advice(self, command: AdviseReporter, case: Complaint, ctx: Context) -> InVault | None:
        """Writes a letter to a reporter who wrote online: they are shown only letters that an event names
        (A11)."""
        if not case.channel.startswith("ONLINE") or await self.vault.forgotten(case.id):
            return None
        words = f"您反映的事项属于{command.body}的职责，请向其反映。"
        return await self.letters.put(case.id, "TO_REPORTER", words, derived_id("letter", ctx.attempt))

    async def parcel(self, command: SealAndEscalate, case: Complaint, ctx: Context) -> InVault | None:
        """Seals the content for the addressee; what came in a parcel goes on as it came (B15)."""
        if command.to not in ctx.law.organs:
            return None
        content = command.content
        if content is None and case.came_in:
            content = await self._came_in(case)
        if content is None:
            refuse("E_SCHEMA", "A14", field="content", reason="it came in no parcel")
        return await self.parcels.seal(case.id, command.to, content)

    async def _came_in(self, case: Complaint) -> str | None:
        """The content of the parcel in which a complaint came."""
        label = await self.parcels.find(UUID(case.came_in))
        sender = await self.repository.get(Complaint, label.complaint) if label is not None else None
        if sender is None or sender.parcel != case.came_in:
            return None
        return await self.parcels.open(sender.id, sender.in_vault[sender.parcel])

    async def transfer(self, command: ReceivePlatformTransfer, case: Complaint, ctx: Context) -> Deposited:
        """Puts the content of a transfer into the vault. Only the reporter block is opened, to be deposited
        as every other; the original stays as it came."""
        if await self.repository.recorder.existing([case.id]):
            return Deposited()  # came before: the store answers as it did, or refuses other content
        try:
            self.envelopes.check(command.content_blob)
        except NotForUs as wrong:
            refuse("E_SCHEMA", "§8.5", field="content_blob", reason=str(wrong))
        reporter, unread = self._block(command.reporter_blob)
        kept = await self._keep(case, reporter)
        original = await self.transfers.keep(case.id, command.content_blob)
        return kept._replace(original=original.id, things=(original,), unread=unread)

    def _block(self, blob: str | None) -> tuple[ReporterBlock | None, tuple[str, ...]]:
        """The reporter whom the platform names, and the fields that cannot be read. They cost the block and
        never the complaint (B19); members that we do not know cost nothing."""
        if blob is None:
            return None, ()
        try:
            opened = self.envelopes.open(blob)
            return ReporterBlock.model_validate_json(opened, strict=True, extra="ignore"), ()
        except NotForUs:
            return None, ("reporter_blob",)
        except ValidationError as invalid:
            return None, tuple(sorted({told["field"] for told in within("reporter_blob", invalid)}))

    async def account_of_retaliation(
        self, command: RecordRetaliationReport, case: RetaliationReport, ctx: Context
    ) -> InVault | None:
        """Seals the account with the complaint over which somebody suffers."""
        over = ctx.found(retaliation.OVER)
        if command.subject not in {a.ref for a in over.accused}:
            return None
        return await self._account(over.id, command.account, ctx)

    async def account(
        self,
        command: ReportStaffMisconduct | TellOfStaffMisconduct,
        case: StaffMisconductReport,
        ctx: Context,
    ) -> InVault:
        """Seals the words about a member of the staff: with the complaint that they came with, or by
        themselves."""
        key = command.complaint if isinstance(command, TellOfStaffMisconduct) else case.id
        return await self._account(key, command.account, ctx)

    async def _account(self, key: UUID, words: str, ctx: Context) -> InVault:
        await self._check_remembered(key)
        return await self.letters.put(key, "ACCOUNT", words, derived_id("account", ctx.attempt))
