"""Intake: what belongs to a superior organ, or is about an organ's own head (A14, A15, C7)."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from services.intake.domain.complaint import Complaint
from tests.harness import (
    ANONYMOUS,
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    PROVINCE,
    TOWN,
    Case,
    Organ,
    World,
    allegation,
    asked_of,
    declared,
    done,
    hidden,
    person,
    place_of,
    refused,
    sub,
)

CLERK = OTHER_TOWN.petition_clerk
SUPERIOR = OTHER_COUNTY.petition_clerk
CONTENT = "虚构信件全文：反映区执法中队有关人员收受红包、入股经营等问题。"
REPORTER = {"name": "罗虚一举", "phone": "19900000021"}


def envelope(world: World, who: str = CLERK, **more: Any) -> Case:
    """A letter that the triage found to be a superior's."""
    level = {OTHER_TOWN.petition_clerk: "COUNTY", TOWN.petition_clerk: "COUNTY"}.get(who, "CITY")
    return Case("intake", done(world.receive(who, {"competent_level": level, **more}))["id"])


def sealing(to: Organ = OTHER_COUNTY, **more: Any) -> dict[str, Any]:
    return {"to": to.code, "content": CONTENT, **more}


def sealed(world: World, **more: Any) -> Case:
    case = envelope(world, **more)
    world.do(case, "SealAndEscalate", CLERK, sealing())
    return case


def parcels(world: World, who: str = OTHER_COUNTY.petition_head) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.get(who, "/intake/v1/sealed-parcels").json()["items"]
    return items


def parcel_of(world: World, case: Case) -> str:
    """The parcel of a sealed complaint, as the event names it."""
    (event,) = [e for e in world.log("intake", 0, "ComplaintSealedUpward") if e.stream == case.id]
    return str(event.event["parcel"])


def everything_about(world: World, case: Case, who: str) -> list[httpx.Response]:
    """Every list, search, count and reading of intake and audit that is declared, as this person."""
    place = place_of(world.stack, who, "/intake/v1", world.position("intake"))
    more: dict[str, list[dict[str, str]]] = {
        "ListComplaints": [{}, {"state": "RECEIVED"}, {"state": "SEALED_UPWARD"}],
        "WorkQueue": [{}, {"state": "RECEIVED"}, {"state": "SEALED_UPWARD"}],
        "SearchComplaints": [{"text": "红包"}],
    }
    answers = []
    for read in declared("intake"):
        if read.anyone or ("{" in read.path and read.of is not Complaint):
            continue
        fresh = {"min_position": place} if "min_position" in read.queries else {}
        for asked in more.get(read.name, [{}]):
            path = asked_of(read, case.id, **asked, **fresh)
            answers.append(world.ask_again(who, path, headers={"purpose": "look"}))
    for read in declared("audit"):
        if "{number}" in read.path:
            answers.append(world.get(who, asked_of(read, case.id, prefix="/audit")))
    # Each was asked rightly: seen, not his to see, or not there.
    assert {a.status_code for a in answers} <= {200, 403, 404}, [a.text for a in answers]
    return answers


