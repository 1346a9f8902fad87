"""Reminders and breaches, each exactly once (P10), and days that are counted anew (§8.7).

Reminders and breaches go into streams of their own, whose ids follow from case, deadline, round and kind: a
second scheduler, or the same one after a crash, hits the version that is there. A clerk's `ETag` never
stales. A day that moved is the case's own matter, and stands in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from datetime import date
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.casework.aggregate import Actor, Aggregate, Context, Law
from shared.casework.readmodel import CaseBook
from shared.casework.repository import Repository
from shared.kernel.clock import Clock
from shared.kernel.effect import Effect
from shared.kernel.spans import daily
from shared.kernel.store.projector import Projector
from shared.kernel.store.types import Append, StoreError, StoreUnavailable, VersionConflict
from shared.language.ids import derived_id
from shared.language.law.working_days import add_working_days, last_known_day, local_date, said_from_file
from shared.language.refusal import Refusal
from shared.language.roles import SYSTEM

log = structlog.get_logger("scheduler")
TICK_SECONDS = 0.2
ASKED_SECONDS = 60.0
OnBreach = dict[str, Callable[[UUID, Context], Awaitable[None]]]
OnReminder = dict[str, Callable[[UUID], Awaitable[Sequence[Effect]]]]
"""The messages, by deadline, that are sent to somebody outside when the end comes near, with the reminder or
not at all."""


class Reminder(Aggregate):
    """One reminder or one breach: a stream of one event."""

    kind = "Deadline"

    def __init__(self, id: UUID, service: str, organ: str) -> None:
        super().__init__(id)
        self.service = service  # type: ignore[misc]
        self.organ = organ

    def tell(self, ctx: Context, name: str, stream: UUID, deadline: str, due: date) -> None:
        self.record(ctx, self.own(name)(stream=str(stream), deadline=deadline, due=due.isoformat()))


class Scheduler:
    """Watches the running deadlines of one service by the legal clock."""

    def __init__(
        self,
        service: str,
        law: Law,
        clock: Clock,
        engine: AsyncEngine,
        repository: Repository,
        projector: Projector,
        book: CaseBook,
        kinds: Sequence[type[Aggregate]],
        on_breach: OnBreach,
        on_reminder: OnReminder,
    ) -> None:
        self._service = service
        self._law = law
        self._clock = clock
        self._engine = engine
        self._repository = repository
        self._recorder = repository.recorder
        self._projector = projector
        self._book = book
        self._recomputed_on: date | None = None
        self._kinds = {kind.kind: kind for kind in kinds}
        self._on_breach = on_breach
        self._on_reminder = on_reminder

    async def run(self) -> None:
        """Ticks until it is cancelled; what is away is tried again at the next tick."""
        looked: tuple[date, int] | None = None
        asked = monotonic()
        while True:
            try:
                # The projector beside us knows the head: the database is not asked at every tick.
                now = local_date(self._clock.now()), self._recorder.head
                # A log that lost its end grows again below that head: it is asked once a minute.
                if now != looked or monotonic() - asked >= ASKED_SECONDS:
                    asked = monotonic()
                    # Of a day's later runs nothing is told: an event begins them, perhaps a reporter's.
                    first = looked is None or looked[0] != now[0]
                    with daily(self._service, "deadlines") if first else nullcontext():
                        if await self.tick(now[0], await self._recorder.max_position()):
                            looked = now
            except (StoreError, SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("scheduler_waits", error=type(error).__name__)
                await asyncio.sleep(1)
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self, today: date, position: int) -> bool:
        """Tells what has become due; False if it is to look again: the read model was too far behind, or days
        have just moved.

        The read model is awaited first, so that nothing is called breached that was satisfied a moment ago.
        """
        if not await self._projector.wait_for(self._book.name, position, 5.0):
            return False
        if today != self._recomputed_on:
            # A calendar comes with a start; daily, since another process may still count without it.
            if await self._recompute():
                return False
            self._recomputed_on = today
        table = self._book.deadlines
        # Counted from today, and not when the deadline began: by then the calendar may not have been known.
        soon = add_working_days(today, self._law.policy.int_of("reminder.before.days")).date
        due = select(table).where(
            table.c.met.is_(False),
            table.c.breached.is_(False),
            table.c.due <= soon,
            or_(table.c.due < today, table.c.approaching.is_(False)),
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(due.order_by(table.c.due))).mappings().all()
        for row in rows:
            await self._tell(row, "DeadlineBreached" if row["due"] < today else "DeadlineApproaching")
        return True

    async def _recompute(self) -> bool:
        """Counts deadlines anew (§8.7): those counted without the calendar of a year that is known by now,
        and those counted by days that were changed since; True if a day has moved. One stream that cannot be
        read or written holds up no other deadline."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(self._countable())).mappings().all()
        moved = False
        for row in {row["stream"]: row for row in rows if _differs(row)}.values():
            try:
                aggregate = await self._repository.get(self._kinds[row["kind"]], row["stream"])
                assert aggregate is not None
                aggregate.recompute_deadlines(self._context("RecomputeDeadlines", row, "§8.7"))
                if aggregate.pending_events:
                    await self._repository.save(aggregate)
                    moved = True
            except (StoreUnavailable, VersionConflict):
                raise  # at the next tick
            except StoreError as error:
                log.error("not_recomputed", stream=str(row["stream"]), error=type(error).__name__)
        return moved

    def _countable(self) -> Select[Any]:
        """The running deadlines that the calendar as it is known now may have moved."""
        d, cases = self._book.deadlines.c, self._book.cases.c
        may_move = and_(d.provisional, d.due <= last_known_day())
        if (said := said_from_file()) is not None:
            first, last = said
            may_move = or_(may_move, and_(d.working_days > 0, d.since < last, d.due >= first))
        columns = (d.stream, d.organ, d.correlation, d.matters, d.since, d.working_days, d.due, d.provisional)
        return (
            select(*columns, cases.kind)
            .join(self._book.cases, cases.stream == d.stream)
            .where(d.met.is_(False), may_move)
        )

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
        sent: Sequence[Effect] = ()
        if name == "DeadlineApproaching" and (remind := self._on_reminder.get(deadline)) is not None:
            sent = await remind(stream)
        try:
            await self._recorder.append(Append(events=reminder.collect_events(), effects=list(sent)))
        except VersionConflict:
            return

    def _context(self, name: str, row: Any, rule: str = "P10") -> Context:
        now = self._clock.now()
        return Context(
            actor=Actor(SYSTEM, SYSTEM, row["organ"]),
            now=now,
            occurred_at=now,
            law=self._law,
            command=name,
            rule=rule,
            correlation_id=row["correlation"],
            matters=tuple(map(UUID, filter(None, row["matters"].split(",")))),
        )


def _differs(row: Any) -> bool:
    """True if a deadline would end on another day, or be more certain, by the calendar as it is known now."""
    return bool(row["provisional"]) or add_working_days(row["since"], row["working_days"]).date != row["due"]


__all__ = ["OnBreach", "OnReminder", "Reminder", "Scheduler"]
