"""Names the request to which a line of the log belongs, by the id of its trace (W3C Trace Context): from the
call, through the event that followed, to the next service's reaction to it.

It is an id and nothing else: it names no person, and no line holds a body.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

_followed: ContextVar[str] = ContextVar("trace", default="")


def follow(trace_id: str) -> None:
    """Makes this task work for a trace from now on; "" for none."""
    _followed.set(trace_id)


def tell_trace(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds the trace to a line of the log, where there is one (a processor of structlog)."""
    if (trace_id := _followed.get()) != "":
        line["trace_id"] = trace_id
    return line
