"""Second thoughts: disputes decided in knowledge, ways back, corrections (B12, B14, B16, B17)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    PROVINCE,
    TOWN,
    Case,
    Organ,
    Story,
    World,
    allegation,
    excluded_there,
    hidden,
    person,
    refused,
    sub,
    working_days_after,
)

REPORTER = {"name": "虚某归", "phone": "13900007118"}
DEPT = {"handling_dept": "supervision_dept"}
OPINION = {"opinion": "该员已调离我县，亦非我机关管辖。"}


def at(world: World, organ: Organ, accused: list[Organ], **more: Any) -> Story:
    """Listed at an organ that its accused need not belong to, its head assigned."""
    story = world.story(organ, accused=[person(a) for a in accused], **more)
    story.allegations = [allegation(f"a{n}", n) for n in range(len(accused))]
    story.listed()
    world.assign(story.complaint, organ.petition_head, organ.deputy_leader, by=organ.petition_head)
    return story


def born_of(world: World, case: Case) -> Case:
    """The complaint that was born of this one last."""
    born = [e.event["born"] for e in world.entries("intake", case.id) if e.event.get("born")]
    return Case("intake", born[-1])


def received_by(world: World, born: Case, organ: Organ) -> Case:
    """Registered at the organ that it came to, its head and clerk assigned."""
    world.assign(born, organ.petition_head, organ.petition_clerk, by=organ.petition_head)
    world.do(born, "RegisterComplaint", organ.petition_clerk)
    return born


# --- disputes (B17) ---


def disputed(world: World, **more: Any) -> Case:
    """Sent to another county, which holds the first one competent."""
    story = at(world, COUNTY, [OTHER_COUNTY], **more)
    world.do(
        story.complaint,
        "SendLateral",
        COUNTY.petition_head,
        {"to_organ": OTHER_COUNTY.code, "reason": "属其管辖。"},
    )
    born = received_by(world, born_of(world, story.complaint), OTHER_COUNTY)
    dispute = {"with_organ": COUNTY.code, "reason": "该员已调任。"}
    world.do(born, "DisputeJurisdiction", OTHER_COUNTY.petition_head, dispute)
    return born


def judged(world: World, case: Case, to: Organ, who: str = CITY.petition_head) -> dict[str, Any]:
    """Decided by the city, which has heard both and taken it on."""
    world.do(case, "AnswerDispute", COUNTY.petition_head, OPINION)
    world.assign(case, who, by=who)
    return world.do(case, "AssignJurisdiction", who, {"to_organ": to.code, "reason": "由其主管。"})


def disputes(world: World, who: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in world.paged(who, "/intake/v1/disputes")}


def test_a9_disputed_is_what_two_organs_side_by_side_refuse(world: World) -> None:
    story = at(world, COUNTY, [COUNTY])
    head = COUNTY.petition_head
    for no in (COUNTY, TOWN, CITY):
        wrong = {"with_organ": no.code, "reason": "有争议。"}
        refused(world.give(story.complaint, "DisputeJurisdiction", head, wrong), "E_SCHEMA", "A9")
    body = {"to_organ": COUNTY.code, "reason": "由其主管。"}
    version = world.read(story.complaint, head)["version"]
    for who in (CITY.petition_head, OTHER_COUNTY.petition_head):
        hidden(world.give(story.complaint, "AssignJurisdiction", who, body, if_match=version))
    hidden(world.give(story.complaint, "AnswerDispute", OTHER_COUNTY.petition_head, OPINION))


def test_b17_dl34_the_common_superior_finds_the_dispute_and_its_clock(world: World) -> None:
    case = disputed(world)
    row = disputes(world, CITY.petition_head)[case.id]
    told = {n: row[n] for n in ("organ", "with_organ", "decided_by", "answered", "due")}
    assert told == {
        "organ": OTHER_COUNTY.code,
        "with_organ": COUNTY.code,
        "decided_by": CITY.code,
        "answered": False,
        "due": str(working_days_after(world.today, 5)),
    }
    assert case.id in disputes(world, COUNTY.petition_head)
    assert case.id in disputes(world, OTHER_COUNTY.petition_head)
    for who in (PROVINCE.petition_head, TOWN.petition_head, OTHER_TOWN.petition_head):
        assert case.id not in disputes(world, who)
    refused(world.get(CITY.petition_clerk, "/intake/v1/disputes"), "E_FORBIDDEN_ROLE", "B17")
    running = world.paged(CITY.petition_head, "/intake/v1/deadlines")
    assert (case.id, "DL-34") in {(d["id"], d["deadline"]) for d in running}
    judged(world, case, OTHER_COUNTY)
    assert case.id not in disputes(world, CITY.petition_head)
    assert "DL-34" not in world.read(case, OTHER_COUNTY.petition_head)["deadlines"]


def test_b17_both_opinions_and_the_envelope_are_read(world: World) -> None:
    """By both organs and their superior; allegations and reporter are not in it; readings are noted."""
    case = disputed(world, reporter=REPORTER)
    world.do(case, "AnswerDispute", COUNTY.petition_head, OPINION)
    refused(world.give(case, "AnswerDispute", COUNTY.petition_head, OPINION), "E_STATE", "B17")
    path = f"{case.path}/dispute"
    before = world.position("intake")
    for who in (CITY.petition_head, CITY.organ_head, COUNTY.petition_head, OTHER_COUNTY.petition_head):
        answer = world.get(who, path)
        assert answer.status_code == 200, (who, answer.text)
        told = answer.json()
        assert told["opinions"] == {OTHER_COUNTY.code: "该员已调任。", COUNTY.code: OPINION["opinion"]}
        assert told["accused"][0]["unit_division"] == "990101"
        assert not {"allegations", "reporter_ref", "identity_status", "channel"} & set(told)
    assert len(world.log("intake", before, "CaseRead")) == 4
    for who in (OTHER_TOWN.petition_head, PROVINCE.petition_head, COUNTY.auditor, CITY.handler):
        hidden(world.get(who, path))
    # The other organ knows of the dispute, and of nothing else.
    for who in (COUNTY.petition_head, COUNTY.auditor):
        hidden(world.get(who, case.path))
    body = {"person": sub(COUNTY.petition_head), "role": "petition_head"}
    hidden(world.give(case, "AssignToCase", COUNTY.petition_head, body))
    version = world.version(case)
    take = {"reason": "提级办理。"}
    hidden(world.give(case, "TakeUp", COUNTY.petition_head, take, if_match=version))


def test_b17_nothing_is_accepted_while_it_is_disputed(world: World) -> None:
    case = disputed(world)
    head = OTHER_COUNTY.petition_head
    for command, body in (
        ("AcceptComplaint", DEPT),
        ("RejectComplaint", {"reason": "NO_SUBSTANCE"}),
        ("SendLateral", {"to_organ": COUNTY.code, "reason": "属其管辖。"}),
    ):
        refused(world.give(case, command, head, body), "E_STATE", "B17")
    judged(world, case, OTHER_COUNTY)
    world.do(case, "AcceptComplaint", head, DEPT)


def test_b17_who_decides_has_taken_it_on_and_leaves_again(world: World) -> None:
    case = disputed(world)
    judge, body = CITY.petition_head, {"to_organ": OTHER_COUNTY.code, "reason": "由你单位办理。"}
    version = world.version(case)
    hidden(world.give(case, "AssignJurisdiction", judge, body, if_match=version))
    for role in ("handler", "petition_clerk"):
        other = {"person": sub(CITY.handler), "role": role}
        hidden(world.give(case, "AssignToCase", judge, other))
    world.assign(case, judge, by=judge)
    assert world.read(case, judge)["facts"]["allegations"]
    away = {"person": sub(OTHER_COUNTY.petition_head), "role": "petition_head", "reason": "换人。"}
    hidden(world.give(case, "EndAssignment", judge, away))
    # The other opinion is awaited as long as the clock runs.
    refused(world.give(case, "AssignJurisdiction", judge, body), "E_RECORD_INCOMPLETE", "B17")
    third = {"to_organ": TOWN.code, "reason": "由其主管。"}
    world.do(case, "AnswerDispute", COUNTY.organ_head, OPINION)
    refused(world.give(case, "AssignJurisdiction", judge, third), "E_SCHEMA", "A9")
    world.do(case, "AssignJurisdiction", judge, body)
    hidden(world.get(judge, case.path))
    hidden(world.give(case, "AssignJurisdiction", judge, body, if_match=world.version(case)))


def test_a9_whom_the_superior_names_is_competent_by_that(world: World) -> None:
    """Though by management another would be; it is decided on there in five days (DL-04)."""
    case = disputed(world)
    judged(world, case, COUNTY, CITY.organ_head)
    assert world.read(case, OTHER_COUNTY.petition_clerk)["state"] == "SENT_OUT"
    back = received_by(world, born_of(world, case), COUNTY)
    assert world.read(back, COUNTY.petition_head)["deadlines"]["DL-04"]
    world.do(back, "AcceptComplaint", COUNTY.petition_head, DEPT)


def test_dl04_it_stands_still_in_a_dispute_and_runs_anew_after_it(world: World) -> None:
    story = at(world, CITY, [OTHER_COUNTY])
    world.do(
        story.complaint,
        "HandDown",
        CITY.petition_head,
        {"to_organ": OTHER_COUNTY.code, "reason": "属其管辖。"},
    )
    case = received_by(world, born_of(world, story.complaint), OTHER_COUNTY)
    head = OTHER_COUNTY.petition_head
    assert "DL-04" in world.read(case, head)["deadlines"]
    dispute = {"with_organ": COUNTY.code, "reason": "该员已调任。"}
    world.do(case, "DisputeJurisdiction", head, dispute)
    assert set(world.read(case, head)["deadlines"]) == {"DL-34"}
    judged(world, case, OTHER_COUNTY)
    five, fifteen = (str(working_days_after(world.today, days)) for days in (5, 15))
    assert world.read(case, head)["deadlines"] == {"DL-04": five, "DL-24": fifteen}


@pytest.mark.parametrize("way", ["AssignJurisdiction", "TakeUp"])
def test_b17_the_superior_may_take_it_itself(world: World, way: str) -> None:
    case = disputed(world, reporter=REPORTER)
    head = CITY.petition_head
    if way == "AssignJurisdiction":
        judged(world, case, CITY)
    else:
        world.assign(case, head, by=head)
        world.do(case, "TakeUp", head, {"reason": "提级办理。"})
    assert world.read(case, OTHER_COUNTY.petition_head)["state"] == "SENT_OUT"
    hidden(world.get(head, case.path))
    assert case.id not in disputes(world, head)
    taken = received_by(world, born_of(world, case), CITY)
    facts = world.read(taken, head)["facts"]
    assert (facts["source"], facts["identity_status"]) == ("SUBORDINATE_ESCALATED", "CLAIMED")
    world.do(taken, "AcceptComplaint", head, DEPT)


def test_b2_who_is_excluded_hears_of_no_dispute(world: World) -> None:
    """Excluded at the sender, the head finds nothing of it at the organ that it came to."""
    story = at(world, COUNTY, [OTHER_COUNTY])
    world.do(
        story.complaint,
        "SendLateral",
        COUNTY.petition_head,
        {"to_organ": OTHER_COUNTY.code, "reason": "属其管辖。"},
    )
    case = received_by(world, born_of(world, story.complaint), OTHER_COUNTY)
    world.do(story.complaint, "DeclareRecusal", COUNTY.petition_head, {"ground": "与当事人有利害关系。"})
    excluded_there(world, case, COUNTY.petition_head)
    dispute = {"with_organ": COUNTY.code, "reason": "该员已调任。"}
    world.do(case, "DisputeJurisdiction", OTHER_COUNTY.petition_head, dispute)
    assert case.id not in disputes(world, COUNTY.petition_head)
    hidden(world.get(COUNTY.petition_head, f"{case.path}/dispute"))
    refused(world.give(case, "AnswerDispute", COUNTY.petition_head, OPINION), "E_RECUSAL")
    world.do(case, "AnswerDispute", COUNTY.organ_head, OPINION)


# --- ways back (B14) ---

WRONG = {"reason": "不属本机关管辖。"}


def headed(world: World) -> Story:
    """Listed at the township, its head assigned."""
    story = world.story().listed()
    world.assign(story.complaint, TOWN.petition_head, by=TOWN.petition_head)
    return story


def view(world: World, case: Case, who: str) -> dict[str, Any]:
    world.assign(case, who, by=who)
    return world.read(case, who)


def up(world: World, case: Case, who: str = TOWN.petition_head, to: Organ = COUNTY, **more: Any) -> Case:
    world.do(case, "SendUp", who, {"to_organ": to.code, "reason": "该员系县管干部。", **more})
    return born_of(world, case)


def test_b14_what_turns_out_to_be_a_superiors_goes_up_with_its_content(world: World) -> None:
    """Listed, and even accepted: the county gets accused, allegations, reporter and reason, and keeps it."""
    story = world.story(reporter=REPORTER).accepted()
    head = TOWN.petition_head
    for no in (TOWN, OTHER_COUNTY, OTHER_TOWN):
        body = {"to_organ": no.code, **WRONG}
        refused(world.give(story.complaint, "SendUp", head, body), "E_NOT_COMPETENT", "B14")
    born = up(world, story.complaint)
    assert world.read(story.complaint, head)["state"] == "SENT_OUT"
    [there] = world.entries("intake", born.id, "ComplaintReceived")
    [first] = world.entries("intake", story.complaint.id, "ComplaintReceived")
    assert there.meta["matters"] == first.meta["matters"]
    received_by(world, born, COUNTY)
    facts = world.read(born, COUNTY.petition_head)["facts"]
    assert (facts["source"], facts["sent_by"]) == ("SUBORDINATE_ESCALATED", TOWN.code)
    assert facts["sent_because"] == "该员系县管干部。"
    assert facts["allegations"]
    assert facts["identity_status"] == "CLAIMED"
    world.do(born, "AcceptComplaint", COUNTY.petition_head, DEPT)


def test_b14_dl04_whatever_is_on_its_way_has_a_clock_where_it_arrives(world: World) -> None:
    due = str(working_days_after(world.today, 5))
    story = at(world, COUNTY, [OTHER_COUNTY])
    lateral = {"to_organ": OTHER_COUNTY.code, **WRONG}
    world.do(story.complaint, "SendLateral", COUNTY.petition_head, lateral)
    away = born_of(world, story.complaint)
    assert view(world, away, OTHER_COUNTY.petition_head)["deadlines"]["DL-04"] == due
    world.do(away, "SendBack", OTHER_COUNTY.petition_head, WRONG)
    assert world.read(away, OTHER_COUNTY.petition_head)["deadlines"] == {}
    assert view(world, born_of(world, away), COUNTY.petition_head)["deadlines"]["DL-04"] == due
    risen = up(world, headed(world).complaint)
    assert view(world, risen, COUNTY.petition_head)["deadlines"]["DL-04"] == due
    assert risen.id in {row["id"] for row in world.queue(COUNTY.petition_clerk)}


def test_b14_the_sender_takes_back_what_it_sent_wrongly(world: World) -> None:
    """Unregistered, the township gives it back; the county does not send it there again, and may keep it."""
    story = at(world, COUNTY, [TOWN])
    down = {"to_organ": TOWN.code, **WRONG}
    world.do(story.complaint, "HandDown", COUNTY.petition_head, down)
    born = born_of(world, story.complaint)
    world.assign(born, TOWN.petition_head, by=TOWN.petition_head)
    world.do(born, "SendBack", TOWN.petition_head, WRONG)
    back = received_by(world, born_of(world, born), COUNTY)
    head = COUNTY.petition_head
    assert world.read(back, head)["facts"]["sent_because"] == WRONG["reason"]
    refused(world.give(back, "SendBack", head, WRONG), "E_STATE", "B14")
    refused(world.give(back, "HandDown", head, down), "E_STATE", "B14")
    world.do(back, "AcceptComplaint", head, DEPT)
    own = headed(world)
    refused(world.give(own.complaint, "SendBack", TOWN.petition_head, WRONG), "E_STATE", "B14")


def test_b14_two_that_send_it_to_and_fro_have_a_dispute(world: World) -> None:
    story = at(world, COUNTY, [OTHER_COUNTY])
    lateral = {"to_organ": OTHER_COUNTY.code, **WRONG}
    world.do(story.complaint, "SendLateral", COUNTY.petition_head, lateral)
    away = born_of(world, story.complaint)
    world.assign(away, OTHER_COUNTY.petition_head, by=OTHER_COUNTY.petition_head)
    world.do(away, "SendBack", OTHER_COUNTY.petition_head, WRONG)
    back = received_by(world, born_of(world, away), COUNTY)
    head = COUNTY.petition_head
    refused(world.give(back, "SendLateral", head, lateral), "E_STATE", "B14")
    dispute = {"with_organ": OTHER_COUNTY.code, "reason": "该员现职在彼县。"}
    world.do(back, "DisputeJurisdiction", head, dispute)
    world.do(back, "AnswerDispute", OTHER_COUNTY.petition_head, OPINION)
    world.assign(back, CITY.petition_head, by=CITY.petition_head)
    body = {"to_organ": COUNTY.code, "reason": "由其办理。"}
    world.do(back, "AssignJurisdiction", CITY.petition_head, body)
    # What the superior has decided is neither passed aside nor disputed again.
    refused(world.give(back, "SendLateral", head, lateral), "E_STATE", "A9")
    refused(world.give(back, "DisputeJurisdiction", head, dispute), "E_STATE", "A9")
    world.do(back, "AcceptComplaint", head, DEPT)


def test_b14_a26_what_was_assigned_and_comes_back_leaves_nobody_waiting(world: World) -> None:
    story = at(world, COUNTY, [TOWN])
    letter = {"to_organ": TOWN.code, "ground": "OTHER", "letter_ref": "letter-22"}
    world.do(story.complaint, "AssignDown", COUNTY.deputy_leader, letter)
    born = born_of(world, story.complaint)
    world.assign(born, TOWN.petition_head, by=TOWN.petition_head)
    world.do(born, "SendBack", TOWN.petition_head, WRONG)
    assert world.read(born, TOWN.petition_head)["deadlines"] == {}
    back = born_of(world, born)
    waiting = world.read(story.complaint, COUNTY.petition_head)
    assert (waiting["state"], waiting["facts"]["born"]) == ("SENT_OUT", back.id)
    received_by(world, back, COUNTY)
    world.do(back, "AcceptComplaint", COUNTY.petition_head, DEPT)


def test_b14_a19_what_the_handler_returns_goes_to_whom_it_belongs(world: World) -> None:
    """A return for OTHER_ORGAN leads on, and no rejection buries what another organ of ours must handle."""
    story = world.story().opened()
    ask = {"reason": "OTHER_ORGAN", "consulted": "已与信访举报部门沟通。"}
    world.do(story.case, "RequestReturn", TOWN.handler, ask)
    world.do(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, {"opinion": "同意退回。"})
    head = TOWN.petition_head
    world.patiently(lambda: world.read(story.complaint, head)["state"] == "REGISTERED", "returned")
    received_by(world, up(world, story.complaint), COUNTY)
    other = at(world, COUNTY, [OTHER_COUNTY])
    reject = {"reason": "OTHER_ORGAN_DUTY"}
    answer = world.give(other.complaint, "RejectComplaint", COUNTY.petition_head, reject)
    assert refused(answer, "E_NOT_COMPETENT", "B14")["competent"] == OTHER_COUNTY.code


def test_b14_what_is_being_verified_takes_its_case_to_an_end(world: World) -> None:
    """Before a finding: the case below ends, its clocks too, and the county opens one of its own."""
    story = world.story().with_evidence()
    born = received_by(world, up(world, story.complaint), COUNTY)
    chief = TOWN.handling_dept_head
    world.patiently(lambda: world.read(story.case, chief)["state"] == "PASSED_ON", "the case ends")
    assert world.read(story.case, chief)["deadlines"] == {}
    more = {"reason": "须延长。", "until": str(world.today)}
    refused(world.give(story.case, "ExtendVerification", chief, more), "E_SCHEMA")
    world.do(born, "AcceptComplaint", COUNTY.petition_head, DEPT)
    before = world.position("verification")
    world.do(born, "TransferToHandler", COUNTY.petition_head)
    world.patiently(lambda: world.log("verification", before, "VerificationCaseOpened"), "another case")


def test_b14_with_a_finding_it_goes_nowhere(world: World) -> None:
    story = world.story().concluded()
    head = TOWN.petition_head
    world.patiently(lambda: world.read(story.complaint, head)["state"] == "RESULT_AVAILABLE", "concluded")
    refused(world.give(story.complaint, "SendUp", head, {"to_organ": COUNTY.code, **WRONG}), "E_STATE")


def test_b14_a15_b2_the_own_head_is_out_at_that_instant(world: World) -> None:
    """Nobody names the head: the directory does. From then on they find nothing, and are told nothing."""
    story = headed(world)
    chief = TOWN.organ_head
    world.assign(story.complaint, chief, by=TOWN.petition_head)
    assert world.read(story.complaint, chief)["state"] == "REGISTERED"
    born = up(world, story.complaint, about_head=True)
    for case in (story.complaint, born):
        hidden(world.get(chief, case.path))
        excluded_there(world, case, chief)
    rows = world.paged(chief, "/intake/v1/complaints")
    assert story.complaint.id not in {row["id"] for row in rows}
    [sent] = world.entries("intake", story.complaint.id, "ComplaintSentUp")
    [out] = world.entries("intake", story.complaint.id, "PersonExcluded")
    assert out.event["person"] == sub(chief)
    assert out.version < sent.version
    # The number stays used, and the attempt of the head is told to whom it went.
    assert world.read(story.complaint, TOWN.petition_head)["number"]
    alerts = world.log("intake", 0, "SecurityAlertRaised")
    assert [a.organ for a in alerts if a.event["object"] == story.complaint.id] == [COUNTY.code]


def test_b14_registered_and_not_yet_listed_it_goes_up_and_is_no_longer_sealed(world: World) -> None:
    """The clerk sees while listing that one of them is the county's: nothing was entered, the letter goes."""
    accused = [person(TOWN), person(TOWN, managed_by_level="COUNTY")]
    story = world.story(accused=accused, reporter=REPORTER)
    story.allegations = [allegation("a1"), allegation("a2", 1)]
    story.registered()
    clerk = TOWN.petition_clerk
    refused(world.give(story.complaint, "ListAllegations", clerk, story.listing()), "E_SEALED_UPWARD", "A14")
    seal = {"to": COUNTY.code, "content": "虚构内容。", "competent_level": "COUNTY"}
    refused(world.give(story.complaint, "SealAndEscalate", clerk, seal), "E_STATE", "A14")
    born = received_by(world, up(world, story.complaint, clerk), COUNTY)
    assert "allegations" not in world.read(born, COUNTY.petition_clerk)["facts"]
    listing = {**story.listing(), "approved_by": sub(COUNTY.petition_head)}
    world.do(born, "ListAllegations", COUNTY.petition_clerk, listing)
    envelope = Case("intake", world.receive(clerk, {"competent_level": "COUNTY"}).json()["id"])
    body = {"to_organ": COUNTY.code, **WRONG}
    refused(world.give(envelope, "SendUp", clerk, body), "E_RECORD_INCOMPLETE", "A14")


