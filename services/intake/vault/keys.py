"""Key-encryption keys behind a port: they wrap the key of one complaint, of one parcel, of one file.

A name chooses the key: `identity` for reporters, `organ/<code>` for content that only that organ may open
(A14). Each month has a key of its own under that name, which is ended once nothing living lies under it
(`Periods`, ADR 0027). In development a key is a file; in production it never leaves a key service, the
Transit engine of HashiCorp Vault or OpenBao (ADR 0008).
"""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.kernel.settings import Settings, UnsafeForProduction
from shared.kernel.store.types import StoreUnavailable

IDENTITY = "identity"
APART = "apart"
"""The key of messages outside the database (as files, in development)."""
KEY_NAME = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?")
PERIOD = re.compile(r"[/-](\d{4}-\d{2})(?:-[0-9a-f]{8})?$")
ENDED = ".ended"
KEY_BYTES = TAG_BYTES = 32
A_DAY = timedelta(days=1)
TRANSIT_SECONDS = 3.0


class KeysUnavailable(StoreUnavailable):
    """The key service is away, or does not open this key: nothing can be sealed or read (503)."""


class KeyWrapper(Protocol):
    """Wraps and unwraps data keys under a named key-encryption key, and ends that for ever: nothing that it
    wrapped opens again. Raises `KeysUnavailable`."""

    async def wrap(self, name: str, key: bytes) -> bytes: ...
    async def unwrap(self, name: str, wrapped: bytes) -> bytes: ...
    async def end(self, name: str) -> None: ...


class FileKeys:
    """Key-encryption keys of development: derived (RFC 5869) from one secret and from a random file for each
    name, wrapping after RFC 3394. A name is ended by overwriting and removing its file; `.ended` stays in its
    place, so that it never comes to be again. No file system promises that the old blocks are gone, nor does
    this."""

    def __init__(self, secret: bytes, folder: Path) -> None:
        self._secret = secret
        self._folder = folder

    async def wrap(self, name: str, key: bytes) -> bytes:
        return aes_key_wrap(self._key(name, make=True), key)

    async def unwrap(self, name: str, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._key(name), wrapped)
        except InvalidUnwrap as error:
            raise KeysUnavailable(f"key {name} does not open this") from error

    async def end(self, name: str) -> None:
        await asyncio.to_thread(self._end, name)

    def _key(self, name: str, *, make: bool = False) -> bytes:
        path = self._path(name)
        try:
            if make and not path.exists():
                self._make(path)
            own = path.read_bytes()
        except OSError as error:
            raise KeysUnavailable(f"there is no key {name}") from error
        if len(own) != KEY_BYTES:
            raise KeysUnavailable(f"there is no key {name}")
        info = b"zhengming key-encryption " + name.encode()
        return HKDF(SHA256(), KEY_BYTES, own, info).derive(self._secret)

    def _make(self, path: Path) -> None:
        """Makes a key file whole or not at all, and once: a second process finds the first one's."""
        if path.with_suffix(ENDED).exists():
            raise FileNotFoundError(path)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        _write(fresh, os.O_CREAT | os.O_EXCL, secrets.token_bytes(KEY_BYTES))
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
        _sync(self._folder)

    def _end(self, name: str) -> None:
        path = self._path(name)
        path.with_suffix(ENDED).touch(mode=0o600)
        with suppress(FileNotFoundError):
            _write(path, 0, bytes(KEY_BYTES))
            path.unlink()
        _sync(self._folder)

    def _path(self, name: str) -> Path:
        return self._folder / f"{_checked(name).replace('/', '+')}.key"


def _write(path: Path, how: int, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | how, 0o600)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _checked(name: str) -> str:
    if not KEY_NAME.fullmatch(name):
        raise ValueError(f"no name of a key: {name!r}")
    return name


def secret_for(purpose: str, secret: bytes) -> bytes:
    """A secret of this service for something that wraps no key: the pepper of query codes."""
    return HKDF(SHA256(), KEY_BYTES, None, b"zhengming key-encryption secret/" + purpose.encode()).derive(
        secret
    )


def _utc() -> datetime:
    return datetime.now(UTC)


