"""Access tokens: only signed ones of the issuer, for us, in time, with claims in form (RFC 7519)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from shared.casework.tokens import TokenVerifier
from shared.kernel.trust import Issuer
from shared.language.refusal import Refusal

ISSUER = "https://id.example"


@pytest.fixture
def key() -> ECKey:
    return ECKey.generate_key("P-256", parameters={"kid": "k1"})


@pytest.fixture
def verifier(key: ECKey) -> TokenVerifier:
    made = TokenVerifier(Issuer(name=ISSUER, jwks_url="http://nowhere.invalid/jwks"))
    made._keys = KeySet.import_key_set({"keys": [key.as_dict(private=False)]})
    made._got = made._fetched = time.monotonic()
    return made


class Published:
    """Answers with what it is told to publish, and counts how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.published: Any = {"keys": []}
        self.away = False
        self.now = 1_000.0
        monkeypatch.setattr(httpx.AsyncClient, "get", self._get)
        monkeypatch.setattr("shared.casework.tokens.monotonic", lambda: self.now)

    def publishes(self, *keys: ECKey) -> None:
        self.published = {"keys": [key.as_dict(private=False) for key in keys]}

    async def _get(self, *_: Any, **__: Any) -> httpx.Response:
        self.asked += 1
        if self.away:
            raise httpx.ConnectTimeout("away")
        return httpx.Response(200, json=self.published, request=httpx.Request("GET", "http://issuer/jwks"))


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch, key: ECKey) -> Published:
    made = Published(monkeypatch)
    made.publishes(key)
    return made


@pytest.fixture
def asking(issuer: Published) -> TokenVerifier:
    """A verifier that has asked for nothing yet."""
    return TokenVerifier(Issuer(name=ISSUER, jwks_url="http://issuer/jwks"))


async def refused_as(code: str, verifier: TokenVerifier, header: str) -> None:
    with pytest.raises(Refusal) as refused:
        await verifier.verify(header)
    assert refused.value.code == code


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
    assert verifier._metrics.refused._value.get() == 1


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
    monkeypatch.setattr("shared.casework.tokens.time.time", lambda: later)
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
    for other in (None, b"", b"Bearer ", asked[7:], asked[:-1], asked + b"x", b"Bearer" + asked[7:], b"\xff"):
        assert verifier.known(other) is None
    assert verifier.known(refused.encode()) is None
    assert verifier.known(asked) is token
    later = time.time() + 61
    monkeypatch.setattr("shared.casework.tokens.time.time", lambda: later)
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


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer   "])
async def test_a_scheme_is_named_in_any_case(verifier: TokenVerifier, key: ECKey, scheme: str) -> None:
    """RFC 9110 §11.1."""
    header = scheme + signed(key, claims())[7:]
    assert (await verifier.verify(header)).person == "p-1"
    assert verifier.known(scheme.strip().encode() + b" " + header[len(scheme) :].encode()) is not None


OUT_OF_FORM: dict[str, list[Any]] = {
    "sub": ["", " ", "p 1", "p\0", "p\n", "x" * 121, ["p-1"], None, 7, {}, "虚", "anonymous", "system"],
    "organ": ["D", "DI-", "DI-9", "DI-77", "DI-99\0", "", None, ["DI-99"], 7],
    "role": ["handler", ["handlre"], ["handler", 7], [["handler"]], None, {}],
    "exp": [float("inf"), float("nan"), True, "4000000000", None, [4_000_000_000]],
    "nbf": [float("nan"), float("-inf"), "0", False],
}


@pytest.mark.parametrize(
    "over", [{n: value} for n, values in OUT_OF_FORM.items() for value in values], ids=repr
)
async def test_sec1_claims_are_not_believed_by_their_signature(
    verifier: TokenVerifier, key: ECKey, over: dict[str, Any]
) -> None:
    """A `sub` of a bounded form, an organ of the tree, known roles, times that are numbers: else 401."""
    await refused_as("E_UNAUTHENTICATED", verifier, signed(key, claims(**over)))


