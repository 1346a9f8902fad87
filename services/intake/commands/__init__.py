"""The commands of intake, and who may give them (§4.1, §5.2)."""

from __future__ import annotations

from services.intake.commands.answering import ANSWERING
from services.intake.commands.correcting import CORRECTING
from services.intake.commands.deciding import DECIDING
from services.intake.commands.disclosing import DISCLOSING
from services.intake.commands.disputing import DISPUTING
from services.intake.commands.integration import INTEGRATION
from services.intake.commands.naming import NAMING
from services.intake.commands.overseeing import OVERSEEING
from services.intake.commands.passing_on import PASSING_ON
from services.intake.commands.receiving import RECEIVING
from services.intake.commands.reporting import REPORTING
from services.intake.commands.staffing import STAFFING
from services.intake.commands.supervising import SUPERVISING
from services.intake.domain.complaint import Complaint
from shared.casework.case_commands import case_commands
from shared.casework.command import Command

COMMANDS: list[type[Command]] = [
    *RECEIVING,
    *CORRECTING,
    *DECIDING,
    *DISPUTING,
    *PASSING_ON,
    *NAMING,
    *ANSWERING,
    *REPORTING,
    *INTEGRATION,
    *case_commands(Complaint),
    *SUPERVISING,
    *DISCLOSING,
    *OVERSEEING,
    *STAFFING,
]
