"""Review, approval, implementation and filing (R3, R4, R6, R9, R50, R51, SD1, SD2)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.clarification import commands as c
from shared.aggregate import Actor
from shared.security import roles
from tests.unit.clarification.stage import (
    APPROVER,
    AUTHOR,
    COUNTY,
    DEPUTY,
    HANDLER,
    HASH,
    HEAD,
    OTHER_COUNTY,
    PARTY_ORG,
    QUIET_PLAN,
    SUBJECT,
    TOWN,
    VERIFIER,
    Stage,
    circular,
    face_to_face,
    meeting,
    unfounded,
    written,
)

FILE = {"file_no": "LZ-7", "document_hashes": [HASH]}
ENTRY = {"platform_receipt_no": "PT-1", "material_hashes": [HASH]}


def as_head(person: str) -> Actor:
    return Actor(person, roles.ORGAN_HEAD, TOWN)


def as_approver(person: str) -> Actor:
    return Actor(person, roles.CLARIFICATION_APPROVER, COUNTY)


def test_r3_submit(stage: Stage) -> None:
    stage.submitted()
    assert stage.c.state == "UNDER_REVIEW"
    assert stage.last("ClarificationSubmitted").text_hash == stage.c.text_hash


def test_r10_submission_needs_the_text(stage: Stage) -> None:
    stage.proposed()
    stage.plan()
    with stage.refused("E_TEXT_MISSING"):
        stage.submit()


def test_r3_endorse(stage: Stage) -> None:
    stage.submitted()
    assert stage.review() == ["ClarificationReviewed"]
    assert stage.c.state == "UNDER_APPROVAL"


def test_r3_return(stage: Stage) -> None:
    stage.submitted()
    assert stage.review(decision="RETURN", no_prejudice_confirmed=False) == ["ClarificationReturned"]
    assert stage.c.state == "PLANNED"
    assert stage.submit() == ["ClarificationSubmitted"]


def test_r3_only_the_head_of_the_handling_organ(stage: Stage) -> None:
    stage.submitted()
    with stage.refused("E_FORBIDDEN_ROLE"):
        stage.review(DEPUTY)
    with stage.refused("E_JURISDICTION"):
        stage.review(Actor("p-county-head", roles.ORGAN_HEAD, COUNTY))


@pytest.mark.parametrize("person", [HANDLER.person, AUTHOR.person])
def test_sd1_who_drafted_does_not_review(stage: Stage, person: str) -> None:
    stage.submitted()
    with stage.refused("E_SOD_CONFLICT"):
        stage.review(as_head(person))


def test_r3_review_needs_the_consent(stage: Stage) -> None:
    stage.asked()
    with stage.refused("E_CONSENT_REQUIRED"):
        stage.review()


def test_r9_no_prejudice_is_confirmed_twice(stage: Stage) -> None:
    """By the reviewer and by the approver, each on their own account."""
    stage.submitted()
    with stage.refused("E_DISCIPLINE_LOOSENING"):
        stage.review(no_prejudice_confirmed=False)
    stage.review()
    with stage.refused("E_DISCIPLINE_LOOSENING"):
        stage.approve(no_prejudice_confirmed=False)


def test_r4_approve(stage: Stage) -> None:
    """Scenario 2, step 11: DL-16 is due 2022-03-21."""
    stage.approved()
    approved = stage.last("ClarificationApproved")
    assert approved.approving_organ == COUNTY
    assert approved.forms == ("WRITTEN", "MEETING")
    assert approved.text_hash == stage.c.text_hash
    assert approved.valid_from.isoformat() == "2022-03-14"
    assert stage.due("ClarificationApproved", "DL-16") == "2022-03-21"


def test_r4_refuse(stage: Stage) -> None:
    stage.submitted()
    stage.review()
    assert stage.approve(decision="REFUSE", no_prejudice_confirmed=False) == ["ClarificationRefused"]
    assert stage.c.state == "PLANNED"
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(written())


def test_r4_the_county_approves_for_the_township(stage: Stage) -> None:
    """Scenario 2, step 10: not the township's own head, and not another county."""
    stage.submitted()
    stage.review()
    for actor in (HEAD, Actor("p-other", roles.CLARIFICATION_APPROVER, OTHER_COUNTY)):
        with stage.refused("E_APPROVER_WRONG_ORGAN"):
            stage.approve(actor)


