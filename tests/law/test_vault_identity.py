"""The people who learn something of a reporter, and those who do not (SEC-4, SEC-5, SEC-8, R27, R28;
§6.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.casework.tally import MOST
from tests.harness import (
    CITY,
    COUNTY,
    OTHER_COUNTY,
    OTHER_TOWN,
    SUBJECT,
    TOWN,
    Story,
    World,
    done,
    hidden,
    kebab,
    refused,
    sub,
)

CLERK, HANDLER, HEAD, CUSTODIAN = (
    TOWN.petition_clerk,
    TOWN.handler,
    TOWN.organ_head,
    COUNTY.identity_custodian,
)
REPORTER = {
    "name": "郑虚库",
    "phone": "13972064815",
    "address": "虚构村三组十二号",
    "resident_id": "99010119000107007X",
    "may_be_contacted": True,
}
PURPOSE = {"purpose": "verify-identity"}


@pytest.fixture(scope="module")
def served(world: World) -> Story:
    """A registered complaint of a reporter who agreed to be contacted; the handler works on it."""
    return claimed(world)


def claimed(world: World, result: str = "CONFIRMED", **more: Any) -> Story:
    """A reporter who gave a name; the verification confirms it, unless said otherwise."""
    story = world.story(reporter=REPORTER | more).registered()
    if result:
        verified = {"verified_by": "PHONE", "result": result}
        world.do(story.complaint, "VerifyReporterIdentity", CLERK, verified)
    world.assign(story.complaint, HANDLER, by=HEAD)
    return story


def read(world: World, story: Story, who: str, fields: str = "NAME,PHONE", **headers: str) -> httpx.Response:
    params = {"fields": fields} if fields else {}
    return world.client(who).get(f"{story.complaint.path}/reporter", params=params, headers=PURPOSE | headers)


def alerts(world: World, after: int) -> list[dict[str, Any]]:
    return [e.event for e in world.log("intake", after, "SecurityAlertRaised")]


def accesses(world: World, after: int) -> list[dict[str, Any]]:
    return [e.event for e in world.log("intake", after, "IdentityAccessed")]


# --- the clerk who serves the reporter ---


def test_sec5_the_clerk_reads_named_fields_on_record(world: World, served: Story) -> None:
    before = world.position("intake")
    answer = read(world, served, CLERK)
    assert answer.json() == {"name": "郑虚库", "phone": "13972064815"}
    assert answer.headers["cache-control"] == "no-store"
    assert accesses(world, before) == [
        {
            "who": sub(CLERK),
            "role": "petition_clerk",
            "object": served.complaint.id,
            "fields": "NAME,PHONE",
            "purpose": "verify-identity",
            "disclosure": "",
        }
    ]
    assert "郑虚库" not in str(world.log("intake", before))


def test_sec5_there_is_no_reading_without_purpose_and_fields(world: World, served: Story) -> None:
    before = world.position("intake")
    refused(read(world, served, CLERK, purpose=""), "E_SCHEMA", "SEC-9")
    refused(read(world, served, CLERK, purpose="a b"), "E_SCHEMA", "SEC-9")
    refused(read(world, served, CLERK, fields=""), "E_SCHEMA", "SEC-5")
    refused(read(world, served, CLERK, fields="NAME,ALL"), "E_SCHEMA", "SEC-5")
    assert accesses(world, before) == []


@pytest.mark.parametrize(
    "who",
    [
        TOWN.handler,
        TOWN.handling_dept_head,
        TOWN.organ_head,
        TOWN.deputy_leader,
        TOWN.revisit_officer,
        COUNTY.case_manager,
        COUNTY.auditor,
        COUNTY.internal_supervisor,
        COUNTY.identity_custodian,
        COUNTY.clarification_approver,
        CITY.city_approver,
        SUBJECT,
        "petition-platform",
    ],
)
def test_r27_for_everybody_else_asking_is_tracing(world: World, served: Story, who: str) -> None:
    """The same answer whether or not there is such a complaint, and internal supervision hears of it."""
    before = world.position("intake")
    answers = [
        read(world, served, who),
        world.client(who).get(f"{served.complaint.path}/same-reporter", headers=PURPOSE),
        world.client(who).get("/intake/v1/complaints/00000000-0000-4000-8000-000000000000/reporter"),
    ]
    for answer in answers:
        assert refused(answer, "E_TRACE_FORBIDDEN", "R27") == {}
    assert [a["code"] for a in alerts(world, before)] == ["E_TRACE_FORBIDDEN"] * 3
    assert accesses(world, before) == []


@pytest.mark.parametrize("who", [TOWN.petition_head, COUNTY.petition_clerk, OTHER_TOWN.petition_clerk])
def test_r27_a_clerk_who_does_not_serve_him_finds_nothing(world: World, served: Story, who: str) -> None:
    before = world.position("intake")
    hidden(read(world, served, who))
    assert [a["actor"] for a in alerts(world, before)] == [sub(who)]


def test_r27_without_a_token_there_is_no_answer(world: World, served: Story) -> None:
    answer = world.client(None).get(f"{served.complaint.path}/reporter", params={"fields": "NAME"})
    refused(answer, "E_UNAUTHENTICATED")


def test_r27_an_anonymous_complaint_has_nobody_to_read(world: World) -> None:
    hidden(read(world, world.story().received(), CLERK))


def test_sec9_reading_more_than_twenty_reporters_an_hour_is_told(world: World) -> None:
    world.pass_minutes(61)
    stories = [world.story(reporter=REPORTER).received() for _ in range(21)]
    before = world.position("intake")
    for story in stories:
        assert read(world, story, CLERK).status_code == 200
    told = [e.event for e in world.log("intake", before, "BulkReadAlert")]
    assert [a["who"] for a in told] == [sub(CLERK)]


# --- disclosure to the handler ---


def ask(world: World, story: Story, who: str = HANDLER, **more: Any) -> httpx.Response:
    body = {
        "complaint": story.complaint.id,
        "purpose": "当面核实所附账页的来历。",
        "fields": ["PHONE"],
        "until": str(world.today + timedelta(days=10)),
        **more,
    }
    return world.client(who).post("/intake/v1/disclosures", json=body)


def decide(world: World, id: str, decision: str = "APPROVE", who: str = HEAD) -> httpx.Response:
    base = f"/intake/v1/disclosures/{id}"
    world.client(who).post(f"{base}/assign-to-case", json={"person": sub(who), "role": "organ_head"})
    etag = world.get(who, base).headers.get("etag", "")
    body = {"decision": decision, "opinion": "同意。"}
    return world.client(who).post(
        f"{base}/{kebab('DecideIdentityDisclosure')}", json=body, headers={"if-match": etag}
    )


def disclosed(world: World, id: str, who: str) -> httpx.Response:
    return world.get(who, f"/intake/v1/disclosures/{id}/identity")


def test_a48_who_stepped_aside_from_the_complaint_decides_on_no_disclosure(world: World) -> None:
    story = claimed(world)
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "DeclareRecusal", HEAD, {"ground": "系亲属。"})
    id = str(done(ask(world, story))["id"])
    hidden(decide(world, id))
    whom = {"person": sub(HEAD), "role": "organ_head"}
    refused(world.client(HEAD).post(f"/intake/v1/disclosures/{id}/assign-to-case", json=whom), "E_RECUSAL")
    refused(disclosed(world, id, HANDLER), "E_APPROVAL_REQUIRED")


def test_sec5_the_handler_learns_exactly_what_was_approved(world: World, served: Story) -> None:
    """By request, decided by the organ's head, for these fields and days; each reading is on record."""
    id = str(done(ask(world, served))["id"])
    refused(disclosed(world, id, HANDLER), "E_APPROVAL_REQUIRED", "SEC-5")
    done(decide(world, id))
    before = world.position("intake")
    assert disclosed(world, id, HANDLER).json() == {"phone": "13972064815"}
    assert disclosed(world, id, CUSTODIAN).json() == {"phone": "13972064815"}
    told = accesses(world, before)
    assert [(a["who"], a["fields"], a["disclosure"]) for a in told] == [
        (sub(HANDLER), "PHONE", id),
        (sub(CUSTODIAN), "PHONE", id),
    ]
    world.pass_days(11)
    refused(disclosed(world, id, HANDLER), "E_APPROVAL_REQUIRED", "SEC-5")


