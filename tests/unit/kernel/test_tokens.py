"""Access tokens: only signed ones of the issuer, for us, in time (RFC 7519)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from shared.refusal import Refusal
from shared.security.tokens import TokenVerifier

ISSUER = "https://id.example"


@pytest.fixture
def key() -> ECKey:
    return ECKey.generate_key("P-256", parameters={"kid": "k1"})


@pytest.fixture
def verifier(key: ECKey) -> TokenVerifier:
    made = TokenVerifier("http://nowhere.invalid/jwks", ISSUER)
    made._keys = KeySet.import_key_set({"keys": [key.as_dict(private=False)]})
    made._fetched = time.monotonic()
    return made


def claims(**over: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": "zhengming",
        "sub": "p-1",
        "role": ["handler"],
        "organ": "DI-990102100",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    } | over


def signed(key: Any, payload: dict[str, Any], alg: str = "ES256") -> str:
    return "Bearer " + jwt.encode({"alg": alg, "kid": "k1"}, payload, key)


async def test_a_good_token_is_read(verifier: TokenVerifier, key: ECKey) -> None:
    """Person, roles and organ come from the claims."""
    token = await verifier.verify(signed(key, claims()))
    assert (token.person, token.roles, token.organ) == ("p-1", frozenset({"handler"}), "DI-990102100")


@pytest.mark.parametrize(
    "over",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"exp": 1},
        {"nbf": 4_000_000_000},
    ],
)
async def test_what_is_not_for_us_or_not_in_time_is_refused(
    verifier: TokenVerifier, key: ECKey, over: dict[str, Any]
) -> None:
    """401, and only counted."""
    with pytest.raises(Refusal) as refused:
        await verifier.verify(signed(key, claims(**over)))
    assert refused.value.code == "E_UNAUTHENTICATED"
    assert verifier.rejected == 1


async def test_missing_claims_are_refused(verifier: TokenVerifier, key: ECKey) -> None:
    """A token without subject or expiry is none."""
    for name in ("sub", "exp", "iss", "aud"):
        payload = claims()
        del payload[name]
        with pytest.raises(Refusal):
            await verifier.verify(signed(key, payload))


async def test_another_key_or_algorithm_is_refused(verifier: TokenVerifier, key: ECKey) -> None:
    """No algorithm confusion: neither `none` nor a shared secret."""
    other = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    secret = OctKey.import_key("0" * 32)
    for header in (
        signed(other, claims()),
        signed(secret, claims(), "HS256"),
        None,
        "Basic x",
        "Bearer ",
        "Bearer a.b.c",
    ):
        with pytest.raises(Refusal):
            await verifier.verify(header)


async def test_a_remembered_token_ends_with_its_expiry(
    verifier: TokenVerifier, key: ECKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remembered for a minute, never past its own end."""
    header = signed(key, claims(exp=int(time.time()) + 30))
    assert verifier.known(header.encode()) is None
    token = await verifier.verify(header)
    assert verifier.known(header.encode()) is token
    later = time.time() + 31
    monkeypatch.setattr("shared.security.tokens.time.time", lambda: later)
    assert verifier.known(header.encode()) is None
    with pytest.raises(Refusal):
        await verifier.verify(header)


async def test_nothing_but_the_very_token_is_known(
    verifier: TokenVerifier, key: ECKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not another, no other scheme, nothing refused before, and nobody for longer than a minute."""
    header = signed(key, claims())
    token = await verifier.verify(header)
    refused = signed(ECKey.generate_key("P-256", parameters={"kid": "k1"}), claims())
    with pytest.raises(Refusal):
        await verifier.verify(refused)
    asked = header.encode()
    for other in (None, b"", b"Bearer ", asked[7:], asked[:-1], asked + b"x", b"bearer" + asked[6:], b"\xff"):
        assert verifier.known(other) is None
    assert verifier.known(refused.encode()) is None
    assert verifier.known(asked) is token
    later = time.time() + 61
    monkeypatch.setattr("shared.security.tokens.time.time", lambda: later)
    assert verifier.known(asked) is None


async def test_nobody_is_the_system_by_token(verifier: TokenVerifier, key: ECKey) -> None:
    """The system's role is never held by a token."""
    token = await verifier.verify(signed(key, claims(role=["system", "handler"])))
    assert token.roles == {"handler"}


@pytest.mark.parametrize(
    ("roles", "rule"),
    [(["identity_custodian", "petition_head"], "SD8"), (["platform_integration", "petition_clerk"], "SD12")],
)
async def test_sd8_sd12_what_is_held_alone(
    verifier: TokenVerifier, key: ECKey, roles: list[str], rule: str
) -> None:
    """A token that joins such a role with another opens nothing; alone it is good."""
    with pytest.raises(Refusal) as refused:
        await verifier.verify(signed(key, claims(role=roles)))
    assert (refused.value.code, refused.value.rule) == ("E_SOD_CONFLICT", rule)
    assert (await verifier.verify(signed(key, claims(role=roles[:1])))).roles == {roles[0]}


async def test_an_issuer_that_is_away_holds_up_nobody_whose_key_is_known(
    verifier: TokenVerifier, key: ECKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad tokens make it ask for new keys; while it waits, and right after, good ones are read."""
    asked, answer = asyncio.Event(), asyncio.Event()
    tries = []

    async def get(*_: Any, **__: Any) -> None:
        tries.append(1)
        asked.set()
        await answer.wait()
        raise httpx.ConnectTimeout("away")

    monkeypatch.setattr(httpx.AsyncClient, "get", get)
    verifier._fetched = -1e9
    stranger = ECKey.generate_key("P-256", parameters={"kid": "k9"})

    async def bad() -> None:
        with pytest.raises(Refusal):
            await verifier.verify(signed(stranger, claims(sub="p-0")))

    waiting = [asyncio.create_task(bad()) for _ in range(5)]
    await asyncio.wait_for(asked.wait(), 5)
    assert (await asyncio.wait_for(verifier.verify(signed(key, claims())), 5)).person == "p-1"
    answer.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert len(tries) == 1
