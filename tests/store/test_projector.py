"""Read models: the live fold, its rebuild, and what they survive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from deploy.local.postgres import Postgres
from shared.kernel.store.driver import borrowed
from shared.kernel.store.inspection import Inspection
from shared.kernel.store.projector import Difference, Projection, Projector
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.rows import RowNotFetched, RowSet
from shared.kernel.store.types import Append, RawEntry
from tests.servers import Database
from tests.store.conftest import StepClock, admin, engine_of, make_database
from tests.store.examples import opened, paged

MakeRecorder = Callable[..., Awaitable[Recorder]]


class Dossiers:
    """A list of dossiers and the titles of their pages; pages called `x` are struck out again."""

    name = "dossiers"

    def __init__(self, version: int = 1) -> None:
        self.version = version
        metadata = MetaData(schema="view")
        self.dossiers = Table(
            f"dossiers_v{version}",
            metadata,
            Column("id", Uuid, primary_key=True),
            Column("number", Text),
            Column("pages", Integer, nullable=False),
            Column("last", JSONB),
            Column("changed_at", DateTime(timezone=True)),
            Column("position", BigInteger),
        )
        Index(f"dossiers_v{version}_number_idx", self.dossiers.c.number)
        self.pages = Table(
            f"pages_v{version}",
            metadata,
            Column("id", Uuid, primary_key=True),
            Column("page", Integer, primary_key=True, autoincrement=False),
            Column("title", Text),
        )
        self.tables = [self.dossiers, self.pages]

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        dossiers, pages = rows[self.dossiers], rows[self.pages]
        await dossiers.fetch(entry.stream for entry in batch)
        await pages.fetch((entry.stream, entry.version - 1) for entry in batch)
        for entry in batch:
            event = entry.data["event"]
            row = dossiers.get(entry.stream)
            if row is None:
                row = dossiers.put({"id": entry.stream, "number": event.get("number"), "pages": 0})
            row["changed_at"], row["position"] = entry.recorded_at, entry.position
            if entry.topic == "archive.PageAdded":
                title = event["page"]["title"]
                row["pages"] += 1
                row["last"] = {"title": title, "tags": event["tags"]}
                pages.put({"id": entry.stream, "page": entry.version, "title": title})
                if title == "x":
                    pages.delete((entry.stream, entry.version - 1))


@pytest.fixture
async def make_projector(fresh: Database, clock: StepClock) -> AsyncIterator[Callable[..., Projector]]:
    made: list[Any] = []

    def make(recorder: Recorder, *projections: Projection, **options: Any) -> Projector:
        engine = engine_of(fresh)
        projector = Projector(engine, recorder, projections, clock, **options)
        made.append((projector, engine))
        return projector

    yield make
    for projector, engine in made:
        await projector.stop()
        await engine.dispose()


async def history(recorder: Recorder, streams: int, seed: int = 1) -> int:
    """Appends a random history; returns its last position."""
    chance = random.Random(seed)
    versions: dict[UUID, int] = {}
    appends = []
    for _ in range(streams):
        stream = uuid4()
        versions[stream] = 1
        appends.append(Append(events=[opened(stream)]))
    for _ in range(streams * 3):
        stream = chance.choice(list(versions))
        versions[stream] += 1
        title = chance.choice(["a", "b", "x"])
        appends.append(Append(events=[paged(stream, versions[stream], title)]))
    await asyncio.gather(*(recorder.append(append) for append in appends))
    return await recorder.max_position()


async def content(database: Database, projection: Dossiers) -> list[list[tuple[Any, ...]]]:
    engine = engine_of(database)
    async with engine.connect() as connection:
        found = [
            [tuple(row) for row in await connection.execute(select(t).order_by(*t.primary_key.columns))]
            for t in projection.tables
        ]
    await engine.dispose()
    return found


async def test_a_rebuild_equals_the_live_fold(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """Byte for byte; while it is rebuilt the old one goes on, and afterwards the live loop goes on."""
    projection = Dossiers()
    projector = make_projector(recorder, projection)
    projector.BATCH = 37
    await projector.start()
    assert await projector.wait_for("dossiers", await history(recorder, 200), 30)
    live = await content(fresh, projection)
    assert len(live[0]) == 200
    assert 0 < len(live[1]) < 600
    assert await projector.rebuild("dossiers") == 800
    assert await content(fresh, projection) == live

    rebuilding = asyncio.create_task(projector.rebuild("dossiers"))
    last = await history(recorder, 100, seed=2)
    await rebuilding
    assert await projector.wait_for("dossiers", last, 60)
    after = await content(fresh, projection)
    await projector.stop()
    await projector.rebuild("dossiers")
    assert await content(fresh, projection) == after
    connection = await admin(fresh)
    assert await connection.fetchval("SELECT generation FROM view.projection_active") == 4
    # Indexes move along, under the same names.
    assert {
        r[0] for r in await connection.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'view'")
    } >= {
        "dossiers_v1_pkey",
        "dossiers_v1_number_idx",
        "pages_v1_pkey",
    }
    await connection.close()


async def test_a_rebuild_that_holds_too_much_goes_on_in_the_database(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """Beyond HELD rows the copied table is read and updated like the live one, with the same result."""
    projection = Dossiers()
    projector = make_projector(recorder, projection)
    await history(recorder, 100)
    await projector.rebuild("dossiers")
    expected = await content(fresh, projection)
    projector.BULK, projector.HELD = 50, 100
    await projector.rebuild("dossiers")
    assert await content(fresh, projection) == expected


async def test_readers_keep_their_prepared_statements_over_a_switch(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """A connection that asked before the switch is answered from the new tables after it."""
    projection = Dossiers()
    projector = make_projector(recorder, projection)
    last = await history(recorder, 10)
    await projector.rebuild("dossiers")
    engine = engine_of(fresh)
    query = select(projection.dossiers.c.pages).where(projection.dossiers.c.position <= bindparam("last"))
    async with engine.connect() as connection:
        before = (await connection.execute(query, {"last": last})).all()
        await connection.rollback()
        await projector.rebuild("dossiers")
        assert len((await connection.execute(query, {"last": last})).all()) == len(before) == 10
    await engine.dispose()


async def test_the_next_version_is_filled_in_bulk_beside_the_old_one(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """A new version finds a long log: it is rebuilt first, then it serves."""
    old = make_projector(recorder, Dossiers(1))
    await old.start()
    last = await history(recorder, 50)
    assert await old.wait_for("dossiers", last, 60)
    expected = await content(fresh, Dossiers(1))
    new = make_projector(recorder, Dossiers(2))
    new.BULK = 20
    await new.start()
    assert await new.wait_for("dossiers", last, 60)
    assert await content(fresh, Dossiers(2)) == expected
    connection = await admin(fresh)
    assert await connection.fetchval("SELECT version FROM view.projection_active") == 2
    await connection.close()


async def tables(database: Database) -> set[str]:
    """The tables in the two schemas of the read models, but for the bookkeeping."""
    connection = await admin(database)
    found = await connection.fetch(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('view', 'view_next')"
    )
    await connection.close()
    return {row[0] for row in found} - {"view.projection_positions", "view.projection_active"}


async def test_what_an_old_version_left_goes_once_the_new_one_serves(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """Names and allegations in clear do not stay: neither an older version's, nor those of a read model that
    was given up, nor what an interrupted rebuild left."""
    old = make_projector(recorder, Dossiers(1), Numbers())
    last = await history(recorder, 50)
    await old.start()
    assert await old.wait_for("numbers", last, 60)
    await old.stop()
    connection = await admin(fresh)
    await connection.execute("CREATE TABLE view_next.dossiers_v1 (name text)")
    await connection.execute(f"ALTER TABLE view_next.dossiers_v1 OWNER TO {fresh.service_role}")
    new = make_projector(recorder, Dossiers(2))
    await new.start()
    assert await new.wait_for("dossiers", last, 60)
    async with asyncio.timeout(60):
        while await tables(fresh) != {"view.dossiers_v2", "view.pages_v2"}:
            await asyncio.sleep(0.05)
    assert await connection.fetch("SELECT name, version FROM view.projection_positions") == [("dossiers", 2)]
    assert await connection.fetch("SELECT name, version FROM view.projection_active") == [("dossiers", 2)]
    await connection.close()


async def test_a_read_model_whose_tables_are_taken_away_is_not_there_until_it_is_filled(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """As beside a newer version, which drops them: made again they are empty, and nobody is told that they
    show what they showed before."""
    projector = make_projector(recorder, Dossiers())
    await projector.start()
    last = await history(recorder, 20)
    assert await projector.wait_for("dossiers", last, 60)
    await projector.stop()
    newer = make_projector(recorder, Dossiers(2))
    await newer.prepare()
    await newer._serve(Dossiers(2))
    await newer.drop_others()
    await projector.prepare()
    assert await projector.position("dossiers") == 0
    assert not await projector.wait_for("dossiers", last, 0.1)
    await projector.start()
    assert await projector.wait_for("dossiers", last, 60)
    assert len((await content(fresh, Dossiers()))[0]) == 20


async def test_a_version_that_is_taken_back_serves_and_drops_nothing_newer(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """The older process finds its own tables gone, fills them again and leaves alone those that run beside
    it."""
    new = make_projector(recorder, Dossiers(2))
    await new.start()
    last = await history(recorder, 20)
    assert await new.wait_for("dossiers", last, 60)
    await new.stop()
    old = make_projector(recorder, Dossiers(1))
    await old.start()
    assert await old.wait_for("dossiers", last, 60)
    assert await content(fresh, Dossiers(1)) == await content(fresh, Dossiers(2))
    await old.rebuild("dossiers")
    await old.drop_others()
    assert {"view.dossiers_v1", "view.dossiers_v2"} <= await tables(fresh)


async def test_two_projectors_fold_each_event_once(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """Replicas share the work behind one row lock."""
    projection = Dossiers()
    projectors = [make_projector(recorder, projection) for _ in range(2)]
    for projector in projectors:
        projector.BATCH = 10
        await projector.start()
    last = await history(recorder, 100)
    for projector in projectors:
        assert await projector.wait_for("dossiers", last, 60)
    live = await content(fresh, projection)
    await projectors[0].rebuild("dossiers")
    assert await content(fresh, projection) == live


async def test_replicas_that_find_a_long_log_fill_it_once(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """The second waits for the first and takes over its tables; rebuilds asked for at once queue up."""
    projection = Dossiers()
    last = await history(recorder, 100)
    projectors = [make_projector(recorder, projection) for _ in range(3)]
    for projector in projectors:
        projector.BULK = 30
        await projector.start()
    for projector in projectors:
        assert await projector.wait_for("dossiers", last, 60)
    connection = await admin(fresh)
    assert await connection.fetchval("SELECT generation FROM view.projection_active") == 2
    expected = await content(fresh, projection)
    assert await asyncio.gather(*(p.rebuild("dossiers") for p in projectors)) == [last] * 3
    assert await content(fresh, projection) == expected
    assert await connection.fetchval("SELECT generation FROM view.projection_active") == 5
    await connection.close()


async def test_whoever_waits_for_a_position_ends_the_rest(
    recorder: Recorder, make_projector: Callable[..., Projector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it has caught up it rests for an hour; a reader does not wait so long."""
    monkeypatch.setattr(Projector, "REST", 1e9)
    monkeypatch.setattr(Projector, "LONGEST_REST", 3600.0)
    projector = make_projector(recorder, Dossiers())
    await projector.start()
    for seed in range(3):
        last = await history(recorder, 2, seed)
        assert await projector.wait_for("dossiers", last, 60)


