"""What may be asked once the allegations are listed: whose it is, and who goes on with it."""

from __future__ import annotations

from services.intake.domain.complaint import Complaint
from services.intake.domain.values import Code
from shared.command import Command
from shared.security.roles import PETITION_HEAD


class AcceptComplaint(Command, on=Complaint, rule="§5.4", by=(PETITION_HEAD,), duty="acceptor", decides=True):
    """Accepts a complaint as this organ's own (受理)."""

    handling_dept: Code


class TransferToHandler(Command, on=Complaint, rule="A12", by=(PETITION_HEAD,), duty="acceptor"):
    """Hands an accepted complaint to the handling department (移送), which opens a case."""


PASSING_ON: list[type[Command]] = [AcceptComplaint, TransferToHandler]
