"""The fixture that every sentence here begins with."""

from __future__ import annotations

import pytest

from shared.event import Event
from tests.unit.verification.examples import fresh_case
from tests.unit.verification.gwt import Given, Story, replay


@pytest.fixture
def given() -> Given:
    def start(*events: Event) -> Story:
        return Story(replay(fresh_case(), *events))

    return start
