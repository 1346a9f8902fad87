"""The petition platform: transfers in, objections, statuses out (§8.5, A8, A80, DL-12, DL-13)."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from services.intake.domain.complaint.state import COARSE
from services.intake.vault.keys import FileKeys, Periods, secret_for
from services.intake.vault.store import Vault
from shared.kernel.outgoing.webhooks import sign, verify
from shared.kernel.store.driver import open_engine
from tests.harness import (
    COUNTY,
    OTHER_TOWN,
    PROVINCE,
    TOWN,
    Case,
    Story,
    World,
    allegation,
    done,
    hidden,
    person,
    refused,
    sub,
    working_days_after,
)
from tests.receiver import Receiver, receiving

PLATFORM = "petition-platform"
SINGLE = "/intake/v1/integration/petition-platform/complaints"
BATCH = f"{SINGLE}/batch"
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBwZXRpdGlvbiBwbGF0Zm9ybSE="
CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head
REPORTER = {"name": "虚台举", "phone": "19900007777", "address": "虚台路七号"}
ORIGINAL = "本人反映向阳社区虚某收受礼金，虚台举，19900007777。"
_numbers = itertools.count(int(time.time()))


def number() -> str:
    return f"PT-{next(_numbers)}"


def our_key(world: World) -> ECKey:
    [key] = world.get(None, "/intake/v1/integration/keys").json()["keys"]
    assert key["use"] == "enc"
    assert "d" not in key
    return ECKey.import_key({k: v for k, v in key.items() if k not in ("use", "alg")})


def encrypted(world: World, plain: str, key: ECKey | None = None, **header: str) -> str:
    """As the platform does it: JWE for the key that we publish."""
    key = key or our_key(world)
    told: dict[str, Any] = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": key.kid, **header}
    algorithms = [told["alg"], told["enc"], "DEF"]
    return jwe.encrypt_compact(told, plain.encode(), key, algorithms=algorithms)


def transfer(world: World, reporter: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    item = {
        "platform_no": number(),
        "received_on": str(world.today - timedelta(days=3)),
        "transferred_on": str(world.today),
        "channel": "ONLINE_SITE",
        "category": "ACCUSATION",
        "target_organ": TOWN.code,
        "content_blob": encrypted(world, ORIGINAL),
    }
    if reporter is not None:
        item["reporter_blob"] = encrypted(world, json.dumps(reporter))
    return {**item, **more}


def send(world: World, item: Any, path: str = SINGLE, who: str | None = PLATFORM) -> httpx.Response:
    return world.client(who).post(path, json=item)


def sent(world: World, **more: Any) -> Case:
    """A complaint that the platform sent, found by its event as no route of the platform tells it."""
    start, item = world.position("intake"), transfer(world, **more)
    answer = send(world, item)
    assert (answer.status_code, answer.json()) == (
        201,
        {"platform_no": item["platform_no"], "status": "RECEIVED"},
    )
    [entry] = world.log("intake", start, "PlatformTransferReceived")
    return Case("intake", entry.stream)


def story_of(world: World, case: Case) -> Story:
    """The transferred complaint in the hands of the township's clerk."""
    world.assign(case, CLERK, by=HEAD)
    return Story.of(world, case, TOWN, "received")


# --- transfers in ---


def test_a8_a_transfer_is_received_for_the_organ_that_it_names(world: World) -> None:
    case = sent(world, reporter=REPORTER)
    story_of(world, case)
    view = world.read(case, CLERK)
    facts = view["facts"]
    assert (view["state"], view["organ"], facts["source"]) == ("RECEIVED", TOWN.code, "PETITION_PLATFORM")
    assert facts["identity_status"] == "CLAIMED"
    assert facts["received_on"] == str(world.today), "the organ's own clocks run from its receipt (P11)"
    assert view["deadlines"]["DL-13"] == str(working_days_after(world.today, 5))
    assert list(view["assigned"]) == [sub(CLERK)], "the platform has no need to know"


def test_p11_the_sender_has_a_receipt_and_the_clocks_run_at_the_receiver(world: World) -> None:
    """The answer is the receipt; by call or feed it comes once more."""
    start, no = world.position("intake"), number()
    case = sent(world, platform_no=no, received_on=str(world.today - timedelta(days=40)))
    assert [i["status"] for i in feed(world, start)[0] if i["platform_no"] == no] == ["RECEIVED"]
    story_of(world, case)
    running = world.read(case, CLERK)["deadlines"]
    assert running
    assert all(due > str(world.today) for due in running.values())