def test_scenario_1_rows_1_to_4(world: World) -> None:
    """The street's letter reaches the county sealed, and is another complaint there."""
    case = envelope(world, received_on="2020-09-21", reporter=REPORTER)
    facts = world.read(case, CLERK)
    assert facts["deadlines"] == {"DL-03": "2020-09-27"}  # a Sunday, and an adjusted working day
    refused(world.give(case, "RegisterComplaint", CLERK), "E_SEALED_UPWARD", "A14")
    world.do(case, "SealAndEscalate", CLERK, sealing())
    view = world.read(case, CLERK)
    assert (view["state"], view["number"]) == ("SEALED_UPWARD", "")
    assert view["deadlines"] == {}, "sealed is delivered (DL-03, B15)"

    parcel = next(p for p in parcels(world) if p["id"] == parcel_of(world, case))
    assert (parcel["from_organ"], parcel["received_on"]) == (OTHER_TOWN.code, "2020-09-21")
    there = world.delivered(case)
    assert parcel["complaint"] == there.id
    world.assign(there, SUPERIOR, by=OTHER_COUNTY.petition_head)
    read = world.get(SUPERIOR, f"/intake/v1/sealed-parcels/{parcel['id']}").json()
    assert read["content"] == CONTENT
    refused(world.give(there, "RegisterComplaint", SUPERIOR), "E_RECORD_INCOMPLETE", "B15")
    world.do(there, "TakeIn", SUPERIOR)
    assert world.read(case, CLERK)["facts"]["taken_in_on"] == str(world.today)
    world.do(there, "RegisterComplaint", SUPERIOR)
    listing = {
        "accused": [person(OTHER_COUNTY), person(OTHER_COUNTY)],
        "allegations": [allegation("a1"), allegation("a2"), allegation("b1", 1)],
        "approved_by": sub(OTHER_COUNTY.petition_head),
    }
    world.do(there, "ListAllegations", SUPERIOR, listing)
    new = world.read(there, SUPERIOR)
    assert new["number"].startswith("XF-990101-")
    assert new["correlation_id"] == there.id
    assert new["facts"]["identity_status"] == "CLAIMED"
    assert new["facts"]["reporter_ref"] not in ("", view["facts"]["reporter_ref"])
    assert next(p for p in parcels(world) if p["id"] == parcel["id"])["taken_in"] is True
    # The identity went with it: it is screened there as well (SEC-12).
    leak = {"of": there.id, "new_evidence": "据罗虚一举补充。"}
    refused(world.give(there, "MarkRepeat", SUPERIOR, leak), "E_CONTENT_MISMATCH", "A12")
    propose = {"handling_dept": "supervision_dept", "opinion": "据罗虚一举反映，拟受理。"}
    refused(world.give(there, "ProposeAcceptance", SUPERIOR, propose), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_a14_the_content_is_nowhere_but_in_the_vault_and_shut_there(world: World) -> None:
    before = world.position("intake")
    case = sealed(world)
    for entry in world.log("intake", before):
        assert CONTENT not in json.dumps([entry.event, entry.meta], ensure_ascii=False)
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT addressee, sealed, wrapped_key FROM parcels WHERE complaint = %s", [case.id]
        ).fetchall()
    ((addressee, content, key),) = rows
    assert addressee == OTHER_COUNTY.code
    assert CONTENT.encode() not in bytes(content)
    assert len(bytes(content)) % 4096 == 12 + 16  # a nonce and a tag: the length tells nothing
    assert len(bytes(key)) == 40 + 32  # wrapped (RFC 3394), and bound to what it opens


def test_a14_nothing_more_is_done_with_what_is_sealed(world: World) -> None:
    case = sealed(world)
    head = OTHER_TOWN.organ_head
    listing = {
        "accused": [person()],
        "allegations": [allegation("a1")],
        "approved_by": sub(OTHER_TOWN.petition_head),
    }
    for command, body in (
        ("RegisterComplaint", {}),
        ("ListAllegations", listing),
        ("MarkDuplicate", {"of": str(uuid4())}),
        ("SealAndEscalate", sealing()),
        ("RedirectOut", {"to_body": "区法院"}),
        ("ForwardComplaint", {"to_body": "区法院"}),
    ):
        refused(world.give(case, command, CLERK, body), "E_SEALED_UPWARD", "A14")
    widen = {"person": sub(OTHER_TOWN.handler), "role": "handler"}
    refused(world.give(case, "AssignToCase", head, widen), "E_SEALED_UPWARD", "A14")


def test_a14_sec5_its_reporter_is_no_longer_read_here(world: World) -> None:
    """The reporter went up with it: a clerk who served them until then asks in vain, on record."""
    case = envelope(world, reporter=REPORTER)
    read = f"{case.path}/reporter?fields=NAME,PHONE"
    purpose = {"purpose": "verify-identity"}
    assert world.client(CLERK).get(read, headers=purpose).json()["name"] == REPORTER["name"]
    world.do(case, "SealAndEscalate", CLERK, sealing())
    before = world.position("intake")
    refused(world.client(CLERK).get(read, headers=purpose), "E_SEALED_UPWARD", "A14")
    same = f"{case.path}/same-reporter?as={case.id}"
    refused(world.client(CLERK).get(same, headers=purpose), "E_SEALED_UPWARD", "A14")
    assert world.log("intake", before, "IdentityAccessed") == []
    assert len(world.log("intake", before, "SecurityAlertRaised")) == 2


