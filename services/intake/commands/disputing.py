"""Commands on a complaint of which two organs each hold the other competent (A9, B17)."""

from __future__ import annotations

from typing import Any

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import IN_MATTER
from services.intake.domain.values import OrganCode
from shared.casework.aggregate import Law
from shared.casework.command import Command, FreeText
from shared.language.roles import ORGAN_HEAD, PETITION_HEAD


def the_other(complaint: Any, law: Law) -> str:
    """The organ with which competence is disputed; while it is not, nobody else is answered (B17)."""
    disputed_with: str = complaint.disputed_with or complaint.organ
    return disputed_with


def common_superior(complaint: Any, law: Law) -> str:
    """The organ that decides on a dispute; while there is none, nobody else is answered (A9)."""
    decided_by: str = complaint.decided_by or complaint.organ
    return decided_by


class DisputeJurisdiction(
    Command, on=Complaint, rule="A9", by=(PETITION_HEAD,), duty="acceptor", lookups=(IN_MATTER,)
):
    """Says that another organ is competent, which says the same of this one (管辖争议). Until the common
    superior has decided, nothing is done with the complaint (B17)."""

    with_organ: OrganCode
    """The organ that says the same of this one."""
    reason: FreeText
    """The reason why this organ is not competent; the other organ and the common superior read it."""


class AnswerDispute(
    Command,
    on=Complaint,
    rule="B17",
    by=(PETITION_HEAD, ORGAN_HEAD),
    organ=the_other,
    step="AnswerDispute",
    need_to_know=False,
    in_order=True,
):
    """Says, for the other organ, why it is not competent either (`ReadDispute`, B17)."""

    opinion: FreeText
    """The opinion of the other organ; the first one and the common superior read it."""


class AssignJurisdiction(
    Command,
    on=Complaint,
    rule="A9",
    by=(PETITION_HEAD, ORGAN_HEAD),
    organ=common_superior,
    step="AssignJurisdiction",
    decides=True,
    lookups=(IN_MATTER,),
):
    """Decides, as the common superior of the two organs, which of them handles the complaint, or that it does
    so itself (指定管辖). Whoever decides assigns themselves before, and has read both opinions (B17)."""

    to_organ: OrganCode
    """The organ that handles it from now on: one of the two, or the superior."""
    reason: FreeText
    """The reason why it is the competent one; all of them read it."""


DISPUTING: list[type[Command]] = [DisputeJurisdiction, AnswerDispute, AssignJurisdiction]
