"""The direct way of a command and the way through ASGI answer with the same bytes (ADR 21).

Each exchange is played on two servers that differ in their protocol only: uvicorn's own, and ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from services.verification.commands import COMMANDS, RequestReturn, SendQuarterlyFeedback
from shared.casework.command import Token
from shared.casework.gate import CommandGate, Submission
from shared.casework.http import direct
from shared.casework.http.app import Application, make_app
from shared.casework.http.commands import Answer, Called, Face
from shared.casework.http.direct import CommandProtocol, Direct
from shared.casework.http.openapi import command_path
from shared.casework.http.places import Places
from shared.casework.tokens import TokenVerifier
from shared.kernel.http import middleware
from shared.kernel.store.types import Appended, StoreUnavailable
from shared.kernel.trust import Issuer
from shared.language.refusal import refuse

ID = "11111111-2222-4333-8444-555555555555"
COMMAND = command_path(RequestReturn).replace("{id}", ID)
CREATES = command_path(SendQuarterlyFeedback)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
BODY = b'{"reason": "NO_SUBSTANCE", "consulted": "the petition department"}'
QUARTER = b'{"quarter": "2026-Q1"}'
MOST = 400
PLACES = 2
PATIENCE = 60
"""Seconds after which something is lost."""


class Gate:
    """Decides by the idempotency key, so that a request says what is to come of it."""

    def __init__(self) -> None:
        self.asked: list[Submission] = []
        self.go_on = asyncio.Event()

    async def execute(self, request: Submission) -> Appended:
        self.asked.append(request)
        match request.idempotency_key:
            case "refused-01":
                refuse("E_STATE", "R1", state="OPEN")
            case "staleness":
                refuse("E_STALE_VERSION", "", version=3)
            case "away-away":
                raise StoreUnavailable
            case "defective":
                raise ValueError("张三")
            case "waits-long":
                await self.go_on.wait()
        answer = {"state": "OPEN", "id": ID, "version": 4, "position": 17, "number": "CS-1"}
        return Appended((), 17, datetime.now(UTC), answer)


class SamePlaces(Places):
    """Not sealed, so that two answers are the same."""

    def __init__(self) -> None:
        pass

    def seal(self, person: str, position: int) -> str:
        return f"{person}-{position}"


class Verifier(TokenVerifier):
    """Knows one token."""

    async def verify(self, authorization: str | None) -> Token:
        if authorization != "Bearer good":
            refuse("E_UNAUTHENTICATED")
        return Token("p-head", frozenset({"organ_head"}), "DI-990102100", 9e12)


class Counted(Direct):
    """Says how often the direct way was taken."""

    taken = 0

    async def answer(self, called: Called, headers: dict[bytes, bytes], body: bytes) -> Answer:
        self.taken += 1
        return await super().answer(called, headers, body)


class Server:
    """The application behind one of the two protocols."""

    def __init__(self, protocol: type[HttpToolsProtocol], keep_alive: float) -> None:
        self.gate = Gate()
        self.registry = CollectorRegistry()
        self.app = self._app()
        assert self.app.direct is not None
        self.app.direct.__class__ = Counted
        self.direct = cast(Counted, self.app.direct)
        self.guard = self.direct.guard
        settings: dict[str, Any] = {
            "lifespan": "off",
            "proxy_headers": False,
            "timeout_keep_alive": keep_alive,
        }
        self._config = uvicorn.Config(
            self.app, http=protocol, access_log=False, log_level="critical", **settings
        )
        self._config.load()
        self._protocol = protocol
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"Mon, 30 Nov 2026 00:00:00 GMT")]
        self.port = 0
        self.heard = 0
        self._moved = asyncio.Event()

    def _app(self) -> Application:
        async def ready() -> dict[str, bool]:
            return {"database": True}

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            yield

        return make_app(
            name="verification",
            title="toy",
            description="",
            face=Face(cast(CommandGate, self.gate), Verifier(Issuer(name="")), SamePlaces()),
            commands=COMMANDS,
            registry=self.registry,
            ready=ready,
            draining=[False],
            lifespan=lifespan,
            max_body=MOST,
            max_in_flight=PLACES,
        )

    async def hears(self, count: int) -> None:
        """Waits until so many bytes have come in."""
        await self._until(lambda: self.heard >= count)

    async def asked(self, count: int) -> None:
        """Waits until the gate was asked so often."""
        await self._until(lambda: len(self.gate.asked) >= count)

    async def is_alone(self) -> None:
        """Waits until nobody is connected."""
        await self._until(lambda: not self.state.connections)

    async def _until(self, there: Callable[[], bool]) -> None:
        while not there():
            self._moved.clear()
            with suppress(TimeoutError):  # the gate moves nothing
                async with asyncio.timeout(0.01):
                    await self._moved.wait()

    def counted(self) -> dict[tuple[str, ...], float]:
        """Number of requests of each kind that were counted."""
        return {
            tuple(sample.labels.values()): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name in ("zm_http_requests_total", "zm_http_seconds_count")
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Server]:
        server = self

        class Heard(self._protocol):  # type: ignore[name-defined,misc]
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                server.heard += len(data)
                server._moved.set()

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                server._moved.set()

        def connected() -> HttpToolsProtocol:
            return Heard(config=self._config, server_state=self.state, app_state={})

        listening = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.gate.go_on.set()
            listening.close()
            await asyncio.gather(*self.state.tasks, return_exceptions=True)


def asking(
    target: str = COMMAND,
    body: bytes = BODY,
    *headers: str,
    key: str = "agreeable",
    method: str = "POST",
    http: str = "1.1",
    length: bool = True,
) -> bytes:
    lines = [
        f"{method} {target} HTTP/{http}",
        "Host: toy",
        "Authorization: Bearer good",
        f"Idempotency-Key: {key}",
        f"traceparent: {TRACE}",
        *([f"Content-Length: {len(body)}"] if length else []),
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CHUNKED = "Transfer-Encoding: chunked"
HALF = len(BODY) // 2
PIECES = b"%x\r\n%s\r\n" % (HALF, BODY[:HALF]), b"%x\r\n%s\r\n" % (len(BODY) - HALF, BODY[HALF:])
END = b"0\r\n\r\n"
TOO_MUCH = b" " * (MOST + 1)
LIVE = b"GET /livez HTTP/1.1\r\nHost: toy\r\ntraceparent: %s\r\n\r\n" % TRACE.encode()

Sent = Sequence[bytes]
"""One request, piece by piece."""
DIRECT: dict[str, Sent] = {
    "on a case": [asking()],
    "creates": [asking(CREATES, QUARTER)],
    "refused": [asking(key="refused-01")],
    "stale": [asking(COMMAND, BODY, 'If-Match: "2"', key="staleness")],
    "nobody known": [asking().replace(b"Bearer good", b"Bearer bad")],
    "store away": [asking(key="away-away")],
    "defect": [asking(key="defective")],
    "in English": [asking(COMMAND, BODY, "Accept-Language: en", key="refused-01")],
    "not the form of a body": [asking(COMMAND, b"{")],
    "an unknown member": [asking(COMMAND, b'{"reason": "NO_SUBSTANCE", "consulted": "x", "more": 1}')],
    "no body": [asking(COMMAND, b"")],
    "NUL": [asking(COMMAND, b'{"consulted": "\\u0000"}')],
    "no such id": [asking(COMMAND.replace(ID, "nobody"))],
    "the template of an id": [asking(COMMAND.replace(ID, "{id}"))],
    "a bad key": [asking(key="short")],
    "a bad date": [asking(COMMAND, BODY, "Occurred-At: yesterday")],
    "a bad basis": [asking(COMMAND, BODY, "Legal-Basis: [1]")],
    "closes": [asking(COMMAND, BODY, "Connection: close")],
    "as large as may be": [asking(COMMAND, BODY + b" " * (MOST - len(BODY)))],
    "chunked": [asking(COMMAND, b"".join((*PIECES, END)), CHUNKED, length=False)],
    "headers in two pieces": [asking()[:60], asking()[60:]],
    "of two headers the last": [asking(COMMAND, BODY, "Idempotency-Key: refused-01")],
}
"""Requests that go the direct way."""
THROUGH_ASGI: dict[str, Sent] = {
    "a body in two pieces": [asking()[:-HALF], asking()[-HALF:]],
    "chunked, in pieces": [asking(COMMAND, PIECES[0], CHUNKED, length=False), PIECES[1], END],
    "a bad chunk": [asking(COMMAND, PIECES[0], CHUNKED, length=False), b"no length\r\n"],
    "too large": [asking(COMMAND, TOO_MUCH)],
    "too large, in pieces": [asking(COMMAND, TOO_MUCH)[:-90], b" " * 90],
    "too large, chunked": [
        asking(COMMAND, b"%x\r\n%s\r\n%s" % (len(TOO_MUCH), TOO_MUCH, END), CHUNKED, length=False)
    ],
    "expects to be told": [asking(COMMAND, BODY, "Expect: 100-continue")],
    "HTTP/1.0": [asking(http="1.0")],
    "HTTP/1.0, kept": [asking(COMMAND, BODY, "Connection: keep-alive", http="1.0")],
    "an upgrade": [asking(COMMAND, BODY, "Connection: Upgrade, close", "Upgrade: h2c")],
    "another method": [asking(method="PUT")],
    "an encoded path": [asking(COMMAND.replace("v1", "%761"))],
    "an encoded id": [asking(COMMAND.replace("1111", "%31111", 1))],
    "a fragment": [asking(COMMAND.replace(ID, f"{ID}#a"))],
    "a query that looks like a path": [asking(COMMAND.replace(ID, f"{ID}?a="))],
    "a query": [asking(COMMAND + "?a=b")],
    "NUL in the query": [asking(COMMAND + "?a=%00")],
    "no such command": [asking("/v1/verifications")],
    "absolute": [asking("http://toy" + COMMAND)],
    "no request": [b"what is this\r\n\r\n"],
}
"""Requests that only look like those."""


class Client:
    """One connection."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer

    @classmethod
    async def of(cls, server: Server) -> Client:
        return cls(server, *await asyncio.open_connection("127.0.0.1", server.port))

    async def send(self, piece: bytes) -> None:
        """Waits until the server has it, so that what is sent next is a piece of its own."""
        due = self._server.heard + len(piece)
        self._writer.write(piece)
        await self._server.hears(due)

    async def answer(self) -> bytes:
        """The next answer, and before it what only says to go on."""
        async with asyncio.timeout(PATIENCE):
            head = await self._reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 1"):
            return head + await self.answer()
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        body = await self._reader.readexactly(int(length[1]))
        return re.sub(rb"date: [^\r]+", b"date: now", head) + body

    async def is_closed(self) -> bool:
        """True if nothing follows; waits for it."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def both(keep_alive: float = 60) -> AsyncIterator[tuple[Server, Server]]:
    ours, theirs = Server(CommandProtocol, keep_alive), Server(HttpToolsProtocol, keep_alive)
    async with ours.serving(), theirs.serving():
        yield ours, theirs


async def played(server: Server, requests: Sequence[Sent]) -> list[bytes]:
    """Requests on one connection, one after the other; then the connection is closed, or answers still."""
    client = await Client.of(server)
    answers: list[bytes] = []
    for sent in requests:
        for piece in sent:
            await client.send(piece)
        answers.append(await client.answer())
    if b"connection: close" in answers[-1]:
        assert await client.is_closed()
    else:
        await client.send(LIVE)
        answers.append(await client.answer())
    client.close()
    return answers


@pytest.mark.parametrize("name", [*DIRECT, *THROUGH_ASGI])
async def test_both_ways_answer_alike(name: str) -> None:
    """Status, headers, body, and whether the connection goes on; so with the gate and the counts."""
    sent = (DIRECT | THROUGH_ASGI)[name]
    async with both() as (ours, theirs):
        with capture_logs() as logged:
            assert await played(ours, [sent]) == await played(theirs, [sent])
    assert ours.gate.asked == theirs.gate.asked
    assert ours.counted() == theirs.counted()
    assert (ours.direct.taken, theirs.direct.taken) == (int(name in DIRECT), 0)
    assert logged[: len(logged) // 2] == logged[len(logged) // 2 :]
    assert "张三" not in str(logged)


async def test_a_connection_is_used_again_in_every_order() -> None:
    """The rest of one request does not reach the next, whichever way they go."""
    kept = [sent for name, sent in (DIRECT | THROUGH_ASGI).items() if name in KEPT]
    requests = [*kept, *reversed(kept), *kept]
    async with both() as (ours, theirs):
        assert await played(ours, requests) == await played(theirs, requests)
    assert ours.gate.asked == theirs.gate.asked


KEPT = {
    "on a case",
    "creates",
    "refused",
    "not the form of a body",
    "a body in two pieces",
    "too large",
    "a query",
}


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Sent at once, also behind one whose decision takes its time."""
    requests = [asking(key="waits-long"), asking(CREATES, QUARTER), LIVE, asking(key="refused-01"), asking()]
    told = {}
    async with both() as servers:
        for server in servers:
            client = await Client.of(server)
            await client.send(b"".join(requests))
            server.gate.go_on.set()
            told[server] = [await client.answer() for _ in requests]
            client.close()
    ours, theirs = servers
    assert told[ours] == told[theirs]
    assert ours.direct.taken == 1
    assert ours.gate.asked == theirs.gate.asked


