"""Petition platforms as we know them: addresses to call back, and secrets that both sides sign with.

`platforms.json` in the keys folder, by service account:

    {"s-petition-platform": {"callback_url": "https://…", "callback_secrets": ["whsec_…"],
                             "inbound_secrets": []}}

It is read whenever it has changed, so that a secret can be replaced without a restart; and platform by
platform, so that a fault of one is the matter of no other.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from shared.kernel.effect import Effect
from shared.kernel.outgoing.adapters import SYSTEM, Adapter, HttpEndpoint, NotDelivered
from shared.kernel.outgoing.webhooks import NotSigned, key_of, sign
from shared.kernel.trust import Trust

log = structlog.get_logger("integration")
PLATFORMS_FILE = "platforms.json"


class Platform(BaseModel):
    """One platform. Without `callback_url` it pulls the feed; with `inbound_secrets` its calls are signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback_url: str = ""
    callback_secrets: tuple[str, ...] = ()
    inbound_secrets: tuple[str, ...] = ()

    @model_validator(mode="after")
    def signed(self) -> Platform:
        for secret in (*self.callback_secrets, *self.inbound_secrets):
            key_of(secret)
        if self.callback_url and not self.callback_secrets:
            raise ValueError("callbacks are signed: callback_secrets is missing")
        if self.callback_url and not self.callback_url.startswith(("https://", "http://")):
            raise ValueError("callback_url is no URL")
        return self


class Misconfigured(Exception):
    """The entry of a platform in `platforms.json`, or the whole file, cannot be used as it stands."""


class Platforms:
    """The platforms file, as it stands now."""

    def __init__(self, file: Path, *, strict: bool) -> None:
        """`strict`: only over TLS, and signed both ways."""
        self._file = file
        self._strict = strict
        self._read: tuple[int, int] | None = None
        self._platforms: dict[str, Platform | None] = {}
        """The platforms by service account; None for an entry that cannot be used."""

    def of(self, account: str) -> Platform:
        """The configuration of a service account; raises Misconfigured."""
        try:
            at = self._file.stat()
        except FileNotFoundError:
            if self._strict and self._read is not None:
                raise Misconfigured("it was there before") from None  # its secrets still hold
            return Platform()
        if (seen := (at.st_mtime_ns, at.st_size)) != self._read:
            try:
                told = orjson.loads(self._file.read_bytes())
            except (ValueError, OSError):
                raise Misconfigured(PLATFORMS_FILE) from None  # the cause would quote a secret
            if not isinstance(told, dict):
                raise Misconfigured(PLATFORMS_FILE)
            self._platforms = {account: self._usable(account, said) for account, said in told.items()}
            self._read = seen
        platform = self._platforms.get(account, Platform())
        if platform is None:
            raise Misconfigured(PLATFORMS_FILE)
        return platform

    def _usable(self, account: str, said: Any) -> Platform | None:
        try:
            platform = Platform.model_validate(said)
        except ValidationError:
            platform = None  # it would quote a secret
        if platform is not None and self._strict and platform.callback_url.startswith("http://"):
            platform = None  # needs TLS in production
        if platform is None:
            log.error("platform_misconfigured", account=account)
        return platform

    def inbound_secrets(self, account: str) -> tuple[str, ...]:
        """The secrets that its calls are signed with; raises NotSigned where they must be and nothing was
        agreed on."""
        secrets = self.of(account).inbound_secrets
        if self._strict and not secrets:
            raise NotSigned("no secret was agreed on")
        return secrets


class Callbacks:
    """Tells a platform the status of its complaints: signed, at its own address, contract fields only
    (A80)."""

    def __init__(self, platforms: Platforms, otherwise: Adapter | None, trust: Trust = SYSTEM) -> None:
        """`otherwise`: the adapter for messages that no address is known for (files, in development)."""
        self._platforms = platforms
        self._otherwise = otherwise
        self._trust = trust
        self._endpoints: dict[Platform, HttpEndpoint] = {}

    async def send(self, message: Effect) -> None:
        told = {name: message.payload[name] for name in ("platform_no", "status", "change", "occurred_at")}
        try:
            platform = self._platforms.of(message.payload["platform"])
        except Misconfigured as error:
            raise NotDelivered("CONFIGURATION") from error
        told_so = Effect(message.key, message.kind, told)
        if platform.callback_url:
            await self._endpoint(platform).send(told_so)
        elif self._otherwise is not None:
            await self._otherwise.send(told_so)

    def _endpoint(self, platform: Platform) -> HttpEndpoint:
        if platform not in self._endpoints:
            self._endpoints[platform] = HttpEndpoint(
                platform.callback_url,
                lambda key, body: sign(platform.callback_secrets, key, int(time.time()), body),
                self._trust,
            )
        return self._endpoints[platform]