@pytest.mark.parametrize("person", [HEAD.person, HANDLER.person, AUTHOR.person, VERIFIER.person])
def test_sd2_the_approver_is_somebody_else(stage: Stage, person: str) -> None:
    """Not who reviewed, concluded, handled, wrote or verified."""
    stage.submitted()
    stage.review()
    with stage.refused("E_SOD_CONFLICT"):
        stage.approve(as_approver(person))


def test_sd2_the_concluder_does_not_approve(stage: Stage) -> None:
    """Also where another head reviewed."""
    stage.submitted()
    stage.review(as_head("p-other-head"))
    with stage.refused("E_SOD_CONFLICT"):
        stage.approve(as_approver(HEAD.person))


def test_sd1_who_approved_does_not_implement(stage: Stage) -> None:
    stage.approved()
    turned = Actor(APPROVER.person, roles.HANDLER, TOWN)
    stage.refuses("E_SOD_CONFLICT", c.ImplementForm, turned, evidence=written())


def test_r4_approval_before_review_is_a_matter_of_state(stage: Stage) -> None:
    stage.submitted()
    with stage.refused("E_STATE"):
        stage.approve()


@pytest.mark.parametrize("step", ["proposed", "drafted", "asked", "consented", "submitted"])
def test_r4_nothing_is_carried_out_before_the_approval(stage: Stage, step: str) -> None:
    getattr(stage, step)()
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(written("2022-03-01"))


@pytest.mark.parametrize(
    "evidence", [written("2022-03-13"), meeting("2022-03-11"), face_to_face(), circular()]
)
def test_r4_what_was_not_approved_or_came_too_early(stage: Stage, evidence: dict[str, Any]) -> None:
    """A meeting held before the approval does not become lawful by being recorded after it."""
    stage.approved()
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(evidence)


def test_r4_not_before_the_day_from_which_it_holds(stage: Stage) -> None:
    stage.submitted()
    stage.review()
    stage.on("2022-03-14")
    stage.approve(valid_from="2022-03-20")
    assert stage.due("ClarificationApproved", "DL-16") == "2022-03-25", "it may be set later (DL-16)"
    stage.on("2022-03-25")
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(written("2022-03-19"))
    stage.implement(written("2022-03-20"))


def test_r6_form_by_form(stage: Stage) -> None:
    stage.approved()
    script = "收到的反映已经答复，反映其收受礼金等问题经核查失实。"
    assert stage.implement(meeting(script=script)) == ["ClarificationFormImplemented"]
    held = stage.last("ClarificationFormImplemented")
    assert (held.form, held.on.isoformat(), held.evidence_hashes) == ("MEETING", "2022-03-18", (HASH,))
    assert held.evidence["attendee_count"] == 42
    assert stage.c.state == "APPROVED"
    assert stage.implement(written()) == ["ClarificationFormImplemented", "ClarificationImplemented"]
    assert stage.c.state == "IMPLEMENTED"
    assert stage.due("ClarificationImplemented", "DL-17") == "2022-04-01"


def test_dl17_counts_from_the_day_of_the_last_form(stage: Stage) -> None:
    """Not from the day on which its evidence was entered, nor in the order of entry."""
    stage.approved()
    stage.on("2022-03-25")
    stage.implement(meeting("2022-03-18"))
    stage.implement(written("2022-03-16"))
    assert stage.last("ClarificationImplemented").implemented_on.isoformat() == "2022-03-18"
    assert stage.due("ClarificationImplemented", "DL-17") == "2022-04-01"


