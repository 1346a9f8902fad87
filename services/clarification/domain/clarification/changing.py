"""Findings come in and change (P3, P7, R25, B27, B28): what rests on a reopened case is held, and the next
conclusion decides about it.

A conclusion that arrives after the assessment waits for the next round, which opens by itself when the
present one ends: nothing that was assessed, consented to or approved changes under the hands of those
who did so, and nothing unfounded is forgotten (R53).

Each case has numbered conclusions, and the latest one says what is unfounded. Nothing is revoked by itself:
where somebody was already cleared of what does not stand any more, the revocation is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.clarification.domain import text as texts
from services.clarification.domain.clarification.phase import ENDED, ClarificationPhase
from shared.casework.aggregate import Context
from shared.language.contracts.clarification import (
    ClarificationAssessmentConfirmed,
    ClarificationHeld,
    ClarificationHoldLifted,
    ClarificationOpened,
    ClarificationReopened,
    FurtherConclusionNoted,
    Item,
    OtherFinding,
    RevocationDue,
    RevocationNoLongerDue,
    SubjectDetailsChanged,
    UnfoundedFindingsJoined,
    UnfoundedFindingsOverturned,
)
from shared.language.contracts.common import Accused
from shared.language.contracts.verification import (
    AllegationsInconclusive,
    AllegationsSubstantiated,
    AllegationsVerifiedUnfounded,
)
from shared.language.refusal import refuse


class Changing(ClarificationPhase):
    """Conclusions, holds, and what the next conclusion makes of them."""

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

    def hold(self, ctx: Context, case_id: str, case_number: str, conclusion: int) -> None:
        """A case was reopened. Told twice, or of a case that this does not rest on, it changes nothing."""
        if self.conclusions.get(case_id) == conclusion and case_id not in self.held:
            held = tuple(sorted({*self.held.values(), case_number}))
            self.record(
                ctx,
                ClarificationHeld(case_id=case_id, case_number=case_number, conclusion=conclusion, held=held),
                links=(case_id,),
            )

    def note_details(self, ctx: Context, now: Accused) -> None:
        """B11: the subject's details are others today. Hearing of it again changes nothing."""
        was = self.subject
        if now == was:
            return
        another_head = was.subject_type == "PARTY_ORG" and now.principal_head != was.principal_head
        asking = self.state == "CONSENT_PENDING"
        self.record(
            ctx,
            SubjectDetailsChanged(
                was=was,
                subject=now,
                round=self.round,
                text_outdated=self.text is not None and texts.named(now) != texts.named(was),
                account_ends=another_head,
                back_to="PLANNED" if another_head and asking else "",
            ),
        )

    def note_none_unfounded(
        self, ctx: Context, found: AllegationsSubstantiated | AllegationsInconclusive
    ) -> None:
        """A further conclusion in which nothing about the subject is unfounded; where something is,
        AllegationsVerifiedUnfounded tells it whole. Heard of twice it changes nothing."""
        none = all(f.outcome != "UNFOUNDED" for f in found.other_findings)
        if none and 0 < self.conclusions.get(found.case_id, 0) < found.conclusion:
            own = found.substantiated if isinstance(found, AllegationsSubstantiated) else found.inconclusive
            others = tuple(
                OtherFinding(case_id=found.case_id, **f.model_dump()) for f in (*own, *found.other_findings)
            )
            self._take_further(ctx, self._further(found, (), others))

    def _further(
        self,
        found: AllegationsSubstantiated | AllegationsInconclusive | AllegationsVerifiedUnfounded,
        unfounded: Sequence[Item],
        others: Sequence[OtherFinding],
    ) -> FurtherConclusionNoted:
        left = {number for case, number in self.held.items() if case != found.case_id}
        people: dict[str, tuple[str, ...]] = {}
        if isinstance(found, AllegationsVerifiedUnfounded):
            people["verification_handlers"] = found.verification_handlers
            people["concluded_by"] = (found.concluded_by,)
        return FurtherConclusionNoted(
            case_id=found.case_id,
            case_number=found.case_number,
            conclusion=found.conclusion,
            unfounded=tuple(unfounded),
            other_findings=tuple(others),
            concluded_on=found.concluded_on,
            held=tuple(sorted(left)),
            **people,
        )

    def _take_further(self, ctx: Context, told: FurtherConclusionNoted) -> None:
        """Ends the hold of the case: what is still unfounded goes on, what is not leaves the round, and of
        what was carried out the revocation is due."""
        was_held = told.case_id in self.held
        self.record(ctx, told, links=(told.case_id,))
        about = {"case_id": told.case_id, "conclusion": told.conclusion}
        for round, carried in self.rounds.items():
            lost = _ids(item for item in carried.items if not self.stands(item))
            if lost and carried.revocation == "":
                due = RevocationDue(of_round=round, case_number=told.case_number, lost_ids=lost, **about)
                self.record(ctx, due)
            elif not lost and carried.is_for_a_finding:
                self.record(ctx, RevocationNoLongerDue(of_round=round, **about))
        lost = _ids(item for item in self.of_the_round if not self.stands(item))
        if was_held and not lost:
            self.record(ctx, ClarificationHoldLifted(case_number=told.case_number, **about))
        elif lost and not self.is_over and not self.carried_out:
            self.record(
                ctx,
                UnfoundedFindingsOverturned(
                    round=self.round,
                    case_number=told.case_number,
                    lost_ids=lost,
                    left=_ids(item for item in self.items if self.stands(item)),
                    suspended=self.state == "SUSPENDED",
                    **about,
                ),
            )
            if self.state == "OVERTURNED":
                self._open_what_waits(ctx)

    def confirm_assessment(self, ctx: Context, case_id: str, reason: str) -> None:
        """R17, B28: a further conclusion is assessed too, where it changed nothing that was assessed."""
        if case_id not in self.unassessed or self.state == "ASSESSING":
            refuse("E_STATE", "B28", state=self.state, unassessed=sorted(self.unassessed))
        self.record(
            ctx,
            ClarificationAssessmentConfirmed(
                subject_ref=self.subject.ref,
                round=self.round,
                case_id=case_id,
                conclusion=self.unassessed[case_id],
                reason=reason,
            ),
        )


def _ids(items: Iterable[Item]) -> tuple[str, ...]:
    return tuple(item.allegation_id for item in items)


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
