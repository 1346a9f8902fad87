"""Calls the endpoints that take a request and give a response; everything else goes on to FastAPI.

Such an endpoint has nothing that FastAPI could resolve, and its layers before one take as long as a page. So
FastAPI has these routes only for the document and to refuse other methods (ADR 22).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

Key = tuple[str | None, ...]
"""The parts of a path, None for each that is a parameter."""


class Table(NamedTuple):
    """The routes of one method whose paths have as many parts, and parameters in the same places."""

    parameters: tuple[int, ...]
    routes: dict[Key, APIRoute]


class Endpoints:
    """The layer right before FastAPI."""

    def __init__(self, app: ASGIApp, *, documented: FastAPI) -> None:
        """`documented`: the application to which the routes are added; it is read at the first request."""
        self.app = app
        self._documented = documented

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = found
        response = await found[0].endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def find(self, method: str, path: str) -> tuple[APIRoute, dict[str, str]] | None:
        """The route that a path meets, with its parameters."""
        parts = path.split("/")
        for places, routes in self._tables.get((method, len(parts)), ()):
            key: list[str | None] = list(parts)
            for place in places:
                key[place] = None
            route = routes.get(tuple(key))
            if route is not None and all(parts[place] for place in places):
                return route, {_name(route, place): parts[place] for place in places}
        return None

    @cached_property
    def _tables(self) -> dict[tuple[str, int], list[Table]]:
        """The tables by method and number of parts; the fewer parameters a route has, the sooner it is
        tried."""
        tables: dict[tuple[str, int], dict[tuple[int, ...], Table]] = {}
        for route in taking_a_request(self._documented):
            parts = route.path.split("/")
            places = tuple(n for n, part in enumerate(parts) if part.startswith("{"))
            key = tuple(None if n in places else part for n, part in enumerate(parts))
            for method in route.methods or ():
                alike = tables.setdefault((method, len(parts)), {})
                alike.setdefault(places, Table(places, {})).routes.setdefault(key, route)
        return {of: sorted(alike.values(), key=_generality) for of, alike in tables.items()}


def taking_a_request(app: FastAPI) -> Iterator[APIRoute]:
    """The routes whose endpoints take a request and nothing else, and whose parameters are parts of a path;
    one like `{key:path}`, which may hold several, is FastAPI's."""
    for route in app.routes:
        if not isinstance(route, APIRoute) or ":" in route.path:
            continue
        if list(inspect.signature(route.endpoint).parameters) == ["request"]:
            yield route


def _name(route: APIRoute, place: int) -> str:
    return route.path.split("/")[place][1:-1]


def _generality(table: Table) -> tuple[int, Sequence[int]]:
    return len(table.parameters), table.parameters
