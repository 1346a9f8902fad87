"""The questions that more than one phase of a case shares."""

from __future__ import annotations

from collections.abc import Sequence

from services.verification.domain.case.state import VerificationState
from shared.language.refusal import refuse


class VerificationPhase(VerificationState):
    """The state, and the rules that several phases share."""

    def _check_staff(self, people: Sequence[str], rule: str, field: str) -> None:
        """Two different people at least, none excluded, none who registered the complaint (SD3)."""
        if len(set(people)) < 2 or len(set(people)) < len(people):
            refuse("E_SCHEMA", rule, field=field, reason="two different people at least, each named once")
        self.check_not_excluded(people)
        if registrars := self.duties.get("registrar", set()).intersection(people):
            refuse("E_SOD_CONFLICT", "SD3", people=sorted(registrars))

    def _check_evidence_answered(self) -> None:
        """B31: nothing is concluded or closed while new evidence waits for an answer."""
        if self.new_evidence:
            refuse("E_RECORD_INCOMPLETE", "B31", evidence=sorted(self.new_evidence))

    def _check_allegation(self, allegation_id: str) -> None:
        if allegation_id not in self.findings.allegations:
            refuse("E_SCHEMA", "A63", field="allegation_id", unknown=allegation_id)

    def _check_accused(self, accused_ref: str) -> None:
        if accused_ref not in self.accused:
            refuse("E_SCHEMA", "A63", field="accused_ref", unknown=accused_ref)
