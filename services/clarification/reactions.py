"""What clarification does when verification concludes (domain.md §8.3, P3)."""

from __future__ import annotations

from services.clarification.domain.clarification import Clarification
from shared.contracts.verification import AllegationsVerifiedUnfounded
from shared.reaction import Desk, Reactions


async def take_up_unfounded(event: AllegationsVerifiedUnfounded, desk: Desk) -> None:
    """One stream per subject and handling organ: whoever verified also clears (R25, A67)."""
    id = desk.derived_id("clarification", event.subject.ref, event.handling_organ)
    clarification = await desk.get_or_new(Clarification, id)
    clarification.take_up(desk.context(event.handling_organ, rule="R25"), event)


REACTIONS: Reactions = {"verification.AllegationsVerifiedUnfounded": take_up_unfounded}
