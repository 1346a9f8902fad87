"""Intake: receiving, registering, listing, duplicates, acceptance, handing over (§4.1)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness import (
    ALLEGATION,
    CITY,
    COUNTY,
    LEVELS,
    OTHER_COUNTY,
    OTHER_TOWN,
    PROVINCE,
    SUBJECT,
    TOWN,
    Case,
    Organ,
    Story,
    World,
    allegation,
    done,
    hidden,
    party_org,
    person,
    refused,
    sub,
)

CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
REPORTER = {"name": "虚某举", "phone": "19900000000"}


# --- receiving ---


@pytest.mark.parametrize(
    "channel", ["LETTER", "VISIT", "CALL", "ONLINE_SITE", "ONLINE_WECHAT", "ONLINE_APP", "OTHER"]
)
def test_a3_every_channel_is_received(world: World, channel: str) -> None:
    body: dict[str, Any] = {"channel": channel, "acknowledged_notice_version": "1"}
    if channel in ("VISIT", "CALL"):
        body["reception"] = {"received_by": sub(CLERK), "others_present": False}
    assert done(world.receive(CLERK, body))["state"] == "RECEIVED"


def test_a3_a_channel_that_the_law_does_not_know(world: World) -> None:
    details = refused(world.receive(CLERK, {"channel": "PIGEON"}), "E_SCHEMA")
    assert [f["field"] for f in details["fields"]] == ["channel"]


def test_r30_online_needs_the_acknowledged_notice(world: World) -> None:
    refused(world.receive(CLERK, {"channel": "ONLINE_APP"}), "E_SCHEMA", "R30")


def test_r16_r29_an_anonymous_complaint_goes_the_whole_way(world: World) -> None:
    view = world.read(world.story().accepted().complaint, CLERK)
    assert (view["state"], view["facts"]["identity_status"]) == ("ACCEPTED", "UNCLAIMED")


def test_a27_a_name_with_a_contact_is_claimed_and_not_yet_confirmed(world: World) -> None:
    facts = world.read(world.story(reporter=REPORTER).registered().complaint, CLERK)["facts"]
    assert (facts["identity_status"], facts["priority"]) == ("CLAIMED", "NORMAL")
    nameless = world.story(reporter={"phone": "19900000001"}).registered()
    assert world.read(nameless.complaint, CLERK)["facts"]["identity_status"] == "UNCLAIMED"


def test_sec3_a_reporter_has_another_reference_in_every_complaint(world: World) -> None:
    references = {
        world.read(world.story(reporter=REPORTER).received().complaint, CLERK)["facts"]["reporter_ref"]
        for _ in range(2)
    }
    assert len(references) == 2
    assert "" not in references


def test_sec3_an_impossible_resident_id_is_refused(world: World) -> None:
    wrong = {"reporter": {**REPORTER, "resident_id": "990101190001070070"}}
    answer = world.receive(CLERK, wrong)
    refused(answer, "E_SCHEMA")
    assert "990101190001070070" not in answer.text
    done(world.receive(CLERK, {"reporter": {**REPORTER, "resident_id": "99010119000107007X"}}))


def test_a3_received_on_is_not_in_the_future(world: World) -> None:
    tomorrow = str(world.today + timedelta(days=1))
    refused(world.receive(CLERK, {"received_on": tomorrow}), "E_SCHEMA", "§0.5")


@pytest.mark.parametrize("who", ["handler", "organ_head", "deputy_leader", "revisit_officer"])
def test_a3_others_do_not_receive(world: World, who: str) -> None:
    refused(world.receive(getattr(TOWN, who)), "E_FORBIDDEN_ROLE", "A3")


def test_a5_whoever_receives_is_assigned(world: World) -> None:
    story = world.story().received()
    assert world.read(story.complaint, CLERK)["assigned"] == {sub(CLERK): ["petition_clerk"]}


# --- what belongs to a higher organ ---


def test_a14_a_complaint_of_a_higher_level_is_not_registered(world: World) -> None:
    story = world.story().received(competent_level="COUNTY")
    refused(world.give(story.complaint, "RegisterComplaint", CLERK), "E_SEALED_UPWARD", "A14")
    assert story.state("complaint") == "RECEIVED"


@pytest.mark.parametrize("level", ["COUNTY", "CITY", "PROVINCE", "CENTRAL"])
def test_a14_one_accused_of_a_higher_level_seals_the_whole(world: World, level: str) -> None:
    accused = [person(), person(managed_by_level=level)]
    story = world.story(accused=accused, allegations=[allegation("a1"), allegation("a2", 1)]).registered()
    answer = world.give(story.complaint, "ListAllegations", CLERK, story.listing())
    refused(answer, "E_SEALED_UPWARD", "A14")


@pytest.mark.parametrize("organ", [COUNTY, CITY, PROVINCE], ids=lambda o: LEVELS[o])
def test_a14_its_own_level_is_registered_at_every_organ(world: World, organ: Organ) -> None:
    assert world.story(organ).accepted().state("complaint") == "ACCEPTED"


# --- numbers ---


def test_numbers_have_no_gaps(world: World) -> None:
    """Refused and stale registrations in between take no number."""
    numbers = []
    for _ in range(3):
        story = world.story().received()
        refused(world.give(story.complaint, "RegisterComplaint", CLERK, {"category": "PRAISE"}), "E_SCHEMA")
        refused(world.give(story.complaint, "RegisterComplaint", CLERK, if_match=99), "E_STALE_VERSION")
        numbers.append(world.do(story.complaint, "RegisterComplaint", CLERK)["number"])
    assert all(n.startswith(f"XF-990102100-{world.today.year}-") for n in numbers)
    counts = [int(n.rpartition("-")[2]) for n in numbers]
    assert all(later == earlier + 1 for earlier, later in pairwise(counts))


def test_numbers_run_for_each_organ_apart(world: World) -> None:
    there = world.story(OTHER_TOWN).registered()
    number = world.read(there.complaint, OTHER_TOWN.petition_clerk)["number"]
    assert number.startswith(f"XF-990101001-{world.today.year}-")


def test_41_a_complaint_is_registered_once(world: World, listed: Story) -> None:
    refused(world.give(listed.complaint, "RegisterComplaint", CLERK), "E_STATE")


# --- listing ---


def test_r25_each_accused_has_his_allegations(world: World) -> None:
    story = world.story(
        accused=[person(), person()], allegations=[allegation("a1"), allegation("b1", 1)]
    ).listed()
    facts = world.read(story.complaint, CLERK)["facts"]
    assert [a["accused_ref"] for a in facts["allegations"]] == [story.ref(0), story.ref(1)]


@pytest.mark.parametrize(
    ("accused", "allegations"),
    [
        ([person(), person()], [allegation("a1")]),
        ([person()], [allegation("a1"), allegation("a2", 1)]),
        ([person()], [allegation("a1"), allegation("a1")]),
        ([person()], []),
        ([], [allegation("a1")]),
        ([person()], [allegation("a1", -1)]),
        ([person()], [{**ALLEGATION, "kind": "RUDENESS"}]),
        ([person()], [{**ALLEGATION, "text": ""}]),
        ([person()], [{**ALLEGATION, "text": "   "}]),
        ([person()], [{**ALLEGATION, "text": "长" * 4001}]),
    ],
    ids=[
        "one accused without allegation",
        "allegation of nobody",
        "same id twice",
        "no allegation",
        "no accused",
        "negative index",
        "unknown kind",
        "empty",
        "blank",
        "too long",
    ],
)
def test_r25_incomplete_lists_are_refused(
    world: World, registered: Story, accused: list[object], allegations: list[object]
) -> None:
    body = {**registered.listing(), "accused": accused, "allegations": allegations}
    refused(world.give(registered.complaint, "ListAllegations", CLERK, body), "E_SCHEMA")


def test_r11_each_kind_of_accused_has_its_details(world: World, registered: Story) -> None:
    """A person and a party organisation have others; what is missing is named."""
    place = ("name", "unit", "unit_division", "managed_by_level")
    of_a_person = (*place, "position", "political_status", "official_category")
    of_an_organisation = (*place, "organisation_code", "superior_org", "principal_head", "archive")
    for whole, needed in ((person(), of_a_person), (party_org(), of_an_organisation)):
        for missing in needed:
            less = {name: value for name, value in whole.items() if name != missing}
            body = {**registered.listing(), "accused": [less]}
            answer = world.give(registered.complaint, "ListAllegations", CLERK, body)
            assert refused(answer, "E_SCHEMA", "R11")["field"] == f"accused.0.{missing}"
    body = {**registered.listing(), "accused": [person(political_status="中共党员")]}
    refused(world.give(registered.complaint, "ListAllegations", CLERK, body), "E_SCHEMA")


def test_r55_a_known_accused_keeps_his_reference(world: World, listed: Story) -> None:
    again = world.story(accused=[{"match": listed.ref()}]).listed()
    assert again.ref() == listed.ref()


def test_r55_a_match_must_be_in_the_register(world: World, registered: Story) -> None:
    body = {**registered.listing(), "accused": [{"match": "acc-nobody"}]}
    refused(world.give(registered.complaint, "ListAllegations", CLERK, body), "E_SCHEMA", "R55")


def test_r55_candidates_are_found_by_name(world: World, listed: Story) -> None:
    name = listed.accused[0]["name"]
    listed.accused_listed  # noqa: B018 - has been read, so it is there
    position = world.position("intake")
    rows = world.get(CLERK, "/intake/v1/accused", name=name, min_position=position).json()["items"]
    assert [r["ref"] for r in rows] == [listed.ref()]
    details = {"subject_type", "managed_by_level", "unit_division", "is_discipline_staff"}
    assert set(rows[0]) == {"ref", "name", "unit", "position_held", *details}
    refused(world.get(TOWN.handler, "/intake/v1/accused", name=name), "E_FORBIDDEN_ROLE")
    refused(world.get(CLERK, "/intake/v1/accused"), "E_SCHEMA", "R55")


def test_sec12_the_reporters_name_is_not_stored_in_an_allegation(world: World) -> None:
    story = world.story(reporter=REPORTER).registered()
    for text, rule in (
        ("据虚某举称，其收受礼金。", "SEC-12"),
        ("联系电话 199-0000-0000。", "B21"),
        ("全角１９９００００００００也不行", "B21"),
    ):
        body = {**story.listing(), "allegations": [{**ALLEGATION, "text": text}]}
        answer = world.give(story.complaint, "ListAllegations", CLERK, body)
        refused(answer, "E_TEXT_IDENTITY_LEAK", rule)
        assert text not in answer.text
    world.forget_questions()
    world.do(story.complaint, "ListAllegations", CLERK, story.listing())


def test_r55_candidates_are_found_in_any_characters(world: World) -> None:
    """Traditional, simplified, radicals, spaces: one name."""
    story = world.story(accused=[person(name="马虚龙")]).listed()
    position = world.position("intake")
    for name in ("馬虛龍", "马虚龙", "⻢ 虚 ⻰", "马·虚龙"):
        rows = world.get(CLERK, "/intake/v1/accused", name=name, min_position=position).json()["items"]
        assert story.ref() in [r["ref"] for r in rows], name
    refused(world.get(CLERK, "/intake/v1/accused", name="\u200b"), "E_SCHEMA", "R55")


@pytest.mark.parametrize("unit", ["云瓶镇虚构橘园合作社", "虚构橘园合作社", "云瓶镇虚构橘园合作社财务科"])
def test_b48_a_colleague_of_the_accused_is_not_stuck(world: World, unit: str) -> None:
    """A reporter gives the accused's own unit, a shorter form of it or a department in it: the allegations
    are listed, the complaint goes on, and no refusal tells that the reporter was a colleague."""
    colleague = {**REPORTER, "unit": unit, "address": "云瓶镇虚构橘园合作社宿舍"}
    story = world.story(reporter=colleague, accused=[person(unit="云瓶镇虚构橘园合作社")]).registered()
    words = "反映其挪用云瓶镇虚构橘园合作社的货款。"
    body = {**story.listing(), "allegations": [{**ALLEGATION, "text": words}]}
    world.do(story.complaint, "ListAllegations", CLERK, body)
    named = {**body, "allegations": [{**ALLEGATION, "text": "据虚某举称，其挪用货款。"}]}
    again = world.story(reporter=colleague, accused=story.accused).registered()
    refused(world.give(again.complaint, "ListAllegations", CLERK, named), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_sec12_reporters_of_other_complaints_about_the_matched_accused_are_looked_for(world: World) -> None:
    """Before the match is recorded, too."""
    first = world.story(reporter=REPORTER).listed()
    second = world.story(accused=[{"match": first.ref()}]).registered()
    body = {**second.listing(), "allegations": [{**ALLEGATION, "text": "据虚某举称，其收受礼金。"}]}
    refused(world.give(second.complaint, "ListAllegations", CLERK, body), "E_TEXT_IDENTITY_LEAK", "SEC-12")


@pytest.mark.parametrize("field", ["name", "unit"])
@pytest.mark.parametrize("typed", ["\u200b", "\u3164", "\u2800", "\u00ad", "虚\u202e甲"])
def test_r11_a_name_that_nobody_can_read_is_none(
    world: World, registered: Story, field: str, typed: str
) -> None:
    """Invisible, or turned so that another one is read."""
    body = {**registered.listing(), "accused": [person() | {field: typed}]}
    told = refused(world.give(registered.complaint, "ListAllegations", CLERK, body), "E_SCHEMA")
    assert told["fields"][0]["field"] == f"accused.0.{field}"


def test_sec12_an_escaped_backslash_is_no_nul(world: World) -> None:
    """D:\\u0000 typed literally is kept as it was typed."""
    story = world.story().registered()
    words = "反映其将账册存于 D:\\u0000 目录。"
    body = {**story.listing(), "allegations": [{**ALLEGATION, "text": words}]}
    world.do(story.complaint, "ListAllegations", CLERK, body)
    [listed] = world.entries("intake", story.complaint.id, "AllegationsListed")
    assert listed.event["allegations"][0]["text"] == words


def test_sec12_only_the_reporter_of_this_complaint_is_guarded(world: World) -> None:
    """Another complaint's reporter is nobody here: else the screen would be an oracle for names."""
    world.story(reporter={"name": "虚别举", "phone": "19900000009"}).received()
    story = world.story().registered()
    body = {**story.listing(), "allegations": [{**ALLEGATION, "text": "反映其与虚别举有经济往来。"}]}
    world.do(story.complaint, "ListAllegations", CLERK, body)


