"""The feedback on a quarter that the petition department received (每季度反馈, A21)."""

from __future__ import annotations

from uuid import UUID

from shared.casework.aggregate import Aggregate, Context
from shared.language.contracts.intake import QuarterlyFeedbackReceived
from shared.language.contracts.verification import QuarterlyFeedbackSent, QuarterResult
from shared.language.event import Meta
from shared.language.ids import derived_id


def received_id(organ: str, quarter: str) -> UUID:
    """The stream follows from organ and quarter."""
    return derived_id("quarterly-feedback-received", organ, quarter)


class ReceivedFeedback(Aggregate):
    """All that one organ's handling department told of one quarter, a later feedback after the first."""

    kind = "QuarterlyFeedback"
    plural = "quarterly-feedback"
    collects = True
    service = "intake"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.heard: set[str] = set()
        self.results: tuple[QuarterResult, ...] = ()

    def note(self, ctx: Context, told: QuarterlyFeedbackSent) -> None:
        """Told twice, it changes nothing."""
        if str(ctx.causation_id) not in self.heard:
            self.record(
                ctx,
                QuarterlyFeedbackReceived(organ=told.organ, quarter=told.quarter, results=told.results),
            )

    def on_quarterly_feedback_received(self, event: QuarterlyFeedbackReceived, meta: Meta) -> None:
        self.heard.add(str(meta.causation_id))
        self.results += event.results
