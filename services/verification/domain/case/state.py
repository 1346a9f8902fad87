"""Holds the state of a verification case, and how each event changes it. Nothing here refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from services.verification.domain.findings import Findings
from shared.casework.case import Case
from shared.language.contracts.common import Accused
from shared.language.contracts.verification import (
    AccusedDetailsNoted,
    AllegationCorrectionNoted,
    AllegationFound,
    AllegationSplit,
    CaseClosedWithoutVerification,
    ClarificationAssessmentNoted,
    DispositionApproved,
    DispositionProposed,
    EvidenceRecorded,
    FalseAccusationAssessed,
    JoinedComplaintNoted,
    NewEvidenceAssessedImmaterial,
    NewEvidenceNoted,
    NewEvidenceTakenUp,
    RealNameNoted,
    ReferralResultRecorded,
    ResultFeedbackNoted,
    ReturnProposed,
    SubstantiatedDispositionRecorded,
    TalkHeld,
    VerificationCaseOpened,
    VerificationCaseReopened,
    VerificationConcluded,
    VerificationExtended,
    VerificationReportCountersigned,
    VerificationReportReturned,
    VerificationReportSubmitted,
    VerificationStarted,
    Way,
)
from shared.language.event import Meta
from shared.language.law.working_days import local_date


class VerificationState(Case):
    """The folded stream of one case."""

    kind = "VerificationCase"
    plural = "cases"
    service = "verification"
    ended = frozenset({"RETURNED", "PASSED_ON", "CLOSED"})
    at_rest = frozenset({"RETURNED", "PASSED_ON"})

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.complaint_ids: tuple[str, ...] = ()
        self.complaint_numbers: tuple[str, ...] = ()
        self.handling_dept = ""
        self.real_names: set[str] = set()
        """The complaints of reporters with a confirmed name: each is owed the result."""
        self.accused: dict[str, Accused] = {}
        self.proposed: DispositionProposed | None = None
        self.way: Way | None = None
        self.evidence: set[str] = set()
        self.duties_read: set[str] = set()
        self.started_on: date | None = None
        """The day on which the team began to verify, or the case was referred."""
        self.extended = False
        self.return_asked: ReturnProposed | None = None
        self.assigned_by_superior = False
        self.countersigned = False
        self.last_talk: datetime | None = None
        self.findings = Findings()
        self.conclusion = 0
        """The number of the latest conclusion (B27)."""
        self.clarification_assessed: dict[str, int] = {}
        """The latest conclusion that clarification has assessed, by subject (R17, B28)."""
        self.false_accusation_assessed: dict[str, int] = {}
        """The latest conclusion for which a false accusation was assessed, by subject (R17, B28)."""
        self.unsettled: set[str] = set()
        """Allegations whose finding was returned with the report, or reopened: they may be split (B32)."""
        self.reports_again = False
        """True if there was a report already: a further one has a new finding, or says why there is none."""
        self.found_since = False
        """True if something was found since the report was returned or the case reopened (B31)."""
        self.told: set[str] = set()
        """The complaints whose real-name reporter has heard the result."""
        self.new_evidence: dict[str, str] = {}
        """Evidence that came later and waits for an answer, with its complaint."""
        self.seen_evidence: set[str] = set()
        self.concluded_on: date | None = None
        """The day of the conclusion, or of the closing without verification; None while neither stands."""

    @property
    def rests_on(self) -> Sequence[str]:
        return self.complaint_ids

    def _subjects_with_unfounded(self) -> list[str]:
        return [ref for ref in self.accused if self.findings.of(ref, "UNFOUNDED")]

    def _unassessed(self, assessed: dict[str, int]) -> list[str]:
        """The subjects with unfounded findings for whom the present conclusion is not assessed (R17)."""
        return [ref for ref in self._subjects_with_unfounded() if assessed.get(ref) != self.conclusion]

    # --- disposition

    @property
    def people_accused(self) -> Collection[Accused]:
        return self.accused.values()

    def on_verification_case_opened(self, event: VerificationCaseOpened, meta: Meta) -> None:
        self.complaint_ids = event.complaint_ids
        self.complaint_numbers = event.complaint_numbers
        self.handling_dept = event.handling_dept
        self.real_names = set(event.complaint_ids) if event.real_name else set()
        self.accused = {a.ref: a for a in event.accused}
        self.findings = Findings({a.id: a for a in event.allegations})
        self.duties["registrar"] = set(event.registered_by)
        self.assigned_by_superior = event.assigned_by_superior

    def on_return_proposed(self, event: ReturnProposed, meta: Meta) -> None:
        self.return_asked = event

    def on_disposition_proposed(self, event: DispositionProposed, meta: Meta) -> None:
        self.proposed = event

    def on_disposition_approved(self, event: DispositionApproved, meta: Meta) -> None:
        self.way = event.way
        if event.way == "REFERRED_TO_INVESTIGATION":
            self.started_on = local_date(meta.occurred_at)

    # --- verifying

    def on_verification_started(self, event: VerificationStarted, meta: Meta) -> None:
        self.started_on = local_date(meta.occurred_at)
        self._became_handlers(event.team)

    def on_verification_extended(self, event: VerificationExtended, meta: Meta) -> None:
        self.extended = True

    def on_evidence_recorded(self, event: EvidenceRecorded, meta: Meta) -> None:
        self.evidence.add(event.evidence_id)
        self._became_handlers(event.collectors)

    def on_talk_held(self, event: TalkHeld, meta: Meta) -> None:
        self._became_handlers(event.staff)
        self.last_talk = max(self.last_talk or event.held_at, event.held_at)
        if event.accused_ref and event.duties_acknowledged is not None:
            self.duties_read.add(event.accused_ref)

    # --- findings and report

    def on_allegation_split(self, event: AllegationSplit, meta: Meta) -> None:
        self.findings.split(event.allegation_id, event.parts)
        self.unsettled.discard(event.allegation_id)

    def on_allegation_correction_noted(self, event: AllegationCorrectionNoted, meta: Meta) -> None:
        self.findings.allegations[event.allegation.id] = event.allegation
        if event.found_anew:
            self.findings.found.pop(event.allegation.id, None)
            self.findings.dispositions.pop(event.allegation.id, None)

    def on_accused_details_noted(self, event: AccusedDetailsNoted, meta: Meta) -> None:
        self.accused = {person.ref: person for person in event.accused}

    def on_allegation_found(self, event: AllegationFound, meta: Meta) -> None:
        self._find(event)

    def on_referral_result_recorded(self, event: ReferralResultRecorded, meta: Meta) -> None:
        self.countersigned = False
        self._find(
            AllegationFound(
                allegation_id=event.allegation_id,
                outcome=event.outcome,
                reasoning=event.reasoning,
                evidence_refs=(event.document_ref,),
                adverse_effect=event.adverse_effect,
            )
        )

    def _find(self, found: AllegationFound) -> None:
        self.findings.found[found.allegation_id] = found
        self.unsettled.discard(found.allegation_id)
        self.found_since = True

    def on_substantiated_disposition_recorded(
        self, event: SubstantiatedDispositionRecorded, meta: Meta
    ) -> None:
        self.findings.dispositions[event.allegation_id] = event.disposition_ref

    def on_verification_report_submitted(self, event: VerificationReportSubmitted, meta: Meta) -> None:
        self.countersigned = False

    def on_verification_report_returned(self, event: VerificationReportReturned, meta: Meta) -> None:
        self._work_again()

    def _work_again(self) -> None:
        """Every finding may be made anew, and what is partly true be split (B31, B32)."""
        self.unsettled = set(self.findings.found)
        self.reports_again, self.found_since = True, False

    def on_verification_report_countersigned(
        self, event: VerificationReportCountersigned, meta: Meta
    ) -> None:
        self.countersigned = True

    # --- conclusion

    def on_verification_concluded(self, event: VerificationConcluded, meta: Meta) -> None:
        self.concluded_on = event.concluded_on
        self.conclusion = event.conclusion

    def on_case_closed_without_verification(self, event: CaseClosedWithoutVerification, meta: Meta) -> None:
        self.concluded_on = event.closed_on
        self.conclusion = event.conclusion

    # --- after the conclusion

    def on_false_accusation_assessed(self, event: FalseAccusationAssessed, meta: Meta) -> None:
        self.false_accusation_assessed |= dict.fromkeys(event.subject_refs, event.conclusion)

    def on_clarification_assessment_noted(self, event: ClarificationAssessmentNoted, meta: Meta) -> None:
        self.clarification_assessed[event.subject_ref] = event.conclusion

    def on_result_feedback_noted(self, event: ResultFeedbackNoted, meta: Meta) -> None:
        self.told.add(event.complaint_id)

    def on_real_name_noted(self, event: RealNameNoted, meta: Meta) -> None:
        self.real_names.add(event.complaint_id)

    def on_joined_complaint_noted(self, event: JoinedComplaintNoted, meta: Meta) -> None:
        self.complaint_ids += (event.complaint_id,)
        self.complaint_numbers += (event.complaint_number,)
        self.duties.setdefault("registrar", set()).update(event.registered_by)
        if event.real_name:
            self.real_names.add(event.complaint_id)

    def on_new_evidence_noted(self, event: NewEvidenceNoted, meta: Meta) -> None:
        self.seen_evidence.add(event.evidence_id)
        self.new_evidence[event.evidence_id] = event.complaint_id

    def on_new_evidence_taken_up(self, event: NewEvidenceTakenUp, meta: Meta) -> None:
        self.new_evidence.pop(event.evidence_id, None)

    def on_new_evidence_assessed_immaterial(self, event: NewEvidenceAssessedImmaterial, meta: Meta) -> None:
        self.new_evidence.pop(event.evidence_id, None)

    def on_verification_case_reopened(self, event: VerificationCaseReopened, meta: Meta) -> None:
        self.told.clear()
        self.way = "PRELIMINARY_VERIFICATION"
        self.started_on, self.extended = None, False
        self.concluded_on = None
        self.countersigned = False
        self._work_again()

    def _became_handlers(self, people: Sequence[str]) -> None:
        """Notes people who gather facts as handlers of the case; they may not conclude it (SD3)."""
        self.duties.setdefault("handler", set()).update(people)
