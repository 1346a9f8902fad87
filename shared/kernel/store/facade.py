"""A synchronous face of the store with the semantics of the library's recorders.

Thin on purpose: it exists so that the library's published test cases judge our group commit, and for tools
that are written against the library. It takes stored events as they are (no sealing, no numbers), and runs
the asyncio committer on a loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from hashlib import sha256
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import UUID, uuid4

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from shared.kernel.clock import Clock, SystemClock
from shared.kernel.store.admission import EventRow, Rendered
from shared.kernel.store.committer import Committer
from shared.kernel.store.driver import away
from shared.kernel.store.schema import KernelTables
from shared.kernel.store.statements import Statements
from shared.kernel.store.types import (
    AlreadyTracked,
    Clearance,
    CommandRecord,
    Effect,
    Exclusion,
    StoreUnavailable,
    Tracked,
    VersionConflict,
)

T = TypeVar("T")


class SyncRecorder(ProcessRecorder):
    """The library's `ProcessRecorder` over our tables and our committer."""

    def __init__(self, url: str, service: str, clock: Clock | None = None) -> None:
        self._tables = KernelTables(service)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="store facade", daemon=True)
        self._thread.start()
        self._engine = create_async_engine(url, pool_size=5)
        self._committer = Committer(
            self._engine,
            Statements(self._tables),
            clock or SystemClock(),
            on_commit=lambda position, entries: None,
        )
        self._run(self._committer.start())

    def close(self) -> None:
        """Finishes what was accepted and ends the thread."""
        self._run(self._committer.stop())
        self._run(self._engine.dispose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        tracking: Tracking | None = kwargs.get("tracking")
        if not stored_events and tracking is None:
            return None
        try:
            appended = self._run(self._committer.submit(_StoredUnit(stored_events, tracking)))
        except (VersionConflict, AlreadyTracked) as conflict:
            raise IntegrityError(str(conflict)) from conflict
        except StoreUnavailable as error:
            raise OperationalError(str(error)) from error
        first = appended.position - len(stored_events) + 1
        return list(range(first, appended.position + 1)) if stored_events else None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        c = self._tables.events.c
        query = select(c.originator_id, c.originator_version, c.topic, c.state)
        query = query.where(c.originator_id == originator_id).limit(limit)
        if gt is not None:
            query = query.where(c.originator_version > gt)
        if lte is not None:
            query = query.where(c.originator_version <= lte)
        query = query.order_by(c.originator_version.desc() if desc else c.originator_version)
        return [StoredEvent(*row) for row in self._fetch(query)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        c = self._tables.events.c
        query = select(c.originator_id, c.originator_version, c.topic, c.state, c.notification_id)
        if start is not None:
            query = query.where(
                c.notification_id >= start if inclusive_of_start else c.notification_id > start
            )
        if stop is not None:
            query = query.where(c.notification_id <= stop)
        if topics:
            query = query.where(c.topic.in_(topics))
        return [Notification(*row) for row in self._fetch(query.order_by(c.notification_id).limit(limit))]

    def max_notification_id(self) -> int | None:
        c = self._tables.events.c
        rows = self._fetch(select(c.notification_id).order_by(c.notification_id.desc()).limit(1))
        return rows[0][0] if rows else None

    def insert_tracking(self, tracking: Tracking) -> None:
        self.insert_events([], tracking=tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        c = self._tables.tracking.c
        rows = self._fetch(select(c.notification_id).where(c.application_name == application_name))
        return rows[0][0] if rows else None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return PollingSubscription(self, gt, topics)

    def _fetch(self, query: Any) -> Sequence[Any]:
        async def fetch() -> Sequence[Any]:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()

        try:
            return self._run(fetch())
        except Exception as error:
            if away(error):
                raise OperationalError(type(error).__name__) from error
            raise

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


class SyncAggregateRecorder(AggregateRecorder):
    """The library's `AggregateRecorder`: the same store, which then tells no positions."""

    def __init__(self, recorder: SyncRecorder) -> None:
        self._recorder = recorder

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._recorder.insert_events(stored_events, **kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        return self._recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)


class PollingSubscription(Subscription[ApplicationRecorder]):
    """Notifications as they come, by looking: survives whatever the connection does not."""

    PAGE = 500
    PAUSE = 0.05

    def __init__(self, recorder: ApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._page: list[Notification] = []
        self._stopped = Event()

    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if self._page:
                notification = self._page.pop()
                self._last_notification_id = notification.id
                return notification
            found = self._recorder.select_notifications(
                self._last_notification_id, self.PAGE, topics=self._topics, inclusive_of_start=False
            )
            self._page = list(reversed(found))
            if not found:
                self._stopped.wait(self.PAUSE)
        raise StopIteration


class _StoredUnit:
    """Stored events as the committer takes them. Members that the library does not know are filled in."""

    series: Sequence[str]
    command: CommandRecord | None = None
    parked: Sequence[dict[str, Any]] = ()
    unparked: Sequence[int] = ()
    effects: Sequence[Effect] = ()
    exclusions: Sequence[Exclusion] = ()
    clearance: Clearance | None = None

    def __init__(self, events: Sequence[StoredEvent], tracking: Tracking | None) -> None:
        self.events = events
        self.tracking = Tracked(tracking.application_name, tracking.notification_id) if tracking else None
        self.series = [""] * len(events)
        self.places = [(_uuid(e.originator_id), e.originator_version) for e in events]

    def render(self, index: int, number: str) -> Rendered:
        event = self.events[index]
        stream = _uuid(event.originator_id)
        digest = sha256(event.state).digest()
        row = EventRow(stream, event.originator_version, event.topic, event.state, digest, stream, uuid4())
        return Rendered(row, number)


def _uuid(id: UUID | str) -> UUID:
    return id if isinstance(id, UUID) else UUID(id)


__all__ = ["PollingSubscription", "SyncAggregateRecorder", "SyncRecorder"]
