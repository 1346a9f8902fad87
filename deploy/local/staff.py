"""The staff of the seeded organs, imported as an identity provider's export would be (B8)."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.local.people import people

ANYBODY = "petition_head@DI-99"
PATIENCE_SECONDS = 30.0


def export() -> dict[str, Any]:
    """Everybody of the seeds who serves in an organ, as the import takes it."""
    members = [
        {"person": i.sub, "name": i.name, "organ": i.organ, "department": i.dept or "", "roles": list(i.role)}
        for i in people().values()
        if i.organ is not None
    ]
    return {"organs": sorted({member["organ"] for member in members}), "members": members}


def bring_in(intake: str, token: str, told: Mapping[str, Any] | None = None) -> None:
    """Sends the export to intake, or what is `told` instead. A directory that is as it was stays so."""
    _ask("POST", f"{intake}/v1/staff", token, told or export())


def await_copies(services: Iterable[str], token: str) -> None:
    """Waits until services, by their addresses, know the staff. Raises TimeoutError."""
    until = time.monotonic() + PATIENCE_SECONDS
    for url in services:
        while not _ask("GET", f"{url}/v1/staff?limit=1", token)["items"]:
            if time.monotonic() > until:
                raise TimeoutError(f"{url} was not told of the staff")
            time.sleep(0.05)


def _ask(method: str, url: str, token: str, body: Mapping[str, Any] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 - our own loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return json.loads(response.read())