@pytest.mark.parametrize(("days", "late"), [(15, False), (16, True)])
def test_dl12_late_from_the_platform_is_information_only(world: World, days: int, late: bool) -> None:
    case = sent(world, received_on=str(world.today - timedelta(days=days)))
    story_of(world, case)
    view = world.read(case, CLERK)
    assert view["facts"]["late_from_platform"] is late
    assert view["state"] == "RECEIVED"
    assert "DL-12" not in view["deadlines"]


def test_sec3_a_transferred_identity_is_in_the_vault_and_nowhere_else(world: World) -> None:
    start = world.position("intake")
    case = sent(world, reporter=REPORTER)
    stored = json.dumps([e.event for e in world.log("intake", start)], ensure_ascii=False)
    story_of(world, case)
    told = stored + world.get(CLERK, case.path).text
    assert not any(value in told for value in REPORTER.values())
    leak = {"accused": [person()], "approved_by": sub(HEAD)}
    leak["allegations"] = [
        {"id": "a1", "accused": 0, "kind": "INTEGRITY_DISCIPLINE", "text": "虚台举反映其收礼。"}
    ]
    world.do(case, "RegisterComplaint", CLERK)
    refused(world.give(case, "ListAllegations", CLERK, leak), "E_TEXT_IDENTITY_LEAK")


def test_a8_the_original_is_kept_sealed_and_read_by_the_owning_clerk_only(world: World) -> None:
    case = sent(world)
    path = f"{case.path}/transferred-content"
    hidden(world.get(CLERK, path))
    story_of(world, case)
    start = world.position("intake")
    assert world.get(CLERK, path).content.decode() == ORIGINAL
    assert [e.event["fields"] for e in world.log("intake", start, "CaseRead")] == ["transferred-content"]
    for who in (OTHER_TOWN.petition_clerk, COUNTY.petition_clerk, TOWN.handler, TOWN.organ_head, PLATFORM):
        hidden(world.get(who, path))
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url) as vault:
        query = "SELECT sealed FROM transfers WHERE complaint = %s"
        [[sealed]] = vault.execute(query, [case.id]).fetchall()
    assert b"19900007777" not in sealed


def test_a14_the_original_of_what_was_sealed_is_not_opened_here(world: World) -> None:
    case = sent(world)
    story_of(world, case)
    up = {"to": COUNTY.code, "competent_level": "COUNTY", "content": "虚述。"}
    world.do(case, "SealAndEscalate", CLERK, up)
    refused(world.get(CLERK, f"{case.path}/transferred-content"), "E_SEALED_UPWARD", "A14")


def test_a14_the_original_of_what_was_sealed_goes_up_with_it(world: World) -> None:
    """The organ above opens what the platform sent; nobody named it in the parcel."""
    case = sent(world, reporter=REPORTER)
    story_of(world, case)
    up = {"to": COUNTY.code, "competent_level": "COUNTY", "content": "虚述。"}
    world.do(case, "SealAndEscalate", CLERK, up)
    above = world.taken_in(case, COUNTY)
    read = world.get(COUNTY.petition_clerk, f"{above.path}/transferred-content")
    assert read.content.decode() == ORIGINAL
    for who in (CLERK, TOWN.organ_head, OTHER_TOWN.petition_clerk):
        hidden(world.get(who, f"{above.path}/transferred-content"))


def test_a16_the_original_goes_along_with_what_is_handed_down(world: World) -> None:
    """Down and further; the organ that handed it on reads its own, the platform's number stays behind."""
    case = sent(world, target_organ=COUNTY.code)
    clerk, head = COUNTY.petition_clerk, COUNTY.petition_head
    world.assign(case, clerk, head, by=head)
    Story.of(world, case, COUNTY, "received")
    world.do(case, "RegisterComplaint", clerk)
    listing = {"accused": [person()], "allegations": [allegation("a1")], "approved_by": sub(head)}
    world.do(case, "ListAllegations", clerk, listing)
    world.do(case, "HandDown", head, {"to_organ": TOWN.code, "reason": "属其管辖。"})
    [event] = world.entries("intake", case.id, "ComplaintHandedDown")
    born = Case("intake", event.event["born"])
    hidden(world.get(CLERK, f"{born.path}/transferred-content"))
    world.assign(born, CLERK, by=HEAD)
    assert world.get(CLERK, f"{born.path}/transferred-content").content.decode() == ORIGINAL
    assert world.get(clerk, f"{case.path}/transferred-content").content.decode() == ORIGINAL


