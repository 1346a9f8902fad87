"""The monthly digest of repeated complaints (重复检举控告定期通报, A12): every department learns once a month
what was filed without a new verification beside the complaints that it handles."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Integer, Select, Text, Uuid, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from services.intake.clerks.book import DeskBook
from services.intake.domain.complaint import Complaint
from services.intake.domain.digest import Digest
from shared.casework.aggregate import Actor, Context
from shared.casework.http import query
from shared.casework.http.describe import page, row_of
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.casework.parts import Core, Parts
from shared.casework.visibility import Sight
from shared.kernel.store.reading import given
from shared.kernel.store.types import Append, StoreError, VersionConflict
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.roles import SYSTEM

log = structlog.get_logger("digest")
TICK_SECONDS = 0.2
PATIENCE_SECONDS = 5.0
PLACE: query.Cursor[tuple[str, UUID, int]] = query.Cursor(tuple[query.Key, UUID, query.Count])


class Filed(NamedTuple):
    """Duplicates with their originals, by number, and the matters of the originals; the duplicates are of
    them too."""

    pairs: list[tuple[str, str]]
    matters: list[UUID]


class DigestSender:
    """Tells the duplicates that were filed in the months that are over, once on every legal day."""

    def __init__(self, core: Core, desk: DeskBook) -> None:
        self.core = core
        self.desk = desk

    async def run(self) -> None:
        """Runs until it is cancelled; a part that is away is tried again."""
        looked: date | None = None
        while True:
            try:
                today = local_date(self.core.clock.now())
                if today != looked and await self.send(today):
                    looked = today
            except (StoreError, SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("digest_waits", error=type(error).__name__)
                await asyncio.sleep(1)
            await asyncio.sleep(TICK_SECONDS)

    async def send(self, today: date) -> bool:
        """Sends the digests that are due; False where the read model was too far behind to look.

        A duplicate whose original no department has yet waits for the day on which one has it.
        """
        position = await self.core.recorder.max_position()
        if not await self.core.projector.wait_for(self.desk.name, position, PATIENCE_SECONDS):
            return False
        filed = self.desk.duplicates
        over = select(filed).where(filed.c.told.is_(False), filed.c.month < f"{today:%Y-%m}")
        async with self.core.engine.connect() as connection:
            rows = (await connection.execute(over.order_by(filed.c.number))).mappings().all()
        for (organ, month, dept), told in (await self._by_department(rows)).items():
            await self._tell(organ, month, dept, told)
        return True

    async def _by_department(self, rows: Sequence[Any]) -> dict[tuple[str, str, str], Filed]:
        found: dict[tuple[str, str, str], Filed] = defaultdict(lambda: Filed([], []))
        for row in rows:
            original = await self.core.repository.get(Complaint, row["original"])
            if original is not None and original.handling_dept:
                key = (row["organ"], row["month"], original.handling_dept)
                found[key].pairs.append((row["number"], row["original_number"]))
                found[key].matters.extend(original.matters)
        return found

    async def _tell(self, organ: str, month: str, dept: str, filed: Filed) -> None:
        id = derived_id("duplicate-digest", organ, month, dept)
        digest = await self.core.repository.get(Digest, id) or Digest(id)
        now = self.core.clock.now()
        ctx = Context(
            actor=Actor(SYSTEM, SYSTEM, organ),
            now=now,
            occurred_at=now,
            law=self.core.law,
            command="SendDuplicateDigest",
            rule="A12",
        )
        digest.tell(ctx, month, dept, filed.pairs, filed.matters)
        if events := digest.collect_events():
            try:
                await self.core.recorder.append(Append(events=events))
            except VersionConflict:
                return  # another worker was first; what it did not tell is there again tomorrow


class DigestRoutes:
    """`GET /v1/duplicate-digests`: the digests that departments were sent, by numbers (SEC-11)."""

    def __init__(self, parts: Parts, desk: DeskBook) -> None:
        self.parts = parts
        self.desk = desk

    @read(
        "DuplicateDigests",
        "/v1/duplicate-digests",
        rule="A12",
        models=(DeskBook.name,),
        parameters=query.documented(
            organ="Only this organ and those below it.",
            month="Only this month, as 2026-03.",
            handling_dept="Only what was told to this department.",
            **query.PAGING,
        ),
        answer=lambda self: page(row_of(*self.desk.digests.c, self.parts.book.cases.c.organ)),
    )
    async def digests(self, ask: Asked[Complaint]) -> Response:
        """The monthly digests of repeated complaints within jurisdiction, the latest month first."""
        reads, request = self.parts.reads, ask.request
        organ, values = query.organ(request), dict[str, Any]()
        if (month := query.code(request, "month")) is not None:
            values["month"] = month
        if (dept := query.code(request, "handling_dept")) is not None:
            values["handling_dept"] = dept
        if (behind := PLACE.read(request)) is not None:
            values["month_behind"], values["stream_behind"], values["version_behind"] = behind
        limit = reads.limit(ask)
        of = (Sight.of(ask.token), organ, frozenset(values), limit)
        rows = await self.parts.reading.rows(self._told, *of, person=ask.token.person, **values)
        end = rows[-1] if len(rows) == limit else None
        last = PLACE.write(end["month"], end["id"], end["version"]) if end else None
        withheld = await self.parts.reads.withheld(ask.token.person)
        rows = [told for row in rows if (told := _without(row, withheld)) is not None]
        return json_response({"items": rows, "next": last})

    def _told(self, sight: Sight, organ: str | None, values: frozenset[str], limit: int) -> Select[Any]:
        cases, told = self.parts.book.cases, self.desk.digests
        place = tuple_(told.c.month, told.c.stream, told.c.version)
        found = select(told, cases.c.organ).join(cases, cases.c.stream == told.c.stream)
        found = found.where(self.parts.reads.visible(cases, sight))
        if organ is not None:
            found = found.where(func.starts_with(cases.c.organ, organ))
        if "month" in values:
            found = found.where(told.c.month == given("month", Text()))
        if "handling_dept" in values:
            found = found.where(told.c.handling_dept == given("handling_dept", Text()))
        if "stream_behind" in values:
            behind = (
                given("month_behind", Text()),
                given("stream_behind", Uuid()),
                given("version_behind", Integer()),
            )
            found = found.where(place < tuple_(*behind))
        order = told.c.month.desc(), told.c.stream.desc(), told.c.version.desc()
        return found.order_by(*order).limit(limit)


def _without(row: dict[str, Any], withheld: frozenset[str]) -> dict[str, Any] | None:
    """A digest without the numbers that somebody may not know of; None where nothing is left of it."""
    pairs = list(zip(row["duplicates"], row["originals"], strict=True))
    shown = [pair for pair in pairs if withheld.isdisjoint(pair)]
    if shown == pairs:
        return row
    duplicates, originals = ([pair[n] for pair in shown] for n in (0, 1))
    told = {"count": len(shown), "duplicates": duplicates, "originals": originals}
    return row | told if shown else None
