"""Alerts: who hears of each, by when it must be closed, and its end (B47)."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.audit.access import Access
from services.audit.alerts import OWN, Owners
from services.audit.main import build
from services.audit.tables import PUBLISHERS
from shared.casework.screen import Asker, Verdict
from shared.kernel.clock import FixedClock
from shared.kernel.settings import Settings
from shared.language import roles
from shared.language.alerts import SEVERITIES, severity_of
from shared.language.contracts.common import Alert
from shared.language.event import Event, event_class, event_classes
from shared.language.organs.tree import Level, OrganTree
from shared.language.refusal import Refusal, refuse
from tests.audit.conftest import Audit, KnownPeople
from tests.audit.world import CITY, COUNTY, MORNING, OTHER_COUNTY, TOWNSHIP, Producer, World
from tests.servers import Database

LATER = MORNING + timedelta(days=300)
MINUTE = timedelta(minutes=1)
PROVINCE = "DI-99"
SUPERVISOR = "internal_supervisor"
WORD = {"outcome": "REMINDED", "done": "已与其谈话提醒。"}
SECRET = "虚某举"
"""A text that the vault would refuse."""


class Vault:
    """A vault that knows one reporter."""

    def __init__(self) -> None:
        self.asked_about: list[str] = []
        self.is_away = False

    async def asked(
        self, asker: Asker, complaints: Sequence[str], texts: Sequence[str], accused: Sequence[Any] = ()
    ) -> Verdict:
        if self.is_away:
            refuse("E_SCREEN_UNAVAILABLE", "SEC-12")
        self.asked_about = list(complaints)
        leak = any(SECRET in text for text in texts)
        return Verdict(leak=leak, alert=leak)


@dataclass
class Desk:
    """Internal supervision at its list."""

    audit: Audit
    vault: Vault = field(default_factory=Vault)

    async def seen(self, organ: str = COUNTY, **params: str) -> list[dict[str, Any]]:
        answer = await self.audit.get("/v1/alerts", role=SUPERVISOR, organ=organ, **params)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def people(self, organ: str = COUNTY, **params: str) -> list[str]:
        return [alert["person"] for alert in await self.seen(organ, **params)]

    async def close(
        self, id: str, organ: str = COUNTY, role: str = SUPERVISOR, key: str = "", **said: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {role} {organ}", **({"idempotency-key": key} if key else {})}
        path = f"/v1/alerts/{id}/closing"
        return await self.audit.client.post(path, json=said or WORD, headers=headers)

    async def at(self, now: datetime) -> None:
        """Lets the legal clock stand at an instant."""
        clock = FixedClock(now)
        self.audit.parts.alerts._clock = clock
        self.audit.parts.access._clock = clock


@pytest.fixture
async def desk(settings: Settings) -> Any:
    vault = Vault()
    app, parts = build(settings, KnownPeople(), vault)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
        desk = Desk(Audit(parts, client), vault)
        await desk.at(LATER)
        yield desk
    await parts.close()


def alarmed(
    producer: Producer,
    who: str,
    organ: str = TOWNSHIP,
    at: datetime = LATER,
    code: str = "E_TRACE_FORBIDDEN",
    role: str = "handler",
    about: UUID | str = "",
    **meta: Any,
) -> None:
    """The record of something that internal supervision must see."""
    cls = event_class(f"{producer.service}.SecurityAlertRaised")
    assert cls is not None
    said = {"code": code, "actor": who, "object": str(about), "severity": severity_of(code)}
    event = cls.model_validate(said)
    circumstances = {"actor": who, "role": role, "organ": organ, **meta}
    producer.record(event, uuid4(), at=at, correlation=uuid4(), kind="AuditRecord", **circumstances)


def refused(answer: httpx.Response, code: str) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    assert told["code"] == code, told
    details: dict[str, Any] = told["details"]
    return details


async def test_b47_r27_a52_alerts_of_all_services_reach_internal_supervision(
    desk: Desk, world: World
) -> None:
    """Those of its organ and below; the gravest first, then the newest, page by page."""
    alarmed(world.intake, "p-one", TOWNSHIP)
    alarmed(world.verification, "p-two", COUNTY, LATER + MINUTE, "E_TEXT_IDENTITY_LEAK")
    alarmed(world.intake, "p-elsewhere", OTHER_COUNTY, LATER + 2 * MINUTE)
    alarmed(world.intake, "p-outside", "", LATER + 3 * MINUTE)
    alarmed(world.intake, "p-often", COUNTY, LATER + 4 * MINUTE, "E_STATE")
    await desk.audit.take_in(*world.producers)
    assert await desk.people(COUNTY) == ["p-two", "p-one", "p-often"]
    everybody = ["p-outside", "p-elsewhere", "p-two", "p-one", "p-often"]
    for above in (CITY, PROVINCE):
        assert await desk.people(above) == everybody
    first = (await desk.audit.get("/v1/alerts", role=SUPERVISOR, organ=CITY, limit="3")).json()
    assert await desk.people(CITY, cursor=first["next"]) == everybody[3:]
    for role in ("auditor", "handler", "subject_mobile", "organ_head"):
        refused(await desk.audit.get("/v1/alerts", role=role), "E_FORBIDDEN_ROLE")
    refused(await desk.audit.get("/v1/alerts", role=SUPERVISOR, organ=TOWNSHIP), "E_LEVEL_TOO_LOW")


async def test_b47_an_alert_about_a_head_is_the_organs_above(desk: Desk, world: World) -> None:
    """Nor do people of internal supervision hear of one another: only those above do."""
    alarmed(world.intake, "p-head", COUNTY, role="organ_head")
    alarmed(world.intake, "p-watcher", COUNTY, role=SUPERVISOR)
    alarmed(world.intake, "p-village-head", TOWNSHIP, role="organ_head")
    alarmed(world.intake, "p-top", PROVINCE, role="organ_head")
    await desk.audit.take_in(world.intake)
    assert await desk.people(COUNTY) == ["p-village-head"]
    assert sorted(await desk.people(CITY, ours="true")) == ["p-head", "p-watcher"]
    assert "p-village-head" in await desk.people(CITY)
    assert await desk.people(PROVINCE, ours="true") == ["p-top"], "there is nobody above"
    (head,) = [alert for alert in await desk.seen(CITY) if alert["person"] == "p-head"]
    assert head["owner"] == CITY
    refused(await desk.close(head["id"], COUNTY), "E_NOT_FOUND")
    assert (await desk.close(head["id"], CITY)).status_code == 200


async def test_b47_what_was_sealed_past_a_head_is_the_addressees(desk: Desk, world: World) -> None:
    """A15: the alert stands in the addressee's organ already, and goes no further."""
    alarmed(world.intake, "p-head", CITY, code="E_NEED_TO_KNOW", role="organ_head", of=COUNTY)
    await desk.audit.take_in(world.intake)
    assert await desk.people(COUNTY) == []
    assert await desk.people(CITY, ours="true") == ["p-head"]


