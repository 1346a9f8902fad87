"""A person is excluded from a matter, and not from a stream (B1, B2): in every service, of every kind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from deploy.local.people import people
from shared.casework.http.read import Read
from tests.harness import (
    ANONYMOUS,
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    PLACE,
    SERVICES,
    TOWN,
    Case,
    Story,
    World,
    allegation,
    asked_of,
    declared,
    done,
    excluded_there,
    hidden,
    person,
    refused,
    sub,
)

CLERK, HEAD, HANDLER, CHIEF, LEADER, DEPUTY = (
    TOWN.petition_clerk,
    TOWN.petition_head,
    TOWN.handler,
    TOWN.handling_dept_head,
    TOWN.organ_head,
    TOWN.deputy_leader,
)
REPORTER = {"name": "郑虚避", "phone": "13972064819", "may_be_contacted": True}
NOWHERE = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""
OUT: dict[str, str] = {
    CLERK: "petition_clerk",
    HEAD: "petition_head",
    HANDLER: "handler",
    CHIEF: "handling_dept_head",
    TOWN.revisit_officer: "revisit_officer",
    COUNTY.petition_clerk: "petition_clerk",
    COUNTY.petition_head: "petition_head",
    COUNTY.clarification_approver: "clarification_approver",
    COUNTY.case_manager: "case_manager",
    COUNTY.auditor: "case_manager",
    COUNTY.internal_supervisor: "case_manager",
    COUNTY.identity_custodian: "case_manager",
    CITY.petition_head: "petition_head",
}
"""People who are told, by list or by assignment, of what happens in the town; with the role in which each is
asked to stay away."""
PREFIXES = {service: f"/{service}" for service in (*SERVICES, "audit")} | {"vault": "/intake/vault"}


@dataclass
class Matter:
    """Everything that grew from one letter, and every word by which it may be found."""

    world: World
    story: Story
    others: list[Case] = field(default_factory=list)

    @property
    def cases(self) -> list[Case]:
        return [*self.story.cases.values(), *self.others]

    @property
    def ids(self) -> list[str]:
        return [case.id for case in self.cases]

    def marks(self) -> set[str]:
        """Ids, numbers, and the name and reference of the accused."""
        story, numbers = self.story, set()
        for service in (*SERVICES, "vault"):
            for entry in self.world.log(service, 0):
                if entry.stream in self.ids and entry.event.get("number"):
                    numbers.add(str(entry.event["number"]))
        assert len(numbers) >= 5
        return {*self.ids, *numbers, story.name, story.ref()}


def read_by(world: World, who: str, service: str, read: Read, id: str, **asked: str) -> str:
    """The answer of a read, as far as it hangs on what it is about and not on the moment."""
    url = asked_of(read, id, PREFIXES[service], **asked)
    headers = {"purpose": "survey"} if any(p["name"] == "Purpose" for p in read.parameters) else {}
    answer = world.client(who).get(url, headers=headers)
    assert answer.status_code < 500, (url, answer.text)
    told = re.sub(r'"trace_id":"[0-9a-f]*"|' + PLACE.pattern, "", answer.text)
    return f"{answer.status_code} {answer.headers.get('etag', '')} {told}".replace(id, "<asked>")


def reads_of(service: str) -> Iterator[Read]:
    for read in declared(service):
        if not read.anyone:
            yield read


def shown(matter: Matter, who: str) -> dict[str, list[str]]:
    """The reads that show somebody anything of the matter, with the marks by which they do; `other`, where
    one that names an object answers otherwise than where there is none."""
    world, marks, found = matter.world, matter.marks(), dict[str, list[str]]()
    for service in PREFIXES:
        end = {} if service == "audit" else {"min_position": str(world.position(service))}
        for read in reads_of(service):
            fresh = end if any(p["name"] == "min_position" for p in read.parameters) else {}
            limit = {"limit": "200"} if "limit" in read.queries else {}
            asked = {**fresh, **limit, **searched(read, matter.story)}
            if "{" not in read.path:
                answer = read_by(world, who, service, read, NOWHERE, **asked)
                told = sorted(mark for mark in marks if mark in answer)
            else:
                nothing = read_by(world, who, service, read, NOWHERE, **asked)
                told = []
                for id in objects(matter, service, read):
                    answer = read_by(world, who, service, read, id, **asked)
                    told += [mark for mark in marks - {id} if mark in answer]
                    told += ["other"] if answer != nothing else []
            if told:
                found[f"{service} {read.name}"] = told
    return found


def objects(matter: Matter, service: str, read: Read) -> list[str]:
    """The objects of the matter that a read may be about."""
    if "{ref}" in read.path:
        return [matter.story.ref()]
    return [case.id for case in matter.cases if service in (case.service, "audit")]


def searched(read: Read, story: Story) -> dict[str, str]:
    """The words by which somebody would look for the accused."""
    return {name: story.name for name in ("name", "accused", "text") if name in read.queries}


def keep_out(matter: Matter) -> None:
    """Asks that everybody of OUT stay away, decides it, and waits until every service knows."""
    world, complaint = matter.world, matter.story.complaint
    world.assign(complaint, *(who for who in (LEADER,) if who), by=HEAD)
    for who, role in OUT.items():
        body = {"role": role, "ground": "INTEREST", "reason": "与当事人有利害关系。", "person": sub(who)}
        done(world.give(complaint, "RequestRecusal", LEADER, body))
        request = f"R{world.entries('intake', complaint.id, 'RecusalRequested')[-1].version}"
        decided = {"request": request, "person": sub(who), "granted": True, "opinion": "经研究决定。"}
        etag = world.get(LEADER, complaint.path).headers["etag"]
        done(world.give(complaint, "DecideRecusal", LEADER, decided, if_match=etag))


@pytest.fixture(scope="module")
def matter(world: World) -> Matter:
    """A letter, its case, its clarification and its plan; a request for protection, an order of the county
    above and a request for the reporter's identity."""
    story = world.story(reporter=REPORTER, accused=[person(name="虚避嫌")]).received()
    protection = done(
        world.client(CLERK).post(
            "/intake/vault/v1/protection-requests",
            json={"complaint": story.complaint.id, "threat": "虚乙扬言报复其家人。"},
        )
    )
    story.listed()
    order = {
        **{"target": TOWN.code, "complaint": story.complaint.id, "cause": "OVERDUE", "methods": ["LETTER"]},
        "text": "请抓紧办理。",
    }
    ordered = done(world.client(COUNTY.petition_clerk).post("/intake/v1/supervision-orders", json=order))
    story.plan_opened()
    others = [Case("vault", protection["id"]), Case("intake", ordered["id"])]
    return Matter(world, story, others)


