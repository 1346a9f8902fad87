"""Commands over HTTP: reads a request's command, asks the gate, and puts its answer in form.

Conditional headers follow RFC 9110; `Idempotency-Key` its IETF draft.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.casework.command import Command, Token
from shared.casework.gate import OUTSIDE_ORGANS, CommandGate, Submission
from shared.casework.http.openapi import command_path
from shared.casework.http.places import Places
from shared.casework.http.values import idempotency_key, if_match, legal_basis, object_id, occurred_at, parse
from shared.casework.tokens import TokenVerifier
from shared.kernel import spans
from shared.kernel.http.middleware import body_of
from shared.kernel.store.types import Appended

Headers = Mapping[bytes, bytes]
"""Headers of a request by their names in lower case; of several of one name, the last."""


def as_it_is(token: Token) -> Token:
    """The token itself, where nobody stands in for anybody."""
    return token


class Face:
    """The caller, the gate, and the place to which somebody's own deeds have moved the log: for hand-written
    routes."""

    def __init__(
        self,
        command_gate: CommandGate,
        verifier: TokenVerifier,
        places: Places,
        standing_in: Callable[[Token], Token] = as_it_is,
    ) -> None:
        """`standing_in` gives a token the roles in which its person stands in for others (B5)."""
        self.command_gate = command_gate
        self.verifier = verifier
        self.places = places
        self._standing_in = standing_in

    async def token(self, request: Request) -> Token:
        """The verified token of the request, with the roles in which its person stands in for others (B5);
        refuses with E_UNAUTHENTICATED."""
        return self._standing_in(await self.verifier.verify(request.headers.get("authorization")))

    async def caller(self, command: type[Command], headers: Headers) -> Token | None:
        """The caller of a command; None where it takes no token. Refuses with E_UNAUTHENTICATED."""
        if command.gate.anyone:
            return None
        given = headers.get(b"authorization")
        known = self.verifier.known(given) or await self.verifier.verify(_told(headers, b"authorization"))
        return self._standing_in(known)

    async def run(
        self, command: Command, token: Token | None, object_id: UUID | None, headers: Headers, trace: bytes
    ) -> Appended:
        """Reads the headers that condition a command, and passes it through the gate."""
        submission = Submission(
            command=command,
            token=token,
            object_id=object_id,
            idempotency_key=idempotency_key(_told(headers, b"idempotency-key")),
            if_match=if_match(_told(headers, b"if-match")),
            occurred_at=occurred_at(_told(headers, b"occurred-at")),
            legal_basis=legal_basis(_told(headers, b"legal-basis")),
            trace_id=trace[3:35].decode(),
        )
        if token is None or not spans.told():
            return await self.command_gate.execute(submission)
        name, path = type(command).__name__, command_path(type(command))
        with spans.call("command", name, path, trace, self.command_gate.service, token.roles):
            return await self.command_gate.execute(submission)


def _told(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


class Called(NamedTuple):
    """The command of a request."""

    command: type[Command]
    route: Any
    """The route as FastAPI documents it."""
    target: str | None
    """The id in the path, as it was written."""


class Answer(NamedTuple):
    """The answer that is sent back."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class CommandRoutes:
    """Answers requests that are posted to the route of a command; everything else goes on to FastAPI.

    A command takes nothing that FastAPI could resolve, and the layers before an endpoint of FastAPI cost as
    much as the gate: so FastAPI has these routes only for the document and to refuse other methods.
    """

    def __init__(self, app: ASGIApp, *, face: Face, routes: Mapping[str, tuple[type[Command], Any]]) -> None:
        """`routes`: commands and their documented routes, by path; `{id}` stands for an id."""
        self.app = app
        self.face = face
        self._opening = {path: found for path, found in routes.items() if "{" not in path}
        self._acting = {path: found for path, found in routes.items() if "{" in path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        posted = scope["type"] == "http" and scope["method"] == "POST"
        called = self.find(scope["path"]) if posted else None
        if called is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = called.route
        headers = dict(scope["headers"])
        token = await self.face.caller(called.command, headers)
        body = await body_of(receive)
        answer = await self.carry_out(called, token, body, headers, scope["state"]["traceparent"])
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    def find(self, path: str) -> Called | None:
        """The command that a path calls, and the id that stands in it."""
        if (found := self._opening.get(path)) is not None:
            return Called(*found, None)
        base, _, name = path.rpartition("/")
        base, _, target = base.rpartition("/")
        found = self._acting.get(f"{base}/{{id}}/{name}") if target else None
        return None if found is None else Called(*found, target)

    async def carry_out(
        self, called: Called, token: Token | None, body: bytes, headers: Headers, trace: bytes
    ) -> Answer:
        """Gives a command to the gate, and renders its answer."""
        command, _, target = called
        id = None if target is None else object_id(target)
        answer = (await self.face.run(parse(command, body), token, id, headers, trace)).answer
        told = {name: value for name, value in answer.items() if name != "position"}
        if command.creates and token is not None and token.roles & OUTSIDE_ORGANS:
            told["number"] = ""  # those between two of theirs would count what others opened (B53)
        content = orjson.dumps(told)
        headed = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            (b"etag", b'"%d"' % told["version"]),
        ]
        if token is not None:
            headed.append((b"position", self.face.places.seal(token.person, answer["position"]).encode()))
        if command.creates:
            # Relative to the request's own address, so it holds behind any front door (RFC 9110 §10.2.2).
            headed.append((b"location", f"{command.plural}/{told['id']}".encode()))
        return Answer(201 if command.creates else 200, headed, content)
