"""Names of streams, subjects and headers on the bus."""

from __future__ import annotations

POSITION = "Ev-Pos"
"""Header: the event's position in its producer's store."""
PREVIOUS = "Ev-Prev"
"""Header: the position before it. Positions may have gaps; only this tells what is missing."""
EVENT_ID = "Ev-Id"
"""Header: the event's id, by which the relay recognises its own history."""
EPOCH = "Ev-Epoch"
"""Header: the epoch of the log that a message or an answer is a copy of. A restore begins another."""
FOLLOWS = "Ev-Follows"
"""Header: the id of the event that a message follows; of a log server's answer, of the one at the position
that was asked about. Absent where there is none."""
MORE = "Ev-More"
"""Header of a log server's answer: the log goes on behind it."""
TRACEPARENT = "traceparent"
PROBLEM = "Ev-Problem"
"""Header of a log server's answer that is none."""


def stream_name(service: str) -> str:
    """The stream that holds a service's log."""
    return f"ZM_{service.upper()}"


def stream_subjects(service: str) -> str:
    """The subjects that a service publishes under."""
    return f"zm.{service}.>"


def log_subject(service: str) -> str:
    """The subject on which a service answers for its log. It is outside the stream's subjects, so requests
    are not stored."""
    return f"zm.log.{service}"


def inbox_prefix(service: str) -> str:
    """Replies to a service go below this, so that no other service may listen to them."""
    return f"_INBOX_{service}"
