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
from shared.kernel.evidence.note import VerifierKey
from shared.kernel.evidence.verify import verify_bundle
from tests import clients
from tests.clients import DRIVES, SERVICES, operations_of, run
from tests.harness import COUNTY, DIVISIONS, SUBJECT, TOWN, World, sha, sub
from tests.linters import NODE

pytestmark = pytest.mark.external
PEOPLE = {
    role: getattr(TOWN, role)
    for role in (
        *("petition_clerk", "petition_head", "handler", "handling_dept_head", "organ_head"),
        "revisit_officer",
    )
} | {
    "second_handler": TOWN.handler_second,
    "superior_head": COUNTY.petition_head,
    "clarification_approver": COUNTY.clarification_approver,
    "auditor": COUNTY.auditor,
    "subject": SUBJECT,
}
WORDS: dict[str, str] = json.loads((DRIVES / "words.json").read_text("utf-8"))
"""The texts of the case, which all programs give."""
CITED = [{"instrument": "GZ-2020", "version_date": "2020-01-21", "article": "26"}]

DECIDED = (
    *("ComplaintAccepted", "DispositionApproved", "VerificationReportCountersigned", "VerificationConcluded"),
    *("CaseClosed", "ClarificationReviewed", "ClarificationApproved", "RevisitPlanApproved"),
)
"""The decisions of the case: each cites what it rests on (R2)."""
HAPPENED = {
    "intake": (
        *("ComplaintReceived", "ComplaintRegistered", "AllegationsListed", "ComplaintAccepted"),
        "ComplaintTransferredToHandler",
    ),
    "verification": (
        *("VerificationCaseOpened", "DispositionApproved", "VerificationStarted", "EvidenceRecorded"),
        *("AllegationFound", "VerificationReportSubmitted", "VerificationReportCountersigned"),
        *("VerificationConcluded", "FalseAccusationAssessed", "CaseClosed"),
    ),
    "clarification": (
        *("ClarificationOpened", "ClarificationAssessed", "ClarificationProposed", "ClarificationPlanned"),
        *("ClarificationTextRendered", "ClarificationConsentRequested", "ConsentNoticeDelivered"),
        *("ClarificationConsentGranted", "ClarificationSubmitted", "ClarificationReviewed"),
        *("ClarificationApproved", "ClarificationFormImplemented", "ClarificationImplemented"),
        *("ClarificationEnteredInPlatform", "IntegrityFileEntryRecorded", "ClarificationCompleted"),
    ),
    "followup": ("RevisitPlanOpened", "RevisitPlanDrafted", "RevisitPlanApproved", "RevisitCompleted"),
}
"""The events of each service, in this order."""


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
    drives(world, [sys.executable, "drive.py"], python, "虚一")


@pytest.mark.parametrize(("name", "accused"), [("fetch", "虚二"), ("sdk", "虚三")])
def test_a_typescript_client_drives_a_case(javascript: Path, world: World, name: str, accused: str) -> None:
    """openapi-fetch by its types, and the SDK of hey-api."""
    drives(world, [NODE, f"compiled/{name}.js"], javascript, accused)


def drives(world: World, program: Sequence[str | Path], folder: Path, accused: str) -> None:
    """A program drives a case from the letter to a visit, and finds it whole in audit, with its proof. Each
    header that it has sent is recorded, and it has read a refusal."""
    world.pass_minutes(15)
    told = {
        "front": world.stack.front_url,
        "tokens": {role: world.stack.token(who) for role, who in PEOPLE.items()},
        "people": {role: sub(who) for role, who in PEOPLE.items()},
        "accused": accused,
        "division": DIVISIONS[TOWN],
        "now": world.now.isoformat(),
        "cited": CITED,
        "document": sha("document"),
        "words": WORDS,
        "patience": PATIENCE_SECONDS,
    }
    came: dict[str, Any] = json.loads(run(*program, cwd=folder, told=json.dumps(told)).splitlines()[-1])
    assert came["refused"] == "E_STALE_VERSION"
    [received, accepted] = world.entries(
        "intake", came["complaint"], "ComplaintReceived", "ComplaintAccepted"
    )
    assert datetime.fromisoformat(received.meta["occurred_at"]) == world.now - timedelta(minutes=10)
    assert accepted.meta["legal_basis"] == CITED
    assert {*DECIDED} <= {*came["cited"]}, came["cited"]
    for service, events in HAPPENED.items():
        replayed = iter(came["events"])
        assert all(f"{service}.{event}" in replayed for event in events), (service, came["events"])
    report = verify_bundle(came["bundle"], [VerifierKey.parse(key) for key in came["keys"].splitlines()])
    assert not report.failures
    assert len(report.proven) >= len(came["events"])
