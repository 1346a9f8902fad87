"""What intake publishes. The law of events stands in `shared.event`: additive changes only."""

from __future__ import annotations

from datetime import date
from typing import Literal

from shared.contracts.common import Accused, Allegation, LevelName, common_events
from shared.event import L1, L2, Event

Channel = Literal["LETTER", "VISIT", "CALL", "ONLINE_SITE", "ONLINE_WECHAT", "ONLINE_APP", "OTHER"]
Source = Literal[
    "DIRECT",
    "PETITION_PLATFORM",
    "SUPERIOR_ASSIGNED",
    "SUPERIOR_TRANSFERRED",
    "SUBORDINATE_ESCALATED",
    "INSPECTION",
    "OTHER_ORGAN",
]
Category = Literal["ACCUSATION", "APPEAL", "SUGGESTION", "OUT_OF_SCOPE"]
RepeatKind = Literal["INITIAL", "DUPLICATE", "REPEAT_WITH_NEW_EVIDENCE", "RE_REPORT_AFTER_CONCLUSION"]
IdentityStatus = Literal["UNCLAIMED", "CLAIMED", "CONFIRMED", "NOT_CONFIRMED"]
Priority = Literal["URGENT", "REAL_NAME", "NORMAL"]


class IntakeEvent(Event):
    """Base of intake's events."""

    service = "intake"


COMMON = common_events(IntakeEvent)


# --- receiving ----------------------------------------------------------------------------------------


class ComplaintReceived(IntakeEvent):
    """An envelope has arrived: no accused, no content (domain.md §4.1 note a)."""

    to = "RECEIVED"

    organ: L1[str]
    channel: L1[Channel]
    source: L1[Source]
    received_on: L1[date]
    pages: L1[int]
    competent_level: L1[LevelName]
    blob_id: L1[str] = ""
    platform_no: L1[str] = ""
    acknowledged_notice_version: L1[str] = ""
    reporter_ref: L1[str] = ""
    """Random per complaint; the identity itself lies in the vault (SEC-3)."""
    identity_status: L1[IdentityStatus] = "UNCLAIMED"

    @property
    def deadline_from(self) -> date:
        """收到之日: the clocks run from the receipt, also where it was entered later (规则 15, 26)."""
        return self.received_on


class ComplaintRegistered(IntakeEvent):
    """Registered under a number without gaps."""

    to = "REGISTERED"
    numbered = "XF"

    number: L1[str] = ""
    category: L1[Category]
    priority: L1[Priority]
    identity_status: L1[IdentityStatus]
    reporter_ref: L1[str] = ""


class AllegationsListed(IntakeEvent):
    """The atomic allegations per accused, in sanitised words (R25, SEC-2)."""

    accused: L2[tuple[Accused, ...]]
    allegations: L2[tuple[Allegation, ...]]
    approved_by: L1[str]


class DuplicateFiled(IntakeEvent):
    """Filed without a new verification: same facts, no new evidence (A12, R55)."""

    to = "DUPLICATE_FILED"

    of: L1[str]
    of_number: L1[str]
    repeat_kind: L1[RepeatKind]


# --- passing on ---------------------------------------------------------------------------------------


class ComplaintAccepted(IntakeEvent):
    """Accepted as this organ's own (§5.4)."""

    to = "ACCEPTED"

    handling_dept: L1[str]


class ComplaintTransferredToHandler(IntakeEvent):
    """Handed to the handling department, which opens a verification case (P1)."""

    to = "WITH_HANDLER"

    number: L1[str]
    handling_dept: L1[str]
    accused: L2[tuple[Accused, ...]]
    allegations: L2[tuple[Allegation, ...]]
    registered_by: L1[tuple[str, ...]]
    """Who registered it; the same person may not verify it (SD3)."""
    real_name: L1[bool]
    recused: L1[tuple[str, ...]] = ()
    """Who stepped aside so far; he is recused from what follows too (SD10)."""


# --- answering ----------------------------------------------------------------------------------------


class ResultBecameAvailable(IntakeEvent):
    """The verification of this complaint has ended (P2); starts the feedback clock DL-02."""

    to = "RESULT_AVAILABLE"

    case_number: L1[str]
    verdict: L2[str]
    concluded_on: L1[date]


# --- the register of accused --------------------------------------------------------------------------


class AccusedRegistered(IntakeEvent):
    """A person or organisation enters the register of accused under a stable reference."""

    to = "REGISTERED"

    accused: L2[Accused]


class ComplaintLinkedToAccused(IntakeEvent):
    """A complaint about this accused (R55): what the history over the years is made of."""

    complaint: L1[str]
    allegation_kinds: L1[tuple[str, ...]]


class AccusedConclusionNoted(IntakeEvent):
    """What a verification concluded about this accused; a later repeat is a re-report (R55)."""

    case_number: L1[str]
    unfounded: L1[tuple[str, ...]]
    complaints: L1[tuple[str, ...]]
