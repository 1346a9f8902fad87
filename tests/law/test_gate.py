"""The gate: who asks, on what, under which conditions, in one order; refusals, readings, repetitions
(§5.3, §5.4, §6.3)."""

from __future__ import annotations

import concurrent.futures
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.issuer import Mint
from deploy.local.issuer import Settings as IssuerSettings
from deploy.local.people import people
from services.intake.vault.keys import secret_for
from shared.language.ids import derived_id, keyed_id
from tests.harness import (
    APPROVE,
    CITY,
    CONCLUSION,
    COUNTY,
    ENDORSE,
    OTHER_COUNTY,
    OTHER_TOWN,
    PLURALS,
    PROVINCE,
    REPORT,
    SUBJECT,
    TOWN,
    Case,
    Story,
    World,
    done,
    excluded_there,
    hidden,
    kebab,
    place_of,
    refused,
    sha,
    sub,
)

CLERK = TOWN.petition_clerk
HANDLER = TOWN.handler
HEAD = TOWN.organ_head
CHIEF = TOWN.handling_dept_head


def raw(
    world: World, case: Case, command: str, who: str | None, body: Any = None, **headers: str
) -> httpx.Response:
    """A command with exactly these headers."""
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    return world.client(who).post(f"{case.path}/{kebab(command)}", json=body or {}, headers=sent)


