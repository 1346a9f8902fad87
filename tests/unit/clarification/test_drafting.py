"""Plan and text (R4, R5, R10, R47, A69)."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any

import pytest
from pydantic import ValidationError

from services.clarification import commands as c
from shared.contracts.common import Accused
from tests.unit.clarification.stage import (
    AUTHOR,
    HANDLER,
    MEETING_PLAN,
    PARTY_ORG,
    QUIET_PLAN,
    Stage,
    meeting,
    unfounded,
    written,
)


def test_r5_plan(stage: Stage) -> None:
    stage.proposed()
    assert stage.plan(forms=["MEETING", "WRITTEN"]) == ["ClarificationPlanned"]
    planned = stage.last("ClarificationPlanned")
    assert planned.forms == ("WRITTEN", "MEETING")
    assert len(planned.plan_hash) == 64


def test_r5_the_written_form_is_always_among_them(stage: Stage) -> None:
    """C4: face to face, meeting and circular come with a letter."""
    stage.proposed()
    stage.refuses(
        "E_WRITTEN_FORM_REQUIRED", c.PlanClarification, HANDLER, **{**MEETING_PLAN, "forms": ["MEETING"]}
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
def test_a69_a_plan_may_not_understate_whom_it_reaches(stage: Stage, over: dict[str, Any]) -> None:
    """Else the subject would agree to less than what happens."""
    stage.proposed()
    stage.refuses("E_SCHEMA", c.PlanClarification, HANDLER, **{**MEETING_PLAN, **over})


def test_r4_a_new_plan_voids_text_and_consent(stage: Stage) -> None:
    stage.consented()
    stage.plan(scope="COUNTY_WIDE")
    with stage.refused("E_TEXT_MISSING"):
        stage.submit()
    stage.render()
    with stage.refused("E_SCOPE_EXCEEDS_CONSENT"):
        stage.submit()


@pytest.mark.parametrize("change", ["plan", "text"])
def test_r4_a_change_after_the_approval_voids_it(stage: Stage, change: str) -> None:
    stage.approved()
    stage.implement(written())
    names = stage.plan(rationale="另有考虑。") if change == "plan" else stage.render("另行说明。")
    assert names[0] == "ClarificationApprovalVoided"
    assert stage.last("ClarificationApprovalVoided").reason == f"{change.upper()}_CHANGED"
    assert stage.c.state == "PLANNED"
    with stage.refused("E_APPROVAL_REQUIRED"):
        stage.implement(meeting())


def test_r4_what_was_carried_out_before_is_carried_out_anew(stage: Stage) -> None:
    """A letter under a void approval does not stand for the letter of the new text."""
    stage.approved()
    stage.implement(written())
    stage.plan(QUIET_PLAN)
    stage.render()
    stage.submit()
    stage.review()
    stage.approve()
    assert stage.implement(written()) == ["ClarificationFormImplemented"]


def test_r10_text_from_the_template(stage: Stage) -> None:
    """Subject, allegations, organ, finding, date and scope; the hash is over the canonical text."""
    stage.drafted()
    rendered = stage.last("ClarificationTextRendered")
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


def test_r10_the_same_plan_and_note_give_the_same_text(stage: Stage) -> None:
    stage.drafted()
    first = stage.c.text_hash
    stage.on("2022-03-09").render()
    assert stage.c.text_hash == first
    stage.render("本说明可在单位内部宣读。")
    assert stage.c.text_hash != first


def test_r11_the_text_of_a_party_organisation(org_stage: Stage) -> None:
    org_stage.proposed()
    org_stage.plan(QUIET_PLAN)
    org_stage.render()
    assert org_stage.c.text is not None
    assert org_stage.c.text.text.startswith(f"关于{PARTY_ORG.name}有关问题的澄清说明")


def test_r47_the_script_says_that_reports_were_answered(stage: Stage) -> None:
    """And what was found; without a meeting there is no script."""
    stage.drafted()
    assert stage.c.text is not None
    assert "按规定作了答复" in stage.c.text.script
    stage.plan(QUIET_PLAN)
    stage.render()
    assert stage.c.text.script == ""


@pytest.mark.parametrize(
    "note",
    ["该同志清正廉洁。", "其一贯表现良好。", "该同志没 有-任何问题", "没有任何问題".replace("題", "题")],
)
def test_r10_no_verdict_on_the_person(stage: Stage, note: str) -> None:
    stage.drafted()
    stage.refuses("E_TEXT_OVERALL_EVALUATION", c.RenderText, AUTHOR, procedural_note=note)


@pytest.mark.parametrize("note", ["系诬告。", "举报人恶 意举报", "有人故意为之", "属报复举报"])
def test_r10_no_verdict_on_motives(stage: Stage, note: str) -> None:
    stage.drafted()
    stage.refuses("E_TEXT_INTENT_STATEMENT", c.RenderText, AUTHOR, procedural_note=note)


@pytest.mark.parametrize("note", ["经查匿名信所称失实。", "对15封信逐一核查。", "据电话举报核查。"])
def test_r47_never_how_was_reported(stage: Stage, note: str) -> None:
    stage.drafted()
    stage.refuses("E_TEXT_IDENTITY_LEAK", c.RenderText, AUTHOR, procedural_note=note)


def test_r10_an_innocent_note_passes(stage: Stage) -> None:
    """事故意外 holds the letters of 故意."""
    stage.drafted()
    assert stage.render("该事故意外发生时其不在现场。") == ["ClarificationTextRendered"]


def test_r10_the_note_is_short() -> None:
    with pytest.raises(ValidationError):
        c.RenderText(procedural_note="字" * 301)


def test_r10_the_note_goes_to_the_vaults_screen() -> None:
    """Every free text is marked for the screen: the reporter's identity is the vault's question (SEC-12)."""
    assert c.RenderText(procedural_note="说明").texts() == ["说明"]
    spoken = c.ImplementForm(evidence=meeting(script="各位"))
    assert "各位" in spoken.texts()


def test_text_needs_a_plan(stage: Stage) -> None:
    stage.proposed()
    with stage.refused("E_STATE"):
        stage.render()


def test_subject_details_follow_the_latest_conclusion(stage: Stage) -> None:
    moved = Accused(**{**stage.subject.model_dump(), "position": "居委会主任"})
    stage.find()
    stage.find(unfounded("case-2", subject=moved))
    stage.assess()
    stage.propose()
    stage.plan()
    stage.render()
    assert stage.c.text is not None
    assert "居委会主任" in stage.c.text.text
