"""The verification case (核查): from the transferred complaint to a conclusion and its closing (§4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, NoReturn
from uuid import UUID

from services.verification.domain.dispositions import APPROVER, REASONS
from services.verification.domain.findings import AllegationPart, Findings, FoundOutcome, ThreeDistinction
from services.verification.domain.tracing import asks_who_reported
from shared.aggregate import Context, allowed_in
from shared.case import Case
from shared.contracts.common import Accused, Finding
from shared.contracts.verification import (
    AccusedStatementRecorded,
    AdverseEffect,
    AllegationFound,
    AllegationsInconclusive,
    AllegationSplit,
    AllegationsSubstantiated,
    AllegationsVerifiedUnfounded,
    AssignedResultReported,
    CaseClosed,
    CaseClosedWithoutVerification,
    CaseHeld,
    CaseResumed,
    ClarificationAssessmentNoted,
    ComplaintReturnedByHandler,
    DispositionApproved,
    DispositionProposed,
    DispositionReason,
    DispositionRejected,
    EvidenceKind,
    EvidenceRecorded,
    FalseAccusationAssessed,
    HeldReviewed,
    NewEvidenceAssessedImmaterial,
    NewEvidenceNoted,
    QuarterlyFeedbackNoted,
    QuarterResult,
    RealNameNoted,
    ResultFeedbackNoted,
    ReturnProposed,
    ReturnReason,
    Signature,
    SubstantiatedDispositionRecorded,
    TalkedWith,
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
from shared.event import Event, Meta
from shared.law.working_days import local_date
from shared.refusal import refuse
from shared.security.roles import DEPUTY_LEADER
from shared.security.wording import tells_channel


class VerificationCase(Case):
    """One complaint at one organ: its allegations, the evidence and what was found."""

    kind = "VerificationCase"
    plural = "cases"
    service = "verification"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.complaint_ids: tuple[str, ...] = ()
        self.complaint_numbers: tuple[str, ...] = ()
        self.handling_dept = ""
        self.real_name = False
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

    # --- opening ---

    def open(self, ctx: Context, event: VerificationCaseOpened) -> None:
        """Opens the case once; the complaint arriving again changes nothing (P1)."""
        if self.version == 0:
            self.record(ctx, event, links=event.complaint_ids)

    def recusal_reach(self) -> dict[str, Any]:
        return {"subject_refs": tuple(self.accused)}

    def on_verification_case_opened(self, event: VerificationCaseOpened, meta: Meta) -> None:
        self.complaint_ids = event.complaint_ids
        self.complaint_numbers = event.complaint_numbers
        self.handling_dept = event.handling_dept
        self.real_name = event.real_name
        self.accused = {a.ref: a for a in event.accused}
        self.findings = Findings({a.id: a for a in event.allegations})
        self.duties["registrar"] = set(event.registered_by)
        self.assigned_by_superior = event.assigned_by_superior

    # --- back to the petition department ---

    @allowed_in("OPENED")
    def request_return(self, ctx: Context, reason: ReturnReason, consulted: str) -> None:
        self.record(ctx, ReturnProposed(reason=reason, consulted=consulted))

    def on_return_proposed(self, event: ReturnProposed, meta: Meta) -> None:
        self.return_asked = event

    @allowed_in("OPENED")
    def return_to_petition_dept(self, ctx: Context, opinion: str) -> None:
        """A19: talked over first, and approved by the deputy leader."""
        asked = self.return_asked
        if asked is None or ctx.actor.role != DEPUTY_LEADER:
            refuse("E_APPROVAL_REQUIRED", "A19", missing="RequestReturn" if asked is None else DEPUTY_LEADER)
        self.record(
            ctx,
            ComplaintReturnedByHandler(
                number=self.number,
                complaint_ids=self.complaint_ids,
                reason=asked.reason,
                consulted=asked.consulted,
                opinion=opinion,
            ),
        )

    # --- disposition ---

    @allowed_in("OPENED")
    def propose_disposition(
        self, ctx: Context, way: Way, reason: DispositionReason, collective_study_ref: str | None
    ) -> None:
        if reason not in REASONS[way]:
            refuse("E_SCHEMA", "A58", field="reason", allowed=sorted(REASONS[way]))
        if collective_study_ref is None:
            refuse("E_COLLECTIVE_STUDY_MISSING", "A20")
        self.record(ctx, DispositionProposed(way=way, reason=reason, study_ref=collective_study_ref))

    def on_disposition_proposed(self, event: DispositionProposed, meta: Meta) -> None:
        self.proposed = event

    @allowed_in("DISPOSITION_PROPOSED")
    def approve_disposition(self, ctx: Context, opinion: str) -> None:
        proposed = self._proposed_to(ctx)
        self.record(
            ctx,
            DispositionApproved(
                way=proposed.way, reason=proposed.reason, study_ref=proposed.study_ref, opinion=opinion
            ),
        )
        if proposed.way == "HELD_FOR_LATER":
            self.record(ctx, CaseHeld(reason=proposed.reason))

    def on_disposition_approved(self, event: DispositionApproved, meta: Meta) -> None:
        self.way = event.way

    @allowed_in("DISPOSITION_PROPOSED")
    def reject_disposition(self, ctx: Context, reason: str) -> None:
        self.record(ctx, DispositionRejected(way=self._proposed_to(ctx).way, reason=reason))

    def _proposed_to(self, ctx: Context) -> DispositionProposed:
        """The proposal, if it is this leader who decides on its way (A20)."""
        if self.proposed is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        approver = APPROVER[self.proposed.way]
        if ctx.actor.role != approver:
            refuse("E_FORBIDDEN_ROLE", "A20", allowed=[approver])
        return self.proposed

    @allowed_in("HELD")
    def review_held(self, ctx: Context, result: str) -> None:
        self.record(ctx, HeldReviewed(result=result))

    @allowed_in("HELD")
    def resume_case(self, ctx: Context, reason: str) -> None:
        self.record(ctx, CaseResumed(reason=reason))

    # --- verification ---

    @allowed_in("VERIFYING_READY")
    def start_verification(self, ctx: Context, team: tuple[str, ...], plan_hash: str) -> None:
        self._check_staff(team, "A61", "team")
        self.record(ctx, VerificationStarted(team=team, plan_hash=plan_hash))

    def on_verification_started(self, event: VerificationStarted, meta: Meta) -> None:
        self.started_on = local_date(meta.occurred_at)
        self._became_handlers(event.team)

    @allowed_in("VERIFYING")
    def extend_verification(self, ctx: Context, reason: str) -> None:
        """DL-11: once, by the head of the organ."""
        if self.extended:
            refuse("E_STATE", "DL-11", done="ExtendVerification")
        if self.state != "VERIFYING" or self.started_on is None:
            refuse("E_STATE", "DL-11", state=self.state)
        self.record(ctx, VerificationExtended(reason=reason, started_on=self.started_on))

    def on_verification_extended(self, event: VerificationExtended, meta: Meta) -> None:
        self.extended = True

    @allowed_in("TALKING", "VERIFYING")
    def record_evidence(
        self,
        ctx: Context,
        evidence_id: str,
        kind: EvidenceKind,
        hash: str,
        collectors: tuple[str, ...],
        collected_at: datetime,
        place: str,
        signature: Signature,
    ) -> None:
        if evidence_id in self.evidence:
            refuse("E_SCHEMA", "A62", field="evidence_id", taken=evidence_id)
        self._check_staff(collectors, "A62", "collectors")
        ctx.check_past(collected_at, "collected_at")
        self.record(
            ctx,
            EvidenceRecorded(
                evidence_id=evidence_id,
                kind=kind,
                hash=hash,
                collectors=collectors,
                collected_at=collected_at,
                place=place,
                signature=signature,
            ),
        )

    def on_evidence_recorded(self, event: EvidenceRecorded, meta: Meta) -> None:
        self.evidence.add(event.evidence_id)
        self._became_handlers(event.collectors)

    @allowed_in("TALKING", "VERIFYING")
    def hold_talk(
        self,
        ctx: Context,
        talked_with: TalkedWith,
        accused_ref: str | None,
        staff: tuple[str, ...],
        held_at: datetime,
        place: str,
        note: str,
        record_hash: str,
        signature: Signature,
        duties_acknowledged: bool | None,
    ) -> None:
        if asks_who_reported(note):
            refuse("E_TRACE_FORBIDDEN", "R27", fields=["note"])
        self._check_staff(staff, "A60", "staff")
        ctx.check_past(held_at, "held_at")
        if (talked_with == "ACCUSED") != (accused_ref is not None):
            refuse("E_SCHEMA", "A60", field="accused_ref")
        if accused_ref is not None:
            self._check_accused(accused_ref)
            if accused_ref not in self.duties_read and duties_acknowledged is None:
                refuse("E_RECORD_INCOMPLETE", "R56", field="duties_acknowledged")
        self.record(
            ctx,
            TalkHeld(
                talked_with=talked_with,
                accused_ref=accused_ref or "",
                staff=staff,
                held_at=held_at,
                place=place,
                note=note,
                record_hash=record_hash,
                signature=signature,
                duties_acknowledged=duties_acknowledged,
            ),
        )

    def on_talk_held(self, event: TalkHeld, meta: Meta) -> None:
        self._became_handlers(event.staff)
        self.last_talk = max(self.last_talk or event.held_at, event.held_at)
        if event.accused_ref and event.duties_acknowledged is not None:
            self.duties_read.add(event.accused_ref)

    @allowed_in("TALKING", "VERIFYING")
    def record_accused_statement(
        self, ctx: Context, accused_ref: str, statement: str, record_hash: str
    ) -> None:
        self._check_accused(accused_ref)
        self.record(
            ctx,
            AccusedStatementRecorded(accused_ref=accused_ref, statement=statement, record_hash=record_hash),
        )

    # --- findings and report ---

    @allowed_in("TALKING", "VERIFYING")
    def split_allegation(
        self, ctx: Context, allegation_id: str, parts: tuple[AllegationPart, ...], approved_by: str
    ) -> None:
        """Only what has no finding yet is split; every part is found by itself."""
        self._check_allegation(allegation_id)
        if allegation_id in self.findings.found:
            refuse("E_STATE", "§4.2", field="allegation_id", reason="found already")
        if approved_by == ctx.actor.person:
            refuse("E_SOD_CONFLICT", "SEC-2", field="approved_by")
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

    def on_allegation_split(self, event: AllegationSplit, meta: Meta) -> None:
        self.findings.split(event.allegation_id, event.parts)

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

    def on_allegation_found(self, event: AllegationFound, meta: Meta) -> None:
        self.findings.found[event.allegation_id] = event

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

    def on_substantiated_disposition_recorded(
        self, event: SubstantiatedDispositionRecorded, meta: Meta
    ) -> None:
        self.findings.dispositions[event.allegation_id] = event.disposition_ref

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
    ) -> None:
        if missing := self.findings.missing():
            refuse("E_RECORD_INCOMPLETE", "A61", allegations=missing)
        self.record(
            ctx,
            VerificationReportSubmitted(
                basics=basics,
                main_problems=main_problems,
                process=process,
                result=result,
                doubtful_points=doubtful_points,
                suggestion=suggestion,
            ),
        )

    def on_verification_report_submitted(self, event: VerificationReportSubmitted, meta: Meta) -> None:
        self.countersigned = False

    @allowed_in("REPORTED")
    def countersign_report(self, ctx: Context, opinion: str) -> None:
        if self.countersigned:
            refuse("E_STATE", "R1", done="CountersignReport")
        self.record(ctx, VerificationReportCountersigned(opinion=opinion))

    def on_verification_report_countersigned(
        self, event: VerificationReportCountersigned, meta: Meta
    ) -> None:
        self.countersigned = True

    @allowed_in("REPORTED")
    def return_report(self, ctx: Context, reason: str) -> None:
        back_to: Literal["TALKING", "VERIFYING"] = "TALKING" if self.way == "TALK_OR_INQUIRY" else "VERIFYING"
        returned = VerificationReportReturned(
            back_to=back_to, reason=reason, started_on=self.started_on, extended=self.extended
        )
        self.record(ctx, returned)

    # --- conclusion ---

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
        self.record(
            ctx,
            VerificationConcluded(
                number=self.number,
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

    def on_verification_concluded(self, event: VerificationConcluded, meta: Meta) -> None:
        self.concluded_on = event.concluded_on

    @allowed_in("CLOSING")
    def close_without_verification(self, ctx: Context, opinion: str) -> None:
        if self.proposed is None:
            refuse("E_STATE", ctx.rule, state=self.state)
        findings = tuple(
            Finding(allegation_id=id, outcome="INCONCLUSIVE") for id in self.findings.allegations
        )
        closed_on = local_date(ctx.occurred_at)
        self.record(
            ctx,
            CaseClosedWithoutVerification(
                number=self.number,
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
                    concluded_on=closed_on,
                ),
            )

    def on_case_closed_without_verification(self, event: CaseClosedWithoutVerification, meta: Meta) -> None:
        self.concluded_on = event.closed_on

    def _is_about(self, finding: Finding, subject: Accused) -> bool:
        return self.findings.allegations[finding.allegation_id].accused_ref == subject.ref

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
                    complaint_ids=self.complaint_ids,
                    complaint_numbers=self.complaint_numbers,
                    handling_organ=self.organ,
                    handling_dept=self.handling_dept,
                    verification_handlers=tuple(sorted(self.duties.get("handler", ()))),
                    concluded_by=ctx.actor.person,
                    concluded_on=concluded_on,
                    adverse_effect_hint=findings.effects(unfounded),
                    recused=tuple(sorted(self.recused)),
                ),
            )
        if substantiated := findings.of(subject.ref, "SUBSTANTIATED"):
            self.record(
                ctx,
                AllegationsSubstantiated(
                    subject=subject,
                    substantiated=findings.published(substantiated),
                    case_id=case_id,
                    case_number=self.number,
                    concluded_on=concluded_on,
                ),
            )
        if inconclusive := findings.of(subject.ref, "INCONCLUSIVE"):
            self.record(
                ctx,
                AllegationsInconclusive(
                    subject=subject,
                    inconclusive=findings.published(inconclusive),
                    case_id=case_id,
                    case_number=self.number,
                    concluded_on=concluded_on,
                ),
            )

    # --- after the conclusion ---

    @allowed_in("CONCLUDED", "CLOSED")
    def submit_assigned_result(self, ctx: Context, collective_study_ref: str | None) -> None:
        """A26: what a superior assigned is reported to it, studied collectively and approved by the head."""
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
                complaint_ids=self.complaint_ids,
                verdict=self.findings.verdict(),
                findings=self.findings.published(self.findings.allegations),
                study_ref=collective_study_ref,
                reported_on=local_date(ctx.occurred_at),
            ),
        )

    @allowed_in("CONCLUDED")
    def assess_false_accusation(self, ctx: Context, result: Literal["SCREEN_OUT"], reason: str) -> None:
        if not self._subjects_with_unfounded():
            refuse("E_ALLEGATION_NOT_UNFOUNDED", "R31")
        if self.false_accusation_assessed:
            refuse("E_STATE", "R17", done="AssessFalseAccusation")
        self.record(
            ctx, FalseAccusationAssessed(result=result, report_nature="UNFOUNDED_REPORT", reason=reason)
        )

    def on_false_accusation_assessed(self, event: FalseAccusationAssessed, meta: Meta) -> None:
        self.false_accusation_assessed = True

    def note_clarification_assessment(
        self, ctx: Context, subject_ref: str, clarification_id: str, round: int
    ) -> None:
        """Marks one subject's clarification as assessed; hearing of it again changes nothing (R17)."""
        if subject_ref in self.accused and subject_ref not in self.clarification_assessed:
            self.record(
                ctx,
                ClarificationAssessmentNoted(
                    subject_ref=subject_ref, clarification_id=clarification_id, round=round
                ),
                links=(clarification_id,),
            )

    def on_clarification_assessment_noted(self, event: ClarificationAssessmentNoted, meta: Meta) -> None:
        self.clarification_assessed.add(event.subject_ref)

    @allowed_in("CONCLUDED")
    def close_case(self, ctx: Context) -> None:
        subjects = self._subjects_with_unfounded()
        unassessed = [ref for ref in subjects if ref not in self.clarification_assessed]
        if unassessed or (subjects and not self.false_accusation_assessed):
            refuse(
                "E_DUAL_ASSESSMENT_REQUIRED",
                "R17",
                clarification=unassessed,
                false_accusation=self.false_accusation_assessed,
            )
        if undisposed := self.findings.undisposed():
            refuse("E_DISCIPLINE_LOOSENING", "R9", allegations=undisposed)
        if self.real_name and not self.told.issuperset(self.complaint_ids):
            refuse("E_RECORD_INCOMPLETE", "A31", deadline="DL-02")
        self.record(ctx, CaseClosed(number=self.number, closed_on=local_date(ctx.occurred_at)))

    def note_feedback(self, ctx: Context, complaint_id: str) -> None:
        """Hearing of it again changes nothing."""
        if complaint_id in self.complaint_ids and complaint_id not in self.told:
            self.record(ctx, ResultFeedbackNoted(complaint_id=complaint_id))

    def on_result_feedback_noted(self, event: ResultFeedbackNoted, meta: Meta) -> None:
        self.told.add(event.complaint_id)

    def note_real_name(self, ctx: Context) -> None:
        """Hearing of it again changes nothing."""
        if not self.real_name:
            self.record(ctx, RealNameNoted())

    def on_real_name_noted(self, event: RealNameNoted, meta: Meta) -> None:
        self.real_name = True

    # --- quarterly feedback ---

    def quarterly_result(self) -> QuarterResult:
        """What the petition department is told of a concluded case (A21)."""
        assert self.concluded_on is not None
        undisposed = self.findings.undisposed()
        told = self.told.issuperset(self.complaint_ids)
        return QuarterResult(
            case_number=self.number,
            complaint_numbers=self.complaint_numbers,
            handling_dept=self.handling_dept,
            concluded_on=self.concluded_on,
            way=self.way,
            verdict=self.findings.verdict(),
            reporter_told=("TOLD" if told else "OWED") if self.real_name else "NOT_OWED",
            disposition_refs=tuple(sorted(set(self.findings.dispositions.values()))),
            undisposed=len(undisposed),
        )

    def note_quarterly_feedback(self, ctx: Context, quarter: str) -> None:
        """DL-07 is met for this case."""
        self.record(ctx, QuarterlyFeedbackNoted(quarter=quarter))

    # --- new evidence ---

    def note_new_evidence(
        self, ctx: Context, complaint_id: str, evidence_id: str, description: str, document_ref: str
    ) -> None:
        """P8: what came later is looked at, whatever state the case is in."""
        if complaint_id in self.complaint_ids and evidence_id not in self.seen_evidence:
            self.record(
                ctx,
                NewEvidenceNoted(
                    complaint_id=complaint_id,
                    evidence_id=evidence_id,
                    description=description,
                    document_ref=document_ref,
                ),
            )

    def on_new_evidence_noted(self, event: NewEvidenceNoted, meta: Meta) -> None:
        self.seen_evidence.add(event.evidence_id)
        self.new_evidence[event.evidence_id] = event.complaint_id

    def assess_new_evidence(self, ctx: Context, evidence_id: str, reason: str) -> None:
        """A31: it changes nothing, and why; that it does is for the head to say (ReopenCase)."""
        self.record(
            ctx,
            NewEvidenceAssessedImmaterial(
                complaint_id=self._waiting(evidence_id),
                evidence_id=evidence_id,
                number=self.number,
                reason=reason,
            ),
        )

    def on_new_evidence_assessed_immaterial(self, event: NewEvidenceAssessedImmaterial, meta: Meta) -> None:
        self.new_evidence.pop(event.evidence_id, None)

    @allowed_in("CONCLUDED", "CLOSED")
    def reopen_case(self, ctx: Context, evidence_id: str, cause: str) -> None:
        """§4.2: new evidence and the organ's head. Nothing that others decided is undone by it (P7)."""
        self._waiting(evidence_id)
        self.record(
            ctx,
            VerificationCaseReopened(
                number=self.number,
                complaint_ids=self.complaint_ids,
                subject_refs=tuple(self.accused),
                evidence_id=evidence_id,
                cause=cause,
            ),
        )

    def on_verification_case_reopened(self, event: VerificationCaseReopened, meta: Meta) -> None:
        self.new_evidence.pop(event.evidence_id, None)
        self.told.clear()
        self.started_on, self.extended = None, False
        self.concluded_on = None

    def _waiting(self, evidence_id: str) -> str:
        """The complaint to which a piece of evidence came that nobody has answered yet."""
        complaint = self.new_evidence.get(evidence_id)
        if complaint is None:
            refuse("E_SCHEMA", "A31", field="evidence_id", unknown=evidence_id)
        return complaint

    def request_tracing(
        self, ctx: Context, means: tuple[str, ...], necessity: str, less_intrusive_means_tried: str
    ) -> NoReturn:
        """Always refused: no false-accusation inquiry can be open in this release (R28)."""
        refuse("E_TRACE_PREMATURE", "R28")

    # --- what the rules above ask ---

    def deadline_conditions(self, event: Event) -> frozenset[str]:
        """DL-11 runs in a preliminary verification. DL-10 runs from the last talk: one that is entered late
        does not take it back."""
        if self.way != "TALK_OR_INQUIRY":
            return frozenset({"preliminary_verification"})
        earlier = isinstance(event, TalkHeld) and self.last_talk and event.held_at < self.last_talk
        return frozenset(() if earlier else {"talk_or_inquiry"})

    def _check_staff(self, people: Sequence[str], rule: str, field: str) -> None:
        """Two different people at least, none recused, none who registered the complaint (SD3)."""
        if len(set(people)) < 2 or len(set(people)) < len(people):
            refuse("E_SCHEMA", rule, field=field, reason="two different people at least, each named once")
        self.check_not_recused(people)
        if registrars := self.duties.get("registrar", set()).intersection(people):
            refuse("E_SOD_CONFLICT", "SD3", people=sorted(registrars))

    def _check_allegation(self, allegation_id: str) -> None:
        if allegation_id not in self.findings.allegations:
            refuse("E_SCHEMA", "A63", field="allegation_id", unknown=allegation_id)

    def _check_accused(self, accused_ref: str) -> None:
        if accused_ref not in self.accused:
            refuse("E_SCHEMA", "A63", field="accused_ref", unknown=accused_ref)

    def _became_handlers(self, people: Sequence[str]) -> None:
        """Who gathers facts is a handler of the case and may not conclude it (SD3)."""
        self.duties.setdefault("handler", set()).update(people)

    def _subjects_with_unfounded(self) -> list[str]:
        return [ref for ref in self.accused if self.findings.of(ref, "UNFOUNDED")]