# --- 401 ---


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        "Bearer a.b.c",
        "Basic dTpw",
        "bearer x",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJwLTk5LW9yZ2FuX2hlYWQifQ.",
    ],
)
def test_401_without_a_valid_token(world: World, verifying: Story, authorization: str | None) -> None:
    before = world.position("verification")
    headers = {} if authorization is None else {"authorization": authorization}
    client = world.client(None)
    for answer in (
        client.get(verifying.case.path, headers=headers),
        client.get("/verification/v1/cases", headers=headers),
        client.post(verifying.case.path + "/close-case", headers=headers),
        client.post("/intake/v1/complaints", json={}, headers=headers),
    ):
        refused(answer, "E_UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert world.position("verification") == before, "401s are only counted"


def test_401_a_token_whose_signature_was_altered(world: World, verifying: Story) -> None:
    token = world.stack.token(HANDLER)
    head, claims, signature = token.split(".")
    altered = f"{head}.{claims}.{'A' * len(signature)}"
    answer = world.client(None).get(verifying.case.path, headers={"authorization": f"Bearer {altered}"})
    refused(answer, "E_UNAUTHENTICATED")


@pytest.mark.parametrize(
    "claims",
    [
        {"organ": "D"},
        {"organ": "DI-"},
        {"organ": "DI-9901\0"},
        {"organ": None},
        {"sub": ""},
        {"sub": "p\0"},
        {"sub": "anonymous"},
        {"role": ("petition_clerk", "superuser")},
    ],
    ids=repr,
)
def test_401_sec1_the_issuer_too_is_not_believed_what_makes_no_sense(
    world: World, claims: dict[str, Any]
) -> None:
    """The beginning of an organ's code stands for no organ: lists are cut by it."""
    mint = Mint(IssuerSettings(world.stack.issuer_id, world.stack.data.issuer, None))
    honest = people()[CLERK]
    for identity, status in ((honest, 200), (replace(honest, **claims), 401)):
        headers = {"authorization": f"Bearer {mint.token(identity)}"}
        for path in ("/intake/v1/complaints", "/intake/v1/my-work", "/verification/v1/my-work"):
            assert world.client(None).get(path, headers=headers).status_code == status


# --- 404: nothing is told (§5.4) ---


def test_54_foreign_unknown_and_unassigned_are_the_same_bytes(world: World, verifying: Story) -> None:
    here = verifying.case
    unknown = Case("verification", str(uuid4()))
    answers = [
        world.get(OTHER_TOWN.handler, here.path),
        world.get(TOWN.handler_second, here.path),
        world.get(HANDLER, unknown.path),
        world.get(HANDLER, Case("verification", "nonsense").path),
        world.get(SUBJECT, here.path),
        world.get(HANDLER, Case("verification", verifying.complaint.id).path),
        world.give(here, "RecordEvidence", OTHER_TOWN.handler, verifying.evidence("E77")),
        world.give(here, "RecordEvidence", TOWN.handler_second, verifying.evidence("E77")),
        world.give(unknown, "RecordEvidence", HANDLER, verifying.evidence("E77")),
        world.give(here, "CloseCase", COUNTY.organ_head, if_match=1),
        world.give(unknown, "CloseCase", HEAD, if_match=1),
        world.give(here, "CloseCase", OTHER_COUNTY.organ_head),
    ]
    assert len({(a.status_code, a.content, a.headers["content-type"]) for a in answers}) == 1
    told = [{k: v for k, v in a.headers.items() if k not in VARYING} for a in answers]
    assert all(t == told[0] for t in told)
    hidden(answers[0])


VARYING = frozenset({"date", "traceparent"})


def test_54_the_audit_record_holds_the_true_code(world: World, verifying: Story) -> None:
    before = world.position("verification")
    body = verifying.evidence("E77")
    world.give(verifying.case, "RecordEvidence", OTHER_TOWN.handler, body)
    world.give(verifying.case, "RecordEvidence", TOWN.handler_second, body)
    world.give(Case("verification", str(uuid4())), "RecordEvidence", HANDLER, body)
    codes = [r["code"] for r in world.refusals("verification", before)]
    assert codes == ["E_JURISDICTION", "E_NEED_TO_KNOW", "E_NOT_FOUND"]


@pytest.mark.parametrize("service", sorted(PLURALS))
def test_54_lists_show_the_organ_and_its_descendants(world: World, service: str) -> None:
    here, there = world.story(), world.story(OTHER_TOWN)
    for story in (here, there):
        {
            "intake": story.listed,
            "verification": story.opened,
            "clarification": story.assessing,
            "followup": story.plan_opened,
        }[service]()
    name = {
        "intake": "complaint",
        "verification": "case",
        "clarification": "clarification",
        "followup": "plan",
    }
    ours, theirs = here._cases[name[service]].id, there._cases[name[service]].id
    path = f"/{service}/v1/{PLURALS[service]}"
    position = world.position(service)

    def seen(who: str) -> set[str]:
        rows = world.get(who, path, limit=30, min_position=position).json()["items"]
        return {r["id"] for r in rows} & {ours, theirs}

    assert seen(CLERK) == {ours}
    assert seen(OTHER_TOWN.petition_clerk) == {theirs}
    assert seen(COUNTY.case_manager) == {ours}
    assert seen(OTHER_COUNTY.case_manager) == {theirs}
    for superior in (CITY, PROVINCE):
        assert seen(superior.case_manager) == {ours, theirs}
    for outsider in (SUBJECT, "reporter-zheng", "unit-yunping"):
        refused(world.get(outsider, path), "E_FORBIDDEN_ROLE")


def test_54_a93_lists_hold_no_confidential_word(world: World, verifying: Story) -> None:
    verifying.accused_listed  # noqa: B018 - the names are known, so that they could be told
    for service, plural in PLURALS.items():
        told = world.get(COUNTY.case_manager, f"/{service}/v1/{plural}", limit=200).text
        assert verifying.accused[0]["name"] not in told
        assert verifying.allegations[0]["text"] not in told


# --- assignment, its end, recusal (§6.3, A48) ---


def test_63_only_who_is_assigned_reads(world: World) -> None:
    story = world.story().verifying()
    second = TOWN.handler_second
    hidden(world.get(second, story.case.path))
    world.assign(story.case, second, by=CHIEF)
    assert world.get(second, story.case.path).status_code == 200
    end = {"person": sub(second), "role": "handler", "reason": "调离。"}
    world.do(story.case, "EndAssignment", CHIEF, end)
    hidden(world.get(second, story.case.path))
    evidence = story.evidence()
    hidden(world.give(story.case, "RecordEvidence", second, evidence))
    refused(world.give(story.case, "EndAssignment", CHIEF, end), "E_STATE", "§6.3")


def test_63_who_opens_a_case_works_on_it(world: World) -> None:
    """By the event that opens it: there is no second one."""
    case = Case("intake", done(world.receive(CLERK))["id"])
    [opened] = world.entries("intake", case.id)
    assert (opened.type, opened.meta["assigns"]) == ("ComplaintReceived", True)
    assert world.read(case, CLERK)["assigned"] == {sub(CLERK): ["petition_clerk"]}
    again = {"person": sub(CLERK), "role": "petition_clerk"}
    refused(world.give(case, "AssignToCase", TOWN.petition_head, again), "E_STATE", "§6.3")


def test_63_an_assignment_is_given_once_and_by_a_leader(world: World, verifying: Story) -> None:
    body = {"person": sub(HANDLER), "role": "handler"}
    refused(world.give(verifying.case, "AssignToCase", CHIEF, body), "E_STATE", "§6.3")
    for who in (HANDLER, CLERK):
        answer = world.give(verifying.case, "AssignToCase", who, body)
        refused(answer, "E_FORBIDDEN_ROLE", "§6.3")
    nobody = world.give(verifying.case, "AssignToCase", CHIEF, {**body, "role": "emperor"})
    refused(nobody, "E_SCHEMA")


def test_63_my_work_lists_what_i_am_assigned_to(world: World) -> None:
    story = world.story().verifying()
    second = TOWN.handler_second
    path = "/verification/v1/my-work"

    def mine() -> set[str]:
        position = world.position("verification")
        return {r["id"] for r in world.get(second, path, limit=200, min_position=position).json()["items"]}

    assert story.case.id not in mine()
    world.assign(story.case, second, by=CHIEF)
    assert story.case.id in mine()
    end = {"person": sub(second), "role": "handler", "reason": "调离。"}
    world.do(story.case, "EndAssignment", CHIEF, end)
    assert story.case.id not in mine()


def test_a48_who_steps_aside_is_out_at_once_and_for_good(world: World) -> None:
    story = world.story().verifying()
    world.do(story.case, "DeclareRecusal", HANDLER, {"ground": "与当事人有亲属关系。"})
    hidden(world.get(HANDLER, story.case.path))
    body = {"person": sub(HANDLER), "role": "handler"}
    refused(world.give(story.case, "AssignToCase", CHIEF, body), "E_RECUSAL", "A48")
    world.assign(story.case, TOWN.handler_second, by=CHIEF)
    with_him = story.evidence()
    answer = world.give(story.case, "RecordEvidence", TOWN.handler_second, with_him)
    refused(answer, "E_RECUSAL", "A48")


def test_a48_the_approving_organs_approver_steps_aside_too(world: World) -> None:
    """Regression: only the owning organ's people could, so a county's approver could not recuse
    themselves."""
    story = world.story().reviewed()
    approver = COUNTY.clarification_approver
    world.do(story.clarification, "DeclareRecusal", approver, {"ground": "与当事人有利害关系。"})
    hidden(world.get(approver, story.clarification.path))
    refused(world.give(story.clarification, "ApproveClarification", approver, APPROVE), "E_RECUSAL", "A48")


def test_sd10_recusal_in_a_leading_role(world: World) -> None:
    """A leader needs no assignment for opening a case to others; recused they may not even do that."""
    story = world.story().verifying()
    world.do(story.case, "DeclareRecusal", CHIEF, {"ground": "与当事人有利害关系。"})
    body = {"person": sub(TOWN.handler_second), "role": "handler"}
    refused(world.give(story.case, "AssignToCase", CHIEF, body), "E_RECUSAL", "A48")


def recused_there(world: World, case: Case, who: str) -> None:
    """A person who stepped aside before may neither be assigned nor act; the recusal arrives in its own
    time."""
    excluded_there(world, case, who)
    body = {"person": sub(who), "role": "revisit_officer"}
    refused(world.give(case, "AssignToCase", CHIEF, body), "E_RECUSAL", "SD10")


def test_sd10_a_recusal_travels_from_the_complaint_to_the_plan(world: World) -> None:
    """Declared in intake before the case was opened; the last service knows it too."""
    officer = TOWN.revisit_officer
    story = world.story().accepted()
    world.assign(story.complaint, officer, by=TOWN.petition_head)
    world.do(story.complaint, "DeclareRecusal", officer, {"ground": "与当事人有亲属关系。"})
    story.opened()
    recused_there(world, story.case, officer)
    team = {"team": [sub(HANDLER), sub(officer)], "plan_hash": sha("plan")}
    story.disposed()
    refused(world.give(story.case, "StartVerification", HANDLER, team), "E_RECUSAL", "SD10")
    story.assessing()
    recused_there(world, story.clarification, officer)
    plan = world.arrived("followup", story.completed().clarification.id, CHIEF)
    recused_there(world, plan, officer)


def test_sd10_a_late_recusal_reaches_what_is_already_open(world: World) -> None:
    """Declared in the case after its conclusion, when clarification and plan were open: the officer who
    was assigned there is out at once."""
    officer = TOWN.revisit_officer
    story = world.story().plan_opened()
    assert world.get(officer, story.plan.path).status_code == 200
    world.assign(story.case, officer, by=CHIEF)
    world.do(story.case, "DeclareRecusal", officer, {"ground": "与当事人有利害关系。"})
    recused_there(world, story.clarification, officer)
    recused_there(world, story.plan, officer)
    hidden(world.get(officer, story.plan.path))


def test_sd10_a_late_recusal_from_the_complaint_reaches_the_case(world: World) -> None:
    officer = TOWN.revisit_officer
    story = world.story().verifying()
    world.assign(story.complaint, officer, by=TOWN.petition_head)
    world.do(story.complaint, "DeclareRecusal", officer, {"ground": "与当事人有利害关系。"})
    recused_there(world, story.case, officer)
    evidence = story.evidence(collectors=[sub(HANDLER), sub(officer)])
    refused(world.give(story.case, "RecordEvidence", HANDLER, evidence), "E_RECUSAL", "SD10")


# --- the order ---


def test_order_404_before_everything(world: World, reviewed: Story) -> None:
    """No jurisdiction, wrong role, no If-Match, wrong state: only the first is told."""
    hidden(raw(world, reviewed.clarification, "ReviewClarification", OTHER_TOWN.handler, ENDORSE))


def test_order_organ_before_role(world: World, reviewed: Story) -> None:
    answer = raw(world, reviewed.clarification, "ApproveClarification", HANDLER, APPROVE)
    refused(answer, "E_APPROVER_WRONG_ORGAN", "R4")


def test_order_role_before_version(world: World, submitted: Story) -> None:
    refused(raw(world, submitted.clarification, "ReviewClarification", HANDLER, ENDORSE), "E_FORBIDDEN_ROLE")


def test_order_separation_of_duties_before_version(world: World) -> None:
    story = world.story().verifying()
    evidence = story.evidence(collectors=[sub(HANDLER), sub(HEAD)])
    with world.standing_in(TOWN, "organ_head", TOWN.deputy_leader):
        world.do(story.case, "RecordEvidence", HANDLER, evidence)
    world.do(story.case, "FindAllegation", HANDLER, story.finding())
    world.do(story.case, "SubmitReport", HANDLER, REPORT)
    refused(raw(world, story.case, "ConcludeVerification", HEAD, CONCLUSION), "E_SOD_CONFLICT")


def test_order_version_before_rule_and_state(world: World, reported: Story) -> None:
    no_rule = {**CONCLUSION, "three_distinctions": []}
    answer = raw(world, reported.case, "ConcludeVerification", HEAD, no_rule)
    refused(answer, "E_VERSION_REQUIRED", "R1")
    stale = raw(world, reported.case, "ConcludeVerification", HEAD, no_rule, if_match='"1"')
    refused(stale, "E_STALE_VERSION")


def test_order_rule_before_state(world: World, opened: Story) -> None:
    """Evidence by one person alone, in a case that takes no evidence yet: the rule answers."""
    body = opened.evidence(collectors=[sub(HANDLER)])
    refused(world.give(opened.case, "RecordEvidence", HANDLER, body), "E_SCHEMA", "A62")
    refused(world.give(opened.case, "RecordEvidence", HANDLER, opened.evidence()), "E_STATE")


def test_order_screen_after_state(world: World, opened: Story) -> None:
    """A text cannot be tried out on the screen where it would not be stored."""
    body = opened.evidence(place="可能是邻居举报的。")
    refused(world.give(opened.case, "RecordEvidence", HANDLER, body), "E_STATE")


# --- If-Match (428, 412) ---


def test_428_a_decision_names_its_version_and_the_answer_tells_it(world: World) -> None:
    story = world.concluded().submitted()
    version = world.read(story.clarification, HANDLER)["version"]
    missing = raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE)
    assert refused(missing, "E_VERSION_REQUIRED", "R3") == {"version": version}
    assert missing.headers["etag"] == f'"{version}"'
    stale = raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE, if_match=f'"{version - 1}"')
    refused(stale, "E_STALE_VERSION")
    assert stale.headers["etag"] == f'"{version}"'
    right = raw(
        world, story.clarification, "ReviewClarification", HEAD, ENDORSE, if_match=missing.headers["etag"]
    )
    assert done(right)["version"] == version + 1
    assert right.headers["etag"] == f'"{version + 1}"'


