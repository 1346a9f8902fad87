"""The OpenAPI document of a service, made from its commands, its routes and the code that refuses.

A command is documented by its class: body, roles, headers, answer, and every code that it can be refused
with (read from the code, `shared.casework.http.codes`). A hand-written route says with `describe` what is
special about it; what it does not say is filled in: path parameters, a JSON answer, the problems of every
read.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shared.casework.aggregate import snake
from shared.casework.case import Case
from shared.casework.command import Command
from shared.casework.http.codes import codes_of
from shared.casework.http.describe import ACTOR, KEY, PROBLEM, in_header, in_path
from shared.casework.http.kinds import lists_of_kinds, schemas_of_kind
from shared.casework.http.naming import lists_of, name_parts, named
from shared.kernel.http.docstrings import Schema, schema_of
from shared.kernel.http.problems import MEDIA_TYPE
from shared.language.catalogue import CATALOGUE
from shared.language.roles import SYSTEM

EXAMPLES = Path(__file__).with_name("examples.json")
ANY_REQUEST = ("E_SCHEMA", "E_OVERLOADED", "E_UNAVAILABLE")
READ = ("E_FORBIDDEN_ROLE",)
COMMAND = (
    *("E_FORBIDDEN_ROLE", "E_CONFLICT_VERSION", "E_IDEMPOTENCY_KEY", "E_IDEMPOTENCY_MISMATCH"),
    *("E_BODY_TOO_LARGE", "E_BODY_TOO_SLOW", "E_CALENDAR_UNAVAILABLE"),
)
MEANINGS = {
    401: "No valid token.",
    403: "Not this role, organ or person.",
    404: "Not found, or not yours to know of.",
    408: "The body came too slowly.",
    409: "A rule, the state or a race forbids it.",
    412: "The version named is no longer current; `ETag` names the current one.",
    413: "Too large.",
    415: "Not a type that is taken here.",
    422: "The form is wrong, or a text did not pass its screen.",
    428: "This decision needs `If-Match`; `ETag` names the current version.",
    429: "Too many for now, or the work that was asked for is not done.",
    503: "Overloaded, or a part is away; see `Retry-After`.",
}

TAGS = {
    "integration": "For the petition platform: what it sends, and what it is told.",
    "outgoing": "Messages to the outside that could not be delivered.",
    "proof": "The logs that prove what was recorded: checkpoints, and proofs of inclusion and consistency.",
    "reads": "What staff reads: cases, lists, work, deadlines.",
    "replay": "A case as it was known, or had happened, on any day.",
    "reporters": "For those who report, and for those who answer them.",
    "reports": "For those who report without an account, and for those who answer them.",
    "supervision": "What internal supervision watches over.",
    "vocabulary": "What the words of the API mean: closed lists, refusals, organs, divisions; open to all.",
    "vault": "What the vault tells of a reporter, with a purpose and on record.",
}
"""The descriptions of the tags that gather hand-written routes; a kind of case has its docstring."""
HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": 'The version of the case, as `If-Match` takes it: `"7"`.',
        "schema": {"type": "string"},
    },
    "Position": {
        "description": "`min_position` of a read that must hold what was done, for the same caller; sealed.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The new case, relative to the request's own address.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "Content-Language": {
        "description": "The language of `title`, as `Accept-Language` asked for.",
        "schema": {"type": "string", "enum": ["zh-CN", "en"]},
    },
    "Access-Record": {
        "description": "The hash of the record that this reading left.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
}
OF_STATUS = {401: ("WWW-Authenticate",), 412: ("ETag",), 428: ("ETag",), 503: ("Retry-After",)}


def document(
    app: FastAPI, commands: Sequence[type[Command]], package: str, server: str, title_zh: str = ""
) -> dict[str, Any]:
    """OpenAPI 3.1 of everything that the service answers. `package` is where its code lies."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        contact={"name": "zhengming"},
        license_info={"name": "Proprietary"},
        servers=[{"url": server, "description": "Behind the front door."}],
    )
    by_path = {(command_path(c), "post"): c for c in commands}
    endpoints = {
        (r.path_format, m.lower()): r for r in app.routes if isinstance(r, APIRoute) for m in r.methods or ()
    }
    made["info"]["x-title-zh"] = title_zh
    if webhooks := app.state.webhooks:
        made["webhooks"] = webhooks
    kinds = list(dict.fromkeys(command.on for command in commands))
    schemas: dict[str, Schema] = {"Problem": PROBLEM, "Actor": ACTOR, **app.state.schemas}
    for kind in kinds:
        schemas |= schemas_of_kind(kind)
    schemas = deepcopy(schemas)
    _hoist(list(schemas.values()), schemas)
    tags = set()
    for where, operations in made["paths"].items():
        for method, operation in operations.items():
            tags |= set(operation.get("tags", ()))
            command = by_path.get((where, method))
            if command is not None:
                _command(operation, command, commands, _codes(command, package))
            else:
                endpoint = endpoints[where, method].endpoint
                found = codes_of(package, [endpoint.__name__])
                if method == "get":  # a read is refused by no state, whatever it shares with commands
                    found = {c for c in found if CATALOGUE[c].status not in (409, 412, 428)}
                    found -= {"E_IDEMPOTENCY_KEY"}
                for given in app.state.gives.get(operation["operationId"], ()):
                    found |= _codes(given, package)
                _route(operation, where, found)
            _hoist(operation, schemas)
    told = TAGS | {kind.kind: _sentence(kind) for kind in kinds}
    made["tags"] = [{"name": t, "description": told[t]} for t in sorted(tags)]
    made = deepcopy(made)  # much of it belongs to the routes
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas)
    components["headers"] = dict(HEADERS)
    components["parameters"] = {p["name"]: p for p in COMMAND_HEADERS}
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of the identity provider: who, in which roles, of which organ.",
        }
    }
    name_parts(made, lists_of(package) | lists_of_kinds(kinds))
    # FastAPI's own, which nothing here answers with.
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    _prune(made)
    return made


