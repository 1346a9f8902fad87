"""Clarification: assessed, drafted, consented to, approved twice, carried out and filed."""

from uuid import UUID

from clarification import models as clarification
from clarification.api.clarification import (
    approve_clarification,
    assess_clarification,
    assign_to_case,
    implement_form,
    invite_subject,
    plan_clarification,
    propose_clarification,
    record_consent,
    record_integrity_file_entry,
    record_platform_entry,
    record_subject_voice,
    render_text,
    request_consent,
    review_clarification,
    submit_for_review,
)
from clarification.api.reads import list_clarifications, read_clarification, read_own_draft
from clarification.client import AuthenticatedClient
from story import at, cited, document, expect, now, patiently, people, today, version, words

FORMS = [clarification.Form.WRITTEN, clarification.Form.MEETING]
SCOPE = clarification.Scope.VILLAGE_OR_COMMUNITY


class Clearing:
    """The clarification of the accused of a verification case, and those who take part in it."""

    done = clarification.ClarificationAnswer

    def __init__(self, case: UUID) -> None:
        self.case = str(case)
        self.chief = AuthenticatedClient(**at("clarification", "handling_dept_head"))
        self.handler = AuthenticatedClient(**at("clarification", "handler"))
        self.leader = AuthenticatedClient(**at("clarification", "organ_head"))
        self.superior = AuthenticatedClient(**at("clarification", "superior_head"))
        self.approver = AuthenticatedClient(**at("clarification", "clarification_approver"))
        self.subject = AuthenticatedClient(**at("clarification", "subject"))
        self.id = patiently(self.opened)

    def assign(self, role: clarification.CaseRole, by: AuthenticatedClient) -> None:
        body = clarification.AssignToCase(person=people[role.value], role=role)
        expect(self.done, assign_to_case.sync(self.id, client=by, body=body))

    def read(self, who: AuthenticatedClient) -> clarification.ClarificationView:
        return expect(clarification.ClarificationView, read_clarification.sync(self.id, client=who))

    def opened(self) -> UUID | None:
        """The clarification that the finding has opened."""
        state = clarification.ClarificationState.ASSESSING
        page = list_clarifications.sync(client=self.chief, state=state)
        for row in expect(clarification.ListClarificationsResult, page).items:
            if row.opened_at >= now:
                self.id = row.id
                self.assign(clarification.CaseRole.HANDLING_DEPT_HEAD, by=self.chief)
                if self.case in expect(list, self.read(self.chief).facts.case_ids):
                    return row.id
        return None

    def assess(self) -> None:
        """There is harm, so the name is to be cleared (A68)."""
        for role in (clarification.CaseRole.HANDLER, clarification.CaseRole.ORGAN_HEAD):
            self.assign(role, by=self.chief)
        assessment = clarification.AssessClarification(
            adverse_effect=[clarification.AdverseEffect.WORK],
            reputation=words["reputation"],
            integrity_file_checked=True,
            social_effect=words["talk"],
            recommendation=clarification.Recommendation.CLARIFY,
        )
        expect(self.done, assess_clarification.sync(self.id, client=self.handler, body=assessment))

    def draft(self) -> None:
        """The proposal, the plan and the text."""
        id, items = self.id, expect(list, self.read(self.handler).facts.unfounded_ids)
        proposed = clarification.ProposeClarification(items=items)
        expect(self.done, propose_clarification.sync(id, client=self.handler, body=proposed))
        plan = clarification.PlanClarification(
            forms=FORMS,
            scope=SCOPE,
            venue=clarification.Venue.VILLAGE_MEETING,
            recipients=[words["subject"], words["unit_head"]],
            rationale=words["scope"],
            public_attendance=True,
            invited_groups=[words["residents"]],
        )
        expect(self.done, plan_clarification.sync(id, client=self.handler, body=plan))
        rendered = render_text.sync(id, client=self.handler, body=clarification.RenderText())
        expect(self.done, rendered)

    def agree(self) -> None:
        """The subject is invited, heard and asked; they read the text and agree to it."""
        id = self.id
        invitation = clarification.InviteSubject(account=people["subject"])
        expect(self.done, invite_subject.sync(id, client=self.chief, body=invitation))
        voice = clarification.RecordSubjectVoice(voice=words["voice"])
        expect(self.done, record_subject_voice.sync(id, client=self.subject, body=voice))
        asking = clarification.RequestConsent(
            forms=FORMS,
            scope=SCOPE,
            text_hash=expect(str, self.read(self.handler).facts.text_hash),
            explained=[*clarification.ExplainedPoint],
        )
        asked = expect(self.done, request_consent.sync(id, client=self.handler, body=asking))
        assert asked.state is clarification.ClarificationState.CONSENT_PENDING
        patiently(self.asked)
        draft = expect(clarification.ReadOwnDraftResult, read_own_draft.sync(id, client=self.subject))
        answer = clarification.RecordConsent(
            decision=clarification.ConsentDecision.AGREED, text_hash=draft.text_hash
        )
        expect(self.done, record_consent.sync(id, client=self.subject, body=answer))

    def asked(self) -> bool | None:
        """The message that asks them has arrived (B35)."""
        arrived = clarification.ClarificationEventType.CONSENTNOTICEDELIVERED
        return any(event.type_ is arrived for event in self.read(self.handler).history) or None

    def approve(self) -> None:
        """Two people at two places: the head of the organ, and the petition department above it (R3, R4)."""
        id, submission = self.id, clarification.SubmitForReview()
        expect(self.done, submit_for_review.sync(id, client=self.handler, body=submission))
        review = clarification.ReviewClarification(
            decision=clarification.ReviewClarificationDecision.ENDORSE,
            opinion=words["agreed"],
            no_prejudice_confirmed=True,
        )
        reviewed = review_clarification.sync(
            id,
            client=self.leader,
            body=review,
            if_match=version(self.read(self.leader)),
            legal_basis=cited,
        )
        expect(self.done, reviewed)
        self.assign(clarification.CaseRole.CLARIFICATION_APPROVER, by=self.superior)
        approval = clarification.ApproveClarification(
            decision=clarification.ApproveClarificationDecision.APPROVE,
            opinion=words["agreed"],
            no_prejudice_confirmed=True,
        )
        approved = approve_clarification.sync(
            id,
            client=self.approver,
            body=approval,
            if_match=version(self.read(self.approver)),
            legal_basis=cited,
        )
        assert expect(self.done, approved).state is clarification.ClarificationState.APPROVED

    def carry_out(self) -> None:
        """Letters and a meeting; then the platform and the integrity file."""
        letter = clarification.Letter(document_hash=document, sent_on=today, received_on=today)
        letters = clarification.WrittenEvidence(form="WRITTEN", to_subject=letter, to_unit_head=letter)
        meeting = clarification.MeetingEvidence(
            form="MEETING",
            place=words["meeting_room"],
            held_at=now,
            attendee_groups=[words["residents"]],
            attendee_count=20,
            chair=words["chair"],
            reader=words["reader"],
            minutes_hash=document,
        )
        for evidence in (letters, meeting):
            form = clarification.ImplementForm(evidence=evidence)
            expect(self.done, implement_form.sync(self.id, client=self.handler, body=form))
        entry = clarification.RecordPlatformEntry(platform_receipt_no="PT-1", material_hashes=[document])
        expect(self.done, record_platform_entry.sync(self.id, client=self.handler, body=entry))
        filed = clarification.RecordIntegrityFileEntry(file_no="LZ-1", document_hashes=[document])
        completed = record_integrity_file_entry.sync(self.id, client=self.handler, body=filed)
        assert expect(self.done, completed).state is clarification.ClarificationState.COMPLETED