def test_a14_the_opener_and_the_head_know_and_nobody_else(world: World) -> None:
    case = envelope(world)
    head, other = OTHER_TOWN.petition_head, OTHER_TOWN.deputy_leader
    world.assign(case, other, by=head)
    assert world.get(other, case.path).status_code == 200
    world.do(case, "SealAndEscalate", CLERK, sealing())
    for who in (CLERK, OTHER_TOWN.organ_head):
        assert world.read(case, who)["state"] == "SEALED_UPWARD"
        work = world.get(who, "/intake/v1/my-work", min_position=world.position("intake")).json()["items"]
        assert case.id in {row["id"] for row in work}
    for who in (head, other, OTHER_TOWN.handler, OTHER_COUNTY.petition_head, CITY.auditor):
        hidden(world.get(who, case.path))
        for answer in everything_about(world, case, who):
            assert case.id not in answer.text, (who, answer.url)


@pytest.mark.parametrize(
    ("body", "code", "rule"),
    [
        (sealing(to=COUNTY), "E_SCHEMA", "A14"),
        (sealing(to=TOWN), "E_SCHEMA", "A14"),
        (sealing(to=OTHER_TOWN), "E_SCHEMA", "A14"),
        (sealing() | {"to": "DI-123456"}, "E_SCHEMA", "A14"),
        (sealing(content=None), "E_SCHEMA", "A14"),
        (sealing() | {"content": ""}, "E_SCHEMA", ""),
        (sealing(competent_level="TOWNSHIP"), "E_STATE", "A14"),
    ],
    ids=[
        "another county",
        "another town",
        "itself",
        "no organ",
        "nothing, and it came in no parcel",
        "nothing in it",
        "of the own level",
    ],
)
def test_a14_it_is_sealed_for_an_organ_above_and_by_the_rules(
    world: World, body: dict[str, Any], code: str, rule: str
) -> None:
    case = envelope(world)
    refused(world.give(case, "SealAndEscalate", CLERK, body), code, rule)
    assert world.read(case, CLERK)["state"] == "RECEIVED"


def test_a14_what_is_the_own_organs_is_not_sealed(world: World) -> None:
    story = world.story(OTHER_TOWN).received()
    answer = world.give(story.complaint, "SealAndEscalate", CLERK, sealing())
    refused(answer, "E_STATE", "A14")


def test_a14_a_parcel_is_its_addressees_alone(world: World) -> None:
    case = sealed(world)
    parcel = parcel_of(world, case)
    path = f"/intake/v1/sealed-parcels/{parcel}"
    for who in (SUPERIOR, OTHER_COUNTY.petition_head):  # by assignment, and not by office (B15)
        hidden(world.get(who, path))
    assert parcel not in {p["id"] for p in parcels(world, SUPERIOR)}
    world.assign(world.delivered(case), SUPERIOR, by=OTHER_COUNTY.petition_head)
    assert parcel in {p["id"] for p in parcels(world, SUPERIOR)}
    unknown = world.get(SUPERIOR, f"/intake/v1/sealed-parcels/{uuid4()}")
    hidden(unknown)
    for who in (CLERK, COUNTY.petition_clerk, CITY.petition_head, PROVINCE.petition_head):
        foreign = world.get(who, path)
        hidden(foreign)
        assert foreign.content == unknown.content
        assert parcel not in {p["id"] for p in parcels(world, who)}
    for who in (OTHER_COUNTY.organ_head, OTHER_COUNTY.handler, OTHER_COUNTY.auditor):
        refused(world.get(who, path), "E_FORBIDDEN_ROLE", "A14")
        refused(world.get(who, "/intake/v1/sealed-parcels"), "E_FORBIDDEN_ROLE", "A14")
    before = world.position("intake")
    assert world.get(SUPERIOR, path).status_code == 200
    (record,) = world.log("intake", before, "CaseRead")
    assert (record.event["who"], record.event["fields"]) == (sub(SUPERIOR), "sealed-parcel")


