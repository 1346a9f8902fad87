"""The form in which an event travels: a CloudEvent with its confidential fields sealed.

`content` is the event in clear, what the evidence digest covers. On the wire only fields of class
L0 and L1 stand in clear; L2 fields and the digest's salt are sealed with the bus key. The seal is
bound to all of the rest, so a message that was altered in any place does not open.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.event import DataClass, Event, IdentityInEvent, Meta, Recorded, event_class
from shared.store.canonical import content_digest
from shared.store.sealing import Keyring
from shared.store.types import LogEntry

_NONCE = 12


class BadEnvelope(Exception):
    """A message that cannot be taken as an event; its text never quotes the message."""


class Malformed(BadEnvelope):
    """Not the form of an event, or in the wrong place."""


class UnknownKey(BadEnvelope):
    """Sealed with a bus key that is not known here."""


class Altered(BadEnvelope):
    """Changed after it was sealed."""


class BusKey:
    """The keys that services share for L2 fields on the wire; sealed with the active one, opened with any."""

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        self.active = active
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        if active not in self._ciphers:
            raise ValueError(f"the active bus key {active!r} is not among the keys")

    @classmethod
    def single(cls, key: bytes) -> BusKey:
        """One key, under the id "1"."""
        return cls({"1": key}, "1")

    @classmethod
    def from_file(cls, path: Path) -> BusKey:
        """As the store's keys: 32 raw bytes, or JSON {"active": id, "keys": {id: base64}}."""
        ring = Keyring.from_file(path, "bus")
        return cls(ring.keys, ring.active)

    def seal(self, plaintext: bytes, bound: bytes) -> str:
        """Encrypts for one envelope."""
        nonce = os.urandom(_NONCE)
        return b64encode(nonce + self._ciphers[self.active].encrypt(nonce, plaintext, bound)).decode()

    def open(self, key_id: str, sealed: str, bound: bytes) -> bytes:
        """Decrypts what was sealed for exactly this envelope."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey("sealed with a bus key that is not known here")
        try:
            raw = b64decode(sealed, validate=True)
            return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound)
        except (InvalidTag, ValueError):
            raise Altered("the seal does not fit the envelope") from None


def content(recorded: Recorded) -> dict[str, Any]:
    """The published event in clear: what `content_digest` hashes. Keys are ASCII, numbers are whole."""
    event = recorded.event
    return _content(recorded, event.__pydantic_serializer__.to_python(event, mode="json"))


def to_cloudevent(entry: LogEntry, bus_key: BusKey) -> bytes:
    """A row of the log as it is published."""
    recorded = entry.recorded
    published = entry.published or _content_as_proved(entry)
    sealed_names = _sealed_fields(type(recorded.event))
    event = published["event"]
    assert recorded.recorded_at is not None
    data: dict[str, Any] = {
        "stream": published["stream"],
        "meta": published["meta"],
        "event": {name: value for name, value in event.items() if name not in sealed_names},
        "key": bus_key.active,
        "evidence": {
            "position": recorded.position,
            "previous": entry.previous,
            "recorded_at": recorded.recorded_at.isoformat(),
            "topic": entry.topic,
            "state_sha256": entry.state_sha256.hex(),
            "content_digest": entry.content_digest.hex(),
        },
    }
    envelope = {
        "specversion": "1.0",
        "id": published["id"],
        "source": "/zhengming/" + recorded.event.service,
        "type": published["type"],
        "subject": published["subject"],
        "time": published["time"],
        "datacontenttype": "application/json",
        "data": data,
    }
    secret = {
        "event": {name: value for name, value in event.items() if name in sealed_names},
        "salt": recorded.salt.hex(),
    }
    data["sealed"] = bus_key.seal(orjson.dumps(secret), _bound(envelope))
    return orjson.dumps(envelope)


def open(data: bytes, bus_key: BusKey) -> Published:
    """A published message as an event. Raises `BadEnvelope` for one that is not, or not any more."""
    try:
        envelope = orjson.loads(data)
        body = envelope["data"]
        key_id, sealed = body["key"], body.pop("sealed")
        if envelope["specversion"] != "1.0" or type(key_id) is not str or type(sealed) is not str:
            raise Malformed("not a sealed CloudEvent 1.0")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise Malformed("not a sealed CloudEvent 1.0") from None
    # From here on everything is as its producer wrote it.
    secret = orjson.loads(bus_key.open(key_id, sealed, _bound(envelope)))
    try:
        return _published(envelope, body, secret)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Malformed("not the envelope of an event") from None


def hint_of_correlation(data: bytes) -> str:
    """The correlation that a message claims, even where it does not open; empty when it claims none."""
    try:
        return str(UUID(orjson.loads(data)["data"]["meta"]["correlation_id"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An event of another service, as its producer wrote it."""

    service: str
    event_id: UUID
    name: str
    version: int
    stream_id: UUID
    stream_version: int
    kind: str
    organ: str
    state: str
    time: str
    meta: dict[str, Any]
    event: dict[str, Any]
    salt: bytes
    position: int
    previous: int
    recorded_at: datetime
    topic: str
    state_sha256: bytes
    content_digest: bytes

    @property
    def type(self) -> str:
        """The CloudEvents type: `zm.intake.ComplaintReceived.v1`."""
        return f"zm.{self.service}.{self.name}.v{self.version}"

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromisoformat(self.time)

    @property
    def correlation_id(self) -> UUID:
        return UUID(self.meta["correlation_id"])

    def as_event(self) -> Event | None:
        """The contract class filled in; None for what nobody here knows (a newer event or version)."""
        cls = event_class(f"{self.service}.{self.name}")
        if cls is None or self.version > cls.version:
            return None
        payload = self.event
        for version in range(self.version, cls.version):
            payload = dict(payload)
            payload = getattr(cls, f"upcast_v{version}_v{version + 1}")(payload) or payload
        return cls.model_validate(payload)

    def content(self) -> dict[str, Any]:
        """Exactly the JSON value that `content_digest` was made of (its canonical form sorts the keys)."""
        return {
            "id": str(self.event_id),
            "type": self.type,
            "subject": str(self.stream_id),
            "time": self.time,
            "stream": {
                "id": str(self.stream_id),
                "version": self.stream_version,
                "kind": self.kind,
                "organ": self.organ,
                "state": self.state,
            },
            "meta": self.meta,
            "event": self.event,
        }

    def is_proved(self) -> bool:
        """Whether the content is the one that its producer's evidence covers."""
        return content_digest(self.salt, self.content()) == self.content_digest


