"""Holds the state of a clarification, and how each event changes it. Nothing here refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar
from uuid import UUID

from services.clarification.domain.consent import Consent
from shared.casework.case import Case
from shared.language.contracts.clarification import (
    ClarificationApprovalVoided,
    ClarificationApproved,
    ClarificationAssessed,
    ClarificationConsentGranted,
    ClarificationConsentLapsed,
    ClarificationConsentRefused,
    ClarificationConsentRequested,
    ClarificationConsentWithdrawn,
    ClarificationEnteredInPlatform,
    ClarificationFormImplemented,
    ClarificationOpened,
    ClarificationPlanned,
    ClarificationProposed,
    ClarificationReopened,
    ClarificationTextRendered,
    ConsentNoticeDelivered,
    Disposition,
    FromConclusions,
    IntegrityFileEntryRecorded,
    Item,
    OtherFinding,
    SubjectInvited,
    SubjectVoiceRecorded,
    SubstantiatedDispositionNoted,
    UnfoundedFindingsJoined,
)
from shared.language.contracts.common import Accused, DeadlineRecomputed, Form
from shared.language.event import Meta
from shared.language.law.working_days import local_date


@dataclass(frozen=True, slots=True)
class Approval:
    """The approval in force: what may be carried out, and from which day (R4)."""

    terms: ClarificationApproved
    approved_on: date

    @property
    def begins_on(self) -> date:
        return max(self.approved_on, self.terms.valid_from)


class ClarificationState(Case):
    """The folded stream.

    `complaint_ids` holds every complaint of every round: the gate passes them to the vault's screen.
    `subject_account` is the one account outside the organs that may see and act.
    """

    kind = "Clarification"
    plural: ClassVar[str] = "clarifications"
    ended = frozenset({"NOT_REQUIRED", "COMPLETED"})
    service = "clarification"

    subject: Accused
    handling_organ: str
    handling_dept: str

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.round = 0
        self.subject_account = ""
        self.complaint_ids: list[str] = []
        self.known_cases: set[str] = set()
        self.history: list[Item] = []
        self.waiting: list[UnfoundedFindingsJoined] = []
        self.other_findings: dict[str, dict[str, OtherFinding]] = {}
        """The other findings about the subject, by case and allegation, in every round (R9)."""
        self.dispositions: dict[str, dict[str, Disposition]] = {}
        """The dispositions that have followed from true findings, by case and allegation, in every round
        (R9)."""
        self._begin_round()

    @property
    def people_accused(self) -> Collection[Accused]:
        return (self.subject,)

    @property
    def rests_on(self) -> Sequence[str]:
        return self.complaint_ids

    def _begin_round(self) -> None:
        self.items: list[Item] = []
        self.case_ids: list[str] = []
        self.round_complaints: list[str] = []
        self.harm = False
        self.proposed: tuple[str, ...] = ()
        self.plan: ClarificationPlanned | None = None
        self.text: ClarificationTextRendered | None = None
        self.heard = False
        self.consent: Consent | None = None
        self.declined_plans: set[tuple[object, ...]] = set()
        """The plans that the subject has said no to: planned anew in the same words, a plan is the same
        question (R8)."""
        self.approval: Approval | None = None
        self.implemented: dict[Form, date] = {}
        """The forms under the approval in force, each with the day on which it was carried out."""
        self.carried_out: set[Form] = set()
        self.in_platform = False
        self.in_file = False

    @property
    def text_hash(self) -> str:
        """The digest of the text in force; empty while there is none."""
        return self.text.text_hash if self.text else ""

    @property
    def proposed_items(self) -> list[Item]:
        """The items that this round clears."""
        return [i for i in (*self.history, *self.items) if i.allegation_id in self.proposed]

    def on_clarification_opened(self, event: ClarificationOpened, meta: Meta) -> None:
        self.round = event.round
        self._hear_of(event)
        self._take_in(event)

    def on_unfounded_findings_joined(self, event: UnfoundedFindingsJoined, meta: Meta) -> None:
        self._hear_of(event)
        if event.round == self.round:
            self._take_in(event)
        else:
            self.waiting.append(event)

    def on_clarification_reopened(self, event: ClarificationReopened, meta: Meta) -> None:
        self.history += self.items
        self.waiting = []
        self.round = event.round
        self._begin_round()
        self._hear_of(event)
        self._take_in(event)

    def _hear_of(self, event: FromConclusions) -> None:
        """Known from now on: for the vault's screen and for the separation of duties."""
        self.known_cases.update(event.case_ids)
        self.complaint_ids += [c for c in event.complaint_ids if c not in self.complaint_ids]
        self.duties.setdefault("verification_handler", set()).update(event.verification_handlers)
        self.duties.setdefault("concluder", set()).update(event.concluded_by)
        for found in event.other_findings:
            self.other_findings.setdefault(found.case_id, {})[found.allegation_id] = found
            if found.disposition_ref:
                self._note_disposition(Disposition(**found.model_dump(exclude={"outcome"})))

    def on_substantiated_disposition_noted(self, event: SubstantiatedDispositionNoted, meta: Meta) -> None:
        self._note_disposition(event.disposition)

    def _note_disposition(self, noted: Disposition) -> None:
        self.dispositions.setdefault(noted.case_id, {})[noted.allegation_id] = noted

    def _take_in(self, event: FromConclusions) -> None:
        """Belongs to the present round."""
        self.subject = event.subject
        self.handling_organ = event.handling_organ
        self.handling_dept = event.handling_dept
        self.items += event.items
        self.case_ids += event.case_ids
        self.round_complaints += [c for c in event.complaint_ids if c not in self.round_complaints]

    def on_clarification_assessed(self, event: ClarificationAssessed, meta: Meta) -> None:
        self.harm = bool(event.adverse_effect)

    def on_clarification_proposed(self, event: ClarificationProposed, meta: Meta) -> None:
        self.proposed = event.item_ids

    def on_clarification_planned(self, event: ClarificationPlanned, meta: Meta) -> None:
        self.plan = event
        self.text = None
        self.consent = self.consent.outdate() if self.consent else None

    def on_subject_invited(self, event: SubjectInvited, meta: Meta) -> None:
        self.subject_account = event.account

    def on_subject_voice_recorded(self, event: SubjectVoiceRecorded, meta: Meta) -> None:
        self.heard = True
        self._note_handler(meta, by_subject=event.by_subject)

    def on_clarification_text_rendered(self, event: ClarificationTextRendered, meta: Meta) -> None:
        self.text = event

    def on_clarification_consent_requested(self, event: ClarificationConsentRequested, meta: Meta) -> None:
        self.consent = Consent.asked(event, self.version)

    def on_consent_notice_delivered(self, event: ConsentNoticeDelivered, meta: Meta) -> None:
        due = next(date.fromisoformat(d.due) for d in meta.deadlines if d.id == "DL-15")
        self.consent = self.consent and replace(self.consent, due=due)

    def on_deadline_recomputed(self, event: DeadlineRecomputed, meta: Meta) -> None:
        if event.deadline == "DL-15" and self.consent is not None:
            self.consent = replace(self.consent, due=date.fromisoformat(event.due))

    def on_clarification_consent_granted(self, event: ClarificationConsentGranted, meta: Meta) -> None:
        self.consent = self.consent and self.consent.answered(event.decision, event.limits)
        self._note_handler(meta, by_subject=event.by_subject)

    def on_clarification_consent_refused(self, event: ClarificationConsentRefused, meta: Meta) -> None:
        self._note_declined()
        self.consent = self.consent and self.consent.answered("REFUSED")
        self._note_handler(meta, by_subject=event.by_subject)

    def on_clarification_consent_lapsed(self, event: ClarificationConsentLapsed, meta: Meta) -> None:
        self.consent = self.consent and self.consent.answered("LAPSED")

    def on_clarification_consent_withdrawn(self, event: ClarificationConsentWithdrawn, meta: Meta) -> None:
        self._note_declined()
        self.consent = self.consent and self.consent.answered("WITHDRAWN")
        self._note_handler(meta, by_subject=event.by_subject)

    def _note_declined(self) -> None:
        if self.plan is not None:
            self.declined_plans.add(asked_of(self.plan))

    def _note_handler(self, meta: Meta, *, by_subject: bool) -> None:
        """Notes as a handler of the case the person who writes down what the subject said; the subject has no
        duty in the case."""
        if not by_subject:
            self.duties.setdefault("handler", set()).add(meta.actor)

    def on_clarification_approved(self, event: ClarificationApproved, meta: Meta) -> None:
        self.approval = Approval(event, local_date(meta.occurred_at))

    def on_clarification_approval_voided(self, event: ClarificationApprovalVoided, meta: Meta) -> None:
        self.approval = None
        self.implemented = {}

    def on_clarification_form_implemented(self, event: ClarificationFormImplemented, meta: Meta) -> None:
        self.implemented[event.form] = event.on
        self.carried_out.add(event.form)

    def on_clarification_entered_in_platform(self, event: ClarificationEnteredInPlatform, meta: Meta) -> None:
        self.in_platform = True

    def on_integrity_file_entry_recorded(self, event: IntegrityFileEntryRecorded, meta: Meta) -> None:
        self.in_file = True


def asked_of(plan: ClarificationPlanned) -> tuple[object, ...]:
    """The question that a plan puts to the subject: where, before whom and how the clarification is said,
    whatever reasons are given for it. A new round is a new question, since it has other findings."""
    return (
        *(plan.round, frozenset(plan.forms), plan.scope, plan.venue),
        *(frozenset(plan.recipients), plan.public_attendance, frozenset(plan.invited_groups)),
    )
