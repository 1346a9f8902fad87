"""The cases in which another reporter's complaint on the same facts is verified (B24)."""

from __future__ import annotations

from uuid import UUID

from shared.casework.aggregate import Aggregate, Context
from shared.language.contracts.verification import CaseOfComplaintNoted
from shared.language.event import Meta
from shared.language.ids import derived_id


def joined_id(complaint: UUID) -> UUID:
    """The stream follows from the joined complaint."""
    return derived_id("joined-complaint", complaint)


class JoinedComplaint(Aggregate):
    """One complaint that was joined to another's case, which its later news must find."""

    kind = "JoinedComplaint"
    plural = "joined-complaints"
    service = "verification"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.cases: tuple[str, ...] = ()

    def note_case(self, ctx: Context, complaint_id: str, case_id: str) -> None:
        """Told twice, it changes nothing."""
        if case_id not in self.cases:
            self.record(ctx, CaseOfComplaintNoted(complaint_id=complaint_id, case_id=case_id))

    def on_case_of_complaint_noted(self, event: CaseOfComplaintNoted, meta: Meta) -> None:
        self.cases += (event.case_id,)
