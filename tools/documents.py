"""Writes the generated documents: one OpenAPI 3.1 per service, one AsyncAPI 3 for all published events, and
the table of refusal codes.

`python -m tools.documents` writes docs/api and docs/law/refusals.md; `--check` tells whether what lies there
is what would be written, and is part of the tests.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fastapi import FastAPI

from deploy.local.player import EXPRESSION, document_hash, expand, instant_on, load, there_are
from shared.casework.http.app import Application
from shared.casework.http.openapi import EXAMPLES
from shared.casework.parts import Service
from shared.casework.service import build
from shared.kernel.http.docstrings import schema_of
from shared.kernel.settings import Settings
from shared.kernel.suites import SUITES
from shared.language.catalogue import CATALOGUE
from shared.language.event import DataClass, Event, event_classes

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "api"
REFUSALS = ROOT / "docs" / "law" / "refusals.md"
WRITING = ("intake", "verification", "clarification", "followup")
AUDIT = "audit"


def service_of(name: str) -> Service:
    """A writing service as its composition root describes it."""
    made: Service = importlib.import_module(f"services.{name}.main").service()
    return made


@contextmanager
def settings_of(service: str, **env: str) -> Iterator[Settings]:
    """The settings of a service whose keys are there, and whose servers nobody can reach."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder)
        for name in (
            *(f"store-{service}.key", "store-vault.key", "bus.key", "vault.key"),
            "checkpoint-ed25519.key",
        ):
            (keys / name).write_bytes(bytes(32))
        yield Settings.from_env(
            service,
            {
                "ZM_PROFILE": "development",
                "ZM_DATABASE_URL": "postgresql+asyncpg://nobody@localhost/none",
                "ZM_VAULT_DATABASE_URL": "postgresql+asyncpg://nobody@localhost/none",
                "ZM_KEYS_DIR": folder,
                **env,
            },
        )


@contextmanager
def built(service: str, roles: str = "api,worker") -> Iterator[Application]:
    """The application of a service, without starting anything."""
    with settings_of(service, ZM_ROLES=roles) as settings:
        if service == AUDIT:
            yield importlib.import_module(f"services.{AUDIT}.main").build(settings)[0]
        else:
            yield build(service_of(service), settings).app