async def test_no_more_are_under_way_than_may_be() -> None:
    """The limit holds whichever way each of them came."""
    told = {}
    async with both() as servers:
        for server in servers:
            waiting = [await Client.of(server) for _ in range(PLACES)]
            await waiting[0].send(asking(key="waits-long"))
            await waiting[1].send(asking(COMMAND + "?by=asgi", key="waits-long"))
            await server.asked(PLACES)
            late = await Client.of(server)
            await late.send(asking())
            told[server] = [await late.answer()]
            server.gate.go_on.set()
            told[server] += [await client.answer() for client in waiting]
            await late.send(asking())
            told[server].append(await late.answer())
            for client in (*waiting, late):
                client.close()
    ours, theirs = servers
    assert told[ours] == told[theirs]
    assert [answer[9:12] for answer in told[ours]] == [b"503", b"200", b"200", b"200"]
    assert ours.counted()["POST", "unmatched", "503"] == theirs.counted()["POST", "unmatched", "503"] == 1


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.05)
    async with both() as servers:
        told = []
        for server in servers:
            client = await Client.of(server)
            await client.send(asking()[:-HALF])
            told.append(await client.answer())
            client.close()
    assert told[0] == told[1]
    assert told[0].startswith(b"HTTP/1.1 408")


async def test_an_idle_connection_is_closed() -> None:
    async with both(keep_alive=0.05) as servers:
        for server in servers:
            client = await Client.of(server)
            await client.send(asking())
            await client.answer()
            assert await client.is_closed()


