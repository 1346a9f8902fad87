"""The subject has another post, or a party organisation another head, while the clarification is under way
(B10, B11)."""

from __future__ import annotations

from services.clarification import commands as c
from shared.language.contracts.common import Accused
from tests.unit.clarification.examples import (
    HANDLER,
    HASH,
    INVITER,
    MEETING_PLAN,
    QUIET_PLAN,
    SUBJECT,
    Clarifying,
    unfounded,
    written,
)


def tell(scene: Clarifying, **details: str) -> Clarifying:
    """Verification tells what the register has of the subject today."""
    now = scene.aggregate.subject.model_copy(update=details)
    return scene.when_told(lambda clarification, ctx: clarification.note_details(ctx, now), "B11")


def test_b11_a_text_that_names_the_former_unit_goes_no_further(scene: Clarifying) -> None:
    """Told twice it is news once. Sent back or voided, the text is rendered anew and names today's unit."""
    scene.submitted(QUIET_PLAN)
    tell(scene, unit="云瓶镇新社区").then("SubjectDetailsChanged").in_state("UNDER_REVIEW")
    tell(scene, unit="云瓶镇新社区").then()
    scene.review().refused("E_CONTENT_MISMATCH", "B11")
    scene.review(decision="RETURN").in_state("PLANNED")
    scene.submit().refused("E_CONTENT_MISMATCH", "B11")
    scene.when(c.RenderText(), by=HANDLER)
    assert "云瓶镇新社区" in scene.last("ClarificationTextRendered").text
    scene.submit().in_state("UNDER_REVIEW")


def test_b11_details_that_no_text_names_hold_nothing_up(scene: Clarifying) -> None:
    scene.approved(QUIET_PLAN)
    tell(scene, managed_by_level="COUNTY").then("SubjectDetailsChanged")
    scene.implement(written()).then("ClarificationFormImplemented")
    tell(scene, position="调研员").then("SubjectDetailsChanged")
    assert scene.last("SubjectDetailsChanged").text_outdated
    scene.find(unfounded("case-2", subject=scene.aggregate.subject))
    assert scene.aggregate.subject.position == "调研员"


def test_b10_the_account_of_a_former_head_ends_and_the_new_one_is_asked(org_scene: Clarifying) -> None:
    """Consent of the head before stands for nothing that is still to be carried out."""
    scene = org_scene.proposed().plan(MEETING_PLAN)
    scene.when(c.InviteSubject(account=SUBJECT.person, holder="周虚五"), by=INVITER)
    scene.render().ask().deliver().answer().hear().submit().in_state("UNDER_REVIEW")
    tell(scene, principal_head="虚新首").then("SubjectDetailsChanged")
    assert scene.last("SubjectDetailsChanged").account_ends
    assert not scene.aggregate.subject_account
    scene.review().refused("E_CONSENT_STALE")
    scene.review(decision="RETURN").in_state("PLANNED")
    scene.hear().refused("E_CONSENT_AUTHORITY")
    before = {"account": "p-new-head", "holder": "周虚五"}
    scene.when(c.InviteSubject(**before), by=INVITER).refused("E_CONSENT_AUTHORITY", "R11")
    scene.when(c.InviteSubject(account="p-new-head", holder="虚新首"), by=INVITER).then("SubjectInvited")


def test_b10_a_person_has_no_head(scene: Clarifying) -> None:
    scene.submitted(QUIET_PLAN)
    assert isinstance(scene.aggregate.subject, Accused)
    tell(scene, principal_head="虚某").then("SubjectDetailsChanged")
    assert scene.aggregate.subject_account


def test_b10_a_question_to_a_former_head_is_put_to_the_new_one(org_scene: Clarifying) -> None:
    """Silence of the former is not that of the new one: the window ends, and the question is open again."""
    scene = org_scene.proposed().plan(MEETING_PLAN)
    scene.when(c.InviteSubject(account=SUBJECT.person, holder="周虚五"), by=INVITER)
    scene.render().ask().deliver().in_state("CONSENT_PENDING")
    assert "DL-15" in scene.aggregate.running
    tell(scene, principal_head="虚新首").in_state("PLANNED")
    assert "DL-15" not in scene.aggregate.running
    scene.when(c.InviteSubject(account="p-new-head", holder="虚新首"), by=INVITER)
    scene.ask().in_state("CONSENT_PENDING")


def test_b11_a_round_that_waited_begins_with_todays_details(org_scene: Clarifying) -> None:
    scene = org_scene.proposed().plan(QUIET_PLAN)
    scene.find(unfounded("case-2", subject=scene.aggregate.subject))
    tell(scene, principal_head="虚新首")
    scene.when(c.RecordSubjectDeclined(signed_form_hash=HASH, signed_by="虚新首"), by=HANDLER)
    scene.then("SubjectDeclinedAllForms", "ClarificationReopened")
    assert scene.aggregate.subject.principal_head == "虚新首"
