"""Access tokens: JWT (RFC 7519) signed by a key of the issuer's JWKS (RFC 7517), verified here."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any, NoReturn

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.command import Token
from shared.refusal import refuse
from shared.security.roles import HELD_ALONE, SYSTEM

ALGORITHMS = ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"]
REMEMBERED_SECONDS = 60
LEEWAY_SECONDS = 5
JWKS_PAUSE_SECONDS = 2.0


class TokenVerifier:
    """Verifies signature, issuer, audience and times. A verified token is remembered by its SHA-256
    for a minute, never past its expiry. Keys are fetched when an unknown key id appears."""

    def __init__(self, jwks_url: str, issuer: str, audience: str = "zhengming") -> None:
        self._url = jwks_url
        self._issuer = issuer
        self._audience = audience
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._lock = asyncio.Lock()
        self._remembered: dict[bytes, tuple[float, Token]] = {}
        self.rejected = 0

    def known(self, authorization: bytes | None) -> Token | None:
        """The token of a header that was verified before and is remembered; None where `verify` is to say."""
        if authorization is None or not authorization.startswith(b"Bearer "):
            return None
        known = self._remembered.get(hashlib.sha256(authorization[7:]).digest())
        return known[1] if known is not None and known[0] > time.time() else None

    async def verify(self, authorization: str | None) -> Token:
        """The token of an `Authorization: Bearer` header; refuses with E_UNAUTHENTICATED."""
        if authorization is None or not authorization.startswith("Bearer "):
            self._reject()
        raw = authorization[7:].strip()
        digest = hashlib.sha256(raw.encode("utf-8", "surrogateescape")).digest()
        now = time.time()
        known = self._remembered.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        token = await self._verify(raw, now)
        if len(self._remembered) > 10_000:
            self._remembered = {k: v for k, v in self._remembered.items() if v[0] > now}
        self._remembered[digest] = (min(now + REMEMBERED_SECONDS, token.expires), token)
        return token

    async def _verify(self, raw: str, now: float) -> Token:
        try:
            claims = await self._claims(raw)
            if claims["iss"] != self._issuer or self._audience not in _listed(claims["aud"]):
                self._reject()
            if not float(claims.get("nbf", 0)) - LEEWAY_SECONDS <= now < float(claims["exp"]):
                self._reject()
            return Token(
                person=str(claims["sub"]),
                roles=_held(claims),
                organ=str(claims.get("organ") or ""),
                expires=float(claims["exp"]),
            )
        except (JoseError, KeyError, ValueError, TypeError, httpx.HTTPError):
            self._reject()

    async def _claims(self, raw: str) -> dict[str, Any]:
        try:
            return dict(jwt.decode(raw, await self._key_set(refresh=False), algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError):
            # The key may be new: ask once, but never let bad tokens drive requests to the issuer.
            return dict(jwt.decode(raw, await self._key_set(refresh=True), algorithms=ALGORITHMS).claims)

    async def _key_set(self, *, refresh: bool) -> KeySet:
        if self._keys is not None and not refresh:
            return self._keys  # whoever waits for new ones holds up nobody whose key is known
        async with self._lock:
            stale = time.monotonic() - self._fetched > JWKS_PAUSE_SECONDS
            if self._keys is None or stale:
                try:
                    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                        answer = await client.get(self._url)
                        answer.raise_for_status()
                    self._keys = KeySet.import_key_set(answer.json())
                finally:
                    self._fetched = time.monotonic()  # one that is away is not asked by each in turn
            return self._keys

    def _reject(self) -> NoReturn:
        self.rejected += 1
        refuse("E_UNAUTHENTICATED")


def _held(claims: dict[str, Any]) -> frozenset[str]:
    """The roles of a token. The system acts by itself and never by a token; a custodian of identities and a
    service account hold nothing else (SD8, SD12), or their token is worth nothing at all."""
    held = frozenset(_listed(claims.get("role", []))) - {SYSTEM}
    for role, rule in HELD_ALONE.items():
        if role in held and len(held) > 1:
            refuse("E_SOD_CONFLICT", rule, roles=sorted(held))
    return held


def _listed(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
