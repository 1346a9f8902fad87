"""Form by form it is carried out, and filed (R6, R44, R50, R51, A44)."""

from __future__ import annotations

from collections.abc import Sequence

from services.clarification.domain import plan as plans
from services.clarification.domain import text as texts
from services.clarification.domain.clarification.phase import ClarificationPhase
from services.clarification.domain.evidence import (
    CircularEvidence,
    Evidence,
    FaceToFaceEvidence,
    MeetingEvidence,
)
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Lookup
from shared.language.contracts.clarification import (
    ArchiveKind,
    ClarificationCompleted,
    ClarificationEnteredInPlatform,
    ClarificationFormImplemented,
    ClarificationImplemented,
    IntegrityFileEntryRecorded,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse

RETALIATION: Lookup[bool] = Lookup("retaliation")
"""True if retaliation around the subject is open, as far as this service has heard (A44)."""


class CarryingOut(ClarificationPhase):
    """Makes known what was approved, and enters it where it belongs."""

    @allowed_in("APPROVED")
    def implement_form(self, ctx: Context, evidence: Evidence) -> None:
        if self.approval is None:
            refuse("E_APPROVAL_REQUIRED", "R4")
        terms = self.approval.terms
        if evidence.form not in terms.forms or evidence.begun_on < self.approval.begins_on:
            refuse("E_APPROVAL_REQUIRED", "R4", form=evidence.form)
        self._ready(ctx)
        self.check_findings(self.proposed_items)
        self.check_not_in_revocation()
        if ctx.found(RETALIATION):
            # Without a word of when, where or how often: that would tell whom it hit.
            refuse("E_RETALIATION_OPEN", "A44")
        ctx.check_past(evidence.done_on, "evidence", "R6")
        if isinstance(evidence, FaceToFaceEvidence):
            self.check_not_excluded(evidence.staff)
        if isinstance(evidence, CircularEvidence) and plans.width(evidence.range) > plans.width(terms.scope):
            refuse("E_SCOPE_EXCEEDS_CONSENT", "R7", approved=terms.scope)
        if isinstance(evidence, MeetingEvidence) and evidence.script is not None:
            texts.screen(evidence.script, [i.text for i in self.proposed_items])
        if evidence.form in self.implemented:
            refuse("E_STATE", "R6", form=evidence.form)
        self.record(
            ctx,
            ClarificationFormImplemented(
                round=self.round,
                form=evidence.form,
                on=evidence.done_on,
                text_hash=terms.text_hash,
                evidence=evidence.model_dump(mode="json"),
                evidence_hashes=evidence.hashes,
            ),
        )
        if self.implemented.keys() >= set(terms.forms):
            self.record(
                ctx,
                ClarificationImplemented(
                    round=self.round,
                    forms=terms.forms,
                    scope=terms.scope,
                    text_hash=terms.text_hash,
                    implemented_on=max(self.implemented.values()),
                ),
            )

    @allowed_in("IMPLEMENTED")
    def record_platform_entry(
        self,
        ctx: Context,
        platform_receipt_no: str,
        material_hashes: Sequence[str],
        holds_sealed_content: bool,
    ) -> None:
        if holds_sealed_content:
            refuse("E_PLATFORM_ENTRY_FORBIDDEN", "R50")
        if self.in_platform:
            refuse("E_STATE", "R50", done="RecordPlatformEntry")
        self.check_findings(self.proposed_items)
        self.check_not_in_revocation()
        self.record(
            ctx,
            ClarificationEnteredInPlatform(
                round=self.round, receipt_no=platform_receipt_no, material_hashes=tuple(material_hashes)
            ),
        )
        self._complete_when_filed(ctx)

    @allowed_in("IMPLEMENTED")
    def record_integrity_file_entry(self, ctx: Context, file_no: str, document_hashes: Sequence[str]) -> None:
        if self.in_file:
            refuse("E_STATE", "R51", done="RecordIntegrityFileEntry")
        self.check_findings(self.proposed_items)
        self.check_not_in_revocation()
        kind: ArchiveKind = "ORG_FILE" if self.subject.subject_type == "PARTY_ORG" else "INTEGRITY_FILE"
        self.record(
            ctx,
            IntegrityFileEntryRecorded(
                round=self.round, archive_kind=kind, file_no=file_no, document_hashes=tuple(document_hashes)
            ),
        )
        self._complete_when_filed(ctx)

    def _complete_when_filed(self, ctx: Context) -> None:
        if not (self.in_platform and self.in_file):
            return
        assert self.approval is not None
        self.record(
            ctx,
            ClarificationCompleted(
                number=self.number,
                subject=self.subject,
                subject_account=self.subject_account,
                round=self.round,
                forms=plans.ordered(self.carried_out),
                scope=self.approval.terms.scope,
                handling_organ=self.handling_organ,
                handling_dept=self.handling_dept,
                clarification_handlers=tuple(sorted(self.duties.get("handler", ()))),
                verification_handlers=tuple(sorted(self.duties.get("verification_handler", ()))),
                complaint_ids=tuple(self.round_complaints),
                case_ids=tuple(self.case_ids),
                completed_on=local_date(ctx.occurred_at),
            ),
        )
        self._open_what_waits(ctx)
