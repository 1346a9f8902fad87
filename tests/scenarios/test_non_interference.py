"""The reporter makes no difference to anything that anybody outside the vault can see (R27, SEC-3, SEC-4).

Two worlds play the same steps and differ only in the real-name reporter's identity. Afterwards the identity
is looked for, letter by letter, in everything that the stack has written.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg
import httpx
import psycopg
import pytest

from deploy.local.door import door
from deploy.local.player import SHANGHAI
from deploy.local.stack import Stack
from services.audit.tables import PUBLISHERS
from shared.kernel.store.sealing import Sealer
from tests.harness import PLACE, asked_of, declared, end_of, files_of, place_of

pytestmark = pytest.mark.external

TOWN = "DI-990102100"
FIRST = {
    "name": "郑虚六",
    "unit": "虚构合作社",
    "phone": "13900004321",
    "address": "虚构村三组十二号",
    "email": "zheng-xuliu@example.invalid",
    "resident_id": "99010119000107007X",
}
SECOND = {
    "name": "罗虚一",
    "unit": "另一个单位名称更长一些",
    "phone": "13811112222",
    "address": "石桥街道虚构路九十九号院二单元",
    "email": "l@example.invalid",
    "resident_id": "990101190001010018",
}
UUID_PATTERN = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|\b[0-9a-f]{8}-a1\b"
)
DATABASES = ("zm_intake", "zm_verification", "zm_clarification", "zm_followup", "zm_audit")


@dataclass
class Played:
    """One world: what everybody was answered, and where its files lie."""

    stack: Stack
    answers: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)


def play(stack: Stack, reporter: dict[str, str]) -> Played:
    """A real-name complaint from its receipt to the opened verification, seen by every kind of reader."""
    played = Played(stack)
    clients: dict[str, httpx.Client] = {}

    def call(who: str, method: str, path: str, *, fresh: bool = False, **arguments: Any) -> httpx.Response:
        """`fresh`: of a read model that holds everything so far."""
        if fresh:
            place = place_of(stack, who, path, end_of(stack, "intake"))
            arguments["params"] = {**arguments.get("params", {}), "min_position": place}
        if who not in clients:
            token = stack.client_token() if who == "platform" else stack.token(who)
            clients[who] = door(stack.front_url, token)
        answer = clients[who].request(method, path, **arguments)
        told = {k: v for k, v in answer.headers.items() if k in ("etag", "location")}
        played.answers.append(f"{who} {method} {path} {answer.status_code} {told} {answer.text}")
        return answer

    def until(look: Any) -> Any:
        for _ in range(600):
            if found := look():
                return found
            asyncio.run(asyncio.sleep(0.05))
        raise AssertionError("waited in vain")

    stack.move_clock(datetime(2026, 3, 2, 9, tzinfo=SHANGHAI))
    clerk, head = f"petition_clerk@{TOWN}", f"petition_head@{TOWN}"
    body = {
        "channel": "ONLINE_APP",
        "source": "PETITION_PLATFORM",
        "platform_no": "PT-1",
        "received_on": "2026-03-02",
        "competent_level": "TOWNSHIP",
        "acknowledged_notice_version": "1",
        "reporter": reporter,
    }
    key = {"idempotency-key": "non-interference-1"}
    id = call(clerk, "POST", "/intake/v1/complaints", json=body, headers=key).json()["id"]
    call(clerk, "POST", "/intake/v1/complaints", json=body, headers=key)
    at = f"/intake/v1/complaints/{id}"
    call(clerk, "POST", f"{at}/register-complaint", json={})
    accused = {
        "name": "冯虚七",
        "unit": "云瓶镇某村",
        "unit_division": "990102100",
        "position": "书记",
        "managed_by_level": "TOWNSHIP",
        "political_status": "PARTY_MEMBER",
        "official_category": "公务员",
    }
    claim = {"id": "a1", "accused": 0, "kind": "MASSES_DISCIPLINE", "text": "反映其截留安置补偿款。"}
    listing = {"accused": [accused], "allegations": [claim], "approved_by": "p-990102100-petition_head"}
    call(clerk, "POST", f"{at}/list-allegations", json=listing)
    call(
        head,
        "POST",
        f"{at}/assign-to-case",
        json={"person": "p-990102100-petition_head", "role": "petition_head"},
    )
    etag = call(head, "GET", at).headers["etag"]
    call(head, "POST", f"{at}/accept-complaint", json={"handling_dept": "dept"}, headers={"if-match": etag})
    call(head, "POST", f"{at}/transfer-to-handler", json={})
    dept = f"handling_dept_head@{TOWN}"
    client = door(stack.front_url, stack.token(dept))
    [row] = until(lambda: client.get("/verification/v1/cases").json().get("items"))
    case = f"/verification/v1/cases/{row['id']}"
    for person, role in (("handling_dept_head", "handling_dept_head"), ("handler", "handler")):
        call(dept, "POST", f"{case}/assign-to-case", json={"person": f"p-990102100-{person}", "role": role})
    call(f"handler@{TOWN}", "GET", case)
    call(f"handler@{TOWN}", "GET", at)  # not his to know of
    call("subject-feng", "GET", at)
    call("subject-feng", "GET", "/intake/v1/my-work", fresh=True)
    for word in ("冯虚七", "安置补偿款", *FIRST.values(), *SECOND.values()):
        for name in ("accused", "text"):
            call(clerk, "GET", "/intake/v1/search/complaints", fresh=True, params={name: word})
    order = {
        "target": TOWN,
        "complaint": id,
        "cause": "OVERDUE",
        "methods": ["LETTER"],
        "text": "请抓紧办理。",
    }
    county = "petition_clerk@DI-990102"
    call(county, "POST", "/intake/v1/supervision-orders", json=order)
    call(county, "GET", "/intake/v1/supervision-orders", fresh=True)
    call(clerk, "GET", "/intake/v1/accused?name=冯虚七")
    # Retaliation hits this reporter, misconduct is reported, recusal asked for: in his own words (A33, A44).
    subject = call(clerk, "GET", at).json()["facts"]["accused"][0]["ref"]
    words = f"{reporter['name']}（{reporter['phone']}）家门被泼漆。"
    harm = {"complaint": id, "subject": subject, "account": words}
    held = call(clerk, "POST", "/intake/v1/retaliation-reports", json=harm).json()["id"]
    staff = {"staff_organ": TOWN, "staff": "p-990102100-handler", "account": words}
    told_of = call(clerk, "POST", "/intake/v1/staff-misconduct-reports", json=staff).json()["id"]
    away = {"role": "handler", "ground": "OTHER", "reason": "应当回避。", "on_behalf_of": "REPORTER"}
    call(clerk, "POST", f"{at}/request-recusal", json=away)
    watcher = "internal_supervisor@DI-990102"
    for who in (clerk, head, county, watcher, f"handler@{TOWN}", "subject-feng"):
        call(who, "GET", "/intake/v1/retaliation-reports", fresh=True)
        call(who, "GET", "/intake/v1/internal-supervision", fresh=True)
        call(who, "GET", f"/intake/v1/retaliation-reports/{held}")
        call(who, "GET", f"/intake/v1/staff-misconduct-reports/{told_of}")
    everybody = (
        clerk,
        head,
        county,
        watcher,
        f"handler@{TOWN}",
        f"organ_head@{TOWN}",
        "subject-feng",
        "platform",
    )
    for (
        who
    ) in everybody:  # whatever is declared, about this complaint; what opens an identity is in the survey
        for read in (r for r in declared("intake") if not (r.traces or r.anyone)):
            path = asked_of(read, id)
            if "min_position" in read.queries:
                account = "petition-platform" if who == "platform" else who
                place = place_of(stack, account, path, end_of(stack, "intake"))
                path = unquote(asked_of(read, id, min_position=place))  # as `PLACE` knows one
            call(who, "GET", path, headers={"purpose": "look"})
    call(clerk, "POST", "/intake/v1/complaints", json={**body, "channel": "PIGEON"})
    auditor = "auditor@DI-990102"
    [row] = until(lambda: client.get("/verification/v1/cases").json().get("items"))
    number = row["number"]
    reading = door(stack.front_url, stack.token(auditor))

    until(lambda: caught_up(stack))
    told = reading.get(f"/audit/v1/cases/{number}/timeline", params={"limit": 1000}).json()
    reading.close()
    in_order = sorted(told["events"], key=lambda e: (e["service"], e["position"]))
    timeless = [{k: v for k, v in e.items() if k not in ("recorded_at", "command_id")} for e in in_order]
    played.events = [json.dumps(e, ensure_ascii=False, sort_keys=True) for e in timeless]
    for service in ("intake", "verification", "clarification", "followup", "audit"):
        text = httpx.get(f"{stack.direct_url(service)}/metrics", timeout=60, trust_env=False).text
        played.metrics |= {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}
        (stack.data.root / f"metrics-{service}.txt").write_text(text)
    for each in (*clients.values(), client):
        each.close()
    return played


def caught_up(stack: Stack) -> bool:
    """True if audit has taken in every service's log to its end; each is followed in its own time."""

    def asked(database: str, query: str) -> dict[str, int]:
        with psycopg.connect(stack.database_url(database, scheme="postgresql")) as connection:
            return dict(connection.execute(query).fetchall())

    ends: dict[str, int] = {}
    for service in PUBLISHERS:
        end = f"SELECT '{service}', max(notification_id) FROM {service}_events HAVING count(*) > 0"
        ends |= asked(f"zm_{service}", end)
    known = asked("zm_audit", "SELECT source, position FROM tracking")
    return all(known.get(service, 0) >= end for service, end in ends.items())


