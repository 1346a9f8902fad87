"""The things that the drive is told, and its way of asking: people, words, the answer that it expects."""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
told: dict[str, Any] = json.load(sys.stdin)
people, words, document = told["people"], told["words"], told["document"]
now = datetime.fromisoformat(told["now"])
today = now.date()
cited = json.dumps(told["cited"])
"""`Legal-Basis`: every decision names what it rests on (R2)."""


class Versioned(Protocol):
    """A case as somebody reads it."""

    @property
    def version(self) -> int: ...


def at(service: str, role: str) -> dict[str, Any]:
    """The address of a service and somebody's token, for a client."""
    place, token = f"{told['front']}/{service}", told["tokens"][role]
    return {"base_url": place, "token": token, "timeout": told["patience"]}


def expect(kind: type[T], answer: object) -> T:
    """The answer, which is of this kind."""
    assert isinstance(answer, kind), answer
    return answer


def version(case: Versioned) -> str:
    """`If-Match`: a decision is based on the case as it was read."""
    return f'"{case.version}"'


def patiently(look: Callable[[], T | None]) -> T:
    """Looks again until there is something to see: services follow one another in their own time."""
    until = time.monotonic() + told["patience"]
    while (found := look()) is None:
        assert time.monotonic() < until, f"waited in vain: {look.__qualname__}"
        time.sleep(0.1)
    return found
