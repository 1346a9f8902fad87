"""python -m shared.evidence.verify bundle.json --key KEYFILE

Checks a bundle (`shared.evidence.bundle`) with nothing but public keys. KEYFILE holds C2SP signed-note
verifier keys, "name+hexid+base64", one a line; empty lines and lines that begin with # are skipped.

Exit status: 0 everything is proven; 1 something is not, each thing with its reason; 2 there was nothing to
check, because the bundle or the keys could not be read.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.evidence.bundle import Entry, MalformedBundle, parse_bundle
from shared.evidence.checkpoint import Checkpoint, parse_and_verify
from shared.evidence.leaf import content_digest
from shared.evidence.merkle import verify_inclusion
from shared.evidence.note import MalformedNote, UnverifiedNote, VerifierKey

PROVEN, REFUTED, UNREADABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found: checkpoints to trust, entries proven, and why others are not."""

    checkpoints: Mapping[str, Checkpoint]
    shown: int
    withheld: int
    failures: Sequence[str]


def verify_bundle(document: bytes | str, verifier_keys: Sequence[VerifierKey]) -> Report:
    """Check every checkpoint and entry of a bundle; MalformedBundle if it is none."""
    bundle = parse_bundle(document)
    failures: list[str] = []
    checkpoints: dict[str, Checkpoint] = {}
    for service, note in bundle.checkpoints.items():
        try:
            checkpoints[service] = _checkpoint_of(service, note, verifier_keys)
        except MalformedNote as error:
            raise MalformedBundle(f"checkpoint of {service!a}: {error}") from error
        except UnverifiedNote as error:
            failures.append(f"checkpoint of {service!a}: {error}")
    proven = {True: 0, False: 0}
    seen: set[tuple[str, int]] = set()
    for number, entry in enumerate(bundle.entries):
        reasons = _reasons_against(entry, checkpoints.get(entry.service))
        if (entry.service, entry.position) in seen:
            reasons.append("the bundle holds this event twice")
        seen.add((entry.service, entry.position))
        failures += [
            f"entry {number} ({entry.service!a} position {entry.position}): {why}" for why in reasons
        ]
        proven[entry.shown is not None] += not reasons
    return Report(checkpoints, shown=proven[True], withheld=proven[False], failures=failures)


def _checkpoint_of(service: str, note: str, verifier_keys: Sequence[VerifierKey]) -> Checkpoint:
    checkpoint = parse_and_verify(note, *verifier_keys)
    if checkpoint.origin.rpartition("/")[2] != service:
        raise UnverifiedNote(f"it is of another log, {checkpoint.origin!a}")
    return checkpoint


def _reasons_against(entry: Entry, checkpoint: Checkpoint | None) -> list[str]:
    reasons: list[str] = []
    if entry.leaf_index != entry.position - 1:
        reasons.append(f"leaf index {entry.leaf_index} is not position - 1")
    shown = entry.shown
    if shown and content_digest(shown.published, shown.salt, entry.algorithm) != entry.content_digest:
        reasons.append("the event shown is not the event recorded (content digest differs)")
    if checkpoint is None:
        reasons.append("its service has no checkpoint to be trusted")
    elif entry.leaf_index >= checkpoint.size:
        reasons.append(f"the log had only {checkpoint.size} events at the checkpoint")
    elif not verify_inclusion(
        entry.leaf_hash(), entry.leaf_index, checkpoint.size, entry.inclusion, checkpoint.root
    ):
        reasons.append("it does not stand so in the log (inclusion proof fails)")
    return reasons


# --- The command ---


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the bundle named on the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.evidence.verify", description="Check a bundle of evidence."
    )
    parser.add_argument("bundle", type=Path, help="the bundle, a JSON file")
    parser.add_argument(
        "--key", type=Path, required=True, help="file of verifier keys (C2SP signed-note), one a line"
    )
    options = parser.parse_args(arguments)
    try:
        keys = read_keys(options.key)
        report = verify_bundle(options.bundle.read_bytes(), keys)
    except (OSError, ValueError) as error:
        print(f"cannot verify: {error!s}".encode("ascii", "backslashreplace").decode(), file=sys.stderr)
        return UNREADABLE
    for failure in report.failures:
        print(f"FAILED {failure}")
    print(summary(report))
    return REFUTED if report.failures else PROVEN


def read_keys(path: Path) -> list[VerifierKey]:
    """Read a file of verifier keys; ValueError if it holds none or something else."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    keys = [VerifierKey.parse(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError("the key file holds no key")
    return keys


def summary(report: Report) -> str:
    """A few lines for a person."""
    verdict = f"NOT PROVEN: {len(report.failures)} failures" if report.failures else "PROVEN"
    logs = [f"  {log.origin!a}: checkpoint of {log.size} events" for log in report.checkpoints.values()]
    count = (
        f"{report.shown + report.withheld} events proven: {report.shown} shown, {report.withheld} withheld"
    )
    return "\n".join([f"{verdict}; {count}", *logs])


if __name__ == "__main__":
    sys.exit(main())
