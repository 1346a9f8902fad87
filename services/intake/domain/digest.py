"""Tells departments of repeated complaints (重复检举控告定期通报, A12)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.casework.aggregate import Aggregate, Context
from shared.language.contracts.intake import DuplicateDigest
from shared.language.event import Meta


class Digest(Aggregate):
    """The digest of one month for one department of one organ. Its id follows from these three, so two
    workers, or one after a crash, tell it once."""

    kind = "DuplicateDigest"
    plural = "duplicate-digests"
    collects = True
    service = "intake"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.told: set[str] = set()

    def tell(
        self, ctx: Context, month: str, dept: str, filed: Sequence[tuple[str, str]], matters: Sequence[UUID]
    ) -> None:
        """Duplicates and their originals by number, in these matters; what was told before is left out."""
        new = sorted({pair for pair in filed if pair[0] not in self.told})
        if new:
            self.record(
                ctx,
                DuplicateDigest(
                    month=month,
                    handling_dept=dept,
                    count=len(new),
                    duplicates=tuple(duplicate for duplicate, _ in new),
                    originals=tuple(original for _, original in new),
                ),
                joins=matters,
            )

    def on_duplicate_digest(self, event: DuplicateDigest, meta: Meta) -> None:
        self.told |= set(event.duplicates)
