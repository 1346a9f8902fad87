"""The statements of the write path, on the driver's connection: one that reads and one per table that writes,
or a single one where the end of the log is known already.

Every parameter is one value or one array, so the same few prepared statements serve every batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson

from shared.kernel.store.admission import EventRow, KnownCommand, StoreFacts, Unit, Writes
from shared.kernel.store.schema import KernelTables

T = TypeVar("T")


class Statements:
    """SQL for one service's tables."""

    def __init__(self, tables: KernelTables) -> None:
        events, tracking = tables.events.name, tables.tracking.name
        # One round trip, two statements: each takes its own snapshot, so what follows sees everything that
        # the last holder of the lock committed.
        self._begin = f"BEGIN; SELECT pg_advisory_xact_lock({tables.lock_key})"
        # The last row by position, once; versions by the end of each stream in the primary key.
        self._facts = f"""
            SELECT last.notification_id, last.recorded_at, pg_current_xact_id()::text AS transaction,
                ARRAY(SELECT coalesce((SELECT max(originator_version) FROM {events}
                                       WHERE originator_id = asked.stream), -1)
                      FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (stream, n) ORDER BY n) AS versions,
                ARRAY(SELECT coalesce((SELECT notification_id FROM {tracking}
                                       WHERE application_name = asked.source), -1)
                      FROM unnest($2::text[]) WITH ORDINALITY AS asked (source, n) ORDER BY n) AS tracked,
                ARRAY(SELECT coalesce((SELECT counters.last FROM counters
                                       WHERE counters.series = asked.series), 0)
                      FROM unnest($3::text[]) WITH ORDINALITY AS asked (series, n) ORDER BY n) AS counters,
                (SELECT json_agg(json_build_array(id, encode(request_hash, 'hex'), answer, position,
                                                  recorded_at))::text
                 FROM commands WHERE id = ANY($4::uuid[])) AS commands,
                ARRAY(SELECT id FROM parked WHERE id = ANY($5::bigint[])) AS parked,
                ARRAY(SELECT n FROM unnest($6::uuid[], $7::text[]) WITH ORDINALITY
                          AS asked (matter, person, n)
                      JOIN exclusions USING (matter, person) WHERE excluded) AS excluded
            FROM (VALUES (1)) AS always
            LEFT JOIN LATERAL (SELECT notification_id, recorded_at FROM {events}
                               ORDER BY notification_id DESC LIMIT 1) AS last ON true
            """  # noqa: S608 -- names of our own tables
        self._events = f"""
            INSERT INTO {events} (originator_id, originator_version, topic, state, content_digest,
                                  correlation_id, event_id, notification_id, recorded_at)
            SELECT *, $9::timestamptz FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[],
                $5::bytea[], $6::uuid[], $7::uuid[], $8::bigint[])
            """  # noqa: S608
        self._commands = """
            INSERT INTO commands (id, request_hash, stream, answer, position, recorded_at)
            SELECT id, request_hash, stream, answer::jsonb, position, $6::timestamptz
            FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::text[], $5::bigint[])
                AS command (id, request_hash, stream, answer, position)
            """
        self._tracking = f"""
            INSERT INTO {tracking} (application_name, notification_id, event_id, epoch)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::uuid[])
            ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id,
                event_id = excluded.event_id, epoch = excluded.epoch
            """  # noqa: S608
        self._counters = """
            INSERT INTO counters (series, last) SELECT * FROM unnest($1::text[], $2::bigint[])
            ON CONFLICT (series) DO UPDATE SET last = excluded.last
            """
        self._parked = """
            INSERT INTO parked (source, position, event_id, correlation, reason, message, parked_at)
            SELECT source, position, event_id, correlation, reason, message::jsonb, $7::timestamptz
            FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[])
                AS message (source, position, event_id, correlation, reason, message)
            """
        self._unparked = "DELETE FROM parked WHERE id = ANY($1::bigint[])"
        self._effects = """
            INSERT INTO effects (key, kind, payload, trace_id, matters, created_at)
            SELECT key, kind, payload::jsonb, trace_id, string_to_array(matters, ',')::uuid[], $6::timestamptz
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                AS effect (key, kind, payload, trace_id, matters)
            ON CONFLICT (key) DO NOTHING
            """
        self._exclusions = """
            INSERT INTO exclusions (matter, person, stream, role, excluded, since, number)
            SELECT matter, person, stream, role, is_excluded, since, nextval('exclusions_number')
            FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::boolean[], $6::timestamptz[])
                AS change (matter, person, stream, role, is_excluded, since)
            ON CONFLICT (matter, person, stream) DO UPDATE SET role = excluded.role,
                excluded = excluded.excluded, since = excluded.since, number = excluded.number
            """
        # Everything at once, a transaction of its own. The lock is held before the first row is made, since
        # every row is joined to it. That nobody has written since the end of the log was seen, the end of the
        # log tells; who wrote while we waited for the lock has taken our positions, which are unique.
        self._at_once = f"""
            WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock({tables.lock_key})),
            written AS (
                INSERT INTO {events} (originator_id, originator_version, topic, state, content_digest,
                                      correlation_id, event_id, notification_id, recorded_at)
                SELECT event.*, $9::timestamptz
                FROM held, unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[], $5::bytea[], $6::uuid[],
                                  $7::uuid[], $8::bigint[]) AS event
                WHERE (SELECT coalesce(max(notification_id), 0) FROM {events}) = $8[1] - 1
                    AND NOT EXISTS (
                        SELECT FROM unnest($17::uuid[], $18::text[]) AS cleared (matter, person)
                        JOIN exclusions USING (matter, person) WHERE excluded)
                    AND NOT EXISTS (
                        SELECT FROM unnest($10::uuid[], $11::bigint[]) AS built_on (stream, version)
                        WHERE NOT EXISTS (SELECT FROM {events} WHERE originator_id = built_on.stream
                                          AND originator_version = built_on.version))
                RETURNING 1),
            commanded AS (
                INSERT INTO commands (id, request_hash, stream, answer, position, recorded_at)
                SELECT id, request_hash, stream, answer::jsonb, position, $9::timestamptz
                FROM unnest($12::uuid[], $13::bytea[], $14::uuid[], $15::text[], $16::bigint[])
                    AS command (id, request_hash, stream, answer, position)
                WHERE EXISTS (SELECT FROM written))
            SELECT EXISTS (SELECT FROM written)
            """  # noqa: S608
        self._event_id = f"SELECT event_id FROM {events} WHERE notification_id = $1"  # noqa: S608
        self._status = "SELECT pg_xact_status($1::text::xid8)"

    async def set_up(self, driver: Any) -> None:
        """Prepares a fresh connection. The custom plan: one that was made while a table was small scans it
        for ever. The time-outs keep a frozen process from holding up the others."""
        await driver.execute(
            "SET plan_cache_mode = force_custom_plan; SET lock_timeout = '10s';"
            "SET idle_in_transaction_session_timeout = '10s'"
        )

    async def begin(self, driver: Any) -> None:
        """Opens the transaction and takes the writer's lock."""
        await driver.execute(self._begin)

    async def read_facts(self, driver: Any, units: Sequence[Unit]) -> tuple[StoreFacts, str]:
        """The facts that a batch depends on, and the id of this transaction."""
        streams = _unique(s for unit in units for s in _streams(unit))
        sources = _unique(u.tracking.application_name for u in units if u.tracking is not None)
        series = _unique(s for unit in units for s in unit.series if s)
        commands = _unique(unit.command.id for unit in units if unit.command is not None)
        parked = _unique(id for unit in units for id in unit.unparked)
        cleared = _unique(asked for unit in units for asked in _cleared(unit))
        row = await driver.fetchrow(
            self._facts, streams, sources, series, commands, parked, *_columns(cleared, 2)
        )
        facts = StoreFacts(
            position=row["notification_id"] or 0,
            recorded_at=row["recorded_at"],
            versions=dict(zip(streams, row["versions"], strict=True)),
            commands=_known(row["commands"]),
            tracked={s: None if p < 0 else p for s, p in zip(sources, row["tracked"], strict=True)},
            counters=dict(zip(series, row["counters"], strict=True)),
            parked=set(row["parked"]),
            excluded={cleared[n - 1] for n in row["excluded"]},
        )
        return facts, row["transaction"]

    async def write(self, driver: Any, writes: Writes) -> None:
        """Writes the admitted rows: one statement per table that is touched."""
        at = writes.recorded_at
        if writes.events:
            await driver.execute(self._events, *_event_columns(writes), at)
        if writes.commands:
            await driver.execute(self._commands, *_command_columns(writes), at)
        if writes.tracked:
            tracked = [
                (t.application_name, t.notification_id, t.event_id, t.epoch) for t in writes.tracked.values()
            ]
            await driver.execute(self._tracking, *_columns(tracked, 4))
        if writes.counters:
            await driver.execute(self._counters, list(writes.counters), list(writes.counters.values()))
        if writes.unparked:
            await driver.execute(self._unparked, writes.unparked)
        if writes.parked:
            messages = [
                (
                    p["source"],
                    p["position"],
                    p.get("event_id"),
                    str(p["correlation"]),
                    p["reason"],
                    orjson.dumps(p["message"]).decode(),
                )
                for p in writes.parked
            ]
            await driver.execute(self._parked, *_columns(messages, 6), at)
        if writes.effects:
            effects = [
                (e.key, e.kind, orjson.dumps(e.payload).decode(), e.trace_id, ",".join(map(str, e.matters)))
                for e in writes.effects.values()
            ]
            await driver.execute(self._effects, *_columns(effects, 5), at)
        if writes.exclusions:
            changes = list(writes.exclusions.values())
            await driver.execute(self._exclusions, *_columns(changes, 6))

    async def write_at_once(self, driver: Any, writes: Writes, built_on: Sequence[tuple[UUID, int]]) -> bool:
        """Writes and commits events and commands. False, and nothing is written, where somebody else has
        written behind the position that they follow, a version is missing that they are built on, or a person
        who acts is excluded."""
        columns = (*_event_columns(writes), writes.recorded_at)
        written = await driver.fetchval(
            self._at_once,
            *columns,
            *_columns(built_on, 2),
            *_command_columns(writes),
            *_columns(_unique(writes.clearances), 2),
        )
        return bool(written)

    async def event_at(self, driver: Any, position: int) -> UUID | None:
        """The event id at a position of the log."""
        found: UUID | None = await driver.fetchval(self._event_id, position)
        return found

    async def committed(self, driver: Any, transaction: str) -> bool:
        """True if PostgreSQL remembers that a transaction was committed."""
        return bool(await driver.fetchval(self._status, transaction) == "committed")


def _streams(unit: Unit) -> Iterable[UUID]:
    for stream, _ in unit.places:
        yield stream
    if unit.command is not None:
        # The answer tells its version, also where this command changed nothing.
        yield unit.command.stream


def _cleared(unit: Unit) -> Iterable[tuple[UUID, str]]:
    if unit.clearance is not None:
        for matter in unit.clearance.matters:
            yield matter, unit.clearance.person


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _event_columns(writes: Writes) -> list[list[Any]]:
    first = writes.first_position
    positions = list(range(first, first + len(writes.events)))
    return [*_columns(writes.events, len(EventRow._fields)), positions]


def _command_columns(writes: Writes) -> list[list[Any]]:
    rows = [
        (c.id, c.request_hash, c.stream, orjson.dumps(k.answer).decode(), k.position)
        for c, k in writes.commands
    ]
    return _columns(rows, 5)


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[n] for row in rows] for n in range(width)]


def _known(commands: str | None) -> dict[UUID, KnownCommand]:
    if commands is None:
        return {}
    return {
        UUID(id): KnownCommand(bytes.fromhex(hashed), answer, position, datetime.fromisoformat(recorded_at))
        for id, hashed, answer, position, recorded_at in orjson.loads(commands)
    }
