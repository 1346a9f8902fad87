"""Review, approval, implementation and filing (R3, R4, R6, R9, R50, R51, SD1, SD2)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.clarification import commands as c
from shared.casework.aggregate import Actor
from shared.language import roles
from tests.unit.clarification.examples import (
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
    Clarifying,
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


def test_r3_submit(scene: Clarifying) -> None:
    scene.submitted()
    assert scene.aggregate.state == "UNDER_REVIEW"
    assert scene.last("ClarificationSubmitted").text_hash == scene.aggregate.text_hash


def test_r10_submission_needs_the_text(scene: Clarifying) -> None:
    scene.proposed()
    scene.plan()
    scene.submit().refused("E_TEXT_MISSING")


def test_r3_endorse(scene: Clarifying) -> None:
    scene.submitted()
    scene.review().then("ClarificationReviewed")
    assert scene.aggregate.state == "UNDER_APPROVAL"


def test_r3_return(scene: Clarifying) -> None:
    scene.submitted()
    scene.review(decision="RETURN", no_prejudice_confirmed=False).then("ClarificationReturned")
    assert scene.aggregate.state == "PLANNED"
    scene.submit().then("ClarificationSubmitted")


def test_r3_only_the_head_of_the_handling_organ(scene: Clarifying) -> None:
    scene.submitted()
    scene.review(DEPUTY).refused("E_FORBIDDEN_ROLE")
    scene.review(Actor("p-county-head", roles.ORGAN_HEAD, COUNTY)).refused("E_JURISDICTION")


@pytest.mark.parametrize("person", [HANDLER.person, AUTHOR.person])
def test_sd1_who_drafted_does_not_review(scene: Clarifying, person: str) -> None:
    scene.submitted()
    scene.review(as_head(person)).refused("E_SOD_CONFLICT")


def test_r3_review_needs_the_consent(scene: Clarifying) -> None:
    scene.asked()
    scene.review().refused("E_CONSENT_REQUIRED")


def test_r9_no_prejudice_is_confirmed_twice(scene: Clarifying) -> None:
    """By the reviewer and by the approver, each on their own account."""
    scene.submitted()
    scene.review(no_prejudice_confirmed=False).refused("E_DISCIPLINE_LOOSENING")
    scene.review()
    scene.approve(no_prejudice_confirmed=False).refused("E_DISCIPLINE_LOOSENING")


def test_r4_approve(scene: Clarifying) -> None:
    """Scenario 2, step 11: DL-16 is due 2022-03-21."""
    scene.approved()
    approved = scene.last("ClarificationApproved")
    assert approved.approving_organ == COUNTY
    assert approved.forms == ("WRITTEN", "MEETING")
    assert approved.text_hash == scene.aggregate.text_hash
    assert approved.valid_from.isoformat() == "2022-03-14"
    assert scene.due("ClarificationApproved", "DL-16") == "2022-03-21"


def test_r4_refuse(scene: Clarifying) -> None:
    scene.submitted()
    scene.review()
    scene.approve(decision="REFUSE", no_prejudice_confirmed=False).then("ClarificationRefused")
    assert scene.aggregate.state == "PLANNED"
    scene.implement(written()).refused("E_APPROVAL_REQUIRED")


def test_r4_the_county_approves_for_the_township(scene: Clarifying) -> None:
    """Scenario 2, step 10: not the township's own head, and not another county."""
    scene.submitted()
    scene.review()
    for actor in (HEAD, Actor("p-other", roles.CLARIFICATION_APPROVER, OTHER_COUNTY)):
        scene.approve(actor).refused("E_APPROVER_WRONG_ORGAN")


@pytest.mark.parametrize("person", [HEAD.person, HANDLER.person, AUTHOR.person, VERIFIER.person])
def test_sd2_the_approver_is_somebody_else(scene: Clarifying, person: str) -> None:
    """Not who reviewed, concluded, handled, wrote or verified."""
    scene.submitted()
    scene.review()
    scene.approve(as_approver(person)).refused("E_SOD_CONFLICT")


def test_sd2_the_concluder_does_not_approve(scene: Clarifying) -> None:
    """Also where another head reviewed."""
    scene.submitted()
    scene.review(as_head("p-other-head"))
    scene.approve(as_approver(HEAD.person)).refused("E_SOD_CONFLICT")


def test_sd1_who_approved_does_not_implement(scene: Clarifying) -> None:
    scene.approved()
    turned = Actor(APPROVER.person, roles.HANDLER, TOWN)
    scene.when(c.ImplementForm(evidence=written()), by=turned).refused("E_SOD_CONFLICT")


