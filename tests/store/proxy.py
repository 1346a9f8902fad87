"""A TCP proxy in front of PostgreSQL that cuts the line around a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

COMMIT = b"COMMIT\0"


class CuttingProxy:
    """Passes everything on, until it is armed for the next message that commits (with `sign` in it).

    `before` swallows it: it never happens. `after` passes it on and swallows the answer: it does.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.sign = COMMIT
        self.armed: Literal["", "before", "after"] = ""
        self.refusing = False
        self.frozen = False
        """Takes everything and answers nothing, as a database that was stopped in the middle."""
        self.cuts = 0
        self._upstream = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        cut = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(65536):
                if self.frozen:
                    continue
                if self.armed and self.sign in data:
                    mode, self.armed = self.armed, ""
                    self.cuts += 1
                    cut.set()
                    if mode == "after":
                        upstream_writer.write(data)
                        await upstream_reader_seen.wait()
                    return
                upstream_writer.write(data)

        upstream_reader_seen = asyncio.Event()

        async def down() -> None:
            while data := await upstream_reader.read(65536):
                if cut.is_set():
                    upstream_reader_seen.set()
                    return
                writer.write(data)

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        with suppress(ConnectionError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.transport.abort()
        upstream_writer.transport.abort()


@asynccontextmanager
async def cutting_proxy(port: int) -> AsyncIterator[CuttingProxy]:
    """A proxy on a free port."""
    proxy = CuttingProxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
