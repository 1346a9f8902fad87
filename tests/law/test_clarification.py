"""Clarification: assessment, plan, text, consent, review, approval, carrying out, filing (§4.4)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.casework.subject import TEXTS
from tests.harness import (
    APPROVE,
    ASSESSMENT,
    CITY,
    COUNTY,
    ENDORSE,
    EXPLAINED,
    FILE_ENTRY,
    MEETING,
    NO_HARM,
    OTHER_COUNTY,
    OTHER_SUBJECT,
    OTHER_TOWN,
    PLATFORM_ENTRY,
    PROVINCE,
    SUBJECT,
    TOWN,
    Case,
    Story,
    World,
    a_plan,
    allegation,
    done,
    hidden,
    party_org,
    person,
    refused,
    sha,
    sub,
    working_days_after,
)

HANDLER = TOWN.handler
HEAD = TOWN.organ_head
APPROVER = COUNTY.clarification_approver
CIRCULAR = {"forms": ("WRITTEN", "CIRCULAR"), "scope": "UNIT_PARTY_COMMITTEE"}
MIXED: dict[str, Any] = {
    "allegations": [allegation("a1"), allegation("a2")],
    "outcomes": {"a2": "SUBSTANTIATED"},
}


# --- opening and assessment (P3, R25, A51, A66, A68, A72) ---


def test_p3_an_unfounded_finding_opens_a_clarification(world: World, assessed: Story) -> None:
    view = world.read(assessed.clarification, HANDLER)
    assert view["history"][0]["type"] == "ClarificationOpened"
    assert view["number"].startswith("CQ-990102100-")
    assert view["facts"]["subject"]["ref"] == assessed.ref()


@pytest.mark.parametrize("outcome", ["SUBSTANTIATED", "INCONCLUSIVE"])
def test_a66_without_an_unfounded_finding_nothing_opens(world: World, outcome: str) -> None:
    before = world.position("clarification")
    story = world.story(outcomes={"a1": outcome}).concluded()
    # A later conclusion has arrived, so the earlier one was looked at as well.
    world.story().assessing()
    opened = world.log("clarification", before, "ClarificationOpened")
    assert story.ref() not in [e.event["subject"]["ref"] for e in opened]


def test_r25_each_subject_has_a_clarification_of_his_own(world: World) -> None:
    story = world.story(
        accused=[person(), person()], allegations=[allegation("a1"), allegation("b1", 1)]
    ).concluded()
    first = world.arrived("clarification", story.ref(0), TOWN.handling_dept_head)
    second = world.arrived("clarification", story.ref(1), TOWN.handling_dept_head)
    assert first.id != second.id
    world.assign(first, HANDLER, by=TOWN.handling_dept_head)
    world.do(first, "AssessClarification", HANDLER, ASSESSMENT)
    assert world.read(second, TOWN.handling_dept_head)["state"] == "ASSESSING"


def test_r55_a_second_conclusion_reopens_the_same_clarification(world: World) -> None:
    first = world.concluded().assessed(**NO_HARM)
    reason = {"reason": "NO_ADVERSE_EFFECT", "opinion": "未造成影响。"}
    world.do(first.clarification, "DecideNotRequired", TOWN.deputy_leader, reason)
    again = world.story(
        accused=[{"match": first.ref()}], allegations=[allegation("x1", kind="LIFE_DISCIPLINE")]
    ).concluded()
    world.patiently(lambda: first.state() == "ASSESSING")
    view = world.read(first.clarification, HANDLER)
    assert view["facts"]["round"] == 2
    assert view["facts"]["unfounded_ids"] == again.allegation_ids


def test_a68_harm_makes_the_clarification_due(world: World, assessed: Story) -> None:
    story = world.concluded().assessing()
    body = {**ASSESSMENT, "recommendation": "NOT"}
    answer = world.give(story.clarification, "AssessClarification", HANDLER, body)
    refused(answer, "E_CLARIFICATION_DUE", "A68")
    no = {"reason": "OTHER", "opinion": "不再澄清。"}
    answer = world.give(assessed.clarification, "DecideNotRequired", TOWN.deputy_leader, no)
    refused(answer, "E_CLARIFICATION_DUE", "A68")


def test_a51_an_assessment_has_all_its_parts(world: World) -> None:
    story = world.concluded().assessing()
    for part in ("adverse_effect", "reputation", "integrity_file_checked", "social_effect", "recommendation"):
        body = {k: v for k, v in ASSESSMENT.items() if k != part}
        refused(world.give(story.clarification, "AssessClarification", HANDLER, body), "E_SCHEMA")


def test_a72_not_required_for_the_laws_reasons_by_the_deputy_leader(world: World) -> None:
    story = world.concluded().assessed(**NO_HARM)
    body = {"reason": "NO_ADVERSE_EFFECT", "opinion": "未造成不良影响。"}
    for who in (HANDLER, HEAD, TOWN.handling_dept_head):
        answer = world.give(story.clarification, "DecideNotRequired", who, body)
        refused(answer, "E_FORBIDDEN_ROLE", "A72")
    strange = {**body, "reason": "TOO_MUCH_WORK"}
    answer = world.give(story.clarification, "DecideNotRequired", TOWN.deputy_leader, strange)
    refused(answer, "E_SCHEMA")
    told = world.do(story.clarification, "DecideNotRequired", TOWN.deputy_leader, body)
    assert told["state"] == "NOT_REQUIRED"


@pytest.mark.parametrize("trigger", ["APPOINTMENT_OR_AWARD", "RIGHTS_OR_LIFE", "REPEATED_AFTER_CONCLUSION"])
def test_a73_triggers(world: World, trigger: str) -> None:
    story = world.concluded().assessing()
    bad = {**ASSESSMENT, "trigger": "WHIM"}
    refused(world.give(story.clarification, "AssessClarification", HANDLER, bad), "E_SCHEMA")
    world.do(story.clarification, "AssessClarification", HANDLER, {**ASSESSMENT, "trigger": trigger})


# --- proposal (R9, R10, A66, A67) ---


def propose(world: World, story: Story, *items: str, **more: Any) -> httpx.Response:
    body = {"items": list(items), **more}
    return world.give(story.clarification, "ProposeClarification", HANDLER, body)


def test_r9_nothing_is_cleared_while_something_true_has_no_disposition(world: World) -> None:
    story = world.story(**MIXED).assessed()
    clear, true = story.allegation_ids
    details = refused(propose(world, story, clear), "E_DISCIPLINE_LOOSENING", "R9")
    assert details == {"allegations": [true]}
    claim = [{"allegation_id": true, "disposition_ref": "d-1"}]
    refused(propose(world, story, clear, dispositions=claim), "E_SCHEMA")
    refused(propose(world, story, clear), "E_DISCIPLINE_LOOSENING", "R9")


def test_r9_clarification_learns_the_disposition_from_verification(world: World) -> None:
    """Not from the handler's word: it is recorded where the case is, by whoever verified."""
    story = world.story(**MIXED).assessed()
    clear, true = story.allegation_ids
    disposition = {"allegation_id": true, "form_of_supervision": 1, "disposition_ref": "d-1"}
    world.do(story.case, "RecordSubstantiatedDisposition", HANDLER, disposition)
    told = {"case_id": story.case.id, "allegation_id": true, "disposition_ref": "d-1"}
    world.patiently(lambda: world.read(story.clarification, HANDLER)["facts"].get("disposition") == told)
    assert done(propose(world, story, clear))["state"] == "PROPOSED"
    assert world.read(story.clarification, HANDLER)["facts"]["dispositions"] == [told]