async def test_a_failing_projection_says_so_and_goes_on(
    recorder: Recorder, make_projector: Callable[..., Projector]
) -> None:
    """An error is shown and tried again; the lag grows meanwhile; nothing is skipped."""

    class Stumbling(Dossiers):
        broken = True

        async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
            if self.broken:
                raise ValueError("a secret")
            await super().apply(batch, rows)

    projection = Stumbling()
    told: list[tuple[str, int]] = []
    halts: list[tuple[str, str | None]] = []
    projector = make_projector(
        recorder,
        projection,
        on_lag=lambda name, lag: told.append((name, lag)),
        on_halt=lambda name, error: halts.append((name, error)),
    )
    await projector.start()
    last = await history(recorder, 5)
    assert not await projector.wait_for("dossiers", last, 0.5)
    assert projector.failing == {"dossiers": "ValueError"}
    assert max(lag for _, lag in told) > 0
    projection.broken = False
    assert await projector.wait_for("dossiers", last, 60)
    async with asyncio.timeout(60):
        while projector.failing or projector.lag["dossiers"]:
            await asyncio.sleep(0.05)
    assert halts[0] == ("dossiers", "ValueError")
    assert halts[-1] == ("dossiers", None)


class Numbers(Dossiers):
    """A second list beside the first, which may be told to fail."""

    name = "numbers"
    broken = False

    def __init__(self) -> None:
        super().__init__()
        metadata = MetaData(schema="view")
        self.dossiers = self.dossiers.to_metadata(metadata, name="numbers_v1")
        self.pages = self.pages.to_metadata(metadata, name="number_pages_v1")
        self.dossiers.indexes.clear()
        self.tables = [self.dossiers, self.pages]

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        await super().apply(batch, rows)
        if self.broken:
            raise ValueError("after it has changed rows")


