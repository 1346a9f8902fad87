"""The form in which an event travels: a CloudEvent with its confidential fields sealed.

`content` is the event in clear, what the evidence digest covers. On the wire only fields of class
L0 and L1 stand in clear; L2 fields and the digest's salt are sealed with the bus key. The seal is
bound to all of the rest, so a message that was altered in any place does not open. Cipher and key id stand
beside the seal, and the digests bear their algorithm in their names: a reader needs no configuration.
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

from shared.event import DataClass, Event, IdentityInEvent, Meta, Recorded, event_class
from shared.evidence.leaf import MEMBERS, algorithm_of
from shared.store.canonical import content_digest
from shared.store.sealing import Keyring, keyrings
from shared.store.types import LogEntry
from shared.suites import INTERNATIONAL, NONCE_BYTES, Digest, Suite


class BadEnvelope(Exception):
    """A message that cannot be taken as an event; its text never quotes the message."""


class Malformed(BadEnvelope):
    """Not the form of an event, or in the wrong place."""


class UnknownKey(BadEnvelope):
    """Sealed with a bus key that is not known here."""


class Altered(BadEnvelope):
    """Changed after it was sealed."""


class BusKey:
    """The keys that services share for L2 fields on the wire; the first ring's active one seals, all open."""

    def __init__(self, sealing: Keyring, *others: Keyring) -> None:
        self.active = sealing.active
        self.cipher = sealing.suite.cipher
        self._ciphers = {
            (ring.suite.cipher, key_id): ring.suite.aead(key)
            for ring in (sealing, *others)
            for key_id, key in ring.keys.items()
        }
        self._seal = self._ciphers[self.cipher, self.active]

    @classmethod
    def of(cls, keys: Mapping[str, bytes], active: str, suite: Suite = INTERNATIONAL) -> BusKey:
        """Keys of one suite by id."""
        return cls(Keyring("bus", keys, active, suite))

    @classmethod
    def single(cls, key: bytes) -> BusKey:
        """One key, under the id "1"."""
        return cls.of({"1": key}, "1")

    @classmethod
    def from_files(cls, path: Path, suite: Suite = INTERNATIONAL) -> BusKey:
        """With the keys of both suites, as the store's are (`keyrings`)."""
        return cls(*keyrings(path, "bus", suite))

    def seal(self, plaintext: bytes, bound: bytes) -> str:
        """Encrypts for one envelope."""
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._seal.encrypt(nonce, plaintext, bound)).decode()

    def open(self, cipher: str, key_id: str, sealed: str, bound: bytes) -> bytes:
        """Decrypts what was sealed for exactly this envelope."""
        aead = self._ciphers.get((cipher, key_id))
        if aead is None:
            raise UnknownKey("sealed with a bus key that is not known here")
        try:
            raw = b64decode(sealed, validate=True)
            return aead.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], bound)
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
    state, digest = MEMBERS[entry.algorithm]
    assert recorded.recorded_at is not None
    data: dict[str, Any] = {
        "stream": published["stream"],
        "meta": published["meta"],
        "event": {name: value for name, value in event.items() if name not in sealed_names},
        "cipher": bus_key.cipher,
        "key": bus_key.active,
        "evidence": {
            "position": recorded.position,
            "previous": entry.previous,
            "recorded_at": recorded.recorded_at.isoformat(),
            "topic": entry.topic,
            state: entry.state_digest.hex(),
            digest: entry.content_digest.hex(),
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
        cipher, key_id, sealed = body["cipher"], body["key"], body.pop("sealed")
        if envelope["specversion"] != "1.0" or not type(cipher) is type(key_id) is type(sealed) is str:
            raise Malformed("not a sealed CloudEvent 1.0")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise Malformed("not a sealed CloudEvent 1.0") from None
    # From here on everything is as its producer wrote it.
    secret = orjson.loads(bus_key.open(cipher, key_id, sealed, _bound(envelope)))
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
    state_digest: bytes
    content_digest: bytes
    algorithm: Digest

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
        return content_digest(self.salt, self.content(), self.algorithm) == self.content_digest


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
    if content_digest(recorded.salt, present, entry.algorithm) == entry.content_digest:
        return present
    event = recorded.event
    stored = _content(
        recorded, event.__pydantic_serializer__.to_python(event, mode="json", exclude_unset=True)
    )
    if content_digest(recorded.salt, stored, entry.algorithm) == entry.content_digest:
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
        data["deadlines"] = [d.told() for d in meta.deadlines]
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
    algorithm = algorithm_of(evidence)
    state_digest, digest = MEMBERS[algorithm]
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
        state_digest=bytes.fromhex(evidence[state_digest]),
        content_digest=bytes.fromhex(evidence[digest]),
        algorithm=algorithm,
    )