def test_r9_an_earlier_round_is_not_forgotten(world: World) -> None:
    """An allegation that was found true in case 1 stands in the way when one of its items is proposed in
    round 2."""
    first = world.story(**MIXED).assessed(**NO_HARM)
    clear, true = first.allegation_ids
    body = {"reason": "NO_ADVERSE_EFFECT", "opinion": "未造成不良影响。"}
    world.do(first.clarification, "DecideNotRequired", TOWN.deputy_leader, body)
    second = world.story(accused=[{"match": first.ref()}]).concluded()
    (again,) = second.allegation_ids
    world.patiently(lambda: first.state() == "ASSESSING", "the next round")
    world.do(first.clarification, "AssessClarification", HANDLER, ASSESSMENT)
    details = refused(propose(world, first, clear, again), "E_DISCIPLINE_LOOSENING", "R9")
    assert details == {"allegations": [true]}
    refused(propose(world, first, true, again), "E_ALLEGATION_NOT_UNFOUNDED", "R10")
    assert done(propose(world, first, again))["state"] == "PROPOSED"


def test_r10_only_unfounded_allegations_are_cleared(world: World) -> None:
    story = world.story(**MIXED).assessed()
    clear, true = story.allegation_ids
    answer = propose(world, story, clear, true)
    refused(answer, "E_ALLEGATION_NOT_UNFOUNDED", "R10")
    refused(propose(world, story, "another"), "E_ALLEGATION_NOT_UNFOUNDED", "R10")
    refused(propose(world, story), "E_SCHEMA")


def test_a66_an_inconclusive_allegation_is_not_cleared(world: World) -> None:
    story = world.story(
        allegations=[allegation("a1"), allegation("a2")], outcomes={"a2": "INCONCLUSIVE"}
    ).assessed()
    answer = propose(world, story, *story.allegation_ids)
    refused(answer, "E_ALLEGATION_INCONCLUSIVE", "A66")
    assert done(propose(world, story, story.allegation_ids[0]))["state"] == "PROPOSED"


def test_a68_with_harm_no_unfounded_allegation_is_left_out(world: World) -> None:
    story = world.story(allegations=[allegation("a1"), allegation("a2")]).assessed()
    answer = propose(world, story, story.allegation_ids[0])
    refused(answer, "E_CLARIFICATION_DUE", "A68")


def test_a67_only_the_verifying_organ_clears(world: World) -> None:
    """A superior's handler is not let into the case, by that organ or by this one (B8); who came from above
    for the review alone does not clear."""
    assessed = world.concluded().assessed()
    body = {"person": sub(COUNTY.handler), "role": "handler"}
    hidden(world.give(assessed.clarification, "AssignToCase", COUNTY.handling_dept_head, body))
    named = world.give(assessed.clarification, "AssignToCase", TOWN.handling_dept_head, body)
    refused(named, "E_PERSON_UNKNOWN", "B8")
    proposal = {"items": [assessed.allegation_ids[assessed.subject]]}
    hidden(world.give(assessed.clarification, "ProposeClarification", COUNTY.handler, proposal))
    above = {"step": "ReviewClarification", "reason": "外出。", "unavailable": [sub(TOWN.organ_head)]}
    world.do(assessed.clarification, "EscalateForSeparation", TOWN.handling_dept_head, above)
    world.assign(assessed.clarification, COUNTY.organ_head, by=COUNTY.organ_head)
    answer = world.give(assessed.clarification, "ProposeClarification", COUNTY.organ_head, proposal)
    refused(answer, "E_HANDLER_MISMATCH", "A67")


def test_44_nothing_is_proposed_before_the_assessment(world: World) -> None:
    story = world.concluded().assessing()
    refused(propose(world, story, story.allegation_ids[story.subject]), "E_STATE")


# --- plan (R5, R47, A69, A70, C4) ---


def plan(world: World, story: Story, **more: Any) -> httpx.Response:
    return world.give(story.clarification, "PlanClarification", HANDLER, a_plan(**more))


@pytest.mark.parametrize("forms", [("FACE_TO_FACE",), ("MEETING",), ("CIRCULAR", "MEETING")])
def test_r5_a70_c4_every_plan_has_the_written_form(
    world: World, planned: Story, forms: tuple[str, ...]
) -> None:
    refused(plan(world, planned, forms=forms, scope="PROVINCE_WIDE"), "E_WRITTEN_FORM_REQUIRED", "R5")


