"""A service answers for its own log, so that a listener who finds a hole in the stream can fill it.

Request on `zm.log.<service>`: {"after": position, "limit": n}. Answer: the messages that the relay would
publish, one a line, as many as fit one NATS message; empty when there is nothing after. Its headers tell the
epoch of the log, the id of the event at `after`, and whether there is more: a listener that goes on from a
position learns whether it is the log that it knows.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import nats.errors
import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.kernel.bus.connection import connected, settled
from shared.kernel.bus.envelope import BusKey, to_cloudevent
from shared.kernel.bus.log import Log
from shared.kernel.bus.names import EPOCH, FOLLOWS, MORE, PROBLEM, log_subject
from shared.kernel.bus.observer import Observer

log = structlog.get_logger(__name__)
MOST_AT_ONCE = 500
_ROOM_FOR_HEADERS = 1024


class LogUnavailable(Exception):
    """The producer does not answer for its log now."""


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a producer's log, which event it follows, and the epoch in which the log is."""

    lines: list[bytes]
    follows: UUID | None
    epoch: UUID
    more: bool


class LogServer:
    """Answers requests for one service's log. Replicas share the work as a queue group."""

    def __init__(
        self, service: str, nc: Client, log: Log, key: BusKey, observer: Observer | None = None
    ) -> None:
        self._service = service
        self._nc = nc
        self._log = log
        self._key = key
        self._observer = observer or Observer()
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begins to answer, once there is a broker; the subscription survives reconnections by itself."""
        await connected(self._nc)
        self._subscription = await self._nc.subscribe(
            log_subject(self._service), queue=self._service, cb=self._answer
        )
        with suppress(nats.errors.Error):  # gone again: it subscribes by itself when it is back
            await settled(self._nc)  # a listener who is told that we answer may ask at once

    async def stop(self) -> None:
        """Answers what was asked, then no more."""
        if self._subscription is not None and self._nc.is_connected:
            await self._subscription.drain()  # type: ignore[no-untyped-call]

    async def _answer(self, request: Msg) -> None:
        if not request.reply:
            return
        try:
            asked = orjson.loads(request.data)
            after, limit = int(asked["after"]), min(int(asked["limit"]), MOST_AT_ONCE)
        except (ValueError, KeyError, TypeError):
            await self._refuse(request, "bad request")
            return
        try:
            answer, headers = await self._page(after, limit)
        except Exception as error:  # the asker must hear of it, or it waits for nothing
            self._observer.error("log_server", error)
            log.warning("log_server.failed", service=self._service, error=type(error).__name__)
            await self._refuse(request, "unavailable")
            return
        await self._nc.publish(request.reply, answer, headers=headers)

    async def _refuse(self, request: Msg, problem: str) -> None:
        await self._nc.publish(request.reply, headers={PROBLEM: problem})

    async def _page(self, after: int, limit: int) -> tuple[bytes, dict[str, str]]:
        epoch = await self._log.epoch()
        headers = {EPOCH: str(epoch)}
        if after and (follows := await self._log.find_event(after)) is not None:
            headers[FOLLOWS] = str(follows)
        room = self._nc.max_payload - _ROOM_FOR_HEADERS
        lines: list[bytes] = []
        entries = await self._log.read(after, limit)
        for entry in entries:
            line = to_cloudevent(entry, self._key, epoch)
            room -= len(line) + 1
            if room < 0 and lines:
                break
            lines.append(line)
        if len(lines) < len(entries) or len(entries) == limit:
            headers[MORE] = "1"
        return b"\n".join(lines), headers


async def fetch_log(nc: Client, service: str, after: int, limit: int, *, within: float = 5.0) -> Page:
    """A piece of a producer's log after a position, from its store. Raises `LogUnavailable`."""
    question = orjson.dumps({"after": after, "limit": limit})
    try:
        answer = await nc.request(log_subject(service), question, timeout=within)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise LogUnavailable(f"{service}: {type(error).__name__}") from error
    headers = answer.headers or {}
    if PROBLEM in headers:
        raise LogUnavailable(f"{service}: {headers[PROBLEM]}")
    lines = answer.data.split(b"\n") if answer.data else []
    follows = UUID(headers[FOLLOWS]) if FOLLOWS in headers else None
    return Page(lines, follows, UUID(headers[EPOCH]), MORE in headers)
