"""The leaves of access records."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.audit.access import Access, leaf_of
from tests.audit.world import MORNING

ACCESS = Access(
    who="p-1",
    role="auditor",
    organ="DI-99",
    action="timeline",
    object="XF-1",
    about=UUID(int=1),
    as_of="",
    by="recorded",
)


def test_a_leaf_covers_everything_that_is_said() -> None:
    """A changed word, place or time is another leaf."""
    others = [
        leaf_of(1, MORNING, ACCESS),
        leaf_of(2, MORNING, ACCESS),
        leaf_of(1, MORNING.replace(year=2023), ACCESS),
        *(
            leaf_of(1, MORNING, replace(ACCESS, **{name: "x"}))  # type: ignore[arg-type] # each is a text
            for name in ("who", "role", "organ", "action", "object", "as_of", "by", "outcome")
        ),
        leaf_of(1, MORNING, replace(ACCESS, about=None)),
    ]
    assert len(set(others)) == len(others)
