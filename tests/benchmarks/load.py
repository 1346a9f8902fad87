"""A load generator that costs little: ready-made requests on bare sockets, answers found by their length.

There are two cores for everything, so what the client takes the servers lack; it is the same for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from nats.nuid import NUID

CONNECTIONS = 64
_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(slots=True)
class Tally:
    """Counts of the answers."""

    answers: int = 0
    refused: list[bytes] = field(default_factory=list)
    """The beginnings of answers that were not 2xx."""


class _Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, and sends the next one until the time is over."""

    def __init__(self, requests: Iterator[bytes], tally: Tally, until: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._tally = tally
        self._until = until
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's is not an asyncio.Transport
        self._send()

    def _send(self) -> None:
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        head = buffer.find(_END)
        if head < 0:
            return
        start = buffer.lower().find(_LENGTH, 0, head) + len(_LENGTH)
        length = int(buffer[start : buffer.find(b"\r", start)])
        if len(buffer) < head + len(_END) + length:
            return
        self._buffer = b""
        now = perf_counter()
        self._tally.answers += 1
        if buffer[9:10] != b"2":
            self._tally.refused.append(buffer[:600])
        if now < self._until and not self._tally.refused:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(exc)


def requests(path: str, token: str, body: bytes) -> Iterator[bytes]:
    """The same POST again and again, each under a fresh idempotency key."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
    ).encode()
    keys = NUID()
    while True:
        yield b"%s%s\r\n\r\n%s" % (head, bytes(keys.next()), body)


async def pace(
    port: int, make: Callable[[], Iterator[bytes]], rate: int, seconds: float, connections: int = CONNECTIONS
) -> list[float]:
    """Seconds from when each request was due to its answer, while so many a second are due whatever becomes
    of those before (an open load): one that finds no connection free waits, and its wait counts."""
    loop = asyncio.get_running_loop()
    source, taken = make(), []
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def serve() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (since := await due.get()) is not None:
            writer.write(next(source))
            head = await reader.readuntil(_END)
            start = head.lower().index(_LENGTH) + len(_LENGTH)
            await reader.readexactly(int(head[start : head.index(b"\r", start)]))
            if head[9:10] != b"2":
                raise RuntimeError(f"refused: {head!r}")
            taken.append(loop.time() - since)
        writer.close()

    async with asyncio.timeout(seconds + 30), asyncio.TaskGroup() as servants:
        for _ in range(connections):
            servants.create_task(serve())
        began = loop.time()
        for n in range(int(rate * seconds)):
            await asyncio.sleep(began + n / rate - loop.time())
            due.put_nowait(began + n / rate)
        for _ in range(connections):
            due.put_nowait(None)
    return taken


async def drive(
    port: int, make: Callable[[], Iterator[bytes]], seconds: float, connections: int = CONNECTIONS
) -> float:
    """Requests per second over so many connections. Any refusal is an error."""
    loop = asyncio.get_running_loop()
    tally, source = Tally(), make()
    started = perf_counter()
    protocols = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(
            lambda: _Connection(source, tally, started + seconds), "127.0.0.1", port
        )
        protocols.append(protocol)
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(protocol.done for protocol in protocols))
    if tally.refused:
        raise RuntimeError(f"refused: {tally.refused[0]!r}")
    return tally.answers / (perf_counter() - started)