def test_a18_the_original_stays_behind_when_a_part_is_split_off(world: World) -> None:
    """The original's words tell of the other parts too."""
    case = sent(world, target_organ=COUNTY.code)
    clerk, head = COUNTY.petition_clerk, COUNTY.petition_head
    world.assign(case, clerk, head, by=head)
    world.do(case, "RegisterComplaint", clerk)
    accused = [person(COUNTY), person()]
    claims = [allegation("a1"), allegation("b1", 1)]
    world.do(
        case,
        "ListAllegations",
        clerk,
        {"accused": accused, "allegations": claims, "approved_by": sub(head)},
    )
    part = {"to_organ": TOWN.code, "allegation_ids": [f"{case.id[:8]}-b1"]}
    world.do(case, "SplitComplaint", head, part)
    [event] = world.entries("intake", case.id, "ComplaintSplit")
    born = Case("intake", event.event["born"])
    world.assign(born, CLERK, by=HEAD)
    hidden(world.get(CLERK, f"{born.path}/transferred-content"))


def test_a8_no_blob_id_opens_what_the_platform_sent_to_another(world: World) -> None:
    """A clerk who types the name of an original finds nothing under it."""
    case = sent(world)
    [event] = world.entries("intake", case.id, "ComplaintReceived")
    for blob in (event.event["blob_id"], "transfer:00", "transfer:xyz"):
        typed = Case("intake", done(world.receive(CLERK, {"blob_id": blob}))["id"])
        hidden(world.get(CLERK, f"{typed.path}/transferred-content"))


def test_a8_a_complaint_that_was_not_transferred_has_no_transferred_content(world: World) -> None:
    hidden(world.get(CLERK, f"{world.story().received().complaint.path}/transferred-content"))


def test_85_the_same_number_again_is_answered_the_same(world: World) -> None:
    item = transfer(world, REPORTER)
    first, start = send(world, item), world.position("intake")
    again = send(world, item)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert world.position("intake") == start
    refused(send(world, {**item, "category": "APPEAL"}), "E_IDEMPOTENCY_MISMATCH")
    refused(send(world, {**item, "content_blob": encrypted(world, "另")}), "E_IDEMPOTENCY_MISMATCH")


@pytest.mark.parametrize("who", [CLERK, HEAD, PROVINCE.petition_head, TOWN.handler])
def test_a8_nobody_else_transfers(world: World, who: str) -> None:
    refused(send(world, transfer(world), who=who), "E_FORBIDDEN_ROLE")
    refused(send(world, {"items": [transfer(world)]}, BATCH, who), "E_FORBIDDEN_ROLE")
    refused(send(world, transfer(world), who=None), "E_UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("platform_no", ""),
        ("platform_no", "编号"),
        ("target_organ", "DI-88"),
        ("target_organ", "DI-999999"),
        ("channel", "PIGEON"),
        ("category", "PRAISE"),
        ("content_blob", ""),
        ("content_blob", "a.b.c.d.e"),
        ("content_blob", 7),
        ("received_on", "2999-01-01"),
    ],
)
def test_85_what_has_not_the_contracts_form_is_refused(world: World, field: str, value: Any) -> None:
    start = world.position("intake")
    refused(send(world, transfer(world, **{field: value})), "E_SCHEMA")
    assert world.log("intake", start, "ComplaintReceived") == []


def test_85_further_fields_are_refused(world: World) -> None:
    refused(send(world, transfer(world, accused="虚某")), "E_SCHEMA")


def test_85_days_stand_in_their_order(world: World) -> None:
    tomorrow = str(world.today + timedelta(days=1))
    refused(send(world, transfer(world, transferred_on=tomorrow)), "E_SCHEMA", "A8")
    long_ago = str(world.today - timedelta(days=9))
    refused(send(world, transfer(world, transferred_on=long_ago)), "E_SCHEMA", "A8")


def test_85_what_is_encrypted_for_another_or_compressed_is_refused(world: World) -> None:
    field = "content_blob"
    other = ECKey.generate_key("P-256", auto_kid=True)
    details = refused(
        send(world, transfer(world) | {field: encrypted(world, "{}", other)}), "E_SCHEMA", "§8.5"
    )
    assert (details["field"], details["reason"]) == (field, "unknown key")
    zipped = encrypted(world, "{}", zip="DEF")
    assert refused(send(world, transfer(world) | {field: zipped}), "E_SCHEMA")["field"] == field


