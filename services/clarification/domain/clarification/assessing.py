"""Findings come in, and it is decided whether they call for a clarification
(P3, R9, R25, A51, A66-A68, A72).

A conclusion that arrives after the assessment waits for the next round, which opens by itself when the
present one ends: nothing that was assessed, consented to or approved changes under the hands of those
who did so, and nothing unfounded is forgotten (R53).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.clarification.domain.clarification.changing import Changing
from services.clarification.domain.clarification.phase import ENDED
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.clarification import (
    AdverseEffect,
    ClarificationAssessed,
    ClarificationNotRequired,
    ClarificationOpened,
    ClarificationProposed,
    ClarificationReopened,
    Disposition,
    Item,
    NotRequiredReason,
    OtherFinding,
    Recommendation,
    SubstantiatedDispositionNoted,
    Trigger,
    UnfoundedFindingsJoined,
)
from shared.language.contracts.verification import AllegationsVerifiedUnfounded
from shared.language.refusal import refuse


class Assessing(Changing):
    """The decisions up to the proposal."""

    def take_up(self, ctx: Context, found: AllegationsVerifiedUnfounded) -> None:
        """Opens, joins or reopens on one conclusion; hearing of the same one again changes nothing (B27). A
        further conclusion of a case that is known first settles what rests on it."""
        known = self.conclusions.get(found.case_id, 0)
        if found.conclusion <= known:
            return
        if known:
            taken = _taken_over(found, self.round)
            self._take_further(ctx, self._further(found, taken["items"], taken["other_findings"]))
            new = self._new_among(taken["items"])
            found = found.model_copy(update={"unfounded": tuple(a for a in found.unfounded if a.id in new)})
        if found.unfounded:
            self._take_in_round(ctx, found)

    def _new_among(self, items: Sequence[Item]) -> set[str]:
        """The items of a further conclusion that no standing round, present or waiting, has already."""
        live = () if self.is_over else self.items
        waiting = (item for joined in self.waiting for item in joined.items)
        cleared = (item for carried in self.rounds.values() if carried.stands for item in carried.items)
        has = {*live, *waiting, *cleared}
        known = {(item.case_id, item.allegation_id, item.text) for item in has}
        return {i.allegation_id for i in items if (i.case_id, i.allegation_id, i.text) not in known}

    def _take_in_round(self, ctx: Context, found: AllegationsVerifiedUnfounded) -> None:
        links = (found.case_id, *found.complaint_ids)
        if not self.state:
            opened = ClarificationOpened(organ=found.handling_organ, **_taken_over(found, 1))
            self.record(ctx, opened, links=links, joins=ctx.matters)
        elif self.state in ENDED:
            self.record(
                ctx,
                ClarificationReopened(**_taken_over(found, self.round + 1)),
                links=links,
                joins=ctx.matters,
            )
        else:
            assessing = "ASSESSING" in (self.state, self.suspended_from)
            round = self.round if assessing else self.round + 1
            self.record(
                ctx, UnfoundedFindingsJoined(**_taken_over(found, round)), links=links, joins=ctx.matters
            )

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


def _taken_over(found: AllegationsVerifiedUnfounded, round: int) -> dict[str, Any]:
    """A conclusion of verification in clarification's own words."""
    items = tuple(
        Item(
            allegation_id=a.id,
            kind=a.kind,
            text=a.text,
            case_id=found.case_id,
            concluded_on=found.concluded_on,
        )
        for a in found.unfounded
    )
    return {
        "subject": found.subject,
        "round": round,
        "items": items,
        "other_findings": tuple(
            OtherFinding(case_id=found.case_id, **f.model_dump()) for f in found.other_findings
        ),
        "unfounded_ids": tuple(i.allegation_id for i in items),
        "case_ids": (found.case_id,),
        "conclusions": (found.conclusion,),
        "case_numbers": (found.case_number,),
        "complaint_ids": found.complaint_ids,
        "complaint_numbers": found.complaint_numbers,
        "verification_handlers": found.verification_handlers,
        "concluded_by": (found.concluded_by,),
        "handling_organ": found.handling_organ,
        "handling_dept": found.handling_dept,
        "adverse_effect_hint": found.adverse_effect_hint,
    }
