"""Every line of the log that belongs to a request says so by the id of its trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from shared.casework.parts import Core, Service
from shared.casework.reaction import Desk
from shared.casework.service import handler
from shared.kernel.bus.envelope import Published
from shared.kernel.clock import SystemClock
from shared.kernel.trace import follow, tell_trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Arrived:
    """An event of another service, as far as a handler reads it."""

    trace_id: str = TRACE
    topic: str = "intake.Toy"
    name: str = "Toy"
    event_id: UUID = field(default_factory=uuid4)
    stream_id: UUID = field(default_factory=uuid4)
    correlation_id: UUID = field(default_factory=uuid4)
    matters: tuple[UUID, ...] = ()
    organ: str = "DI-99"
    occurred_at: datetime = datetime(2026, 11, 30, tzinfo=UTC)

    def as_event(self) -> object:
        return object()


class House:
    """The parts of a service that a handler needs."""

    repository = law = None
    clock = SystemClock()


def line() -> Any:
    """The trace that a line of the log would hold."""
    return tell_trace(None, "info", {"event": "something"}).get("trace_id")


async def test_what_another_services_event_leads_to_is_of_its_trace() -> None:
    """Lines of the reaction and of its failure have the trace, and so have its events. Later lines have
    none."""
    seen: list[Any] = []

    async def react(event: Any, desk: Desk) -> None:
        seen.append((line(), desk.context().trace_id))
        if len(seen) == 2:
            raise ValueError("I cannot bear it")

    service = Service(name="toy", title="toy", title_zh="追踪", commands=[], reactions={"intake.Toy": react})
    handle = handler(service, cast(Core, House()))
    await handle(cast(Published, Arrived()))
    assert line() is None
    with pytest.raises(ValueError, match="bear"):
        await handle(cast(Published, Arrived()))
    assert line() == TRACE, "the line that tells of the failure"
    await handle(cast(Published, Arrived(topic="intake.NobodyCares")))
    assert line() is None
    assert seen == [(TRACE, TRACE)] * 2


def test_a_line_of_no_request_has_no_trace() -> None:
    follow("")
    assert line() is None
