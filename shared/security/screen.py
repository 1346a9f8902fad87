"""Asking the vault whether a text would reveal who reported (SEC-12). Fails closed: no answer, no text."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.refusal import refuse

SUBJECT = "zm.vault.screen"
WAIT_SECONDS = 3.0


class RemoteScreen:
    """The screen as the services other than intake reach it."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def leaks(self, complaints: Sequence[str], texts: Sequence[str]) -> bool:
        """True or false; refuses with E_SCREEN_UNAVAILABLE (503) when the vault does not answer."""
        question = orjson.dumps({"complaint_refs": list(complaints), "texts": list(texts)})
        try:
            reply = orjson.loads((await self._nc.request(SUBJECT, question, timeout=WAIT_SECONDS)).data)
        except (NatsError, TimeoutError, OSError, ValueError):
            refuse("E_SCREEN_UNAVAILABLE", "SEC-12")
        if not isinstance(reply.get("leak"), bool):
            refuse("E_SCREEN_UNAVAILABLE", "SEC-12")
        return bool(reply["leak"])