def test_54_what_belongs_above_the_province_leaves_the_system(world: World) -> None:
    """The envelope stays, sealed; nobody can register it any more. Lower organs escalate to theirs."""
    clerk, head = PROVINCE.petition_clerk, PROVINCE.organ_head
    case = Case("intake", done(world.receive(clerk, {"competent_level": "CENTRAL"}))["id"])
    refused(world.give(case, "RegisterComplaint", clerk), "E_SEALED_UPWARD", "A14")
    assert "DL-03" in world.read(case, clerk)["deadlines"]
    body: dict[str, Any] = {}
    world.do(case, "EscalateOutside", clerk, body)
    view = world.read(case, clerk)
    assert (view["state"], view["deadlines"]) == ("SEALED_UPWARD", {})
    assert view["facts"]["to_organ"] == "OUTSIDE"
    assert world.get(head, case.path).status_code == 200
    refused(world.give(case, "RegisterComplaint", clerk), "E_SEALED_UPWARD", "A14")
    below = Case("intake", done(world.receive(CITY.petition_clerk, {"competent_level": "CENTRAL"}))["id"])
    refused(world.give(below, "EscalateOutside", CITY.petition_clerk, body), "E_LEVEL_TOO_LOW", "§5.4")
    own = Case("intake", done(world.receive(clerk, {"competent_level": "PROVINCE"}))["id"])
    refused(world.give(own, "EscalateOutside", clerk, body), "E_STATE", "A14")


@pytest.mark.parametrize("more", [{"managed_by_level": "CENTRAL"}, {"is_discipline_staff": True}])
def test_a14_54_what_is_reported_online_above_the_province_is_registered_by_nobody(
    world: World, more: dict[str, Any]
) -> None:
    """The complaint is received to be sent on, and the province's head, who may be meant, does not see it."""
    before = world.position("intake")
    done(world.anonymously(**{**ANONYMOUS, "managed_by_level": "PROVINCE", "unit_division": "99", **more}))
    [event] = world.log("intake", before, "ComplaintReceived")
    case, clerk = Case("intake", event.stream), PROVINCE.petition_clerk
    assert [d["id"] for d in event.meta["deadlines"]] == ["DL-03"]
    world.assign(case, clerk, by=PROVINCE.petition_head)
    refused(world.give(case, "RegisterComplaint", clerk), "E_SEALED_UPWARD", "A14")
    hidden(world.get(PROVINCE.organ_head, case.path))
    world.do(case, "EscalateOutside", clerk, {"bypass_organ_head": True})
    assert world.read(case, clerk)["deadlines"] == {}


def test_a15_a75_the_province_does_not_handle_what_is_about_its_own(world: World) -> None:
    """Neither its staff nor its head, who finds nothing of it."""
    clerk = PROVINCE.petition_clerk
    case = Case("intake", done(world.receive(clerk, {"competent_level": "PROVINCE"}))["id"])
    world.do(case, "RegisterComplaint", clerk)
    listing = {
        "accused": [person(PROVINCE, is_discipline_staff=True)],
        "allegations": [allegation("a1")],
        "approved_by": sub(PROVINCE.petition_head),
    }
    answer = world.give(case, "ListAllegations", clerk, listing)
    assert refused(answer, "E_SEALED_UPWARD", "A14") == {"competent_level": "CENTRAL"}
    world.do(case, "EscalateOutside", clerk, {"bypass_organ_head": True})
    hidden(world.get(PROVINCE.organ_head, case.path))
    known = {"min_position": world.position("intake"), "limit": 200}
    rows = world.get(PROVINCE.organ_head, "/intake/v1/complaints", **known).json()["items"]
    assert case.id not in {row["id"] for row in rows}


def test_a14_a_parcel_is_taken_in_once_and_by_its_addressee(world: World) -> None:
    born = world.delivered(sealed(world, reporter=REPORTER))
    for who in (COUNTY.petition_clerk, CITY.petition_clerk, CLERK, SUPERIOR):
        hidden(world.give(born, "TakeIn", who))
    world.assign(born, SUPERIOR, by=OTHER_COUNTY.petition_head)
    world.do(born, "TakeIn", SUPERIOR)
    refused(world.give(born, "TakeIn", SUPERIOR), "E_STATE", "B15")


def test_b15_what_came_in_a_parcel_goes_on_in_one(world: World) -> None:
    """Over two hops nothing is typed again: the content, the days, the notice, the urgency."""
    told: dict[str, Any] = {"channel": "ONLINE_SITE", "acknowledged_notice_version": "1", "urgent": True}
    case = envelope(world, received_on=str(world.today), reporter=REPORTER, **told)
    world.pass_days(1)
    world.do(case, "SealAndEscalate", CLERK, sealing())
    between = world.taken_in(case, OTHER_COUNTY)
    world.do(between, "SealAndEscalate", SUPERIOR, {"to": CITY.code, "competent_level": "CITY"})
    top, clerk = world.taken_in(between, CITY), CITY.petition_clerk
    read = world.get(clerk, f"/intake/v1/sealed-parcels/{parcel_of(world, between)}").json()
    assert (read["content"], read["urgent"]) == (CONTENT, True)
    first, last = (world.entries("intake", c.id, "ComplaintReceived")[0].event for c in (case, top))
    assert {name: last[name] for name in told} == told
    assert last["reported_on"] == first["received_on"]
    who = f"{top.path}/reporter?fields=NAME"
    assert world.client(clerk).get(who, headers={"purpose": "verify"}).json()["name"] == REPORTER["name"]
    world.do(top, "RegisterComplaint", clerk)


