"""Place-bound encryption: a sealed state opens only in the row that it was sealed for.

Layout of the sealed bytes: format (1 byte), suite (1 byte), length of the key id (1 byte), key id,
nonce (12 bytes), ciphertext with its tag. The associated data binds the header and the place
(service, stream, version, topic), so a state that was altered, moved to another row or relabelled with
another algorithm or key does not open. Stored bytes are never rewritten: rotation, and a change of suite,
only change what seals new records.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.kernel.store.types import StoreTampered
from shared.kernel.suites import BY_NUMBER, INTERNATIONAL, NONCE_BYTES, SUITES, Digest, Suite
from shared.language.entropy import fresh

FORMAT = 1
_VERSION = struct.Struct(">q")


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """A service's keys of one suite by id. New records are sealed with the active one, all may open."""

    service: str
    keys: Mapping[str, bytes]
    active: str
    suite: Suite = INTERNATIONAL

    def __post_init__(self) -> None:
        if self.active not in self.keys:
            raise ValueError(f"the active key {self.active!r} is not in the keyring")
        size = self.suite.key_bytes
        for key_id, key in self.keys.items():
            if len(key) != size:
                raise ValueError(f"key {key_id!r} has {len(key)} bytes, not {size} for {self.suite.cipher}")
            if not 0 < len(key_id.encode()) < 256:
                raise ValueError("a key id has 1 to 255 bytes")

    @classmethod
    def from_file(cls, path: Path | str, service: str | None = None, suite: Suite = INTERNATIONAL) -> Keyring:
        """Reads one key's raw bytes (key id "1"), or JSON {"active": id, "keys": {id: base64}}.

        If no service is named, the file's stem names it (`intake.key`).
        """
        path = Path(path)
        service = service or path.stem
        content = path.read_bytes()
        if len(content) == suite.key_bytes:
            return cls(service, {"1": content}, "1", suite)
        try:
            parsed = json.loads(content)
            keys = {str(key_id): b64decode(text, validate=True) for key_id, text in parsed["keys"].items()}
            active = str(parsed["active"])
        except (ValueError, KeyError, TypeError, AttributeError):
            # Without the cause: its message would quote the file.
            raise ValueError(
                f"{path.name} is neither a key of {suite.key_bytes} bytes nor a keyring in JSON"
            ) from None
        return cls(service, keys, active, suite)

    def __repr__(self) -> str:
        return f"Keyring({self.service!r}, {self.suite.name}, {sorted(self.keys)}, active={self.active!r})"


def keyrings(path: Path, service: str, suite: Suite = INTERNATIONAL) -> list[Keyring]:
    """The keys of both suites, those that seal first: `store-intake.key`, and `store-intake.sm.key` for SM4.

    The file of the other suite is read where it is there; records under it do not open where it is not.
    """
    others = [other for other in SUITES if other is not suite and _key_file(path, other).exists()]
    return [Keyring.from_file(_key_file(path, each), service, each) for each in (suite, *others)]


def secret_for(purpose: str, rings: Iterable[Keyring]) -> bytes:
    """A secret of 32 bytes that follows from the oldest key of a store (RFC 5869), and so stays the same over
    rotations and changes of suite."""
    oldest = min(rings, key=lambda ring: ring.suite.number)
    key = next(iter(oldest.keys.values()))
    return HKDF(hashes.SHA256(), 32, None, f"zhengming {oldest.service} {purpose}".encode()).derive(key)


def _key_file(path: Path, suite: Suite) -> Path:
    return path.with_name(path.stem + suite.mark + path.suffix)


class Sealer:
    """Seals and opens the states of one service; the first keyring seals, all may open."""

    def __init__(self, sealing: Keyring, *others: Keyring) -> None:
        self.suite = sealing.suite
        # By header: the cipher, and the part of the associated data that every record under it shares.
        self._ciphers = {
            header: (ring.suite.aead(key), header + _prefixed(ring.service.encode()))
            for ring in (sealing, *others)
            for key_id, key in ring.keys.items()
            for header in [_header(ring.suite, key_id)]
        }
        self._header = _header(sealing.suite, sealing.active)
        self._active, self._shared = self._ciphers[self._header]

    @classmethod
    def from_files(cls, path: Path, service: str, suite: Suite = INTERNATIONAL) -> Sealer:
        """A sealer with the keys of both suites (`keyrings`)."""
        return cls(*keyrings(path, service, suite))

    def seal(self, plaintext: bytes, stream: UUID, version: int, topic: str) -> bytes:
        """Encrypts a state for exactly one place."""
        nonce = fresh(NONCE_BYTES)
        bound = self._shared + _place(stream, version, topic)
        return self._header + nonce + self._active.encrypt(nonce, plaintext, bound)

    def open(self, sealed: bytes, stream: UUID, version: int, topic: str) -> bytes:
        """Decrypts a state in its place. Raises `StoreTampered` for any other."""
        try:
            start = 3 + sealed[2]
            cipher, shared = self._ciphers[sealed[:start]]
        except (IndexError, KeyError):
            raise StoreTampered(f"{stream} version {version}: unknown format, suite or key") from None
        end = start + NONCE_BYTES
        try:
            return cipher.decrypt(sealed[start:end], sealed[end:], shared + _place(stream, version, topic))
        except (InvalidTag, ValueError):
            raise StoreTampered(f"{stream} version {version}: does not open in its place") from None


def digest_of(sealed: bytes) -> Digest:
    """The algorithm that a record's digests are made with: its suite's, and so fixed with its bytes."""
    suite = BY_NUMBER.get(sealed[1]) if len(sealed) > 1 else None
    return INTERNATIONAL.digest if suite is None else suite.digest


def _header(suite: Suite, key_id: str) -> bytes:
    return bytes((FORMAT, suite.number)) + _prefixed(key_id.encode())


def _place(stream: UUID, version: int, topic: str) -> bytes:
    # Every part is of fixed length or length-prefixed, but the last: no two places look alike.
    return stream.bytes + _VERSION.pack(version) + topic.encode()


def _prefixed(value: bytes) -> bytes:
    """A value of at most 255 bytes after its length."""
    return bytes((len(value),)) + value
