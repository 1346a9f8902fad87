"""Intake reacts to conclusions of verification, where the two know different things for a while (B24)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.intake.domain.complaint.phase import ANOTHER, ORIGINAL
from services.intake.reactions import complaints_of
from tests.unit.intake import examples as x


class Shelf:
    """The complaints that intake has."""

    def __init__(self, *complaints: Any) -> None:
        self.has = {complaint.id: complaint for complaint in complaints}

    async def get(self, cls: type[Any], id: UUID) -> Any:
        return self.has.get(id)


@pytest.mark.parametrize("names", [("first",), ("first", "second"), ("second", "first")])
async def test_b24_what_ends_a_case_reaches_whoever_was_joined_meanwhile(names: tuple[str, ...]) -> None:
    """The case ended before it knew of the second complaint: that one has the same end, and once."""
    first = x.complaint(*x.HISTORIES["WITH_HANDLER"], id=x.OTHER)
    joining = x.complaint(*x.HISTORIES["REGISTERED"]).knowing(ORIGINAL, first.aggregate)
    second = joining.knowing(ANOTHER, True).when(x.JOIN).aggregate
    first.when_told(lambda c, ctx: c.note_joined(ctx, second))
    ids = {"first": str(first.aggregate.id), "second": str(second.id)}
    shelf: Any = Shelf(first.aggregate, second)
    found = await complaints_of([ids[name] for name in names], shelf)
    assert sorted(str(c.id) for c in found) == sorted(ids.values())
