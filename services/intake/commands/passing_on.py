"""Commands on a complaint that goes on: to a department here, or to another organ."""

from __future__ import annotations

from typing import Any

from services.intake.domain.complaint import Complaint
from services.intake.domain.values import OrganCode
from shared.casework.aggregate import Law
from shared.casework.command import Command, FreeText, Reference
from shared.language.contracts.intake import AssignmentGround
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD, PETITION_HEAD


def common_superior(complaint: Any, law: Law) -> str:
    """The organ that decides on a dispute; while there is none, nobody else is answered (A9)."""
    decided_by: str = complaint.decided_by or complaint.organ
    return decided_by


class TransferToHandler(Command, on=Complaint, rule="A12", by=(PETITION_HEAD,), duty="acceptor"):
    """Hands an accepted complaint to the handling department (移送), which opens a case."""


class TransferDown(Command, on=Complaint, rule="A16", by=(PETITION_HEAD,), duty="acceptor", decides=True):
    """Hands a complaint down to the lower organ that is competent for it (转送); no reply is owed."""

    to_organ: OrganCode
    """The lower organ that is competent."""


class AssignDown(
    Command,
    on=Complaint,
    rule="A22",
    by=(DEPUTY_LEADER,),
    duty="acceptor",
    differs_from=("registrar",),
    decides=True,
    occasional=True,
):
    """Assigns a complaint to a lower organ by letter (交办), on one of four grounds; the deputy leader
    decides. Its result is owed in three months (DL-06)."""

    to_organ: OrganCode
    """The lower organ that handles it."""
    ground: AssignmentGround
    """One of the four grounds of A22."""
    letter_ref: Reference
    """The registered letter of assignment."""


class TransferLateral(Command, on=Complaint, rule="A17", by=(PETITION_HEAD,), duty="acceptor", decides=True):
    """Hands a complaint to another competent organ that is neither above nor below (移送)."""

    to_organ: OrganCode
    """The competent organ; neither above nor below this one."""


class TakeUp(
    Command, on=Complaint, rule="§5.4", by=(PETITION_HEAD,), organ=None, need_to_know=False, decides=True
):
    """Takes a complaint over from a lower organ (提级办理). It is received at the superior organ in the same
    moment; accused and allegations go with it."""

    reason: FreeText
    """The reason why the superior organ handles it itself."""


class DisputeJurisdiction(Command, on=Complaint, rule="A9", by=(PETITION_HEAD,), duty="acceptor"):
    """Says that another organ is competent, which says the same of this one (管辖争议)."""

    with_organ: OrganCode
    """The organ that says the same of this one."""
    reason: FreeText
    """The reason why this organ is not competent."""


class AssignJurisdiction(
    Command,
    on=Complaint,
    rule="A9",
    by=(PETITION_HEAD, ORGAN_HEAD),
    organ=common_superior,
    step="AssignJurisdiction",
    need_to_know=False,
    decides=True,
):
    """Decides as the common superior of the two organs which of them handles the complaint (指定管辖)."""

    to_organ: OrganCode
    """The one of the two that handles it from now on."""
    reason: FreeText
    """The reason why it is the competent one; both read it."""


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
    TransferDown,
    AssignDown,
    TransferLateral,
    TakeUp,
    DisputeJurisdiction,
    AssignJurisdiction,
    AcceptResult,
    ReturnResult,
    RequestExtension,
]
