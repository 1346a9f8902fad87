"""Checkpoints, proofs and bundles: whoever has the key can check them without us."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.audit.bundle import TOLD, Audience
from services.audit.main import build
from services.audit.tables import LOGS
from shared.kernel.clock import FixedClock
from shared.kernel.evidence.checkpoint import parse_and_verify
from shared.kernel.evidence.encoding import from_base64
from shared.kernel.evidence.merkle import verify_consistency, verify_inclusion
from shared.kernel.evidence.note import VerifierKey
from shared.kernel.evidence.verify import main as verify
from shared.kernel.evidence.verify import verify_bundle
from shared.kernel.settings import Settings
from shared.language.event import event_class
from tests.audit.conftest import Audit, KnownPeople
from tests.audit.test_take_in import leaves_of, reference_root
from tests.audit.world import CANARY, COUNTY, OTHER_COUNTY, TOWNSHIP, Producer, World, accused

BUNDLE = "/v1/cases/XF-990102100-2022-000001/bundle"


async def keys(audit: Audit) -> list[VerifierKey]:
    text = (await audit.get("/v1/logs/key", role="petition_clerk")).text
    return [VerifierKey.parse(line) for line in text.splitlines()]


HOUR = timedelta(hours=1)


@pytest.fixture
def clock(told: Audit, monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """Audit's clock, half an hour after noon."""
    clock = FixedClock(datetime(2022, 9, 1, 12, 30, tzinfo=UTC))
    monkeypatch.setattr(told.parts.trees, "_clock", clock)
    return clock


async def test_sec1_what_is_shown_of_a_log_moves_once_an_hour(
    told: Audit, world: World, clock: FixedClock
) -> None:
    """The last checkpoint of an hour that is over is shown to any token of the staff, however often somebody
    asks, and whoever has a bundle made in between."""

    async def shown() -> str:
        answer = await told.get("/v1/logs/intake/checkpoint", role="handler")
        assert answer.headers["content-type"].startswith("text/plain")
        return answer.text

    assert parse_and_verify(await shown(), *await keys(told)).size == 0
    first = await told.parts.trees.checkpoint("intake")
    size = len(world.intake.entries)
    world.intake.record(
        world.numbered("XF-990101-2022-000002"), world.foreign, at=clock.instant, correlation=world.foreign
    )
    await told.take_in(world.intake)
    assert (await told.get(BUNDLE)).status_code == 200
    assert parse_and_verify(await shown(), *await keys(told)).size == 0
    clock.instant += HOUR
    signed = parse_and_verify(await shown(), *await keys(told))
    assert (signed.origin, signed.size) == ("zhengming/intake", size + 1)
    assert signed.root == reference_root(world.intake)
    assert signed.signed_at == clock.instant - HOUR
    assert first != await shown()


async def test_old_checkpoints_are_listed_by_the_hour(told: Audit, clock: FixedClock) -> None:
    """The newest first, from page to page; an hour that goes on is not among them."""
    begin = clock.instant
    for _ in range(4):
        await told.parts.trees.checkpoint("intake")
        clock.instant += HOUR
    clock.instant -= HOUR
    hours, before = list[str](), dict[str, str]()
    while True:
        body = (await told.get("/v1/logs/intake/checkpoints", role="handler", limit="2", **before)).json()
        hours += [item["hour"] for item in body["items"]]
        for item in body["items"]:
            assert parse_and_verify(item["note"], *await keys(told)).size == item["size"]
        if body["next"] is None:
            break
        before = {"before": body["next"]}
    assert [datetime.fromisoformat(hour) for hour in hours] == [
        (begin + n * HOUR).replace(minute=0) for n in (2, 1, 0)
    ]
    refused = await told.get("/v1/logs/intake/checkpoints", role="subject_mobile")
    assert (refused.status_code, refused.json()["rule"]) == (403, "SEC-1")


