"""Describes hand-written routes for the OpenAPI document (`shared.casework.http.openapi`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Date, DateTime, Integer, Uuid

from shared.casework.command import Command
from shared.casework.http.naming import named
from shared.kernel.http.docstrings import Schema, schema_of

KEY = '^"?[!-~]{8,126}"?$'
"""An idempotency key: 8 to 128 visible characters."""
Parameter = dict[str, Any]

PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457: why it was not done, in Chinese and English, with the rule.",
    "required": ["type", "title", "status", "code", "rule", "message_zh", "message_en", "details"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": named("RefusalCode"),
        "rule": {"type": "string"},
        "message_zh": {"type": "string"},
        "message_en": {"type": "string"},
        "details": {"type": "object"},
    },
}
ACTOR: Schema = {
    "type": "object",
    "description": "Who acted, in which role of which organ.",
    "required": ["actor", "role", "organ"],
    "properties": {"actor": {"type": "string"}, "role": named("ActingRole"), "organ": {"type": "string"}},
}


def in_query(name: str, words: str, *, required: bool = False, **schema: Any) -> Parameter:
    """A parameter of the query string; `schema` says what it must be, a string if nothing else."""
    return {**parameter("query", name, words, required), "schema": {"type": "string", **schema}}


def of_list(name: str, words: str, which: str) -> Parameter:
    """A parameter of the query string that is one of a closed list, by the name of the list."""
    return {**parameter("query", name, words, False), "schema": named(which)}


def in_header(name: str, words: str, *, required: bool = False, **schema: Any) -> Parameter:
    """A request header."""
    return {**parameter("header", name, words, required), "schema": {"type": "string", **schema}}


def in_path(name: str, words: str, **schema: Any) -> Parameter:
    """A parameter of the path."""
    return {**parameter("path", name, words, True), "schema": {"type": "string", **schema}}


def parameter(place: str, name: str, words: str, required: bool) -> Parameter:
    return {"name": name, "in": place, "required": required, "description": words}


def whole(name: str, words: str, *, minimum: int = 0, maximum: int = 1 << 62, **more: Any) -> Parameter:
    """A whole number of the query string."""
    return in_query(name, words, type="integer", minimum=minimum, maximum=maximum, **more)


BINARY: Schema = {"type": "string", "format": "binary"}
"""Bytes, as the body of a request or an answer."""
CURSOR = in_query("cursor", "`next` of the page before.")
MIN_POSITION = in_query(
    "min_position",
    "`Position` of an answer to the same caller: waits until the read model holds it, 503 after a second.",
)


def row_of(*columns: Column[Any], **more: Schema) -> Schema:
    """A row of a read model as JSON, by the types of its columns; without its place in the log (B53). A case
    is named by its `id`, as everywhere (`shared.kernel.store.reading`)."""
    named_so = {"stream": "id"}
    told = [c for c in columns if c.name != "position"]
    properties = {named_so.get(c.name, str(c.name)): _of_column(c) for c in told} | more
    return {"type": "object", "required": list(properties), "properties": properties}


def _of_column(column: Column[Any]) -> Schema:
    if "list" in column.info:
        return named(column.info["list"])
    if "pattern" in column.info:
        return {"type": "string", "pattern": column.info["pattern"]}
    kinds: tuple[tuple[type[Any], Schema], ...] = (
        (ARRAY, {"type": "array", "items": {"type": "string"}}),
        (Uuid, {"type": "string", "format": "uuid"}),
        (Boolean, {"type": "boolean"}),
        (BigInteger, {"type": "integer"}),
        (Integer, {"type": "integer"}),
        (DateTime, {"type": "string", "format": "date-time"}),
        (Date, {"type": "string", "format": "date"}),
    )
    schema = next((s for kind, s in kinds if isinstance(column.type, kind)), {"type": "string"})
    return {**schema, "type": [schema["type"], "null"]} if column.nullable else dict(schema)


def page(item: Schema) -> Schema:
    """A page of items; `next` is null on the last one."""
    return answer(items=array(item), next={"type": ["string", "null"]})


def answer(*named: dict[str, Schema], **more: Schema) -> Schema:
    """An object that always has these properties; `named` holds those whose name Python cannot write."""
    properties = {name: schema for part in (*named, more) for name, schema in part.items()}
    return {"type": "object", "required": list(properties), "properties": properties}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def describe(
    app: FastAPI,
    operation: str,
    *,
    parameters: Sequence[Parameter] = (),
    body: type[Any] | Mapping[str, Schema] | None = None,
    answer: type[BaseModel] | Schema | None = None,
    status: int = 200,
    media_type: str | Sequence[str] = "application/json",
    headers: Iterable[str] = (),
    codes: Collection[str] = (),
    gives: Sequence[type[Command]] = (),
    anyone: bool = False,
) -> None:
    """Completes what the document says of a route that was added before.

    `body` is a model, or a schema per media type. `codes` are further refusals; those that stand in the
    code of the route are found without being named here. `gives` are the commands that the route passes
    through the gate, whose refusals are its own too. `anyone` reads no token.
    """
    if gives:
        app.state.gives[operation] = tuple(gives)
    route = next(r for r in app.routes if isinstance(r, APIRoute) and r.operation_id == operation)
    named = list(parameters) or (route.openapi_extra or {}).get("parameters", [])
    told: dict[str, Any] = {"x-codes": sorted(codes), "parameters": named}
    if anyone:
        told["security"] = []
    if body is not None:
        content = body if isinstance(body, Mapping) else {"application/json": schema_of(body)}
        told["requestBody"] = {"required": True, "content": {m: {"schema": s} for m, s in content.items()}}
    types = [media_type] if isinstance(media_type, str) else media_type
    shown = schema_of(answer, mode="serialization") if isinstance(answer, type) else answer
    told["responses"] = {
        str(status): {
            "description": "Done." if route.methods != {"GET"} else "As asked.",
            "headers": {h: {"$ref": f"#/components/headers/{h}"} for h in headers},
            "content": {m: {"schema": _shown(shown, m)} for m in types},
        }
    }
    if status == 204:
        del told["responses"]["204"]["content"]
    route.openapi_extra = told
    route.status_code = status


def calls_back(
    app: FastAPI, operation: str, words: str, *, tag: str, body: Schema, headers: list[Parameter]
) -> None:
    """Says of a call that we make to somebody else's address what they will receive."""
    called = {
        "operationId": operation,
        "summary": words,
        "description": f"{words}.",
        "tags": [tag],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "Taken; anything else is tried again for three days."},
            "410": {"description": "Gone: it is not tried again."},
        },
    }
    app.state.webhooks[operation] = {"post": called}


def _shown(schema: Schema | None, media_type: str) -> Schema:
    """An answer in one of its media types: what is bytes in the others is text as text."""
    if schema is BINARY and media_type.startswith("text/"):
        return {"type": "string"}
    return {} if schema is None else schema


def define(app: FastAPI, **schemas: Schema) -> None:
    """Adds schemas to the document by name, for `named`."""
    app.state.schemas |= schemas
