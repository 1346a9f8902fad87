"""A team gathers evidence and hears people (A36, A60-A62, R27, R56)."""

from __future__ import annotations

from datetime import date, datetime
from typing import NoReturn

from services.verification.domain.case.phase import VerificationPhase
from shared.casework.aggregate import Context, allowed_in
from shared.language.contracts.verification import (
    AccusedStatementRecorded,
    EvidenceKind,
    EvidenceRecorded,
    Signature,
    TalkedWith,
    TalkHeld,
    VerificationExtended,
    VerificationStarted,
)
from shared.language.law.working_days import local_date
from shared.language.refusal import refuse
from shared.language.tracing import asks_who_reported


class Verifying(VerificationPhase):
    """Team, evidence, talks and statements."""

    @allowed_in("VERIFYING_READY")
    def start_verification(self, ctx: Context, team: tuple[str, ...], plan_hash: str) -> None:
        self._check_staff(team, "A61", "team")
        self.record(ctx, VerificationStarted(team=team, plan_hash=plan_hash))

    @allowed_in("VERIFYING")
    def extend_verification(self, ctx: Context, reason: str) -> None:
        """DL-11: once, by the head of the organ."""
        if self.extended:
            refuse("E_STATE", "DL-11", done="ExtendVerification")
        if self.started_on is None:
            refuse("E_STATE", "DL-11", state=self.state)
        if (term := self.clocks.get("DL-11")) and local_date(ctx.occurred_at) > date.fromisoformat(term.due):
            # An extension is asked before the term ends (B40).
            refuse("E_STATE", "DL-11", due=term.due)
        self.record(ctx, VerificationExtended(reason=reason, started_on=self.started_on))

    @allowed_in("TALKING", "VERIFYING")
    def record_evidence(
        self,
        ctx: Context,
        evidence_id: str,
        kind: EvidenceKind,
        hash: str,
        collectors: tuple[str, ...],
        collected_at: datetime,
        place: str,
        signature: Signature,
    ) -> None:
        if evidence_id in self.evidence:
            refuse("E_SCHEMA", "A62", field="evidence_id", taken=evidence_id)
        self._check_staff(collectors, "A62", "collectors")
        ctx.check_past(collected_at, "collected_at")
        self.record(
            ctx,
            EvidenceRecorded(
                evidence_id=evidence_id,
                kind=kind,
                hash=hash,
                collectors=collectors,
                collected_at=collected_at,
                place=place,
                signature=signature,
            ),
        )

    @allowed_in("TALKING", "VERIFYING")
    def hold_talk(
        self,
        ctx: Context,
        talked_with: TalkedWith,
        accused_ref: str | None,
        staff: tuple[str, ...],
        held_at: datetime,
        place: str,
        note: str,
        record_hash: str,
        signature: Signature,
        duties_acknowledged: bool | None,
    ) -> None:
        if asks_who_reported(note):
            refuse("E_TRACE_FORBIDDEN", "R27", fields=["note"])
        self._check_staff(staff, "A60", "staff")
        ctx.check_past(held_at, "held_at")
        if (talked_with == "ACCUSED") != (accused_ref is not None):
            refuse("E_SCHEMA", "A60", field="accused_ref")
        if accused_ref is not None:
            self._check_accused(accused_ref)
            if accused_ref not in self.duties_read and duties_acknowledged is None:
                refuse("E_RECORD_INCOMPLETE", "R56", field="duties_acknowledged")
        self.record(
            ctx,
            TalkHeld(
                talked_with=talked_with,
                accused_ref=accused_ref or "",
                staff=staff,
                held_at=held_at,
                place=place,
                note=note,
                record_hash=record_hash,
                signature=signature,
                duties_acknowledged=duties_acknowledged,
            ),
        )

    @allowed_in("TALKING", "VERIFYING")
    def record_accused_statement(
        self, ctx: Context, accused_ref: str, statement: str, record_hash: str
    ) -> None:
        self._check_accused(accused_ref)
        self.record(
            ctx,
            AccusedStatementRecorded(accused_ref=accused_ref, statement=statement, record_hash=record_hash),
        )

    def request_tracing(
        self, ctx: Context, means: tuple[str, ...], necessity: str, less_intrusive_means_tried: str
    ) -> NoReturn:
        """Always refused: no false-accusation inquiry can be open in this release (R28)."""
        refuse("E_TRACE_PREMATURE", "R28")
