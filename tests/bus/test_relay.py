"""From the store to the stream, whatever happens to either."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import DiscardPolicy
from nats.js.errors import APIError, NotFoundError

from deploy.local.nats import Nats
from shared.kernel.bus.relay import JUST_SAID, MAX_AGE, NEARLY_FULL, Relay
from shared.kernel.store.types import Append
from tests.bus.conftest import KEY, Connect, Heard, MakeStore, Run, until
from tests.bus.events import FULL_META, Happened, happened, recorded
from tests.bus.memory_store import MemoryStore


def relay(nc: Client, log: Any, heard: Heard | None = None, **settings: Any) -> Relay:
    settings = {"timeout": 1.0, "recheck": 0.3, "halted_retry": 0.1, "max_bytes": 2**24, **settings}
    return Relay("alpha", nc, log, KEY, observer=heard, **settings)


async def stream_of(nc: Client) -> list[tuple[int, int, str]]:
    """(position, previous, event id) of all that is in the stream, in its order."""
    js = nc.jetstream()
    try:
        state = (await js.stream_info("ZM_ALPHA")).state
    except APIError:
        return []
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        headers = (await js.get_msg("ZM_ALPHA", sequence)).headers or {}
        found.append((int(headers["Ev-Pos"]), int(headers["Ev-Prev"]), headers["Ev-Id"]))
    return found


async def log_of(log: Any) -> list[tuple[int, int, str]]:
    entries = await log.read(0, 10_000)
    return [(e.position, e.previous, e.event_id) for e in entries]


async def settled(nc: Client, log: Any) -> None:
    """Waits until the stream is a copy of the log, exactly."""
    expected = await log_of(log)

    async def same() -> bool:
        try:
            state = (await nc.jetstream().stream_info("ZM_ALPHA")).state
            return state.messages == len(expected) and await stream_of(nc) == expected
        except Exception:
            return False

    try:
        await until(same)
    except TimeoutError:
        assert await stream_of(nc) == expected
        raise


async def put(log: Any, count: int) -> None:
    for n in range(count):
        await log.append(Append(events=[happened(n)]))


async def test_the_stream_becomes_a_copy_of_the_log(connection: Connect, run: Run, store: MakeStore) -> None:
    nc, log = await connection("alpha"), (await store("alpha")).recorder
    await put(log, 300)
    run(relay(nc, log).run())
    await settled(nc, log)
    await put(log, 3)
    await settled(nc, log)


async def test_positions_may_have_gaps(connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore(step=7)
    await put(log, 20)
    run(relay(nc, log).run())
    await settled(nc, log)


async def test_the_message_carries_place_and_trace(connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    event = recorded(Happened(n=1), **FULL_META)
    await log.put([event])
    run(relay(nc, log).run())
    await settled(nc, log)
    message = await nc.jetstream().get_msg("ZM_ALPHA", 1)
    assert message.subject == "zm.alpha.Happened.v1"
    assert message.headers is not None
    assert message.headers["traceparent"] == f"00-{FULL_META['trace_id']}-{event.event_id.hex[:16]}-01"
    assert "Nats-Msg-Id" not in message.headers


async def test_a_restarted_relay_goes_on(connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    for _ in range(3):
        await put(log, 5)
        task = run(relay(nc, log).run())
        await settled(nc, log)
        task.cancel()


async def test_it_ends_though_the_client_swallows_the_cancellation(
    connection: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `asyncio.wait_for` of Python 3.11 does when the answer comes at the same moment."""
    nc, log = await connection("alpha"), MemoryStore()
    ending = relay(nc, log)
    waiting = asyncio.Event()

    async def swallow(position: int, seconds: float) -> None:
        waiting.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(seconds)

    monkeypatch.setattr(log, "wait_for", swallow)
    task = asyncio.create_task(ending.run())
    await waiting.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=60)
    assert done
    assert task.cancelled()


async def test_what_a_crash_took_from_the_broker_is_sent_again(
    broker: Nats, connection: Connect, run: Run
) -> None:
    """The broker's disk is older than its acknowledgements. The relay looks because the connection is new,
    though nothing more happens and its next look is far off."""
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 10)
    run(relay(nc, log, recheck=3600.0).run())
    await settled(nc, log)
    assert broker.child is not None
    store = broker.store
    os.kill(broker.child.pid, signal.SIGSTOP)
    shutil.copytree(store, store.with_name("older"))
    os.kill(broker.child.pid, signal.SIGCONT)
    await put(log, 10)
    await settled(nc, log)
    broker.kill()
    broker.wipe()
    shutil.move(store.with_name("older"), store)
    broker.start()
    await settled(nc, log)


async def test_two_relays_are_harmless(connection: Connect, run: Run) -> None:
    log = MemoryStore()
    clients = [await connection("alpha") for _ in range(2)]
    for nc in clients:
        run(relay(nc, log, batch=7).run())
    for _ in range(30):
        await put(log, 10)
        await asyncio.sleep(0.01)
    await settled(clients[0], log)


