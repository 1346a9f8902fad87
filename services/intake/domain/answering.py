"""The third phase: the verification has ended, and the reporter is answered (P2, R46)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from services.intake.domain.passing_on import PassingOn
from shared.aggregate import Context
from shared.contracts.intake import ResultBecameAvailable
from shared.event import Meta


class Answering(PassingOn):
    """What is owed to the reporter, and when."""

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.concluded_in: set[str] = set()

    def note_result(self, ctx: Context, case_number: str, verdict: str, concluded_on: date) -> None:
        """P2: the verification has ended. Told twice, it changes nothing."""
        if case_number in self.concluded_in:
            return
        self.record(
            ctx, ResultBecameAvailable(case_number=case_number, verdict=verdict, concluded_on=concluded_on)
        )

    def on_result_became_available(self, event: ResultBecameAvailable, meta: Meta) -> None:
        self.concluded_in.add(event.case_number)