async def test_b47_nobody_reads_or_closes_an_alert_about_themselves(desk: Desk, world: World) -> None:
    me = f"p-{SUPERVISOR}-{CITY}"
    alarmed(world.intake, me, COUNTY)
    alarmed(world.intake, "p-clerk", COUNTY, code="B54", about=me)
    await desk.audit.take_in(world.intake)
    assert await desk.people(CITY) == []
    for alert in await desk.seen(PROVINCE):
        refused(await desk.close(alert["id"], CITY), "E_NOT_FOUND")
        refused(await desk.audit.get(f"/v1/alerts/{alert['id']}", role=SUPERVISOR, organ=CITY), "E_NOT_FOUND")


async def test_b2_b47_whoever_is_excluded_from_the_matter_neither_sees_nor_closes(
    desk: Desk, world: World
) -> None:
    me = f"p-{SUPERVISOR}-{COUNTY}"
    cls = event_class("intake.PersonExcluded")
    assert cls is not None
    matter: dict[str, Any] = {"matters": (str(world.first),)}
    excluded = cls.model_validate({"person": me, "role": "handler", "ground": "INTEREST"})
    world.intake.record(excluded, world.first, at=LATER, correlation=world.first, **matter)
    alarmed(world.intake, "p-one", about=world.first)
    alarmed(world.intake, "p-two", **matter)
    alarmed(world.intake, "p-three")
    await desk.audit.take_in(world.intake)
    assert await desk.people(COUNTY) == ["p-three"]
    hidden = [alert for alert in await desk.seen(CITY) if alert["person"] != "p-three"]
    assert len(hidden) == 2
    for alert in hidden:
        path = f"/v1/alerts/{alert['id']}"
        refused(await desk.audit.get(path, role=SUPERVISOR), "E_NOT_FOUND")
        refused(await desk.close(alert["id"]), "E_RECUSAL")


