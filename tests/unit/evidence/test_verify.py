"""Bundles and the command that verifies them."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.evidence.bundle import MalformedBundle, parse_bundle
from shared.kernel.evidence.checkpoint import Checkpoint, sign
from shared.kernel.evidence.encoding import to_base64
from shared.kernel.evidence.leaf import leaf_data
from shared.kernel.evidence.merkle import leaf_hash
from shared.kernel.evidence.note import VerifierKey
from shared.kernel.evidence.verify import main, read_keys, summary, verify_bundle
from tests.unit.evidence import examples

ROOT = Path(__file__).parents[3]
BUNDLE = json.dumps(examples.bundle().to_json(), ensure_ascii=False, separators=(",", ":"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

Run = Callable[[bytes | str], int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the command in this process on a document."""
    folder = tmp_path_factory.mktemp("verify")
    keys = folder / "keys"
    keys.write_text("# verifier keys\n\n" + "\n".join(map(str, examples.VERIFIERS)) + "\n", "utf-8")

    def run_it(document: bytes | str) -> int:
        path = folder / "bundle.json"
        path.write_bytes(
            document if isinstance(document, bytes) else document.encode("utf-8", "surrogatepass")
        )
        return main([str(path), "--key", str(keys)])

    return run_it


def altered(change: Callable[[Any], None]) -> str:
    value = json.loads(BUNDLE)
    change(value)
    return json.dumps(value, ensure_ascii=False)


def failures_of(document: str) -> str:
    return "\n".join(verify_bundle(document, examples.VERIFIERS).failures)


# --- What is told of it ---


def told(document: str, capsys: pytest.CaptureFixture[str], run: Run) -> list[str]:
    assert run(document) == 0
    return capsys.readouterr().out.splitlines()


def test_what_is_missing_between_events_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Every entry has its version, so an event that was left out shows by the number that is not there."""
    lines = told(BUNDLE, capsys, run)
    assert "  MISSING 'intake' stream 'intake-0': version 1 to 2" in lines
    assert "  MISSING 'intake' stream 'intake-2': version 1 to 3" in lines
    assert not any("stream 'intake-1'" in line for line in lines)
    whole = examples.bundle().to_json()
    whole["entries"] = [examples.entry("intake", n).to_json() for n in range(1, 12) if n % 3 == 1]
    whole["checkpoint"] = {"intake": examples.checkpoint("intake")}
    assert not any("MISSING" in line for line in told(json.dumps(whole), capsys, run))
    del whole["entries"][1]
    assert "  MISSING 'intake' stream 'intake-1': version 2" in told(json.dumps(whole), capsys, run)


def test_what_is_withheld_is_named_with_its_day(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Topic and time of recording are proven of it, and are all that there is to tell."""
    lines = told(BUNDLE, capsys, run)
    assert "  WITHHELD 'intake' position 11: 'Opened', recorded 2026-03-01T08:30:11.000000Z" in lines
    assert sum("WITHHELD" in line for line in lines) == 2
    assert "  recorded from 2026-03-01T08:30:01.000000Z to 2026-03-01T08:30:11.000000Z" in lines


def test_the_age_of_a_checkpoint_is_told() -> None:
    """Signed with it: what a log recorded since is not covered by the bundle."""
    log = examples.LOGS["intake"]
    signed = Checkpoint("zhengming/intake", log.size, log.root(), datetime(2026, 3, 2, tzinfo=UTC))
    document = altered(lambda value: value["checkpoint"].update(intake=sign(signed, examples.KEY)))
    report = verify_bundle(document, examples.VERIFIERS)
    lines = summary(report, report.failures, datetime(2026, 3, 12, 6, tzinfo=UTC)).splitlines()
    wanted = "  'zhengming/intake': checkpoint of 11 events, signed 2026-03-02T00:00:00.000000Z, 10 days ago"
    assert wanted in lines
    assert any("does not say when it was signed" in line for line in lines)
    assert report.checkpoints["intake"] == signed


# --- Held against what came later ---


