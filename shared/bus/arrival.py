"""A message with its place in the producer's log, whether the broker or the producer brought it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from nats.aio.msg import Msg

from shared.bus.envelope import Malformed
from shared.bus.names import POSITION, PREVIOUS


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came, where it belongs, and what it must follow."""

    position: int
    previous: int
    data: bytes


def arrival_of(message: Msg) -> Arrival:
    """A message of the stream. Its headers are believed only as far as its sealed content agrees."""
    try:
        headers = message.headers or {}
        return Arrival(int(headers[POSITION]), int(headers[PREVIOUS]), message.data)
    except (KeyError, ValueError):
        raise Malformed("a message without a place") from None


def arrivals_from_log(lines: Sequence[bytes]) -> list[Arrival]:
    """Messages that the producer itself sent, in its order."""
    return [_from_log(line) for line in lines]


def _from_log(line: bytes) -> Arrival:
    try:
        evidence = orjson.loads(line)["data"]["evidence"]
        return Arrival(int(evidence["position"]), int(evidence["previous"]), line)
    except (ValueError, KeyError, TypeError):
        raise Malformed("a line without a place") from None