async def test_one_that_fails_stops_no_other_and_comes_back(
    recorder: Recorder,
    fresh: Database,
    make_projector: Callable[..., Projector],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others go on apart while one fails, and in one transaction again as soon as all have caught up."""
    dossiers, numbers = Dossiers(), Numbers()
    projector = make_projector(recorder, dossiers, numbers)
    projector.BACKOFF = (0.01, 0.05)
    folded: list[int] = []
    together = asyncio.Event()
    fold = projector._fold

    async def watching(projections: Sequence[Projection]) -> bool:
        full = await fold(projections)
        folded.append(len(projections))
        if len(projections) == 2:
            together.set()
        return full

    monkeypatch.setattr(projector, "_fold", watching)
    await projector.start()

    async def fold_together() -> int:
        """Events come until a batch of them is folded into both at once."""
        together.clear()
        async with asyncio.timeout(60):
            while not together.is_set():
                last = await history(recorder, 2, seed=len(folded))
                await projector.wait_for("dossiers", last, 60)
                await projector.wait_for("numbers", last, 60)
        return last

    await fold_together()
    numbers.broken = True
    last = await history(recorder, 50, seed=3)
    assert await projector.wait_for("dossiers", last, 60)
    async with asyncio.timeout(60):
        while projector.failing != {"numbers": "ValueError"}:
            await asyncio.sleep(0.01)
    folded.clear()  # the last batch of both may have been under way until now
    last = await history(recorder, 5, seed=4)
    assert await projector.wait_for("dossiers", last, 60)
    assert set(folded) == {1}
    numbers.broken = False
    assert await projector.wait_for("numbers", last, 60)
    await fold_together()
    assert projector.failing == {}
    await projector.stop()
    assert await content(fresh, numbers) == await content(fresh, dossiers)
    live = await content(fresh, numbers)
    await projector.rebuild("numbers")
    assert await content(fresh, numbers) == live


async def test_what_was_changed_in_a_read_model_is_told(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector]
) -> None:
    """A read model belongs to the service's own role. A case that was taken out of a list, one that was
    changed and one that was made up are found by the log alone, while events come in; and are gone after a
    rebuild."""
    projection = Dossiers()
    projector = make_projector(recorder, projection, Numbers())
    projector.BULK, projector.BATCH, projector.HELD_GENTLY, projector.GENTLY = 50, 20, 100, 0.1
    halts: list[tuple[str, str | None]] = []
    inspection = Inspection(projector, lambda part, reason: halts.append((part, reason)))
    await projector.start()
    assert await projector.wait_for("dossiers", await history(recorder, 100), 60)
    assert await inspection.look()
    parts = ["read model dossiers against the log", "read model numbers against the log"]
    assert halts == [(part, None) for part in parts]
    connection = await admin(fresh)
    gone, altered = await connection.fetch("SELECT id FROM view.dossiers_v1 ORDER BY id LIMIT 2")
    await connection.execute("DELETE FROM view.dossiers_v1 WHERE id = $1", gone[0])
    await connection.execute("UPDATE view.dossiers_v1 SET number = 'XF' WHERE id = $1", altered[0])
    surplus = uuid4()
    await connection.execute("INSERT INTO view.pages_v1 VALUES ($1, 2, 'made up')", surplus)
    comparing = asyncio.create_task(projector.compare("dossiers"))
    last = await history(recorder, 20, seed=2)
    some = tuple(sorted(str(row[0]) for row in (gone, altered)))
    assert await comparing == [
        Difference("dossiers_v1", 1, 1, 0, some),
        Difference("pages_v1", 0, 0, 1, (str(surplus),)),
    ]
    halts.clear()
    assert not await inspection.look()
    assert halts == [(parts[0], "dossiers_v1: 2 rows, pages_v1: 1 rows"), (parts[1], None)]
    assert not {name for name in await tables(fresh) if name.startswith("view_next")}
    assert await projector.rebuild("dossiers") == last
    assert await inspection.look()
    await connection.close()


async def test_a_read_model_that_cannot_be_compared_is_told(
    recorder: Recorder, make_projector: Callable[..., Projector]
) -> None:
    """The failing one's comparison fails as its fold does; those of the others are made, and the inspection
    goes on."""
    numbers = Numbers()
    projector = make_projector(recorder, numbers, Dossiers())
    projector.GENTLY = 0.1
    await projector.start()
    last = await history(recorder, 20)
    for name in projector.names:
        assert await projector.wait_for(name, last, 60)
    numbers.broken = True
    halts: list[tuple[str, str | None]] = []
    inspection = Inspection(projector, lambda part, reason: halts.append((part, reason)))
    assert not await inspection.look()
    parts = ["read model numbers against the log", "read model dossiers against the log"]
    assert halts == [(parts[0], "ValueError"), (parts[1], None)]


@pytest.mark.parametrize("folding", [True, False])
async def test_one_that_cannot_make_its_tables_stops_no_other(
    recorder: Recorder, fresh: Database, make_projector: Callable[..., Projector], folding: bool
) -> None:
    """Something in its way has the name of its index. The other one serves, in a worker as beside one; which
    of them stands still is told, and it goes on by itself once the way is free."""
    connection = await admin(fresh)
    await connection.execute("CREATE TABLE view.obstacle_v1 (number text)")
    await connection.execute("CREATE INDEX dossiers_v1_number_idx ON view.obstacle_v1 (number)")
    projector = make_projector(recorder, Dossiers(), Numbers())
    projector.BACKOFF = (0.01, 0.05)
    last = await history(recorder, 20) if folding else 0
    await projector.start(folding=folding)
    assert await projector.wait_for("numbers", last, 60)
    async with asyncio.timeout(60):
        while not projector.halted:
            await asyncio.sleep(0.01)
    assert projector.halted == {"dossiers": "ProgrammingError"}
    assert projector.prepared
    assert not await projector.wait_for("dossiers", 0, 0.1)
    await connection.execute("DROP TABLE view.obstacle_v1")
    assert await projector.wait_for("dossiers", last, 60)
    async with asyncio.timeout(60):
        while projector.halted:
            await asyncio.sleep(0.01)
    await connection.close()


async def test_a_row_that_was_not_fetched_is_an_error(
    fresh: Database, make_projector: Callable[..., Projector], recorder: Recorder
) -> None:
    """The row would be taken for absent; in a rebuild absence is certain."""
    projection = Dossiers()
    await make_projector(recorder, projection).prepare()
    engine = engine_of(fresh)
    async with borrowed(engine) as driver:
        rows = RowSet({t: t for t in projection.tables}, driver)[projection.dossiers]
        with pytest.raises(RowNotFetched):
            rows.get(uuid4())
        id = uuid4()
        rows.put({"id": id, "pages": 3})
        assert id in rows
        assert rows[id]["pages"] == 3
        await rows.flush()
        rows.bind(driver)
        assert [r["id"] for r in await rows.where(pages=3)] == [id]
        del rows[id]
        await rows.flush()
        assert await driver.fetch("SELECT * FROM view.dossiers_v1") == []
    await engine.dispose()


async def test_tables_carry_their_version(
    recorder: Recorder, make_projector: Callable[..., Projector]
) -> None:
    """A projection whose tables could be taken for another version's is refused."""
    projection = Dossiers(1)
    projection.version = 2
    with pytest.raises(ValueError, match="_v2"):
        make_projector(recorder, projection)


async def test_indexes_carry_the_name_of_their_table(
    recorder: Recorder, make_projector: Callable[..., Projector]
) -> None:
    """Two versions stand beside each other in one schema, where an index's name is taken once. A name that
    another projection has is refused as well."""
    projection = Dossiers()
    Index("by_number", projection.dossiers.c.number)
    with pytest.raises(ValueError, match="by_number does not begin with dossiers_v1_"):
        make_projector(recorder, projection)
    with pytest.raises(ValueError, match="is another's"):
        make_projector(recorder, Dossiers(), Dossiers())


async def test_projections_survive_a_restart_of_the_database(
    clock: StepClock, make_recorder: MakeRecorder, crashing_server: Postgres
) -> None:
    """The loop is there again with the database, and has missed nothing."""
    database = await make_database(crashing_server)
    recorder = await make_recorder(database)
    engine = engine_of(database)
    projection = Dossiers()
    projector = Projector(engine, recorder, [projection], clock)
    projector.BACKOFF = (0.05, 0.2)
    await projector.start()
    try:
        assert await projector.wait_for("dossiers", await history(recorder, 20), 30)
        await asyncio.to_thread(crashing_server.stop, "immediate")
        async with asyncio.timeout(60):
            while not projector.failing:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(crashing_server.start)
        assert await projector.wait_for("dossiers", await history(recorder, 20, seed=3), 30)
        live = await content(database, projection)
        await projector.rebuild("dossiers")
        assert await content(database, projection) == live
    finally:
        await projector.stop()
        await engine.dispose()
    async with engine_of(database).connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM view.dossiers_v1"))).scalar() == 40