def test_b16_the_house_of_an_accused_of_another_part_gets_nothing(world: World) -> None:
    """The officer of the county stays with the rest above; no part goes into their house."""
    accused = [person(COUNTY, is_discipline_staff=True), person(COUNTY), person(OTHER_COUNTY)]
    story = world.story(PROVINCE, accused=accused)
    story.allegations = [allegation(f"a{n}", n) for n in range(3)]
    story.listed()
    head = PROVINCE.petition_head
    world.assign(story.complaint, head, by=head)
    part = {"to_organ": OTHER_COUNTY.code, "allegation_ids": [story.allegation_ids[2]]}
    world.do(story.complaint, "SplitComplaint", head, part)
    born = received_by(world, born_of(world, story.complaint), OTHER_COUNTY)
    dispute = {"with_organ": COUNTY.code, "reason": "该员已调任彼县。"}
    answer = world.give(born, "DisputeJurisdiction", OTHER_COUNTY.petition_head, dispute)
    assert refused(answer, "E_NOT_COMPETENT", "A75")["own_organ"] == COUNTY.code


# --- corrections (B12) ---


def corrected(world: World, story: Story, text: str, **more: Any) -> dict[str, Any]:
    """Other words for the first allegation, approved by the head of the petition department."""
    body = {"allegation_id": story.allegation_ids[0], "text": text, "reason": "录入有误。"}
    return {**body, "approved_by": sub(story.organ.petition_head), **more}


