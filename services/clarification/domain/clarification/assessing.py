"""The assessment: whether findings call for a clarification (R9, A51, A66-A68, A72)."""

from __future__ import annotations

from collections.abc import Sequence

from services.clarification.domain.clarification.phase import ClarificationPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.clarification import (
    AdverseEffect,
    ClarificationAssessed,
    ClarificationNotRequired,
    ClarificationProposed,
    Disposition,
    NotRequiredReason,
    Recommendation,
    SubstantiatedDispositionNoted,
    Trigger,
)
from shared.language.refusal import refuse


class Assessing(ClarificationPhase):
    """The decisions up to the proposal."""

    def note_disposition(self, ctx: Context, disposition: Disposition) -> None:
        """R9: verification tells what follows from a substantiated allegation; told twice, it changes
        nothing."""
        if self.dispositions.get(disposition.case_id, {}).get(disposition.allegation_id) != disposition:
            self.record(ctx, SubstantiatedDispositionNoted(disposition=disposition))

    @allowed_in("ASSESSING")
    def assess_clarification(
        self,
        ctx: Context,
        adverse_effect: Sequence[AdverseEffect],
        trigger: Trigger | None,
        reputation: str,
        integrity_file_checked: bool,
        social_effect: str,
        other_open_matters: str,
        recommendation: Recommendation,
    ) -> None:
        if adverse_effect and recommendation != "CLARIFY":
            refuse("E_CLARIFICATION_DUE", "A68")
        self.record(
            ctx,
            ClarificationAssessed(
                subject_ref=self.subject.ref,
                round=self.round,
                case_ids=tuple(self.case_ids),
                conclusions=tuple(self.conclusions[case] for case in self.case_ids),
                adverse_effect=tuple(sorted(set(adverse_effect))),
                trigger=trigger or "",
                recommendation=recommendation,
                reputation=reputation,
                social_effect=social_effect,
                other_open_matters=other_open_matters,
                integrity_file_checked=integrity_file_checked,
            ),
        )

    @allowed_in("ASSESSED")
    def decide_not_required(
        self,
        ctx: Context,
        reason: NotRequiredReason,
        opinion: str,
        signed_form_hash: str | None,
        signed_by: str | None,
        delegation_hash: str | None,
    ) -> None:
        """A68, B36. Harm that was found makes clearing due, but for the subject's own signed no."""
        declined = reason == "SUBJECT_DECLINED"
        if self.harm and not declined:
            refuse("E_CLARIFICATION_DUE", "A68")
        if declined and (signed_form_hash is None or not signed_by):
            refuse("E_EVIDENCE_MISSING", "B36", field="signed_form_hash")
        if declined:
            self._may_answer_for_subject(signed_by, delegation_hash)
        self.record(
            ctx,
            ClarificationNotRequired(
                round=self.round,
                case_ids=tuple(self.case_ids),
                reason=reason,
                opinion=opinion,
                signed_form_hash=(signed_form_hash or "") if declined else "",
                signed_by=(signed_by or "") if declined else "",
                delegation_hash=(delegation_hash or "") if declined else "",
            ),
        )
        self._open_what_waits(ctx)

    @allowed_in("ASSESSED")
    def propose_clarification(self, ctx: Context, items: Sequence[str]) -> None:
        if ctx.actor.organ not in self.working_organs:
            refuse("E_HANDLER_MISMATCH", "A67", handling_organ=self.organ)
        cases = {*self.case_ids, *self._cases_of(items)}
        dispositions = self._nothing_loosened(cases)
        left_out = tuple(i.allegation_id for i in self.items if i.allegation_id not in items)
        if left_out and self.harm:
            refuse("E_CLARIFICATION_DUE", "A68", left_out=list(left_out))
        self.record(
            ctx,
            ClarificationProposed(
                round=self.round,
                item_ids=tuple(dict.fromkeys(items)),
                left_out=left_out,
                dispositions=dispositions,
            ),
        )

    def _cases_of(self, items: Sequence[str]) -> set[str]:
        """The cases of which these allegations are; each must be unfounded in the latest conclusion there.
        Inconclusive is not unfounded, and substantiated least of all (R10, A66, B28)."""
        others = {id: found for case in self.other_findings.values() for id, found in case.items()}
        known = (*self.history, *self.items)
        unfounded = {i.allegation_id: i.case_id for i in known if self.stands(i)}
        for id in items:
            if id in others and others[id].outcome == "INCONCLUSIVE":
                refuse("E_ALLEGATION_INCONCLUSIVE", "A66", allegation=id)
            if id in others or id not in unfounded:
                refuse("E_ALLEGATION_NOT_UNFOUNDED", "R10", allegation=id)
        return {unfounded[id] for id in items}

    def _nothing_loosened(self, cases: set[str]) -> tuple[Disposition, ...]:
        """R9: no clearing forgets what was found true in the same case and is not yet dealt with, be it the
        case of an earlier round. Answers with the dispositions, as verification told them."""
        true = [
            found
            for case, others in self.other_findings.items()
            for found in others.values()
            if case in cases and found.outcome == "SUBSTANTIATED"
        ]
        told = {f.allegation_id: self.dispositions.get(f.case_id, {}).get(f.allegation_id) for f in true}
        if missing := [id for id, disposition in told.items() if disposition is None]:
            refuse("E_DISCIPLINE_LOOSENING", "R9", allegations=missing)
        return tuple(disposition for disposition in told.values() if disposition is not None)
