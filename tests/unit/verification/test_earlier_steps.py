"""Earlier steps of people excluded since (B3), and steps taken after an exclusion that was not known here
(B2)."""

from __future__ import annotations

from datetime import timedelta

from services.verification.commands import COMMANDS, ProposeDisposition, RejectDisposition
from shared.casework.command import Command
from shared.language.roles import HANDLER
from tests.unit.kit import Scene, named
from tests.unit.verification.examples import HEAD, LI, NOW, OPENED, PROPOSED, ZHAO, Given

PROPOSE = ProposeDisposition(
    way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE", collective_study_ref="JY-2022-3"
)


def review(event: int, decision: str = "CONFIRM") -> Command:
    told = {"event": event, "decision": decision, "opinion": "经复核。"}
    return named(COMMANDS, "ReviewEarlierStep").model_validate(told)


def without_their_author(given: Given) -> Scene:  # type: ignore[type-arg]
    """The handler proposes; then they are excluded."""
    scene = given(OPENED).when(PROPOSE, by=LI)
    return scene.given(scene.aggregate.own("PersonExcluded")(person=LI, role=HANDLER, ground="OTHER"))


def test_b3_it_is_in_question_until_somebody_confirms_it(given: Given) -> None:
    scene = without_their_author(given)
    assert [(a.event, a.step, a.person) for a in scene.aggregate.in_question] == [
        (2, "ProposeDisposition", LI)
    ]
    scene.when(review(1), by=ZHAO, role=HANDLER).refused("E_STATE", "B3")
    scene.when(review(2), by="clerk-9", role="petition_clerk").refused("E_FORBIDDEN_ROLE", "B3")
    scene.when(review(2), by=ZHAO, role=HANDLER).then("EarlierStepConfirmed")
    assert scene.aggregate.in_question == ()


def test_b3_what_is_sent_back_is_taken_anew_or_confirmed_after_all(given: Given) -> None:
    scene = without_their_author(given).when(review(2, "SEND_BACK"), by=HEAD, role="organ_head")
    assert [act.event for act in scene.aggregate.in_question] == [2]
    scene.when(RejectDisposition(reason="请另行提出"), by=HEAD, role="organ_head")
    assert scene.aggregate.in_question == (), "a return leaves nothing to confirm"
    scene.when(PROPOSE, by=ZHAO).then(PROPOSED)
    assert scene.aggregate.in_question == ()


def test_b3_who_is_let_in_again_leaves_nothing_in_question(given: Given) -> None:
    scene = without_their_author(given)
    scene.given(scene.aggregate.own("ExclusionLifted")(person=LI, role=HANDLER, reason="无关"))
    assert scene.aggregate.in_question == ()


def test_b2_what_was_decided_after_the_exclusion_is_noted_once(given: Given) -> None:
    scene = given(OPENED).when(PROPOSE, by=LI)
    case = scene.aggregate
    case.excluded.add(LI)  # as the register says
    ctx = scene.context(scene._actor(type(PROPOSE), LI, ""))
    assert not case.question_decisions(ctx, LI, NOW + timedelta(minutes=1)), "it lies before"
    assert case.question_decisions(ctx, LI, NOW - timedelta(minutes=1))
    assert [e.event.step for e in case.pending_events] == ["ProposeDisposition"]  # type: ignore[attr-defined]
    assert not case.question_decisions(ctx, LI, NOW - timedelta(minutes=1)), "told twice"
