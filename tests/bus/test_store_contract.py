"""The contract of a store with the bus; the fake of the other tests keeps it as the real one does."""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

import pytest

from shared.kernel.bus.envelope import content
from shared.kernel.bus.parking import pack
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.types import AlreadyTracked, Append, Tracked, VersionConflict
from tests.bus.conftest import MakeStore
from tests.bus.events import CANARY, happened, recorded
from tests.bus.events import Happened as Event


def row(position: int, correlation: str = "c", reason: str = "r") -> dict[str, object]:
    return {
        "source": "alpha",
        "position": position,
        "event_id": None,
        "correlation": correlation,
        "reason": reason,
        "message": pack(b"\x00\xff", position - 1),
    }


async def test_the_log_is_a_chain(store: MakeStore) -> None:
    log = (await store("alpha")).recorder
    events = [happened(n) for n in range(5)]
    await log.append(Append(events=events[:2]))
    for event in events[2:]:
        await log.append(Append(events=[event]))
    with pytest.raises(VersionConflict):
        await log.append(Append(events=[recorded(Event(n=9), stream=events[0].originator_id)]))
    await log.append(Append(events=[happened(5)]))

    entries = await log.read(0, 100)
    assert [e.data["event"]["n"] for e in entries] == list(range(6))
    assert [e.previous for e in entries] == [0, *(e.position for e in entries[:-1])]
    assert await log.read(entries[1].position, 2) == entries[2:4]
    assert await log.read(entries[-1].position, 2) == []
    for entry in entries:
        assert str(await log.find_event(entry.position)) == entry.event_id
        assert entry.data["event"]["name"] == CANARY
        assert entry.recorded_at.tzinfo is not None
    for event, entry in zip(events, entries, strict=False):
        assert entry.content_digest == content_digest(event.salt, content(event))
    assert await log.find_event(entries[-1].position + 1) is None
    assert await log.max_position() == entries[-1].position
    assert await log.epoch() == await log.epoch()


async def test_waiting_ends_with_an_append_or_the_time(store: MakeStore) -> None:
    log = (await store("alpha")).recorder
    with suppress(TimeoutError):
        await log.wait_for(0, 0.05)
    await log.append(Append(events=[happened(1)]))
    await log.wait_for(0, 5)


async def test_a_position_is_taken_once(store: MakeStore) -> None:
    log = (await store("beta")).recorder
    assert await log.tracked("alpha") == Tracked("alpha", 0)
    place = Tracked("alpha", 3, uuid4(), uuid4())
    await log.append(Append(tracking=place))
    for position in (2, 3):
        with pytest.raises(AlreadyTracked):
            await log.append(
                Append(parked=[row(position)], tracking=Tracked("alpha", position, uuid4(), uuid4()))
            )
    assert await log.tracked("alpha") == place
    assert await log.tracked("gamma") == Tracked("gamma", 0)


async def test_rows_are_parked_and_taken_up_once(store: MakeStore) -> None:
    made = await store("beta")
    log, parked = made.recorder, made.parked
    for position in (3, 1, 2):
        await log.append(Append(parked=[row(position, f"c{position % 2}")]))
    await log.append(Append(parked=[row(9, "")]))

    rows = await parked.list("alpha")
    assert [r.position for r in rows] == [1, 2, 3, 9]
    assert [r.previous for r in rows] == [0, 1, 2, 8]
    assert rows[0].message == b"\x00\xff"
    assert [r.position for r in await parked.list("alpha", "c1")] == [1, 3]
    assert await parked.correlations("alpha") == {"c0", "c1"}
    assert await parked.count("alpha") == 4
    assert await parked.list("gamma") == []

    await parked.failed_again(rows[0].id, "again")
    again = (await parked.list("alpha"))[0]
    assert (again.reason, again.attempts) == ("again", rows[0].attempts + 1)

    await log.append(Append(unparked=[rows[0].id]))
    with pytest.raises(AlreadyTracked):
        await log.append(Append(unparked=[rows[0].id]))
    assert [r.position for r in await parked.list("alpha")] == [2, 3, 9]
