"""Takes events in: a run of one service's events becomes rows, links and leaves, in one transaction with the
source's position.

There is one writer at a time, by an advisory lock: an effect may be taken in beside its cause from another
stream, and the second of them must see the first for the link between their cases to be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit import proof, record
from services.audit.database import using
from services.audit.tables import ALERTS, LEDGER, READINGS
from shared.kernel.bus.envelope import Published
from shared.kernel.clock import Clock
from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import AlreadyTracked, Append, Appended, StoreUnavailable, Tracked

_LOCK = int.from_bytes(blake2b(b"zhengming.audit.ledger", digest_size=8).digest(), "big", signed=True)
_BEGIN = f"SET LOCAL plan_cache_mode = force_custom_plan; SELECT pg_advisory_xact_lock({_LOCK})"
_TRACKED = "SELECT position FROM tracking WHERE source = $1"
_PLACE = "SELECT position, event_id, epoch FROM tracking WHERE source = $1"
_MOVE = """
    UPDATE tracking SET position = $2, event_id = $3, epoch = $4 WHERE source = $1 AND position = $5
    RETURNING position
    """
_TRACK = """
    INSERT INTO tracking (source, position, event_id, epoch) VALUES ($1, $2, $3, $4)
    ON CONFLICT (source) DO UPDATE SET position = excluded.position, event_id = excluded.event_id,
        epoch = excluded.epoch
    """
_PARK = """
    INSERT INTO parked (source, position, event_id, correlation, reason, message, parked_at)
    VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7)
    """
_STREAMS = """
    INSERT INTO streams (stream, service, kind, organ, correlation_id, about)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[])
    ON CONFLICT DO NOTHING
    """
_SEEN = """
    INSERT INTO seen (about, who, role, organ, count, first, last)
    SELECT about, who, role, organ, count(*), min(at), max(at)
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
        AS reading (about, who, role, organ, at)
    GROUP BY about, who, role, organ
    ON CONFLICT (about, who, role, organ) DO UPDATE SET count = seen.count + excluded.count,
        first = least(seen.first, excluded.first), last = greatest(seen.last, excluded.last)
    """
_NUMBERS = """
    INSERT INTO numbers (number, stream, correlation_id, occurred_at, recorded_at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[])
    ON CONFLICT DO NOTHING
    """
_CLAIMS = """
    INSERT INTO claims (service, position, target, correlation_id, occurred_at, recorded_at)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[], $5::timestamptz[],
                         $6::timestamptz[])
    """
_SUBJECTS = """
    INSERT INTO subjects (service, position, subject, stream, correlation_id, occurred_at, recorded_at)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::timestamptz[],
                         $7::timestamptz[])
    """
_MATTERS = """
    INSERT INTO matters (stream, matter) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING
    """
_EXCLUSIONS = """
    INSERT INTO exclusions (service, position, matter, person, stream, excluded)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[], $6::boolean[])
    """
# $1: everything by which this run may be meant or may mean something: targets it names, and its own
# streams, numbers and event ids, which earlier claims may have been waiting for.
_LINKS = """
    WITH joined AS (
        SELECT c.correlation_id, t.correlation_id AS other, c.service, c.position, c.occurred_at,
               c.recorded_at
        FROM claims c JOIN (
            SELECT stream::text AS target, correlation_id FROM streams WHERE stream = ANY($2::uuid[])
            UNION ALL SELECT event_id::text, correlation_id FROM ledger WHERE event_id = ANY($2::uuid[])
            UNION ALL SELECT number, correlation_id FROM numbers WHERE number = ANY($1::text[])
        ) t ON t.target = c.target
        WHERE c.target = ANY($1::text[]) AND t.correlation_id <> c.correlation_id
    )
    INSERT INTO links (correlation_id, other, service, position, occurred_at, recorded_at)
    SELECT correlation_id, other, service, position, occurred_at, recorded_at FROM joined
    UNION SELECT other, correlation_id, service, position, occurred_at, recorded_at FROM joined
    ON CONFLICT DO NOTHING
    """
_HELD = "SELECT position, event_id, type, stream FROM ledger WHERE service = $1 ORDER BY position"
_COLUMNS = [column.name for column in LEDGER.columns]
_OF_ALERTS = [column.name for column in ALERTS.columns]


class Held(NamedTuple):
    """An event of the ledger, by its place."""

    position: int
    event_id: UUID
    type: str
    stream: UUID


class Ledger:
    """The writing side of audit: the inboxes' store."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer, clock: Clock) -> None:
        self._engine = engine
        self._sealer = sealer
        self._clock = clock
        self._trees: dict[str, proof.Grown] = {}
        """Each log's tree as this process left it, where it holds all that was taken in."""

    async def tracked(self, source: str, /) -> Tracked:
        """The place up to which a source is dealt with; position 0 before the first."""
        async with using(self._engine) as driver:
            row = await driver.fetchrow(_PLACE, source)
        return Tracked(source, *row) if row is not None else Tracked(source, 0)

    async def held(self, source: str) -> list[Held]:
        """The events that were taken in of a source's log, in its order."""
        async with using(self._engine) as driver:
            return [Held(*row) for row in await driver.fetch(_HELD, source)]

    async def append(self, append: Append, /) -> Appended:
        """Sets a message aside, or moves past one that was; the rest of an `Append` audit does not have."""
        assert append.tracking is not None
        assert not append.events
        source, position = append.tracking.application_name, append.tracking.position
        now = self._clock.now()
        async with using(self._engine) as driver, driver.transaction():
            await driver.execute(_BEGIN)
            if (await driver.fetchval(_TRACKED, source) or 0) >= position:
                raise AlreadyTracked(f"{source} {position} was taken in before")
            for row in append.parked:
                message = orjson.dumps(row["message"]).decode()
                await driver.execute(
                    _PARK,
                    row["source"],
                    row["position"],
                    row.get("event_id"),
                    row["correlation"],
                    row["reason"],
                    message,
                    now,
                )
            await driver.execute(_TRACK, source, position, append.tracking.event_id, append.tracking.epoch)
        return Appended((), position, now, {})

    async def take_in(self, events: Sequence[Published], unparked: Sequence[int] = ()) -> None:
        """Writes a run of one source's events. Raises `NotProved`, or `AlreadyTracked` if it is there."""
        for published in events:
            record.check(published)
        rows = [self._row(published) for published in events]
        source, last = events[0].service, events[-1].position
        async with using(self._engine) as driver, driver.transaction():
            await driver.execute(_BEGIN)
            if unparked:
                await self._unpark(driver, unparked)
            else:
                await self._follow_on(driver, events[0].previous, events[-1])
            await driver.copy_records_to_table("ledger", records=rows, columns=_COLUMNS)
            await _write_surroundings(driver, events)
            tree = await (proof.extend(driver, source) if unparked else self._grow(driver, source, events))
        if tree.size == last:
            self._trees[source] = tree

    async def _follow_on(self, driver: Any, previous: int, last: Published) -> None:
        """Moves the source's position from where this run begins to where it ends."""
        source, place = last.service, (last.position, last.event_id, last.epoch)
        if await driver.fetchval(_MOVE, source, *place, previous) is not None:
            return
        tracked = await driver.fetchval(_TRACKED, source) or 0
        if tracked > previous:
            raise AlreadyTracked(f"{source} {previous + 1} was taken in before")
        if tracked < previous:
            # The inbox fills holes before it comes here; our own database went back in time. No fault of
            # the event, so it must not be parked.
            raise StoreUnavailable(f"{source} stands at {tracked}, {previous} is not there yet")
        await driver.execute(_TRACK, source, *place)

    async def _grow(self, driver: Any, source: str, events: Sequence[Published]) -> proof.Grown:
        """The tree with this run's leaves. If it ended with the run before, nothing need be read: a tree
        never reaches past the position, which the lock keeps where this process left it."""
        tree = self._trees.get(source)
        if tree is None or tree.size != events[0].previous:
            return await proof.extend(driver, source)
        return await proof.grow(driver, source, tree, [proof.leaf_of_published(e) for e in events])

    @staticmethod
    async def _unpark(driver: Any, ids: Sequence[int]) -> None:
        gone = await driver.fetch("DELETE FROM parked WHERE id = ANY($1::bigint[]) RETURNING id", list(ids))
        if len(gone) != len(ids):
            raise AlreadyTracked("a parked message was taken up by another worker")

    def _row(self, published: Published) -> tuple[Any, ...]:
        kept = record.keep(published)
        place = (published.service, published.position)
        sealed = self._sealer.seal(kept.plaintext, published.event_id, published.position, published.service)
        values = {
            "service": place[0],
            "position": place[1],
            "event_id": published.event_id,
            "stream": published.stream_id,
            "version": published.stream_version,
            "kind": published.kind,
            "organ": published.organ,
            "type": published.name,
            "topic": published.topic,
            "state": published.state,
            "actor": published.meta["actor"],
            "role": published.meta["role"],
            "actor_organ": published.meta["organ"],
            "correlation_id": published.correlation_id,
            "about": record.about(published),
            "occurred_at": published.occurred_at,
            "recorded_at": published.recorded_at,
            "state_digest": published.state_digest,
            "content_digest": published.content_digest,
            "algorithm": published.algorithm,
            "line": kept.line,
            "event_at": kept.event_at,
            "hidden": kept.hidden,
            "confidential": kept.confidential,
            "sealed": sealed,
        }
        return tuple(values[name] for name in _COLUMNS)


