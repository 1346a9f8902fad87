"""From the finding to the proposal (P3, R9, R10, R25, A51, A66-A68, A72)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.clarification import commands as c
from services.clarification.reactions import REACTIONS
from shared.aggregate import Actor
from shared.contracts.common import Finding
from shared.reaction import Desk, derived_id
from tests.unit.clarification.stage import (
    DEPUTY,
    HANDLER,
    HEAD,
    LAW,
    OTHER_COUNTY,
    SYSTEM,
    TOWN,
    VERIFIER,
    Stage,
    meeting,
    unfounded,
    written,
)

NOT_NEEDED = {"reason": "NO_ADVERSE_EFFECT", "opinion": "未造成不良影响。"}


def harmless(stage: Stage) -> Stage:
    stage.find()
    stage.assess(adverse_effect=[], recommendation="NOT")
    return stage


class Published:
    """A published event's envelope, as far as a reaction reads it."""

    event_id = derived_id("event", 1)
    stream_id = derived_id("case", 1)
    organ = TOWN
    correlation_id = derived_id("complaint", 1)

    def __init__(self, stage: Stage) -> None:
        self.occurred_at = stage._context(SYSTEM, "", "", "").occurred_at


class NoStreams:
    async def get(self, cls: type, id: object) -> None:
        return None


async def test_p3_the_reaction_opens_one_stream_per_subject_and_organ(stage: Stage) -> None:
    """The id follows from subject and handling organ; the correlation is the complaint's."""
    published = Published(stage)
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


def test_p3_a_finding_opens_the_assessment_with_its_clock(stage: Stage) -> None:
    """Scenario 2, step 2: DL-14 is due 2022-03-22."""
    assert stage.find() == ["ClarificationOpened"]
    assert stage.c.state == "ASSESSING"
    assert stage.due("ClarificationOpened", "DL-14") == "2022-03-22"
    assert stage.c.complaint_ids == ["complaint-of-case-1"]
    assert stage.c.duties["verification_handler"] == {VERIFIER.person}
    assert stage.c.duties["concluder"] == {HEAD.person}
    opened = stage.last("ClarificationOpened")
    assert opened.unfounded_ids == ("case-1/1", "case-1/2")
    assert opened.organ == TOWN


def test_p3_the_same_case_again_changes_nothing(stage: Stage) -> None:
    stage.find()
    assert stage.find() == []


def test_r25_a_finding_during_the_assessment_joins_it(stage: Stage) -> None:
    stage.find()
    assert stage.find(unfounded("case-2")) == ["UnfoundedFindingsJoined"]
    stage.assess()
    assert stage.last("ClarificationAssessed").case_ids == ("case-1", "case-2")
    assert stage.c.complaint_ids == ["complaint-of-case-1", "complaint-of-case-2"]


def test_r53_a_later_finding_waits_and_opens_the_next_round(stage: Stage) -> None:
    """Nothing under decision changes; when the round ends the next one opens by itself."""
    stage.proposed()
    assert stage.find(unfounded("case-2")) == ["UnfoundedFindingsJoined"]
    assert stage.find(unfounded("case-3")) == ["UnfoundedFindingsJoined"]
    assert (stage.c.state, stage.c.round, stage.c.case_ids) == ("PROPOSED", 1, ["case-1"])
    assert "complaint-of-case-2" in stage.c.complaint_ids
    stage.plan()
    stage.invite()
    stage.render()
    stage.ask()
    stage.answer()
    stage.hear()
    stage.submit()
    stage.review()
    stage.approve()
    stage.implement(meeting("2022-03-01"))
    stage.implement(written("2022-03-01"))
    assert stage.file()[-2:] == ["ClarificationCompleted", "ClarificationReopened"]
    assert stage.last("ClarificationCompleted").case_ids == ("case-1",)
    assert stage.last("ClarificationCompleted").complaint_ids == ("complaint-of-case-1",)
    assert (stage.c.state, stage.c.round, stage.c.case_ids) == ("ASSESSING", 2, ["case-2", "case-3"])
    assert [i.allegation_id for i in stage.c.history] == ["case-1/1", "case-1/2"]


