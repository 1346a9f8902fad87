"""Holds the state of a clarification, and how each event changes it. Nothing here refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest
from typing import Any, ClassVar, Literal
from uuid import UUID

from services.clarification.domain.consent import Consent
from shared.casework.case import Case
from shared.language.contracts.clarification import (
    ClarificationApprovalVoided,
    ClarificationApproved,
    ClarificationAssessed,
    ClarificationAssessmentConfirmed,
    ClarificationConsentGranted,
    ClarificationConsentLapsed,
    ClarificationConsentRefused,
    ClarificationConsentRequested,
    ClarificationConsentWithdrawn,
    ClarificationEnteredInPlatform,
    ClarificationFormImplemented,
    ClarificationHeld,
    ClarificationOpened,
    ClarificationPlanned,
    ClarificationProposed,
    ClarificationReopened,
    ClarificationResumed,
    ClarificationRevoked,
    ClarificationSuspended,
    ClarificationTextRendered,
    ConsentNoticeDelivered,
    CorrectedPlace,
    Disposition,
    FileCorrected,
    FromConclusions,
    FurtherConclusionNoted,
    IntegrityFileEntryRecorded,
    Item,
    OtherFinding,
    RecipientNotified,
    RevocationCarriedOut,
    RevocationCause,
    RevocationDue,
    RevocationNoLongerDue,
    RevocationProposed,
    RevocationReturned,
    RevocationReviewed,
    SubjectDetailsChanged,
    SubjectInvited,
    SubjectVoiceRecorded,
    SubstantiatedDispositionNoted,
    UnfoundedFindingsJoined,
    UnfoundedFindingsOverturned,
)
from shared.language.contracts.common import Accused, DeadlineRecomputed, Form
from shared.language.event import Meta
from shared.language.law.working_days import local_date

RevocationState = Literal["", "DUE", "PROPOSED", "REVIEWED", "REVOKED", "CARRIED_OUT"]


@dataclass(frozen=True, slots=True)
class Carried:
    """A round of which something was carried out, whatever round is the present one: who was told what, and
    how far its revocation is (B29)."""

    items: tuple[Item, ...]
    recipients: tuple[str, ...]
    complaint_ids: tuple[str, ...]
    places: tuple[CorrectedPlace, ...] = ()
    revocation: RevocationState = ""
    cause: RevocationCause | None = None
    notified: frozenset[str] = frozenset()
    corrected: frozenset[str] = frozenset()

    @property
    def stands(self) -> bool:
        """True unless it was revoked."""
        return self.revocation not in ("REVOKED", "CARRIED_OUT")

    @property
    def is_for_a_finding(self) -> bool:
        """True if its revocation is under way because of what a conclusion says."""
        due = self.revocation in ("DUE", "PROPOSED", "REVIEWED")
        return due and self.cause in (None, "FINDING_OVERTURNED")

    @property
    def all_told(self) -> bool:
        return self.notified >= set(self.recipients) and self.corrected >= set(self.places)


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
    ended = frozenset({"NOT_REQUIRED", "COMPLETED", "DECLINED", "OVERTURNED", "RETRACTED"})
    service = "clarification"

    subject: Accused
    handling_organ: str
    handling_dept: str

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.round = 0
        self.subject_account = ""
        self.complaint_ids: list[str] = []
        self.conclusions: dict[str, int] = {}
        """The latest conclusion of each case that was heard of (B27)."""
        self.case_numbers: dict[str, str] = {}
        self.standing: dict[str, dict[str, str]] = {}
        """Allegations that are unfounded in the latest conclusion, by case and id, with their words."""
        self.held: dict[str, str] = {}
        """The numbers of the reopened cases whose next conclusion is awaited, by case (B28)."""
        self.unassessed: dict[str, int] = {}
        """Further conclusions that are not assessed yet, by case (R17)."""
        self.rounds: dict[int, Carried] = {}
        self.suspended_from = ""
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

    def stands(self, item: Item) -> bool:
        """True if it is unfounded, in these words, in the latest conclusion of its case (B28)."""
        return self.standing.get(item.case_id, {}).get(item.allegation_id) == item.text

    @property
    def of_the_round(self) -> list[Item]:
        """The items of the present round, with those of earlier ones that it proposes again."""
        return list(dict.fromkeys((*self.items, *self.proposed_items)))

    @property
    def is_held(self) -> bool:
        """True if a reopened case holds something of the present round (B28)."""
        return any(item.case_id in self.held for item in self.of_the_round)

    def _begin_round(self) -> None:
        self.items: list[Item] = []
        self.case_ids: list[str] = []
        self.round_complaints: list[str] = []
        self.harm = False
        self.proposed: tuple[str, ...] = ()
        self.plan: ClarificationPlanned | None = None
        self.text: ClarificationTextRendered | None = None
        self.text_outdated = False
        """True if the text names the subject by details that are not those of today (B11)."""
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
        """The items that this round clears, each once: as the latest conclusion has it that was taken in."""
        latest = {(i.case_id, i.allegation_id): i for i in (*self.history, *self.items)}
        return [i for i in latest.values() if i.allegation_id in self.proposed]

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
        for case, n in zip_longest(event.case_ids, event.conclusions, fillvalue=1):
            self.conclusions[str(case)] = max(int(n), self.conclusions.get(str(case), 0))
        self.case_numbers |= zip(event.case_ids, event.case_numbers, strict=False)
        for item in event.items:
            self.standing.setdefault(item.case_id, {})[item.allegation_id] = item.text
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
        self.case_ids += [c for c in dict.fromkeys(event.case_ids) if c not in self.case_ids]
        self.round_complaints += [c for c in event.complaint_ids if c not in self.round_complaints]

    # --- findings that change

    def on_clarification_held(self, event: ClarificationHeld, meta: Meta) -> None:
        self.held[event.case_id] = event.case_number

    def on_further_conclusion_noted(self, event: FurtherConclusionNoted, meta: Meta) -> None:
        case = event.case_id
        self.held.pop(case, None)
        self.conclusions[case] = event.conclusion
        self.standing[case] = {item.allegation_id: item.text for item in event.unfounded}
        self.other_findings[case] = {found.allegation_id: found for found in event.other_findings}
        self.duties.setdefault("verification_handler", set()).update(event.verification_handlers)
        self.duties.setdefault("concluder", set()).update(event.concluded_by)
        self.unassessed.pop(case, None)
        if event.unfounded:
            self.unassessed[case] = event.conclusion
        kept = [(w, tuple(i for i in w.items if self.stands(i))) for w in self.waiting]
        self.waiting = [
            w.model_copy(update={"items": items, "unfounded_ids": tuple(i.allegation_id for i in items)})
            for w, items in kept
            if items
        ]

    def on_unfounded_findings_overturned(self, event: UnfoundedFindingsOverturned, meta: Meta) -> None:
        items, cases, complaints = self.items, self.case_ids, self.round_complaints
        self._begin_round()
        self.items = [i for i in items if self.stands(i)]
        self.case_ids = [c for c in cases if any(i.case_id == c for i in self.items)]
        self.round_complaints = complaints
        if event.left and event.suspended:
            self.suspended_from = "ASSESSING"

    def on_clarification_assessment_confirmed(
        self, event: ClarificationAssessmentConfirmed, meta: Meta
    ) -> None:
        self._note_assessed(event.assessed())

    def _note_assessed(self, case_ids: Iterable[str]) -> None:
        for case in case_ids:
            self.unassessed.pop(case, None)

    def on_clarification_suspended(self, event: ClarificationSuspended, meta: Meta) -> None:
        self.suspended_from = event.before
        if event.before == "CONSENT_PENDING":
            self.suspended_from, self.consent = "PLANNED", None

    def on_clarification_resumed(self, event: ClarificationResumed, meta: Meta) -> None:
        self.suspended_from = ""

    # --- revocation

    def _carried(self, round: int, **changes: Any) -> None:
        self.rounds[round] = replace(self.rounds[round], **changes)

    def on_revocation_due(self, event: RevocationDue, meta: Meta) -> None:
        self._carried(event.of_round, revocation="DUE", cause=None)

    def on_revocation_no_longer_due(self, event: RevocationNoLongerDue, meta: Meta) -> None:
        self._carried(event.of_round, revocation="")

    def on_revocation_proposed(self, event: RevocationProposed, meta: Meta) -> None:
        self._carried(event.of_round, revocation="PROPOSED", cause=event.cause)

    def on_revocation_reviewed(self, event: RevocationReviewed, meta: Meta) -> None:
        self._carried(event.of_round, revocation="REVIEWED")

    def on_revocation_returned(self, event: RevocationReturned, meta: Meta) -> None:
        self._carried(event.of_round, revocation="DUE" if event.due else "", cause=None)

    def on_clarification_revoked(self, event: ClarificationRevoked, meta: Meta) -> None:
        self._carried(event.of_round, revocation="REVOKED")

    def on_recipient_notified(self, event: RecipientNotified, meta: Meta) -> None:
        self._carried(event.of_round, notified=self.rounds[event.of_round].notified | {event.recipient})

    def on_file_corrected(self, event: FileCorrected, meta: Meta) -> None:
        self._carried(event.of_round, corrected=self.rounds[event.of_round].corrected | {event.place})

    def on_revocation_carried_out(self, event: RevocationCarriedOut, meta: Meta) -> None:
        self._carried(event.of_round, revocation="CARRIED_OUT")

    # --- the assessment, and what follows

    def on_clarification_assessed(self, event: ClarificationAssessed, meta: Meta) -> None:
        self.harm = bool(event.adverse_effect)
        self._note_assessed(event.case_ids)

    def on_clarification_proposed(self, event: ClarificationProposed, meta: Meta) -> None:
        self.proposed = event.item_ids

    def on_clarification_planned(self, event: ClarificationPlanned, meta: Meta) -> None:
        self.plan = event
        self.text = None
        self.consent = self.consent.outdate() if self.consent else None

    def on_subject_details_changed(self, event: SubjectDetailsChanged, meta: Meta) -> None:
        self.subject = event.subject
        self.text_outdated = self.text_outdated or event.text_outdated
        if event.account_ends:
            self.subject_account = ""
            # A question that is open is put anew, to the new head (B10).
            asking = event.leads_to() is not None
            self.consent = None if asking or self.consent is None else self.consent.outdate()

    def on_subject_invited(self, event: SubjectInvited, meta: Meta) -> None:
        self.subject_account = event.account

    def on_subject_voice_recorded(self, event: SubjectVoiceRecorded, meta: Meta) -> None:
        self.heard = True
        self._note_handler(meta, by_subject=event.by_subject)

    def on_clarification_text_rendered(self, event: ClarificationTextRendered, meta: Meta) -> None:
        self.text = event
        self.text_outdated = False

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
        plan, before = self.plan, self.rounds.get(event.round)
        told = (*plan.recipients, *plan.invited_groups) if plan else ()
        before = before or Carried(items=(), recipients=(), complaint_ids=())
        self.rounds[event.round] = replace(
            before,
            items=tuple(dict.fromkeys((*before.items, *self.proposed_items))),
            recipients=tuple(dict.fromkeys((*before.recipients, *told))),
            complaint_ids=tuple(dict.fromkeys((*before.complaint_ids, *self.round_complaints))),
        )

    def on_clarification_entered_in_platform(self, event: ClarificationEnteredInPlatform, meta: Meta) -> None:
        self.in_platform = True
        self._carried(event.round, places=(*self.rounds[event.round].places, "PLATFORM"))

    def on_integrity_file_entry_recorded(self, event: IntegrityFileEntryRecorded, meta: Meta) -> None:
        self.in_file = True
        self._carried(event.round, places=(*self.rounds[event.round].places, "ARCHIVE"))


def asked_of(plan: ClarificationPlanned) -> tuple[object, ...]:
    """The question that a plan puts to the subject: where, before whom and how the clarification is said,
    whatever reasons are given for it. A new round is a new question, since it has other findings."""
    return (
        *(plan.round, frozenset(plan.forms), plan.scope, plan.venue),
        *(frozenset(plan.recipients), plan.public_attendance, frozenset(plan.invited_groups)),
    )