@pytest.mark.parametrize("text", ["可能是三号楼的住户举报的。", "怀疑系会计写的信。", "举报人是谁已有传言。"])
def test_sec16_guesses_about_who_reported_are_not_stored(world: World, registered: Story, text: str) -> None:
    body = {**registered.listing(), "allegations": [{**ALLEGATION, "text": text}]}
    answer = world.give(registered.complaint, "ListAllegations", CLERK, body)
    refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-12")


def tell(world: World, story: Story, who: str, text: str) -> httpx.Response:
    body = {**story.listing(), "allegations": [{**ALLEGATION, "text": text}]}
    return world.give(story.complaint, "ListAllegations", who, body)


def test_sec12_the_screen_is_no_oracle(world: World) -> None:
    """After three refused texts of one person, over all cases, none of theirs is looked at: also on a case
    that nobody reported by name. Supervision hears of each (B54)."""
    stories = [world.story(reporter=REPORTER).registered() for _ in range(3)]
    before = world.position("intake")
    for story in stories:
        refused(tell(world, story, CLERK, "虚某举所写。"), "E_TEXT_IDENTITY_LEAK", "SEC-12")
    assert len(world.log("intake", before, "SecurityAlertRaised")) == 3
    for story in (stories[0], world.story().registered()):
        told = refused(tell(world, story, CLERK, "反映其收受礼金。"), "E_TEXT_IDENTITY_LEAK", "B54")
        assert told["reason"] == "clearance"