class Periods:
    """The keys of months: `identity/2026-11`. A fresh data key is wrapped by this month's; one that moves
    from a month that is over goes to a key of a new name, so no ended name is ever used again.

    A keyed digest stands behind a wrapped key, and binds it to the digest of the thing that it opens: an
    exchanged wrapped key is seen without the key service.
    """

    def __init__(self, keys: KeyWrapper, secret: bytes, now: Callable[[], datetime] = _utc) -> None:
        self._keys = keys
        self._secret = secret
        self.now = now

    async def wrap(self, of: str, key: bytes, opens: str) -> tuple[str, bytes]:
        """The name of the key that wrapped it, and the wrapped key. `opens`: the digest of the thing that it
        is for."""
        name = _in_month(of, self.now())
        return name, self._bound(name, await self._keys.wrap(name, key), opens)

    async def unwrap(self, name: str, wrapped: bytes, opens: str) -> bytes | None:
        """The data key; None where it is not the wrapped key of the thing that has this digest."""
        if not self.fits(name, wrapped, opens):
            return None
        return await self._keys.unwrap(name, wrapped[:-TAG_BYTES])

    def fits(self, name: str, wrapped: bytes, opens: str) -> bool:
        """True if it is the wrapped key of the thing that has this digest."""
        return hmac.compare_digest(self._bound(name, wrapped[:-TAG_BYTES], opens), wrapped)

    async def wrap_again(self, name: str, wrapped: bytes, successor: str, opens: str) -> bytes:
        """The same data key under another key."""
        key = await self.unwrap(name, wrapped, opens)
        if key is None:
            raise KeysUnavailable(f"what is said to lie under {name} does not")
        return self._bound(successor, await self._keys.wrap(successor, key), opens)

    def _bound(self, name: str, wrapped: bytes, opens: str) -> bytes:
        said = f"wrapped-key\n{name}\n{opens}\n".encode() + wrapped
        return wrapped + hmac.digest(self._secret, said, "sha256")

    async def end(self, name: str) -> None:
        await self._keys.end(name)

    def is_over(self, name: str) -> bool:
        """True once nothing is wrapped under this name any more. A day is left for requests that began in
        that month."""
        found = PERIOD.search(name)
        return found is not None and found[1] < f"{self.now() - A_DAY:%Y-%m}"

    @staticmethod
    def successor(name: str) -> str:
        """The name of the key that the living of this one move to."""
        found = PERIOD.search(name)
        assert found is not None
        return f"{name[: found.end(1)]}-{secrets.token_hex(4)}"


def _in_month(of: str, now: datetime) -> str:
    return f"{of}{'-' if '/' in of else '/'}{now:%Y-%m}"


class TransitKeys:
    """Key-encryption keys that live in a Transit engine; only data keys travel there and back.

    The token is read from its file for every request, so that an agent may renew it. Any failure there is
    `KeysUnavailable`: nothing is sealed with another key instead.
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

    async def end(self, name: str) -> None:
        """Deletes the key in the engine. One that is not there was ended before."""
        key = f"{self._path}/keys/{self.key_name(name)}"
        await self._request("POST", f"{key}/config", {"deletion_allowed": True})
        gone = await self._request("DELETE", key)
        if not gone.is_success and "not found" not in gone.text:
            raise KeysUnavailable(f"the key service answers {gone.status_code} to delete")

    async def close(self) -> None:
        await self._client.aclose()

    def key_name(self, name: str) -> str:
        """`organ/DI-99-2026-11` is `zm-organ-DI-99-2026-11` there: a path for a policy to rest on."""
        return self._prefix + _checked(name).replace("/", "-")

    async def _ask(self, what: str, name: str, body: dict[str, str], wanted: str) -> str:
        answer = await self._request("POST", f"{self._path}/{what}/{self.key_name(name)}", body)
        if answer.status_code != httpx.codes.OK:
            raise KeysUnavailable(f"the key service answers {answer.status_code} to {what}")
        try:
            return str(answer.json()["data"][wanted])
        except (KeyError, TypeError, ValueError) as error:
            raise KeysUnavailable(f"the key service is away: {type(error).__name__}") from None

    async def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            token = (await asyncio.to_thread(self._token_file.read_text)).strip()
            return await self._client.request(method, path, json=body, headers={"x-vault-token": token})
        except (httpx.HTTPError, OSError, ValueError) as error:
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
    return FileKeys(settings.key("vault.key"), settings.keys_dir / "vault-periods")


def organ_key(organ: str) -> str:
    """The name of the key that only this organ's reading uses."""
    return f"organ/{organ}"
