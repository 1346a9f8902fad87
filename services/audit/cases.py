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

from services.audit.database import Readers
from services.audit.record import shown_content
from services.audit.tables import READINGS
from services.audit.timeline import ORDER, By, Stream, Told
from shared.store.sealing import Sealer

BYS: tuple[By, ...] = ("recorded", "occurred")
_START = {
    "number": "SELECT stream FROM numbers WHERE number = $1",
    "id": "SELECT stream FROM streams WHERE stream = $1::uuid",
}
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
              AND subjects.{by}_at <= coalesce($2::timestamptz, 'infinity') ORDER BY subject) AS subjects
    FROM streams s JOIN joined USING (correlation_id)
    WHERE $2::timestamptz IS NULL OR s.stream = (SELECT stream FROM start)
      OR EXISTS (SELECT FROM ledger WHERE ledger.stream = s.stream AND ledger.{by}_at <= $2)
    ORDER BY s.service, s.stream
    """
_ROWS = """
    SELECT service, position, event_id, stream, version, topic, occurred_at, recorded_at, state_sha256,
        content_digest, line, event_at, hidden, confidential, sealed
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
_ACCESSES = """
    SELECT who, role, organ, sum(count)::bigint AS count, min(first) AS first, max(last) AS last
    FROM ({looked}) AS looked GROUP BY who, role, organ ORDER BY who, role, organ
    """
_TOTALS = _ACCESSES.format(
    looked="""
        SELECT who, role, organ, count, first, last FROM seen WHERE about = ANY($1::uuid[])
        UNION ALL
        SELECT who, role, organ, count, first, last FROM replayed WHERE about = ANY($2::uuid[])
    """
)
_AS_OF = _ACCESSES.format(
    # The list of READINGS is written out: only so can the index over just these be used.
    looked=f"""
        SELECT actor AS who, role, actor_organ AS organ, 1 AS count, recorded_at AS first, recorded_at AS last
        FROM ledger WHERE about = ANY($1::uuid[]) AND recorded_at <= $3 AND type IN {READINGS}
        UNION ALL
        SELECT who, role, organ, 1, at, at
        FROM access_log WHERE correlation_id = ANY($2::uuid[]) AND outcome = 'ok' AND at < $3
    """  # noqa: S608
)


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

    async def accesses(self, streams: Sequence[Stream], as_of: datetime | None) -> list[dict[str, Any]]:
        """Who looked at these streams how often before: in the services, and here.

        Replays of the very instant asked for are not counted: under a clock that stands still there
        might be more of them tomorrow, and the answer must not change.
        """
        about = [[s.id for s in streams], list({s.correlation_id for s in streams})]
        if as_of is None:
            rows = await self._driver.fetch(_TOTALS, *about)
        else:
            rows = await self._driver.fetch(_AS_OF, *about, as_of)
        return [dict(row) for row in rows]


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
    )


_FIND = {(start, by): _STREAMS.format(start=_START[start], by=by) for start in _START for by in BYS}
_QUERIES = {
    (by, continued): _ROWS.format(
        by=by, order=", ".join(ORDER[by]), of_subject=_OF_SUBJECT, after=_AFTER[by] if continued else ""
    )
    for by in BYS
    for continued in (False, True)
}
