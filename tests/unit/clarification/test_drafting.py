"""Plan and text (R4, R5, R10, R47, A69)."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

import pytest
from pydantic import ValidationError

from services.clarification import commands as c
from shared.language.contracts.common import Accused
from tests.unit.clarification.examples import (
    AUTHOR,
    HANDLER,
    MEETING_PLAN,
    PARTY_ORG,
    QUIET_PLAN,
    Clarifying,
    meeting,
    unfounded,
    written,
)


def test_r5_plan(scene: Clarifying) -> None:
    scene.proposed()
    scene.plan(forms=["MEETING", "WRITTEN"]).then("ClarificationPlanned")
    planned = scene.last("ClarificationPlanned")
    assert planned.forms == ("WRITTEN", "MEETING")
    assert len(planned.plan_hash) == 64


def test_r5_the_written_form_is_always_among_them(scene: Clarifying) -> None:
    """C4: face to face, meeting and circular come with a letter."""
    scene.proposed()
    scene.when(c.PlanClarification(**{**MEETING_PLAN, "forms": ["MEETING"]}), by=HANDLER).refused(
        "E_WRITTEN_FORM_REQUIRED"
    )


def test_r5_there_is_no_fifth_form() -> None:
    with pytest.raises(ValidationError):
        c.PlanClarification.model_validate({**MEETING_PLAN, "forms": ["WRITTEN", "RELEASE_CONFERENCE"]})


@pytest.mark.parametrize(
    "over",
    [
        {"scope": "UNIT_ALL_STAFF"},  # R47: the public reaches further
        {"invited_groups": []},
        {"forms": ["WRITTEN", "CIRCULAR"], "venue": "NONE"},
        {"forms": ["WRITTEN", "CIRCULAR"], "public_attendance": False},
        {"venue": "RELEASE_CONFERENCE"},
        {"venue": "NONE", "public_attendance": False, "scope": "SUBJECT_AND_UNIT_HEAD"},
    ],
)
def test_a69_a_plan_may_not_understate_whom_it_reaches(scene: Clarifying, over: dict[str, Any]) -> None:
    """Else the subject would agree to less than what happens."""
    scene.proposed()
    scene.when(c.PlanClarification(**{**MEETING_PLAN, **over}), by=HANDLER).refused("E_SCHEMA")


def test_r4_a_new_plan_voids_text_and_consent(scene: Clarifying) -> None:
    scene.consented()
    scene.plan(scope="COUNTY_WIDE")
    scene.submit().refused("E_TEXT_MISSING")
    scene.render()
    scene.submit().refused("E_SCOPE_EXCEEDS_CONSENT")


@pytest.mark.parametrize("change", ["plan", "text"])
def test_r4_a_change_after_the_approval_voids_it(scene: Clarifying, change: str) -> None:
    scene.approved()
    scene.implement(written())
    if change == "plan":
        scene.plan(rationale="另有考虑。").then("ClarificationApprovalVoided", "ClarificationPlanned")
    else:
        scene.render("另行说明。").then("ClarificationApprovalVoided", "ClarificationTextRendered")
    assert scene.last("ClarificationApprovalVoided").reason == f"{change.upper()}_CHANGED"
    assert scene.aggregate.state == "PLANNED"
    scene.implement(meeting()).refused("E_APPROVAL_REQUIRED")


def test_r4_what_was_carried_out_before_is_carried_out_anew(scene: Clarifying) -> None:
    """A letter under a void approval does not stand for the letter of the new text."""
    scene.approved()
    scene.implement(written())
    scene.plan(QUIET_PLAN)
    scene.render()
    scene.submit()
    scene.review()
    scene.approve()
    scene.implement(written()).then("ClarificationFormImplemented")


def test_r10_text_from_the_template(scene: Clarifying) -> None:
    """Subject, allegations, organ, finding, date and scope; the hash is over the canonical text."""
    scene.drafted()
    rendered = scene.last("ClarificationTextRendered")
    assert rendered.text == (
        "关于云瓶镇向阳社区党组织书记吴虚四有关问题的澄清说明\n"
        "经云瓶镇纪委核查，反映吴虚四的下列具体问题失实，现予澄清：\n"
        "1. 反映其违规发放补贴（2022年3月1日核查认定失实）\n"
        "2. 反映其收受礼金（2022年3月1日核查认定失实）\n"
        "澄清范围：所在村（社区）。本说明只针对上述具体问题，不涉及其他事项。\n"
        "云瓶镇纪委"
    )
    canonical = unicodedata.normalize("NFC", f"{rendered.text}\n\n{rendered.script}")
    assert rendered.text_hash == hashlib.sha256(canonical.encode()).hexdigest()
    assert rendered.template_version == "CQ-TEXT-1"


def test_r10_the_same_plan_and_note_give_the_same_text(scene: Clarifying) -> None:
    scene.drafted()
    first = scene.aggregate.text_hash
    scene.at("2022-03-09").render()
    assert scene.aggregate.text_hash == first
    scene.render("本说明可在单位内部宣读。")
    assert scene.aggregate.text_hash != first


def test_r11_the_text_of_a_party_organisation(org_scene: Clarifying) -> None:
    org_scene.proposed()
    org_scene.plan(QUIET_PLAN)
    org_scene.render()
    assert org_scene.aggregate.text is not None
    assert org_scene.aggregate.text.text.startswith(f"关于{PARTY_ORG.name}有关问题的澄清说明")


def test_r47_the_script_says_that_reports_were_answered(scene: Clarifying) -> None:
    """And what was found; without a meeting there is no script."""
    scene.drafted()
    assert scene.aggregate.text is not None
    assert "按规定作了答复" in scene.aggregate.text.script
    scene.plan(QUIET_PLAN)
    scene.render()
    assert scene.aggregate.text.script == ""


@pytest.mark.parametrize(
    "note",
    ["该同志清正廉洁。", "其一贯表现良好。", "该同志没 有-任何问题", "没有任何问題".replace("題", "题")],
)
def test_r10_no_verdict_on_the_person(scene: Clarifying, note: str) -> None:
    scene.drafted()
    scene.when(c.RenderText(procedural_note=note), by=AUTHOR).refused("E_TEXT_OVERALL_EVALUATION")


@pytest.mark.parametrize("note", ["系诬告。", "举报人恶 意举报", "有人故意为之", "属报复举报"])
def test_r10_no_verdict_on_motives(scene: Clarifying, note: str) -> None:
    scene.drafted()
    scene.when(c.RenderText(procedural_note=note), by=AUTHOR).refused("E_TEXT_INTENT_STATEMENT")


@pytest.mark.parametrize("note", ["经查匿名信所称失实。", "对15封信逐一核查。", "据电话举报核查。"])
def test_r47_never_how_was_reported(scene: Clarifying, note: str) -> None:
    scene.drafted()
    scene.when(c.RenderText(procedural_note=note), by=AUTHOR).refused("E_TEXT_IDENTITY_LEAK")


def test_r10_an_innocent_note_passes(scene: Clarifying) -> None:
    """事故意外 holds the letters of 故意."""
    scene.drafted()
    scene.render("该事故意外发生时其不在现场。").then("ClarificationTextRendered")


def test_r10_the_note_is_short() -> None:
    with pytest.raises(ValidationError):
        c.RenderText(procedural_note="字" * 301)


def test_r10_the_note_goes_to_the_vaults_screen() -> None:
    """Every free text is marked for the screen: the reporter's identity is the vault's question (SEC-12)."""
    assert c.RenderText(procedural_note="说明").texts() == ["说明"]
    spoken = c.ImplementForm(evidence=meeting(script="各位"))
    assert "各位" in spoken.texts()


def test_text_needs_a_plan(scene: Clarifying) -> None:
    scene.proposed()
    scene.render().refused("E_STATE")


def test_subject_details_follow_the_latest_conclusion(scene: Clarifying) -> None:
    moved = Accused(**{**scene.subject.model_dump(), "position": "居委会主任"})
    scene.find()
    scene.find(unfounded("case-2", subject=moved))
    scene.assess()
    scene.propose()
    scene.plan()
    scene.render()
    assert scene.aggregate.text is not None
    assert "居委会主任" in scene.aggregate.text.text
