"""The subject is heard and asked (R7, R8, R11, R49, C3, A89)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.clarification import commands as c
from shared.language.law.working_days import load_years
from tests.unit.clarification.examples import (
    ALL_EXPLAINED,
    HANDLER,
    HASH,
    HEAD,
    INVITER,
    MEETING_PLAN,
    QUIET_PLAN,
    STRANGER,
    SUBJECT,
    SYSTEM,
    Clarifying,
    meeting,
    written,
)


def test_r8_invite_subject(scene: Clarifying) -> None:
    scene.proposed()
    scene.invite().then("SubjectInvited")
    assert scene.aggregate.subject_account == SUBJECT.person


@pytest.mark.parametrize("account", [HANDLER.person, HEAD.person])
def test_r7_staff_cannot_be_the_subject(scene: Clarifying, account: str) -> None:
    """Nobody who works on the case lends the subject their account."""
    scene.proposed()
    scene.when(c.InviteSubject(account=account), by=INVITER).refused("E_CONSENT_AUTHORITY")


def test_r7_another_person_cannot_be_the_subject(scene: Clarifying) -> None:
    scene.proposed()
    scene.when(c.InviteSubject(account="a-x", holder="周虚五"), by=INVITER).refused("E_CONSENT_AUTHORITY")


def test_r11_a_party_organisation_answers_through_its_head_or_delegate(org_scene: Clarifying) -> None:
    org_scene.proposed()
    for asked in ({}, {"holder": "赵虚六"}):
        org_scene.when(c.InviteSubject(account="a-x", **asked), by=INVITER).refused("E_CONSENT_AUTHORITY")
    org_scene.when(c.InviteSubject(account="a-x", holder="周虚五"), by=INVITER)
    org_scene.when(c.InviteSubject(account="a-y", holder="赵虚六", delegation_hash=HASH), by=INVITER)
    assert org_scene.aggregate.subject_account == "a-y"


def test_r49_record_subject_voice(scene: Clarifying) -> None:
    """From the subject's own account, or heard by the handler, who thereby handles."""
    scene.drafted()
    scene.hear().then("SubjectVoiceRecorded")
    assert scene.last("SubjectVoiceRecorded").by_subject
    assert SUBJECT.person not in scene.aggregate.duties["handler"]
    scene.when(c.RecordSubjectVoice(voice="当面听取。"), by=HANDLER)
    assert HANDLER.person in scene.aggregate.duties["handler"]
    scene.when(c.RecordSubjectVoice(voice="……"), by=STRANGER).refused("E_CONSENT_AUTHORITY")


def test_r49_without_his_voice_no_review(scene: Clarifying) -> None:
    scene.asked()
    scene.answer()
    scene.submit().refused("E_VOICE_MISSING")


def test_r7_request_consent(scene: Clarifying) -> None:
    """Scenario 2, step 6: DL-15 is due 2022-03-14."""
    scene.drafted()
    scene.at("2022-03-07")
    scene.ask(forms=["MEETING"]).then("ClarificationConsentRequested")
    assert scene.aggregate.state == "CONSENT_PENDING"
    scene.deliver().then("ConsentNoticeDelivered")
    assert scene.due("ConsentNoticeDelivered", "DL-15") == "2022-03-14"


@pytest.mark.parametrize("point", ALL_EXPLAINED)
def test_a89_all_five_points_are_explained(scene: Clarifying, point: str) -> None:
    scene.drafted()
    scene.ask(explained=[p for p in ALL_EXPLAINED if p != point]).refused("E_SCHEMA")


@pytest.mark.parametrize("over", [{"forms": ["WRITTEN"]}, {"scope": "UNIT_ALL_STAFF"}, {"text_hash": HASH}])
def test_r7_the_request_names_the_plan_and_its_text(scene: Clarifying, over: dict[str, Any]) -> None:
    scene.drafted()
    scene.ask(**over).refused("E_CONSENT_STALE")


def test_r7_the_request_needs_the_text(scene: Clarifying) -> None:
    scene.proposed()
    scene.plan()
    scene.ask().refused("E_TEXT_MISSING")


