"""Clarification (澄清): one subject is cleared of specific unfounded allegations, round by round (§4.4).

`state` holds what it remembers and how events change it, `phase` what several phases share; each phase
stands in a module of its own.
"""

from __future__ import annotations

from typing import Any

from services.clarification.domain import draft_view
from services.clarification.domain.clarification.assessing import Assessing
from services.clarification.domain.clarification.carrying_out import CarryingOut
from services.clarification.domain.clarification.changing import Changing
from services.clarification.domain.clarification.clocks import Clocks
from services.clarification.domain.clarification.consenting import Consenting
from services.clarification.domain.clarification.deciding import Deciding
from services.clarification.domain.clarification.drafting import Drafting
from services.clarification.domain.clarification.revoking import Revoking
from services.clarification.domain.clarification.standing_still import StandingStill


class Clarification(
    Changing, Assessing, Drafting, Consenting, Deciding, CarryingOut, Revoking, StandingStill, Clocks
):
    """Everything that may be decided about one subject's clearing."""

    def for_subject(self) -> dict[str, Any]:
        """The subject's view of the clarification, as JSON (R8)."""
        return draft_view.for_subject(self).model_dump(mode="json")
