"""A service is brought back to right after its source, or itself, was restored to an earlier moment."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

import pytest
from nats.js.errors import NotFoundError

from shared.kernel.bus.envelope import Published
from shared.kernel.bus.inbox import Inbox
from shared.kernel.bus.relay import Relay
from shared.kernel.bus.restore import Restoration, Told
from shared.kernel.store.types import Append, Tracked
from tests.bus.conftest import KEY, Connect, MakeStore, Run, Store, until
from tests.bus.events import Happened, Noted, happened, recorded
from tests.bus.memory_store import MemoryStore
from tests.bus.producer import Producer
from tests.bus.test_inbox import ROOT


class Beta:
    """A service over PostgreSQL that acts on every third event of alpha, and can be restored."""

    def __init__(self, store: Store, inbox: Inbox, restoration: Restoration) -> None:
        self.store = store
        self.inbox = inbox
        self.restoration = restoration

    async def noted(self) -> list[int]:
        return [entry.data["event"]["n"] for entry in await self.store.recorder.read(0, 10_000)]


async def act(published: Published) -> Append | None:
    event = published.as_event()
    assert isinstance(event, Happened)
    if event.n % 3:
        return None
    if event.name == "poison":
        raise ValueError("nobody can act on this")
    stream = uuid5(ROOT, str(published.event_id))
    meta: dict[str, Any] = {"command": "act", "causation_id": published.event_id}
    return Append(events=[recorded(Noted(n=event.n), stream=stream, **meta)])


@pytest.fixture
async def alpha(connection: Connect) -> Producer:
    alpha = Producer(await connection("alpha"))
    await alpha.create_stream()
    await alpha.server.start()
    return alpha


@pytest.fixture
async def beta(real_store: MakeStore, connection: Connect) -> Beta:
    store, nc = await real_store("beta"), await connection("beta")
    inbox = Inbox(
        "beta",
        "alpha",
        nc,
        store.recorder,
        act,
        key=KEY,
        parked=store.parked,
        attempts=2,
        first_pause=0.01,
        janitor=0.2,
    )
    engine = store.recorder._engine
    return Beta(store, inbox, Restoration("beta", nc, engine, store.recorder, store.parked, {"act": "alpha"}))


def open_lines(told: list[Told]) -> list[str]:
    return [line.text for line in told if line.is_open]


async def test_sec3_it_goes_back_to_the_last_event_that_it_acted_on(
    alpha: Producer, beta: Beta, run: Run
) -> None:
    """The source came back older and has gone on. Nothing is done twice, nothing new is passed over."""
    await alpha.happen(20)
    run(beta.inbox.run())
    await until(lambda: beta.inbox.position == 20)
    assert await beta.noted() == [0, 3, 6, 9, 12, 15, 18]
    lost = alpha.lose(10)
    await alpha.store.put(happened(n) for n in range(30, 45))
    await alpha.publish(range(25))
    await until(lambda: beta.inbox.halted)

    told = await beta.restoration.run(["alpha"])
    assert "alpha: set back from 20 to 10; what follows is taken in again" in [line.text for line in told]
    assert open_lines(told) == ["alpha: 3 events that this service acted on are lost. To decide:"]
    for entry in lost:
        stream = uuid5(ROOT, entry.event_id)
        named = any(f"Thing {stream}" in line.text for line in told)
        assert named == (entry.data["event"]["n"] % 3 == 0)
    await until(lambda: beta.inbox.position == 25)
    assert beta.inbox.halted is None
    assert await beta.noted() == [0, 3, 6, 9, 12, 15, 18, 30, 33, 36, 39, 42]
    assert open_lines(await beta.restoration.run(["alpha"])) == []


async def test_sec3_a_source_that_has_what_was_taken_needs_nothing(
    alpha: Producer, beta: Beta, run: Run
) -> None:
    await alpha.happen(5)
    run(beta.inbox.run())
    await until(lambda: beta.inbox.position == 5)
    place = await beta.store.recorder.tracked("alpha")
    told = await beta.restoration.run(["alpha", "gamma"])
    assert await beta.store.recorder.tracked("alpha") == place
    assert open_lines(told) == ["gamma does not answer for its log: start it and run this again"]


async def test_sec3_another_log_is_not_taken_in(alpha: Producer, beta: Beta, run: Run) -> None:
    """Not one event that it acted on is there: then it is not for a command to begin anew."""
    await alpha.happen(5)
    task = run(beta.inbox.run())
    await until(lambda: beta.inbox.position == 5)
    task.cancel()
    place = await beta.store.recorder.tracked("alpha")
    alpha.lose(5)
    await alpha.happen(7)
    (line,) = open_lines(await beta.restoration.run(["alpha"]))
    assert "It is another log" in line
    assert await beta.store.recorder.tracked("alpha") == place


async def test_sec3_what_was_set_aside_counts_as_taken(alpha: Producer, beta: Beta, run: Run) -> None:
    """A message that was set aside waits for a person; taken in again it would wait twice. If its event is
    lost, that is said."""
    await alpha.happen(3)
    await alpha.store.put([recorded(Happened(n=3, name="poison")), happened(4)])
    task = run(beta.inbox.run())
    await until(lambda: beta.inbox.position == 5)
    task.cancel()
    alpha.lose(1)
    told = await beta.restoration.run(["alpha"])
    assert (await beta.store.recorder.tracked("alpha")).position == 4
    assert open_lines(told) == []

    alpha.lose(1)
    told = await beta.restoration.run(["alpha"])
    assert (await beta.store.recorder.tracked("alpha")).position == 1
    assert open_lines(told) == ["alpha: 1 parked events are lost: not to be retried"]


async def test_sec3_a_position_that_moves_meanwhile_is_left_alone(alpha: Producer, beta: Beta) -> None:
    await alpha.happen(1)
    recorder = beta.store.recorder
    await recorder.append(Append(tracking=Tracked("alpha", 7)))
    (stale,) = [await recorder.tracked("alpha")]
    await recorder.append(Append(tracking=Tracked("alpha", 8)))
    assert not await beta.restoration._move(stale, Tracked("alpha", 0))
    assert (await recorder.tracked("alpha")).position == 8


async def test_sec3_an_emptied_broker_is_filled_in_the_new_epoch(
    beta: Beta, connection: Connect, run: Run
) -> None:
    """The relay that stood still before a past that its store does not know goes on by itself."""
    nc, recorder = await connection("beta"), beta.store.recorder
    lost = MemoryStore()
    await lost.put(recorded(Noted(n=n)) for n in range(3))
    first = run(Relay("beta", nc, lost, KEY).run())
    js = nc.jetstream()

    async def count(messages: int) -> bool:
        try:
            return (await js.stream_info("ZM_BETA")).state.messages == messages
        except NotFoundError:
            return False

    await until(lambda: count(3))
    first.cancel()
    await recorder.append(Append(events=[recorded(Noted(n=9))]))
    relay = Relay("beta", nc, recorder, KEY, halted_retry=0.1)
    run(relay.run())
    await until(lambda: relay.halted)
    before = await recorder.epoch()
    await beta.restoration.run([])
    await (await connection("admin")).jetstream().delete_stream("ZM_BETA")
    await until(lambda: count(1))
    await until(lambda: relay.halted is None)
    epoch = await recorder.epoch()
    assert epoch != before
    headers = (await js.get_last_msg("ZM_BETA", "zm.beta.>")).headers or {}
    assert headers["Ev-Epoch"] == str(epoch)


async def test_sec3_the_log_is_asked_over_the_bus_page_by_page(alpha: Producer, beta: Beta, run: Run) -> None:
    """More events than one answer holds lie before the one that both know."""
    await alpha.happen(1203)
    run(beta.inbox.run())
    await until(lambda: beta.inbox.position == 1203)
    alpha.lose(2)
    await beta.restoration.run(["alpha"])
    assert (await beta.store.recorder.tracked("alpha")).position == 1201
