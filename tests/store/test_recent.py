"""What this process has just written is read from memory, and is the same as what the database holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.store import recorder
from shared.store.recent import Fresh, Recent
from shared.store.recorder import Recorder
from shared.store.types import Append, LogEntry
from tests.servers import Database
from tests.store.examples import opened, paged, published


def committed(position: int) -> Fresh:
    recorded = replace(paged(uuid4(), 1), position=position)
    return Fresh(LogEntry(recorded, "archive.PageAdded", position - 1, b"", b""), b"")


def positions(found: list[Fresh]) -> list[int]:
    return [event.position for event in found]


def test_it_gives_what_follows_a_position() -> None:
    recent = Recent(size=4)
    assert recent.after(0, 10) == []
    recent.add([committed(5), committed(6)])
    recent.add([committed(7)])
    recent.add(())
    assert positions(recent.after(4, 10)) == [5, 6, 7]
    assert positions(recent.after(5, 1)) == [6]
    assert recent.after(3, 10) == []  # the very next one is not here
    assert recent.after(7, 10) == []


def test_a_gap_begins_a_new_run() -> None:
    recent = Recent(size=4)
    recent.add([committed(5)])
    recent.add([committed(8), committed(9)])  # 6 and 7 were another's
    assert recent.after(4, 10) == []
    assert positions(recent.after(7, 10)) == [8, 9]
    recent.add([committed(9)])  # the database lost the first 9
    assert positions(recent.after(8, 10)) == [9]
    assert recent.after(7, 10) == []


def test_it_forgets_the_oldest() -> None:
    recent = Recent(size=4)
    for position in range(1, 21):
        recent.add([committed(position)])
    assert recent.after(1, 10) == []
    assert positions(recent.after(16, 10)) == [17, 18, 19, 20]


async def test_memory_and_database_tell_the_same(
    fresh: Database,
    make_recorder: Callable[..., Awaitable[Recorder]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer, reader = await make_recorder(fresh), await make_recorder(fresh)
    stream = uuid4()
    await writer.append(Append(events=[opened(stream), paged(stream, 2)]))
    await writer.append(Append(events=[paged(stream, 3)]))
    from_memory, from_database = await writer.read(1, 10), await reader.read(1, 10)
    assert [replace(entry, published=None) for entry in from_memory] == from_database
    assert [entry.published for entry in from_memory] == [published(e.recorded) for e in from_database]
    assert await writer.read_raw(0, 2) == await reader.read_raw(0, 2)

    async def another(position: int) -> UUID:
        return uuid4()

    # A database that holds another event at this place has lost ours: it is asked for all of it.
    monkeypatch.setattr(writer, "find_event", another)
    asked: list[Any] = []

    def none_of(rows: Any) -> list[Any]:
        asked.append(rows)
        return []

    monkeypatch.setattr(writer, "opened", none_of)
    await writer.read_raw(0, 2)
    assert len(asked[0]) == 2

    async def never(position: int) -> UUID:
        raise AssertionError("what it said a moment ago is not asked again")

    # The relay is let go at once by the commit's own answer.
    monkeypatch.setattr(recorder, "JUST_SAID", 600.0)
    monkeypatch.setattr(writer, "find_event", never)
    assert len(await writer.read(1, 10)) == len(from_memory)