def test_b19_a_reporter_block_that_does_not_open_costs_the_block_alone(world: World) -> None:
    """The complaint is taken; the sender is told, again and again the same, and a clerk may add the name."""
    other = ECKey.generate_key("P-256", auto_kid=True)
    whole = encrypted(world, json.dumps(REPORTER))
    head, key, iv, text, tag = whole.split(".")
    broken = ".".join((head, key, iv, text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"), tag))
    for blob in (broken, encrypted(world, whole, other), "eyJhbGciOiJub25lIn0.a.b.c.d"):
        start, item = world.position("intake"), transfer(world, reporter_blob=blob)
        for _ in range(2):
            told = {"platform_no": item["platform_no"], "status": "RECEIVED", "unread": ["reporter_blob"]}
            assert done(send(world, item)) == told
        [event] = world.log("intake", start, "ComplaintReceived")
        assert event.event["identity_status"] == "UNCLAIMED"
    case = Case("intake", event.stream)
    world.assign(case, CLERK, by=HEAD)
    world.do(case, "AddIdentity", CLERK, {"reporter": REPORTER})
    assert world.read(case, CLERK)["facts"]["identity_status"] == "CLAIMED"


# --- batches ---


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ({"resident_id": "990101190001070070"}, "reporter_blob.resident_id"),
        ({"phone": "call me"}, "reporter_blob.phone"),
        ({"unit_code": "X"}, "reporter_blob.unit_code"),
        ({"co_signers": [{"name": "虚"}, {"phone": "打我"}]}, "reporter_blob.co_signers.1.phone"),
        ({"name": 7}, "reporter_blob.name"),
    ],
)
def test_b19_an_unreadable_field_is_named_without_an_echo_and_costs_the_block_alone(
    world: World, block: dict[str, Any], field: str
) -> None:
    """The platform mends what it is told of; what stands in the field is told nobody."""
    answer = send(world, transfer(world, {"虚回声": "x", **block}))
    assert done(answer)["unread"] == [field]
    item = transfer(world, block)
    [told] = send(world, {"items": [item]}, BATCH).json()["items"]
    assert told == {"platform_no": item["platform_no"], "status": "RECEIVED", "unread": [field]}
    for word in ("虚回声", "990101190001070070", "call me"):
        assert word not in answer.text


def test_85_a_reporter_block_is_taken_as_it_was_typed(world: World) -> None:
    """A resident id with a small x, a telephone with an extension."""
    block = {"name": "虚迁举", "phone": "0571-99001234转8001", "resident_id": "99010119000107007x"}
    more = {"虚回声": "x", "email": None, "address": "无", "unit": "-"}
    start, item = world.position("intake"), transfer(world, {**block, **more})
    assert "unread" not in done(send(world, item))
    [event] = world.log("intake", start, "ComplaintReceived")
    assert event.event["identity_status"] == "CLAIMED"


def test_85_a_batch_has_a_result_per_item_in_order(world: World) -> None:
    good, known = transfer(world, REPORTER), transfer(world)
    assert send(world, known).status_code == 201
    twice = transfer(world)
    items = [
        good,
        {"platform_no": "only-a-number"},
        known,
        {**known, "category": "APPEAL"},
        transfer(world, content_blob="a.b.c.d.e"),
        twice,
        {**twice, "category": "SUGGESTION"},
        "no object",
        transfer(world, target_organ=COUNTY.code),
    ]
    start = world.position("intake")
    answer = send(world, {"items": items}, BATCH)
    assert answer.status_code == 200
    results = answer.json()["items"]
    numbers = [i["platform_no"] if isinstance(i, dict) else None for i in items]
    assert [r["platform_no"] for r in results] == numbers
    told = [r.get("status") or r["problem"]["code"] for r in results]
    mismatch, form = "E_IDEMPOTENCY_MISMATCH", "E_SCHEMA"
    assert told == ["RECEIVED", form, "RECEIVED", mismatch, form, "RECEIVED", mismatch, form, "RECEIVED"]
    received = [e.event["organ"] for e in world.log("intake", start, "ComplaintReceived")]
    assert sorted(received) == sorted([TOWN.code, TOWN.code, COUNTY.code])


def test_85_a_batch_of_five_hundred_and_not_one_more(world: World) -> None:
    key = our_key(world)
    letter = encrypted(world, ORIGINAL * 20, key)
    items = [transfer(world, content_blob=letter) for _ in range(500)]
    refused(send(world, {"items": [*items, items[0]]}, BATCH), "E_SCHEMA")
    start = world.position("intake")
    results = send(world, {"items": items}, BATCH).json()["items"]
    assert [r["status"] for r in results] == ["RECEIVED"] * 500
    assert len(world.log("intake", start, "PlatformTransferReceived")) == 500
    again = send(world, {"items": items}, BATCH).json()["items"]
    assert again == results
    query = "SELECT count(*) AS left FROM effects WHERE state = 'pending'"
    # Whoever comes next is not to wait behind five hundred statuses.
    world.patiently(lambda: world._database("intake").execute(query).fetchall() == [(0,)])


@pytest.mark.parametrize(
    "body", [[], {}, {"items": []}, {"items": {}}, {"items": [], "more": 1}, "text", None]
)
def test_85_what_is_no_batch_is_refused(world: World, body: Any) -> None:
    refused(send(world, body, BATCH), "E_SCHEMA")


