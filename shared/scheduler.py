"""Reminders and breaches, each exactly once (P10).

They go into streams of their own, whose ids follow from case, deadline, round and kind: a second
scheduler, or the same one after a crash, hits the version that is there. A clerk's `ETag` never stales.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.aggregate import Actor, Aggregate, Context, Law
from shared.clock import Clock
from shared.event import event_class
from shared.law.working_days import local_date
from shared.reaction import derived_id
from shared.readmodel import CaseBook
from shared.refusal import Refusal
from shared.security.roles import SYSTEM
from shared.store.projector import Projector
from shared.store.recorder import Recorder
from shared.store.types import Append, StoreError, VersionConflict

log = structlog.get_logger("scheduler")
TICK_SECONDS = 0.2
OnBreach = dict[str, Callable[[UUID, Context], Awaitable[None]]]


class Reminder(Aggregate):
    """One reminder or one breach: a stream of one event."""

    kind = "Deadline"

    def __init__(self, id: UUID, service: str, organ: str) -> None:
        super().__init__(id)
        self.service = service  # type: ignore[misc]
        self.organ = organ

    def tell(self, ctx: Context, name: str, stream: UUID, deadline: str, due: date) -> None:
        cls = event_class(f"{self.service}.{name}")
        assert cls is not None
        self.record(ctx, cls(stream=str(stream), deadline=deadline, due=due.isoformat()))


class Scheduler:
    """Watches the running deadlines of one service by the legal clock."""

    def __init__(
        self,
        service: str,
        law: Law,
        clock: Clock,
        engine: AsyncEngine,
        recorder: Recorder,
        projector: Projector,
        book: CaseBook,
        on_breach: OnBreach,
    ) -> None:
        self._service = service
        self._law = law
        self._clock = clock
        self._engine = engine
        self._recorder = recorder
        self._projector = projector
        self._book = book
        self._on_breach = on_breach

    async def run(self) -> None:
        """Ticks until it is cancelled; what is away is tried again at the next tick."""
        looked: tuple[date, int] | None = None
        while True:
            try:
                today, position = local_date(self._clock.now()), await self._recorder.max_position()
                if (today, position) != looked and await self.tick(today, position):
                    looked = (today, position)
            except (StoreError, SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("scheduler_waits", error=type(error).__name__)
                await asyncio.sleep(1)
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self, today: date, position: int) -> bool:
        """Tells what has become due; False where the read model was too far behind to look.

        It is awaited first, so that nothing is called breached that was satisfied a moment ago."""
        if not await self._projector.wait_for(self._book.name, position, 5.0):
            return False
        table = self._book.deadlines
        due = select(table).where(
            and_(
                table.c.met.is_(False),
                or_(
                    and_(table.c.remind_on <= today, table.c.approaching.is_(False)),
                    and_(table.c.due < today, table.c.breached.is_(False)),
                ),
            )
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(due.order_by(table.c.due))).mappings().all()
        for row in rows:
            if not row["approaching"] and row["due"] >= today:
                await self._tell(row, "DeadlineApproaching")
            if row["due"] < today and not row["breached"]:
                await self._tell(row, "DeadlineBreached")
        return True

    async def _tell(self, row: Any, name: str) -> None:
        stream, deadline = row["stream"], row["deadline"]
        reminder = Reminder(
            derived_id("deadline", stream, deadline, row["round"], name), self._service, row["organ"]
        )
        ctx = self._context(name, row)
        reminder.tell(ctx, name, stream, deadline, row["due"])
        act = self._on_breach.get(deadline) if name == "DeadlineBreached" else None
        if act is not None:
            # Before the breach is told: if the process dies in between, both are tried again.
            try:
                await act(stream, self._context(name, row))
            except Refusal as refusal:
                log.info("breach_needs_no_act", deadline=deadline, code=refusal.code)
        try:
            await self._recorder.append(Append(events=reminder.collect_events()))
        except VersionConflict:
            return

    def _context(self, name: str, row: Any) -> Context:
        now = self._clock.now()
        return Context(
            actor=Actor(SYSTEM, SYSTEM, row["organ"]),
            now=now,
            occurred_at=now,
            law=self._law,
            command=name,
            rule="P10",
            correlation_id=row["correlation"],
        )


__all__ = ["OnBreach", "Reminder", "Scheduler"]
