"""The published documents pass the public linters: no error and no warning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import linters
from tools.documents import TARGET

pytestmark = pytest.mark.external

OPENAPI = sorted(TARGET.glob("*.openapi.json"))
ASYNCAPI = TARGET / "events.asyncapi.json"


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    linters.install()


def test_the_documents_pass_spectral() -> None:
    assert len(OPENAPI) == 6
    told = linters.spectral(*OPENAPI, ASYNCAPI)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_parser_reads_every_message() -> None:
    told = linters.asyncapi_parser(ASYNCAPI)
    messages = json.loads(ASYNCAPI.read_text("utf-8"))["components"]["messages"]
    assert told.stdout == f"messages: {len(messages)}\n", told.stdout + told.stderr
    assert told.returncode == 0


def test_a_wrong_document_is_told_so(tmp_path: Path) -> None:
    """The linters find what they are there for."""
    document = json.loads((TARGET / "verification.openapi.json").read_text("utf-8"))
    del document["paths"]["/v1/cases/{id}"]["get"]["parameters"]
    (tmp_path / "wrong.openapi.json").write_text(json.dumps(document), "utf-8")
    told = linters.spectral(tmp_path / "wrong.openapi.json")
    assert told.returncode == 1
    assert "path-params" in told.stdout
    events = json.loads(ASYNCAPI.read_text("utf-8"))
    del events["channels"][next(iter(events["channels"]))]["address"]
    events["operations"]["send.nothing"] = {"action": "receives", "channel": {"$ref": "#/channels/none"}}
    (tmp_path / "wrong.asyncapi.json").write_text(json.dumps(events), "utf-8")
    assert linters.asyncapi_parser(tmp_path / "wrong.asyncapi.json").returncode == 1
