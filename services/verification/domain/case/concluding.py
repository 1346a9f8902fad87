"""The conclusion, told for each subject apart, or the closing without one (R1, R25, A58, A61, A66)."""

from __future__ import annotations

from services.verification.domain.case.phase import VerificationPhase
from services.verification.domain.findings import ThreeDistinction
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import Accused, Finding
from shared.language.contracts.verification import (
    AllegationsInconclusive,
    AllegationsSubstantiated,
    AllegationsVerifiedUnfounded,
    CaseClosedWithoutVerification,
    VerificationConcluded,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse


class Concluding(VerificationPhase):
    """Concludes the case, for each subject."""

    @allowed_in("REPORTED")
    def conclude_verification(
        self,
        ctx: Context,
        three_distinctions: tuple[ThreeDistinction, ...],
        opinion: str,
        collective_study_ref: str | None,
    ) -> None:
        """Concludes the case and says for each subject apart what was found (R25)."""
        if not three_distinctions:
            refuse("E_SCHEMA", "R1", field="three_distinctions")
        if collective_study_ref is None:
            refuse("E_COLLECTIVE_STUDY_MISSING", "A61")
        if self.state == "REPORTED" and not self.countersigned:
            refuse("E_APPROVAL_REQUIRED", "R1", missing="CountersignReport")
        if self.state == "REPORTED" and (missing := self.findings.missing()):
            # An allegation was corrected after the report: it is found on anew, and reported again (B12).
            refuse("E_RECORD_INCOMPLETE", "A61", allegations=missing)
        self._check_evidence_answered()
        self.record(
            ctx,
            VerificationConcluded(
                number=self.number,
                conclusion=self.conclusion + 1,
                verdict=self.findings.verdict(),
                complaint_ids=self.complaint_ids,
                findings=self.findings.published(self.findings.allegations),
                three_distinctions=tuple(d.recorded() for d in three_distinctions),
                opinion=opinion,
                study_ref=collective_study_ref,
                concluded_on=local_date(ctx.occurred_at),
            ),
        )
        for subject in self.accused.values():
            self._conclude_for(ctx, subject)

    def _conclude_for(self, ctx: Context, subject: Accused) -> None:
        case_id, concluded_on = str(self.id), local_date(ctx.occurred_at)
        findings = self.findings
        if unfounded := findings.of(subject.ref, "UNFOUNDED"):
            self.record(
                ctx,
                AllegationsVerifiedUnfounded(
                    subject=subject,
                    unfounded=tuple(findings.allegations[id] for id in unfounded),
                    other_findings=findings.published(
                        findings.of(subject.ref, "SUBSTANTIATED", "INCONCLUSIVE")
                    ),
                    case_id=case_id,
                    case_number=self.number,
                    conclusion=self.conclusion,
                    complaint_ids=self.complaint_ids,
                    complaint_numbers=self.complaint_numbers,
                    handling_organ=self.organ,
                    handling_dept=self.handling_dept,
                    verification_handlers=tuple(sorted(self.duties.get("handler", ()))),
                    concluded_by=ctx.actor.person,
                    concluded_on=concluded_on,
                    adverse_effect_hint=findings.effects(unfounded),
                ),
            )
        if substantiated := findings.of(subject.ref, "SUBSTANTIATED"):
            self.record(
                ctx,
                AllegationsSubstantiated(
                    subject=subject,
                    substantiated=findings.published(substantiated),
                    other_findings=findings.published(findings.of(subject.ref, "UNFOUNDED", "INCONCLUSIVE")),
                    case_id=case_id,
                    case_number=self.number,
                    conclusion=self.conclusion,
                    concluded_on=concluded_on,
                ),
            )
        if inconclusive := findings.of(subject.ref, "INCONCLUSIVE"):
            self.record(
                ctx,
                AllegationsInconclusive(
                    subject=subject,
                    inconclusive=findings.published(inconclusive),
                    other_findings=findings.published(findings.of(subject.ref, "UNFOUNDED", "SUBSTANTIATED")),
                    case_id=case_id,
                    case_number=self.number,
                    conclusion=self.conclusion,
                    concluded_on=concluded_on,
                ),
            )

    @allowed_in("CLOSING")
    def close_without_verification(self, ctx: Context, opinion: str) -> None:
        if self.proposed is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        self._check_evidence_answered()
        findings = tuple(
            Finding(allegation_id=id, outcome="INCONCLUSIVE") for id in self.findings.allegations
        )
        closed_on = local_date(ctx.occurred_at)
        self.record(
            ctx,
            CaseClosedWithoutVerification(
                number=self.number,
                conclusion=self.conclusion + 1,
                complaint_ids=self.complaint_ids,
                reason=self.proposed.reason,
                findings=findings,
                opinion=opinion,
                closed_on=closed_on,
            ),
        )
        for subject in self.accused.values():
            self.record(
                ctx,
                AllegationsInconclusive(
                    subject=subject,
                    inconclusive=tuple(f for f in findings if self._is_about(f, subject)),
                    case_id=str(self.id),
                    case_number=self.number,
                    conclusion=self.conclusion,
                    concluded_on=closed_on,
                ),
            )

    def _is_about(self, finding: Finding, subject: Accused) -> bool:
        return self.findings.allegations[finding.allegation_id].accused_ref == subject.ref