@functools.cache
def _examples() -> dict[str, Any]:
    """Bodies of commands as the scenarios give them (`tools.documents`)."""
    found: dict[str, Any] = json.loads(EXAMPLES.read_text("utf-8"))
    return found


def _sentence(of: type) -> str:
    """The first sentence of a docstring."""
    return " ".join((of.__doc__ or "").split()).split(". ")[0].removesuffix(".") + "."


def _prune(made: dict[str, Any]) -> None:
    """Leaves out components that nothing in the document refers to."""
    told = json.dumps(made)
    for kind in ("headers", "parameters", "schemas"):
        of_kind = made["components"][kind]
        for name in [n for n in of_kind if f'"#/components/{kind}/{n}"' not in told]:
            del of_kind[name]
        if not of_kind:
            del made["components"][kind]


INSTANT = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
CITED = r"^\s*\[[ -~]*\]\s*$"
COMMAND_HEADERS = (
    in_header(
        "Idempotency-Key",
        "Sent again with the same key, a command is carried out once; 8 to 128 visible characters.",
        pattern=KEY,
    ),
    # Plain strings both: generators know no `format` and no `content` of a header, and left commands out.
    {
        **in_header(
            "Occurred-At",
            "When it happened, if earlier than now (RFC 3339 with offset, of 1900 to 2999).",
            pattern=INSTANT,
        ),
        "example": "2026-03-02T09:30:00+08:00",
    },
    {
        **in_header(
            "Legal-Basis",
            "The instruments cited (R2): a JSON list in ASCII of at most 20 objects, each with `instrument`, "
            "`version_date` (YYYY-MM-DD) and `article`.",
            pattern=CITED,
        ),
        "example": '[{"instrument": "GZ-2020", "version_date": "2020-01-21", "article": "26"}]',
    },
)


def command_path(command: type[Command]) -> str:
    """The path to which a command is posted."""
    base = f"/v1/{command.plural}"
    return base if command.creates else f"{base}/{{id}}/{snake(command.__name__).replace('_', '-')}"


def operation_ids(commands: Iterable[type[Command]]) -> dict[type[Command], str]:
    """The operation id of every command: its name. A command that several kinds of case have (`AssignToCase`)
    is told apart by the kind, since an operation id names one operation."""
    commands = list(commands)
    names = Counter(c.__name__ for c in commands)
    return {c: c.__name__ + ("" if names[c.__name__] == 1 else c.on.kind) for c in commands}


def posted(commands: Iterable[type[Command]]) -> list[type[Command]]:
    """The commands that have a route. A command that only the system may give has none: it acts by itself
    (the scheduler), and never by a token."""
    return [c for c in commands if c.gate.by != (SYSTEM,)]


def _sources(command: type[Command]) -> list[str]:
    """The names of the methods from which a command's refusals can come: its own, and the service's lookups,
    deposits and writings beside it."""
    gate = command.gate
    prepared = [name for name, used in (("lookups", gate.lookups), ("deposits", gate.deposits)) if used]
    return [command.method, *prepared, "beside"]


def _codes(command: type[Command], package: str) -> set[str]:
    """Every code that a command can be refused with."""
    gate = command.gate
    codes = {*ANY_REQUEST, *COMMAND, *codes_of(package, _sources(command)), gate.wrong_organ} - {"E_NOT_YET"}
    if not gate.anyone:
        codes |= {"E_UNAUTHENTICATED", "E_RECUSAL"}
    if gate.level is not None:
        codes.add(gate.level_code)
    if command.serving or command.people is not Command.people:
        codes.add("E_PERSON_UNKNOWN")
    if gate.differs_from:
        codes.add("E_SOD_CONFLICT")
    if gate.duty and not command.creates:
        codes |= {"E_STEP_UNFILLED", "E_STEP_IN_QUESTION"} if gate.asks_steps else {"E_STEP_UNFILLED"}
    if not command.creates:
        codes |= {"E_NOT_FOUND", "E_STALE_VERSION"}
    if gate.decides:
        codes.add("E_VERSION_REQUIRED")
    # Texts may also be composed by the aggregate itself, so the screen may be asked for any command.
    return codes | {gate.leak, "E_SCREEN_UNAVAILABLE"}


