"""Each event's effect exactly once and in order, whatever the broker brings."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from deploy.local.nats import Nats
from shared.kernel.bus.envelope import BusKey, Published, to_cloudevent
from shared.kernel.bus.inbox import Inbox
from shared.kernel.bus.log_server import LogUnavailable, fetch_log
from shared.kernel.bus.parking import BEHIND
from shared.kernel.bus.relay import Relay
from shared.kernel.store.types import Append, StoreUnavailable, Tracked, VersionConflict
from tests.bus.conftest import KEY, Connect, Heard, MakeStore, Run, Store, until
from tests.bus.events import CANARY, Happened, Noted, recorded
from tests.bus.memory_store import EPOCH, MemoryStore
from tests.bus.producer import Producer

ROOT = UUID(int=1)


class Consumer:
    """The service beta: notes every event of alpha in a stream named after the event."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.heard = Heard()
        self.poison: set[int] = set()
        self.ignored: set[int] = set()
        self.calls: list[int] = []
        self.failures: list[Exception] = []
        """Raised one after the other before anything else works."""

    async def handle(self, published: Published) -> Append | None:
        happened = published.as_event()
        assert isinstance(happened, Happened)
        assert happened.name == CANARY
        self.calls.append(happened.n)
        if self.failures:
            raise self.failures.pop(0)
        if happened.n in self.poison:
            raise ValueError(f"I cannot bear {happened.name}")
        if happened.n in self.ignored:
            return None
        return Append(events=[noted(published)])

    async def effects(self) -> list[int]:
        """The notes, in the order of noting."""
        return [e.data["event"]["n"] for e in await self.store.recorder.read(0, 10_000)]

    async def noted(self, expected: Sequence[int]) -> None:
        """Waits until exactly that was noted."""
        with suppress(TimeoutError):  # what follows tells more
            await until(lambda: self._has(len(expected)))
        assert await self.effects() == list(expected)

    async def _has(self, count: int) -> bool:
        """The log is read, and every event of it opened, when it is long enough; not at every look."""
        return await self.store.recorder.max_position() >= count and len(await self.effects()) >= count

    async def tracks(self, position: int) -> None:
        async def there() -> bool:
            return bool((await self.store.recorder.tracked("alpha")).position >= position)

        await until(there)


def place_of(published: Published) -> Tracked:
    return Tracked("alpha", published.position, published.event_id, published.epoch)


def noted(published: Published) -> Any:
    event = published.as_event()
    assert isinstance(event, Happened)
    return recorded(Noted(n=event.n), stream=uuid5(ROOT, str(published.event_id)))


MakeInbox = Callable[..., Awaitable[Inbox]]


@pytest.fixture
async def producer(connection: Connect) -> Producer:
    producer = Producer(await connection("alpha"))
    await producer.create_stream()
    return producer


@pytest.fixture
async def consumer(store: MakeStore) -> Consumer:
    """Over the fake and over PostgreSQL."""
    return Consumer(await store("beta"))


@pytest.fixture
async def quick(connection: Connect) -> Consumer:
    """Over the fake only, for what the store has no part in."""
    memory = MemoryStore()
    return Consumer(Store(memory, memory))


@pytest.fixture
def inbox_of(connection: Connect) -> MakeInbox:
    async def make(consumer: Consumer, **settings: Any) -> Inbox:
        settings = {
            "observer": consumer.heard,
            "attempts": 3,
            "first_pause": 0.01,
            "ack_wait": 2.0,
            "heartbeat": 1.0,
            "janitor": 0.3,
            **settings,
        }
        handle = None if "handle_batch" in settings else settings.pop("handle", consumer.handle)
        nc = await connection("beta")
        return Inbox(
            "beta",
            "alpha",
            nc,
            consumer.store.recorder,
            handle,
            key=settings.pop("key", KEY),
            parked=consumer.store.parked,
            **settings,
        )

    return make


# --- order, duplicates, holes --------------------------------------------------------------------