def test_b2_nobody_excluded_finds_anything_anywhere(matter: Matter) -> None:
    """Every read that any service declares, asked by people of every role about every object of the matter:
    before, most of them are shown something; afterwards nobody is shown a number, and what is there answers
    as what is not."""
    world = matter.world
    before = {who: shown(matter, who) for who in OUT}
    assert sum(map(len, before.values())) > 40, before
    assert [who for who, told in before.items() if not told] == [COUNTY.identity_custodian]
    keep_out(matter)
    for service in ("verification", "clarification", "followup"):
        case = {"verification": "case", "clarification": "clarification", "followup": "plan"}[service]
        excluded_there(world, matter.story.cases[case], CHIEF)
    timeline = f"/audit/v1/cases/{matter.story.complaint.id}/timeline"
    request = f"/intake/vault/v1/protection-requests/{matter.others[0].id}"
    world.patiently(lambda: world.get(COUNTY.auditor, timeline).status_code == 404, "audit")
    world.patiently(lambda: world.get(CLERK, request).status_code == 404, "the vault")
    assert {who: told for who in OUT if (told := shown(matter, who))} == {}


def test_b2_nobody_excluded_does_anything(matter: Matter) -> None:
    """Commands are answered E_RECUSAL, in whatever state and on whatever object, and nobody sends them."""
    world, story = matter.world, matter.story
    aside: dict[str, Any] = {"ground": "再次回避。"}
    for name, who in (("complaint", HEAD), ("case", CHIEF), ("clarification", CHIEF), ("plan", CHIEF)):
        refused(world.give(story.cases[name], "DeclareRecusal", who, aside), "E_RECUSAL")
        body = {"person": sub(HANDLER), "role": "handler"}
        refused(world.give(story.cases[name], "AssignToCase", DEPUTY, body), "E_RECUSAL")
    order, body = matter.others[1].id, {"person": sub(COUNTY.deputy_leader), "role": "deputy_leader"}
    path = f"/intake/v1/supervision-orders/{order}/assign-to-case"
    refused(world.client(COUNTY.petition_head).post(path, json=body), "E_RECUSAL")