def _content(recorded: Recorded, event: dict[str, Any]) -> dict[str, Any]:
    stream = str(recorded.originator_id)
    return {
        "id": str(recorded.event_id),
        "type": type_of(type(recorded.event)),
        "subject": stream,
        "time": recorded.meta.occurred_at.isoformat(),
        "stream": {
            "id": stream,
            "version": recorded.originator_version,
            "kind": recorded.kind,
            "organ": recorded.stream_organ,
            "state": recorded.state,
        },
        "meta": _meta(recorded.meta),
        "event": event,
    }


def _content_as_proved(entry: LogEntry) -> dict[str, Any]:
    """The content whose digest was fixed when the event was appended.

    A class that has grown an optional field since would add its default to an old event; what was
    stored then is what is set on the event now.
    """
    recorded = entry.recorded
    present = content(recorded)
    if content_digest(recorded.salt, present) == entry.content_digest:
        return present
    event = recorded.event
    stored = _content(
        recorded, event.__pydantic_serializer__.to_python(event, mode="json", exclude_unset=True)
    )
    if content_digest(recorded.salt, stored) == entry.content_digest:
        return stored
    # Published as it stands: hiding it would stop the log; whoever audits it sees that it is not proved.
    return present


def _meta(meta: Meta) -> dict[str, Any]:
    """The circumstances, without what is empty: a field added later must not change an old digest."""
    data: dict[str, Any] = {
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
        data["deadlines"] = [
            {"id": d.id, "due": d.due, "remind_on": d.remind_on, "provisional": d.provisional}
            for d in meta.deadlines
        ]
    if meta.deadlines_met:
        data["deadlines_met"] = list(meta.deadlines_met)
    if meta.trace_id:
        data["trace_id"] = meta.trace_id
    return data


@cache
def type_of(cls: type[Event]) -> str:
    """The CloudEvents type, which is the subject as well."""
    return f"zm.{cls.service}.{cls.__name__}.v{cls.version}"


@cache
def _sealed_fields(cls: type[Event]) -> frozenset[str]:
    """The fields that travel sealed: all that are not plainly L0 or L1."""
    forbidden = [name for name, found in cls.classes.items() if found >= DataClass.L3]
    if forbidden:
        raise IdentityInEvent(f"{cls.__name__}.{forbidden[0]} may never be published")
    clear = {name for name, found in cls.classes.items() if found <= DataClass.L1}
    return frozenset(cls.model_fields) - clear


def _bound(envelope: dict[str, Any]) -> bytes:
    """All of the envelope but the seal, in one fixed form."""
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)


def _published(envelope: dict[str, Any], body: dict[str, Any], secret: dict[str, Any]) -> Published:
    _, service, name, version = envelope["type"].split(".")
    stream, evidence = body["stream"], body["evidence"]
    UUID(body["meta"]["correlation_id"])
    return Published(
        service=service,
        event_id=UUID(envelope["id"]),
        name=name,
        version=int(version[1:]),
        stream_id=UUID(stream["id"]),
        stream_version=stream["version"],
        kind=stream["kind"],
        organ=stream["organ"],
        state=stream["state"],
        time=envelope["time"],
        meta=body["meta"],
        event={**body["event"], **secret["event"]},
        salt=bytes.fromhex(secret["salt"]),
        position=evidence["position"],
        previous=evidence["previous"],
        recorded_at=datetime.fromisoformat(evidence["recorded_at"]),
        topic=evidence["topic"],
        state_sha256=bytes.fromhex(evidence["state_sha256"]),
        content_digest=bytes.fromhex(evidence["content_digest"]),
    )