def test_85_a_body_that_is_no_json_is_refused(world: World) -> None:
    for path in (SINGLE, BATCH):
        refused(world.client(PLATFORM).post(path, content=b"{"), "E_SCHEMA")


# --- objections ---


def test_dl13_a_wrongly_assigned_transfer_goes_back(world: World) -> None:
    case = sent(world)
    story_of(world, case)
    answer = world.do(
        case, "ObjectToTransfer", CLERK, {"competent_organ": OTHER_TOWN.code, "reason": "属彼处管辖。"}
    )
    assert answer["state"] == "RETURNED"
    assert "DL-13" not in world.read(case, CLERK)["deadlines"]
    refused(world.give(case, "RegisterComplaint", CLERK), "E_STATE")


OBJECTION = {"competent_organ": OTHER_TOWN.code, "reason": "属彼处管辖。"}


def test_dl13_also_after_registering_and_for_what_came_on_paper(world: World) -> None:
    story = world.story().received(source="PETITION_PLATFORM", platform_no=number()).registered()
    world.do(story.complaint, "ObjectToTransfer", CLERK, OBJECTION)


def test_dl13_five_working_days_and_not_one_more(world: World) -> None:
    in_time, late = sent(world), sent(world)
    for case in (in_time, late):
        story_of(world, case)
    last = working_days_after(world.today, 5)
    world.morning_of(last)
    world.do(in_time, "ObjectToTransfer", CLERK, OBJECTION)
    world.morning_of(last + timedelta(days=1))
    details = refused(world.give(late, "ObjectToTransfer", CLERK, OBJECTION), "E_STATE", "DL-13")
    assert details["due"] == str(last)


def test_dl13_registering_says_that_it_is_ours(world: World) -> None:
    case = sent(world)
    story_of(world, case)
    world.do(case, "RegisterComplaint", CLERK)
    assert "DL-13" not in world.read(case, CLERK)["deadlines"]


def test_dl13_what_the_platform_did_not_send_does_not_go_back_to_it(world: World) -> None:
    story = world.story().received()
    assert "DL-13" not in world.read(story.complaint, CLERK)["deadlines"]
    refused(world.give(story.complaint, "ObjectToTransfer", CLERK, OBJECTION), "E_STATE", "DL-13")


def test_dl13_it_goes_back_for_another_organ_only(world: World) -> None:
    case = sent(world)
    story = story_of(world, case)
    for organ in (TOWN.code, "DI-999999"):
        own = {**OBJECTION, "competent_organ": organ}
        refused(world.give(case, "ObjectToTransfer", CLERK, own), "E_SCHEMA", "DL-13")
    story.listed()
    # Its accused are this organ's own.
    refused(world.give(case, "ObjectToTransfer", CLERK, OBJECTION), "E_SCHEMA", "DL-13")


def test_dl13_the_petition_department_objects_and_nobody_else(world: World) -> None:
    case = sent(world)
    story_of(world, case)
    world.assign(case, TOWN.deputy_leader, by=HEAD)
    refused(world.give(case, "ObjectToTransfer", TOWN.deputy_leader, OBJECTION), "E_FORBIDDEN_ROLE")
    hidden(world.give(case, "ObjectToTransfer", OTHER_TOWN.petition_clerk, OBJECTION, if_match=1))
    refused(world.client(CLERK).post(f"{case.path}/object-to-transfer", json=OBJECTION), "E_VERSION_REQUIRED")


# --- statuses out ---


@pytest.fixture
def configured(world: World) -> Iterator[Path]:
    """The file of the platforms, for this test."""
    file = world.stack.data.keys / "platforms.json"
    yield file
    file.unlink(missing_ok=True)


@pytest.fixture
def platform(configured: Path) -> Iterator[Receiver]:
    """The platform's own side, called back from now on."""
    with receiving() as receiver:
        told = {"callback_url": receiver.url, "callback_secrets": [SECRET]}
        written = configured.with_suffix(".new")
        written.write_text(json.dumps({"s-petition-platform": told}))
        written.rename(configured)  # it is read while it is written
        yield receiver


def told_of(receiver: Receiver, platform_no: str) -> list[dict[str, Any]]:
    bodies = [json.loads(g.body) for g in receiver.got]
    return [b for b in bodies if b["platform_no"] == platform_no]


def rows_of(world: World, platform_no: str) -> list[Any]:
    query = "SELECT key, state, attempts, error FROM effects WHERE payload->>'platform_no' = %s"
    found: list[Any] = world._database("intake").execute(query, [platform_no]).fetchall()
    return found


