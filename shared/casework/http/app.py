"""The HTTP face of a service: routes made from its command list, problems, health and metrics.

A command on an existing case is `POST /v1/<plural>/{id}/<command-in-kebab-case>`; one that opens a
case is `POST /v1/<plural>`. Conditional headers follow RFC 9110; `Idempotency-Key` its IETF draft.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.casework.command import Command
from shared.casework.http.commands import CommandRoutes, Face
from shared.casework.http.direct import Direct
from shared.casework.http.endpoints import Endpoints
from shared.casework.http.openapi import command_path, document, operation_ids, posted
from shared.casework.http.values import json_response
from shared.kernel.http.middleware import Carrier, HttpMetrics, RequestGuard, language_of
from shared.kernel.http.pages import add_pages
from shared.kernel.http.problems import problem, schema_problem

Ready = Callable[[], Awaitable[dict[str, bool]]]
Halted = Callable[[], Iterable[str]]
"""The parts that stand still until somebody has looked."""
OPERATIONS = frozenset({"/livez", "/readyz", "/metrics"})
"""The paths that probes and monitors ask."""
Layer = TypeVar("Layer", bound=ASGIApp)
LIFESPAN = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Application(FastAPI):
    """FastAPI with our own layers before it, not within it: what they answer, every command above all, meets
    none of FastAPI's."""

    direct: Direct | None = None
    """The way of a command past ASGI, where it has one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # What is told of the routes as they are added: see `readgate.reads_of`, `describe` and `define`.
        self.state.reads = []
        self.state.gives, self.state.webhooks, self.state.schemas = {}, {}, {}
        self._front: ASGIApp = super().__call__

    def put_before(self, layer: Callable[[ASGIApp], Layer]) -> Layer:
        """Adds a layer around what is there, and gives it back."""
        self._front = added = layer(self._front)
        return added

    def answer_operations_only(self) -> None:
        """Answers only probes and monitors from now on; all other paths are not here: a process that only
        works in the background has no API (ADR 13)."""
        self.direct = None
        self.put_before(OperationsOnly)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)


class OperationsOnly:
    """The layer of a process that serves nobody."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPERATIONS:
            await self.app(scope, receive, send)
            return
        answer = problem("E_NOT_FOUND", accept_language=language_of(Request(scope)))
        await answer(scope, receive, send)


def make_app(
    *,
    name: str,
    title: str,
    description: str,
    face: Face,
    commands: Sequence[type[Command]],
    registry: CollectorRegistry,
    ready: Ready,
    draining: list[bool],
    lifespan: LIFESPAN,
    max_body: int,
    max_in_flight: int,
    larger: Mapping[str, int] | None = None,
    for_anyone: str = "",
    within: str = "",
    halted: Halted = tuple,
    title_zh: str = "",
) -> Application:
    """A FastAPI application with a route per command; services add what is special about theirs."""
    app = Application(
        title=title,
        description=description,
        version="1",
        lifespan=_settled(lifespan),
        redoc_url=None,
        docs_url=None,  # FastAPI's page takes its scripts from elsewhere; see shared.kernel.http.pages
        redirect_slashes=False,  # behind a front door it would lead out of the service's prefix
        # FastAPI's own would tell an exporter messages and stack traces, which may hold somebody's data.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    commands = posted(commands)
    names = operation_ids(commands)
    routes = {command_path(c): (c, _document(app, c, names[c])) for c in commands}
    _add_operations(app, registry, ready, halted, draining)
    add_pages(app, title, title_zh)
    _add_problem_handlers(app)
    package, server = (f"services.{within or name}", f"/{within}/{name}" if within else f"/{name}")
    app.openapi = functools.cache(lambda: document(app, commands, package, server, title_zh))  # type: ignore[method-assign]
    app.add_middleware(Carrier)
    app.put_before(functools.partial(Endpoints, documented=app))
    inner = app.put_before(functools.partial(CommandRoutes, face=face, routes=routes))
    guard = app.put_before(
        functools.partial(
            RequestGuard,
            metrics=HttpMetrics(registry),
            max_body=max_body,
            max_in_flight=max_in_flight,
            larger=larger or {},
            for_anyone=for_anyone,
            routes=lambda: (route.path for route in app.routes if isinstance(route, Route)),
        )
    )
    app.direct = Direct(guard, inner)
    return app


def _settled(lifespan: LIFESPAN) -> LIFESPAN:
    """Has the collector, after the start, leave alone the objects that live as long as the process (classes,
    law, routes): walking them again and again was a quarter of the time of a busy process."""

    @asynccontextmanager
    async def settled(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)
            yield

    return settled


def _document(app: FastAPI, command: type[Command], operation_id: str) -> BaseRoute:
    """The route of a command as FastAPI knows it."""

    async def elsewhere() -> Response:
        raise NotImplementedError("CommandRoutes answers")

    app.add_api_route(
        command_path(command),
        elsewhere,
        methods=["POST"],
        name=command.__name__,
        operation_id=operation_id,
        summary=" ".join((command.__doc__ or "").split()).split(". ")[0].removesuffix("."),
        status_code=201 if command.creates else 200,
        response_class=Response,
        tags=[command.on.kind],
    )
    return app.routes[-1]


def _add_operations(
    app: FastAPI, registry: CollectorRegistry, ready: Ready, halted: Halted, draining: list[bool]
) -> None:
    async def livez() -> Response:
        """The process answers."""
        return json_response({"live": True})

    async def readyz() -> Response:
        """The database answers, the read models have been made, the clock is right, and nobody asked us to
        stop. The broker's absence does not matter: complaints must be accepted without it. Nor does a read
        model that stands still: its lists are E_NOT_YET, which is told here by name, and everything else can
        be done."""
        state = await ready()
        ok = all(state.values()) and not draining[0]
        return json_response({"ready": ok, **state, "halted": sorted(halted())}, 200 if ok else 503)

    async def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    probed = ["GET", "HEAD"]  # monitors ask for no more than the status
    app.add_api_route("/livez", livez, methods=probed, include_in_schema=False)
    app.add_api_route("/readyz", readyz, methods=probed, include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)


def _methods_of(request: Request) -> list[str]:
    """The methods that a path allows (RFC 9110 §10.2.1): FastAPI names those of its first route alone."""
    routes = [
        r for r in request.app.routes if isinstance(r, Route) and r.path_regex.match(request.scope["path"])
    ]
    return sorted({method for route in routes for method in route.methods or ()})


def _add_problem_handlers(app: FastAPI) -> None:
    """Answers the errors that FastAPI finds by itself. The guard answers those that an endpoint raises."""

    async def on_invalid(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        return schema_problem(exc.errors(), language_of(request))

    async def on_http(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        code = {404: "E_NOT_FOUND", 405: "E_METHOD"}.get(exc.status_code, "E_SCHEMA")
        headers = {k.lower(): v for k, v in (exc.headers or {}).items()}
        if exc.status_code == 405:
            headers["allow"] = ", ".join(_methods_of(request))
        return problem(code, accept_language=language_of(request), headers=headers)

    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
