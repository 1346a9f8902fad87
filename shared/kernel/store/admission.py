"""The decision of group commit: admits appends of a batch, and says which rows are then to be written.

Pure: it is given the facts that were read under the writer's lock and decides append by append, each by
itself, so that one conflict never fails its neighbours. An admitted append changes the facts for those behind
it. Positions, human numbers and versions therefore come without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from shared.kernel.store.types import (
    AlreadyTracked,
    Appended,
    Clearance,
    CommandMismatch,
    CommandRecord,
    Effect,
    Exclusion,
    LogEntry,
    PersonIsExcluded,
    Tracked,
    VersionConflict,
    VersionGap,
)


class EventRow(NamedTuple):
    """An event as the table holds it, but for its position and the time of its recording."""

    stream: UUID
    version: int
    topic: str
    state: bytes
    digest: bytes
    correlation_id: UUID
    event_id: UUID


class Rendered(NamedTuple):
    """An event ready to be written: its row, and its sealed content in clear where that is at hand."""

    row: EventRow
    number: str = ""
    data: dict[str, Any] | None = None


class Unit(Protocol):
    """An append as the committer sees it. `places` and `series` are in the order of the events."""

    @property
    def places(self) -> Sequence[tuple[UUID, int]]: ...
    @property
    def series(self) -> Sequence[str]: ...
    @property
    def command(self) -> CommandRecord | None: ...
    @property
    def tracking(self) -> Tracked | None: ...
    @property
    def parked(self) -> Sequence[dict[str, Any]]: ...
    @property
    def unparked(self) -> Sequence[int]: ...
    @property
    def effects(self) -> Sequence[Effect]: ...
    @property
    def exclusions(self) -> Sequence[Exclusion]: ...
    @property
    def clearance(self) -> Clearance | None: ...

    def render(self, index: int, number: str) -> Rendered:
        """The row of one event, holding the human number that it was given ("" where its series is)."""
        ...


class KnownCommand(NamedTuple):
    """A command that was carried out before, with its first answer."""

    request_hash: bytes
    answer: dict[str, Any]
    position: int
    recorded_at: datetime


@dataclass(slots=True)
class StoreFacts:
    """The facts that the batch depends on, read under the lock; kept up to date while the batch is decided.

    `versions` holds the last version of every stream asked for, -1 where there is none.
    """

    position: int
    recorded_at: datetime | None
    versions: dict[UUID, int]
    commands: dict[UUID, KnownCommand] = field(default_factory=dict)
    tracked: dict[str, int | None] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    parked: set[int] = field(default_factory=set)
    excluded: set[tuple[UUID, str]] = field(default_factory=set)
    """Matters and persons asked for, where the person is excluded from the matter."""


@dataclass(slots=True)
class Writes:
    """The rows that the admitted appends of a batch write, table by table."""

    first_position: int
    recorded_at: datetime
    events: list[EventRow] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    """The same events as they will be read, where their sealed content is at hand."""
    commands: list[tuple[CommandRecord, KnownCommand]] = field(default_factory=list)
    tracked: dict[str, Tracked] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    parked: list[dict[str, Any]] = field(default_factory=list)
    unparked: list[int] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    exclusions: dict[tuple[UUID, str, UUID], Exclusion] = field(default_factory=dict)
    clearances: list[tuple[UUID, str]] = field(default_factory=list)
    """Matters and the persons who act in them: of those taken for granted, none may be excluded."""

    def __bool__(self) -> bool:
        return bool(
            self.events
            or self.commands
            or self.tracked
            or self.parked
            or self.unparked
            or self.effects
            or self.exclusions
        )


Outcome = Appended | Exception


def decide(units: Sequence[Unit], facts: StoreFacts, now: datetime) -> tuple[list[Outcome], Writes]:
    """Admits or refuses each unit; says what to write for those admitted."""
    recorded_at = now if facts.recorded_at is None or facts.recorded_at < now else facts.recorded_at
    writes = Writes(first_position=facts.position + 1, recorded_at=recorded_at)
    outcomes: list[Outcome] = []
    for unit in units:
        try:
            outcomes.append(_repeated(unit, facts) or _admit(unit, facts, writes))
        except Exception as refused:
            outcomes.append(refused)
    return outcomes, writes


def _repeated(unit: Unit, facts: StoreFacts) -> Appended | None:
    """The first answer of a command that is known already."""
    command = unit.command
    if command is None:
        return None
    known = facts.commands.get(command.id)
    if known is None:
        return None
    if known.request_hash != command.request_hash:
        raise CommandMismatch(f"command {command.id} was given with another body")
    return Appended((), known.position, known.recorded_at, known.answer, repeated=True)


def _admit(unit: Unit, facts: StoreFacts, writes: Writes) -> Appended:
    """Changes facts and writes only after the last thing that can refuse."""
    _check_source(unit, facts)
    cleared = _check_clearance(unit, facts)
    versions = _check_places(unit, facts)
    rendered, counters = _render(unit, facts)

    recorded_at = writes.recorded_at
    entries = [
        _placed(item.row, item.data, position, recorded_at)
        for position, item in enumerate(rendered, facts.position + 1)
        if item.data is not None
    ]
    writes.events.extend(item.row for item in rendered)
    writes.entries.extend(entries)
    facts.position += len(rendered)
    facts.versions.update(versions)
    facts.counters.update(counters)
    writes.counters.update(counters)
    if unit.tracking is not None:
        source = unit.tracking.application_name
        facts.tracked[source] = unit.tracking.position
        writes.tracked[source] = unit.tracking
    writes.parked.extend(unit.parked)
    writes.unparked.extend(unit.unparked)
    facts.parked.difference_update(unit.unparked)
    for effect in unit.effects:
        writes.effects.setdefault(effect.key, effect)
    writes.clearances.extend(cleared)
    for change in unit.exclusions:
        writes.exclusions[change.matter, change.person, change.stream] = change
        if change.excluded:
            facts.excluded.add((change.matter, change.person))

    answer: dict[str, Any] = {}
    command = unit.command
    if command is not None:
        answer = _answer(command, rendered, facts)
        known = KnownCommand(command.request_hash, answer, facts.position, recorded_at)
        facts.commands[command.id] = known
        writes.commands.append((command, known))
    return Appended(tuple(entries), facts.position, recorded_at, answer)


def _placed(row: EventRow, data: dict[str, Any], position: int, recorded_at: datetime) -> LogEntry:
    """The event in its place, as it is read once it is durable."""
    return LogEntry(
        position, row.stream, row.version, row.topic, recorded_at, data, position - 1, row.state, row.digest
    )


def _check_source(unit: Unit, facts: StoreFacts) -> None:
    tracking = unit.tracking
    if tracking is not None:
        tracked = facts.tracked[tracking.application_name]
        if tracked is not None and tracking.position <= tracked:
            raise AlreadyTracked(f"{tracking.application_name} {tracking.position} was processed before")
    if not facts.parked.issuperset(unit.unparked):
        # Another worker drained it: its effect is there already.
        raise AlreadyTracked("a parked message was taken up by another worker")


def _check_clearance(unit: Unit, facts: StoreFacts) -> list[tuple[UUID, str]]:
    if (clearance := unit.clearance) is None:
        return []
    asked = [(matter, clearance.person) for matter in clearance.matters]
    if not facts.excluded.isdisjoint(asked):
        raise PersonIsExcluded("the person who acts is excluded from the matter")
    return asked


def _check_places(unit: Unit, facts: StoreFacts) -> dict[UUID, int]:
    versions: dict[UUID, int] = {}
    for stream, version in unit.places:
        last = versions.get(stream)
        if last is None:
            last = facts.versions[stream]
        if version <= last:
            raise VersionConflict(stream, version)
        # A stream starts at 1; the library's own streams may start at 0.
        if version != last + 1 and not (last == -1 and version == 1):
            raise VersionGap(stream, version, last)
        versions[stream] = version
    return versions


def _render(unit: Unit, facts: StoreFacts) -> tuple[list[Rendered], dict[str, int]]:
    rendered: list[Rendered] = []
    counters: dict[str, int] = {}
    for index, series in enumerate(unit.series):
        number = ""
        if series:
            last = counters.get(series)
            counters[series] = (facts.counters[series] if last is None else last) + 1
            number = f"{series}-{counters[series]:06d}"
        rendered.append(unit.render(index, number))
    return rendered, counters


def _answer(command: CommandRecord, rendered: Sequence[Rendered], facts: StoreFacts) -> dict[str, Any]:
    """Ids, version, position and number, and what the command itself wants to say."""
    number = next((r.number for r in rendered if r.number and r.row.stream == command.stream), "") or next(
        (r.number for r in rendered if r.number), ""
    )
    answer = {
        **command.answer,
        "id": str(command.stream),
        "version": max(facts.versions.get(command.stream, 0), 0),
        "position": facts.position,
    }
    if number or "number" not in answer:
        answer["number"] = number
    return answer
