"""Scenario 2, played row by row from its data file, then replayed."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jsonschema_rs import Validator, validator_for

from deploy.local.player import Player, expand, load
from deploy.local.stack import SERVICES, Stack
from services.intake.clerks.book import DeskBook
from shared.casework.readmodel import CaseBook
from shared.casework.service import build
from shared.kernel.settings import Settings
from shared.kernel.store.projector import Difference
from tests.scenarios.foretold import Foretold
from tools.documents import AUDIT, openapi

pytestmark = pytest.mark.external

AUDITOR = "auditor@DI-990102"
SCENARIO = load("2")
STEPS = list(expand(SCENARIO))


@pytest.fixture(scope="module")
def foretold() -> Foretold:
    return Foretold()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, foretold: Foretold) -> Iterator[Player]:
    """The whole scenario on a stack of its own: the player stops at the first answer that departs."""
    with Stack(tmp_path_factory.mktemp("scenario-2")) as stack:
        player = Player(stack, onlooker=foretold)
        try:
            player.play(SCENARIO)
            yield player
        finally:
            player.close()


def audit(player: Player, path: str, **params: Any) -> Any:
    answer = player.client(AUDITOR).get(f"/audit/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def timeline(player: Player) -> list[dict[str, Any]]:
    """All events of the case as audit tells them, once audit has received the last one."""
    last = player.expected[-1].type

    def complete() -> list[dict[str, Any]] | None:
        answer = player.client(AUDITOR).get(
            f"/audit/v1/cases/{player.cases['plan'].number}/timeline", params={"limit": 1000}
        )
        events: list[dict[str, Any]] = answer.json().get("events", []) if answer.status_code == 200 else []
        return events if any(e["type"] == last for e in events) else None

    found: list[dict[str, Any]] = player.patiently({"wait": "audit"}, complete)
    return found


def test_the_table_has_fifteen_dated_letters() -> None:
    """3 open a case, 9 are duplicates, 3 are reports after a conclusion; 2019-03-12 to 2022-02-20."""
    letters = [s["on"] for s in STEPS if s.get("do") == "intake:ReceiveComplaint"]
    assert len(letters) == 15
    assert (letters[0], letters[-1]) == ("2019-03-12", "2022-02-20")
    kinds = [s["expect"]["facts"]["repeat_kind"] for s in STEPS if s.get("do") == "intake:MarkDuplicate"]
    assert (kinds.count("DUPLICATE"), kinds.count("RE_REPORT_AFTER_CONCLUSION")) == (9, 3)


def test_the_table_has_the_laws_refusals_and_deadlines() -> None:
    """Rows 3, 5, 7, 10 and 12, and the due dates of rows 2, 6, 11, 12 and 14."""
    refused = [(s["row"], s["expect"]["refused"]) for s in STEPS if "refused" in s.get("expect", {})]
    assert refused == [
        (3, "E_TRACE_EXECUTOR_LEVEL"),
        (3, "E_TRACE_FORBIDDEN"),
        (5, "E_CLARIFICATION_DUE"),
        (7, "E_CONSENT_REQUIRED"),
        (10, "E_APPROVER_WRONG_ORGAN"),
        (12, "E_TEXT_IDENTITY_LEAK"),
    ]
    due = {(s["row"], s["deadline"], s["due"]) for s in STEPS if "deadline" in s}
    assert {
        (2, "DL-14", "2022-03-22"),
        (6, "DL-15", "2022-03-14"),
        (11, "DL-16", "2022-03-21"),
        (12, "DL-17", "2022-04-01"),
    } <= due


def test_every_row_happens_as_the_table_says(played: Player) -> None:
    """The player held every answer against the table; audit tells the same events on the same days."""
    events = timeline(played)
    for service in ("intake", "verification", "clarification", "followup"):
        told = iter(
            (e["type"], (datetime.fromisoformat(e["occurred_at"]) + timedelta(hours=8)).date().isoformat())
            for e in events
            if e["service"] == service
        )
        for promise in (p for p in played.expected if p.service == service):
            assert (promise.type, promise.day) in told, promise


def test_a_command_is_carried_out_if_and_only_if_it_was_foretold(played: Player, foretold: Foretold) -> None:
    foretold.account(SCENARIO)


def test_answers_are_what_the_documents_say(played: Player) -> None:
    """Every view that was read, and the whole timeline; of the facts of a kind none is missing there."""
    documents = {service: openapi(service)["components"] for service in SERVICES}
    views = [(service, view["kind"] + "View", view) for _, service, view in played.answers]
    assert {name for _, name, _ in views} == {"ComplaintView", "VerificationCaseView", "ClarificationView"}

    @cache
    def schema(service: str, name: str) -> Validator:
        return validator_for({"$ref": f"#/components/schemas/{name}", "components": documents[service]})

    for service, name, value in [*views, *((AUDIT, "TimelineEvent", e) for e in timeline(played))]:
        schema(service, name).validate(value)
    for service, name, view in views:
        known = documents[service]["schemas"][name.removesuffix("View") + "Facts"]["properties"]
        assert view["facts"].keys() <= known.keys(), name


def test_the_accuser_is_never_determined(played: Player) -> None:
    """Classification stays UNFOUNDED_REPORT, and nothing in the story speaks of a false accusation found."""
    types = {e["type"] for e in timeline(played)}
    assert "FalseAccusationDetermined" not in types
    assert "TracingRequested" not in types


@pytest.mark.parametrize("day", ["2022-03-09T00:00:00+08:00", "2022-03-19T00:00:00+08:00"])
def test_answers_given_on_a_day_equal_the_later_replay(played: Player, day: str) -> None:
    """The services' answers by that day are those that audit replays for it, and those that they give as of
    it."""
    timeline(played)
    number = played.cases["clearing"].number
    replayed = {s["id"]: s for s in audit(played, f"/cases/{number}/state", as_of=day)["streams"]}
    instant = datetime.fromisoformat(day)
    given = {view["id"]: (service, view) for at, service, view in played.answers if at < instant}
    compared = 0
    for id, (service, view) in given.items():
        if replayed[id]["version"] != view["version"]:
            continue  # the case went on after that answer and before the day
        assert replayed[id] == view
        case = next(c for c in played.cases.values() if c.id == id)
        reader = next(p for p in view["assigned"] if p.startswith("p-990102100-"))
        who = f"{reader.removeprefix('p-990102100-')}@DI-990102100"
        own = played.client(who).get(f"/{service}/v1/{case.plural}/{id}", params={"as_of": day})
        assert own.json() == view
        compared += 1
    assert compared >= 3


def test_the_difference_of_two_days(played: Player) -> None:
    """Between the two days the clarification went from waiting for consent to implemented."""
    timeline(played)
    number = played.cases["clearing"].number
    days = {"from": "2022-03-09T00:00:00+08:00", "to": "2022-03-19T00:00:00+08:00"}
    [changed] = audit(played, f"/cases/{number}/difference", **days)["streams"]
    assert changed["before"]["state"] == "CONSENT_PENDING"
    assert changed["after"]["state"] == "IMPLEMENTED"


async def compared(stack: Stack, service: str) -> dict[str, list[Difference]]:
    """The findings of a service's daily inspection, over its own read models and those of the rooms within
    it."""
    own = importlib.import_module(f"services.{service}.main").service()
    _, parts = build(own, Settings.from_env(service, stack.environment(service)))
    found = {}
    for room in (parts, *(within.parts for within in parts.rooms)):
        for name in room.projector.names:
            found[f"{room.recorder.service}.{name}"] = await room.projector.compare(name)
        await room.engine.dispose()
    return found


async def test_every_read_model_is_what_the_log_says(played: Player) -> None:
    """Compares the read models of all services and of the vault with the log. A case that is taken out of its
    list, and the clock that is thereby told no more, are found, and are back once the read models are made
    anew beside the running service."""
    stack = played.stack
    for service in ("intake", "verification", "clarification", "followup"):
        found = await compared(stack, service)
        assert found
        assert {name: differences for name, differences in found.items() if differences} == {}
    letter = played.cases["letter1"]
    admin = stack.postgres.start().admin_url
    async with await psycopg.AsyncConnection.connect(admin, dbname="zm_intake", autocommit=True) as database:
        for table in ("cases", "deadlines", "queue"):
            name = f"view.{table}_v{DeskBook.version if table == 'queue' else CaseBook.version}"
            await database.execute(f"DELETE FROM {name} WHERE stream = %s", [letter.id])
    found = await compared(stack, "intake")
    told = {d.table.rpartition("_")[0]: d for differences in found.values() for d in differences}
    assert told.keys() >= {"cases", "queue"}
    assert (told["cases"].missing, told["cases"].some) == (1, (letter.id,))
    rebuilt = await asyncio.to_thread(stack.command, "intake", "rebuild")
    assert rebuilt.returncode == 0, rebuilt
    assert not any((await compared(stack, "intake")).values())


def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    """The stack's data folder holds everything: stopped and started again, the case is there."""
    with Stack(tmp_path / "data") as stack:
        player = Player(stack)
        steps = [s for s in STEPS if s.get("save") == "letter1"]
        player.play({"steps": steps, "macros": {}})
        case = player.cases["letter1"]
        player.close()
    for service in SERVICES:
        assert "failed" not in stack.data.log(service).read_text(), f"{service} did not end in good order"
    with Stack(tmp_path / "data") as stack:
        again = Player(stack)
        path = f"/intake/v1/complaints/{case.id}"
        view = again.client("petition_clerk@DI-990102100").get(path).json()
        again.close()
    assert view["state"] == "RECEIVED"