async def test_every_event_once_and_in_order(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    run((await inbox_of(consumer)).run())
    await producer.happen(250)
    await producer.publish(range(250))
    await consumer.noted(range(250))
    assert not consumer.heard.gaps


async def test_duplicates_are_skipped(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.happen(20)
    await producer.publish([0, 0, 1, 1, 0, *range(2, 20), *range(20)])
    run((await inbox_of(consumer)).run())
    await consumer.noted(range(20))
    await until(lambda: consumer.heard.duplicates >= 23)  # a slow batch is delivered again
    assert await consumer.effects() == list(range(20))


async def test_disorder_is_put_right(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.server.start()
    await producer.happen(60)
    run((await inbox_of(consumer)).run())
    await consumer.noted(range(60))  # from the log alone
    await producer.happen(60)
    order = list(range(60, 120))
    random.Random(7).shuffle(order)
    await producer.publish(order)
    await consumer.noted(range(120))


async def test_a_hole_is_filled_from_the_producers_log(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    run((await inbox_of(consumer)).run())
    await producer.happen(500)
    await producer.publish(range(3))
    await consumer.noted(range(3))
    await producer.server.start()
    await producer.publish([499])  # more are missing than one answer holds
    await consumer.noted(range(500))
    assert consumer.heard.gaps[0] == (3, 500)


async def test_behind_a_hole_it_waits_for_the_producer(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    run((await inbox_of(quick)).run())
    await producer.happen(10)
    await producer.publish([0, 1, 5, 6])
    await until(lambda: [e for e in quick.heard.errors if isinstance(e, LogUnavailable)])
    await quick.noted(range(2))
    await producer.server.start()
    await quick.noted(range(10))  # what was not even published yet comes from the log as well


async def test_what_only_came_late_closes_the_hole_too(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """The producer does not answer, but the broker brings the missing message after the others."""
    run((await inbox_of(quick)).run())
    await producer.happen(3)
    await producer.publish([0, 2])
    await until(lambda: quick.heard.gaps)
    await producer.publish([1])
    await quick.noted(range(3))


async def test_positions_with_gaps_are_no_holes(connection: Connect, inbox_of: MakeInbox, run: Run) -> None:
    producer, memory = Producer(await connection("alpha")), MemoryStore()
    producer.store = MemoryStore(step=5)
    consumer = Consumer(Store(memory, memory))
    await producer.create_stream()
    await producer.happen(10)
    await producer.publish(range(10))
    run((await inbox_of(consumer)).run())
    await consumer.noted(range(10))
    assert not consumer.heard.gaps


async def test_a_log_that_does_not_go_on_from_here_halts_visibly(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.server.start()
    producer.store = producer.server._log = MemoryStore(step=5)
    await quick.store.recorder.append(Append(tracking=Tracked("alpha", 3, uuid4(), uuid4())))
    await producer.happen(2)
    inbox = await inbox_of(quick)
    run(inbox.run())
    await until(lambda: inbox.halted)
    assert await quick.effects() == []
    assert quick.heard.halts[0] == inbox.halted


async def test_events_without_effect_move_the_position_together(
    producer: Producer, inbox_of: MakeInbox, run: Run
) -> None:
    memory = MemoryStore()
    consumer = Consumer(Store(memory, memory))
    consumer.ignored = set(range(100)) - {50}
    await producer.happen(100)
    await producer.publish(range(100))
    run((await inbox_of(consumer)).run())
    await consumer.tracks(100)
    assert await consumer.effects() == [50]
    assert memory.appends < 50


async def test_a_message_from_no_relay_is_passed_over(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.happen(2)
    await producer.publish([0])
    await producer.nc.jetstream().publish("zm.alpha.Stray.v1", b"?")
    await producer.publish([1])
    run((await inbox_of(quick)).run())
    await quick.noted(range(2))
    assert quick.heard.errors


# --- after a restore ------------------------------------------------------------------------------


async def test_sec3_new_events_in_the_place_of_lost_ones_are_no_duplicates(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, connection: Connect, run: Run
) -> None:
    """The producer's store was restored to an earlier moment, and the broker is empty: as documented. New
    events there were taken for the old ones, and passed over without a word."""
    await producer.server.start()
    await producer.happen(28)
    inbox = await inbox_of(consumer)
    run(inbox.run())
    await consumer.noted(range(28))
    producer.lose(18)
    await (await connection("admin")).jetstream().delete_stream("ZM_ALPHA")
    await producer.create_stream()
    await producer.happen(19)
    await producer.publish(range(29))
    await until(lambda: inbox.halted)
    assert "at position 28" in str(inbox.halted)
    assert await consumer.effects() == list(range(28))  # nor the 29th, which would go on from the 28th
    assert consumer.heard.halts == [inbox.halted]


async def test_sec3_what_looks_like_a_duplicate_is_held_against_the_log(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """In the middle of a session, with nothing that would begin another."""
    await producer.server.start()
    await producer.happen(5)
    await producer.publish(range(5))
    inbox = await inbox_of(quick)
    run(inbox.run())
    await quick.noted(range(5))
    await until(lambda: inbox._read_to_the_end)
    lost = producer.lose(3)
    await producer.happen(1)
    await producer.publish([2])
    await until(lambda: inbox.halted)
    assert "nothing" in str(inbox.halted)

    producer.store.entries[2:] = lost  # the right one is brought back
    await producer.happen(1)
    await quick.noted(range(6))
    assert inbox.halted is None


async def test_sec3_a_message_of_a_lost_past_is_not_taken_for_the_next_event(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """The message follows exactly the one taken last. Only its epoch says that it is a copy of another
    log."""
    await producer.happen(3)
    await producer.publish(range(3))
    task = run((await inbox_of(quick)).run())
    await quick.noted(range(3))
    task.cancel()
    await asyncio.wait([task])
    await producer.happen(2)
    await producer.publish([3, 4])
    lost = producer.lose(2)
    places = quick.store.recorder.places
    producer.store.epoch_id = uuid4()
    places["alpha"] = replace(places["alpha"], epoch=producer.store.epoch_id)
    inbox = await inbox_of(quick)
    run(inbox.run())
    await until(lambda: [e for e in quick.heard.errors if isinstance(e, LogUnavailable)])
    assert await quick.effects() == [0, 1, 2]  # nobody could say which log it is of
    await producer.happen(1)
    await producer.server.start()
    await until(lambda: inbox.position == 4)
    taken = await quick.store.recorder.tracked("alpha")
    assert str(taken.event_id) == producer.store.entries[3].event_id != lost[0].event_id
    await producer.happen(1)
    await producer.publish([4])
    await until(lambda: inbox.position == 5)
    assert inbox.halted is None


async def test_sec3_another_epoch_of_the_same_log_is_gone_on_with(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """A restore that lost nothing: the log has what was taken, so nothing stands still."""
    await producer.server.start()
    await producer.happen(3)
    await producer.publish(range(3))
    inbox = await inbox_of(quick)
    run(inbox.run())
    await quick.noted(range(3))
    producer.store.epoch_id = uuid4()
    await producer.happen(2)
    await producer.publish(range(5))
    await quick.noted(range(5))
    assert not quick.heard.halts
    assert (await quick.store.recorder.tracked("alpha")).epoch == producer.store.epoch_id


async def test_sec3_only_what_follows_the_event_that_was_taken_last_is_taken_next(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """The positions go on, and the producer is away and cannot be asked. A seeming duplicate is passed over
    and remembered; when the producer is back it is told that one of the two lost its history."""
    await producer.happen(4)
    await producer.publish(range(4))
    inbox = await inbox_of(quick)
    run(inbox.run())
    await quick.noted(range(4))
    producer.lose(2)
    await producer.happen(3)
    await producer.publish([2, 3])
    await until(lambda: quick.heard.duplicates >= 2)
    assert inbox.halted is None
    await producer.publish([4])
    await until(lambda: [e for e in quick.heard.errors if isinstance(e, LogUnavailable)])
    assert await quick.effects() == list(range(4))
    await producer.server.start()
    await until(lambda: inbox.halted)
    assert await quick.effects() == list(range(4))


async def test_sec3_a_doubtful_duplicate_alone_is_asked_about_when_the_producer_is_back(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.happen(4)
    await producer.publish(range(4))
    inbox = await inbox_of(quick)
    run(inbox.run())
    await quick.noted(range(4))
    producer.lose(2)
    await producer.happen(1)
    await producer.publish([2])
    await until(lambda: quick.heard.duplicates)
    await producer.server.start()
    await until(lambda: inbox.halted)


async def test_duplicates_hold_nothing_up_while_the_producer_is_away(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """A broker that was filled anew brings everything again, in more batches than one."""
    await producer.happen(600)
    await producer.publish(range(450))
    run((await inbox_of(quick)).run())
    await quick.noted(range(450))
    await producer.publish(range(600))
    await quick.noted(range(600))
    assert quick.heard.duplicates >= 450


async def test_sec3_a_position_without_its_event_is_not_gone_on_from(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.server.start()
    await producer.happen(2)
    await quick.store.recorder.append(Append(tracking=Tracked("alpha", 3)))
    inbox = await inbox_of(quick)
    run(inbox.run())
    await until(lambda: inbox.halted)


async def test_sec5_what_the_stream_dropped_comes_from_the_log(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """More than an answer holds, and no later message that would show the hole; also where the producer
    answers only after a while."""
    await producer.happen(450)
    run((await inbox_of(quick)).run())
    await producer.publish(range(3))
    await quick.noted(range(3))
    await producer.server.start()
    await quick.noted(range(450))
    assert not quick.heard.gaps


# --- others at work, others away -----------------------------------------------------------------


async def test_two_workers_share_a_source(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    await producer.server.start()
    run((await inbox_of(consumer)).run())
    run((await inbox_of(consumer)).run())
    for start in range(0, 200, 20):
        await producer.happen(20)
        await producer.publish(range(start, start + 20))
    await consumer.noted(range(200))


async def test_a_conflict_is_handled_again_with_fresh_state(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    quick.failures = [VersionConflict(uuid4(), 3) for _ in range(8)]
    await producer.happen(2)
    await producer.publish(range(2))
    run((await inbox_of(quick)).run())
    await quick.noted(range(2))
    assert not quick.heard.parks


async def test_a_store_that_is_away_parks_nothing(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    quick.failures = [StoreUnavailable("away") for _ in range(6)]
    memory = quick.store.recorder
    run((await inbox_of(quick)).run())
    await producer.happen(5)
    await producer.publish(range(3))
    await quick.noted(range(3))
    memory.away, told = True, len(quick.heard.errors)
    await producer.publish(range(3, 5))
    await until(lambda: len(quick.heard.errors) > told + 3)  # what else fails so often is parked
    memory.away = False
    await quick.noted(range(5))
    assert not quick.heard.parks


async def test_an_effect_whose_answer_was_lost_is_not_repeated(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    memory = quick.store.recorder
    append = memory.append
    lost: list[Any] = []

    async def committed_but_silent(unit: Append) -> Any:
        answer = await append(unit)
        if not lost:
            lost.append(answer)
            raise StoreUnavailable("the answer was lost")
        return answer

    memory.append = committed_but_silent
    await producer.happen(3)
    await producer.publish(range(3))
    run((await inbox_of(quick)).run())
    await quick.noted(range(3))
    assert quick.calls == [0, 1, 2]


async def test_a_deleted_consumer_is_made_again(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, connection: Connect, run: Run
) -> None:
    run((await inbox_of(quick)).run())
    await producer.happen(20)
    await producer.publish(range(10))
    await quick.noted(range(10))
    await (await connection("admin")).jetstream().delete_consumer("ZM_ALPHA", "beta")
    await producer.publish(range(10, 20))
    await quick.noted(range(20))


async def test_a_frozen_broker_is_noticed_and_survived(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, broker: Nats, run: Run
) -> None:
    run((await inbox_of(quick)).run())
    await producer.happen(20)
    await producer.publish(range(10))
    await quick.noted(range(10))
    assert broker.child is not None
    os.kill(broker.child.pid, signal.SIGSTOP)
    await until(lambda: [e for e in quick.heard.errors if "heartbeat" in str(e)])
    os.kill(broker.child.pid, signal.SIGCONT)
    await producer.publish(range(10, 20))
    await quick.noted(range(20))


@pytest.mark.parametrize("wipe", [False, True])
async def test_the_whole_line_survives_the_broker(
    connection: Connect, inbox_of: MakeInbox, broker: Nats, store: MakeStore, run: Run, wipe: bool
) -> None:
    """Store, relay, broker, inbox, store; the broker is killed (and wiped) while events flow."""
    alpha, beta = await store("alpha"), Consumer(await store("beta"))
    nc = await connection("alpha")
    producer = Producer(nc)
    producer.store = producer.server._log = alpha.recorder
    await producer.server.start()
    run(Relay("alpha", nc, alpha.recorder, KEY, timeout=1.0, recheck=0.5).run())
    run((await inbox_of(beta)).run())

    events = [recorded(Happened(n=n)) for n in range(300)]
    for n, event in enumerate(events):
        await alpha.recorder.append(Append(events=[event]))
        if n in (100, 200):
            broker.kill()
            if wipe:
                broker.wipe()
            await asyncio.to_thread(broker.start)
    await beta.noted(range(300))


# --- what cannot be dealt with -------------------------------------------------------------------


async def test_poison_is_parked_with_its_case_behind_it(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    sick = uuid4()
    await producer.happen(2)
    await producer.happen(1, sick)  # 2
    await producer.happen(2)
    await producer.happen(2, sick)  # 5, 6
    await producer.happen(1)
    consumer.poison = {2}
    inbox = await inbox_of(consumer)
    run(inbox.run())
    await producer.publish(range(8))
    await consumer.noted([0, 1, 3, 4, 7])
    await consumer.tracks(8)

    parked = await inbox.list_parked()
    assert [row.position for row in parked] == [3, 6, 7]
    assert [row.reason for row in parked[1:]] == [BEHIND, BEHIND]
    assert parked[0].reason.startswith("ValueError at tests.bus.test_inbox.handle:")
    assert CANARY not in parked[0].reason
    assert {row.correlation for row in parked} == {str(sick)}
    assert parked[0].event_id == UUID(producer.store.entries[2].event_id)
    assert consumer.calls.count(2) == 3
    assert 5 not in consumer.calls

    assert await inbox.retry_parked() == 0  # still poisonous: nothing overtakes it
    assert [(row.position, row.attempts) for row in await inbox.list_parked()] == [(3, 1), (6, 0), (7, 0)]

    consumer.poison.clear()
    assert await inbox.retry_parked(str(sick)) == 3
    await consumer.noted([0, 1, 3, 4, 7, 2, 5, 6])
    assert await inbox.count_parked() == 0

    await producer.happen(1, sick)
    await producer.publish([8])
    await consumer.noted([0, 1, 3, 4, 7, 2, 5, 6, 8])


async def test_what_is_parked_stays_so_over_a_restart(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    sick = uuid4()
    await producer.happen(3, sick)
    consumer.poison = {0}
    first = run((await inbox_of(consumer)).run())
    await producer.publish([0])
    await consumer.tracks(1)
    first.cancel()
    run((await inbox_of(consumer)).run())
    await producer.publish([1, 2])
    await consumer.tracks(3)
    assert await consumer.effects() == []


async def test_retry_stops_at_the_first_that_fails_again(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    sick = uuid4()
    await producer.happen(5, sick)
    quick.poison = {0, 3}
    inbox = await inbox_of(quick)
    run(inbox.run())
    await producer.publish(range(5))
    await quick.tracks(5)
    quick.poison = {3}
    assert await inbox.retry_parked() == 3
    assert await quick.effects() == [0, 1, 2]
    assert [row.position for row in await inbox.list_parked()] == [4, 5]


async def test_what_is_parked_behind_nothing_is_released(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    """Another process drained the case while this one was setting its next event aside."""
    sick = uuid4()
    await producer.happen(2, sick)
    quick.poison = {0}
    run((await inbox_of(quick, janitor=0.2)).run())
    await producer.publish([0, 1])
    await quick.tracks(2)
    head, _ = await quick.store.parked.list("alpha")
    await quick.store.recorder.append(Append(unparked=[head.id]))
    await quick.noted([1])
    assert await quick.store.parked.count("alpha") == 0


async def test_a_message_that_the_broker_broke_is_read_from_the_log(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    run((await inbox_of(quick)).run())
    await producer.happen(3)
    await producer.publish([0])
    await quick.noted([0])
    await producer.server.start()
    data = to_cloudevent(producer.store.entries[1], KEY, EPOCH)
    await producer.publish_bytes(1, data.replace(b'"n":1', b'"n":7'))
    await producer.publish([2])
    await quick.noted(range(3))
    assert not quick.heard.parks


async def test_bytes_that_nobody_can_read_are_parked(
    producer: Producer, consumer: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    sick = uuid4()
    await producer.happen(2, sick)
    await producer.happen(1)
    foreign = BusKey.single(os.urandom(32))
    await producer.publish_bytes(0, to_cloudevent(producer.store.entries[0], foreign, EPOCH))
    await producer.publish([1])
    await producer.publish_bytes(2, b"\x00\xff not an event")
    inbox = await inbox_of(consumer)
    run(inbox.run())
    await consumer.tracks(3)
    parked = await inbox.list_parked()
    assert [row.correlation for row in parked] == [str(sick), str(sick), ""]
    assert parked[0].reason.startswith("Altered")
    assert parked[2].message == b"\x00\xff not an event"

    # Once the producer answers, its own copies are read.
    await producer.server.start()
    assert await inbox.retry_parked() == 3
    assert await consumer.effects() == [0, 1, 2]


# --- in bulk -------------------------------------------------------------------------------------


async def test_a_bulk_consumer_gets_runs_and_parks_only_the_poison(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, run: Run
) -> None:
    sizes: list[int] = []

    async def handle_batch(batch: Sequence[Published], unparked: Sequence[int]) -> None:
        if any(p.event["n"] in quick.poison for p in batch):
            raise ValueError("one of these")
        tracking = None if unparked else place_of(batch[-1])
        await quick.store.recorder.append(
            Append(events=[noted(p) for p in batch], tracking=tracking, unparked=unparked)
        )
        sizes.append(len(batch))

    sick = uuid4()
    quick.poison = {10}
    await producer.happen(10)
    await producer.happen(2, sick)
    await producer.happen(100)
    await producer.publish(range(112))
    inbox = await inbox_of(quick, handle_batch=handle_batch)
    run(inbox.run())
    await quick.tracks(112)
    assert await quick.effects() == [*range(10), *range(12, 112)]
    assert [row.position for row in await inbox.list_parked()] == [11, 12]
    quick.poison.clear()
    assert await inbox.retry_parked() == 2
    assert (await quick.effects())[-2:] == [10, 11]

    await producer.happen(150)
    await producer.publish(range(112, 262))
    await quick.tracks(262)
    assert max(sizes) > 1


async def test_what_comes_while_it_rests_is_one_run_with_one_answer(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, connection: Connect, run: Run
) -> None:
    """An inbox that has caught up lets the next events gather; the broker is answered for all of them at
    once."""
    sizes: list[int] = []

    async def handle_batch(batch: Sequence[Published], unparked: Sequence[int]) -> None:
        await quick.store.recorder.append(Append(tracking=place_of(batch[-1])))
        sizes.append(len(batch))

    inbox = await inbox_of(quick, handle_batch=handle_batch, rest=1.0)
    run(inbox.run())
    await producer.happen(1)
    await producer.publish(range(1))
    await quick.tracks(1)
    await producer.happen(20)
    await producer.publish(range(1, 21))
    await quick.tracks(21)
    assert sizes == [1, 20]
    js = (await connection("beta")).jetstream()

    async def all_answered() -> bool:
        return bool((await js.consumer_info("ZM_ALPHA", "beta")).num_ack_pending == 0)

    await until(all_answered)


# --- the log itself ------------------------------------------------------------------------------


async def test_the_log_is_answered_in_pages_that_fit(connection: Connect) -> None:
    producer = Producer(await connection("alpha"))
    await producer.store.put(recorded(Happened(n=n, name="x" * 100_000)) for n in range(30))
    await producer.server.start()
    nc = await connection("beta")
    page = await fetch_log(nc, "alpha", 0, 100)
    assert 3 < len(page.lines) < 12
    assert page.more
    last = await fetch_log(nc, "alpha", 30, 100)
    assert (last.lines, last.more) == ([], False)
    assert last.follows == await producer.store.find_event(30)
    assert last.epoch == producer.store.epoch_id
    assert len((await fetch_log(nc, "alpha", 28, 1)).lines) == 1
    assert (await fetch_log(nc, "alpha", 31, 1)).follows is None


async def test_an_answer_that_is_none_says_so(connection: Connect) -> None:
    producer = Producer(await connection("alpha"))
    nc = await connection("beta")
    with pytest.raises(LogUnavailable):
        await fetch_log(nc, "alpha", 0, 1)
    await producer.server.start()
    producer.store.away = True
    with pytest.raises(LogUnavailable, match="unavailable"):
        await fetch_log(nc, "alpha", 0, 1)


async def test_confidential_data_is_never_on_the_brokers_disk(
    producer: Producer, quick: Consumer, inbox_of: MakeInbox, broker: Nats, run: Run
) -> None:
    await producer.happen(50)
    await producer.publish(range(50))
    run((await inbox_of(quick)).run())
    await quick.noted(range(50))
    broker.stop()
    files = [path for path in broker.store.rglob("*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files)
    assert b"zm.alpha.Happened.v1" in stored
    assert CANARY.encode() not in stored
    assert b"Canary" not in stored