class Grown:
    """The examples' log of intake, five events later, and the files that an auditor would have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = examples.log_of("intake")
        later = [leaf_hash(leaf_data(**examples.fields("intake", n))) for n in range(12, 17)]
        self.log.extend(later)
        (folder / "bundle.json").write_text(BUNDLE, "utf-8")
        (folder / "keys").write_text("\n".join(map(str, examples.VERIFIERS)), "utf-8")

    def note(self, size: int, root: bytes | None = None, origin: str = "zhengming/intake") -> None:
        signed = Checkpoint(origin, size, root or self.log.root(size))
        (self.folder / "newer").write_text(sign(signed, examples.KEY), "utf-8")

    def proof(self, **changed: Any) -> None:
        proof = [to_base64(hash_) for hash_ in self.log.consistency_proof(11, 16)]
        body = {"service": "intake", "from": 11, "to": 16, "consistency": proof} | changed
        (self.folder / "proof").write_text(json.dumps(body), "utf-8")

    def verify(self, *more: str) -> int:
        file = self.folder / "bundle.json"
        given = [str(self.folder / word) if (self.folder / word).exists() else word for word in more]
        return main([str(file), "--key", str(self.folder / "keys"), *given])


@pytest.fixture
def grown(tmp_path: Path) -> Grown:
    return Grown(tmp_path)


def test_an_older_bundle_is_held_against_a_newer_checkpoint(
    grown: Grown, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the proof that the log only grew; without one, or with a false one, it is not believed."""
    grown.note(16)
    grown.proof()
    assert grown.verify("--newer", "newer", "--consistency", "proof") == 0
    out = capsys.readouterr().out
    assert "  'zhengming/intake' from 11 to 16 events: continued, nothing of it changed" in out
    assert "  'zhengming/audit-of-\\u6b63\\u540d': not compared" in out
    assert grown.verify("--newer", "newer") == 1
    assert "needs the consistency proof" in capsys.readouterr().out
    grown.proof(consistency=[to_base64(bytes(32))] * 4)
    assert grown.verify("--newer", "newer", "--consistency", "proof") == 1
    assert "was changed in between" in capsys.readouterr().out
    grown.proof(consistency="x")
    assert grown.verify("--newer", "newer", "--consistency", "proof") == 2


def test_a_log_that_was_exchanged_is_told(grown: Grown, capsys: pytest.CaptureFixture[str]) -> None:
    """Two histories of one size, one that became shorter, one of another installation, one unsigned."""
    for note, why in (
        ({"size": 11, "root": bytes(32)}, "two histories of one size"),
        ({"size": 9}, "what is called newer is older"),
        ({"size": 11, "origin": "elsewhere/intake"}, "no signature by a trusted key"),
    ):
        grown.note(**note)
        assert grown.verify("--newer", "newer") == 1
        assert why in capsys.readouterr().out
    grown.note(11)
    assert grown.verify("--newer", "newer") == 0
    assert "the same log" in capsys.readouterr().out


def test_a_newer_bundle_serves_as_well(grown: Grown, capsys: pytest.CaptureFixture[str]) -> None:
    """The checkpoints of a newer bundle are taken once it is proven itself."""
    (grown.folder / "newer").write_text(BUNDLE, "utf-8")
    assert grown.verify("--newer", "newer") == 0
    (grown.folder / "newer").write_text(
        altered(lambda value: value["entries"][0].update(version="9")), "utf-8"
    )
    assert grown.verify("--newer", "newer") == 1
    assert "FAILED newer: entry 0" in capsys.readouterr().out


# --- What verifies ---


