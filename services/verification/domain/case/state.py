"""Holds the state of a verification case, and how each event changes it. Nothing here refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from services.verification.domain.findings import Findings
from shared.casework.case import Case
from shared.language.contracts.common import Accused
from shared.language.contracts.verification import (
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
    RealNameNoted,
    ResultFeedbackNoted,
    ReturnProposed,
    SubstantiatedDispositionRecorded,
    TalkHeld,
    VerificationCaseOpened,
    VerificationCaseReopened,
    VerificationConcluded,
    VerificationExtended,
    VerificationReportCountersigned,
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
        self.extended = False
        self.return_asked: ReturnProposed | None = None
        self.assigned_by_superior = False
        self.countersigned = False
        self.last_talk: datetime | None = None
        self.findings = Findings()
        self.clarification_assessed: set[str] = set()
        self.false_accusation_assessed = False
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

    def on_allegation_correction_noted(self, event: AllegationCorrectionNoted, meta: Meta) -> None:
        self.findings.allegations[event.allegation.id] = event.allegation
        if event.found_anew:
            self.findings.found.pop(event.allegation.id, None)
            self.findings.dispositions.pop(event.allegation.id, None)

    def on_allegation_found(self, event: AllegationFound, meta: Meta) -> None:
        self.findings.found[event.allegation_id] = event

    def on_substantiated_disposition_recorded(
        self, event: SubstantiatedDispositionRecorded, meta: Meta
    ) -> None:
        self.findings.dispositions[event.allegation_id] = event.disposition_ref

    def on_verification_report_submitted(self, event: VerificationReportSubmitted, meta: Meta) -> None:
        self.countersigned = False

    def on_verification_report_countersigned(
        self, event: VerificationReportCountersigned, meta: Meta
    ) -> None:
        self.countersigned = True

    # --- conclusion

    def on_verification_concluded(self, event: VerificationConcluded, meta: Meta) -> None:
        self.concluded_on = event.concluded_on

    def on_case_closed_without_verification(self, event: CaseClosedWithoutVerification, meta: Meta) -> None:
        self.concluded_on = event.closed_on

    # --- after the conclusion

    def on_false_accusation_assessed(self, event: FalseAccusationAssessed, meta: Meta) -> None:
        self.false_accusation_assessed = True

    def on_clarification_assessment_noted(self, event: ClarificationAssessmentNoted, meta: Meta) -> None:
        self.clarification_assessed.add(event.subject_ref)

    def on_result_feedback_noted(self, event: ResultFeedbackNoted, meta: Meta) -> None:
        self.told.add(event.complaint_id)

    def on_real_name_noted(self, event: RealNameNoted, meta: Meta) -> None:
        self.real_names.add(event.complaint_id)

    def on_joined_complaint_noted(self, event: JoinedComplaintNoted, meta: Meta) -> None:
        self.complaint_ids += (event.complaint_id,)
        self.complaint_numbers += (event.complaint_number,)
        self.duties.setdefault("registrar", set()).update(event.registered_by)

    def on_new_evidence_noted(self, event: NewEvidenceNoted, meta: Meta) -> None:
        self.seen_evidence.add(event.evidence_id)
        self.new_evidence[event.evidence_id] = event.complaint_id

    def on_new_evidence_assessed_immaterial(self, event: NewEvidenceAssessedImmaterial, meta: Meta) -> None:
        self.new_evidence.pop(event.evidence_id, None)

    def on_verification_case_reopened(self, event: VerificationCaseReopened, meta: Meta) -> None:
        self.new_evidence.pop(event.evidence_id, None)
        self.told.clear()
        self.started_on, self.extended = None, False
        self.concluded_on = None

    def _became_handlers(self, people: Sequence[str]) -> None:
        """Notes people who gather facts as handlers of the case; they may not conclude it (SD3)."""
        self.duties.setdefault("handler", set()).update(people)
