"""The layers around every request: limits of size and number, trace and metrics. No request is logged but one
that failed or was cut off, by its route template and place: no path, body, address or person."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import structlog
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client import Counter as Counted
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kernel.http.problems import problem, refusal_problem, schema_problem
from shared.kernel.store.driver import away
from shared.kernel.store.types import StoreUnavailable
from shared.kernel.trace import follow
from shared.language.entropy import fresh
from shared.language.refusal import Refusal, refuse

TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that no path of ours holds. A router behind us may read one otherwise: the end of a line is the
end of a path for one pattern, and not for another."""
BODY_SECONDS = 30.0
LARGER_BODY_SECONDS = 120.0
ANYBODYS_BODY_SECONDS = 10.0
"""A body must have arrived by then."""
ANYBODYS_BODY = 128 * 1024
"""Bytes of a body that needs no token: it is waited for in memory, and holds no place meanwhile."""
WAITING = 4
"""Bodies that are waited for, as a multiple of the places."""
SHARE = 8
"""The divisor of places, and of bodies that are waited for: one path that needs no token gets the eighth
part, so filling one shuts no other."""
CARRIED = "carried"
DEFECT = 500
UNMATCHED = "unmatched"
"""The route of a request that met none, or was not let in."""
log = structlog.get_logger("web")


ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""Headers of every answer: nobody on the way keeps it, and nobody guesses at what it is."""


class BodyTooLarge(Exception):
    """Raised when more bytes arrive than a body may have."""

    def __init__(self, most: int) -> None:
        self.most = most


class BodyTooSlow(Exception):
    """A body had not arrived whole in time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Overloaded(Exception):
    """The limit of requests under way is reached."""


def problem_of(error: Exception, language: str, route: str) -> Response:
    """The problem document that tells a caller what went wrong. A defect is logged by its type and place:
    its message might hold somebody's data."""
    match error:
        case Refusal():
            return refusal_problem(error, language)
        case ValidationError():
            errors = error.errors(include_url=False, include_input=False, include_context=False)
            return schema_problem(errors, language)
        case StoreUnavailable():
            return problem("E_UNAVAILABLE", accept_language=language)
        case Overloaded():
            return problem("E_OVERLOADED", accept_language=language)
        case BodyTooLarge():
            return problem("E_BODY_TOO_LARGE", details={"max_bytes": error.most}, accept_language=language)
        case ClientDisconnect():  # nobody hears it
            return problem("E_BODY_TOO_SLOW", accept_language=language)
        case BodyTooSlow():
            told = {"seconds": int(error.seconds)}
            return problem("E_BODY_TOO_SLOW", details=told, accept_language=language)
    if away(error):
        log.warning("database_away", error=type(error).__name__, route=route, where=_where(error))
        return problem("E_UNAVAILABLE", accept_language=language)
    log.error("request_failed", error=type(error).__name__, route=route, where=_where(error))
    return problem("E_DEFECT", accept_language=language)


class HttpMetrics:
    """Counts and times by route template; never by path, person or address."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counted(
            "zm_http_requests_total", "Requests", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "zm_http_seconds",
            "Duration",
            ["method", "route"],
            registry=registry,
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
        )
        self._of: dict[tuple[str, str, int], tuple[Counted, Histogram]] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one request. The labelled children are looked up once: that costs more than counting."""
        found = self._of.get((method, route, status))
        if found is None:
            found = self.requests.labels(method, route, status), self.seconds.labels(method, route)
            self._of[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)


