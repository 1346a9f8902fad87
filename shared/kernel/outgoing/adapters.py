"""Ways out: a file per message for development, an HTTP endpoint in production. Both pass one contract.

The key of a message is its identity: delivered twice under one key, it arrives once, or the receiver can
tell by the key that it is the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

import httpx
import orjson

from shared.kernel.effect import Effect
from shared.kernel.trust import Trust, away_for

TIMEOUT_SECONDS = 10.0
SYSTEM = Trust()
Seal = Callable[[bytes], Awaitable[bytes]]
Sign = Callable[[str, bytes], dict[str, str]]


class NotDelivered(Exception):
    """A message did not arrive, as far as we know. `reason` is a code, never a word of what was sent or
    answered; `final`: trying again is no use; `after`: seconds of pause that the receiver asks for."""

    def __init__(self, reason: str, *, final: bool = False, after: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.after = after


class Adapter(Protocol):
    """Delivers one message, or raises NotDelivered."""

    async def send(self, message: Effect) -> None: ...


class Files:
    """One file per message, written at once or not at all, named by a hash of its key.

    `seal` encrypts what may lie in clear nowhere: a message to a reporter holds their contact.
    """

    def __init__(self, folder: Path, seal: Seal | None = None) -> None:
        self._folder = folder
        self._seal = seal

    def path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / (f"{name}.sealed" if self._seal else f"{name}.json")

    async def send(self, message: Effect) -> None:
        body = orjson.dumps({"key": message.key, "kind": message.kind, "payload": message.payload})
        if self._seal is not None:
            body = await self._seal(body)
        try:
            await asyncio.to_thread(self._write, self.path(message.key), body)
        except OSError as error:
            raise NotDelivered("FILE") from error

    def _write(self, target: Path, body: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            return
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(name, target)
            except FileExistsError:
                return  # another worker was faster: the first one stands
        finally:
            os.unlink(name)


class HttpEndpoint:
    """POSTs JSON with `Idempotency-Key`. 2xx is done; 410 ends it; all else is tried again.

    Nothing of the receiver's answer is read but its status: the rest belongs in no log.
    """

    def __init__(
        self,
        url: str,
        sign: Sign | None = None,
        trust: Trust = SYSTEM,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._url = url
        self._sign = sign
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            timeout=timeout, trust_env=False, verify=trust.context(), follow_redirects=False
        )

    async def send(self, message: Effect) -> None:
        body = orjson.dumps(message.payload)
        headers = {"content-type": "application/json", "idempotency-key": message.key}
        if self._sign is not None:
            headers |= self._sign(message.key, body)
        try:
            # The client's own limit is one per read: a receiver that drips would never reach it.
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                status, pause = answer.status_code, answer.headers.get("retry-after", "")
        except (httpx.TimeoutException, TimeoutError) as error:
            raise NotDelivered("TIMEOUT") from error
        except httpx.HTTPError as error:
            raise NotDelivered(away_for(error).upper()) from error
        if not 200 <= status < 300:
            raise NotDelivered(f"HTTP_{status}", final=status == 410, after=seconds_of(pause, time.time()))


def seconds_of(pause: str, now: float) -> float:
    """Seconds that a `Retry-After` asks for (RFC 9110 §10.2.3), given as a number or as a date; else 0."""
    if pause.isascii() and pause.isdigit() and len(pause) < 7:
        return float(pause)
    try:
        until = parsedate_to_datetime(pause)
    except (ValueError, OverflowError):
        return 0
    return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - now)


def adapter_for(way: str, folder: Path, trust: Trust = SYSTEM, seal: Seal | None = None) -> Adapter | None:
    """The adapter that a setting names (`Settings.way_out`); None: messages wait until there is one."""
    if way == "files":
        return Files(folder, seal)
    return HttpEndpoint(way, trust=trust) if way else None
