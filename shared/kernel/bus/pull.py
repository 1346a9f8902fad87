"""A standing pull request on a durable consumer.

nats-py's `fetch` returns a batch only when it is full or its time is over, cannot tell an idle server
from a dead one by itself, and hides a consumer that was deleted meanwhile. Here one request stands
open all the time, what has come is handed over at once, and the server's heartbeats are watched.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

_HEARTBEAT = "100"
_OVER = {"404", "408"}
"""The request ended in peace: nothing there, or its time was over."""


class PullEnded(Exception):
    """The consumer, its stream or its server is gone or silent: look again from the beginning."""


class Puller:
    """Messages of one durable consumer as they come. Use as an async context manager."""

    def __init__(
        self,
        nc: Client,
        stream: str,
        durable: str,
        *,
        batch: int = 200,
        heartbeat: float = 1.0,
        expires: float = 30.0,
    ) -> None:
        self._nc = nc
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._batch = batch
        self._patience = heartbeat * 2.5
        self._request = orjson.dumps(
            {
                "batch": batch,
                "expires": int(expires * 1e9),
                "idle_heartbeat": int(heartbeat * 1e9),
            }
        )
        self._inbox = nc.new_inbox()
        self._subscription: Subscription | None = None
        self._arrived: list[Msg] = []
        self._wake = asyncio.Event()
        self._open = 0
        self._ended: str | None = None

    async def __aenter__(self) -> Puller:
        self._subscription = await self._nc.subscribe(self._inbox, cb=self._receive)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None and not self._nc.is_closed:
            await self._subscription.unsubscribe()

    async def next(self, idle: float) -> list[Msg]:
        """The messages that have come; empty when nothing came for `idle` seconds. Raises `PullEnded`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + idle
        while True:
            self._wake.clear()
            messages = self._take()
            if self._ended is not None and not messages:
                raise PullEnded(self._ended)
            if self._open <= 0 and self._ended is None:
                await self._ask()  # before these are worked on, so that the next ones are under way
            if messages:
                return messages
            if loop.time() >= until:
                return []
            try:
                async with asyncio.timeout(self._patience):
                    await self._wake.wait()
            except TimeoutError:
                raise PullEnded("neither message nor heartbeat") from None

    async def _receive(self, message: Msg) -> None:
        self._arrived.append(message)
        self._wake.set()

    async def _ask(self) -> None:
        self._open = self._batch
        await self._nc.publish(self._subject, self._request, reply=self._inbox)

    def _take(self) -> list[Msg]:
        arrived, self._arrived = self._arrived, []
        messages = []
        for message in arrived:
            status = (message.headers or {}).get("Status") if not message.data else None
            if status is None:
                self._open -= 1
                messages.append(message)
            elif status in _OVER:
                self._open = 0
            elif status != _HEARTBEAT:
                self._note_end(status, (message.headers or {}).get("Description", ""))
        return messages

    def _note_end(self, status: str, description: str) -> None:
        if status == "409" and description == "Batch Completed":
            self._open = 0
        else:
            self._ended = f"{status} {description}".strip()
