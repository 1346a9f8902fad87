"""Finds a case and reads its events: the database questions of the replays.

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
from shared.kernel.store.reading import Readers
from shared.kernel.store.sealing import Sealer
from shared.language.contracts.concealed import CONCEALED, Concealed

BYS: tuple[By, ...] = ("recorded", "occurred")
_LOOKED = """
    SELECT who, role, organ, count, first, last FROM seen WHERE about = s.stream
    UNION ALL
    SELECT who, role, organ, count, first, last FROM replayed WHERE about = s.stream
    """
"""The readers of a stream so far, from the running totals."""
# A replay of the very instant asked for does not count: under a clock that stands still there might be more
# of them tomorrow, and the answer must not change.
_LOOKED_UNTIL = f"""
    SELECT actor AS who, role, actor_organ AS organ, count(*), min(recorded_at) AS first,
        max(recorded_at) AS last
    FROM ledger WHERE about @> ARRAY[s.stream] AND type IN {READINGS} AND recorded_at <= $2
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT who, role, organ, count(*), min(at), max(at)
    FROM access_log WHERE about = s.stream AND outcome = 'ok' AND at < $2
    GROUP BY 1, 2, 3
    """  # noqa: S608
"""The same up to a day, $2, from the single times."""


def _is_concealed(declared: Sequence[Concealed]) -> str:
    """The condition, as SQL, under which a stream is concealed, by the declarations of its service beside its
    events. The words are names of classes."""
    always = ", ".join(f"'{c.kind}'" for c in declared if c.until is None)
    found = [f"s.kind IN ({always})"]
    for kind, until, sealed_by in declared:
        if until is not None and sealed_by is not None:
            found.append(
                f"s.kind = '{kind}' AND (SELECT bool_or(type = '{sealed_by.__name__}')"  # noqa: S608
                f" OR NOT bool_or(type = '{until.__name__}') FROM ledger WHERE stream = s.stream)"
            )
    return " OR ".join(found)


_CONCEALED = _is_concealed(CONCEALED)
EXCLUDED = """
    EXISTS (
        SELECT FROM matters JOIN exclusions said USING (matter)
        WHERE matters.stream = {stream} AND said.person = ${person} AND said.excluded AND NOT EXISTS (
            SELECT FROM exclusions later WHERE later.matter = said.matter AND later.person = said.person
                AND later.stream = said.stream AND later.position > said.position))
    """
"""The condition under which a person is excluded from a matter of a stream, as it is now (B2)."""
# Links are followed in both directions, each as far as it was known then.
_STREAMS = """
    WITH RECURSIVE start AS (SELECT stream FROM {start}),
    joined (correlation_id) AS (
        SELECT correlation_id FROM streams WHERE stream = (SELECT stream FROM start)
        UNION
        SELECT links.other FROM joined JOIN links USING (correlation_id) WHERE {known} AND {speaks}
    )
    SELECT s.stream, s.service, s.kind, s.organ, s.correlation_id, s.about,
        s.stream = (SELECT stream FROM start) AS asked,
        coalesce((SELECT min(number) FROM numbers WHERE stream = s.stream AND {known}), '') AS number,
        ARRAY(SELECT DISTINCT subject FROM subjects WHERE stream = s.stream AND {known} ORDER BY subject)
            AS subjects,
        {concealed} AS concealed,
        {excluded} AS excluded,
        (SELECT json_agg(json_build_array(who, role, organ, count, first, last))::text
         FROM ({looked}) AS looked) AS looked
    FROM streams s WHERE s.correlation_id = ANY(ARRAY(SELECT correlation_id FROM joined)) AND ({begun})
    ORDER BY s.service, s.stream
    """
# With a subject, only cases that speak of them, or (yet) of nobody: rather one too many than one left out.
_SPEAKS = """
    coalesce((SELECT bool_or(subject = ${subject}) FROM subjects
              WHERE correlation_id = links.other AND {known}), true)
    """
_BEGUN = """
    s.stream = (SELECT stream FROM start) OR EXISTS (SELECT FROM ledger WHERE stream = s.stream AND {known})
    """
_ROWS = """
    SELECT service, position, event_id, stream, version, topic, occurred_at, recorded_at, state_digest,
        content_digest, algorithm, line, event_at, hidden, confidential, sealed
    FROM ledger WHERE {conditions} ORDER BY {order} LIMIT $2
    """
_OF_SUBJECT = """
    (NOT EXISTS (SELECT FROM subjects x WHERE x.service = ledger.service AND x.position = ledger.position)
     OR EXISTS (SELECT FROM subjects x WHERE x.service = ledger.service AND x.position = ledger.position
                AND x.subject = ${subject}))
    """


def _streams_of(
    name: str | UUID, person: str, as_of: datetime | None, by: By, subject: str | None
) -> tuple[str, list[Any]]:
    """The statement that finds a case, and its values. Only what is asked stands in it: PostgreSQL keeps the
    plan of one that depends on no value, and makes that of any other anew each time."""
    values: list[Any] = [name]
    start = "numbers WHERE number = $1" if isinstance(name, str) else "streams WHERE stream = $1"
    known, looked, begun, speaks = "true", _LOOKED, "true", "true"
    if as_of is not None:
        values.append(as_of)
        known, looked = f"{by}_at <= $2", _LOOKED_UNTIL
        begun = _BEGUN.format(known=known)
    if subject is not None:
        values.append(subject)
        speaks = _SPEAKS.format(known=known, subject=len(values))
    asked = {"start": start, "known": known, "looked": looked, "begun": begun, "speaks": speaks}
    values.append(person)
    excluded = EXCLUDED.format(stream="s.stream", person=len(values))
    text = _STREAMS.format(concealed=_CONCEALED, excluded=excluded, **asked)
    return text, values


def _rows_of(
    streams: Sequence[Stream],
    as_of: datetime | None,
    by: By,
    limit: int,
    subject: str | None,
    after: Sequence[Any],
) -> tuple[str, list[Any]]:
    """The statement that reads events, and its values."""
    values: list[Any] = [[stream.id for stream in streams], limit]
    conditions, order = ["stream = ANY($1::uuid[])"], ", ".join(ORDER[by])
    if as_of is not None:
        values.append(as_of)
        conditions.append(f"{by}_at <= ${len(values)}")
    if subject is not None:
        values.append(subject)
        conditions.append(_OF_SUBJECT.format(subject=len(values)))
    if after:
        places = ", ".join(f"${len(values) + n}" for n in range(1, len(after) + 1))
        values.extend(after)
        conditions.append(f"({order}) > ({places})")
    return _ROWS.format(conditions=" AND ".join(conditions), order=order), values


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
        self, name: str | UUID, person: str, as_of: datetime | None, by: By, subject: str | None
    ) -> Found | None:
        """The case of a human number, or of a stream's id for one that has no number yet, as a person asks
        for it."""
        statement, values = _streams_of(name, person, as_of, by, subject)
        rows = await self._driver.fetch(statement, *values)
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
        statement, values = _rows_of(streams, as_of, by, limit, subject, after)
        found: list[Any] = await self._driver.fetch(statement, *values)
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
        excluded=bool(row["excluded"]),
        looked=tuple(Looked(*said) for said in orjson.loads(row["looked"] or b"[]")),
    )
