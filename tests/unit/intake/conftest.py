"""The function that every sentence about a complaint begins with."""

from __future__ import annotations

import pytest

from tests.unit.intake.examples import Given, complaint


@pytest.fixture
def given() -> Given:
    return complaint
