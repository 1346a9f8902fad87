"""Random histories of verification and clarification together (B27, B28, B29): whatever is reopened,
concluded again and told late, nobody is cleared of what the latest conclusion known does not call unfounded,
and nothing stands against it without a hold, a revocation or a clock that runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.clarification import commands as c
from services.clarification.domain.clarification import Clarification
from services.verification import commands as v
from services.verification.domain.case import VerificationCase
from shared.casework.aggregate import Context
from shared.language.contracts import verification as e
from shared.language.event import Event
from shared.language.roles import DEPT_HEAD
from tests.unit.clarification.examples import (
    APPROVER,
    DEPUTY,
    EVIDENCE,
    HANDLER,
    HEAD,
    QUIET_PLAN,
    SUBJECT,
    Clarifying,
)
from tests.unit.kit import Scene
from tests.unit.verification import examples as x

OUTCOMES = st.lists(
    st.sampled_from(["UNFOUNDED", "UNFOUNDED", "SUBSTANTIATED", "INCONCLUSIVE"]), min_size=2, max_size=2
)
GOES_ON = frozenset({"ClarificationSubmitted", "ClarificationReviewed", "ClarificationApproved"})
CARRIED_OUT = frozenset({"ClarificationFormImplemented", "ClarificationCompleted"})


class Case:
    """One case of the subject, with two allegations; what it says goes to a queue."""

    def __init__(self, n: int) -> None:
        self.ids = (f"{'ac'[n]}1", f"{'ac'[n]}2")
        self.uuid = UUID(int=70 + n)
        allegations = tuple(
            a.model_copy(update={"id": id}) for a, id in zip((x.A1, x.A2), self.ids, strict=True)
        )
        opened = x.OPENED.model_copy(update={"allegations": allegations, "number": f"HC-{n}"})
        self.scene = Scene(lambda: VerificationCase(self.uuid)).at(x.NOW)
        self.scene.given(opened, x.PROPOSED, x.APPROVED, x.STARTED, x.EVIDENCE)
        self.evidence = 0

    def conclude(self, outcomes: list[str]) -> list[Event]:
        """The team reports, and the head concludes."""
        if self.scene.aggregate.state == "VERIFYING_READY":
            self.scene.when(x.START)
        if self.scene.aggregate.state != "VERIFYING":
            return []
        for id, outcome in zip(self.ids, outcomes, strict=True):
            found = {"allegation_id": id, "outcome": outcome, "reasoning": "查清", "evidence_refs": ("E1",)}
            self.scene.when(v.FindAllegation(**found))
        self.scene.when(x.SUBMIT)
        self.scene.when(v.CountersignReport(opinion="同意"), role=DEPT_HEAD)
        return self.scene.when(x.CONCLUDE, by=x.HEAD).events

    def reopen(self) -> list[Event]:
        if self.scene.aggregate.state != "CONCLUDED":
            return []
        self.evidence += 1
        id = f"N{self.evidence}"
        complaint = self.scene.aggregate.complaint_ids[0]
        self.scene.when_told(lambda case, ctx: case.note_new_evidence(ctx, complaint, id, "收据", "D-1"))
        return self.scene.when(v.ReopenCase(evidence_id=id, cause="新证据"), by=x.HEAD).events


class Known:
    """All that clarification was told of one case, judged here from the messages alone."""

    def __init__(self) -> None:
        self.unfounded: set[str] = set()
        self.open = False

    def hear(self, event: Event) -> None:
        if isinstance(event, e.VerificationCaseReopened):
            self.open = True
        elif isinstance(event, e.AllegationsVerifiedUnfounded):
            self.open, self.unfounded = False, {a.id for a in event.unfounded}
        elif isinstance(event, e.AllegationsSubstantiated | e.AllegationsInconclusive):
            self.open = False
            self.unfounded = {f.allegation_id for f in event.other_findings if f.outcome == "UNFOUNDED"}


class FindingsMachine(RuleBasedStateMachine):
    """Two cases of one subject, and the clarification that hears of them late."""

    def __init__(self) -> None:
        super().__init__()
        self.cases = [Case(0), Case(1)]
        self.queue: list[tuple[int, Event]] = []
        self.known = {case.uuid: Known() for case in self.cases}
        self.scene = Clarifying(x.WU).at("2022-03-18")
        self.checked = 0

    # --- verification

    @initialize(outcomes=OUTCOMES, steps=st.integers(0, 14))
    def begin(self, outcomes: list[str], steps: int) -> None:
        """The first case is concluded, and clearing is under way, perhaps done."""
        self.conclude(0, outcomes)
        self.deliver(9)
        self.go_on(steps)

    @rule(n=st.integers(0, 1), outcomes=OUTCOMES)
    def conclude(self, n: int, outcomes: list[str]) -> None:
        self.queue += [(n, event) for event in self.cases[n].conclude(outcomes)]

    @rule(n=st.integers(0, 1))
    def reopen(self, n: int) -> None:
        self.queue += [(n, event) for event in self.cases[n].reopen()]

    @rule(n=st.integers(0, 1), outcomes=OUTCOMES, steps=st.integers(0, 5))
    def think_again(self, n: int, outcomes: list[str], steps: int) -> None:
        """The whole way of a second thought, with work going on between."""
        self.reopen(n)
        self.deliver(9)
        self.go_on(steps)
        self.conclude(n, outcomes)
        self.deliver(9)

    # --- the bus: in order, late, and sometimes twice

    @rule(messages=st.integers(1, 9))
    def deliver(self, messages: int) -> None:
        for n, event in self.queue[:messages]:
            self.tell(n, event)
        del self.queue[:messages]

    @rule()
    def deliver_twice(self) -> None:
        if self.queue:
            self.tell(*self.queue[0])

    def tell(self, n: int, event: Event) -> None:
        self.known[self.cases[n].uuid].hear(event)
        id = str(self.cases[n].uuid)

        def react(clarification: Clarification, ctx: Context) -> None:
            if isinstance(event, e.AllegationsVerifiedUnfounded):
                clarification.take_up(ctx, event)
            elif not clarification.version:
                return
            elif isinstance(event, e.AllegationsSubstantiated | e.AllegationsInconclusive):
                clarification.note_none_unfounded(ctx, event)
            elif isinstance(event, e.VerificationCaseReopened):
                clarification.hold(ctx, id, event.number, event.conclusion)

        self.scene.when_told(react)

    # --- clarification

    def attempt(self, play: Callable[[], Any]) -> None:
        if not self.scene.aggregate.version:
            return
        play()
        self.scene.was_refused()

    @rule(steps=st.integers(1, 8))
    def go_on(self, steps: int) -> None:
        """Everybody does what their state asks for."""
        for _ in range(steps):
            self.attempt(self.next_step)

    def next_step(self) -> None:
        s = self.scene
        a = s.aggregate
        day = s.now.date().isoformat()
        left = [f for f in (a.plan.forms if a.plan else ()) if f not in a.implemented]
        steps: dict[str, Callable[[], object]] = {
            "ASSESSING": lambda: s.assess(adverse_effect=["WORK"]),
            "ASSESSED": self.propose,
            "PROPOSED": lambda: s.plan(QUIET_PLAN),
            "PLANNED": self.draft,
            "UNDER_REVIEW": s.review,
            "UNDER_APPROVAL": s.approve,
            "APPROVED": lambda: s.implement(EVIDENCE[left[0]](day)) if left else None,
            "IMPLEMENTED": s.enter_in_file if a.in_platform else s.enter_in_platform,
            "SUSPENDED": lambda: s.when(c.ResumeClarification(reason="可以继续。"), by=DEPUTY),
        }
        steps.get(a.state, lambda: None)()

    def propose(self) -> None:
        for case, others in self.scene.aggregate.other_findings.items():
            for id in others:
                self.scene.dispose(case, id)
        self.scene.propose()

    def draft(self) -> None:
        s = self.scene
        if not s.aggregate.subject_account:
            s.when(c.InviteSubject(account=SUBJECT.person))
        elif not s.aggregate.text:
            s.render()
        elif not s.aggregate.heard:
            s.hear()
        else:
            s.submit()

    @rule(form=st.sampled_from(["WRITTEN", "FACE_TO_FACE"]))
    def implement(self, form: str) -> None:
        day = self.scene.now.date().isoformat()
        self.attempt(lambda: self.scene.implement(EVIDENCE[form](day)))

    @rule(decision=st.sampled_from(["ENDORSE", "RETURN"]))
    def review(self, decision: str) -> None:
        self.attempt(lambda: self.scene.review(decision=decision))

    @rule()
    def stand_still(self) -> None:
        self.attempt(
            lambda: self.scene.when(c.SuspendClarification(ground="OTHER_CASE", reason="另案。"), by=DEPUTY)
        )

    @rule()
    def decline(self) -> None:
        self.attempt(lambda: self.scene.when(c.RecordSubjectDeclined(), by=SUBJECT))

    @rule(case=st.integers(0, 1))
    def confirm(self, case: int) -> None:
        told = c.ConfirmAssessment(case_id=str(self.cases[case].uuid), reason="认定未变。")
        self.attempt(lambda: self.scene.when(told, by=HANDLER))

    @rule(round=st.integers(1, 3), yes=st.booleans(), notices=st.booleans())
    def revoke(self, round: int, yes: bool, notices: bool) -> None:
        """The chain of a revocation, as far as it comes."""
        s = self.scene
        reason = c.ProposeRevocation(round=round, cause="FINDING_OVERTURNED", reason="已改变。")
        review = c.ReviewRevocation(round=round, decision="ENDORSE" if yes else "RETURN", opinion="阅。")
        approve = c.ApproveRevocation(round=round, decision="APPROVE" if yes else "REFUSE", opinion="阅。")
        self.attempt(lambda: s.when(reason, by=HANDLER))
        self.attempt(lambda: s.when(review, by=HEAD))
        self.attempt(lambda: s.when(approve, by=APPROVER))
        carried = s.aggregate.rounds.get(round)
        if carried is not None and notices:
            for recipient in carried.recipients:
                self.attempt(partial(s.notify, recipient, round))
            for place in carried.places:
                self.attempt(partial(s.correct, place, round))

    # --- what may never be

    def stands(self, item: Any) -> bool:
        return item.allegation_id in self.known[UUID(item.case_id)].unfounded

    @invariant()
    def nobody_is_cleared_of_what_is_not_unfounded(self) -> None:
        """At no instant is anything laid before the deciders, decided, carried out or filed whose items are
        not unfounded in the latest conclusion known, or whose case is known to be open again."""
        history, a = self.scene.history, self.scene.aggregate
        new, self.checked = history[self.checked :], len(history)
        for recorded in new:
            if recorded.type in GOES_ON | CARRIED_OUT and recorded.meta.command != "test":
                for item in a.proposed_items:
                    assert self.stands(item), (recorded.type, item)
                    assert not self.known[UUID(item.case_id)].open, (recorded.type, item)

    @invariant()
    def what_the_latest_conclusion_contradicts_is_under_way(self) -> None:
        a = self.scene.aggregate
        for round, carried in a.rounds.items():
            if carried.stands and not all(map(self.stands, carried.items)):
                assert carried.revocation in ("DUE", "PROPOSED", "REVIEWED"), round
                assert a.running & {f"DL-30#r{round}", f"DL-35#r{round}"}, round
            if carried.revocation == "REVOKED":
                assert f"DL-33#r{round}" in a.running
        for case, known in self.known.items():
            if known.open and str(case) in a.conclusions:
                assert str(case) in a.held
                assert "DL-30" in a.running

    @invariant()
    def whatever_waits_has_a_clock(self) -> None:
        a = self.scene.aggregate
        assert not a.version or a.state in a.ended or a.running, a.state
        if a.waiting or a.unassessed:
            assert "DL-14" in a.running

    @invariant()
    def nothing_unfounded_is_forgotten(self) -> None:
        """R53. An unfounded finding is in a round that stands, is being worked on, or was decided about."""
        a = self.scene.aggregate
        if not a.version or a.state in ("NOT_REQUIRED", "DECLINED"):
            return
        rounds = [item for carried in a.rounds.values() if carried.stands for item in carried.items]
        live = [*rounds, *a.items, *(item for joined in a.waiting for item in joined.items)]
        has = {item.allegation_id for item in live}
        left = {id for known in self.known.values() for id in known.unfounded}
        declined = any(r.type == "SubjectDeclinedAllForms" for r in self.scene.history)
        assert declined or left <= has, (left, has)

    def teardown(self) -> None:
        """All is told in the end; then the same holds against what verification itself says."""
        self.deliver(99)
        for case in self.cases:
            latest = {id for id in case.ids if case.scene.aggregate.findings.outcome(id) == "UNFOUNDED"}
            if case.scene.aggregate.state == "CONCLUDED":
                assert self.known[case.uuid].unfounded == latest
        self.nobody_is_cleared_of_what_is_not_unfounded()
        self.what_the_latest_conclusion_contradicts_is_under_way()
        self.whatever_waits_has_a_clock()
        self.nothing_unfounded_is_forgotten()


TestFindingsMachine = FindingsMachine.TestCase
TestFindingsMachine.settings = settings(
    max_examples=30,
    stateful_step_count=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def test_b28_the_machine_reaches_a_revocation() -> None:
    """The machine's own steps lead to what it watches over, so that its silence means something."""
    machine = FindingsMachine()
    machine.begin(["UNFOUNDED", "UNFOUNDED"], 20)
    assert machine.scene.aggregate.state == "COMPLETED"
    machine.think_again(0, ["SUBSTANTIATED", "UNFOUNDED"], 0)
    machine.what_the_latest_conclusion_contradicts_is_under_way()
    machine.revoke(1, True, True)
    assert "RevocationCarriedOut" in [r.type for r in machine.scene.history]
    assert machine.scene.aggregate.state == "ASSESSING"
    machine.teardown()
