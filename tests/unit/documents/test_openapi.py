"""The generated OpenAPI documents describe commands and routes fully, whoever wrote them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, get_args

import pytest
from starlette.requests import Request
from starlette.responses import Response

from shared.casework.command import Command
from shared.casework.http.app import Application
from shared.casework.http.codes import codes_of
from shared.casework.http.describe import answer, array, describe, in_query
from shared.casework.http.naming import REFERENCE, operations
from shared.casework.http.openapi import command_path, document, posted
from shared.language.catalogue import CATALOGUE
from shared.language.contracts.intake import Channel
from shared.language.refusal import refuse
from tools.documents import AUDIT, WRITING, openapi, service_of

COMMANDS = [(s, c) for s in WRITING for c in posted(service_of(s).commands)]

NEVER_ANSWERED = ("ReadTracingArtefacts", "DepositTracingArtefact")
"""Nothing is answered there as yet but refusals (SEC-8)."""


@cache
def documented(service: str) -> dict[str, Any]:
    return openapi(service)


def codes_in(operation: dict[str, Any], status: str) -> set[str]:
    response = operation["responses"][status]
    return set(response["x-codes"])


@pytest.mark.parametrize(("service", "command"), COMMANDS, ids=lambda v: getattr(v, "__name__", v))
def test_every_command_is_documented_from_its_class(service: str, command: type[Command]) -> None:
    document = documented(service)
    operation = document["paths"][command_path(command)]["post"]
    assert operation["operationId"].startswith(command.__name__)
    assert operation["summary"]
    assert command.gate.rule in operation["description"]
    assert operation["security"] == ([] if command.gate.anyone else [{"bearer": []}])
    media = operation["requestBody"]["content"]["application/json"]
    name = media["schema"]["$ref"].removeprefix(REFERENCE)
    assert name.startswith(command.__name__)
    assert set(document["components"]["schemas"][name].get("properties", ())) == set(command.model_fields)
    success = operation["responses"]["201" if command.creates else "200"]
    assert {"ETag", "Position"} <= set(success["headers"])
    named = {p.get("name") or p["$ref"].rpartition("/")[2] for p in operation["parameters"]}
    assert {"Idempotency-Key", "Occurred-At", "Legal-Basis"} <= named
    assert ("If-Match" in named) != command.creates
    assert ("428" in operation["responses"]) == command.gate.decides
    assert "Retry-After" in operation["responses"]["503"]["headers"]
    assert "E_SCHEMA" in codes_in(operation, "422")
    assert "E_DEFECT" not in str(operation["responses"])


@pytest.mark.parametrize("service", [*WRITING, AUDIT])
def test_every_reference_leads_somewhere(service: str) -> None:
    document = documented(service)

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found: Any = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(document)


def test_what_can_follow_an_opened_case_is_linked() -> None:
    links = documented("intake")["paths"]["/v1/complaints"]["post"]["responses"]["201"]["links"]
    assert links["ReadComplaint"]["parameters"] == {"path.id": "$response.body#/id"}
    assert links["AcceptComplaint"]["parameters"]["header.If-Match"] == "$response.header.ETag"


@pytest.mark.parametrize(
    ("service", "method", "codes"),
    [
        ("clarification", "plan_clarification", {"E_WRITTEN_FORM_REQUIRED", "E_STATE"}),
        ("clarification", "render_text", {"E_TEXT_OVERALL_EVALUATION", "E_TEXT_INTENT_STATEMENT"}),
        ("verification", "close_case", {"E_DISCIPLINE_LOOSENING", "E_DUAL_ASSESSMENT_REQUIRED"}),
        ("intake", "accept_complaint", {"E_DUPLICATE", "E_STATE"}),
    ],
)
def test_codes_are_found_where_the_code_refuses(service: str, method: str, codes: set[str]) -> None:
    """In the method itself, in what it calls in other modules, and behind `allowed_in`."""
    assert codes <= codes_of(f"services.{service}", [method])


def test_codes_of_other_commands_are_not() -> None:
    assert "E_WRITTEN_FORM_REQUIRED" not in codes_of("services.clarification", ["record_platform_entry"])


def test_a_route_is_completed_by_what_it_does_not_say() -> None:
    """Path parameters, a JSON answer and the problems of every request; the rest by `describe`."""
    app = Application(title="t", version="1")

    async def plain(request: Request) -> Response:
        """Something."""
        refuse("E_NOT_FOUND")

    async def open_to_all(request: Request) -> Response:
        """Something else."""
        return Response()

    for where, endpoint, name in (("/v1/x/{ref}", plain, "Plain"), ("/v1/y", open_to_all, "Open")):
        app.add_api_route(where, endpoint, operation_id=name, response_class=Response, tags=["reads"])
    describe(
        app,
        "Open",
        parameters=[in_query("q", "What.", maxLength=3)],
        answer=answer(items=array({"type": "string"})),
        codes=["E_FORBIDDEN_ROLE"],
        anyone=True,
    )
    made = document(app, [], "services.followup", "/t")
    paths = made["paths"]
    one, other = paths["/v1/x/{ref}"]["get"], paths["/v1/y"]["get"]
    assert [(p["name"], p["in"], p["required"]) for p in one["parameters"]] == [("ref", "path", True)]
    assert one["responses"]["200"]["content"] == {"application/json": {"schema": {}}}
    assert {"401", "403", "404", "422", "503"} < set(one["responses"])
    assert (other["security"], "401" in other["responses"]) == ([], False)
    assert codes_in(other, "403") == {"E_FORBIDDEN_ROLE"}
    assert other["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": f"{REFERENCE}OpenResult"
    }
    assert made["components"]["schemas"]["OpenResult"]["required"] == ["items"]


@pytest.mark.parametrize("service", [*WRITING, AUDIT])
def test_there_is_one_problem_and_its_codes_are_listed(service: str) -> None:
    """A refusal has one shape everywhere; which codes an operation has stands beside it."""
    for operation in operations(documented(service)):
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                problem = response["content"]["application/problem+json"]["schema"]
                assert problem == {"$ref": f"{REFERENCE}Problem"}
                assert {CATALOGUE[code].status for code in response["x-codes"]} == {int(status)}
    codes = documented(service)["components"]["schemas"]["RefusalCode"]["enum"]
    assert set(codes) == set(CATALOGUE)


@pytest.mark.parametrize("service", [*WRITING, AUDIT])
def test_generators_find_names_for_everything(service: str) -> None:
    """A title that makes a package's name; a description of every tag; bodies and answers by name."""
    document = documented(service)
    assert re.fullmatch(r"[a-z ]+", document["info"]["title"])
    assert re.search(r"[\u4e00-\u9fff]", document["info"]["x-title-zh"])
    assert all(tag["description"] for tag in document["tags"])
    for operation in operations(document):
        bodies = [operation.get("requestBody", {}), operation["responses"].get("200", {})]
        for media in (m for b in bodies for m in b.get("content", {}).items() if m[0] == "application/json"):
            assert "$ref" in media[1]["schema"] or operation["operationId"] in NEVER_ANSWERED
        for parameter in operation.get("parameters", ()):
            found = parameter
            if "$ref" in parameter:
                found = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
            assert "content" not in found
            assert found["in"] != "header" or "format" not in found["schema"]


