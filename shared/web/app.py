"""The HTTP face of a service: routes made from its command list, problems, health and metrics.

A command on an existing case is `POST /v1/<plural>/{id}/<command-in-kebab-case>`; one that opens a
case is `POST /v1/<plural>`. Conditional headers follow RFC 9110; `Idempotency-Key` its IETF draft.
"""

from __future__ import annotations

import functools
import gc
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import gate as gates
from shared.command import Command, Token
from shared.contracts.common import LegalBasis
from shared.refusal import Refusal, refuse
from shared.security.tokens import TokenVerifier
from shared.store.types import Appended
from shared.web.middleware import Carrier, Envelope, HttpMetrics, language_of
from shared.web.openapi import command_path, document, operation_ids, posted
from shared.web.problems import problem, refusal_problem, schema_problem

Ready = Callable[[], Awaitable[dict[str, bool]]]
LIFESPAN = Callable[[FastAPI], AbstractAsyncContextManager[None]]
KEY = re.compile(r"^[\x21-\x7e]{8,128}$")


def plain_rows(rows: Iterable[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Rows of a query as JSON objects; the driver's column names are not plain strings."""
    return [{str(name): value for name, value in row.items()} for row in rows]


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, default=str), status, headers, "application/json")


class Face:
    """What hand-written routes of a service need: who asks, and the gate."""

    def __init__(self, gatekeeper: gates.Gatekeeper, verifier: TokenVerifier) -> None:
        self.gatekeeper = gatekeeper
        self.verifier = verifier

    async def token(self, request: Request) -> Token:
        """The verified token of the request; refuses with E_UNAUTHENTICATED."""
        return await self.verifier.verify(request.headers.get("authorization"))

    async def run(
        self, scope: Scope, receive: Receive, command: type[Command], object_id: UUID | None
    ) -> Appended:
        """Reads headers and body, and passes the command through the gate."""
        headers: dict[bytes, bytes] = dict(scope["headers"])

        def told(name: bytes) -> str | None:
            value = headers.get(name)
            return None if value is None else value.decode("latin-1")

        token = None
        if not command.gate.anyone:
            token = self.verifier.known(headers.get(b"authorization"))
            token = token or await self.verifier.verify(told(b"authorization"))
        return await self.gatekeeper.execute(
            gates.Request(
                command=parse(command, await body_of(receive)),
                token=token,
                object_id=object_id,
                idempotency_key=idempotency_key(told(b"idempotency-key")),
                if_match=if_match(told(b"if-match")),
                occurred_at=occurred_at(told(b"occurred-at")),
                legal_basis=legal_basis(told(b"legal-basis")),
                trace_id=scope["state"]["traceparent"].decode()[3:35],
            )
        )


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request; its size was bounded by the envelope."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def parse(command: type[Command], body: bytes) -> Command:
    """The command in a body. NUL is refused everywhere: no text of a person holds it, and PostgreSQL
    could not keep it."""
    if b"\\u0000" in body:
        refuse("E_SCHEMA", "", field="body", reason="NUL character")
    # Strictly: "yes" is no confirmation and `true` is no number, whatever could be made of them.
    return command.__pydantic_validator__.validate_json(body or b"{}", strict=True)  # type: ignore[no-any-return]


def idempotency_key(value: str | None) -> str | None:
    """8 to 128 visible characters, with or without the quotes of a structured field."""
    if value is None:
        return None
    key = value.strip('"')
    if not KEY.match(key):
        refuse("E_IDEMPOTENCY_KEY", "", field="Idempotency-Key")
    return key


def if_match(value: str | None) -> int | None:
    """The version in `If-Match: "7"`; a form that we never gave out matches nothing."""
    if value is None or value.strip() == "*":
        return None
    tag = value.strip().removeprefix("W/").strip('"')
    return int(tag) if tag.isascii() and tag.isdigit() and len(tag) < 10 else -1