def test_r7_quiet_forms_need_no_consent(scene: Clarifying) -> None:
    """Written and face to face: nothing to ask, and the review may begin."""
    scene.drafted(QUIET_PLAN)
    scene.ask().refused("E_STATE")
    scene.hear()
    scene.submit().then("ClarificationSubmitted")


def test_c3_a_letter_to_many_needs_consent(scene: Clarifying) -> None:
    """A wide scope is public whatever the form is called."""
    scene.drafted({**QUIET_PLAN, "scope": "UNIT_ALL_STAFF"})
    scene.hear()
    scene.submit().refused("E_CONSENT_REQUIRED")


def test_r7_submission_while_the_answer_is_open(scene: Clarifying) -> None:
    """Scenario 2, step 7: the rule answers before the state does."""
    scene.asked()
    scene.submit().refused("E_CONSENT_REQUIRED")


def test_r7_the_subject_agrees(scene: Clarifying) -> None:
    scene.asked()
    scene.answer().then("ClarificationConsentGranted")
    assert scene.aggregate.state == "PLANNED"
    assert scene.last("ClarificationConsentGranted").by_subject


def test_r7_agreed_with_limits(scene: Clarifying) -> None:
    """Scenario 2, step 8: no media; a meeting in the community stays within."""
    scene.consented("AGREED_WITH_LIMITS", limits={"no_media": True})
    assert scene.last("ClarificationConsentGranted").limits.no_media
    scene.submit().then("ClarificationSubmitted")


@pytest.mark.parametrize("limits", [{"max_scope": "UNIT_ALL_STAFF"}, {"excluded_forms": ["MEETING"]}])
def test_r7_the_plan_stays_within_the_limits(scene: Clarifying, limits: dict[str, Any]) -> None:
    scene.consented("AGREED_WITH_LIMITS", limits=limits)
    scene.submit().refused("E_SCOPE_EXCEEDS_CONSENT")


def test_r7_no_media_excludes_the_media(scene: Clarifying) -> None:
    scene.drafted(
        {
            **QUIET_PLAN,
            "forms": ["WRITTEN", "CIRCULAR"],
            "scope": "PUBLIC_MEDIA",
            "venue": "PUBLIC_MEDIA",
        }
    )
    scene.ask()
    scene.answer("AGREED_WITH_LIMITS", limits={"no_media": True})
    scene.submit().refused("E_SCOPE_EXCEEDS_CONSENT")


@pytest.mark.parametrize(
    ("decision", "limits"),
    [("AGREED", {"no_media": True}), ("AGREED_WITH_LIMITS", None), ("AGREED_WITH_LIMITS", {})],
)
def test_r7_limits_and_decision_agree(
    scene: Clarifying, decision: str, limits: dict[str, Any] | None
) -> None:
    scene.asked()
    scene.answer(decision, limits=limits).refused("E_SCHEMA")


def test_r7_the_answer_names_the_text_that_was_read(scene: Clarifying) -> None:
    """An answer that lay in a telephone while the text changed agrees to nothing."""
    scene.asked()
    scene.answer(text_hash=HASH).refused("E_CONSENT_STALE")


def test_r7_refused(scene: Clarifying) -> None:
    scene.asked()
    scene.answer("REFUSED").then("ClarificationConsentRefused")
    scene.submit().refused("E_CONSENT_REFUSED")


def test_b49_r8_the_same_plan_is_not_asked_twice(scene: Clarifying) -> None:
    """The subject said no: only another plan may be asked about, and quiet forms remain (C3)."""
    scene.asked()
    scene.answer("REFUSED")
    scene.ask().refused("E_CONSENT_REFUSED")
    scene.plan(scope="COUNTY_WIDE")
    scene.render()
    scene.ask().then("ClarificationConsentRequested")
    scene.answer("REFUSED")
    scene.plan(QUIET_PLAN)
    scene.render()
    scene.hear()
    scene.submit().then("ClarificationSubmitted")


def test_r7_nobody_else_answers_for_him(scene: Clarifying) -> None:
    scene.asked()
    scene.answer(actor=STRANGER).refused("E_CONSENT_AUTHORITY")
    scene.answer(actor=HANDLER).refused("E_CONSENT_AUTHORITY")
    scene.answer(actor=HEAD).refused("E_FORBIDDEN_ROLE")