def test_b54_the_petition_department_lets_a_person_write_again(world: World) -> None:
    story = world.story(reporter=REPORTER).registered()
    for _ in range(3):
        refused(tell(world, story, CLERK, "虚某举所写。"), "E_TEXT_IDENTITY_LEAK", "SEC-12")

    def clear(who: str, **body: str) -> httpx.Response:
        return world.client(who).post("/intake/v1/screen-clearances", json=body)

    refused(clear(CLERK, person=sub(CLERK)), "E_SOD_CONFLICT", "B54")
    for nobody in (TOWN.handler, SUBJECT, COUNTY.auditor):
        refused(clear(nobody, person=sub(CLERK)), "E_FORBIDDEN_ROLE", "B54")
    refused(clear(HEAD, person="虚"), "E_SCHEMA", "B54")
    # Of another organ, and of none that asked: the same answer.
    hidden(clear(OTHER_TOWN.petition_head, person=sub(CLERK)))
    hidden(clear(HEAD, person=sub(OTHER_TOWN.petition_clerk)))
    refused(tell(world, story, CLERK, "反映其收受礼金。"), "E_TEXT_IDENTITY_LEAK", "B54")
    before = world.position("intake")
    assert clear(HEAD, person=sub(CLERK)).json() == {"person": sub(CLERK)}
    [record] = world.log("intake", before, "ScreenCleared")
    assert (record.event["who"], record.event["person"]) == (sub(HEAD), sub(CLERK))
    assert tell(world, story, CLERK, "反映其收受礼金。").status_code == 200
    assert clear(COUNTY.petition_head, person=sub(CLERK)).status_code == 200, "an organ above may do so too"


