"""The lookups that intake's commands want before they are decided: they read, and write nothing."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from services.intake.commands.correcting import CorrectAccused, MergeAccused
from services.intake.commands.disclosing import (
    DecideIdentityDisclosure,
    DestroyIdentityKey,
    RequestIdentityDisclosure,
)
from services.intake.commands.overseeing import RecordRetaliationReport, TellOfStaffMisconduct
from services.intake.commands.passing_on import SendAfter, SendUp
from services.intake.commands.receiving import (
    EscalateOutside,
    JoinComplaint,
    ListAllegations,
    MarkDuplicate,
    MarkRepeat,
    SealAndEscalate,
    TakeIn,
)
from services.intake.commands.reporting import AddAttachment
from services.intake.commands.supervising import DraftSupervisionOrder, IssueSupervisionOrder
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import (
    ANOTHER,
    GOES_ON_AT,
    HEADS,
    IN_MATTER,
    NAMESAKES,
    ORIGINAL,
    TODAY,
)
from services.intake.domain.complaint.receiving import REGISTER, Entered
from services.intake.domain.complaint.reporting import FILE
from services.intake.domain.complaint.sealing import SEALED_BELOW
from services.intake.domain.disclosing import (
    ASKED,
    FORGETTABLE,
    IN_MATTER_OF,
    Asked,
    Forgettable,
    IdentityDisclosure,
    IdentityKey,
)
from services.intake.domain.misconduct import TOLD_OVER, StaffMisconductReport
from services.intake.domain.overseen import REPORTED, Overseen
from services.intake.domain.register import INTO, Into, RegisterEntry, RegisterNumber
from services.intake.domain.retaliation import OVER, RetaliationReport
from services.intake.domain.supervision import ACCUSED, SUPERVISED, SupervisionOrder
from services.intake.domain.values import AccusedEntry
from services.intake.entries import entry_of
from services.intake.vault.blobs import Blobs
from services.intake.vault.parcels import Parcels
from services.intake.vault.signers import compared
from services.intake.vault.store import Vault
from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Command
from shared.casework.preparation import Lookups
from shared.casework.repository import Repository
from shared.casework.staff import Staff
from shared.language import roles
from shared.language.contracts.common import Accused, InVault, Member
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

OVERSEEN: tuple[tuple[type[Overseen], str], ...] = (
    (RetaliationReport, "intake.RetaliationReported"),
    (StaffMisconductReport, "intake.StaffMisconductReported"),
)
"""The reports that may have come with a complaint, and the event that each began with."""


async def accused_of(repository: Repository, case: Aggregate) -> tuple[Accused, ...]:
    """Everybody accused in the matters of a case, whatever its kind (B16)."""
    return await accused_around(repository, [*map(UUID, case.rests_on), *case.matters])


async def accused_around(repository: Repository, complaints: Iterable[UUID]) -> tuple[Accused, ...]:
    """Everybody accused in these complaints, in those that they were born of, and in those born of them."""
    found = await matter_of(repository, complaints)
    return tuple(person for complaint in found for person in complaint.ever_accused.values())


async def matter_of(repository: Repository, complaints: Iterable[UUID]) -> list[Complaint]:
    """These complaints, those that they were born of, and those born of one of them."""
    found: dict[UUID, Complaint] = {}
    waiting = list(complaints)
    while waiting:
        id = waiting.pop()
        if id in found or (complaint := await repository.get(Complaint, id)) is None:
            continue
        found[id] = complaint
        near = (complaint.origin, complaint.sent_as, *complaint.parts)
        waiting += [UUID(each) for each in near if each]
    return list(found.values())


class IntakeLookups:
    """Reads the log and the vault for the commands of intake."""

    def __init__(
        self,
        repository: Repository,
        vault: Vault,
        blobs: Blobs,
        parcels: Parcels,
        held: Callable[[Complaint], Awaitable[bool]],
        staff: Staff,
        numbers: bytes,
    ) -> None:
        self.repository = repository
        self.vault = vault
        self.blobs = blobs
        self.parcels = parcels
        self.held = held
        """Answers whether something still needs the reporter of a complaint."""
        self.staff = staff
        self.numbers = numbers
        """The key under which the register keeps resident and credit numbers (B11)."""

    def lookups(self) -> Lookups:
        """Every lookup, and the function that finds it."""
        return [
            SEALED_BELOW.found_by(self.sealed_below),
            REGISTER.found_by(self.register),
            TODAY.found_by(self.today),
            INTO.found_by(self.into),
            NAMESAKES.found_by(self.namesakes),
            ORIGINAL.found_by(self.original),
            ANOTHER.found_by(self.another),
            GOES_ON_AT.found_by(self.goes_on_at),
            FILE.found_by(self.file),
            SUPERVISED.found_by(self.supervised),
            ACCUSED.found_by(self.ordered_over),
            IN_MATTER_OF.found_by(self.in_matter_of),
            OVER.found_by(self.over),
            TOLD_OVER.found_by(self.told_over),
            ASKED.found_by(self.asked),
            FORGETTABLE.found_by(self.forgettable),
            IN_MATTER.found_by(self.in_matter),
            HEADS.found_by(self.heads),
        ]

    async def in_matter(self, command: Command, case: Complaint, ctx: Context) -> tuple[Accused, ...]:
        """Everybody accused in a complaint that this one was born of, or that was born of one of them: as
        they were listed, and as they are today."""
        people = await accused_of(self.repository, case)
        return (*people, *(await self._of_today({person.ref for person in people})).values())

    async def heads(
        self, command: SealAndEscalate | EscalateOutside | SendUp, case: Complaint, ctx: Context
    ) -> frozenset[str]:
        """The heads of the organ by the directory; who stands in for one is not meant."""
        await self.staff.reach()
        serving = self.staff.of(case.organ, local_date(ctx.now))
        return frozenset(member.person for member in serving if roles.ORGAN_HEAD in member.roles)

    async def sealed_complaint(self, parcel: UUID, organ: str) -> Complaint | None:
        """The sealed complaint of a parcel, if it is addressed to this organ; None for every other."""
        label = await self.parcels.find(parcel)
        if label is None or label.addressee != organ:
            return None
        complaint = await self.repository.get(Complaint, label.complaint)
        return complaint if complaint is not None and complaint.parcel == str(parcel) else None

    async def sealed_below(self, command: TakeIn, case: Complaint, ctx: Context) -> Complaint | None:
        """The complaint that a lower organ sealed for this one; None where it came in no parcel."""
        return await self.sealed_complaint(UUID(case.came_in), case.organ) if case.came_in else None

    async def register(self, command: ListAllegations, case: Complaint, ctx: Context) -> tuple[Entered, ...]:
        """The entries of the whole province, by the clerk's match or by number (B11)."""
        return tuple([await self._entered(entry) for entry in command.accused])

    async def _entered(self, entry: AccusedEntry) -> Entered:
        matched = await entry_of(self.repository, entry.match) if entry.match is not None else None
        number, owner = "", None
        if entry.number:
            number = self._number(entry.number)
            bound = await self.repository.get(RegisterNumber, UUID(number))
            owner = await entry_of(self.repository, bound.ref) if bound is not None else None
        of_another = False
        if matched is not None and number not in ("", matched.number_known):
            of_another = owner is not None or matched.number_known != ""
        known = matched if entry.match is not None else owner
        return Entered(known.accused if known is not None else None, number, of_another)

    def _number(self, number: str) -> str:
        """The id of the stream of a number. Without the key nobody can try which number it is."""
        digest = hmac.digest(self.numbers, number.encode(), "sha256")
        return str(derived_id("accused-number", digest.hex()))

    async def today(self, command: Command, case: Complaint, ctx: Context) -> dict[str, Accused]:
        """The accused of the complaint, and of the one that it is said to repeat, as they are today."""
        refs = {person.ref for person in case.accused}
        if isinstance(command, MarkDuplicate | MarkRepeat | JoinComplaint | SendAfter):
            original = await self.repository.get(Complaint, command.of)
            refs |= {ref for ref, _ in original.claims} if original is not None else set()
        return await self._of_today(refs)

    async def _of_today(self, refs: Iterable[str]) -> dict[str, Accused]:
        entries = {ref: await entry_of(self.repository, ref) for ref in sorted(refs)}
        return {ref: entry.accused for ref, entry in entries.items() if entry and entry.accused}

    async def into(self, command: MergeAccused, case: RegisterEntry, ctx: Context) -> Into | None:
        entry = await entry_of(self.repository, command.into)
        return Into(entry.accused, entry.number_known) if entry is not None and entry.accused else None

    async def namesakes(
        self, command: ListAllegations | CorrectAccused, case: Complaint, ctx: Context
    ) -> dict[str, tuple[Member, ...]]:
        """The members of staff who bear the names of the accused (B2)."""
        await self.staff.reach()
        if isinstance(command, CorrectAccused):
            told, known = [command.details], list(ctx.found(TODAY).values())
        else:
            told = list(command.accused)
            known = [entered.known for entered in ctx.found(REGISTER) if entered.known is not None]
        names = {details.name for details in told if details.name} | {person.name for person in known}
        return {name: self.staff.called(name, local_date(ctx.now)) for name in names}

    async def original(
        self, command: MarkDuplicate | MarkRepeat | JoinComplaint | SendAfter, case: Complaint, ctx: Context
    ) -> Complaint | None:
        return await self.repository.get(Complaint, command.of)

    async def goes_on_at(self, command: SendAfter, case: Complaint, ctx: Context) -> str:
        """The organ that goes on with the original now; nothing is told of one that was sealed on."""
        found = await self.repository.get(Complaint, command.of)
        while found is not None and found.sent_as and found.state not in found.sealed:
            found = await self.repository.get(Complaint, UUID(found.sent_as))
        return "" if found is None or found.state in found.sealed else found.organ

    async def another(self, command: MarkDuplicate | JoinComplaint, case: Complaint, ctx: Context) -> bool:
        """Finds out whether somebody signed a complaint by name who did not sign the original (B24). Only
        who serves both learns it: else a typed name would be a question about another's reporter (SEC-4)."""
        original = await self.repository.get(Complaint, command.of)
        if original is None or case.identity_status not in ("CLAIMED", "CONFIRMED"):
            return False
        if not original.assigned.get(ctx.actor.person):
            refuse("E_NEED_TO_KNOW", "SEC-4", field="of")
        mine, theirs = [await self.vault.reporter(c.id, c.in_vault.values()) for c in (case, original)]
        return any(alike != "SAME" for alike in compared(mine, theirs))

    async def file(self, command: AddAttachment, case: Complaint, ctx: Context) -> tuple[InVault, ...]:
        return tuple(await self.blobs.stored(UUID(command.attachment)))

    async def supervised(
        self, command: DraftSupervisionOrder, case: SupervisionOrder, ctx: Context
    ) -> Complaint | None:
        return await self.repository.get(Complaint, command.complaint)

    async def ordered_over(
        self, command: DraftSupervisionOrder | IssueSupervisionOrder, case: SupervisionOrder, ctx: Context
    ) -> tuple[Accused, ...]:
        """Everybody accused in the matters of the item that an order is about (B16)."""
        item = ctx.found(SUPERVISED) if isinstance(command, DraftSupervisionOrder) else case
        return () if item is None else await accused_of(self.repository, item)

    async def over(
        self, command: RecordRetaliationReport, case: RetaliationReport, ctx: Context
    ) -> Complaint:
        """The complaint over which somebody suffers, for those who serve its reporter; for everybody else
        there is no such complaint."""
        complaint = await self.repository.get(Complaint, command.complaint)
        if complaint is None or complaint.organ != ctx.actor.organ:
            refuse("E_JURISDICTION")
        if not complaint.assigned.get(ctx.actor.person):
            refuse("E_NEED_TO_KNOW")
        return complaint

    async def told_over(
        self, command: TellOfStaffMisconduct, case: StaffMisconductReport, ctx: Context
    ) -> Complaint:
        complaint = await self.repository.get(Complaint, command.complaint)
        assert complaint is not None
        return complaint

    async def asked(
        self, command: RequestIdentityDisclosure, case: IdentityDisclosure, ctx: Context
    ) -> Asked:
        """The complaint, and whether its reporter agreed to be contacted."""
        complaint = await self.repository.get(Complaint, command.complaint)
        # The vault is asked only where the actor may know of the complaint at all.
        if complaint is None or not complaint.assigned.get(ctx.actor.person):
            return Asked(complaint, False)
        reporter = await self.vault.reporter(complaint.id, complaint.in_vault.values())
        contacted = reporter is not None and reporter.may_be_contacted
        return Asked(complaint, contacted, await accused_of(self.repository, complaint))

    async def in_matter_of(
        self, command: DecideIdentityDisclosure, case: IdentityDisclosure, ctx: Context
    ) -> tuple[Accused, ...]:
        return await accused_of(self.repository, case)

    async def forgettable(self, command: DestroyIdentityKey, case: IdentityKey, ctx: Context) -> Forgettable:
        """Finds out whether anything still needs the reporter of a complaint."""
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