async def test_b47_an_alert_is_closed_once_with_a_word(desk: Desk, world: World) -> None:
    """The word is shown with the alert, to who may see it, on record; it lies sealed in the signed tree."""
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    assert (alert["state"], alert["outcome"], alert["owner"]) == ("OPEN", None, COUNTY)
    closed = (await desk.close(alert["id"])).json()
    by = f"p-{SUPERVISOR}-{COUNTY}"
    assert (closed["state"], closed["closed_by"], closed["outcome"]) == ("CLOSED", by, "REMINDED")
    assert datetime.fromisoformat(closed["closed_at"]) == LATER
    assert "done" not in closed
    for organ in (COUNTY, CITY):
        one = await desk.audit.get(f"/v1/alerts/{alert['id']}", role=SUPERVISOR, organ=organ)
        assert one.json() == closed | {"done": WORD["done"]}
    details = refused(await desk.close(alert["id"], outcome="NO_FAULT", done="再查一次。"), "E_STATE")
    assert details["state"] == "CLOSED"
    refused(await desk.close(alert["id"]), "E_STATE")
    assert await desk.audit.parts.guard.check_access() == []
    assert await desk.people(state="OPEN") == []
    assert await desk.people(state="CLOSED") == ["p-one"]


async def test_b47_a_lost_answer_is_had_again_by_its_key(desk: Desk, world: World) -> None:
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    first = await desk.close(alert["id"], key="key-of-mine")
    assert (await desk.close(alert["id"], key="key-of-mine")).json() == first.json()
    other = {"outcome": "NO_FAULT", "done": WORD["done"]}
    refused(await desk.close(alert["id"], key="key-of-mine", **other), "E_IDEMPOTENCY_MISMATCH")
    refused(await desk.close(alert["id"], key="another-key"), "E_STATE")


async def test_b47_of_many_at_once_one_closes_it(desk: Desk, world: World, settings: Settings) -> None:
    """In one process, and in two."""
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    _, another = build(settings, KnownPeople(), desk.vault)
    token = await KnownPeople().verify(f"Bearer {SUPERVISOR} {COUNTY}")

    async def elsewhere() -> int:
        try:
            id = UUID(alert["id"])
            await another.alerts.close(token, id, "NO_FAULT", "属正常履职。", None, desk.vault)
        except Refusal as refusal:
            return refusal.status
        return 200

    async def here() -> int:
        return (await desk.close(alert["id"])).status_code

    closed = await asyncio.gather(*(each() for _ in range(3) for each in (here, elsewhere)))
    await another.close()
    assert sorted(closed) == [200] + [409] * 5


async def test_b47_who_may_close(desk: Desk, world: World) -> None:
    """The organ that must; of those above none while it is in time, and no other role anywhere."""
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    for role in sorted(roles.ALL - {SUPERVISOR}):
        refused(await desk.close(alert["id"], role=role), "E_FORBIDDEN_ROLE")
    refused(await desk.close(alert["id"], TOWNSHIP), "E_LEVEL_TOO_LOW")
    refused(await desk.close(alert["id"], OTHER_COUNTY), "E_NOT_FOUND")
    refused(await desk.close(str(uuid4())), "E_NOT_FOUND")
    assert refused(await desk.close(alert["id"], CITY), "E_FORBIDDEN_ROLE")["required_organ"] == COUNTY
    refused(await desk.close(alert["id"], outcome="FORGOTTEN", done="无"), "E_SCHEMA")
    refused(await desk.close(alert["id"], outcome="NO_FAULT", done="   "), "E_SCHEMA")
    refused(await desk.close(alert["id"], outcome="NO_FAULT"), "E_SCHEMA")
    assert (await desk.close(alert["id"])).status_code == 200


