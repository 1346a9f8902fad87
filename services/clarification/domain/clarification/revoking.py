"""A round that no longer holds is revoked by the chain that approved it, and everybody who was told of it is
told so (B29, P13).

A revocation runs beside the present round: it may be about an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from services.clarification.domain.clarification.phase import ENDED, ClarificationPhase
from services.clarification.domain.clarification.state import Carried
from shared.casework.aggregate import Context
from shared.language.contracts.clarification import (
    ClarificationRevoked,
    CorrectedPlace,
    FileCorrected,
    Item,
    RecipientNotified,
    RevocationCarriedOut,
    RevocationCause,
    RevocationProposed,
    RevocationReturned,
    RevocationReviewed,
    UnfoundedFindingsJoined,
)
from shared.language.refusal import refuse


class Revoking(ClarificationPhase):
    """Proposed, reviewed, approved; then every notice and every correction."""

    def propose_revocation(self, ctx: Context, round: int, cause: RevocationCause, reason: str) -> None:
        carried = self._round(ctx, round, "", "DUE")
        if cause == "FINDING_OVERTURNED" and carried.revocation != "DUE":
            refuse("E_STATE", "B29", round=round, due=False)
        self.record(ctx, RevocationProposed(of_round=round, cause=cause, reason=reason))

    def review_revocation(
        self, ctx: Context, round: int, decision: Literal["ENDORSE", "RETURN"], opinion: str
    ) -> None:
        carried = self._round(ctx, round, "PROPOSED")
        if decision == "RETURN":
            self._return(ctx, round, carried, opinion, by_approver=False)
        else:
            self.record(ctx, RevocationReviewed(of_round=round, opinion=opinion))

    def approve_revocation(
        self, ctx: Context, round: int, decision: Literal["APPROVE", "REFUSE"], opinion: str
    ) -> None:
        """R4: the petition department of the approving organ, as it approved the clarification."""
        carried = self._round(ctx, round, "REVIEWED")
        if decision == "REFUSE":
            self._return(ctx, round, carried, opinion, by_approver=True)
            return
        assert carried.cause is not None
        if carried.cause == "FINDING_OVERTURNED" and all(self.stands(item) for item in carried.items):
            refuse("E_STATE", "B29", round=round, due=False)
        self.record(
            ctx,
            ClarificationRevoked(
                number=self.number,
                subject_ref=self.subject.ref,
                of_round=round,
                cause=carried.cause,
                opinion=opinion,
                approving_organ=ctx.actor.organ,
                told=carried.recipients,
                places=carried.places,
                present=round == self.round,
            ),
        )
        self._clear_rightly(ctx, [item for item in carried.items if self.stands(item)], carried.complaint_ids)

    def _clear_rightly(self, ctx: Context, left: Sequence[Item], complaints: Sequence[str]) -> None:
        """Findings that are still unfounded are not forgotten with the round: another one takes them in
        (R53)."""
        if not left:
            return
        cases = tuple(dict.fromkeys(item.case_id for item in left))
        assessing = "ASSESSING" in (self.state, self.suspended_from)
        self.record(
            ctx,
            UnfoundedFindingsJoined(
                subject=self.subject,
                round=self.round if assessing else self.round + 1,
                items=tuple(left),
                other_findings=(),
                unfounded_ids=tuple(item.allegation_id for item in left),
                case_ids=cases,
                conclusions=tuple(self.conclusions[case] for case in cases),
                case_numbers=tuple(self.case_numbers[case] for case in cases),
                complaint_ids=tuple(complaints),
                complaint_numbers=(),
                verification_handlers=tuple(sorted(self.duties.get("verification_handler", ()))),
                concluded_by=tuple(sorted(self.duties.get("concluder", ()))),
                handling_organ=self.handling_organ,
                handling_dept=self.handling_dept,
            ),
        )
        if self.state in ENDED:
            self._open_what_waits(ctx)

    def _return(self, ctx: Context, round: int, carried: Carried, opinion: str, *, by_approver: bool) -> None:
        due = not all(self.stands(item) for item in carried.items)
        self.record(
            ctx, RevocationReturned(of_round=round, opinion=opinion, by_approver=by_approver, due=due)
        )

    def record_recipient_notified(
        self, ctx: Context, round: int, recipient: str, means: str, notified_on: date, document_hash: str
    ) -> None:
        carried = self._round(ctx, round, "REVOKED")
        if recipient not in carried.recipients or recipient in carried.notified:
            left = sorted(set(carried.recipients) - carried.notified)
            refuse("E_SCHEMA", "B29", field="recipient", left=left)
        ctx.check_past(notified_on, "notified_on", "B29")
        self.record(
            ctx,
            RecipientNotified(
                of_round=round,
                recipient=recipient,
                means=means,
                notified_on=notified_on,
                document_hash=document_hash,
            ),
        )
        self._end_when_told(ctx, round)

    def record_file_corrected(
        self, ctx: Context, round: int, place: CorrectedPlace, reference: str, document_hashes: Sequence[str]
    ) -> None:
        carried = self._round(ctx, round, "REVOKED")
        if place not in carried.places or place in carried.corrected:
            refuse("E_SCHEMA", "B29", field="place", left=sorted(set(carried.places) - carried.corrected))
        self.record(
            ctx,
            FileCorrected(
                of_round=round, place=place, reference=reference, document_hashes=tuple(document_hashes)
            ),
        )
        self._end_when_told(ctx, round)

    def _end_when_told(self, ctx: Context, round: int) -> None:
        if self.rounds[round].all_told:
            self.record(ctx, RevocationCarriedOut(of_round=round, present=round == self.round))
            if self.state == "RETRACTED":
                self._open_what_waits(ctx)

    def _round(self, ctx: Context, round: int, *states: str) -> Carried:
        """The round, if something of it was carried out and its revocation is in one of these states."""
        carried = self.rounds.get(round)
        if carried is None or carried.revocation not in states:
            now = carried.revocation if carried else None
            refuse("E_STATE", ctx.rule, round=round, revocation=now, allowed=list(states))
        return carried
