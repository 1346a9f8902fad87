"""Spans: how long each step of a trace took, told to an OpenTelemetry collector if there is one (ADR 40).

A span says which step it was, by words that stand in the code (the template of a route, a command, a read, a
topic, a kind of message), and how it ended, by a code. It has no place for anything else: nobody's name, no
id of a case, no path, address, body or words of an error.

There is one only of what a member of an organ did, and of what followed from it. Nothing is told of a
reporter, of whoever calls without a token, of a platform that brings reports, nor of the vault: the instant
of a report is nobody's to know (SEC-6, B53). Without a collector a step costs the question whether there is
one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from functools import wraps
from time import time_ns
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar
from uuid import UUID

from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from shared.kernel.settings import VAULT
from shared.kernel.store.driver import away
from shared.kernel.store.types import LogEntry, StoreUnavailable
from shared.language import roles
from shared.language.refusal import Refusal

UNTOLD: Final = frozenset({"anyone", roles.REPORTER, roles.PLATFORM})
"""Roles of which nothing is told: reporters, and those who bring what reporters wrote."""
STEP, WHAT, ROUTE, OUTCOME = "zm.step", "zm.what", "http.route", "zm.outcome"
"""All attributes that a span may have."""
DONE, CANCELLED, UNAVAILABLE, DEFECT = "DONE", "CANCELLED", "E_UNAVAILABLE", "E_DEFECT"
TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}", re.ASCII)
MOST_LINKS = 64
Meta = Mapping[str, Any]
"""The circumstances of an event, as they are stored and published."""


class Start(NamedTuple):
    """The beginning of a span. `trace` and `id` are chosen where they are not 0 and there is no parent."""

    name: str
    attributes: dict[str, str]
    kind: SpanKind = SpanKind.INTERNAL
    parent: SpanContext | None = None
    links: Sequence[Link] = ()
    at: int | None = None
    """Nanoseconds since 1970; now, where it is None."""
    trace: int = 0
    id: int = 0


class Teller(Protocol):
    """The means by which spans are told (`shared.kernel.otlp`)."""

    def begin(self, start: Start) -> Span: ...


class _Told:
    """The teller of this process, if it has one."""

    by: Teller | None = None


_told = _Told()
_here: ContextVar[SpanContext | None] = ContextVar("span", default=None)
"""The span within which this task works."""


def tell_by(teller: Teller | None) -> None:
    """Has spans told from now on; None for no more."""
    _told.by = teller


def told() -> bool:
    """True where somebody is told of spans."""
    return _told.by is not None


class Untold:
    """A step of which nothing is told."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def ends(self, outcome: str) -> None:
        """Says how the step ended, by a code, where no exception says it."""

    def forget(self) -> None:
        """Tells nothing of the step after all."""


UNTOLD_STEP: Final = Untold()


class Step(Untold):
    """A step that is under way; an exception within it is told by its code alone."""

    def __init__(self, teller: Teller, start: Start) -> None:
        self._span = teller.begin(start)
        self._outcome = DONE
        self._forgotten = False
        self._outer: Token[SpanContext | None]

    def __enter__(self) -> Self:
        self._outer = _here.set(self._span.get_span_context())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _here.reset(self._outer)
        if not self._forgotten:
            _end(self._span, self._outcome if error is None else outcome_of(error))

    def ends(self, outcome: str) -> None:
        self._outcome = outcome

    def forget(self) -> None:
        self._forgotten = True


def outcome_of(error: BaseException) -> str:
    """The code under which a caller, or an operator, meets an error."""
    match error:
        case Refusal():
            return error.shown_code
        case asyncio.CancelledError():
            return CANCELLED
        case StoreUnavailable():
            return UNAVAILABLE
    return UNAVAILABLE if away(error) else DEFECT


def call(step: str, what: str, route: str, traceparent: bytes, service: str, held: frozenset[str]) -> Untold:
    """The step of a call, by somebody who holds these roles: the first of its trace in this service."""
    teller = _told.by
    if teller is None or service == VAULT or not held.isdisjoint(UNTOLD):
        return UNTOLD_STEP
    above = _remote(int(traceparent[3:35], 16), int(traceparent[36:52], 16))
    attributes = {STEP: step, WHAT: what, ROUTE: route}
    return Step(teller, Start(f"{step} {route}", attributes, SpanKind.SERVER, above))


