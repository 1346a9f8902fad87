"""The subject is heard and asked (R7, R8, R11, R49, C3, A89)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.clarification import commands as c
from shared.law.working_days import load_years
from tests.unit.clarification.stage import (
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
    Stage,
    meeting,
    written,
)


def test_r8_invite_subject(stage: Stage) -> None:
    stage.proposed()
    assert stage.invite() == ["SubjectInvited"]
    assert stage.c.subject_account == SUBJECT.person


@pytest.mark.parametrize("account", [HANDLER.person, HEAD.person])
def test_r7_staff_cannot_be_the_subject(stage: Stage, account: str) -> None:
    """Nobody who works on the case lends the subject their account."""
    stage.proposed()
    stage.refuses("E_CONSENT_AUTHORITY", c.InviteSubject, INVITER, account=account)


def test_r7_another_person_cannot_be_the_subject(stage: Stage) -> None:
    stage.proposed()
    stage.refuses("E_CONSENT_AUTHORITY", c.InviteSubject, INVITER, account="a-x", holder="周虚五")


def test_r11_a_party_organisation_answers_through_its_head_or_delegate(org_stage: Stage) -> None:
    org_stage.proposed()
    for asked in ({}, {"holder": "赵虚六"}):
        org_stage.refuses("E_CONSENT_AUTHORITY", c.InviteSubject, INVITER, account="a-x", **asked)
    org_stage.do(c.InviteSubject, INVITER, account="a-x", holder="周虚五")
    org_stage.do(c.InviteSubject, INVITER, account="a-y", holder="赵虚六", delegation_hash=HASH)
    assert org_stage.c.subject_account == "a-y"


def test_r49_record_subject_voice(stage: Stage) -> None:
    """From the subject's own account, or heard by the handler, who thereby handles."""
    stage.drafted()
    assert stage.hear() == ["SubjectVoiceRecorded"]
    assert stage.last("SubjectVoiceRecorded").by_subject
    assert SUBJECT.person not in stage.c.duties["handler"]
    stage.do(c.RecordSubjectVoice, HANDLER, voice="当面听取。")
    assert HANDLER.person in stage.c.duties["handler"]
    stage.refuses("E_CONSENT_AUTHORITY", c.RecordSubjectVoice, STRANGER, voice="……")


def test_r49_without_his_voice_no_review(stage: Stage) -> None:
    stage.asked()
    stage.answer()
    with stage.refused("E_VOICE_MISSING"):
        stage.submit()


def test_r7_request_consent(stage: Stage) -> None:
    """Scenario 2, step 6: DL-15 is due 2022-03-14."""
    stage.drafted()
    stage.on("2022-03-07")
    assert stage.ask(forms=["MEETING"]) == ["ClarificationConsentRequested"]
    assert stage.c.state == "CONSENT_PENDING"
    assert stage.due("ClarificationConsentRequested", "DL-15") == "2022-03-14"


@pytest.mark.parametrize("point", ALL_EXPLAINED)
def test_a89_all_five_points_are_explained(stage: Stage, point: str) -> None:
    stage.drafted()
    with stage.refused("E_SCHEMA"):
        stage.ask(explained=[p for p in ALL_EXPLAINED if p != point])


@pytest.mark.parametrize("over", [{"forms": ["WRITTEN"]}, {"scope": "UNIT_ALL_STAFF"}, {"text_hash": HASH}])
def test_r7_the_request_names_the_plan_and_its_text(stage: Stage, over: dict[str, Any]) -> None:
    stage.drafted()
    with stage.refused("E_CONSENT_STALE"):
        stage.ask(**over)


def test_r7_the_request_needs_the_text(stage: Stage) -> None:
    stage.proposed()
    stage.plan()
    with stage.refused("E_TEXT_MISSING"):
        stage.ask()


def test_r7_quiet_forms_need_no_consent(stage: Stage) -> None:
    """Written and face to face: nothing to ask, and the review may begin."""
    stage.drafted(QUIET_PLAN)
    with stage.refused("E_STATE"):
        stage.ask()
    stage.hear()
    assert stage.submit() == ["ClarificationSubmitted"]


def test_c3_a_letter_to_many_needs_consent(stage: Stage) -> None:
    """A wide scope is public whatever the form is called."""
    stage.drafted({**QUIET_PLAN, "scope": "UNIT_ALL_STAFF"})
    stage.hear()
    with stage.refused("E_CONSENT_REQUIRED"):
        stage.submit()


