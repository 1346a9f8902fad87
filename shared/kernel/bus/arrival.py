"""A message with its place in the producer's log, whether the broker or the producer brought it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from nats.aio.msg import Msg

from shared.kernel.bus.envelope import Malformed
from shared.kernel.bus.names import EPOCH, EVENT_ID, FOLLOWS, POSITION, PREVIOUS


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message with its place: where it belongs, which event it must follow, and of which epoch of the log
    it is a copy.

    The ids of a message that was set aside may be unknown; a line of the log follows the one before it.
    """

    position: int
    previous: int
    event_id: UUID | None
    epoch: UUID | None
    data: bytes
    follows: UUID | None = None


def arrival_of(message: Msg) -> Arrival:
    """A message of the stream. Its headers are believed only as far as its sealed content agrees."""
    try:
        headers = message.headers or {}
        ids = UUID(headers[EVENT_ID]), UUID(headers[EPOCH])
        follows = UUID(headers[FOLLOWS]) if FOLLOWS in headers else None
        return Arrival(int(headers[POSITION]), int(headers[PREVIOUS]), *ids, message.data, follows)
    except (KeyError, ValueError):
        raise Malformed("a message without a place") from None


def arrivals_from_log(lines: Sequence[bytes]) -> list[Arrival]:
    """Messages that the producer itself sent, in its order."""
    return [_from_log(line) for line in lines]


def _from_log(line: bytes) -> Arrival:
    try:
        envelope = orjson.loads(line)
        body = envelope["data"]
        place, ids = body["evidence"], (UUID(envelope["id"]), UUID(body["epoch"]))
        return Arrival(int(place["position"]), int(place["previous"]), *ids, line)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("a line without a place") from None