def test_r5_there_is_no_fifth_form(world: World, planned: Story) -> None:
    refused(plan(world, planned, forms=("WRITTEN", "CONFERENCE")), "E_SCHEMA")
    refused(plan(world, planned, forms=()), "E_SCHEMA")


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"venue": "VILLAGE_MEETING", "scope": "VILLAGE_OR_COMMUNITY"}, "R5"),
        ({**CIRCULAR, "venue": "UNIT_MEETING"}, "R5"),
        ({**MEETING, "public_attendance": True}, "R47"),
        ({**CIRCULAR, "public_attendance": True, "invited_groups": ["居民"]}, "R47"),
        ({**MEETING, "scope": "SUBJECT_AND_UNIT_HEAD"}, "A69"),
        (
            {
                "forms": ("WRITTEN", "MEETING"),
                "scope": "UNIT_ALL_STAFF",
                "public_attendance": True,
                "invited_groups": ["居民"],
            },
            "A69",
        ),
        (
            {"forms": ("WRITTEN", "CIRCULAR"), "scope": "PROVINCE_WIDE", "venue": "PUBLIC_MEDIA"},
            "A69",
        ),
        (
            {"forms": ("WRITTEN", "MEETING"), "scope": "UNIT_ALL_STAFF", "venue": "RELEASE_CONFERENCE"},
            "A69",
        ),
    ],
)
def test_r5_r47_a69_a_plan_says_whom_it_reaches(
    world: World, planned: Story, more: dict[str, Any], rule: str
) -> None:
    refused(plan(world, planned, **more), "E_SCHEMA", rule)


def test_a69_a_plan_gives_its_reasons(world: World, planned: Story) -> None:
    refused(plan(world, planned, rationale="  "), "E_SCHEMA")
    refused(plan(world, planned, recipients=[]), "E_SCHEMA")


def test_r47_a_meeting_with_the_public_present(world: World) -> None:
    story = world.concluded().planned(
        **MEETING, venue="VILLAGE_MEETING", public_attendance=True, invited_groups=["居民代表"]
    )
    facts = world.read(story.clarification, HANDLER)["facts"]
    assert (facts["venue"], facts["public_attendance"]) == ("VILLAGE_MEETING", True)
    assert facts["script"]


# --- text (R10) ---


def test_r10_the_text_names_the_specific_allegation_and_nothing_else(world: World, planned: Story) -> None:
    text = world.read(planned.clarification, HANDLER)["facts"]["text"]
    assert planned.name in text
    assert planned.allegations[planned.subject]["text"] in text
    assert [a["name"] for a in planned.accused if a["name"] in text] == [planned.name]
    assert "只针对上述具体问题" in text


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ("该同志一贯清正廉洁。", "E_TEXT_OVERALL_EVALUATION"),
        ("该同志没有任何问题。", "E_TEXT_OVERALL_EVALUATION"),
        ("该同志没 有 任 何 问 题。", "E_TEXT_OVERALL_EVALUATION"),
        ("反映人系诬告。", "E_TEXT_INTENT_STATEMENT"),
        ("有人恶 意反映。", "E_TEXT_INTENT_STATEMENT"),
        ("有人故意反映。", "E_TEXT_INTENT_STATEMENT"),
        ("我委收到匿名举报。", "E_TEXT_IDENTITY_LEAK"),
        ("先后十五封来信。", "E_TEXT_IDENTITY_LEAK"),
        ("可能是邻居举报。", "E_TEXT_IDENTITY_LEAK"),
        ("长" * 301, "E_SCHEMA"),
    ],
)
def test_r10_r47_the_note_is_screened(world: World, planned: Story, note: str, code: str) -> None:
    before = world.read(planned.clarification, HANDLER)["facts"]["text_hash"]
    body = {"procedural_note": note}
    answer = world.give(planned.clarification, "RenderText", HANDLER, body)
    refused(answer, code)
    assert note not in answer.text
    assert world.read(planned.clarification, HANDLER)["facts"]["text_hash"] == before


def test_sec12_no_reporter_of_any_joined_complaint_is_named(world: World) -> None:
    story = world.story(reporter={"name": "虚文举", "phone": "19933334444", "unit": "虚举单位"}).planned()
    for note, rule in (
        ("感谢虚文举同志。", "SEC-12"),
        ("联系电话19933334444。", "B21"),
        ("虚举单位反映。", "SEC-12"),
        ("联系：1 9 9-3333-4444", "SEC-12"),
    ):
        body = {"procedural_note": note}
        answer = world.give(story.clarification, "RenderText", HANDLER, body)
        refused(answer, "E_TEXT_IDENTITY_LEAK", rule)
        world.forget_questions()
    world.do(story.clarification, "RenderText", HANDLER, {"procedural_note": "组织已核查完毕。"})


def test_44_no_text_before_the_plan(world: World, assessed: Story) -> None:
    refused(world.give(assessed.clarification, "RenderText", HANDLER), "E_STATE")


# --- the subject's account (R8, R11, R49) ---


def test_r8_the_subject_reads_his_own_draft_and_nobody_elses(world: World, planned: Story) -> None:
    path = planned.clarification.path + "/draft"
    draft = world.get(SUBJECT, path).json()
    assert draft["text_hash"] == planned.text_hash()
    assert {"purpose", "consequences", "rights", "audience"} <= set(draft)
    hidden(world.get(OTHER_SUBJECT, path))
    hidden(world.get(SUBJECT, planned.clarification.path))
    refused(world.get(HANDLER, path), "E_FORBIDDEN_ROLE")
    uninvited = world.concluded().planned()
    hidden(world.get(SUBJECT, uninvited.clarification.path + "/draft"))


def test_sec1_a46_the_draft_tells_nothing_about_the_reporter(world: World) -> None:
    reporter = {"name": "虚隐举", "phone": "19955556666", "address": "虚路五号"}
    story = world.story(reporter=reporter).invited()
    told = world.get(SUBJECT, story.clarification.path + "/draft").text
    complaint = world.read(story.complaint, TOWN.petition_clerk)
    forbidden = [
        *reporter.values(),
        complaint["facts"]["reporter_ref"],
        complaint["number"],
        story.complaint.id,
        complaint["facts"]["received_on"],
        "LETTER",
    ]
    assert [f for f in forbidden if f in told] == []


def test_r49_the_subject_is_heard_before_review(world: World) -> None:
    story = world.concluded().invited()
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_VOICE_MISSING", "R49")
    story.heard()
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


def test_r7_staff_of_the_case_do_not_answer_for_the_subject(world: World, planned: Story) -> None:
    chief = TOWN.handling_dept_head
    for body in ({"account": sub(HANDLER)}, {"account": sub(SUBJECT), "holder": "虚某他人"}):
        answer = world.give(planned.clarification, "InviteSubject", chief, body)
        refused(answer, "E_CONSENT_AUTHORITY", "R7")