def test_r7_submission_while_the_answer_is_open(stage: Stage) -> None:
    """Scenario 2, step 7: the rule answers before the state does."""
    stage.asked()
    with stage.refused("E_CONSENT_REQUIRED"):
        stage.submit()


def test_r7_the_subject_agrees(stage: Stage) -> None:
    stage.asked()
    assert stage.answer() == ["ClarificationConsentGranted"]
    assert stage.c.state == "PLANNED"
    assert stage.last("ClarificationConsentGranted").by_subject


def test_r7_agreed_with_limits(stage: Stage) -> None:
    """Scenario 2, step 8: no media; a meeting in the community stays within."""
    stage.consented("AGREED_WITH_LIMITS", limits={"no_media": True})
    assert stage.last("ClarificationConsentGranted").limits.no_media
    assert stage.submit() == ["ClarificationSubmitted"]


@pytest.mark.parametrize("limits", [{"max_scope": "UNIT_ALL_STAFF"}, {"excluded_forms": ["MEETING"]}])
def test_r7_the_plan_stays_within_the_limits(stage: Stage, limits: dict[str, Any]) -> None:
    stage.consented("AGREED_WITH_LIMITS", limits=limits)
    with stage.refused("E_SCOPE_EXCEEDS_CONSENT"):
        stage.submit()


def test_r7_no_media_excludes_the_media(stage: Stage) -> None:
    stage.drafted(
        {
            **QUIET_PLAN,
            "forms": ["WRITTEN", "CIRCULAR"],
            "scope": "PUBLIC_MEDIA",
            "venue": "PUBLIC_MEDIA",
        }
    )
    stage.ask()
    stage.answer("AGREED_WITH_LIMITS", limits={"no_media": True})
    with stage.refused("E_SCOPE_EXCEEDS_CONSENT"):
        stage.submit()


@pytest.mark.parametrize(
    ("decision", "limits"),
    [("AGREED", {"no_media": True}), ("AGREED_WITH_LIMITS", None), ("AGREED_WITH_LIMITS", {})],
)
def test_r7_limits_and_decision_agree(stage: Stage, decision: str, limits: dict[str, Any] | None) -> None:
    stage.asked()
    with stage.refused("E_SCHEMA"):
        stage.answer(decision, limits=limits)


def test_r7_the_answer_names_the_text_that_was_read(stage: Stage) -> None:
    """An answer that lay in a telephone while the text changed agrees to nothing."""
    stage.asked()
    with stage.refused("E_CONSENT_STALE"):
        stage.answer(text_hash=HASH)


def test_r7_refused(stage: Stage) -> None:
    stage.asked()
    assert stage.answer("REFUSED") == ["ClarificationConsentRefused"]
    with stage.refused("E_CONSENT_REFUSED"):
        stage.submit()


def test_r8_the_same_plan_is_not_asked_twice(stage: Stage) -> None:
    """The subject said no: only another plan may be asked about, and quiet forms remain (C3)."""
    stage.asked()
    stage.answer("REFUSED")
    with stage.refused("E_CONSENT_REFUSED"):
        stage.ask()
    stage.plan(scope="COUNTY_WIDE")
    stage.render()
    assert stage.ask() == ["ClarificationConsentRequested"]
    stage.answer("REFUSED")
    stage.plan(QUIET_PLAN)
    stage.render()
    stage.hear()
    assert stage.submit() == ["ClarificationSubmitted"]


def test_r7_nobody_else_answers_for_him(stage: Stage) -> None:
    stage.asked()
    with stage.refused("E_CONSENT_AUTHORITY"):
        stage.answer(actor=STRANGER)
    with stage.refused("E_CONSENT_AUTHORITY"):
        stage.answer(actor=HANDLER)
    with stage.refused("E_FORBIDDEN_ROLE"):
        stage.answer(actor=HEAD)


def test_r7_before_the_invitation_no_account_answers(stage: Stage) -> None:
    stage.proposed()
    stage.plan()
    stage.render()
    stage.ask()
    with stage.refused("E_CONSENT_AUTHORITY"):
        stage.answer()


def test_r7_a_signed_form(stage: Stage) -> None:
    stage.asked()
    stage.answer(actor=HANDLER, signed_form_hash=HASH, signed_by="吴虚四")
    granted = stage.last("ClarificationConsentGranted")
    assert (granted.by_subject, granted.signed_form_hash) == (False, HASH)


