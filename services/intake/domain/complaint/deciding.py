"""Decides whether a complaint is this organ's, and whether it goes on (A1, A10, A11, A18, C6, §5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from services.intake.domain.complaint.phase import ComplaintPhase
from shared.casework.aggregate import Context, allowed_in
from shared.casework.preparation import Deposit
from shared.language.contracts.common import InVault
from shared.language.contracts.intake import (
    AcceptanceProposed,
    AppealForwarded,
    ComplaintAccepted,
    ComplaintFiled,
    ComplaintNotAccepted,
    ComplaintRedirected,
    ComplaintSplit,
    Means,
    MessageToReporterSent,
    RejectionReason,
    ReporterAdvised,
    SuggestionForwarded,
)
from shared.language.refusal import refuse

GROUNDS: frozenset[str] = frozenset(get_args(RejectionReason))
FORWARDED: dict[str, type[AppealForwarded] | type[SuggestionForwarded]] = {
    "APPEAL": AppealForwarded,
    "SUGGESTION": SuggestionForwarded,
}
ADVICE: Deposit[InVault | None] = Deposit("advice")
"""A letter to a reporter who wrote online and is remembered; None for everybody else."""


class Deciding(ComplaintPhase):
    """Accepted, or not accepted on one of three grounds and led to where it belongs."""

    @allowed_in("REGISTERED")
    def propose_acceptance(self, ctx: Context, handling_dept: str, opinion: str) -> None:
        """§5.2: the clerk proposes, the head decides."""
        self._check_acceptable(ctx)
        self.record(ctx, AcceptanceProposed(handling_dept=handling_dept, opinion=opinion))

    @allowed_in("REGISTERED")
    def accept_complaint(self, ctx: Context, handling_dept: str) -> None:
        """Accepts only a complaint for which this organ is competent by management authority and place
        (§5.4), or which a superior told it to handle (A9, A22)."""
        self._check_acceptable(ctx)
        self.record(ctx, ComplaintAccepted(handling_dept=handling_dept))

    def _check_acceptable(self, ctx: Context) -> None:
        """Nothing of this asks who reported (R16)."""
        self.check_undisputed()
        if self.state == "DUPLICATE_FILED":
            refuse("E_DUPLICATE", "A12", of=self.duplicate_of)
        if self.state == "REGISTERED" and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        if self.category not in ("", "ACCUSATION"):
            refuse("E_NOT_COMPETENT", "C6", category=self.category)
        if not self.designated:
            self.check_own(ctx)

    @allowed_in("REGISTERED")
    def reject_complaint(self, ctx: Context, reason: str) -> None:
        """A10: three grounds and nothing else; that nobody signed it is none of them (R29)."""
        if reason not in GROUNDS:
            refuse("E_REJECTION_REASON", "A10", allowed=sorted(GROUNDS))
        if self.category == "OUT_OF_SCOPE" and reason != "OTHER_ORGAN_DUTY":
            refuse("E_REJECTION_REASON", "A10", allowed=["OTHER_ORGAN_DUTY"])
        if reason == "OTHER_ORGAN_DUTY" and not self.designated:
            self._check_no_other_of_ours(ctx)
        self.check_result_not_owed()
        self.check_undisputed()
        self.record(ctx, ComplaintNotAccepted(reason=reason))

    def _check_no_other_of_ours(self, ctx: Context) -> None:
        """B14: refuses to reject what another organ of the discipline system must handle: it is passed on."""
        for person in self._of_today(ctx, self.accused):
            competent = self._competent_organ(ctx, person)
            if competent != self.organ:
                refuse("E_NOT_COMPETENT", "B14", competent=competent)

    @allowed_in("NOT_ACCEPTED")
    def redirect_out(self, ctx: Context, to_body: str) -> None:
        """A11: a letter is sent on; a reporter who spoke or wrote online is advised instead."""
        self._check_led_elsewhere(letter=True)
        self.record(ctx, ComplaintRedirected(to_body=to_body))

    @allowed_in("NOT_ACCEPTED")
    def advise_reporter(self, ctx: Context, body: str) -> None:
        """A11: tells a reporter who came, called or wrote online which body decides."""
        self._check_led_elsewhere(letter=False)
        self.record(ctx, ReporterAdvised(body=body))
        if (letter := ctx.deposited(ADVICE)) is not None:
            self.record(ctx, MessageToReporterSent(letter=letter.id, in_vault=(letter,)))

    def _check_led_elsewhere(self, *, letter: bool) -> None:
        if self.state != "NOT_ACCEPTED":
            return
        if self.rejected_for == "NO_SUBSTANCE":
            refuse("E_SCHEMA", "A11", reason="without substance it is filed")
        if (self.channel == "LETTER") != letter:
            refuse("E_SCHEMA", "A11", channel=self.channel)

    @allowed_in("NOT_ACCEPTED")
    def file_not_accepted(self, ctx: Context, means: Means | None) -> None:
        """A10: files a complaint that has no substance; the two other grounds lead to another body. A
        reporter by a confirmed name is told, and invited to add substance (§4.1)."""
        if self.state == "NOT_ACCEPTED" and self.rejected_for != "NO_SUBSTANCE":
            refuse("E_RECORD_INCOMPLETE", "A11", missing="RedirectOut or AdviseReporter")
        told = self.identity_status == "CONFIRMED"
        if told and means is None:
            refuse("E_RECORD_INCOMPLETE", "§4.1", missing="means")
        if not told and means is not None:
            refuse("E_NOTICE_NOT_DUE", "§4.1", identity_status=self.identity_status)
        self.record(ctx, ComplaintFiled(means=means))
        if means is not None:
            self._send(ctx, "NOT_ACCEPTED", means)

    @allowed_in("REGISTERED")
    def forward_complaint(self, ctx: Context, to_body: str) -> None:
        """C6: an appeal or a suggestion is no accusation and goes where it is decided."""
        event = FORWARDED.get(self.category)
        if event is None:
            refuse("E_SCHEMA", "C6", category=self.category)
        self.check_result_not_owed()
        self.check_undisputed()
        self.record(ctx, event(to_body=to_body))

    @allowed_in("REGISTERED")
    def split_complaint(self, ctx: Context, to_organ: str, allegation_ids: Sequence[str]) -> None:
        """A18: passes the part that is another organ's to it, as a complaint of its own; the rest stays."""
        self.check_result_not_owed()
        self.check_undisputed()
        known = {a.id: a for a in self.allegations}
        if unknown := [id for id in allegation_ids if id not in known]:
            refuse("E_SCHEMA", "A18", field="allegation_ids", unknown=unknown)
        if len(set(allegation_ids)) == len(known):
            refuse("E_SCHEMA", "A18", field="allegation_ids", reason="nothing would stay: transfer it")
        claims = tuple(known[id] for id in dict.fromkeys(allegation_ids))
        refs = {a.accused_ref for a in claims}
        people = tuple(p for p in self.accused if p.ref in refs)
        self._check_competent(ctx, to_organ, people)
        self._check_not_their_own(ctx, to_organ)
        if self.organ == to_organ:
            refuse("E_SCHEMA", "A18", field="to_organ")
        if ctx.law.organs.is_ancestor_or_self(to_organ, self.organ):
            refuse("E_SEALED_UPWARD", "A14", field="to_organ")
        rest = tuple(a for a in self.allegations if a not in claims)
        left = {a.accused_ref for a in rest}
        self.record(
            ctx,
            ComplaintSplit(
                born=str(self.born_at(to_organ)),
                to_organ=to_organ,
                accused=tuple(p for p in self.accused if p.ref in left),
                allegations=rest,
                moved_accused=people,
                moved_allegations=claims,
            ),
        )