def test_dl14_runs_for_findings_that_wait(stage: Stage) -> None:
    """The clock counts from their conclusion and not from the end of the round that they wait for; the first
    one counts for all, and the next assessment ends it."""

    def clocks(event: str) -> list[tuple[str, str]]:
        recorded = [r for r in stage.history if r.type == event][-1]
        return [(d.id, d.due) for d in recorded.meta.deadlines]

    harmless(stage)
    stage.on("2022-03-02").find(unfounded("case-2"))
    assert clocks("UnfoundedFindingsJoined") == [("DL-14", "2022-03-23")]
    stage.on("2022-03-04").find(unfounded("case-3"))
    assert clocks("UnfoundedFindingsJoined") == []
    stage.on("2022-03-10").do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED)
    assert clocks("ClarificationReopened") == []
    stage.assess()
    assert stage.history[-1].meta.deadlines_met == ("DL-14",)


def test_dl14_what_joins_an_assessment_does_not_prolong_it(stage: Stage) -> None:
    stage.find()
    stage.on("2022-03-04").find(unfounded("case-2"))
    assert stage.history[-1].meta.deadlines == ()


def test_r53_a_finding_after_not_required_reopens(stage: Stage) -> None:
    """Repeated accusations may do the harm that the first one did not."""
    harmless(stage).do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED)
    assert stage.find(unfounded("case-2")) == ["ClarificationReopened"]
    assert (stage.c.state, stage.c.round) == ("ASSESSING", 2)
    stage.assess()
    assert stage.last("ClarificationAssessed").case_ids == ("case-2",)
    stage.propose(items=["case-1/1", "case-2/1", "case-2/2"])
    assert [i.allegation_id for i in stage.c.proposed_items] == ["case-1/1", "case-2/1", "case-2/2"]


def test_r53_not_required_opens_what_waited(stage: Stage) -> None:
    harmless(stage).find(unfounded("case-2"))
    names = stage.do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED)
    assert names == ["ClarificationNotRequired", "ClarificationReopened"]
    assert stage.c.items[0].case_id == "case-2"


def test_a51_assess(stage: Stage) -> None:
    stage.find()
    assert stage.assess() == ["ClarificationAssessed"]
    assert stage.c.state == "ASSESSED"
    assert stage.last("ClarificationAssessed").trigger == "REPEATED_AFTER_CONCLUSION"


def test_a68_harm_makes_clarification_due(stage: Stage) -> None:
    stage.find()
    with stage.refused("E_CLARIFICATION_DUE"):
        stage.assess(recommendation="NOT")


def test_a68_harm_forbids_not_required(stage: Stage) -> None:
    stage.find()
    stage.assess()
    stage.refuses("E_CLARIFICATION_DUE", c.DecideNotRequired, DEPUTY, **NOT_NEEDED)


def test_a68_harm_forbids_leaving_one_out(stage: Stage) -> None:
    stage.find()
    stage.assess()
    stage.refuses("E_CLARIFICATION_DUE", c.ProposeClarification, HANDLER, items=["case-1/1"])


def test_a68_without_harm_one_may_be_left_out_visibly(stage: Stage) -> None:
    harmless(stage).propose(items=["case-1/1"])
    assert stage.last("ClarificationProposed").left_out == ("case-1/2",)


def test_a72_not_required_is_the_deputy_leaders_decision(stage: Stage) -> None:
    harmless(stage)
    stage.refuses("E_FORBIDDEN_ROLE", c.DecideNotRequired, HANDLER, **NOT_NEEDED)
    same_person = Actor(HANDLER.person, DEPUTY.role, TOWN)
    stage.refuses("E_SOD_CONFLICT", c.DecideNotRequired, same_person, **NOT_NEEDED)
    assert stage.do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED) == ["ClarificationNotRequired"]
    assert stage.c.state == "NOT_REQUIRED"


def test_a66_inconclusive_is_never_cleared(stage: Stage) -> None:
    stage.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="INCONCLUSIVE")]))
    stage.assess()
    asked = {"items": ["case-1/1", "case-1/2", "case-1/9"]}
    stage.refuses("E_ALLEGATION_INCONCLUSIVE", c.ProposeClarification, HANDLER, **asked)


def test_r10_only_unfounded_allegations(stage: Stage) -> None:
    proved = Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED", disposition_ref="D-1")
    stage.find(unfounded(others=[proved]))
    stage.assess()
    for id in ("case-1/9", "case-7/1"):
        stage.refuses("E_ALLEGATION_NOT_UNFOUNDED", c.ProposeClarification, HANDLER, items=[id])


