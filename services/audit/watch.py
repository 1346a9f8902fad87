"""Watches for bulk reading (SEC-9): counted over all services and over audit's own replays, in one place.

Every reading of a case leaves a record in the service that showed it, and audit has all of them on its
ledger; its own replays stand in the access log. So more than twenty different cases within an hour are told
wherever they were read, by whichever process, and after any restart. The alert is a record of the access log:
sealed in its tree like the replays, and listed for internal supervision (`services.audit.alerts`). What a
service has told by itself is not told again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.access import ALERT, Access, AccessLog
from services.audit.database import using
from services.audit.tables import ACCESS, OPENINGS, PUBLISHERS
from shared.casework.bulk import WITHIN, BulkReadWatch
from shared.language.alerts import BULK_READING
from shared.language.ids import random_id

_LOCK = int.from_bytes(blake2b(b"zhengming.audit.watch", digest_size=8).digest(), "big", signed=True)
# ruff: noqa: S608 -- the words are our own
_TRY = f"SELECT pg_try_advisory_xact_lock({_LOCK})"
_TRACKED = "SELECT coalesce((SELECT position FROM watched WHERE source = $1), 0)"
_TRACK = """
    INSERT INTO watched (source, position) VALUES ($1, $2)
    ON CONFLICT (source) DO UPDATE SET position = excluded.position
    """
_ENDS = """
    SELECT source, position FROM tracking WHERE source = ANY($1::text[])
    UNION ALL SELECT $2, coalesce(max(id), 0) FROM access_log
    """
_READ = f"""
    SELECT actor AS who, min(recorded_at) AS first, max(recorded_at) AS last FROM ledger
    WHERE service = $1 AND position > $2 AND position <= $3 AND type IN {OPENINGS} GROUP BY actor
    """
_REPLAYED = """
    SELECT who, min(at) AS first, max(at) AS last FROM access_log
    WHERE id > $1 AND id <= $2 AND outcome = 'ok' GROUP BY who
    """
_ALL_OF = f"""
    SELECT recorded_at AS at, role, actor_organ AS organ, unnest(about) AS object FROM ledger
    WHERE actor = $1 AND type IN {OPENINGS} AND recorded_at > $2 AND recorded_at <= $3
    UNION ALL
    SELECT at, role, organ, about FROM access_log
    WHERE who = $1 AND outcome = 'ok' AND about IS NOT NULL AND at > $2 AND at <= $3
    ORDER BY at
    """
_TOLD = f"""
    SELECT as_of::timestamptz FROM access_log
    WHERE who = $1 AND action = '{BULK_READING}' AND outcome = '{ALERT}'
    UNION ALL
    SELECT raised_at FROM alerts WHERE person = $1 AND code = '{BULK_READING}'
    """
"""The instants at which somebody was told to have read too much, by audit or by a service of its own."""


class Reading(NamedTuple):
    """One case shown to one person."""

    at: datetime
    role: str
    organ: str
    object: UUID


class Watch:
    """Looks at the readings since it looked last."""

    def __init__(self, engine: AsyncEngine, access: AccessLog) -> None:
        self._engine = engine
        self._access = access

    async def look(self) -> int:
        """Counts anew; returns the number of alerts that were raised. One worker looks at a time; a reading
        that it has looked at, none looks at again for itself, but a record that arrives late is counted with
        those around it."""
        async with using(self._engine) as driver, driver.transaction():
            if not await driver.fetchval(_TRY):
                return 0
            rows = await driver.fetch(_ENDS, list(PUBLISHERS), ACCESS)
            spans: dict[str, tuple[datetime, datetime]] = {}
            for source, end in rows:
                begin = await driver.fetchval(_TRACKED, source)
                if begin < end:
                    of = () if source == ACCESS else (source,)
                    statement = _REPLAYED if source == ACCESS else _READ
                    for who, first, last in await driver.fetch(statement, *of, begin, end):
                        known = spans.get(who, (first, last))
                        spans[who] = min(first, known[0]), max(last, known[1])
            raised = 0
            for who, (first, last) in spans.items():
                raised += await self._look_at(driver, who, first, last)
            for source, end in rows:
                await driver.execute(_TRACK, source, end)
        return raised

    async def _look_at(self, driver: Any, who: str, first: datetime, last: datetime) -> int:
        found = await driver.fetch(_ALL_OF, who, first - WITHIN, last + WITHIN)
        alerts = crossings(Reading(*row) for row in found)
        if not alerts:
            return 0
        told = [at for (at,) in await driver.fetch(_TOLD, who)]
        raised = 0
        for reading, objects in alerts:
            if all(abs(reading.at - at) >= WITHIN for at in told):
                told.append(reading.at)
                raised += 1
                await self._access.add(
                    Access(
                        who=who,
                        role=reading.role,
                        organ=reading.organ,
                        action=BULK_READING,
                        object=str(objects),
                        about=random_id(),
                        as_of=reading.at.isoformat(),
                        outcome=ALERT,
                    )
                )
        return raised


def crossings(readings: Iterable[Reading]) -> list[tuple[Reading, int]]:
    """The readings by which it became too many, with the number of different cases; in order of time."""
    watch = BulkReadWatch()
    found = []
    for reading in readings:
        if objects := watch.saw("", reading.object, reading.at):
            found.append((reading, objects))
    return found
