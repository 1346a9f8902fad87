"""A batch of a process that has written last is one statement: everybody gets what the long way gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal
from uuid import UUID, uuid4

import pytest
from sqlalchemy.engine import make_url

from deploy.local.postgres import Postgres
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import (
    Append,
    Appended,
    CommandMismatch,
    CommandRecord,
    VersionConflict,
    VersionGap,
)
from tests.servers import Database
from tests.store.conftest import admin
from tests.store.examples import opened, paged
from tests.store.proxy import cutting_proxy

MakeRecorder = Callable[..., Awaitable[Recorder]]

ANOTHER_WRITES = """
    INSERT INTO archive_events (originator_id, originator_version, topic, state, notification_id,
        recorded_at, content_digest, correlation_id, event_id)
    SELECT gen_random_uuid(), 1, topic, state, notification_id + 1,
        recorded_at, content_digest, correlation_id, gen_random_uuid()
    FROM archive_events ORDER BY notification_id DESC LIMIT 1
    """


def plain(stream: UUID | None = None, version: int = 1, command: CommandRecord | None = None) -> Append:
    """An event that takes no number."""
    return Append(events=[paged(stream or uuid4(), version)], command=command)


async def known_end(recorder: Recorder) -> None:
    """The first append reads where the log ends; from the next one on that is known."""
    await recorder.append(plain())
    assert recorder.tally.at_once == 0


async def positions(recorder: Recorder) -> list[int]:
    return [entry.position for entry in await recorder.read(0, 1000)]


async def test_what_only_adds_is_one_statement(recorder: Recorder) -> None:
    await known_end(recorder)
    stream, id = uuid4(), uuid4()
    appended = await recorder.append(plain(stream, 1, CommandRecord(id, b"h", stream, {"state": "OPEN"})))
    assert (appended.position, appended.answer) == (
        2,
        {"state": "OPEN", "id": str(stream), "version": 1, "position": 2, "number": ""},
    )
    assert await recorder.find_command(id) == (b"h", appended.answer)
    await recorder.append(Append(events=[paged(stream, 2), paged(stream, 3)]))
    assert recorder.tally.at_once == 2
    assert [e.originator_version for e in await recorder.load(stream)] == [1, 2, 3]
    await recorder.append(Append(events=[opened()]))  # a number is the register's to give
    await recorder.append(plain())
    assert recorder.tally.at_once == 3
    assert await positions(recorder) == [1, 2, 3, 4, 5, 6]


async def test_it_refuses_when_somebody_else_has_written(
    fresh: Database, make_recorder: MakeRecorder
) -> None:
    """The end of the log is not where it was: then the facts are read, and nobody is refused for it."""
    ours, theirs = await make_recorder(fresh), await make_recorder(fresh)
    await known_end(ours)
    for n in range(1, 6):
        assert (await theirs.append(plain())).position == 2 * n
        assert (await ours.append(plain())).position == 2 * n + 1
    assert ours.tally.at_once == theirs.tally.at_once == 0
    await ours.append(plain())
    assert ours.tally.at_once == 1


async def test_it_waits_for_who_is_writing(recorder: Recorder, fresh: Database) -> None:
    """A process that holds the lock has not committed yet, so the end of the log still looks as it did. The
    position that it took meanwhile stays its own."""
    await known_end(recorder)
    other, observer = await admin(fresh), await admin(fresh)
    transaction = other.transaction()
    await transaction.start()
    await other.execute(f"SELECT pg_advisory_xact_lock({recorder.tables.lock_key})")
    waiting = asyncio.create_task(recorder.append(plain()))
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )
    async with asyncio.timeout(30):
        while not await observer.fetchval(query):
            await asyncio.sleep(0.01)
    await other.execute(ANOTHER_WRITES)
    await transaction.commit()
    assert (await waiting).position == 3
    assert recorder.tally.at_once == 0
    for connection in (other, observer):
        await connection.close()


async def test_each_of_a_batch_has_its_own_answer(recorder: Recorder) -> None:
    """A taken version, one ahead of its stream, a command that is known or is another's: none of them spoils
    it for those beside it."""
    stream, known = uuid4(), uuid4()
    await known_end(recorder)
    first = await recorder.append(plain(stream, 1, CommandRecord(known, b"h", stream)))
    results = await asyncio.gather(
        recorder.append(plain()),
        recorder.append(plain(stream, 1)),
        recorder.append(plain(stream, 4)),
        recorder.append(plain(uuid4(), 1, CommandRecord(known, b"another body", stream))),
        recorder.append(plain(stream, 2, CommandRecord(known, b"h", stream))),
        recorder.append(plain(stream, 2)),
        recorder.append(plain()),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [
        Appended,
        VersionConflict,
        VersionGap,
        CommandMismatch,
        Appended,
        Appended,
        Appended,
    ]
    repeated = results[4]
    assert isinstance(repeated, Appended)
    assert repeated.repeated
    assert repeated.answer == first.answer
    assert await positions(recorder) == [1, 2, 3, 4, 5]
    before = recorder.tally.at_once
    both = await asyncio.gather(
        *(recorder.append(plain(stream, 3)) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in both) == ["Appended", "VersionConflict"]
    assert recorder.tally.at_once == before + 1  # two of one batch are told apart without asking


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_lost_answer_is_found_out(
    server: Postgres, fresh: Database, make_recorder: MakeRecorder, cut: Literal["before", "after"]
) -> None:
    """The caller learns of one success, whether the statement took place or not."""
    async with cutting_proxy(server.port) as proxy:
        url = make_url(fresh.service_url).set(port=proxy.port).render_as_string(hide_password=False)
        recorder = await make_recorder(fresh, url=url)
        await known_end(recorder)
        proxy.sign = b"archive.PageAdded"
        proxy.armed = cut
        stream, id = uuid4(), uuid4()
        appended = await recorder.append(plain(stream, 1, CommandRecord(id, b"h", stream)))
        assert (proxy.cuts, recorder.tally.doubts) == (1, 1)
        assert (appended.position, appended.repeated) == (2, False)
        assert len(await recorder.load(stream)) == 1
        assert (await recorder.append(plain())).position == 3
        await recorder.stop()