async def test_a_stop_waits_for_what_is_under_way() -> None:
    """The answer says that the connection ends with it; an idle connection ends at once."""
    told = []
    async with both() as servers:
        for server in servers:
            busy, idle = await Client.of(server), await Client.of(server)
            await idle.send(asking())
            await idle.answer()
            await busy.send(asking(key="waits-long"))
            for connection in list(server.state.connections):
                connection.shutdown()
            assert await idle.is_closed()
            assert server.state.tasks  # what the server waits for
            server.gate.go_on.set()
            told.append(await busy.answer())
            assert await busy.is_closed()
    assert told[0] == told[1]
    assert b"connection: close" in told[0]


async def test_a_caller_who_has_gone_is_not_answered() -> None:
    """A caller's command is carried out, counted, and nothing stays under way."""
    async with both() as servers:
        for server in servers:
            client = await Client.of(server)
            await client.send(asking(key="waits-long"))
            await server.asked(1)
            client.close()
            await server.is_alone()
            server.gate.go_on.set()
            await asyncio.gather(*server.state.tasks)
    ours, theirs = servers
    assert ours.counted() == theirs.counted()
    assert ours.guard.in_flight == theirs.guard.in_flight == 0


async def test_a_caller_who_has_gone_is_not_answered_behind_a_pipeline() -> None:
    """Nobody reads from a connection on which a request waits, so nobody sees that it is gone: answers are
    written, and fall away."""
    async with Server(CommandProtocol, 60).serving() as server:
        client = await Client.of(server)
        await client.send(asking(key="waits-long") + LIVE)
        await server.asked(1)
        client.close()
        server.gate.go_on.set()
        while tasks := list(server.state.tasks):
            assert set(await asyncio.gather(*tasks, return_exceptions=True)) == {None}
        await server.is_alone()
        assert server.guard.in_flight == 0


