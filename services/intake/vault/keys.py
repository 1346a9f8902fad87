"""Key-encryption keys behind a port: what wraps the key of one complaint, of one parcel, of one file.

A name chooses the key: `identity` for reporters, `organ/<code>` for what only that organ may open (A14).
In development the keys are derived from one file; in production they never leave a key service.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.store.types import StoreUnavailable

IDENTITY = "identity"


class KeysUnavailable(StoreUnavailable):
    """The key service is away, or does not open this key: nothing can be sealed or read (503)."""


class KeyWrapper(Protocol):
    """Wraps and unwraps data keys under a named key-encryption key. Raises `KeysUnavailable`."""

    async def wrap(self, name: str, key: bytes) -> bytes: ...
    async def unwrap(self, name: str, wrapped: bytes) -> bytes: ...


class FileKeys:
    """All key-encryption keys derived from one secret file (RFC 5869), wrapping after RFC 3394."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def wrap(self, name: str, key: bytes) -> bytes:
        return aes_key_wrap(self._key(name), key)

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._key(name), wrapped)
        except InvalidUnwrap as error:
            raise KeysUnavailable(f"key {name} does not open this") from error

    def secret_for(self, purpose: str) -> bytes:
        """A secret of this service for something that wraps no key: the pepper of query codes."""
        return self._key(f"secret/{purpose}")

    def _key(self, name: str) -> bytes:
        return HKDF(SHA256(), 32, None, b"zhengming key-encryption " + name.encode()).derive(self._secret)


def organ_key(organ: str) -> str:
    """The name of the key that only this organ's reading uses."""
    return f"organ/{organ}"
