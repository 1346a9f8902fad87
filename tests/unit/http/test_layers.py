"""Our layers stand before FastAPI: what goes wrong in an endpoint is answered by them, whether they call it
or FastAPI does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs

from services.audit.reads import ReadingFace
from shared.casework.http.app import Application, make_app
from shared.casework.tokens import TokenVerifier
from shared.kernel.store.driver import open_engine
from shared.kernel.store.types import StoreUnavailable
from shared.kernel.trust import Issuer
from shared.language.refusal import refuse

SECRET = "张三"


async def defect(request: Request) -> Response:
    raise ValueError(SECRET)


async def away(request: Request) -> Response:
    raise StoreUnavailable(SECRET)


async def elsewhere(request: Request) -> Response:
    engine = open_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    async with engine.connect():
        raise AssertionError


async def crowded(request: Request) -> Response:
    raise asyncpg.TooManyConnectionsError(SECRET)


async def restarting(request: Request) -> Response:
    raise DBAPIError("SELECT 1", {}, asyncpg.CannotConnectNowError(SECRET))


async def queued(request: Request) -> Response:
    raise PoolTimeout(SECRET)


async def mistaken(request: Request) -> Response:
    raise asyncpg.UndefinedTableError(SECRET)


async def refused(request: Request) -> Response:
    refuse("E_STATE", "R1")


async def invalid(request: Request) -> Response:
    TypeAdapter(int).validate_python(SECRET)
    raise AssertionError


async def body(request: Request) -> Response:
    return Response(await request.body())


async def halves(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a half"
        raise ValueError(SECRET)

    return StreamingResponse(parts())


AWAY = [elsewhere, crowded, restarting, queued]
WAYS: list[Callable[..., Any]] = [defect, away, *AWAY, mistaken, refused, invalid, body, halves]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def left_to_fastapi(way: Callable[..., Any]) -> Callable[..., Any]:
    """The same endpoint with an argument that FastAPI has to resolve."""

    async def endpoint(asked: Request, limit: int = 1) -> Any:
        return await way(asked)

    return endpoint


@pytest.fixture(params=["called by us", "called by FastAPI"])
async def client(
    registry: CollectorRegistry, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """A service without commands whose routes go wrong in every way."""

    async def ready() -> dict[str, bool]:
        return {"database": True}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    app: Application = make_app(
        name="audit",
        title="toy",
        description="",
        face=ReadingFace(TokenVerifier(Issuer(name="", jwks_url="http://nowhere.invalid/jwks"))),
        commands=[],
        registry=registry,
        ready=ready,
        draining=[False],
        lifespan=lifespan,
        max_body=100,
        max_in_flight=10,
    )
    for way in WAYS:
        endpoint = way if request.param == "called by us" else left_to_fastapi(way)
        app.add_api_route(f"/{way.__name__}", endpoint, methods=["POST"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://toy") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/defect", 500, "E_DEFECT"),
        ("/mistaken", 500, "E_DEFECT"),
        ("/away", 503, "E_UNAVAILABLE"),
        ("/refused", 409, "E_STATE"),
        ("/invalid", 422, "E_SCHEMA"),
        ("/nowhere", 404, "E_NOT_FOUND"),
        ("/refused/", 404, "E_NOT_FOUND"),
    ],
)
async def test_every_failure_is_a_problem_of_ours(
    client: httpx.AsyncClient, registry: CollectorRegistry, path: str, status: int, code: str
) -> None:
    """With the headers of every answer, counted by its route; nothing of the error is told or logged."""
    with capture_logs() as logged:
        answer = await client.post(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (
        "no-store",
        "nosniff",
    )
    assert len(answer.headers["traceparent"]) == 55
    assert SECRET not in answer.text + str(logged)
    told = [(entry["event"], entry["error"]) for entry in logged]
    errors = {"/defect": "ValueError", "/mistaken": "UndefinedTableError"}
    assert told == ([("request_failed", errors[path])] if status == 500 else [])
    route = "unmatched" if status == 404 else path
    labels = {"method": "POST", "route": route, "status": str(status)}
    assert registry.get_sample_value("zm_http_requests_total", labels) == 1


@pytest.mark.parametrize("way", AWAY)
async def test_a_database_that_is_away_is_no_defect_of_any_route(
    client: httpx.AsyncClient, way: Callable[..., Any]
) -> None:
    """The answer is 503, come back, however the route asks for it; and a warning that quotes nothing."""
    with capture_logs() as logged:
        answer = await client.post(f"/{way.__name__}")
    assert (answer.status_code, answer.json()["code"]) == (503, "E_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert [(e["event"], e["log_level"]) for e in logged] == [("database_away", "warning")]
    assert SECRET not in answer.text + str(logged)


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], ids=hex)
async def test_sec1_a_control_character_in_a_path_leads_nowhere(client: httpx.AsyncClient, code: int) -> None:
    """A front door that keeps a path inside and the router behind it read the same string: `$` of a pattern
    is before a last newline, too."""
    hidden = quote(chr(code))
    for path in (f"/metrics{hidden}", f"{hidden}/metrics", f"/metr{hidden}ics", f"/livez{hidden}"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "E_NOT_FOUND")
    assert (await client.post(f"/body{hidden}", content=b"x")).status_code == 404


async def test_monitors_may_ask_for_the_head_alone(client: httpx.AsyncClient) -> None:
    """RFC 9110 §9.1: a server knows GET and HEAD."""
    for path in ("/livez", "/readyz"):
        assert (await client.head(path)).status_code == 200
        assert (await client.post(path)).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/docs/oauth2-redirect", "/redoc"])
async def test_sec6_no_page_is_there_that_we_did_not_make(client: httpx.AsyncClient, path: str) -> None:
    """FastAPI's take their scripts from elsewhere, onto the origin where people report."""
    assert (await client.get(path)).status_code == 404


async def test_sec6_no_page_fetches_anything_from_elsewhere(client: httpx.AsyncClient) -> None:
    """Everything that a page links to is beside it, so it works under any prefix; its scripts may ask no
    other host."""
    for path in ("/", "/docs"):
        page = await client.get(path)
        assert page.status_code == 200
        policy = dict(
            part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";")
        )
        assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
        assert policy["connect-src"] == "'self'"
        links = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
        assert links
        for link in links:
            assert not link.startswith(("/", "http"))
            assert (await client.get(f"/{link}")).status_code == 200


async def test_the_limit_of_bodies_holds_in_every_route(client: httpx.AsyncClient) -> None:
    """Told beforehand or found out on the way."""
    assert (await client.post("/body", content=b"x" * 100)).content == b"x" * 100

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50

    for content in (b"x" * 101, pieces()):
        answer = await client.post("/body", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "E_BODY_TOO_LARGE")


async def test_half_an_answer_is_not_passed_off_as_a_whole_one(client: httpx.AsyncClient) -> None:
    """The server must close the connection, so the error goes on to it."""
    with pytest.raises(ValueError, match=SECRET):
        await client.post("/halves")