@pytest.mark.parametrize(
    "value", ["0", '"0"', "W/x", '"-1"', "12345678901234567890", '"１"', '"1", "2"', "", '""']
)
def test_412_what_was_never_given_out_matches_nothing(world: World, submitted: Story, value: str) -> None:
    path = submitted.clarification.path + "/review-clarification"
    answer = world.client(HEAD).post(path, json=ENDORSE, headers={b"if-match": value.encode()})
    refused(answer, "E_STALE_VERSION")


def test_428_a_star_names_no_version(world: World, submitted: Story) -> None:
    answer = raw(world, submitted.clarification, "ReviewClarification", HEAD, ENDORSE, if_match="*")
    refused(answer, "E_VERSION_REQUIRED")


def test_412_applies_to_any_command_that_names_a_version(world: World, verifying: Story) -> None:
    answer = raw(world, verifying.case, "RecordEvidence", HANDLER, verifying.evidence("E55"), if_match='"1"')
    refused(answer, "E_STALE_VERSION")


def test_412_a_condition_may_name_several_versions(world: World) -> None:
    """RFC 9110 §13.1.1: one of them is the present one."""
    story = world.story().verifying()
    version = world.read(story.case, HANDLER)["version"]
    body = story.evidence("E57")
    several = f'"{version - 1}", "{version}"'
    done(raw(world, story.case, "RecordEvidence", HANDLER, body, if_match=several))
    stale = raw(world, story.case, "RecordEvidence", HANDLER, story.evidence("E58"), if_match=several)
    refused(stale, "E_STALE_VERSION")