def test_r7_before_the_invitation_no_account_answers(scene: Clarifying) -> None:
    scene.proposed()
    scene.plan()
    scene.render()
    scene.ask()
    scene.answer().refused("E_CONSENT_AUTHORITY")


def test_r7_a_signed_form(scene: Clarifying) -> None:
    scene.asked()
    scene.answer(actor=HANDLER, signed_form_hash=HASH, signed_by="吴虚四")
    granted = scene.last("ClarificationConsentGranted")
    assert (granted.by_subject, granted.signed_form_hash) == (False, HASH)


def test_r11_the_form_of_a_party_organisation(org_scene: Clarifying) -> None:
    org_scene.proposed()
    org_scene.plan()
    org_scene.render()
    org_scene.ask()
    for signed in ({}, {"signed_by": "赵虚六"}):
        org_scene.answer(actor=HANDLER, signed_form_hash=HASH, **signed).refused("E_CONSENT_AUTHORITY")
    org_scene.answer(actor=HANDLER, signed_form_hash=HASH, signed_by="周虚五")
    assert org_scene.last("ClarificationConsentGranted").signed_by == "周虚五"


def test_a89_a_changed_text_makes_consent_stale(scene: Clarifying) -> None:
    scene.consented()
    scene.render("补充说明。")
    scene.submit().refused("E_CONSENT_STALE")


def test_a89_a_new_plan_makes_consent_stale(scene: Clarifying) -> None:
    """Even one that differs only in its audience."""
    scene.consented()
    scene.plan(invited_groups=["居民代表"])
    scene.render()
    scene.submit().refused("E_CONSENT_STALE")
    scene.ask()
    scene.answer()
    scene.submit().then("ClarificationSubmitted")


def test_c3_silence_lapses_after_the_last_day(scene: Clarifying) -> None:
    """DL-15 ends at 24:00 of 2022-03-14; only the scheduler may end the window."""
    scene.asked()
    scene.at("2022-03-14")
    scene.when(c.LapseConsent(), by=SYSTEM).refused("E_STATE")
    scene.at("2022-03-15")
    scene.when(c.LapseConsent(), by=HANDLER).refused("E_FORBIDDEN_ROLE")
    scene.when(c.LapseConsent(), by=SYSTEM).then("ClarificationConsentLapsed")
    scene.submit().refused("E_CONSENT_REFUSED")
    scene.when(c.LapseConsent(), by=SYSTEM).refused("E_STATE")


def test_b35_a_window_runs_from_the_delivery(scene: Clarifying) -> None:
    """The window does not hang on how long the message was on its way; before the delivery no silence could
    count."""
    scene.drafted()
    scene.at("2022-03-07")
    scene.ask()
    assert scene.aggregate.consent is not None
    assert (scene.aggregate.consent.due, scene.aggregate.clocks.get("DL-15")) == (None, None)
    scene.at("2022-04-20")
    scene.when(c.LapseConsent(), by=SYSTEM).refused("E_STATE")
    scene.deliver().then("ConsentNoticeDelivered")
    scene.deliver().then()
    assert scene.due("ConsentNoticeDelivered", "DL-15") == "2022-04-26"
    scene.at("2022-04-27")
    scene.when(c.LapseConsent(), by=SYSTEM).then("ClarificationConsentLapsed")


def test_b35_a_delivery_by_hand_opens_the_window(scene: Clarifying) -> None:
    """By the handler, with a receipt; not twice, and not after an answer."""
    by_hand = c.RecordConsentDelivery(receipt_hash=HASH)
    scene.drafted()
    scene.when(by_hand, by=HANDLER).refused("E_STATE")
    scene.at("2022-03-07")
    scene.ask()
    scene.when(by_hand, by=SUBJECT).refused("E_FORBIDDEN_ROLE")
    scene.when(by_hand, by=HANDLER).then("ConsentNoticeDelivered")
    delivered = scene.last("ConsentNoticeDelivered")
    assert (delivered.by_hand, delivered.receipt_hash) == (True, HASH)
    scene.when(by_hand, by=HANDLER).refused("E_STATE")
    scene.deliver().then()  # the message came later than the person
    scene.answer()
    scene.when(by_hand, by=HANDLER).refused("E_STATE")


