"""Two suites of algorithms: the international one, and Chinese commercial cryptography (商用密码).

`ZM_SUITE` says which one a service seals and digests new records with. Reading asks for no configuration:
every record says what it was made with, so one store may hold records of both (docs/adr/0009).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
TAG_BYTES = 16


class Digest(StrEnum):
    """A digest algorithm by its usual name. Both give 32 bytes, so a digest goes with its name."""

    SHA_256 = "SHA-256"
    SM3 = "SM3"

    def of(self, data: bytes) -> bytes:
        """The digest of some bytes."""
        return sha256(data).digest() if self is Digest.SHA_256 else _sm3(data)


class Aead(Protocol):
    """Authenticated encryption under one key. `decrypt` raises `InvalidTag` or `ValueError`."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes: ...


class SM4GCM:
    """SM4 (GB/T 32907) in GCM, as RFC 8998 uses it; the tag follows the ciphertext."""

    def __init__(self, key: bytes) -> None:
        self._sm4 = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        work = Cipher(self._sm4, modes.GCM(nonce)).encryptor()
        work.authenticate_additional_data(associated_data)
        return work.update(data) + work.finalize() + work.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        if len(data) < TAG_BYTES:
            raise InvalidTag
        work = Cipher(self._sm4, modes.GCM(nonce, data[-TAG_BYTES:])).decryptor()
        work.authenticate_additional_data(associated_data)
        return work.update(data[:-TAG_BYTES]) + work.finalize()


@dataclass(frozen=True, slots=True)
class Suite:
    """Algorithms that are used together. `number` stands for them in sealed bytes and never changes."""

    name: str
    number: int
    cipher: str
    key_bytes: int
    digest: Digest
    aead: Callable[[bytes], Aead]
    mark: str
    """The mark in the names of its key files."""

    def new_key(self) -> bytes:
        """A fresh key of the suite's length."""
        return os.urandom(self.key_bytes)


INTERNATIONAL = Suite("international", 1, "AES-256-GCM", 32, Digest.SHA_256, AESGCM, "")
SM = Suite("sm", 2, "SM4-GCM", 16, Digest.SM3, SM4GCM, ".sm")
SUITES = (INTERNATIONAL, SM)
BY_NUMBER = {suite.number: suite for suite in SUITES}
BY_CIPHER = {suite.cipher: suite for suite in SUITES}


def suite_named(name: str) -> Suite:
    """The suite of a setting. ValueError for any other name."""
    for suite in SUITES:
        if suite.name == name:
            return suite
    raise ValueError(f"no suite {name!a}; there are {', '.join(suite.name for suite in SUITES)}")


# --- One record under a key of its own ---


def seal(suite: Suite, key: bytes, plaintext: bytes, bound: bytes) -> bytes:
    """The suite's number, nonce and ciphertext, bound to a context such as the id of what it belongs to.

    For records that have each its own key; a store's states go through `shared.kernel.store.sealing`.
    """
    head, nonce = bytes((suite.number,)), os.urandom(NONCE_BYTES)
    return head + nonce + suite.aead(key).encrypt(nonce, plaintext, head + bound)


def unseal(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    """Undoes `seal`, whichever suite it was. Raises `InvalidTag` for everything else."""
    suite = BY_NUMBER.get(sealed[0]) if sealed else None
    if suite is None or len(key) != suite.key_bytes:
        raise InvalidTag
    head, nonce, rest = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return suite.aead(key).decrypt(nonce, rest, head + bound)
    except ValueError:  # a nonce cut short
        raise InvalidTag from None


def _sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()
