"""Serves pages to browsers: a landing page, and the service's API drawn by Swagger UI.

All that a page needs comes from the service itself, by addresses relative to the page: it works without a
network, and behind a front door whatever its prefix. No script from elsewhere runs on the origin to which
reports are sent, and none that is here may ask another host for anything.
"""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

ASSETS = "fastapi_standalone_docs"
"""The wheel in which Swagger UI comes; nothing of its code is run."""
FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
START_FILE = "start.js"
PAGES = ("/", "/docs", *(f"/docs/{file}" for file in (START_FILE, *FILES)), "/openapi.json")
"""The paths that anybody may open."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""


def add_pages(app: FastAPI, title: str, title_zh: str) -> None:
    """Adds `/` and `/docs`."""
    name = html.escape(f"{title} {title_zh}".strip())
    landing = _page(
        name,
        f"<h1>{name}</h1>\n"
        '<ul>\n<li><a href="docs">API</a></li>\n<li><a href="openapi.json">OpenAPI 3.1</a></li>\n'
        "</ul>",
    )
    drawn = _page(
        name,
        '<link rel="stylesheet" href="./docs/swagger-ui.css">\n<div id="api"></div>\n'
        '<script src="./docs/swagger-ui-bundle.js"></script>\n<script src="./docs/start.js"></script>',
    )
    _add(app, "/", lambda: (landing, "text/html"))
    _add(app, "/docs", lambda: (drawn, "text/html"))
    _add(app, f"/docs/{START_FILE}", lambda: (START.encode(), "text/javascript"))
    for file, media_type in FILES.items():
        _add(app, f"/docs/{file}", lambda file=file, of=media_type: (_asset(file), of))  # type: ignore[misc]


def _add(app: FastAPI, path: str, content: Callable[[], tuple[bytes, str]]) -> None:
    app.add_api_route(path, _answering(content), methods=["GET"], include_in_schema=False)


def _answering(content: Callable[[], tuple[bytes, str]]) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        body, media_type = content()
        return Response(body, headers={"content-security-policy": POLICY}, media_type=media_type)

    return page


def _page(name: str, body: str) -> bytes:
    head = f'<meta charset="utf-8">\n<link rel="icon" href="data:,">\n<title>{name}</title>'
    return f'<!doctype html>\n<html lang="zh-CN">\n{head}\n{body}\n</html>\n'.encode()


@cache
def _asset(name: str) -> bytes:
    found = importlib.util.find_spec(ASSETS)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(ASSETS)
    return (Path(found.submodule_search_locations[0]) / "static" / "swagger" / name).read_bytes()