async def test_a_log_is_named_after_its_installation(settings: Settings) -> None:
    """No two have the same, so a note of one is none of the other."""
    app, parts = build(replace(settings, log_origin="zm.example.org"), KnownPeople())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
        headers = {"authorization": f"Bearer handler {COUNTY}"}
        note = (await client.get("/v1/logs/intake/checkpoint", headers=headers)).text
        key = (await client.get("/v1/logs/key", headers=headers)).text
    await parts.close()
    known = [VerifierKey.parse(line) for line in key.splitlines()]
    assert [k.name for k in known] == [f"zm.example.org/{log}" for log in LOGS]
    assert parse_and_verify(note, *known).origin == "zm.example.org/intake"


@pytest.mark.parametrize("role", ["subject_mobile", "unit_contact", "platform_integration"])
async def test_sec1_nobody_from_outside_watches_a_log_grow(told: Audit, role: str) -> None:
    """The size of the log steps when somebody reports."""
    for path in ("checkpoint", "checkpoints"):
        answer = await told.get(f"/v1/logs/intake/{path}", role=role)
        assert (answer.status_code, answer.json()["rule"]) == (403, "SEC-1")


async def test_an_empty_log_has_a_checkpoint(audit: Audit) -> None:
    signed = parse_and_verify((await audit.get("/v1/logs/followup/checkpoint")).text, *await keys(audit))
    assert signed.size == 0


async def test_every_inclusion_is_proved_at_every_size(told: Audit, world: World) -> None:
    size = len(world.intake.entries)
    leaves = leaves_of(world.intake)
    for at in range(1, size + 1):
        for position in range(1, at + 1):
            body = (
                await told.get("/v1/logs/intake/proof/inclusion", position=str(position), size=str(at))
            ).json()
            proof = [from_base64(hash_) for hash_ in body["inclusion"]]
            root = reference_root(world.intake, at)
            assert verify_inclusion(leaves[position - 1], position - 1, at, proof, root)


async def test_the_log_is_consistent_over_its_growth(audit: Audit, world: World) -> None:
    """Checkpoints signed along the way continue one another."""
    events, signed = world.intake.published(), []
    for end in (1, 2, 5, 8, len(events)):
        done = (await audit.parts.ledger.tracked("intake")).position
        await audit.parts.ledger.take_in(events[done:end])
        signed.append(parse_and_verify(await audit.parts.trees.checkpoint("intake"), *await keys(audit)))
    for old in signed:
        for new in signed[signed.index(old) :]:
            body = (
                await audit.get(
                    "/v1/logs/intake/proof/consistency", **{"from": str(old.size), "to": str(new.size)}
                )
            ).json()
            proof = [from_base64(hash_) for hash_ in body["consistency"]]
            assert verify_consistency(old.size, new.size, old.root, new.root, proof)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("inclusion", {}),
        ("inclusion", {"position": "0"}),
        ("inclusion", {"position": "999"}),
        ("inclusion", {"position": "1", "size": "999"}),
        ("inclusion", {"position": "5", "size": "4"}),
        ("inclusion", {"position": "²"}),
        ("consistency", {}),
        ("consistency", {"from": "5", "to": "4"}),
        ("consistency", {"from": "1", "to": "9" * 30}),
    ],
)
async def test_bad_proof_questions(told: Audit, path: str, params: dict[str, str]) -> None:
    answer = await told.get(f"/v1/logs/intake/proof/{path}", **params)
    assert (answer.status_code, answer.json()["code"]) == (422, "E_SCHEMA")


async def test_proofs_need_an_auditor_and_a_known_log(told: Audit) -> None:
    refused = await told.get("/v1/logs/intake/proof/inclusion", role="handler", position="1")
    assert refused.status_code == 403
    assert (await told.get("/v1/logs/vault/checkpoint")).status_code == 404
    assert (await told.get("/v1/logs/vault/proof/inclusion", position="1")).status_code == 404