def test_b12_sec2_other_words_need_a_second_person(world: World) -> None:
    story, clerk = world.story(), TOWN.petition_clerk
    story.allegations = [allegation("a1") | {"text": "反映其收受礼金三万元。"}]
    story.listed()
    body = corrected(world, story, "反映其收受礼金三千元。")
    alone = {n: v for n, v in body.items() if n != "approved_by"}
    for wrong, code, rule in (
        (alone, "E_APPROVAL_REQUIRED", "SEC-2"),
        ({**body, "approved_by": sub(clerk)}, "E_SOD_CONFLICT", "SEC-2"),
        ({**body, "text": "举报信称其收受礼金。"}, "E_TEXT_IDENTITY_LEAK", "SEC-2"),
        ({**body, "allegation_id": "other"}, "E_SCHEMA", "B12"),
        ({**alone, "text": "反映其收受礼金三万元。"}, "E_SCHEMA", "B12"),
    ):
        refused(world.give(story.complaint, "CorrectAllegation", clerk, wrong), code, rule)
    head = world.give(story.complaint, "CorrectAllegation", TOWN.handler, body)
    hidden(head)
    world.do(story.complaint, "CorrectAllegation", clerk, body)
    [told] = world.entries("intake", story.complaint.id, "AllegationCorrected")
    assert (told.event["was"]["text"], told.event["now"]["text"]) == (
        "反映其收受礼金三万元。",
        "反映其收受礼金三千元。",
    )
    assert (told.event["correction"], told.event["wording_approved_by"]) == (
        "录入有误。",
        sub(TOWN.petition_head),
    )
    [now] = world.read(story.complaint, clerk)["facts"]["allegations"]
    assert now["text"] == "反映其收受礼金三千元。"

    def finds(text: str) -> bool:
        rows = world.paged(clerk, "/intake/v1/search/complaints", text=text, limit=50)
        return story.complaint.id in {row["id"] for row in rows}

    assert finds("礼金三千元")
    assert not finds("礼金三万元")
    # The kind alone changes no word.
    kind = {**alone, "kind": "WORK_DISCIPLINE"}
    del kind["text"]
    world.do(story.complaint, "CorrectAllegation", clerk, kind)
    [now] = world.read(story.complaint, clerk)["facts"]["allegations"]
    assert (now["kind"], now["text"]) == ("WORK_DISCIPLINE", "反映其收受礼金三千元。")


