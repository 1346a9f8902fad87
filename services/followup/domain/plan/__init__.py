"""RevisitPlan (回访方案): one person, one plan, one ledger after a completed clarification (§4.5).

`state` holds what it remembers and how events change it, `phase` what several phases share; each phase
stands in a module of its own.
"""

from __future__ import annotations

from services.followup.domain.plan.closing import Closing
from services.followup.domain.plan.drafting import Drafting
from services.followup.domain.plan.visiting import Visiting


class RevisitPlan(Drafting, Visiting, Closing):
    """The visits owed to one cleared person and the unit, from the wish to the closed ledger."""
