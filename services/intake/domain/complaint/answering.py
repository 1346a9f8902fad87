"""The reporter is told what came of it, objects, adds evidence; it is closed (R44, R46)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import get_args

from services.intake.domain.complaint.phase import HERE, PART, STAGES, ComplaintPhase
from services.intake.domain.values import OutcomeTold
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import Finding
from shared.language.contracts.intake import (
    AcceptanceNotified,
    ComplaintClosed,
    ComplaintReopened,
    ComplaintRevived,
    Means,
    NewEvidenceAnswerNoted,
    NewEvidenceReceived,
    ObjectionRecorded,
    PolicyPoint,
    QuestionOutcome,
    Reaction,
    ReporterAnswerRelayed,
    ReporterAsked,
    ReportWithdrawn,
    ResultBecameAvailable,
    ResultFeedbackGiven,
)
from shared.language.refusal import refuse
from shared.language.tracing import asks_who_you_are, names_its_speaker

POLICY: frozenset[PolicyPoint] = frozenset(get_args(PolicyPoint))


class Answering(ComplaintPhase):
    """Notice, result and objections; and the end of it."""

    @allowed_in("ACCEPTED", "WITH_HANDLER", "RESULT_AVAILABLE")
    def notify_acceptance(self, ctx: Context, means: Means) -> None:
        """A30: notifies, once, a reporter who reports by their name; not for duplicates."""
        if self.state == "DUPLICATE_FILED" or self.identity_status not in ("CLAIMED", "CONFIRMED"):
            refuse("E_NOTICE_NOT_DUE", "A30", identity_status=self.identity_status)
        if self.notified:
            refuse("E_NOTICE_NOT_DUE", "A30", done="NotifyAcceptance")
        if self.answered_below:
            refuse("E_NOTICE_NOT_DUE", "A30", reason="the organ that handled it tells him")
        self.record(ctx, AcceptanceNotified(means=means))
        self._send(ctx, "ACCEPTED", means)

    # --- the result

    def note_result(
        self,
        ctx: Context,
        case_number: str,
        conclusion: int,
        verdict: str,
        concluded_on: date,
        findings: Sequence[Finding] = (),
    ) -> None:
        """P2: the verification has ended. Told twice, or after the complaint was passed on, it changes
        nothing; twice is the same case and the same number (B27)."""
        if conclusion <= self.conclusions.get(case_number, 0) or self.is_away:
            return
        self.record(
            ctx,
            ResultBecameAvailable(
                case_number=case_number,
                conclusion=conclusion,
                verdict=verdict,
                concluded_on=concluded_on,
                findings=self.as_own(findings) if self.joined_to else tuple(findings),
            ),
        )

    @allowed_in("RESULT_AVAILABLE")
    def record_result_feedback(
        self,
        ctx: Context,
        outcomes: Sequence[OutcomeTold],
        means: Means,
        policy_explained: Sequence[PolicyPoint],
        secrecy_duty_told: bool,
        reaction: Reaction,
    ) -> None:
        """A31, A34, R40: tells the reporter what was found, what policy says, and their duty to keep it
        secret."""
        if self.identity_status != "CONFIRMED":
            refuse("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A31", identity_status=self.identity_status)
        if missing := POLICY - set(policy_explained):
            refuse("E_SCHEMA", "R40", field="policy_explained", missing=sorted(missing))
        if not secrecy_duty_told:
            refuse("E_SCHEMA", "A34", field="secrecy_duty_told")
        if self.feedback_given:
            refuse("E_STATE", "A31", done="RecordResultFeedback")
        if self.state == "RESULT_AVAILABLE" and not self.verdict:
            refuse("E_NOT_CONCLUDED", "A31")
        if unknown := self._not_theirs(told.allegation_id for told in outcomes):
            refuse("E_SCHEMA", "A31", field="outcomes", unknown=unknown)
        if self.state == "RESULT_AVAILABLE" and not self.answered_below:
            self._check_true(outcomes)
        self.record(
            ctx,
            ResultFeedbackGiven(
                outcomes=tuple(Finding(**told.model_dump()) for told in outcomes),
                means=means,
                policy_explained=tuple(policy_explained),
                reaction=reaction,
                case_numbers=tuple(sorted(self.concluded_in)),
            ),
        )
        self._send(ctx, "CONCLUDED", means)

    def _check_true(self, outcomes: Sequence[OutcomeTold]) -> None:
        """B23: refuses to tell less than was found about this complaint's allegations, or something else. An
        allegation on which nothing was found is told as INCONCLUSIVE; one that was split, part by part."""
        whole = {id: own for id in self.found if (own := self._own_of(id)) is not None}
        found = {id: self.found[id] for id in whole}
        found |= {a.id: "INCONCLUSIVE" for a in self.allegations if a.id not in whole.values()}
        told = {each.allegation_id: each.outcome for each in outcomes}
        if len(told) != len(outcomes) or told != found:
            missing = sorted(found.keys() - told.keys())
            differs = sorted(id for id, outcome in told.items() if found.get(id) != outcome)
            refuse("E_RESULT_MISMATCH", "B23", missing=missing, differs=differs)

    def _not_theirs(self, ids: Iterable[str]) -> list[str]:
        """The ids that belong neither to one of this complaint's allegations nor to a part of one."""
        return [id for id in ids if self._own_of(id) is None]

    def _own_of(self, id: str) -> str | None:
        """The allegation of this complaint of which `id` is the whole or a part: verification gives a part
        the id of the whole with a letter behind, and a part of a part another (§4.2)."""
        own = [a.id for a in self.allegations if id.startswith(a.id) and PART.fullmatch(id[len(a.id) :])]
        return max(own, key=len, default=None)

    @allowed_in("RESULT_AVAILABLE", "CLOSED")
    def record_objection(self, ctx: Context, objection: str, explanation: str) -> None:
        """A31: recorded as it was said, and explained."""
        if self.state == "RESULT_AVAILABLE" and not self.feedback_given:
            refuse("E_RECORD_INCOMPLETE", "A31", missing="RecordResultFeedback")
        self.record(ctx, ObjectionRecorded(objection=objection, explanation=explanation))

    # --- questions to the reporter

    @allowed_in("WITH_HANDLER", "RESULT_AVAILABLE")
    def ask_reporter(self, ctx: Context, question: str) -> None:
        """SEC-5: the handler writes a question and never learns whom they ask, nor how the reporter is
        reached."""
        if self.identity_status not in ("CLAIMED", "CONFIRMED") and not self.channel.startswith("ONLINE"):
            refuse("E_STATE", "SEC-5", identity_status=self.identity_status, reason="nobody can be asked")
        if asks_who_you_are(question):
            refuse("E_TRACE_FORBIDDEN", "B21", fields=["question"])
        self.record(ctx, ReporterAsked(question_id=f"Q{len(self.questions) + 1}", question=question))

    @allowed_in("WITH_HANDLER", "RESULT_AVAILABLE")
    def relay_answer(
        self, ctx: Context, question_id: str, outcome: QuestionOutcome, means: Means, answer: str | None
    ) -> None:
        """SEC-5: the petition department, which serves the reporter, has put the question to them."""
        waiting = [id for id, answered in self.questions.items() if not answered]
        if question_id not in waiting:
            refuse("E_SCHEMA", "SEC-5", field="question_id", waiting=waiting)
        if bool(answer) != (outcome == "ANSWERED"):
            refuse("E_SCHEMA", "SEC-5", field="answer")
        if answer and names_its_speaker(answer):
            refuse("E_TEXT_IDENTITY_LEAK", "B21", fields=["answer"])
        self.record(
            ctx,
            ReporterAnswerRelayed(question_id=question_id, outcome=outcome, means=means, answer=answer or ""),
        )

    # --- what comes later

    @allowed_in("SENT_DOWN", "WITH_HANDLER", "RESULT_AVAILABLE", "CLOSED", "DUPLICATE_FILED")
    def submit_new_evidence(
        self, ctx: Context, from_reporter: bool, description: str, document_ref: str
    ) -> None:
        """A31: takes in evidence from the reporter or anybody; verification decides what it changes. It
        revives a complaint that was filed for lack of substance, or as a duplicate without any (A12). For an
        assigned complaint it goes down to those who handle it; a transferred one is another organ's."""
        if self.state == "SENT_DOWN" and not self.assigned_down:
            refuse("E_STATE", "A31", state=self.state, competent=self.sent_to)
        filed = self.state == "CLOSED" and self.rejected_for == "NO_SUBSTANCE"
        revives = filed or self.state == "DUPLICATE_FILED"
        if self.state == "CLOSED" and not revives and not self.verdict:
            refuse("E_STATE", "A31", state=self.state, reason="decided by another body")
        self.note_new_evidence(ctx, from_reporter, description, document_ref)
        if revives:
            self.record(ctx, ComplaintRevived(repeat_kind="REPEAT_WITH_NEW_EVIDENCE"))

    def note_new_evidence(
        self, ctx: Context, from_reporter: bool, description: str, document_ref: str
    ) -> None:
        """Verification hears of it, where a case is about this complaint (P8)."""
        self.record(
            ctx,
            NewEvidenceReceived(
                evidence_id=f"{str(self.id)[:8]}-N{len(self.evidence) + 1}",
                from_reporter=from_reporter,
                description=description,
                document_ref=document_ref,
                case_numbers=tuple(sorted(self.concluded_in)),
            ),
        )

    def note_evidence_answered(self, ctx: Context, evidence_id: str, case_number: str) -> None:
        if case_number not in self.evidence.get(evidence_id, {case_number}):
            self.record(ctx, NewEvidenceAnswerNoted(evidence_id=evidence_id, case_number=case_number))

    def note_reopened(self, ctx: Context, case_number: str, conclusion: int) -> None:
        """The case is open again: the result of that conclusion no longer stands, and the next one is told
        again."""
        if case_number in self.concluded_in and conclusion == self.conclusions.get(case_number):
            self.record(ctx, ComplaintReopened(case_number=case_number))

    @allowed_in("RECEIVED", "SENT_DOWN", "NOT_ACCEPTED", *HERE)
    def withdraw_report(self, ctx: Context, means: Means) -> None:
        """Recorded; it never stops what the organ owes to the truth."""
        self.check_not_sealed()
        self.record(ctx, ReportWithdrawn(means=means))

    # --- the end

    @allowed_in("RESULT_AVAILABLE")
    def close_complaint(self, ctx: Context) -> None:
        """R44, R46: notice, three meetings or their waivers, and the result, as far as they are owed."""
        if self.state == "RESULT_AVAILABLE":
            if not self.verdict:
                refuse("E_NOT_CONCLUDED", "R44")
            if self.identity_status == "CLAIMED" and not self.answered_below:
                refuse("E_RECORD_INCOMPLETE", "R44", missing=["VerifyReporterIdentity"])
            if self.identity_status == "CONFIRMED" and not self.answered_below:
                self._check_answered()
        self.record(ctx, ComplaintClosed(number=self.number, result_code=self.verdict))

    def _check_answered(self) -> None:
        if skipped := [s for s in STAGES if s not in self.stages_done]:
            refuse("E_MEETING_SKIPPED", "R46", missing=skipped)
        # A reporter who waived the first or last meeting, or was out of reach, is not told (DL-01, DL-02).
        done = {
            "NotifyAcceptance": self.notified or "ACCEPTANCE" in self.waived,
            "RecordResultFeedback": self.feedback_given or "REPLY" in self.waived,
            "RecordObjection": not self.objects,
        }
        if missing := [name for name, is_done in done.items() if not is_done]:
            refuse("E_RECORD_INCOMPLETE", "R44", missing=missing)
