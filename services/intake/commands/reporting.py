"""Commands of a reporter without an account, and the clerk's letters to them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.intake.commands.naming import NAMED_BY_THE_REPORTER
from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import IDENTITY
from services.intake.domain.complaint.reporting import FILE, LETTER
from services.intake.domain.notice import NoticeVersion
from services.intake.domain.values import ReporterBlock
from shared.casework.case_commands import Role
from shared.casework.command import Command, Given
from shared.language.contracts.common import Division, LevelName, RecusalGround
from shared.language.contracts.intake import MediaType, Stage
from shared.language.event import L3
from shared.language.roles import PETITION
from shared.language.text import Seen, Straight

Letter = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), Seen]
"""The author's own words: to the vault and nowhere else, since their style gives the author away."""


class SubmitReport(
    Command, on=Complaint, creates=True, rule="A1", anyone=True, organ=None, deposits=(IDENTITY, LETTER)
):
    """Reports without an account (举报). To give one's name is offered and never asked (R29)."""

    channel: Literal["ONLINE_SITE", "ONLINE_WECHAT", "ONLINE_APP"]
    """The way in which it is sent."""
    acknowledged_notice_version: NoticeVersion
    """The notice that was read before (R30)."""
    unit_division: Division
    """The place of work of the accused: division code of GB/T 2260."""
    managed_by_level: LevelName
    """The level of the organs that manage the accused as a cadre; it decides which organ is competent."""
    is_discipline_staff: bool = False
    """True if the accused belongs to an organ of discipline inspection, its head included: then the organ
    above is told, and the accused's own is not (A15, A75)."""
    text: L3[Letter]
    """The report, in the reporter's own words; only the vault keeps it."""
    reporter: L3[ReporterBlock | None] = None
    """The reporter, if they wish to be named; only the vault keeps it. Left out, the report is anonymous."""


class WriteToOrgan(Command, on=Complaint, rule="A31", anyone=True, organ=None, deposits=(LETTER,)):
    """Writes again behind the query code: a supplement, an objection, an answer."""

    text: L3[Letter]
    """The supplement, objection or answer; only the vault keeps it."""


class AskForRecusal(Command, on=Complaint, rule="A33", anyone=True, organ=None, deposits=(LETTER,)):
    """Asks behind the query code that a member of staff stay away (申请回避)."""

    role: Role
    """The role in which the member of staff acts."""
    ground: RecusalGround
    """The legal ground; a tie to the reporter is OTHER."""
    text: L3[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), Seen]]
    """The person to stay away, and the reason."""


class WaiveMeeting(Command, on=Complaint, rule="R46", anyone=True, organ=None):
    """Waives behind the query code one of the three meetings with its feedback (放弃见面)."""

    stage: Stage
    """The meeting that the reporter does without."""


class AddAttachment(Command, on=Complaint, rule="SEC-6", anyone=True, organ=None, lookups=(FILE,)):
    """Notes that a file came behind the query code; the file itself lies in the vault."""

    attachment: Given
    """The name of the file in the vault."""
    media_type: MediaType
    """The type that the file was found to be."""
    size: Annotated[int, Field(ge=0)]
    """Bytes."""


class WriteToReporter(Command, on=Complaint, rule="SEC-7", by=PETITION, deposits=(LETTER,)):
    """Writes to the reporter of an online complaint, who reads it behind the query code."""

    text: L3[Annotated[str, StringConstraints(min_length=1, max_length=4000), Seen, Straight]]
    """The letter; it is shown behind the query code, and only the vault keeps it."""


FROM_ANYONE: list[type[Command]] = [
    SubmitReport,
    WriteToOrgan,
    AskForRecusal,
    WaiveMeeting,
    AddAttachment,
    *NAMED_BY_THE_REPORTER,
]
"""Commands without a route of their own: the public routes give them, once the code has opened the
complaint."""
REPORTING: list[type[Command]] = [WriteToReporter]
