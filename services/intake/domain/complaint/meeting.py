"""The reporter's name is verified, and they are met three times (A27, A28, R46)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from services.intake.domain.complaint.phase import HERE, STAGES, ComplaintPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.intake import (
    ContactAttempted,
    Errand,
    Means,
    MeetingMode,
    ReporterIdentityConfirmed,
    ReporterTreatedAsAnonymous,
    ReporterWaivedMeeting,
    Stage,
    StageFeedbackGiven,
    StageMeetingHeld,
    StageWaived,
    VerifiedBy,
    WaiverGround,
)
from shared.language.law.working_days import is_working_day
from shared.language.refusal import refuse
from shared.language.roles import PETITION

ATTEMPTS = 3
"""Number of attempts, on as many working days, after which a reporter counts as unreachable (R46)."""


class Meeting(ComplaintPhase):
    """The meetings that are still owed to a reporter who is known by their real name."""

    @allowed_in("RECEIVED", *HERE)
    def verify_reporter_identity(
        self,
        ctx: Context,
        verified_by: VerifiedBy,
        result: Literal["CONFIRMED", "NOT_CONFIRMED", "UNREACHABLE"],
        through_accused_unit: bool,
    ) -> None:
        """A27, A28: a name and a contact that answers make it a real-name complaint; else it is handled
        like an anonymous one, until it is verified again (B19). Never through the unit of the accused."""
        if through_accused_unit:
            refuse("E_SCHEMA", "A27", field="through_accused_unit")
        if self.identity_status == "UNCLAIMED":
            refuse("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A28")
        if self.identity_status == "CONFIRMED":
            refuse("E_STATE", "A27", identity_status=self.identity_status)
        tried = self._working_days_tried("VERIFICATION")
        if result == "UNREACHABLE" and tried < ATTEMPTS:
            refuse("E_RECORD_INCOMPLETE", "B19", attempts=tried, needed=ATTEMPTS)
        if result != "CONFIRMED" and self.identity_status == "NOT_CONFIRMED":
            refuse("E_STATE", "A27", identity_status=self.identity_status)
        if result == "CONFIRMED":
            confirmed = ReporterIdentityConfirmed(
                reporter_ref=self.reporter_ref,
                method=verified_by,
                priority="URGENT" if self.urgent else "REAL_NAME",
            )
            self.record(ctx, confirmed)
        else:
            self.record(ctx, ReporterTreatedAsAnonymous(reporter_ref=self.reporter_ref, reason=result))

    # --- three meetings, three feedbacks

    @allowed_in(*HERE)
    def record_stage_meeting(
        self,
        ctx: Context,
        stage: Stage,
        mode: MeetingMode,
        staff: Sequence[str],
        place_type: Literal["DISCREET"],
        heard: str,
        demands: str,
    ) -> None:
        """R46: face to face, at a place where nobody notices; in the order of the three stages."""
        self._check_stage(ctx, stage)
        if stage in self.met:
            refuse("E_STATE", "R46", done=stage)
        self.check_not_excluded(staff)
        self.record(
            ctx, StageMeetingHeld(stage=stage, mode=mode, staff=tuple(staff), heard=heard, demands=demands)
        )

    @allowed_in(*HERE)
    def record_stage_feedback(self, ctx: Context, stage: Stage, content_code: str, means: Means) -> None:
        self._check_stage(ctx, stage)
        if stage not in self.met:
            refuse("E_MEETING_SKIPPED", "R46", missing=stage)
        self.record(ctx, StageFeedbackGiven(stage=stage, content_code=content_code, means=means))

    @allowed_in("RECEIVED", *HERE)
    def record_contact_attempt(self, ctx: Context, stage: Errand, means: Means, attempted_on: date) -> None:
        if stage == "VERIFICATION":
            self._check_verifying(ctx)
        elif self.state == "RECEIVED":
            refuse("E_STATE", "R46", state=self.state)
        else:
            self._check_stage(ctx, stage)
        ctx.check_past(attempted_on, "attempted_on")
        if self.received_on is not None and attempted_on < self.received_on:
            refuse("E_SCHEMA", "R46", field="attempted_on", reason="before the complaint came")
        self.record(ctx, ContactAttempted(stage=stage, means=means, attempted_on=attempted_on))

    @allowed_in(*HERE)
    def waive_stage(self, ctx: Context, stage: Stage, ground: WaiverGround) -> None:
        """R46: the reporter waives it, or three attempts on three different working days were in vain."""
        self._check_stage(ctx, stage)
        tried = self._working_days_tried(stage)
        if ground == "UNREACHABLE" and tried < ATTEMPTS:
            refuse("E_MEETING_SKIPPED", "R46", attempts=tried, needed=ATTEMPTS)
        self.record(ctx, StageWaived(stage=stage, ground=ground))

    @allowed_in(*HERE)
    def waive_meeting(self, ctx: Context, stage: Stage) -> None:
        """R46: the reporter does without a meeting, behind their query code."""
        self.check_not_sealed()
        self._check_stage(ctx, stage, by_the_reporter=True)
        self.record(ctx, ReporterWaivedMeeting(stage=stage))
        self.record(ctx, StageWaived(stage=stage, ground="REPORTER_WAIVED"))

    def _working_days_tried(self, errand: Errand) -> int:
        """The number of working days on which the reporter was looked for in vain."""
        return len({day for day in self.attempts.get(errand, ()) if is_working_day(day)[0]})

    def _check_verifying(self, ctx: Context) -> None:
        """A name that was given and is not confirmed yet; the petition department verifies it."""
        if self.identity_status not in ("CLAIMED", "NOT_CONFIRMED"):
            refuse("E_STATE", "A27", identity_status=self.identity_status)
        if ctx.actor.role not in PETITION:
            refuse("E_FORBIDDEN_ROLE", "A27", allowed=list(PETITION))

    def _check_stage(self, ctx: Context, stage: Stage, *, by_the_reporter: bool = False) -> None:
        """Owed to a confirmed real name only; each stage after the one before, and by whom it concerns."""
        if self.identity_status != "CONFIRMED":
            refuse("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "R46", identity_status=self.identity_status)
        skipped = [s for s in STAGES[: STAGES.index(stage)] if s not in self.stages_done]
        if skipped:
            refuse("E_MEETING_SKIPPED", "R46", missing=skipped[0])
        if stage in self.stages_done:
            refuse("E_STATE", "R46", done=stage)
        if stage == "ACCEPTANCE" and not by_the_reporter and ctx.actor.role not in PETITION:
            refuse("E_FORBIDDEN_ROLE", "R46", allowed=list(PETITION))
        if stage == "INVESTIGATION" and self.state not in ("WITH_HANDLER", "RESULT_AVAILABLE"):
            refuse("E_STATE", "R46", state=self.state, stage=stage)
        if stage == "REPLY" and self.state != "RESULT_AVAILABLE":
            refuse("E_STATE", "R46", state=self.state, stage=stage)
        if stage == "REPLY" and not self.verdict:
            refuse("E_NOT_CONCLUDED", "R46")