async def test_b47_an_open_alert_is_on_a_clock_and_goes_up(desk: Desk, world: World) -> None:
    """Five working days; then the organ above has it among its own, every organ above may close it, and the
    operators are told how many there are."""
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    due = datetime.fromisoformat(alert["due"])
    assert due.date() == datetime(2023, 1, 3).date(), "raised on Monday, 26 December 2022; the 2nd is free"
    await desk.at(LATER + timedelta(days=8))
    assert [alert["late"] for alert in await desk.seen()] == [False]
    assert await desk.people(CITY, ours="true") == []
    assert await desk.audit.parts.alerts.late() == 0
    await desk.at(LATER + timedelta(days=9))
    assert [alert["late"] for alert in await desk.seen()] == [True]
    assert await desk.people(CITY, ours="true", late="true") == ["p-one"]
    assert await desk.people(PROVINCE, ours="true") == []
    assert await desk.people(PROVINCE, late="true") == ["p-one"]
    assert await desk.audit.parts.alerts.late() == 1
    assert (await desk.close(alert["id"], PROVINCE)).status_code == 200
    assert await desk.people(CITY, late="true") == []
    assert await desk.audit.parts.alerts.late() == 0


async def test_b47_sec12_the_word_is_screened(desk: Desk, world: World, database: Database) -> None:
    """By the reporters of the matters concerned. Whoever tries is alerted of, one organ above, and nothing of
    the words is stored."""
    matter: dict[str, Any] = {"matters": (str(world.first),)}
    alarmed(world.intake, "p-one", about=world.case, **matter)
    await desk.audit.take_in(world.verification, world.intake)
    (alert,) = await desk.seen()
    said = {"outcome": "NO_FAULT", "done": f"系{SECRET}所写。"}
    details = refused(await desk.close(alert["id"], **said), "E_TEXT_IDENTITY_LEAK")
    assert details == {"fields": ["done"]}
    assert set(desk.vault.asked_about) == {str(world.first), str(world.case)}
    number = {"outcome": "NO_FAULT", "done": "已致电 13800138000。"}
    refused(await desk.close(alert["id"], **number), "E_TEXT_IDENTITY_LEAK")
    assert [alert["state"] for alert in await desk.seen()] == ["OPEN"]
    (told,) = await desk.seen(CITY, ours="true")
    assert (told["person"], told["code"], told["severity"]) == (
        f"p-{SUPERVISOR}-{COUNTY}",
        "E_TEXT_IDENTITY_LEAK",
        "HIGH",
    )
    assert (await desk.close(told["id"], CITY)).status_code == 200
    assert (await desk.close(alert["id"])).status_code == 200
    connection = await asyncpg.connect(database.owner_url.replace("+asyncpg", ""))
    try:
        stored = await connection.fetch("SELECT access_log::text FROM access_log")
    finally:
        await connection.close()
    assert not any(word in str(row) for row in stored for word in (SECRET, WORD["done"]))


async def test_b47_without_the_vault_nothing_is_closed(desk: Desk, world: World) -> None:
    """Fails closed: no answer, no text (SEC-12)."""
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    desk.vault.is_away = True
    refused(await desk.close(alert["id"]), "E_SCREEN_UNAVAILABLE")
    assert [alert["state"] for alert in await desk.seen()] == ["OPEN"]


async def test_b47_every_refusal_is_on_record(desk: Desk, world: World, database: Database) -> None:
    alarmed(world.intake, "p-one")
    await desk.audit.take_in(world.intake)
    (alert,) = await desk.seen()
    await desk.close(alert["id"])
    await desk.close(alert["id"])
    await desk.close(alert["id"], OTHER_COUNTY)
    await desk.audit.get(f"/v1/alerts/{alert['id']}", role=SUPERVISOR)
    connection = await asyncpg.connect(database.owner_url.replace("+asyncpg", ""))
    try:
        rows = await connection.fetch("SELECT action, outcome FROM access_log ORDER BY id")
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [
        ("close-alert", "closed"),
        ("close-alert", "E_STATE"),
        ("close-alert", "E_NOT_FOUND"),
        ("alert", "told"),
    ]


# --- Producers and readers, as the code has them ---


def alerts_of(service: str) -> list[type[Event]]:
    """Every kind of alert that a service can publish."""
    return [cls for cls in event_classes(service) if issubclass(cls, Alert)]