def neutral(texts: list[str]) -> list[str]:
    """Random ids by the order of their first appearance, and sealed places; nothing else is changed."""
    names: dict[str, str] = {}
    ids = [UUID_PATTERN.sub(lambda m: names.setdefault(m.group(0), f"id{len(names)}"), t) for t in texts]
    return [PLACE.sub("place", text) for text in ids]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Played, Played]]:
    with Stack(tmp_path_factory.mktemp("first")) as stack:
        first = play(stack, FIRST)
        with Stack(tmp_path_factory.mktemp("second")) as other:
            yield first, play(other, SECOND)


def test_everybody_is_answered_the_same(worlds: tuple[Played, Played]) -> None:
    """Clerk, heads, handler, subject, platform: same status, same bytes, same headers."""
    first, second = worlds
    assert neutral(first.answers) == neutral(second.answers)


def test_the_events_are_the_same(worlds: tuple[Played, Played]) -> None:
    """Every event of the case, with its confidential fields, as the auditor sees them."""
    first, second = worlds
    assert len(first.events) >= 10
    assert neutral(first.events) == neutral(second.events)


def test_the_metrics_are_the_same(worlds: tuple[Played, Played]) -> None:
    """No series exists in one world only, but for those that tell how busy the machine was."""
    first, second = worlds
    of_the_machine = ("retry", "errors", "zm_halted", "/readyz")
    buckets = {m for m in first.metrics ^ second.metrics if not any(word in m for word in of_the_machine)}
    assert buckets == set()


