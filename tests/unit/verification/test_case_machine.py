"""Random commands never reach an illegal state, and any prefix of a history replays to the state then."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.verification.commands import (
    ApproveDisposition,
    AssessFalseAccusation,
    AssessNewEvidence,
    CloseCase,
    CloseWithoutVerification,
    CountersignReport,
    FindAllegation,
    ProposeDisposition,
    RecordReferralResult,
    RejectDisposition,
    ReopenCase,
    RequestTracing,
    ResumeCase,
    ReturnReport,
    ReviewHeld,
    StartVerification,
    TakeUpEvidence,
)
from services.verification.domain.case import VerificationCase
from services.verification.domain.dispositions import REASONS
from shared.casework.aggregate import Actor
from shared.casework.command import Command
from shared.casework.rehearsal import NotPrepared
from shared.language.refusal import Refusal
from shared.language.roles import DEPUTY_LEADER, ORGAN_HEAD
from tests.unit.kit import Scene, but, known
from tests.unit.verification.examples import (
    CLERK,
    CONCLUDE,
    DISPOSE,
    HEAD,
    LI,
    NOW,
    OPENED_AGAINST_TWO,
    START,
    SUBMIT,
    TAKE,
    TALK,
    WU,
    ZHAO,
    fresh_case,
)

LEGAL: dict[str, set[str]] = {
    "": {"OPENED"},
    "OPENED": {"DISPOSITION_PROPOSED"},
    "DISPOSITION_PROPOSED": {"OPENED", "TALKING", "VERIFYING_READY", "HELD", "CLOSING", "REFERRED"},
    "VERIFYING_READY": {"VERIFYING"},
    "TALKING": {"REPORTED"},
    "VERIFYING": {"REPORTED"},
    "REPORTED": {"TALKING", "VERIFYING", "REFERRED", "CONCLUDED"},
    "CONCLUDED": {"CLOSED", "VERIFYING_READY"},
    "CLOSED": {"VERIFYING_READY"},
    "HELD": {"OPENED"},
    "CLOSING": {"CLOSED", "OPENED"},
    "REFERRED": {"REPORTED"},
}
PEOPLE = st.lists(st.sampled_from([LI, ZHAO, HEAD, CLERK]), max_size=3).map(tuple)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from([(way, reason) for way, reasons in REASONS.items() for reason in sorted(reasons)]).map(
        lambda pair: ProposeDisposition(way=pair[0], reason=pair[1], collective_study_ref="JY-1")
    ),
    st.just(ApproveDisposition(opinion="同意")),
    st.just(RejectDisposition(reason="不同意")),
    st.just(ReviewHeld(result="条件仍不具备")),
    st.just(ResumeCase(reason="出现新线索")),
    st.just(START),
    PEOPLE.map(lambda team: StartVerification(team=team, plan_hash=START.plan_hash)),
    st.sampled_from(["E1", "E2"]).map(lambda id: but(TAKE, evidence_id=id)),
    st.sampled_from([True, False, None]).map(lambda answer: but(TALK, duties_acknowledged=answer)),
    st.builds(
        FindAllegation,
        allegation_id=st.sampled_from(["a1", "a2", "b1", "a9"]),
        outcome=st.sampled_from(["SUBSTANTIATED", "UNFOUNDED", "INCONCLUSIVE", "PARTIALLY_SUBSTANTIATED"]),
        reasoning=st.just("账目相符"),
        evidence_refs=st.sampled_from([("E1",), ("E2",), ()]),
    ),
    st.sampled_from(["a1", "a2", "b1"]).map(lambda id: but(DISPOSE, allegation_id=id)),
    st.sampled_from([SUBMIT, but(SUBMIT, none_changed="新材料与账目一致")]),
    st.builds(
        RecordReferralResult,
        allegation_id=st.sampled_from(["a1", "a2", "b1"]),
        outcome=st.sampled_from(["SUBSTANTIATED", "UNFOUNDED", "INCONCLUSIVE"]),
        reasoning=st.just("经审查调查认定"),
        decided_by=st.just("上级审查调查部门"),
        decided_on=st.just(NOW.date()),
        document_ref=st.just("SC-1"),
        document_hash=st.just(START.plan_hash),
    ),
    st.sampled_from(["N1", "N2"]).map(lambda id: TakeUpEvidence(evidence_id=id, reason="涉及红包")),
    st.sampled_from(["N1", "N2"]).map(lambda id: AssessNewEvidence(evidence_id=id, reason="不影响")),
    st.sampled_from(["N1", "N2"]).map(lambda id: ReopenCase(evidence_id=id, cause="新证据")),
    st.just(CountersignReport(opinion="同意")),
    st.just(ReturnReport(reason="补充证据")),
    st.just(CONCLUDE),
    st.just(AssessFalseAccusation(result="SCREEN_OUT", reason="无证据证明故意")),
    st.just(CloseCase()),
    st.just(CloseWithoutVerification(opinion="予以了结")),
    st.just(RequestTracing(means=("HANDWRITING",), necessity="查明", less_intrusive_means_tried="无")),
)


def snapshot(case: VerificationCase) -> dict[str, Any]:
    """The same, which stays as it is whatever becomes of the case."""
    return copy.deepcopy(known(case))


class CaseMachine(RuleBasedStateMachine):
    """A case lived through by chance."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(fresh_case).at(NOW)
        self.follower = fresh_case()
        self.snapshots = [snapshot(self.follower)]
        self.scene.when_told(lambda case, ctx: case.open(ctx, OPENED_AGAINST_TWO))
        self._admit()

    @property
    def case(self) -> VerificationCase:
        return self.scene.aggregate

    @rule(command=COMMANDS, role=st.sampled_from([DEPUTY_LEADER, ORGAN_HEAD]))
    def ask(self, command: Command, role: str) -> None:
        """A leader decides where leaders may, the other commands come from people who may give them. No
        command that is carried out had been foretold as refused (`may`)."""
        actor = self.scene._actor(type(command), "", role if role in command.gate.by else "")
        foretold = self.foretold(type(command), actor)
        if not self.scene.when(command, by=actor).was_refused():
            assert not isinstance(command, RequestTracing)
            assert foretold == "", (command, foretold)
            self._admit()

    def foretold(self, command: type[Command], actor: Actor) -> str:
        """The code with which the case would refuse it whatever it says."""
        gate, before = command.gate, known(self.case)
        ctx = self.scene.context(actor, command.__name__, gate.rule, gate.duty)
        try:
            command.rehearse(
                self.case.rehearsing(), replace(ctx, prepared=NotPrepared.fromkeys(gate.prepared))
            )
        except Refusal as refusal:
            return refusal.code
        finally:
            assert known(self.case) == before, "asking changes nothing"
        return ""

    @rule(subject=st.sampled_from([WU.ref, "acc-zheng", "acc-other"]), conclusion=st.sampled_from([1, 1, 2]))
    def clarification_is_assessed(self, subject: str, conclusion: int) -> None:
        """At any time: other services' events come late, twice or out of order."""
        n = min(conclusion, max(self.case.conclusion, 1))
        self.scene.when_told(lambda case, ctx: case.note_clarification_assessment(ctx, subject, "c-1", n, n))
        self._admit()

    @rule(id=st.sampled_from(["N1", "N2"]))
    def evidence_comes(self, id: str) -> None:
        complaint = self.case.complaint_ids[0]
        self.scene.when_told(lambda case, ctx: case.note_new_evidence(ctx, complaint, id, "收据", "D-1"))
        self._admit()

    def _admit(self) -> None:
        """Follows the new events one by one, noting the state after each."""
        follower = self.follower
        for recorded in self.scene.recorded:
            assert recorded.state == follower.state or recorded.state in LEGAL[follower.state]
            follower.apply(recorded)
            self.snapshots.append(snapshot(follower))
        assert known(self.case) == self.snapshots[-1]

    @invariant()
    def a_closed_case_has_done_its_duties(self) -> None:
        case = self.case
        if case.way == "CLOSED_NO_ACTION":
            assert not case.findings.found, "closed without verification: nothing was found"
            return
        if case.state in ("REPORTED", "CONCLUDED", "CLOSED"):
            assert not case.findings.missing()
        if case.state == "CLOSED":
            assert not case.findings.undisposed()
            for ref in case.accused:
                if case.findings.of(ref, "UNFOUNDED"):
                    assert case.clarification_assessed[ref] == case.conclusion
                    assert case.false_accusation_assessed[ref] == case.conclusion

    @invariant()
    def b7_whatever_waits_has_a_clock(self) -> None:
        case = self.case
        assert case.state in case.ended or case.running, case.state
        assert {f"DL-30#{id}" for id in case.new_evidence} <= case.running

    @invariant()
    def the_registering_clerk_never_handles(self) -> None:
        assert CLERK not in self.case.duties.get("handler", set())

    def teardown(self) -> None:
        """A fresh case meets every state that was, event by event."""
        case = fresh_case()
        assert known(case) == self.snapshots[0]
        for recorded, expected in zip(self.scene.history, self.snapshots[1:], strict=True):
            case.apply(recorded)
            assert known(case) == expected


TestCaseMachine = CaseMachine.TestCase
TestCaseMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_the_machine_covers_every_command_of_the_path() -> None:
    """A straight run through the machine's own commands reaches the end, so its states are not vacuous."""
    machine = CaseMachine()
    for command in (
        ProposeDisposition(
            way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE", collective_study_ref="JY-1"
        ),
        ApproveDisposition(opinion="同意"),
        START,
        TAKE,
        TALK,
        *(
            FindAllegation(allegation_id=id, outcome="UNFOUNDED", reasoning="账目相符", evidence_refs=("E1",))
            for id in ("a1", "a2", "b1")
        ),
        SUBMIT,
        CountersignReport(opinion="同意"),
        CONCLUDE,
        AssessFalseAccusation(result="SCREEN_OUT", reason="无证据证明故意"),
    ):
        machine.ask(command=command, role=ORGAN_HEAD)
    for subject in (WU.ref, "acc-zheng"):
        machine.clarification_is_assessed(subject=subject, conclusion=1)
    machine.ask(command=CloseCase(), role=ORGAN_HEAD)
    assert machine.case.state == "CLOSED"
    machine.teardown()
