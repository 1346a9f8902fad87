"""Access tokens: JWT (RFC 7519) signed by a key of the issuer's JWKS (RFC 7517), verified here.

A right signature says who wrote the claims, and not that they make sense: each has a form of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from contextlib import suppress
from time import monotonic
from typing import Any, NoReturn

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.command import Token
from shared.organs.tree import OrganTree
from shared.refusal import refuse
from shared.security.roles import ALL, HELD_ALONE, OF_AN_ORGAN, SYSTEM

log = structlog.get_logger("tokens")
ALGORITHMS = ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"]
SCHEME = b"bearer "
"""In any case of letters (RFC 9110 §11.1)."""
REMEMBERED_SECONDS = 60
LEEWAY_SECONDS = 5
JWKS_PAUSE_SECONDS = 2.0
REFRESH_SECONDS = 60.0
"""A key set that is older is asked for anew: a key that the issuer took out is trusted no longer."""
TRUSTED_SECONDS = 900.0
"""So long it is used while the issuer is away, and then nobody is let in by it."""
REFRESH_PATIENCE = 1.0
"""So long a request waits for a newer set, as long as the one there is may be used."""
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,119}")
"""What a person can be named by in a command, too."""
NOBODY = frozenset({"anonymous", SYSTEM})
"""Names that the record has for who comes without a token."""


class TokenVerifier:
    """Verifies signature, issuer, audience, times and the form of the claims. A verified token is remembered
    by its SHA-256 for a minute, never past its expiry. Keys are fetched when a minute has passed, or when an
    unknown key id appears."""

    def __init__(
        self, jwks_url: str, issuer: str, audience: str = "zhengming", organs: OrganTree | None = None
    ) -> None:
        self._url = jwks_url
        self._issuer = issuer
        self._audience = audience
        self._organs = organs or OrganTree.load()
        self._keys: KeySet | None = None
        self._got = 0.0
        """When the keys came."""
        self._fetched = 0.0
        """When they were last asked for."""
        self._fetching: asyncio.Task[None] | None = None
        self._remembered: dict[bytes, tuple[float, Token]] = {}
        self.rejected = 0

    def known(self, authorization: bytes | None) -> Token | None:
        """The token of a header that was verified before and is remembered; None where `verify` is to say."""
        if authorization is None or authorization[:7].lower() != SCHEME:
            return None
        known = self._remembered.get(hashlib.sha256(authorization[7:]).digest())
        return known[1] if known is not None and known[0] > time.time() else None

    async def verify(self, authorization: str | None) -> Token:
        """The token of an `Authorization: Bearer` header; refuses with E_UNAUTHENTICATED, or E_UNAVAILABLE
        while there are no keys to judge it by."""
        if authorization is None or authorization[:7].lower() != SCHEME.decode():
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
            expires = _numeric_date(claims["exp"])
            if not _numeric_date(claims.get("nbf", 0)) - LEEWAY_SECONDS <= now < expires:
                self._reject()
            held = _held(claims)
            return Token(_person(claims["sub"]), held, self._organ_of(claims, held), expires)
        except (JoseError, KeyError, ValueError, TypeError):
            self._reject()

    def _organ_of(self, claims: dict[str, Any], held: frozenset[str]) -> str:
        """An organ of the tree: lists are cut by the beginning of its code, and nothing begins every code.
        Only who comes from outside has none."""
        organ = claims.get("organ") or ""
        if organ == "" and not held & OF_AN_ORGAN:
            return ""
        if not isinstance(organ, str) or organ not in self._organs:
            raise ValueError("organ")
        return organ

    async def _claims(self, raw: str) -> dict[str, Any]:
        try:
            return dict(jwt.decode(raw, await self._key_set(), algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError):
            # The key may be new: ask once, but never let bad tokens drive requests to the issuer.
            await self._refresh()
            return dict(jwt.decode(raw, await self._key_set(), algorithms=ALGORITHMS).claims)

    async def _key_set(self) -> KeySet:
        age = monotonic() - self._got
        if self._keys is None or age > TRUSTED_SECONDS:
            await self._refresh()
            if self._keys is None or monotonic() - self._got > TRUSTED_SECONDS:
                refuse("E_UNAVAILABLE")
        elif age > REFRESH_SECONDS and self._fetching is None:
            # Whoever comes while it is asked for waits for nothing.
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_PATIENCE):
                    await self._refresh()
        return self._keys

    async def _refresh(self) -> None:
        """Asks for the keys, unless that was done a moment ago: an issuer that is away is not asked by each
        in turn. All that wait for them wait for one answer."""
        if self._fetching is None:
            if self._fetched and monotonic() - self._fetched <= JWKS_PAUSE_SECONDS:
                return
            self._fetching = asyncio.create_task(self._fetch(), name="key set")
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                answer = await client.get(self._url)
                answer.raise_for_status()
            members = answer.json()["keys"]
            if not isinstance(members, list):
                raise TypeError
            self._keys, self._got = _usable(members), monotonic()
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("key_set_away", error=type(error).__name__)
        finally:
            self._fetched, self._fetching = monotonic(), None

    def _reject(self) -> NoReturn:
        self.rejected += 1
        refuse("E_UNAUTHENTICATED")


def _usable(members: list[Any]) -> KeySet:
    """The keys of a set, member by member (RFC 7517 §5): one that cannot be used, or of a kind that nobody
    signs tokens with, spoils none of the others."""
    keys = []
    for member in members:
        try:
            if member["kty"] != "oct" and member.get("use", "sig") == "sig":
                keys += KeySet.import_key_set({"keys": [member]}).keys
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("key_not_usable", error=type(error).__name__)
    return KeySet(keys)


def _person(value: Any) -> str:
    if not isinstance(value, str) or not PERSON.fullmatch(value) or value in NOBODY:
        raise ValueError("sub")
    return value


def _numeric_date(value: Any) -> float:
    """A NumericDate (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("NumericDate")
    return float(value)


def _held(claims: dict[str, Any]) -> frozenset[str]:
    """The roles of a token, all of them ours. The system acts by itself and never by a token; a custodian of
    identities and a service account hold nothing else (SD8, SD12), or their token is worth nothing at all."""
    told = claims.get("role", [])
    if not isinstance(told, list) or not all(isinstance(role, str) and role in ALL for role in told):
        raise ValueError("role")
    held = frozenset(told) - {SYSTEM}
    for role, rule in HELD_ALONE.items():
        if role in held and len(held) > 1:
            refuse("E_SOD_CONFLICT", rule, roles=sorted(held))
    return held


def _listed(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
