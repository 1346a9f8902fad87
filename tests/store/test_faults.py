"""The store keeps its promises when the database, the line or the process dies in the middle."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Integer, literal, select
from sqlalchemy.engine import make_url

from deploy.local.postgres import Postgres
from shared.kernel import failpoint
from shared.kernel.store import reading, recorder
from shared.kernel.store.committer import Limits
from shared.kernel.store.driver import open_engine
from shared.kernel.store.reading import Readers, Reading
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import (
    Append,
    Appended,
    CommandRecord,
    Effect,
    StoreError,
    StoreUnavailable,
    Tracked,
)
from tests.servers import Database
from tests.store.conftest import admin, make_database
from tests.store.examples import opened, paged
from tests.store.proxy import CuttingProxy, cutting_proxy

MakeRecorder = Callable[..., Awaitable[Recorder]]
Cut = Literal["before", "after"]


async def test_nothing_acknowledged_is_lost_when_the_database_crashes(
    make_recorder: MakeRecorder, crashing_server: Postgres
) -> None:
    """Three immediate stops under load: every acknowledged append is there once, the committer recovers."""
    database = await make_database(crashing_server)
    recorder = await make_recorder(database, limits=Limits(patience=2.0))
    acknowledged: dict[UUID, int] = {}
    tried: set[UUID] = set()
    running = True

    async def client() -> None:
        while running:
            stream = uuid4()
            tried.add(stream)
            append = Append(events=[opened(stream)], command=CommandRecord(stream, b"h", stream))
            while running:
                try:
                    acknowledged[stream] = (await recorder.append(append)).position
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)

    clients = [asyncio.create_task(client()) for _ in range(32)]
    for _ in range(3):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(crashing_server.stop, "immediate")
        await asyncio.sleep(0.2)
        await asyncio.to_thread(crashing_server.start)
        before = len(acknowledged)
        async with asyncio.timeout(60):
            while len(acknowledged) < before + 100:
                await asyncio.sleep(0.02)
    running = False
    await asyncio.gather(*clients)
    assert recorder.tally.retries > 0
    entries = await recorder.read(0, 1_000_000)
    assert [e.position for e in entries] == list(range(1, len(entries) + 1))
    stored = {e.stream: e.position for e in entries}
    assert acknowledged.items() <= stored.items()
    assert stored.keys() <= tried
    numbers = [int(e.data["event"]["number"][-6:]) for e in entries]
    assert numbers == list(range(1, len(entries) + 1))


async def test_a_database_that_is_away_is_waited_for_only_so_long(
    make_recorder: MakeRecorder, crashing_server: Postgres
) -> None:
    """Then StoreUnavailable; reading says the same; afterwards all is well again."""
    database = await make_database(crashing_server)
    recorder = await make_recorder(database, limits=Limits(patience=0.3))
    await recorder.append(Append(events=[opened()]))
    await asyncio.to_thread(crashing_server.stop, "immediate")
    async with asyncio.timeout(60):
        results = await asyncio.gather(
            *(recorder.append(Append(events=[opened()])) for _ in range(5)), return_exceptions=True
        )
        assert {type(r) for r in results} == {StoreUnavailable}
        with pytest.raises(StoreUnavailable):
            await recorder.max_position()
        assert not await recorder.wait_for(1, 0.3)
    await asyncio.to_thread(crashing_server.start)
    assert (await recorder.append(Append(events=[opened()]))).position == 2


@pytest.fixture
async def proxied(
    server: Postgres, fresh: Database, make_recorder: MakeRecorder
) -> AsyncIterator[tuple[CuttingProxy, Recorder]]:
    async with cutting_proxy(server.port) as proxy:
        url = make_url(fresh.service_url).set(port=proxy.port).render_as_string(hide_password=False)
        recorder = await make_recorder(fresh, url=url)
        await recorder.append(Append(events=[opened()]))
        yield proxy, recorder
        await recorder.stop()


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("with_command", [True, False])
async def test_an_unanswered_commit_is_found_out(
    proxied: tuple[CuttingProxy, Recorder], cut: Cut, with_command: bool
) -> None:
    """The caller learns of one success, never of a conflict with themselves, whether it happened or not."""
    proxy, recorder = proxied
    streams = [uuid4() for _ in range(5)]
    proxy.armed = cut
    results = await asyncio.gather(
        *(
            recorder.append(
                Append(
                    events=[opened(s), paged(s, 2)],
                    command=CommandRecord(uuid4(), b"h", s) if with_command else None,
                )
            )
            for s in streams
        )
    )
    assert proxy.cuts == 1
    assert recorder.tally.doubts == 1
    assert [r.position for r in results] == [3, 5, 7, 9, 11]
    assert not any(r.repeated for r in results)
    assert await recorder.max_position() == 11
    for stream, result in zip(streams, results, strict=True):
        assert [e.position for e in await recorder.load(stream)] == [e.position for e in result.entries]


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_unanswered_commit_without_events_is_found_out(
    proxied: tuple[CuttingProxy, Recorder], cut: Cut
) -> None:
    """A tracked position and an effect leave no event id: the transaction's own status is asked."""
    proxy, recorder = proxied
    proxy.armed = cut
    appended = await recorder.append(Append(tracking=Tracked("intake", 9), effects=[Effect("k", "sms", {})]))
    assert isinstance(appended, Appended)
    assert (proxy.cuts, recorder.tally.doubts) == (1, 1)
    assert (await recorder.tracked("intake")).position == 9


