"""Cases that the client leads through the services, made of the steps of scenario 2.

A journey waits where the road is closed and where another service has not followed yet.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from shared.language.ids import derived_id
from tests.faults.client import Client, person_of
from tests.faults.ledger import Refused

ORGAN = "990102100"
OTHER_ORGAN = "990101001"
UPPER_ORGAN = "990102"
CONSENT_WINDOW = timedelta(days=5)
"""The least time for which a request for consent is open: five working days."""

LAPSED = ("E_STATE", "E_CONSENT_REFUSED")
"""Codes that an answer to a lapsed request meets: with its lapse noted, and before that."""

Opened = Callable[[str, UUID], Awaitable[None]]
"""Waits until a service's store has a stream: the result of a reaction."""

EVENTS = {
    "ReceiveComplaint": ["ComplaintReceived"],
    "RegisterComplaint": ["ComplaintRegistered"],
    "AcceptComplaint": ["ComplaintAccepted"],
    "TransferToHandler": ["ComplaintTransferredToHandler"],
    "AssignToCase": ["AssignmentStarted"],
    "ProposeDisposition": ["DispositionProposed"],
    "ApproveDisposition": ["DispositionApproved"],
    "StartVerification": ["VerificationStarted"],
    "RecordEvidence": ["EvidenceRecorded"],
    "HoldTalk": ["TalkHeld"],
    "RecordAccusedStatement": ["AccusedStatementRecorded"],
    "FindAllegation": ["AllegationFound"],
    "SubmitReport": ["VerificationReportSubmitted"],
    "CountersignReport": ["VerificationReportCountersigned"],
    "ConcludeVerification": ["VerificationConcluded", "AllegationsVerifiedUnfounded"],
    "AssessClarification": ["ClarificationAssessed"],
    "DecideNotRequired": ["ClarificationNotRequired"],
}
"""Effects that a command must have had in its own case, each once and nothing besides."""


class Stopped(Exception):
    """The journey ends here: something was refused that nothing speaks against."""


class Road:
    """Open or closed for all: a command under way is finished, the next one waits."""

    def __init__(self) -> None:
        self.busy = 0
        self._open = asyncio.Event()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    @asynccontextmanager
    async def way(self) -> AsyncIterator[None]:
        await self._open.wait()
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


