"""Describes a kind of case for an API document: its states, its events and its facts.

A kind's events are those that its code names (`http.codes` finds refusals in the same way), so a list may
hold too much, and is complete as long as events are recorded by their names.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from typing import Any

from shared.casework.aggregate import Aggregate, states_of
from shared.casework.case import Case
from shared.casework.http.describe import answer, array
from shared.casework.http.naming import named
from shared.casework.view import BESIDE, VIEW
from shared.kernel.http.docstrings import Schema, schema_of
from shared.language.contracts.common import RecusalDecided, RecusalRequested
from shared.language.event import Event, event_classes

_TEXT: Schema = {"type": "string"}
_ACT = answer(
    event={"type": "integer"}, step=_TEXT, person=_TEXT, role=_TEXT, at={**_TEXT, "format": "date-time"}
)
MAY = answer(
    now=array(_TEXT),
    not_now=array(answer(command=_TEXT, code=named("RefusalCode"), rule=_TEXT)),
    in_question=array(_ACT),
)
"""The commands that the reader of a case may give now, and those of their roles that they may not, with the
reason."""
NAME = re.compile(r"\b[A-Z][A-Za-z]+\b")


def lists_of_kinds(kinds: Iterable[type[Aggregate]]) -> dict[str, tuple[str, ...]]:
    """The closed lists of some kinds: of each its states and the types of its events, of all together the
    kinds and the states."""
    lists: dict[str, tuple[str, ...]] = {}
    states: set[str] = set()
    for kind in kinds:
        lists[f"{kind.kind}State"] = own = states_of_kind(kind)
        lists[f"{kind.kind}EventType"] = tuple(sorted(c.__name__ for c in events_of(kind)))
        states |= set(own)
    lists["CaseKind"] = tuple(sorted(kind.kind for kind in kinds if issubclass(kind, Case)))
    lists["CaseState"] = tuple(sorted(states))
    return lists


def schemas_of_kind(kind: type[Aggregate]) -> dict[str, Schema]:
    """A kind's answer to a command, and of a case its view with facts and history, by name."""
    state = named(f"{kind.kind}State") if states_of_kind(kind) else {"type": "string"}
    schemas = {f"{kind.kind}Answer": answer_with(state)}
    if not issubclass(kind, Case):
        return schemas
    properties: dict[str, Any] = VIEW["properties"]
    history: Schema = properties["history"]["items"]
    line = history | {
        "properties": history["properties"] | {"type": named(f"{kind.kind}EventType"), "state": state}
    }
    own = {
        "kind": {"const": kind.kind, "type": "string"},
        "state": state,
        "facts": named(f"{kind.kind}Facts"),
        "history": {"type": "array", "items": named(f"{kind.kind}Event")},
        "recusals": _recusals(),
        "may": MAY,
    }
    return schemas | {
        f"{kind.kind}View": VIEW | {"properties": properties | own},
        f"{kind.kind}Event": line,
        f"{kind.kind}Facts": _facts(events_of(kind)),
    }


def answer_with(state: Schema) -> Schema:
    return {
        "type": "object",
        "description": "What became of a command: the case, and the version of its last event.",
        "required": ["id", "version", "number", "state"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "version": {"type": "integer", "minimum": 1},
            "number": {"type": "string"},
            "state": state,
        },
    }


def events_of(kind: type[Aggregate]) -> list[type[Event]]:
    """The events that stand in streams of a kind."""
    modules = {
        c.__module__ for c in kind.__mro__ if c.__module__.startswith(("services.", "shared.casework.case"))
    }
    used = {name for module in modules for name in NAME.findall(inspect.getsource(sys.modules[module]))}
    if issubclass(kind, Case):
        used |= BESIDE
    return [cls for cls in event_classes(kind.service) if cls.__name__ in used]


def states_of_kind(kind: type[Aggregate]) -> tuple[str, ...]:
    """The states that its events lead to, and those in which its commands may be given."""
    found = {state for cls in events_of(kind) for state in (cls.to, *cls.may_lead_to)} - {None}
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        found |= set(states_of(method)) if not name.startswith("_") else set()
    return tuple(sorted(str(state) for state in found))


def _facts(events: Iterable[type[Event]]) -> Schema:
    """One property per published field; where events differ in it, all that it may be."""
    found: dict[str, list[Schema]] = {}
    definitions: dict[str, Schema] = {}
    for cls in events:
        if cls.__name__ in BESIDE:
            continue
        schema = schema_of(cls)
        definitions |= schema.pop("$defs", {})
        for name, of_field in schema.get("properties", {}).items():
            plain = {k: v for k, v in of_field.items() if k not in ("title", "default", "description")}
            for form in plain.get("anyOf", [plain]):
                if form not in found.setdefault(name, []):
                    found[name].append(form)
    return {
        "type": "object",
        "description": "The latest value of every published field.",
        "properties": {n: forms[0] if len(forms) == 1 else {"anyOf": forms} for n, forms in found.items()},
        "$defs": definitions,
    }


def _recusals() -> Schema:
    """A request that somebody stay away from the case, with what was decided on it."""
    properties, definitions = dict[str, Any](), dict[str, Any]()
    for cls in (RecusalRequested, RecusalDecided):
        told = schema_of(cls)
        definitions |= told.pop("$defs", {})
        properties |= told["properties"]
    properties["role"] = named("CaseRole")
    return {
        "type": "object",
        "description": "Requests that somebody stay away from the case, with their decisions, by `request`.",
        "additionalProperties": {"type": "object", "properties": properties, "$defs": definitions},
    }