async def test_a_look_at_an_empty_stream_that_was_filled_meanwhile(
    connection: Connect, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by two relays racing on a fresh stream: events were stored twice, out of order."""
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 10)
    first = run(relay(nc, log).run())
    await settled(nc, log)
    first.cancel()
    second = relay(nc, log)
    look = second._js.get_last_msg
    looks: list[str] = []

    async def too_early(stream: str, subject: str) -> Any:
        looks.append(subject)
        if len(looks) == 1:
            raise NotFoundError(code=404, err_code=10037)
        return await look(stream, subject)

    monkeypatch.setattr(second._js, "get_last_msg", too_early)
    run(second.run())
    await put(log, 3)
    await settled(nc, log)
    assert len(looks) > 1


async def test_a_wiped_broker_is_filled_again(broker: Nats, connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 50)
    run(relay(nc, log).run())
    await settled(nc, log)
    broker.kill()
    broker.wipe()
    await put(log, 5)
    await asyncio.to_thread(broker.start)
    await settled(nc, log)


async def test_a_stream_lost_while_idle_is_filled_again(connection: Connect, broker: Nats, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 5)
    run(relay(nc, log).run())
    await settled(nc, log)
    admin = await connection("admin")
    await admin.jetstream().delete_stream("ZM_ALPHA")
    await settled(nc, log)


async def test_kill_and_restart_while_publishing(broker: Nats, connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    run(relay(nc, log).run())
    for _ in range(3):
        await put(log, 200)
        await asyncio.sleep(0.05)
        broker.kill()
        await put(log, 20)
        await asyncio.to_thread(broker.start)
    await settled(nc, log)


async def test_a_stream_that_was_half_made_is_made_again(broker: Nats, connection: Connect, run: Run) -> None:
    """Killed while it made the stream, the server cannot recover it, and is unhealthy until somebody
    makes it again: whoever starts it must not wait for its health before the relays run."""
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 5)
    run(relay(nc, log).run())
    await settled(nc, log)
    broker.kill()
    for checksum in broker.store.rglob("ZM_ALPHA/meta.sum"):
        checksum.unlink()
    await asyncio.to_thread(broker.start)
    await put(log, 5)
    await settled(nc, log)


async def test_a_frozen_broker_is_survived(broker: Nats, connection: Connect, run: Run) -> None:
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    run(relay(nc, log, heard).run())
    await put(log, 10)
    await settled(nc, log)
    assert broker.child is not None
    os.kill(broker.child.pid, signal.SIGSTOP)
    await put(log, 300)
    await until(lambda: heard.errors)
    os.kill(broker.child.pid, signal.SIGCONT)
    await settled(nc, log)


async def test_nobody_may_purge_or_delete(connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 3)
    run(relay(nc, log).run())
    await settled(nc, log)
    js = (await connection("admin")).jetstream()
    with pytest.raises(APIError):
        await js.purge_stream("ZM_ALPHA")
    with pytest.raises(APIError):
        await js.delete_msg("ZM_ALPHA", 2)
    config = (await js.stream_info("ZM_ALPHA")).config
    assert config.deny_delete
    assert config.deny_purge
    assert not config.allow_direct
    assert config.discard == "old"
    assert config.max_age == MAX_AGE


async def test_it_halts_when_the_store_lost_a_tail(connection: Connect, run: Run) -> None:
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    await put(log, 10)
    first = run(relay(nc, log).run())
    await settled(nc, log)
    before = await stream_of(nc)
    first.cancel()

    lost = log.entries[8:]
    del log.entries[8:]  # an asynchronous fail-over, for instance
    halted = relay(nc, log, heard)
    run(halted.run())
    await until(lambda: halted.halted)
    assert "position 10" in str(halted.halted)
    await put(log, 5)  # other events now stand at the positions that were published
    # First there was nothing, then another event.
    await until(lambda: len([reason for reason in heard.halts if reason]) == 2)
    assert halted.halted
    assert await stream_of(nc) == before

    log.entries[8:] = lost  # the right store is brought back
    await until(lambda: halted.halted is None)
    await put(log, 1)
    await settled(nc, log)


async def test_sec3_a_store_replaced_under_a_running_relay_is_seen(connection: Connect, run: Run) -> None:
    """The log goes on from the position that was published last, which is another event's now."""
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 5)
    publisher = relay(nc, log, recheck=3600.0)
    run(publisher.run())
    await settled(nc, log)
    before = await stream_of(nc)
    await asyncio.sleep(2 * JUST_SAID)
    del log.entries[4:]
    await put(log, 3)
    await until(lambda: publisher.halted)
    assert await stream_of(nc) == before


