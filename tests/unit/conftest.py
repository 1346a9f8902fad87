"""Fixtures for unit tests of more than one room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.language.law import working_days
from tests.unit.kit import every_refusal_asked_for


@pytest.fixture
def unpublished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder in which a year's calendar may be put down; afterwards nobody knows of it."""
    for name in ("_years", "_holidays", "_adjusted_workdays", "_said"):
        monkeypatch.setattr(working_days, name, set(getattr(working_days, name)))
    yield tmp_path / "calendar.json"
    monkeypatch.undo()
    working_days._walk.cache_clear()
    working_days._between.cache_clear()


@pytest.fixture(autouse=True)
def _every_refusal_asked_for() -> Iterator[None]:
    with every_refusal_asked_for():
        yield