def test_r8_somebody_else_than_the_handler_invites_the_subject(world: World, planned: Story) -> None:
    body = {"account": sub(SUBJECT)}
    for who in (HANDLER, HEAD, TOWN.deputy_leader):
        answer = world.give(planned.clarification, "InviteSubject", who, body)
        refused(answer, "E_FORBIDDEN_ROLE", "R8")


def test_r8_who_drafted_does_not_invite_and_who_invited_does_not_ask(world: World) -> None:
    chief = TOWN.handling_dept_head
    story = world.concluded().planned(**MEETING)
    with world.standing_in(TOWN, "handling_dept_head", TOWN.deputy_leader):
        world.do(story.clarification, "RenderText", chief)
    answer = world.give(story.clarification, "InviteSubject", chief, {"account": sub(SUBJECT)})
    assert refused(answer, "E_SOD_CONFLICT", "R8") == {"duty": "author"}
    other = world.concluded().planned(**MEETING).invited()
    asking = world.give(other.clarification, "RequestConsent", chief, other.asking())
    assert refused(asking, "E_SOD_CONFLICT", "R7") == {"duty": "inviter"}


def test_r7_another_account_does_not_answer_what_this_one_was_asked(world: World) -> None:
    story = world.concluded().asked().answered("REFUSED")
    body = {"account": sub(OTHER_SUBJECT)}
    answer = world.give(story.clarification, "InviteSubject", TOWN.handling_dept_head, body)
    refused(answer, "E_CONSENT_STALE", "R7")
    story.planned(**MEETING)
    world.do(story.clarification, "InviteSubject", TOWN.handling_dept_head, body)
    hidden(world.get(SUBJECT, story.clarification.path + "/draft"))
    assert world.get(OTHER_SUBJECT, story.clarification.path + "/draft").status_code == 200


def test_r11_for_a_party_organisation_its_head_or_his_delegate(world: World) -> None:
    story = world.story(accused=[party_org()]).planned(**MEETING)
    head = story.accused[0]["principal_head"]
    for body in (
        {"account": sub(SUBJECT)},
        {"account": sub(SUBJECT), "holder": "虚某副职"},
    ):
        answer = world.give(story.clarification, "InviteSubject", TOWN.handling_dept_head, body)
        refused(answer, "E_CONSENT_AUTHORITY", "R11")
    delegate = {"account": sub(SUBJECT), "holder": "虚某副职", "delegation_hash": sha("delegation")}
    world.do(story.clarification, "InviteSubject", TOWN.handling_dept_head, delegate)
    story.asked()
    form = {"decision": "AGREED", "text_hash": story.text_hash(), "signed_form_hash": sha("form")}
    answer = world.give(story.clarification, "RecordConsent", HANDLER, {**form, "signed_by": "虚某副职"})
    refused(answer, "E_CONSENT_AUTHORITY", "R11")
    world.do(story.clarification, "RecordConsent", HANDLER, {**form, "signed_by": head})


# --- consent (R7, C3, A89) ---


def consent(world: World, story: Story, who: str = SUBJECT, **body: Any) -> httpx.Response:
    given = {"decision": "AGREED", "text_hash": story.text_hash(), **body}
    return world.give(story.clarification, "RecordConsent", who, given)


@pytest.mark.parametrize(
    "form",
    [
        MEETING,
        CIRCULAR,
        {"scope": "UNIT_PARTY_COMMITTEE"},
        {"forms": ("WRITTEN", "FACE_TO_FACE"), "scope": "UNIT_ALL_STAFF"},
    ],
    ids=["meeting", "circular", "written to many", "face to face before many"],
)
def test_r7_c3_beyond_subject_and_unit_head_consent_is_needed(world: World, form: dict[str, Any]) -> None:
    story = world.concluded().planned(**form).heard()
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_CONSENT_REQUIRED", "R7")


def test_r7_written_and_face_to_face_need_none(world: World) -> None:
    story = world.concluded().planned(forms=("WRITTEN", "FACE_TO_FACE")).heard()
    asking = world.give(story.clarification, "RequestConsent", HANDLER, story.asking())
    refused(asking, "E_STATE", "R7")
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


def test_r7_a89_all_five_points_are_explained(world: World, meeting_planned: Story) -> None:
    for left_out in EXPLAINED:
        body = meeting_planned.asking(explained=[p for p in EXPLAINED if p != left_out])
        answer = world.give(meeting_planned.clarification, "RequestConsent", HANDLER, body)
        assert refused(answer, "E_SCHEMA", "R7")["missing"] == [left_out]


@pytest.mark.parametrize(
    "more",
    [{"forms": ("WRITTEN",)}, {"scope": "COUNTY_WIDE"}, {"text_hash": sha("another text")}],
    ids=["forms", "scope", "text"],
)
def test_r7_what_is_asked_is_what_is_planned(
    world: World, meeting_planned: Story, more: dict[str, Any]
) -> None:
    body = meeting_planned.asking(**more)
    answer = world.give(meeting_planned.clarification, "RequestConsent", HANDLER, body)
    refused(answer, "E_CONSENT_STALE", "R7")


def test_r7_no_consent_without_a_text(world: World) -> None:
    story = world.concluded().planned(**MEETING)
    world.do(story.clarification, "PlanClarification", HANDLER, a_plan(**MEETING))
    body = story.asking(text_hash=sha("nothing yet"))
    answer = world.give(story.clarification, "RequestConsent", HANDLER, body)
    refused(answer, "E_TEXT_MISSING", "R10")


def test_r7_agreement_carries_the_plan_to_review(world: World) -> None:
    story = world.concluded().asked().heard()
    waiting = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(waiting, "E_CONSENT_REQUIRED", "R7")
    assert done(consent(world, story))["state"] == "PLANNED"
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


def test_r7_consent_names_the_text_that_was_read(world: World) -> None:
    story = world.concluded().asked()
    refused(consent(world, story, text_hash=sha("another text")), "E_CONSENT_STALE", "R7")


