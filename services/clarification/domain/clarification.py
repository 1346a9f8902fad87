"""Clarification: one subject is cleared of specific unfounded allegations, round by round
(§4.4).

The phases stand in a row: `assessing`, `drafting`, `consenting`, and here review, approval,
implementation and filing (R3, R4, R6, R9, R50, R51).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from services.clarification.domain import consent as consents
from services.clarification.domain import draft_view
from services.clarification.domain import plan as plans
from services.clarification.domain import text as texts
from services.clarification.domain.consenting import Consenting
from services.clarification.domain.evidence import (
    CircularEvidence,
    Evidence,
    FaceToFaceEvidence,
    MeetingEvidence,
)
from shared.aggregate import Context, allowed_in
from shared.contracts.clarification import (
    ArchiveKind,
    ClarificationApproved,
    ClarificationCompleted,
    ClarificationEnteredInPlatform,
    ClarificationFormImplemented,
    ClarificationImplemented,
    ClarificationPlanned,
    ClarificationRefused,
    ClarificationReturned,
    ClarificationReviewed,
    ClarificationSubmitted,
    IntegrityFileEntryRecorded,
)
from shared.law.working_days import local_date
from shared.refusal import refuse


class Clarification(Consenting):
    """What may be decided about one subject's clearing."""

    def recusal_reach(self) -> dict[str, Any]:
        return {"round": self.round}

    def for_subject(self) -> dict[str, Any]:
        """What the subject may see of it, as JSON (R8)."""
        return draft_view.for_subject(self).model_dump(mode="json")

    @allowed_in("PLANNED")
    def submit_for_review(self, ctx: Context) -> None:
        plan = self._ready(ctx)
        if not self.heard:
            refuse("E_VOICE_MISSING", "R49")
        self.record(
            ctx,
            ClarificationSubmitted(
                round=self.round, forms=plan.forms, scope=plan.scope, text_hash=self.text_hash
            ),
        )

    def _ready(self, ctx: Context) -> ClarificationPlanned:
        """The plan has its text, and the consent that it needs."""
        plan = self._plan(ctx)
        if not self.text_hash:
            refuse("E_TEXT_MISSING", "R10")
        if plans.needs_consent(plan):
            consents.require(self.consent, plan, self.text_hash, "R7")
        return plan

    @allowed_in("UNDER_REVIEW")
    def review_clarification(
        self,
        ctx: Context,
        decision: Literal["ENDORSE", "RETURN"],
        opinion: str,
        no_prejudice_confirmed: bool,
    ) -> None:
        if decision == "RETURN":
            self.record(ctx, ClarificationReturned(round=self.round, opinion=opinion))
            return
        self._ready(ctx)
        _no_prejudice(no_prejudice_confirmed)
        self.record(
            ctx,
            ClarificationReviewed(
                round=self.round, text_hash=self.text_hash, opinion=opinion, no_prejudice_confirmed=True
            ),
        )

    @allowed_in("UNDER_APPROVAL")
    def approve_clarification(
        self,
        ctx: Context,
        decision: Literal["APPROVE", "REFUSE"],
        opinion: str,
        no_prejudice_confirmed: bool,
        valid_from: date | None,
    ) -> None:
        if decision == "REFUSE":
            refused = ClarificationRefused(round=self.round, approving_organ=ctx.actor.organ, opinion=opinion)
            self.record(ctx, refused)
            return
        plan = self._ready(ctx)
        _no_prejudice(no_prejudice_confirmed)
        today = local_date(ctx.occurred_at)
        self.record(
            ctx,
            ClarificationApproved(
                round=self.round,
                approving_organ=ctx.actor.organ,
                forms=plan.forms,
                scope=plan.scope,
                text_hash=self.text_hash,
                valid_from=max(valid_from or today, today),
                opinion=opinion,
                no_prejudice_confirmed=True,
            ),
        )
        self._tell_subject(ctx, "APPROVED")

    @allowed_in("APPROVED")
    def implement_form(self, ctx: Context, evidence: Evidence) -> None:
        if self.approval is None:
            refuse("E_APPROVAL_REQUIRED", "R4")
        terms = self.approval.terms
        if evidence.form not in terms.forms or evidence.begun_on < self.approval.begins_on:
            refuse("E_APPROVAL_REQUIRED", "R4", form=evidence.form)
        self._ready(ctx)
        if ctx.facts["retaliation"]:
            # Without a word of when, where or how often: that would tell whom it hit.
            refuse("E_RETALIATION_OPEN", "A44")
        ctx.check_past(evidence.done_on, "evidence", "R6")
        if isinstance(evidence, FaceToFaceEvidence):
            self.check_not_recused(evidence.staff)
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
                recused=tuple(sorted(self.recused)),
            ),
        )
        self._open_what_waits(ctx)


def _no_prejudice(confirmed: bool) -> None:
    """R9: whoever endorses or approves has seen the subject's other open matters."""
    if not confirmed:
        refuse("E_DISCIPLINE_LOOSENING", "R9", field="no_prejudice_confirmed")
