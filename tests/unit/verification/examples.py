"""Named examples of scenario 2 (synthetic world): the case against 吴虚四, and its events so far."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import UUID

from services.verification.commands import (
    ConcludeVerification,
    HoldTalk,
    RecordEvidence,
    RecordSubstantiatedDisposition,
    StartVerification,
    SubmitReport,
)
from services.verification.domain.case import VerificationCase
from services.verification.domain.findings import ThreeDistinction
from shared.language.contracts.common import Accused, Allegation
from shared.language.contracts.verification import (
    AllegationFound,
    DispositionApproved,
    DispositionProposed,
    EvidenceRecorded,
    FalseAccusationAssessed,
    VerificationCaseOpened,
    VerificationConcluded,
    VerificationReportCountersigned,
    VerificationReportSubmitted,
    VerificationStarted,
)
from shared.language.event import Event
from shared.language.ids import derived_id
from tests.unit.kit import Scene

NOW = datetime(2022, 3, 1, 9, 0, tzinfo=UTC)
EARLIER = datetime(2022, 2, 25, 2, 30, tzinfo=UTC)
TOWNSHIP = "DI-990102100"
COMPLAINT = UUID("00000000-0000-7000-8000-000000000015")
CASE = derived_id("verification-case", COMPLAINT)
NUMBER = "HC-990102100-2022-000003"
HASH = "ab" * 32

Given = Callable[..., Scene[VerificationCase]]

CLERK, LI, ZHAO, HEAD, DEPUTY = "clerk-1", "handler-li", "handler-zhao", "head-1", "deputy-1"
TEAM = (LI, ZHAO)

WU = Accused(
    ref="acc-wu",
    name="吴虚四",
    unit="向阳社区",
    unit_division="990102100001",
    managed_by_level="TOWNSHIP",
    position="党支部书记",
)
ZHENG = Accused(
    ref="acc-zheng", name="郑虚九", unit="向阳社区", unit_division="990102100001", managed_by_level="TOWNSHIP"
)
A1 = Allegation(id="a1", accused_ref=WU.ref, kind="INTEGRITY_DISCIPLINE", text="收受红包")
A2 = Allegation(id="a2", accused_ref=WU.ref, kind="MASSES_DISCIPLINE", text="克扣救济款")
B1 = Allegation(id="b1", accused_ref=ZHENG.ref, kind="WORK_DISCIPLINE", text="虚报工时")

OPENED = VerificationCaseOpened(
    number=NUMBER,
    organ=TOWNSHIP,
    complaint_ids=(str(COMPLAINT),),
    complaint_numbers=("XF-990102100-2022-000002",),
    accused=(WU,),
    allegations=(A1, A2),
    handling_dept="supervision-1",
    registered_by=(CLERK,),
    real_name=False,
)
OPENED_AGAINST_TWO = OPENED.model_copy(update={"accused": (WU, ZHENG), "allegations": (A1, A2, B1)})
PROPOSED = DispositionProposed(
    way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE", study_ref="JY-2022-3"
)
APPROVED = DispositionApproved(
    way="PRELIMINARY_VERIFICATION", reason="PLAUSIBLE_AND_VERIFIABLE", study_ref="JY-2022-3", opinion="同意"
)
PROPOSED_TALK = DispositionProposed(way="TALK_OR_INQUIRY", reason="GENERAL_PROBLEM", study_ref="JY-2022-4")
APPROVED_TALK = DispositionApproved(
    way="TALK_OR_INQUIRY", reason="GENERAL_PROBLEM", study_ref="JY-2022-4", opinion="同意"
)
STARTED = VerificationStarted(team=TEAM, plan_hash=HASH)
EVIDENCE = EvidenceRecorded(
    evidence_id="E1",
    kind="DOCUMENTARY",
    hash=HASH,
    collectors=TEAM,
    collected_at=EARLIER,
    place="云瓶镇财政所",
    signature="SIGNED",
)
REPORT = VerificationReportSubmitted(
    basics="概况",
    main_problems="反映的问题",
    process="经过",
    result="结果",
    doubtful_points="无",
    suggestion="了结",
)
COUNTERSIGNED = VerificationReportCountersigned(opinion="同意")
CONCLUDED = VerificationConcluded(
    number=NUMBER,
    verdict="ALL_UNFOUNDED",
    complaint_ids=(str(COMPLAINT),),
    findings=(),
    three_distinctions=(),
    opinion="同意",
    concluded_on=date(2022, 3, 1),
)
SCREENED_OUT = FalseAccusationAssessed(
    subject_refs=(WU.ref,),
    result="SCREEN_OUT",
    report_nature="UNFOUNDED_REPORT",
    reason="无证据证明捏造和故意",
)


def found(allegation: Allegation, outcome: str = "UNFOUNDED", *effects: str) -> AllegationFound:
    """A finding on the one item of evidence."""
    return AllegationFound.model_validate(
        {
            "allegation_id": allegation.id,
            "outcome": outcome,
            "reasoning": "账目相符",
            "evidence_refs": ("E1",),
            "adverse_effect": effects,
        }
    )


VERIFYING: tuple[Event, ...] = (OPENED, PROPOSED, APPROVED, STARTED, EVIDENCE)
VERIFYING_TWO: tuple[Event, ...] = (OPENED_AGAINST_TWO, *VERIFYING[1:])
REPORTED: tuple[Event, ...] = (*VERIFYING, found(A1, "UNFOUNDED", "WORK"), found(A2), REPORT)
SIGNED: tuple[Event, ...] = (*REPORTED, COUNTERSIGNED)
ALL_UNFOUNDED: tuple[Event, ...] = (*SIGNED, CONCLUDED)


def fresh_case() -> VerificationCase:
    return VerificationCase(CASE)


START = StartVerification(team=TEAM, plan_hash=HASH)
TAKE = RecordEvidence(
    evidence_id="E1",
    kind="DOCUMENTARY",
    hash=HASH,
    collectors=TEAM,
    collected_at=EARLIER,
    place="云瓶镇财政所",
    signature="SIGNED",
)
TALK = HoldTalk(
    talked_with="ACCUSED",
    accused_ref=WU.ref,
    staff=TEAM,
    held_at=EARLIER,
    place="云瓶镇纪委谈话室",
    note="本人说明了红包一事",
    record_hash=HASH,
    signature="SIGNED",
    duties_acknowledged=True,
)
SUBMIT = SubmitReport(**REPORT.model_dump(exclude={"none_changed"}))
DISPOSE = RecordSubstantiatedDisposition(
    allegation_id="a1", form_of_supervision=1, disposition_ref="CF-2022-7"
)
CONCLUDE = ConcludeVerification(
    three_distinctions=(
        ThreeDistinction(distinction="EXPERIENCE_VS_KNOWING", applies=False, reasoning="不涉及"),
    ),
    opinion="同意核查结论",
    collective_study_ref="JY-2022-9",
)