def test_a80_the_platform_is_told_every_coarse_status_once(world: World, platform: Receiver) -> None:
    no = number()
    story = story_of(world, sent(world, platform_no=no, reporter=REPORTER))
    story.opened()
    statuses = ["RECEIVED", "ACCEPTED", "IN_PROGRESS"]
    world.patiently(lambda: len(told_of(platform, no)) == 3, "callbacks")
    told = told_of(platform, no)
    assert [t["status"] for t in told] == statuses
    for t in told:
        assert set(t) == {"platform_no", "status", "change", "occurred_at"}
        assert datetime.fromisoformat(t["occurred_at"]).utcoffset() is not None
    for got in platform.got:
        verify([SECRET], got.headers, got.body, time.time())
        assert re.fullmatch(r"status-[0-9a-f]{32}", got.headers["webhook-id"])
        assert got.headers["idempotency-key"] == got.headers["webhook-id"]
        secrets = (*REPORTER.values(), story.complaint.id, story.accused[0]["name"])
        assert not any(s in got.body.decode() + str(got.headers) for s in secrets)


def test_a80_a_returned_transfer_is_told(world: World, platform: Receiver) -> None:
    no = number()
    case = sent(world, platform_no=no)
    story_of(world, case)
    world.do(case, "ObjectToTransfer", CLERK, OBJECTION)
    world.patiently(lambda: [t["status"] for t in told_of(platform, no)] == ["RECEIVED", "RETURNED"])


def test_a80_how_it_was_not_accepted_is_nobodys_to_know(world: World, platform: Receiver) -> None:
    no = number()
    story = story_of(world, sent(world, platform_no=no)).listed()
    world.assign(story.complaint, HEAD, by=HEAD)
    world.do(story.complaint, "RejectComplaint", HEAD, {"reason": "NO_SUBSTANCE"})
    world.do(story.complaint, "FileNotAccepted", CLERK)
    world.patiently(lambda: len(told_of(platform, no)) == 2, "callbacks")
    assert [t["status"] for t in told_of(platform, no)] == ["RECEIVED", "CLOSED"]
    assert not any(b"NO_SUBSTANCE" in g.body for g in platform.got)


def test_a80_what_another_service_changes_is_told_too(world: World, platform: Receiver) -> None:
    """The status changes by a reaction, whose events and effects are one transaction as well."""
    no = number()
    story = story_of(world, sent(world, platform_no=no)).opened()
    world.patiently(lambda: len(told_of(platform, no)) == 3, "callbacks")
    asked = {"reason": "OTHER_ORGAN", "consulted": "已与信访举报部门沟通。"}
    world.do(story.case, "RequestReturn", TOWN.handler, asked)
    world.do(story.case, "ReturnToPetitionDept", TOWN.deputy_leader, {"opinion": "退回信访部门。"})
    world.patiently(lambda: len(told_of(platform, no)) == 4, "callbacks")
    assert told_of(platform, no)[-1]["status"] == "RECEIVED"


def test_85_statuses_are_in_order_by_their_number(world: World, platform: Receiver) -> None:
    """A change that is told late has the day on which it happened. The number is the complaint's own: no
    length of a log is in it (B53)."""
    start, no, original = world.position("intake"), number(), world.story().listed()
    story = story_of(world, sent(world, platform_no=no))
    story.accused = [{"match": original.ref()}]
    story.listed()
    happened = world.pass_minutes()
    world.pass_days(2)
    told_late = {"occurred-at": happened.isoformat()}
    body = {"of": original.complaint.id}
    world.do(story.complaint, "MarkDuplicate", CLERK, body, headers=told_late)
    world.patiently(lambda: len(told_of(platform, no)) == 2, "callbacks")
    first, second = told_of(platform, no)
    assert [(t["status"], t["change"]) for t in (first, second)] == [("RECEIVED", 1), ("CLOSED", 2)]
    assert first["occurred_at"] < second["occurred_at"], "both in UTC, so that they can be compared"
    assert datetime.fromisoformat(second["occurred_at"]) == happened
    [line] = [i for i in feed(world, start)[0] if i["platform_no"] == no]
    assert {name: line[name] for name in second} == second


def test_a80_what_the_platform_did_not_send_by_call_it_is_not_called_about(world: World) -> None:
    no = number()
    world.story().received(source="PETITION_PLATFORM", platform_no=no).registered()
    assert rows_of(world, no) == []


def test_85_a_platform_that_fails_is_called_again_under_the_same_id(world: World, platform: Receiver) -> None:
    no = number()
    platform.script.extend([503])
    sent(world, platform_no=no)
    world.patiently(lambda: [r.state for r in rows_of(world, no)] == ["done"], "a second try")
    assert len(platform.keys()) == 2
    assert len(set(platform.keys())) == 1
    assert len({g.body for g in platform.got}) == 1