def _command(
    operation: dict[str, Any], command: type[Command], all: Sequence[type[Command]], codes: set[str]
) -> None:
    gate = command.gate
    operation["description"] = _describe(command)
    body = schema_of(command)
    media = {"schema": body}
    if (example := _examples().get(f"{command.on.service}:{command.__name__}")) is not None:
        media["example"] = example
    operation["requestBody"] = {
        "required": bool(body.get("required")),
        "content": {"application/json": media},
    }
    operation["security"] = [] if gate.anyone else [{"bearer": []}]
    id = [] if command.creates else [in_path("id", "The case.", format="uuid")]
    match = in_header("If-Match", "The version that the decision is based on.", required=gate.decides)
    match["schema"]["examples"] = ['"7"']
    shared = [{"$ref": f"#/components/parameters/{p['name']}"} for p in COMMAND_HEADERS]
    operation["parameters"] = [*id, *([] if command.creates else [match]), *shared]
    headers = [
        *("ETag", *([] if gate.anyone else ["Position"])),
        *(["Location"] if command.creates else []),
    ]
    success = {
        "description": "Done; the events are durable.",
        "headers": {h: {"$ref": f"#/components/headers/{h}"} for h in headers},
        "content": {"application/json": {"schema": named(f"{command.on.kind}Answer")}},
    }
    if command.creates and (links := _links(command, all)):
        success["links"] = links
    operation["responses"] = {"201" if command.creates else "200": success, **_problems(codes)}


def _links(opening: type[Command], commands: Sequence[type[Command]]) -> dict[str, Any]:
    """The calls that can follow once a case is opened: reading it, and every command on it."""
    id = {"path.id": "$response.body#/id"}
    links: dict[str, Any] = {}
    if issubclass(opening.on, Case):
        reading = f"Read{opening.on.kind}"
        links[reading] = {"operationId": reading, "parameters": id}
    for command, name in operation_ids(commands).items():
        if command.on is opening.on and not command.creates:
            parameters = {**id, "header.If-Match": "$response.header.ETag"} if command.gate.decides else id
            links[name] = {"operationId": name, "parameters": parameters}
    return links


def _describe(command: type[Command]) -> str:
    gate = command.gate
    text = " ".join((command.__doc__ or "").split())
    by = ", ".join(gate.by) or "anyone"
    return f"{text}\n\nRule {gate.rule}. Roles: {by}." + (" Needs `If-Match`." if gate.decides else "")


def _route(operation: dict[str, Any], where: str, found: set[str]) -> None:
    """Adds the members that every hand-written route has, unless it says otherwise."""
    codes = {*ANY_REQUEST, *found, *operation.pop("x-codes", ())}
    if operation.setdefault("security", [{"bearer": []}]):
        codes |= {"E_UNAUTHENTICATED", *READ}
    parameters = operation.setdefault("parameters", [])
    known = {p.get("name") for p in parameters}
    for name in re.findall(r"{(\w+)}", where):
        codes.add("E_NOT_FOUND")
        if name not in known:
            parameters.append(in_path(name, "The case." if name == "id" else f"Which {name}."))
    if "requestBody" in operation:
        codes |= {"E_BODY_TOO_LARGE", "E_BODY_TOO_SLOW"}
    if not parameters:
        del operation["parameters"]
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    for status, response in responses.items():
        if status.startswith("2") and status != "204":
            response.setdefault("content", {"application/json": {"schema": {}}})
    for status, problem in _problems(codes).items():
        responses.setdefault(status, problem)


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    """The problem responses of some codes, by status. Every 404 is E_NOT_FOUND, whatever lies behind it."""
    by_status = defaultdict(set)
    for code in codes:
        status = CATALOGUE[code].status
        by_status[status].add("E_NOT_FOUND" if status == 404 else code)
    return {
        str(status): {
            "description": f"{MEANINGS.get(status, 'Refused.')} {', '.join(sorted(found))}.",
            "headers": {
                h: {"$ref": f"#/components/headers/{h}"}
                for h in ("Content-Language", *OF_STATUS.get(status, ()))
            },
            "content": {MEDIA_TYPE: {"schema": named("Problem")}},
            "x-codes": sorted(found),
        }
        for status, found in sorted(by_status.items())
        if status != 500
    }


def _hoist(value: Any, schemas: dict[str, Schema]) -> None:
    """Moves the definitions that pydantic puts beside a schema to the document's components."""
    if isinstance(value, dict):
        for name, schema in value.pop("$defs", {}).items():
            _hoist(schema, schemas)
            schemas[name] = schema
        for inner in value.values():
            _hoist(inner, schemas)
    elif isinstance(value, list):
        for inner in value:
            _hoist(inner, schemas)
