"""From the finding to the proposal (P3, R9, R10, R25, A51, A66-A68, A72)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.clarification import commands as c
from services.clarification.reactions import REACTIONS
from shared.casework.aggregate import Actor
from shared.casework.reaction import Desk
from shared.language.contracts.common import Finding
from shared.language.ids import derived_id
from tests.unit.clarification.examples import (
    DEPUTY,
    HANDLER,
    HEAD,
    OTHER_COUNTY,
    TOWN,
    VERIFIER,
    Clarifying,
    meeting,
    unfounded,
    written,
)
from tests.unit.kit import LAW

NOT_NEEDED = {"reason": "NO_ADVERSE_EFFECT", "opinion": "未造成不良影响。"}


def harmless(scene: Clarifying) -> Clarifying:
    scene.find()
    scene.assess(adverse_effect=[], recommendation="NOT")
    return scene


class Published:
    """A published event's envelope, as far as a reaction reads it."""

    event_id = derived_id("event", 1)
    stream_id = derived_id("case", 1)
    organ = TOWN
    correlation_id = derived_id("complaint", 1)
    matters = (correlation_id,)
    trace_id = ""

    def __init__(self, scene: Clarifying) -> None:
        self.occurred_at = scene.now


class NoStreams:
    async def get(self, cls: type, id: object) -> None:
        return None


async def test_p3_the_reaction_opens_one_stream_per_subject_and_organ(scene: Clarifying) -> None:
    """The id follows from subject and handling organ; the correlation is the complaint's."""
    published = Published(scene)
    desk = Desk(published, NoStreams(), LAW, published.occurred_at, "clarification")
    for _ in range(2):
        await REACTIONS["verification.AllegationsVerifiedUnfounded"](unfounded(), desk)
    ((id, opened),) = desk.touched.items()
    assert id == derived_id("clarification", "AC-4", TOWN)
    (event,) = opened.pending_events
    assert event.type == "ClarificationOpened"
    assert event.meta.correlation_id == published.correlation_id
    assert event.meta.causation_id == published.event_id
    assert event.meta.links == ("case-1", "complaint-of-case-1")


def test_p3_a_finding_opens_the_assessment_with_its_clock(scene: Clarifying) -> None:
    """Scenario 2, step 2: DL-14 is due 2022-03-22."""
    scene.find().then("ClarificationOpened")
    assert scene.aggregate.state == "ASSESSING"
    assert scene.due("ClarificationOpened", "DL-14") == "2022-03-22"
    assert scene.aggregate.complaint_ids == ["complaint-of-case-1"]
    assert scene.aggregate.duties["verification_handler"] == {VERIFIER.person}
    assert scene.aggregate.duties["concluder"] == {HEAD.person}
    opened = scene.last("ClarificationOpened")
    assert opened.unfounded_ids == ("case-1/1", "case-1/2")
    assert opened.organ == TOWN


def test_p3_the_same_case_again_changes_nothing(scene: Clarifying) -> None:
    scene.find()
    scene.find().then()


def test_r25_a_finding_during_the_assessment_joins_it(scene: Clarifying) -> None:
    scene.find()
    scene.find(unfounded("case-2")).then("UnfoundedFindingsJoined")
    scene.assess()
    assert scene.last("ClarificationAssessed").case_ids == ("case-1", "case-2")
    assert scene.aggregate.complaint_ids == ["complaint-of-case-1", "complaint-of-case-2"]


def test_r53_a_later_finding_waits_and_opens_the_next_round(scene: Clarifying) -> None:
    """Nothing under decision changes; when the round ends the next one opens by itself."""
    scene.proposed()
    scene.find(unfounded("case-2")).then("UnfoundedFindingsJoined")
    scene.find(unfounded("case-3")).then("UnfoundedFindingsJoined")
    assert (scene.aggregate.state, scene.aggregate.round, scene.aggregate.case_ids) == (
        "PROPOSED",
        1,
        ["case-1"],
    )
    assert "complaint-of-case-2" in scene.aggregate.complaint_ids
    scene.plan()
    scene.invite()
    scene.render()
    scene.ask()
    scene.answer()
    scene.hear()
    scene.submit()
    scene.review()
    scene.approve()
    scene.implement(meeting("2022-03-01"))
    scene.implement(written("2022-03-01"))
    scene.enter_in_platform()
    scene.enter_in_file().then(
        "IntegrityFileEntryRecorded", "ClarificationCompleted", "ClarificationReopened"
    )
    assert scene.last("ClarificationCompleted").case_ids == ("case-1",)
    assert scene.last("ClarificationCompleted").complaint_ids == ("complaint-of-case-1",)
    assert (scene.aggregate.state, scene.aggregate.round, scene.aggregate.case_ids) == (
        "ASSESSING",
        2,
        ["case-2", "case-3"],
    )
    assert [i.allegation_id for i in scene.aggregate.history] == ["case-1/1", "case-1/2"]


