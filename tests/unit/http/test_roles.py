"""A process that only works in the background serves probes and monitors, and nobody else (ADR 13)."""

from __future__ import annotations

import httpx
import pytest

from deploy.local.stack import SERVICES
from tools.documents import built

OF_AN_API = (
    "/openapi.json",
    "/v1/complaints",
    "/v1/cases/x/timeline",
    "/vault/v1/rewards",
    "/vault/openapi.json",
)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_worker_has_no_api(service: str) -> None:
    """A worker once answered every command, since nothing read the setting."""
    with built(service, roles="worker") as app:
        assert app.direct is None
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://worker") as http:
            assert (await http.get("/livez")).status_code == 200
            assert (await http.get("/metrics")).status_code == 200
            assert (await http.get("/readyz")).json()["database"] is False
            for path in OF_AN_API:
                for method in ("GET", "POST"):
                    answer = await http.request(method, path)
                    assert answer.status_code == 404
                    assert answer.json()["code"] == "E_NOT_FOUND"
    with built(service, roles="api") as app:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
            assert (await http.get("/openapi.json")).status_code == 200