def test_r11_the_form_of_a_party_organisation(org_stage: Stage) -> None:
    org_stage.proposed()
    org_stage.plan()
    org_stage.render()
    org_stage.ask()
    for signed in ({}, {"signed_by": "赵虚六"}):
        with org_stage.refused("E_CONSENT_AUTHORITY"):
            org_stage.answer(actor=HANDLER, signed_form_hash=HASH, **signed)
    org_stage.answer(actor=HANDLER, signed_form_hash=HASH, signed_by="周虚五")
    assert org_stage.last("ClarificationConsentGranted").signed_by == "周虚五"


def test_a89_a_changed_text_makes_consent_stale(stage: Stage) -> None:
    stage.consented()
    stage.render("补充说明。")
    with stage.refused("E_CONSENT_STALE"):
        stage.submit()


def test_a89_a_new_plan_makes_consent_stale(stage: Stage) -> None:
    """Even one that differs only in its audience."""
    stage.consented()
    stage.plan(invited_groups=["居民代表"])
    stage.render()
    with stage.refused("E_CONSENT_STALE"):
        stage.submit()
    stage.ask()
    stage.answer()
    assert stage.submit() == ["ClarificationSubmitted"]


def test_c3_silence_lapses_after_the_last_day(stage: Stage) -> None:
    """DL-15 ends at 24:00 of 2022-03-14; only the scheduler may end the window."""
    stage.asked()
    stage.on("2022-03-14")
    stage.refuses("E_STATE", c.LapseConsent, SYSTEM)
    stage.on("2022-03-15")
    stage.refuses("E_FORBIDDEN_ROLE", c.LapseConsent, HANDLER)
    assert stage.do(c.LapseConsent, SYSTEM) == ["ClarificationConsentLapsed"]
    with stage.refused("E_CONSENT_REFUSED"):
        stage.submit()
    stage.refuses("E_STATE", c.LapseConsent, SYSTEM)


def test_c3_nothing_lapses_that_was_not_asked(stage: Stage) -> None:
    stage.drafted()
    stage.refuses("E_STATE", c.LapseConsent, SYSTEM)


@pytest.mark.parametrize("step", ["consented", "submitted"])
def test_r8_withdraw_before_the_approval(stage: Stage, step: str) -> None:
    getattr(stage, step)()
    assert stage.do(c.WithdrawConsent, SUBJECT) == ["ClarificationConsentWithdrawn"]
    assert stage.c.state == "PLANNED"
    with stage.refused("E_CONSENT_REFUSED"):
        stage.submit()


def test_r8_withdraw_after_the_approval_voids_it(stage: Stage) -> None:
    stage.approved()
    stage.implement(written())
    names = stage.do(c.WithdrawConsent, SUBJECT, reason="不愿公开。")
    assert names == ["ClarificationConsentWithdrawn", "ClarificationApprovalVoided"]
    assert stage.last("ClarificationApprovalVoided").reason == "CONSENT_WITHDRAWN"
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(meeting())


def test_r8_what_was_held_cannot_be_withdrawn(stage: Stage) -> None:
    stage.approved()
    stage.implement(meeting())
    stage.refuses("E_STATE", c.WithdrawConsent, SUBJECT)


def test_r8_only_he_withdraws(stage: Stage) -> None:
    stage.consented()
    stage.refuses("E_CONSENT_AUTHORITY", c.WithdrawConsent, STRANGER)
    stage.refuses("E_CONSENT_AUTHORITY", c.WithdrawConsent, HANDLER)
    stage.refuses("E_FORBIDDEN_ROLE", c.WithdrawConsent, HEAD)
    stage.refuses("E_CONSENT_AUTHORITY", c.WithdrawConsent, HANDLER, signed_form_hash=HASH)
    signed = {"signed_form_hash": HASH, "signed_by": stage.c.subject.name}
    assert stage.do(c.WithdrawConsent, HANDLER, **signed) == ["ClarificationConsentWithdrawn"]


def test_r8_without_consent_there_is_nothing_to_withdraw(stage: Stage) -> None:
    stage.drafted()
    stage.refuses("E_STATE", c.WithdrawConsent, SUBJECT)


def test_sec1_the_subjects_page(stage: Stage) -> None:
    """The subject sees text, audience, rights and consent; no complaint, channel, case or opinion."""
    stage.asked()
    page = stage.c.for_subject()
    assert stage.c.text is not None
    assert page["text"] == stage.c.text.text
    assert page["audience"]["invited_groups"] == ["居民代表", "党员"]
    assert page["consent"]["state"] == "PENDING"
    assert page["consent"]["due"] == "2022-03-14"
    assert page["may"] == ["RecordSubjectVoice", "RecordConsent"]
    assert page["rights"].keys() == {"zh", "en"}
    shown = str(page)
    for hidden in ("complaint", "XF-", "HC-", "case-1", "情绪低落", "p-handler"):
        assert hidden not in shown


