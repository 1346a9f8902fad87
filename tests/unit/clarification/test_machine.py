"""Random histories: whatever is tried, in whatever order and by whomever, nothing unlawful stands in
the stream, and any prefix of it replays to the state that was (domain.md §4.4, §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.clarification import commands as c
from services.clarification.domain.clarification import Clarification
from shared.aggregate import Actor, fold
from shared.contracts.common import SCOPES
from shared.event import Recorded
from shared.refusal import Refusal
from shared.security import roles
from tests.unit.clarification.stage import (
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
    Stage,
    known,
    unfounded,
)

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
}


def stored(recorded: Recorded) -> Recorded:
    """The event as it comes back from the store."""
    event = type(recorded.event).model_validate_json(recorded.event.model_dump_json())
    return replace(recorded, event=event)


class ClarificationMachine(RuleBasedStateMachine):
    """Every command, by right and by wrong people, with right and wrong words."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
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
        with suppress(Refusal):
            play()
        for recorded in self.stage.history[self.replay.version :]:
            self.replay.apply(stored(recorded))
        assert known(self.replay) == known(self.stage.c)

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
        s = self.stage
        due_form = next((f for f in s.c.plan.forms if f not in s.c.implemented), "") if s.c.plan else ""
        effect = ["WORK"] if harm else []
        steps: dict[str, Callable[[], object]] = {
            "ASSESSING": lambda: s.assess(adverse_effect=effect),
            "ASSESSED": s.propose,
            "PROPOSED": lambda: s.plan(plan),
            "PLANNED": self.draft_on,
            "CONSENT_PENDING": lambda: s.answer(decision),
            "UNDER_REVIEW": s.review,
            "UNDER_APPROVAL": s.approve,
            "APPROVED": lambda: s.implement(EVIDENCE[due_form](s.day.isoformat())),
            "IMPLEMENTED": s.file,
        }
        self.attempt(steps.get(s.c.state, lambda: self.find_more()))

    def draft_on(self) -> None:
        s = self.stage
        if not s.c.subject_account:
            s.invite()
        elif not s.c.text:
            s.render()
        elif not s.c.heard:
            s.hear()
        else:
            for way in (s.submit, s.ask, lambda: s.plan(QUIET_PLAN)):
                try:
                    way()
                except Refusal:
                    continue
                return

    @rule(
        before=st.integers(0, 6),
        kinds=st.lists(st.sampled_from(MEDDLING), min_size=1, max_size=2),
        person=st.sampled_from(PEOPLE),
        after=st.integers(2, 9),
    )
    def meddle(self, before: int, kinds: list[str], person: str, after: int) -> None:
        """Something comes in between, and then everybody goes on as if nothing had been."""
        s = self.stage
        handler = Actor(person, roles.HANDLER, TOWN)
        plan = s.c.plan.model_dump(include=set(MEETING_PLAN)) if s.c.plan else MEETING_PLAN
        plan["rationale"] = "影响范围。"
        narrow: dict[str, Any] = {"limits": {"max_scope": "UNIT_ALL_STAFF"}}
        meddling: dict[str, Callable[[], object]] = {
            "plan again": lambda: s.plan(plan),
            "plan wider": lambda: s.plan(plan, scope="PROVINCE_WIDE"),
            "plan quietly": lambda: s.plan(QUIET_PLAN),
            "other text": lambda: s.render(f"说明{s.c.version}。"),
            "withdraw": lambda: s.do(c.WithdrawConsent, SUBJECT),
            "stranger agrees": lambda: s.answer(actor=STRANGER),
            "handler agrees": lambda: s.answer(actor=HANDLER),
            "agree narrowly": lambda: s.answer("AGREED_WITH_LIMITS", **narrow),
            "he reviews": lambda: s.review(Actor(person, roles.ORGAN_HEAD, TOWN)),
            "he approves": lambda: s.approve(Actor(person, roles.CLARIFICATION_APPROVER, COUNTY)),
            "he drafts": lambda: s.do(c.PlanClarification, handler, **plan),
            "he writes": lambda: s.do(c.RenderText, handler),
            "he implements": lambda: s.do(
                c.ImplementForm, handler, evidence=EVIDENCE["MEETING"](s.day.isoformat())
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
        s = self.stage
        handler = Actor(person, roles.HANDLER, TOWN)
        approver = Actor(person, roles.CLARIFICATION_APPROVER, COUNTY)
        for _ in range(steps):
            version = s.c.version
            own: dict[str, Callable[[], object]] = {
                "PROPOSED": lambda: s.do(c.PlanClarification, handler, **MEETING_PLAN),
                "UNDER_REVIEW": lambda: s.review(Actor(person, roles.ORGAN_HEAD, TOWN)),
                "UNDER_APPROVAL": lambda: s.approve(approver),
                "APPROVED": lambda: s.do(
                    c.ImplementForm, handler, evidence=EVIDENCE["MEETING"](s.day.isoformat())
                ),
            }
            if s.c.state == "PLANNED" and not s.c.text:
                own["PLANNED"] = lambda: s.do(c.RenderText, handler)
            self.attempt(own.get(s.c.state, lambda: None))
            if s.c.version == version:
                self.next_step(MEETING_PLAN, True, "AGREED")

    # anything, at any time

    @rule()
    def find_more(self) -> None:
        self.cases += 1
        self.attempt(lambda: self.stage.find(unfounded(f"case-{self.cases}")))

    @rule(days=st.integers(0, 6))
    def days_pass(self, days: int) -> None:
        self.stage.on(min(self.stage.day + timedelta(days=days), date(2024, 12, 31)))

    @rule(effect=st.booleans(), recommendation=st.sampled_from(["CLARIFY", "NOT"]))
    def assess(self, effect: bool, recommendation: str) -> None:
        harm = ["SOCIETY"] if effect else []
        self.attempt(lambda: self.stage.assess(adverse_effect=harm, recommendation=recommendation))

    @rule()
    def decide_not_required(self) -> None:
        self.attempt(lambda: self.stage.do(c.DecideNotRequired, DEPUTY, reason="OTHER", opinion="不予澄清。"))

    @rule(actor=HANDLERS, items=st.lists(st.sampled_from(["case-1/1", "case-1/2", "case-2/1"]), min_size=1))
    def propose(self, actor: Actor, items: list[str]) -> None:
        self.attempt(lambda: self.stage.do(c.ProposeClarification, actor, items=items))

    @rule(actor=HANDLERS, plan=PLANS, scope=st.sampled_from([None, *SCOPES]))
    def plan(self, actor: Actor, plan: dict[str, Any], scope: str | None) -> None:
        over = {"scope": scope} if scope else {}
        self.attempt(lambda: self.stage.do(c.PlanClarification, actor, **{**plan, **over}))

    @rule(actor=HANDLERS, note=st.sampled_from(["", "说明一。", "说明二。", "清正廉洁", "恶意"]))
    def render(self, actor: Actor, note: str) -> None:
        self.attempt(lambda: self.stage.do(c.RenderText, actor, procedural_note=note))

    @rule(account=st.sampled_from([SUBJECT.person, HANDLER.person]))
    def invite(self, account: str) -> None:
        self.attempt(lambda: self.stage.do(c.InviteSubject, INVITER, account=account))

    @rule(actor=ANSWERING)
    def hear(self, actor: Actor) -> None:
        self.attempt(lambda: self.stage.do(c.RecordSubjectVoice, actor, voice="希望说明。"))

    @rule(scope=st.sampled_from([None, *SCOPES]))
    def ask(self, scope: str | None) -> None:
        plan = self.stage.c.plan
        asked = {
            "forms": plan.forms if plan else ["MEETING"],
            "scope": scope or (plan.scope if plan else "COUNTY_WIDE"),
            "text_hash": self.stage.c.text_hash or HASH,
            "explained": ALL_EXPLAINED,
        }
        self.attempt(lambda: self.stage.do(c.RequestConsent, HANDLER, **asked))

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
            lambda: self.stage.answer(
                decision,
                actor,
                limits=limits,
                text_hash=(right_text and self.stage.c.text_hash) or HASH,
                signed_form_hash=HASH if signed else None,
            )
        )

    @rule()
    def lapse(self) -> None:
        self.attempt(lambda: self.stage.do(c.LapseConsent, SYSTEM))

    @rule(actor=ANSWERING)
    def withdraw(self, actor: Actor) -> None:
        self.attempt(lambda: self.stage.do(c.WithdrawConsent, actor))

    @rule()
    def submit(self) -> None:
        self.attempt(self.stage.submit)

    @rule(actor=HEADS, decision=st.sampled_from(["ENDORSE", "RETURN"]), confirmed=st.booleans())
    def review(self, actor: Actor, decision: str, confirmed: bool) -> None:
        said = {"decision": decision, "no_prejudice_confirmed": confirmed}
        self.attempt(lambda: self.stage.review(actor, **said))

    @rule(actor=APPROVERS, decision=st.sampled_from(["APPROVE", "REFUSE"]), confirmed=st.booleans())
    def approve(self, actor: Actor, decision: str, confirmed: bool) -> None:
        said = {"decision": decision, "no_prejudice_confirmed": confirmed}
        self.attempt(lambda: self.stage.approve(actor, **said))

    @rule(actor=HANDLERS, form=st.sampled_from(sorted(EVIDENCE)), back=st.integers(0, 3))
    def implement(self, actor: Actor, form: str, back: int) -> None:
        on = (self.stage.day - timedelta(days=back)).isoformat()
        self.attempt(lambda: self.stage.do(c.ImplementForm, actor, evidence=EVIDENCE[form](on)))

    @rule()
    def file(self) -> None:
        self.attempt(self.stage.file)

    # what may never be

    @invariant()
    def the_state_is_a_state(self) -> None:
        assert not self.stage.history or self.stage.c.state in STATES

    @invariant()
    def the_last_event_is_lawful(self) -> None:
        history = self.stage.history
        for at in range(self.checked, len(history)):
            if history[at].type == "ClarificationFormImplemented":
                Implementation(history[: at + 1]).must_be_lawful()
            if history[at].type == "ClarificationImplemented":
                whole_approval_was_carried_out(history[: at + 1])
        self.checked = len(history)

    def teardown(self) -> None:
        """The record did not change afterwards: replayed once more, it leads to the same state."""
        again = fold(Clarification(UUID(int=4)), self.stage.history)
        assert known(again) == known(self.stage.c)


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


ClarificationMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestClarificationMachine = ClarificationMachine.TestCase


def test_the_machine_can_reach_the_end() -> None:
    """The lawful way leads to completion, so that the machine's silence means something."""
    machine = ClarificationMachine()
    machine.begin(20, MEETING_PLAN)
    machine.the_last_event_is_lawful()
    assert "ClarificationCompleted" in [r.type for r in machine.stage.history]
    assert machine.stage.c.subject == PERSON
    machine.teardown()
