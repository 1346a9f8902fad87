"""An envelope is received and registered, its allegations are listed (A3, A12, A14, R25)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.complaint.phase import ANOTHER, IDENTITY, ComplaintPhase
from services.intake.domain.values import AccusedEntry, AllegationEntry, Reception, missing_of
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Lookup
from shared.language.contracts.common import Accused, Allegation, LevelName
from shared.language.contracts.intake import (
    AllegationsListed,
    Category,
    Channel,
    ComplaintReceived,
    ComplaintRegistered,
    DuplicateFiled,
    Priority,
    RepeatKind,
    RepeatMarked,
    Source,
)
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.organs.tree import Level
from shared.language.refusal import refuse
from shared.language.spelling import normal
from shared.language.wording import tells_channel


class Entered(NamedTuple):
    """The knowledge that the register has of somebody whom the clerk enters."""

    known: Accused | None = None
    """Them, as the register has them today."""
    number: str = ""
    """The number that was told, as the register keeps it."""
    of_another: bool = False
    """True if that number belongs to somebody else than the match, or another number to the match."""


REGISTER: Lookup[tuple[Entered, ...]] = Lookup("register")
"""The people whom the clerk enters, in their order, as the register knows them."""


class Receiving(ComplaintPhase):
    """Takes a complaint from the envelope to the listed allegations, or to the file of duplicates."""

    def receive_complaint(
        self,
        ctx: Context,
        channel: Channel,
        source: Source,
        received_on: date,
        pages: int,
        competent_level: LevelName,
        competent_organ: str,
        blob_id: str,
        platform_no: str,
        acknowledged_notice_version: str,
        urgent: bool,
        joint: bool,
        reception: Reception | None,
    ) -> None:
        """A3: every channel is equal. The envelope holds no accused and no content (note a)."""
        ctx.check_past(received_on, "received_on")
        if channel.startswith("ONLINE") and not acknowledged_notice_version:
            refuse("E_SCHEMA", "R30", field="acknowledged_notice_version")
        if competent_organ and competent_organ not in ctx.law.organs:
            refuse("E_SCHEMA", "§5.4", field="competent_organ")
        if source == "SUBORDINATE_ESCALATED" and platform_no:
            refuse("E_PLATFORM_ENTRY_FORBIDDEN", "C7", field="platform_no")
        _check_reception(channel, reception)
        deposited = ctx.deposited(IDENTITY)
        self.record(
            ctx,
            ComplaintReceived(
                organ=ctx.actor.organ,
                channel=channel,
                source=source,
                received_on=received_on,
                pages=pages,
                competent_level=competent_level,
                competent_organ=competent_organ,
                blob_id=deposited.original or blob_id,
                platform_no=platform_no,
                acknowledged_notice_version=acknowledged_notice_version,
                reporter_ref=deposited.reporter_ref,
                identity_status=deposited.identity_status,
                in_vault=deposited.in_vault,
                urgent=urgent,
                # That several report is told, and never how many (SEC-1).
                joint=joint or deposited.joint or (reception is not None and reception.of_group),
                received_by=reception.received_by if reception else "",
                oral_record=reception.oral_record if reception else False,
                reporter_confirmed=reception.reporter_confirmed if reception else False,
            ),
        )

    @allowed_in("RECEIVED")
    def register_complaint(self, ctx: Context, category: Category) -> None:
        """A14: refuses to register a complaint that belongs to a superior organ: it is sealed and
        escalated."""
        self.check_not_sealed()
        self.check_taken_in()
        if self.state == "RECEIVED" and Level[self.competent_level] > self._own_level(ctx):
            refuse("E_SEALED_UPWARD", "A14", competent_level=self.competent_level)
        priority: Priority = "REAL_NAME" if self.identity_status == "CONFIRMED" else "NORMAL"
        if self.urgent:
            priority = "URGENT"
        self.record(
            ctx,
            ComplaintRegistered(
                category=category,
                priority=priority,
                identity_status=self.identity_status,
                reporter_ref=self.reporter_ref,
            ),
        )

    @allowed_in("REGISTERED")
    def list_allegations(
        self,
        ctx: Context,
        accused: Sequence[AccusedEntry],
        allegations: Sequence[AllegationEntry],
        approved_by: str,
    ) -> None:
        """R25: at least one atomic allegation per accused; the clerk confirms who is already known. Entered
        twice, somebody is one accused (B11)."""
        if self.allegations and not self.relisting:
            refuse("E_STATE", "R25", state=self.state, listed=len(self.allegations))
        if approved_by == ctx.actor.person:
            refuse("E_SOD_CONFLICT", "SEC-2", field="approved_by")
        self.check_not_excluded([approved_by])
        people: list[Accused] = []
        for n, who in enumerate(accused):
            before = {person.ref: person for person in people}
            people.append(self._identify(ctx, n, who, before))
        for index, person in enumerate(people):
            if not any(a.accused == index for a in allegations):
                refuse("E_SCHEMA", "R25", field=f"allegations[accused={index}]", reason="none listed")
            self._check_level(ctx, person)
        for n, entry in enumerate(allegations):
            if entry.accused >= len(people):
                refuse("E_SCHEMA", "R25", field=f"allegations.{n}.accused")
            if tells_channel(entry.text):
                # It will be quoted to the subject word for word (R11, R47).
                refuse("E_TEXT_IDENTITY_LEAK", "SEC-2", field=f"allegations.{n}.text")
        if len({a.id for a in allegations}) != len(allegations):
            refuse("E_SCHEMA", "R25", field="allegations.id", reason="not unique")
        self.record(
            ctx,
            AllegationsListed(
                accused=tuple({person.ref: person for person in people}.values()),
                allegations=tuple(
                    Allegation(
                        id=f"{str(self.id)[:8]}-{a.id}",
                        accused_ref=people[a.accused].ref,
                        kind=a.kind,
                        text=a.text,
                    )
                    for a in allegations
                ),
                approved_by=approved_by,
            ),
        )
        self.exclude_colleagues(ctx, people)

    def _identify(
        self, ctx: Context, index: int, entry: AccusedEntry, before: Mapping[str, Accused]
    ) -> Accused:
        """B11: somebody known, found by number or by the clerk's match, with the details of today; or
        somebody new. `before` are those who were entered above."""
        found, field = ctx.found(REGISTER)[index], f"accused.{index}"
        if entry.since is not None:
            ctx.check_past(entry.since, f"{field}.since")
        if entry.match is not None and found.known is None:
            refuse("E_SCHEMA", "R55", field=f"{field}.match", reason="not in the register")
        if found.of_another:
            refuse("E_CONTENT_MISMATCH", "B11", field=field, reason="the number is of another accused")
        if found.known is None:
            if missing := missing_of(entry.told(), entry.subject_type):
                refuse("E_SCHEMA", "R11", field=f"{field}.{missing}")
            # A new list names other people, who must not get the references of the first (R11).
            again = (self.version,) if self.relisting and self.allegations else ()
            # Two entries with the same number are one person.
            who = found.number or index
            return entry.as_accused(f"acc-{derived_id('accused', self.id, who, *again).hex}")
        if entry.match is None and entry.name is not None and normal(entry.name) != normal(found.known.name):
            refuse("E_CONTENT_MISMATCH", "B11", field=f"{field}.name", reason="the number is of another name")
        known = before.get(found.known.ref, found.known)
        # Only an organ that was competent for them records that they went lower (A14).
        self._check_level(ctx, known)
        now = entry.of_today(known, local_date(ctx.occurred_at))
        if now.since < known.since:
            refuse("E_SCHEMA", "B11", field=f"{field}.since", reason="later details are known")
        if missing := missing_of(now.model_dump(), now.subject_type):
            refuse("E_SCHEMA", "R11", field=f"{field}.{missing}")
        return now

    def _check_level(self, ctx: Context, person: Accused) -> None:
        """4.1 note b: if any accused belongs to a higher organ the whole complaint is sealed upward."""
        competence = self._competence(ctx, person)
        if competence.leaves_system:
            refuse("E_SEALED_UPWARD", "A14", competent_level=Level.CENTRAL.name)
        competent = competence.organ.level
        if max(competent, Level[person.managed_by_level]) > self._own_level(ctx):
            refuse("E_SEALED_UPWARD", "A14", competent_level=competent.name)

    @allowed_in("REGISTERED")
    def mark_duplicate(self, ctx: Context, of: UUID, new_evidence: bool) -> None:
        """A12, R55, B24: the same facts about the same accused, by the same reporter or an anonymous one and
        without new evidence, are filed and not verified; after a conclusion it is a re-report."""
        original = self.original_of(ctx)
        self.check_result_not_owed()
        self.check_undisputed()
        if new_evidence or self.repeat_of:
            refuse("E_CONTENT_MISMATCH", "A12", field="new_evidence", reason="not a duplicate")
        mine, theirs = self.claims_of_today(ctx, self), self.claims_of_today(ctx, original)
        if not mine or not mine <= theirs:
            refuse("E_CONTENT_MISMATCH", "A12", field="of", reason="other accused or other facts")
        if ctx.found(ANOTHER):
            refuse("E_CONTENT_MISMATCH", "B24", field="of", reason="another named reporter: JoinComplaint")
        kind: RepeatKind = "RE_REPORT_AFTER_CONCLUSION" if original.verdict else "DUPLICATE"
        self.record(
            ctx,
            DuplicateFiled(of=str(original.id), of_number=original.number, repeat_kind=kind),
            links=(str(original.correlation_id),),
            joins=original.matters,
        )

    @allowed_in("REGISTERED")
    def mark_repeat(self, ctx: Context, of: UUID, new_evidence: str) -> None:
        """A12: the same matter with new evidence is no duplicate; it goes on, marked as what it is."""
        original = self.original_of(ctx)
        if self.repeat_of:
            refuse("E_STATE", "A12", of=self.repeat_of)
        if not self.claims_of_today(ctx, self) & self.claims_of_today(ctx, original):
            refuse("E_CONTENT_MISMATCH", "A12", field="of", reason="other accused or other facts")
        self.record(
            ctx,
            RepeatMarked(
                of=str(original.id),
                of_number=original.number,
                repeat_kind="REPEAT_WITH_NEW_EVIDENCE",
                new_evidence=new_evidence,
            ),
            links=(str(original.correlation_id),),
            joins=original.matters,
        )


def _check_reception(channel: Channel, reception: Reception | None) -> None:
    """A5, A6: spoken reports are taken by a named person alone; a group sends at most three, a group of
    more than ten at most five."""
    if channel not in ("VISIT", "CALL"):
        if reception is not None:
            refuse("E_SCHEMA", "A5", field="reception", reason="only for VISIT and CALL")
        return
    if reception is None:
        refuse("E_SCHEMA", "A5", field="reception.received_by")
    if reception.others_present:
        refuse("E_SCHEMA", "A5", field="reception.others_present")
    most = 3 if reception.group_size <= 10 else 5
    if channel == "VISIT" and reception.representatives > min(most, reception.group_size):
        refuse("E_REPRESENTATIVES", "A6", at_most=min(most, reception.group_size))