async def test_it_halts_on_a_stranger_in_its_stream(connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 1)
    publisher = relay(nc, log)
    run(publisher.run())
    await settled(nc, log)
    await nc.jetstream().publish("zm.alpha.Other.v1", b"?")
    await put(log, 1)
    await until(lambda: publisher.halted)


async def test_sec5_a_full_stream_drops_its_oldest_and_the_relay_goes_on(
    connection: Connect, run: Run
) -> None:
    """A full broker said so, and no event of this service reached anybody any more."""
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    await put(log, 5)
    run(relay(nc, log, heard, max_bytes=20_000).run())
    await settled(nc, log)
    await put(log, 95)

    async def at_its_end() -> bool:
        try:
            return (await stream_of(nc))[-1:] == (await log_of(log))[-1:]
        except NotFoundError:  # dropped while we looked
            return False

    await until(at_its_end)
    held = await stream_of(nc)
    assert held == (await log_of(log))[-len(held) :]
    assert len(held) < 100
    assert not heard.halts
    await until(lambda: max(heard.shares) > NEARLY_FULL)


async def test_sec5_a_stream_of_other_settings_is_given_those_of_today(connection: Connect, run: Run) -> None:
    """One that was made to refuse when it is full, as ours were, and stands still."""
    nc, log = await connection("alpha"), MemoryStore()
    await nc.jetstream().add_stream(
        name="ZM_ALPHA", subjects=["zm.alpha.>"], max_bytes=20_000, discard=DiscardPolicy.NEW
    )
    await put(log, 40)
    run(relay(nc, log).run())
    await settled(nc, log)
    config = (await nc.jetstream().stream_info("ZM_ALPHA")).config
    assert (config.discard, config.max_bytes, config.max_age) == ("old", 2**24, MAX_AGE)


@pytest.mark.parametrize("there_before", [False, True])
async def test_more_replicas_than_the_cluster_holds_are_told(
    connection: Connect, run: Run, there_before: bool
) -> None:
    """By the name of the setting, and nothing is published into a stream of fewer."""
    nc, log = await connection("alpha"), MemoryStore()
    await put(log, 1)
    if there_before:
        first = asyncio.create_task(relay(nc, log).run())
        await settled(nc, log)
        first.cancel()
    await put(log, 1)
    wanting = relay(nc, log, replicas=3)
    run(wanting.run())

    async def halted() -> bool:
        return wanting.halted is not None

    await until(halted)
    assert wanting.halted is not None
    assert "does not hold 3 replicas (ZM_NATS_REPLICAS)" in wanting.halted
    assert len(await stream_of(nc)) == there_before


async def test_sec5_a_stream_that_grew_old_begins_with_the_last_event(connection: Connect, run: Run) -> None:
    """A stream in which nothing happened for a month is empty. The whole log would come back as news."""
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    await put(log, 10)
    run(relay(nc, log, heard, max_age=1.0).run())
    await until(lambda: heard.shipped == [10])
    await until(lambda: heard.shipped[:2] == [10, 1])
    await put(log, 1)
    await until(lambda: heard.shipped[-1] == 1 and heard.last == 11)
    assert sum(heard.shipped[1:]) == len(heard.shipped) - 1


async def test_sec16_a_broker_that_takes_nothing_is_told(
    connection: Connect, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does whose disk was full, and is not any more: it answers everything but what is published."""
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    publisher = relay(nc, log, heard)
    publish, frozen = publisher._js.publish, [True]

    async def unanswered(*args: Any, **named: Any) -> Any:
        if frozen[0]:
            raise TimeoutError
        return await publish(*args, **named)

    monkeypatch.setattr(publisher._js, "publish", unanswered)
    await put(log, 1)
    run(publisher.run())
    await until(lambda: publisher.halted)
    assert "failures in a row" in str(publisher.halted)
    assert len(heard.errors) >= 5
    frozen[0] = False
    await settled(nc, log)
    await until(lambda: publisher.halted is None)


async def test_sec16_a_store_that_is_away_is_no_halt(connection: Connect, run: Run) -> None:
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    log.away = True
    run(relay(nc, log, heard).run())
    await until(lambda: len(heard.errors) > 6)
    log.away = False
    await put(log, 1)
    await settled(nc, log)
    assert not heard.halts


async def test_it_halts_on_an_event_that_no_broker_takes(connection: Connect, run: Run) -> None:
    nc, log = await connection("alpha"), MemoryStore()
    await log.put([recorded(Happened(n=1, name="x" * 2_000_000))])
    publisher = relay(nc, log)
    run(publisher.run())
    await until(lambda: publisher.halted)
    assert "too large" in str(publisher.halted)


async def test_a_store_that_is_away_is_waited_for(connection: Connect, run: Run) -> None:
    nc, log, heard = await connection("alpha"), MemoryStore(), Heard()
    log.away = True
    run(relay(nc, log, heard).run())
    await until(lambda: heard.errors)
    log.away = False
    await put(log, 2)
    await settled(nc, log)