def test_dl16_an_approval_cannot_hold_before_it_is_given(stage: Stage) -> None:
    stage.submitted()
    stage.review()
    stage.on("2022-03-14")
    stage.approve(valid_from="2022-03-01")
    assert stage.last("ClarificationApproved").valid_from.isoformat() == "2022-03-14"
    assert stage.due("ClarificationApproved", "DL-16") == "2022-03-21"


def test_r6_each_form_once(stage: Stage) -> None:
    stage.approved()
    stage.implement(meeting())
    with stage.refused("E_STATE"):
        stage.implement(meeting())


def test_r6_face_to_face(stage: Stage) -> None:
    stage.approved(QUIET_PLAN)
    stage.implement(face_to_face(refusal_note="本人拒绝签字。"))
    assert stage.last("ClarificationFormImplemented").evidence_hashes == ()


def test_r6_circular(stage: Stage) -> None:
    stage.drafted({**QUIET_PLAN, "forms": ["WRITTEN", "CIRCULAR"], "scope": "UNIT_ALL_STAFF"})
    stage.ask()
    stage.answer()
    stage.hear()
    stage.submit()
    stage.review()
    stage.approve()
    stage.on("2022-03-18")
    with stage.refused("E_SCOPE_EXCEEDS_CONSENT"):
        stage.implement(circular(range="COUNTY_WIDE"))
    assert stage.implement(circular()) == ["ClarificationFormImplemented"]


def test_r6_nothing_is_recorded_before_it_happened(stage: Stage) -> None:
    stage.approved()
    with stage.refused("E_SCHEMA"):
        stage.implement(written("2022-03-19"))


@pytest.mark.parametrize(
    "evidence",
    [
        {
            "form": "WRITTEN",
            "to_subject": {"document_hash": HASH, "sent_on": "2022-03-18", "received_on": "2022-03-18"},
        },
        {
            **written(),
            "to_subject": {"document_hash": HASH, "sent_on": "2022-03-18", "received_on": "2022-03-17"},
        },
        {**face_to_face(), "staff": ["p-handler", "p-handler"]},
        {**face_to_face(), "staff": ["p-handler"]},
        {**face_to_face(), "signature_hash": None},
        {**face_to_face(), "refusal_note": "拒绝签字。"},
        {**circular(), "to_on": "2022-03-01"},
        {**meeting(), "attendee_count": 0},
        {**meeting(), "form": "WRITTEN"},
    ],
)
def test_r6_evidence_of_its_own_kind(evidence: dict[str, Any]) -> None:
    """E_SCHEMA: two letters, two different people, one ending, a period, people present."""
    with pytest.raises(ValidationError):
        c.ImplementForm.model_validate({"evidence": evidence})


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("该同志清正廉洁。", "E_TEXT_OVERALL_EVALUATION"),
        ("有人恶意举报。", "E_TEXT_INTENT_STATEMENT"),
        ("我们收到匿名信十五封。", "E_TEXT_IDENTITY_LEAK"),
    ],
)
def test_r47_what_is_said_at_the_meeting_is_screened(stage: Stage, script: str, code: str) -> None:
    stage.approved()
    with stage.refused(code):
        stage.implement(meeting(script=script))


def test_r47_the_allegation_itself_may_be_quoted(stage: Stage) -> None:
    """An allegation of intent is what was found unfounded, not a verdict on the reporter."""
    stage.find(unfounded(texts=["反映其故意拖延低保审批"]))
    stage.assess()
    stage.propose()
    stage.plan()
    stage.invite()
    stage.render()
    stage.ask()
    stage.answer()
    stage.hear()
    stage.submit()
    stage.review()
    stage.approve()
    stage.on("2022-03-02")
    stage.implement(meeting("2022-03-02", script="经核查，反映其故意拖延低保审批，失实。"))


