"""Checkpoints, proofs and bundles: whoever has the key can check them without us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.evidence.checkpoint import parse_and_verify
from shared.evidence.encoding import from_base64
from shared.evidence.merkle import verify_consistency, verify_inclusion
from shared.evidence.note import VerifierKey
from shared.evidence.verify import main as verify
from shared.evidence.verify import verify_bundle
from tests.audit.conftest import Audit
from tests.audit.test_take_in import leaves_of, reference_root
from tests.audit.world import CANARY, OTHER_COUNTY, World

BUNDLE = "/v1/cases/XF-990102100-2022-000001/bundle"


async def keys(audit: Audit) -> list[VerifierKey]:
    text = (await audit.get("/v1/logs/key", role="petition_clerk")).text
    return [VerifierKey.parse(line) for line in text.splitlines()]


async def test_a_checkpoint_is_for_any_token(told: Audit, world: World) -> None:
    """It holds no personal data; its root is the one that anybody can compute."""
    answer = await told.get("/v1/logs/intake/checkpoint", role="handler")
    assert answer.headers["content-type"].startswith("text/plain")
    signed = parse_and_verify(answer.text, *await keys(told))
    assert (signed.origin, signed.size) == ("zhengming/intake", len(world.intake.entries))
    assert signed.root == reference_root(world.intake)
    assert (await told.get("/v1/logs/intake/checkpoint")).text == answer.text


@pytest.mark.parametrize("role", ["subject_mobile", "unit_contact"])
async def test_sec1_nobody_from_outside_watches_a_log_grow(told: Audit, role: str) -> None:
    """Its size steps when somebody reports."""
    answer = await told.get("/v1/logs/intake/checkpoint", role=role)
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
    assert report.withheld == 5
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
