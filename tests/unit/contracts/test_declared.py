"""The grammar asks events for nothing that they do not declare: a field that it reads has a class."""

from __future__ import annotations

import pytest

from services.intake.vault.events import SealedEvent
from shared.language.contracts.common import NamesVaulted
from shared.language.event import Event, Numbered, OfOrgan, event_classes
from tests.unit.contracts.golden import SERVICES, load_contracts

DECLARED: dict[str, type[Event]] = {"organ": OfOrgan, "in_vault": NamesVaulted, "sealed": SealedEvent}
"""The fields by which a stream, a complaint or the vault goes on, and the classes that declare them."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_field_that_is_read_of_any_event_is_declared(service: str) -> None:
    """A field of that name in an event of another class would not be heeded, without a word."""
    load_contracts()
    for cls in event_classes(service):
        for name, declared in DECLARED.items():
            assert (name in cls.model_fields) == issubclass(cls, declared), f"{cls.__name__}.{name}"
        assert bool(cls.numbered) == issubclass(cls, Numbered), cls.__name__


def test_an_event_that_is_numbered_has_a_place_for_its_number() -> None:
    with pytest.raises(TypeError, match="Homeless is numbered"):

        class Homeless(Event):
            """An event with a prefix and nowhere to write the number."""

            numbered = "ZZ"
