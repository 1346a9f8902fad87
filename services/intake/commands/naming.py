"""Commands by which a reporter's name, and how to reach them, come later or change (B19)."""

from __future__ import annotations

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import IDENTITY
from services.intake.domain.values import Contacts, ReporterBlock
from shared.casework.command import Command
from shared.language.event import L3
from shared.language.roles import PETITION


class AddIdentity(Command, on=Complaint, rule="B19", by=PETITION, deposits=(IDENTITY,)):
    """Enters the name that an anonymous reporter gives later at the desk (补充实名), or gives anew where it
    was not confirmed; every complaint of the matter learns of it."""

    reporter: L3[ReporterBlock]
    """The reporter, with a name or unit and a contact; only the vault keeps it."""


class ChangeContact(Command, on=Complaint, rule="B19", by=PETITION, deposits=(IDENTITY,)):
    """Enters how the reporter is reached from now on (变更联系方式); the old contact stays in the vault."""

    contacts: L3[Contacts]
    """The contacts that change; only the vault keeps them."""


class GiveIdentity(Command, on=Complaint, rule="B19", anyone=True, organ=None, deposits=(IDENTITY,)):
    """Gives one's name behind the query code, after an anonymous report or where it was not confirmed."""

    reporter: L3[ReporterBlock]
    """The reporter, with a name or unit and a contact; only the vault keeps it."""


class GiveContact(Command, on=Complaint, rule="B19", anyone=True, organ=None, deposits=(IDENTITY,)):
    """Changes behind the query code how one is reached."""

    contacts: L3[Contacts]
    """The contacts that change; only the vault keeps them."""


NAMING: list[type[Command]] = [AddIdentity, ChangeContact]
NAMED_BY_THE_REPORTER: list[type[Command]] = [GiveIdentity, GiveContact]
"""Commands without a route of their own: the public routes give them behind the code."""
