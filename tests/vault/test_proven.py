"""The vault is proven: what is missing or exchanged in it is refused and told (B55).

On a stack of its own, since what is done to the vault here stays done.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deploy.local.stack import Stack
from tests.harness import ANONYMOUS, SHANGHAI, TOWN, Case, World, done, refused

pytestmark = pytest.mark.external
CLERK, HEAD = TOWN.petition_clerk, TOWN.petition_head


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="zm-proven-"))
    folder.chmod(0o711)
    try:
        with Stack(folder, clock="simulated", services=("intake",)) as stack:
            world = World(stack)
            world.go_to(datetime(2023, 1, 3, 9, tzinfo=SHANGHAI))
            yield world
            world.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def vault(world: World) -> Iterator[psycopg.Connection[Any]]:
    """As the service's own user, without any key."""
    url = world.stack.database_url("zm_vault", scheme="postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def given(world: World) -> tuple[str, Case]:
    """A report's code, and the complaint that the clerk is assigned to."""
    before = world.position("intake")
    code = done(world.anonymously(**ANONYMOUS))["query_code"]
    [event] = world.log("intake", before, "ComplaintReceived")
    case = Case("intake", event.stream)
    world.assign(case, CLERK, by=HEAD)
    return code, case


def behind(world: World, code: str, what: str) -> httpx.Response:
    return world.client(None).post(f"/intake/v1/reports/{what}", json={"code": code})


def alerts(world: World, since: int, case: Case) -> list[Any]:
    found = world.log("intake", since, "SecurityAlertRaised")
    return [e.event for e in found if e.event["object"] == case.id]


def test_b55_a_letter_that_was_deleted_is_missed(world: World, vault: psycopg.Connection[Any]) -> None:
    """By the reporter behind the code and by the clerk; internal supervision hears of it, once."""
    code, case = given(world)
    done(world.anonymously("/messages", code=code, text="补充。"))
    start = world.position("intake")
    vault.execute("DELETE FROM letters WHERE complaint = %s AND direction = 'FROM_REPORTER'", [case.id])
    for _ in range(2):
        refused(behind(world, code, "mailbox"), "E_RECORD_INCOMPLETE", "B55")
        refused(world.get(CLERK, f"{case.path}/letters"), "E_RECORD_INCOMPLETE", "B55")
    [alert] = alerts(world, start, case)
    assert alert["code"] == "E_RECORD_INCOMPLETE"
    other, _ = given(world)
    assert behind(world, other, "mailbox").status_code == 200


def test_b55_a_file_that_was_deleted_is_missed(world: World, vault: psycopg.Connection[Any]) -> None:
    """Also where only its copy is gone: staff would be told that there is none."""
    code, case = given(world)
    sent = {"report-code": code, "proof-of-work": world.proof()}
    done(world.client(None).post("/intake/v1/reports/attachments", content="附件。".encode(), headers=sent))
    [item] = world.get(CLERK, f"{case.path}/attachments").json()["items"]
    start = world.position("intake")
    vault.execute("DELETE FROM blobs WHERE original = %s", [item["id"]])
    refused(world.get(CLERK, f"{case.path}/attachments"), "E_RECORD_INCOMPLETE", "B55")
    refused(world.get(CLERK, f"{case.path}/attachments/{item['id']}"), "E_RECORD_INCOMPLETE", "B55")
    assert len(alerts(world, start, case)) == 1


def test_b55_codes_that_were_exchanged_open_nothing(world: World, vault: psycopg.Connection[Any]) -> None:
    """Mine does not open the mailbox of another: the code is bound to its complaint."""
    (mine, my_case), (theirs, their_case) = given(world), given(world)
    done(world.anonymously("/messages", code=theirs, text="我叫虚某，住三组。"))
    query = (
        "DELETE FROM codes WHERE complaint = ANY(%s) RETURNING complaint, selector, salt, slow_hash, bound"
    )
    rows = vault.execute(query, [[my_case.id, their_case.id]]).fetchall()
    for (complaint, *_), (_, *rest) in zip(rows, reversed(rows), strict=True):
        vault.execute("INSERT INTO codes VALUES (%s, %s, %s, %s, %s)", [rest[0], complaint, *rest[1:]])
    for code in (mine, theirs):
        for what in ("status", "mailbox"):
            answer = behind(world, code, what)
            refused(answer, "E_RECORD_INCOMPLETE", "B55")
            assert "三组" not in answer.text


def test_b55_an_account_does_not_become_a_letter(world: World) -> None:
    """An account that was to go past the organ stays unread there, also where its row says otherwise
    (A33)."""
    code, case = given(world)
    start = world.position("intake")
    done(world.anonymously("/staff-misconduct", code=code, text="承办人有问题。"))
    assert world.log("intake", start, "StaffMisconductReported")
    owner = world.stack.database_url("zm_vault_owner", "zm_vault", scheme="postgresql")
    with psycopg.connect(owner) as connection:
        changed = (
            "UPDATE letters SET direction = 'FROM_REPORTER' WHERE complaint = %s AND direction = 'ACCOUNT'"
        )
        assert connection.execute(changed, [case.id]).rowcount == 1
    letters = world.get(CLERK, f"{case.path}/letters")
    assert [x["text"] for x in letters.json()["letters"]] == [ANONYMOUS["text"]]


def test_b55_each_night_all_is_looked_over(world: World, vault: psycopg.Connection[Any]) -> None:
    """Nobody has read it yet: what was deleted by day is told the next morning, the vault's root is recorded,
    and no key is ended as long as something is missing."""
    code, case = given(world)
    done(world.anonymously("/protection", code=code, text="有人威胁。"))
    start = world.position("intake")
    vault.execute("DELETE FROM letters WHERE complaint = %s", [case.id])
    world.pass_days(1)
    world.patiently(lambda: alerts(world, start, case), "the nightly check tells of it")
    world.patiently(lambda: world.log("intake", start, "VaultRootRecorded"), "the root is recorded")
    [root] = world.log("intake", start, "VaultRootRecorded")
    count = world._database("vault").execute("SELECT count(*) FROM vault_events").fetchall()
    assert 0 < root.event["size"] <= count[0][0]
    metrics = f"{world.stack.direct_url('intake')}/metrics"
    halted = 'zm_halted{part="vault check"} 1.0'
    world.patiently(lambda: halted in httpx.get(metrics, trust_env=False).text, "the check is halted")
