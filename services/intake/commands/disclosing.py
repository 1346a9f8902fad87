"""Commands about a reporter's identity: its disclosure, and its end (SEC-5, §6.5)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from services.intake.domain.disclosing import (
    ASKED,
    FORGETTABLE,
    IN_MATTER_OF,
    IdentityDisclosure,
    IdentityKey,
    identity_key_id,
)
from shared.casework.case_commands import case_commands
from shared.casework.command import Command, Day, FreeText
from shared.language.contracts.intake import IdentityField
from shared.language.roles import CUSTODIAN, HANDLER, ORGAN_HEAD


def _once(fields: tuple[IdentityField, ...]) -> tuple[IdentityField, ...]:
    return tuple(sorted(set(fields)))


class RequestIdentityDisclosure(
    Command,
    on=IdentityDisclosure,
    creates=True,
    rule="SEC-5",
    by=(HANDLER,),
    duty="requester",
    lookups=(ASKED,),
):
    """Asks to be told how to reach a real-name reporter who agreed to be contacted: as few fields as
    the purpose needs, for thirty days at most."""

    complaint: UUID
    """The complaint whose reporter it is."""
    purpose: FreeText
    """The purpose that needs the fields; the organ's head reads it."""
    fields: Annotated[tuple[IdentityField, ...], Field(min_length=1, max_length=5), AfterValidator(_once)]
    """The fields that are asked for, as few as will do."""
    until: Day
    """The last day on which they may be read; within thirty days."""


class DecideIdentityDisclosure(
    Command,
    on=IdentityDisclosure,
    rule="SEC-5",
    by=(ORGAN_HEAD,),
    duty="approver",
    differs_from=("requester",),
    decides=True,
    lookups=(IN_MATTER_OF,),
):
    """Records the decision of the organ's head on a disclosure. The head reads the purpose first, and so is
    assigned to it."""

    decision: Literal["APPROVE", "DENY"]
    """APPROVE opens the named fields to the requester until the day that was asked for."""
    opinion: FreeText
    """The reasons of the organ's head."""


class DestroyIdentityKey(
    Command,
    on=IdentityKey,
    creates=True,
    rule="§6.5",
    by=(CUSTODIAN,),
    organ=None,
    need_to_know=False,
    lookups=(FORGETTABLE,),
):
    """Forgets a reporter for ever, by destroying the key of the complaint, once retention has ended. The
    record of it comes first; the vault destroys the keys that the record names, and backups of it open
    nothing once the key of the month has ended (docs/operating.md). The custodian is that of the complaint's
    organ, or of the county above it."""

    complaint: UUID
    """The complaint whose reporter is forgotten; its retention must have ended (`IdentityRetention`)."""

    def stream(self, organ: str) -> UUID:
        return identity_key_id(self.complaint)


DISCLOSING: list[type[Command]] = [
    RequestIdentityDisclosure,
    DecideIdentityDisclosure,
    *case_commands(IdentityDisclosure),
    DestroyIdentityKey,
]
