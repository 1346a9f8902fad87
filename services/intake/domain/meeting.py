"""The fourth phase: the reporter's name is verified, and he is met three times (A27, A28, R46)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, get_args
from uuid import UUID

from services.intake.domain.passing_on import PassingOn
from shared.aggregate import Context, allowed_in
from shared.contracts.intake import (
    ContactAttempted,
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
from shared.event import Meta
from shared.law.working_days import is_working_day
from shared.refusal import refuse
from shared.security.roles import PETITION

STAGES: tuple[Stage, ...] = get_args(Stage)
ATTEMPTS = 3
"""So many times, on as many working days, is a reporter tried before he counts as unreachable (R46)."""
HERE = ("REGISTERED", "ACCEPTED", "WITH_HANDLER", "RESULT_AVAILABLE")


class Meeting(PassingOn):
    """Whether the reporter is known by his real name, and which meetings he is still owed."""

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.met: set[Stage] = set()
        self.stages_done: set[Stage] = set()
        self.waived: set[Stage] = set()
        self.attempts: dict[Stage, set[date]] = {}

    # --- who reports -------------------------------------------------------------------------------

    @allowed_in("RECEIVED", *HERE)
    def verify_reporter_identity(
        self,
        ctx: Context,
        verified_by: VerifiedBy,
        result: Literal["CONFIRMED", "NOT_CONFIRMED", "UNREACHABLE"],
        through_accused_unit: bool,
    ) -> None:
        """A27, A28: a name and a contact that answers make it a real-name complaint; else it is handled
        like an anonymous one. Never through the unit of the accused."""
        if through_accused_unit:
            refuse("E_SCHEMA", "A27", field="through_accused_unit")
        if self.identity_status == "UNCLAIMED":
            refuse("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "A28")
        if self.identity_status != "CLAIMED":
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

    def on_reporter_identity_confirmed(self, event: ReporterIdentityConfirmed, meta: Meta) -> None:
        self.identity_status = "CONFIRMED"

    def on_reporter_treated_as_anonymous(self, event: ReporterTreatedAsAnonymous, meta: Meta) -> None:
        self.identity_status = "NOT_CONFIRMED"

    # --- three meetings, three feedbacks -----------------------------------------------------------

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
        self.record(
            ctx, StageMeetingHeld(stage=stage, mode=mode, staff=tuple(staff), heard=heard, demands=demands)
        )

    def on_stage_meeting_held(self, event: StageMeetingHeld, meta: Meta) -> None:
        self.met.add(event.stage)

    @allowed_in(*HERE)
    def record_stage_feedback(self, ctx: Context, stage: Stage, content_code: str, means: Means) -> None:
        self._check_stage(ctx, stage)
        if stage not in self.met:
            refuse("E_MEETING_SKIPPED", "R46", missing=stage)
        self.record(ctx, StageFeedbackGiven(stage=stage, content_code=content_code, means=means))

    def on_stage_feedback_given(self, event: StageFeedbackGiven, meta: Meta) -> None:
        self.stages_done.add(event.stage)

    @allowed_in(*HERE)
    def record_contact_attempt(self, ctx: Context, stage: Stage, means: Means, attempted_on: date) -> None:
        self._check_stage(ctx, stage)
        ctx.check_past(attempted_on, "attempted_on")
        if self.received_on is not None and attempted_on < self.received_on:
            refuse("E_SCHEMA", "R46", field="attempted_on", reason="before the complaint came")
        self.record(ctx, ContactAttempted(stage=stage, means=means, attempted_on=attempted_on))

    def on_contact_attempted(self, event: ContactAttempted, meta: Meta) -> None:
        self.attempts.setdefault(event.stage, set()).add(event.attempted_on)

    @allowed_in(*HERE)
    def waive_stage(self, ctx: Context, stage: Stage, ground: WaiverGround) -> None:
        """R46: the reporter waives it, or three attempts on three different working days were in vain."""
        self._check_stage(ctx, stage)
        tried = {day for day in self.attempts.get(stage, ()) if is_working_day(day)[0]}
        if ground == "UNREACHABLE" and len(tried) < ATTEMPTS:
            refuse("E_MEETING_SKIPPED", "R46", attempts=len(tried), needed=ATTEMPTS)
        self.record(ctx, StageWaived(stage=stage, ground=ground))

    def waive_meeting(self, ctx: Context, stage: Stage) -> None:
        """R46: by the reporter himself, behind his code."""
        self.check_not_sealed()
        self._check_stage(ctx, stage, himself=True)
        self.record(ctx, ReporterWaivedMeeting(stage=stage))
        self.record(ctx, StageWaived(stage=stage, ground="REPORTER_WAIVED"))

    def on_stage_waived(self, event: StageWaived, meta: Meta) -> None:
        self.stages_done.add(event.stage)
        self.waived.add(event.stage)

    def _check_stage(self, ctx: Context, stage: Stage, *, himself: bool = False) -> None:
        """Owed to a confirmed real name only; each stage after the one before, and by whom it concerns."""
        if self.identity_status != "CONFIRMED":
            refuse("E_FEEDBACK_NOT_DUE_FOR_ANONYMOUS", "R46", identity_status=self.identity_status)
        skipped = [s for s in STAGES[: STAGES.index(stage)] if s not in self.stages_done]
        if skipped:
            refuse("E_MEETING_SKIPPED", "R46", missing=skipped[0])
        if stage in self.stages_done:
            refuse("E_STATE", "R46", done=stage)
        if self.state not in HERE:
            refuse("E_STATE", "R46", state=self.state, stage=stage)
        if stage == "ACCEPTANCE" and not himself and ctx.actor.role not in PETITION:
            refuse("E_FORBIDDEN_ROLE", "R46", allowed=list(PETITION))
        if stage == "INVESTIGATION" and self.state not in ("WITH_HANDLER", "RESULT_AVAILABLE"):
            refuse("E_STATE", "R46", state=self.state, stage=stage)
        if stage == "REPLY" and self.state != "RESULT_AVAILABLE":
            refuse("E_STATE", "R46", state=self.state, stage=stage)
        if stage == "REPLY" and not self.verdict:
            refuse("E_NOT_CONCLUDED", "R46")
