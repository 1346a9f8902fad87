"""Events are additive for ever (R54): what was stored under an old schema loads under the new one."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from shared.language import event
from shared.language.contracts.common import Read
from shared.language.event import Event
from tests.unit.contracts.golden import (
    SCHEMAS,
    SERVICES,
    as_text,
    breaks,
    describe,
    describe_service,
    frozen,
    path_of,
)

L1: Any = event.L1
L2: Any = event.L2
"""Used as values here, which a type checker does not expect of them."""


def _need_frozen() -> None:
    if not any(SCHEMAS.glob("*.json")):
        pytest.skip("nothing is frozen yet: python -m tests.unit.contracts.update")


@pytest.mark.parametrize("service", SERVICES)
def test_r54_nothing_stored_is_broken(service: str) -> None:
    """R54: every frozen event still loads, with the same classes of data."""
    _need_frozen()
    assert breaks(frozen(service), describe_service(service)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_r54_what_was_added_is_frozen_too(service: str) -> None:
    """R54: an addition is protected from its first day: run `python -m tests.unit.contracts.update`."""
    _need_frozen()
    content = describe_service(service)
    on_disk = path_of(service).read_text("utf-8") if path_of(service).exists() else as_text({})
    assert on_disk == as_text(content), "python -m tests.unit.contracts.update"


class Person(Read):
    """A nested value."""

    ref: str
    name: str = ""


def form(**fields: Any) -> dict[str, Any]:
    """The frozen form of an event with these fields: `(type, default)`, no default where it is required."""
    namespace: dict[str, Any] = {"__module__": __name__, "__annotations__": {}}
    for name, given in {**FIELDS, **fields}.items():
        if name in ("to", "version", "numbered", "upcast_v1_v2"):
            namespace[name] = given
        elif given is not None:
            namespace["__annotations__"][name] = given[0]
            if len(given) > 1:
                namespace[name] = given[1]
    return {"Noted": describe(type("Noted", (Event,), namespace))}


FIELDS: dict[str, Any] = {
    "ref": (L1[str],),
    "way": (L1[Literal["A", "B"]],),
    "person": (L2[Person],),
    "people": (L2[tuple[Person, ...]], ()),
    "note": (L2[str], ""),
    "to": "NOTED",
}


class WithoutName(Read):
    """The nested value has lost a field."""

    ref: str


class WithMore(Read):
    """The nested value has won an optional field."""

    ref: str
    name: str = ""
    more: str = ""


class WithOwed(Read):
    """The nested value has won a field that old bytes lack."""

    ref: str
    name: str = ""
    owed: str


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ref": None}, "Noted.ref: removed"),
        ({"ref": None, "reference": (L1[str], "")}, "Noted.ref: removed"),
        ({"ref": (L1[int],)}, "Noted.ref: type changed from string to integer"),
        ({"note": (L1[str], "")}, "Noted.note: class changed from L2 to L1"),
        ({"ref": (L2[str],)}, "Noted.ref: class changed from L1 to L2"),
        ({"note": (L2[str],)}, "Noted.note: no longer optional"),
        ({"note": (L2[str], "none")}, "Noted.note: what stands for a missing value changed"),
        ({"added": (L1[str],)}, "Noted.added: added, but not optional"),
        ({"way": (L1[Literal["A"]],)}, "Noted.way: the closed list lost ['B']"),
        ({"ref": (L1[Literal["A"]],)}, "Noted.ref: the closed list lost its openness"),
        ({"person": (L2[WithoutName],)}, "Noted.person.name: removed"),
        ({"people": (L2[tuple[WithoutName, ...]], ())}, "Noted.people[].name: removed"),
        ({"person": (L2[WithOwed],)}, "Noted.person.owed: added, but not optional"),
        ({"to": "ELSEWHERE"}, "Noted: to changed from 'NOTED' to 'ELSEWHERE'"),
        ({"version": 2}, "Noted: version 2 has no upcast_v1_v2"),
    ],
)
def test_r54_breaking_change_is_found(changes: dict[str, Any], said: str) -> None:
    """R54: removed, renamed, retyped, narrowed, or of another class."""
    assert breaks(form(), form(**changes)) == [said]


def test_r54_removed_event_is_found() -> None:
    """R54: a topic is never given up."""
    assert breaks(form(), {}) == ["Noted: removed"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"added": (L1[str], "")},
        {"added": (L2[Person | None], None)},
        {"person": (L2[WithMore],)},
        {"people": (L2[tuple[WithMore, ...]], ())},
        {"ref": (L1[str], "")},
        {"ref": (L1[str | None],)},
        {"way": (L1[Literal["A", "B", "C"]],)},
        {"version": 2, "ref": None, "upcast_v1_v2": staticmethod(lambda data: data)},
    ],
)
def test_r54_addition_passes(changes: dict[str, Any]) -> None:
    """R54: an optional field, a wider type, or a new version that lifts the old bytes."""
    assert breaks(form(), form(**changes)) == []