@dataclass(slots=True)
class Journey:
    """One case's way. `name` makes the idempotency keys."""

    client: Client
    road: Road
    opened: Opened
    now: Callable[[], str]
    name: str
    _count: int = 0
    versions: dict[str, int] = field(default_factory=dict)

    async def do(
        self,
        service: str,
        command: str,
        body: dict[str, Any],
        *,
        who: str,
        at: str = "",
        decides: bool = False,
        asked: str = "",
    ) -> dict[str, Any]:
        """One command, which this journey alone sends to its case: a refusal would be a defect. Unless the
        request that it answers, `asked` on that day, has lapsed because a test let weeks pass (DL-15)."""
        self._count += 1
        path = f"/v1/{PLURALS[service]}" + (f"/{at}/{kebab(command)}" if at else "")
        version = self.versions.get(at) if decides else None
        key = f"{self.name}-{self._count:03d}"
        async with self.road.way():
            answer = await self.client.send(service, command, path, body, who=who, key=key, version=version)
        if isinstance(answer, Refused):
            today = date.fromisoformat(self.now()[:10])
            lapsed = asked and today - date.fromisoformat(asked) > CONSENT_WINDOW
            if not (lapsed and answer.code in LAPSED):
                self.client.ledger.contradictions.append(f"refused: {answer}")
            raise Stopped
        self.versions[answer.answer["id"]] = answer.answer["version"]
        return answer.answer

    async def read(self, path: str) -> dict[str, Any]:
        """The case as its handler reads it; every reading leaves an event."""
        async with self.road.way():
            view = await self.client.read(path, f"handler@DI-{ORGAN}")
        if view is None:
            self.client.ledger.contradictions.append(f"not to be read: {path}")
            raise Stopped
        return view

    async def follows(self, service: str, stream: UUID) -> str:
        """Waits for a stream that another service's reaction opens."""
        await self.opened(service, stream)
        return str(stream)

    # --- the ways ----------------------------------------------------------------------------------

    async def letter(self, organ: str = ORGAN) -> str:
        """Received, registered, its allegations listed: three commands."""
        clerk = f"petition_clerk@DI-{organ}"
        today = self.now()[:10]
        received = await self.do(
            "intake",
            "ReceiveComplaint",
            {
                "channel": "LETTER",
                "received_on": today,
                "pages": 2,
                "competent_level": "TOWNSHIP",
                "blob_id": self.name,
            },
            who=clerk,
        )
        id: str = received["id"]
        await self.do("intake", "RegisterComplaint", {"category": "ACCUSATION"}, who=clerk, at=id)
        accused = {
            "name": f"吴虚{self.name}",
            "unit": "向阳社区",
            "unit_division": f"{organ}001",
            "position": "社区党组织书记",
            "managed_by_level": "TOWNSHIP",
            "political_status": "PARTY_MEMBER",
            "official_category": "公务员",
        }
        allegation = {"id": "a1", "accused": 0, "kind": "INTEGRITY_DISCIPLINE", "text": "反映其收受礼金。"}
        body = {
            "accused": [accused],
            "allegations": [allegation],
            "approved_by": person_of(f"petition_head@DI-{organ}"),
        }
        await self.do("intake", "ListAllegations", body, who=clerk, at=id)
        return id

    async def handed_over(self, organ: str = ORGAN) -> str:
        """The letter is accepted and transferred, so that verification opens its case: six commands."""
        id = await self.letter(organ)
        head = f"petition_head@DI-{organ}"
        await self.assign("intake", id, head, head)
        accepted = {"handling_dept": "supervision_dept"}
        await self.do("intake", "AcceptComplaint", accepted, who=head, at=id, decides=True)
        await self.do("intake", "TransferToHandler", {}, who=head, at=id)
        return id

    async def concluded(self) -> tuple[str, str]:
        """Verified and found unfounded, so that intake and clarification take notice. Gives the case and
        the accused's reference."""
        complaint = await self.handed_over()
        case = await self.follows("verification", derived_id("verification-case", complaint))
        await self._verify(case)
        view = await self.read(f"/verification/v1/cases/{case}")
        ref, allegation = view["facts"]["accused"][0]["ref"], view["facts"]["allegations"][0]["id"]
        await self._find_unfounded(case, ref, allegation)
        return case, ref

    async def cleared(self, required: bool) -> None:
        """The clarification is assessed, which verification notes; then it is decided that none is
        needed, or it is led to its end, which opens followup's plan."""
        case, ref = await self.concluded()
        id = await self.follows("clarification", derived_id("clarification", ref, f"DI-{ORGAN}"))
        head, handler = f"handling_dept_head@DI-{ORGAN}", f"handler@DI-{ORGAN}"
        for role in ("handling_dept_head", "handler", "deputy_leader", "organ_head"):
            await self.assign("clarification", id, head, f"{role}@DI-{ORGAN}")
        await self.do(
            "verification",
            "AssessFalseAccusation",
            {"result": "SCREEN_OUT", "reason": "没有证据表明捏造事实和主观故意。"},
            who=handler,
            at=case,
        )
        assessed = {
            "adverse_effect": ["WORK", "LIFE"] if required else [],
            "reputation": "群众口碑良好。",
            "integrity_file_checked": True,
            "social_effect": "社区内有议论。" if required else "未见社会影响。",
            "other_open_matters": "无。",
            "recommendation": "CLARIFY" if required else "NOT",
        }
        await self.do("clarification", "AssessClarification", assessed, who=handler, at=id)
        if required:
            await self._clarify(id)
        else:
            body = {"reason": "NO_ADVERSE_EFFECT", "opinion": "尚未造成不良影响，不予澄清。"}
            deputy = f"deputy_leader@DI-{ORGAN}"
            await self.do("clarification", "DecideNotRequired", body, who=deputy, at=id, decides=True)

    # --- stretches of the way ----------------------------------------------------------------------

    async def assign(self, service: str, at: str, by: str, whom: str) -> dict[str, Any]:
        body = {"person": person_of(whom), "role": whom.partition("@")[0]}
        return await self.do(service, "AssignToCase", body, who=by, at=at)

    async def _verify(self, case: str) -> None:
        head, handler = f"handling_dept_head@DI-{ORGAN}", f"handler@DI-{ORGAN}"
        leader = f"organ_head@DI-{ORGAN}"
        for role in ("handling_dept_head", "handler", "organ_head"):
            await self.assign("verification", case, head, f"{role}@DI-{ORGAN}")
        proposal = {
            "way": "PRELIMINARY_VERIFICATION",
            "reason": "PLAUSIBLE_AND_VERIFIABLE",
            "collective_study_ref": f"study-{self.name}",
        }
        await self.do("verification", "ProposeDisposition", proposal, who=handler, at=case)
        opinion = {"opinion": "同意初步核实。"}
        await self.do("verification", "ApproveDisposition", opinion, who=leader, at=case, decides=True)
        started = {"team": TEAM, "plan_hash": digest("plan")}
        await self.do("verification", "StartVerification", started, who=handler, at=case)

    async def _find_unfounded(self, case: str, ref: str, allegation: str) -> None:
        handler = f"handler@DI-{ORGAN}"
        evidence = {
            "evidence_id": "E1",
            "kind": "DOCUMENTARY",
            "hash": digest("evidence"),
            "collectors": TEAM,
            "collected_at": self.now(),
            "place": "云瓶镇档案室",
            "signature": "SIGNED",
        }
        await self.do("verification", "RecordEvidence", evidence, who=handler, at=case)
        talk = {
            "talked_with": "ACCUSED",
            "accused_ref": ref,
            "staff": TEAM,
            "held_at": self.now(),
            "place": "云瓶镇政府谈话室",
            "note": "本人逐项说明，配合核查。",
            "record_hash": digest("talk"),
            "signature": "SIGNED",
            "duties_acknowledged": True,
        }
        await self.do("verification", "HoldTalk", talk, who=handler, at=case)
        statement = {"accused_ref": ref, "statement": "所反映的情况不存在。", "record_hash": digest("said")}
        await self.do("verification", "RecordAccusedStatement", statement, who=handler, at=case)
        finding = {
            "allegation_id": allegation,
            "outcome": "UNFOUNDED",
            "reasoning": "账目、签收单与证人证言一致。",
            "evidence_refs": ["E1"],
        }
        await self.do("verification", "FindAllegation", finding, who=handler, at=case)
        report = {
            "basics": "被反映人基本情况已查明。",
            "main_problems": "反映社区书记有关问题一项。",
            "process": "查阅账目，谈话两人次。",
            "result": "所反映的问题失实。",
            "doubtful_points": "无。",
            "suggestion": "建议予以了结。",
        }
        await self.do("verification", "SubmitReport", report, who=handler, at=case)
        opinion, chief = {"opinion": "同意。"}, f"handling_dept_head@DI-{ORGAN}"
        await self.do("verification", "CountersignReport", opinion, who=chief, at=case, decides=True)
        distinction = {
            "distinction": "DEVELOPMENT_VS_PRIVATE_GAIN",
            "applies": False,
            "reasoning": "所反映的事实不存在，无需适用。",
        }
        conclusion = {
            "three_distinctions": [distinction],
            "opinion": "同意核查报告，所反映问题失实。",
            "collective_study_ref": f"study-report-{self.name}",
        }
        leader = f"organ_head@DI-{ORGAN}"
        await self.do("verification", "ConcludeVerification", conclusion, who=leader, at=case, decides=True)

    async def _clarify(self, id: str) -> None:
        handler, leader = f"handler@DI-{ORGAN}", f"organ_head@DI-{ORGAN}"
        approver = f"clarification_approver@DI-{UPPER_ORGAN}"

        async def do(
            command: str, body: dict[str, Any], who: str = handler, decides: bool = False, asked: str = ""
        ) -> None:
            await self.do("clarification", command, body, who=who, at=id, decides=decides, asked=asked)

        async def facts() -> dict[str, Any]:
            found: dict[str, Any] = (await self.read(f"/clarification/v1/clarifications/{id}"))["facts"]
            return found

        forms = {"forms": ["WRITTEN"], "scope": "VILLAGE_OR_COMMUNITY"}
        await do("ProposeClarification", {"items": (await facts())["unfounded_ids"]})
        plan = {"recipients": ["本人"], "rationale": "议论限于本社区。"}
        await do("PlanClarification", {**forms, **plan, "public_attendance": False})
        await do("InviteSubject", {"account": "p-subject-wu"}, who=f"handling_dept_head@DI-{ORGAN}")
        await do("RenderText", {"procedural_note": "组织已按规定程序核查完毕。"})
        text = (await facts())["text_hash"]
        explained = ["PURPOSE", "SCOPE", "AUDIENCE", "CONSEQUENCES", "RIGHT_TO_REFUSE_OR_WITHDRAW"]
        asked = self.now()[:10]
        await do("RequestConsent", {**forms, "text_hash": text, "explained": explained})
        agreed = {"decision": "AGREED", "text_hash": text}
        await do("RecordConsent", agreed, who="subject-wu", asked=asked)
        voice = {"voice": "希望组织在社区说明情况，会继续把工作做好。"}
        await do("RecordSubjectVoice", voice, who="subject-wu")
        await do("SubmitForReview", {})
        endorsed = {"decision": "ENDORSE", "opinion": "同意按方案澄清。", "no_prejudice_confirmed": True}
        await do("ReviewClarification", endorsed, who=leader, decides=True)
        await self.assign("clarification", id, f"petition_head@DI-{UPPER_ORGAN}", approver)
        approved = {"decision": "APPROVE", "opinion": "同意实施。", "no_prejudice_confirmed": True}
        await do("ApproveClarification", approved, who=approver, decides=True)
        today = self.now()[:10]
        delivered = {"document_hash": digest("letter"), "sent_on": today, "received_on": today}
        written = {"form": "WRITTEN", "to_subject": delivered, "to_unit_head": delivered}
        await do("ImplementForm", {"evidence": written})
        await do(
            "RecordPlatformEntry",
            {"platform_receipt_no": f"PT-{self.name}", "material_hashes": [digest("letter")]},
        )
        await do(
            "RecordIntegrityFileEntry",
            {"file_no": f"LZ-{self.name}", "document_hashes": [digest("letter")]},
        )


