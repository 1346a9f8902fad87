"""Writes the generated API documents: one OpenAPI 3.1 per service, one AsyncAPI 3 for all published events.

`python -m deploy.documents` writes docs/api; `--check` tells whether what lies there is what would be
written, and is part of the tests.
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

from fastapi import FastAPI

from shared.event import DataClass, Event, event_classes
from shared.service import Service, build
from shared.settings import Settings
from shared.suites import SUITES
from shared.web.app import Application

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "api"
WRITING = ("intake", "verification", "clarification", "followup")
AUDIT = "audit"


def service_of(name: str) -> Service:
    """A writing service as its composition root describes it."""
    made: Service = importlib.import_module(f"services.{name}.main").service()
    return made


@contextmanager
def built(service: str, roles: str = "api,worker") -> Iterator[Application]:
    """The application of a service, without starting anything."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder)
        for name in (
            *(f"store-{service}.key", "store-vault.key", "bus.key", "vault.key"),
            "checkpoint-ed25519.key",
        ):
            (keys / name).write_bytes(bytes(32))
        settings = Settings.from_env(
            service,
            {
                "ZM_PROFILE": "development",
                "ZM_DATABASE_URL": "postgresql+asyncpg://nobody@localhost/none",
                "ZM_VAULT_DATABASE_URL": "postgresql+asyncpg://nobody@localhost/none",
                "ZM_KEYS_DIR": folder,
                "ZM_ROLES": roles,
            },
        )
        if service == AUDIT:
            yield importlib.import_module(f"services.{AUDIT}.main").build(settings)[0]
        else:
            yield build(service_of(service), settings)[0]


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
        importlib.import_module(f"shared.contracts.{service}")
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
    schema = cls.model_json_schema(ref_template="#/components/schemas/{model}")
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


def documents() -> dict[str, str]:
    """Every generated document by file name."""
    made = {f"{service}.openapi.json": openapi(service) for service in (*WRITING, AUDIT)}
    made["vault.openapi.json"] = vault_openapi()
    made["events.asyncapi.json"] = asyncapi()
    return {n: json.dumps(d, ensure_ascii=False, indent=1, sort_keys=True) + "\n" for n, d in made.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    status = 0
    for name, text in documents().items():
        path = TARGET / name
        if check:
            if not path.exists() or path.read_text("utf-8") != text:
                print(f"docs/api/{name} is not what would be generated: run `make docs`")
                status = 1
        else:
            path.write_text(text, "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