def test_85_what_was_given_up_is_listed_and_replayed(world: World, platform: Receiver) -> None:
    no = number()
    platform.script.append(410)
    sent(world, platform_no=no)
    world.patiently(lambda: [r.state for r in rows_of(world, no)] == ["dead"], "given up")
    [row] = rows_of(world, no)
    boss, start = PROVINCE.case_manager, world.position("intake")
    listed = world.get(boss, "/intake/v1/outgoing/dead", limit=200)
    [line] = [i for i in listed.json()["items"] if i["key"] == row.key]
    assert (line["kind"], line["error"], line["attempts"]) == ("platform-status", "HTTP_410", 1)
    assert set(line) == {"key", "kind", "attempts", "error", "created_at"}
    assert no not in listed.text
    path = f"/intake/v1/outgoing/dead/{row.key}/replay"
    for who, code in ((TOWN.petition_head, "E_LEVEL_TOO_LOW"), (PROVINCE.handler, "E_FORBIDDEN_ROLE")):
        refused(world.get(who, "/intake/v1/outgoing/dead"), code)
        refused(world.client(who).post(path), code)
    assert world.client(boss).post(path).status_code == 200
    [record] = world.log("intake", start, "EffectReplayed")
    assert (record.event["key"], record.event["who"]) == (row.key, sub(boss))
    world.patiently(lambda: [r.state for r in rows_of(world, no)] == ["done"], "replayed")
    assert [t["status"] for t in told_of(platform, no)] == ["RECEIVED"] * 2
    hidden(world.client(boss).post(path))
    hidden(world.client(boss).post("/intake/v1/outgoing/dead/a%00b/replay"))


def test_b2_nobody_excluded_finds_a_message_of_the_matter(world: World, platform: Receiver) -> None:
    """A message that could not be delivered is of the matter too."""
    no, boss, head, leader = number(), PROVINCE.case_manager, TOWN.petition_head, TOWN.organ_head
    platform.script.append(410)
    start = world.position("intake")
    sent(world, platform_no=no)
    world.patiently(lambda: [r.state for r in rows_of(world, no)] == ["dead"], "given up")
    [row] = rows_of(world, no)
    case = Case("intake", world.log("intake", start, "ComplaintReceived")[-1].stream)
    world.assign(case, head, leader, by=head)
    body = {"role": "case_manager", "ground": "INTEREST", "reason": "有利害关系。", "person": sub(boss)}
    done(world.give(case, "RequestRecusal", head, body))
    told = {"request": f"R{world.version(case)}", "person": sub(boss), "granted": True, "opinion": "同意。"}
    etag = world.get(leader, case.path).headers["etag"]
    done(world.give(case, "DecideRecusal", leader, told, if_match=etag))
    listed = world.get(boss, "/intake/v1/outgoing/dead", limit=200).json()["items"]
    assert row.key not in {item["key"] for item in listed}
    path = f"/intake/v1/outgoing/dead/{row.key}/replay"
    hidden(world.client(boss).post(path))
    assert world.client(PROVINCE.petition_head).post(path).status_code == 200


def test_85_outgoing_metrics_tell_kinds_only(world: World) -> None:
    text = httpx.get(f"{world.stack.direct_url('intake')}/metrics", timeout=60, trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith("zm_outgoing_") and "_created" not in line]
    assert {line.split("{")[0] for line in lines} >= {"zm_outgoing_done_total", "zm_outgoing_dead"}
    labels = {re.search(r"\{(.*)\}", line)[1] for line in lines}  # type: ignore[index] # every line has labels
    assert labels == {'kind="platform-status"', 'kind="reporter-message"'}


def test_85_in_development_without_an_address_a_status_is_a_file(world: World) -> None:
    no = number()
    sent(world, platform_no=no)
    folder = world.stack.data.root / "outgoing" / "platform-status"

    def written() -> list[Any]:
        kept = [json.loads(f.read_bytes()) for f in folder.glob("*.json")]
        return [k["payload"] for k in kept if k["payload"]["platform_no"] == no]

    [payload] = world.patiently(written)
    assert set(payload) == {"platform_no", "status", "change", "occurred_at"}


def test_85_calls_are_signed_where_a_secret_was_agreed_on(world: World, configured: Path) -> None:
    configured.write_text(json.dumps({"s-petition-platform": {"inbound_secrets": [SECRET]}}))
    item = transfer(world)
    body = json.dumps(item).encode()
    refused(world.client(PLATFORM).post(SINGLE, content=body), "E_UNAUTHENTICATED", "§8.5")
    headers = sign([SECRET], "msg-1", int(time.time()), body)
    refused(world.client(PLATFORM).post(SINGLE, content=body + b" ", headers=headers), "E_UNAUTHENTICATED")
    old = sign([SECRET], "msg-1", int(time.time()) - 400, body)
    refused(world.client(PLATFORM).post(SINGLE, content=body, headers=old), "E_UNAUTHENTICATED")
    assert world.client(PLATFORM).post(SINGLE, content=body, headers=headers).status_code == 201


