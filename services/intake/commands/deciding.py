"""Commands on a registered complaint: is it ours, and does it go on (A10, A11, A18, C6)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.deciding import ADVICE
from services.intake.domain.complaint.phase import IN_MATTER, TODAY
from services.intake.domain.values import ALLEGATIONS_MAX, OrganCode
from shared.casework.command import Chosen, Code, Command, FreeText, Given, ShortText
from shared.language.contracts.intake import Means
from shared.language.roles import PETITION, PETITION_CLERK, PETITION_HEAD


class ProposeAcceptance(
    Command, on=Complaint, rule="§5.2", by=(PETITION_CLERK,), duty="registrar", lookups=(TODAY,)
):
    """Proposes to accept a complaint (拟受理); the head of the department decides."""

    handling_dept: Code
    """The code of the department that verifies, as `supervision_dept`."""
    opinion: FreeText
    """The reason why this organ is competent."""


class AcceptComplaint(
    Command,
    on=Complaint,
    rule="§5.4",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(TODAY,),
):
    """Accepts a complaint as this organ's own (受理)."""

    handling_dept: Code
    """The code of the department that verifies, as `supervision_dept`."""


class RejectComplaint(
    Command,
    on=Complaint,
    rule="A10",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(TODAY,),
):
    """Does not accept a complaint (不予受理), on one of three grounds: LEGAL_REMEDY, OTHER_ORGAN_DUTY,
    NO_SUBSTANCE."""

    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,40}$"), Chosen()]
    """LEGAL_REMEDY, OTHER_ORGAN_DUTY or NO_SUBSTANCE; another word is E_REJECTION_REASON."""


class RedirectOut(Command, on=Complaint, rule="A11", by=PETITION):
    """Sends a letter on to the body that decides on such matters (转有关机关)."""

    to_body: ShortText
    """The body that the letter goes to."""


class AdviseReporter(Command, on=Complaint, rule="A11", by=PETITION, deposits=(ADVICE,)):
    """Tells a reporter who came, called or wrote online which body decides. One who wrote online reads it
    behind the query code; one who came or called was told in person, and that is noted."""

    body: ShortText
    """The body that decides, as the reporter is told it."""


class FileNotAccepted(Command, on=Complaint, rule="A10", by=PETITION):
    """Files a complaint without substance; evidence added later revives it."""

    means: Means | None = None
    """The means by which a reporter with a confirmed name was told and invited to add substance; nobody else
    is."""


class ForwardComplaint(Command, on=Complaint, rule="C6", by=PETITION):
    """Forwards an appeal (申诉) or a suggestion, which is no accusation, to the body that decides on it."""

    to_body: ShortText
    """The body that it is forwarded to."""


class SplitComplaint(
    Command,
    on=Complaint,
    rule="A18",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(IN_MATTER, TODAY),
):
    """Gives part of the allegations to the organ that is competent for them; a complaint of its own is
    born there in the same transaction."""

    to_organ: OrganCode
    """The organ that is competent for the part; not this one and none above it."""
    allegation_ids: Annotated[tuple[Given, ...], Field(min_length=1, max_length=ALLEGATIONS_MAX)]
    """The allegations that go there; one at least stays."""


DECIDING: list[type[Command]] = [
    ProposeAcceptance,
    AcceptComplaint,
    RejectComplaint,
    RedirectOut,
    AdviseReporter,
    FileNotAccepted,
    ForwardComplaint,
    SplitComplaint,
]
