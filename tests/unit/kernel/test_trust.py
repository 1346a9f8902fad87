"""The trust of a process over TLS, and in a foreign issuer, by configuration alone."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.casework.tokens import TokenMetrics, TokenVerifier
from shared.kernel.effect import Effect
from shared.kernel.outgoing.adapters import HttpEndpoint, NotDelivered
from shared.kernel.settings import Settings
from shared.kernel.trust import Trust
from shared.language.refusal import Refusal
from tests.certificates import Authority

KEY = ECKey.generate_key("P-256", parameters={"kid": "k1"})
REALM = "/realms/xinfang"
MESSAGE = Effect("k", "toy", {"told": "something"})


class Server:
    """An issuer such as Keycloak: a discovery document, and keys elsewhere; and whoever is POSTed to."""

    def __init__(self) -> None:
        self.port = 0
        self.keys: Any = {"keys": [KEY.as_dict(private=False)]}
        self.over: dict[str, Any] = {}
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return f"https://127.0.0.1:{self.port}{REALM}"

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.asked.append(path)
        found: Any = {
            f"{REALM}/.well-known/openid-configuration": {
                "issuer": self.name,
                "jwks_uri": f"{self.name}/protocol/openid-connect/certs",
                **self.over,
            },
            f"{REALM}/protocol/openid-connect/certs": self.keys,
            "/told": {},
        }.get(path)
        body = orjson.dumps(found)
        status = b"404 Not Found" if found is None else b"200 OK"
        head = b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (status, len(body))
        writer.write(head + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(authority: Authority) -> AsyncIterator[Server]:
    made = Server()
    async with await asyncio.start_server(
        made.answer, "127.0.0.1", 0, ssl=authority.server("server")
    ) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def env_of(server: Server, trust: Trust, **over: str) -> dict[str, str]:
    """The settings of an operator of a house with Keycloak."""
    return {
        "ZM_DATABASE_URL": "postgresql+asyncpg://zm@/zm?host=/run/postgresql",
        "ZM_ISSUER": server.name,
        "ZM_TOKEN_AUDIENCE": "petition-api",
        "ZM_TOKEN_PERSON": "preferred_username",
        "ZM_TOKEN_ROLES": "realm_access.roles",
        "ZM_TOKEN_ORGAN": "https://xinfang.example/organ",
        "ZM_TOKEN_OTHER_ROLES": "ignore",
        "ZM_TOKEN_CA_FILE": trust.ca_file,
        "ZM_TOKEN_CERT_FILE": trust.cert_file,
        "ZM_TOKEN_KEY_FILE": trust.key_file,
        **over,
    }


def verifier_of(env: dict[str, str]) -> tuple[TokenVerifier, CollectorRegistry]:
    registry = CollectorRegistry()
    return TokenVerifier(Settings.from_env("followup", env).issuer, metrics=TokenMetrics(registry)), registry


def keycloak(server: Server, **over: Any) -> str:
    """An access token as Keycloak writes one."""
    now = int(time.time())
    claims = {
        "exp": now + 300,
        "iat": now,
        "jti": "onrtro:1c9f1b1e",
        "iss": server.name,
        "aud": ["petition-api", "account"],
        "sub": "5c1d3b5e-7a53-4f43-8b8c-1f2f0f3f7a11",
        "typ": "Bearer",
        "azp": "petition-web",
        "realm_access": {
            "roles": ["default-roles-xinfang", "offline_access", "handler", "uma_authorization"]
        },
        "resource_access": {"account": {"roles": ["manage-account"]}},
        "scope": "openid profile",
        "preferred_username": "p-990102100-handler",
        "https://xinfang.example/organ": "DI-990102100",
    } | over
    return "Bearer " + jwt.encode({"alg": "ES256", "typ": "JWT", "kid": "k1"}, claims, KEY)


async def refused_as(code: str, verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Refusal) as refused:
        await verifier.verify(token)
    assert refused.value.code == code


async def test_a_token_of_another_shape_passes_by_configuration_alone(authority: Authority) -> None:
    """Discovery, an authority of the house, a client certificate, nested roles beside foreign ones."""
    async with serving(authority) as server:
        verifier, registry = verifier_of(env_of(server, authority.certificate("zhengming")))
        token = await verifier.verify(keycloak(server))
        assert (token.person, token.roles, token.organ) == (
            "p-990102100-handler",
            frozenset({"handler"}),
            "DI-990102100",
        )
        for over in (
            {"aud": "zhengming"},
            {"aud": ["account"]},
            {"preferred_username": None},
            {"realm_access": {"roles": "handler"}},
            {"https://xinfang.example/organ": "DI-77"},
        ):
            await refused_as("E_UNAUTHENTICATED", verifier, keycloak(server, **over))
        # A role that is not ours is nothing to us, and neither is one that stands elsewhere.
        other = keycloak(server, realm_access={"roles": ["system", "offline_access"]}, role=["handler"])
        assert (await verifier.verify(other)).roles == frozenset()
        assert registry.get_sample_value("zm_issuer_away") == 0
        strict, _ = verifier_of(
            env_of(server, authority.certificate("zhengming"), ZM_TOKEN_OTHER_ROLES="refuse")
        )
        await refused_as("E_UNAUTHENTICATED", strict, keycloak(server))


@pytest.mark.parametrize("wrong", ["another authority", "no certificate of ours", "the system's authorities"])
async def test_an_issuer_that_nobody_vouches_for_is_away(
    authority: Authority, tmp_path: Path, wrong: str
) -> None:
    """503, a line in the log and a metric; it was 401 for everybody, without a word."""
    own = authority.certificate("zhengming")
    trust = {
        "another authority": Trust(str(Authority(tmp_path, "another").file), own.cert_file, own.key_file),
        "no certificate of ours": Trust(own.ca_file),
        "the system's authorities": Trust("", own.cert_file, own.key_file),
    }[wrong]
    async with serving(authority) as server:
        verifier, registry = verifier_of(env_of(server, trust))
        with capture_logs() as lines:
            await refused_as("E_UNAVAILABLE", verifier, keycloak(server))
        reasons = {line["reason"] for line in lines if line["event"] == "issuer_away"}
        # Without a certificate of ours it is the server that hangs up, as TLS 1.3 has it after the handshake.
        assert reasons <= {"certificate", "connection"}
        assert reasons
        assert registry.get_sample_value("zm_issuer_away") == 1
        failures = sum(
            sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name == "zm_issuer_failures_total"
        )
        assert failures == 1
        if "authorit" in wrong:
            assert reasons == {"certificate"}
            assert server.asked == []


@pytest.mark.parametrize(
    "over",
    [
        {"issuer": "https://127.0.0.1/another"},
        {"jwks_uri": None},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=repr,
)
async def test_a_discovery_document_is_the_issuers_or_none(
    authority: Authority, over: dict[str, Any]
) -> None:
    """OpenID Connect Discovery §4.3: whoever else answers under its address is not believed."""
    async with serving(authority) as server:
        server.over = over
        verifier, registry = verifier_of(env_of(server, authority.certificate("zhengming")))
        await refused_as("E_UNAVAILABLE", verifier, keycloak(server))
        assert registry.get_sample_value("zm_issuer_failures_total", {"reason": "document"}) == 1


async def test_messages_go_to_who_is_vouched_for_and_asks_for_us(authority: Authority) -> None:
    async with serving(authority) as server:
        url = f"https://127.0.0.1:{server.port}/told"
        await HttpEndpoint(url, trust=authority.certificate("zhengming")).send(MESSAGE)
        assert server.asked == ["/told"]
        with pytest.raises(NotDelivered) as failed:
            await HttpEndpoint(url).send(MESSAGE)
        assert (failed.value.reason, failed.value.final) == ("CERTIFICATE", False)
        assert server.asked == ["/told"]