def test_b35_a_message_about_an_earlier_request_opens_no_window(scene: Clarifying) -> None:
    scene.drafted()
    scene.ask()
    assert scene.aggregate.consent is not None
    before = scene.aggregate.consent.asked_in
    scene.answer("REFUSED")
    scene.plan(venue="UNIT_MEETING")
    scene.render()
    scene.ask()
    scene.deliver(before).then()


def test_c3_nothing_lapses_that_was_not_asked(scene: Clarifying) -> None:
    scene.drafted()
    scene.when(c.LapseConsent(), by=SYSTEM).refused("E_STATE")


@pytest.mark.parametrize("step", ["consented", "submitted"])
def test_r8_withdraw_before_the_approval(scene: Clarifying, step: str) -> None:
    getattr(scene, step)()
    scene.when(c.WithdrawConsent(), by=SUBJECT).then("ClarificationConsentWithdrawn")
    assert scene.aggregate.state == "PLANNED"
    scene.submit().refused("E_CONSENT_REFUSED")


def test_r8_withdraw_after_the_approval_voids_it(scene: Clarifying) -> None:
    scene.approved()
    scene.implement(written())
    scene.when(c.WithdrawConsent(reason="不愿公开。"), by=SUBJECT)
    scene.then("ClarificationConsentWithdrawn", "ClarificationApprovalVoided")
    assert scene.last("ClarificationApprovalVoided").reason == "CONSENT_WITHDRAWN"
    scene.implement(meeting()).refused("E_APPROVAL_REQUIRED")


def test_r8_what_was_held_cannot_be_withdrawn(scene: Clarifying) -> None:
    scene.approved()
    scene.implement(meeting())
    scene.when(c.WithdrawConsent(), by=SUBJECT).refused("E_STATE")


def test_r8_only_he_withdraws(scene: Clarifying) -> None:
    scene.consented()
    scene.when(c.WithdrawConsent(), by=STRANGER).refused("E_CONSENT_AUTHORITY")
    scene.when(c.WithdrawConsent(), by=HANDLER).refused("E_CONSENT_AUTHORITY")
    scene.when(c.WithdrawConsent(), by=HEAD).refused("E_FORBIDDEN_ROLE")
    scene.when(c.WithdrawConsent(signed_form_hash=HASH), by=HANDLER).refused("E_CONSENT_AUTHORITY")
    signed = {"signed_form_hash": HASH, "signed_by": scene.aggregate.subject.name}
    scene.when(c.WithdrawConsent(**signed), by=HANDLER).then("ClarificationConsentWithdrawn")


def test_r8_without_consent_there_is_nothing_to_withdraw(scene: Clarifying) -> None:
    scene.drafted()
    scene.when(c.WithdrawConsent(), by=SUBJECT).refused("E_STATE")


def test_sec1_the_subjects_page(scene: Clarifying) -> None:
    """The subject sees text, audience, rights and consent; no complaint, channel, case or opinion."""
    scene.asked()
    page = scene.aggregate.for_subject()
    assert scene.aggregate.text is not None
    assert page["text"] == scene.aggregate.text.text
    assert page["audience"]["invited_groups"] == ["居民代表", "党员"]
    assert page["consent"]["state"] == "PENDING"
    assert page["consent"]["due"] == "2022-03-14"
    assert page["may"] == ["RecordSubjectVoice", "RecordConsent", "RecordSubjectDeclined"]
    assert page["rights"].keys() == {"zh", "en"}
    shown = str(page)
    for hidden in ("complaint", "XF-", "HC-", "case-1", "情绪低落", "p-handler"):
        assert hidden not in shown