def test_b2_who_is_let_in_again_is_let_in(world: World) -> None:
    story = world.story().verifying()
    world.do(story.case, "DeclareRecusal", HANDLER, {"ground": "与当事人有利害关系。"})
    hidden(world.get(HANDLER, story.case.path))
    body = {"person": sub(HANDLER), "reason": "经查不存在利害关系。"}
    refused(world.give(story.case, "LiftExclusion", HANDLER, body), "E_FORBIDDEN_ROLE")
    answer: httpx.Response = world.give(
        story.case, "LiftExclusion", LEADER, body, if_match=world.get(LEADER, story.case.path).headers["etag"]
    )
    done(answer)
    hidden(world.get(HANDLER, story.case.path))  # the assignment does not come back (§6.3)
    world.assign(story.case, HANDLER, by=CHIEF)
    assert world.get(HANDLER, story.case.path).status_code == 200
    refused(world.give(story.case, "LiftExclusion", LEADER, body, if_match='"1"'), "E_STALE_VERSION")


def test_b2_an_accused_member_of_staff_is_out_of_the_matter(world: World) -> None:
    """Named by the county's clerk, who names no account: the directory knows whom they mean. They are out in
    every service, also of what is made later."""
    accused = [person(TOWN, name=people()[HANDLER].name, is_discipline_staff=True)]
    story = world.story(COUNTY, accused=accused).listed()
    excluded = world.entries("intake", story.complaint.id, "PersonExcluded")
    assert [e.event for e in excluded] == [
        {"person": sub(HANDLER), "role": "handler", "ground": "ACCUSED_OR_RELATIVE"}
    ]
    story.opened()
    excluded_there(world, story.case, HANDLER)
    body = {"person": sub(HANDLER), "role": "handler"}
    refused(world.give(story.case, "AssignToCase", COUNTY.handling_dept_head, body), "E_RECUSAL")


def test_b3_what_was_done_before_is_confirmed_or_goes_back(world: World) -> None:
    """The handler proposes a disposition and steps aside: whoever decides sees it, and confirms it first; to
    return it needs no confirmation."""
    story = world.story().proposed_disposition("TALK_OR_INQUIRY", "EARLY_SIGN")
    case, opinion = story.case, {"opinion": "同意。"}
    proposed = world.entries("verification", case.id, "DispositionProposed")[-1]
    assert world.get(CHIEF, case.path).json()["may"]["in_question"] == []
    world.do(case, "DeclareRecusal", HANDLER, {"ground": "系近亲属。"})
    (asked,) = world.get(CHIEF, case.path).json()["may"]["in_question"]
    assert (asked["event"], asked["step"], asked["person"]) == (
        proposed.version,
        "ProposeDisposition",
        sub(HANDLER),
    )
    details = refused(world.give(case, "ApproveDisposition", DEPUTY, opinion), "E_STEP_IN_QUESTION", "B3")
    assert details == {"events": [proposed.version]}
    review = {"event": proposed.version, "decision": "SEND_BACK", "opinion": "请重新提出。"}
    refused(world.give(case, "ReviewEarlierStep", CHIEF, {**review, "event": 1}), "E_STATE", "B3")
    world.do(case, "ReviewEarlierStep", CHIEF, review)
    refused(world.give(case, "ApproveDisposition", DEPUTY, opinion), "E_STEP_IN_QUESTION", "B3")
    world.do(case, "ReviewEarlierStep", CHIEF, {**review, "decision": "CONFIRM"})
    assert world.get(CHIEF, case.path).json()["may"]["in_question"] == []
    world.do(case, "ApproveDisposition", DEPUTY, opinion)

    other = world.story().proposed_disposition("TALK_OR_INQUIRY", "EARLY_SIGN")
    world.do(other.case, "DeclareRecusal", HANDLER, {"ground": "系近亲属。"})
    world.do(other.case, "RejectDisposition", DEPUTY, {"reason": "请另行提出。"})
    assert world.get(CHIEF, other.case.path).json()["may"]["in_question"] == []


