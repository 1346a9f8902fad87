"""The writings beside a command's own case, in one transaction: cases that learn of it, or are born of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.intake.commands.answering import SubmitNewEvidence
from services.intake.commands.correcting import CorrectAccused, MergeAccused
from services.intake.commands.disputing import AssignJurisdiction
from services.intake.commands.naming import NAMED_BY_THE_REPORTER, NAMING, AddIdentity, GiveIdentity
from services.intake.commands.passing_on import RequestExtension, ReturnResult, SendAfter
from services.intake.commands.receiving import ListAllegations
from services.intake.deposits import Grows, IntakeDeposits
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.passing_on import PassedOn
from services.intake.domain.complaint.phase import ORIGINAL
from services.intake.domain.complaint.receiving import REGISTER, Entered
from services.intake.domain.complaint.sealing import SEALED_BELOW
from services.intake.domain.register import RegisterEntry, RegisterNumber, register_id
from services.intake.entries import entry_of
from services.intake.lookups import matter_of
from shared.casework.aggregate import Aggregate, Context
from shared.casework.command import Command
from shared.casework.gate import Beside
from shared.casework.repository import Repository
from shared.language.contracts.intake import (
    AccusedCorrected,
    ComplaintAssignedDown,
    ComplaintSentBack,
    ComplaintSentUp,
    ComplaintSplit,
    ComplaintTakenUp,
)

Written = Sequence[Aggregate]
PASSING = (
    "SplitComplaint",
    "HandDown",
    "AssignDown",
    "SendLateral",
    "SendUp",
    "SendBack",
    "SendAfter",
    "TakeUp",
    "AssignJurisdiction",
)
"""Commands that make another organ's complaint out of this one."""


