"""Verification's reactions to other services' events; hearing twice changes nothing (P1, R17)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.verification.contract import LISTENS_TO
from services.verification.domain.case import VerificationCase
from services.verification.reactions import REACTIONS
from shared.casework.reaction import Desk
from shared.language.contracts.clarification import ClarificationAssessed
from shared.language.contracts.intake import ComplaintTransferredToHandler
from shared.language.event import Event, event_class
from tests.unit.kit import LAW, Scene
from tests.unit.verification.examples import (
    A1,
    A2,
    ALL_UNFOUNDED,
    CASE,
    CLERK,
    COMPLAINT,
    NOW,
    OPENED,
    TOWNSHIP,
    WU,
    fresh_case,
)

TRANSFERRED = ComplaintTransferredToHandler(
    number="XF-990102100-2022-000002",
    handling_dept="supervision-1",
    accused=(WU,),
    allegations=(A1, A2),
    registered_by=(CLERK,),
    real_name=False,
)
CLARIFICATION = UUID("00000000-0000-7000-8000-0000000000c1")
ASSESSED = ClarificationAssessed(
    subject_ref=WU.ref,
    round=1,
    case_ids=(str(CASE), str(UUID(int=9))),
    adverse_effect=("WORK",),
    recommendation="CLARIFY",
)


CAUSE = UUID(int=7)


@dataclass(frozen=True)
class Published:
    stream_id: UUID
    event_id: UUID = CAUSE
    organ: str = TOWNSHIP
    occurred_at: datetime = NOW
    correlation_id: UUID = COMPLAINT
    matters: tuple[UUID, ...] = (COMPLAINT,)
    trace_id: str = ""


@dataclass
class Shelf:
    """A store of one case."""

    case: VerificationCase | None = None
    asked: list[UUID] = field(default_factory=list)

    async def get(self, cls: type[Any], id: UUID) -> Any:
        self.asked.append(id)
        return self.case if self.case is not None and self.case.id == id else None


def case_of(*events: Event) -> VerificationCase:
    return Scene(fresh_case).at(NOW).given(*events).aggregate


async def react(topic: str, event: Event, stream: UUID, shelf: Shelf) -> list[Event]:
    desk = Desk(Published(stream), shelf, LAW, NOW, topic)
    await REACTIONS[topic](event, desk)
    for aggregate in desk.touched.values():
        assert isinstance(aggregate, VerificationCase)
        shelf.case = aggregate
        return [r.event for r in aggregate.collect_events()]
    return []


async def test_p1_a_transferred_complaint_opens_one_case() -> None:
    shelf = Shelf()
    topic = "intake.ComplaintTransferredToHandler"
    assert await react(topic, TRANSFERRED, COMPLAINT, shelf) == [OPENED.model_copy(update={"number": ""})]
    assert shelf.case is not None
    assert (shelf.case.id, shelf.case.state, shelf.case.organ) == (CASE, "OPENED", TOWNSHIP)
    assert await react(topic, TRANSFERRED, COMPLAINT, shelf) == []


async def test_p1_the_opening_is_linked_dated_and_correlated() -> None:
    case = fresh_case()
    desk = Desk(Published(COMPLAINT), Shelf(case), LAW, NOW, "P1")
    await REACTIONS["intake.ComplaintTransferredToHandler"](TRANSFERRED, desk)
    [recorded] = case.collect_events()
    assert recorded.meta.links == (str(COMPLAINT),)
    assert recorded.meta.correlation_id == COMPLAINT
    assert recorded.meta.causation_id == CAUSE
    due = {d.id: date.fromisoformat(d.due) for d in recorded.meta.deadlines}
    assert due["DL-08"] == date(2022, 3, 31)


async def test_sd3_whoever_registered_is_known_from_the_opening() -> None:
    assert case_of(OPENED).duties["registrar"] == {CLERK}


async def test_r17_an_assessed_clarification_is_noted_once() -> None:
    shelf = Shelf(case_of(*ALL_UNFOUNDED))
    topic = "clarification.ClarificationAssessed"
    [noted] = await react(topic, ASSESSED, CLARIFICATION, shelf)
    assert noted.model_dump() == {
        "subject_ref": WU.ref,
        "clarification_id": str(CLARIFICATION),
        "round": 1,
        "conclusion": 1,
    }
    assert await react(topic, ASSESSED, CLARIFICATION, shelf) == []


async def test_r17_unknown_cases_and_subjects_are_passed_over() -> None:
    topic = "clarification.ClarificationAssessed"
    assert await react(topic, ASSESSED, CLARIFICATION, Shelf()) == []
    stranger = ASSESSED.model_copy(update={"subject_ref": "acc-other"})
    shelf = Shelf(case_of(*ALL_UNFOUNDED))
    assert await react(topic, stranger, CLARIFICATION, shelf) == []


def test_reactions_name_known_events_of_the_services_listened_to() -> None:
    for topic in REACTIONS:
        assert event_class(topic) is not None
        assert topic.split(".")[0] in LISTENS_TO
