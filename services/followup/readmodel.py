"""Hashes of the texts of revisit plans, so that a copied plan is noticed (R35). No text, no person."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Table, Text, Uuid

from shared.kernel.store.rows import RowSet
from shared.kernel.store.schema import view_metadata
from shared.kernel.store.types import RawEntry


class PlanTexts:
    """The first plan with a given text, by the hash of the text."""

    name = "plantexts"
    version = 1

    def __init__(self) -> None:
        self.metadata = view_metadata()
        self.texts = Table(
            f"plan_texts_v{self.version}",
            self.metadata,
            Column("text_hash", Text, primary_key=True),
            Column("stream", Uuid, nullable=False),
        )
        self.tables = [self.texts]

    async def apply(self, batch: Sequence[RawEntry], rows: RowSet) -> None:
        drafted = [e for e in batch if e.topic == "followup.RevisitPlanDrafted"]
        await rows[self.texts].fetch(e.data["event"]["text_hash"] for e in drafted)
        for entry in drafted:
            text_hash = entry.data["event"]["text_hash"]
            if text_hash not in rows[self.texts]:
                rows[self.texts].put({"text_hash": text_hash, "stream": entry.stream})