def step(step: str, what: str, service: str = "") -> Untold:
    """A step within the one that is under way; of one of which nothing is told, nothing is told either."""
    teller, here = _told.by, _here.get()
    if teller is None or here is None or service == VAULT:
        return UNTOLD_STEP
    return Step(teller, Start(f"{step} {what}", {STEP: step, WHAT: what}, parent=here))


def handling(service: str, topic: str, event_id: UUID, meta: Meta) -> Untold:
    """The step of dealing with another service's event, behind the one that published it."""
    teller = _told.by
    if teller is None or VAULT in (service, topic.partition(".")[0]) or not (trace := trace_of(meta)):
        return UNTOLD_STEP
    above = _remote(trace, _id_of(event_id))
    return Step(teller, Start(f"handle {topic}", _words("handle", topic), SpanKind.CONSUMER, above))


def sending(kind: str, trace_id: str) -> Untold:
    """The step of sending a message to the outside, in the trace in which it was asked for."""
    teller = _told.by
    if teller is None or not TRACE.fullmatch(trace_id):
        return UNTOLD_STEP
    trace = int(trace_id, 16)
    return Step(teller, Start(f"send {kind}", _words("send", kind), SpanKind.CLIENT, trace=trace))


def daily(service: str, what: str) -> Untold:
    """The step of work that a new day begins, in a trace of its own."""
    teller = _told.by
    if teller is None or service == VAULT:
        return UNTOLD_STEP
    return Step(teller, Start(f"day {what}", _words("day", what)))


def batch(service: str, step: str, what: str, began: int, events: Iterable[tuple[UUID | str, Meta]]) -> None:
    """Tells of a batch of events, each with its id, that was dealt with since `began`: in a trace of its own,
    with links to where they were published. Nothing is told of a batch in which no event may be told of."""
    teller = _told.by
    if teller is None or VAULT in (service, what):
        return
    links = [Link(_remote(trace, _id_of(id))) for id, meta in events if (trace := trace_of(meta))]
    if links:
        links = links[:MOST_LINKS]
        _end(teller.begin(Start(f"{step} {what}", _words(step, what), links=links, at=began)), DONE)


class Relays(Protocol):
    """The part of a relay that publishes."""

    _service: str


R = TypeVar("R", bound=Relays)
Publish = Callable[[R, list[LogEntry]], Awaitable[None]]


def publishing(publish: Publish[R]) -> Publish[R]:
    """Has the publishing of events told, each in its trace, under the id that its message names."""

    @wraps(publish)
    async def told_publish(relay: R, entries: list[LogEntry]) -> None:
        began = time_ns()
        await publish(relay, entries)
        if (teller := _told.by) is not None and relay._service != VAULT:
            _published(teller, entries, began)

    return told_publish


def _published(teller: Teller, entries: Iterable[LogEntry], began: int) -> None:
    for entry in entries:
        if trace := trace_of(entry.data["meta"]):
            words, id = _words("publish", entry.topic), _id_of(entry.event_id)
            name = f"publish {entry.topic}"
            _end(teller.begin(Start(name, words, SpanKind.PRODUCER, at=began, trace=trace, id=id)), DONE)


def followed(trace_id: str, role: str) -> str:
    """The trace id of something that was done in a role, where what follows from it may be told; else
    empty."""
    return trace_id if role not in UNTOLD and TRACE.fullmatch(trace_id) else ""


def trace_of(meta: Meta) -> int:
    """The trace of an event; 0 where nothing of it may be told."""
    return int(followed(meta.get("trace_id", ""), meta.get("role", "anyone")) or "0", 16)


def _id_of(event_id: UUID | str) -> int:
    """The span that a message names as its publishing (`relay`)."""
    return int(str(event_id).replace("-", "")[:16], 16)


def _remote(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _words(step: str, what: str) -> dict[str, str]:
    return {STEP: step, WHAT: what}


def _end(span: Span, outcome: str) -> None:
    span.set_attribute(OUTCOME, outcome)
    if outcome in (UNAVAILABLE, DEFECT):
        span.set_status(StatusCode.ERROR)
    span.end()
