"""Names for what an API document says, so that a generator makes a class or a list of its own of each.

A closed list stands once under the name that the code gives it (`Channel`), a body under its command's, an
answer under its operation's (`MyWorkResult`, a row of it `MyWorkItem`).
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from shared.casework.case_commands import ROLES
from shared.kernel.http.docstrings import Schema
from shared.language import contracts as published
from shared.language import roles
from shared.language.catalogue import CATALOGUE

REFERENCE = "#/components/schemas/"
JSON = "application/json"
CODES = "RefusalCode"
MAPS = ("properties", "patternProperties")
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
SINGLE = ("items", "additionalProperties", "not")
"""The keywords under which one schema stands within another."""


def named(name: str) -> Schema:
    """A reference to the component of this name."""
    return {"$ref": REFERENCE + name}


def a_list(values: Iterable[str]) -> Schema:
    """A closed list of texts."""
    return {"type": "string", "enum": list(values)}


def literals(package: str) -> dict[str, tuple[str, ...]]:
    """The closed lists that the contracts and a service's own code name, of texts, by name."""
    contracts = [f"{published.__name__}.{m.name}" for m in pkgutil.iter_modules(published.__path__)]
    own = sorted(m for m in sys.modules if m.startswith(f"{package}."))
    found: dict[str, tuple[str, ...]] = {}
    for module in [*contracts, "shared.language.law.colours", *own]:
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            values = get_args(value) if get_origin(value) is Literal else ()
            if len(values) > 1 and all(isinstance(v, str) for v in values):
                found.setdefault(name, values)
    return found


def lists_of(package: str) -> dict[str, tuple[str, ...]]:
    """Every closed list that a service's document may name."""
    return {
        CODES: tuple(sorted(CATALOGUE)),
        "Role": tuple(sorted(roles.ALL)),
        "CaseRole": tuple(sorted(ROLES)),
        "ActingRole": tuple(sorted({*roles.ALL, "anyone"})),
        **literals(package),
    }


def name_parts(made: dict[str, Any], lists: Mapping[str, tuple[str, ...]]) -> None:
    """Moves what stands unnamed in a document to its components: closed lists, bodies and answers."""
    schemas: dict[str, Schema] = made["components"]["schemas"]
    _name_bodies(made, schemas)
    names = {frozenset(values): name for name, values in reversed([*lists.items()])}
    for schema in schemas_in(made):
        schema.pop("title", None)
        for of in schema.get("properties", {}).values():
            _tell_default(of)
        values = schema.get("enum", (0,))
        if not all(isinstance(v, str) for v in values):
            continue
        name = names.get(frozenset(values))
        if name is None:
            schema["type"] = "string"
        else:
            del schema["enum"]
            schema.pop("type", None)
            schema |= named(name)
    for name in {s["$ref"].removeprefix(REFERENCE) for s in schemas_in(made) if "$ref" in s}:
        if name not in schemas:
            schemas[name] = a_list(lists[name])
    _name_answers(made, schemas)


def _tell_default(schema: Schema) -> None:
    """Says in words what a field means if it is left out. openapi-typescript takes a field with a default to
    be always there, also in a body that somebody has still to write."""
    default = schema.pop("default", None)
    if default not in (None, "", [], {}):
        words = f"Left out: `{json.dumps(default, ensure_ascii=False)}`."
        schema["description"] = f"{schema.get('description', '')} {words}".strip()


def operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in made["paths"].values():
        yield from methods.values()


def _name_bodies(made: dict[str, Any], schemas: dict[str, Schema]) -> None:
    for operation in operations(made):
        media = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if media is None or "title" not in media["schema"]:
            continue
        body, name = media["schema"], operation["operationId"]
        if name.startswith(body["title"]):  # a command; one that several kinds of case have is said once
            name = body["title"] if schemas.get(body["title"], body) == body else name
        else:
            name += "Body"
        schemas[name] = body
        media["schema"] = named(name)


def _name_answers(made: dict[str, Any], schemas: dict[str, Schema]) -> None:
    for operation in operations(made):
        for status, response in operation["responses"].items():
            media = response.get("content", {}).get(JSON, {})
            answer = media.get("schema", {})
            if not status.startswith("2") or answer.get("type") != "object":
                continue
            name = operation["operationId"]
            for key, schema in answer.get("properties", {}).items():
                inner = schema.get("items", {})
                if inner.get("type") == "object" and "properties" in inner:
                    item = f"{name}{'Item' if key == 'items' else key.title().replace('_', '')}"
                    schemas[item], schema["items"] = inner, named(item)
            schemas[f"{name}Result"], media["schema"] = answer, named(f"{name}Result")


def schemas_in(made: dict[str, Any]) -> list[Schema]:
    """Every schema of a document, those within others included."""
    components = made["components"]
    roots = [*components["schemas"].values(), *_roots(made["paths"]), *_roots(made.get("webhooks", {}))]
    roots += _roots([components.get("parameters", {}), components.get("headers", {})])
    return [schema for root in roots for schema in _inner(root)]


def _roots(value: Any) -> Iterator[Schema]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "schema":
                yield inner
            elif key not in ("example", "examples"):
                yield from _roots(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _roots(inner)


def _inner(schema: Schema) -> Iterator[Schema]:
    yield schema
    parts = [part for key in MAPS for part in schema.get(key, {}).values()]
    parts += [part for key in LISTS for part in schema.get(key, ())]
    parts += [schema[key] for key in SINGLE if key in schema]
    for part in parts:
        if isinstance(part, dict):
            yield from _inner(part)
