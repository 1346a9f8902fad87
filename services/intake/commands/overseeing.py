"""Commands about retaliation and about misconduct of staff (A33, A44): reported to the superior organ,
settled there. SD9: internal supervision watches and never decides."""

from __future__ import annotations

from uuid import UUID

from services.intake.domain import misconduct, retaliation
from services.intake.domain.misconduct import StaffMisconductReport
from services.intake.domain.retaliation import RetaliationReport
from services.intake.domain.values import OrganCode
from services.intake.vault.case import Personal
from shared.casework.case_commands import case_commands
from shared.casework.command import Command, FreeText, Reference
from shared.language.contracts.intake import MisconductFinding, RetaliationFinding
from shared.language.event import L3
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD, PETITION, STAFF, SUBJECT

LEADERSHIP = (ORGAN_HEAD, DEPUTY_LEADER)


class RecordRetaliationReport(
    Command,
    on=RetaliationReport,
    creates=True,
    rule="A44",
    by=PETITION,
    need_to_know=False,
    duty="reporter",
    lookups=(retaliation.OVER,),
    deposits=(retaliation.ACCOUNT,),
):
    """Records that somebody suffers for a report (打击报复): the reporter, a relative, or a person who is
    merely taken for the reporter. It goes to the superior organ and to internal supervision; until it is
    settled there, no clarification of the accused is carried out."""

    complaint: UUID
    """The complaint, given by the petition department that serves its reporter."""
    subject: Reference
    """The accused, as the complaint lists them."""
    account: L3[Personal]
    """The account: who is harmed, by whom, at whose instigation, and how. To the vault, and nowhere else."""


class SettleRetaliation(
    Command,
    on=RetaliationReport,
    rule="A44",
    by=LEADERSHIP,
    differs_from=("reporter",),
    decides=True,
):
    """Settles a report of retaliation (办结): the finding, and the measures. Decided by a leader of the
    superior organ; from now on the clarification of the accused may go on."""

    finding: RetaliationFinding
    """NOT_PROVABLE: there are signs, and no proof."""
    measures: FreeText
    """The measures that are taken, or why none is."""


class ReportStaffMisconduct(
    Command,
    on=StaffMisconductReport,
    creates=True,
    rule="A33",
    by=(*STAFF, SUBJECT),
    organ=None,
    need_to_know=False,
    duty="reporter",
    deposits=(misconduct.ACCOUNT,),
):
    """Reports a member of the staff (检举工作人员): by staff, or by the accused from their own account. It
    goes to the organ above the reported person's and to internal supervision; the reported person sees
    nothing of it."""

    staff_organ: OrganCode
    """The organ of the member of staff."""
    staff: Reference | None = None
    """The account of the member of staff, where it is known."""
    account: L3[Personal]
    """The account: who, what, when. To the vault, and nowhere else."""


class TellOfStaffMisconduct(
    Command,
    on=StaffMisconductReport,
    creates=True,
    rule="A33",
    anyone=True,
    organ=None,
    need_to_know=False,
    lookups=(misconduct.TOLD_OVER,),
    deposits=(misconduct.ACCOUNT,),
):
    """Reports behind the query code a member of the organ that handles the complaint. It has no route of its
    own: the public one gives it, once the code has opened the complaint."""

    complaint: UUID
    """The complaint behind whose code it is told."""
    account: L3[Personal]
    """The account: who, what, when. To the vault, and nowhere else."""


class SettleStaffMisconduct(
    Command,
    on=StaffMisconductReport,
    rule="A33",
    by=LEADERSHIP,
    differs_from=("reporter",),
    decides=True,
):
    """Settles a report on a member of the staff: the finding, and the measures. Decided by a leader of the
    superior organ."""

    finding: MisconductFinding
    """NOT_PROVABLE: there are signs, and no proof."""
    measures: FreeText
    """The measures that are taken, or why none is."""


OVERSEEING: list[type[Command]] = [
    RecordRetaliationReport,
    SettleRetaliation,
    *case_commands(RetaliationReport),
    ReportStaffMisconduct,
    SettleStaffMisconduct,
    *case_commands(StaffMisconductReport),
]