def test_dl14_runs_for_findings_that_wait(scene: Clarifying) -> None:
    """The clock counts from their conclusion and not from the end of the round that they wait for; the first
    one counts for all, and the next assessment ends it."""

    def clocks(event: str) -> list[tuple[str, str]]:
        recorded = [r for r in scene.history if r.type == event][-1]
        return [(d.id, d.due) for d in recorded.meta.deadlines]

    harmless(scene)
    scene.at("2022-03-02").find(unfounded("case-2"))
    assert clocks("UnfoundedFindingsJoined") == [("DL-14", "2022-03-23")]
    scene.at("2022-03-04").find(unfounded("case-3"))
    assert clocks("UnfoundedFindingsJoined") == []
    scene.at("2022-03-10").when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY)
    assert clocks("ClarificationReopened") == []
    scene.assess()
    assert scene.history[-1].meta.deadlines_met == ("DL-14",)


def test_dl14_what_joins_an_assessment_does_not_prolong_it(scene: Clarifying) -> None:
    scene.find()
    scene.at("2022-03-04").find(unfounded("case-2"))
    assert scene.history[-1].meta.deadlines == ()


def test_r53_a_finding_after_not_required_reopens(scene: Clarifying) -> None:
    """Repeated accusations may do the harm that the first one did not."""
    harmless(scene).when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY)
    scene.find(unfounded("case-2")).then("ClarificationReopened")
    assert (scene.aggregate.state, scene.aggregate.round) == ("ASSESSING", 2)
    scene.assess()
    assert scene.last("ClarificationAssessed").case_ids == ("case-2",)
    scene.propose(items=["case-1/1", "case-2/1", "case-2/2"])
    assert [i.allegation_id for i in scene.aggregate.proposed_items] == ["case-1/1", "case-2/1", "case-2/2"]


def test_r53_not_required_opens_what_waited(scene: Clarifying) -> None:
    harmless(scene).find(unfounded("case-2"))
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY)
    scene.then("ClarificationNotRequired", "ClarificationReopened")
    assert scene.aggregate.items[0].case_id == "case-2"


def test_a51_assess(scene: Clarifying) -> None:
    scene.find()
    scene.assess().then("ClarificationAssessed")
    assert scene.aggregate.state == "ASSESSED"
    assert scene.last("ClarificationAssessed").trigger == "REPEATED_AFTER_CONCLUSION"


def test_a68_harm_makes_clarification_due(scene: Clarifying) -> None:
    scene.find()
    scene.assess(recommendation="NOT").refused("E_CLARIFICATION_DUE")


def test_a68_harm_forbids_not_required(scene: Clarifying) -> None:
    scene.find()
    scene.assess()
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY).refused("E_CLARIFICATION_DUE")


def test_a68_harm_forbids_leaving_one_out(scene: Clarifying) -> None:
    scene.find()
    scene.assess()
    scene.when(c.ProposeClarification(items=["case-1/1"]), by=HANDLER).refused("E_CLARIFICATION_DUE")


def test_a68_without_harm_one_may_be_left_out_visibly(scene: Clarifying) -> None:
    harmless(scene).propose(items=["case-1/1"])
    assert scene.last("ClarificationProposed").left_out == ("case-1/2",)


def test_a72_not_required_is_the_deputy_leaders_decision(scene: Clarifying) -> None:
    harmless(scene)
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=HANDLER).refused("E_FORBIDDEN_ROLE")
    same_person = Actor(HANDLER.person, DEPUTY.role, TOWN)
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=same_person).refused("E_SOD_CONFLICT")
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY).then("ClarificationNotRequired")
    assert scene.aggregate.state == "NOT_REQUIRED"


def test_a66_inconclusive_is_never_cleared(scene: Clarifying) -> None:
    scene.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="INCONCLUSIVE")]))
    scene.assess()
    asked = {"items": ["case-1/1", "case-1/2", "case-1/9"]}
    scene.when(c.ProposeClarification(**asked), by=HANDLER).refused("E_ALLEGATION_INCONCLUSIVE")


def test_r10_only_unfounded_allegations(scene: Clarifying) -> None:
    proved = Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED", disposition_ref="D-1")
    scene.find(unfounded(others=[proved]))
    scene.assess()
    for id in ("case-1/9", "case-7/1"):
        scene.when(c.ProposeClarification(items=[id]), by=HANDLER).refused("E_ALLEGATION_NOT_UNFOUNDED")


