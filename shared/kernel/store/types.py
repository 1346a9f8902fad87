"""The words of the store that recorder, gate, inbox and relay share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import Tracking

from shared.kernel.effect import Effect as Effect
from shared.language.event import Recorded


class StoreError(Exception):
    """A fault in the store's way; nothing was written."""


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


class PersonIsExcluded(StoreError):
    """The person who acts has been excluded from a matter of the case (B2)."""


class StoreUnavailable(StoreError):
    """The database is away or overloaded; the append was certainly not acknowledged (503)."""


class ClockWrong(StoreUnavailable):
    """The clock of this instance is too far ahead to write by: its records could not be put right."""


class StoreTampered(StoreError):
    """A stored record does not open in its place: altered, moved or sealed under another key."""


@dataclass(frozen=True)
class Tracked(Tracking):
    """The place up to which a source is dealt with: an event of its log, and the epoch of that log."""

    event_id: UUID | None = None
    epoch: UUID | None = None

    @property
    def position(self) -> int:
        return self.notification_id


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class CommandRecord(NamedTuple):
    """The identity of a command: its id, the hash of its body, and its answer for when it comes again.

    The stored answer is {"id", "version", "position", "number"} and the extra of `answer`; nothing secret.
    """

    id: UUID
    request_hash: bytes
    stream: UUID
    answer: Mapping[str, Any] = _NOTHING


class Exclusion(NamedTuple):
    """A row of the register: somebody is excluded from a matter by what was decided in a stream, or no longer
    (B2)."""

    matter: UUID
    person: str
    stream: UUID
    role: str
    excluded: bool = True
    since: datetime | None = None
    """The instant at which that was decided, wherever it was."""


class Clearance(NamedTuple):
    """The condition of an append: the person who acts is excluded from none of these matters (B2)."""

    person: str
    matters: Sequence[UUID]


@dataclass(slots=True)
class Append:
    """One all-or-nothing unit: events of one or several streams, with the other rows that belong to them."""

    events: Sequence[Recorded] = ()
    command: CommandRecord | None = None
    tracking: Tracked | None = None
    parked: Sequence[dict[str, Any]] = ()
    unparked: Sequence[int] = ()
    effects: Sequence[Effect] = ()
    clearance: Clearance | None = None


class Appended(NamedTuple):
    """The result of an append. `repeated`: the command id was known, this is its first answer."""

    entries: tuple[LogEntry, ...]
    position: int
    recorded_at: datetime
    answer: dict[str, Any]
    repeated: bool = False


class LogEntry(NamedTuple):
    """A row of the log as it is stored, opened: no class built.

    `data` holds event, event_version, meta, salt, event_id, kind, organ and state. Everybody who reads the
    log is given the same entries, and leaves them as they are.
    """

    position: int
    stream: UUID
    version: int
    topic: str
    recorded_at: datetime
    data: dict[str, Any]
    previous: int
    state: bytes
    content_digest: bytes

    @property
    def event_id(self) -> str:
        return self.data["event_id"]  # type: ignore[no-any-return]


class RawEntry(NamedTuple):
    """A row of the log for projections: the stored JSON with its payload of the present version."""

    position: int
    stream: UUID
    version: int
    topic: str
    recorded_at: datetime
    data: dict[str, Any]
