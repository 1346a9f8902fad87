"""The layers around every request: nobody holds a place for long, and nobody's crowd fills all of them
(SEC-6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from shared.kernel.http import middleware
from shared.kernel.http.middleware import HttpMetrics, RequestGuard

PLACES = 16
PUBLIC = ["/v1/reports", *(f"/v1/reports/{name}" for name in ("status", "challenge", *range(6)))]
LARGE = "/v1/reports/attachments"


class Inner:
    """An application that reads the body, then answers when it is let."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.fixture
async def client(inner: Inner) -> AsyncIterator[httpx.AsyncClient]:
    wrapped = RequestGuard(
        inner,
        metrics=HttpMetrics(CollectorRegistry()),
        max_body=1000,
        max_in_flight=PLACES,
        larger={LARGE: 2000},
        for_anyone="/v1/reports",
        routes=lambda: PUBLIC,
    )
    transport = httpx.ASGITransport(app=wrapped)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        yield client


async def drops(pause: float, count: int = 3) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause)
        yield b"x"


async def test_sec6_a_body_that_comes_drop_by_drop_is_given_up(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole body must have come in time, however small each pause is. A body that comes in time is
    taken."""
    monkeypatch.setattr(middleware, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(middleware, "ANYBODYS_BODY_SECONDS", 1.0)
    for path in ("/v1/reports", "/v1/complaints"):
        slow = await client.post(path, content=drops(0.1, 100))
        assert (slow.status_code, slow.json()["code"]) == (408, "E_BODY_TOO_SLOW")
        assert (await client.post(path, content=drops(0.01))).text == "done"


async def test_an_answer_may_take_longer_than_its_body(
    client: httpx.AsyncClient, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.5)
    inner.go_on.clear()
    waiting = asyncio.create_task(client.post("/v1/complaints", content=b"x"))
    await asyncio.sleep(0.7)
    inner.go_on.set()
    assert (await waiting).text == "done"


async def test_sec6_what_anybody_may_ask_takes_half_of_the_places(
    client: httpx.AsyncClient, inner: Inner
) -> None:
    """One path an eighth, all together half; staff and the other paths are not kept out."""
    inner.go_on.clear()
    share = PLACES // 8
    paths = [f"/v1/reports/{n}" for n in range(6)]
    crowd = [asyncio.create_task(client.post(path)) for path in paths for _ in range(share + 1)]
    async with asyncio.timeout(10):
        while sum(task.done() for task in crowd) < len(crowd) - PLACES // 2:
            await asyncio.sleep(0.01)
    refused = [task.result() for task in crowd if task.done()]
    assert {answer.json()["code"] for answer in refused} == {"E_OVERLOADED"}
    assert len(refused) == len(crowd) - PLACES // 2
    taken = [
        sum(not task.done() for task in crowd[n : n + share + 1]) for n in range(0, len(crowd), share + 1)
    ]
    assert taken == [share] * 4 + [0, 0]
    staff = asyncio.create_task(client.get("/v1/complaints"))
    await asyncio.sleep(0.1)
    assert not staff.done()
    inner.go_on.set()
    assert (await staff).text == "done"
    assert sum(answer.status_code == 200 for answer in await asyncio.gather(*crowd)) == PLACES // 2
    assert (await client.post("/v1/reports/0")).text == "done", "the places are free again"


async def test_sec6_a_body_that_has_not_come_holds_no_place(
    client: httpx.AsyncClient, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody is answered meanwhile; too many of one path are refused, and no other path."""
    gate = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b"x"
        await gate.wait()
        yield b"y"

    async def slowly() -> httpx.Response:
        return await client.post("/v1/reports/status", content=held())

    share = middleware.WAITING * PLACES // middleware.SHARE
    crowd = [asyncio.create_task(slowly()) for _ in range(share - 1)]
    await asyncio.sleep(0.1)
    for path in ("/v1/reports/status", "/v1/reports/challenge", "/v1/complaints"):
        assert (await client.post(path, content=b"z")).text == "done"
    more = [asyncio.create_task(slowly()) for _ in range(3)]
    async with asyncio.timeout(10):
        while sum(task.done() for task in more) < 2:
            await asyncio.sleep(0.01)
    assert {task.result().json()["code"] for task in more if task.done()} == {"E_OVERLOADED"}
    for path in ("/v1/reports/challenge", "/v1/complaints"):
        assert (await client.post(path, content=b"z")).text == "done"
    assert (await client.get("/v1/reports/status")).text == "done", "without a body nothing is waited for"
    gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*crowd, *more)} <= {200, 503}


async def test_sec6_paths_that_there_are_not_have_one_share_together(
    client: httpx.AsyncClient, inner: Inner
) -> None:
    """Else whoever thinks up paths would have as many shares, and as much memory, as they like."""
    inner.go_on.clear()
    crowd = [asyncio.create_task(client.post(f"/v1/reports/made-up-{n}")) for n in range(PLACES)]
    async with asyncio.timeout(10):
        while sum(task.done() for task in crowd) < PLACES - PLACES // 8:
            await asyncio.sleep(0.01)
    assert {task.result().status_code for task in crowd if task.done()} == {503}
    real = asyncio.create_task(client.post("/v1/reports/status"))
    await asyncio.sleep(0.1)
    assert not real.done(), "it has a place"
    inner.go_on.set()
    assert (await real).text == "done"
    await asyncio.gather(*crowd)


async def test_sec6_a_body_from_anybody_comes_whole_and_is_small(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "ANYBODYS_BODY", 100)
    for path, status in (("/v1/reports", 413), (LARGE, 200), ("/v1/complaints", 200)):
        assert (await client.post(path, content=b"x" * 101)).status_code == status
        assert (await client.post(path, content=b"x" * 100)).status_code == 200
    monkeypatch.setattr(middleware, "ANYBODYS_BODY_SECONDS", 0.05)
    for path, status in (("/v1/reports", 408), ("/v1/complaints", 200)):
        assert (await client.post(path, content=drops(0.1))).status_code == status


async def test_sec6_who_is_cut_off_by_a_stop_is_told_so(client: httpx.AsyncClient, inner: Inner) -> None:
    """In the words of every refusal, and the server has nothing to tell of it in a log."""
    inner.go_on.clear()
    under_way = asyncio.create_task(client.post("/v1/reports", content=drops(0.01)))
    await asyncio.sleep(0.2)
    with capture_logs() as logged:
        under_way.cancel("Task cancelled, timeout graceful shutdown exceeded")
        answer = await under_way
    assert (answer.status_code, answer.json()["code"]) == (503, "E_UNAVAILABLE")
    assert (answer.headers["connection"], answer.headers["retry-after"]) == ("close", "1")
    assert [entry["event"] for entry in logged] == ["stopped_under_way"]


@pytest.mark.parametrize(
    "given",
    [
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01\n",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"ff-{'a' * 32}-{'b' * 16}-01",
    ],
)
def test_a_trace_that_is_none_is_replaced(given: str) -> None:
    """W3C Trace Context §3.2.2: ids of zeros are invalid."""
    made = middleware.trace_of(given.encode())
    assert made != given.encode()
    assert middleware.trace_of(made) == made


async def test_a_large_body_may_take_longer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.05)
    for path, status in (("/v1/complaints", 408), (LARGE, 200)):
        assert (await client.post(path, content=drops(0.1))).status_code == status
