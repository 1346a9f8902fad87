"""The grounds of every case: who may know of it, and who steps aside (§6.3, A48)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence, Set
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.casework.aggregate import STANDING_IN, Act, Aggregate, Context, Law
from shared.casework.steps import STANDING
from shared.language.contracts.common import (
    Accused,
    AssignmentEnded,
    AssignmentStarted,
    DecisionInQuestion,
    EarlierStepConfirmed,
    EarlierStepSentBack,
    ExclusionLifted,
    InVault,
    PersonExcluded,
    RecusalAskedBy,
    RecusalDecided,
    RecusalGround,
    RecusalRequested,
    StepEscalated,
)
from shared.language.event import Meta, Recorded
from shared.language.refusal import refuse
from shared.language.roles import (
    CASE_MANAGER,
    CASEWORK,
    CLARIFICATION_APPROVER,
    DEPUTY_LEADER,
    LEADERS,
    ORGAN_HEAD,
    PETITION,
    PETITION_CLERK,
    PETITION_HEAD,
    SUBJECT,
    UNIT_CONTACT,
)

RECUSAL_DECIDERS = (ORGAN_HEAD, DEPUTY_LEADER)
"""Roles that decide in an organ whether somebody else steps aside (A48)."""


class Case(Aggregate):
    """An aggregate that people are assigned to. Commands of all services include these.

    The member of staff who opens a case is assigned by that act (`Meta.assigns`).
    """

    tells_unit: ClassVar[bool] = False

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.excluded_here: dict[str, tuple[str, str]] = {}
        """The people whom this case itself excluded, and not another of its matters: each one's role, and the
        organ that decided."""
        self.recusals_asked: dict[str, RecusalRequested] = {}
        """Requests for recusal that wait for a decision."""
        self.assigned_at: dict[str, set[str]] = {}
        """The organs that assigned each person."""
        self.escalated: dict[str, tuple[str, ...]] = {}
        """The roles of each step that was escalated (B5)."""
        self.acts: dict[tuple[str, str], Act] = {}
        """The last time that each person took each step."""
        self.reviewed: dict[int, bool] = {}
        """Steps of people excluded since, by their events: True if confirmed, False if sent back (B3)."""
        self.questioned: set[int] = set()
        """Steps that were taken after an exclusion, before it was known here (B2)."""
        self.heads: set[str] = set()
        """People who have acted here, or were assigned here by their own organ, as its head."""

    def apply(self, recorded: Recorded) -> None:
        super().apply(recorded)
        if recorded.meta.assigns:
            self.take_on(recorded.meta.actor, recorded.meta.role, recorded.meta)
        if recorded.meta.role == ORGAN_HEAD and recorded.meta.organ == self.organ:
            self.heads.add(recorded.meta.actor)
        if recorded.meta.duty:
            self._note_act(recorded)

    def _note_act(self, recorded: Recorded) -> None:
        meta = recorded.meta
        at = recorded.recorded_at or meta.occurred_at
        act = Act(recorded.originator_version, meta.command, meta.actor, meta.role, at)
        self.acts[meta.command, meta.actor] = act

    @property
    def in_question(self) -> tuple[Act, ...]:
        """Steps behind a return do not count: they are taken anew. One that was sent back counts until
        somebody else has taken it."""
        if self.excluded.isdisjoint(person for _, person in self.acts):
            return ()
        asked = [act for act in self.acts.values() if act.person in self.excluded and act.step in self.taken]
        return tuple(sorted(act for act in asked if not self._is_settled(act)))

    def _is_settled(self, act: Act) -> bool:
        if act.event not in self.reviewed:
            return False
        return self.reviewed[act.event] or any(
            other.step == act.step and other.event > act.event and other.person not in self.excluded
            for other in self.acts.values()
        )

    def question_decisions(self, ctx: Context, person: str, since: datetime) -> bool:
        """B2: notes the steps that somebody took here after the instant at which they were excluded, before
        that had arrived; True if there are any. They count once another has confirmed them."""
        late = [
            act
            for act in self.in_question
            if act.person == person and act.at > since and act.event not in self.questioned
        ]
        for act in late:
            self.record(
                ctx, self.own("DecisionInQuestion")(event=act.event, step=act.step, person=act.person)
            )
        return bool(late)

    def review_earlier_step(
        self, ctx: Context, event: int, decision: Literal["CONFIRM", "SEND_BACK"], opinion: str
    ) -> None:
        """B3: confirms what somebody did before they were excluded, or sends it back to be done anew: by
        somebody in the same role, or a leader. It can be confirmed still once it was sent back."""
        act = next((act for act in self.in_question if act.event == event), None)
        if act is None:
            refuse("E_STATE", "B3", in_question=[act.event for act in self.in_question])
        if ctx.actor.role not in (allowed := (act.role, *LEADERS)):
            refuse("E_FORBIDDEN_ROLE", "B3", allowed=list(allowed))
        name = "EarlierStepConfirmed" if decision == "CONFIRM" else "EarlierStepSentBack"
        self.record(ctx, self.own(name)(event=event, step=act.step, opinion=opinion))

    @property
    def people_accused(self) -> Collection[Accused]:
        """The people that it is about: nothing of it goes to an organ of theirs (B16)."""
        return ()

    def assign_to_case(self, ctx: Context, person: str, role: str) -> None:
        self._may_assign(ctx, role)
        if person == self.subject_account:
            refuse("E_RECUSAL", "A48", person=person)
        if self.version == 0 or role in self.assigned.get(person, ()):
            refuse("E_STATE", "§6.3", person=person)
        self.check_not_excluded([person])
        self.record(ctx, self.own("AssignmentStarted")(person=person, role=role))
        for step, roles in self.escalated.items():
            if role in roles and self.acting[step] == ctx.actor.organ and self._waits(step):
                self.record(ctx, self.own("StepTakenUp")(step=step, person=person))

    def _waits(self, step: str) -> bool:
        """True until the organ above has taken up a step that was escalated to it (DL-34)."""
        return f"{STANDING_IN}#step.{step}" in self.running

    def note_step_taken(self, ctx: Context, step: str) -> None:
        if step in self.acting and self._waits(step):
            self.record(ctx, self.own("StepTakenUp")(step=step, person=ctx.actor.person))

    def end_assignment(self, ctx: Context, person: str, role: str, reason: str) -> None:
        self._may_assign(ctx, role)
        if role not in self.assigned.get(person, ()):
            refuse("E_STATE", "§6.3", person=person)
        self.record(ctx, self.own("AssignmentEnded")(person=person, role=role, reason=reason))

    def end_assignments_of(
        self, ctx: Context, people: Set[str], held: Callable[[str, Container[str]], Set[str]]
    ) -> None:
        """Ends the assignments of people who do not hold their roles any more in this organ or the one that
        assigned them (B8). `held` tells the roles that somebody has in some organs today."""
        for person in sorted(people & self.assigned.keys()):
            left = self.assigned[person] & CASEWORK - held(person, {self.organ, *self.assigned_at[person]})
            for role in sorted(left):
                self.record(ctx, self.own("AssignmentEnded")(person=person, role=role, reason="LEFT"))
            self._await_stand_in(ctx, left)

    def await_stand_ins(self, ctx: Context) -> None:
        """Starts the clocks for the roles of people who were excluded elsewhere, where nobody else works on
        the case in them and none runs (DL-34)."""
        roles = frozenset[str]().union(*self.were_assigned.values()) & CASEWORK
        self._await_stand_in(ctx, {role for role in roles if f"{STANDING_IN}#{role}" not in self.clocks})

    def _await_stand_in(self, ctx: Context, roles: Set[str]) -> None:
        """Starts the clock for roles in which nobody works on the case any more (DL-34)."""
        if self.state in self.ended:
            return
        for role in sorted(frozenset(roles).difference(*self.assigned.values())):
            self.record(ctx, self.own("StandInAwaited")(role=role))

    def escalate_for_separation(
        self, ctx: Context, step: str, reason: str, unavailable: Sequence[str]
    ) -> None:
        """Moves a step to the next organ above that is no house of an accused (B16), where nobody is left who
        could take it (B5): asked by who works on the case, by case management, or from above. `unavailable`
        are holders who are away, or are to take part in the case otherwise (B6): everybody says so of
        themselves, of others a leader or the case management."""
        standing, actor = ctx.found(STANDING), ctx.actor
        accused = (*self.people_accused, *standing.accused)
        line = ctx.law.organs.line(standing.organ)[1:]
        above = next((organ for organ in line if not house_of(accused, ctx.law, organ)), None)
        from_above = actor.role in LEADERS and actor.organ == above
        managing = actor.role == CASE_MANAGER and actor.organ == self.organ
        works = self.assigned.get(actor.person) and actor.organ in (self.organ, standing.organ)
        if not (works or from_above or managing):
            refuse("E_NEED_TO_KNOW", "B5")
        if standing.past:
            refuse("E_STATE", "B5", step=step, state=self.state)
        if actor.role not in LEADERS and not managing and not {actor.person}.issuperset(unavailable):
            refuse("E_FORBIDDEN_ROLE", "B5", field="unavailable", allowed=[*LEADERS, CASE_MANAGER])
        if standing.free.difference(unavailable):
            refuse("E_SUBSTITUTE_NOT_NEEDED", "B5", step=step)
        if above is None:
            refuse("E_STATE", "B5", step=step, reason="no organ above: name a substitute")
        escalated = self.own("StepEscalated")
        self.record(
            ctx,
            escalated(
                step=step,
                roles=tuple(sorted(standing.step.by)),
                to_organ=above,
                unavailable=tuple(unavailable),
                reason=reason,
            ),
        )

    def _may_assign(self, ctx: Context, role: str) -> None:
        """Refuses an assignment from outside (§5.4). The organ that owns the case assigns its people: its
        leaders, and a clerk where the head of the petition department may not open what lies there (B4). From
        above, the head of the petition department assigns petition staff to an envelope that nobody here may
        open (B4), the organ that must approve a clarification names its own approver, the one that must
        decide on the recusal of a head its own leader, and the one that takes an escalated step whoever takes
        it (B5); nobody else assigns. The unit is told of revisits
        only."""
        if role == UNIT_CONTACT and not self.tells_unit:
            refuse("E_SCHEMA", "§6.3", field="role")
        if ctx.actor.role == PETITION_CLERK and not (self._opened_by_clerks and role in PETITION):
            refuse("E_FORBIDDEN_ROLE", "§6.3", allowed=list(LEADERS))
        if ctx.actor.organ == self.organ:
            return
        superior = ctx.law.organs.get(self.organ).parent
        if self.opens_above and ctx.actor.organ == superior and role in PETITION:
            return
        deciding = self._recusal_deciders(ctx.law) | {self._lifts(ctx.law, p) for p in self.excluded_here}
        if role in RECUSAL_DECIDERS and ctx.actor.organ in deciding:
            return
        escalated = (roles for step, roles in self.escalated.items() if self.acting[step] == ctx.actor.organ)
        if any(role in roles for roles in escalated):
            return
        approving = ctx.law.organs.clarification_approving_organ(self.organ).code
        if ctx.actor.organ != approving or role != CLARIFICATION_APPROVER:
            refuse("E_JURISDICTION", "§5.4")

    @property
    def _opened_by_clerks(self) -> bool:
        """True if a clerk of the petition department opens it, since its head is out (B4)."""
        return self.state in self.unopened and PETITION_HEAD in self.roles_out

    def declare_recusal(self, ctx: Context, ground: str) -> None:
        self._exclude(ctx, ctx.actor.person, ctx.actor.role, ground)

    def _exclude(self, ctx: Context, person: str, role: str, ground: str) -> None:
        roles = frozenset(self.assigned.get(person, ()))
        self.record(ctx, self.own("PersonExcluded")(person=person, role=role, ground=ground))
        self._await_stand_in(ctx, roles & CASEWORK)

    def request_recusal(
        self,
        ctx: Context,
        person: str | None,
        role: str,
        ground: RecusalGround,
        reason: str,
        on_behalf_of: RecusalAskedBy,
    ) -> None:
        """Asks that somebody step aside (A33, A36): by staff, for themselves or for a reporter or accused who
        asked them to; by the accused from their own account. The person asked about goes on working until it
        is decided."""
        asked_by: RecusalAskedBy = "ACCUSED" if ctx.actor.role == SUBJECT else on_behalf_of
        self._ask_recusal(ctx, person or "", role, ground, asked_by, reason)

    def _ask_recusal(
        self,
        ctx: Context,
        person: str,
        role: str,
        ground: RecusalGround,
        asked_by: RecusalAskedBy,
        reason: str = "",
        letter: InVault | None = None,
    ) -> None:
        """Records a request. Refuses if the person is excluded already."""
        if person in self.excluded:
            refuse("E_STATE", "A48", person=person)
        self.record(
            ctx,
            self.own("RecusalRequested")(
                request=f"R{self.version + 1}",
                person=person,
                role=role,
                ground=ground,
                reason=reason,
                asked_by=asked_by,
                letter=letter.id if letter else "",
                in_vault=(letter,) if letter else (),
            ),
        )

    def decide_recusal(self, ctx: Context, request: str, person: str, granted: bool, opinion: str) -> None:
        """Decides a request (A48): the organ decides, on its head the superior organ (the province, which has
        none here, by another of its leaders); nobody decides on themselves. Granted, the person is out of
        every matter of the case (B2)."""
        asked = self.recusals_asked.get(request)
        if asked is None:
            refuse("E_STATE", "A48", request=request)
        if asked.person not in ("", person):
            refuse("E_SCHEMA", "A48", field="person")
        # If the request names no person, it may mean the decider: anybody in that role may not decide it.
        unnamed = not asked.person and ctx.actor.organ == self.organ and ctx.actor.role == asked.role
        if ctx.actor.person == person or unnamed:
            refuse("E_RECUSAL", "A48")
        if ctx.actor.organ not in (deciding := self._decides_recusal(ctx.law, asked, person)):
            refuse("E_JURISDICTION", "A48", required_organ=min(deciding))
        if len(deciding) > 1 and ctx.actor.organ == self.organ and ctx.actor.role != ORGAN_HEAD:
            refuse("E_FORBIDDEN_ROLE", "A48", allowed=[ORGAN_HEAD])
        decided = self.own("RecusalDecided")
        self.record(ctx, decided(request=request, person=person, granted=granted, opinion=opinion))
        if granted and person not in self.excluded_here:
            self._exclude(ctx, person, asked.role, asked.ground)
        self._leave_again(ctx)

    def lift_exclusion(self, ctx: Context, person: str, reason: str) -> None:
        """Lets somebody in again whom this case had excluded (B2): the organ that decided does, of a head the
        superior."""
        if person not in self.excluded_here:
            # Another stream that says so decides for itself.
            refuse("E_STATE", "B2", person=person)
        if ctx.actor.organ != (deciding := self._lifts(ctx.law, person)):
            refuse("E_JURISDICTION", "B2", required_organ=deciding)
        role, _ = self.excluded_here[person]
        self.record(ctx, self.own("ExclusionLifted")(person=person, role=role, reason=reason))
        self._leave_again(ctx)

    def _lifts(self, law: Law, person: str) -> str:
        """The organ that may let somebody in again whom this case had excluded."""
        role, organ = self.excluded_here[person]
        if organ == self.organ and (person in self.heads or role == ORGAN_HEAD):
            return law.organs.get(self.organ).parent or self.organ
        return organ

    def _leave_again(self, ctx: Context) -> None:
        """Ends the assignment of a superior who came for one decision alone."""
        if ctx.actor.organ != self.organ:
            for role in sorted(self.assigned.get(ctx.actor.person, ())):
                ended = self.own("AssignmentEnded")
                self.record(ctx, ended(person=ctx.actor.person, role=role, reason="RECUSAL_DECIDED"))

    def recusal_letters_for(self, law: Law, person: str, roles: frozenset[str], organ: str) -> set[str]:
        """The reporters' letters on which this person decides."""
        deciding = self.recusals_to_decide(law, person, roles, organ)
        return {self.recusals_asked[request].letter for request in deciding} - {""}

    def recusals_to_decide(self, law: Law, person: str, roles: frozenset[str], organ: str) -> set[str]:
        """The requests that this person decides on: none that is about them, or may be."""
        if not roles.intersection(RECUSAL_DECIDERS) or person in self.excluded | self.kept_from:
            return set()
        found = set()
        for asked in self.recusals_asked.values():
            deciding = self._decides_recusal(law, asked, asked.person)
            within = organ == self.organ
            meant = asked.person == person or (not asked.person and within and asked.role in roles)
            heads_only = len(deciding) > 1 and within and ORGAN_HEAD not in roles
            if organ in deciding and not meant and not heads_only:
                found.add(asked.request)
        return found

    def _decides_recusal(self, law: Law, asked: RecusalRequested, person: str) -> set[str]:
        """The organs that may decide on this person. Somebody whom nobody here knows yet may be the organ's
        head, under whatever role they are named: then the head's deputy does not decide, and the superior
        organ may."""
        superior = law.organs.get(self.organ).parent or self.organ
        if asked.role == ORGAN_HEAD or person in self.heads:
            return {superior}
        known = not person or self.assigned.get(person) or any(person in p for p in self.duties.values())
        return {self.organ} if known else {self.organ, superior}

    def _recusal_deciders(self, law: Law) -> set[str]:
        """The organs that have a request to decide on."""
        waiting = self.recusals_asked.values()
        return {organ for asked in waiting for organ in self._decides_recusal(law, asked, asked.person)}

    def check_not_excluded(self, people: Iterable[str]) -> None:
        """Refuses to send or assign anybody who is excluded, by this case (A48) or another of its matters
        (SD10, B2)."""
        if excluded := self.excluded.intersection(people):
            rule = "A48" if excluded & (self.excluded_here.keys() | self.kept_from) else "SD10"
            refuse("E_RECUSAL", rule, people=sorted(excluded))

    def on_assignment_started(self, event: AssignmentStarted, meta: Meta) -> None:
        self.take_on(event.person, event.role, meta)

    def take_on(self, person: str, role: str, meta: Meta) -> None:
        """Folds in that a person works on the case from now on."""
        self.assigned.setdefault(person, set()).add(role)
        self.assigned_at.setdefault(person, set()).add(meta.organ)
        if role == ORGAN_HEAD and meta.organ == self.organ:
            self.heads.add(person)

    def on_assignment_ended(self, event: AssignmentEnded, meta: Meta) -> None:
        self.assigned.get(event.person, set()).discard(event.role)

    def on_step_escalated(self, event: StepEscalated, meta: Meta) -> None:
        self.acting[event.step] = event.to_organ
        self.escalated[event.step] = event.roles

    def on_recusal_requested(self, event: RecusalRequested, meta: Meta) -> None:
        self.recusals_asked[event.request] = event

    def on_recusal_decided(self, event: RecusalDecided, meta: Meta) -> None:
        self.recusals_asked.pop(event.request, None)

    def on_person_excluded(self, event: PersonExcluded, meta: Meta) -> None:
        self.excluded_here[event.person] = event.role, meta.organ
        self.roles_out.add(event.role)
        self.keep_out({event.person})

    def on_decision_in_question(self, event: DecisionInQuestion, meta: Meta) -> None:
        self.questioned.add(event.event)

    def on_earlier_step_confirmed(self, event: EarlierStepConfirmed, meta: Meta) -> None:
        self.reviewed[event.event] = True

    def on_earlier_step_sent_back(self, event: EarlierStepSentBack, meta: Meta) -> None:
        self.reviewed[event.event] = False

    def on_exclusion_lifted(self, event: ExclusionLifted, meta: Meta) -> None:
        self.excluded_here.pop(event.person, None)
        self.roles_out = {role for role, _ in self.excluded_here.values()}
        self.excluded.discard(event.person)


def house_of(accused: Collection[Accused], law: Law, organ: str) -> str:
    """The organ whose own head or staff is among the accused (A15, A75), where that is this organ or one
    above it; empty where there is none."""
    own = (law.organs.covering(person.unit_division).code for person in accused if person.is_discipline_staff)
    return next((house for house in own if law.organs.is_ancestor_or_self(house, organ)), "")