def test_b1_everything_that_grows_from_a_letter_names_its_matter(world: World) -> None:
    """Each event of each service, by the id of the letter that came first."""
    story = world.story().plan_opened()
    for service, case in zip(SERVICES, story.cases.values(), strict=True):
        named = {tuple(entry.meta["matters"]) for entry in world.entries(service, case.id)}
        assert named == {(story.complaint.id,)}, service


def test_b1_a_letter_that_repeats_another_is_of_both_matters(world: World) -> None:
    """Somebody who is excluded from the first finds nothing of the second either, in which the same person
    reports the same."""
    first = world.story().accepted()
    again = world.story(accused=[{"match": first.ref()}]).listed()
    world.do(first.complaint, "DeclareRecusal", HEAD, {"ground": "与当事人有利害关系。"})
    assert lists(world, HEAD, again.complaint)
    world.do(again.complaint, "MarkDuplicate", CLERK, {"of": first.complaint.id})
    last = world.entries("intake", again.complaint.id)[-1]
    assert last.meta["matters"] == [again.complaint.id, first.complaint.id]
    assert not lists(world, HEAD, again.complaint)
    hidden(world.give(again.complaint, "DeclareRecusal", HEAD, {"ground": "再次回避。"}))


def test_b1_b2_a_parcel_is_of_the_matter_that_was_sealed(world: World) -> None:
    """Somebody of the organ above who steps aside from what it became reads the parcel no more (A14)."""
    clerk, above = OTHER_TOWN.petition_clerk, OTHER_COUNTY.petition_clerk
    envelope = Case("intake", done(world.receive(clerk, {"competent_level": "COUNTY"}))["id"])
    sealed = {"to": OTHER_COUNTY.code, "content": "密件一件。"}
    world.do(envelope, "SealAndEscalate", clerk, sealed)
    parcel = world.entries("intake", envelope.id, "ComplaintSealedUpward")[0].event["parcel"]
    path = f"/intake/v1/sealed-parcels/{parcel}"
    born = world.taken_in(envelope, OTHER_COUNTY)
    assert world.get(above, path).status_code == 200
    assert world.entries("intake", born.id)[0].meta["matters"] == [envelope.id]
    world.do(born, "DeclareRecusal", above, {"ground": "与当事人有利害关系。"})
    hidden(world.get(above, path))
    listed = world.get(above, "/intake/v1/sealed-parcels").json()["items"]
    assert parcel not in {row["id"] for row in listed}


def test_b2_who_steps_aside_from_a_request_for_protection_is_out_everywhere(world: World) -> None:
    """By an event on the complaint that tells nothing of the request."""
    story = world.story(reporter=REPORTER).registered()
    world.assign(story.complaint, HEAD, by=HEAD)
    body = {"complaint": story.complaint.id, "threat": "虚丙扬言报复。"}
    asked = done(world.client(HEAD).post("/intake/vault/v1/protection-requests", json=body))["id"]
    path = f"/intake/vault/v1/protection-requests/{asked}"
    done(world.client(HEAD).post(f"{path}/declare-recusal", json={"ground": "INTEREST"}))
    hidden(world.get(HEAD, path))
    world.patiently(lambda: world.get(HEAD, story.complaint.path).status_code == 404, "intake")
    excluded = world.entries("intake", story.complaint.id, "PersonExcluded")[-1]
    assert (excluded.event, excluded.meta["command"]) == (
        {"person": sub(HEAD), "role": "petition_head", "ground": "OTHER"},
        "DeclareRecusal",
    )
    assert asked not in json.dumps([excluded.event, excluded.meta])


def test_b1_a_clarification_is_of_every_letter_that_it_clears(world: World) -> None:
    """Somebody excluded from the second letter is out of the clarification that the first one opened."""
    first = world.story().assessing()
    again = world.story(
        accused=[{"match": first.ref()}], allegations=[allegation("x1", kind="LIFE_DISCIPLINE")]
    )
    again.listed()
    world.assign(again.complaint, TOWN.revisit_officer, by=HEAD)
    world.do(again.complaint, "DeclareRecusal", TOWN.revisit_officer, {"ground": "与当事人有利害关系。"})
    world.assign(first.clarification, TOWN.revisit_officer, by=CHIEF)
    again.concluded()

    def joined() -> bool:
        return len(world.entries("clarification", first.clarification.id)[-1].meta["matters"]) == 2

    world.patiently(joined, "the second letter")
    hidden(world.get(TOWN.revisit_officer, first.clarification.path))


