"""The one connection of a process to NATS, with the client's harmful defaults set right.

nats-py gives up after 60 attempts and then stays closed without a word, and notices a dead server
only after four minutes. Here it tries for ever, notices within half a minute (the inbox's heartbeats
within seconds), and a connection that closes all the same is fatal to the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

import nats.errors
import structlog
from nats.aio.client import Client

from shared.kernel.bus.names import inbox_prefix
from shared.kernel.trust import Trust

log = structlog.get_logger(__name__)
SYSTEM = Trust()
_connecting: dict[Client, asyncio.Task[None]] = {}
_ending: WeakSet[Client] = WeakSet()


class _Connection(Client):
    """The client, made to try again also after a TLS handshake that failed.

    The library waits for the socket of such an attempt to close, which by then nobody would tell it: one bad
    handshake, and the process never reached the broker again (test_a_broker_that_asks_for_no_tls).
    """

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]
                self._transport = None  # nothing is left to wait for
            raise

    async def close(self) -> None:
        """Closes the connection. One that has not begun to connect has nothing to close, and the library
        fails at it."""
        if self._flush_queue is not None:
            await super().close()


def new_client() -> Client:
    """A client that is not connected yet, for parts that are made before there is an event loop."""
    return _Connection()


async def connect(
    nats_url: str,
    seed_file: Path | None,
    service: str,
    on_error: Callable[[Exception], None],
    on_fatal: Callable[[], None],
    *,
    wait: bool = True,
    trust: Trust = SYSTEM,
    client: Client | None = None,
) -> Client:
    """Connects as a service; `seed_file` holds its nkey. `client` is one that `new_client` made.

    With `wait=False` it returns at once and goes on connecting behind the caller's back: a service
    must start, and accept, while the broker is down. `on_error` counts (a refused permission shows
    nowhere else: the request itself only times out). `on_fatal` must end the process.
    """

    async def error(problem: Exception) -> None:
        log.warning("nats.error", service=service, error=type(problem).__name__, text=str(problem))
        on_error(problem)

    async def closed() -> None:
        if client in _ending:
            return
        log.error("nats.closed", service=service)
        on_fatal()

    client = new_client() if client is None else client
    task = asyncio.create_task(
        client.connect(
            nats_url.split(","),
            name=service,
            error_cb=error,
            closed_cb=closed,
            connect_timeout=2,
            reconnect_time_wait=1,
            max_reconnect_attempts=-1,
            ping_interval=10,
            max_outstanding_pings=2,
            # The client would follow a server that asks for no TLS, whatever the URL says.
            tls_handshake_first=nats_url.startswith("tls://"),
            tls=trust.context() if nats_url.startswith("tls://") else None,
            nkeys_seed=str(seed_file) if seed_file else None,
            inbox_prefix=inbox_prefix(service),
        )
    )
    if wait:
        await task
        return client

    def finished(done: asyncio.Task[None]) -> None:
        del _connecting[client]
        if not done.cancelled() and (problem := done.exception()) is not None:
            log.error("nats.never_connected", service=service, error=type(problem).__name__)
            on_fatal()

    _connecting[client] = task  # the loop itself keeps only a weak reference
    task.add_done_callback(finished)
    return client


async def disconnect(client: Client, patience: float = 5.0) -> None:
    """Ends a connection that we want ended: what was sent is flushed, `on_fatal` is not called."""
    _ending.add(client)
    if attempt := _connecting.get(client):
        attempt.cancel()
        await asyncio.wait([attempt])  # closed in the middle of a handshake, it would wait for ever
    if client.is_connected:
        with suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(patience):
                await client.drain()
    await client.close()


async def settled(client: Client) -> None:
    """Returns when the broker has taken up all that was said: a new subscription hears from now on.

    One `flush` is not enough: its PING goes to the socket at once and overtakes the SUB, which still waits
    for the client's own flusher. The second PING is written after it.
    """
    await client.flush()
    await client.flush()


async def connected(client: Client) -> None:
    """Waits until there is a server to talk to."""
    while not client.is_connected:  # noqa: ASYNC110 - the client has no event to wait for
        await asyncio.sleep(0.05)
