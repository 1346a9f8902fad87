"""Nobody outside the organs learns from a log that it moved (SEC-1, B53): no answer holds a position, and
none depends on one."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.harness import ANONYMOUS, CITY, PLACE, SUBJECT, TOWN, World, done, place_of, refused

pytestmark = pytest.mark.external

PLATFORM = "petition-platform"
REPORT = {**ANONYMOUS, "text": "本村书记去年截留了安置补偿款，我亲眼所见。"}
OUTSIDE = (SUBJECT, "unit-yunping", "reporter-zheng", PLATFORM)
MEMBERS = ("position", "cursor", "sequence")
"""Names under which an answer would tell how far a log has got."""


def gets(world: World, service: str) -> dict[str, Any]:
    """Every GET of a service and of what lies in it, by path."""
    paths: dict[str, Any] = {}
    for place in (service, *(["intake/vault"] if service == "intake" else [])):
        document = httpx.get(f"{world.stack.front_url}/{place}/openapi.json", timeout=60, trust_env=False)
        found = {f"/{place}{path}": of["get"] for path, of in document.json()["paths"].items() if "get" in of}
        paths |= found
    return paths


def everything(world: World, known: dict[str, str]) -> dict[tuple[str, str], tuple[int, str]]:
    """Every answer that every outside role is given on every GET, places and trace left out."""
    told = {}
    for service in ("intake", "verification", "clarification", "followup", "audit"):
        for path in gets(world, service).keys() - {"/intake/v1/reports/challenge"}:  # another one each time
            at = re.sub(r"{(\w+)}", lambda hole: known.get(hole.group(1), known["id"]), path)
            for who in OUTSIDE:
                answer = world.client(who).get(at)
                headers = {k: v for k, v in answer.headers.items() if k not in ("date", "traceparent")}
                told[path, who] = answer.status_code, PLACE.sub("place", f"{answer.text} {headers}")
    return told


def test_b53_no_answer_to_an_outsider_depends_on_a_log(world: World) -> None:
    """Every GET of every service, before and after somebody reported without an account, a letter came, and
    a case was handed over."""
    story = world.story().received()
    known = {"id": story.complaint.id, "service": "intake", "number": "none"}
    before = everything(world, known)
    assert len({path for path, _ in before}) > 70
    done(world.anonymously(**REPORT))
    world.story().opened()
    after = everything(world, known)
    assert [(*key, before[key], after[key]) for key in before if before[key] != after[key]] == []


@pytest.mark.parametrize("who", OUTSIDE)
def test_b53_nobody_waits_for_a_position_that_they_were_not_given(world: World, who: str) -> None:
    """Neither a number, nor a place that somebody else was given, nor one of another service."""
    position = world.position("intake")
    places = [
        str(position),
        str(position + 1),
        place_of(world.stack, TOWN.petition_clerk, "/intake/", position + 1),
        place_of(world.stack, who, "/clarification/", position + 1),
        place_of(world.stack, who, "/intake/vault/", position + 1),
    ]
    paths = [path for path, of in gets(world, "intake").items() if "{" not in path and waits(of)]
    assert "/intake/v1/my-work" in paths
    for path in paths:
        others = places if "/vault/" not in path else places[:-1]
        for place in others:
            answer = world.client(who).get(path, params={"min_position": place})
            assert answer.status_code in (403, 422), (path, answer.text)


def waits(operation: dict[str, Any]) -> bool:
    return "min_position" in {parameter["name"] for parameter in operation.get("parameters", ())}


def test_b53_no_answer_to_a_command_holds_a_position(world: World) -> None:
    """Not even to staff: sealed, and another text for the same place each time."""
    first = world.receive(TOWN.petition_clerk)
    body = {"staff_organ": TOWN.code, "staff": "p-990102100-handler", "account": "办事拖延。"}
    second = world.client(SUBJECT).post("/intake/v1/staff-misconduct-reports", json=body)
    for answer in (first, second):
        assert not set(MEMBERS) & done(answer).keys()
        assert PLACE.fullmatch(answer.headers["position"])
    assert second.json()["number"] == "", "two of them would count those in between"
    params = {"min_position": second.headers["position"]}
    assert world.client(SUBJECT).get("/intake/v1/my-work", params=params).status_code == 200
    refused(world.client(CITY.auditor).get("/intake/v1/my-work", params=params), "E_SCHEMA", "B53")


def test_b53_no_document_names_a_position() -> None:
    """No answer of a service that people outside speak to has a member of that name, at any depth."""
    from tools.documents import WRITING, openapi, vault_openapi

    for document in (*(openapi(service) for service in WRITING), vault_openapi()):
        shown = json.dumps(
            [of.get("responses") for path in document["paths"].values() for of in path.values()]
        )
        for member in ("cursor", "sequence"):
            assert f'"{member}"' not in shown
        assert '"position": {"type": "integer"' not in shown
