"""One plan of revisits, from its beginning."""

from __future__ import annotations

import pytest

from tests.unit.followup.examples import Revisiting


@pytest.fixture
def scene() -> Revisiting:
    return Revisiting()
