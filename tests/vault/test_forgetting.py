"""A reporter is forgotten when retention ends, for ever: also after the vault's database was restored (§6.5).

On a stack of its own, whose clock goes ten years ahead.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local.stack import Stack
from tests.harness import (
    ANONYMOUS,
    COUNTY,
    OTHER_COUNTY,
    SHANGHAI,
    TOWN,
    Case,
    Story,
    World,
    done,
    hidden,
    refused,
    sub,
)

pytestmark = pytest.mark.external

CLERK, HEAD, CUSTODIAN = TOWN.petition_clerk, TOWN.petition_head, COUNTY.identity_custodian
REPORTER = {"name": "郑虚忘", "phone": "13972064815"}
ONLINE: dict[str, Any] = {**ANONYMOUS, "reporter": REPORTER}
AGAIN = {"idempotency-key": "6f1c0f5e-2d3a-4b8e-9c11-0a7de1b2c3d4"}
KEYS = "/intake/v1/identity-keys"
PROTECTION = "/intake/vault/v1/protection-requests"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="zm-forgetting-"))
    folder.chmod(0o711)
    try:
        with Stack(folder, clock="simulated", services=("intake",)) as stack:
            world = World(stack)
            world.go_to(datetime(2023, 1, 3, 9, tzinfo=SHANGHAI))
            yield world
            world.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def filed(world: World) -> dict[str, Story]:
    """Four filed complaints of one reporter, and one that came online: protection is open in one, for
    another somebody suffers, and one is kept for later."""
    original = world.story(reporter=REPORTER).listed()
    found = {"original": original}
    for name in ("forgotten", "protected", "later", "harmed"):
        story = world.story(accused=[{"match": original.ref()}], reporter=REPORTER).listed()
        world.do(story.complaint, "MarkDuplicate", CLERK, {"of": original.complaint.id})
        found[name] = story
    body = {"complaint": found["protected"].complaint.id, "threat": "虚丙上门威胁。"}
    id = done(world.client(CLERK).post(PROTECTION, json=body))["id"]
    found["request"] = id
    before = world.position("intake")
    done(world.anonymously(headers=AGAIN, **ONLINE))
    [event] = world.log("intake", before, "ComplaintReceived")
    online = Case("intake", event.stream)
    world.assign(online, CLERK, by=HEAD)
    world.do(online, "RegisterComplaint", CLERK)
    listing = {**original.listing(), "accused": [{"match": original.ref()}]}
    world.do(online, "ListAllegations", CLERK, listing)
    world.do(online, "MarkDuplicate", CLERK, {"of": original.complaint.id})
    found["online"] = Story.of(world, online, TOWN, "received", "registered", "listed")
    return found


def due(world: World) -> list[str]:
    answer = world.get(CUSTODIAN, "/intake/v1/identity-retention", min_position=world.position("intake"))
    return [item["id"] for item in answer.json()["items"]]


def forget(world: World, story: Story, who: str = CUSTODIAN) -> Any:
    return world.client(who).post(KEYS, json={"complaint": story.complaint.id})


def read(world: World, story: Story) -> Any:
    params, purpose = {"fields": "NAME"}, {"purpose": "serve"}
    return world.client(CLERK).get(f"{story.complaint.path}/reporter", params=params, headers=purpose)


def vault_rows(world: World, story: Story) -> list[Any]:
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url) as connection:
        query = "SELECT * FROM identities WHERE complaint = %s"
        return connection.execute(query, [story.complaint.id]).fetchall()


def test_s65_nobody_is_forgotten_early(world: World, filed: dict[str, Story]) -> None:
    """A day before ten years are over nothing is due; a complaint that is open is never due."""
    world.go_to(world.now.replace(year=world.now.year + 10) - timedelta(days=1))
    assert due(world) == []
    refused(forget(world, filed["forgotten"]), "E_STATE", "§6.5")
    # What is told late does not make the complaint older.
    view = world.read(filed["forgotten"].complaint, CLERK)
    late = {"occurred-at": view["history"][0]["occurred_at"]}
    path, body = filed["forgotten"].complaint.path, {"person": sub(TOWN.handler), "role": "handler"}
    done(world.client(HEAD).post(f"{path}/assign-to-case", json=body, headers=late))
    refused(forget(world, filed["forgotten"]), "E_STATE", "§6.5")
    assert due(world) == []
    world.pass_days(2)
    refused(forget(world, filed["original"]), "E_STATE", "§6.5")
    assert read(world, filed["forgotten"]).json() == {"name": "郑虚忘"}


def test_s65_what_is_due_is_listed_for_its_custodian(world: World, filed: dict[str, Story]) -> None:
    names = ("forgotten", "protected", "later", "harmed", "online")
    assert set(due(world)) == {filed[name].complaint.id for name in names}
    other = world.get(OTHER_COUNTY.identity_custodian, "/intake/v1/identity-retention")
    assert other.json()["items"] == []
    for who in (CLERK, TOWN.organ_head, COUNTY.auditor):
        refused(world.get(who, "/intake/v1/identity-retention"), "E_FORBIDDEN_ROLE", "§6.5")


def test_s65_only_the_custodian_forgets(world: World, filed: dict[str, Story]) -> None:
    for who in (CLERK, TOWN.organ_head, COUNTY.case_manager, COUNTY.auditor):
        refused(forget(world, filed["forgotten"], who), "E_FORBIDDEN_ROLE", "§6.5")
    hidden(forget(world, filed["forgotten"], OTHER_COUNTY.identity_custodian))


def test_s65_while_protection_is_open_nobody_is_forgotten(world: World, filed: dict[str, Any]) -> None:
    """The custodian is not told why; afterwards the reporter is forgotten."""
    details = refused(forget(world, filed["protected"]), "E_STATE", "§6.5")
    assert details == {"state": "HELD"}
    base = f"{PROTECTION}/{filed['request']}"
    body = {"person": "p-990102100-petition_head", "role": "petition_head"}
    done(world.client(HEAD).post(f"{base}/assign-to-case", json=body))
    for command, said in (("provide-protection", "measures"), ("end-protection", "reason")):
        etag = world.get(HEAD, base).headers["etag"]
        answer = world.client(HEAD).post(
            f"{base}/{command}", json={said: "虚述。"}, headers={"if-match": etag}
        )
        done(answer)
    done(forget(world, filed["protected"]))
    world.patiently(lambda: not vault_rows(world, filed["protected"]), "the key is gone")
    told = world.client(CLERK).get(f"{base}/contents", headers={"purpose": "look"}).json()
    assert [item["contents"] for item in told["items"]] == [None, None, None]
    again = {"complaint": filed["protected"].complaint.id, "threat": "虚述。"}
    refused(world.client(CLERK).post(PROTECTION, json=again), "E_STATE", "§6.5")


def settled(world: World, plural: str, id: str, command: str, finding: str) -> None:
    """The superior, whose petition head assigns the head of the organ, ends the matter."""
    base, decider = f"/intake/v1/{plural}/{id}", COUNTY.organ_head
    body = {"person": sub(decider), "role": "organ_head"}
    done(world.client(COUNTY.petition_head).post(f"{base}/assign-to-case", json=body))
    said, etag = {"finding": finding, "measures": "虚述。"}, world.get(decider, base).headers["etag"]
    done(world.client(decider).post(f"{base}/{command}", json=said, headers={"if-match": etag}))


def test_s65_a44_while_he_suffers_nobody_is_forgotten(world: World, filed: dict[str, Any]) -> None:
    """The account of it lies under the keys of the reporter's complaint, and is needed until the matter is
    settled."""
    story = filed["harmed"]
    body = {"complaint": story.complaint.id, "subject": filed["original"].ref(), "account": "虚述。"}
    id = done(world.client(CLERK).post("/intake/v1/retaliation-reports", json=body))["id"]
    assert refused(forget(world, story), "E_STATE", "§6.5") == {"state": "HELD"}
    settled(world, "retaliation-reports", id, "settle-retaliation", "FOUND")
    done(forget(world, story))
    world.patiently(lambda: not vault_rows(world, story), "the key is gone")
    refused(world.client(CLERK).post("/intake/v1/retaliation-reports", json=body), "E_STATE", "§6.5")


def test_s65_a92_a_destroyed_key_stays_destroyed_after_a_restore(
    world: World, filed: dict[str, Story]
) -> None:
    """The record comes first and is published; what a backup brings back is destroyed before any answer."""
    story = filed["forgotten"]
    backup = vault_rows(world, story)
    before = world.position("intake")
    done(forget(world, story))
    told = [e.event for e in world.log("intake", before, "IdentityKeyDestroyed")]
    assert [e["complaint"] for e in told] == [story.complaint.id]
    hidden(read(world, story))
    world.patiently(lambda: not vault_rows(world, story), "the key is gone")

    world.stack.kill("intake")
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO identities VALUES (%s, %s, %s, %s, %s, %s, %s)", backup[0])
    world.stack.start_service("intake")
    hidden(read(world, story))
    world.patiently(lambda: not vault_rows(world, story), "the key is gone again")
    assert story.complaint.id not in due(world)
    refused(forget(world, story), "E_STATE", "§6.5")
    assert read(world, filed["later"]).json() == {"name": "郑虚忘"}


def test_s65_a_report_sent_again_brings_nobody_back(world: World, filed: dict[str, Story]) -> None:
    """The first answer is given again; the vault stays empty, and the code opens nothing."""
    story = filed["online"]
    code = done(world.anonymously(headers=AGAIN, **ONLINE))["query_code"]
    assert world.client(None).post("/intake/v1/reports/status", json={"code": code}).status_code == 200
    before = world.position("intake")
    done(world.anonymously("/staff-misconduct", code=code, text="虚述。"))
    assert refused(forget(world, story), "E_STATE", "§6.5") == {"state": "HELD"}
    [event] = world.log("intake", before, "StaffMisconductReported")
    settled(world, "staff-misconduct-reports", event.stream, "settle-staff-misconduct", "NOT_FOUND")
    done(forget(world, story))
    world.patiently(lambda: not vault_rows(world, story), "the key is gone")
    assert done(world.anonymously(headers=AGAIN, **ONLINE))["query_code"] == code
    assert vault_rows(world, story) == []
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url) as connection:
        for table in ("letters", "codes"):
            query = f"SELECT count(*) FROM {table} WHERE complaint = %s"
            assert connection.execute(query, [story.complaint.id]).fetchone() == (0,), table
    hidden(world.client(None).post("/intake/v1/reports/status", json={"code": code}))
    refused(world.give(story.complaint, "WriteToReporter", CLERK, {"text": "虚述。"}), "E_STATE", "§6.5")
    assert world.get(CLERK, f"{story.complaint.path}/letters").json()["letters"] == []


def test_a14_a_parcel_received_again_brings_nobody_back(world: World) -> None:
    """Refused, and nothing of what lies below is copied up again."""
    below = world.story(reporter=REPORTER).received(competent_level="COUNTY")
    up = {"to": COUNTY.code, "content": "虚述。"}
    world.do(below.complaint, "SealAndEscalate", CLERK, up)
    above = world.taken_in(below.complaint, COUNTY)
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM identities WHERE complaint = %s", [above.id])
        refused(world.give(above, "TakeIn", COUNTY.petition_clerk), "E_STATE", "B15")
        query = "SELECT count(*) FROM identities WHERE complaint = %s"
        assert connection.execute(query, [above.id]).fetchone() == (0,)
