"""Named examples of one complaint at the county (synthetic world): its events, and a command of each kind.

The county has an organ above it, one below and a neighbour, so that every way of passing on is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

from services.intake.commands import COMMANDS
from services.intake.commands import answering as a
from services.intake.commands import correcting as c
from services.intake.commands import deciding as d
from services.intake.commands import disputing as q
from services.intake.commands import integration as i
from services.intake.commands import naming as n
from services.intake.commands import passing_on as p
from services.intake.commands import receiving as r
from services.intake.commands import reporting as o
from services.intake.domain.complaint import Complaint, receiving, reporting, sealing
from services.intake.domain.complaint.deciding import ADVICE
from services.intake.domain.complaint.phase import (
    ANOTHER,
    GOES_ON_AT,
    HEADS,
    IDENTITY,
    IN_MATTER,
    NAMESAKES,
    ORIGINAL,
)
from services.intake.domain.complaint.phase import TODAY as OF_TODAY
from services.intake.domain.values import (
    AccusedEntry,
    AllegationEntry,
    Contacts,
    Deposited,
    Details,
    OutcomeTold,
    ReporterBlock,
    SamePair,
)
from shared.casework.aggregate import Actor
from shared.language.contracts import intake as e
from shared.language.contracts.common import Accused, Allegation, Finding, InVault
from shared.language.event import Event
from shared.language.roles import PETITION_HEAD
from tests.unit.kit import Scene, named

CITY, COUNTY, NEIGHBOUR, TOWN = "DI-9901", "DI-990102", "DI-990101", "DI-990102100"
COMPLAINT = UUID("00000000-0000-7000-8000-000000000015")
OTHER = UUID("00000000-0000-7000-8000-000000000016")
NUMBER, CASE = "XF-990102-2022-000002", "HC-990102-2022-000003"
TODAY = date(2022, 3, 1)
CITY_HEAD = Actor("p-city-head", PETITION_HEAD, CITY)
REPORTER = InVault(kind="IDENTITY", id="rep-1", digest="ab" * 32)
LETTER = InVault(kind="FROM_REPORTER", id="let-1", digest="cd" * 32)
PARCEL = InVault(kind="PARCEL", id="00000000-0000-7000-8000-000000000017", digest="ef" * 32)

WU = Accused(ref="acc-wu", name="吴虚四", unit="县水利局", unit_division="990102", managed_by_level="COUNTY")
ZHENG = Accused(
    ref="acc-zheng", name="郑虚九", unit="向阳社区", unit_division="990102100001", managed_by_level="TOWNSHIP"
)
A1 = Allegation(id="a1", accused_ref=WU.ref, kind="INTEGRITY_DISCIPLINE", text="收受红包")
A2 = Allegation(id="a2", accused_ref=WU.ref, kind="MASSES_DISCIPLINE", text="克扣救济款")
B1 = Allegation(id="b1", accused_ref=ZHENG.ref, kind="WORK_DISCIPLINE", text="虚报工时")

RECEIVED = e.ComplaintReceived(
    organ=COUNTY,
    channel="LETTER",
    source="DIRECT",
    received_on=TODAY,
    pages=2,
    competent_level="COUNTY",
    reporter_ref=REPORTER.id,
    identity_status="CONFIRMED",
)
REGISTERED = e.ComplaintRegistered(
    category="ACCUSATION", priority="REAL_NAME", identity_status="CONFIRMED", reporter_ref=REPORTER.id
)
SEALED = e.ComplaintSealedUpward(
    to_organ=CITY,
    bypass_organ_head=False,
    competent_level="CITY",
    sent_on=TODAY,
    parcel=PARCEL.id,
)
IN_PARCEL = RECEIVED.model_copy(update={"source": "SUBORDINATE_ESCALATED", "parcel": PARCEL.id})
LISTED = e.AllegationsListed(accused=(WU,), allegations=(A1, A2), approved_by="p-reader")
DUPLICATE = e.DuplicateFiled(of=str(OTHER), of_number="XF-990102-2022-000001", repeat_kind="DUPLICATE")
ACCEPTED = e.ComplaintAccepted(handling_dept="supervision-1")
NOT_ACCEPTED = e.ComplaintNotAccepted(reason="NO_SUBSTANCE")
HANDED_OVER = e.ComplaintTransferredToHandler(
    number=NUMBER,
    handling_dept="supervision-1",
    accused=(WU,),
    allegations=(A1, A2),
    registered_by=(),
    real_name=True,
)
ASSIGNED_DOWN = e.ComplaintAssignedDown(
    born=str(OTHER), to_organ=TOWN, ground="LONG_DELAYED", letter_ref="JB-1", report_by=date(2022, 6, 1)
)
RESULT_BELOW = e.AssignedResultNoted(case_number="HC-990102100-2022-000001", verdict="ALL_UNFOUNDED")
SENT_LATERAL = e.ComplaintSentLateral(born=str(OTHER), to_organ=NEIGHBOUR, reason="属其管辖")
OBJECTED = e.TransferObjected(competent_organ=NEIGHBOUR, reason="不属本机关")
FOUND = tuple(Finding(allegation_id=id, outcome="UNFOUNDED") for id in ("a1", "a2"))
RESULT = e.ResultBecameAvailable(
    case_number=CASE, verdict="ALL_UNFOUNDED", concluded_on=TODAY, findings=FOUND
)
CLOSED = e.ComplaintClosed(number=NUMBER, result_code="ALL_UNFOUNDED")
DISPUTED = e.JurisdictionDisputed(with_organ=NEIGHBOUR, decided_by=CITY, reason="双方均称不属本机关")
ANSWERED = e.DisputeAnswered(opinion="亦不属本机关")
NOTIFIED = e.AcceptanceNotified(means="PHONE")
ASKED = e.ReporterAsked(question_id="Q1", question="何时发生")
FEEDBACK = e.ResultFeedbackGiven(
    outcomes=(),
    means="IN_PERSON",
    policy_explained=("HANDLING_POLICY", "CONFIDENTIALITY", "TRUTHFUL_REPORTING"),
    reaction="SATISFIED",
    case_numbers=(CASE,),
)


def waived(stage: e.Stage) -> e.StageWaived:
    return e.StageWaived(stage=stage, ground="REPORTER_WAIVED")


def met(stage: e.Stage) -> e.StageMeetingHeld:
    return e.StageMeetingHeld(stage=stage, mode="IN_PERSON", staff=("p-1",), heard="已听取", demands="无")


STAGES_WAIVED = (waived("ACCEPTANCE"), waived("INVESTIGATION"), waived("REPLY"))

TO_THE_HANDLER = (RECEIVED, REGISTERED, LISTED, ACCEPTED, HANDED_OVER)
HISTORIES: dict[str, tuple[Event, ...]] = {
    "RECEIVED": (RECEIVED,),
    "SEALED_UPWARD": (RECEIVED, SEALED),
    "REGISTERED": (RECEIVED, REGISTERED, LISTED),
    "DUPLICATE_FILED": (RECEIVED, REGISTERED, LISTED, DUPLICATE),
    "NOT_ACCEPTED": (RECEIVED, REGISTERED, LISTED, NOT_ACCEPTED),
    "ACCEPTED": (RECEIVED, REGISTERED, LISTED, ACCEPTED),
    "WITH_HANDLER": TO_THE_HANDLER,
    "SENT_DOWN": (RECEIVED, REGISTERED, LISTED, ASSIGNED_DOWN, RESULT_BELOW),
    "SENT_OUT": (RECEIVED, REGISTERED, LISTED, SENT_LATERAL),
    "RETURNED": (RECEIVED, REGISTERED, LISTED, OBJECTED),
    "RESULT_AVAILABLE": (*TO_THE_HANDLER, RESULT),
    "CLOSED": (*TO_THE_HANDLER, RESULT, CLOSED),
}
"""The shortest lawful way into each state of §4.1, of a complaint by a confirmed name."""
Given = Callable[..., Scene[Complaint]]


def complaint(*events: Event, id: UUID = COMPLAINT) -> Scene[Complaint]:
    """A complaint with this past, and with what a gate looks up where nothing is known yet."""
    return (
        Scene(lambda: Complaint(id), number=NUMBER)
        .at("2022-03-01T17:00:00+08:00")
        .knowing(sealing.SEALED_BELOW, Complaint(OTHER))
        .knowing(IDENTITY, Deposited(reporter=REPORTER, identity_status="CLAIMED"))
        .knowing(sealing.PARCEL, PARCEL)
        .knowing(receiving.REGISTER, (receiving.Entered(),) * 9)
        .knowing(OF_TODAY, {})
        .knowing(NAMESAKES, {})
        .knowing(ORIGINAL, None)
        .knowing(ANOTHER, False)
        .knowing(GOES_ON_AT, CITY)
        .knowing(ADVICE, None)
        .knowing(IN_MATTER, ())
        .knowing(HEADS, frozenset({"p-head"}))
        .knowing(reporting.LETTER, LETTER)
        .knowing(reporting.FILE, ())
        .given(*events)
    )


# --- one command of each kind, which passes every guard but the state's -----------------------------------

AssignToCase, EndAssignment, DeclareRecusal, RequestRecusal, DecideRecusal, LiftExclusion, Escalate = (
    named([c for c in COMMANDS if c.on is Complaint], name)
    for name in (
        *("AssignToCase", "EndAssignment", "DeclareRecusal", "RequestRecusal", "DecideRecusal"),
        *("LiftExclusion", "EscalateForSeparation"),
    )
)
RECEIVE = r.ReceiveComplaint(channel="LETTER", received_on=TODAY, competent_level="COUNTY")
TRIAGE = c.CorrectTriage(competent_level="CITY", reason="系市管干部")
CATEGORY = c.CorrectCategory(category="APPEAL", reason="实为申诉")
ALLEGATION = c.CorrectAllegation(allegation_id="a1", text="收受礼金", reason="误录", approved_by="p-reader")
DETAILS = Details(position="副局长", political_status="PARTY_MEMBER", official_category="公务员")
ACCUSED = c.CorrectAccused(accused_ref=WU.ref, details=DETAILS, reason="误录")
REGISTER = r.RegisterComplaint()
SEAL = r.SealAndEscalate(to=CITY, content="密件", competent_level="CITY")
TAKE_IN = r.TakeIn()
OUTSIDE = r.EscalateOutside(competent_level="CENTRAL")
ENTRY = AccusedEntry(
    name="吴虚四",
    unit="县水利局",
    unit_division="990102",
    managed_by_level="COUNTY",
    position="副局长",
    political_status="PARTY_MEMBER",
    official_category="公务员",
)
CLAIM = AllegationEntry(id="a1", accused=0, kind="INTEGRITY_DISCIPLINE", text="收受红包")
LIST = r.ListAllegations(accused=(ENTRY,), allegations=(CLAIM,), approved_by="p-reader")
MARK_DUPLICATE = r.MarkDuplicate(of=OTHER)
JOIN = r.JoinComplaint(of=OTHER, same=tuple(SamePair(own=id, theirs=id) for id in ("a1", "a2")))
SEND_AFTER = p.SendAfter(of=OTHER, reason="前件已由上级机关办理")
MARK_REPEAT = r.MarkRepeat(of=OTHER, new_evidence="新的账目")
PROPOSE = d.ProposeAcceptance(handling_dept="supervision-1", opinion="拟受理")
ACCEPT = d.AcceptComplaint(handling_dept="supervision-1")
REJECT = d.RejectComplaint(reason="NO_SUBSTANCE")
REDIRECT = d.RedirectOut(to_body="县人民法院")
ADVISE = d.AdviseReporter(body="县人民法院")
FILE = d.FileNotAccepted(means="PHONE")
FORWARD = d.ForwardComplaint(to_body="县委组织部")
SPLIT = d.SplitComplaint(to_organ=TOWN, allegation_ids=("b1",))
HAND_OVER = p.TransferToHandler()
HAND_DOWN = p.HandDown(to_organ=TOWN, reason="属其管辖")
ASSIGN_DOWN = p.AssignDown(to_organ=TOWN, ground="LONG_DELAYED", letter_ref="JB-1")
SEND_LATERAL = p.SendLateral(to_organ=NEIGHBOUR, reason="属其管辖")
SEND_UP = p.SendUp(to_organ=CITY, reason="属市管干部")
SEND_BACK = p.SendBack(reason="不属本机关")
TAKE_UP = p.TakeUp(reason="情况复杂")
DISPUTE = q.DisputeJurisdiction(with_organ=NEIGHBOUR, reason="双方均称不属本机关")
ANSWER_DISPUTE = q.AnswerDispute(opinion="亦不属本机关")
ASSIGN_JURISDICTION = q.AssignJurisdiction(to_organ=COUNTY, reason="指定办理")
ACCEPT_RESULT = p.AcceptResult(opinion="同意")
RETURN_RESULT = p.ReturnResult(reason="补充核查")
EXTEND = p.RequestExtension(reason="案情复杂")
IDENTIFY = a.VerifyReporterIdentity(verified_by="PHONE", result="CONFIRMED")
NAMED = ReporterBlock(name="郑虚补", phone="13900001111")
ADD_IDENTITY = n.AddIdentity(reporter=NAMED)
GIVE_IDENTITY = n.GiveIdentity(reporter=NAMED)
CHANGE_CONTACT = n.ChangeContact(contacts=Contacts(phone="13900002222"))
GIVE_CONTACT = n.GiveContact(contacts=Contacts(phone="13900002222"))
TRY_TO_VERIFY = a.RecordContactAttempt(stage="VERIFICATION", means="PHONE", attempted_on=TODAY)
NOTIFY = a.NotifyAcceptance(means="PHONE")
MEET = a.RecordStageMeeting(
    stage="ACCEPTANCE", mode="IN_PERSON", staff=("p-1",), place_type="DISCREET", heard="已听取", demands="无"
)
TELL_STAGE = a.RecordStageFeedback(stage="ACCEPTANCE", content_code="ACCEPTED", means="IN_PERSON")
TRY_CONTACT = a.RecordContactAttempt(stage="ACCEPTANCE", means="PHONE", attempted_on=TODAY)
WAIVE_STAGE = a.WaiveStage(stage="ACCEPTANCE", ground="REPORTER_WAIVED")
WAIVE_MEETING = o.WaiveMeeting(stage="ACCEPTANCE")
TELL_RESULT = a.RecordResultFeedback(
    outcomes=tuple(OutcomeTold(allegation_id=id, outcome="UNFOUNDED") for id in ("a1", "a2")),
    means="IN_PERSON",
    policy_explained=("HANDLING_POLICY", "CONFIDENTIALITY", "TRUTHFUL_REPORTING"),
    secrecy_duty_told=True,
)
OBJECT = a.RecordObjection(objection="不服", explanation="已说明")
ASK = a.AskReporter(question="何时发生")
RELAY = a.RelayAnswer(question_id="Q1", outcome="ANSWERED", means="PHONE", answer="去年冬天")
BRING = a.SubmitNewEvidence(from_reporter=True, description="收据一张", document_ref="D-1")
WITHDRAW = a.WithdrawReport(means="PHONE")
CLOSE = a.CloseComplaint()
SUBMIT = o.SubmitReport(
    channel="ONLINE_SITE",
    acknowledged_notice_version="2",
    unit_division="990102",
    managed_by_level="COUNTY",
    text="收受红包",
)
WRITE_IN = o.WriteToOrgan(text="补充")
ASK_RECUSAL = o.AskForRecusal(role="petition_clerk", ground="OTHER", text="说明")
ATTACH = o.AddAttachment(attachment="att-1", media_type="image/png", size=10)
WRITE_OUT = o.WriteToReporter(text="请补充")
OBJECT_TO_TRANSFER = i.ObjectToTransfer(competent_organ=NEIGHBOUR, reason="不属本机关")
TRANSFER_IN = i.ReceivePlatformTransfer(
    platform_no="PT-1",
    received_on=TODAY,
    transferred_on=TODAY,
    channel="LETTER",
    category="ACCUSATION",
    target_organ=COUNTY,
    content_blob="x",
)
ASSIGN = AssignToCase.model_validate({"person": "p-new", "role": "handler"})
UNASSIGN = EndAssignment.model_validate({"person": "p-old", "role": "handler", "reason": "调离"})
STEP_ASIDE = DeclareRecusal.model_validate({"ground": "亲属"})
ASK_STAFF_RECUSAL = RequestRecusal.model_validate(
    {"person": "p-old", "role": "handler", "ground": "INTEREST", "reason": "有利害关系"}
)
ESCALATE = Escalate.model_validate({"step": "petition_head", "reason": "无人可办"})
REVIEW_STEP = named([c for c in COMMANDS if c.on is Complaint], "ReviewEarlierStep").model_validate(
    {"event": 1, "decision": "CONFIRM", "opinion": "经复核无误"}
)
LIFT_EXCLUSION = LiftExclusion.model_validate({"person": "p-out", "reason": "情形已消除"})
DECIDE_RECUSAL = DecideRecusal.model_validate(
    {"request": "R1", "person": "p-old", "granted": True, "opinion": "同意"}
)