def test_r4_approval_before_review_is_a_matter_of_state(scene: Clarifying) -> None:
    scene.submitted()
    scene.approve().refused("E_STATE")


@pytest.mark.parametrize("step", ["proposed", "drafted", "asked", "consented", "submitted"])
def test_r4_nothing_is_carried_out_before_the_approval(scene: Clarifying, step: str) -> None:
    getattr(scene, step)()
    scene.implement(written("2022-03-01")).refused("E_APPROVAL_REQUIRED")


@pytest.mark.parametrize(
    "evidence", [written("2022-03-13"), meeting("2022-03-11"), face_to_face(), circular()]
)
def test_r4_what_was_not_approved_or_came_too_early(scene: Clarifying, evidence: dict[str, Any]) -> None:
    """A meeting held before the approval does not become lawful by being recorded after it."""
    scene.approved()
    scene.implement(evidence).refused("E_APPROVAL_REQUIRED")


def test_r4_not_before_the_day_from_which_it_holds(scene: Clarifying) -> None:
    scene.submitted()
    scene.review()
    scene.at("2022-03-14")
    scene.approve(valid_from="2022-03-20")
    assert scene.due("ClarificationApproved", "DL-16") == "2022-03-25", "it may be set later (DL-16)"
    scene.at("2022-03-25")
    scene.implement(written("2022-03-19")).refused("E_APPROVAL_REQUIRED")
    scene.implement(written("2022-03-20"))


def test_r6_form_by_form(scene: Clarifying) -> None:
    scene.approved()
    script = "收到的反映已经答复，反映其收受礼金等问题经核查失实。"
    scene.implement(meeting(script=script)).then("ClarificationFormImplemented")
    held = scene.last("ClarificationFormImplemented")
    assert (held.form, held.on.isoformat(), held.evidence_hashes) == ("MEETING", "2022-03-18", (HASH,))
    assert held.evidence["attendee_count"] == 42
    assert scene.aggregate.state == "APPROVED"
    scene.implement(written()).then("ClarificationFormImplemented", "ClarificationImplemented")
    assert scene.aggregate.state == "IMPLEMENTED"
    assert scene.due("ClarificationImplemented", "DL-17") == "2022-04-01"


def test_dl17_counts_from_the_day_of_the_last_form(scene: Clarifying) -> None:
    """Not from the day on which its evidence was entered, nor in the order of entry."""
    scene.approved()
    scene.at("2022-03-25")
    scene.implement(meeting("2022-03-18"))
    scene.implement(written("2022-03-16"))
    assert scene.last("ClarificationImplemented").implemented_on.isoformat() == "2022-03-18"
    assert scene.due("ClarificationImplemented", "DL-17") == "2022-04-01"


def test_dl16_an_approval_cannot_hold_before_it_is_given(scene: Clarifying) -> None:
    scene.submitted()
    scene.review()
    scene.at("2022-03-14")
    scene.approve(valid_from="2022-03-01")
    assert scene.last("ClarificationApproved").valid_from.isoformat() == "2022-03-14"
    assert scene.due("ClarificationApproved", "DL-16") == "2022-03-21"


def test_r6_each_form_once(scene: Clarifying) -> None:
    scene.approved()
    scene.implement(meeting())
    scene.implement(meeting()).refused("E_STATE")


def test_r6_face_to_face(scene: Clarifying) -> None:
    scene.approved(QUIET_PLAN)
    scene.implement(face_to_face(refusal_note="本人拒绝签字。"))
    assert scene.last("ClarificationFormImplemented").evidence_hashes == ()


def test_r6_circular(scene: Clarifying) -> None:
    scene.drafted({**QUIET_PLAN, "forms": ["WRITTEN", "CIRCULAR"], "scope": "UNIT_ALL_STAFF"})
    scene.ask()
    scene.answer()
    scene.hear()
    scene.submit()
    scene.review()
    scene.approve()
    scene.at("2022-03-18")
    scene.implement(circular(range="COUNTY_WIDE")).refused("E_SCOPE_EXCEEDS_CONSENT")
    scene.implement(circular()).then("ClarificationFormImplemented")


def test_r6_nothing_is_recorded_before_it_happened(scene: Clarifying) -> None:
    scene.approved()
    scene.implement(written("2022-03-19")).refused("E_SCHEMA")


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
def test_r47_what_is_said_at_the_meeting_is_screened(scene: Clarifying, script: str, code: str) -> None:
    scene.approved()
    scene.implement(meeting(script=script)).refused(code)


