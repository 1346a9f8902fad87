"""The issuer signs for seeded people and service accounts only, and carries the clock's control port."""

from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from deploy.local.clockfile import ClockReader
from deploy.local.issuer import AUDIENCE, Settings, client_secret, create_app, people_password
from deploy.local.people import clients, people

ISSUER = "http://127.0.0.1:8080/issuer"
ORGANS = {
    "DI-99": "PROVINCE",
    "DI-9901": "CITY",
    "DI-990101": "COUNTY",
    "DI-990102": "COUNTY",
    "DI-990101001": "TOWNSHIP",
    "DI-990102100": "TOWNSHIP",
}
OF_THREE = "DI-990102101"
"""A township whose three people hold three roles each."""
EVERYWHERE = {
    "petition_clerk",
    "petition_head",
    "handler",
    "handling_dept_head",
    "deputy_leader",
    "organ_head",
    "revisit_officer",
}
FROM_COUNTY = {
    "clarification_approver",
    "case_manager",
    "publicity_officer",
    "identity_custodian",
    "internal_supervisor",
    "auditor",
    "statistics_viewer",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ISSUER, tmp_path, tmp_path / "clock")


def connect(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(settings)), base_url="http://issuer")


async def test_a_persons_token(settings: Settings) -> None:
    async with connect(settings) as http:
        form = {"grant_type": "password", "username": "handler@DI-990102100#2"}
        answer = await http.post("/token", data=form | {"password": people_password(settings.keys)})
        keys = KeySet.import_key_set((await http.get("/jwks.json")).json())
    assert answer.json()["token_type"] == "Bearer"
    token = jwt.decode(answer.json()["access_token"], keys, algorithms=["ES256"])
    claims = token.claims
    assert token.header["kid"] == keys.keys[0].kid
    assert claims["iss"] == ISSUER
    assert claims["aud"] == AUDIENCE
    assert claims["sub"] == "p-990102100-handler-2"
    assert claims["role"] == ["handler"]
    assert claims["organ"] == "DI-990102100"
    assert claims["dept"] == "supervision_dept"
    assert "虚" in claims["name"]
    assert claims["exp"] - claims["iat"] == 3600


async def test_the_platforms_token_by_both_ways_of_signing_in(settings: Settings) -> None:
    secret = client_secret(settings.keys, "petition-platform")
    form = {"grant_type": "client_credentials"}
    async with connect(settings) as http:
        basic = await http.post("/token", data=form, auth=("petition-platform", secret))
        posted = form | {"client_id": "petition-platform", "client_secret": secret}
        post = await http.post("/token", data=posted)
        keys = KeySet.import_key_set((await http.get("/jwks.json")).json())
    for answer in (basic, post):
        claims = jwt.decode(answer.json()["access_token"], keys, algorithms=["ES256"]).claims
        assert claims["role"] == ["platform_integration"]
        assert claims["organ"] == "DI-99"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "handler@DI-99", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "password", "username": "nobody@DI-99", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "password", "username": "handler@DI-99"}, "invalid_grant"),
        ({"grant_type": "client_credentials", "client_id": "petition-platform"}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": ""}, "invalid_client"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_others_get_none(settings: Settings, form: dict[str, str], error: str) -> None:
    async with connect(settings) as http:
        answer = await http.post("/token", data=form)
    assert answer.json() == {"error": error}
    assert answer.status_code in (400, 401)


async def test_the_key_stays_the_same_from_start_to_start(settings: Settings) -> None:
    async with connect(settings) as one, connect(settings) as two:
        first, second = (await one.get("/jwks.json")).json(), (await two.get("/jwks.json")).json()
    assert first == second
    assert "d" not in first["keys"][0]


async def test_the_discovery_document_names_the_front_door(settings: Settings) -> None:
    async with connect(settings) as http:
        document = (await http.get("/.well-known/openid-configuration")).json()
    assert document["issuer"] == ISSUER
    assert document["jwks_uri"] == f"{ISSUER}/jwks.json"


async def test_the_clock_is_moved_forward_only(settings: Settings) -> None:
    assert settings.clock_file is not None
    async with connect(settings) as http:
        assert (await http.put("/clock", json={"now": "2022-03-01T09:00:00+08:00"})).status_code == 200
        assert (await http.get("/clock")).json() == {"mode": "simulated", "now": "2022-03-01T01:00:00+00:00"}
        back = await http.put("/clock", json={"now": "2022-02-28T09:00:00Z"})
        assert back.status_code == 409
        assert (await http.put("/clock", json={"now": "2022-03-02T09:00:00"})).status_code == 422
    assert ClockReader(settings.clock_file).now().isoformat() == "2022-03-01T01:00:00+00:00"


async def test_the_system_clock_is_not_set(tmp_path: Path) -> None:
    async with connect(Settings(ISSUER, tmp_path, None)) as http:
        assert (await http.get("/clock")).json()["mode"] == "system"
        assert (await http.put("/clock", json={"now": "2022-03-01T09:00:00Z"})).status_code == 409


def test_every_staff_role_is_seeded_where_it_exists() -> None:
    expected = set()
    for organ, level in ORGANS.items():
        roles = set(EVERYWHERE)
        if level != "TOWNSHIP":
            roles |= FROM_COUNTY
        if level in ("CITY", "PROVINCE"):
            roles.add("city_approver")
        expected |= {f"{role}@{organ}" for role in roles} | {f"handler@{organ}#2"}
    expected |= {f"{role}@{OF_THREE}" for role in ("organ_head", "deputy_leader", "petition_clerk")}
    assert {name for name in people() if "@" in name} == expected
    for name, person in people().items():
        if "@" in name:
            role, _, organ = name.partition("@")
            assert person.role[0] == role
            assert len(person.role) == (3 if organ == OF_THREE else 1)
            assert person.organ == organ.partition("#")[0]


def test_people_are_synthetic_and_distinct() -> None:
    everyone = [*people().values(), *clients().values()]
    assert all("虚" in person.name for person in everyone)
    assert len({person.sub for person in everyone}) == len(everyone)
    assert len({person.name for person in everyone}) == len(everyone)
    assert people()["subject-wu"].name == "吴虚四"
    assert people()["subject-wu"].organ is None
    assert clients()["petition-platform"].organ == "DI-99"
