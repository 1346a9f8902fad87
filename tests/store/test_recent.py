"""Events that this process has written or read are at hand, and are the same as those of the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.kernel.store import recorder
from shared.kernel.store.recent import BYTES_AT_HAND, Recent
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, LogEntry
from tests.servers import Database
from tests.store.examples import NOON, opened, paged


def entries(*positions: int) -> list[LogEntry]:
    return [
        LogEntry(n, uuid4(), 1, "archive.PageAdded", NOON, {"event_id": ""}, n - 1, b"", b"")
        for n in positions
    ]


def at_hand(recent: Recent, after: int, limit: int = 10) -> list[int]:
    return [entry.position for entry in recent.after(after, limit)[0]]


def test_it_gives_what_follows_a_position() -> None:
    recent = Recent(size=4)
    assert at_hand(recent, 0) == []
    recent.add(entries(5, 6))
    recent.add(entries(7))
    recent.add(())
    assert at_hand(recent, 4) == [5, 6, 7]
    assert at_hand(recent, 5, 1) == [6]
    assert at_hand(recent, 3) == []  # the very next one is not here
    assert at_hand(recent, 7) == []


def test_a_gap_begins_a_new_run() -> None:
    recent = Recent(size=4)
    recent.add(entries(5))
    recent.add(entries(8, 9))  # 6 and 7 were another's
    assert at_hand(recent, 4) == []
    assert at_hand(recent, 7) == [8, 9]
    [ninth] = entries(9)
    recent.add([ninth._replace(data={"event_id": "another"})])  # the database lost the first 9
    assert at_hand(recent, 8) == [9]
    assert at_hand(recent, 7) == []


def test_a_reader_may_be_faster_than_the_writer_is_told() -> None:
    """The same events are not a new run; others at their places are."""
    recent = Recent()
    recent.add(entries(1))
    first, *rest = entries(2, 3, 4)
    recent.follow([first, *rest[:1]])
    recent.add([first, *rest])
    assert at_hand(recent, 1) == [2, 3, 4]
    assert recent.after(1, 2)[1] > 0.0
    another = entries(4)
    recent.add([another[0]._replace(data={"event_id": "another"})])
    assert at_hand(recent, 0) == []
    assert at_hand(recent, 3) == [4]


def test_it_forgets_the_oldest() -> None:
    recent = Recent(size=4)
    for position in range(1, 21):
        recent.add(entries(position))
    assert at_hand(recent, 1) == []
    assert at_hand(recent, 16) == [17, 18, 19, 20]


def test_what_was_read_beyond_the_end_begins_a_new_run() -> None:
    """A reader far behind takes nothing away from those at the end of the log."""
    recent = Recent()
    recent.follow(entries(1, 2))
    recent.add(entries(3))
    assert at_hand(recent, 0) == [1, 2, 3]
    recent.follow(entries(4))
    assert at_hand(recent, 0) == at_hand(recent, 2) == []
    assert at_hand(recent, 3) == [4]
    recent.follow(entries(1, 2))
    recent.follow(entries(6, 9))  # another's gaps
    assert at_hand(recent, 3) == [4]
    recent.follow(entries(8, 9))
    assert at_hand(recent, 7) == [8, 9]
    assert at_hand(recent, 3) == []
    recent.forget()
    assert at_hand(recent, 7) == []


def test_what_was_read_is_joined_only_by_the_event_before_it() -> None:
    """The database may be another one, with another past: only the id tells."""
    recent, third = Recent(), uuid4()
    [last] = entries(3)
    known = last._replace(data={"event_id": str(third)})
    recent.follow([*entries(1, 2), known])
    recent.follow(entries(4, 5), third)
    assert at_hand(recent, 0) == [1, 2, 3, 4, 5]
    recent.follow(entries(6), uuid4())
    assert at_hand(recent, 0) == []
    assert at_hand(recent, 5) == [6]
    recent.forget()
    recent.follow([known])
    fifth, sixth = entries(5, 6)
    recent.follow([fifth._replace(previous=3), sixth], third)  # a gap is one, whoever stands before it
    assert at_hand(recent, 2) == []
    assert at_hand(recent, 4) == [5, 6]


def test_large_events_leave_room_for_fewer() -> None:
    recent = Recent()
    for position in (1, 2, 3, 4):
        [entry] = entries(position)
        recent.add([entry._replace(state=bytes(BYTES_AT_HAND // 3))])
    assert at_hand(recent, 0) == at_hand(recent, 1) == []
    assert at_hand(recent, 3) == [4]


async def test_what_was_read_before_the_loss_of_the_database_is_not_at_hand(
    fresh: Database, make_recorder: Callable[..., Awaitable[Recorder]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a question that was asked of another one comes late."""
    writer, reader = await make_recorder(fresh), await make_recorder(fresh)
    await writer.append(Append(events=[opened()]))
    fetch = Recorder._fetch

    async def slow(self: Recorder, query: str, *args: Any) -> list[Any]:
        rows = await fetch(self, query, *args)
        self._recent.forget()
        return rows

    monkeypatch.setattr(Recorder, "_fetch", slow)
    assert len(await reader.read(0, 10)) == 1
    assert reader._recent.after(0, 10) == ([], 0.0)


def test_only_what_was_written_here_is_known_to_be_committed() -> None:
    recent = Recent()
    recent.follow(entries(1))
    recent.add(entries(2))
    assert recent.after(0, 1)[1] == 0.0
    assert recent.after(0, 2)[1] > 0.0


async def test_memory_and_database_tell_the_same(
    fresh: Database,
    make_recorder: Callable[..., Awaitable[Recorder]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer, reader = await make_recorder(fresh), await make_recorder(fresh)
    stream = uuid4()
    await writer.append(Append(events=[opened(stream), paged(stream, 2)]))
    await writer.append(Append(events=[paged(stream, 3)]))
    from_memory = await writer.read(1, 10)
    assert from_memory == await reader.read(1, 10)
    assert await writer.read_raw(0, 2) == await reader.read_raw(0, 2)

    asked: list[Sequence[Any]] = []
    opened_ = Recorder._opened

    def counting(self: Recorder, rows: list[Any]) -> list[LogEntry]:
        asked.append(rows)
        return opened_(self, rows)

    monkeypatch.setattr(Recorder, "_opened", counting)
    assert await reader.read_raw(1, 10) == await writer.read_raw(1, 10)
    assert asked == []  # what one reader of the log has opened, the next finds opened

    async def another(position: int) -> UUID:
        return uuid4()

    # A database that holds another event at this place has lost ours: it is asked for all of it.
    with monkeypatch.context() as replaced:
        replaced.setattr(writer, "find_event", another)
        await writer.read_raw(0, 3)
    assert [len(rows) for rows in asked] == [3]

    async def never(position: int) -> UUID:
        raise AssertionError("what it said a moment ago is not asked again")

    # The relay is let go at once by the commit's own answer.
    await writer.append(Append(events=[paged(stream, 4)]))
    monkeypatch.setattr(recorder, "JUST_SAID", 600.0)
    monkeypatch.setattr(writer, "find_event", never)
    assert [entry.position for entry in await writer.read(3, 10)] == [4]
