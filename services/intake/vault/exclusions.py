"""The vault's register of exclusions follows intake's, and intake's follows the vault's (B2).

The vault publishes nothing and listens to nobody, so the two stores tell one another here. Intake's register
is copied into the vault's. Somebody who steps aside from a case of the vault is excluded by an event on the
complaint that its matter began with, and from there in every service. That event is the one that they would
have caused by stepping aside from the complaint itself: nothing in it tells that the vault has a case.
"""

from __future__ import annotations

import asyncio

import structlog

from services.intake.domain.complaint import Complaint
from shared.casework.aggregate import Actor, Context, Law
from shared.casework.repository import Repository
from shared.kernel.clock import Clock
from shared.kernel.store.mapper import decode_meta
from shared.kernel.store.recorder import Recorder
from shared.kernel.store.types import Append, Exclusion, LogEntry, StoreUnavailable, Tracked, VersionConflict
from shared.language.contracts.common import PersonExcluded
from shared.language.event import Meta

log = structlog.get_logger("vault")
SOURCE = "vault-exclusions"
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
        self._copied = 0
        """The number of the last change of intake's register that the vault has."""
        self._read = 0
        """The position up to which the vault's log was looked through."""

    async def run(self) -> None:
        """Looks from time to time, until it is cancelled. A store that is away is asked again."""
        while True:
            try:
                await self.copy_inwards()
                await self.carry_outwards()
            except (StoreUnavailable, VersionConflict) as error:
                log.warning("exclusions_wait", error=type(error).__name__)
            await asyncio.sleep(SECONDS)

    async def copy_inwards(self) -> None:
        """Brings the vault's register to where intake's is. The first time it is all of it, and again where
        intake's store has lost its end: the same row twice changes nothing."""
        last = await self._intake.recorder.last_exclusion()
        if last < self._copied:
            self._copied = 0
        if last == self._copied:
            return
        changes = await self._intake.recorder.exclusions_since(self._copied)
        if changes:
            rows = [Exclusion(matter, person, excluded) for matter, person, excluded, _ in changes]
            await self._vault.append(Append(exclusions=rows))
            self._copied = changes[-1][3]

    async def carry_outwards(self) -> None:
        """Excludes from the complaint whoever stepped aside in the vault, each once."""
        self._read = self._read or (await self._intake.recorder.tracked(SOURCE)).position
        while entries := await self._vault.read(self._read, PAGE):
            for entry in entries:
                if entry.topic == TOPIC:
                    await self._carry(entry)
                self._read = entry.position

    async def _carry(self, entry: LogEntry) -> None:
        meta, person = decode_meta(entry.data["meta"]), entry.data["event"]["person"]
        complaints = []
        for matter in meta.matters:
            complaint = await self._intake.get(Complaint, matter)
            if complaint is not None and person not in complaint.excluded:
                excluded = complaint.own(PersonExcluded.__name__)
                complaint.record(self._context(meta), excluded(person=person, role=meta.role, ground="OTHER"))
                complaints.append(complaint)
        await self._intake.save(*complaints, tracking=Tracked(SOURCE, entry.position))

    def _context(self, meta: Meta) -> Context:
        return Context(
            actor=Actor(meta.actor, meta.role, meta.organ),
            now=self._clock.now(),
            occurred_at=meta.occurred_at,
            law=self._law,
            command=meta.command,
            rule=meta.rule,
        )
