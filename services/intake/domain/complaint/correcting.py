"""Puts right what was put down wrongly, with old value, new value and reason, until the conclusion (B12)."""

from __future__ import annotations

from services.intake.domain.complaint.phase import TODAY, ComplaintPhase
from services.intake.domain.values import Details, missing_of
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.common import AllegationKind, LevelName
from shared.language.contracts.intake import (
    AccusedCorrected,
    AllegationCorrected,
    Category,
    CategoryCorrected,
    TriageCorrected,
)
from shared.language.organs.tree import Level
from shared.language.refusal import refuse
from shared.language.wording import tells_channel


class Correcting(ComplaintPhase):
    """A slip is corrected by an event of its own; after the conclusion only what was reopened is."""

    @allowed_in("RECEIVED")
    def correct_triage(
        self, ctx: Context, competent_level: LevelName, competent_organ: str, reason: str
    ) -> None:
        """A14, A17: an envelope that was read wrongly is put right without showing it to the organ above."""
        self.check_not_sealed()
        self.check_taken_in()
        if competent_organ and competent_organ not in ctx.law.organs:
            refuse("E_SCHEMA", "§5.4", field="competent_organ")
        assert self.received_on is not None
        self.record(
            ctx,
            TriageCorrected(
                competent_level=competent_level,
                competent_organ=competent_organ,
                was_level=self.competent_level,
                was_organ=self.other_competent,
                correction=reason,
                received_on=self.received_on,
            ),
        )

    @allowed_in("REGISTERED", "NOT_ACCEPTED", "ACCEPTED")
    def correct_category(self, ctx: Context, category: Category, reason: str) -> None:
        """C6: takes it for another kind of submission than it was registered as, to be decided on anew. The
        handling department returns first what it has (A19)."""
        self.check_undisputed()
        if not self.category:
            refuse("E_STATE", "B12", missing="ComplaintRegistered")
        if category == self.category:
            refuse("E_SCHEMA", "B12", field="category", reason="it is that already")
        self.record(ctx, CategoryCorrected(category=category, was=self.category, correction=reason))

    @allowed_in("RECEIVED", "REGISTERED", "ACCEPTED", "WITH_HANDLER", "RESULT_AVAILABLE")
    def correct_allegation(
        self,
        ctx: Context,
        allegation_id: str,
        kind: AllegationKind | None,
        text: str | None,
        reason: str,
        approved_by: str | None,
    ) -> None:
        """SEC-2: other words need the approval of another person than who corrects them."""
        self.check_undisputed()
        if self.verdict:
            refuse("E_STATE", "B12", reason="concluded: it is reopened first", verdict=self.verdict)
        was = next((a for a in self.allegations if a.id == allegation_id), None)
        if was is None:
            refuse("E_SCHEMA", "B12", field="allegation_id", unknown=allegation_id)
        now = was.model_copy(update={"kind": kind or was.kind, "text": text or was.text})
        if now == was:
            refuse("E_SCHEMA", "B12", field="text", reason="nothing is corrected")
        if now.text != was.text:
            self._check_wording(ctx, now.text, approved_by)
        self.record(
            ctx,
            AllegationCorrected(
                was=was,
                now=now,
                allegations=tuple(now if a is was else a for a in self.allegations),
                correction=reason,
                wording_approved_by=approved_by or "",
            ),
        )

    @allowed_in("RECEIVED", "REGISTERED", "ACCEPTED", "WITH_HANDLER", "RESULT_AVAILABLE")
    def correct_accused(self, ctx: Context, accused_ref: str, details: Details, reason: str) -> None:
        """B12: details of an accused that were put down wrongly, here and in the register. A new post is no
        slip: it is told with the next complaint (`ListAllegations`)."""
        self.check_undisputed()
        if self.verdict:
            refuse("E_STATE", "B12", reason="concluded: it is reopened first", verdict=self.verdict)
        known = next((p for p in self.accused if p.ref == accused_ref), None)
        if known is None:
            refuse("E_SCHEMA", "B12", field="accused_ref", unknown=accused_ref)
        was = ctx.found(TODAY).get(accused_ref, known)
        now = was.model_copy(update=details.told())
        if now == was:
            refuse("E_SCHEMA", "B12", field="details", reason="nothing is corrected")
        if missing := missing_of(now.model_dump(), now.subject_type):
            refuse("E_SCHEMA", "R11", field=f"details.{missing}")
        if Level[was.managed_by_level] > Level[known.managed_by_level]:
            refuse("E_STATE", "B12", reason="they have risen since: no slip of this complaint")
        self._competence(ctx, now)
        # The complaint keeps the reference by which its allegations name them.
        here = {"ref": known.ref}
        self.record(
            ctx,
            AccusedCorrected(
                was=was.model_copy(update=here), now=now.model_copy(update=here), correction=reason
            ),
        )
        self.exclude_colleagues(ctx, [now])

    def _check_wording(self, ctx: Context, text: str, approved_by: str | None) -> None:
        if approved_by is None:
            refuse("E_APPROVAL_REQUIRED", "SEC-2", missing="approved_by")
        if approved_by == ctx.actor.person:
            refuse("E_SOD_CONFLICT", "SEC-2", field="approved_by")
        self.check_not_excluded([approved_by])
        if tells_channel(text):
            refuse("E_TEXT_IDENTITY_LEAK", "SEC-2", field="text")
