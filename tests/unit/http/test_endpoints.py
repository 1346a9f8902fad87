"""Our own dispatch meets the routes that FastAPI would meet, in every service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from shared.casework.http.endpoints import Endpoints
from tools.documents import AUDIT, WRITING, built

VAULT = "vault"


@pytest.fixture(scope="module", params=[*WRITING, AUDIT, VAULT])
def app(request: pytest.FixtureRequest) -> Iterator[FastAPI]:
    with built("intake" if request.param == VAULT else request.param) as made:
        yield made.state.vault if request.param == VAULT else made


def met_by_fastapi(app: FastAPI, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The route that FastAPI answers by, as it stands in the document."""
    scope: Scope = {"type": "http", "method": method, "path": path, "headers": []}
    for route in app.routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            assert isinstance(route, APIRoute)
            return route.path, found["path_params"]
    return None


def ours(app: FastAPI) -> list[APIRoute]:
    """The routes that a person or a system asks; not those of commands, which have a way of their own, nor
    the one whose parameter may hold a slash."""
    operations = ("/livez", "/readyz", "/metrics")
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.path not in operations]
    return [r for r in routes if r.endpoint.__name__ != "elsewhere" and ":path}" not in r.path]


def test_every_endpoint_is_met_as_fastapi_would(app: FastAPI) -> None:
    """With its parameters; and none is, where another method is asked, or a parameter is empty."""
    endpoints = Endpoints(app, documented=app)
    assert ours(app)
    for route in ours(app):
        paths = {
            value: "/".join(value if part.startswith("{") else part for part in route.path.split("/"))
            for value in ("11111111-2222-4333-8444-555555555555", "complaints", "{id}", " ", "中", "")
        }
        for method in route.methods or ():
            assert endpoints.find(method, paths["complaints"]) is not None
            for path in (*paths.values(), f"{route.path}/", f"/{route.path}", f"{route.path}/more"):
                found = endpoints.find(method, path)
                told = found and (found[0].path, found[1])
                assert told == met_by_fastapi(app, method, path)
                assert endpoints.find("DELETE", path) is None


def test_the_path_with_fewer_parameters_comes_first() -> None:
    app = FastAPI(docs_url=None, openapi_url=None)

    async def answer(request: Request) -> Response:
        return Response()

    for path in ("/v1/{kind}/{id}", "/v1/cases/{id}", "/v1/{kind}/all", "/v1/cases/all"):
        app.add_api_route(path, answer)
    find = Endpoints(app, documented=app).find
    for asked, met in (
        ("/v1/cases/all", "/v1/cases/all"),
        ("/v1/cases/7", "/v1/cases/{id}"),
        ("/v1/plans/all", "/v1/{kind}/all"),
        ("/v1/plans/7", "/v1/{kind}/{id}"),
    ):
        found = find("GET", asked)
        assert found is not None
        assert found[0].path == met


def test_an_endpoint_with_other_arguments_is_left_to_fastapi() -> None:
    app = FastAPI(docs_url=None, openapi_url=None)

    async def number(number: int) -> Response:
        return Response()

    app.add_api_route("/v1/{number}", number)
    assert Endpoints(app, documented=app).find("GET", "/v1/7") is None
