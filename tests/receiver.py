"""A real HTTP server that plays the other side of the outgoing port: it fails, lets wait, and remembers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`script`: what to answer next (a status, or "hang" to give none); afterwards it answers `then`."""

    url: str = ""
    script: deque[int | str] = field(default_factory=deque)
    then: int = 204
    answer_headers: dict[str, str] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def keys(self) -> list[str]:
        return [g.headers["idempotency-key"] for g in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of the loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            receiver.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answer = receiver.script.popleft() if receiver.script else receiver.then
            if answer == "hang":
                receiver.release.wait(30)
                return
            self.send_response(int(answer))
            for name, value in receiver.answer_headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/callbacks"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