def test_412_of_two_deciders_at_once_one_is_told(world: World) -> None:
    story = world.concluded().submitted()
    version = world.read(story.clarification, HANDLER)["version"]

    def decide(_: int) -> httpx.Response:
        return raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE, if_match=f'"{version}"')

    world.client(HEAD)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(decide, range(4)))
    codes = sorted(a.status_code for a in answers)
    assert codes == [200, 412, 412, 412]
    types = [h["type"] for h in world.read(story.clarification, HANDLER)["history"]]
    assert types.count("ClarificationReviewed") == 1


# --- Idempotency-Key ---


def key() -> str:
    return f"key-{uuid4()}"


def test_no_id_confirms_a_guess_of_key_and_body(world: World) -> None:
    """Ids are made under a secret of the vault. Even a person who knows the sender, the key and the likely
    body cannot try which case they became."""
    guessed, who = "letter-2026-000017", sub(CLERK)
    body = {"reporter": {"name": "郑虚六", "phone": "13900004321"}, "channel": "LETTER"}
    id = done(world.receive(CLERK, body, idempotency_key=guessed))["id"]
    [entry] = world.entries("intake", id, "ComplaintReceived")
    plain = derived_id("command", who, hashlib.sha256(guessed.encode()).hexdigest())
    assert entry.meta["command_id"] != str(plain)
    secret = secret_for("ids", (world.stack.data.keys / "vault.key").read_bytes())
    assert entry.meta["command_id"] == str(keyed_id(secret, "command", who, guessed))
    assert keyed_id(secret, "command", who, guessed) != keyed_id(bytes(32), "command", who, guessed)