def test_sec1_the_page_before_and_after(scene: Clarifying) -> None:
    scene.proposed()
    empty = scene.aggregate.for_subject()
    assert (empty["text"], empty["audience"], empty["consent"]["state"]) == ("", None, "NOT_ASKED")
    scene.plan()
    scene.invite()
    scene.render()
    scene.ask()
    scene.answer("AGREED_WITH_LIMITS", limits={"no_media": True})
    page = scene.aggregate.for_subject()
    assert page["consent"]["limits"]["no_media"]
    assert page["may"] == ["RecordSubjectVoice", "WithdrawConsent", "RecordSubjectDeclined"]


def test_r7_another_account_cannot_answer_what_the_first_was_asked(scene: Clarifying) -> None:
    """A new plan, and so a new question, comes first."""
    scene.asked()
    scene.answer()
    scene.when(c.InviteSubject(account="a-other"), by=INVITER).refused("E_CONSENT_STALE")
    scene.plan()
    scene.when(c.InviteSubject(account="a-other"), by=INVITER).then("SubjectInvited")


def test_r7_who_invites_neither_asks_nor_answers(scene: Clarifying) -> None:
    """Somebody who does not draft has checked whose account it is."""
    scene.proposed()
    scene.plan()
    scene.when(c.InviteSubject(account=SUBJECT.person), by=HANDLER).refused("E_FORBIDDEN_ROLE")
    scene.invite()
    scene.render()
    asked = {"forms": ["MEETING"], "scope": MEETING_PLAN["scope"], "text_hash": scene.aggregate.text_hash}
    scene.when(c.RequestConsent(**asked, explained=ALL_EXPLAINED), by=INVITER).refused("E_SOD_CONFLICT")
    scene.ask()
    scene.answer(actor=INVITER, signed_form_hash=HASH, signed_by="吴虚四").refused("E_SOD_CONFLICT")


def test_c3_an_answer_after_the_window_comes_too_late(scene: Clarifying) -> None:
    """A late answer is refused, whether or not the lapse was already noted; on the last day it still counts
    (DL-15)."""
    scene.asked()
    scene.at("2022-03-15")
    scene.answer().refused("E_CONSENT_REFUSED")
    scene.at("2022-03-14")
    scene.answer().then("ClarificationConsentGranted")


def test_r7_a_signed_form_names_who_signed(scene: Clarifying) -> None:
    scene.asked()
    scene.answer(actor=HANDLER, signed_form_hash=HASH).refused("E_CONSENT_AUTHORITY")


def test_87_a_published_year_that_is_amended_moves_what_runs(scene: Clarifying, unpublished: Path) -> None:
    """A window was counted with certainty; then one of its days becomes a holiday. It is counted anew, once,
    under the law by which it began (B52)."""
    scene.at("2026-09-21")
    scene.drafted(MEETING_PLAN)
    scene.ask()
    scene.deliver()
    assert scene.due("ConsentNoticeDelivered", "DL-15") == "2026-09-29"
    scene.recompute().then()
    unpublished.write_text('{"2026": {"2026-09-23": "HOLIDAY"}}')
    load_years(str(unpublished))
    scene.recompute().then("DeadlineRecomputed", "DeadlineRecomputed")
    assert scene.due("DeadlineRecomputed", "DL-15") == "2026-09-30"
    assert scene.replayed().clocks == scene.aggregate.clocks
    scene.recompute().then()
    scene.answer()
    scene.recompute().then()


def test_87_r7_a_calendar_takes_no_day_from_the_subject(scene: Clarifying, unpublished: Path) -> None:
    """A weekend that has to be worked would end the window sooner than the subject was told; it does not."""
    scene.at("2026-12-31")
    scene.drafted(MEETING_PLAN)
    scene.ask()
    scene.deliver()
    assert scene.due("ConsentNoticeDelivered", "DL-15") == "2027-01-07"
    years = '{"2027": {"2027-01-01": "HOLIDAY", "2027-01-02": "WORKDAY", "2027-01-03": "WORKDAY"}}'
    unpublished.write_text(years)
    load_years(str(unpublished))
    scene.recompute().then("DeadlineRecomputed", "DeadlineRecomputed")
    assert scene.due("DeadlineRecomputed", "DL-15") == "2027-01-07"
    assert scene.replayed().consent == scene.aggregate.consent
    scene.recompute().then()