def exclude(world: World, case: Case, who: str) -> None:
    """Asks that somebody stay away, and decides it."""
    body = {"role": "handler", "ground": "INTEREST", "reason": "与当事人有利害关系。", "person": sub(who)}
    done(world.give(case, "RequestRecusal", LEADER, body))
    told = {"person": sub(who), "granted": True, "opinion": "经研究决定。"}
    told["request"] = f"R{world.version(case)}"
    done(world.give(case, "DecideRecusal", LEADER, told, if_match=etag(world, case)))


def test_b2_what_one_case_decided_no_other_lifts(world: World) -> None:
    story = world.story().verifying()
    world.assign(story.complaint, HANDLER, LEADER, by=HEAD)
    exclude(world, story.complaint, HANDLER)
    excluded_there(world, story.case, HANDLER)
    hidden(world.get(HANDLER, story.case.path))
    lift = {"person": sub(HANDLER), "reason": "经查不存在利害关系。"}
    answer = world.give(story.case, "LiftExclusion", LEADER, lift, if_match=etag(world, story.case))
    refused(answer, "E_STATE", "B2")
    done(world.give(story.complaint, "LiftExclusion", LEADER, lift, if_match=etag(world, story.complaint)))
    world.patiently(lambda: world.get(HANDLER, story.case.path).status_code == 200, "verification")


def test_b3_nothing_is_carried_out_on_an_approval_in_question(world: World) -> None:
    """The approver steps aside after the approval: the form waits until another has confirmed it."""
    story = world.story().approved()
    case = story.clarification
    world.do(case, "DeclareRecusal", COUNTY.clarification_approver, {"ground": "系近亲属。"})
    refused(story.implement("WRITTEN"), "E_STEP_IN_QUESTION", "B3")
    [act] = world.read(case, LEADER)["may"]["in_question"]
    confirm = {"event": act["event"], "decision": "CONFIRM", "opinion": "核阅无误。"}
    world.do(case, "ReviewEarlierStep", LEADER, confirm)
    done(story.implement("WRITTEN"))


def test_b2_nobody_excluded_is_named(world: World) -> None:
    """Neither as the second person of a wording nor as staff of a meeting."""
    story = world.story(reporter=REPORTER).registered()
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "DeclareRecusal", HEAD, {"ground": "与当事人有利害关系。"})
    answer = world.give(story.complaint, "ListAllegations", CLERK, story.listing())
    assert refused(answer, "E_RECUSAL", "A48")["people"] == [sub(HEAD)]


def test_a33_b2_internal_supervision_that_is_excluded_reads_no_account(world: World) -> None:
    """Internal supervision reads a report by its office, but not of a matter from which it is excluded."""
    watcher = COUNTY.internal_supervisor
    story = world.story(reporter=REPORTER).listed()
    report = {"complaint": story.complaint.id, "subject": story.ref(), "account": "其家门被泼漆。"}
    id = done(world.client(CLERK).post("/intake/v1/retaliation-reports", json=report))["id"]
    path = f"/intake/v1/retaliation-reports/{id}/account"
    assert world.client(watcher).get(path, headers={"purpose": "protect"}).status_code == 200
    world.assign(story.complaint, LEADER, by=HEAD)
    exclude(world, story.complaint, watcher)
    hidden(world.client(watcher).get(path, headers={"purpose": "protect"}))


def test_b4_a_clerk_who_is_free_opens(world: World) -> None:
    """Petition staff open first: the clerk takes the report that the head may not open, and no other."""
    done(world.anonymously(**ANONYMOUS))
    report = Case("intake", world.log("intake", 0, "ComplaintReceived")[-1].stream)
    refused(assigning(world, report, CLERK, CLERK), "E_FORBIDDEN_ROLE", "§6.3")
    world.assign(report, HEAD, by=HEAD)
    world.do(report, "DeclareRecusal", HEAD, {"ground": "系近亲属。"})
    refused(assigning(world, report, CLERK, HANDLER), "E_FORBIDDEN_ROLE", "§6.3")
    done(assigning(world, report, CLERK, CLERK))
    world.do(report, "RegisterComplaint", CLERK)
    refused(assigning(world, report, CLERK, HANDLER), "E_FORBIDDEN_ROLE", "§6.3")