def test_idempotency_the_same_key_gives_the_same_answer(world: World) -> None:
    mine = key()
    first = world.receive(CLERK, idempotency_key=mine)
    world.pass_minutes()
    again = world.receive(CLERK, idempotency_key=mine)
    assert (first.status_code, done(first)) == (again.status_code, done(again))
    for name in ("etag", "location"):
        assert first.headers[name] == again.headers[name]


def test_idempotency_quotes_are_the_headers_and_not_the_keys(world: World) -> None:
    mine = key()
    first = done(world.receive(CLERK, idempotency_key=mine))
    assert done(world.receive(CLERK, idempotency_key=f'"{mine}"')) == first


def test_idempotency_another_body_is_refused(world: World) -> None:
    mine = key()
    done(world.receive(CLERK, {"pages": 1}, idempotency_key=mine))
    refused(world.receive(CLERK, {"pages": 2}, idempotency_key=mine), "E_IDEMPOTENCY_MISMATCH")


CITED = '[{"instrument":"GZ-2020","version_date":"2020-01-21","article":"26"}]'


def test_idempotency_another_date_or_legal_basis_is_another_request(world: World) -> None:
    """The same instant in another zone is none; nor is what the request was conditional on."""
    mine, day = key(), world.now - timedelta(days=2)
    letter = {"received_on": str(day.date() - timedelta(days=1))}
    first = done(world.receive(CLERK, letter, idempotency_key=mine, occurred_at=day.isoformat()))
    elsewhere = day.astimezone(timezone(timedelta(hours=8))).isoformat()
    assert done(world.receive(CLERK, letter, idempotency_key=mine, occurred_at=elsewhere)) == first
    for headers in (
        {},
        {"occurred_at": (day + timedelta(days=1)).isoformat()},
        {"occurred_at": day.isoformat(), "legal_basis": CITED},
    ):
        refused(world.receive(CLERK, letter, idempotency_key=mine, **headers), "E_IDEMPOTENCY_MISMATCH")


def test_an_attempt_under_a_used_key_leaves_its_record(world: World, verifying: Story) -> None:
    """Nobody tries a case that is not theirs behind a key that was used, unseen."""
    mine, other = key(), world.story().verifying()
    body = verifying.evidence("E32")
    done(raw(world, verifying.case, "RecordEvidence", HANDLER, body, idempotency_key=mine))
    before = world.position("verification")
    elsewhere = raw(world, other.case, "RecordEvidence", HANDLER, body, idempotency_key=mine)
    refused(elsewhere, "E_IDEMPOTENCY_MISMATCH")
    [entry] = world.log("verification", before)
    told = {name: entry.event[name] for name in ("code", "command", "actor", "object")}
    assert (entry.type, told) == (
        "CommandRefused",
        {
            "code": "E_IDEMPOTENCY_MISMATCH",
            "command": "RecordEvidence",
            "actor": sub(HANDLER),
            "object": other.case.id,
        },
    )


def test_idempotency_a_key_is_one_command_on_one_case(world: World, verifying: Story) -> None:
    mine, other = key(), world.story().verifying()
    body = verifying.evidence("E31")
    done(raw(world, verifying.case, "RecordEvidence", HANDLER, body, idempotency_key=mine))
    elsewhere = raw(world, other.case, "RecordEvidence", HANDLER, body, idempotency_key=mine)
    refused(elsewhere, "E_IDEMPOTENCY_MISMATCH")
    another = raw(world, verifying.case, "SubmitReport", HANDLER, REPORT, idempotency_key=mine)
    refused(another, "E_IDEMPOTENCY_MISMATCH")


def test_idempotency_a_key_belongs_to_who_used_it(world: World) -> None:
    """Nobody fetches another's answer by their key."""
    mine = key()
    first = done(world.receive(CLERK, idempotency_key=mine))
    second = done(world.receive(TOWN.petition_head, idempotency_key=mine))
    assert first["id"] != second["id"]


