"""The events as they were when they were frozen, and the check that they still load what was stored then
(R54).

Frozen are each event's fields (as JSON schema), their data classes, the state it leads to and its version.
Allowed are an added optional field, a wider type (`None`, another word of a closed list) and a new event.
Everything else would change the past: it needs a new `version` with its `upcast_v1_v2`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shared.language.contracts
from shared.language.event import Event, event_classes

SERVICES = ("intake", "verification", "clarification", "followup", "audit", "vault")
UNPUBLISHED = ("services.intake.vault.events",)
"""Events that no contract holds, since they never leave their store; they too must load for ever."""
SCHEMAS = Path(__file__).parent / "schemas"
NOTES = frozenset({"title", "description", "examples"})
"""Keywords of a schema that bind nobody."""
STRUCTURE = frozenset({"type", "enum", "const", "items", "properties", "required", "default"})
"""Keywords that are compared by what they mean."""
Json = dict[str, Any]


def load_contracts() -> None:
    """Imports every published contract, so that its events are registered."""
    for module in pkgutil.iter_modules(shared.language.contracts.__path__, "shared.language.contracts."):
        importlib.import_module(module.name)
    for name in UNPUBLISHED:
        importlib.import_module(name)


def describe(cls: type[Event]) -> Json:
    """The frozen form of one event."""
    schema = cls.model_json_schema()
    return {
        "version": cls.version,
        "to": cls.to,
        "numbered": cls.numbered,
        "upcasts": sorted(name for name in dir(cls) if name.startswith("upcast_v")),
        "classes": {name: found.name for name, found in cls.classes.items()},
        "schema": _resolved(schema, schema.get("$defs", {})),
    }


def describe_service(service: str) -> Json:
    """All events of one service, by name; classes that tests define are not among them."""
    load_contracts()
    return {
        cls.__name__: describe(cls)
        for cls in event_classes(service)
        if cls.__module__.startswith(("shared.language.contracts.", *UNPUBLISHED))
    }


def path_of(service: str) -> Path:
    return SCHEMAS / f"{service}.json"


def frozen(service: str) -> Json:
    """The frozen schemas of a service; none before the first release."""
    path = path_of(service)
    content: Json = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return content


def as_text(content: Json) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def breaks(old: Json, new: Json) -> list[str]:
    """The points at which the new events can no longer read, or read differently, what the old ones wrote."""
    found = []
    for name, was in old.items():
        if name not in new:
            found.append(f"{name}: removed")
        else:
            found += [f"{name}{line}" for line in _event_breaks(was, new[name])]
    return found


def _event_breaks(was: Json, now: Json) -> Iterator[str]:
    if now["version"] > was["version"]:
        yield from _upcast_breaks(was["version"], now)
        return
    for key in ("version", "to", "numbered"):
        if was[key] != now[key]:
            yield f": {key} changed from {was[key]!r} to {now[key]!r}"
    for field, level in was["classes"].items():
        if now["classes"].get(field, level) != level:
            yield f".{field}: class changed from {level} to {now['classes'][field]}"
    yield from _schema_breaks("", was["schema"], now["schema"])


def _upcast_breaks(version: int, now: Json) -> Iterator[str]:
    for step in range(version, now["version"]):
        if f"upcast_v{step}_v{step + 1}" not in now["upcasts"]:
            yield f": version {now['version']} has no upcast_v{step}_v{step + 1}"


def _schema_breaks(path: str, was: Json, now: Json) -> Iterator[str]:
    """Checks that each thing that the old schema admits is still read as the same thing."""
    for old in _alternatives(was):
        fits = [list(_single_breaks(path, old, new)) for new in _alternatives(now)]
        if all(fits):
            yield from min(fits, key=len)


def _single_breaks(path: str, was: Json, now: Json) -> Iterator[str]:
    if was.get("type") != now.get("type"):
        yield f"{path}: type changed from {was.get('type')} to {now.get('type')}"
        return
    gone = [word for word in _words(was) if _words(now) and word not in _words(now)]
    if gone or (not _words(was) and _words(now)):
        yield f"{path}: the closed list lost {gone or 'its openness'}"
    for key, value in now.items():
        if key not in NOTES | STRUCTURE and was.get(key) != value:
            yield f"{path}: {key} changed from {was.get(key)!r} to {value!r}"
    for key in ("format", "additionalProperties", "prefixItems"):
        if was.get(key) != now.get(key) and key not in now:
            yield f"{path}: {key} was taken away"
    if "items" in was:
        yield from _schema_breaks(f"{path}[]", was["items"], now.get("items", {}))
    if "properties" in was:
        yield from _property_breaks(path, was, now)


def _property_breaks(path: str, was: Json, now: Json) -> Iterator[str]:
    properties = now.get("properties", {})
    for field, old in was["properties"].items():
        if field not in properties:
            yield f"{path}.{field}: removed"
            continue
        new = properties[field]
        yield from _schema_breaks(f"{path}.{field}", old, new)
        if "default" in old and "default" in new and old["default"] != new["default"]:
            yield f"{path}.{field}: what stands for a missing value changed"
    for field in now.get("required", ()):
        if field not in was["properties"]:
            yield f"{path}.{field}: added, but not optional"
        elif field not in was.get("required", ()):
            yield f"{path}.{field}: no longer optional"


def _alternatives(schema: Json) -> list[Json]:
    found: list[Json] = schema.get("anyOf", [schema])
    return found


def _words(schema: Json) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _resolved(schema: Any, definitions: Json) -> Any:
    """The schema with its `$ref`s written out, so that a change is found where it acts."""
    if isinstance(schema, list):
        return [_resolved(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        beside = {k: v for k, v in schema.items() if k != "$ref"}
        return {**_resolved(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    return {k: _resolved(v, definitions) for k, v in schema.items() if k != "$defs"}
