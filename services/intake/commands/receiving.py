"""Commands while a complaint is received (§4.1)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import IDENTITY, TODAY
from services.intake.domain.complaint.receiving import ORIGINAL, REGISTER, SENT_UP
from services.intake.domain.complaint.sealing import PARCEL
from services.intake.domain.complaint.state import received_as
from services.intake.domain.notice import NoticeVersion
from services.intake.domain.values import (
    ACCUSED_MAX,
    ALLEGATIONS_MAX,
    AccusedEntry,
    AllegationEntry,
    OrganCode,
    Reception,
    ReporterBlock,
)
from shared.casework.command import Chosen, Command, Day, Leader, Reference, Serving, ShortText
from shared.language.contracts.common import LevelName
from shared.language.contracts.intake import Category, Channel, Source
from shared.language.event import L3, L4
from shared.language.organs.tree import Level
from shared.language.roles import ORGAN_HEAD, PETITION, PETITION_CLERK
from shared.language.text import Seen


class ReceiveComplaint(
    Command,
    on=Complaint,
    creates=True,
    rule="A3",
    by=PETITION,
    duty="registrar",
    lookups=(SENT_UP,),
    deposits=(IDENTITY,),
):
    """Receives a complaint through any channel (接收). Only the envelope is kept here; the reporter block, if
    there is one, goes to the identity vault and never into an event. A complaint that a lower organ sealed
    for this one is received with its `parcel`: another complaint, under another reference."""

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
    parcel: UUID | None = None
    """The sealed parcel that is received by it (`ListSealedParcels`); each is received once."""

    def stream(self, organ: str) -> UUID | None:
        return received_as(self.parcel, organ) if self.parcel is not None else None


class RegisterComplaint(Command, on=Complaint, rule="A14", by=PETITION, duty="registrar"):
    """Registers a received complaint under a number without gaps (登记)."""

    category: Category = "ACCUSATION"
    """ACCUSATION goes on to allegations; APPEAL and SUGGESTION are forwarded, OUT_OF_SCOPE is rejected."""


class SealAndEscalate(Command, on=Complaint, rule="A14", by=PETITION, duty="registrar", deposits=(PARCEL,)):
    """Seals a complaint that belongs to a superior organ, or is about this organ's own head, and sends it up
    (密封径送). The content is encrypted for the addressee; here nobody sees anything of it any more but the
    person who opened it, and the organ's head unless passed over (A15)."""

    to: OrganCode
    """The organ that it is sealed for."""
    content: L4[Annotated[str, StringConstraints(min_length=1, max_length=100_000), Seen]]
    """The content that is sealed: 1 to 100,000 characters, encrypted for the addressee."""
    bypass_organ_head: bool = False
    """True if the own head is passed over, since the complaint is about them (A15)."""
    organ_head: Annotated[Reference, Serving(ORGAN_HEAD, own=True)] | None = None
    """The head to whom it is brought directly; nobody where the head is passed over."""
    competent_level: LevelName | None = None
    """The level that a second look found, where the triage had been wrong."""


class EscalateOutside(
    Command, on=Complaint, rule="§5.4", by=PETITION, level=Level.PROVINCE, duty="registrar"
):
    """Seals a complaint that belongs above the province, or is about its own head or staff, and notes that it
    left the system by a sealed way of its own (径送). Nothing of the content is kept or told here."""

    bypass_organ_head: bool = False
    """True if the own head is passed over, since the complaint is about them (A15)."""
    organ_head: Annotated[Reference, Serving(ORGAN_HEAD, own=True)] | None = None
    """The head to whom it is brought directly; nobody where the head is passed over."""
    competent_level: LevelName | None = None
    """The level that a second look found, where the triage had been wrong."""


class ListAllegations(
    Command, on=Complaint, rule="R25", by=(PETITION_CLERK,), duty="registrar", lookups=(REGISTER,)
):
    """Lists the accused and the atomic allegations in sanitised words (SEC-2). A known accused is
    matched by the clerk or found by number, whichever organ entered them, and what is told of them today is
    recorded; a new one enters the register in the same transaction (B11)."""

    accused: Annotated[tuple[AccusedEntry, ...], Field(min_length=1, max_length=ACCUSED_MAX)]
    """Everybody whom the complaint accuses."""
    allegations: Annotated[tuple[AllegationEntry, ...], Field(min_length=1, max_length=ALLEGATIONS_MAX)]
    """One at least about each accused (R25)."""
    approved_by: Leader
    """The person who approved the sanitised wording."""


class MarkDuplicate(
    Command, on=Complaint, rule="A12", by=PETITION, duty="registrar", lookups=(ORIGINAL, TODAY)
):
    """Files a complaint that repeats a registered one without new evidence (重复检举控告). After a
    conclusion it becomes a report after conclusion and starts no new verification (R55)."""

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


RECEIVING: list[type[Command]] = [
    ReceiveComplaint,
    SealAndEscalate,
    EscalateOutside,
    RegisterComplaint,
    ListAllegations,
    MarkDuplicate,
    MarkRepeat,
]
