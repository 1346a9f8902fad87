"""The stage, empty or set up to a state."""

from __future__ import annotations

import pytest

from tests.unit.clarification.stage import PARTY_ORG, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def org_stage() -> Stage:
    """The subject is a party organisation (R11)."""
    return Stage(PARTY_ORG)
