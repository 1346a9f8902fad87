"""The verification case (核查): from the complaint handed over to a conclusion and its closing (§4.2).

`state` holds what it remembers and how events change it, `phase` what several phases share; each phase
stands in a module of its own.
"""

from __future__ import annotations

from services.verification.domain.case.clocks import Clocks
from services.verification.domain.case.closing import Closing
from services.verification.domain.case.concluding import Concluding
from services.verification.domain.case.disposing import Disposing
from services.verification.domain.case.reporting import Reporting
from services.verification.domain.case.verifying import Verifying


class VerificationCase(Disposing, Verifying, Reporting, Concluding, Closing, Clocks):
    """One complaint at one organ: its allegations, the evidence and what was found."""