def openapi(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service."""
    with built(service) as app:
        return app.openapi()


def vault_openapi() -> dict[str, Any]:
    """The same of the vault, which lives in intake's process under `/vault`."""
    with built("intake") as app:
        found: FastAPI = app.state.vault
        return found.openapi()


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3 of everything that is published, made from the contracts alone."""
    channels: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for service in WRITING:
        importlib.import_module(f"shared.language.contracts.{service}")
        for cls in event_classes(service):
            key = f"{service}.{cls.__name__}.v{cls.version}"
            address = f"zm.{key}"
            messages[key] = {
                "name": address,
                "title": cls.__name__,
                "summary": " ".join((cls.__doc__ or "").split()),
                "contentType": "application/cloudevents+json",
                "payload": _cloudevent(cls, address),
            }
            channels[key] = {
                "address": address,
                "description": f"Subject {address} of the stream of {service}.",
                "messages": {cls.__name__: {"$ref": f"#/components/messages/{key}"}},
            }
            operations[f"send.{key}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{key}"},
                "summary": f"{cls.__name__} is published",
                "description": messages[key]["summary"],
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "zhengming published events",
            "version": "1",
            "description": "CloudEvents 1.0 (structured JSON) on NATS JetStream, one stream per service. "
            "Fields of class L2 travel sealed in `data.sealed`; L3 and L4 never travel.",
            "contact": {"name": "zhengming"},
            "license": {"name": "Proprietary"},
            "tags": [{"name": service} for service in WRITING],
        },
        "servers": {
            "broker": {
                "host": "{broker}",
                "protocol": "nats",
                "description": "NATS JetStream; every service has a key of its own.",
                "variables": {"broker": {"default": "localhost:4222", "description": "Host and port."}},
            }
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _cloudevent(cls: type[Event], address: str) -> dict[str, Any]:
    schema = schema_of(cls)
    definitions = schema.pop("$defs", {})
    schema = _inlined(schema, definitions)
    sealed = sorted(n for n, c in cls.classes.items() if c is DataClass.L2)
    clear = {n: p for n, p in schema.get("properties", {}).items() if n not in sealed}
    hidden = {n: p for n, p in schema.get("properties", {}).items() if n in sealed}
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "source": {"const": f"/zhengming/{cls.service}"},
            "type": {"const": address},
            "subject": {"type": "string", "description": "The stream."},
            "time": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "properties": {
                    "event": {"type": "object", "properties": clear},
                    "cipher": {"enum": [suite.cipher for suite in SUITES]},
                    "key": {"type": "string", "description": "The id of the bus key."},
                    "epoch": {
                        "type": "string",
                        "format": "uuid",
                        "description": "Of the log; another one after a restore.",
                    },
                    "sealed": {
                        "type": "string",
                        "description": "A JSON object, the L2 fields and the salt, sealed with `cipher` "
                        "under the bus key `key`; base64.",
                        "x-fields": hidden,
                    },
                },
            },
        },
    }


def _inlined(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(definitions[value["$ref"].rsplit("/", 1)[1]], definitions)
        return {k: _inlined(v, definitions) for k, v in value.items()}
    if isinstance(value, list):
        return [_inlined(v, definitions) for v in value]
    return value


def examples() -> dict[str, Any]:
    """A body of every command that a scenario gives: the fullest one. The values that its player reads from a
    running case are made up here; each is held against its command's class."""
    commands = {f"{c.on.service}:{c.__name__}": c for s in WRITING for c in service_of(s).commands}
    found: dict[str, Any] = {}
    for scenario in there_are():
        for step in expand(load(scenario)):
            place, _, command = step.get("do", "intake:SubmitReport").partition(":")
            name = f"{place.partition('/')[0]}:{command}"
            body = _made_up(step.get("body", step.get("report")))
            if name in commands and body and len(body) > len(found.get(name, ())):
                commands[name].model_validate_json(json.dumps(body), strict=True)
                found[name] = body
    return found


def _made_up(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _made_up(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_made_up(v) for v in value]
    if isinstance(value, str):
        if value.startswith("#"):
            return document_hash(value)
        return EXPRESSION.sub(lambda found: _instead_of(found[1]), value)
    return value


def _instead_of(expression: str) -> str:
    """A value of the form that the player would find."""
    if expression.startswith("at:"):
        return instant_on(expression[3:])
    last = expression.rpartition(".")[2]
    if last.endswith("hash"):
        return document_hash(expression)
    return str(uuid5(NAMESPACE_URL, expression)) if last == expression else f"{last}-1"


def documents() -> dict[str, str]:
    """Every document of docs/api by file name."""
    made = {f"{service}.openapi.json": openapi(service) for service in (*WRITING, AUDIT)}
    made["vault.openapi.json"] = vault_openapi()
    made["events.asyncapi.json"] = asyncapi()
    return {name: _as_text(document) for name, document in made.items()}


def refusals() -> str:
    """The table of every code that a refusal may carry (§8.8)."""
    lines = [
        "# Refusal codes",
        "",
        "Generated by `make docs` from shared/language/catalogue.py. How a refusal is answered, and which",
        "codes the law names beyond these: [§8.8](words.md#s8.8).",
        "",
        "| code | HTTP | 中文 | English |",
        "|---|---|---|---|",
    ]
    for code, entry in sorted(CATALOGUE.items()):
        lines.append(f'| <a id="{code}"></a>`{code}` | {entry.status} | {entry.zh} | {entry.en} |')
    return "\n".join(lines) + "\n"


def generated() -> dict[Path, str]:
    """Every generated document by its path."""
    return {**{TARGET / name: text for name, text in documents().items()}, REFUSALS: refusals()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    status = _write(EXAMPLES, _as_text(examples()), check)  # first: they stand in the documents
    for path, text in generated().items():
        status |= _write(path, text, check)
    return status


def _write(path: Path, text: str, check: bool) -> int:
    if not check:
        path.write_text(text, "utf-8")
    elif not path.exists() or path.read_text("utf-8") != text:
        print(f"{path.relative_to(ROOT)} is not what would be generated: run `make docs`")
        return 1
    return 0


def _as_text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
