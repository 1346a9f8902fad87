"""What goes into the store and what comes out: the words that recorder, gate, inbox and relay share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import Tracking

from shared.effect import Effect as Effect
from shared.event import Recorded
from shared.suites import Digest


class StoreError(Exception):
    """Something in the store's way; nothing was written."""


class VersionConflict(StoreError):
    """Another append took this version of a stream first."""

    def __init__(self, stream: UUID, version: int) -> None:
        super().__init__(f"{stream} already has version {version}")
        self.stream = stream
        self.version = version


class EventTooLarge(StoreError):
    """An event that the broker would not take: stored, it would hold up everything behind it."""


class VersionGap(VersionConflict):
    """The stream ends before the version that the append builds on: its reader knew more than the store."""

    def __init__(self, stream: UUID, version: int, last: int) -> None:
        super().__init__(stream, version)
        self.args = (f"{stream} ends at version {max(last, 0)}, {version} cannot follow",)


class AlreadyTracked(StoreError):
    """The position of the source was processed before: the effect is there already."""


class CommandMismatch(StoreError):
    """The command id is known with another body (E_IDEMPOTENCY_MISMATCH)."""


class StoreUnavailable(StoreError):
    """The database is away or overloaded; the append was certainly not acknowledged (503)."""


class StoreTampered(StoreError):
    """A stored record does not open in its place: altered, moved or sealed under another key."""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """The identity of a command: its id, the hash of its body, and what to answer when it comes again.

    The stored answer is {"id", "version", "position", "number"} and the extra of `answer`; nothing secret.
    """

    id: UUID
    request_hash: bytes
    stream: UUID
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Append:
    """One all-or-nothing unit: events of one or several streams, with what must happen beside them."""

    events: Sequence[Recorded] = ()
    command: CommandRecord | None = None
    tracking: Tracking | None = None
    parked: Sequence[dict[str, Any]] = ()
    unparked: Sequence[int] = ()
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append. `repeated`: the command id was known, this is its first answer."""

    events: tuple[Recorded, ...]
    position: int
    recorded_at: datetime
    answer: dict[str, Any]
    repeated: bool = False


class RawEntry(NamedTuple):
    """A row of the log for projections: the stored JSON as it stands, no class built.

    `data` holds event, event_version, meta, salt, event_id, kind, organ and state; upcast already.
    """

    position: int
    stream: UUID
    version: int
    topic: str
    recorded_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of the log with what evidence needs: hashes of the stored state and of the published content."""

    recorded: Recorded
    topic: str
    previous: int
    state_digest: bytes
    content_digest: bytes
    algorithm: Digest = Digest.SHA_256
    """What both digests were made with."""
    published: dict[str, Any] | None = None
    """The content that the digest was made of, where it is still at hand."""
