"""The connection to NATS, seen from the broker's side."""

import asyncio
import ipaddress
from asyncio import StreamReader, StreamWriter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nats.aio.client import Client

from deploy.local.nats import Nats
from shared.bus.connection import connect, disconnect, settled

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
    """A broker that speaks TLS from the first byte."""

    certificate: Path
    key: Path

    def _config(self) -> dict[str, Any]:
        tls = {"cert_file": str(self.certificate), "key_file": str(self.key), "handshake_first": True}
        return {**super()._config(), "tls": tls}


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    places = folder / "broker.pem", folder / "broker.key"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    places[0].write_bytes(certificate.public_bytes(pem))
    places[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return places


@pytest.mark.external
async def test_a_broker_with_a_known_certificate_is_trusted_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = TlsNats(tmp_path / "nats", tmp_path, tmp_path / "nats.log", ["alpha"])
    broker.certificate, broker.key = certified(tmp_path)
    broker.start()
    try:
        url, seed = broker.url.replace("nats://", "tls://"), broker.seed_file("alpha")
        failed = asyncio.Event()
        stranger = await connect(url, seed, "alpha", lambda error: failed.set(), lambda: None, wait=False)
        await failed.wait()
        assert not stranger.is_connected
        await disconnect(stranger)
        monkeypatch.setenv("SSL_CERT_FILE", str(broker.certificate))
        known = await connect(url, seed, "alpha", lambda error: None, lambda: None)
        assert known.is_connected
        await disconnect(known)
    finally:
        broker.stop()