def test_r7_only_the_subject_or_a_signed_form_consents(world: World) -> None:
    story = world.concluded().asked()
    hidden(consent(world, story, OTHER_SUBJECT))
    refused(consent(world, story, HANDLER), "E_CONSENT_AUTHORITY", "R7")
    for_other = {"signed_form_hash": sha("form"), "signed_by": "虚某他人"}
    refused(consent(world, story, HANDLER, **for_other), "E_CONSENT_AUTHORITY", "R7")
    unsigned = consent(world, story, HANDLER, signed_form_hash=sha("form"))
    refused(unsigned, "E_CONSENT_AUTHORITY", "R7")
    form = {"signed_form_hash": sha("form"), "signed_by": story.name}
    refused(consent(world, story, HEAD, **form), "E_FORBIDDEN_ROLE", "R7")
    done(consent(world, story, HANDLER, **form))


def test_r7_refusal_blocks_the_large_forms_only(world: World) -> None:
    story = world.concluded().asked().heard()
    done(consent(world, story, decision="REFUSED"))
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_CONSENT_REFUSED", "R7")
    pressing = world.give(story.clarification, "RequestConsent", HANDLER, story.asking())
    refused(pressing, "E_CONSENT_REFUSED", "R7")
    story.planned(forms=("WRITTEN", "FACE_TO_FACE"))
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


def test_b49_r7_r8_the_same_plan_made_anew_is_the_same_question(world: World) -> None:
    """Another reason for it does not make it another; other forms or another scope do."""
    story = world.concluded().asked().heard()
    done(consent(world, story, decision="REFUSED"))
    story.planned(**MEETING, rationale="换一种说法，仍在原范围。")
    pressing = world.give(story.clarification, "RequestConsent", HANDLER, story.asking())
    refused(pressing, "E_CONSENT_REFUSED", "R7")


def test_r7_a_changed_text_makes_consent_stale(world: World) -> None:
    story = world.concluded().asked().answered().heard()
    world.do(story.clarification, "RenderText", HANDLER, {"procedural_note": "组织已核查完毕。"})
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_CONSENT_STALE", "R7")
    world.do(story.clarification, "RequestConsent", HANDLER, story.asking())
    story.answered()
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({**MEETING, "scope": "COUNTY_WIDE"}, "E_SCOPE_EXCEEDS_CONSENT"),
        ({"forms": ("WRITTEN", "MEETING", "CIRCULAR"), "scope": MEETING["scope"]}, "E_CONSENT_STALE"),
        ({**MEETING, "recipients": ["本人", "镇党委", "县委组织部"]}, "E_CONSENT_STALE"),
    ],
    ids=["wider scope", "another form", "another recipient"],
)
def test_r7_a_changed_plan_makes_consent_stale(world: World, plan: dict[str, Any], code: str) -> None:
    story = world.concluded().asked().answered().heard()
    story.planned(**plan)
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, code, "R7")


@pytest.mark.parametrize(
    ("plan", "limits"),
    [
        (MEETING, {"max_scope": "UNIT_ALL_STAFF"}),
        (MEETING, {"excluded_forms": ["MEETING"]}),
        (
            {"forms": ("WRITTEN", "CIRCULAR"), "scope": "PUBLIC_MEDIA", "venue": "PUBLIC_MEDIA"},
            {"no_media": True},
        ),
    ],
    ids=["narrower", "without the meeting", "no media"],
)
def test_r7_limits_bind(world: World, plan: dict[str, Any], limits: dict[str, Any]) -> None:
    story = world.concluded().planned(**plan).asked().heard()
    done(consent(world, story, decision="AGREED_WITH_LIMITS", limits=limits))
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_SCOPE_EXCEEDS_CONSENT", "R7")


def test_r7_limits_and_decision_fit_together(world: World) -> None:
    story = world.concluded().asked()
    refused(consent(world, story, decision="AGREED_WITH_LIMITS"), "E_SCHEMA", "R7")
    refused(consent(world, story, limits={"no_media": True}), "E_SCHEMA", "R7")
    refused(consent(world, story, decision="LAPSED"), "E_SCHEMA")


def messages(world: World, case: Case) -> list[tuple[str, str]]:
    """The messages that were written down for a case's subject, and the state of each."""
    query = "SELECT payload, state FROM effects WHERE kind = 'subject-message' AND payload->>'case' = %s"
    found = world._database(case.service).execute(f"{query} ORDER BY seq", [case.id]).fetchall()
    return [(row.payload["template"], row.state) for row in found]


def test_b35_the_subject_is_told_in_words_that_tell_nothing(world: World) -> None:
    """Consent asked, the end of the window near, approved, a visit planned. A person who looks over the
    subject's shoulder learns neither what the message is about nor from whom it comes."""
    story = world.concluded().asked()
    due = working_days_after(world.today, 5)
    world.morning_of(due)
    world.patiently(lambda: len(messages(world, story.clarification)) == 2)
    story.completed().active()
    told = ["CONSENT_ASKED", "CONSENT_REMINDER", "APPROVED"]
    world.patiently(lambda: messages(world, story.clarification) == [(name, "done") for name in told])
    world.patiently(lambda: messages(world, story.plan) == [("VISIT_PLANNED", "done")])
    folder = world.stack.data.root / "outgoing" / "subject-message"
    mine = [m for file in folder.glob("*.json") if (m := json.loads(file.read_text()))]
    texts = {m["payload"]["text"] for m in mine if m["payload"]["to"] == {"account": sub(SUBJECT)}}
    assert texts == set(TEXTS.values())
    for text in texts:
        assert not re.search("澄清|举报|信访|纪|监|正名|回访|反映|会议|核查", text)
        assert story.name not in text


def test_b35_a_window_without_a_delivery_does_not_lapse(world: World) -> None:
    """Asked, but nobody has an account to be told by: there is no silence that could count as an answer.
    Handed over on paper it runs from then."""
    story = world.concluded().planned(**MEETING)
    world.do(story.clarification, "RequestConsent", HANDLER, story.asking())
    assert messages(world, story.clarification) == []
    assert "DL-15" not in world.read(story.clarification, HANDLER)["deadlines"]
    world.pass_days(60)
    other = world.concluded().asked()
    world.pass_days(20)
    world.patiently(lambda: other.state() == "PLANNED")  # whoever was told has let his window pass
    assert story.state() == "CONSENT_PENDING"
    receipt = {"receipt_hash": sha("receipt")}
    for who, code in ((SUBJECT, ""), (HEAD, "E_FORBIDDEN_ROLE")):
        answer = world.give(story.clarification, "RecordConsentDelivery", who, receipt)
        hidden(answer) if not code else refused(answer, code)
    world.do(story.clarification, "RecordConsentDelivery", HANDLER, receipt)
    refused(world.give(story.clarification, "RecordConsentDelivery", HANDLER, receipt), "E_STATE", "B35")
    due = working_days_after(world.today, 5)
    assert world.read(story.clarification, HANDLER)["deadlines"]["DL-15"] == str(due)
    world.morning_of(due)
    assert story.state() == "CONSENT_PENDING"
    world.pass_days(1)
    world.patiently(lambda: story.state() == "PLANNED")


