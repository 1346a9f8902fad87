"""Every command in every state of a verification case: carried out or refused, as §4.2 says."""

from __future__ import annotations

from datetime import date

import pytest

from services.verification import commands as c
from services.verification.domain.case import VerificationCase
from services.verification.domain.findings import AllegationPart
from shared.casework.aggregate import Actor
from shared.casework.steps import STANDING, Standing, known_steps
from shared.language.contracts import verification as e
from shared.language.event import Event
from shared.language.roles import ORGAN_HEAD
from tests.unit.kit import TOWN, Row, but, named, row
from tests.unit.verification import examples as x
from tests.unit.verification.examples import Given

OPENED, PROPOSED = x.OPENED, x.PROPOSED


def led_to(way: str, reason: str) -> tuple[Event, ...]:
    """Another way was proposed and approved."""
    other = {"way": way, "reason": reason}
    return (OPENED, PROPOSED.model_copy(update=other), x.APPROVED.model_copy(update=other))


ASKED_BACK = e.ReturnProposed(reason="OTHER_ORGAN", consulted="已协商")
HISTORIES: dict[str, tuple[Event, ...]] = {
    "OPENED": (OPENED,),
    "DISPOSITION_PROPOSED": (OPENED, PROPOSED),
    "TALKING": (OPENED, x.PROPOSED_TALK, x.APPROVED_TALK, x.EVIDENCE),
    "VERIFYING_READY": (OPENED, PROPOSED, x.APPROVED),
    "VERIFYING": x.VERIFYING,
    "REPORTED": x.REPORTED,
    "CONCLUDED": x.ALL_UNFOUNDED,
    "HELD": (*led_to("HELD_FOR_LATER", "CONDITIONS_LACKING"), e.CaseHeld(reason="CONDITIONS_LACKING")),
    "CLOSING": led_to("CLOSED_NO_ACTION", "NOTHING_TO_VERIFY"),
    "REFERRED": led_to("REFERRED_TO_INVESTIGATION", "ACCOUNTABILITY_SUSPECTED"),
    "RETURNED": (
        OPENED,
        ASKED_BACK,
        e.ComplaintReturnedByHandler(
            number=x.NUMBER, complaint_ids=(), reason="OTHER_ORGAN", consulted="已协商", opinion="同意"
        ),
    ),
    "CLOSED": (*x.ALL_UNFOUNDED, e.CaseClosed(number=x.NUMBER, closed_on=date(2022, 3, 1))),
}
"""The shortest lawful way into each state of §4.2."""
WORKING = ("TALKING", "VERIFYING")
BEFORE_THE_REPORT = tuple(
    state for state in HISTORIES if state not in ("REPORTED", "CONCLUDED", "RETURNED", "CLOSED")
)
BOTH_FOUND = (x.found(x.A1), x.found(x.A2))
LATER = e.NewEvidenceNoted(
    complaint_id=str(x.COMPLAINT), evidence_id="N1", description="收据一张", document_ref="D-1"
)
REFERRED_RESULT = c.RecordReferralResult(
    allegation_id="a1",
    outcome="UNFOUNDED",
    reasoning="账目相符",
    decided_by="上级审查调查部门",
    decided_on=x.NOW.date(),
    document_ref="SC-2022-1",
    document_hash=x.HASH,
)
NOTED = e.ClarificationAssessmentNoted(subject_ref=x.WU.ref, clarification_id="c-1", round=1)
DEPUTY_S = dict.fromkeys(("TALKING", "HELD", "CLOSING"), "E_FORBIDDEN_ROLE")
"""Ways that the deputy leader decides on, and not the head: that is said first (A20)."""
NO_EVIDENCE = dict.fromkeys(
    set(HISTORIES) - {*WORKING, "REPORTED", "CONCLUDED", "CLOSED"}, "E_EVIDENCE_MISSING"
)
NOT_CONCLUDED = dict.fromkeys(set(HISTORIES) - {"CONCLUDED", "CLOSED"}, "E_NOT_CONCLUDED")
COMMON = [cls for cls in c.COMMANDS if cls.on is VerificationCase]
ASSIGNED = e.COMMON["AssignmentStarted"].model_validate({"person": "p-old", "role": "handler"})
STEPS = known_steps(VerificationCase)
ABOVE = Actor("p-above", ORGAN_HEAD, "DI-990102")
ASKED = e.COMMON["RecusalRequested"].model_validate(
    {"request": "R1", "person": "p-old", "role": "handler", "ground": "INTEREST", "asked_by": "STAFF"}
)
OUT = e.COMMON["PersonExcluded"].model_validate({"person": "p-out", "role": "handler", "ground": "亲属"})
PARTS = (AllegationPart(suffix="a", text="收受红包一次"), AllegationPart(suffix="b", text="收受红包两次"))
ROWS = [
    row(c.RequestReturn(reason="OTHER_ORGAN", consulted="已协商"), "OPENED"),
    row(c.ReturnToPetitionDept(opinion="同意"), "OPENED", to="RETURNED", then=(ASKED_BACK,)),
    row(
        c.ProposeDisposition(
            way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE", collective_study_ref="JY-1"
        ),
        "OPENED",
        to="DISPOSITION_PROPOSED",
    ),
    row(
        c.ApproveDisposition(opinion="同意"),
        "DISPOSITION_PROPOSED",
        to="VERIFYING_READY",
        role=ORGAN_HEAD,
        first=DEPUTY_S,
    ),
    row(
        c.RejectDisposition(reason="不同意"),
        "DISPOSITION_PROPOSED",
        to="OPENED",
        role=ORGAN_HEAD,
        first=DEPUTY_S,
    ),
    row(c.ReviewHeld(result="条件仍不具备"), "HELD"),
    row(c.ResumeCase(reason="出现新线索"), "HELD", to="OPENED"),
    row(x.START, "VERIFYING_READY", to="VERIFYING"),
    row(c.ExtendVerification(reason="案情复杂"), "VERIFYING"),
    row(but(x.TAKE, evidence_id="E2"), *WORKING),
    row(x.TALK, *WORKING),
    row(c.RecordAccusedStatement(accused_ref=x.WU.ref, statement="无", record_hash=x.HASH), *WORKING),
    row(c.SplitAllegation(allegation_id="a1", parts=PARTS, approved_by="p-reader"), *WORKING, "REFERRED"),
    row(
        c.FindAllegation(
            allegation_id="a1", outcome="UNFOUNDED", reasoning="账目相符", evidence_refs=("E1",)
        ),
        *WORKING,
        first=NO_EVIDENCE,
    ),
    row(REFERRED_RESULT, "REFERRED", to="REPORTED", then=(x.found(x.A2),)),
    row(x.DISPOSE, *WORKING, "REPORTED", "CONCLUDED", then=(x.found(x.A1, "SUBSTANTIATED"),)),
    row(x.SUBMIT, *WORKING, to="REPORTED", then=BOTH_FOUND),
    row(c.CountersignReport(opinion="同意"), "REPORTED"),
    row(
        c.TakeUpEvidence(evidence_id="N1", reason="涉及红包"),
        *BEFORE_THE_REPORT,
        to={"CLOSING": "OPENED"},
        then=(LATER,),
    ),
    row(c.ReturnReport(reason="补充证据"), "REPORTED", to="VERIFYING"),
    row(x.CONCLUDE, "REPORTED", to="CONCLUDED", then=(x.COUNTERSIGNED,)),
    row(
        c.SubmitAssignedResult(collective_study_ref="JY-1"),
        "CONCLUDED",
        "CLOSED",
        past={e.VerificationCaseOpened: {"assigned_by_superior": True}},
        first=NOT_CONCLUDED,
    ),
    row(c.AssessFalseAccusation(result="SCREEN_OUT", reason="无证据证明故意"), "CONCLUDED", then=BOTH_FOUND),
    row(c.CloseCase(), "CONCLUDED", to="CLOSED", then=(x.SCREENED_OUT, NOTED)),
    row(c.AssessNewEvidence(evidence_id="N1", reason="不影响结论"), *HISTORIES, then=(LATER,)),
    row(
        c.ReopenCase(evidence_id="N1", cause="新证据"),
        "CONCLUDED",
        "CLOSED",
        to="VERIFYING_READY",
        then=(LATER,),
    ),
    row(c.CloseWithoutVerification(opinion="予以了结"), "CLOSING", to="CLOSED"),
    row(
        c.RequestTracing(means=("HANDWRITING",), necessity="查明", less_intrusive_means_tried="无"),
        first=dict.fromkeys(HISTORIES, "E_TRACE_PREMATURE"),
    ),
    *(
        row(named(COMMON, name).model_validate(body), *HISTORIES, then=(ASSIGNED, ASKED, OUT))
        for name, body in (
            ("AssignToCase", {"person": "p-new", "role": "handler"}),
            ("EndAssignment", {"person": "p-old", "role": "handler", "reason": "调离"}),
            ("DeclareRecusal", {"ground": "亲属"}),
            ("RequestRecusal", {"person": "p-x", "role": "handler", "ground": "OTHER", "reason": "有关系"}),
            ("DecideRecusal", {"request": "R1", "person": "p-old", "granted": True, "opinion": "同意"}),
            ("LiftExclusion", {"person": "p-out", "reason": "情形已消除"}),
        )
    ),
    row(
        named(COMMON, "ReviewEarlierStep").model_validate(
            {"event": 1, "decision": "CONFIRM", "opinion": "经复核无误"}
        )
    ),
    row(
        named(COMMON, "EscalateForSeparation").model_validate(
            {"step": "ConcludeVerification", "reason": "无人可办"}
        ),
        *HISTORIES,
        by=ABOVE,
        knowing={STANDING: Standing(STEPS["ConcludeVerification"], TOWN, frozenset(), False, ())},
    ),
]


def test_42_every_command_on_a_case_stands_in_the_table() -> None:
    """A command that is added is asked here in every state, or this fails."""
    assert {r.name for r in ROWS} == {command.__name__ for command in COMMON}
    assert len({r.name for r in ROWS}) == len(ROWS)


@pytest.mark.parametrize("state", HISTORIES)
@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_42_a_command_is_carried_out_in_its_states_only(given: Given, row: Row, state: str) -> None:
    row.must_hold(given(*row.before(HISTORIES[state])), state)
