"""A service without a store, to see how it ends: `python -m tests.unit.http.ending WAY PORT`, where the way
is `stillborn`, `defect` or `stop`.

A request to `/v1/slow` is waited for to its end.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from services.audit.reads import ReadingFace
from shared.casework import service
from shared.casework.http.app import make_app
from shared.casework.tokens import TokenVerifier
from shared.kernel.settings import Settings
from shared.kernel.trust import Issuer


async def slow(request: Request) -> Response:
    await request.body()
    raise ValueError("张三")


async def broken() -> None:
    raise LookupError("张三")


def main(how: str, port: str) -> None:
    database = "postgresql+asyncpg://nobody@localhost/none"
    settings = Settings.from_env(
        "audit", {"ZM_PROFILE": "development", "ZM_PORT": port, "ZM_DATABASE_URL": database}
    )

    async def ready() -> dict[str, bool]:
        return {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if how == "stillborn":
            raise LookupError("张三")
        if how == "defect":
            asyncio.create_task(broken()).add_done_callback(service._ended)
        yield

    app = make_app(
        name="audit",
        title="toy",
        description="",
        face=ReadingFace(TokenVerifier(Issuer(name="", jwks_url="http://nowhere.invalid/jwks"))),
        commands=[],
        registry=CollectorRegistry(),
        ready=ready,
        draining=[False],
        lifespan=lifespan,
        max_body=10_000,
        max_in_flight=10,
    )
    app.add_api_route("/v1/slow", slow, methods=["POST"])
    service.configure_logs("toy")
    service.SHUTDOWN_SECONDS = 1
    service.run_server(app, settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