def test_r47_the_allegation_itself_may_be_quoted(scene: Clarifying) -> None:
    """An allegation of intent is what was found unfounded, not a verdict on the reporter."""
    scene.find(unfounded(texts=["反映其故意拖延低保审批"]))
    scene.assess()
    scene.propose()
    scene.plan()
    scene.invite()
    scene.render()
    scene.ask()
    scene.answer()
    scene.hear()
    scene.submit()
    scene.review()
    scene.approve()
    scene.at("2022-03-02")
    scene.implement(meeting("2022-03-02", script="经核查，反映其故意拖延低保审批，失实。"))


def test_r50_platform_entry(scene: Clarifying) -> None:
    scene.approved()
    scene.when(c.RecordPlatformEntry(**ENTRY), by=HANDLER).refused("E_STATE")
    scene.implement(written())
    scene.implement(meeting())
    sealed = {**ENTRY, "holds_sealed_content": True}
    scene.when(c.RecordPlatformEntry(**sealed), by=HANDLER).refused("E_PLATFORM_ENTRY_FORBIDDEN")
    scene.when(c.RecordPlatformEntry(**ENTRY), by=HANDLER).then("ClarificationEnteredInPlatform")
    scene.when(c.RecordPlatformEntry(**ENTRY), by=HANDLER).refused("E_STATE")
    assert scene.aggregate.state == "IMPLEMENTED"


def test_r51_integrity_file_entry_completes(scene: Clarifying) -> None:
    """Filed in both places, in either order: complete."""
    scene.approved()
    scene.when(c.RecordIntegrityFileEntry(**FILE), by=HANDLER).refused("E_STATE")
    scene.implement(written())
    scene.implement(meeting())
    scene.at("2022-03-25")
    scene.when(c.RecordIntegrityFileEntry(**FILE), by=HANDLER).then("IntegrityFileEntryRecorded")
    scene.when(c.RecordIntegrityFileEntry(**FILE), by=HANDLER).refused("E_STATE")
    scene.when(c.RecordPlatformEntry(**ENTRY), by=HANDLER)
    scene.then("ClarificationEnteredInPlatform", "ClarificationCompleted")
    done = scene.last("ClarificationCompleted")
    assert done.number == "CQ-990102100-2022-000001"
    assert (done.forms, done.scope) == (("WRITTEN", "MEETING"), "VILLAGE_OR_COMMUNITY")
    assert done.subject_account == SUBJECT.person
    assert done.clarification_handlers == (HANDLER.person,)
    assert done.verification_handlers == (VERIFIER.person,)
    assert done.completed_on.isoformat() == "2022-03-25"


@pytest.mark.parametrize(("subject", "kind"), [(None, "INTEGRITY_FILE"), (PARTY_ORG, "ORG_FILE")])
def test_r51_persons_and_organisations_have_different_files(subject: Any, kind: str) -> None:
    scene = Clarifying(subject) if subject else Clarifying()
    scene.proposed()
    scene.plan(QUIET_PLAN)
    scene.render()
    scene.when(c.RecordSubjectVoice(voice="当面听取。"), by=HANDLER)
    scene.submit()
    scene.review()
    scene.approve()
    scene.at("2022-03-18")
    scene.implement(written())
    scene.implement(face_to_face())
    scene.when(c.RecordIntegrityFileEntry(**FILE), by=HANDLER)
    assert scene.last("IntegrityFileEntryRecorded").archive_kind == kind


def test_r53_a_finding_after_completion_reopens_from_the_start(scene: Clarifying) -> None:
    """Nothing of the old round carries over: plan, consent and approval are needed anew."""
    scene.completed()
    scene.find(unfounded("case-2")).then("ClarificationReopened")
    assert (scene.aggregate.state, scene.aggregate.round, scene.aggregate.plan, scene.aggregate.consent) == (
        "ASSESSING",
        2,
        None,
        None,
    )
    scene.implement(meeting()).refused("E_APPROVAL_REQUIRED")
    assert not scene.aggregate.heard


def test_a48_a_recused_reviewer_steps_aside(scene: Clarifying) -> None:
    scene.submitted()
    ground = {"ground": "系本人近亲属。"}
    recuse = next(k for k in c.COMMANDS if k.__name__ == "DeclareRecusal")
    scene.when(recuse(**ground), by=HEAD)
    scene.review().refused("E_RECUSAL")


def test_63_assignment(scene: Clarifying) -> None:
    """§6.3: the leader gives and ends the need to know."""
    commands = {k.__name__: k for k in c.COMMANDS}
    scene.find()
    who = {"person": HANDLER.person, "role": roles.HANDLER}
    scene.when(commands["AssignToCase"](**who), by=HEAD).then("AssignmentStarted")
    scene.when(commands["EndAssignment"].model_validate({**who, "reason": "调离。"}), by=HEAD).then(
        "AssignmentEnded"
    )
