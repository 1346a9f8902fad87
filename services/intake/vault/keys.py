"""Key-encryption keys behind a port: what wraps the key of one complaint, of one parcel, of one file.

A name chooses the key: `identity` for reporters, `organ/<code>` for what only that organ may open (A14).
In development the keys are derived from one file; in production they never leave a key service, the
Transit engine of HashiCorp Vault or OpenBao (ADR 0008).
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Protocol

import httpx
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.settings import Settings, UnsafeForProduction
from shared.store.types import StoreUnavailable

IDENTITY = "identity"
KEY_NAME = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?")
TRANSIT_SECONDS = 3.0


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


class TransitKeys:
    """Key-encryption keys that live in a Transit engine; only data keys travel there and back.

    The token is read from its file for every request, so that an agent may renew it. Whatever goes
    wrong there is `KeysUnavailable`: nothing is sealed with another key instead.
    """

    def __init__(
        self, url: str, token_file: Path, mount: str = "transit", ca_file: str = "", prefix: str = "zm-"
    ) -> None:
        self._token_file = token_file
        self._path = f"/v1/{mount.strip('/')}"
        self._prefix = prefix
        # Without the environment's proxies: keys take no detours.
        verify: bool | str = ca_file or True
        self._client = httpx.AsyncClient(
            base_url=url, timeout=TRANSIT_SECONDS, verify=verify, trust_env=False, follow_redirects=False
        )

    async def wrap(self, name: str, key: bytes) -> bytes:
        sealed = await self._ask("encrypt", name, {"plaintext": b64encode(key).decode()}, "ciphertext")
        return sealed.encode()

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        try:
            body = {"ciphertext": wrapped.decode("ascii")}
        except UnicodeDecodeError as error:
            raise KeysUnavailable(f"key {name} did not wrap this") from error
        return b64decode(await self._ask("decrypt", name, body, "plaintext"))

    async def close(self) -> None:
        await self._client.aclose()

    def key_name(self, name: str) -> str:
        """`organ/DI-99` is the Transit key `zm-organ-DI-99`: a path for a policy to rest on."""
        if not KEY_NAME.fullmatch(name):
            raise ValueError(f"no name of a key: {name!r}")
        return self._prefix + name.replace("/", "-")

    async def _ask(self, what: str, name: str, body: dict[str, str], wanted: str) -> str:
        try:
            token = (await asyncio.to_thread(self._token_file.read_text)).strip()
            answer = await self._client.post(
                f"{self._path}/{what}/{self.key_name(name)}", json=body, headers={"x-vault-token": token}
            )
            if answer.status_code != httpx.codes.OK:
                raise KeysUnavailable(f"the key service answers {answer.status_code} to {what}")
            return str(answer.json()["data"][wanted])
        except (httpx.HTTPError, OSError, KeyError, TypeError, ValueError) as error:
            # Never the error's own words: they may quote what was sent.
            raise KeysUnavailable(f"the key service is away: {type(error).__name__}") from None


def open_keys(settings: Settings) -> KeyWrapper:
    """The key service that the process was told of; the file is for development and refused in production."""
    if settings.transit_url:
        return TransitKeys(
            settings.transit_url,
            Path(settings.transit_token_file),
            settings.transit_mount,
            settings.transit_ca_file,
        )
    if settings.production:
        raise UnsafeForProduction("ZM_TRANSIT_URL: in production the vault's keys lie in a key service")
    return FileKeys(settings.key("vault.key"))


def organ_key(organ: str) -> str:
    """The name of the key that only this organ's reading uses."""
    return f"organ/{organ}"
