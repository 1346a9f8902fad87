"""The vault's findings about itself, as events of intake's log (B55)."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from uuid import UUID

import structlog

from services.intake.domain.complaint import Complaint
from services.intake.vault.roots import root_id
from shared.casework.aggregate import Actor, Context, Law
from shared.casework.gate import AuditRecord
from shared.casework.repository import Repository
from shared.kernel.clock import Clock
from shared.kernel.store.types import Append, VersionConflict
from shared.language.alerts import severity_of
from shared.language.contracts.intake import COMMON, VaultRootRecorded
from shared.language.event import Event
from shared.language.ids import derived_id
from shared.language.organs.tree import Level
from shared.language.roles import SYSTEM

log = structlog.get_logger("intake")
ALERT = COMMON["SecurityAlertRaised"]


class Findings:
    """Records what nobody has asked for, each thing once."""

    def __init__(self, repository: Repository, law: Law, clock: Clock) -> None:
        self._repository = repository
        self._recorder = repository.recorder
        self._law = law
        self._clock = clock

    async def alarm(self, complaint: UUID, id: str) -> None:
        """Tells internal supervision once of each thing that is missing (R27, B55)."""
        log.error("vault_incomplete", complaint=str(complaint), id=id)
        code = "E_RECORD_INCOMPLETE"
        alert = ALERT(code=code, actor=SYSTEM, object=str(complaint), severity=severity_of(code))
        await self._note_once(derived_id("vault-incomplete", str(complaint), id), alert, complaint)

    async def note_root(self, today: date, root: VaultRootRecorded) -> None:
        """Records the root of the vault's events, once a day."""
        await self._note_once(root_id(today), root)

    async def _note_once(self, stream: UUID, event: Event, about: UUID | None = None) -> None:
        if await self._recorder.existing([stream]):
            return
        complaint = None if about is None else await self._repository.get(Complaint, about)
        province = next(organ.code for organ in self._law.organs if organ.level is Level.PROVINCE)
        now = self._clock.now()
        ctx = Context(
            actor=Actor(SYSTEM, SYSTEM, complaint.organ if complaint else province),
            now=now,
            occurred_at=now,
            law=self._law,
            command="CheckVault",
            rule="B55",
            correlation_id=complaint.correlation_id if complaint else stream,
            matters=complaint.matters if complaint else (),
        )
        record = AuditRecord(stream, Complaint.service)
        record.record(ctx, event)
        with suppress(VersionConflict):  # another was faster
            await self._recorder.append(Append(events=record.collect_events()))
