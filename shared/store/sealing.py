"""Place-bound encryption: a sealed state opens only in the row that it was sealed for.

Layout of the sealed bytes: format (1 byte), suite (1 byte), length of the key id (1 byte), key id,
nonce (12 bytes), ciphertext with its tag. The associated data binds the header and the place
(service, stream, version, topic), so a state that was altered, moved to another row or relabelled with
another algorithm or key does not open. Stored bytes are never rewritten: rotation only changes which
key seals new records, and a suite may be added beside the first.
"""

from __future__ import annotations

import json
import os
import struct
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.store.types import StoreTampered

FORMAT = 1
SUITE_AES_256_GCM = 1
SUITE_SM4_GCM = 2
"""Reserved for the commercial-cryptography suite; nothing is sealed with it yet."""

KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = struct.Struct(">q")


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The keys of one service by id. New records are sealed with the active one, all may open."""

    service: str
    keys: dict[str, bytes]
    active: str

    def __post_init__(self) -> None:
        if self.active not in self.keys:
            raise ValueError(f"the active key {self.active!r} is not in the keyring")
        for key_id, key in self.keys.items():
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {key_id!r} has {len(key)} bytes, not {KEY_BYTES}")
            if not 0 < len(key_id.encode()) < 256:
                raise ValueError("a key id has 1 to 255 bytes")

    @classmethod
    def from_file(cls, path: Path | str, service: str | None = None) -> Keyring:
        """Reads 32 raw bytes (key id "1"), or JSON {"active": id, "keys": {id: base64}}.

        Where no service is named, the file's stem names it (`intake.key`).
        """
        path = Path(path)
        content = path.read_bytes()
        if len(content) == KEY_BYTES:
            return cls(service or path.stem, {"1": content}, "1")
        try:
            parsed = json.loads(content)
            keys = {str(key_id): b64decode(text, validate=True) for key_id, text in parsed["keys"].items()}
            active = str(parsed["active"])
        except (ValueError, KeyError, TypeError, AttributeError):
            # Without the cause: its message would quote the file.
            raise ValueError(f"{path.name} is neither a key of 32 bytes nor a keyring in JSON") from None
        return cls(service or path.stem, keys, active)

    def __repr__(self) -> str:
        return f"Keyring({self.service!r}, {sorted(self.keys)}, active={self.active!r})"


class Sealer:
    """Seals and opens the states of one service."""

    def __init__(self, keyring: Keyring) -> None:
        service = _prefixed(keyring.service.encode())
        # By header: the cipher, and the part of the associated data that every record under it shares.
        self._suites = {
            header: (AESGCM(key), header + service)
            for key_id, key in keyring.keys.items()
            for header in [bytes((FORMAT, SUITE_AES_256_GCM)) + _prefixed(key_id.encode())]
        }
        self._header = bytes((FORMAT, SUITE_AES_256_GCM)) + _prefixed(keyring.active.encode())
        self._active, self._shared = self._suites[self._header]

    def seal(self, plaintext: bytes, stream: UUID, version: int, topic: str) -> bytes:
        """Encrypts a state for exactly one place."""
        nonce = os.urandom(NONCE_BYTES)
        bound = self._shared + _place(stream, version, topic)
        return self._header + nonce + self._active.encrypt(nonce, plaintext, bound)

    def open(self, sealed: bytes, stream: UUID, version: int, topic: str) -> bytes:
        """Decrypts a state in its place. Raises `StoreTampered` for any other."""
        try:
            start = 3 + sealed[2]
            cipher, shared = self._suites[sealed[:start]]
        except (IndexError, KeyError):
            raise StoreTampered(f"{stream} version {version}: unknown format, suite or key") from None
        end = start + NONCE_BYTES
        try:
            return cipher.decrypt(sealed[start:end], sealed[end:], shared + _place(stream, version, topic))
        except (InvalidTag, ValueError):
            raise StoreTampered(f"{stream} version {version}: does not open in its place") from None


def _place(stream: UUID, version: int, topic: str) -> bytes:
    # Every part is of fixed length or length-prefixed, but the last: no two places look alike.
    return stream.bytes + _VERSION.pack(version) + topic.encode()


def _prefixed(value: bytes) -> bytes:
    """A value of at most 255 bytes after its length."""
    return bytes((len(value),)) + value