class RequestGuard:
    """One pure ASGI layer. Overload is answered by 503 with Retry-After before any work is done; an
    unforeseen failure is logged by type and answered by a problem document."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: HttpMetrics,
        max_body: int,
        max_in_flight: int,
        larger: Mapping[str, int],
        for_anyone: str = "",
        routes: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`larger`: the paths whose bodies may be larger than `max_body` bytes, and how large. `for_anyone`:
        prefix of the paths that need no token; together they take half of the places at most, and each a
        share. A place is taken when the body is there: a client that sends drop by drop keeps nobody out.
        `routes`: the paths that there are, asked for at the first request; all others have one share
        together."""
        self.app = app
        self._routes = routes
        self.for_anyone = for_anyone
        self.from_anyone: Counter[str] = Counter()
        """Places that are taken without a token, by path."""
        self.waited_for: Counter[str] = Counter()
        """Bodies from anybody that have not come whole, by path."""
        self.larger = larger
        self.metrics = metrics
        self.max_body = max_body
        self.max_in_flight = max_in_flight
        self.in_flight = 0

    def is_special(self, path: str) -> bool:
        """True if a path has limits of its own."""
        return path in self.larger or (bool(self.for_anyone) and path.startswith(self.for_anyone))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        language = headers.get(b"accept-language", b"").decode("latin-1")
        scope.setdefault("state", {})["traceparent"] = trace = trace_of(headers.get(b"traceparent"))
        follow(trace[3:35].decode())
        status = 500
        answered = False

        async def sending(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                message["headers"] = [*message["headers"], (b"traceparent", trace), *ALWAYS]
            await send(message)

        path, large = scope["path"], scope["path"] in self.larger
        anyone = bool(self.for_anyone) and path.startswith(self.for_anyone)
        first = anyone and not large
        received, whole = 0, False
        most = min(ANYBODYS_BODY, self.max_body) if first else self.larger.get(path, self.max_body)
        seconds = LARGER_BODY_SECONDS if large else ANYBODYS_BODY_SECONDS if first else BODY_SECONDS
        until = asyncio.get_running_loop().time() + seconds

        async def counting() -> Message:
            nonlocal received, whole
            if whole:  # now it waits for the caller to go away
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow(seconds) from None
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > most:
                raise BodyTooLarge(most)
            return message

        try:
            if CONTROL.search(path):
                refuse("E_NOT_FOUND")
            if b"%00" in scope["query_string"]:
                refuse("E_SCHEMA", "", field="query")
            if int(headers.get(b"content-length", b"0") or 0) > most:
                raise BodyTooLarge(most)
            sent = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
            share = (path if path in self._known else UNMATCHED) if anyone else None
            reading: Receive = counting
            if first and sent and share is not None:
                reading = await self._arrived(share, counting, receive)
            with self._place(share):
                await self.app(scope, reading, sending)
            if (carried := scope["state"].pop(CARRIED, None)) is not None:
                raise carried
        except asyncio.CancelledError:
            # The time to stop is over. The server would tell of it in words of its own; of half an answer it
            # closes the connection.
            log.warning("stopped_under_way", route=_route(scope))
            if not answered:
                await problem("E_UNAVAILABLE", accept_language=language, headers={"connection": "close"})(
                    scope, receive, sending
                )
        except Exception as error:
            response = problem_of(error, language, _route(scope))
            if not answered:
                await response(scope, receive, sending)
            elif response.status_code == DEFECT:
                raise
        finally:
            self.metrics.note(scope["method"], _route(scope), status, time.perf_counter() - started)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._routes())

    @contextmanager
    def _place(self, path: str | None) -> Iterator[None]:
        """One of the places; without a token it is counted to its path as well. Raises `Overloaded`."""
        crowded = path is not None and (
            self.from_anyone.total() >= self.max_in_flight // 2
            or self.from_anyone[path] >= max(1, self.max_in_flight // SHARE)
        )
        if crowded or self.in_flight >= self.max_in_flight:
            raise Overloaded
        self.in_flight += 1
        if path is not None:
            self.from_anyone[path] += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            if path is not None:
                self.from_anyone[path] -= 1
                self.from_anyone += Counter()  # forgets the paths that hold none

    async def _arrived(self, path: str, counting: Receive, receive: Receive) -> Receive:
        """Waits for the whole body, and gives it again as one message. Each path has its share of those that
        wait, too."""
        if self.waited_for[path] >= max(1, WAITING * self.max_in_flight // SHARE):
            raise Overloaded
        self.waited_for[path] += 1
        try:
            messages = [await body_of(counting)]
        finally:
            self.waited_for[path] -= 1
            self.waited_for += Counter()

        async def again() -> Message:
            if messages:
                return {"type": "http.request", "body": messages.pop(), "more_body": False}
            return await receive()

        return again


class Carrier:
    """The one layer of ours within FastAPI: carries a failure in a route to the guard, which stands before
    it. FastAPI's own last resort would answer in other words, and have the server log a message that may
    quote somebody's data."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            scope["state"][CARRIED] = error


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", UNMATCHED)


def trace_of(given: bytes | None) -> bytes:
    """The caller's traceparent (W3C Trace Context), or a fresh one."""
    if given is not None and TRACEPARENT.fullmatch(given):
        return given
    ids = fresh(24).hex()
    return f"00-{ids[:32]}-{ids[32:]}-01".encode()


def _where(error: BaseException) -> str:
    """File and line of the innermost frame: enough to find a defect, nothing of the request."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    name = trace.tb_frame.f_code.co_filename.rsplit("/", 2)
    return f"{'/'.join(name[-2:])}:{trace.tb_lineno}"


def language_of(request: Request) -> str:
    return request.headers.get("accept-language", "")


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request; its size was bounded by the guard."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
