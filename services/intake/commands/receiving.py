"""Commands while a complaint is received (§4.1)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import ANOTHER, HEADS, IDENTITY, NAMESAKES, ORIGINAL, TODAY
from services.intake.domain.complaint.receiving import REGISTER
from services.intake.domain.complaint.sealing import PARCEL, SEALED_BELOW
from services.intake.domain.notice import NoticeVersion
from services.intake.domain.values import (
    ACCUSED_MAX,
    ALLEGATIONS_MAX,
    AccusedEntry,
    AllegationEntry,
    OrganCode,
    Reception,
    ReporterBlock,
    SamePair,
)
from shared.casework.command import Chosen, Command, Day, Leader, ShortText
from shared.language.contracts.common import LevelName
from shared.language.contracts.intake import Category, Channel, Source
from shared.language.event import L3, L4
from shared.language.organs.tree import Level
from shared.language.roles import PETITION, PETITION_CLERK, PETITION_HEAD
from shared.language.text import Seen


class ReceiveComplaint(
    Command,
    on=Complaint,
    creates=True,
    rule="A3",
    by=PETITION,
    duty="registrar",
    deposits=(IDENTITY,),
):
    """Receives a complaint through any channel (接收). Only the envelope is kept here; the reporter block, if
    there is one, goes to the identity vault and never into an event. A complaint that a lower organ sealed
    for this one is here already, and is taken in (`TakeIn`)."""

    channel: Channel
    """The channel by which it came; VISIT and CALL need `reception`, those online
    `acknowledged_notice_version`."""
    source: Source = "DIRECT"
    """The sender: DIRECT is the reporter."""
    received_on: Day
    """The day on which it came; not later than today."""
    pages: Annotated[int, Field(ge=1, le=5000)] = 1
    """Pages of a letter."""
    competent_level: LevelName
    """The level that the triage found competent for the accused."""
    competent_organ: Annotated[str, StringConstraints(pattern=r"^(DI-[0-9]{2,9})?$")] = ""
    """Another organ of no higher level that the triage found competent (A17)."""
    blob_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{0,120}$"), Chosen()] = ""
    """The name under which the scan of the letter is filed; never a number of the reporter."""
    platform_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{0,60}$"), Chosen()] = ""
    """The petition platform's number, where it came from there on paper."""
    acknowledged_notice_version: NoticeVersion | Literal[""] = ""
    """The notice that was read before reporting online (R30)."""
    urgent: bool = False
    """A threat to safety or to evidence: it is worked on first."""
    joint: bool = False
    """True if several signed it (联名); the names go to the vault."""
    reception: Reception | None = None
    """The way in which a visit or a call was received."""
    reporter: L3[ReporterBlock | None] = None
    """The reporter and how to reach them; only the vault keeps it. Left out, the complaint is anonymous."""


class TakeIn(Command, on=Complaint, rule="B15", by=PETITION, duty="registrar", lookups=(SEALED_BELOW,)):
    """Takes in a complaint that a lower organ sealed for this one (签收), within 5 working days (DL-23). All
    that was known of it came along; the sender is told that it is taken in."""


class RegisterComplaint(Command, on=Complaint, rule="A14", by=PETITION, duty="registrar"):
    """Registers a received complaint under a number without gaps (登记)."""

    category: Category = "ACCUSATION"
    """ACCUSATION goes on to allegations; APPEAL and SUGGESTION are forwarded, OUT_OF_SCOPE is rejected."""


