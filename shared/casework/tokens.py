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
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.casework.command import Token
from shared.kernel.trust import CERTIFICATE, Issuer, away_for
from shared.language.organs.tree import OrganTree
from shared.language.refusal import refuse
from shared.language.roles import ALL, HELD_ALONE, OF_AN_ORGAN, SYSTEM

log = structlog.get_logger("tokens")
ALGORITHMS = ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"]
SCHEME = b"bearer "
"""The scheme, in any case of letters (RFC 9110 §11.1)."""
REMEMBERED_SECONDS = 60
LEEWAY_SECONDS = 5
JWKS_PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 5.0
DISCOVERY = "/.well-known/openid-configuration"
REFRESH_PATIENCE = 1.0
"""Seconds that a request waits for a newer key set, as long as the present one may be used."""
PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,119}")
"""The form of a person's name, in tokens and in commands."""
DOCUMENT = "document"
REASONS = (CERTIFICATE, "timeout", "connection", "status", DOCUMENT)
"""The reasons for which keys cannot be had: nobody whom we trust vouches for the issuer, or it answers
nothing, or it answers no keys."""
NOBODY = frozenset({"anonymous", SYSTEM})
"""Names that the record has for callers without a token."""


class TokenMetrics:
    """Counts how the issuer answers, and how many tokens were worth nothing; no count is about one person."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.away = Gauge("zm_issuer_away", "Whether the issuer's keys could not be had", registry=registry)
        self.failures = Counter(
            "zm_issuer_failures_total", "Times that they could not be had", ["reason"], registry=registry
        )
        self.refused = Counter("zm_tokens_refused_total", "Tokens that open nothing", registry=registry)
        for reason in REASONS:
            self.failures.labels(reason)


class IssuerAway(Exception):
    """The issuer's keys cannot be had now, for one of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenVerifier:
    """Verifies signature, issuer, audience, times and the form of the claims. A verified token is remembered
    by its SHA-256 for a minute, never past its expiry. Keys are fetched when they are due, or when an unknown
    key id appears."""

    def __init__(
        self, issuer: Issuer, organs: OrganTree | None = None, metrics: TokenMetrics | None = None
    ) -> None:
        self._issuer = issuer
        self._organs = organs or OrganTree.load()
        self._metrics = metrics or TokenMetrics(CollectorRegistry())
        self._keys: KeySet | None = None
        self._got = 0.0
        """The time at which the keys came."""
        self._fetched = 0.0
        """The time at which they were last asked for."""
        self._away = False
        """True if they did not come then."""
        self._fetching: asyncio.Task[None] | None = None
        self._remembered: dict[bytes, tuple[float, Token]] = {}

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
            issuer = self._issuer
            if claims["iss"] != issuer.name or issuer.audience not in _listed(claims["aud"]):
                self._reject()
            expires = _numeric_date(claims["exp"])
            if not _numeric_date(claims.get("nbf", 0)) - LEEWAY_SECONDS <= now < expires:
                self._reject()
            held = _held(_claim(claims, issuer.roles, []), others=issuer.ignores_other_roles)
            organ = self._organ_of(_claim(claims, issuer.organ), held)
            return Token(_person(_claim(claims, issuer.person)), held, organ, expires)
        except (JoseError, KeyError, ValueError, TypeError):
            self._reject()

    def _organ_of(self, told: Any, held: frozenset[str]) -> str:
        """An organ of the tree: lists are cut by the beginning of its code, and nothing begins every code.
        Only who comes from outside has none."""
        organ = told or ""
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
        try:
            return dict(jwt.decode(raw, await self._key_set(), algorithms=ALGORITHMS).claims)
        except InvalidKeyIdError:
            if self._away:  # who cannot be asked about a key has not said that it is none
                refuse("E_UNAVAILABLE")
            raise

    async def _key_set(self) -> KeySet:
        age = monotonic() - self._got
        if self._keys is None or age > self._issuer.trusted_seconds:
            await self._refresh()
            if self._keys is None or monotonic() - self._got > self._issuer.trusted_seconds:
                refuse("E_UNAVAILABLE")
        elif age > self._issuer.refresh_seconds and self._fetching is None:
            # Callers who come while it is asked for do not wait.
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
        """The files of authority and certificate are read anew each time, so one that was renewed holds."""
        try:
            context = self._issuer.trust.context()
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, verify=context) as client:
                self._keys, self._got = _usable(await self._members(client)), monotonic()
            self._away = False
        except (IssuerAway, httpx.HTTPError, OSError) as error:
            self._away = True
            reason = error.reason if isinstance(error, IssuerAway) else away_for(error)
            self._metrics.failures.labels(reason).inc()
            log.warning("issuer_away", reason=reason, error=type(error).__name__, keys=self._keys is not None)
        finally:
            self._metrics.away.set(self._away)
            self._fetched, self._fetching = monotonic(), None

    async def _members(self, client: httpx.AsyncClient) -> list[Any]:
        url = self._issuer.jwks_url or await self._discovered(client)
        members = (await _json(client, url)).get("keys")
        if not isinstance(members, list):
            raise IssuerAway(DOCUMENT)
        return members

    async def _discovered(self, client: httpx.AsyncClient) -> str:
        """Finds the address of the keys in the issuer's own document (OpenID Connect Discovery §4). The
        document must name that issuer, and lead nowhere less safe."""
        name = self._issuer.name
        told = await _json(client, name.rstrip("/") + DISCOVERY)
        url = told.get("jwks_uri")
        safe = ("https://",) if name.startswith("https://") else ("https://", "http://")
        if told.get("issuer") != name or not isinstance(url, str) or not url.startswith(safe):
            raise IssuerAway(DOCUMENT)
        return url

    def _reject(self) -> NoReturn:
        self._metrics.refused.inc()
        refuse("E_UNAUTHENTICATED")


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    answer = await client.get(url)
    if answer.status_code != httpx.codes.OK:
        raise IssuerAway("status")
    try:
        told = answer.json()
    except ValueError:
        raise IssuerAway(DOCUMENT) from None
    if not isinstance(told, dict):
        raise IssuerAway(DOCUMENT)
    return told


def _claim(claims: dict[str, Any], path: str, otherwise: Any = None) -> Any:
    """A claim by its name, which may hold dots, or else by the names that lead to it."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return otherwise
        found = found[name]
    return found


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


def _held(told: Any, *, others: bool) -> frozenset[str]:
    """The roles of a token, all of them ours unless the issuer has `others`. The system acts by itself and
    never by a token; a custodian of identities and a service account hold nothing else (SD8, SD12), or their
    token is worth nothing at all."""
    if not isinstance(told, list) or not all(isinstance(role, str) for role in told):
        raise ValueError("role")
    if not others and not ALL.issuperset(told):
        raise ValueError("role")
    held = ALL & frozenset(told) - {SYSTEM}
    for role, rule in HELD_ALONE.items():
        if role in held and len(held) > 1:
            refuse("E_SOD_CONFLICT", rule, roles=sorted(held))
    return held


def _listed(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
