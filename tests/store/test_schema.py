"""Events are facts: who may do what to the tables, and that the library's own tools open them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore, PostgresProcessRecorder
from sqlalchemy.engine import make_url

from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append
from tests.servers import Database
from tests.store.examples import opened, paged

MakeRecorder = Callable[..., Awaitable[Recorder]]

CHANGES = [
    "UPDATE archive_events SET state = 'x'",
    "DELETE FROM archive_events",
    "TRUNCATE archive_events",
    "MERGE INTO archive_events e USING (VALUES (1)) v ON true WHEN MATCHED THEN DELETE",
    "INSERT INTO archive_events SELECT * FROM archive_events"
    " ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = 'x'",
]


@pytest.fixture
async def filled(fresh: Database, make_recorder: MakeRecorder) -> Database:
    recorder = await make_recorder(fresh)
    first = opened()
    await recorder.append(Append(events=[first, paged(first.originator_id, 2)]))
    return fresh


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("who", ["service_url", "owner_url", "admin_url"])
async def test_nobody_changes_an_event(filled: Database, who: str, change: str) -> None:
    """The service lacks the right; owner and superuser meet the trigger, replication replay or not."""
    connection = await connect(getattr(filled, who))
    if who == "admin_url":
        await connection.execute("SET session_replication_role = replica")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(change)
    assert await connection.fetchval("SELECT count(*) FROM archive_events WHERE state <> 'x'") == 2
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE commands SET position = 0",
        "DELETE FROM commands",
        "TRUNCATE commands",
        "DELETE FROM archive_tracking",
        "DELETE FROM counters",
        "DELETE FROM effects",
        "TRUNCATE parked",
        "ALTER TABLE archive_events DISABLE TRIGGER ALL",
        "DROP TABLE archive_events",
        "CREATE TABLE public.mine (x int)",
    ],
)
async def test_the_service_may_do_no_more_than_it_needs(filled: Database, statement: str) -> None:
    """Anything more is refused by the service's rights alone."""
    connection = await connect(filled.service_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_the_service_may_do_what_it_needs(filled: Database) -> None:
    """Parked messages come and go, effects change their state, read models are its own."""
    connection = await connect(filled.service_url)
    for statement in (
        "INSERT INTO parked (source, position, correlation, reason, message, parked_at)"
        " VALUES ('s', 1, 'c', 'r', '{}', now())",
        "UPDATE parked SET attempts = 1",
        "DELETE FROM parked",
        "UPDATE effects SET state = 'done'",
        "CREATE TABLE view_next.made (x int)",
        "ALTER TABLE view_next.made SET SCHEMA view",
        "DROP TABLE view.made",
    ):
        await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("create", [False, True])
async def test_the_stock_recorder_opens_our_table(filled: Database, create: bool) -> None:
    """As it is, and with its own `create_table`, which finds everything there."""
    url = make_url(filled.owner_url if create else filled.service_url)
    with PostgresDatastore(
        dbname=filled.name,
        host=str(url.host),
        port=str(url.port),
        user=str(url.username),
        password=str(url.password),
    ) as datastore:
        stock = PostgresApplicationRecorder(datastore, events_table_name="archive_events")
        if create:
            stock.create_table()
        notifications = stock.select_notifications(start=1, limit=10)
        assert [(n.id, n.originator_version, n.topic) for n in notifications] == [
            (1, 1, "archive.DossierOpened"),
            (2, 2, "archive.PageAdded"),
        ]
        events = stock.select_events(notifications[0].originator_id)
        assert [e.state for e in events] == [n.state for n in notifications]
        assert stock.max_notification_id() == 2
        tracking = PostgresProcessRecorder(
            datastore, events_table_name="archive_events", tracking_table_name="archive_tracking"
        )
        assert tracking.max_tracking_id("intake") is None