class SealAndEscalate(
    Command, on=Complaint, rule="A14", by=PETITION, duty="registrar", lookups=(HEADS,), deposits=(PARCEL,)
):
    """Seals a complaint that belongs to a superior organ, or is about this organ's own head, and sends it up
    (密封径送). The content is encrypted for the addressee; here nobody sees anything of it any more but the
    person who opened it, and the organ's head by the staff directory unless passed over (A15). At the
    addressee it stands in the queue at once (B15)."""

    to: OrganCode
    """The organ that it is sealed for."""
    content: L4[Annotated[str, StringConstraints(min_length=1, max_length=100_000), Seen] | None] = None
    """The content that is sealed: 1 to 100,000 characters, encrypted for the addressee. Left out where it
    came in a parcel itself: that content goes on."""
    bypass_organ_head: bool = False
    """True if the own head is passed over, since the complaint is about them (A15)."""
    competent_level: LevelName | None = None
    """The level that a second look found, where the triage had been wrong."""


class EscalateOutside(
    Command,
    on=Complaint,
    rule="§5.4",
    by=PETITION,
    level=Level.PROVINCE,
    duty="registrar",
    lookups=(HEADS,),
):
    """Seals a complaint that belongs above the province, or is about its own head or staff, and notes that it
    left the system by a sealed way of its own (径送). Nothing of the content is kept or told here."""

    bypass_organ_head: bool = False
    """True if the own head is passed over, since the complaint is about them (A15)."""
    competent_level: LevelName | None = None
    """The level that a second look found, where the triage had been wrong."""


class ListAllegations(
    Command, on=Complaint, rule="R25", by=(PETITION_CLERK,), duty="registrar", lookups=(REGISTER, NAMESAKES)
):
    """Lists the accused and the atomic allegations in sanitised words (SEC-2). A known accused is
    matched by the clerk or found by number, whichever organ entered them, and what is told of them today is
    recorded; a new one enters the register in the same transaction (B11). An accused who is a member of
    staff by the directory is excluded from the matter at once, in all services (B2)."""

    accused: Annotated[tuple[AccusedEntry, ...], Field(min_length=1, max_length=ACCUSED_MAX)]
    """Everybody whom the complaint accuses."""
    allegations: Annotated[tuple[AllegationEntry, ...], Field(min_length=1, max_length=ALLEGATIONS_MAX)]
    """One at least about each accused (R25)."""
    approved_by: Leader
    """The person who approved the sanitised wording."""


class MarkDuplicate(
    Command, on=Complaint, rule="A12", by=PETITION, duty="registrar", lookups=(ORIGINAL, ANOTHER, TODAY)
):
    """Files a complaint that repeats a registered one without new evidence (重复检举控告), by the same
    reporter or an anonymous one; another named reporter's is joined (`JoinComplaint`). After a conclusion it
    becomes a report after conclusion and starts no new verification (R55)."""

    of: UUID
    """The complaint that was registered first, of this organ and about the same facts."""
    new_evidence: bool = False
    """True is refused: what brings new evidence is no duplicate (`MarkRepeat`)."""


class MarkRepeat(Command, on=Complaint, rule="A12", by=PETITION, duty="registrar", lookups=(ORIGINAL, TODAY)):
    """Marks a complaint that repeats a registered one and brings new evidence; it goes on like an initial
    one (重复但有新证据)."""

    of: UUID
    """The complaint that was registered first, of this organ and about the same matter."""
    new_evidence: ShortText
    """The new evidence, in sanitised words."""


class JoinComplaint(
    Command,
    on=Complaint,
    rule="B24",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(ORIGINAL, ANOTHER, TODAY),
):
    """Joins another named reporter's complaint on the same facts to the one that is verified (合并办理): one
    verification, and an answer for each reporter. If the result is there, it is this reporter's too."""

    of: UUID
    """The complaint that this organ verifies, or has verified."""
    same: Annotated[tuple[SamePair, ...], Field(min_length=1, max_length=100)]
    """For each allegation of this complaint the one that claims the same, of the same accused and kind."""


RECEIVING: list[type[Command]] = [
    ReceiveComplaint,
    TakeIn,
    SealAndEscalate,
    EscalateOutside,
    RegisterComplaint,
    ListAllegations,
    MarkDuplicate,
    MarkRepeat,
    JoinComplaint,
]
