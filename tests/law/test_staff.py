"""The staff directory: who serves where, in which role (B8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import COUNTY, OTHER_TOWN, TOWN, World, refused, sub

HEAD = TOWN.petition_head


def listed(world: World, who: str, **asked: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        told = world.get(who, "/intake/v1/staff", **asked).json()
        items += told["items"]
        if told["next"] is None:
            return items
        asked["cursor"] = told["next"]


def test_b8_people_are_found_by_role_in_their_organ(world: World) -> None:
    """With the reference under which a command names them; a page is told like any other list."""
    everybody = listed(world, HEAD)
    assert {member["organ"] for member in everybody} == {TOWN.code}
    assert sub(TOWN.handler) in {member["person"] for member in everybody}
    handlers = listed(world, HEAD, role="handler")
    assert handlers == [member for member in everybody if "handler" in member["roles"]]
    assert set(handlers[0]) == {"person", "name", "organ", "department", "roles", "substitute_for"}
    assert listed(world, HEAD, limit=2) == everybody


def test_b8_54_an_organ_is_open_to_its_staff_and_to_those_above(world: World) -> None:
    below = listed(world, COUNTY.petition_head, organ=TOWN.code)
    assert below == listed(world, HEAD)
    for elsewhere in (COUNTY.code, OTHER_TOWN.code, "DI-1234"):
        refused(world.get(HEAD, "/intake/v1/staff", organ=elsewhere), "E_NOT_FOUND")


@pytest.mark.parametrize("who", ["subject-wu", COUNTY.auditor])
def test_b8_nobody_else_reads_it(world: World, who: str) -> None:
    """Outside the organs nobody is told who serves there, and who only looks on assigns nobody."""
    assert world.get(who, "/intake/v1/staff").status_code in (403, 404)


def test_b8_an_unknown_role_is_refused(world: World) -> None:
    refused(world.get(HEAD, "/intake/v1/staff", role="king"), "E_SCHEMA")