def test_sec1_the_page_before_and_after(stage: Stage) -> None:
    stage.proposed()
    empty = stage.c.for_subject()
    assert (empty["text"], empty["audience"], empty["consent"]["state"]) == ("", None, "NOT_ASKED")
    stage.plan()
    stage.invite()
    stage.render()
    stage.ask()
    stage.answer("AGREED_WITH_LIMITS", limits={"no_media": True})
    page = stage.c.for_subject()
    assert page["consent"]["limits"]["no_media"]
    assert page["may"] == ["RecordSubjectVoice", "WithdrawConsent"]


def test_r7_another_account_cannot_answer_what_the_first_was_asked(stage: Stage) -> None:
    """A new plan, and so a new question, comes first."""
    stage.asked()
    stage.answer()
    stage.refuses("E_CONSENT_STALE", c.InviteSubject, INVITER, account="a-other")
    stage.plan()
    assert stage.do(c.InviteSubject, INVITER, account="a-other") == ["SubjectInvited"]


def test_r7_who_invites_neither_asks_nor_answers(stage: Stage) -> None:
    """Somebody who does not draft has checked whose account it is."""
    stage.proposed()
    stage.plan()
    stage.refuses("E_FORBIDDEN_ROLE", c.InviteSubject, HANDLER, account=SUBJECT.person)
    stage.invite()
    stage.render()
    asked = {"forms": ["MEETING"], "scope": MEETING_PLAN["scope"], "text_hash": stage.c.text_hash}
    stage.refuses("E_SOD_CONFLICT", c.RequestConsent, INVITER, **asked, explained=ALL_EXPLAINED)
    stage.ask()
    with stage.refused("E_SOD_CONFLICT"):
        stage.answer(actor=INVITER, signed_form_hash=HASH, signed_by="吴虚四")


def test_c3_an_answer_after_the_window_comes_too_late(stage: Stage) -> None:
    """A late answer is refused, whether or not the lapse was already noted; on the last day it still counts
    (DL-15)."""
    stage.asked()
    stage.on("2022-03-15")
    with stage.refused("E_CONSENT_REFUSED"):
        stage.answer()
    stage.on("2022-03-14")
    assert stage.answer() == ["ClarificationConsentGranted"]


def test_r7_a_signed_form_names_who_signed(stage: Stage) -> None:
    stage.asked()
    with stage.refused("E_CONSENT_AUTHORITY"):
        stage.answer(actor=HANDLER, signed_form_hash=HASH)


def test_87_a_published_year_that_is_amended_moves_what_runs(stage: Stage, unpublished: Path) -> None:
    """A window was counted with certainty; then one of its days becomes a holiday. It is counted anew, once,
    under the law by which it began (B52)."""
    stage.day = date(2026, 9, 21)
    stage.drafted(MEETING_PLAN)
    stage.ask()
    assert stage.due("ClarificationConsentRequested", "DL-15") == "2026-09-29"
    assert stage.recompute() == []
    unpublished.write_text('{"2026": {"2026-09-23": "HOLIDAY"}}')
    load_years(str(unpublished))
    assert stage.recompute() == ["DeadlineRecomputed"]
    assert stage.due("DeadlineRecomputed", "DL-15") == "2026-09-30"
    assert stage.replayed().clocks == stage.c.clocks
    assert stage.recompute() == []
    stage.answer()
    assert stage.recompute() == [], "what is met runs no more"


def test_87_r7_a_calendar_takes_no_day_from_the_subject(stage: Stage, unpublished: Path) -> None:
    """A weekend that has to be worked would end the window sooner than the subject was told; it does not."""
    stage.day = date(2026, 12, 31)
    stage.drafted(MEETING_PLAN)
    stage.ask()
    assert stage.due("ClarificationConsentRequested", "DL-15") == "2027-01-07"
    years = '{"2027": {"2027-01-01": "HOLIDAY", "2027-01-02": "WORKDAY", "2027-01-03": "WORKDAY"}}'
    unpublished.write_text(years)
    load_years(str(unpublished))
    assert stage.recompute() == ["DeadlineRecomputed"]
    assert stage.due("DeadlineRecomputed", "DL-15") == "2027-01-07"
    assert stage.replayed().consent == stage.c.consent
    assert stage.recompute() == [], "now it is certain"