def test_r7_dl15_silence_is_no_consent(world: World) -> None:
    """The window is open to the end of its last day; then it lapses by itself, once."""
    story = world.concluded().asked().heard()
    due = working_days_after(world.today, 5)
    world.morning_of(due)
    assert world.read(story.clarification, HANDLER)["state"] == "CONSENT_PENDING"
    world.pass_days(1)
    world.patiently(lambda: story.state() == "PLANNED")
    types = [h["type"] for h in world.read(story.clarification, HANDLER)["history"]]
    assert types.count("ClarificationConsentLapsed") == 1
    refused(consent(world, story), "E_STATE")
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_CONSENT_REFUSED", "R7")


def test_r7_dl15_an_answer_on_the_last_day_is_in_time(world: World) -> None:
    story = world.concluded().asked().heard()
    world.morning_of(working_days_after(world.today, 5))
    done(consent(world, story))
    world.pass_days(2)
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


def test_r7_nobody_lapses_a_consent_by_hand(world: World) -> None:
    story = world.concluded().asked()
    for who in (HANDLER, HEAD):
        hidden(world.give(story.clarification, "LapseConsent", who))


def withdraw(world: World, story: Story, who: str = SUBJECT, **body: Any) -> httpx.Response:
    return world.give(story.clarification, "WithdrawConsent", who, body)


def test_r7_withdrawal_voids_the_approval(world: World) -> None:
    story = world.concluded().approved(**MEETING)
    done(withdraw(world, story, reason="不想再提。"))
    view = world.read(story.clarification, HANDLER)
    assert view["state"] == "PLANNED"
    assert [h["type"] for h in view["history"][-2:]] == [
        "ClarificationConsentWithdrawn",
        "ClarificationApprovalVoided",
    ]
    refused(story.implement("WRITTEN"), "E_APPROVAL_REQUIRED", "R4")
    answer = world.give(story.clarification, "SubmitForReview", HANDLER)
    refused(answer, "E_CONSENT_REFUSED", "R7")


@pytest.mark.parametrize("step", ["submitted", "reviewed"])
def test_r7_consent_is_withdrawn_at_any_time_before(world: World, step: str) -> None:
    story: Story = getattr(world.story(), step)(**MEETING)
    assert done(withdraw(world, story))["state"] == "PLANNED"


def test_r7_after_the_meeting_it_is_too_late(world: World) -> None:
    story = world.concluded().approved(**MEETING)
    done(story.implement("MEETING"))
    refused(withdraw(world, story), "E_STATE", "R7")


def test_r7_nobody_else_withdraws(world: World, approved: Story) -> None:
    hidden(withdraw(world, approved, OTHER_SUBJECT))
    refused(withdraw(world, approved, HANDLER), "E_CONSENT_AUTHORITY", "R7")
    refused(withdraw(world, approved, HEAD), "E_FORBIDDEN_ROLE", "R7")


def test_r7_without_consent_there_is_nothing_to_withdraw(world: World, meeting_planned: Story) -> None:
    refused(withdraw(world, meeting_planned), "E_STATE", "R7")


# --- review and approval (R3, R4, R9, C2, SD1, SD2) ---


def test_r3_the_organs_head_reviews(world: World, submitted: Story) -> None:
    for who in (HANDLER, TOWN.handling_dept_head, TOWN.deputy_leader):
        answer = world.give(submitted.clarification, "ReviewClarification", who, ENDORSE)
        refused(answer, "E_FORBIDDEN_ROLE", "R3")


def test_r3_r9_to_endorse_he_confirms_that_nothing_is_prejudiced(world: World, submitted: Story) -> None:
    body = {**ENDORSE, "no_prejudice_confirmed": False}
    answer = world.give(submitted.clarification, "ReviewClarification", HEAD, body)
    refused(answer, "E_DISCIPLINE_LOOSENING", "R9")


