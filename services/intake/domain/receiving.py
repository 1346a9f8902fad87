"""The first phase: an envelope is received and registered, its allegations are listed (A3, A12, A14, R25)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar
from uuid import UUID

from services.intake.domain.values import AccusedEntry, AllegationEntry, Deposited, Reception
from shared.aggregate import Context, allowed_in
from shared.case import Case
from shared.contracts.common import Accused, Allegation, InVault, LevelName
from shared.contracts.intake import (
    AllegationsListed,
    Category,
    Channel,
    ComplaintReceived,
    ComplaintRegistered,
    ComplaintSealedUpward,
    DuplicateFiled,
    IdentityStatus,
    Priority,
    RepeatKind,
    RepeatMarked,
    SealedParcelReceived,
    Source,
    TriageCorrected,
)
from shared.event import Meta, Recorded
from shared.law.working_days import local_date
from shared.organs.tree import Competence, Level
from shared.reaction import derived_id
from shared.refusal import refuse
from shared.security.roles import ORGAN_HEAD
from shared.security.wording import tells_channel

OUTSIDE = "OUTSIDE"
"""In place of an organ: above the province, where this system ends (§5.4)."""
TRANSFERRED = "transfer:"
"""With this begins the blob id of what the petition platform sent; behind it stands the digest."""


def received_as(parcel: UUID | str, organ: str) -> UUID:
    """The stream under which a sealed complaint goes on at the organ that it was sealed for."""
    return derived_id("sealed-parcel", parcel, organ)


class Receiving(Case):
    """From the envelope to the listed allegations, or to the file of duplicates."""

    kind = "Complaint"
    plural: ClassVar[str] = "complaints"
    service = "intake"
    unopened = frozenset({"RECEIVED"})
    sealed = frozenset({"SEALED_UPWARD"})

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.competent_level: LevelName = "TOWNSHIP"
        self.identity_status: IdentityStatus = "UNCLAIMED"
        self.reporter_ref = ""
        self.category = ""
        self.received_on: date | None = None
        self.accused: tuple[Accused, ...] = ()
        self.allegations: tuple[Allegation, ...] = ()
        self.relisting = False
        """Whether new substance may be listed, with whom it is about."""
        self.verdict = ""
        """What a verification that stands has found; empty as long as there is none."""
        self.duplicate_of = ""
        self.channel = ""
        self.source = ""
        self.origin = ""
        self.origin_number = ""
        self.repeat_of = ""
        self.joint = False
        self.pages = 0
        self.designated = False
        self.original = ""
        """What the petition platform sent, by its name in the vault."""
        self.parcel = ""
        self.parcel_received = False
        self.sent_on: date | None = None
        self.urgent = False
        self.other_competent = ""
        self.wording_approved_by = ""
        self.sent_to = ""
        self.sent_as = ""
        """The complaint that was born of it at the organ it went to."""
        self.parts: list[str] = []
        """The complaints that were born of parts of it (A18)."""
        self.in_vault: dict[str, InVault] = {}
        """What the vault must hold under this complaint, by id (B55)."""

    def apply(self, recorded: Recorded) -> None:
        super().apply(recorded)
        self.in_vault |= {thing.id: thing for thing in getattr(recorded.event, "in_vault", ())}

    @property
    def is_away(self) -> bool:
        """Whether another organ goes on with it. What was assigned comes back with its result (A26); what
        was sealed upward is away once the organ above has received it."""
        return self.state in ("SENT_DOWN", "SENT_OUT") or self.parcel_received

    @property
    def rests_on(self) -> tuple[str, ...]:
        return (str(self.id),)

    @property
    def listed_now(self) -> tuple[Accused, ...]:
        return self.accused

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
        parcel: UUID | None,
    ) -> None:
        """A3: every channel is equal. The envelope holds no accused and no content (note a)."""
        if self.version:
            refuse("E_STATE", "A14", reason="this parcel was received before")
        ctx.check_past(received_on, "received_on")
        if channel.startswith("ONLINE") and not acknowledged_notice_version:
            refuse("E_SCHEMA", "R30", field="acknowledged_notice_version")
        if competent_organ and competent_organ not in ctx.law.organs:
            refuse("E_SCHEMA", "§5.4", field="competent_organ")
        if source == "SUBORDINATE_ESCALATED" and platform_no:
            refuse("E_PLATFORM_ENTRY_FORBIDDEN", "C7", field="platform_no")
        _check_reception(channel, reception)
        deposited: Deposited = ctx.facts["vault"]
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
                joint=joint or bool(ctx.facts.get("joint")) or (reception is not None and reception.of_group),
                parcel=str(parcel or ""),
                received_by=reception.received_by if reception else "",
                oral_record=reception.oral_record if reception else False,
                reporter_confirmed=reception.reporter_confirmed if reception else False,
            ),
        )

    def on_complaint_received(self, event: ComplaintReceived, meta: Meta) -> None:
        self.organ = event.organ
        self.channel = event.channel
        self.source = event.source
        self.competent_level = event.competent_level
        self.other_competent = event.competent_organ
        self.reporter_ref = event.reporter_ref
        self.identity_status = event.identity_status
        self.received_on = event.received_on
        self.urgent = event.urgent
        self.joint = event.joint
        self.pages = event.pages
        self.original = event.blob_id if event.blob_id.startswith(TRANSFERRED) else ""
        self.designated = event.designated
        self.origin = event.origin
        self.origin_number = event.origin_number

    @allowed_in("RECEIVED")
    def correct_triage(self, ctx: Context, competent_level: LevelName, competent_organ: str) -> None:
        """A14, A17: an envelope that was read wrongly is put right without showing it to the organ above."""
        self.check_not_sealed()
        if competent_organ and competent_organ not in ctx.law.organs:
            refuse("E_SCHEMA", "§5.4", field="competent_organ")
        assert self.received_on is not None
        self.record(
            ctx,
            TriageCorrected(
                competent_level=competent_level,
                competent_organ=competent_organ,
                received_on=self.received_on,
            ),
        )

    def on_triage_corrected(self, event: TriageCorrected, meta: Meta) -> None:
        self.competent_level = event.competent_level
        self.other_competent = event.competent_organ

    @allowed_in("RECEIVED")
    def register_complaint(self, ctx: Context, category: Category) -> None:
        """A14: what belongs to a superior organ is sealed and escalated, never registered here."""
        self.check_not_sealed()
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

    def on_complaint_registered(self, event: ComplaintRegistered, meta: Meta) -> None:
        self.category = event.category

    @allowed_in("REGISTERED")
    def list_allegations(
        self,
        ctx: Context,
        accused: Sequence[AccusedEntry],
        allegations: Sequence[AllegationEntry],
        approved_by: str,
    ) -> None:
        """R25: at least one atomic allegation per accused; the clerk confirms who is already known."""
        if self.allegations and not self.relisting:
            refuse("E_STATE", "R25", state=self.state, listed=len(self.allegations))
        if approved_by == ctx.actor.person:
            refuse("E_SOD_CONFLICT", "SEC-2", field="approved_by")
        people = tuple(self._identify(ctx, n, entry) for n, entry in enumerate(accused))
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
                accused=people,
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

    def on_allegations_listed(self, event: AllegationsListed, meta: Meta) -> None:
        self.accused = event.accused
        self.allegations = event.allegations
        self.wording_approved_by = event.approved_by
        self.relisting = False

    @allowed_in("REGISTERED")
    def mark_duplicate(self, ctx: Context, of: UUID, new_evidence: bool) -> None:
        """A12, R55: the same facts about the same accused without new evidence are filed, not verified;
        after a conclusion it is a re-report."""
        original = self._original(ctx)
        self.check_result_not_owed()
        if new_evidence or self.repeat_of:
            refuse("E_CONTENT_MISMATCH", "A12", field="new_evidence", reason="not a duplicate")
        if not self._claims() or not self._claims() <= original._claims():
            refuse("E_CONTENT_MISMATCH", "A12", field="of", reason="other accused or other facts")
        kind: RepeatKind = "RE_REPORT_AFTER_CONCLUSION" if original.verdict else "DUPLICATE"
        self.record(
            ctx,
            DuplicateFiled(of=str(original.id), of_number=original.number, repeat_kind=kind),
            links=(str(original.correlation_id),),
        )

    def on_duplicate_filed(self, event: DuplicateFiled, meta: Meta) -> None:
        self.duplicate_of = event.of

    @allowed_in("REGISTERED")
    def mark_repeat(self, ctx: Context, of: UUID, new_evidence: str) -> None:
        """A12: the same matter with new evidence is no duplicate; it goes on, marked as what it is."""
        original = self._original(ctx)
        if self.repeat_of:
            refuse("E_STATE", "A12", of=self.repeat_of)
        if not self._claims() & original._claims():
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
        )

    def on_repeat_marked(self, event: RepeatMarked, meta: Meta) -> None:
        self.repeat_of = event.of

    def _original(self, ctx: Context) -> Receiving:
        """What this organ registered itself; of what it sealed upward nobody learns anything here."""
        original: Receiving | None = ctx.facts["original"]
        unknown = ("RECEIVED", "SEALED_UPWARD", "DUPLICATE_FILED")
        if (
            original is None
            or original.state in unknown
            or original.organ != self.organ
            or original.id == self.id
        ):
            refuse("E_CONTENT_MISMATCH", "A12", field="of")
        if original.is_away:
            # Only who has it now knows what was found, and tells his department of duplicates.
            refuse("E_CONTENT_MISMATCH", "A12", field="of", reason="with another organ: this one goes there")
        return original

    # --- what belongs to a superior organ ---

    def check_open(self, ctx: Context) -> None:
        """A14: what is sealed stays so. Nothing is registered, viewed, copied or pushed of it; only the
        addressee takes it in, and who knows of it may step aside."""
        if ctx.command != "DeclareRecusal":
            self.check_not_sealed()

    @allowed_in("RECEIVED", "REGISTERED")
    def seal_and_escalate(
        self,
        ctx: Context,
        to: str,
        bypass_organ_head: bool,
        organ_head: str | None,
        competent_level: LevelName | None,
    ) -> None:
        """A14, A15: sealed whole (note b), within the knowledge of the opener and the organ's head; where he
        is accused himself, not of the head. A triage that was wrong may be corrected, as long as nothing of
        the content was entered here."""
        above = ctx.law.organs.is_ancestor_or_self(to, self.organ)
        if not above or to == self.organ:
            refuse("E_SCHEMA", "A14", field="to", reason="not above this organ")
        self._seal(ctx, to, bypass_organ_head, organ_head, competent_level, ctx.facts["sealed"])

    @allowed_in("RECEIVED", "REGISTERED")
    def escalate_outside(
        self,
        ctx: Context,
        bypass_organ_head: bool,
        organ_head: str | None,
        competent_level: LevelName | None,
    ) -> None:
        """§5.4: what belongs above the province, and what is about its own head or staff, leaves the system.
        Here stays the envelope; there is no addressee whose key could open a parcel."""
        self._seal(ctx, OUTSIDE, bypass_organ_head, organ_head, competent_level, None)

    def _seal(
        self,
        ctx: Context,
        to: str,
        bypass_organ_head: bool,
        organ_head: str | None,
        competent_level: LevelName | None,
        parcel: InVault | None,
    ) -> None:
        if bypass_organ_head == (organ_head is not None):
            refuse("E_SCHEMA", "A15" if bypass_organ_head else "A14", field="organ_head")
        level = competent_level or self.competent_level
        if not bypass_organ_head and Level[level] <= self._own_level(ctx):
            refuse("E_STATE", "A14", competent_level=level, reason="own level")
        if self.allegations:
            refuse("E_STATE", "A14", state=self.state, listed=len(self.allegations))
        self.record(
            ctx,
            ComplaintSealedUpward(
                to_organ=to,
                bypass_organ_head=bypass_organ_head,
                competent_level=level,
                sent_on=local_date(ctx.occurred_at),
                parcel=parcel.id if parcel else "",
                in_vault=(parcel,) if parcel else (),
                received_on=self.received_on,
            ),
        )
        self._only_these_know(ctx, organ_head)

    def _only_these_know(self, ctx: Context, organ_head: str | None) -> None:
        """Who opened it, and the head unless it is about him; whoever else was told is told no more."""
        openers = self.duties.get("registrar", set())
        for person, held in list(self.assigned.items()):
            for role in sorted(held):
                if person not in openers or role == ORGAN_HEAD:
                    ended = self.own("AssignmentEnded")
                    self.record(ctx, ended(person=person, role=role, reason="SEALED_UPWARD"))
        if organ_head is not None:
            self.check_not_recused([organ_head])
            self.record(ctx, self.own("AssignmentStarted")(person=organ_head, role=ORGAN_HEAD))

    def on_complaint_sealed_upward(self, event: ComplaintSealedUpward, meta: Meta) -> None:
        self.parcel = event.parcel
        self.sent_on = event.sent_on
        self.sent_to = event.to_organ
        self.watched_by = event.to_organ if event.parcel else ""

    def take_in_parcel(self, ctx: Context) -> None:
        """The addressee received what was sealed for him, once (scenario 1, row 4)."""
        if self.parcel_received:
            refuse("E_STATE", "A14", parcel=self.parcel)
        self.record(ctx, SealedParcelReceived(received_on=local_date(ctx.occurred_at)))

    def on_sealed_parcel_received(self, event: SealedParcelReceived, meta: Meta) -> None:
        self.parcel_received = True
        self.sent_as = str(received_as(self.parcel, self.sent_to))

    def check_not_sealed(self) -> None:
        """What was sealed upward is not registered, viewed, copied or passed on here any more (A14)."""
        if self.state == "SEALED_UPWARD":
            refuse("E_SEALED_UPWARD", "A14")

    def check_result_not_owed(self) -> None:
        """A22: what a superior assigned waits for its result there, and ends in no other way here."""
        if self.origin and self.source == "SUPERIOR_ASSIGNED":
            refuse("E_STATE", "A22", reason="its result is owed to the organ that assigned it")

    def born_at(self, organ: str) -> UUID:
        """The stream under which this complaint, or one more part of it, goes on at another organ."""
        return derived_id("passed-on", self.id, organ, self.version)

    def _own_level(self, ctx: Context) -> Level:
        return ctx.law.organs.get(self.organ).level

    def _check_level(self, ctx: Context, person: Accused) -> None:
        """4.1 note b: if any accused belongs to a higher organ the whole complaint is sealed upward."""
        competence = self._competence(ctx, person)
        if competence.leaves_system:
            refuse("E_SEALED_UPWARD", "A14", competent_level=Level.CENTRAL.name)
        competent = competence.organ.level
        if max(competent, Level[person.managed_by_level]) > self._own_level(ctx):
            refuse("E_SEALED_UPWARD", "A14", competent_level=competent.name)

    def _competent_organ(self, ctx: Context, person: Accused) -> str:
        return self._competence(ctx, person).organ.code

    def _competence(self, ctx: Context, person: Accused) -> Competence:
        try:
            return ctx.law.organs.competent(
                Level[person.managed_by_level],
                person.unit_division,
                is_discipline_staff=person.is_discipline_staff,
                subject_type=person.subject_type,
            )
        except KeyError:
            refuse("E_SCHEMA", "§5.4", field="unit_division", reason="no such place", accused=person.ref)

    def _identify(self, ctx: Context, index: int, entry: AccusedEntry) -> Accused:
        if entry.match is not None:
            known: Accused | None = ctx.facts["register"].get(entry.match)
            if known is None:
                refuse("E_SCHEMA", "R55", field=f"accused.{index}.match", reason="not in the register")
            return known
        # What is listed again names other people, who must not get the references of the first (R11).
        again = (self.version,) if self.relisting and self.allegations else ()
        return entry.as_accused(f"acc-{derived_id('accused', self.id, index, *again).hex}")

    def _claims(self) -> set[tuple[str, str]]:
        return {(a.accused_ref, a.kind) for a in self.allegations}


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