def test_a_bundle_verifies(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound bundle is reported as proven, with what was shown and withheld, and exits 0."""
    assert run(BUNDLE) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        "PROVEN; 5 events proven: 3 shown, 2 withheld\n  'zhengming/intake': checkpoint of 11"
    )
    assert not err
    assert out.isascii()


def test_the_form_of_a_bundle_does_not_matter(run: Run) -> None:
    """White space and escapes are not content: a bundle printed otherwise verifies as well."""
    assert run(json.dumps(json.loads(BUNDLE), indent=4, sort_keys=True)) == 0


def test_a_bundle_comes_back() -> None:
    """A bundle read is the bundle written."""
    assert parse_bundle(BUNDLE) == examples.bundle()


@pytest.mark.parametrize("service", examples.SIZES)
def test_every_event_of_a_log_can_be_proven(service: str) -> None:
    """Each event of a log can go into a bundle, shown or withheld."""
    for position in range(1, examples.SIZES[service] + 1):
        for show in (True, False):
            value = examples.bundle().to_json() | {
                "entries": [examples.entry(service, position, show=show).to_json()]
            }
            assert not failures_of(json.dumps(value))


def test_the_command_runs_on_its_own(tmp_path: Path) -> None:
    """The module works as a command in a process of its own, even where output is ASCII only."""
    (tmp_path / "bundle.json").write_text(BUNDLE, "utf-8")
    (tmp_path / "key").write_text("\n".join(map(str, examples.VERIFIERS)), "utf-8")
    command = [sys.executable, "-m", "shared.kernel.evidence.verify", str(tmp_path / "bundle.json"), "--key"]
    environment = {"PYTHONIOENCODING": "ascii"}
    good = subprocess.run(
        [*command, str(tmp_path / "key")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (good.returncode, good.stderr) == (0, "")
    bad = subprocess.run(
        [*command, str(tmp_path / "bundle.json")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bad.returncode == 2
    assert bad.stderr.startswith("cannot verify: not a verifier key")


# --- What is refuted: exit 1, with the reason ---


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("stream", "intake-9"),
        ("version", "9"),
        ("topic", "Closed"),
        ("recorded_at", "2026-03-01T08:30:01.000001Z"),
        ("state_sha256", "00" * 32),
        ("service", "audit-of-正名"),
        ("inclusion", []),
    ],
)
def test_an_altered_entry_is_refuted(
    run: Run, capsys: pytest.CaptureFixture[str], member: str, value: Any
) -> None:
    """Any altered member of a row makes its inclusion proof fail."""
    assert run(altered(lambda bundle: bundle["entries"][0].update({member: value}))) == 1
    out = capsys.readouterr().out
    assert out.startswith("FAILED entry 0 (")
    assert "inclusion proof fails" in out
    assert "NOT PROVEN: 1 failures; 4 events proven: 2 shown, 2 withheld" in out


def test_an_altered_event_is_refuted() -> None:
    """An event shown otherwise than it was recorded is refuted, to the letter."""
    document = altered(lambda bundle: bundle["entries"][0]["published"].update(note="查实"))
    assert failures_of(document) == (
        "entry 0 ('intake' position 1): the event shown is not the event recorded (content digest differs)"
    )


def test_an_entry_under_the_names_of_another_algorithm_is_refuted() -> None:
    """A digest by SHA-256 is none by SM3, and the other way round."""

    def relabel(bundle: Any) -> None:
        first, last = bundle["entries"][0], bundle["entries"][-1]
        first["state_sm3"], first["content_sm3"] = first.pop("state_sha256"), first.pop("content_digest")
        last["state_sha256"], last["content_digest"] = last.pop("state_sm3"), last.pop("content_sm3")

    failures = failures_of(altered(relabel))
    assert failures.count("content digest differs") == failures.count("inclusion proof fails") == 2


def test_an_event_with_another_salt_is_refuted() -> None:
    """The salt belongs to the event shown."""
    document = altered(lambda bundle: bundle["entries"][0].update(salt="00" * 16))
    assert "content digest differs" in failures_of(document)


def test_an_event_of_another_entry_is_refuted() -> None:
    """An event cannot be shown in the place of another."""

    def swap(bundle: Any) -> None:
        first, other = bundle["entries"][0], bundle["entries"][2]
        first["published"], other["published"] = other["published"], first["published"]

    assert failures_of(altered(swap)).count("content digest differs") == 2


def test_a_moved_event_is_refuted() -> None:
    """Position and leaf index go together, and neither can be changed."""
    document = altered(lambda bundle: bundle["entries"][0].update(leaf_index=1))
    assert "leaf index 1 is not position - 1" in failures_of(document)
    document = altered(lambda bundle: bundle["entries"][0].update(leaf_index=1, position="2"))
    assert "inclusion proof fails" in failures_of(document)


def test_an_event_after_the_checkpoint_is_refuted() -> None:
    """An event that the checkpoint does not cover yet is not proven by it."""
    document = altered(lambda bundle: bundle["entries"][0].update(leaf_index=11, position="12"))
    assert "only 11 events" in failures_of(document)


def test_an_event_twice_is_refuted() -> None:
    """One event cannot be counted as two."""
    assert "twice" in failures_of(altered(lambda bundle: bundle["entries"].append(bundle["entries"][0])))


def test_entries_without_a_checkpoint_are_refuted() -> None:
    """Entries of a service of which the bundle has no checkpoint are not proven."""
    assert failures_of(altered(lambda bundle: bundle["checkpoint"].pop("intake"))).count("no checkpoint") == 3


def test_the_checkpoint_of_another_log_is_refuted() -> None:
    """A true checkpoint of one log is no checkpoint of another."""

    def swap(bundle: Any) -> None:
        bundle["checkpoint"]["intake"] = bundle["checkpoint"]["audit-of-正名"]

    assert "it is of another log" in failures_of(altered(swap))


def test_a_checkpoint_by_a_stranger_is_refuted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle whose checkpoint was signed by a key that is not trusted proves nothing."""
    log = examples.LOGS["intake"]
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    note = sign(Checkpoint("zhengming/intake", log.size, log.root()), stranger)
    assert run(altered(lambda bundle: bundle["checkpoint"].update(intake=note))) == 1
    assert "FAILED checkpoint of 'intake': no signature by a trusted key" in capsys.readouterr().out


def test_every_failure_is_reported() -> None:
    """The verifier does not stop at the first failure."""

    def break_all(bundle: Any) -> None:
        for entry in bundle["entries"]:
            entry["topic"] = "Closed"

    assert len(verify_bundle(altered(break_all), examples.VERIFIERS).failures) == 5


@given(st.integers(0, len(BUNDLE.encode()) * 8 - 1))
def test_no_bit_of_a_bundle_can_change(run: Run, bit: int) -> None:
    """Flip any bit of a bundle, and it no longer verifies."""
    document = bytearray(BUNDLE.encode())
    document[bit // 8] ^= 1 << bit % 8
    assert run(bytes(document)) in (1, 2)


# --- What is no bundle: exit 2, never a traceback ---


def assert_unreadable(run: Run, document: bytes | str) -> None:
    with pytest.raises(MalformedBundle):
        verify_bundle(document, examples.VERIFIERS)
    assert run(document) == 2


@given(st.binary())
def test_bytes_are_no_bundle(run: Run, document: bytes) -> None:
    """Arbitrary bytes are refused."""
    assert_unreadable(run, document)


@given(JSON)
def test_json_is_no_bundle(run: Run, value: Any) -> None:
    """Arbitrary JSON, and what Python calls JSON, is refused."""
    assert run(json.dumps(value)) == 2


@given(st.integers(0, len(BUNDLE) - 1))
def test_a_cut_bundle_is_no_bundle(run: Run, length: int) -> None:
    """A bundle cut anywhere is refused."""
    assert_unreadable(run, BUNDLE[:length])


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value of the bundle, events shown left aside (they may hold anything)."""
    keys: list[str | int] = []
    if isinstance(value, dict):
        keys = [key for key in value if key != "published"]
    elif isinstance(value, list):
        keys = list(range(len(value)))
    return [found for key in keys for found in ((*path, key), *paths(value[key], (*path, key)))]


@given(st.sampled_from(paths(json.loads(BUNDLE))), JSON)
def test_a_value_of_another_type_makes_no_bundle(run: Run, path: tuple[str | int, ...], value: Any) -> None:
    """Replace any value with one of another type, and the bundle is refused."""
    document = json.loads(BUNDLE)
    owner = document
    for key in path[:-1]:
        owner = owner[key]
    if type(owner[path[-1]]) is not type(value):
        owner[path[-1]] = value
        assert_unreadable(run, json.dumps(document))


@given(st.sampled_from(paths(json.loads(BUNDLE))), JSON)
def test_no_value_can_be_put_in_place_of_another(run: Run, path: tuple[str | int, ...], value: Any) -> None:
    """Replace any value with any other, and the bundle is refused or refuted."""
    document = json.loads(BUNDLE)
    owner = document
    for key in path[:-1]:
        owner = owner[key]
    if owner[path[-1]] != value or type(owner[path[-1]]) is not type(value):
        owner[path[-1]] = value
        assert run(json.dumps(document)) in (1, 2)


@pytest.mark.parametrize(
    "member",
    [
        "format",
        "checkpoint",
        "entries",
        *(f"entries.{member}" for member in json.loads(BUNDLE)["entries"][0]),
    ],
)
def test_a_missing_member_makes_no_bundle(run: Run, member: str) -> None:
    """Every member is needed, and published and salt only go together."""

    def drop(bundle: Any) -> None:
        if member.startswith("entries."):
            del bundle["entries"][0][member.removeprefix("entries.")]
        else:
            del bundle[member]

    assert_unreadable(run, altered(drop))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format":', '"extra":1,"format":'),
        ('"topic":', '"extra":1,"topic":'),
        ('"topic":', '"topic":"Closed","topic":'),
        ('"number":1', '"number":2,"number":1'),
        ('"number":1', '"number":NaN'),
        ('"number":1', '"number":1e999'),
        ('"number":1', '"number":9007199254740993'),
        ('"number":1', '"number":' + "9" * 5000),
        ('"number":1', '"number":' + "[" * 100_000 + "]" * 100_000),
        ('"number":1', '"\\ud800":1'),
        ('"topic":"Opened"', '"topic":"\\ud800"'),
        ('"position":"1"', '"position":"0"'),
        ('"position":"1"', '"position":"01"'),
        ('"position":"1"', '"position":"9223372036854775808"'),
        ('"version":"1"', '"version":1'),
        ('"leaf_index":0', '"leaf_index":false'),
        ('"leaf_index":0', '"leaf_index":-1'),
        ('"leaf_index":0', '"leaf_index":0.0'),
        ('"leaf_index":0', '"leaf_index":' + "9" * 4000),
        ('"recorded_at":"2026-03-01T08:30:01.000000Z"', '"recorded_at":"0001-01-01T00:00:00.000000+23:59"'),
        ('"salt":"', '"salt":" '),
        ('"inclusion":["', '"inclusion":["="],"x":["'),
        ("zhengming-bundle/1", "zhengming-bundle/2"),
        ("\\n\\n", "\\n"),
    ],
)
def test_a_malformed_bundle_is_no_bundle(
    run: Run, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    """Odd members, numbers, spellings and depths are refused with a message, and never crash."""
    assert old in BUNDLE
    assert_unreadable(run, BUNDLE.replace(old, new, 1))
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("cannot verify: ")
    assert err.isascii()


@pytest.mark.parametrize("depth", range(100, 1001, 50))
def test_depth_never_crashes(run: Run, depth: int) -> None:
    """Nesting near what the interpreter bears is refused or refuted."""
    assert run(BUNDLE.replace('"number":1', f'"number":{"[" * depth}{"]" * depth}', 1)) in (1, 2)


def test_empty_bundles_are_no_bundles(run: Run) -> None:
    """A bundle without entries or checkpoints would prove nothing, and is not called proven."""
    assert_unreadable(run, altered(lambda bundle: bundle.update(entries=[])))
    assert_unreadable(run, altered(lambda bundle: bundle.update(checkpoint={})))


def test_missing_files_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there exits 2 with a message."""
    assert main([str(tmp_path / "none.json"), "--key", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("cannot verify: ")


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff", b"zhengming/intake+00000000+AQ==\n"])
def test_a_key_file_without_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    """Without a readable key there is nothing to trust."""
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "bundle.json").write_text(BUNDLE, "utf-8")
    assert main([str(tmp_path / "bundle.json"), "--key", str(tmp_path / "key")]) == 2


def test_wrong_usage_exits_2() -> None:
    """A command line that lacks the key exits 2."""
    with pytest.raises(SystemExit) as exit_:
        main(["bundle.json"])
    assert exit_.value.code == 2


def test_a_key_file_may_hold_several_keys(tmp_path: Path) -> None:
    """A key file holds one verifier key a line."""
    (tmp_path / "key").write_text("\n".join(map(str, examples.VERIFIERS)), "utf-8")
    keys: list[VerifierKey] = read_keys(tmp_path / "key")
    assert keys == examples.VERIFIERS
