"""The commands on a request for protection (A49). Every text is class L3 and goes sealed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.intake.vault.case import SEALED, Personal
from services.intake.vault.events import Authority
from services.intake.vault.protection.request import OPENED, SERVED, ProtectionRequest, reviewing_organ
from shared.casework.aggregate import Law
from shared.casework.case_commands import case_commands
from shared.casework.command import Command
from shared.language.event import L3
from shared.language.roles import PETITION, PETITION_HEAD


def above(request: Any, law: Law) -> str:
    """The organ that reviews a refusal."""
    return reviewing_organ(request.organ, law)


class RequestProtection(
    Command,
    on=ProtectionRequest,
    creates=True,
    rule="A49",
    by=PETITION,
    lookups=(SERVED,),
    deposits=(SEALED,),
):
    """Asks for protection (保护申请) for the reporter whom the clerk serves, a relative of the reporter, or
    somebody who is taken for the reporter. Answered within one working day (DL-20)."""

    complaint: UUID
    """The complaint because of which somebody is threatened."""
    threat: L3[Personal]
    """The threat: who is threatened, by whom, how, and the measures asked for."""


class AskForProtection(
    Command,
    on=ProtectionRequest,
    creates=True,
    rule="A33",
    anyone=True,
    organ=None,
    lookups=(OPENED,),
    deposits=(SEALED,),
):
    """Asks for protection behind the query code. It has no route of its own: the public one gives it,
    once the code has opened the complaint."""

    complaint: UUID
    """The complaint behind whose code it is asked for."""
    threat: L3[Personal]
    """The threat, in the words of who asks; sealed in the vault."""


class AskOtherAuthority(
    Command, on=ProtectionRequest, rule="A49", by=(PETITION_HEAD,), duty="protector", deposits=(SEALED,)
):
    """Asks police, unit or another organ to protect (商请有关机关)."""

    authority: Authority
    """The authority that is asked."""
    request: L3[Personal]
    """The protection that it is asked for; sealed in the vault."""


class ProvideProtection(
    Command,
    on=ProtectionRequest,
    rule="A49",
    by=(PETITION_HEAD,),
    duty="protector",
    decides=True,
    deposits=(SEALED,),
):
    """Grants protection and says by what measures."""

    measures: L3[Personal]
    """The measures, who takes them, and how long; sealed in the vault."""


class DeclineProtection(
    Command,
    on=ProtectionRequest,
    rule="A49",
    by=(PETITION_HEAD,),
    duty="decliner",
    decides=True,
    deposits=(SEALED,),
):
    """Declines protection with reasons; the superior reviews it."""

    reason: L3[Personal]
    """The reasons; the superior petition department reviews them. Sealed in the vault."""


class ReviewDeclinedProtection(
    Command,
    on=ProtectionRequest,
    rule="A49",
    by=(PETITION_HEAD,),
    organ=above,
    duty="reviewer",
    differs_from=("decliner",),
    decides=True,
    deposits=(SEALED,),
):
    """Reviews a refusal, as the superior petition department: upheld, or to be granted after all."""

    upheld: bool
    """False: protection is to be granted after all."""
    opinion: L3[Personal]
    """The reasons of the review; sealed in the vault."""


class EndProtection(
    Command,
    on=ProtectionRequest,
    rule="A49",
    by=(PETITION_HEAD,),
    duty="protector",
    decides=True,
    deposits=(SEALED,),
):
    """Ends the measures, since the threat is over."""

    reason: L3[Personal]
    """The reason why the threat is over; sealed in the vault."""


PROTECTION: list[type[Command]] = [
    RequestProtection,
    AskOtherAuthority,
    ProvideProtection,
    DeclineProtection,
    ReviewDeclinedProtection,
    EndProtection,
    *case_commands(ProtectionRequest, recusal_asked=False),
]
