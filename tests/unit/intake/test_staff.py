"""The file of the staff directory (B8)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake.clerks.staff import load

FENG = {"person": "p-feng", "name": "冯虚七", "organ": "DI-990102", "roles": ["handler"]}


def written(folder: Path, *members: dict[str, Any]) -> str:
    file = folder / "staff.json"
    file.write_text(json.dumps(members, ensure_ascii=False), "utf-8")
    return str(file)


def test_b8_somebody_who_moved_stands_in_each_place_for_its_days(tmp_path: Path) -> None:
    before = {**FENG, "until": "2026-03-01"}
    after = {**FENG, "organ": "DI-9901", "since": "2026-03-02"}
    by_organ = load(written(tmp_path, after, before))
    for day, organ in ((date(2026, 3, 1), "DI-990102"), (date(2026, 3, 2), "DI-9901")):
        there = [o for o, members in by_organ.items() if any(m.is_there(day) for m in members)]
        assert there == [organ]


@pytest.mark.parametrize(
    "second", [{}, {"since": "2026-03-01"}, {"organ": "DI-9901"}], ids=["twice", "on one day", "elsewhere"]
)
def test_b8_nobody_stands_in_two_places_on_one_day(tmp_path: Path, second: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="p-feng stands in two places"):
        load(written(tmp_path, {**FENG, "until": "2026-03-01"}, {**FENG, **second}))


@pytest.mark.parametrize(
    "fault",
    [{"roles": ["subject_mobile"]}, {"roles": []}, {"organ": "elsewhere"}, {"person": " "}, {"born": "1"}],
)
def test_b8_a_file_without_the_form_is_refused(tmp_path: Path, fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        load(written(tmp_path, {**FENG, **fault}))


def test_b8_without_a_file_nobody_stands_there() -> None:
    assert load("") == {}
