"""The outgoing port: both adapters hold one contract, and signatures are those of Standard Webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from shared.kernel.effect import Effect
from shared.kernel.outgoing.adapters import Adapter, Files, HttpEndpoint, NotDelivered, seconds_of
from shared.kernel.outgoing.webhooks import NotSigned, key_of, sign, verify
from shared.kernel.outgoing.worker import Pace
from tests.receiver import Receiver, receiving

MESSAGE = Effect("status-1", "platform-status", {"platform_no": "PT-1", "status": "RECEIVED"})
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the published example
OTHER = "whsec_" + "A" * 32


@dataclass
class Way:
    """An adapter, and what the other side has of it: payloads by identity of the message."""

    adapter: Adapter
    arrived: Callable[[], dict[str, object]]
    break_it: Callable[[], None]


def files(folder: Path, stack: ExitStack) -> Way:
    target = folder / "out"

    def arrived() -> dict[str, object]:
        kept = [orjson.loads(f.read_bytes()) for f in sorted(target.glob("*.json"))]
        return {k["key"]: k["payload"] for k in kept}

    def break_it() -> None:
        target.write_text("in the way")

    return Way(Files(target), arrived, break_it)


def http(folder: Path, stack: ExitStack) -> Way:
    receiver = stack.enter_context(receiving())

    def arrived() -> dict[str, object]:
        return {g.headers["idempotency-key"]: orjson.loads(g.body) for g in receiver.got}

    def break_it() -> None:
        receiver.then = 500

    return Way(HttpEndpoint(receiver.url), arrived, break_it)


@pytest.fixture(params=[files, http])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    with ExitStack() as stack:
        yield request.param(tmp_path, stack)


# --- the contract ---


async def test_a_message_arrives_whole(way: Way) -> None:
    await way.adapter.send(MESSAGE)
    assert way.arrived() == {MESSAGE.key: MESSAGE.payload}


async def test_the_same_key_twice_is_one_message(way: Way) -> None:
    await way.adapter.send(MESSAGE)
    await way.adapter.send(MESSAGE)
    assert way.arrived() == {MESSAGE.key: MESSAGE.payload}


async def test_other_keys_are_other_messages(way: Way) -> None:
    for n in range(3):
        await way.adapter.send(Effect(f"../{n}/a:b", "platform-status", {"n": n}))
    assert len(way.arrived()) == 3


async def test_what_does_not_arrive_is_told_without_what_it_says(way: Way) -> None:
    way.break_it()
    with pytest.raises(NotDelivered) as told:
        await way.adapter.send(MESSAGE)
    assert not told.value.final
    assert "PT-1" not in str(told.value)


# --- files ---


def list_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_file_is_sealed_where_it_may_lie_in_clear_nowhere(tmp_path: Path) -> None:
    async def seal(body: bytes) -> bytes:
        return bytes(b ^ 0xFF for b in body)

    await Files(tmp_path, seal).send(MESSAGE)
    [file] = list_of(tmp_path)
    assert b"PT-1" not in file.read_bytes()
    assert b"PT-1" in await seal(file.read_bytes())
    assert file.stat().st_mode & 0o077 == 0


async def test_nothing_half_written_remains(tmp_path: Path) -> None:
    async def fails(body: bytes) -> bytes:
        raise NotDelivered("KEYS")

    with pytest.raises(NotDelivered):
        await Files(tmp_path, fails).send(MESSAGE)
    adapter = Files(tmp_path)
    await adapter.send(MESSAGE)
    await adapter.send(MESSAGE)
    assert [f.name for f in list_of(tmp_path)] == [adapter.path(MESSAGE.key).name]


# --- HTTP ---


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as other_side:
        yield other_side


@pytest.mark.parametrize(
    ("status", "final"), [(302, False), (400, False), (429, False), (503, False), (410, True)]
)
async def test_only_2xx_is_done(receiver: Receiver, status: int, final: bool) -> None:
    receiver.script.append(status)
    with pytest.raises(NotDelivered, match=f"HTTP_{status}") as told:
        await HttpEndpoint(receiver.url).send(MESSAGE)
    assert told.value.final is final


async def test_a_receiver_that_never_answers_is_left(receiver: Receiver) -> None:
    receiver.script.append("hang")
    with pytest.raises(NotDelivered, match="TIMEOUT"):
        await HttpEndpoint(receiver.url, timeout=0.2).send(MESSAGE)


async def test_nobody_there(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered, match="CONNECTION"):
        await HttpEndpoint("http://127.0.0.1:1/").send(MESSAGE)


async def test_a_receiver_may_ask_for_a_pause(receiver: Receiver) -> None:
    receiver.script.append(503)
    receiver.answer_headers["Retry-After"] = "120"
    with pytest.raises(NotDelivered) as told:
        await HttpEndpoint(receiver.url).send(MESSAGE)
    assert told.value.after == 120


@pytest.mark.parametrize(
    ("pause", "seconds"),
    [
        ("Mon, 30 Nov 2026 00:02:00 GMT", 120),
        ("Sun, 29 Nov 2026 23:00:00 GMT", 0),
        ("Monday, 30-Nov-26 00:02:00 GMT", 120),
        ("120", 120),
        ("1e3", 0),
        ("-5", 0),
        ("12345678", 0),
        ("soon", 0),
        ("Mon, 30 Nov 99999 00:02:00 GMT", 0),
        ("", 0),
    ],
)
def test_a_pause_is_so_long_or_until_a_date(pause: str, seconds: float) -> None:
    """RFC 9110 §10.2.3."""
    midnight = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
    assert seconds_of(pause, midnight) == seconds


async def test_what_is_sent_is_signed_as_it_is_sent(receiver: Receiver) -> None:
    await HttpEndpoint(receiver.url, lambda key, body: sign([SECRET], key, 1000, body)).send(MESSAGE)
    [got] = receiver.got
    verify([SECRET], got.headers, got.body, 1000)
    assert got.headers["webhook-id"] == got.headers["idempotency-key"] == MESSAGE.key


# --- Standard Webhooks ---

PUBLISHED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'


def test_the_published_example_of_standard_webhooks() -> None:
    assert sign([SECRET], PUBLISHED["webhook-id"], 1614265330, BODY) == PUBLISHED
    verify([SECRET], PUBLISHED, BODY, 1614265330)


def test_while_a_secret_is_replaced_both_hold() -> None:
    headers = sign([OTHER, SECRET], "msg_1", 1000, BODY)
    verify([SECRET], headers, BODY, 1000)
    verify([OTHER], headers, BODY, 1000)
    verify([OTHER, SECRET], sign([SECRET], "msg_1", 1000, BODY), BODY, 1000)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "１６１４２６５３３０"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v1,键"},
        {"webhook-signature": ""},
    ],
)
def test_any_change_of_the_headers_is_noticed(change: dict[str, str]) -> None:
    with pytest.raises(NotSigned):
        verify([SECRET], {**PUBLISHED, **change}, BODY, 1614265330)


@pytest.mark.parametrize("now", [1614265330 - 301, 1614265330 + 301])
def test_what_was_signed_long_ago_is_refused(now: int) -> None:
    with pytest.raises(NotSigned):
        verify([SECRET], PUBLISHED, BODY, now)


def test_another_body_or_another_secret_is_noticed() -> None:
    with pytest.raises(NotSigned):
        verify([SECRET], PUBLISHED, BODY + b" ", 1614265330)
    with pytest.raises(NotSigned):
        verify([OTHER], PUBLISHED, BODY, 1614265330)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "whsec_!!!", "whsec_" + "A" * 200])
def test_what_is_no_secret_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        key_of(secret)


# --- pauses ---


def test_pauses_double_to_a_bound_and_end() -> None:
    pace = Pace(first=5, longest=100, patience=300)
    assert [pace.pause(n) for n in (1, 2, 3, 4, 5, 6, 99)] == [5, 10, 20, 40, 80, 100, 100]
    assert [n for n in range(1, 12) if not pace.exhausted(n)] == list(range(1, 7))