def test_idempotency_at_once_and_still_one_effect(world: World) -> None:
    mine, before = key(), world.position("intake")
    world.client(CLERK)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.receive(CLERK, idempotency_key=mine), range(8)))
    assert all(done(a) == done(answers[0]) for a in answers)
    assert len(world.log("intake", before, "ComplaintReceived")) == 1


def test_idempotency_at_once_on_a_case(world: World) -> None:
    story, mine = world.story().verifying(), key()
    body = story.evidence()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: raw(world, story.case, "RecordEvidence", HANDLER, body, idempotency_key=mine),
                range(8),
            )
        )
    assert {a.status_code for a in answers} == {200}
    types = [h["type"] for h in world.read(story.case, HANDLER)["history"]]
    assert types.count("EvidenceRecorded") == 1


def test_idempotency_a_lost_answer_is_success_and_no_conflict(world: World) -> None:
    """The first answer was lost; meanwhile the case moved on, and the command itself staled its version."""
    story, mine = world.concluded().submitted(), key()
    version = world.read(story.clarification, HANDLER)["version"]
    sent = {"if_match": f'"{version}"', "idempotency_key": mine}
    first = done(raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE, **sent))
    world.assign(story.clarification, COUNTY.clarification_approver, by=COUNTY.petition_head)
    world.do(story.clarification, "ApproveClarification", COUNTY.clarification_approver, APPROVE)
    again = raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE, **sent)
    assert done(again) == first


def test_idempotency_a_refusal_is_not_remembered(world: World) -> None:
    """A refused command may be given again, when it has become possible."""
    story, mine = world.concluded().invited(), key()
    refused(
        raw(world, story.clarification, "SubmitForReview", HANDLER, idempotency_key=mine), "E_VOICE_MISSING"
    )
    story.heard()
    done(raw(world, story.clarification, "SubmitForReview", HANDLER, idempotency_key=mine))


def test_idempotency_without_a_key_twice_is_twice(world: World) -> None:
    assert done(world.receive(CLERK))["id"] != done(world.receive(CLERK))["id"]


def test_idempotency_the_stored_answer_holds_nothing_secret(world: World) -> None:
    mine, canary = key(), "虚密举"
    reporter = {"name": canary, "phone": "19988887777"}
    done(world.receive(CLERK, {"reporter": reporter}, idempotency_key=mine))
    rows = (
        world._database("intake").execute("SELECT * FROM commands ORDER BY position DESC LIMIT 3").fetchall()
    )
    assert canary not in str(rows)
    assert mine not in str(rows)
    assert sha(mine) not in str(rows)


@pytest.mark.parametrize("bad", ["short", "x" * 129, "has space in it", "", '""', "with\ttab-inside"])
def test_idempotency_malformed_keys(world: World, bad: str) -> None:
    refused(world.receive(CLERK, idempotency_key=bad), "E_IDEMPOTENCY_KEY")


# --- Occurred-At (§0.5) ---


def test_05_occurred_at_is_not_in_the_future(world: World) -> None:
    later = (world.now + timedelta(minutes=5)).isoformat()
    refused(world.receive(CLERK, occurred_at=later), "E_SCHEMA", "§0.5")


def test_05_a_paper_letter_happened_earlier(world: World) -> None:
    earlier = world.now - timedelta(days=2)
    body = {"received_on": str(earlier.date())}
    story_id = done(world.receive(CLERK, body, occurred_at=earlier.isoformat()))["id"]
    entry = next(e for e in world.log("intake", 0, "ComplaintReceived") if e.stream == story_id)
    assert datetime.fromisoformat(entry.meta["occurred_at"]) == earlier
    assert entry.recorded_at == world.now


def test_05_a_decision_is_not_dated_back(world: World, submitted: Story) -> None:
    """A command that decides, or must follow a decision, cannot lie before an event that the case already
    holds."""
    version = world.read(submitted.clarification, HANDLER)["version"]
    earlier = (world.now - timedelta(days=1)).isoformat()
    answer = raw(
        world, submitted.clarification, "ReviewClarification", HEAD, ENDORSE,
        if_match=f'"{version}"', occurred_at=earlier,
    )  # fmt: skip
    refused(answer, "E_SCHEMA", "R3")