def test_r9_a_substantiated_allegation_needs_its_disposition(scene: Clarifying) -> None:
    scene.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED")]))
    scene.assess()
    items = ["case-1/1", "case-1/2"]
    scene.when(c.ProposeClarification(items=items), by=HANDLER).refused("E_DISCIPLINE_LOOSENING")
    claim = {"items": items, "dispositions": [{"allegation_id": "case-1/9", "disposition_ref": "D-1"}]}
    with pytest.raises(ValidationError):
        c.ProposeClarification.model_validate(claim)
    scene.dispose("case-1", "case-1/9").then("SubstantiatedDispositionNoted")
    scene.dispose("case-1", "case-1/9").then()
    scene.propose()
    (told,) = scene.last("ClarificationProposed").dispositions
    assert (told.case_id, told.allegation_id, told.disposition_ref) == ("case-1", "case-1/9", "D-1")


def test_r9_a_disposition_of_another_case_does_not_count(scene: Clarifying) -> None:
    scene.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED")]))
    scene.assess()
    scene.dispose("case-2", "case-1/9")
    scene.propose().refused("E_DISCIPLINE_LOOSENING")


def test_r9_a_disposition_made_before_the_conclusion_comes_with_it(scene: Clarifying) -> None:
    proved = Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED", disposition_ref="D-1")
    scene.find(unfounded(others=[proved]))
    scene.assess()
    scene.propose()
    assert [d.disposition_ref for d in scene.last("ClarificationProposed").dispositions] == ["D-1"]


def test_r9_the_other_findings_of_an_earlier_round_are_not_forgotten(scene: Clarifying) -> None:
    """An item of case 1 may be cleared in round 2, but never without what was found true beside it."""
    others = [
        Finding(allegation_id="case-1/8", outcome="INCONCLUSIVE"),
        Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED"),
    ]
    scene.find(unfounded(others=others))
    scene.assess(adverse_effect=[], recommendation="NOT")
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY)
    scene.find(unfounded("case-2"))
    scene.assess()
    items = ["case-2/1", "case-2/2"]
    earlier = ["case-1/1", *items]
    scene.when(c.ProposeClarification(items=earlier), by=HANDLER).refused("E_DISCIPLINE_LOOSENING")
    scene.when(c.ProposeClarification(items=["case-1/8", *items]), by=HANDLER).refused(
        "E_ALLEGATION_INCONCLUSIVE"
    )
    scene.when(c.ProposeClarification(items=["case-1/9", *items]), by=HANDLER).refused(
        "E_ALLEGATION_NOT_UNFOUNDED"
    )
    scene.dispose("case-1", "case-1/9")
    scene.propose(items=earlier)
    assert [d.case_id for d in scene.last("ClarificationProposed").dispositions] == ["case-1"]


def test_r9_what_an_earlier_round_left_open_holds_up_nothing_else(scene: Clarifying) -> None:
    """Only the cases of the round and of the items are asked about."""
    scene.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED")]))
    scene.assess(adverse_effect=[], recommendation="NOT")
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY)
    scene.find(unfounded("case-2"))
    scene.assess()
    scene.propose()
    assert scene.aggregate.state == "PROPOSED"


def test_r9_findings_that_waited_keep_their_cases(scene: Clarifying) -> None:
    """Case 2 comes in during round 1 and is disposed of before round 2 opens."""
    harmless(scene).find(
        unfounded("case-2", others=[Finding(allegation_id="case-2/9", outcome="SUBSTANTIATED")])
    )
    scene.dispose("case-2", "case-2/9")
    scene.when(c.DecideNotRequired(**NOT_NEEDED), by=DEPUTY)
    scene.assess()
    scene.propose()
    assert [d.case_id for d in scene.last("ClarificationProposed").dispositions] == ["case-2"]
    assert scene.replayed().other_findings == scene.aggregate.other_findings


def test_a67_who_verified_clears(scene: Clarifying) -> None:
    scene.find()
    scene.assess()
    elsewhere = Actor("p-elsewhere", HANDLER.role, OTHER_COUNTY)
    items = ["case-1/1", "case-1/2"]
    scene.when(c.ProposeClarification(items=items), by=elsewhere).refused("E_HANDLER_MISMATCH")


def test_assessment_needs_its_reasons() -> None:
    """E_SCHEMA: the judgement of A51 cannot be left out."""
    with pytest.raises(ValidationError):
        c.AssessClarification.model_validate({"adverse_effect": [], "recommendation": "NOT"})


@pytest.mark.parametrize("command", ["AssessClarification", "ProposeClarification"])
def test_state_comes_last(scene: Clarifying, command: str) -> None:
    scene.proposed()
    play = scene.assess if command == "AssessClarification" else scene.propose
    play().refused("E_STATE")