def test_b12_verification_learns_of_it_and_finds_anew(world: World) -> None:
    """Reported already, the case is not concluded on words that are no longer those of the complaint."""
    story = world.story().countersigned()
    case, chief = story.case, TOWN.organ_head
    body = corrected(world, story, "反映其违规发放补贴。")
    world.do(story.complaint, "CorrectAllegation", TOWN.petition_clerk, body)

    def noted() -> list[Any]:
        return world.entries("verification", case.id, "AllegationCorrectionNoted")

    [told] = world.patiently(noted, "verification hears of the correction")
    assert (told.event["allegation"]["text"], told.event["found_anew"]) == (body["text"], True)
    study = {
        "three_distinctions": [
            {"distinction": "EXPERIENCE_VS_KNOWING", "applies": False, "reasoning": "不属于。"}
        ],
        "opinion": "同意。",
        "collective_study_ref": "study-12",
    }
    answer = world.give(case, "ConcludeVerification", chief, study)
    refused(answer, "E_RECORD_INCOMPLETE", "A61")
    world.do(case, "ReturnReport", chief, {"reason": "反映问题已更正，须重新认定。"})
    story.forget("found", "reported", "countersigned").concluded()
    world.patiently(lambda: story.state("complaint") == "RESULT_AVAILABLE", "the result")
    [unfounded] = world.entries("verification", case.id, "AllegationsVerifiedUnfounded")
    assert [a["text"] for a in unfounded.event["unfounded"]] == [body["text"]]
    # After the conclusion only what is reopened is corrected.
    again = corrected(world, story, "反映其违规发放奖金。")
    answer = world.give(story.complaint, "CorrectAllegation", TOWN.petition_clerk, again)
    refused(answer, "E_STATE", "B12")