def test_sec5_a_denied_disclosure_opens_nothing(world: World, served: Story) -> None:
    id = str(done(ask(world, served))["id"])
    assert done(decide(world, id, "DENY"))["state"] == "DENIED"
    refused(disclosed(world, id, HANDLER), "E_APPROVAL_REQUIRED", "SEC-5")


def test_sec5_approval_and_denial_are_published(world: World, served: Story) -> None:
    before = world.position("intake")
    for decision in ("APPROVE", "DENY"):
        done(decide(world, str(done(ask(world, served))["id"]), decision))
    types = [
        e.type for e in world.log("intake", before, "IdentityDisclosureApproved", "IdentityDisclosureDenied")
    ]
    assert types == ["IdentityDisclosureApproved", "IdentityDisclosureDenied"]


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (TOWN.handler_second, "E_NOT_FOUND"),
        (TOWN.organ_head, "E_TRACE_FORBIDDEN"),
        (OTHER_COUNTY.identity_custodian, "E_NOT_FOUND"),
        (CITY.identity_custodian, "E_NOT_FOUND"),
        (TOWN.petition_clerk, "E_TRACE_FORBIDDEN"),
        (COUNTY.auditor, "E_TRACE_FORBIDDEN"),
    ],
)
def test_sec5_a_disclosure_is_for_its_requester_and_the_custodian(
    world: World, served: Story, who: str, code: str
) -> None:
    id = str(done(ask(world, served))["id"])
    done(decide(world, id))
    before = world.position("intake")
    refused(disclosed(world, id, who), code)
    assert [a["actor"] for a in alerts(world, before)] == [sub(who)]


