"""Named examples of a clarification, and the way to each of its states with the usual words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Self
from uuid import UUID

from services.clarification import commands as c
from services.clarification.domain.clarification import Clarification
from services.clarification.domain.clarification.carrying_out import RETALIATION
from shared.casework.aggregate import Actor
from shared.language import roles
from shared.language.contracts.clarification import Disposition
from shared.language.contracts.common import Accused, Allegation, Finding
from shared.language.contracts.verification import AllegationsSubstantiated, AllegationsVerifiedUnfounded
from tests.unit.kit import Scene

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


class Clarifying(Scene[Clarification]):
    """The clarifying of one subject, with the usual words of every step."""

    def __init__(self, subject: Accused = PERSON) -> None:
        super().__init__(lambda: Clarification(UUID(int=4)), number="CQ-990102100-2022-000001")
        self.at("2022-03-01").knowing(RETALIATION, False)
        self.subject = subject

    # --- what other services tell

    def find(self, found: AllegationsVerifiedUnfounded | None = None) -> Self:
        """Verification concludes."""
        conclusion = found or unfounded(subject=self.subject)
        return self.when_told(lambda c, ctx: c.take_up(ctx, conclusion), "R25")

    def reopen(self, case: str = "case-1", conclusion: int = 1) -> Self:
        """Verification reopens a case."""
        return self.when_told(lambda c, ctx: c.hold(ctx, case, f"HC-{case}", conclusion), "P7")

    def find_again(self, case: str = "case-1", n: int = 2, *, true: int = 0, unfounded_: int = 2) -> Self:
        """Verification concludes a case once more: of its two allegations the first are true, as many as are
        told, and the others unfounded."""
        texts = ("反映其违规发放补贴", "反映其收受礼金")
        ids = (f"{case}/{m}" for m in range(1, true + 1))
        others = tuple(Finding(allegation_id=id, outcome="SUBSTANTIATED") for id in ids)
        whole = unfounded(case, subject=self.subject, texts=texts[:unfounded_])
        left = tuple(a for a in whole.unfounded if int(a.id[-1]) > true)
        if left:
            again = whole.model_copy(update={"conclusion": n, "unfounded": left, "other_findings": others})
            return self.find(again)
        told = AllegationsSubstantiated(
            subject=self.subject,
            substantiated=others,
            case_id=case,
            case_number=f"HC-{case}",
            conclusion=n,
            concluded_on=date(2022, 4, 1),
        )
        return self.when_told(lambda c, ctx: c.note_none_unfounded(ctx, told), "B28")

    def dispose(self, case: str, allegation: str, ref: str = "D-1") -> Self:
        """Verification tells what follows from a substantiated allegation."""
        told = Disposition(case_id=case, allegation_id=allegation, disposition_ref=ref)
        return self.when_told(lambda c, ctx: c.note_disposition(ctx, told), "R9")

    def recompute(self) -> Self:
        """The calendar of a year is there."""
        return self.when_told(lambda c, ctx: c.recompute_deadlines(ctx), "§8.7")

    # --- given: the way to a state, with the usual words

    def assess(self, **over: Any) -> Self:
        fields = {
            "adverse_effect": ["WORK", "LIFE"],
            "trigger": "REPEATED_AFTER_CONCLUSION",
            "reputation": "群众反映尚可。",
            "integrity_file_checked": True,
            "social_effect": "情绪低落。",
            "recommendation": "CLARIFY",
        }
        return self.when(c.AssessClarification(**{**fields, **over}), by=HANDLER)

    def propose(self, **over: Any) -> Self:
        items = [i.allegation_id for i in self.aggregate.items]
        return self.when(c.ProposeClarification(**{"items": items, **over}), by=HANDLER)

    def plan(self, plan: dict[str, Any] | None = None, **over: Any) -> Self:
        return self.when(c.PlanClarification(**{**(plan or MEETING_PLAN), **over}), by=HANDLER)

    def invite(self) -> Self:
        return self.when(c.InviteSubject(account=SUBJECT.person), by=INVITER)

    def render(self, note: str = "") -> Self:
        return self.when(c.RenderText(procedural_note=note), by=AUTHOR)

    def ask(self, **over: Any) -> Self:
        assert self.aggregate.plan is not None
        fields = {
            "forms": self.aggregate.plan.forms,
            "scope": self.aggregate.plan.scope,
            "text_hash": self.aggregate.text_hash or HASH,
            "explained": ALL_EXPLAINED,
        }
        return self.when(c.RequestConsent(**{**fields, **over}), by=HANDLER)

    def deliver(self, asked_in: int | None = None) -> Self:
        """The message that asks has arrived; the present one, if no other is named."""
        assert self.aggregate.consent is not None
        of = self.aggregate.consent.asked_in if asked_in is None else asked_in
        return self.when_told(lambda c, ctx: c.note_delivered(ctx, of), "B35")

    def answer(self, decision: str = "AGREED", actor: Actor = SUBJECT, **over: Any) -> Self:
        fields = {"decision": decision, "text_hash": self.aggregate.text_hash or HASH}
        return self.when(c.RecordConsent(**{**fields, **over}), by=actor)

    def hear(self) -> Self:
        return self.when(c.RecordSubjectVoice(voice="希望说明情况。"), by=SUBJECT)

    def submit(self) -> Self:
        return self.when(c.SubmitForReview(), by=HANDLER)

    def review(self, actor: Actor = HEAD, **over: Any) -> Self:
        fields = {"decision": "ENDORSE", "opinion": "同意。", "no_prejudice_confirmed": True}
        return self.when(c.ReviewClarification(**{**fields, **over}), by=actor)

    def approve(self, actor: Actor = APPROVER, **over: Any) -> Self:
        fields = {"decision": "APPROVE", "opinion": "批准。", "no_prejudice_confirmed": True}
        return self.when(c.ApproveClarification(**{**fields, **over}), by=actor)

    def implement(self, evidence: dict[str, Any]) -> Self:
        return self.when(c.ImplementForm(evidence=evidence), by=HANDLER)

    def enter_in_platform(self) -> Self:
        return self.when(
            c.RecordPlatformEntry(platform_receipt_no="PT-2022-1", material_hashes=[HASH]), by=HANDLER
        )

    def enter_in_file(self) -> Self:
        return self.when(c.RecordIntegrityFileEntry(file_no="LZ-7", document_hashes=[HASH]), by=HANDLER)

    def revoke(self, round: int = 1, cause: str = "FINDING_OVERTURNED") -> Self:
        """Proposed, endorsed and approved."""
        self.when(c.ProposeRevocation(round=round, cause=cause, reason="原认定已改变。"), by=HANDLER)
        self.when(c.ReviewRevocation(round=round, decision="ENDORSE", opinion="同意。"), by=HEAD)
        return self.when(c.ApproveRevocation(round=round, decision="APPROVE", opinion="批准。"), by=APPROVER)

    def notify(self, recipient: str, round: int = 1) -> Self:
        told = {"means": "书面通知", "notified_on": self.now.date(), "document_hash": HASH}
        return self.when(c.RecordRecipientNotified(round=round, recipient=recipient, **told), by=HANDLER)

    def correct(self, place: str, round: int = 1) -> Self:
        told = {"reference": "GZ-1", "document_hashes": [HASH]}
        return self.when(c.RecordFileCorrected(round=round, place=place, **told), by=HANDLER)

    def proposed(self) -> Self:
        self.find()
        self.assess()
        self.propose()
        return self

    def drafted(self, plan: dict[str, Any] | None = None) -> Self:
        """Planned, the subject invited, the text rendered."""
        self.proposed()
        self.plan(plan)
        self.invite()
        self.render()
        return self

    def asked(self) -> Self:
        self.drafted()
        self.at("2022-03-07")
        self.ask()
        self.deliver()
        return self

    def consented(self, decision: str = "AGREED", **over: Any) -> Self:
        self.asked()
        self.answer(decision, **over)
        self.hear()
        return self

    def submitted(self, plan: dict[str, Any] | None = None) -> Self:
        if plan is None:
            self.consented()
        else:
            self.drafted(plan)
            self.hear()
        self.submit()
        return self

    def approved(self, plan: dict[str, Any] | None = None) -> Self:
        self.submitted(plan)
        self.review()
        self.at("2022-03-14")
        self.approve()
        self.at("2022-03-18")
        return self

    def completed(self, plan: dict[str, Any] | None = None) -> Self:
        self.approved(plan)
        assert self.aggregate.plan is not None
        for form in self.aggregate.plan.forms:
            self.implement(EVIDENCE[form]())
        self.enter_in_platform()
        self.enter_in_file()
        return self
