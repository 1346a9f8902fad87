"""Complaint (检举控告): an envelope, then registered, listed, accepted, handed over, answered (§4.1).

`state` holds what it remembers and how events change it, `phase` what several phases share; each phase
stands in a module of its own, beside the others and not on top of them.
"""

from __future__ import annotations

from services.intake.domain.complaint.answering import Answering
from services.intake.domain.complaint.assigned import Assigned
from services.intake.domain.complaint.clocks import Clocks
from services.intake.domain.complaint.correcting import Correcting
from services.intake.domain.complaint.deciding import Deciding
from services.intake.domain.complaint.disputing import Disputing
from services.intake.domain.complaint.integration import Integration
from services.intake.domain.complaint.joining import Joining
from services.intake.domain.complaint.meeting import Meeting
from services.intake.domain.complaint.naming import Naming
from services.intake.domain.complaint.passing_on import PassingOn
from services.intake.domain.complaint.receiving import Receiving
from services.intake.domain.complaint.reporting import Reporting
from services.intake.domain.complaint.sealing import Sealing


class Complaint(
    Receiving,
    Sealing,
    Joining,
    Correcting,
    Deciding,
    Disputing,
    PassingOn,
    Assigned,
    Naming,
    Meeting,
    Answering,
    Reporting,
    Integration,
    Clocks,
):
    """One registered item: a letter, a visit, a call, an online submission."""