def test_sd5_the_head_does_not_decide_for_another_organ(world: World, served: Story) -> None:
    id = str(done(ask(world, served))["id"])
    hidden(decide(world, id, who=OTHER_TOWN.organ_head))
    hidden(decide(world, id, who=COUNTY.organ_head))


@pytest.mark.parametrize(
    "who", [TOWN.petition_clerk, TOWN.organ_head, COUNTY.identity_custodian, COUNTY.auditor]
)
def test_sec5_only_a_handler_asks(world: World, served: Story, who: str) -> None:
    refused(ask(world, served, who), "E_FORBIDDEN_ROLE", "SEC-5")


def test_sec5_a_handler_who_does_not_work_on_it_is_told_nothing(world: World, served: Story) -> None:
    """A guess at a complaint is no way to find out about its reporter; and it is watched."""
    before = world.position("intake")
    hidden(ask(world, served, TOWN.handler_second))
    hidden(ask(world, served, OTHER_TOWN.handler))
    hidden(ask(world, served, complaint="00000000-0000-4000-8000-000000000000"))
    assert len(alerts(world, before)) == 3


def test_sec5_who_did_not_agree_is_not_disclosed(world: World) -> None:
    """Neither a reporter who did not agree, nor one whose name was not verified (A27, A28)."""
    refused(ask(world, claimed(world, may_be_contacted=False)), "E_TRACE_FORBIDDEN", "SEC-5")
    refused(ask(world, claimed(world, result="")), "E_TRACE_FORBIDDEN", "SEC-5")
    refused(ask(world, claimed(world, result="NOT_CONFIRMED")), "E_TRACE_FORBIDDEN", "SEC-5")


@pytest.mark.parametrize("days", [-1, 31])
def test_sec5_a_disclosure_is_for_thirty_days_at_most(world: World, served: Story, days: int) -> None:
    until = str(world.today + timedelta(days=days))
    refused(ask(world, served, until=until), "E_SCHEMA", "SEC-5")


def test_sec5_the_fields_are_few_and_never_the_resident_id(world: World, served: Story) -> None:
    for fields in ([], ["RESIDENT_ID"], ["CO_SIGNERS"]):
        refused(ask(world, served, fields=fields), "E_SCHEMA")