# --- Bundles ---


async def bundle(audit: Audit, **params: str) -> dict[str, Any]:
    answer = await audit.get(BUNDLE, **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["unproved-events"] == "0"
    body: dict[str, Any] = answer.json()
    return body


async def test_a_bundle_verifies_offline(told: Audit, tmp_path: Path) -> None:
    """With nothing but the file and the key."""
    file, key = tmp_path / "bundle.json", tmp_path / "keys"
    file.write_text(json.dumps(await bundle(told, withhold="none")), "utf-8")
    key.write_text((await told.get("/v1/logs/key")).text)
    assert verify([str(file), "--key", str(key)]) == 0


async def test_a_withholding_bundle_proves_all_and_shows_no_name(told: Audit) -> None:
    """By default what is confidential is proved, and not shown."""
    whole = verify_bundle(json.dumps(await bundle(told, withhold="none")), await keys(told))
    document = json.dumps(await bundle(told), ensure_ascii=False)
    report = verify_bundle(document, await keys(told))
    assert not report.failures
    assert CANARY not in document
    assert report.withheld == 10
    assert report.shown + report.withheld == whole.shown == 11


async def test_a_tampered_bundle_fails(told: Audit) -> None:
    """A changed word, a changed time, a foreign proof: each is found."""

    def names(body: dict[str, Any]) -> None:
        body["entries"][0]["published"]["meta"]["actor"] = "p-other"

    def times(body: dict[str, Any]) -> None:
        body["entries"][1]["recorded_at"] = "2022-03-01T00:00:00.000000Z"

    def proofs(body: dict[str, Any]) -> None:
        body["entries"][0]["inclusion"] = body["entries"][1]["inclusion"]

    for tamper in (names, times, proofs):
        body = await bundle(told, withhold="none")
        tamper(body)
        assert verify_bundle(json.dumps(body), await keys(told)).failures, tamper.__name__


async def test_a_bundle_stays_within_jurisdiction(told: Audit) -> None:
    assert (await told.get(BUNDLE, organ=OTHER_COUNTY, withhold="none")).status_code == 404


# --- For whom a bundle is made ---


def a_clarification(begin: datetime, case: UUID) -> Producer:
    """Clarification's record about one subject, and beside it: a report of retaliation is open."""
    log, stream, watch = Producer("clarification"), uuid4(), uuid4()
    person = accused("s-2", "李虚白")
    of_both = {"round": 1, "text_hash": "t" * 64}
    asked = of_both | {"forms": ("WRITTEN",), "scope": "UNIT_ALL_STAFF"}
    taken = {
        "subject": person,
        "round": 1,
        "items": (),
        "other_findings": (),
        "unfounded_ids": ("b1",),
        "case_ids": (str(case),),
        "case_numbers": ("HC-990102100-2022-000001",),
        "complaint_ids": ("c-1", "c-2", "c-3"),
        "complaint_numbers": ("XF-990102100-2022-000001", "XF-990102100-2022-000002"),
        "verification_handlers": ("p-handler",),
        "concluded_by": ("p-leader",),
        "handling_organ": TOWNSHIP,
        "handling_dept": "supervision",
    }
    told: list[tuple[str, dict[str, Any]]] = [
        ("ClarificationOpened", taken | {"organ": TOWNSHIP, "number": "CQ-990102100-2022-000001"}),
        ("SubjectVoiceRecorded", {"round": 1, "voice": "心里踏实了", "by_subject": True}),
        ("UnfoundedFindingsJoined", taken),
        ("ClarificationTextRendered", of_both | {"template_version": "1", "text": "查无此事"}),
        ("ClarificationConsentRequested", asked | {"explained": ("PURPOSE",)}),
        ("ClarificationConsentGranted", asked | {"decision": "AGREED", "by_subject": True}),
        ("ClarificationReviewed", of_both | {"opinion": "同意", "no_prejudice_confirmed": True}),
        ("ClarificationImplemented", asked | {"implemented_on": "2022-07-01"}),
    ]

    def record(name: str, fields: dict[str, Any], stream: UUID, kind: str) -> None:
        cls = event_class(f"clarification.{name}")
        assert cls is not None
        at = begin + len(log.entries) * HOUR
        log.record(cls.model_validate(fields), stream, at=at, correlation=case, kind=kind)

    for name, fields in told:
        record(name, fields, stream, "Clarification")
    record("RetaliationReportNoted", {"subject_ref": "s-2", "report": "r-1"}, watch, "RetaliationWatch")
    return log


COURT = ["SubjectVoiceRecorded", "ClarificationTextRendered", "ClarificationConsentRequested"]
COURT += ["ClarificationConsentGranted", "ClarificationReviewed", "ClarificationImplemented"]


@pytest.mark.parametrize(
    ("audience", "topics"),
    [("court", COURT), ("subject", [t for t in COURT if t != "ClarificationReviewed"])],
)
async def test_sec1_outside_the_organs_a_bundle_tells_of_no_report(
    told: Audit,
    world: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    audience: str,
    topics: list[str],
) -> None:
    """Neither day, channel nor number of reports, nor that one came again or that retaliation is reported:
    not even that such an event is withheld. Everything that is there is proven, and the reader is told if
    something is not there."""
    await told.take_in(a_clarification(world.verification.entries[-1].recorded_at, world.first))
    body = await bundle(told, audience=audience, subject="s-2")
    assert [entry["topic"] for entry in body["entries"]] == [f"clarification.{topic}" for topic in topics]
    assert all("published" in entry for entry in body["entries"])
    assert body["checkpoint"].keys() == {"clarification"}
    text = json.dumps(body, ensure_ascii=False)
    for word in (
        "XF-",
        "HC-",
        "LETTER",
        "complaint",
        "intake",
        "etaliation",
        "2022-02-28",
        "2022-03-01",
        '"c-2"',
    ):
        assert word not in text, word
    (tmp_path / "bundle.json").write_text(text, "utf-8")
    (tmp_path / "keys").write_text((await told.get("/v1/logs/key")).text)
    assert verify([str(tmp_path / "bundle.json"), "--key", str(tmp_path / "keys")]) == 0
    assert "version 1, 3" in capsys.readouterr().out
    async with told.parts.engine.connect() as connection:
        query = "SELECT action FROM access_log ORDER BY id DESC LIMIT 1"
        assert (await connection.exec_driver_sql(query)).scalar_one() == f"bundle-{audience}"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"audience": "press"}, "audience"),
        ({"audience": "court"}, "subject"),
        ({"audience": "subject", "subject": "s-2", "withhold": "none"}, "withhold"),
        ({"audience": "subject", "subject": "s-1"}, "as_of"),
    ],
)
async def test_sec1_the_list_of_audiences_is_closed(
    told: Audit, world: World, params: dict[str, str], field: str
) -> None:
    """And somebody outside gets what is about one subject, or nothing."""
    await told.take_in(a_clarification(world.verification.entries[-1].recorded_at, world.first))
    answer = await told.get(BUNDLE, **params)
    assert (answer.status_code, answer.json()["details"]["field"]) == (422, field)


@pytest.mark.parametrize("audience", ["court", "subject"])
def test_sec1_no_event_for_outside_has_a_field_about_reports(audience: Audience) -> None:
    """An author who adds a field to such an event learns it here: an event is shown whole or not at all."""
    about_reports = {
        "complaint",
        "case_id",
        "case_number",
        "report",
        "trigger",
        "channel",
        "received",
        "account",
    }
    for topic in TOLD[audience]:
        cls = event_class(topic)
        assert cls is not None, topic
        assert not [f for f in cls.model_fields for word in about_reports if word in f], topic