def test_r3_returned_it_is_planned_again(world: World) -> None:
    story = world.concluded().submitted()
    back = world.do(
        story.clarification, "ReviewClarification", HEAD, {"decision": "RETURN", "opinion": "再核文字。"}
    )
    assert back["state"] == "PLANNED"
    assert world.do(story.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"


def test_r3_not_before_it_is_submitted(world: World, planned: Story) -> None:
    answer = world.give(planned.clarification, "ReviewClarification", HEAD, ENDORSE)
    assert answer.status_code == 409


def test_r4_c2_the_county_approves_for_the_township(world: World) -> None:
    story = world.concluded().reviewed()
    town_head = world.give(story.clarification, "ApproveClarification", HEAD, APPROVE)
    assert refused(town_head, "E_APPROVER_WRONG_ORGAN", "R4") == {"required_organ": COUNTY.code}
    approved = world.do(story.clarification, "ApproveClarification", APPROVER, APPROVE)
    assert approved["state"] == "APPROVED"


@pytest.mark.parametrize("organ", [CITY, PROVINCE], ids=["city", "province"])
def test_r4_c2_a_higher_organ_does_not_approve_in_the_countys_place(
    world: World, reviewed: Story, organ: Any
) -> None:
    """The organ above names nobody to the case, and neither does the township (B8)."""
    who = organ.clarification_approver
    body = {"person": sub(who), "role": "clarification_approver"}
    hidden(world.give(reviewed.clarification, "AssignToCase", organ.petition_head, body))
    named = world.give(reviewed.clarification, "AssignToCase", TOWN.organ_head, body)
    refused(named, "E_PERSON_UNKNOWN", "B8")
    hidden(world.give(reviewed.clarification, "ApproveClarification", who, APPROVE))


def test_r4_a_sibling_county_does_not_even_see_it(world: World, reviewed: Story) -> None:
    who = OTHER_COUNTY.clarification_approver
    hidden(world.give(reviewed.clarification, "ApproveClarification", who, APPROVE))
    assign = {"person": sub(who), "role": "clarification_approver"}
    answer = world.give(reviewed.clarification, "AssignToCase", OTHER_COUNTY.petition_head, assign)
    hidden(answer)


def test_r4_only_an_approver_of_the_petition_department(world: World, reviewed: Story) -> None:
    """Nobody else is made one by being assigned as one (B8)."""
    for who in (COUNTY.petition_head, COUNTY.organ_head, COUNTY.deputy_leader):
        named = {"person": sub(who), "role": "clarification_approver"}
        answer = world.give(reviewed.clarification, "AssignToCase", COUNTY.petition_head, named)
        refused(answer, "E_PERSON_UNKNOWN", "B8")
        hidden(world.give(reviewed.clarification, "ApproveClarification", who, APPROVE))


def test_r4_r9_the_approver_confirms_that_nothing_is_prejudiced(world: World, reviewed: Story) -> None:
    body = {**APPROVE, "no_prejudice_confirmed": False}
    answer = world.give(reviewed.clarification, "ApproveClarification", APPROVER, body)
    refused(answer, "E_DISCIPLINE_LOOSENING", "R9")


def test_r4_refused_it_is_planned_again(world: World) -> None:
    story = world.concluded().reviewed()
    no = {"decision": "REFUSE", "opinion": "范围过大。"}
    assert world.do(story.clarification, "ApproveClarification", APPROVER, no)["state"] == "PLANNED"


def test_r4_c2_a_county_approves_its_own_by_another_person(world: World) -> None:
    story = world.story(COUNTY).reviewed()
    told = world.do(story.clarification, "ApproveClarification", COUNTY.clarification_approver, APPROVE)
    assert told["state"] == "APPROVED"


def test_r4_not_before_the_review(world: World, submitted: Story) -> None:
    world.assign(submitted.clarification, APPROVER, by=COUNTY.petition_head)
    answer = world.give(submitted.clarification, "ApproveClarification", APPROVER, APPROVE)
    refused(answer, "E_STATE")


@pytest.mark.parametrize("change", ["plan", "text"])
def test_r4_a_change_after_the_approval_voids_it(world: World, change: str) -> None:
    story = world.concluded().approved()
    if change == "plan":
        world.do(story.clarification, "PlanClarification", HANDLER, a_plan(forms=("WRITTEN", "FACE_TO_FACE")))
    else:
        world.do(story.clarification, "RenderText", HANDLER, {"procedural_note": "组织已核查完毕。"})
    types = [h["type"] for h in world.read(story.clarification, HANDLER)["history"]]
    assert "ClarificationApprovalVoided" in types[-2:]
    refused(story.implement("WRITTEN"), "E_APPROVAL_REQUIRED", "R4")


def test_sd1_who_drafted_or_implements_never_decides(world: World) -> None:
    """One person may hold several roles; only their deeds in this case count. The handler's own duties are
    those that a decision must differ from."""
    story = world.story(COUNTY).reviewed()
    history = world.read(story.clarification, COUNTY.handler)["history"]
    drafted = {h["by"]["actor"] for h in history if h["command"] in ("PlanClarification", "RenderText")}
    decided = {h["by"]["actor"] for h in history if h["command"] == "ReviewClarification"}
    assert drafted == {sub(COUNTY.handler)}
    assert not drafted & decided


def test_sd1_sd2_whoever_verified_or_concluded_does_not_approve(world: World) -> None:
    """The county's approver took part in the verification: another must approve."""
    story = world.story(COUNTY).verifying()
    evidence = story.evidence(collectors=[sub(COUNTY.handler), sub(COUNTY.clarification_approver)])
    world.do(story.case, "RecordEvidence", COUNTY.handler, evidence)
    story._done.append("with_evidence")
    story.reviewed()
    answer = world.give(story.clarification, "ApproveClarification", COUNTY.clarification_approver, APPROVE)
    assert refused(answer, "E_SOD_CONFLICT", "R4") == {"duty": "verification_handler"}


# --- carrying out (R4, R6, R47) ---


def test_r4_nothing_is_carried_out_before_the_approval(world: World, reviewed: Story) -> None:
    refused(reviewed.implement("WRITTEN"), "E_APPROVAL_REQUIRED", "R4")


def test_r6_each_planned_form_for_itself(world: World) -> None:
    story = world.concluded().approved(**MEETING)
    assert done(story.implement("WRITTEN"))["state"] == "APPROVED"
    refused(story.implement("WRITTEN"), "E_STATE", "R6")
    assert done(story.implement("MEETING"))["state"] == "IMPLEMENTED"


def test_r4_r6_a_form_that_was_not_approved(world: World, approved: Story) -> None:
    for form in ("FACE_TO_FACE", "CIRCULAR"):
        refused(approved.implement(form), "E_APPROVAL_REQUIRED", "R4")


@pytest.mark.parametrize(
    ("form", "more"),
    [
        ("WRITTEN", {"to_unit_head": None}),
        ("WRITTEN", {"to_subject": None}),
        ("MEETING", {"minutes_hash": "missing"}),
        ("MEETING", {"attendee_count": 0}),
        ("MEETING", {"attendee_groups": []}),
        ("MEETING", {"chair": ""}),
        ("MEETING", {"reader": None}),
        ("FACE_TO_FACE", {"staff": [sub(HANDLER)]}),
        ("FACE_TO_FACE", {"staff": [sub(HANDLER), sub(HANDLER)]}),
        ("FACE_TO_FACE", {"signature_hash": None}),
        ("FACE_TO_FACE", {"refusal_note": "拒签。"}),
        ("CIRCULAR", {"channels": []}),
        ("CIRCULAR", {"to_on": "2019-01-01"}),
        ("CIRCULAR", {"copy_hash": ""}),
    ],
)
def test_r6_each_form_has_its_own_evidence(
    world: World, approved: Story, form: str, more: dict[str, Any]
) -> None:
    refused(approved.implement(form, **more), "E_SCHEMA")


def test_r6_a_letter_is_received_after_it_was_sent(world: World, approved: Story) -> None:
    yesterday = str(world.today - timedelta(days=1))
    letter = {"document_hash": sha("x"), "sent_on": str(world.today), "received_on": yesterday}
    refused(approved.implement("WRITTEN", to_subject=letter), "E_SCHEMA")


def test_r4_nothing_was_carried_out_before_the_approval(world: World, approved: Story) -> None:
    before = (world.now - timedelta(days=30)).isoformat()
    refused(approved.implement("MEETING", held_at=before), "E_APPROVAL_REQUIRED", "R4")


def test_r6_nothing_will_have_been_carried_out_tomorrow(world: World, approved: Story) -> None:
    tomorrow = (world.now + timedelta(days=1)).isoformat()
    refused(approved.implement("MEETING", held_at=tomorrow), "E_SCHEMA", "R6")


def test_r4_an_approval_may_begin_later(world: World) -> None:
    story = world.concluded().reviewed()
    later = world.today + timedelta(days=3)
    body = {**APPROVE, "valid_from": str(later)}
    world.do(story.clarification, "ApproveClarification", APPROVER, body)
    refused(story.implement("WRITTEN"), "E_APPROVAL_REQUIRED", "R4")
    world.morning_of(later)
    assert done(story.implement("WRITTEN"))["state"] == "IMPLEMENTED"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("举报人系小区住户。", "E_TEXT_IDENTITY_LEAK"),
        ("我们收到十五封举报信。", "E_TEXT_IDENTITY_LEAK"),
        ("这是恶意诬告。", "E_TEXT_INTENT_STATEMENT"),
        ("他是一个好干部。", "E_TEXT_OVERALL_EVALUATION"),
    ],
)
def test_r47_what_is_said_at_the_meeting_is_screened(
    world: World, approved: Story, script: str, code: str
) -> None:
    refused(approved.implement("MEETING", script=script), code)


