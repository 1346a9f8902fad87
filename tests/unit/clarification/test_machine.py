"""Random histories: whatever is tried, in whatever order and by whomever, nothing unlawful stands in
the stream, and any prefix of it replays to the state that was (§4.4, §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.clarification import commands as c
from services.clarification.domain.clarification import Clarification
from shared.casework.aggregate import Actor, fold
from shared.language import roles
from shared.language.contracts.common import SCOPES
from shared.language.event import Recorded
from tests.unit.clarification.examples import (
    ALL_EXPLAINED,
    APPROVER,
    AUTHOR,
    COUNTY,
    DEPUTY,
    EVIDENCE,
    HANDLER,
    HASH,
    HEAD,
    INVITER,
    MEETING_PLAN,
    PERSON,
    QUIET_PLAN,
    STRANGER,
    SUBJECT,
    SYSTEM,
    TOWN,
    Clarifying,
    unfounded,
)
from tests.unit.kit import known

CIRCULAR_PLAN = {**QUIET_PLAN, "forms": ["WRITTEN", "CIRCULAR"], "scope": "COUNTY_WIDE"}
PLANS = st.sampled_from([MEETING_PLAN, MEETING_PLAN, QUIET_PLAN, CIRCULAR_PLAN])
PEOPLE = [HANDLER.person, AUTHOR.person, HEAD.person, APPROVER.person, "p-new"]
HANDLERS = st.sampled_from([HANDLER, HANDLER, AUTHOR, *(Actor(p, roles.HANDLER, TOWN) for p in PEOPLE[2:])])
HEADS = st.sampled_from([HEAD, HEAD, *(Actor(p, roles.ORGAN_HEAD, TOWN) for p in PEOPLE)])
APPROVERS = st.sampled_from(
    [APPROVER, APPROVER, HEAD, *(Actor(p, roles.CLARIFICATION_APPROVER, COUNTY) for p in PEOPLE)]
)
ANSWERING = st.sampled_from([SUBJECT, SUBJECT, STRANGER, HANDLER])
MEDDLING = [
    "plan again",
    "plan wider",
    "plan quietly",
    "other text",
    "withdraw",
    "stranger agrees",
    "handler agrees",
    "agree narrowly",
    "he reviews",
    "he approves",
    "he drafts",
    "he writes",
    "he implements",
    "find more",
]
STATES = {
    "ASSESSING",
    "ASSESSED",
    "NOT_REQUIRED",
    "PROPOSED",
    "PLANNED",
    "CONSENT_PENDING",
    "UNDER_REVIEW",
    "UNDER_APPROVAL",
    "APPROVED",
    "IMPLEMENTED",
    "COMPLETED",
    "SUSPENDED",
    "OVERTURNED",
}


def today(scene: Clarifying) -> str:
    return scene.now.date().isoformat()


def stored(recorded: Recorded) -> Recorded:
    """The event as it comes back from the store."""
    event = type(recorded.event).model_validate_json(recorded.event.model_dump_json())
    return replace(recorded, event=event)


class ClarificationMachine(RuleBasedStateMachine):
    """Every command, by right and by wrong people, with right and wrong words."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Clarifying()
        self.replay = Clarification(UUID(int=4))
        self.cases = 0
        self.checked = 0

    @initialize(steps=st.integers(0, 14), plan=PLANS)
    def begin(self, steps: int, plan: dict[str, Any]) -> None:
        """Somewhere on the lawful way; play from the start seldom gets beyond the plan."""
        self.find_more()
        self.go_on(steps, plan, True, "AGREED")

    def attempt(self, play: Callable[[], object]) -> None:
        """Replay, event by event as they come back from the store, meets the state that is."""
        play()
        self.scene.was_refused()
        for recorded in self.scene.history[self.replay.version :]:
            self.replay.apply(stored(recorded))
        assert known(self.replay) == known(self.scene.aggregate)

    # the lawful way

    @rule(
        steps=st.integers(1, 6),
        plan=PLANS,
        harm=st.booleans(),
        decision=st.sampled_from(["AGREED", "AGREED", "REFUSED"]),
    )
    def go_on(self, steps: int, plan: dict[str, Any], harm: bool, decision: str) -> None:
        """Does what a diligent organ would do now."""
        for _ in range(steps):
            self.next_step(plan, harm, decision)

    def next_step(self, plan: dict[str, Any], harm: bool, decision: str) -> None:
        s = self.scene
        due_form = (
            next((f for f in s.aggregate.plan.forms if f not in s.aggregate.implemented), "")
            if s.aggregate.plan
            else ""
        )
        effect = ["WORK"] if harm else []
        steps: dict[str, Callable[[], object]] = {
            "ASSESSING": lambda: s.assess(adverse_effect=effect),
            "ASSESSED": s.propose,
            "PROPOSED": lambda: s.plan(plan),
            "PLANNED": self.draft_on,
            "CONSENT_PENDING": lambda: s.answer(decision),
            "UNDER_REVIEW": s.review,
            "UNDER_APPROVAL": s.approve,
            "APPROVED": lambda: s.implement(EVIDENCE[due_form](today(s))),
            "IMPLEMENTED": s.enter_in_file if s.aggregate.in_platform else s.enter_in_platform,
        }
        self.attempt(steps.get(s.aggregate.state, lambda: self.find_more()))

    def draft_on(self) -> None:
        s = self.scene
        if not s.aggregate.subject_account:
            s.invite()
        elif not s.aggregate.text:
            s.render()
        elif not s.aggregate.heard:
            s.hear()
        else:
            for way in (s.submit, s.ask, lambda: s.plan(QUIET_PLAN)):
                if not way().was_refused():
                    return

    @rule(
        before=st.integers(0, 6),
        kinds=st.lists(st.sampled_from(MEDDLING), min_size=1, max_size=2),
        person=st.sampled_from(PEOPLE),
        after=st.integers(2, 9),
    )
    def meddle(self, before: int, kinds: list[str], person: str, after: int) -> None:
        """Something comes in between, and then everybody goes on as if nothing had been."""
        s = self.scene
        handler = Actor(person, roles.HANDLER, TOWN)
        plan = s.aggregate.plan.model_dump(include=set(MEETING_PLAN)) if s.aggregate.plan else MEETING_PLAN
        plan["rationale"] = "影响范围。"
        narrow: dict[str, Any] = {"limits": {"max_scope": "UNIT_ALL_STAFF"}}
        meddling: dict[str, Callable[[], object]] = {
            "plan again": lambda: s.plan(plan),
            "plan wider": lambda: s.plan(plan, scope="PROVINCE_WIDE"),
            "plan quietly": lambda: s.plan(QUIET_PLAN),
            "other text": lambda: s.render(f"说明{s.aggregate.version}。"),
            "withdraw": lambda: s.when(c.WithdrawConsent(), by=SUBJECT),
            "stranger agrees": lambda: s.answer(actor=STRANGER),
            "handler agrees": lambda: s.answer(actor=HANDLER),
            "agree narrowly": lambda: s.answer("AGREED_WITH_LIMITS", **narrow),
            "he reviews": lambda: s.review(Actor(person, roles.ORGAN_HEAD, TOWN)),
            "he approves": lambda: s.approve(Actor(person, roles.CLARIFICATION_APPROVER, COUNTY)),
            "he drafts": lambda: s.when(c.PlanClarification(**plan), by=handler),
            "he writes": lambda: s.when(c.RenderText(), by=handler),
            "he implements": lambda: s.when(
                c.ImplementForm(evidence=EVIDENCE["MEETING"](today(s))), by=handler
            ),
            "find more": self.find_more,
        }
        self.go_on(before, MEETING_PLAN, True, "AGREED")
        for kind in kinds:
            self.attempt(meddling[kind])
        self.go_on(after, MEETING_PLAN, True, "AGREED")

    @rule(person=st.sampled_from(PEOPLE), steps=st.integers(5, 12))
    def busybody(self, person: str, steps: int) -> None:
        """One person tries to take every step alone, in whatever role it needs (SD1, SD2)."""
        s = self.scene
        handler = Actor(person, roles.HANDLER, TOWN)
        approver = Actor(person, roles.CLARIFICATION_APPROVER, COUNTY)
        for _ in range(steps):
            version = s.aggregate.version
            own: dict[str, Callable[[], object]] = {
                "PROPOSED": lambda: s.when(c.PlanClarification(**MEETING_PLAN), by=handler),
                "UNDER_REVIEW": lambda: s.review(Actor(person, roles.ORGAN_HEAD, TOWN)),
                "UNDER_APPROVAL": lambda: s.approve(approver),
                "APPROVED": lambda: s.when(
                    c.ImplementForm(evidence=EVIDENCE["MEETING"](today(s))), by=handler
                ),
            }
            if s.aggregate.state == "PLANNED" and not s.aggregate.text:
                own["PLANNED"] = lambda: s.when(c.RenderText(), by=handler)
            self.attempt(own.get(s.aggregate.state, lambda: None))
            if s.aggregate.version == version:
                self.next_step(MEETING_PLAN, True, "AGREED")

    # anything, at any time

    @rule()
    def find_more(self) -> None:
        self.cases += 1
        self.attempt(lambda: self.scene.find(unfounded(f"case-{self.cases}")))

    @rule(days=st.integers(0, 6))
    def days_pass(self, days: int) -> None:
        self.scene.at(min(self.scene.now.date() + timedelta(days=days), date(2024, 12, 31)))

    @rule(effect=st.booleans(), recommendation=st.sampled_from(["CLARIFY", "NOT"]))
    def assess(self, effect: bool, recommendation: str) -> None:
        harm = ["SOCIETY"] if effect else []
        self.attempt(lambda: self.scene.assess(adverse_effect=harm, recommendation=recommendation))

    @rule()
    def decide_not_required(self) -> None:
        self.attempt(
            lambda: self.scene.when(c.DecideNotRequired(reason="OTHER", opinion="不予澄清。"), by=DEPUTY)
        )

    @rule(actor=HANDLERS, items=st.lists(st.sampled_from(["case-1/1", "case-1/2", "case-2/1"]), min_size=1))
    def propose(self, actor: Actor, items: list[str]) -> None:
        self.attempt(lambda: self.scene.when(c.ProposeClarification(items=items), by=actor))

    @rule(actor=HANDLERS, plan=PLANS, scope=st.sampled_from([None, *SCOPES]))
    def plan(self, actor: Actor, plan: dict[str, Any], scope: str | None) -> None:
        over = {"scope": scope} if scope else {}
        self.attempt(lambda: self.scene.when(c.PlanClarification(**{**plan, **over}), by=actor))

    @rule(actor=HANDLERS, note=st.sampled_from(["", "说明一。", "说明二。", "清正廉洁", "恶意"]))
    def render(self, actor: Actor, note: str) -> None:
        self.attempt(lambda: self.scene.when(c.RenderText(procedural_note=note), by=actor))

    @rule(account=st.sampled_from([SUBJECT.person, HANDLER.person]))
    def invite(self, account: str) -> None:
        self.attempt(lambda: self.scene.when(c.InviteSubject(account=account), by=INVITER))

    @rule(actor=ANSWERING)
    def hear(self, actor: Actor) -> None:
        self.attempt(lambda: self.scene.when(c.RecordSubjectVoice(voice="希望说明。"), by=actor))

    @rule(scope=st.sampled_from([None, *SCOPES]))
    def ask(self, scope: str | None) -> None:
        plan = self.scene.aggregate.plan
        asked = {
            "forms": plan.forms if plan else ["MEETING"],
            "scope": scope or (plan.scope if plan else "COUNTY_WIDE"),
            "text_hash": self.scene.aggregate.text_hash or HASH,
            "explained": ALL_EXPLAINED,
        }
        self.attempt(lambda: self.scene.when(c.RequestConsent(**asked), by=HANDLER))

    @rule(
        actor=ANSWERING,
        decision=st.sampled_from(["AGREED", "AGREED_WITH_LIMITS", "REFUSED"]),
        limits=st.sampled_from(
            [None, {"no_media": True}, {"max_scope": "UNIT_ALL_STAFF"}, {"excluded_forms": ["MEETING"]}]
        ),
        signed=st.booleans(),
        right_text=st.booleans(),
    )
    def answer(
        self, actor: Actor, decision: str, limits: dict[str, Any] | None, signed: bool, right_text: bool
    ) -> None:
        self.attempt(
            lambda: self.scene.answer(
                decision,
                actor,
                limits=limits,
                text_hash=(right_text and self.scene.aggregate.text_hash) or HASH,
                signed_form_hash=HASH if signed else None,
            )
        )

    @rule()
    def deliver(self) -> None:
        if self.scene.aggregate.consent is not None:
            self.attempt(self.scene.deliver)

    @rule()
    def hand_over(self) -> None:
        self.attempt(lambda: self.scene.when(c.RecordConsentDelivery(receipt_hash=HASH), by=HANDLER))

    @rule()
    def lapse(self) -> None:
        self.attempt(lambda: self.scene.when(c.LapseConsent(), by=SYSTEM))

    @rule(actor=ANSWERING)
    def withdraw(self, actor: Actor) -> None:
        self.attempt(lambda: self.scene.when(c.WithdrawConsent(), by=actor))

    @rule()
    def submit(self) -> None:
        self.attempt(self.scene.submit)

    @rule(actor=HEADS, decision=st.sampled_from(["ENDORSE", "RETURN"]), confirmed=st.booleans())
    def review(self, actor: Actor, decision: str, confirmed: bool) -> None:
        said = {"decision": decision, "no_prejudice_confirmed": confirmed}
        self.attempt(lambda: self.scene.review(actor, **said))

    @rule(actor=APPROVERS, decision=st.sampled_from(["APPROVE", "REFUSE"]), confirmed=st.booleans())
    def approve(self, actor: Actor, decision: str, confirmed: bool) -> None:
        said = {"decision": decision, "no_prejudice_confirmed": confirmed}
        self.attempt(lambda: self.scene.approve(actor, **said))

    @rule(actor=HANDLERS, form=st.sampled_from(sorted(EVIDENCE)), back=st.integers(0, 3))
    def implement(self, actor: Actor, form: str, back: int) -> None:
        on = (self.scene.now.date() - timedelta(days=back)).isoformat()
        self.attempt(lambda: self.scene.when(c.ImplementForm(evidence=EVIDENCE[form](on)), by=actor))

    @rule(in_file=st.booleans())
    def file(self, in_file: bool) -> None:
        self.attempt(self.scene.enter_in_file if in_file else self.scene.enter_in_platform)

    @rule(n=st.integers(1, 2), true=st.integers(0, 2))
    def think_again(self, n: int, true: int) -> None:
        """A case is reopened, and concluded again or not yet."""
        case = f"case-{n}"
        known = self.scene.aggregate.conclusions.get(case, 0)
        self.attempt(lambda: self.scene.reopen(case, known))
        if known and true < 2:
            self.attempt(lambda: self.scene.find_again(case, known + 1, true=true))

    @rule(wait=st.booleans())
    def stand_still(self, wait: bool) -> None:
        suspend = c.SuspendClarification(ground="SECRECY", reason="涉密。")
        self.attempt(
            lambda: self.scene.when(suspend if wait else c.ResumeClarification(reason="可以。"), by=DEPUTY)
        )

    # what may never be

    @invariant()
    def b7_whatever_waits_has_a_clock(self) -> None:
        a = self.scene.aggregate
        assert not a.version or a.state in a.ended or a.running, a.state

    @invariant()
    def the_state_is_a_state(self) -> None:
        assert not self.scene.history or self.scene.aggregate.state in STATES

    @invariant()
    def the_last_event_is_lawful(self) -> None:
        history = self.scene.history
        for at in range(self.checked, len(history)):
            if history[at].type == "ClarificationFormImplemented":
                Implementation(history[: at + 1]).must_be_lawful()
            if history[at].type == "ClarificationImplemented":
                whole_approval_was_carried_out(history[: at + 1])
        self.checked = len(history)

    def teardown(self) -> None:
        """The record did not change afterwards: replayed once more, it leads to the same state."""
        again = fold(Clarification(UUID(int=4)), self.scene.history)
        assert known(again) == known(self.scene.aggregate)


