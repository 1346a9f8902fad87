"""Commands about the staff directory: its import, and who stands in for whom (B5, B8)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from services.intake.domain.values import OrganCode
from shared.casework.command import Command, Day, Reference, among
from shared.casework.staff import DIRECTORY_ID, directory_of
from shared.language.contracts.common import Member, SubstituteReason
from shared.language.event import Value
from shared.language.roles import CASEWORK, DEPUTY_LEADER, DIRECTORY, OF_AN_ORGAN, ORGAN_HEAD

StaffDirectory = directory_of("intake")
MOST = 20_000
Department = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,40}$")]
OrganRole = Annotated[
    str, AfterValidator(among(OF_AN_ORGAN)), Field(json_schema_extra={"enum": sorted(OF_AN_ORGAN)})
]
CaseRole = Annotated[
    str, AfterValidator(among(CASEWORK)), Field(json_schema_extra={"enum": sorted(CASEWORK)})
]


class Entry(Value):
    """A person and their place."""

    person: Reference
    """The `sub` of their tokens (SCIM `externalId`)."""
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    """The name as colleagues know it (SCIM `displayName`)."""
    organ: OrganCode
    """The organ in which they serve; one of `organs` (SCIM enterprise `organization`)."""
    department: Department = ""
    """The department, by its code (SCIM enterprise `department`)."""
    roles: Annotated[tuple[OrganRole, ...], Field(min_length=1, max_length=20)]
    """The roles, as tokens name them (SCIM `roles`)."""
    since: Day | None = None
    """The first day in this place; always, where it is not told."""
    until: Day | None = None
    """The last day in it, where it is known."""

    def as_member(self) -> Member:
        days = {"since": self.since, "until": self.until}
        told = self.model_dump(exclude=set(days))
        return Member(**told, **{name: day.isoformat() if day else "" for name, day in days.items()})


def _as_members(entries: tuple[Entry, ...]) -> tuple[Member, ...]:
    return tuple(entry.as_member() for entry in entries)


class ImportStaff(
    Command, on=StaffDirectory, creates=True, rule="B8", by=(DIRECTORY,), organ=None, need_to_know=False
):
    """Tells who serves in some organs today (人员名册): everybody, each time. It is an export of the identity
    provider, of its own organ and those below. Who is not told any more has left: their assignments end. What
    is as it was leaves no record."""

    organs: Annotated[tuple[OrganCode, ...], Field(min_length=1, max_length=2000)]
    """The organs whose people these are."""
    members: Annotated[tuple[Entry, ...], Field(max_length=MOST), AfterValidator(_as_members)]
    """Everybody who serves in these organs today, each once; nobody, where all have left."""

    def stream(self, organ: str) -> UUID:
        return DIRECTORY_ID


class DesignateSubstitute(
    Command,
    on=StaffDirectory,
    creates=True,
    plural="substitutes",
    rule="B5",
    by=(ORGAN_HEAD, DEPUTY_LEADER),
    organ=None,
    need_to_know=False,
):
    """Names somebody who stands in for the holders of a role in an organ (代行): its head does, for the head
    the head of the organ above; at the top the deputy leader. At most 90 days. Exclusion and separation of
    duties hold for them as for everybody. Named again, the new days take the place of the old ones; a last
    day that is past ends it."""

    role: CaseRole
    """The role in which they act, beside their own."""
    person: Reference
    """The account of the substitute, who serves in that organ."""
    since: Day
    """The first day."""
    until: Day
    """The last day."""
    reason: SubstituteReason
    """AWAY, BARRED (by exclusion or separation of duties), VACANT, or OTHER; nothing of a case is told."""
    organ: OrganCode | None = None
    """The organ, where it is not the caller's own."""

    def stream(self, organ: str) -> UUID:
        return DIRECTORY_ID


STAFFING: list[type[Command]] = [ImportStaff, DesignateSubstitute]
