"""The form in which an event travels: a CloudEvent with its confidential fields sealed.

`content` is the event in clear, which the evidence digest covers; it is published as it was stored. On the
wire only fields of class L0 and L1 stand in clear; all others and the digest's salt are sealed with the bus
key. The seal is bound to all of the rest, so a message that was altered in any place does not open. Cipher
and key id stand beside the seal, and the digests bear their algorithm in their names: a reader needs no
configuration.
"""

from __future__ import annotations

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

from shared.kernel.evidence.leaf import MEMBERS, algorithm_of
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.mapper import content_of, data_of
from shared.kernel.store.sealing import Keyring, digest_of, keyrings
from shared.kernel.store.types import LogEntry
from shared.kernel.suites import INTERNATIONAL, NONCE_BYTES, Digest, Suite
from shared.language.entropy import fresh
from shared.language.event import DataClass, Event, IdentityInEvent, Recorded, event_class


class BadEnvelope(Exception):
    """A message that cannot be taken as an event; its text never quotes the message."""


class Malformed(BadEnvelope):
    """A message without the form of an event, or in the wrong place."""


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
        """A key ring with the keys of both suites, as the store's are (`keyrings`)."""
        return cls(*keyrings(path, "bus", suite))

    def seal(self, plaintext: bytes, bound: bytes) -> str:
        """Encrypts for one envelope."""
        nonce = fresh(NONCE_BYTES)
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
    """The published event in clear: the input of `content_digest`."""
    stream, version = recorded.originator_id, recorded.originator_version
    return content_of(stream, version, recorded.event.topic, data_of(recorded))


def to_cloudevent(entry: LogEntry, bus_key: BusKey, epoch: UUID) -> bytes:
    """A row of the log as it is published, in an epoch of that log."""
    published = content_of(entry.stream, entry.version, entry.topic, entry.data)
    event, clear = published["event"], _clear_fields(entry.topic)
    algorithm = digest_of(entry.state)
    state_digest, digest = MEMBERS[algorithm]
    data: dict[str, Any] = {
        "stream": published["stream"],
        "meta": published["meta"],
        "event": {name: value for name, value in event.items() if name in clear},
        "cipher": bus_key.cipher,
        "key": bus_key.active,
        "epoch": str(epoch),
        "evidence": {
            "position": entry.position,
            "previous": entry.previous,
            "recorded_at": entry.recorded_at.isoformat(),
            "topic": entry.topic,
            state_digest: algorithm.of(entry.state).hex(),
            digest: entry.content_digest.hex(),
        },
    }
    envelope = {
        "specversion": "1.0",
        "id": published["id"],
        "source": "/zhengming/" + entry.topic.partition(".")[0],
        "type": published["type"],
        "subject": published["subject"],
        "time": published["time"],
        "datacontenttype": "application/json",
        "data": data,
    }
    secret = {
        "event": {name: value for name, value in event.items() if name not in clear},
        "salt": entry.data["salt"],
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
    epoch: UUID
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

    @property
    def matters(self) -> tuple[UUID, ...]:
        """The matters of its stream (B1)."""
        return tuple(map(UUID, self.meta.get("matters", ())))

    @property
    def trace_id(self) -> str:
        """The trace of the call that it followed from; empty where there was none."""
        return str(self.meta.get("trace_id", ""))

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
        """Exactly the JSON value of which `content_digest` was made (its canonical form sorts the keys)."""
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
        """True if the content is the one that its producer's evidence covers."""
        return content_digest(self.salt, self.content(), self.algorithm) == self.content_digest


@cache
def _clear_fields(topic: str) -> frozenset[str]:
    """The fields that travel in clear: those that are plainly L0 or L1. A field that nobody here knows does
    not."""
    cls = event_class(topic)
    if cls is None:
        return frozenset()
    forbidden = [name for name, found in cls.classes.items() if found >= DataClass.L3]
    if forbidden:
        raise IdentityInEvent(f"{cls.__name__}.{forbidden[0]} may never be published")
    return frozenset(name for name, found in cls.classes.items() if found <= DataClass.L1)


def _bound(envelope: dict[str, Any]) -> bytes:
    """All of the envelope but the seal, in one fixed form."""
    return orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)


def _published(envelope: dict[str, Any], body: dict[str, Any], secret: dict[str, Any]) -> Published:
    _, service, name, version = envelope["type"].split(".")
    stream, evidence = body["stream"], body["evidence"]
    algorithm = algorithm_of(evidence)
    state_digest, digest = MEMBERS[algorithm]
    for id in (body["meta"]["correlation_id"], *body["meta"].get("matters", ())):
        UUID(id)
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
        epoch=UUID(body["epoch"]),
        recorded_at=datetime.fromisoformat(evidence["recorded_at"]),
        topic=evidence["topic"],
        state_digest=bytes.fromhex(evidence[state_digest]),
        content_digest=bytes.fromhex(evidence[digest]),
        algorithm=algorithm,
    )
