"""Follows the conclusion: assessments, feedback, new evidence, the end (A21, A26, A31, B28, B31, R9, R17,
R20)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from services.verification.domain.case.phase import VerificationPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import Accused, Allegation
from shared.language.contracts.intake import ComplaintJoined
from shared.language.contracts.verification import (
    AccusedDetailsNoted,
    AllegationCorrectionNoted,
    AssignedResultReported,
    CaseClosed,
    CaseResumed,
    ClarificationAssessmentNoted,
    FalseAccusationAssessed,
    JoinedComplaintNoted,
    NewEvidenceAssessedImmaterial,
    NewEvidenceNoted,
    NewEvidenceTakenUp,
    QuarterlyFeedbackNoted,
    QuarterResult,
    RealNameNoted,
    ResultFeedbackNoted,
    VerificationCasePassedOn,
    VerificationCaseReopened,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

ENDED = frozenset({"RETURNED", "CONCLUDED", "CLOSED", "PASSED_ON"})
"""States of a case that has its finding, or will have none."""


class Closing(VerificationPhase):
    """Does what a concluded case still owes, and opens it again."""

    @allowed_in("CONCLUDED", "CLOSED")
    def submit_assigned_result(self, ctx: Context, collective_study_ref: str | None) -> None:
        """A26: reports the result of an assigned case to the superior, studied collectively and approved by
        the head."""
        if not self.assigned_by_superior:
            refuse("E_STATE", "A26", assigned_by_superior=False)
        if collective_study_ref is None:
            refuse("E_COLLECTIVE_STUDY_MISSING", "A26")
        if self.state not in ("CONCLUDED", "CLOSED"):
            refuse("E_NOT_CONCLUDED", "A26", state=self.state)
        self.record(
            ctx,
            AssignedResultReported(
                number=self.number,
                conclusion=self.conclusion,
                complaint_ids=self.complaint_ids,
                verdict=self.findings.verdict(),
                findings=self.findings.published(self.findings.allegations),
                study_ref=collective_study_ref,
                reported_on=local_date(ctx.occurred_at),
            ),
        )

    @allowed_in("CONCLUDED")
    def assess_false_accusation(
        self, ctx: Context, result: Literal["SCREEN_OUT"], reason: str, subject_ref: str | None
    ) -> None:
        """Assesses the report about one subject, or about each who is not assessed yet. A further conclusion
        asks for it anew (B28)."""
        subjects = self._subjects_with_unfounded()
        if not subjects or (subject_ref is not None and subject_ref not in subjects):
            refuse("E_ALLEGATION_NOT_UNFOUNDED", "R31")
        left = self._unassessed(self.false_accusation_assessed)
        asked = [ref for ref in left if subject_ref in (None, ref)]
        if not asked:
            refuse("E_STATE", "R17", done="AssessFalseAccusation")
        self.record(
            ctx,
            FalseAccusationAssessed(
                conclusion=self.conclusion,
                subject_refs=tuple(asked),
                result=result,
                report_nature="UNFOUNDED_REPORT",
                reason=reason,
            ),
        )

    def note_clarification_assessment(
        self, ctx: Context, subject_ref: str, clarification_id: str, round: int, conclusion: int
    ) -> None:
        """Marks one subject's clarification as assessed for a conclusion; hearing of it again, or late of an
        earlier one, changes nothing (R17, B28)."""
        if subject_ref in self.accused and self.clarification_assessed.get(subject_ref, 0) < conclusion:
            self.record(
                ctx,
                ClarificationAssessmentNoted(
                    subject_ref=subject_ref,
                    clarification_id=clarification_id,
                    round=round,
                    conclusion=conclusion,
                ),
                links=(clarification_id,),
            )

    @allowed_in("CONCLUDED")
    def close_case(self, ctx: Context) -> None:
        unassessed = self._unassessed(self.clarification_assessed)
        unscreened = self._unassessed(self.false_accusation_assessed)
        if self.state == "CONCLUDED" and (unassessed or unscreened):
            refuse(
                "E_DUAL_ASSESSMENT_REQUIRED",
                "R17",
                clarification=unassessed,
                false_accusation=not unscreened,
            )
        self._check_evidence_answered()
        if undisposed := self.findings.undisposed():
            refuse("E_DISCIPLINE_LOOSENING", "R9", allegations=undisposed)
        if not self.told.issuperset(self.real_names):
            refuse("E_RECORD_INCOMPLETE", "A31", deadline="DL-02")
        self.record(ctx, CaseClosed(number=self.number, closed_on=local_date(ctx.occurred_at)))

    def note_passed_on(self, ctx: Context, complaint_id: str) -> None:
        """B14: ends a case without a finding; what was found stands, and hearing of it again changes
        nothing."""
        if complaint_id in self.complaint_ids and self.state not in ENDED:
            self.record(ctx, VerificationCasePassedOn(number=self.number, complaint_id=complaint_id))

    def note_correction(self, ctx: Context, allegation: Allegation) -> None:
        """B12: takes over how an allegation reads now, as long as there is no conclusion. One that was split
        here has its own words; hearing of it again changes nothing."""
        was = self.findings.allegations.get(allegation.id)
        if was is not None:
            # The case has its own reference of the accused, who may have been merged since (B11).
            allegation = allegation.model_copy(update={"accused_ref": was.accused_ref})
        if was is not None and was != allegation and self.state not in ENDED:
            anew = was.text != allegation.text and allegation.id in self.findings.found
            self.record(ctx, AllegationCorrectionNoted(allegation=allegation, found_anew=anew))

    def note_details(self, ctx: Context, known_as: Collection[str], now: Accused) -> None:
        """B11: takes over the details of an accused as they are today, in every state: what is concluded may
        be reopened, and what rests on it learns it from here. Hearing of it again changes nothing."""
        today = {ref: now.model_copy(update={"ref": ref}) for ref in self.accused.keys() & set(known_as)}
        accused = self.accused | today
        if accused != self.accused:
            self.record(ctx, AccusedDetailsNoted(accused=tuple(accused.values())))

    # --- the reporter

    def note_feedback(self, ctx: Context, complaint_id: str) -> None:
        """Hearing of it again changes nothing."""
        if complaint_id in self.complaint_ids and complaint_id not in self.told:
            self.record(ctx, ResultFeedbackNoted(complaint_id=complaint_id))

    def note_real_name(self, ctx: Context, complaint_id: str) -> None:
        """Hearing of it again changes nothing."""
        if complaint_id in self.complaint_ids and complaint_id not in self.real_names:
            self.record(ctx, RealNameNoted(complaint_id=complaint_id))

    def note_joined(self, ctx: Context, complaint_id: str, event: ComplaintJoined) -> None:
        """B24: another named reporter's complaint on the same facts is verified here too, and the case is of
        its matters from now on. Hearing of it again changes nothing."""
        if complaint_id not in self.complaint_ids:
            self.record(
                ctx,
                JoinedComplaintNoted(
                    complaint_id=complaint_id,
                    complaint_number=event.number,
                    registered_by=event.registered_by,
                    real_name=event.real_name,
                ),
                links=(complaint_id,),
                joins=ctx.matters,
            )

    # --- quarterly feedback

    def quarterly_result(self) -> QuarterResult:
        """The result of a concluded case, as the petition department is told it (A21)."""
        assert self.concluded_on is not None
        undisposed = self.findings.undisposed()
        told = self.told.issuperset(self.real_names)
        return QuarterResult(
            case_number=self.number,
            complaint_numbers=self.complaint_numbers,
            handling_dept=self.handling_dept,
            concluded_on=self.concluded_on,
            way=self.way,
            verdict=self.findings.verdict(),
            reporter_told=("TOLD" if told else "OWED") if self.real_names else "NOT_OWED",
            disposition_refs=tuple(sorted(set(self.findings.dispositions.values()))),
            undisposed=len(undisposed),
        )

    def note_quarterly_feedback(self, ctx: Context, quarter: str) -> None:
        """DL-07 is met for this case."""
        self.record(ctx, QuarterlyFeedbackNoted(quarter=quarter))

    # --- new evidence

    def note_new_evidence(
        self, ctx: Context, complaint_id: str, evidence_id: str, description: str, document_ref: str
    ) -> None:
        """P8: takes in later evidence to be looked at, in every state; what went elsewhere takes in no
        more."""
        here = complaint_id in self.complaint_ids and self.state not in self.at_rest
        if here and evidence_id not in self.seen_evidence:
            self.record(
                ctx,
                NewEvidenceNoted(
                    complaint_id=complaint_id,
                    evidence_id=evidence_id,
                    description=description,
                    document_ref=document_ref,
                ),
            )

    @allowed_in(
        "OPENED",
        "DISPOSITION_PROPOSED",
        "HELD",
        "CLOSING",
        "REFERRED",
        "TALKING",
        "VERIFYING_READY",
        "VERIFYING",
    )
    def take_up_evidence(self, ctx: Context, evidence_id: str, reason: str) -> None:
        """B31: the evidence matters, and the case goes on with it. Of a report that lies before the heads the
        head says so by returning it, of a conclusion by reopening the case."""
        closing = self.state == "CLOSING"
        self._take_up(ctx, evidence_id, reason)
        if closing:
            self.record(ctx, CaseResumed(reason=reason))

    def _take_up(self, ctx: Context, evidence_id: str, reason: str) -> None:
        self.record(
            ctx,
            NewEvidenceTakenUp(
                complaint_id=self._waiting(evidence_id),
                evidence_id=evidence_id,
                number=self.number,
                reason=reason,
            ),
        )

    def assess_new_evidence(self, ctx: Context, evidence_id: str, reason: str) -> None:
        """A31: says why the evidence changes nothing; only the head can say that it does (ReopenCase)."""
        self.record(
            ctx,
            NewEvidenceAssessedImmaterial(
                complaint_id=self._waiting(evidence_id),
                evidence_id=evidence_id,
                number=self.number,
                reason=reason,
            ),
        )

    @allowed_in("CONCLUDED", "CLOSED")
    def reopen_case(self, ctx: Context, evidence_id: str, cause: str) -> None:
        """§4.2: new evidence and the organ's head. Nothing that others decided is undone by it (P7): they
        hold what rests on the conclusion until the next one (B28)."""
        self._take_up(ctx, evidence_id, cause)
        self.record(
            ctx,
            VerificationCaseReopened(
                number=self.number,
                conclusion=self.conclusion,
                complaint_ids=self.complaint_ids,
                subject_refs=tuple(self.accused),
                evidence_id=evidence_id,
                cause=cause,
            ),
        )

    def _waiting(self, evidence_id: str) -> str:
        """The complaint to which a piece of evidence came that nobody has answered yet."""
        complaint = self.new_evidence.get(evidence_id)
        if complaint is None:
            refuse("E_SCHEMA", "A31", field="evidence_id", unknown=evidence_id)
        return complaint