async def test_when_the_answer_cannot_be_found_out_in_time_the_command_id_tells_later(
    fresh: Database, server: Postgres, make_recorder: MakeRecorder
) -> None:
    """Unavailable is said, not a success or a conflict; the same command then gets its first answer."""
    async with cutting_proxy(server.port) as proxy:
        url = make_url(fresh.service_url).set(port=proxy.port).render_as_string(hide_password=False)
        recorder = await make_recorder(fresh, url=url, limits=Limits(patience=0.3))
        await recorder.append(Append(events=[opened()]))
        stream = uuid4()
        append = Append(events=[opened(stream)], command=CommandRecord(uuid4(), b"h", stream))
        proxy.armed, proxy.refusing = "after", True
        with pytest.raises(StoreUnavailable):
            await recorder.append(append)
        proxy.refusing = False
        again = await recorder.append(append)
        assert again.repeated
        assert (again.position, again.answer["version"]) == (2, 1)
        await recorder.stop()


async def test_a_writer_that_is_stuck_is_not_waited_for_for_ever(
    fresh: Database, make_recorder: MakeRecorder
) -> None:
    """Somebody holds the lock: the append gives up in time, and works once the lock is free."""
    recorder = await make_recorder(fresh, limits=Limits(patience=0.2, transaction=3))
    connection = await admin(fresh)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(f"SELECT pg_advisory_xact_lock({recorder.tables.lock_key})")
    with pytest.raises(StoreUnavailable):
        await recorder.append(Append(events=[opened()]))
    await transaction.rollback()
    assert (await recorder.append(Append(events=[opened()]))).position == 1
    await connection.close()


async def test_a_caller_that_gives_up_does_not_stop_the_others(recorder: Recorder) -> None:
    """A cancelled request may be written or not; its neighbours are, and the next ones too."""
    tasks = [asyncio.create_task(recorder.append(Append(events=[opened()]))) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(r, Appended) for r in results) == 9
    assert isinstance(await recorder.append(Append(events=[opened()])), Appended)


@pytest.mark.parametrize("kind", ["numbered", "plain"])
@pytest.mark.parametrize(("point", "stored"), [("store.before_commit", 3), ("store.after_commit", 4)])
async def test_a_process_killed_around_its_commit(
    fresh: Database, point: str, stored: int, kind: str
) -> None:
    """At the fourth pass of a failpoint three are acknowledged; begun again, each command is there once.
    Plain events are written and committed in one statement."""
    env = {
        **os.environ,
        "ZM_PROFILE": "development",
        "ZM_FAILPOINT": f"{point}:4",
        "PYTHONPATH": str(Path.cwd()),
    }
    killed, said = await run_appender(fresh, env, kind)
    assert killed == failpoint.EXIT_CODE
    assert said == ["1", "2", "3"]
    connection = await admin(fresh)
    assert await connection.fetchval("SELECT count(*) FROM archive_events") == stored
    env.pop("ZM_FAILPOINT")
    assert await run_appender(fresh, env, kind) == (0, [str(n) for n in range(1, 11)])
    positions = await connection.fetch("SELECT notification_id FROM archive_events ORDER BY 1")
    assert [p[0] for p in positions] == list(range(1, 11))
    await connection.close()


async def run_appender(database: Database, env: dict[str, str], kind: str) -> tuple[int, list[str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.appender", database.service_url, kind),
        stdout=asyncio.subprocess.PIPE,
        env=env,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode().split()


def test_failpoints_are_refused_in_production() -> None:
    """Only a development process starts with one; without a setting nothing is armed."""
    for profile in ({"ZM_PROFILE": "production"}, {"ZM_PROFILE": "Development"}, {}):
        with pytest.raises(RuntimeError):
            failpoint.arm({"ZM_FAILPOINT": "store.after_commit:1", **profile})
    failpoint.arm({"ZM_PROFILE": "production"})
    failpoint.hit("store.after_commit")


async def test_a_refused_append_tells_nothing_of_its_data(recorder: Recorder) -> None:
    """The database's message quotes rows; the store's does not."""
    with pytest.raises(StoreError) as refused:
        await recorder.append(Append(effects=[Effect("张三\0", "sms", {})]))
    assert "张三" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_frozen_database_answers_no_reader_and_holds_none(
    make_recorder: MakeRecorder, database: Database, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen database takes the question and says nothing more. A reader of a case, a list, or the log is
    told that it is away, on a connection that was there and on a new one; afterwards all are answered
    again."""
    for module in (reading, recorder):
        monkeypatch.setattr(module, "READ_SECONDS", 0.3)
    async with cutting_proxy(server.start().port) as proxy:
        url = make_url(database.service_url).set(port=proxy.port).render_as_string(hide_password=False)
        store = await make_recorder(database, url=url)
        lists = Reading(Readers(open_engine(url, size=2), 2))

        async def ask() -> None:
            await store.max_position()
            assert await lists.rows(lambda: select(literal(1, Integer).label("one"))) == [{"one": 1}]

        await ask()
        proxy.frozen = True
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.max_position()
            with pytest.raises(StoreUnavailable):
                await lists.rows(lambda: select(literal(1, Integer).label("one")))
        proxy.frozen = False
        await ask()
        await lists.readers.close()
