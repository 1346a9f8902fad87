"""Another person's letter on the same facts is no duplicate: it is joined (B24)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.intake.domain.complaint.phase import ANOTHER, ComplaintPhase
from services.intake.domain.complaint.state import ComplaintState
from services.intake.domain.values import SamePair
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import Finding
from shared.language.contracts.intake import (
    AnotherComplaintJoined,
    ComplaintJoined,
    ComplaintParted,
    ResultBecameAvailable,
    SameAllegation,
)
from shared.language.refusal import refuse

VERIFIED = ("WITH_HANDLER", "RESULT_AVAILABLE", "CLOSED")
"""States of a complaint that has a case, or has had one."""


class Joining(ComplaintPhase):
    """One verification for the complaints of several named reporters, and an answer for each of them."""

    @allowed_in("REGISTERED")
    def join_complaint(self, ctx: Context, of: UUID, same: Sequence[SamePair]) -> None:
        """B24: goes into the case of the first complaint. Each allegation must claim the same as one of
        those; whatever more is alleged is verified by itself."""
        first = self.original_of(ctx)
        self.check_result_not_owed()
        self.check_undisputed()
        if first.state not in VERIFIED or (first.state == "CLOSED" and not first.verdict):
            refuse("E_STATE", "B24", of=first.number, missing="ComplaintTransferredToHandler")
        if first.joined_to:
            refuse("E_CONTENT_MISMATCH", "B24", field="of", reason="joined itself: name the first")
        if not ctx.found(ANOTHER):
            refuse("E_CONTENT_MISMATCH", "B24", field="of", reason="no other named reporter")
        mine, theirs = (
            {a.id: (self.ref_of_today(ctx, a.accused_ref), a.kind) for a in c.allegations}
            for c in (self, first)
        )
        pairs = {each.own: each.theirs for each in same}
        one_to_one = len(pairs) == len(same) == len({*pairs.values()})
        if not one_to_one or pairs.keys() != mine.keys():
            refuse("E_CONTENT_MISMATCH", "B24", field="same", missing=sorted(mine.keys() - pairs.keys()))
        if wrong := sorted(own for own, other in pairs.items() if theirs.get(other) != mine[own]):
            refuse("E_CONTENT_MISMATCH", "B24", field="same", reason="other accused or facts", wrong=wrong)
        self.record(
            ctx,
            ComplaintJoined(
                of=str(first.id),
                of_number=first.number,
                number=self.number,
                same=tuple(SameAllegation(own=e.own, theirs=e.theirs) for e in same),
                handling_dept=first.handling_dept,
                registered_by=tuple(sorted(self.duties.get("registrar", ()))),
                round=first.return_count + 1,
                real_name=self.identity_status == "CONFIRMED",
            ),
            links=(str(first.correlation_id),),
            joins=first.matters,
        )
        if first.verdict and first.concluded_on is not None:
            self.record(
                ctx,
                ResultBecameAvailable(
                    case_number=(case := max(first.concluded_in)),
                    conclusion=first.conclusions.get(case, 1),
                    verdict=first.verdict,
                    concluded_on=first.concluded_on,
                    findings=self.as_own(
                        Finding(allegation_id=id, outcome=found) for id, found in first.found.items()
                    ),
                ),
            )

    def note_joined(self, ctx: Context, other: ComplaintState) -> None:
        """Notes that another complaint is verified with this one. Whoever is excluded from one of the two is
        excluded from both (B2), also from what grew from this one before."""
        out = other.excluded - self.excluded
        joined = AnotherComplaintJoined(complaint=str(other.id), number=other.number)
        self.record(ctx, joined, joins=other.matters)
        for person in sorted(out):
            role, _ = other.excluded_here.get(person, ("", ""))
            self.record(ctx, self.own("PersonExcluded")(person=person, role=role, ground="OTHER"))

    def note_parted(self, ctx: Context) -> None:
        """The first complaint went to another organ, and its case ended: this one is decided on anew."""
        if self.state == "WITH_HANDLER" and self.joined_to:
            self.record(ctx, ComplaintParted(of=self.joined_to))
