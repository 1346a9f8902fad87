"""A stage on which commands are played against one clarification, and named examples to play with.

It asks what the gate asks of the actor (organ, role, recusal, separation of duties) and then the
aggregate, so that a test shows who may do something as well as when.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.clarification import commands as c
from services.clarification.domain.clarification import Clarification
from shared.aggregate import Actor, Context, Law, fold
from shared.command import Command
from shared.contracts.clarification import Disposition
from shared.contracts.common import Accused, Allegation, Finding
from shared.contracts.verification import AllegationsVerifiedUnfounded
from shared.event import Recorded
from shared.law.deadlines import Catalogue
from shared.law.policy import load_policy
from shared.law.working_days import SHANGHAI
from shared.organs.tree import OrganTree
from shared.refusal import Refusal, refuse
from shared.security import roles

LAW = Law(load_policy(), Catalogue.load(), OrganTree.load())
TOWN, COUNTY, OTHER_COUNTY = "DI-990102100", "DI-990102", "DI-990101"

VERIFIER = Actor("p-verifier", roles.HANDLER, TOWN)
HANDLER = Actor("p-handler", roles.HANDLER, TOWN)
AUTHOR = Actor("p-author", roles.HANDLER, TOWN)
DEPUTY = Actor("p-deputy", roles.DEPUTY_LEADER, TOWN)
INVITER = Actor("p-dept-head", roles.DEPT_HEAD, TOWN)
HEAD = Actor("p-head", roles.ORGAN_HEAD, TOWN)
APPROVER = Actor("p-approver", roles.CLARIFICATION_APPROVER, COUNTY)
SUBJECT = Actor("a-wu", roles.SUBJECT, "")
STRANGER = Actor("a-stranger", roles.SUBJECT, "")
SYSTEM = Actor(roles.SYSTEM, roles.SYSTEM, TOWN)

HASH = "a" * 64
ALL_EXPLAINED = ["PURPOSE", "SCOPE", "AUDIENCE", "CONSEQUENCES", "RIGHT_TO_REFUSE_OR_WITHDRAW"]
PERSON = Accused(
    ref="AC-4",
    name="吴虚四",
    unit="云瓶镇向阳社区",
    unit_division="990102100001",
    position="党组织书记",
    managed_by_level="TOWNSHIP",
)
PARTY_ORG = Accused(
    ref="AC-O",
    subject_type="PARTY_ORG",
    name="云瓶镇向阳社区党支部",
    unit="云瓶镇向阳社区",
    unit_division="990102100001",
    managed_by_level="TOWNSHIP",
    principal_head="周虚五",
)
MEETING_PLAN: dict[str, Any] = {
    "forms": ["WRITTEN", "MEETING"],
    "scope": "VILLAGE_OR_COMMUNITY",
    "venue": "VILLAGE_MEETING",
    "recipients": ["本人", "云瓶镇党委主要负责人"],
    "rationale": "影响限于本社区。",
    "public_attendance": True,
    "invited_groups": ["居民代表", "党员"],
}
QUIET_PLAN: dict[str, Any] = {
    "forms": ["WRITTEN", "FACE_TO_FACE"],
    "scope": "SUBJECT_AND_UNIT_HEAD",
    "recipients": ["本人", "云瓶镇党委主要负责人"],
    "rationale": "影响限于本人。",
}


def unfounded(
    case: str = "case-1",
    *,
    subject: Accused = PERSON,
    texts: Sequence[str] = ("反映其违规发放补贴", "反映其收受礼金"),
    others: Sequence[Finding] = (),
    on: date = date(2022, 3, 1),
) -> AllegationsVerifiedUnfounded:
    """A conclusion of verification; allegation ids are `<case>/1`, `<case>/2`."""
    return AllegationsVerifiedUnfounded(
        subject=subject,
        unfounded=tuple(
            Allegation(id=f"{case}/{n}", accused_ref=subject.ref, kind="INTEGRITY_DISCIPLINE", text=text)
            for n, text in enumerate(texts, start=1)
        ),
        other_findings=tuple(others),
        case_id=case,
        case_number=f"HC-{case}",
        complaint_ids=(f"complaint-of-{case}",),
        complaint_numbers=(f"XF-{case}",),
        handling_organ=TOWN,
        handling_dept="纪检室",
        verification_handlers=(VERIFIER.person,),
        concluded_by=HEAD.person,
        concluded_on=on,
    )


def letter(day: str) -> dict[str, str]:
    return {"document_hash": HASH, "sent_on": day, "received_on": day}


def written(day: str = "2022-03-18") -> dict[str, Any]:
    return {"form": "WRITTEN", "to_subject": letter(day), "to_unit_head": letter(day)}


def meeting(day: str = "2022-03-18", **over: Any) -> dict[str, Any]:
    return {
        "form": "MEETING",
        "place": "社区会议室",
        "held_at": f"{day}T15:00:00+08:00",
        "attendee_groups": ["居民代表", "党员"],
        "attendee_count": 42,
        "chair": "镇纪委书记",
        "reader": "镇纪委副书记",
        "minutes_hash": HASH,
        **over,
    }


def face_to_face(day: str = "2022-03-18", **over: Any) -> dict[str, Any]:
    ending = {} if "refusal_note" in over else {"signature_hash": HASH}
    return {
        "form": "FACE_TO_FACE",
        "place": "谈话室",
        "held_at": f"{day}T15:00:00+08:00",
        "staff": ["p-handler", "p-author"],
        **ending,
        **over,
    }


def circular(day: str = "2022-03-18", **over: Any) -> dict[str, Any]:
    return {
        "form": "CIRCULAR",
        "range": "UNIT_ALL_STAFF",
        "channels": ["公告栏"],
        "from_on": day,
        "to_on": (date.fromisoformat(day) + timedelta(days=10)).isoformat(),
        "copy_hash": HASH,
        **over,
    }


EVIDENCE = {"WRITTEN": written, "MEETING": meeting, "FACE_TO_FACE": face_to_face, "CIRCULAR": circular}


def known(clarification: Clarification) -> dict[str, Any]:
    """Everything that the aggregate knows, for comparison."""
    return {k: v for k, v in vars(clarification).items() if not k.startswith("_")}


def remembered(clarification: Clarification) -> dict[str, Any]:
    """The same, which stays as it is whatever becomes of the aggregate."""
    return copy.deepcopy(known(clarification))


class Stage:
    """One clarification, the day on which it is played, and everything that was recorded."""

    def __init__(self, subject: Accused = PERSON) -> None:
        self.c = Clarification(UUID(int=4))
        self.subject = subject
        self.day = date(2022, 3, 1)
        self.history: list[Recorded] = []
        self.retaliation = False
        """True while a report of retaliation around the subject is open."""

    # when

    def find(self, found: AllegationsVerifiedUnfounded | None = None) -> list[str]:
        """Verification concludes."""
        ctx = self._context(SYSTEM, "take_up", "R25", "")
        self.c.take_up(ctx, found or unfounded(subject=self.subject))
        return self._collect()

    def dispose(self, case: str, allegation: str, ref: str = "D-1") -> list[str]:
        """Verification tells what follows from a substantiated allegation."""
        told = Disposition(case_id=case, allegation_id=allegation, disposition_ref=ref)
        self.c.note_disposition(self._context(SYSTEM, "note_disposition", "R9", ""), told)
        return self._collect()

    def recompute(self) -> list[str]:
        """The calendar of a year is there."""
        self.c.recompute_deadlines(self._context(SYSTEM, "RecomputeDeadlines", "§8.7", ""))
        return self._collect()

    def do(self, command: type[Command], actor: Actor, **fields: Any) -> list[str]:
        """Plays a command; the names of the events that it recorded."""
        asked = command.model_validate(fields)
        self._gate(command, actor)
        gate = command.gate
        ctx = self._context(actor, command.__name__, gate.rule, gate.duty)
        try:
            getattr(self.c, command.method)(ctx, **asked.arguments())
        except Refusal:
            assert not self.c.pending_events, "a refused command records nothing"
            raise
        return self._collect()

    # then

    @contextmanager
    def refused(self, code: str) -> Iterator[None]:
        """Expects that the block is refused with this code, and changes nothing."""
        before = remembered(self.c)
        with pytest.raises(Refusal) as caught:
            yield
        assert caught.value.code == code
        assert remembered(self.c) == before

    def refuses(self, code: str, command: type[Command], actor: Actor, **fields: Any) -> None:
        with self.refused(code):
            self.do(command, actor, **fields)

    def last(self, name: str) -> Any:
        """The last event of that name."""
        return next(r.event for r in reversed(self.history) if r.type == name)

    def due(self, event: str, deadline: str) -> str:
        recorded = next(r for r in reversed(self.history) if r.type == event)
        return next(d.due for d in recorded.meta.deadlines if d.id == deadline)

    def replayed(self) -> Clarification:
        return fold(Clarification(self.c.id), self.history)

    # given: the way to a state, with the usual words

    def assess(self, **over: Any) -> list[str]:
        fields = {
            "adverse_effect": ["WORK", "LIFE"],
            "trigger": "REPEATED_AFTER_CONCLUSION",
            "reputation": "群众反映尚可。",
            "integrity_file_checked": True,
            "social_effect": "情绪低落。",
            "recommendation": "CLARIFY",
        }
        return self.do(c.AssessClarification, HANDLER, **{**fields, **over})

    def propose(self, **over: Any) -> list[str]:
        items = [i.allegation_id for i in self.c.items]
        return self.do(c.ProposeClarification, HANDLER, **{"items": items, **over})

    def plan(self, plan: dict[str, Any] | None = None, **over: Any) -> list[str]:
        return self.do(c.PlanClarification, HANDLER, **{**(plan or MEETING_PLAN), **over})

    def invite(self) -> list[str]:
        return self.do(c.InviteSubject, INVITER, account=SUBJECT.person)

    def render(self, note: str = "") -> list[str]:
        return self.do(c.RenderText, AUTHOR, procedural_note=note)

    def ask(self, **over: Any) -> list[str]:
        assert self.c.plan is not None
        fields = {
            "forms": self.c.plan.forms,
            "scope": self.c.plan.scope,
            "text_hash": self.c.text_hash or HASH,
            "explained": ALL_EXPLAINED,
        }
        return self.do(c.RequestConsent, HANDLER, **{**fields, **over})

    def answer(self, decision: str = "AGREED", actor: Actor = SUBJECT, **over: Any) -> list[str]:
        fields = {"decision": decision, "text_hash": self.c.text_hash or HASH}
        return self.do(c.RecordConsent, actor, **{**fields, **over})

    def hear(self) -> list[str]:
        return self.do(c.RecordSubjectVoice, SUBJECT, voice="希望说明情况。")

    def submit(self) -> list[str]:
        return self.do(c.SubmitForReview, HANDLER)

    def review(self, actor: Actor = HEAD, **over: Any) -> list[str]:
        fields = {"decision": "ENDORSE", "opinion": "同意。", "no_prejudice_confirmed": True}
        return self.do(c.ReviewClarification, actor, **{**fields, **over})

    def approve(self, actor: Actor = APPROVER, **over: Any) -> list[str]:
        fields = {"decision": "APPROVE", "opinion": "批准。", "no_prejudice_confirmed": True}
        return self.do(c.ApproveClarification, actor, **{**fields, **over})

    def implement(self, evidence: dict[str, Any]) -> list[str]:
        return self.do(c.ImplementForm, HANDLER, evidence=evidence)

    def file(self) -> list[str]:
        first = self.do(
            c.RecordPlatformEntry, HANDLER, platform_receipt_no="PT-2022-1", material_hashes=[HASH]
        )
        return first + self.do(c.RecordIntegrityFileEntry, HANDLER, file_no="LZ-7", document_hashes=[HASH])

    def proposed(self) -> Stage:
        self.find()
        self.assess()
        self.propose()
        return self

    def drafted(self, plan: dict[str, Any] | None = None) -> Stage:
        """Planned, the subject invited, the text rendered."""
        self.proposed()
        self.plan(plan)
        self.invite()
        self.render()
        return self

    def asked(self) -> Stage:
        self.drafted()
        self.on("2022-03-07")
        self.ask()
        return self

    def consented(self, decision: str = "AGREED", **over: Any) -> Stage:
        self.asked()
        self.answer(decision, **over)
        self.hear()
        return self

    def submitted(self, plan: dict[str, Any] | None = None) -> Stage:
        if plan is None:
            self.consented()
        else:
            self.drafted(plan)
            self.hear()
        self.submit()
        return self

    def approved(self, plan: dict[str, Any] | None = None) -> Stage:
        self.submitted(plan)
        self.review()
        self.on("2022-03-14")
        self.approve()
        self.on("2022-03-18")
        return self

    def completed(self, plan: dict[str, Any] | None = None) -> Stage:
        self.approved(plan)
        assert self.c.plan is not None
        for form in self.c.plan.forms:
            self.implement(EVIDENCE[form]())
        self.file()
        return self

    def on(self, day: str | date) -> Stage:
        self.day = date.fromisoformat(day) if isinstance(day, str) else day
        return self

    # behind the stage

    def _gate(self, command: type[Command], actor: Actor) -> None:
        gate = command.gate
        if actor.role != roles.SUBJECT and gate.organ is not None:
            required = gate.organ(self.c, LAW)
            if required and actor.organ != required:
                refuse(gate.wrong_organ, gate.rule)
        if actor.role not in gate.by:
            refuse("E_FORBIDDEN_ROLE", gate.rule)
        if actor.person in self.c.recused:
            refuse("E_RECUSAL", "A48")
        if any(actor.person in self.c.duties.get(duty, ()) for duty in gate.differs_from):
            refuse("E_SOD_CONFLICT", gate.rule)

    def _context(self, actor: Actor, command: str, rule: str, duty: str) -> Context:
        noon = datetime.combine(self.day, time(12), SHANGHAI)
        return Context(
            actor=actor,
            now=noon,
            occurred_at=noon,
            law=LAW,
            command=command,
            rule=rule,
            duty=duty,
            facts={"retaliation": self.retaliation},
        )

    def _collect(self) -> list[str]:
        events = self.c.collect_events()
        numbered = [r.numbered(f"CQ-990102100-2022-{1:06d}") if r.event.numbered else r for r in events]
        if any(r.event.numbered for r in numbered):
            self.c.number = "CQ-990102100-2022-000001"  # as the committer does
        self.history += numbered
        return [r.type for r in events]
