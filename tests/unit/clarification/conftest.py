"""The scene, empty or set up to a state."""

from __future__ import annotations

import pytest

from tests.unit.clarification.examples import PARTY_ORG, Clarifying


@pytest.fixture
def scene() -> Clarifying:
    return Clarifying()


@pytest.fixture
def org_scene() -> Clarifying:
    """The subject is a party organisation (R11)."""
    return Clarifying(PARTY_ORG)
