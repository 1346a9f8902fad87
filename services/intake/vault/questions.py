"""Counts of questions to the screen and of its positive answers: by person over thirty days, by complaint
over one (SEC-12, B54).

A positive answer tells something about who reported. So one person gets a few of them, over all cases,
services and processes together; they are counted here, before the next question is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Column, Date, Integer, MetaData, Table, Text, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.casework.screen import Asker, Verdict
from shared.kernel.store.types import StoreUnavailable

metadata = MetaData()
questions = Table(
    "questions",
    metadata,
    Column("of", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("organ", Text, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("found", Integer, nullable=False),
)
WINDOW = timedelta(days=30)
OF_A_PERSON = 3
"""Positives within the window, after which a person's texts wait (B54)."""
OF_A_COMPLAINT = 5
"""Positives of a day about one complaint, after which every text about it waits until the next (SEC-12)."""
AT_ONCE = 2
"""Questions that are weighed at the same time: each holds a connection, and needs another for a moment."""


class Questions:
    """The counts, in the vault's database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._places = asyncio.Semaphore(AT_ONCE)

    async def weigh(
        self, asker: Asker, complaints: Iterable[UUID], today: date, look: Callable[[], Awaitable[bool]]
    ) -> Verdict:
        """The answer of `look`, while there are answers left. One person's questions come one after the
        other: asked at once, none of them would know of the others. Raises `StoreUnavailable`."""
        person, about = _of(asker.person), [f"complaint {id}" for id in complaints]
        try:
            async with self._places, self._engine.begin() as connection:
                await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(person, 0))))
                if await self._found([person], today - WINDOW, connection) >= OF_A_PERSON:
                    verdict = Verdict(leak=True, reason="clearance")
                elif await self._found(about, today, connection) > OF_A_COMPLAINT:
                    verdict = Verdict(leak=True, alert=True, reason="clearance")
                else:
                    found = await look()
                    verdict = Verdict(leak=found, alert=found)
                told = verdict.leak and not verdict.reason
                await self._count(
                    {person: asker.organ, **(dict.fromkeys(about, "") if told else {})},
                    *(today, int(told), connection),
                )
                return verdict
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def organs_of(self, person: str) -> frozenset[str]:
        """The organs for which a counted person wrote. Raises `StoreUnavailable`."""
        try:
            async with self._engine.connect() as connection:
                asked = await connection.scalars(
                    select(questions.c.organ).where(questions.c.of == _of(person)).distinct()
                )
                return frozenset(asked)
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise StoreUnavailable("the identity vault is away") from error

    async def forget(self, person: str) -> None:
        """Counts a person anew. Raises `StoreUnavailable`."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(delete(questions).where(questions.c.of == _of(person)))
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise StoreUnavailable("the identity vault is away") from error

    @staticmethod
    async def _found(of: Sequence[str], since: date, connection: AsyncConnection) -> int:
        """The most positives of any of them."""
        counted = (
            select(func.sum(questions.c.found).label("found"))
            .where(questions.c.of.in_(of), questions.c.day >= since)
            .group_by(questions.c.of)
            .subquery()
        )
        return int((await connection.execute(select(func.max(counted.c.found)))).scalar() or 0)

    @staticmethod
    async def _count(of: Mapping[str, str], today: date, found: int, connection: AsyncConnection) -> None:
        """Adds one question to each, by the organ for which it was asked."""
        rows = [
            {"of": each, "day": today, "organ": organ, "asked": 1, "found": found}
            for each, organ in sorted(of.items())
        ]
        counting = insert(questions).values(rows)
        more = {name: questions.c[name] + counting.excluded[name] for name in ("asked", "found")}
        more["organ"] = counting.excluded.organ
        await connection.execute(counting.on_conflict_do_update(index_elements=["of", "day"], set_=more))


def _of(person: str) -> str:
    return f"person {person}"