def test_closed_lists_stand_once_by_name() -> None:
    schemas = documented("intake")["components"]["schemas"]
    assert schemas["Channel"]["enum"] == list(get_args(Channel))
    assert schemas["ReceiveComplaint"]["properties"]["channel"]["$ref"] == f"{REFERENCE}Channel"
    assert schemas["ListComplaintsItem"]["properties"]["state"] == {"$ref": f"{REFERENCE}ComplaintState"}
    assert "WITH_HANDLER" in schemas["ComplaintState"]["enum"]
    assert "ISSUED" not in schemas["ComplaintState"]["enum"]
    assert "ComplaintAccepted" in schemas["ComplaintEventType"]["enum"]
    rows = {
        name: schemas[name]["properties"] for name in ("WorkQueueItem", "MyWorkItem", "RecusalRequestsItem")
    }
    assert rows["WorkQueueItem"]["channel"] == {"$ref": f"{REFERENCE}Channel"}
    assert rows["MyWorkItem"]["roles"]["items"] == {"$ref": f"{REFERENCE}Role"}
    assert rows["RecusalRequestsItem"]["role"] == {"$ref": f"{REFERENCE}CaseRole"}


@pytest.mark.parametrize("service", WRITING)
def test_a_filter_by_a_closed_list_names_it(service: str) -> None:
    found = {
        (operation["operationId"], parameter["name"]): parameter["schema"]
        for operation in operations(documented(service))
        for parameter in operation.get("parameters", ())
        if parameter.get("name") in ("state", "priority", "channel")
    }
    assert found
    for (operation, name), schema in found.items():
        assert schema.get("$ref", "").startswith(REFERENCE), (operation, name)


