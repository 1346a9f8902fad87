"""Finds the entries of the register of accused, through what was merged (B11)."""

from __future__ import annotations

from services.intake.domain.register import RegisterEntry, register_id
from shared.casework.repository import Repository


async def entry_of(repository: Repository, ref: str) -> RegisterEntry | None:
    """The entry of a reference; the one that stands, where it was merged."""
    entry = await repository.get(RegisterEntry, register_id(ref))
    while entry is not None and entry.merged_into:
        entry = await repository.get(RegisterEntry, register_id(entry.merged_into))
    return entry if entry is not None and entry.accused is not None else None