def test_b12_c6_a_wrong_category_loses_no_accusation(world: World) -> None:
    story, clerk, head = world.story().received(), TOWN.petition_clerk, TOWN.petition_head
    world.do(story.complaint, "RegisterComplaint", clerk, {"category": "SUGGESTION"})
    world.assign(story.complaint, head, by=head)
    world.do(story.complaint, "ListAllegations", clerk, story.listing())
    refused(world.give(story.complaint, "AcceptComplaint", head, DEPT), "E_NOT_COMPETENT", "C6")
    same = {"category": "SUGGESTION", "reason": "登记有误。"}
    refused(world.give(story.complaint, "CorrectCategory", clerk, same), "E_SCHEMA", "B12")
    world.do(story.complaint, "CorrectCategory", clerk, {**same, "category": "ACCUSATION"})
    [told] = world.entries("intake", story.complaint.id, "CategoryCorrected")
    assert [told.event[n] for n in ("was", "category", "correction")] == [
        *("SUGGESTION", "ACCUSATION"),
        "登记有误。",
    ]
    world.do(story.complaint, "AcceptComplaint", head, DEPT)


def test_b12_what_was_rejected_under_a_wrong_category_is_decided_anew(world: World) -> None:
    story, clerk, head = world.story().received(), TOWN.petition_clerk, TOWN.petition_head
    world.do(story.complaint, "RegisterComplaint", clerk, {"category": "OUT_OF_SCOPE"})
    world.assign(story.complaint, head, by=head)
    world.do(story.complaint, "RejectComplaint", head, {"reason": "OTHER_ORGAN_DUTY"})
    accusation = {"category": "ACCUSATION", "reason": "登记有误。"}
    answer = world.do(story.complaint, "CorrectCategory", head, accusation)
    assert answer["state"] == "REGISTERED"
    world.do(story.complaint, "ListAllegations", clerk, story.listing())
    world.do(story.complaint, "AcceptComplaint", head, DEPT)
    world.do(story.complaint, "TransferToHandler", head)
    late = {"category": "APPEAL", "reason": "实为申诉。"}
    refused(world.give(story.complaint, "CorrectCategory", clerk, late), "E_STATE", "B12")