def test_c7_what_came_up_sealed_enters_no_platform(world: World) -> None:
    """A complaint that came up sealed carries no platform number, and a sealed one that the platform sent is
    not told back."""
    body = {"source": "SUBORDINATE_ESCALATED", "platform_no": "PP-1"}
    refused(world.receive(SUPERIOR, body), "E_PLATFORM_ENTRY_FORBIDDEN", "C7")
    start = world.position("intake")
    number = f"PP-S{start}"
    case = envelope(world, source="PETITION_PLATFORM", platform_no=number)

    def told() -> list[str]:
        position = world.position("intake")
        answer = world.get("petition-platform", "/intake/v1/status-feed", after=start, min_position=position)
        return [r["status"] for r in answer.json()["items"] if r["platform_no"] == number]

    assert told() == ["RECEIVED"]
    world.do(case, "SealAndEscalate", CLERK, sealing())
    assert told() == ["RECEIVED"], "the platform hears nothing of the sealing"


# --- envelopes that nobody has opened ---


def test_41_an_envelope_is_the_petition_departments_alone(world: World) -> None:
    case = world.story(OTHER_TOWN).received().complaint
    position = world.position("intake")

    def listed(who: str, path: str = "/intake/v1/complaints") -> bool:
        return case.id in world.get(who, path, min_position=position).text

    for who in (CLERK, OTHER_TOWN.petition_head):
        assert listed(who)
    for who in (
        OTHER_TOWN.organ_head,
        OTHER_TOWN.handler,
        SUPERIOR,
        OTHER_COUNTY.auditor,
        CITY.petition_head,
    ):
        assert not listed(who)
        assert not listed(who, "/intake/v1/deadlines")
        hidden(world.get(who, case.path))
    widen = {"person": sub(OTHER_TOWN.organ_head), "role": "organ_head"}
    hidden(world.give(case, "AssignToCase", OTHER_TOWN.organ_head, widen))
    world.do(case, "RegisterComplaint", CLERK)
    position = world.position("intake")
    assert all(listed(who) for who in (OTHER_TOWN.organ_head, SUPERIOR, OTHER_COUNTY.auditor))


def test_41_audit_tells_of_a_complaint_once_it_is_registered(world: World) -> None:
    story = world.story(OTHER_TOWN).received()
    path = f"/audit/v1/cases/{story.complaint.id}/timeline"
    story.registered()
    world.patiently(lambda: world.get(OTHER_COUNTY.auditor, path).status_code == 200, "audit")
    case = envelope(world)
    story.listed()

    def has_arrived() -> bool:
        events = world.get(OTHER_COUNTY.auditor, path).json()["events"]
        return any(e["type"] == "AllegationsListed" for e in events)

    world.patiently(has_arrived, "audit has what came after the envelope")
    hidden(world.get(OTHER_COUNTY.auditor, f"/audit/v1/cases/{case.id}/timeline"))


# --- the whole way past the own head (A15) ---