class IntakeBeside:
    """Writes what the commands of intake write beside their own case."""

    def __init__(self, repository: Repository, deposits: IntakeDeposits) -> None:
        self.repository = repository
        self.deposits = deposits

    def beside(self) -> dict[str, Beside]:
        """The writings by the name of their command."""
        return {
            "SealAndEscalate": self.deliver,
            "TakeIn": self.tell_sender,
            "JoinComplaint": self.tell_first,
            "ListAllegations": self.enter_register,
            "CorrectAccused": self.correct_register,
            "MergeAccused": self.take_over,
            "RequestExtension": self.tell_superior,
            "AcceptResult": self.tell_origin,
            "ReturnResult": self.tell_born,
            "SubmitNewEvidence": self.tell_born,
            **dict.fromkeys(PASSING, self.pass_on),
            **dict.fromkeys((c.__name__ for c in (*NAMING, *NAMED_BY_THE_REPORTER)), self.tell_matter),
        }

    async def _link(self, complaint: Complaint, ctx: Context) -> list[RegisterEntry]:
        entries = []
        for person in complaint.accused:
            new = RegisterEntry(register_id(person.ref))
            entry = await entry_of(self.repository, person.ref) or new
            if entry in entries:
                continue  # two of them were merged meanwhile
            kinds = sorted({a.kind for a in complaint.allegations if a.accused_ref == person.ref})
            entry.link_complaint(
                replace(ctx, matters=complaint.matters), person, complaint.id, kinds, complaint.organ
            )
            entries.append(entry)
        return entries

    async def enter_register(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Every accused's own stream is written in the transaction of the list (R55), with the details of
        today and the number, where one is known (B11)."""
        assert isinstance(command, ListAllegations)
        assert isinstance(aggregate, Complaint)
        entries = {entry.id: entry for entry in await self._link(aggregate, ctx)}
        for person in aggregate.accused:
            entries[register_id(person.ref)].record_details(ctx, person)
        claims = zip(command.allegations, aggregate.allegations, strict=True)
        refs = {typed.accused: claim.accused_ref for typed, claim in claims}
        entered: tuple[Entered, ...] = ctx.found(REGISTER)
        found = {refs[n]: who.number for n, who in enumerate(entered) if who.number}
        numbers = []
        for ref, number in found.items():
            entries[register_id(ref)].note_number(ctx, number)
            id = UUID(number)
            numbers.append(await self.repository.get(RegisterNumber, id) or RegisterNumber(id))
            numbers[-1].bind(ctx, ref)
        return [*entries.values(), *numbers]

    async def correct_register(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """A slip is put right in the register too, where it came from (B12)."""
        assert isinstance(command, CorrectAccused)
        assert isinstance(aggregate, Complaint)
        [now] = [e.event.now for e in aggregate.pending_events if isinstance(e.event, AccusedCorrected)]
        entry = await entry_of(self.repository, now.ref)
        assert entry is not None, "it was entered in the transaction of the list"
        assert entry.accused is not None
        now = now.model_copy(update={"ref": entry.accused.ref})  # they may have been merged since
        entry.record_details(replace(ctx, matters=aggregate.matters), now, slip=True)
        return [entry]

    async def take_over(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """The entry that stands gets the history of the one that was merged into it (B11)."""
        assert isinstance(command, MergeAccused)
        assert isinstance(aggregate, RegisterEntry)
        entry = await entry_of(self.repository, command.into)
        assert entry is not None, "the lookup found it"
        entry.take_over(ctx, aggregate)
        return [entry]

    async def pass_on(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Writes the complaint that is born at the organ that goes on with it, in the same transaction: it
        cannot be lost on the way (A16, A17, A18, A22)."""
        assert isinstance(aggregate, Complaint)
        passed = [e.event for e in aggregate.pending_events if isinstance(e.event, PassedOn)]
        if not passed:
            return ()  # the dispute was decided for the organ itself
        [event] = passed
        child = Complaint(UUID(event.born))
        # Their own words tell of the other parts too (A18).
        along = await self.deposits.send_along(
            aggregate, child.id, words=not isinstance(event, ComplaintSplit)
        )
        below = ctx.law.organs.is_ancestor_or_self(aggregate.organ, event.to_organ)
        # Above, the superior follows its complaint down; a sibling's is a case of its own.
        child_ctx = replace(ctx, correlation_id=aggregate.correlation_id if below else None, duty="")
        told_to = isinstance(event, ComplaintAssignedDown | ComplaintTakenUp | ComplaintSentUp)
        above = ctx.law.organs.is_ancestor_or_self(event.to_organ, aggregate.organ)
        # A superior keeps what comes from below, and what it gives back down is for that organ to handle.
        back = isinstance(event, ComplaintSentBack) and (above or below)
        designated = told_to or back or isinstance(command, AssignJurisdiction | SendAfter)
        told, owed_to = await self._tell_who_waits(aggregate, event, ctx)
        child.be_born(child_ctx, aggregate, event, along, designated=designated, owed_to=owed_to)
        parted = await self._part_from(aggregate, ctx)
        return [child, *await self._link(child, ctx), *told, *parted]

    async def _part_from(self, complaint: Complaint, ctx: Context) -> list[Complaint]:
        """The complaints that were verified with one whose case ends since it goes to another organ (B24)."""
        found = []
        for id in complaint.joined if complaint.is_away else ():
            joined = await self.repository.get(Complaint, UUID(id))
            assert joined is not None, "it is written in the transaction of what joins it"
            joined.note_parted(replace(ctx, duty=""))
            found.append(joined)
        return found

    async def tell_first(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """The first complaint learns of the one that is verified with it (B24)."""
        first = ctx.found(ORIGINAL)
        assert isinstance(aggregate, Complaint)
        assert isinstance(first, Complaint)
        first.note_joined(replace(ctx, duty=""), aggregate)
        return [first]

    async def _tell_who_waits(
        self, complaint: Complaint, event: PassedOn, ctx: Context
    ) -> tuple[list[Complaint], Complaint | None]:
        """§5.4, A26: tells the organs that wait for the result of a complaint that is taken over, or goes up
        or back. Those below the organ that takes it get no result; an organ that waits above it gets the
        result from there."""
        if not isinstance(event, ComplaintTakenUp | ComplaintSentUp | ComplaintSentBack):
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

    async def deliver(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Writes the sealed complaint at its addressee in the same transaction: it is work there at once
        (B15). Reporter, words and files go along."""
        assert isinstance(aggregate, Complaint)
        born = Complaint(UUID(aggregate.sent_as))
        along = await self.deposits.send_along(aggregate, born.id)
        born.be_delivered(replace(ctx, correlation_id=None, duty=""), aggregate, along)
        return [born]

    async def tell_sender(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """The lower organ's sealed complaint learns that it was taken in."""
        sent = ctx.found(SEALED_BELOW)
        if not isinstance(sent, Complaint):
            return ()
        sent.note_taken_in(replace(ctx, duty=""))
        return [sent]

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

    async def tell_matter(self, command: Command, aggregate: Aggregate, ctx: Context) -> Written:
        """Tells every other complaint of the matter of the reporter's name or contact: the parts, and what is
        assigned below or waits above for its result. None of them is changed where a name stands already, nor
        where the organ goes on with it no more (B18, B19)."""
        assert isinstance(command, Grows)
        written = []
        told, by_reporter = replace(ctx, duty=""), isinstance(command, tuple(NAMED_BY_THE_REPORTER))
        for other in await matter_of(self.repository, [aggregate.id]):
            over = other.state in other.ended or (other.is_away and not other.assigned_down)
            if other.id == aggregate.id or over:
                continue
            named = isinstance(command, AddIdentity | GiveIdentity)
            if named and not other.may_be_named:
                continue
            if (kept := (await self.deposits.grow(command, other, ctx)).reporter) is None:
                continue
            note = other.note_identity_added if named else other.note_contact_changed
            note(told, kept, by_reporter=by_reporter)
            written.append(other)
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
