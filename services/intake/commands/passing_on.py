"""Commands on a complaint that goes on: to a department here, or to another organ."""

from __future__ import annotations

from uuid import UUID

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import GOES_ON_AT, HEADS, IN_MATTER, ORIGINAL, TODAY
from services.intake.domain.values import OrganCode
from shared.casework.command import Command, FreeText, Reference
from shared.language.contracts.intake import AssignmentGround
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD, PETITION, PETITION_HEAD


class TransferToHandler(
    Command,
    on=Complaint,
    rule="A12",
    by=(PETITION_HEAD,),
    duty="acceptor",
    carries_out=True,
    lookups=(TODAY,),
):
    """Hands an accepted complaint to the handling department (移送), which opens a case."""


class HandDown(
    Command,
    on=Complaint,
    rule="A16",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(IN_MATTER, TODAY),
):
    """Hands a complaint down to the lower organ that is competent for it (转送); no reply is owed. Like every
    way of passing on, it is open in any state before a finding, and the content goes along (B14)."""

    to_organ: OrganCode
    """The lower organ that is competent."""
    reason: FreeText
    """The reason; the lower organ reads it."""


class SendLateral(
    Command,
    on=Complaint,
    rule="A17",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(IN_MATTER, TODAY),
):
    """Hands a complaint to another competent organ that is neither above nor below (移送)."""

    to_organ: OrganCode
    """The competent organ; neither above nor below this one."""
    reason: FreeText
    """The reason; the other organ reads it."""


class SendUp(
    Command,
    on=Complaint,
    rule="B14",
    by=PETITION,
    duty="acceptor",
    decides=True,
    lookups=(IN_MATTER, HEADS),
):
    """Sends up with its content what turned out to be an organ's above, or to be about this organ's own head
    (上报). An envelope that nobody has registered is sealed instead."""

    to_organ: OrganCode
    """The organ above that it belongs to."""
    reason: FreeText
    """The reason; the organ above reads it."""
    about_head: bool = False
    """True if it turned out to be about this organ's own head, who is excluded from the matter at once: the
    head by the staff directory, whom nobody names here (A15)."""


class SendBack(
    Command,
    on=Complaint,
    rule="B14",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(IN_MATTER,),
):
    """Gives back to its sender what came to the wrong organ (退回). The sender must take it, and sends it
    here again only by letter or after a dispute."""

    reason: FreeText
    """The reason why it does not belong here; the sender reads it."""


class SendAfter(
    Command,
    on=Complaint,
    rule="A12",
    by=(PETITION_HEAD,),
    duty="acceptor",
    decides=True,
    lookups=(IN_MATTER, ORIGINAL, GOES_ON_AT, TODAY),
):
    """Sends a further letter on the same facts after one that another organ has by now (随案移送):
    it is filed, joined or added there, and verified by nobody else."""

    of: UUID
    """The complaint that this organ registered first and passed on."""
    reason: FreeText
    """The reason; the other organ reads it."""


class AssignDown(
    Command,
    on=Complaint,
    rule="A22",
    by=(DEPUTY_LEADER,),
    duty="acceptor",
    differs_from=("registrar",),
    decides=True,
    occasional=True,
    lookups=(IN_MATTER,),
):
    """Assigns a complaint to a lower organ by letter (交办), on one of four grounds; the deputy leader
    decides. Its result is owed in three months (DL-06)."""

    to_organ: OrganCode
    """The lower organ that handles it."""
    ground: AssignmentGround
    """One of the four grounds of A22."""
    letter_ref: Reference
    """The registered letter of assignment."""


class TakeUp(
    Command, on=Complaint, rule="§5.4", by=(PETITION_HEAD,), organ=None, need_to_know=False, decides=True
):
    """Takes a complaint over from a lower organ (提级办理). It is received at the superior organ in the same
    moment; accused and allegations go with it."""

    reason: FreeText
    """The reason why the superior organ handles it itself."""


class AcceptResult(Command, on=Complaint, rule="A26", by=(PETITION_HEAD, DEPUTY_LEADER), decides=True):
    """Accepts the result that the lower organ reports on an assigned complaint."""

    opinion: FreeText
    """The superior's opinion on the result."""


class ReturnResult(Command, on=Complaint, rule="A26", by=(PETITION_HEAD, DEPUTY_LEADER), decides=True):
    """Returns the reported result; the lower organ owes another one."""

    reason: FreeText
    """The things that the lower organ must still do."""


class RequestExtension(Command, on=Complaint, rule="A23", by=(ORGAN_HEAD,), decides=True):
    """Takes longer over an assigned complaint (延期), once: decided by the head of the lower organ."""

    reason: FreeText
    """The reason why three months do not suffice; the superior is told it."""


PASSING_ON: list[type[Command]] = [
    TransferToHandler,
    HandDown,
    SendLateral,
    SendUp,
    SendBack,
    SendAfter,
    AssignDown,
    TakeUp,
    AcceptResult,
    ReturnResult,
    RequestExtension,
]
