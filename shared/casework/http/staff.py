"""`GET /v1/staff`: the people of an organ by role, as the staff directory names them (B8, §6.3).

Every service tells it from its own copy. Those who assign people, or name them in a command, choose here. It
holds staff and nobody else: no reporter, subject or contact of a unit.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from shared.casework.http import query
from shared.casework.http.describe import answer, array, in_query, of_list, page
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.reads import Reads
from shared.casework.http.values import json_response
from shared.casework.staff import Staff
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse
from shared.language.roles import ALL, DIRECTORY, STAFF

AFTER = query.Cursor[tuple[str]](tuple[query.Key])
TEXT = {"type": "string"}
DAY = {**TEXT, "format": "date"}


class StaffRoutes:
    """The one read of the staff directory."""

    def __init__(self, reads: Reads, staff: Staff) -> None:
        self.reads = reads
        self.staff = staff

    @read(
        "ListStaff",
        "/v1/staff",
        rule="B8",
        by=frozenset({*STAFF, DIRECTORY}),
        parameters=(
            in_query("organ", "The organ whose people are asked for; the caller's own if none is named."),
            of_list("role", "Only who holds this role, or stands in for who does.", "Role"),
            *query.documented(limit=query.PAGING["limit"], cursor=query.PAGING["cursor"]),
        ),
        answer=page(
            answer(
                person=TEXT,
                name=TEXT,
                organ=TEXT,
                department=TEXT,
                roles=array(named("Role")),
                substitute_for=array(answer(role=named("Role"), since=DAY, until=DAY)),
            )
        ),
    )
    async def list_staff(self, ask: Asked[Any]) -> Response:
        """The people who serve in an organ today, by the references under which a command assigns or names
        them, and the roles in which they stand in for others. One's own organ is open to its staff, and an
        organ below to those above it; of any other there is nothing."""
        organ = query.organ(ask.request) or ask.token.organ
        organs = self.reads.command_gate.law.organs
        if organ not in organs or not organs.is_ancestor_or_self(ask.token.organ, organ):
            refuse("E_NOT_FOUND")
        role, after = query.choice(ask.request, "role", sorted(ALL)), AFTER.read(ask.request)
        limit, today = self.reads.limit(ask), local_date(self.reads.clock.now())
        await self.staff.reach()
        behind = after[0] if after else ""
        standing_in = self.staff.substitutions(organ, today)
        items: list[dict[str, Any]] = []
        for member in self.staff.of(organ, today):
            roles = {s.role: (s.since, s.until) for s in standing_in if s.person == member.person}
            if member.person > behind and (role is None or role in {*member.roles, *roles}):
                told = member.model_dump(exclude={"since", "until"})
                days = [{"role": r, "since": since, "until": until} for r, (since, until) in roles.items()]
                items.append(told | {"substitute_for": days})
        more = AFTER.write(items[limit - 1]["person"]) if len(items) > limit else None
        return json_response({"items": items[:limit], "next": more})