async def _write_surroundings(driver: Any, events: Sequence[Published]) -> None:
    """Streams, matters, exclusions, alerts, numbers, subjects, claims, and the links that became visible with
    this run."""
    streams = [
        (p.stream_id, p.service, p.kind, p.organ, p.correlation_id, next(iter(record.about(p)), None))
        for p in events
        if p.name not in READINGS
    ]
    await driver.execute(_STREAMS, *columns(streams, 6))
    told = [p for p in events if p.name not in READINGS]
    if matters := {(p.stream_id, matter) for p in told for matter in p.matters}:
        await driver.execute(_MATTERS, *columns(sorted(matters), 2))
    exclusions = [
        (p.service, p.position, matter, *exclusion)
        for p in events
        if (exclusion := record.exclusion_of(p)) is not None
        for matter in p.matters
    ]
    if exclusions:
        await driver.execute(_EXCLUSIONS, *columns(exclusions, 6))
    if alerts := [alert for p in events if (alert := record.alert_of(p)) is not None]:
        await driver.copy_records_to_table("alerts", records=alerts, columns=_OF_ALERTS)
    seen = [
        (about, p.meta["actor"], p.meta["role"], p.meta["organ"], p.recorded_at)
        for p in events
        if p.name in READINGS
        for about in record.about(p)
    ]
    if seen:
        await driver.execute(_SEEN, *columns(seen, 5))
    numbers = [
        (number, p.stream_id, p.correlation_id, p.occurred_at, p.recorded_at)
        for p in events
        if (number := record.number_of(p))
    ]
    if numbers:
        await driver.execute(_NUMBERS, *columns(numbers, 5))
    subjects = [
        (p.service, p.position, ref, p.stream_id, p.correlation_id, p.occurred_at, p.recorded_at)
        for p in events
        for ref in sorted(record.subjects_of(p.event))
    ]
    if subjects:
        await driver.execute(_SUBJECTS, *columns(subjects, 7))
    claims = [
        (p.service, p.position, target, p.correlation_id, p.occurred_at, p.recorded_at)
        for p in events
        for target in sorted(record.claims_of(p))
    ]
    if claims:
        await driver.execute(_CLAIMS, *columns(claims, 6))
    ids = {p.stream_id for p in events} | {p.event_id for p in events}
    targets = {str(id) for id in ids} | {row[0] for row in numbers} | {row[2] for row in claims}
    named = {id for id in map(record.uuid_or_none, targets) if id is not None}
    await driver.execute(_LINKS, list(targets), list(named))


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows as one array for each column."""
    return [[row[n] for row in rows] for n in range(width)]