# --- the feed ---


def feed(world: World, after: int | str) -> tuple[list[dict[str, Any]], str]:
    """The items behind a place, and the place behind those."""
    position = world.position("intake")
    answer = world.get(PLATFORM, "/intake/v1/status-feed", after=after, min_position=position).json()
    return answer["items"], answer["next"]


def test_a80_the_feed_moves_a_line_when_its_status_changes(world: World) -> None:
    start, no = world.position("intake"), number()
    story = story_of(world, sent(world, platform_no=no))
    items, next = feed(world, start)
    [first] = [i for i in items if i["platform_no"] == no]
    story.listed()
    assert feed(world, next)[0] == [], "nothing that it may learn"
    story.accepted()
    [second] = [i for i in feed(world, next)[0] if i["platform_no"] == no]
    assert [i for i in feed(world, start)[0] if i["platform_no"] == no] == [second]
    assert (first["status"], second["status"]) == ("RECEIVED", "ACCEPTED")
    assert set(second) == {"platform_no", "status", "change", "occurred_at"}


def test_a80_every_state_of_a_complaint_has_its_status() -> None:
    """§4.1; SEALED_UPWARD tells no more than that it was received."""
    states = {
        "RECEIVED": "RECEIVED",
        "SEALED_UPWARD": "RECEIVED",
        "REGISTERED": "RECEIVED",
        "NOT_ACCEPTED": "RECEIVED",
        "ACCEPTED": "ACCEPTED",
        "WITH_HANDLER": "IN_PROGRESS",
        "SENT_DOWN": "IN_PROGRESS",
        "SENT_OUT": "IN_PROGRESS",
        "RESULT_AVAILABLE": "IN_PROGRESS",
        "DUPLICATE_FILED": "CLOSED",
        "CLOSED": "CLOSED",
        "RETURNED": "RETURNED",
    }
    assert states == COARSE


# --- messages to reporters ---


async def test_sec10_a_message_meets_its_contact_only_on_its_way(world: World) -> None:
    """As a file it lies sealed in the vault's own folder; the stored row names a complaint and a template."""
    phone = "19900008888"
    story = world.story(
        reporter={"name": "虚信举", "phone": phone, "address": "虚信路八号", "email": "x@example.invalid"}
    ).received()
    nobody = world.story().received()
    start = world.position("intake")
    folder = world.stack.data.root / "vault" / "reporter-message"
    before = set(folder.glob("*"))
    database = world._database("intake")
    for case in (story.complaint, nobody.complaint):
        payload = json.dumps({"complaint": case.id, "template": "ACCEPTED", "means": "SMS"})
        database.execute(
            "INSERT INTO effects (key, kind, payload, created_at) VALUES (%s, 'reporter-message', %s, now())",
            [f"message:{case.id}", payload],
        )

    def state(case: Case) -> Any:
        query = "SELECT state, error FROM effects WHERE key = %s"
        return database.execute(query, [f"message:{case.id}"]).fetchone()

    world.patiently(lambda: state(story.complaint).state == "done")
    world.patiently(lambda: tuple(state(nobody.complaint)) == ("dead", "NO_CONTACT"))
    [file] = set(folder.glob("*")) - before
    sealed = file.read_bytes()
    assert phone.encode() not in sealed
    assert file.stat().st_mode & 0o077 == 0
    folder = world.stack.data.keys
    secret = (folder / "vault.key").read_bytes()
    keys = Periods(FileKeys(secret, folder / "vault-periods"), secret_for("wrapped-keys", secret))
    engine = open_engine(world.stack.database_url("zm_vault"))
    opened = json.loads(await Vault(engine, keys).open_apart(sealed))
    await engine.dispose()
    looked = [
        e.event for e in world.log("intake", start, "CaseRead") if e.event["object"] == story.complaint.id
    ]
    assert [(r["who"], r["fields"], r["purpose"]) for r in looked] == [
        ("system", "contact", "reporter-message")
    ]
    assert opened["payload"] == {"to": {"phone": phone}, "text": "您反映的事项已受理。"}
    assert story.complaint.id not in json.dumps(opened), "who carries it learns no id of ours"
    log = world.stack.data.log("intake").read_text()
    row = str(database.execute("SELECT * FROM effects WHERE kind = 'reporter-message'").fetchall())
    assert phone not in log + row
