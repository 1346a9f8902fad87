"""Knows of retaliation only that a report is open, never who is involved (A44, P12)."""

from __future__ import annotations

from uuid import UUID

from shared.casework.aggregate import Aggregate, Context
from shared.language.contracts.clarification import RetaliationReportNoted, RetaliationSettlementNoted
from shared.language.event import Meta
from shared.language.ids import derived_id


def watch_id(subject_ref: str) -> UUID:
    """One stream per subject, whether or not there is a clarification yet, and at which organ."""
    return derived_id("retaliation-watch", subject_ref)


class RetaliationWatch(Aggregate):
    """The open reports of retaliation around one subject. It holds their ids and nothing of what they say; no
    read shows it."""

    kind = "RetaliationWatch"
    service = "clarification"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.reports: set[str] = set()
        self.settled: set[str] = set()

    @property
    def open(self) -> bool:
        """True if a report is not settled yet."""
        return bool(self.reports - self.settled)

    def note_report(self, ctx: Context, subject_ref: str, report: str) -> None:
        """Told twice, it changes nothing."""
        if report not in self.reports:
            self.record(ctx, RetaliationReportNoted(subject_ref=subject_ref, report=report))

    def note_settlement(self, ctx: Context, subject_ref: str, report: str) -> None:
        """Told twice, it changes nothing."""
        if report not in self.settled:
            self.record(ctx, RetaliationSettlementNoted(subject_ref=subject_ref, report=report))

    def on_retaliation_report_noted(self, event: RetaliationReportNoted, meta: Meta) -> None:
        self.reports.add(event.report)

    def on_retaliation_settlement_noted(self, event: RetaliationSettlementNoted, meta: Meta) -> None:
        self.settled.add(event.report)
