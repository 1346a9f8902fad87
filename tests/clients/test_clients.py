"""Public generators make clients of every document, whole and typed, and each drives a case with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.door import PATIENCE_SECONDS
from tests import clients
from tests.clients import SERVICES, operations_of, run
from tests.harness import COUNTY, DIVISIONS, TOWN, World, sub
from tests.linters import NODE

pytestmark = pytest.mark.external
CITED = [{"instrument": "GZ-2020", "version_date": "2020-01-21", "article": "26"}]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client that openapi-python-client makes."""
    folder = tmp_path_factory.mktemp("python-clients")
    clients.openapi_python_client(folder)
    return folder


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients that openapi-typescript and hey-api make, compiled."""
    folder = tmp_path_factory.mktemp("javascript-clients")
    clients.javascript(folder)
    return folder


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_is_left_out_in_python(python: Path, service: str) -> None:
    made = {f.stem.replace("_", "") for f in python.glob(f"{service}/api/*/*.py")} - {"init"}
    assert made == {name.lower() for name in operations_of(service)}


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_is_left_out_in_typescript(javascript: Path, service: str) -> None:
    types = (javascript / "types" / f"{service}.ts").read_text("utf-8")
    sdk = (javascript / "sdk" / service / "sdk.gen.ts").read_text("utf-8")
    for name in operations_of(service):
        assert f"\n    {name}: {{\n" in types, name
        assert f"export const {name[0].lower()}{name[1:]} = " in sdk, name


def test_what_was_made_in_python_has_no_type_error(python: Path) -> None:
    clients.mypy(python)


def test_a_python_client_drives_a_case(python: Path, world: World) -> None:
    drives(world, [sys.executable, "drive.py"], python)


@pytest.mark.parametrize("name", ["fetch", "sdk"])
def test_a_typescript_client_drives_a_case(javascript: Path, world: World, name: str) -> None:
    """openapi-fetch by its types, and the SDK of hey-api."""
    drives(world, [NODE, f"compiled/{name}.js"], javascript)


def drives(world: World, program: Sequence[str | Path], folder: Path) -> None:
    """A program brings a case from its receipt into verification and finds it in audit: each header that it
    has sent is recorded, and it has read a refusal."""
    world.pass_minutes(15)
    people = {r: getattr(TOWN, r) for r in ("petition_clerk", "petition_head", "handling_dept_head")}
    told = {
        "front": world.stack.front_url,
        "tokens": {
            role: world.stack.token(who) for role, who in {**people, "auditor": COUNTY.auditor}.items()
        },
        "people": {role: sub(who) for role, who in people.items()},
        "division": DIVISIONS[TOWN],
        "now": world.now.isoformat(),
        "cited": CITED,
        "patience": PATIENCE_SECONDS,
    }
    came: dict[str, Any] = json.loads(run(*program, cwd=folder, told=json.dumps(told)).splitlines()[-1])
    assert came["refused"] == "E_STALE_VERSION"
    [received, accepted] = world.entries(
        "intake", came["complaint"], "ComplaintReceived", "ComplaintAccepted"
    )
    assert datetime.fromisoformat(received.meta["occurred_at"]) == world.now - timedelta(minutes=10)
    assert accepted.meta["legal_basis"] == CITED
    [opened] = world.entries("verification", came["case"], "VerificationCaseOpened")
    assert opened.event["complaint_ids"] == [came["complaint"]]
    assert {"ComplaintReceived", "ComplaintAccepted", "ComplaintTransferredToHandler"} <= set(came["events"])
