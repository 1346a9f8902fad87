"""One published event as audit keeps it: clear columns, sealed content, and the part that may be shown.

Pure. The sealed text is the salt (after its length) and then the content, whose last member is the event;
`event_at` tells where that begins. So a timeline is cut out of the sealed texts without parsing one, while
the content is kept to the letter for the proof. The salt lies under the seal as well: a digest with its salt
beside it could be guessed at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson

from shared.kernel.bus.envelope import Published
from shared.language.alerts import BULK_READING, rank_of, severity_of
from shared.language.contracts import clarification, followup, intake, verification
from shared.language.contracts.common import Alert, BulkReadAlert, SecurityAlertRaised
from shared.language.event import ChangesExclusion, DataClass, Event, event_class
from shared.language.roles import WATCHED_FROM_ABOVE

CONTRACTS = (intake, verification, clarification, followup)
"""Imported so that every published event is known here, with the classes of its fields."""
EXCLUDING = ("PersonExcluded", "ExclusionLifted")
BESIDE = frozenset({"AuditRecord", "Deadline", "StaffDirectory"})
"""Kinds of streams that are no cases: refusals, readings and reminders, each about a case."""


class NotProved(ValueError):
    """The content is not the one that its producer's evidence covers, or stands in no place of a log."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The row of one event in the ledger, but for the seal."""

    line: bytes
    plaintext: bytes
    event_at: int
    hidden: bool
    confidential: bool


def check(published: Published) -> None:
    """Refuses an event that cannot be a leaf of its service's tree. Raises `NotProved`."""
    if published.previous != published.position - 1:
        raise NotProved("positions of a log have no gaps")
    if not published.is_proved():
        raise NotProved("the content does not fit its digest")


def keep(published: Published) -> Kept:
    """Renders an event for the ledger."""
    content = published.content()
    cls = event_class(published.topic)
    event = content.pop("event")
    if cls is not None:
        # The wire carries confidential fields apart; here they get the order back that the producer
        # answers with, so that both answer the same bytes.
        event = {name: event[name] for name in cls.model_fields if name in event} | event
    body = orjson.dumps(event)
    head = orjson.dumps(content)[:-1] + b',"event":'
    salted = bytes((len(published.salt),)) + published.salt
    return Kept(
        line=orjson.dumps(_line(published))[1:-1],
        plaintext=salted + head + body + b"}",
        event_at=len(salted) + len(head),
        hidden=not _known_fields(published.topic).issuperset(event),
        confidential=not _clear_fields(published.topic).issuperset(event),
    )


def _line(published: Published) -> dict[str, Any]:
    return line_of(
        published.content(), published.service, published.position, published.topic, published.recorded_at
    )


def line_of(
    content: Mapping[str, Any], service: str, position: int, topic: str, recorded_at: datetime
) -> dict[str, Any]:
    """The timeline's entry without the event and the number. All of it is L1."""
    meta, stream, event = content["meta"], content["stream"], content["event"]
    entry: dict[str, Any] = {
        "service": service,
        "position": position,
        "type": content["type"].split(".")[2],
        "id": stream["id"],
        "version": stream["version"],
        "kind": stream["kind"],
        "organ": stream["organ"],
        "state": stream["state"],
        "occurred_at": content["time"],
        "recorded_at": recorded_at.isoformat(),
        "by": {"actor": meta["actor"], "role": meta["role"], "organ": meta["organ"]},
        "rule": meta.get("rule", ""),
        "command": meta["command"],
        "policy": meta["policy"],
        "correlation_id": meta["correlation_id"],
    }
    for name in ("duty", "causation_id", "links", "legal_basis", "deadlines", "deadlines_met", "assigns"):
        if name in meta:
            entry[name] = meta[name]
    text_hash = event.get("text_hash")
    if isinstance(text_hash, str) and "text_hash" in _clear_fields(topic):
        entry["text_hash"] = text_hash
    return entry


# --- Reading it back ---


def salt_and_content(plaintext: bytes) -> tuple[bytes, dict[str, Any]]:
    """The content to the letter, with the salt of its digest."""
    end = 1 + plaintext[0]
    return plaintext[1:end], orjson.loads(plaintext[end:])


def shown_content(plaintext: bytes, topic: str) -> dict[str, Any]:
    """The content as an auditor may see it."""
    _, content = salt_and_content(plaintext)
    content["event"] = shown_event(content["event"], topic)
    return content


def shown_event(event: Mapping[str, Any], topic: str) -> dict[str, Any]:
    """The fields that are known here as L0 to L2. No event holds L3 or L4; a field of a newer publisher that
    nobody here has classified stays shut."""
    known = _known_fields(topic)
    return {name: value for name, value in event.items() if name in known}


