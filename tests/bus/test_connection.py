"""The connection to NATS, seen from the broker's side."""

import asyncio
from asyncio import StreamReader, StreamWriter

from nats.aio.client import Client

from shared.bus.connection import settled

INFO = b'INFO {"server_id":"told","version":"2.15.1","max_payload":1048576,"headers":true}\r\n'


async def test_what_was_said_is_taken_up_before_one_has_settled() -> None:
    """The client's own flush loses this race: its PING overtakes the SUB."""
    heard: list[bytes] = []

    async def broker(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(INFO)
        while line := await reader.readline():
            heard.append(line.split()[0])
            if heard[-1] == b"PING":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(broker, "127.0.0.1", 0) as server:
        client = Client()
        await client.connect(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await client.subscribe("zm.log.alpha")
        await settled(client)
        assert heard[-2:] == [b"SUB", b"PING"]
        await client.close()
