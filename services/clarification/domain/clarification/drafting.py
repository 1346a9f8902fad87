"""The plan and the text (R4, R5, R10, R47, A69)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.clarification.domain import plan as plans
from services.clarification.domain import text as texts
from services.clarification.domain.clarification.phase import ClarificationPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.clarification import (
    ClarificationPlanned,
    ClarificationTextRendered,
    Venue,
)
from shared.language.contracts.common import Form, Scope


class Drafting(ClarificationPhase):
    """Drafts the clarification. A change after the approval ends the approval."""

    @allowed_in("PROPOSED", "PLANNED", "APPROVED")
    def plan_clarification(
        self,
        ctx: Context,
        forms: Sequence[Form],
        scope: Scope,
        venue: Venue,
        recipients: Sequence[str],
        rationale: str,
        public_attendance: bool,
        invited_groups: Sequence[str],
    ) -> None:
        plans.check(forms, scope, venue, public_attendance, invited_groups)
        plan: dict[str, Any] = {
            "forms": plans.ordered(forms),
            "scope": scope,
            "venue": venue,
            "recipients": tuple(recipients),
            "scope_rationale": rationale,
            "public_attendance": public_attendance,
            "invited_groups": tuple(invited_groups),
        }
        self._void_approval(ctx, "PLAN_CHANGED")
        self.record(ctx, ClarificationPlanned(round=self.round, plan_hash=plans.plan_hash(plan), **plan))

    @allowed_in("PLANNED", "APPROVED")
    def render_text(self, ctx: Context, procedural_note: str) -> None:
        texts.screen(procedural_note)
        plan = self._plan(ctx)
        rendered = texts.render(
            self.subject,
            ctx.law.organs.get(self.organ).name_zh,
            self.proposed_items,
            plan.scope,
            procedural_note,
            meeting="MEETING" in plan.forms,
        )
        self._void_approval(ctx, "TEXT_CHANGED")
        self._composed_texts = tuple(t for t in (rendered.text, rendered.script) if t)
        self.record(
            ctx,
            ClarificationTextRendered(
                round=self.round,
                template_version=texts.TEMPLATE_VERSION,
                text=rendered.text,
                script=rendered.script,
                text_hash=rendered.text_hash,
            ),
        )