class Implementation:
    """One implemented form, judged from the events alone."""

    def __init__(self, history: list[Recorded]) -> None:
        self.history = history
        self.done: Any = history[-1].event

    def must_be_lawful(self) -> None:
        approval = self.latest("ClarificationApproved")
        review = self.latest("ClarificationReviewed")
        plan = self.latest("ClarificationPlanned")
        approved: Any = approval.event
        reviewed: Any = review.event
        assert self.done.form in approved.forms
        assert self.done.text_hash == approved.text_hash == reviewed.text_hash
        self.none_after("ClarificationApprovalVoided", approval)
        self.none_after("ClarificationReopened", approval)
        order = [plan, self.latest("ClarificationTextRendered"), review, approval]
        assert order == sorted(order, key=lambda r: r.originator_version)
        self.different_people(review, approval)
        if self.done.form in ("MEETING", "CIRCULAR"):
            self.consented(plan)

    def consented(self, plan: Recorded) -> None:
        granted = self.latest("ClarificationConsentGranted")
        consent: Any = granted.event
        terms: Any = plan.event
        self.none_after("ClarificationConsentWithdrawn", granted)
        assert plan.originator_version < granted.originator_version
        assert self.done.form in consent.forms
        assert self.done.form not in consent.limits.excluded_forms
        assert consent.text_hash == self.done.text_hash
        assert SCOPES.index(terms.scope) <= SCOPES.index(consent.scope)
        if consent.limits.max_scope:
            assert SCOPES.index(terms.scope) <= SCOPES.index(consent.limits.max_scope)
        assert not (consent.limits.no_media and terms.scope == "PUBLIC_MEDIA")
        assert granted.meta.actor == SUBJECT.person or consent.signed_form_hash

    def different_people(self, review: Recorded, approval: Recorded) -> None:
        """SD1, SD2, R4, over all rounds."""
        drafting = {r.meta.actor for r in self.history if r.meta.duty in ("handler", "author")}
        deciding = {r.meta.actor for r in self.history if r.meta.duty in ("reviewer", "approver")}
        assert not drafting & deciding
        assert review.meta.actor != approval.meta.actor
        assert review.meta.organ == TOWN
        assert approval.meta.organ == COUNTY
        assert approval.meta.actor not in {HEAD.person, "p-verifier"}

    def latest(self, name: str) -> Recorded:
        return next(r for r in reversed(self.history) if r.type == name)

    def none_after(self, name: str, recorded: Recorded) -> None:
        later = [r.type for r in self.history if r.originator_version > recorded.originator_version]
        assert name not in later


def whole_approval_was_carried_out(history: list[Recorded]) -> None:
    """Implemented means: every approved form, since the last approval."""
    since = max(n for n, r in enumerate(history) if r.type == "ClarificationApproved")
    approved: Any = history[since].event
    done: list[Any] = [r.event for r in history[since:] if r.type == "ClarificationFormImplemented"]
    forms = {event.form for event in done}
    assert forms == set(approved.forms)


ClarificationMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestClarificationMachine = ClarificationMachine.TestCase


def test_the_machine_can_reach_the_end() -> None:
    """The lawful way leads to completion, so that the machine's silence means something."""
    machine = ClarificationMachine()
    machine.begin(20, MEETING_PLAN)
    machine.the_last_event_is_lawful()
    assert "ClarificationCompleted" in [r.type for r in machine.scene.history]
    assert machine.scene.aggregate.subject == PERSON
    machine.teardown()