def test_b54_a_list_of_names_is_refused_whoever_they_are(world: World) -> None:
    """No vault is asked, so the answer is the same whether the reporter is among them."""
    story = world.story(reporter=REPORTER).registered()
    names = "、".join(f"张虚{n}" for n in "一二三四五六七")
    answers = [tell(world, story, CLERK, text) for text in (names, f"{names}、{REPORTER['name']}")]
    assert refused(answers[0], "E_TEXT_IDENTITY_LEAK", "B54")["reason"] == "names"
    assert answers[0].content == answers[1].content


# --- duplicates ---


def again(world: World, original: Story, **more: Any) -> Story:
    """A second complaint about the same accused."""
    return world.story(accused=[{"match": original.ref()}], **more).listed()


def duplicate(world: World, story: Story, of: str, **more: Any) -> httpx.Response:
    return world.give(story.complaint, "MarkDuplicate", CLERK, {"of": of, **more})


def test_a12_the_same_facts_are_filed_as_duplicate(world: World, listed: Story) -> None:
    story = again(world, listed)
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": listed.complaint.id})
    view = world.read(story.complaint, CLERK)
    assert (view["state"], view["facts"]["repeat_kind"]) == ("DUPLICATE_FILED", "DUPLICATE")


def test_a12_a_duplicate_is_neither_accepted_nor_transferred(world: World, listed: Story) -> None:
    story = again(world, listed)
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": listed.complaint.id})
    head = TOWN.petition_head
    world.assign(story.complaint, head, by=head)
    accept = world.give(story.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    refused(accept, "E_DUPLICATE", "A12")
    refused(world.give(story.complaint, "TransferToHandler", head), "E_DUPLICATE", "A12")


def test_a12_other_facts_other_accused_or_new_evidence_are_no_duplicate(world: World, listed: Story) -> None:
    other_facts = again(world, listed, allegations=[allegation("a1", kind="LIFE_DISCIPLINE")])
    other_accused = world.story().listed()
    same = again(world, listed)
    original = listed.complaint.id
    for answer in (
        duplicate(world, other_facts, original),
        duplicate(world, other_accused, original),
        duplicate(world, same, original, new_evidence=True),
        duplicate(world, same, same.complaint.id),
        duplicate(world, same, str(uuid4())),
        duplicate(world, same, world.story(OTHER_TOWN).listed().complaint.id),
    ):
        refused(answer, "E_CONTENT_MISMATCH", "A12")


def test_a12_what_brings_new_evidence_is_not_filed_after_all(world: World, listed: Story) -> None:
    story = again(world, listed)
    of = {"of": listed.complaint.id}
    world.do(story.complaint, "MarkRepeat", CLERK, {**of, "new_evidence": "转账凭证。"})
    refused(world.give(story.complaint, "MarkDuplicate", CLERK, of), "E_CONTENT_MISMATCH", "A12")


def test_a12_a_complaint_without_allegations_repeats_nothing(world: World, listed: Story) -> None:
    empty = world.story().registered()
    refused(duplicate(world, empty, listed.complaint.id), "E_CONTENT_MISMATCH", "A12")


def test_r55_after_a_conclusion_it_is_a_re_report(world: World) -> None:
    original = world.story().concluded()
    world.patiently(lambda: original.state("complaint") == "RESULT_AVAILABLE")
    story = again(world, original)
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": original.complaint.id})
    facts = world.read(story.complaint, CLERK)["facts"]
    assert facts["repeat_kind"] == "RE_REPORT_AFTER_CONCLUSION"


def test_r55_the_history_of_an_accused(world: World) -> None:
    original = world.story().concluded()
    world.patiently(lambda: original.state("complaint") == "RESULT_AVAILABLE")
    story = again(world, original)
    world.do(story.complaint, "MarkDuplicate", CLERK, {"of": original.complaint.id})
    path = f"/intake/v1/accused/{original.ref()}/history"
    history = world.get(CLERK, path, min_position=world.position("intake")).json()
    kinds = [(c["repeat_kind"], c["verdict"]) for c in history["complaints"]]
    assert kinds == [("INITIAL", "ALL_UNFOUNDED"), ("RE_REPORT_AFTER_CONCLUSION", "")]
    assert len(history["conclusions"]) == 1
    hidden(world.get(OTHER_TOWN.petition_clerk, path))
    hidden(world.get(OTHER_COUNTY.petition_clerk, path))
    assert world.get(COUNTY.petition_clerk, path).status_code == 200
    refused(world.get(TOWN.handler, path), "E_FORBIDDEN_ROLE")
    hidden(world.get(CLERK, "/intake/v1/accused/acc-nobody/history"))


# --- acceptance and handing over ---


def test_a12_acceptance_hands_over_and_opens_one_case(world: World) -> None:
    story = world.story().opened()
    assert story.state("complaint") == "WITH_HANDLER"
    facts = world.read(story.case, TOWN.handler)["facts"]
    assert facts["complaint_ids"] == [story.complaint.id]
    assert [a["ref"] for a in facts["accused"]] == [story.ref()]


def test_r44_nothing_is_accepted_without_its_allegations(world: World) -> None:
    story = world.story().registered()
    head = TOWN.petition_head
    world.assign(story.complaint, head, by=head)
    answer = world.give(story.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    refused(answer, "E_RECORD_INCOMPLETE", "R44")


@pytest.mark.parametrize(
    "accused",
    [{"unit_division": "990101001001"}, {"unit_division": "990102"}],
    ids=["another place", "the county's own place"],
)
def test_54_a2_only_the_competent_organ_accepts(world: World, accused: dict[str, Any]) -> None:
    story = world.story(accused=[person(**accused)]).registered()
    answer = world.give(story.complaint, "ListAllegations", CLERK, story.listing())
    if answer.status_code != 200:
        refused(answer, "E_SEALED_UPWARD", "A14")
        return
    head = TOWN.petition_head
    world.assign(story.complaint, head, by=head)
    answer = world.give(story.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    refused(answer, "E_NOT_COMPETENT", "§5.4")


def test_a75_discipline_staff_belong_to_the_superior_organ(world: World, registered: Story) -> None:
    body = {**registered.listing(), "accused": [person(is_discipline_staff=True)]}
    answer = world.give(registered.complaint, "ListAllegations", CLERK, body)
    assert refused(answer, "E_SEALED_UPWARD", "A14") == {"competent_level": "COUNTY"}


def test_sec2_somebody_else_approves_the_sanitised_wording(world: World, registered: Story) -> None:
    body = {**registered.listing(), "approved_by": sub(CLERK)}
    refused(world.give(registered.complaint, "ListAllegations", CLERK, body), "E_SOD_CONFLICT", "SEC-2")


@pytest.mark.parametrize("text", ["群众来信反映其收受红包", "被 多次 举报收受红包", "第３封信中称其收受红包"])
def test_sec2_an_allegation_does_not_tell_how_it_was_reported(
    world: World, registered: Story, text: str
) -> None:
    body = {**registered.listing(), "allegations": [allegation("a1") | {"text": text}]}
    answer = world.give(registered.complaint, "ListAllegations", CLERK, body)
    assert refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-2") == {"field": "allegations.0.text"}


def test_r11_allegations_are_listed_once(world: World, listed: Story) -> None:
    again_ = world.give(listed.complaint, "ListAllegations", CLERK, listed.listing())
    refused(again_, "E_STATE", "R25")


def test_c6_appeals_and_suggestions_are_not_accepted_as_accusations(world: World) -> None:
    story = world.story().received()
    world.do(story.complaint, "RegisterComplaint", CLERK, {"category": "APPEAL"})
    world.do(story.complaint, "ListAllegations", CLERK, story.listing())
    head = TOWN.petition_head
    world.assign(story.complaint, head, by=head)
    answer = world.give(story.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    refused(answer, "E_NOT_COMPETENT", "C6")


def test_54_the_competent_level_follows_management_and_not_the_place(world: World) -> None:
    """A cadre whom the township manages is not the county's, though they work in the county."""
    accused = person(managed_by_level="TOWNSHIP")
    story = world.story(COUNTY, accused=[accused]).listed()
    head = COUNTY.petition_head
    world.assign(story.complaint, head, by=head)
    answer = world.give(story.complaint, "AcceptComplaint", head, {"handling_dept": "supervision_dept"})
    assert refused(answer, "E_NOT_COMPETENT", "§5.4") == {"competent": TOWN.code}


def test_41_the_clerk_does_not_accept(world: World, listed: Story) -> None:
    answer = world.give(listed.complaint, "AcceptComplaint", CLERK, {"handling_dept": "supervision_dept"})
    refused(answer, "E_FORBIDDEN_ROLE", "§5.4")


def test_41_nothing_is_transferred_before_its_acceptance(world: World, listed: Story) -> None:
    story = world.story().listed()
    world.assign(story.complaint, TOWN.petition_head, by=TOWN.petition_head)
    refused(world.give(story.complaint, "TransferToHandler", TOWN.petition_head), "E_STATE")


# --- the platform's feed ---


def test_a80_the_platform_learns_coarse_states_of_what_it_sent(world: World) -> None:
    start = world.position("intake")
    number = f"PP-{start}"
    story = world.story().received(source="PETITION_PLATFORM", platform_no=number).opened()
    others = world.story().listed()
    position = world.position("intake")
    answer = world.get("petition-platform", "/intake/v1/status-feed", after=start, min_position=position)
    rows = {r["platform_no"]: r for r in answer.json()["items"]}
    assert rows[number]["status"] == "IN_PROGRESS"
    assert set(rows[number]) == {"platform_no", "status", "change", "occurred_at"}
    assert set(rows) == {number}
    for told in (story, others):
        assert told.complaint.id not in answer.text
        assert told.accused[0]["name"] not in answer.text
    refused(world.get(TOWN.petition_clerk, "/intake/v1/status-feed"), "E_FORBIDDEN_ROLE")
    refused(world.get("petition-platform", "/intake/v1/complaints"), "E_FORBIDDEN_ROLE")


def test_r27_no_route_returns_or_searches_a_reporter(world: World) -> None:
    """Not in the API's own description, and not in what a clerk reads back."""
    reporter = {**REPORTER, "name": "虚独名举", "email": "xu@example.invalid", "address": "虚路一号"}
    story = world.story(reporter=reporter).listed()
    told = world.get(CLERK, story.complaint.path).text
    assert not any(value in told for value in reporter.values())
    document = world.get(None, "/intake/openapi.json").json()
    reads = [o for p in document["paths"].values() for m, o in p.items() if m == "get"]
    assert reads
    assert not any("reporter" in str(o.get("parameters", "")).lower() for o in reads)


def test_54_an_unknown_id_in_a_path_is_simply_not_found(world: World) -> None:
    hidden(world.get(CLERK, "/intake/v1/complaints/no-such-id"))
    hidden(world.give(Case("intake", "no-such-id"), "RegisterComplaint", CLERK))


@pytest.mark.parametrize("place", ["11", "98", "440101"])
def test_54_an_accused_of_a_place_that_there_is_not(world: World, registered: Story, place: str) -> None:
    listing = {**registered.listing(), "accused": [person(unit_division=place)]}
    refused(world.give(registered.complaint, "ListAllegations", CLERK, listing), "E_SCHEMA", "§5.4")


def test_what_the_broker_would_not_take_is_refused(world: World) -> None:
    """Stored, one event that cannot be published would hold up every case behind it."""
    story = world.story().registered()
    before = world.position("intake")
    claims = [
        {"id": f"a{n}", "accused": 0, "kind": "INTEGRITY_DISCIPLINE", "text": "虚" * 4000} for n in range(70)
    ]
    answer = world.give(story.complaint, "ListAllegations", CLERK, story.listing() | {"allegations": claims})
    refused(answer, "E_BODY_TOO_LARGE")
    assert world.log("intake", before, "AllegationsListed") == []
    world.do(story.complaint, "ListAllegations", CLERK, story.listing())
