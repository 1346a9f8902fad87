"""Verification: what was reported is verified, and found not to be so."""

from datetime import timedelta
from uuid import UUID

from story import at, cited, document, expect, now, patiently, people, version, words
from verification import models as verification
from verification.api.reads import list_verification_cases, read_verification_case
from verification.api.verification_case import (
    approve_disposition,
    assess_false_accusation,
    assign_to_case,
    close_case,
    conclude_verification,
    countersign_report,
    find_allegation,
    propose_disposition,
    record_evidence,
    start_verification,
    submit_report,
)
from verification.client import AuthenticatedClient


class Verifying:
    """The verification case of a complaint, and those who work on it."""

    done = verification.VerificationCaseAnswer

    def __init__(self, complaint: UUID) -> None:
        self.complaint = str(complaint)
        self.chief = AuthenticatedClient(**at("verification", "handling_dept_head"))
        self.handler = AuthenticatedClient(**at("verification", "handler"))
        self.leader = AuthenticatedClient(**at("verification", "organ_head"))
        self.id = patiently(self.opened)

    def assign(self, id: UUID, role: verification.CaseRole) -> None:
        body = verification.AssignToCase(person=people[role.value], role=role)
        expect(self.done, assign_to_case.sync(id, client=self.chief, body=body))

    def read(self, who: AuthenticatedClient) -> verification.VerificationCaseView:
        return expect(verification.VerificationCaseView, read_verification_case.sync(self.id, client=who))

    def opened(self) -> UUID | None:
        """The case that verification has opened for the complaint."""
        state = verification.VerificationCaseState.OPENED
        page = list_verification_cases.sync(client=self.chief, state=state)
        for row in expect(verification.ListVerificationCasesResult, page).items:
            if row.opened_at >= now:
                self.id = row.id
                self.assign(row.id, verification.CaseRole.HANDLING_DEPT_HEAD)
                if self.complaint in expect(list, self.read(self.chief).facts.complaint_ids):
                    return row.id
        return None

    def conclude(self) -> None:
        """From the disposition to the approved report."""
        id, team = self.id, [people["handler"], people["second_handler"]]
        for role in (verification.CaseRole.HANDLER, verification.CaseRole.ORGAN_HEAD):
            self.assign(id, role)
        disposition = verification.ProposeDisposition(
            way=verification.Way.PRELIMINARY_VERIFICATION,
            reason=verification.DispositionReason.PLAUSIBLE_AND_VERIFIABLE,
            collective_study_ref="study-1",
        )
        expect(self.done, propose_disposition.sync(id, client=self.handler, body=disposition))
        approved = approve_disposition.sync(
            id,
            client=self.leader,
            body=verification.ApproveDisposition(opinion=words["agreed"]),
            if_match=version(self.read(self.leader)),
            legal_basis=cited,
        )
        expect(self.done, approved)
        started = verification.StartVerification(team=team, plan_hash=document)
        expect(self.done, start_verification.sync(id, client=self.handler, body=started))
        evidence = verification.RecordEvidence(
            evidence_id="E1",
            kind=verification.EvidenceKind.DOCUMENTARY,
            hash_=document,
            collectors=team,
            collected_at=now - timedelta(minutes=1),
            place=words["archive"],
            signature=verification.Signature.SIGNED,
        )
        expect(self.done, record_evidence.sync(id, client=self.handler, body=evidence))
        [allegation] = expect(list, self.read(self.handler).facts.allegations)
        finding = verification.FindAllegation(
            allegation_id=allegation.id,
            outcome=verification.Outcome.UNFOUNDED,
            reasoning=words["found"],
            evidence_refs=["E1"],
        )
        expect(self.done, find_allegation.sync(id, client=self.handler, body=finding))
        report = verification.SubmitReport(
            basics=words["basics"],
            main_problems=words["problems"],
            process=words["process"],
            result=words["result"],
            doubtful_points=words["none"],
            suggestion=words["suggestion"],
        )
        expect(self.done, submit_report.sync(id, client=self.handler, body=report))
        countersigned = countersign_report.sync(
            id,
            client=self.chief,
            body=verification.CountersignReport(opinion=words["agreed"]),
            if_match=version(self.read(self.chief)),
            legal_basis=cited,
        )
        expect(self.done, countersigned)
        conclusion = verification.ConcludeVerification(
            three_distinctions=[
                verification.ThreeDistinction(
                    distinction=verification.ThreeDistinctionDistinction.DEVELOPMENT_VS_PRIVATE_GAIN,
                    applies=False,
                    reasoning=words["inapplicable"],
                )
            ],
            opinion=words["agreed"],
            collective_study_ref="study-2",
        )
        concluded = conclude_verification.sync(
            id,
            client=self.leader,
            body=conclusion,
            if_match=version(self.read(self.leader)),
            legal_basis=cited,
        )
        assert expect(self.done, concluded).state is verification.VerificationCaseState.CONCLUDED

    def close(self) -> None:
        """Both assessments are made: whether to clear the accused, and whether the report was false (R17)."""
        screened = verification.AssessFalseAccusation(result="SCREEN_OUT", reason=words["screened_out"])
        expect(self.done, assess_false_accusation.sync(self.id, client=self.handler, body=screened))
        patiently(self.noted)
        closed = close_case.sync(
            self.id,
            client=self.chief,
            body=verification.CloseCase(),
            if_match=version(self.read(self.chief)),
            legal_basis=cited,
        )
        assert expect(self.done, closed).state is verification.VerificationCaseState.CLOSED

    def noted(self) -> bool | None:
        """The clarification has told that it was assessed."""
        noted = verification.VerificationCaseEventType.CLARIFICATIONASSESSMENTNOTED
        return any(event.type_ is noted for event in self.read(self.chief).history) or None