@pytest.mark.parametrize("role", ["subject_mobile", "reporter_mobile", "unit_contact"])
async def test_only_who_comes_from_outside_has_no_organ(
    verifier: TokenVerifier, key: ECKey, role: str
) -> None:
    outside = claims(role=[role])
    del outside["organ"]
    assert (await verifier.verify(signed(key, outside))).organ == ""
    for inside in ("handler", "auditor", "statistics_viewer", "platform_integration"):
        await refused_as("E_UNAUTHENTICATED", verifier, signed(key, outside | {"role": [inside]}))
    await refused_as("E_UNAUTHENTICATED", verifier, signed(key, outside | {"role": [role, "handler"]}))


async def test_a_key_that_the_issuer_took_out_opens_nothing_within_minutes(
    asking: TokenVerifier, issuer: Published, key: ECKey
) -> None:
    """Though no unknown key ever came by."""
    await asking.verify(signed(key, claims(sub="p-1")))
    await asking.verify(signed(key, claims(sub="p-2")))
    assert issuer.asked == 1
    issuer.publishes(ECKey.generate_key("P-256", parameters={"kid": "k2"}))
    issuer.now += 61
    await refused_as("E_UNAUTHENTICATED", asking, signed(key, claims(sub="p-3")))
    issuer.published = {"keys": []}
    issuer.now += 61
    await refused_as("E_UNAUTHENTICATED", asking, signed(key, claims(sub="p-4")))


async def test_an_issuer_that_is_away_is_missed_after_a_quarter_of_an_hour(
    asking: TokenVerifier, issuer: Published, key: ECKey
) -> None:
    """Till then the issuer's keys serve on; then nobody can be judged, which is no fault of the caller's
    token."""
    await asking.verify(signed(key, claims(sub="p-1")))
    issuer.away = True
    issuer.now += 890
    await asking.verify(signed(key, claims(sub="p-2")))
    issuer.now += 20
    await refused_as("E_UNAVAILABLE", asking, signed(key, claims(sub="p-3")))
    issuer.away = False
    issuer.now += 3
    assert (await asking.verify(signed(key, claims(sub="p-3")))).person == "p-3"


@pytest.mark.parametrize("answer", [[], {}, {"keys": {}}, {"keys": None}, "keys", 7], ids=repr)
async def test_an_answer_that_is_no_key_set_changes_nothing(
    asking: TokenVerifier, issuer: Published, key: ECKey, answer: Any
) -> None:
    await asking.verify(signed(key, claims(sub="p-1")))
    issuer.published = answer
    issuer.now += 61
    assert (await asking.verify(signed(key, claims(sub="p-2")))).person == "p-2"


@pytest.mark.parametrize(
    "member",
    [
        7,
        "k",
        None,
        [],
        {},
        {"kty": "EC"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "unheard-of", "x": "AA", "y": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "RSA", "n": "AQ", "e": 3},
        {"kty": "oct", "kid": "k1", "k": "AAAA"},
        {"kty": ["EC"]},
    ],
    ids=repr,
)
async def test_one_bad_member_spoils_no_key_set(
    asking: TokenVerifier, issuer: Published, key: ECKey, member: Any
) -> None:
    """A member that is not understood is left out (RFC 7517 §5)."""
    issuer.published = {"keys": [member, key.as_dict(private=False), member]}
    assert (await asking.verify(signed(key, claims()))).person == "p-1"


async def test_a_key_for_encryption_signs_no_token(
    asking: TokenVerifier, issuer: Published, key: ECKey
) -> None:
    issuer.published = {"keys": [{**key.as_dict(private=False), "use": "enc"}]}
    await refused_as("E_UNAUTHENTICATED", asking, signed(key, claims()))


async def test_an_issuer_that_is_away_has_not_said_that_a_new_key_is_none(
    asking: TokenVerifier, issuer: Published, key: ECKey
) -> None:
    """A caller with the new key is told to come again; a signature that does not fit a known key is bad."""
    await asking.verify(signed(key, claims(sub="p-1")))
    issuer.away = True
    issuer.now += 3
    fresh = ECKey.generate_key("P-256", parameters={"kid": "k2"})
    token = "Bearer " + jwt.encode({"alg": "ES256", "kid": "k2"}, claims(sub="p-2"), fresh)
    await refused_as("E_UNAVAILABLE", asking, token)
    await refused_as("E_UNAUTHENTICATED", asking, signed(fresh, claims(sub="p-2")))
    issuer.away = False
    issuer.publishes(key, fresh)
    issuer.now += 3
    assert (await asking.verify(token)).person == "p-2"
