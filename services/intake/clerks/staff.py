"""`GET /v1/staff`: the people of an organ by role, as its staff directory names them (B8, §6.3).

The directory is a file of the deployment, exported by its identity provider; those who assign people, or name
them in a command, choose here. It holds staff and nobody else: no reporter, subject or contact of a unit.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from starlette.responses import Response

from services.intake.domain.complaint import Complaint
from shared.casework.command import Reference
from shared.casework.http import query
from shared.casework.http.describe import answer, array, in_query, of_list, page
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Parts
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse
from shared.language.roles import ALL, OF_AN_ORGAN, STAFF

AFTER = query.Cursor[tuple[str]](tuple[query.Key])
TEXT = {"type": "string"}


def _of_an_organ(role: str) -> str:
    if role not in OF_AN_ORGAN:
        raise ValueError("no role that is held in an organ")
    return role


class Member(BaseModel):
    """A person as the directory has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Reference
    """The `sub` of their tokens."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    organ: Annotated[str, StringConstraints(pattern=r"^DI-[0-9]{2,9}$")]
    department: str = ""
    roles: Annotated[tuple[Annotated[str, AfterValidator(_of_an_organ)], ...], Field(min_length=1)]
    since: date | None = None
    """The first day in this place; always, where it is not told."""
    until: date | None = None
    """The last day in it."""

    def is_there(self, today: date) -> bool:
        """True if they hold the place on this day."""
        return (self.since is None or self.since <= today) and (self.until is None or today <= self.until)


class StaffRoutes:
    """The one read of the staff directory."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._members = load(parts.settings.staff_file)

    @read(
        "ListStaff",
        "/v1/staff",
        rule="B8",
        by=frozenset(STAFF),
        parameters=(
            in_query("organ", "The organ whose people are asked for; the caller's own if none is named."),
            of_list("role", "Only who holds this role.", "Role"),
            *query.documented(limit=query.PAGING["limit"], cursor=query.PAGING["cursor"]),
        ),
        answer=page(answer(person=TEXT, name=TEXT, organ=TEXT, department=TEXT, roles=array(named("Role")))),
    )
    async def list_staff(self, ask: Asked[Complaint]) -> Response:
        """The people who serve in an organ today, by the references under which a command assigns or names
        them. One's own organ is open to its staff, and an organ below to those above it; of any other there
        is nothing."""
        organ = query.organ(ask.request) or ask.token.organ
        organs = self.parts.law.organs
        if organ not in organs or not organs.is_ancestor_or_self(ask.token.organ, organ):
            refuse("E_NOT_FOUND")
        role, after = query.choice(ask.request, "role", sorted(ALL)), AFTER.read(ask.request)
        limit, today = self.parts.reads.limit(ask), local_date(self.parts.clock.now())
        behind = after[0] if after else ""
        found = [
            member
            for member in self._members.get(organ, ())
            if member.person > behind and member.is_there(today) and (role is None or role in member.roles)
        ]
        items: list[dict[str, Any]] = [m.model_dump(exclude={"since", "until"}) for m in found[:limit]]
        more = AFTER.write(items[-1]["person"]) if len(found) > limit else None
        return json_response({"items": items, "next": more})


def load(path: str) -> dict[str, list[Member]]:
    """The people by organ, in the order of their references; nobody without a file. Raises ValueError for a
    file that has not the form, or names a person twice on one day."""
    if not path:
        return {}
    members = TypeAdapter(list[Member]).validate_json(Path(path).read_text("utf-8"))
    by_organ: dict[str, list[Member]] = {}
    last: dict[str, Member] = {}
    for member in sorted(members, key=lambda m: (m.person, m.since or date.min)):
        before = last.get(member.person)
        if before is not None and (before.until is None or (member.since or date.min) <= before.until):
            raise ValueError(f"staff: {member.person} stands in two places on one day")
        last[member.person] = member
        by_organ.setdefault(member.organ, []).append(member)
    return by_organ