def test_a15_a_letter_about_the_organs_own_head(world: World) -> None:
    clerk, head = OTHER_COUNTY.petition_clerk, OTHER_COUNTY.organ_head
    before = [a.text for a in everything_about(world, Case("intake", str(uuid4())), head)]
    case = envelope(world, clerk)
    body = sealing(CITY, bypass_organ_head=True)
    world.do(case, "SealAndEscalate", clerk, body)
    parcel = parcel_of(world, case)

    # Nothing that he can list, search or count has changed.
    shown = everything_about(world, case, head)
    assert [a.text for a in shown] == before
    for who in (OTHER_COUNTY.petition_head, OTHER_COUNTY.auditor, OTHER_COUNTY.deputy_leader):
        for answer in everything_about(world, case, who):
            assert not any(id in answer.text for id in (case.id, parcel)), (who, answer.url)

    # What he tries by its id is the same as for something that does not exist, to the byte.
    start = world.position("intake")
    nothing = Case("intake", str(uuid4()))
    assign = {"person": sub(head), "role": "organ_head"}
    for there, not_there in (
        (world.get(head, case.path), world.get(head, nothing.path)),
        (world.give(case, "AssignToCase", head, assign), world.give(nothing, "AssignToCase", head, assign)),
        (world.get(head, case.path + "?as_of=2023-01-01T00:00:00Z"), world.get(head, nothing.path)),
    ):
        hidden(there)
        assert there.content == not_there.content
        assert set(there.headers) == set(not_there.headers)

    # The city's internal supervision hears of each attempt; nobody of the county does.
    alerts = world.log("intake", start, "SecurityAlertRaised")
    assert [(a.organ, a.event["actor"], a.event["object"]) for a in alerts] == [
        (CITY.code, sub(head), case.id)
    ] * 3

    # The city's petition department reads it and goes on with it.
    assert parcel in {p["id"] for p in parcels(world, CITY.petition_head)}
    there_ = world.taken_in(case, CITY)
    world.do(there_, "RegisterComplaint", CITY.petition_clerk)
    hidden(world.get(head, there_.path))


def test_a15_no_read_of_what_was_sealed_past_its_head_tells_them_anything(world: World) -> None:
    """Every read that is declared of a complaint, and of what lies beside it: the answer is that of nothing,
    to the byte, and the superior's internal supervision hears of each attempt once."""
    clerk, head = OTHER_COUNTY.petition_clerk, OTHER_COUNTY.organ_head
    case, nothing = envelope(world, clerk), Case("intake", str(uuid4()))
    past = sealing(CITY, bypass_organ_head=True)
    world.do(case, "SealAndEscalate", clerk, past)
    reads = [r for r in declared("intake") if r.path.startswith("/v1/complaints/{id}")]
    assert {"ReadComplaint", "ReadLetters", "ReadTransferredContent", "ReadReporter"} <= {
        r.name for r in reads
    }
    for read in reads:
        start = world.position("intake")
        headers = {"purpose": "look"}
        there = world.ask_again(head, asked_of(read, case.id), headers=headers)
        alerts = world.log("intake", start, "SecurityAlertRaised")
        not_there = world.ask_again(head, asked_of(read, nothing.id), headers=headers)
        if read.traces:  # asking is an attempt, whatever there is
            assert there.status_code == 403, read.name
        else:
            hidden(there)
        assert (there.status_code, there.content) == (not_there.status_code, not_there.content), read.name
        told = [(a.organ, a.event["actor"], a.event["object"]) for a in alerts]
        assert told == [(CITY.code, sub(head), case.id)], read.name


def test_a15_a_head_who_was_told_before_is_told_no_more(world: World) -> None:
    clerk, head = OTHER_COUNTY.petition_clerk, OTHER_COUNTY.organ_head
    case = envelope(world, clerk)
    world.assign(case, head, by=OTHER_COUNTY.petition_head)
    assert world.get(head, case.path).status_code == 200
    world.do(
        case,
        "SealAndEscalate",
        clerk,
        sealing(CITY, bypass_organ_head=True),
    )
    hidden(world.get(head, case.path))
    work = world.get(head, "/intake/v1/my-work", min_position=world.position("intake"))
    assert case.id not in work.text


def test_a15_also_where_the_level_is_the_organs_own(world: World) -> None:
    """Passing the head over needs no higher level: it is enough that the complaint is about the head."""
    clerk = OTHER_COUNTY.petition_clerk
    case = Case("intake", done(world.receive(clerk))["id"])
    refused(world.give(case, "SealAndEscalate", clerk, sealing(CITY)), "E_STATE", "A14")
    body = sealing(CITY, bypass_organ_head=True)
    assert world.do(case, "SealAndEscalate", clerk, body)["state"] == "SEALED_UPWARD"
    assert parcel_of(world, case) in {p["id"] for p in parcels(world, CITY.petition_head)}


def test_a48_sealing_does_not_let_in_again_who_stepped_aside(world: World) -> None:
    case = envelope(world)
    head = OTHER_TOWN.organ_head
    world.assign(case, head, by=OTHER_TOWN.petition_head)
    world.do(case, "DeclareRecusal", head, {"ground": "系亲属。"})
    world.do(case, "SealAndEscalate", CLERK, sealing())
    hidden(world.get(head, case.path))
