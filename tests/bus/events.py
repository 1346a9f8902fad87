"""Events of services that exist only in these tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from shared.language.event import L0, L1, L2, DeadlineSet, Event, Meta, Recorded

CANARY = "Zhang-Canary-张三"
BORN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


class AlphaEvent(Event):
    service = "alpha"


class BetaEvent(Event):
    service = "beta"


class Happened(AlphaEvent):
    """Something with a name in it."""

    to = "HAPPENED"

    n: L1[int]
    label: L0[str] = "public"
    name: L2[str] = CANARY


class Noted(BetaEvent):
    """The effect."""

    n: L1[int]


def recorded(event: Event, *, stream: UUID | None = None, version: int = 1, **meta: Any) -> Recorded:
    """An event in some place."""
    stream = stream or uuid4()
    circumstances: dict[str, Any] = {
        "occurred_at": BORN,
        "actor": "clerk-1",
        "role": "CLERK",
        "organ": "990100",
        "command": "Happen",
        "policy": "2026-1",
        "correlation_id": stream,
    }
    return Recorded(
        originator_id=stream,
        originator_version=version,
        kind="Thing",
        stream_organ="990100",
        event=event,
        meta=Meta(**{**circumstances, **meta}),
        state=event.leads_to() or "",
    )


def happened(n: int, *, correlation: UUID | None = None, **meta: Any) -> Recorded:
    """The n-th thing that happened, each in a stream of its own."""
    if correlation is not None:
        meta["correlation_id"] = correlation
    return recorded(Happened(n=n), **meta)


FULL_META: dict[str, Any] = {
    "rule": "R3",
    "duty": "ACCEPTED",
    "command_id": UUID(int=7),
    "causation_id": UUID(int=8),
    "links": ("a", "b"),
    "legal_basis": ({"instrument": "X", "article": "12"},),
    "deadlines": (DeadlineSet("DL-01", "2026-04-01", "2026-03-27", True),),
    "deadlines_met": ("DL-00",),
    "assigns": True,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}