def test_r50_platform_entry(stage: Stage) -> None:
    stage.approved()
    stage.refuses("E_STATE", c.RecordPlatformEntry, HANDLER, **ENTRY)
    stage.implement(written())
    stage.implement(meeting())
    sealed = {**ENTRY, "holds_sealed_content": True}
    stage.refuses("E_PLATFORM_ENTRY_FORBIDDEN", c.RecordPlatformEntry, HANDLER, **sealed)
    assert stage.do(c.RecordPlatformEntry, HANDLER, **ENTRY) == ["ClarificationEnteredInPlatform"]
    stage.refuses("E_STATE", c.RecordPlatformEntry, HANDLER, **ENTRY)
    assert stage.c.state == "IMPLEMENTED"


def test_r51_integrity_file_entry_completes(stage: Stage) -> None:
    """Filed in both places, in either order: complete."""
    stage.approved()
    stage.refuses("E_STATE", c.RecordIntegrityFileEntry, HANDLER, **FILE)
    stage.implement(written())
    stage.implement(meeting())
    stage.on("2022-03-25")
    assert stage.do(c.RecordIntegrityFileEntry, HANDLER, **FILE) == ["IntegrityFileEntryRecorded"]
    stage.refuses("E_STATE", c.RecordIntegrityFileEntry, HANDLER, **FILE)
    names = stage.do(c.RecordPlatformEntry, HANDLER, **ENTRY)
    assert names == ["ClarificationEnteredInPlatform", "ClarificationCompleted"]
    done = stage.last("ClarificationCompleted")
    assert done.number == "CQ-990102100-2022-000001"
    assert (done.forms, done.scope) == (("WRITTEN", "MEETING"), "VILLAGE_OR_COMMUNITY")
    assert done.subject_account == SUBJECT.person
    assert done.clarification_handlers == (HANDLER.person,)
    assert done.verification_handlers == (VERIFIER.person,)
    assert done.completed_on.isoformat() == "2022-03-25"


@pytest.mark.parametrize(("subject", "kind"), [(None, "INTEGRITY_FILE"), (PARTY_ORG, "ORG_FILE")])
def test_r51_persons_and_organisations_have_different_files(subject: Any, kind: str) -> None:
    stage = Stage(subject) if subject else Stage()
    stage.proposed()
    stage.plan(QUIET_PLAN)
    stage.render()
    stage.do(c.RecordSubjectVoice, HANDLER, voice="当面听取。")
    stage.submit()
    stage.review()
    stage.approve()
    stage.on("2022-03-18")
    stage.implement(written())
    stage.implement(face_to_face())
    stage.do(c.RecordIntegrityFileEntry, HANDLER, **FILE)
    assert stage.last("IntegrityFileEntryRecorded").archive_kind == kind


def test_r53_a_finding_after_completion_reopens_from_the_start(stage: Stage) -> None:
    """Nothing of the old round carries over: plan, consent and approval are needed anew."""
    stage.completed()
    assert stage.find(unfounded("case-2")) == ["ClarificationReopened"]
    assert (stage.c.state, stage.c.round, stage.c.plan, stage.c.consent) == ("ASSESSING", 2, None, None)
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(meeting())
    assert not stage.c.heard


def test_a48_a_recused_reviewer_steps_aside(stage: Stage) -> None:
    stage.submitted()
    ground = {"ground": "系本人近亲属。"}
    recuse = next(k for k in c.COMMANDS if k.__name__ == "DeclareRecusal")
    stage.do(recuse, HEAD, **ground)
    with stage.refused("E_RECUSAL"):
        stage.review()


def test_63_assignment(stage: Stage) -> None:
    """§6.3: the leader gives and ends the need to know."""
    commands = {k.__name__: k for k in c.COMMANDS}
    stage.find()
    who = {"person": HANDLER.person, "role": roles.HANDLER}
    assert stage.do(commands["AssignToCase"], HEAD, **who) == ["AssignmentStarted"]
    assert stage.do(commands["EndAssignment"], HEAD, **who, reason="调离。") == ["AssignmentEnded"]