def instant(value: str | None, field: str) -> datetime | None:
    """An RFC 3339 instant with offset."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        refuse("E_SCHEMA", "§0.5", field=field, reason="RFC 3339 with offset")
    if parsed.tzinfo is None:
        refuse("E_SCHEMA", "§0.5", field=field, reason="offset missing")
    return parsed


def occurred_at(value: str | None) -> datetime | None:
    """When something happened, within the years that a calendar can tell working days of."""
    happened = instant(value, "Occurred-At")
    if happened is not None and not 1900 <= happened.year < 3000:
        refuse("E_SCHEMA", "§0.5", field="Occurred-At", reason="year out of range")
    return happened


def legal_basis(value: str | None) -> tuple[dict[str, str], ...]:
    """`Legal-Basis`: a JSON list of {instrument, version_date, article} in ASCII (R2)."""
    if value is None:
        return ()
    try:
        cited = orjson.loads(value)
        if not isinstance(cited, list) or len(cited) > 20:
            raise ValueError
        return tuple(LegalBasis.model_validate(b).model_dump(mode="json") for b in cited)
    except (ValueError, TypeError):
        refuse("E_SCHEMA", "R2", field="Legal-Basis")


def object_id(value: str) -> UUID:
    """The id in a path; what is no id is simply not found."""
    try:
        return UUID(value)
    except ValueError:
        refuse("E_NOT_FOUND")


def page_number(value: str | None, field: str, default: int, maximum: int, *, minimum: int = 0) -> int:
    """A whole number of a query string within its bounds."""
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 20 and minimum <= int(value) <= maximum):
        refuse("E_SCHEMA", "", field=field, minimum=minimum, maximum=maximum)
    return int(value)


class Application(FastAPI):
    """FastAPI with our own layers before it, not within it: what they answer, every command above all, meets
    none of FastAPI's."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._front: ASGIApp = super().__call__

    def put_before(self, layer: Callable[[ASGIApp], ASGIApp]) -> None:
        """Adds a layer around what is there."""
        self._front = layer(self._front)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front(scope, receive, send)


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
) -> Application:
    """A FastAPI application with a route per command; services add what is special about theirs."""
    app = Application(
        title=title,
        description=description,
        version="1",
        lifespan=_settled(lifespan),
        redoc_url=None,
        docs_url="/docs",
        redirect_slashes=False,  # behind a front door it would lead out of the service's prefix
        # FastAPI's own would tell an exporter messages and stack traces, which may hold somebody's data.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    commands = posted(commands)
    names = operation_ids(commands)
    routes = {command_path(c): (c, _document(app, c, names[c])) for c in commands}
    _add_operations(app, registry, ready, draining)
    _add_problem_handlers(app)
    package, server = (f"services.{within or name}", f"/{within}/{name}" if within else f"/{name}")
    app.openapi = functools.cache(lambda: document(app, commands, package, server))  # type: ignore[method-assign]
    app.add_middleware(Carrier)
    if routes:
        app.put_before(functools.partial(CommandRoutes, face=face, routes=routes))
    envelope = functools.partial(
        Envelope,
        metrics=HttpMetrics(registry),
        max_body=max_body,
        max_in_flight=max_in_flight,
        larger=larger or {},
        for_anyone=for_anyone,
    )
    app.put_before(envelope)
    return app


def _settled(lifespan: LIFESPAN) -> LIFESPAN:
    """After the start the collector leaves alone what lives as long as the process (classes, law, routes):
    walking it again and again was a quarter of the time of a busy process."""

    @asynccontextmanager
    async def settled(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 20, 20)
            yield

    return settled


class CommandRoutes:
    """Answers what is posted to the route of a command; everything else goes on to FastAPI.

    A command takes nothing that FastAPI could resolve, and the layers before an endpoint of FastAPI cost
    as much as the gate: so FastAPI has these routes only for the document and to refuse other methods.
    """

    def __init__(self, app: ASGIApp, *, face: Face, routes: Mapping[str, tuple[type[Command], Any]]) -> None:
        self.app = app
        self.face = face
        self.routes = routes
        """Commands and their documented routes by path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found, target = self._find(scope) if scope["type"] == "http" else (None, None)
        if found is None:
            await self.app(scope, receive, send)
            return
        command, scope["route"] = found
        id = None if target is None else object_id(target)
        answer = (await self.face.run(scope, receive, command, id)).answer
        body = orjson.dumps(answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"etag", b'"%d"' % answer["version"]),
            (b"position", b"%d" % answer["position"]),
        ]
        if command.creates:
            # Relative to the request's own address, so it holds behind any front door (RFC 9110 §10.2.2).
            headers.append((b"location", f"{command.on.plural}/{answer['id']}".encode()))
        status = 201 if command.creates else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _find(self, scope: Scope) -> tuple[tuple[type[Command], Any] | None, str | None]:
        """The command of a path, and the id that stands in it."""
        if scope["method"] != "POST":
            return None, None
        path: str = scope["path"]
        if (found := self.routes.get(path)) is not None:
            return found, None
        base, _, name = path.rpartition("/")
        base, _, target = base.rpartition("/")
        return (self.routes.get(f"{base}/{{id}}/{name}") if target else None), target


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


def _add_operations(app: FastAPI, registry: CollectorRegistry, ready: Ready, draining: list[bool]) -> None:
    async def livez() -> Response:
        """The process answers."""
        return json_response({"live": True})

    async def readyz() -> Response:
        """The database answers and nobody asked us to stop. The broker's absence does not matter:
        complaints must be accepted without it."""
        state = await ready()
        ok = all(state.values()) and not draining[0]
        return json_response({"ready": ok, **state}, 200 if ok else 503)

    async def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/livez", livez, include_in_schema=False)
    app.add_api_route("/readyz", readyz, include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)


def _add_problem_handlers(app: FastAPI) -> None:
    async def on_refusal(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, Refusal)
        return refusal_problem(exc, language_of(request))

    async def on_invalid(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        return schema_problem(exc.errors(), language_of(request))

    async def on_http(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        code = {404: "E_NOT_FOUND", 405: "E_METHOD"}.get(exc.status_code, "E_SCHEMA")
        headers = {k.lower(): v for k, v in (exc.headers or {}).items()}
        return problem(code, accept_language=language_of(request), headers=headers)

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