def test_b47_every_organ_and_role_has_somebody_who_must_close() -> None:
    """The owner is an organ with internal supervision, at or above the person's own, above it for a head
    where there is one above, and it finds the alert among its own."""
    organs = OrganTree.load()
    owners = Owners(organs)
    for organ in organs:
        for from_above in (False, True):
            owner = owners.of(organ.code, from_above)
            sight = owners.sight(owner)
            assert organs.get(owner).level >= Level.COUNTY
            assert organs.is_ancestor_or_self(owner, organ.code)
            assert organ.code in (sight.ours_from_above if from_above else sight.ours)
            if from_above and organ.parent is not None:
                assert owner != organ.code
            parent = organs.get(owner).parent
            if parent is not None:
                above = owners.sight(parent)
                assert organ.code in (above.below_from_above if from_above else above.below)


@pytest.mark.parametrize("role", sorted({*roles.ALL, "anyone"}))
async def test_b47_every_kind_of_alert_of_every_service_has_a_reader(desk: Desk, role: str) -> None:
    """Each kind that the contracts know, raised by each service about somebody of each role, stands in one
    list of what must be closed, and nowhere among the work of another organ."""
    given = {"who": "p-one", "role": role, "objects": 21, "code": "E_TRACE_FORBIDDEN", "actor": "p-one"}
    raised = 0
    for service in PUBLISHERS:
        producer = Producer(service)
        for cls in alerts_of(service):
            for organ in (TOWNSHIP, COUNTY, CITY, PROVINCE, ""):
                said = {**given, "object": "", "severity": "HIGH"}
                event = cls.model_validate({n: v for n, v in said.items() if n in cls.model_fields})
                whose: dict[str, Any] = {"actor": "p-one", "role": role, "organ": organ}
                producer.record(event, uuid4(), at=LATER, correlation=uuid4(), kind="AuditRecord", **whose)
                raised += 1
        await desk.audit.take_in(producer)
    assert raised >= 2 * 5 * len(PUBLISHERS)
    work = [alert for organ in (COUNTY, CITY, PROVINCE) for alert in await desk.seen(organ, ours="true")]
    assert len({alert["id"] for alert in work}) == len(work) == raised
    assert {alert["severity"] for alert in work} <= set(SEVERITIES)


@pytest.mark.parametrize("code", OWN)
async def test_b47_every_alert_of_audits_own_has_a_reader(desk: Desk, code: str) -> None:
    raised = Access(
        who="p-one", role="handler", organ=TOWNSHIP, action=code, object="", outcome="alert", about=uuid4()
    )
    await desk.audit.parts.access.add(raised)
    (alert,) = await desk.seen(ours="true")
    assert (alert["service"], alert["code"], alert["severity"]) == ("access", code, severity_of(code))


ROOT = Path(__file__).parents[2]


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the code of services and of what they share, with its file."""
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    yield str(path.relative_to(ROOT)), node


def constants(node: ast.AST) -> set[Any]:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}


def test_b47_no_alert_is_raised_past_the_list() -> None:
    """Everything that the code raises under a name like an alert's is of a kind that the list knows: an event
    that is an `Alert`, or a record of audit's own whose code the list gives a severity. A new producer of
    another kind fails here."""
    kinds_known = {cls.__name__ for service in PUBLISHERS for cls in alerts_of(service)}
    like_alerts = {
        cls.__name__ for service in PUBLISHERS for cls in event_classes(service) if "Alert" in cls.__name__
    }
    assert like_alerts == kinds_known
    noted, own = set(), []
    for path, call in calls():
        called = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if called == "note":
            noted |= {word for word in constants(call) if isinstance(word, str) and "Alert" in word}
        outcome = next((k.value for k in call.keywords if k.arg == "outcome"), None)
        if path.startswith("services/audit/") and isinstance(outcome, ast.Name) and outcome.id == "ALERT":
            own.append((path, call))
        assert not (outcome is not None and "alert" in constants(outcome)), f"{path}: not by its name"
    assert noted == kinds_known
    said = {name.id for _, call in own for name in ast.walk(call) if isinstance(name, ast.Name)}
    assert len(own) == len(OWN)
    assert {"BULK_READING", "LEAK"} <= said