async def travel(journey: Journey, number: int) -> None:
    """The way of the n-th journey: most are letters, some go on, a few are led to the end."""
    try:
        match number % 20:
            case 3:
                await journey.cleared(required=True)
            case 10:
                await journey.cleared(required=False)
            case 6 | 16:
                await journey.concluded()
            case 1 | 5 | 9 | 13 | 17:
                await journey.handed_over(OTHER_ORGAN if number % 2 else ORGAN)
            case _:
                await journey.letter(OTHER_ORGAN if number % 3 else ORGAN)
    except Stopped:
        return


PLURALS = {
    "intake": "complaints",
    "verification": "cases",
    "clarification": "clarifications",
    "followup": "plans",
}
TEAM = [person_of(f"handler@DI-{ORGAN}"), person_of(f"handler@DI-{ORGAN}#2")]
USERNAMES = [
    *(f"{role}@DI-{o}" for o in (ORGAN, OTHER_ORGAN) for role in ("petition_clerk", "petition_head")),
    *(f"{r}@DI-{ORGAN}" for r in ("handler", "handling_dept_head", "deputy_leader", "organ_head")),
    *(f"{role}@DI-{UPPER_ORGAN}" for role in ("petition_head", "clarification_approver")),
    "subject-wu",
]


def digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
