"""The vault's register of exclusions follows intake's, and intake's follows the vault's (B2).

The vault publishes nothing and listens to nobody, so the two stores tell one another here. What intake's
register says is noted in the vault. Somebody who steps aside from a case of the vault while they work on the
complaint is excluded by an event on the complaint, the one that they would have caused by stepping aside
there: it goes on to every service. Of anybody else intake notes it as it notes what other services tell,
and the others are not told: that somebody had to do with a reporter who is protected, or rewarded, would be
told with it (B50).
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog

from services.intake.domain.complaint import Complaint
from shared.casework.aggregate import Actor, Context, Law
from shared.casework.gate import AuditRecord
from shared.casework.repository import Repository
from shared.kernel.clock import Clock
from shared.kernel.store.exclusions import Change
from shared.kernel.store.mapper import decode_meta
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import (
    AlreadyTracked,
    Append,
    Exclusion,
    LogEntry,
    StoreUnavailable,
    Tracked,
    VersionConflict,
)
from shared.language.contracts.common import ExclusionNoted, PersonExcluded
from shared.language.event import Meta
from shared.language.ids import derived_id
from shared.language.roles import SYSTEM

log = structlog.get_logger("vault")
INWARDS, OUTWARDS = "intake-exclusions", "vault-exclusions"
"""The places, in the store that is written, up to which the other one was followed."""
TOPIC = "vault.PersonExcluded"
PAGE = 500
SECONDS = 1.0
"""Seconds between two looks."""


class ExclusionExchange:
    """Carries exclusions between the vault's store and intake's, in both directions."""

    def __init__(self, vault: Recorder, intake: Repository, law: Law, clock: Clock) -> None:
        self._vault = vault
        self._intake = intake
        self._law = law
        self._clock = clock
        self._whole = -1
        """The end of intake's register when all of it was last compared."""
        self._read = 0
        """The position up to which the vault's log was looked through."""

    async def run(self) -> None:
        """Looks from time to time, until it is cancelled. A store that is away is asked again; another
        process that was faster has done the same."""
        while True:
            try:
                await self.copy_inwards()
                await self.carry_outwards()
            except (StoreUnavailable, VersionConflict, AlreadyTracked) as error:
                log.info("exclusions_wait", error=type(error).__name__)
            await asyncio.sleep(SECONDS)

    async def copy_inwards(self) -> None:
        """Notes in the vault what intake's register says since the last time; all of it where intake's store
        has lost its end. The same change twice is noted once."""
        last = await self._intake.recorder.last_exclusion()
        place = (await self._vault.tracked(INWARDS)).position
        if last in (place, self._whole):
            return
        for change in await self._intake.recorder.exclusions_since(place if place < last else 0):
            await self._note(change, Tracked(INWARDS, change.number) if change.number > place else None)
        self._whole = last

    async def _note(self, change: Change, place: Tracked | None) -> None:
        row = change.row
        if row.stream == derived_id("of-the-vault", row.matter, row.person):
            await self._vault.append(Append(tracking=place))
            return  # it came from here
        id = derived_id("exclusion-noted", row.matter, row.person, row.stream, change.number)
        if await self._vault.existing([id]):
            await self._vault.append(Append(tracking=place))
            return
        complaint = await self._intake.get(Complaint, row.matter)
        noted = self._noted(id, "vault", complaint.organ if complaint else "", row)
        await self._vault.append(Append(events=noted.collect_events(), tracking=place))

    async def carry_outwards(self) -> None:
        """Tells intake of everybody who stepped aside in the vault, each once."""
        self._read = self._read or (await self._intake.recorder.tracked(OUTWARDS)).position
        while entries := await self._vault.read(self._read, PAGE):
            for entry in entries:
                if entry.topic == TOPIC:
                    await self._carry(entry)
                self._read = entry.position

    async def _carry(self, entry: LogEntry) -> None:
        meta, person = decode_meta(entry.data["meta"]), entry.data["event"]["person"]
        written: list[Complaint | AuditRecord] = []
        for matter in meta.matters:
            complaint = await self._intake.get(Complaint, matter)
            if complaint is None or person in complaint.excluded:
                continue
            if complaint.assigned.get(person):
                excluded = complaint.own(PersonExcluded.__name__)
                complaint.record(
                    self._as_there(meta), excluded(person=person, role=meta.role, ground="OTHER")
                )
                written.append(complaint)
            else:
                id = derived_id("of-the-vault", matter, person)
                row = Exclusion(matter, person, id, meta.role)
                written.append(self._noted(id, complaint.service, complaint.organ, row))
        await self._intake.save(*written, tracking=Tracked(OUTWARDS, entry.position))

    def _as_there(self, meta: Meta) -> Context:
        """The circumstances of the same act on the complaint itself."""
        return Context(
            actor=Actor(meta.actor, meta.role, meta.organ),
            now=self._clock.now(),
            occurred_at=meta.occurred_at,
            law=self._law,
            command=meta.command,
            rule=meta.rule,
        )

    def _noted(self, id: UUID, service: str, organ: str, row: Exclusion) -> AuditRecord:
        """The record by which one store takes over a row of the other's register."""
        now = self._clock.now()
        ctx = Context(
            actor=Actor(SYSTEM, SYSTEM, organ),
            now=now,
            occurred_at=now,
            law=self._law,
            command="note_exclusion",
            rule="B2",
            matters=(row.matter,),
        )
        record = AuditRecord(id, service)
        told = {"person": row.person, "decided_in": str(row.stream), "role": row.role}
        record.note(ctx, ExclusionNoted.__name__, **told, excluded=row.excluded)
        return record