def test_b2_the_head_of_an_organ_is_let_in_again_from_above(world: World) -> None:
    story, above = world.story().verifying(), COUNTY.organ_head
    world.do(story.case, "DeclareRecusal", LEADER, {"ground": "与当事人有利害关系。"})
    lift = {"person": sub(LEADER), "reason": "经查不存在利害关系。"}
    version = world.get(DEPUTY, story.case.path).headers["etag"]
    refused(world.give(story.case, "LiftExclusion", DEPUTY, lift, if_match=version), "E_NOT_FOUND")
    world.assign(story.case, above, by=above)
    version = world.get(above, story.case.path).headers["etag"]
    done(world.give(story.case, "LiftExclusion", above, lift, if_match=version))
    hidden(world.get(above, story.case.path))  # for this alone
    world.assign(story.case, LEADER, by=CHIEF)
    assert world.get(LEADER, story.case.path).status_code == 200


def test_b4_a_request_for_protection_finds_somebody_who_assigns(world: World) -> None:
    """The only head of the petition department is out: the head above hands the reporter's request to the
    clerk."""
    code = done(world.anonymously(**ANONYMOUS))["query_code"]
    report = Case("intake", world.log("intake", 0, "ComplaintReceived")[-1].stream)
    world.assign(report, HEAD, by=HEAD)
    world.do(report, "DeclareRecusal", HEAD, {"ground": "系近亲属。"})
    done(world.anonymously("/protection", code=code, text="虚戊扬言报复。"))
    id = world.log("vault", 0, "ProtectionRequested")[-1].stream
    base, above = "/intake/vault/v1/protection-requests", COUNTY.petition_head
    body = {"person": sub(CLERK), "role": "petition_clerk"}
    world.patiently(lambda: id in {row["id"] for row in world.get(above, base).json()["items"]}, "the list")
    refused(world.client(HEAD).post(f"{base}/{id}/assign-to-case", json=body), "E_RECUSAL")
    done(world.client(above).post(f"{base}/{id}/assign-to-case", json=body))
    assert world.get(CLERK, f"{base}/{id}").status_code == 200


def etag(world: World, case: Case) -> str:
    return str(world.get(LEADER, case.path).headers["etag"])


def test_b4_somebody_opens_what_the_head_may_not(world: World) -> None:
    """The head of the petition department opens a report and finds a relative accused: the deputy leader
    opens it to the clerk; where they step aside too, the head of the department above does."""
    sent = done(world.anonymously(**ANONYMOUS))
    report = Case("intake", world.log("intake", 0, "ComplaintReceived")[-1].stream)
    assert sent["query_code"]
    above = COUNTY.petition_head
    for who in (DEPUTY, above):
        assert not lists(world, who, report)
        refused(assigning(world, report, who, CLERK), "E_NOT_FOUND")
    world.assign(report, HEAD, by=HEAD)
    world.do(report, "DeclareRecusal", HEAD, {"ground": "系近亲属。"})
    assert not lists(world, HEAD, report)
    assert lists(world, DEPUTY, report)
    assert not lists(world, above, report)
    world.assign(report, DEPUTY, by=DEPUTY)
    world.do(report, "DeclareRecusal", DEPUTY, {"ground": "系近亲属。"})
    assert not lists(world, DEPUTY, report)
    assert lists(world, above, report)
    refused(assigning(world, report, COUNTY.petition_clerk, CLERK), "E_NOT_FOUND")
    refused(assigning(world, report, above, HANDLER), "E_NOT_FOUND")
    done(assigning(world, report, above, CLERK))
    world.do(report, "RegisterComplaint", CLERK)


def assigning(world: World, case: Case, who: str, whom: str) -> httpx.Response:
    role = {CLERK: "petition_clerk", HANDLER: "handler"}[whom]
    return world.give(case, "AssignToCase", who, {"person": sub(whom), "role": role})


def lists(world: World, who: str, case: Case) -> bool:
    rows = world.get(who, "/intake/v1/complaints", limit=200, min_position=world.position("intake"))
    return case.id in {row["id"] for row in rows.json()["items"]}
