"""The staff directory by its own words: who may import whom (B8)."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.commands.staffing import ImportStaff, StaffDirectory
from shared.casework.aggregate import Actor
from shared.language.contracts.common import StaffLeft
from shared.language.roles import DIRECTORY
from tests.unit.kit import Scene

COUNTY, TOWN, PROVINCE = "DI-990102", "DI-990102100", "DI-99"
HEAD = {"person": "p-head", "name": "虚首", "organ": PROVINCE, "roles": ["organ_head"]}
OF_PROVINCE, OF_COUNTY = (Actor(f"s-{organ}", DIRECTORY, organ) for organ in (PROVINCE, COUNTY))


def told(*members: dict[str, Any], organ: str = COUNTY) -> ImportStaff:
    return ImportStaff.model_validate({"organs": [organ], "members": members})


@pytest.fixture
def scene() -> Scene[Any]:
    """The province has imported its head."""
    return Scene(StaffDirectory).when(told(HEAD, organ=PROVINCE), by=OF_PROVINCE)


def test_b8_nobody_takes_people_out_of_an_organ_that_is_not_theirs(scene: Scene[Any]) -> None:
    """The head of the province does not become a handler of the county by the county's word."""
    scene.when(told({**HEAD, "organ": COUNTY}), by=OF_COUNTY).refused("E_SCHEMA", "B8")
    assert scene.when(told({**HEAD, "organ": COUNTY}), by=OF_PROVINCE).events


def test_b8_an_organ_that_is_not_the_senders_is_not_imported(scene: Scene[Any]) -> None:
    scene.when(told({**HEAD, "person": "p-other"}, organ=PROVINCE), by=OF_COUNTY).refused("E_SCHEMA", "B8")


def test_b8_who_is_not_told_any_more_has_left(scene: Scene[Any]) -> None:
    """Also the last one of an organ."""
    [left] = scene.when(told(organ=PROVINCE), by=OF_PROVINCE).events
    assert isinstance(left, StaffLeft)
    assert left.people == ("p-head",)
    assert scene.aggregate.gone == {"p-head"}
