"""The connection to NATS, seen from the broker's side."""

import asyncio
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from deploy.local.nats import Nats
from shared.kernel.bus.connection import connect, disconnect, new_client, settled
from shared.kernel.trust import Trust
from tests.certificates import Authority

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


async def test_a_client_that_was_made_before_is_the_one_that_connects() -> None:
    """Parts hold it from the beginning. It ends also where it has not begun to connect."""
    made, idle = new_client(), new_client()
    nowhere = ("nats://127.0.0.1:9", None, "alpha", lambda error: None, lambda: None)
    assert await connect(*nowhere, wait=False, client=made) is made
    await disconnect(made)
    await disconnect(idle)
    assert not asyncio.all_tasks() - {asyncio.current_task()}


CLIENT_HELLO = 0x16


async def test_a_broker_that_asks_for_no_tls_is_told_nothing() -> None:
    """Somebody in between who answers in clear gets the beginning of a TLS handshake, and neither the name
    of the service nor a message."""
    first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def in_between(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(INFO)
        told = await reader.read(1)
        if not first.done():
            first.set_result(told)
        writer.close()

    async with await asyncio.start_server(in_between, "127.0.0.1", 0) as server:
        url = f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = await connect(url, None, "alpha", lambda error: None, lambda: None, wait=False)
        assert (await first)[0] == CLIENT_HELLO
        assert not client.is_connected
        await disconnect(client)


class TlsNats(Nats):
    """A broker that speaks TLS from the first byte, and asks for a certificate."""

    trust: Trust

    def _config(self) -> dict[str, Any]:
        tls = {
            "cert_file": self.trust.cert_file,
            "key_file": self.trust.key_file,
            "ca_file": self.trust.ca_file,
            "verify": True,
            "handshake_first": True,
        }
        return {**super()._config(), "tls": tls}


@pytest.mark.external
async def test_a_broker_that_is_vouched_for_is_trusted_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it trusts who shows a certificate, and nobody else: TLS is mutual."""
    authority = Authority(tmp_path)
    broker = TlsNats(tmp_path / "nats", tmp_path, tmp_path / "nats.log", ["alpha"])
    broker.trust = authority.certificate("broker")
    own = authority.certificate("alpha")
    broker.start()
    try:
        url, seed = broker.url.replace("nats://", "tls://"), broker.seed_file("alpha")
        for wrong in (Trust("", own.cert_file, own.key_file), Trust(own.ca_file)):
            failed = asyncio.Queue[Exception]()
            stranger = await connect(
                url, seed, "alpha", failed.put_nowait, lambda: None, wait=False, trust=wrong
            )
            await failed.get()
            assert not stranger.is_connected
            await disconnect(stranger)
        known = await connect(url, seed, "alpha", lambda error: None, lambda: None, trust=own)
        assert known.is_connected
        await disconnect(known)
        monkeypatch.setenv("SSL_CERT_FILE", own.ca_file)
        by_the_system = Trust("", own.cert_file, own.key_file)
        known = await connect(url, seed, "alpha", lambda error: None, lambda: None, trust=by_the_system)
        assert known.is_connected
        await disconnect(known)
    finally:
        broker.stop()
