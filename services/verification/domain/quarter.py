"""Quarterly feedback (每季度反馈): the handling department tells the petition department what it finished
(A21, DL-07)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.verification.domain.case import VerificationCase
from shared.casework.aggregate import Aggregate, Context
from shared.casework.preparation import Lookup
from shared.language.contracts.verification import QuarterlyFeedbackSent
from shared.language.event import Meta
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date, quarter_end
from shared.language.refusal import refuse

RESULTS: Lookup[Sequence[VerificationCase]] = Lookup("results")
"""The cases that an organ concluded in the quarter and has not told yet."""


def feedback_id(organ: str, quarter: str) -> UUID:
    """The stream follows from organ and quarter: two clerks, or one twice, send the same one."""
    return derived_id("quarterly-feedback", organ, quarter)


class QuarterlyFeedback(Aggregate):
    """The feedback of one organ to its petition department on one quarter: a stream of its own per organ and
    quarter, in verification, which knows the results (A21 [V→I]); intake keeps the feedback that it hears.

    The duty itself hangs on the cases: each conclusion starts DL-07 on its case, ten working days after the
    end of that quarter, and the feedback that tells it meets it. So nobody has to open a quarter, conclusions
    do not contend for one stream, and a result entered after one feedback is told by the next.
    """

    kind = "QuarterlyFeedback"
    plural = "quarterly-feedback"
    collects = True
    service = "verification"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.sent = 0

    def send_quarterly_feedback(self, ctx: Context, quarter: str) -> None:
        """A21. Tells the results of a quarter that is over; a quarter without results is told once, as
        such."""
        ends = quarter_end(quarter)
        if local_date(ctx.occurred_at) <= ends:
            refuse("E_STATE", "A21", quarter_ends=ends.isoformat())
        results = ctx.found(RESULTS)
        if self.sent and not results:
            refuse("E_STATE", "A21", sent=self.sent)
        self.record(
            ctx,
            QuarterlyFeedbackSent(
                organ=ctx.actor.organ,
                quarter=quarter,
                results=tuple(case.quarterly_result() for case in results),
            ),
            joins=[matter for case in results for matter in case.matters],
        )

    def on_quarterly_feedback_sent(self, event: QuarterlyFeedbackSent, meta: Meta) -> None:
        self.sent += 1
