"""Events to stored bytes and back, sealed for their place.

The stored state is JSON: `event` (the payload), `event_version`, `meta` (without empty members), `salt`,
`event_id`, `kind`, `organ` and `state`. Old payloads are lifted to the class's version by its `upcast_v1_v2`
when they are read; stored bytes never change. The published and proved content is the same values in another
order (`content_of`), so a log is published as it is stored and no class is built for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import StoreError, StoreTampered
from shared.language.event import DeadlineSet, Event, Meta, Recorded, event_class

Lift = Callable[[dict[str, Any]], dict[str, Any] | None]


class UnknownTopic(StoreError):
    """A stored topic that no event class here carries: a newer version wrote it, or a class was lost."""


class EventMapper(Mapper[UUID]):
    """The library's mapper for our events: stable topics, one JSON form, place-bound sealing."""

    def __init__(self, sealer: Sealer) -> None:
        super().__init__(JSONTranscoder())
        self.sealer = sealer
        self.digest = sealer.suite.digest
        """The algorithm of the digests of new events."""

    def to_stored_event(self, domain_event: Recorded) -> StoredEvent:  # type: ignore[override]
        """Seals an event for its place."""
        topic = domain_event.event.topic
        stream, version = domain_event.originator_id, domain_event.originator_version
        return StoredEvent(stream, version, topic, self.seal(data_of(domain_event), stream, version, topic))

    def seal(self, data: dict[str, Any], stream: UUID, version: int, topic: str) -> bytes:
        """The stored JSON of an event, sealed for its place."""
        return self.sealer.seal(orjson.dumps(data), stream, version, topic)

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        """Opens an event in its place. Raises `StoreTampered` or `UnknownTopic`."""
        stream = stored_event.originator_id
        assert isinstance(stream, UUID)
        return recorded_of(
            stream, stored_event.originator_version, stored_event.topic, self.raw(stored_event)
        )

    def raw(self, stored_event: StoredEvent) -> dict[str, Any]:
        """The stored JSON with its payload lifted to the present version, without building classes."""
        stream, topic = stored_event.originator_id, stored_event.topic
        assert isinstance(stream, UUID)
        return lifted(topic, self.open(stream, stored_event.originator_version, topic, stored_event.state))

    def open(self, stream: UUID, version: int, topic: str, state: bytes) -> dict[str, Any]:
        """The stored JSON as it stands, from the columns of a row."""
        data: dict[str, Any] = orjson.loads(self.sealer.open(state, stream, version, topic))
        return data

    def open_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The stored JSON of a row whose clear columns are held against its sealed content: others look
        events up by them. Raises `StoreTampered` where they say something else."""
        stream, version = row["originator_id"], row["originator_version"]
        data = self.open(stream, version, row["topic"], row["state"])
        sealed = data["event_id"], data["meta"]["correlation_id"]
        if (str(row["event_id"]), str(row["correlation_id"])) != sealed:
            raise StoreTampered(f"{stream} version {version}: a clear column is not what was sealed")
        return data


def recorded_of(
    stream: UUID,
    version: int,
    topic: str,
    data: dict[str, Any],
    position: int = 0,
    recorded_at: datetime | None = None,
) -> Recorded:
    """The event that stored JSON of the present version tells of. Raises `UnknownTopic`."""
    cls = event_class(topic)
    if cls is None:
        raise UnknownTopic(
            f"{topic} ({stream} version {version}): no event class of this name is imported here"
        )
    return Recorded(
        originator_id=stream,
        originator_version=version,
        kind=data["kind"],
        stream_organ=data["organ"],
        # Python mode is lax enough for everything JSON writes, and skips a second parse.
        event=cls.__pydantic_validator__.validate_python(data["event"]),
        meta=decode_meta(data["meta"]),
        state=data["state"],
        event_id=UUID(data["event_id"]),
        salt=bytes.fromhex(data["salt"]),
        position=position,
        recorded_at=recorded_at,
    )


def lifted(topic: str, data: dict[str, Any]) -> dict[str, Any]:
    """The stored JSON with its payload of the present version; `data` itself stays as it is.

    A topic nobody here knows is no error, its payload is given as it stands.
    """
    cls = event_class(topic)
    if cls is None or data["event_version"] >= cls.version:
        return data
    payload = _lift(cls, dict(data["event"]), data["event_version"])
    return {**data, "event": payload, "event_version": cls.version}


def _lift(cls: type[Event], payload: dict[str, Any], version: int) -> dict[str, Any]:
    while version < cls.version:
        upcast: Lift = getattr(cls, f"upcast_v{version}_v{version + 1}")
        lifted = upcast(payload)
        # The library's upcasts change their argument, ours may also return a new one.
        payload = payload if lifted is None else lifted
        version += 1
    return payload


def data_of(recorded: Recorded) -> dict[str, Any]:
    """An event as it is stored."""
    event = recorded.event
    return {
        "event": event.__pydantic_serializer__.to_python(event, mode="json"),
        "event_version": event.version,
        "meta": encode_meta(recorded.meta),
        "salt": recorded.salt.hex(),
        "event_id": str(recorded.event_id),
        "kind": recorded.kind,
        "organ": recorded.stream_organ,
        "state": recorded.state,
    }


def content_of(stream: UUID, version: int, topic: str, data: dict[str, Any]) -> dict[str, Any]:
    """The published content of stored JSON, in clear: the input of `content_digest`. Keys are ASCII, numbers
    are whole."""
    id, meta = str(stream), data["meta"]
    return {
        "id": data["event_id"],
        "type": type_of(topic, data["event_version"]),
        "subject": id,
        "time": meta["occurred_at"],
        "stream": {
            "id": id,
            "version": version,
            "kind": data["kind"],
            "organ": data["organ"],
            "state": data["state"],
        },
        "meta": {name: value for name, value in meta.items() if name != "occurred_at"},
        "event": data["event"],
    }


def type_of(topic: str, version: int) -> str:
    """The CloudEvents type, which is the subject as well."""
    return f"zm.{topic}.v{version}"


def encode_meta(meta: Meta) -> dict[str, Any]:
    """The circumstances as JSON values, without empty ones: a field added later must not change an old
    digest."""
    data: dict[str, Any] = {
        "occurred_at": meta.occurred_at.isoformat(),
        "actor": meta.actor,
        "role": meta.role,
        "organ": meta.organ,
        "command": meta.command,
        "policy": meta.policy,
        "correlation_id": str(meta.correlation_id),
    }
    if meta.rule:
        data["rule"] = meta.rule
    if meta.duty:
        data["duty"] = meta.duty
    if meta.command_id is not None:
        data["command_id"] = str(meta.command_id)
    if meta.causation_id is not None:
        data["causation_id"] = str(meta.causation_id)
    if meta.links:
        data["links"] = list(meta.links)
    if meta.legal_basis:
        data["legal_basis"] = [dict(basis) for basis in meta.legal_basis]
    if meta.deadlines:
        data["deadlines"] = [d.told() for d in meta.deadlines]
    if meta.deadlines_met:
        data["deadlines_met"] = list(meta.deadlines_met)
    if meta.assigns:
        data["assigns"] = True
    if meta.matters:
        data["matters"] = [str(matter) for matter in meta.matters]
    if meta.trace_id:
        data["trace_id"] = meta.trace_id
    return data


def decode_meta(data: dict[str, Any]) -> Meta:
    """The circumstances from what `encode_meta` wrote."""
    get = data.get
    return Meta(
        occurred_at=datetime.fromisoformat(data["occurred_at"]),
        actor=data["actor"],
        role=data["role"],
        organ=data["organ"],
        command=data["command"],
        policy=data["policy"],
        correlation_id=UUID(data["correlation_id"]),
        rule=get("rule", ""),
        duty=get("duty", ""),
        command_id=_uuid(get("command_id")),
        causation_id=_uuid(get("causation_id")),
        links=tuple(get("links", ())),
        legal_basis=tuple(get("legal_basis", ())),
        deadlines=tuple(DeadlineSet(**deadline) for deadline in get("deadlines", ())),
        deadlines_met=tuple(get("deadlines_met", ())),
        assigns=get("assigns", False),
        matters=tuple(map(UUID, get("matters", ()))),
        trace_id=get("trace_id", ""),
    )


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
