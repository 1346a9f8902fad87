"""A whole case under SM4 and SM3, and one whose records begin under the international suite and end under
SM: replayed and proved as any other (docs/adr/0009).

Scenario 1 is played through all five services. The suite that was at work is read from the records
themselves: sealed states, messages on the bus, digests on audit's ledger.
"""

from __future__ import annotations

import io
import json
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from deploy.local.demo import Demo
from deploy.local.player import expand, load
from deploy.local.stack import SERVICES, Stack
from shared.kernel.evidence.verify import main as verify_bundle
from shared.kernel.suites import INTERNATIONAL, SM
from tests.scenarios.everywhere import messages_of

pytestmark = pytest.mark.external

SCENARIO = load("1")
AUDITOR = SCENARIO["replay"]["auditor"]
ALL_SM = dict.fromkeys(SERVICES, "sm")


def asked(stack: Stack, database: str, query: str) -> list[Any]:
    with closing(psycopg.connect(stack.database_url(database, scheme="postgresql"))) as connection:
        return connection.execute(query.encode()).fetchall()


def sealed_with(stack: Stack, store: str) -> Counter[int]:
    """Number of sealed records of a store that bear each suite's number: the second byte of each
    (shared/kernel/store/sealing.py), of audit those on its ledger."""
    table, column = ("ledger", "sealed") if store == "audit" else (f"{store}_events", "state")
    rows = asked(stack, f"zm_{store}", f"SELECT get_byte({column}, 1) FROM {table}")
    return Counter(row[0] for row in rows)


def digested_with(stack: Stack) -> dict[tuple[str, str], int]:
    """The algorithm of the leaves in audit's ledger, by service."""
    query = "SELECT service, algorithm, count(*) FROM ledger GROUP BY service, algorithm"
    return {(service, algorithm): n for service, algorithm, n in asked(stack, "zm_audit", query)}


def travelled_with(stack: Stack) -> Counter[str]:
    """The ciphers of the messages that lie on the bus."""
    return Counter(json.loads(message.data)["data"]["cipher"] for message in messages_of(stack))


def last_position(stack: Stack, service: str) -> int:
    [row] = asked(stack, f"zm_{service}", f"SELECT max(notification_id) FROM {service}_events")
    return int(row[0])


@pytest.fixture
def told() -> io.StringIO:
    return io.StringIO()


def demo(stack: Stack, told: io.StringIO) -> Demo:
    """A demonstration that raises a Departure at the first thing that is not as the table says."""
    return Demo(stack, SCENARIO, Console(file=told, width=200))


def verified(bundle: dict[str, Any], keys: str, folder: Path) -> int:
    """The exit status of the offline verifier: 0 for proved."""
    (folder / "keys").write_text(keys, "utf-8")
    (folder / "bundle.json").write_text(json.dumps(bundle), "utf-8")
    return verify_bundle([str(folder / "bundle.json"), "--key", str(folder / "keys")])


def whole_bundle(played: Demo) -> tuple[dict[str, Any], str]:
    """The case's evidence with nothing withheld, and the verifier's keys."""
    client = played.player.client(AUDITOR)
    number = played.player.cases[SCENARIO["replay"]["number"]].number
    answer = client.get(f"/audit/v1/cases/{number}/bundle")
    assert answer.headers["unproved-events"] == "0"
    bundle: dict[str, Any] = answer.json()
    return bundle, client.get("/audit/v1/logs/key").text


def reworded(entry: dict[str, Any]) -> None:
    """Another organ is said to have acted."""
    entry["published"]["meta"]["organ"] = "DI-990199"


def test_a_whole_case_under_sm_is_replayed_and_proved(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, told: io.StringIO
) -> None:
    """`ZM_SUITE=sm` for the whole stack: the history, the bundle, the stores and an altered row, as in
    `make demo`. No record anywhere bears another suite."""
    with Stack(tmp_path_factory.mktemp("sm"), suites=ALL_SM) as stack:
        played = demo(stack, told)
        with closing(played.player):
            played.run()
            bundle, keys = whole_bundle(played)
        for store in SERVICES:
            assert set(sealed_with(stack, store)) == {SM.number}, store
        assert set(travelled_with(stack)) == {SM.cipher}
        assert {algorithm for _, algorithm in digested_with(stack)} == {"SM3"}
    assert all({"content_sm3", "state_sm3"} <= entry.keys() for entry in bundle["entries"])
    assert verified(bundle, keys, tmp_path) == 0
    reworded(bundle["entries"][-1])
    assert verified(bundle, keys, tmp_path) == 1


def test_a_store_with_records_of_both_suites_is_replayed_and_proved(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, told: io.StringIO
) -> None:
    """The case begins under the default. Intake alone is told `sm` and started anew; later the whole stack
    is, on the same data. Nothing is rewritten, and all of it reads and is proved."""
    steps = list(expand(SCENARIO))
    rows = [step["row"] for step in steps]
    handed_over, concluded = rows.index(6), rows.index(11)
    with Stack(tmp_path_factory.mktemp("both")) as stack:
        played = demo(stack, told)
        with closing(played.player):

            def play(part: list[dict[str, Any]]) -> None:
                played.player.play({"steps": part, "macros": {}})

            play(steps[:handed_over])
            assert set(sealed_with(stack, "intake")) == {INTERNATIONAL.number}
            before = last_position(stack, "intake")
            stack.suites["intake"] = "sm"
            stack.kill("intake", signal.SIGTERM)
            stack.start_service("intake")
            play(steps[handed_over:concluded])
            assert set(sealed_with(stack, "intake")) == {INTERNATIONAL.number, SM.number}
            assert set(sealed_with(stack, "verification")) == {INTERNATIONAL.number}
            played.player.close()
            stack.stop()
            stack.suites |= ALL_SM
            stack.start()
            play(steps[concluded:])
            played.prove()
            bundle, keys = whole_bundle(played)
        for store in ("intake", "verification", "clarification", "audit"):
            assert set(sealed_with(stack, store)) == {INTERNATIONAL.number, SM.number}, store
        # What was there before is as it was.
        query = f"SELECT DISTINCT get_byte(state, 1) FROM intake_events WHERE notification_id <= {before}"
        assert asked(stack, "zm_intake", query) == [(INTERNATIONAL.number,)]
        assert set(travelled_with(stack)) == {INTERNATIONAL.cipher, SM.cipher}
        told_of = digested_with(stack)
        assert told_of.keys() >= {("intake", "SHA-256"), ("intake", "SM3"), ("verification", "SHA-256")}
    by_digest = Counter("sm3" if "content_sm3" in entry else "sha256" for entry in bundle["entries"])
    assert by_digest.keys() == {"sm3", "sha256"}
    assert verified(bundle, keys, tmp_path) == 0
    for member in ("content_sm3", "content_digest"):  # an altered word is noticed under either
        altered = json.loads(json.dumps(bundle))
        shown = [entry for entry in altered["entries"] if "published" in entry]
        reworded(next(entry for entry in shown if member in entry))
        assert verified(altered, keys, tmp_path) == 1
