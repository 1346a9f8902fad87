"""The generated OpenAPI documents describe commands and routes fully, whoever wrote them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from deploy.documents import AUDIT, WRITING, openapi, service_of
from shared.command import Command
from shared.refusal import refuse
from shared.web.codes import codes_of
from shared.web.describe import answer, array, describe, in_query
from shared.web.openapi import command_path, document, posted

COMMANDS = [(s, c) for s in WRITING for c in posted(service_of(s).commands)]


@cache
def documented(service: str) -> dict[str, Any]:
    return openapi(service)


def codes_in(operation: dict[str, Any], status: str) -> set[str]:
    response = operation["responses"][status]
    schema = response["content"]["application/problem+json"]["schema"]
    return set(schema["allOf"][1]["properties"]["code"]["enum"])


@pytest.mark.parametrize(("service", "command"), COMMANDS, ids=lambda v: getattr(v, "__name__", v))
def test_every_command_is_documented_from_its_class(service: str, command: type[Command]) -> None:
    document = documented(service)
    operation = document["paths"][command_path(command)]["post"]
    assert operation["operationId"].startswith(command.__name__)
    assert operation["summary"]
    assert command.gate.rule in operation["description"]
    assert operation["security"] == ([] if command.gate.anyone else [{"bearer": []}])
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == set(command.model_fields)
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
    app = FastAPI(title="t", version="1")

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
    paths = document(app, [], "services.followup", "/t")["paths"]
    one, other = paths["/v1/x/{ref}"]["get"], paths["/v1/y"]["get"]
    assert [(p["name"], p["in"], p["required"]) for p in one["parameters"]] == [("ref", "path", True)]
    assert one["responses"]["200"]["content"] == {"application/json": {"schema": {}}}
    assert {"401", "403", "404", "422", "503"} < set(one["responses"])
    assert (other["security"], "401" in other["responses"]) == ([], False)
    assert codes_in(other, "403") == {"E_FORBIDDEN_ROLE"}
    assert other["responses"]["200"]["content"]["application/json"]["schema"]["required"] == ["items"]