@cache
def _known_fields(topic: str) -> frozenset[str]:
    return _fields_up_to(event_class(topic), DataClass.L2)


@cache
def _clear_fields(topic: str) -> frozenset[str]:
    return _fields_up_to(event_class(topic), DataClass.L1)


def _fields_up_to(cls: type[Event] | None, highest: DataClass) -> frozenset[str]:
    classes = {} if cls is None else cls.classes
    return frozenset(name for name, found in classes.items() if found <= highest)


def not_as_sealed(row: Mapping[str, Any], plaintext: bytes) -> list[str]:
    """The clear columns of a row of the ledger that say something else than its sealed content.

    `line` is compared by the members that are made today: one that an older version of us wrote beside them
    is no fault.
    """
    _, content = salt_and_content(plaintext)
    stream, meta = content["stream"], content["meta"]
    sealed = {
        "event_id": UUID(content["id"]),
        "stream": UUID(stream["id"]),
        "version": stream["version"],
        "kind": stream["kind"],
        "organ": stream["organ"],
        "type": content["type"].split(".")[2],
        "state": stream["state"],
        "actor": meta["actor"],
        "role": meta["role"],
        "actor_organ": meta["organ"],
        "correlation_id": UUID(meta["correlation_id"]),
        "about": objects_of(stream["kind"], content["event"]),
        "occurred_at": datetime.fromisoformat(content["time"]),
    }
    wrong = [name for name, value in sealed.items() if row[name] != value]
    line = line_of(content, row["service"], row["position"], row["topic"], row["recorded_at"])
    told = orjson.loads(b"{" + row["line"] + b"}")
    if any(told.get(name) != value for name, value in line.items()):
        wrong.append("line")
    return wrong


# --- What an event tells of its surroundings ---


def number_of(published: Published) -> str:
    """The human number that this event gave to its stream; empty when it gave none."""
    cls = event_class(published.topic)
    number = published.event.get("number")
    return number if cls is not None and cls.numbered and isinstance(number, str) else ""


def about(published: Published) -> list[UUID]:
    """The streams that a refusal, a reading or a reminder speaks of: one, but where an answer showed more."""
    return objects_of(published.kind, published.event)


def objects_of(kind: str, event: Mapping[str, Any]) -> list[UUID]:
    """The same, by the kind of its stream and its payload."""
    if kind not in BESIDE:
        return []
    several = event.get("objects")
    named = several if isinstance(several, list) else [event.get("object") or event.get("stream")]
    return [id for value in named if (id := uuid_or_none(value)) is not None]


def exclusion_of(published: Published) -> tuple[str, UUID, bool] | None:
    """The person whom an event excludes from its matters, or lets in again, with the stream that decided it
    (B2). A service that only notes what another decided says nothing new."""
    event = published.as_event() if published.name in EXCLUDING else None
    if not isinstance(event, ChangesExclusion):
        return None
    stream, _, excluded = event.change(published.stream_id)
    return event.person, stream, excluded


def alert_of(published: Published) -> tuple[Any, ...] | None:
    """The row of an alert (`tables.ALERTS`), for what internal supervision must see and close (B47)."""
    cls = event_class(published.topic)
    if cls is None or not issubclass(cls, Alert):
        return None
    event = cls.model_validate(published.event)
    meta = published.meta
    if isinstance(event, SecurityAlertRaised):
        person, code, object_, severity = event.actor, event.code, event.object, event.severity
    else:
        assert isinstance(event, BulkReadAlert), cls
        person, code, object_ = event.who, BULK_READING, str(event.objects)
        severity = severity_of(code)
    from_above = meta["role"] in WATCHED_FROM_ABOVE and meta["organ"] == published.organ
    return (
        *(published.service, published.position, published.event_id, published.recorded_at),
        *(person, meta["role"], published.organ, from_above, code, object_, rank_of(severity)),
        [*about(published), published.stream_id],
    )


def claims_of(published: Published) -> set[str]:
    """The claims of an event about what it belongs to: its links and its cause."""
    meta = published.meta
    claims = {str(link) for link in meta.get("links", ())}
    if "causation_id" in meta:
        claims.add(str(meta["causation_id"]))
    return claims


def subjects_of(value: Any) -> set[str]:
    """References of the persons and organisations that an event names as accused or subject."""
    return set(_references(value))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in ("accused_ref", "subject_ref") and isinstance(item, str) and item:
                yield item
            elif name in ("accused", "subject"):
                for person in item if isinstance(item, list) else [item]:
                    if isinstance(person, dict) and person.get("ref"):
                        yield str(person["ref"])
            else:
                yield from _references(item)


def uuid_or_none(value: Any) -> UUID | None:
    """A value as an id, if it is one."""
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None