def test_a_case_has_the_facts_of_its_kind() -> None:
    schemas = documented("verification")["components"]["schemas"]
    view = schemas["VerificationCaseView"]["properties"]
    assert view["facts"] == {"$ref": f"{REFERENCE}VerificationCaseFacts"}
    assert view["kind"] == {"const": "VerificationCase", "type": "string"}
    facts = schemas["VerificationCaseFacts"]["properties"]
    assert facts["accused"]["items"] == {"$ref": f"{REFERENCE}Accused"}
    assert "person" not in facts  # who works on a case is no fact of it


def test_fields_are_described_by_their_docstrings() -> None:
    body = documented("intake")["components"]["schemas"]["RequestRecusal"]["properties"]
    assert body["person"]["description"].startswith("The account of the member of staff")
    told = documented("intake")["components"]["schemas"]["ReceivePlatformTransfer"]["properties"]
    assert told["received_on"]["description"] == (
        "The day on which the platform received it. From 1949-10-01 to 2099-12-31."
    )


@pytest.mark.parametrize("service", WRITING)
def test_every_field_of_a_body_is_described(service: str) -> None:
    """Also of what stands within a body. A field of one value alone says by it what it is."""
    document = documented(service)
    schemas = document["components"]["schemas"]
    bodies = [o["requestBody"]["content"] for o in operations(document) if "requestBody" in o]
    seen = reached(schemas, bodies)
    assert seen
    undescribed = [
        f"{name}.{field}"
        for name in sorted(seen)
        for field, of in schemas[name].get("properties", {}).items()
        if "const" not in of and not of.get("description")
    ]
    assert undescribed == []


def reached(schemas: dict[str, Any], value: Any) -> set[str]:
    """The names of the components that something refers to, and those that these refer to."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        match waiting.pop():
            case {"$ref": str(reference), **rest}:
                name = reference.removeprefix(REFERENCE)
                waiting += rest.values() if name in found else [*rest.values(), schemas[name]]
                found.add(name)
            case dict(inner):
                waiting += inner.values()
            case list(items):
                waiting += items
    return found


def test_the_platform_is_told_what_it_will_be_called_with() -> None:
    called = documented("intake")["webhooks"]["PlatformStatusChanged"]["post"]
    named = {p["name"] for p in called["parameters"]}
    assert named == {"idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature"}
    schemas = documented("intake")["components"]["schemas"]
    assert set(schemas["PlatformStatus"]["required"]) == {"platform_no", "status", "change", "occurred_at"}
    assert schemas["ComplaintStatus"]["enum"] == ["ACCEPTED", "CLOSED", "IN_PROGRESS", "RECEIVED", "RETURNED"]
