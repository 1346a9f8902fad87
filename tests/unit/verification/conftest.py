"""The function that every sentence here begins with."""

from __future__ import annotations

import pytest

from services.verification.domain.case import VerificationCase
from shared.language.event import Event
from tests.unit.kit import Scene
from tests.unit.verification.examples import NOW, Given, fresh_case


@pytest.fixture
def given() -> Given:
    def start(*events: Event) -> Scene[VerificationCase]:
        return Scene(fresh_case).at(NOW).given(*events)

    return start
