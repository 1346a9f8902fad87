"""The auditor's view of a case: which of its streams they see, its states on any day, and the differences
between two.

Pure. The order of events is total: by recorded time the one that was known first comes first, by occurred
time the one that happened first does; within one service's log equal times keep the log's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import orjson

from services.audit.record import BESIDE, shown_event
from shared.casework.view import fold_occurred, fold_view
from shared.language.organs.tree import OrganTree

By = Literal["recorded", "occurred"]
ORDER: dict[By, tuple[str, ...]] = {
    "recorded": ("recorded_at", "service", "position"),
    "occurred": ("occurred_at", "recorded_at", "service", "position"),
}
"""Columns by which events stand in order, here and in every query."""


class Looked(NamedTuple):
    """Counts of somebody's looks at a stream; instants as RFC 3339 in UTC."""

    who: str
    role: str
    organ: str
    times: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a case as its first event told it."""

    id: UUID
    service: str
    kind: str
    organ: str
    correlation_id: UUID
    about: UUID | None
    number: str
    subjects: tuple[str, ...]
    looked: tuple[Looked, ...] = ()
    concealed: bool = False
    """An envelope that nobody registered, or one that was sealed for a superior: no auditor's (A14, A15)."""
    excluded: bool = False
    """The person who asks is excluded from one of its matters (B2)."""

    @property
    def is_case(self) -> bool:
        return self.kind not in BESIDE


class Told(NamedTuple):
    """One event with its shown content, for folding."""

    service: str
    position: int
    stream: UUID
    occurred_at: datetime
    recorded_at: datetime
    content: Mapping[str, Any]


def in_order(events: Iterable[Told], by: By) -> list[Told]:
    """The events in the order that is asked for."""
    return sorted(events, key=lambda event: tuple(getattr(event, name) for name in ORDER[by]))


def until(events: Iterable[Told], as_of: datetime | None, by: By) -> list[Told]:
    """The events that were recorded, or had happened, up to an instant and at it; in order."""
    time = f"{by}_at"
    return in_order((e for e in events if as_of is None or getattr(e, time) <= as_of), by)


# --- Which streams ---


def visible(streams: Sequence[Stream], organ: str, organs: OrganTree, subject: str | None) -> list[Stream]:
    """The streams within an organ's jurisdiction, of one subject where one is named.

    Envelopes that were never opened there are shown to nobody, and nothing to a person who is excluded from
    its matters (B2). A refusal, a reading or a reminder stands
    beside a case, and is seen by everybody who sees the case it is about. A case that speaks of other
    subjects only is left out; one that speaks of nobody stays.
    """
    by_id = {stream.id: stream for stream in streams}

    def sees(stream: Stream) -> bool:
        target = by_id.get(stream.about, stream) if stream.about is not None else stream
        if stream.excluded or target.excluded or target.concealed:
            return False
        if not organs.is_ancestor_or_self(organ, target.organ):
            return False
        return subject is None or not target.subjects or subject in target.subjects

    return [stream for stream in streams if sees(stream)]


def accesses(streams: Iterable[Stream]) -> list[dict[str, Any]]:
    """The readers of these streams: counts, with their names (§6.6)."""
    everyone: dict[tuple[str, str, str], list[Looked]] = {}
    for looked in (looked for stream in streams for looked in stream.looked):
        everyone.setdefault(looked[:3], []).append(looked)
    return [
        {
            "who": who,
            "role": role,
            "organ": organ,
            "count": sum(looked.times for looked in his),
            "first": min(looked.first for looked in his),
            "last": max(looked.last for looked in his),
        }
        for (who, role, organ), his in sorted(everyone.items())
    ]


# --- One entry ---


def entry(line: bytes, number: bytes, plaintext: bytes, event_at: int, topic: str | None) -> orjson.Fragment:
    """An event of the timeline: its clear part and its event, cut out of the sealed text; `number` is JSON.

    `topic` is given where the event has a field that nobody here has classified; that one is left out.
    """
    event = plaintext[event_at:-1]
    if topic is not None:
        event = orjson.dumps(shown_event(orjson.loads(event), topic))
    return orjson.Fragment(b'{"number":%b,%b,"event":%b}' % (number, line, event))


def altered_entry(line: bytes, number: bytes) -> orjson.Fragment:
    """An event whose sealed text does not open in its place any more: shown as what it is."""
    return orjson.Fragment(b'{"number":%b,%b,"event":null,"altered":true}' % (number, line))


# --- States ---


def states(events: Iterable[Told], as_of: datetime | None, by: By) -> dict[UUID, dict[str, Any]]:
    """Every stream as it stood: by recorded time, the very document that its service answered that day.

    By occurred time whole streams must be given, since a step counts when all steps before it have happened.
    """
    events = list(events)
    known = _by_stream(until(events, as_of, by))
    if by == "recorded":
        folded = {stream: fold_view(contents) for stream, contents in known.items()}
    else:
        whole = _by_stream(sorted(events, key=lambda event: event.position))
        folded = {stream: fold_occurred(whole[stream], contents) for stream, contents in known.items()}
    return {stream: view for stream, view in folded.items() if view is not None}


def _by_stream(events: Iterable[Told]) -> dict[UUID, list[Mapping[str, Any]]]:
    contents: dict[UUID, list[Mapping[str, Any]]] = {}
    for event in events:
        contents.setdefault(event.stream, []).append(event.content)
    return contents


def difference(
    before: Mapping[UUID, Mapping[str, Any]], after: Mapping[UUID, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The changes of each stream between two states: only streams that changed, and only their
    differences."""
    changed = []
    for stream, now in after.items():
        then = before.get(stream, {})
        if then.get("history") == now["history"]:
            continue
        changed.append(
            {
                "id": str(stream),
                "kind": now["kind"],
                "number": now["number"],
                "before": {name: then.get(name) for name in ("version", "state")} if then else None,
                "after": {name: now[name] for name in ("version", "state")},
                "facts": _changes(then.get("facts", {}), now["facts"]),
                "deadlines": _changes(then.get("deadlines", {}), now["deadlines"]),
                "assigned": _changes(then.get("assigned", {}), now["assigned"]),
            }
        )
    return changed


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    names = [*now, *(name for name in then if name not in now)]
    return {
        name: {"before": then.get(name), "after": now.get(name)}
        for name in names
        if then.get(name) != now.get(name) or (name in then) != (name in now)
    }
