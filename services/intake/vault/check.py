"""Holds the vault against the events that name its contents, without opening anything (B55)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.complaint import Complaint
from services.intake.domain.misconduct import StaffMisconductReport
from services.intake.domain.overseen import Overseen
from services.intake.domain.retaliation import RetaliationReport
from services.intake.vault.binding import of_chunks
from services.intake.vault.blobs import blobs, chunks
from services.intake.vault.case import VaultCase
from services.intake.vault.keys import Periods
from services.intake.vault.letters import CODE, Letters, codes
from services.intake.vault.protection.request import ProtectionRequest
from services.intake.vault.renewal import WRAPPED
from services.intake.vault.rewards import Reward
from services.intake.vault.store import FIRST, KEY, Destroyed, identities, named_identity
from shared.casework.repository import Repository
from shared.language.contracts.common import InVault

NAMING: tuple[tuple[str, type[Complaint | Overseen]], ...] = (
    ("intake.ComplaintReceived", Complaint),
    ("intake.RetaliationReported", RetaliationReport),
    ("intake.StaffMisconductReported", StaffMisconductReport),
)
"""Kinds of cases that name things in the vault, by the event that each begins with."""
OWN: tuple[tuple[str, type[VaultCase]], ...] = (
    ("vault.ProtectionRequested", ProtectionRequest),
    ("vault.RewardRecorded", Reward),
)
PAGE = 200


class Missing(NamedTuple):
    """A thing that is not there, or is another: by the complaint that it lies under, and its id."""

    complaint: UUID
    id: str


class VaultCheck:
    """Compares digests. So it needs none of the keys that open anything, and looks at nothing."""

    def __init__(
        self,
        engine: AsyncEngine,
        keys: Periods,
        repository: Repository,
        cases: Repository,
        letters: Letters,
        destroyed: Destroyed,
    ) -> None:
        """`cases`: the vault's own, whose contents lie under the keys of their complaints."""
        self._engine = engine
        self._keys = keys
        self._cases = cases
        self._repository = repository
        self._letters = letters
        self._destroyed = destroyed

    async def __call__(self) -> list[Missing]:
        """Finds everything that is missing or exchanged, but for forgotten complaints (§6.5)."""
        found = await self._exchanged_codes() + await self._lost_keys()
        for topic, kind in NAMING:
            streams = await self._repository.recorder.streams_with(topic, 0)
            for start in range(0, len(streams), PAGE):
                found += await self._missing(kind, streams[start : start + PAGE])
        gone = await self._destroyed([missing.complaint for missing in found]) if found else set()
        return [missing for missing in found if missing.complaint not in gone]

    async def _missing(self, kind: type[Complaint | Overseen], streams: Sequence[UUID]) -> list[Missing]:
        named: dict[UUID, list[InVault]] = defaultdict(list)
        for stream in streams:
            case = await self._repository.get(kind, stream)
            if isinstance(case, Complaint):
                named[case.id] += case.in_vault.values()
            elif case is not None:
                named[case.letter_key] += case.in_vault
        there = await self._stored(list(named))
        return [
            Missing(complaint, thing.id)
            for complaint, things in named.items()
            for thing in things
            if (complaint, thing) not in there
        ]

    async def _stored(self, complaints: Sequence[UUID]) -> set[tuple[UUID, InVault]]:
        """The things that lie under these complaints, as events would name them."""
        there: set[tuple[UUID, InVault]] = set()
        for table, named in WRAPPED.items():
            for row in await self._rows(select(table).where(table.c.complaint.in_(complaints))):
                thing = named(row)
                if self._keys.fits(row.wrapped_by, row.wrapped_key, thing.digest):
                    there.add((row.complaint, thing))
        files = await self._rows(select(blobs.c.id, blobs.c.body).where(blobs.c.complaint.in_(complaints)))
        bodies = await self._bodies([file.id for file in files])
        broken = {str(file.id) for file in files if bodies.get(file.id) != file.body}
        return {each for each in there if each[1].id not in broken}

    async def _bodies(self, files: Sequence[UUID]) -> dict[UUID, bytes]:
        """The digests of the chunks as they are now; the database hashes them where they lie."""
        query = (
            select(chunks.c.blob, func.sha256(chunks.c.sealed).label("digest"))
            .where(chunks.c.blob.in_(files))
            .order_by(chunks.c.blob, chunks.c.number)
        )
        found: dict[UUID, list[bytes]] = defaultdict(list)
        for row in await self._rows(query):
            found[row.blob].append(row.digest)
        return {file: of_chunks(digests) for file, digests in found.items()}

    async def _exchanged_codes(self) -> list[Missing]:
        found: list[Missing] = []
        last = b""
        while rows := await self._rows(
            select(codes).where(codes.c.selector > last).order_by(codes.c.selector).limit(PAGE)
        ):
            last = rows[-1].selector
            found += [Missing(row.complaint, CODE) for row in rows if not self._letters.is_bound(row)]
        return found

    async def _lost_keys(self) -> list[Missing]:
        """Contents of protection and rewards whose key is not there: where nobody gave a name, no event names
        the row that holds it."""
        found: list[Missing] = []
        for topic, kind in OWN:
            streams = await self._cases.recorder.streams_with(topic, 0)
            for start in range(0, len(streams), PAGE):
                cases = [await self._cases.get(kind, stream) for stream in streams[start : start + PAGE]]
                complaints = {UUID(case.complaint) for case in cases if case is not None}
                first = select(identities).where(identities.c.step == FIRST)
                kept = await self._rows(first.where(identities.c.complaint.in_(complaints)))
                whole = {
                    row.complaint
                    for row in kept
                    if self._keys.fits(row.wrapped_by, row.wrapped_key, named_identity(row).digest)
                }
                found += [Missing(complaint, KEY) for complaint in sorted(complaints - whole)]
        return found

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        async with self._engine.connect() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows


def told(missing: Iterable[Missing]) -> str:
    """A text for an alarm that a person reads: the number of things, and of complaints."""
    under = [each.complaint for each in missing]
    return f"{len(under)} things of {len(set(under))} complaints are missing or exchanged"
