"""The front door strips the prefix and whatever would tell who is calling, and logs no request."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from deploy.local import caddy
from deploy.local.process import free_port

pytestmark = pytest.mark.external


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and the headers it was given."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    upstream = HTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port, log = free_port(), tmp_path / "caddy.log"
    child = caddy.start(tmp_path / "caddy", log, port, {"intake": upstream.server_port, "audit": free_port()})
    yield f"http://127.0.0.1:{port}", log
    child.end()
    upstream.shutdown()


def test_sec6_a_body_that_comes_drop_by_drop_holds_no_place(door: tuple[str, Path]) -> None:
    """The service, which here takes one request at a time, hears of one when its body is there."""
    host, port = door[0].removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(20)]
    for waiting in slow:
        waiting.sendall(
            b"POST /intake/v1/x HTTP/1.1\r\nhost: %s\r\ncontent-length: 9\r\n\r\nhalf" % host.encode()
        )
    quick = httpx.post(f"{door[0]}/intake/v1/quick", content=b"whole", timeout=30)
    assert quick.json()["path"] == "/v1/quick"
    for waiting in slow:
        waiting.sendall(b"-done")
        assert waiting.recv(15).startswith(b"HTTP/1.1 200")
        waiting.close()


def test_the_door(door: tuple[str, Path]) -> None:
    url, log = door
    headers = {
        "User-Agent": "phone-model-7",
        "X-Forwarded-For": "203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-Client-IP": "203.0.113.9",
        "X-Original-Forwarded-For": "203.0.113.9",
        "Fastly-Client-IP": "203.0.113.9",
        "Ali-CDN-Real-IP": "203.0.113.9",
        "Cookie": "phone-model-7",
        "Sec-CH-UA-Model": "phone-model-7",
        "Authorization": "Bearer t",
        "traceparent": "00-a-b-01",
        "Idempotency-Key": "k",
        "If-Match": '"1"',
        "Accept-Language": "en",
    }
    seen = httpx.get(f"{url}/intake/v1/complaints?q=1", headers=headers).json()
    assert seen["path"] == "/v1/complaints?q=1"
    passed = {name.lower(): value for name, value in seen["headers"].items()}
    assert passed["authorization"] == "Bearer t"
    assert passed["traceparent"] == "00-a-b-01"
    assert passed["x-forwarded-prefix"] == "/intake"
    assert (passed["idempotency-key"], passed["if-match"], passed["accept-language"]) == ("k", '"1"', "en")
    assert not {"203.0.113.9", "phone-model-7", "127.0.0.1"} & set(passed.values())
    assert not {"x-forwarded-for", "cookie"} & passed.keys()

    assert "/intake/" in httpx.get(f"{url}/").text
    assert httpx.get(f"{url}/elsewhere").status_code == 404
    for inside in ("metrics", "clock", "clock/"):
        assert httpx.get(f"{url}/intake/{inside}").json()["code"] == "E_NOT_FOUND"
    away = httpx.get(f"{url}/audit/v1", headers=headers)
    assert (away.status_code, away.json()["code"]) == (503, "E_UNAVAILABLE")
    assert away.headers["retry-after"] == "1"
    text = log.read_text()
    for trace in ("203.0.113.9", "phone-model-7", "remote_ip", "client_ip", "Bearer", "refused"):
        assert trace not in text
