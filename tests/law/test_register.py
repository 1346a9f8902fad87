"""One register of accused for the province, with dated details (B10, B11, B12)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from tests.harness import (
    COUNTY,
    OTHER_TOWN,
    TOWN,
    Organ,
    Story,
    World,
    allegation,
    done,
    hidden,
    party_org,
    person,
    refused,
)

NUMBER = "99010119000107007X"
PROMOTED = {"position": "县水利局副局长", "managed_by_level": "COUNTY", "unit_division": "990102"}


def found(world: World, organ: Organ, name: str) -> list[dict[str, Any]]:
    """The candidates of a name."""
    seen = {"name": name, "min_position": world.position("intake")}
    rows: list[dict[str, Any]] = world.get(organ.petition_clerk, "/intake/v1/accused", **seen).json()["items"]
    return rows


def history(world: World, organ: Organ, ref: str) -> set[str]:
    """The complaints about an accused that an organ is told of."""
    path, seen = f"/intake/v1/accused/{ref}/history", {"min_position": world.position("intake")}
    answer = world.get(organ.petition_clerk, path, **seen)
    return {row["id"] for row in answer.json()["complaints"]}


def listing(world: World, organ: Organ, accused: dict[str, Any]) -> Any:
    """The answer to a list with one accused."""
    story = world.story(organ, accused=[accused]).registered()
    return world.give(story.complaint, "ListAllegations", organ.petition_clerk, story.listing())


def test_b11_any_organ_finds_and_matches_and_sees_its_own_history(world: World) -> None:
    """Entered in one township, matched in another and above; each history ends at the jurisdiction."""
    first = world.story().listed()
    ref, name = first.ref(), first.name
    for organ in (TOWN, OTHER_TOWN, COUNTY):
        assert [row["ref"] for row in found(world, organ, name)] == [ref]
    hidden(world.get(OTHER_TOWN.petition_clerk, f"/intake/v1/accused/{ref}/history"))
    there = world.story(OTHER_TOWN, accused=[{"match": ref}]).listed()
    above = world.story(COUNTY, accused=[{"match": ref}]).listed()
    assert there.ref() == above.ref() == ref
    assert history(world, TOWN, ref) == {first.complaint.id}
    assert history(world, OTHER_TOWN, ref) == {there.complaint.id}
    assert history(world, COUNTY, ref) == {first.complaint.id, above.complaint.id}


def test_b11_twice_in_one_complaint_is_one_accused_and_many_are_no_limit(world: World) -> None:
    known = world.story().listed().ref()
    more = [person() for _ in range(24)]
    accused = [{"match": known}, {"match": known}, *more]
    claims = [allegation(f"a{n}", n) for n in range(len(accused))]
    story = world.story(accused=accused, allegations=claims).listed()
    facts = world.read(story.complaint, TOWN.petition_clerk)["facts"]
    assert len(facts["accused"]) == 25
    assert [claim["accused_ref"] for claim in facts["allegations"][:2]] == [known, known]


def test_b11_a_number_finds_the_same_person_and_is_kept_nowhere(world: World) -> None:
    before = world.position("intake")
    first = world.story(accused=[person(resident_id=NUMBER)]).listed()
    same = person(OTHER_TOWN, name=first.name, resident_id=NUMBER)
    again = world.story(OTHER_TOWN, accused=[same]).listed()
    assert again.ref() == first.ref()
    assert not [e for e in world.log("intake", before) if NUMBER in str(e.event)]
    # The number of somebody else: neither a name nor a match makes it theirs.
    answer = listing(world, TOWN, person(resident_id=NUMBER))
    assert refused(answer, "E_CONTENT_MISMATCH", "B11")["field"] == "accused.0.name"
    other = world.story().listed().ref()
    refused(listing(world, TOWN, {"match": other, "resident_id": NUMBER}), "E_CONTENT_MISMATCH", "B11")


def test_b11_competence_follows_the_details_of_the_day(world: World) -> None:
    """Promoted while the township has a letter: it is accepted and handed over there no more, and goes up."""
    open_one, accepted = world.story().listed(), world.story().accepted()
    head = TOWN.petition_head
    world.assign(open_one.complaint, head, by=head)
    for story in (open_one, accepted):
        # Told of the new post, the township seals; what it must not handle it does not record.
        refused(listing(world, TOWN, {"match": story.ref(), **PROMOTED}), "E_SEALED_UPWARD", "A14")
        assert found(world, TOWN, story.name)
        world.story(COUNTY, accused=[{"match": story.ref(), **PROMOTED}]).listed()
        assert found(world, COUNTY, story.name)[0]["position_held"] == PROMOTED["position"]
        assert not found(world, TOWN, story.name), "of those above it the township learns nothing"
        lower = {"match": story.ref(), "managed_by_level": "TOWNSHIP"}
        refused(listing(world, TOWN, lower), "E_SEALED_UPWARD", "A14")
    dept = {"handling_dept": "supervision_dept"}
    refused(world.give(open_one.complaint, "AcceptComplaint", head, dept), "E_NOT_COMPETENT", "§5.4")
    refused(world.give(accepted.complaint, "TransferToHandler", head), "E_NOT_COMPETENT", "§5.4")
    up = {"to_organ": COUNTY.code, "reason": "已提任县管干部。"}
    for story in (open_one, accepted):
        world.do(story.complaint, "SendUp", head, up)


def test_b11_what_differs_is_recorded_with_its_day(world: World) -> None:
    first = world.story().listed()
    day, earlier = (str(world.today - timedelta(days=n)) for n in (10, 40))
    moved = {"match": first.ref(), "unit": "虚构新社区", "since": day}
    again = world.story(accused=[moved]).listed()
    told = [e.event for e in world.log("intake", 0, "AccusedDetailsRecorded") if first.name in str(e.event)]
    assert [(e["since"], e["was"]["unit"], e["now"]["unit"]) for e in told] == [
        (day, "向阳社区", "虚构新社区")
    ]
    assert again.accused_listed[0]["unit"] == "虚构新社区"
    before = {**moved, "unit": "向阳社区", "since": earlier}
    assert refused(listing(world, TOWN, before), "E_SCHEMA", "B11")["field"] == "accused.0.since"


def test_b10_another_head_of_a_party_organisation_is_told(world: World) -> None:
    first = world.story(accused=[party_org()]).listed()
    world.story(accused=[{"match": first.ref(), "principal_head": "虚新首"}]).listed()
    changed = [e.event for e in world.log("intake", 0, "PrincipalHeadChanged")]
    assert [(e["was"], e["head"]) for e in changed if e["accused_ref"] == first.ref()] == [
        (first.accused[0]["principal_head"], "虚新首")
    ]


def test_b11_what_is_under_way_learns_where_somebody_is_today(world: World) -> None:
    """A case, a clarification that lies before the head, and a plan: each tells today's unit, and a letter
    that names the former one goes no further."""
    asked, visited = world.story().submitted(), world.story().plan_opened()
    for story in (asked, visited):
        world.story(accused=[{"match": story.ref(), "unit": "虚构迁来社区"}]).listed()
        case = story.case.id
        world.patiently(partial(world.entries, "verification", case, "AccusedDetailsNoted"), "the case")
    for story, service, where in (
        (asked, "clarification", asked.clarification),
        (visited, "followup", visited.plan),
    ):
        [told] = world.patiently(
            partial(world.entries, service, where.id, "SubjectDetailsChanged"), f"{service} of {story.name}"
        )
        assert told.event["subject"]["unit"] == "虚构迁来社区"
    head, review = TOWN.organ_head, {"opinion": "同意。", "no_prejudice_confirmed": True}
    endorse = world.give(asked.clarification, "ReviewClarification", head, {"decision": "ENDORSE", **review})
    assert refused(endorse, "E_CONTENT_MISMATCH", "B11")["field"] == "text"
    world.do(asked.clarification, "ReviewClarification", head, {"decision": "RETURN", **review})
    world.do(asked.clarification, "RenderText", TOWN.handler)
    [*_, text] = world.entries("clarification", asked.clarification.id, "ClarificationTextRendered")
    assert "虚构迁来社区" in text.event["text"]


def test_b12_a_slip_is_corrected_here_and_in_the_register(world: World) -> None:
    story = world.story().listed()
    body = {"accused_ref": story.ref(), "details": {"position": "社区副书记"}, "reason": "录入有误。"}
    for wrong, field in (
        ({**body, "accused_ref": "acc-nobody"}, "accused_ref"),
        ({**body, "details": {}}, "details"),
        ({**body, "details": {"position": ""}}, "details.position"),
    ):
        answer = world.give(story.complaint, "CorrectAccused", TOWN.petition_clerk, wrong)
        assert refused(answer, "E_SCHEMA")["field"] == field
    world.do(story.complaint, "CorrectAccused", TOWN.petition_clerk, body)
    [told] = world.entries("intake", story.complaint.id, "AccusedCorrected")
    assert (told.event["was"]["position"], told.event["now"]["position"]) == ("社区干部", "社区副书记")
    assert told.event["correction"] == "录入有误。"
    assert found(world, TOWN, story.name)[0]["position_held"] == "社区副书记"
    # Managed above in truth: the complaint is the county's.
    higher = {**body, "details": {"managed_by_level": "COUNTY"}}
    world.do(story.complaint, "CorrectAccused", TOWN.petition_clerk, higher)
    head = TOWN.petition_head
    world.assign(story.complaint, head, by=head)
    dept = {"handling_dept": "supervision_dept"}
    refused(world.give(story.complaint, "AcceptComplaint", head, dept), "E_NOT_COMPETENT", "§5.4")


def merge(world: World, who: str, a: Story, b: Story) -> Any:
    """The answer to a merger of the accused of one complaint into that of another."""
    body = {"accused_ref": a.ref(), "into": b.ref(), "reason": "经核对系同一人。"}
    return world.client(who).post("/intake/v1/accused-mergers", json=body)


def test_b11_two_entries_of_one_person_are_merged(world: World) -> None:
    one, other = world.story().listed(), world.story().listed()
    refused(merge(world, OTHER_TOWN.petition_head, one, other), "E_NOT_COMPETENT", "B11")
    refused(merge(world, TOWN.petition_clerk, one, other), "E_FORBIDDEN_ROLE")
    refused(merge(world, TOWN.petition_head, one, one), "E_SCHEMA", "B11")
    organisation = world.story(accused=[party_org()]).listed()
    refused(merge(world, TOWN.petition_head, one, organisation), "E_CONTENT_MISMATCH", "R11")
    done(merge(world, TOWN.petition_head, one, other))
    refused(merge(world, TOWN.petition_head, one, other), "E_STATE")
    assert not found(world, TOWN, one.name)
    both = {one.complaint.id, other.complaint.id}
    assert history(world, TOWN, one.ref()) == history(world, TOWN, other.ref()) == both
    # Matched by the old reference, somebody gets the one that stands; the old complaint is the same claim.
    again = world.story(accused=[{"match": one.ref()}]).listed()
    assert again.ref() == other.ref()
    world.do(again.complaint, "MarkDuplicate", TOWN.petition_clerk, {"of": one.complaint.id})