async def test_what_follows_a_body_changes_nothing() -> None:
    """Trailers of a chunked body are no headers of the command. That the connection ends is heard: the parser
    takes nothing more."""
    trailers = b"0\r\nConnection: close\r\nIdempotency-Key: refused-01\r\n\r\n"
    async with Server(CommandProtocol, 60).serving() as server:
        sent = asking(COMMAND, b"".join((*PIECES, trailers)), CHUNKED, length=False)
        [answer] = await played(server, [[sent]])
        assert server.direct.taken == 1
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer


async def test_nothing_that_goes_wrong_leaves_a_connection_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the answer to a defect has a defect."""

    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(direct, "problem_of", broken)
    async with Server(CommandProtocol, 60).serving() as server:
        client = await Client.of(server)
        await client.send(asking(key="refused-01"))
        assert await client.is_closed()
        assert server.guard.in_flight == 0


async def test_when_the_time_to_stop_is_over_the_connection_ends() -> None:
    """Nobody can say whether the command was carried out, so nothing is said of it."""
    async with Server(CommandProtocol, 60).serving() as server:
        client = await Client.of(server)
        await client.send(asking(key="waits-long"))
        await server.asked(1)
        for task in server.state.tasks:
            task.cancel()
        assert await client.is_closed()
        assert server.guard.in_flight == 0
        assert {key[-1] for key in server.counted() if len(key) > 2} == {"500"}
