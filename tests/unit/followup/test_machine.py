"""Random histories: whatever is asked, the plan stays in the table of §4.5 and replays to the same state."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.followup.domain.plan import RevisitPlan
from tests.unit.followup.examples import (
    COLLEAGUE,
    HEAD,
    OFFICER,
    PLAN,
    SUBJECT_ACCOUNT,
    VERIFIER,
    Revisiting,
    draft,
    evaluation,
    give,
    unit_visit,
    visit,
    visit_line,
)
from tests.unit.kit import known

ARROWS = {
    "": {"DRAFTING"},
    "DRAFTING": {"DRAFTING", "DRAFTED", "CLOSED_DECLINED", "STOPPED"},
    "DRAFTED": {"DRAFTED", "ACTIVE", "CLOSED_DECLINED", "STOPPED"},
    "ACTIVE": {"ACTIVE", "CLOSED", "CLOSED_DECLINED", "STOPPED"},
    "STOPPED": set(),
    "CLOSED": {"CLOSED"},
    "CLOSED_DECLINED": {"CLOSED_DECLINED"},
}
SHORT = {
    "targets": ("SUBJECT",),
    "package": ({"mode": "HOME_VISIT", "count": 1, "interval_days": 0},),
    "tasks": (visit_line(),),
}
DUAL = {"package": SHORT["package"], "tasks": (visit_line(), visit_line("UNIT", "PHONE_CALL"))}


PLANS = [draft(), draft(**SHORT), draft(**DUAL)]
ANYTHING: dict[str, list[dict[str, Any]]] = {
    "RecordSubjectWish": [
        {"by": SUBJECT_ACCOUNT, "wish": wish, "phone_only": phone_only}
        for wish in ("WELCOME", "NEUTRAL", "REFUSED_UNIT", "REFUSED_ALL")
        for phone_only in (False, True)
    ],
    "RecordWorkNeed": [{"needed": needed, "reason": "工作需要。"} for needed in (True, False)],
    "DraftRevisitPlan": PLANS,
    "ApproveRevisitPlan": [{"by": HEAD}],
    "CompleteRevisit": [
        unit_visit(),
        *(
            visit(task, staff=staff, subject_voice=voice)
            for task in (None, "T1", "T2", "T3", "T9")
            for staff in ((OFFICER, COLLEAGUE), (VERIFIER,), (OFFICER,))
            for voice in (None, "心声")
        ),
    ],
    "RecordUnitFeedback": [{"feedback": "群众认可。"}],
    "RecordMeasure": [{"kind": "UNIT_TALK", "text": "谈话。"}],
    "EvaluateEffect": [
        evaluation(grade=grade, measures=measures)
        for grade in ("CONSOLIDATED", "IMPROVING", "NOT_REACHED")
        for measures in ((), ("UNIT_TALK",))
    ],
    "CloseRevisitPlan": [{}],
}


class PlanMachine(RuleBasedStateMachine):
    """Gives commands, sensible and senseless ones, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Revisiting()
        self.replay = RevisitPlan(PLAN)

    @initialize()
    def open(self) -> None:
        self.scene.opened().at("2022-05-10")

    def ask(self, name: str, by: str = "", **body: Any) -> None:
        self.scene.when(give(name, **body), by=by).was_refused()

    @rule(name=st.sampled_from(sorted(ANYTHING)), data=st.data())
    def ask_anything(self, name: str, data: st.DataObject) -> None:
        """Asks for anything, in any state."""
        self.ask(name, **data.draw(st.sampled_from(ANYTHING[name])))

    @rule(body=st.sampled_from(PLANS), refuses_unit=st.booleans())
    def go_on(self, body: dict[str, Any], refuses_unit: bool) -> None:
        self.next_step(body, refuses_unit)

    def next_step(self, body: dict[str, Any], refuses_unit: bool = False) -> None:
        """Does what a diligent officer would do next."""
        plan = self.scene.aggregate
        if plan.state == "DRAFTING" and refuses_unit and plan.wish is None:
            self.ask("RecordSubjectWish", by=SUBJECT_ACCOUNT, wish="REFUSED_UNIT")
        elif plan.state == "DRAFTING":
            self.ask("DraftRevisitPlan", **body)
        elif plan.state == "DRAFTED":
            self.ask("ApproveRevisitPlan", by=HEAD)
        elif plan.state == "ACTIVE":
            self.visit_next(plan)

    def visit_next(self, plan: RevisitPlan) -> None:
        owed = [plan.ledger.owed[id] for id in plan.ledger.open]
        if owed:
            voice = "心声" if owed[0].target == "SUBJECT" else None
            body = visit(owed[0].id, target=owed[0].target, mode=owed[0].mode, subject_voice=voice)
            self.ask("CompleteRevisit", **body)
        elif not plan.ledger.unit_feedback and "UNIT" in plan.targets:
            self.ask("RecordUnitFeedback", feedback="群众认可。")
        elif plan.ledger.grade in (None, "NOT_REACHED"):
            self.ask("EvaluateEffect", **evaluation())
        else:
            self.ask("CloseRevisitPlan")

    @rule()
    def clarification_is_revoked(self) -> None:
        self.scene.when_told(lambda plan, ctx: plan.stop(ctx, "c-1", 1))

    @invariant()
    def b7_whatever_waits_has_a_clock(self) -> None:
        plan = self.scene.aggregate
        assert plan.running if plan.state not in plan.ended else not plan.running

    @invariant()
    def every_step_is_an_arrow_of_the_table(self) -> None:
        state = ""
        for recorded in self.scene.history:
            assert recorded.state in ARROWS[state]
            state = recorded.state

    @invariant()
    def every_prefix_replays_to_the_state_of_then(self) -> None:
        for recorded in self.scene.history[self.replay.version :]:
            self.replay.apply(recorded)
            assert self.replay.version == recorded.originator_version
            assert self.replay.state == recorded.state
        assert known(self.replay) == known(self.scene.aggregate)

    @invariant()
    def a_closed_plan_kept_its_promises(self) -> None:
        plan = self.scene.aggregate
        if plan.state == "CLOSED":
            assert not plan.ledger.missing(plan.targets)
            assert plan.ledger.heard
            assert set(plan.targets) <= plan.ledger.visited
        if plan.state in ("CLOSED", "CLOSED_DECLINED"):
            started = {d.id for r in self.scene.history for d in r.meta.deadlines}
            assert started <= {met for r in self.scene.history for met in r.meta.deadlines_met}


TestPlanMachine = PlanMachine.TestCase
TestPlanMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
