"""Bundles: events with the proof that they stand in their service's log, as one JSON document.

    {
      "format": "zhengming-bundle/1",
      "checkpoint": {                    one for each service, at least one
        "intake": "..."                  C2SP tlog-checkpoint note whose origin ends in "/intake"
      },
      "entries": [                       at least one, each event once
        {
          "service": "intake",
          "position": "17",              decimal string, from "1"
          "stream": "...",
          "version": "3",                decimal string
          "topic": "...",
          "recorded_at": "2026-03-01T08:30:00.000000Z",   always UTC, always microseconds
          "state_sha256": "...",         lower-case hex, 32 bytes
          "content_digest": "...",       lower-case hex, 32 bytes; or, of an event recorded with SM3,
                                         "state_sm3" and "content_sm3" instead of these two
          "leaf_index": 16,              a number, always position - 1
          "inclusion": ["...", ...],     base64 hashes, RFC 9162 §2.1.3, at the checkpoint's size

          "published": {...},            the event in clear, and
          "salt": "..."                  lower-case hex, 16 bytes at least: both, or neither to withhold it
        }, ...
      ]
    }

There are no other members, no member twice, and of what stands outside `published` no second spelling: what
a reader sees in a bundle that verifies is what was proven. Within `published` what is proven is the value, in
its RFC 8785 form: the number 7 may also be written 7.0. A bundle proves that its events were recorded so and
then. That a stream has others between them shows by its versions, and the verifier names them; it does not
prove that a case has no other streams, nor that a stream has no later events.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from shared.kernel.evidence.encoding import from_base64, from_decimal, from_hex, to_base64
from shared.kernel.evidence.leaf import (
    MEMBERS,
    algorithm_of,
    content_digest,
    format_instant,
    leaf_data,
    parse_instant,
)
from shared.kernel.evidence.merkle import leaf_hash
from shared.kernel.suites import Digest

FORMAT = "zhengming-bundle/1"
_REQUIRED = {
    "service", "position", "stream", "version", "topic", "recorded_at",
    "leaf_index", "inclusion",
}  # fmt: skip
_DIGESTS = {name for names in MEMBERS.values() for name in names}
_SHOWN = {"published", "salt"}
_T = TypeVar("_T")


class MalformedBundle(ValueError):
    """A document that is no bundle: there is nothing in it to verify."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An event in clear, with the salt of its digest."""

    published: Mapping[str, Any]
    salt: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a bundle, shown or withheld."""

    service: str
    position: int
    stream: str
    version: int
    topic: str
    recorded_at: datetime
    state_digest: bytes
    content_digest: bytes
    leaf_index: int
    inclusion: Sequence[bytes]
    algorithm: Digest = Digest.SHA_256
    shown: Shown | None = None

    def leaf_hash(self) -> bytes:
        """The RFC 9162 §2.1.1 hash of the entry's leaf."""
        return leaf_hash(
            leaf_data(
                self.service,
                self.position,
                self.stream,
                self.version,
                self.topic,
                self.recorded_at,
                self.state_digest,
                self.content_digest,
                self.algorithm,
            )
        )

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in a bundle."""
        state, content = MEMBERS[self.algorithm]
        entry = {
            "service": self.service,
            "position": str(self.position),
            "stream": self.stream,
            "version": str(self.version),
            "topic": self.topic,
            "recorded_at": format_instant(self.recorded_at),
            state: self.state_digest.hex(),
            content: self.content_digest.hex(),
            "leaf_index": self.leaf_index,
            "inclusion": [to_base64(hash_) for hash_ in self.inclusion],
        }
        if self.shown is None:
            return entry
        return entry | {"published": self.shown.published, "salt": self.shown.salt.hex()}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Entries, and a signed checkpoint (C2SP tlog-checkpoint) for each service they come from."""

    checkpoints: Mapping[str, str]
    entries: Sequence[Entry]

    def to_json(self) -> dict[str, Any]:
        """The bundle as a JSON object."""
        return {
            "format": FORMAT,
            "checkpoint": dict(self.checkpoints),
            "entries": [entry.to_json() for entry in self.entries],
        }


