"""Commands about transfers from the petition platform, and their return (§8.5, A8, DL-13)."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.integration import TRANSFER
from services.intake.domain.complaint.phase import TODAY
from shared.casework.command import Chosen, Command, Day, FreeText
from shared.language.contracts.intake import Category, Channel
from shared.language.event import L3
from shared.language.roles import PETITION, PLATFORM

OrganCode = Annotated[str, StringConstraints(pattern=r"^DI-[0-9]{2,12}$")]
Blob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=900_000)]
"""JWE in compact form (RFC 7516)."""


class ReceivePlatformTransfer(
    Command,
    on=Complaint,
    creates=True,
    rule="A8",
    by=(PLATFORM,),
    need_to_know=False,
    deposits=(TRANSFER,),
):
    """Receives a complaint that the provincial petition platform transfers (转送), for the organ that it
    names."""

    platform_no: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,60}$"), Chosen()]
    """The platform's own number; sent again with other content it is refused."""
    received_on: Day
    """The day on which the platform received it."""
    transferred_on: Day
    """The day of the transfer. More than fifteen days after `received_on` is noted, and changes nothing (条例
    22)."""
    channel: Channel
    """The channel by which it reached the platform."""
    category: Category
    """The platform's own sorting; the petition department registers it by its own."""
    target_organ: OrganCode
    """The organ that it is transferred to."""
    content_blob: L3[Blob]
    """The original, encrypted for us; kept as it came."""
    reporter_blob: L3[Blob | None] = None
    """The reporter block, encrypted for the vault; left out where the reporter is anonymous."""


class ObjectToTransfer(
    Command,
    on=Complaint,
    rule="DL-13",
    by=PETITION,
    duty="registrar",
    decides=True,
    lookups=(TODAY,),
):
    """Sends a wrongly assigned complaint back to the petition platform (异议退回), within five working
    days of its receipt."""

    competent_organ: OrganCode
    """The organ that is competent instead."""
    reason: FreeText
    """The reason; the platform is told RETURNED, and not this."""


INTEGRATION: list[type[Command]] = [ObjectToTransfer]
"""`ReceivePlatformTransfer` has a route of its own, single and in batches."""
