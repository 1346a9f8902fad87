"""Ends the assignments of people who have left or moved (B8), and sees to it that somebody stands in for them
and for those who were excluded elsewhere (B2, DL-34): day by day, and whenever directory or register
change. What the latter did before their exclusion was known here is told to internal supervision (B2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared.casework.aggregate import Actor, Aggregate, Context
from shared.casework.case import Case
from shared.casework.gate import AuditRecord
from shared.casework.parts import Parts
from shared.kernel.store.types import Exclusion, StoreError, VersionConflict
from shared.language.ids import random_id
from shared.language.law.working_days import local_date
from shared.language.roles import SYSTEM

log = structlog.get_logger("departures")
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 5.0


class Departures:
    """Looks for assignments that nobody holds any more."""

    def __init__(self, parts: Parts, kinds: Sequence[type[Aggregate]]) -> None:
        self._parts = parts
        self._kinds = {kind.kind: kind for kind in kinds if issubclass(kind, Case)}

    async def run(self) -> None:
        """Looks until it is cancelled; what is away is tried again at the next look."""
        looked: tuple[date, int] | None = None
        excluded, parts = 0, self._parts
        while True:
            try:
                now = local_date(parts.clock.now()), parts.staff.version
                left = parts.staff.left(now[0]) if now != looked else frozenset[str]()
                changes = await parts.recorder.exclusions_since(excluded)
                out = [change.row for change in changes if change.row.excluded]
                if await self._look(left, out, now[0]):
                    looked, excluded = now, changes[-1].number if changes else excluded
            except (StoreError, SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("departures_wait", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, left: Set[str], out: Sequence[Exclusion], today: date) -> bool:
        """Sees to the cases of people who have left, or were excluded from some matter; False if the read
        model was too far behind to tell."""
        if not (people := left | {row.person for row in out}):
            return True
        parts, book = self._parts, self._parts.book
        position = await parts.recorder.max_position()
        if not await parts.projector.wait_for(book.name, position, PATIENCE_SECONDS):
            return False
        cases, work = book.cases.c, book.work.c
        worked = select(cases.stream, cases.kind).distinct().join(book.work, work.stream == cases.stream)
        async with parts.engine.connect() as connection:
            rows = (await connection.execute(worked.where(work.person.in_(people)))).all()
        done = True
        for stream, kind in rows:
            done &= await self._end(kind, stream, left, out, today)
        return done

    async def _end(
        self, kind: str, stream: UUID, left: Set[str], out: Sequence[Exclusion], today: date
    ) -> bool:
        case = await self._parts.repository.get(self._kinds[kind], stream) if kind in self._kinds else None
        if not isinstance(case, Case):
            return True
        now, staff = self._parts.clock.now(), self._parts.staff
        ctx = Context(
            actor=Actor(SYSTEM, SYSTEM, case.organ),
            now=now,
            occurred_at=now,
            law=self._parts.law,
            command="EndAssignmentsOfLeft",
            rule="B8",
        )
        case.end_assignments_of(ctx, left, lambda person, organs: staff.roles_of(person, organs, today))
        case.await_stand_ins(ctx)
        told = []
        for row in out:
            late = row.since if row.matter in case.matters else None
            if late is not None and case.question_decisions(replace(ctx, rule="B2"), row.person, late):
                told.append(self._alert(ctx, case, row.person))
        if case.pending_events:
            try:
                await self._parts.repository.save(case, *told)
            except VersionConflict:
                return False
        return True

    @staticmethod
    def _alert(ctx: Context, case: Case, person: str) -> AuditRecord:
        """Tells internal supervision of what somebody did who was excluded already."""
        record = AuditRecord(random_id(), case.service)
        actor = Actor(person, SYSTEM, case.organ)
        ctx = replace(ctx, actor=actor, command="QuestionDecisions", rule="B2", matters=case.matters)
        record.alert(ctx, "E_STEP_IN_QUESTION", str(case.id), severity="MEDIUM")
        return record
