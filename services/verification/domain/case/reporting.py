"""Records what was found of each allegation, here or by the body to which it was referred, and the report on
it (A61, A63, A64, B31-B33, R21)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from services.verification.domain.case.phase import VerificationPhase
from services.verification.domain.findings import AllegationPart, FoundOutcome
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import Outcome
from shared.language.contracts.verification import (
    AdverseEffect,
    AllegationFound,
    AllegationSplit,
    ReferralResultRecorded,
    SubstantiatedDispositionRecorded,
    VerificationReportCountersigned,
    VerificationReportReturned,
    VerificationReportSubmitted,
    Way,
)
from shared.language.refusal import refuse
from shared.language.wording import tells_channel

BACK_TO: dict[Way, Literal["TALKING", "VERIFYING", "REFERRED"]] = {
    "TALK_OR_INQUIRY": "TALKING",
    "REFERRED_TO_INVESTIGATION": "REFERRED",
}
"""The state to which a report goes back, by the way of handling; else to the team that verifies."""


class Reporting(VerificationPhase):
    """Findings, what follows from those that are substantiated, and the report."""

    @allowed_in("TALKING", "VERIFYING", "REFERRED")
    def split_allegation(
        self, ctx: Context, allegation_id: str, parts: tuple[AllegationPart, ...], approved_by: str
    ) -> None:
        """Splits only an allegation without a finding that stands: one that was returned with the report, or
        reopened, does not (B32). Every part is found by itself."""
        self._check_allegation(allegation_id)
        if allegation_id in self.findings.found and allegation_id not in self.unsettled:
            refuse("E_STATE", "§4.2", field="allegation_id", reason="found already")
        if approved_by == ctx.actor.person:
            refuse("E_SOD_CONFLICT", "SEC-2", field="approved_by")
        self.check_not_excluded([approved_by])
        if len({p.suffix for p in parts}) < len(parts):
            refuse("E_SCHEMA", "§4.2", field="parts.suffix", reason="not unique")
        for n, part in enumerate(parts):
            if tells_channel(part.text):
                refuse("E_TEXT_IDENTITY_LEAK", "SEC-2", field=f"parts.{n}.text")
        whole = self.findings.allegations[allegation_id]
        self.record(
            ctx,
            AllegationSplit(
                allegation_id=allegation_id,
                parts=tuple(
                    whole.model_copy(update={"id": whole.id + p.suffix, "text": p.text}) for p in parts
                ),
                approved_by=approved_by,
            ),
        )

    @allowed_in("TALKING", "VERIFYING")
    def find_allegation(
        self,
        ctx: Context,
        allegation_id: str,
        outcome: FoundOutcome,
        reasoning: str,
        evidence_refs: tuple[str, ...],
        adverse_effect: tuple[AdverseEffect, ...],
    ) -> None:
        self._check_allegation(allegation_id)
        if outcome == "PARTIALLY_SUBSTANTIATED":
            refuse("E_SPLIT_REQUIRED", "§4.2", allegation=allegation_id)
        unknown = [ref for ref in evidence_refs if ref not in self.evidence]
        if unknown or not evidence_refs:
            refuse("E_EVIDENCE_MISSING", "R21", unknown=unknown)
        self.record(
            ctx,
            AllegationFound(
                allegation_id=allegation_id,
                outcome=outcome,
                reasoning=reasoning,
                evidence_refs=evidence_refs,
                adverse_effect=adverse_effect,
            ),
        )

    @allowed_in("REFERRED")
    def record_referral_result(
        self,
        ctx: Context,
        allegation_id: str,
        outcome: FoundOutcome,
        reasoning: str,
        decided_by: str,
        decided_on: date,
        document_ref: str,
        document_hash: str,
        adverse_effect: tuple[AdverseEffect, ...],
    ) -> None:
        """B33: one allegation at a time. With the last one the case lies before the heads like every report;
        a result put down wrongly is recorded again, before that or once it was returned."""
        self._check_allegation(allegation_id)
        if outcome == "PARTIALLY_SUBSTANTIATED":
            refuse("E_SPLIT_REQUIRED", "§4.2", allegation=allegation_id)
        ctx.check_past(decided_on, "decided_on", "B33")
        if self.started_on is not None and decided_on < self.started_on:
            refuse("E_SCHEMA", "B33", field="decided_on", referred_on=self.started_on.isoformat())
        found: Outcome = outcome
        self.record(
            ctx,
            ReferralResultRecorded(
                allegation_id=allegation_id,
                outcome=found,
                reasoning=reasoning,
                decided_by=decided_by,
                decided_on=decided_on,
                document_ref=document_ref,
                document_hash=document_hash,
                adverse_effect=adverse_effect,
                complete=set(self.findings.missing()) <= {allegation_id},
            ),
        )

    @allowed_in("TALKING", "VERIFYING", "REPORTED", "CONCLUDED")
    def record_substantiated_disposition(
        self,
        ctx: Context,
        allegation_id: str,
        form_of_supervision: Literal[1, 2, 3, 4],
        disposition_ref: str,
    ) -> None:
        self._check_allegation(allegation_id)
        if self.findings.outcome(allegation_id) != "SUBSTANTIATED":
            refuse("E_SCHEMA", "A64", field="allegation_id", reason="not substantiated")
        self.record(
            ctx,
            SubstantiatedDispositionRecorded(
                subject_ref=self.findings.allegations[allegation_id].accused_ref,
                allegation_id=allegation_id,
                form_of_supervision=form_of_supervision,
                disposition_ref=disposition_ref,
            ),
        )

    @allowed_in("TALKING", "VERIFYING")
    def submit_report(
        self,
        ctx: Context,
        basics: str,
        main_problems: str,
        process: str,
        result: str,
        doubtful_points: str,
        suggestion: str,
        none_changed: str | None,
    ) -> None:
        if missing := self.findings.missing():
            refuse("E_RECORD_INCOMPLETE", "A61", allegations=missing)
        if self.reports_again and not self.found_since and none_changed is None:
            refuse("E_RECORD_INCOMPLETE", "B31", missing=["FindAllegation", "none_changed"])
        if none_changed is not None and (self.found_since or not self.reports_again):
            refuse("E_SCHEMA", "B31", field="none_changed", reason="something was found")
        self.record(
            ctx,
            VerificationReportSubmitted(
                basics=basics,
                main_problems=main_problems,
                process=process,
                result=result,
                doubtful_points=doubtful_points,
                suggestion=suggestion,
                none_changed=none_changed or "",
            ),
        )

    @allowed_in("REPORTED")
    def countersign_report(self, ctx: Context, opinion: str) -> None:
        if self.countersigned:
            refuse("E_STATE", "R1", done="CountersignReport")
        self.record(ctx, VerificationReportCountersigned(opinion=opinion))

    @allowed_in("REPORTED")
    def return_report(self, ctx: Context, reason: str) -> None:
        back_to = BACK_TO.get(self.way or "PRELIMINARY_VERIFICATION", "VERIFYING")
        returned = VerificationReportReturned(
            back_to=back_to, reason=reason, started_on=self.started_on, extended=self.extended
        )
        self.record(ctx, returned)