# --- Reading ---


def parse_bundle(document: bytes | str) -> Bundle:
    """Read a bundle of the form above, and no other; MalformedBundle says what is wrong with it."""
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise MalformedBundle("not a bundle: nested too deeply") from error
    except ValueError as error:
        raise MalformedBundle(f"not JSON: {error}") from error
    _require(isinstance(value, dict), "a bundle is a JSON object")
    _require(value.get("format") == FORMAT, f"format is not {FORMAT!a}")
    _require(
        value.keys() == {"format", "checkpoint", "entries"}, "members are format, checkpoint and entries"
    )
    checkpoints = _typed(value, "checkpoint", dict)
    _require(bool(checkpoints), "checkpoint is empty")
    for service in checkpoints:
        _typed(checkpoints, service, str)
    entries = _typed(value, "entries", list)
    _require(bool(entries), "entries is empty")
    return Bundle(checkpoints, [_numbered_entry(number, entry) for number, entry in enumerate(entries)])


def _numbered_entry(number: int, value: Any) -> Entry:
    try:
        entry = _entry(value)
        entry.leaf_hash()  # every string of it has a canonical form
    except ValueError as error:
        raise MalformedBundle(f"entry {number}: {error}") from error
    return entry


def _entry(value: Any) -> Entry:
    _require(isinstance(value, dict), "not a JSON object")
    keys = set(value)
    _require(keys >= _REQUIRED, f"lacks {', '.join(sorted(_REQUIRED - keys))}")
    unknown = keys - _REQUIRED - _DIGESTS - _SHOWN
    _require(not unknown, f"has unknown members {sorted(unknown)!a}")
    _require(keys.isdisjoint(_SHOWN) or keys >= _SHOWN, "has one of published and salt without the other")
    try:
        algorithm = algorithm_of(keys)
    except ValueError as error:
        raise MalformedBundle(str(error)) from error
    state, content = MEMBERS[algorithm]
    entry = Entry(
        service=_typed(value, "service", str),
        position=_read(value, "position", from_decimal),
        stream=_typed(value, "stream", str),
        version=_read(value, "version", from_decimal),
        topic=_typed(value, "topic", str),
        recorded_at=_read(value, "recorded_at", parse_instant),
        state_digest=_read(value, state, from_hex),
        content_digest=_read(value, content, from_hex),
        leaf_index=_typed(value, "leaf_index", int),
        inclusion=[
            from_base64(_of_type(hash_, str, "inclusion")) for hash_ in _typed(value, "inclusion", list)
        ],
        algorithm=algorithm,
        shown=_shown(value) if keys >= _SHOWN else None,
    )
    _require(entry.position > 0, "position is not from 1")
    _require(0 <= entry.leaf_index < 1 << 63, "leaf_index is out of range")
    return entry


def _shown(value: dict[str, Any]) -> Shown:
    shown = Shown(_typed(value, "published", dict), _read(value, "salt", from_hex))
    content_digest(shown.published, shown.salt)  # it has a canonical form
    return shown


def _typed(owner: dict[str, Any], key: str, kind: type[_T]) -> _T:
    return _of_type(owner[key], kind, key)


def _read(owner: dict[str, Any], key: str, reader: Callable[[str], _T]) -> _T:
    text = _typed(owner, key, str)
    try:
        return reader(text)
    except ValueError as error:
        raise MalformedBundle(f"{key}: {error}") from error


def _of_type(value: Any, kind: type[_T], name: str) -> _T:
    if type(value) is not kind:  # not isinstance: true is no number
        raise MalformedBundle(f"{name!a} is not of the right type")
    return value


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise MalformedBundle(complaint)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has a member twice")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