def test_sec12_the_purpose_names_nobody(world: World, served: Story) -> None:
    refused(ask(world, served, purpose="向郑 虚 库了解情况"), "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_sec5_whoever_leaves_the_case_reads_no_more(world: World) -> None:
    story = claimed(world)
    id = str(done(ask(world, story))["id"])
    done(decide(world, id))
    body = {"person": sub(HANDLER), "role": "handler", "reason": "调离"}
    world.do(story.complaint, "EndAssignment", HEAD, body)
    hidden(disclosed(world, id, HANDLER))


# --- the same reporter? ---


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        ({"name": "郑 虚库（村民）", "phone": "+86 139-7206-4815"}, "SAME"),
        ({**REPORTER, "resident_id": "990101190001010018"}, "OTHER"),
        ({"name": "虚某己", "phone": "13600001111"}, "OTHER"),
        ({"name": "虚某己", "phone": "13972064815"}, "UNKNOWN"),
        ({"name": "郑虚库"}, "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_sec4_the_same_reporter(world: World, other: dict[str, str] | None, answer: str) -> None:
    """The same, another or unknown, by signer and on record; nothing else."""
    first = world.story(reporter=REPORTER).received()
    second = world.story(reporter=other).received()
    before = world.position("intake")
    params = {"as": second.complaint.id}
    told = world.client(CLERK).get(f"{first.complaint.path}/same-reporter", params=params, headers=PURPOSE)
    assert told.json() == {"same": [answer]}
    assert [a["fields"] for a in accesses(world, before)] == [f"SAME_REPORTER:{second.complaint.id}"]


def test_sec4_both_complaints_must_be_the_clerks_own(world: World, served: Story) -> None:
    other = world.story(OTHER_TOWN, reporter=REPORTER).received()
    params = {"as": other.complaint.id}
    hidden(world.client(CLERK).get(f"{served.complaint.path}/same-reporter", params=params, headers=PURPOSE))


# --- tracing ---


@pytest.mark.parametrize("who", [COUNTY.handler, COUNTY.identity_custodian, CITY.city_approver])
def test_r28_sec8_no_tracing_artefact_without_an_order(world: World, served: Story, who: str) -> None:
    """Verification approves no order yet: neither deposit nor reading, and both are told (SEC-8)."""
    before = world.position("intake")
    path = f"{served.complaint.path}/tracing-artefacts"
    refused(world.get(who, path), "E_TRACE_NO_ORDER", "SEC-8")
    refused(world.client(who).post(path, json={"means": "HANDWRITING"}), "E_TRACE_NO_ORDER", "SEC-8")
    assert [a["code"] for a in alerts(world, before)] == ["E_TRACE_NO_ORDER"] * 2


# --- identifiers ---


@pytest.mark.parametrize(("code", "valid"), [("91350100M000100Y43", True), ("91350100M000100Y44", False)])
def test_s86_the_social_credit_code_of_a_unit_is_checked(world: World, code: str, valid: bool) -> None:
    answer = world.receive(
        CLERK, {"reporter": {"name": "虚构合作社", "phone": "19900000000", "unit_code": code}}
    )
    if valid:
        done(answer)
    else:
        refused(answer, "E_SCHEMA")
        assert code not in answer.text


def test_s86_a_co_signers_resident_id_is_checked(world: World) -> None:
    wrong = {**REPORTER, "co_signers": [{"name": "虚某签", "resident_id": "990101190001070070"}]}
    refused(world.receive(CLERK, {"reporter": wrong}), "E_SCHEMA")


def test_sec12_a_co_signer_is_protected_like_the_first(world: World) -> None:
    reporter = {**REPORTER, "co_signers": [{"name": "钱虚签"}]}
    story = world.story(reporter=reporter).registered()
    listing = story.listing()
    listing["allegations"] = [{**listing["allegations"][0], "text": "钱虚签所附账页。"}]
    answer = world.give(story.complaint, "ListAllegations", CLERK, listing)
    refused(answer, "E_TEXT_IDENTITY_LEAK", "SEC-12")


def test_nobody_fills_the_log_by_being_refused(world: World) -> None:
    """Attempts to learn who reported are on record one by one and alert, up to a number; the rest of the hour
    is one record, with one alert."""
    who, before = "unit-yunping", world.position("intake")

    def of_theirs(name: str) -> list[dict[str, Any]]:
        """The events about one person: the hours of others, whom other tests refused, end meanwhile."""
        return [e.event for e in world.log("intake", before, name) if e.event["actor"] == sub(who)]

    world.pass_minutes(61)
    for _ in range(MOST + 20):
        answer = world.client(who).get(f"/intake/v1/complaints/{uuid4()}/reporter")
        refused(answer, "E_TRACE_FORBIDDEN", "R27")
    assert len(of_theirs("SecurityAlertRaised")) == MOST
    assert of_theirs("RefusalsSummed") == []
    world.pass_minutes(61)
    refused(world.client(who).get(f"/intake/v1/complaints/{uuid4()}/reporter"), "E_TRACE_FORBIDDEN")
    world.give(world.story().received().complaint, "CloseComplaint", who, {})
    told = of_theirs("RefusalsSummed")
    assert [(t["count"], t["codes"]) for t in told] == [(20, ["E_TRACE_FORBIDDEN"])]
    assert len(of_theirs("SecurityAlertRaised")) == MOST + 2