def test_r9_a_substantiated_allegation_needs_its_disposition(stage: Stage) -> None:
    stage.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED")]))
    stage.assess()
    items = ["case-1/1", "case-1/2"]
    stage.refuses("E_DISCIPLINE_LOOSENING", c.ProposeClarification, HANDLER, items=items)
    claim = {"items": items, "dispositions": [{"allegation_id": "case-1/9", "disposition_ref": "D-1"}]}
    with pytest.raises(ValidationError):
        c.ProposeClarification.model_validate(claim)
    assert stage.dispose("case-1", "case-1/9") == ["SubstantiatedDispositionNoted"]
    assert stage.dispose("case-1", "case-1/9") == [], "told twice, it changes nothing"
    stage.propose()
    (told,) = stage.last("ClarificationProposed").dispositions
    assert (told.case_id, told.allegation_id, told.disposition_ref) == ("case-1", "case-1/9", "D-1")


def test_r9_a_disposition_of_another_case_does_not_count(stage: Stage) -> None:
    stage.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED")]))
    stage.assess()
    stage.dispose("case-2", "case-1/9")
    with stage.refused("E_DISCIPLINE_LOOSENING"):
        stage.propose()


def test_r9_a_disposition_made_before_the_conclusion_comes_with_it(stage: Stage) -> None:
    proved = Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED", disposition_ref="D-1")
    stage.find(unfounded(others=[proved]))
    stage.assess()
    stage.propose()
    assert [d.disposition_ref for d in stage.last("ClarificationProposed").dispositions] == ["D-1"]


def test_r9_the_other_findings_of_an_earlier_round_are_not_forgotten(stage: Stage) -> None:
    """An item of case 1 may be cleared in round 2, but never without what was found true beside it."""
    others = [
        Finding(allegation_id="case-1/8", outcome="INCONCLUSIVE"),
        Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED"),
    ]
    stage.find(unfounded(others=others))
    stage.assess(adverse_effect=[], recommendation="NOT")
    stage.do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED)
    stage.find(unfounded("case-2"))
    stage.assess()
    items = ["case-2/1", "case-2/2"]
    earlier = ["case-1/1", *items]
    stage.refuses("E_DISCIPLINE_LOOSENING", c.ProposeClarification, HANDLER, items=earlier)
    stage.refuses("E_ALLEGATION_INCONCLUSIVE", c.ProposeClarification, HANDLER, items=["case-1/8", *items])
    stage.refuses("E_ALLEGATION_NOT_UNFOUNDED", c.ProposeClarification, HANDLER, items=["case-1/9", *items])
    stage.dispose("case-1", "case-1/9")
    stage.propose(items=earlier)
    assert [d.case_id for d in stage.last("ClarificationProposed").dispositions] == ["case-1"]


def test_r9_what_an_earlier_round_left_open_holds_up_nothing_else(stage: Stage) -> None:
    """Only the cases of the round and of the items are asked about."""
    stage.find(unfounded(others=[Finding(allegation_id="case-1/9", outcome="SUBSTANTIATED")]))
    stage.assess(adverse_effect=[], recommendation="NOT")
    stage.do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED)
    stage.find(unfounded("case-2"))
    stage.assess()
    stage.propose()
    assert stage.c.state == "PROPOSED"


def test_r9_findings_that_waited_keep_their_cases(stage: Stage) -> None:
    """Case 2 comes in during round 1 and is disposed of before round 2 opens."""
    harmless(stage).find(
        unfounded("case-2", others=[Finding(allegation_id="case-2/9", outcome="SUBSTANTIATED")])
    )
    stage.dispose("case-2", "case-2/9")
    stage.do(c.DecideNotRequired, DEPUTY, **NOT_NEEDED)
    stage.assess()
    stage.propose()
    assert [d.case_id for d in stage.last("ClarificationProposed").dispositions] == ["case-2"]
    assert stage.replayed().other_findings == stage.c.other_findings


def test_a67_who_verified_clears(stage: Stage) -> None:
    stage.find()
    stage.assess()
    elsewhere = Actor("p-elsewhere", HANDLER.role, OTHER_COUNTY)
    items = ["case-1/1", "case-1/2"]
    stage.refuses("E_HANDLER_MISMATCH", c.ProposeClarification, elsewhere, items=items)


def test_assessment_needs_its_reasons() -> None:
    """E_SCHEMA: the judgement of A51 cannot be left out."""
    with pytest.raises(ValidationError):
        c.AssessClarification.model_validate({"adverse_effect": [], "recommendation": "NOT"})


@pytest.mark.parametrize("command", ["AssessClarification", "ProposeClarification"])
def test_state_comes_last(stage: Stage, command: str) -> None:
    stage.proposed()
    play = stage.assess if command == "AssessClarification" else stage.propose
    with stage.refused("E_STATE"):
        play()
