"""The chain of access records."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.audit.access import GENESIS, Access, chained
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


def test_a_hash_covers_everything_that_is_said() -> None:
    """A changed word, place, time or predecessor is another hash."""
    others = [
        chained(GENESIS, 1, MORNING, ACCESS),
        chained(b"\x01" * 32, 1, MORNING, ACCESS),
        chained(GENESIS, 2, MORNING, ACCESS),
        chained(GENESIS, 1, MORNING.replace(year=2023), ACCESS),
        *(
            chained(GENESIS, 1, MORNING, replace(ACCESS, **{name: "x"}))  # type: ignore[arg-type] # each is a text
            for name in ("who", "role", "organ", "action", "object", "as_of", "by", "outcome")
        ),
        chained(GENESIS, 1, MORNING, replace(ACCESS, about=None)),
    ]
    assert len(set(others)) == len(others)
