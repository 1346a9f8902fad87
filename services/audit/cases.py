"""Finding a case and reading its events: what the replays ask the database.

A case is everything that one correlation holds, and what is linked with it as far as that was known on the
day asked for. So an as-of answer stays the same for ever, whatever is joined to the case later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.audit.record import shown_content
from services.audit.tables import READINGS
from services.audit.timeline import ORDER, By, Looked, Stream, Told
from shared.store.reading import Readers
from shared.store.sealing import Sealer

BYS: tuple[By, ...] = ("recorded", "occurred")
_START = {
    "number": "SELECT stream FROM numbers WHERE number = $1",
    "id": "SELECT stream FROM streams WHERE stream = $1::uuid",
}
# Who looked at a stream: now from the running totals, for an earlier day from the single times. A replay of
# the very instant asked for does not count: under a clock that stands still there might be more of them
# tomorrow, and the answer must not change.
_LOOKED = f"""
    SELECT who, role, organ, count, first, last FROM seen WHERE $2 IS NULL AND about = s.stream
    UNION ALL
    SELECT who, role, organ, count, first, last FROM replayed WHERE $2 IS NULL AND about = s.stream
    UNION ALL
    SELECT actor, role, actor_organ, count(*), min(recorded_at), max(recorded_at)
    FROM ledger
    WHERE $2 IS NOT NULL AND about @> ARRAY[s.stream] AND type IN {READINGS} AND recorded_at <= $2
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT who, role, organ, count(*), min(at), max(at)
    FROM access_log WHERE $2 IS NOT NULL AND about = s.stream AND outcome = 'ok' AND at < $2
    GROUP BY 1, 2, 3
    """  # noqa: S608
# $2: the day, $3: the subject. Links are followed in both directions, each as far as it was known then; with
# a subject, only to cases that speak of him, or (yet) of nobody: rather one too many than one left out.
_STREAMS = """
    WITH RECURSIVE start AS ({start}),
    joined (correlation_id) AS (
        SELECT correlation_id FROM streams WHERE stream = (SELECT stream FROM start)
        UNION
        SELECT links.other FROM joined JOIN links USING (correlation_id)
        WHERE links.{by}_at <= coalesce($2::timestamptz, 'infinity')
          AND ($3::text IS NULL OR coalesce((
              SELECT bool_or(subject = $3) FROM subjects WHERE subjects.correlation_id = links.other
              AND subjects.{by}_at <= coalesce($2::timestamptz, 'infinity')), true))
    )
    SELECT s.stream, s.service, s.kind, s.organ, s.correlation_id, s.about,
        s.stream = (SELECT stream FROM start) AS asked,
        coalesce((SELECT min(number) FROM numbers WHERE numbers.stream = s.stream
                  AND numbers.{by}_at <= coalesce($2::timestamptz, 'infinity')), '') AS number,
        ARRAY(SELECT DISTINCT subject FROM subjects WHERE subjects.stream = s.stream
              AND subjects.{by}_at <= coalesce($2::timestamptz, 'infinity') ORDER BY subject) AS subjects,
        s.kind IN ('StaffMisconductReport', 'RetaliationReport', 'RetaliationWatch')
            OR s.kind = 'Complaint' AND (SELECT bool_or(type = 'ComplaintSealedUpward')
            OR NOT bool_or(type = 'ComplaintRegistered') FROM ledger WHERE ledger.stream = s.stream)
            AS concealed,
        (SELECT json_agg(json_build_array(who, role, organ, count, first, last))::text
         FROM ({looked}) AS looked) AS looked
    FROM streams s JOIN joined USING (correlation_id)
    WHERE $2::timestamptz IS NULL OR s.stream = (SELECT stream FROM start)
      OR EXISTS (SELECT FROM ledger WHERE ledger.stream = s.stream AND ledger.{by}_at <= $2)
    ORDER BY s.service, s.stream
    """
_ROWS = """
    SELECT service, position, event_id, stream, version, topic, occurred_at, recorded_at, state_digest,
        content_digest, algorithm, line, event_at, hidden, confidential, sealed
    FROM ledger
    WHERE stream = ANY($1::uuid[]) AND {by}_at <= coalesce($2::timestamptz, 'infinity')
      {of_subject} {after}
    ORDER BY {order} LIMIT $3
    """
_OF_SUBJECT = """AND ($4::text IS NULL OR NOT EXISTS (SELECT FROM subjects x
        WHERE x.service = ledger.service AND x.position = ledger.position)
      OR EXISTS (SELECT FROM subjects x
        WHERE x.service = ledger.service AND x.position = ledger.position AND x.subject = $4))"""
_AFTER: dict[By, str] = {
    "recorded": "AND (recorded_at, service, position) > ($5::timestamptz, $6::text, $7::bigint)",
    "occurred": "AND (occurred_at, recorded_at, service, position) "
    "> ($5::timestamptz, $6::timestamptz, $7::text, $8::bigint)",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A case: the stream that was asked for, and all that belongs to it."""

    asked: Stream
    streams: tuple[Stream, ...]


class Session:
    """The questions of one replay, over one connection."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def find(
        self, name: str | UUID, as_of: datetime | None, by: By, subject: str | None
    ) -> Found | None:
        """The case of a human number, or of a stream's id for one that has no number yet."""
        start = "number" if isinstance(name, str) else "id"
        rows = await self._driver.fetch(_FIND[start, by], name, as_of, subject)
        streams = tuple(_stream(row) for row in rows)
        asked = next((s for s, row in zip(streams, rows, strict=True) if row["asked"]), None)
        return None if asked is None else Found(asked, streams)

    async def rows(
        self,
        streams: Sequence[Stream],
        as_of: datetime | None,
        by: By,
        *,
        limit: int,
        subject: str | None = None,
        after: Sequence[Any] = (),
    ) -> list[Any]:
        """Events of these streams in order; `after` continues behind a key of ORDER."""
        found: list[Any] = await self._driver.fetch(
            _QUERIES[by, bool(after)], [s.id for s in streams], as_of, limit, subject, *after
        )
        return found


class Cases:
    """The reading side of audit."""

    def __init__(self, readers: Readers, sealer: Sealer) -> None:
        self._readers = readers
        self._sealer = sealer

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection for the questions of one replay."""
        async with self._readers.using() as driver:
            yield Session(driver)

    def open(self, row: Any) -> bytes:
        """The sealed text of a row, in its place. Raises `StoreTampered` for any other."""
        return self._sealer.open(row["sealed"], row["event_id"], row["position"], row["service"])

    def told(self, row: Any) -> Told:
        """A row with its shown content."""
        content = shown_content(self.open(row), row["topic"])
        place = (row["service"], row["position"], row["stream"])
        return Told(*place, row["occurred_at"], row["recorded_at"], content)


def _stream(row: Any) -> Stream:
    return Stream(
        id=row["stream"],
        service=row["service"],
        kind=row["kind"],
        organ=row["organ"],
        correlation_id=row["correlation_id"],
        about=row["about"],
        number=row["number"],
        subjects=tuple(row["subjects"]),
        concealed=bool(row["concealed"]),
        looked=tuple(Looked(*said) for said in orjson.loads(row["looked"] or b"[]")),
    )


_FIND = {
    (start, by): _STREAMS.format(start=_START[start], by=by, looked=_LOOKED) for start in _START for by in BYS
}
_QUERIES = {
    (by, continued): _ROWS.format(
        by=by, order=", ".join(ORDER[by]), of_subject=_OF_SUBJECT, after=_AFTER[by] if continued else ""
    )
    for by in BYS
    for continued in (False, True)
}
