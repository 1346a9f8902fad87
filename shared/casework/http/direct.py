"""The direct way of a command: a request that has arrived whole is answered without ASGI between (ADR 21).

uvicorn's own protocol keeps connections, time limits, pipelining and the stop. Only a POST to a command's
route that came in one piece, on a connection where nothing else is under way, is taken from it; everything
else goes on to ASGI as if this were not here. `tests/unit/http/test_direct.py` holds the answers of both ways
equal, byte by byte.
"""

from __future__ import annotations

from collections.abc import Coroutine
from itertools import chain
from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.casework.http.commands import Answer, Called, CommandRoutes
from shared.kernel.http.middleware import (
    ALWAYS,
    DEFECT,
    UNMATCHED,
    Overloaded,
    RequestGuard,
    problem_of,
    trace_of,
)
from shared.kernel.trace import follow


class Direct:
    """An application's commands as the protocol asks for them."""

    def __init__(self, guard: RequestGuard, routes: CommandRoutes) -> None:
        self.guard = guard
        self._routes = routes
        self.most = guard.max_body
        """Bytes of a body; ASGI refuses more."""

    def find(self, url: bytes) -> Called | None:
        """The command that a target calls. None where ASGI is to see to it: it calls no command, must be
        decoded first, or has limits of its own."""
        path = url.decode("latin-1")
        if "%" in path or "?" in path or "#" in path or self.guard.is_special(path):
            return None
        return self._routes.find(path)

    async def answer(self, called: Called, headers: dict[bytes, bytes], body: bytes) -> Answer:
        """Carries out a command within the limits of the guard and counts it. A failure is answered,
        too."""
        guard, started = self.guard, perf_counter()
        trace = trace_of(headers.get(b"traceparent"))
        follow(trace[3:35].decode())
        status, route = DEFECT, UNMATCHED
        guard.in_flight += 1
        try:
            if guard.in_flight > guard.max_in_flight:
                raise Overloaded
            route = called.route.path
            token = await self._routes.face.caller(called.command, headers)
            answer = await self._routes.carry_out(called, token, body, headers, trace)
            status = answer.status
        except Exception as error:
            language = headers.get(b"accept-language", b"").decode("latin-1")
            problem = problem_of(error, language, route)
            status = problem.status_code
            answer = Answer(status, problem.raw_headers, bytes(problem.body))
        finally:
            guard.in_flight -= 1
            guard.metrics.note("POST", route, status, perf_counter() - started)
        answer.headers.append((b"traceparent", trace))
        answer.headers.extend(ALWAYS)
        return answer


class _Nobody:
    """A stand-in for the event of a cycle whose body nobody waits for."""

    def set(self) -> None: ...


class _Cycle:
    """A request under way, as far as uvicorn's protocol asks for it."""

    message_event = _Nobody()

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False


class CommandProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the direct way in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._direct: Direct | None = getattr(self.app, "direct", None)
        self._called: Called | None = None
        """The command whose body is arriving."""
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()

    def on_headers_complete(self) -> None:
        direct, parser = self._direct, self.parser
        if (
            direct is not None
            and parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not parser.should_upgrade()
        ):
            self._called = direct.find(self.url)
        if self._called is None:
            super().on_headers_complete()
            return
        # Now, since trailers behind a chunked body would stand among them.
        self._headers, self._body = dict(self.headers), bytearray()

    def on_body(self, body: bytes) -> None:
        if self._called is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        called, direct = self._called, self._direct
        if called is None or direct is None:
            super().on_message_complete()
        elif len(self._body) > direct.most:
            self._hand_over()
            super().on_message_complete()
        else:
            self._called = None
            self.cycle = cycle = _Cycle(self.parser.should_keep_alive())  # type: ignore[assignment]
            asked = direct.answer(called, self._headers, bytes(self._body))
            task = self.loop.create_task(self._answer(asked, cycle))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._called is not None and not self.transport.is_closing():
            self._hand_over()  # there is more to come, and ASGI waits for it in its own time

    def _hand_over(self) -> None:
        self._called = None
        super().on_headers_complete()
        super().on_body(bytes(self._body))

    async def _answer(self, asked: Coroutine[Any, Any, Answer], cycle: _Cycle) -> None:
        try:
            answer = await asked
            if self.flow.write_paused:
                await self.flow.drain()
            if not cycle.disconnected and not self.transport.is_closing():
                self._write(answer, cycle.keep_alive)
        except BaseException:  # above all: the time to stop is over, and nobody can say whether it was done
            self.transport.close()
            raise
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _write(self, answer: Answer, keep_alive: bool) -> None:
        content = [STATUS_LINE[answer.status]]
        for name, value in chain(self.server_state.default_headers, answer.headers):
            content += (name, b": ", value, b"\r\n")
        if not keep_alive:
            content.append(b"connection: close\r\n")
        content += (b"\r\n", answer.body)
        self.transport.write(b"".join(content))