def test_b40_no_act_is_dated_before_its_case_was_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole life of a case; each of its commands is given first with an instant before all of it."""
    world.pass_minutes(2)
    before = (world.now - timedelta(minutes=1)).isoformat()
    world.pass_minutes()
    give, dated_back = World.give, []

    def too_early_first(self: World, case: Case, command: str, *args: Any, **more: Any) -> httpx.Response:
        early = {**(more.get("headers") or {}), "Occurred-At": before}
        answer = give(self, case, command, *args, **{**more, "headers": early})
        assert refused(answer, "E_SCHEMA")["field"] == "Occurred-At", (command, answer.text)
        dated_back.append(command)
        return give(self, case, command, *args, **more)

    monkeypatch.setattr(World, "give", too_early_first)
    world.story().visited()
    some = {"AcceptComplaint", "RecordEvidence", "FindAllegation", "ImplementForm", "CompleteRevisit"}
    assert some <= set(dated_back)


def test_b40_what_is_told_late_is_dated_when_it_happened(world: World) -> None:
    """A talk of Tuesday, entered on Thursday: it counts from Tuesday, but not from before the team began,
    and a finding rests on what was there by then."""
    handler = TOWN.handler
    story = world.story().disposed()
    proposed = world.now
    begun = world.pass_minutes(60)
    story.verifying()
    talked = world.pass_minutes(60)
    world.pass_days(2)

    def tell(command: str, body: Mapping[str, Any], at: datetime) -> httpx.Response:
        return world.give(story.case, command, handler, body, headers={"Occurred-At": at.isoformat()})

    talk = story.talk(held_at=talked.isoformat())
    early = story.talk(held_at=(proposed - timedelta(days=1)).isoformat())
    told = refused(tell("HoldTalk", early, begun - timedelta(minutes=1)), "E_SCHEMA")
    assert told["field"] == "Occurred-At"
    assert refused(tell("HoldTalk", talk, begun), "E_SCHEMA", "§0.5")["field"] == "held_at"
    done(tell("HoldTalk", talk, talked))
    collected = world.now
    world.do(story.case, "RecordEvidence", handler, story.evidence(collected_at=collected.isoformat()))
    told = refused(tell("FindAllegation", story.finding(), collected - timedelta(minutes=1)), "E_SCHEMA")
    assert told["field"] == "Occurred-At"
    found = world.pass_minutes(60)
    done(tell("FindAllegation", story.finding(), found))
    told = refused(tell("SubmitReport", REPORT, found - timedelta(minutes=1)), "E_SCHEMA")
    assert told["field"] == "Occurred-At"
    done(tell("SubmitReport", REPORT, found))


# --- what remains of a refusal and of a reading ---


def test_a_refusal_leaves_one_record_without_the_body(world: World, verifying: Story) -> None:
    before = world.position("verification")
    secret = "这句话不得留下痕迹"
    body = verifying.evidence("E1", place=secret)
    refused(world.give(verifying.case, "RecordEvidence", HANDLER, body), "E_SCHEMA")
    entries = world.log("verification", before)
    assert [e.type for e in entries] == ["CommandRefused"]
    assert entries[0].event == {
        "code": "E_SCHEMA",
        "rule": "A62",
        "command": "RecordEvidence",
        "actor": sub(HANDLER),
        "object": verifying.case.id,
    }
    assert entries[0].meta["correlation_id"] == world.read(verifying.case, HANDLER)["correlation_id"]
    assert secret not in str(entries)


def test_a_body_without_form_is_only_counted(world: World, verifying: Story) -> None:
    before = world.position("verification")
    refused(world.give(verifying.case, "RecordEvidence", HANDLER, {"place": "x"}), "E_SCHEMA")
    assert world.position("verification") == before
    metrics = world.client(None).get(world.stack.direct_url("verification") + "/metrics").text
    assert 'route="/v1/cases/{id}/record-evidence",status="422"' in metrics


def test_sec9_every_reading_of_a_case_leaves_a_record(world: World, verifying: Story) -> None:
    before = world.position("verification")
    world.client(HANDLER).get(verifying.case.path, headers={"purpose": "review-1"})
    reads = world.log("verification", before, "CaseRead")
    assert [(r.event["who"], r.event["object"], r.event["purpose"]) for r in reads] == [
        (sub(HANDLER), verifying.case.id, "review-1")
    ]


def test_sec9_the_subject_reading_his_draft_leaves_one_too(world: World) -> None:
    story = world.concluded().invited()
    before = world.position("clarification")
    world.get(SUBJECT, story.clarification.path + "/draft")
    reads = world.log("clarification", before, "CaseRead")
    assert [(r.event["who"], r.event["fields"]) for r in reads] == [(sub(SUBJECT), "draft")]


def test_sec9_a_reading_never_stales_a_version(world: World) -> None:
    story = world.concluded().submitted()
    etag = world.get(HEAD, story.clarification.path).headers["etag"]
    for who in (HANDLER, CHIEF, COUNTY.auditor):
        assert world.get(who, story.clarification.path).headers["etag"] == etag
    refused(raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE), "E_VERSION_REQUIRED")
    done(raw(world, story.clarification, "ReviewClarification", HEAD, ENDORSE, if_match=etag))


# --- reads that are fresh enough ---


def test_may_tells_a_reader_what_they_could_do_now(world: World, reviewed: Story) -> None:
    """The same as the gate would answer; of the past nothing, and to the subject of their commands only."""
    case = reviewed.clarification
    may = world.read(case, HEAD)["may"]
    refusals = {told["command"]: (told["code"], told["rule"]) for told in may["not_now"]}
    assert refusals["ReviewClarification"] == ("E_STATE", "R3")
    refused(world.give(case, "ReviewClarification", HEAD, ENDORSE), "E_STATE", "R3")
    assert {"DeclareRecusal", "AssignToCase"} <= set(may["now"])
    assert "ApproveClarification" not in {*may["now"], *refusals}, "not a command of this reader's roles"
    start = world.position("clarification")
    past = world.get(HEAD, case.path, as_of=world.now.isoformat()).json()
    assert "may" not in past
    assert [e.type for e in world.log("clarification", start)] == ["CaseRead"], "asking leaves nothing"
    theirs = world.get(SUBJECT, f"{case.path}/draft").json()["may"]
    assert set(theirs["now"]) | {told["command"] for told in theirs["not_now"]} == {
        *("RecordSubjectVoice", "RecordConsent", "WithdrawConsent", "RecordSubjectDeclined"),
        "RequestRecusal",
    }


def test_min_position_reads_what_was_written(world: World) -> None:
    answer = world.receive(CLERK)
    position = answer.headers["position"]
    rows = world.get(CLERK, "/intake/v1/complaints", min_position=position, limit=5).json()["items"]
    assert done(answer)["id"] in [r["id"] for r in rows]


def test_min_position_that_is_not_there_yet(world: World) -> None:
    path = "/intake/v1/complaints"
    far = place_of(world.stack, CLERK, path, world.position("intake") + 1_000_000)
    answer = world.client(CLERK).get(path, params={"min_position": far})
    refused(answer, "E_NOT_YET")
    assert answer.headers["retry-after"]


def test_paging_by_cursor_shows_each_case_once(world: World) -> None:
    for _ in range(3):
        done(world.receive(CLERK))
    position = world.position("intake")
    seen: list[str] = []
    before: dict[str, Any] = {}
    for _ in range(3):
        page = world.get(CLERK, "/intake/v1/complaints", limit=2, min_position=position, **before).json()
        seen += [r["id"] for r in page["items"]]
        before = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) == 6


def test_as_of_a_service_tells_what_it_knew_then(world: World) -> None:
    story = world.story().listed()
    then = world.pass_minutes()
    first = world.read(story.complaint, CLERK)
    del first["may"]  # which is of the present alone
    world.pass_minutes(5)
    story.accepted()
    assert world.read(story.complaint, CLERK, as_of=then.isoformat()) == first
    hidden(world.get(CLERK, story.complaint.path, as_of="2019-01-01T00:00:00+08:00"))


# --- languages ---


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,en;q=0.9", "en"),
        ("en;q=0.2, zh;q=0.9", "zh-CN"),
        ("fr, en;q=0.5", "en"),
        ("fr", "zh-CN"),
        ("*", "zh-CN"),
        ("en;q=nonsense", "zh-CN"),
        (";;;,,,q=", "zh-CN"),
        ("zh-CN;q=0.9, en; q=0.5", "zh-CN"),
        ("en" * 5000, "zh-CN"),
    ],
)
def test_problems_speak_the_callers_language(world: World, accept: str | None, language: str) -> None:
    headers = {} if accept is None else {"accept-language": accept}
    client = world.client(None)
    answer = client.get("/intake/v1/complaints", headers=headers)
    refused(answer, "E_UNAUTHENTICATED")
    told = answer.json()
    assert answer.headers["content-language"] == language
    assert told["title"] == told["message_en" if language == "en" else "message_zh"]


# --- what there is no route for ---


def test_405_and_unknown_paths_are_problems_too(world: World, verifying: Story) -> None:
    client = world.client(HANDLER)
    refused(client.delete(verifying.case.path), "E_METHOD")
    not_put = client.put("/intake/v1/complaints")
    refused(not_put, "E_METHOD")
    assert not_put.headers["allow"] == "GET, POST"
    hidden(client.get("/verification/v1/nonsense"))
    hidden(client.post(verifying.case.path + "/fly-away"))


def test_sec9_reading_more_than_twenty_cases_in_an_hour_is_told(world: World) -> None:
    reader = OTHER_TOWN.petition_clerk
    cases = [Case("intake", done(world.receive(reader))["id"]) for _ in range(21)]
    world.pass_minutes(61)
    after = world.position("intake")
    for case in cases[:20] + cases[:20]:
        world.read(case, reader)
    assert world.log("intake", after, "BulkReadAlert") == []
    world.read(cases[20], reader)
    (alert,) = world.log("intake", after, "BulkReadAlert")
    assert (alert.event["who"], alert.event["objects"]) == (sub(reader), 21)
    world.pass_minutes(61)
    world.read(cases[0], reader)
    assert len(world.log("intake", after, "BulkReadAlert")) == 1