def spellings(reporter: dict[str, str]) -> list[bytes]:
    """The identity as it could lie in a file: plain, as JSON escapes, as base64 of its middle."""
    found = []
    for value in reporter.values():
        found += [value.encode(), json.dumps(value)[1:-1].encode(), value.encode("utf-16-le")]
    return found


def test_sec3_a_canary_is_found_nowhere_outside_the_vault(worlds: tuple[Played, Played]) -> None:
    """No table, stream, log, metric or answer holds any part of the identity; the vault itself is sealed."""
    first, _ = worlds
    root = first.stack.data.root
    canaries = spellings(FIRST)
    looked = 0
    for path, content in files_of(root):
        looked += 1
        for canary in canaries:
            assert canary not in content, (path.relative_to(root), canary)
    assert looked > 100
    for answer in first.answers:
        assert not any(c.decode("utf-8", "ignore") in answer for c in canaries[::3])


async def test_sec3_sealed_records_hold_no_canary_either(worlds: tuple[Played, Played]) -> None:
    """Opened with the services' own keys, no stored event and no row holds the identity."""
    stack = worlds[0].stack
    values = list(FIRST.values())
    opened = 0
    for database in DATABASES:
        connection = await asyncpg.connect(stack.database_url(f"{database}_owner", database, "postgresql"))
        try:
            tables = await connection.fetch(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'view')"
            )
            for schema, table in tables:
                if schema == "view":
                    continue  # the service's own; its files were read letter by letter
                for row in await connection.fetch(f'SELECT t::text AS row FROM "{schema}"."{table}" t'):
                    assert not any(v in row["row"] for v in values)
            service = database.removeprefix("zm_")
            if service == "audit":
                continue
            key = Path(stack.data.keys) / f"store-{service}.key"
            sealer = Sealer.from_files(key, service)
            for row in await connection.fetch(f"SELECT * FROM {service}_events"):
                plain = sealer.open(
                    row["state"], row["originator_id"], row["originator_version"], row["topic"]
                ).decode()
                opened += 1
                assert not any(v in plain for v in values)
        finally:
            await connection.close()
    assert opened >= 12