def test_r7_a_circular_reaches_no_further_than_approved(world: World) -> None:
    story = world.concluded().approved(**CIRCULAR)
    wide = story.implement("CIRCULAR", range="UNIT_ALL_STAFF")
    refused(wide, "E_SCOPE_EXCEEDS_CONSENT", "R7")
    done(story.implement("CIRCULAR"))


def test_r25_one_subjects_refusal_does_not_bind_another(world: World) -> None:
    both: dict[str, Any] = {
        "accused": [person(), person()],
        "allegations": [allegation("a1"), allegation("b1", 1)],
    }
    first = world.story(**both).asked().heard()
    second = Story(
        world,
        accused=first.accused,
        allegations=first.allegations,
        subject=1,
        account=OTHER_SUBJECT,
        _done=[s for s in first._done if s not in AFTER_CONCLUSION],
        _cases={k: v for k, v in first._cases.items() if k != "clarification"},
    )
    second.asked().heard()
    done(consent(world, first, decision="REFUSED"))
    done(consent(world, second, OTHER_SUBJECT))
    assert world.do(second.clarification, "SubmitForReview", HANDLER)["state"] == "UNDER_REVIEW"
    hidden(world.get(OTHER_SUBJECT, first.clarification.path + "/draft"))


AFTER_CONCLUSION = frozenset({"assessing", "assessed", "proposed", "planned", "invited", "heard", "asked"})


# --- filing (R50, R51, C7) ---


def test_r50_r51_completed_only_when_both_are_filed(world: World) -> None:
    story = world.concluded().implemented()
    first = world.do(story.clarification, "RecordPlatformEntry", HANDLER, PLATFORM_ENTRY)
    assert first["state"] == "IMPLEMENTED"
    again = world.give(story.clarification, "RecordPlatformEntry", HANDLER, PLATFORM_ENTRY)
    refused(again, "E_STATE", "R50")
    second = world.do(story.clarification, "RecordIntegrityFileEntry", HANDLER, FILE_ENTRY)
    assert second["state"] == "COMPLETED"
    facts = world.read(story.clarification, HANDLER)["facts"]
    assert facts["archive_kind"] == "INTEGRITY_FILE"
    again = world.give(story.clarification, "RecordIntegrityFileEntry", HANDLER, FILE_ENTRY)
    refused(again, "E_STATE", "R51")


def test_r51_the_other_way_round_as_well(world: World) -> None:
    story = world.concluded().implemented()
    first = world.do(story.clarification, "RecordIntegrityFileEntry", HANDLER, FILE_ENTRY)
    assert first["state"] == "IMPLEMENTED"
    second = world.do(story.clarification, "RecordPlatformEntry", HANDLER, PLATFORM_ENTRY)
    assert second["state"] == "COMPLETED"


def test_r11_r51_a_party_organisation_is_filed_in_its_own_file(world: World) -> None:
    story = world.story(accused=[party_org()]).completed()
    facts = world.read(story.clarification, HANDLER)["facts"]
    assert facts["archive_kind"] == "ORG_FILE"


def test_r50_c7_nothing_sealed_enters_the_platform(world: World) -> None:
    story = world.concluded().implemented()
    body = {**PLATFORM_ENTRY, "holds_sealed_content": True}
    answer = world.give(story.clarification, "RecordPlatformEntry", HANDLER, body)
    refused(answer, "E_PLATFORM_ENTRY_FORBIDDEN", "R50")


def test_r50_the_receipt_number_is_mandatory(world: World, approved: Story) -> None:
    for body in ({"material_hashes": [sha("x")]}, {**PLATFORM_ENTRY, "platform_receipt_no": " "}):
        answer = world.give(approved.clarification, "RecordPlatformEntry", HANDLER, body)
        refused(answer, "E_SCHEMA")


def test_r50_r51_nothing_is_filed_before_it_is_carried_out(world: World, approved: Story) -> None:
    clarification = approved.clarification
    refused(world.give(clarification, "RecordPlatformEntry", HANDLER, PLATFORM_ENTRY), "E_STATE")
    refused(world.give(clarification, "RecordIntegrityFileEntry", HANDLER, FILE_ENTRY), "E_STATE")


def test_54_a_sibling_township_sees_no_clarification(world: World, planned: Story) -> None:
    for who in (OTHER_TOWN.handler, OTHER_TOWN.organ_head, OTHER_COUNTY.auditor):
        hidden(world.get(who, planned.clarification.path))
