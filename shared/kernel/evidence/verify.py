"""Checks a bundle (`shared.kernel.evidence.bundle`) with nothing but public keys.

    python -m shared.kernel.evidence.verify bundle.json --key KEYFILE [--newer FILE [--consistency PROOF ...]]

KEYFILE holds C2SP signed-note verifier keys, "name+hexid+base64", one a line; empty lines and lines that
begin with # are skipped.

It also names what is withheld, with its day, which versions of a stream are missing between those that are
there, and how old the checkpoints are: what a log recorded since is not covered.

`--newer` is a later bundle, or a signed checkpoint, by which it is told whether the log still continues what
the bundle was proven under. Where the log has grown that takes a consistency proof for each log, as audit
answers it (`/v1/logs/{service}/proof/consistency?from=&to=`).

Exit status: 0 everything is proven; 1 something is not, each thing with its reason; 2 there was nothing to
check, because a file could not be read.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from shared.kernel.evidence.bundle import Entry, MalformedBundle, parse_bundle
from shared.kernel.evidence.checkpoint import Checkpoint, of_service, parse_and_verify, service_of
from shared.kernel.evidence.encoding import from_base64
from shared.kernel.evidence.leaf import content_digest, format_instant
from shared.kernel.evidence.merkle import verify_consistency, verify_inclusion
from shared.kernel.evidence.note import MalformedNote, UnverifiedNote, VerifierKey

PROVEN, REFUTED, UNREADABLE = 0, 1, 2
MOST_GAPS = 1000
"""Versions of one stream that are named as missing."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification: checkpoints to trust, entries proven, and why others are not."""

    checkpoints: Mapping[str, Checkpoint]
    entries: Sequence[Entry]
    proven: Sequence[Entry]
    failures: Sequence[str]

    @property
    def shown(self) -> int:
        return sum(entry.shown is not None for entry in self.proven)

    @property
    def withheld(self) -> int:
        return len(self.proven) - self.shown

    def missing(self) -> dict[tuple[str, str], list[int]]:
        """The versions that are not here though a later one is proven, by service and stream."""
        highest: dict[tuple[str, str], int] = {}
        for entry in self.proven:
            stream = entry.service, entry.stream
            highest[stream] = max(entry.version, highest.get(stream, 0))
        there: dict[tuple[str, str], set[int]] = {stream: set() for stream in sorted(highest)}
        for entry in self.entries:
            there.get((entry.service, entry.stream), set()).add(entry.version)
        return {s: gaps for s, versions in there.items() if (gaps := _gaps(versions, highest[s]))}


@dataclass(frozen=True, slots=True)
class Growth:
    """A consistency proof as audit answers it: that a log of one size continues the log of an earlier one."""

    service: str
    old: int
    new: int
    proof: Sequence[bytes]


def verify_bundle(document: bytes | str, verifier_keys: Sequence[VerifierKey]) -> Report:
    """Check every checkpoint and entry of a bundle; MalformedBundle if it is none."""
    bundle = parse_bundle(document)
    failures: list[str] = []
    checkpoints: dict[str, Checkpoint] = {}
    for service, note in bundle.checkpoints.items():
        try:
            checkpoints[service] = of_service(service, note, *verifier_keys)
        except MalformedNote as error:
            raise MalformedBundle(f"checkpoint of {service!a}: {error}") from error
        except UnverifiedNote as error:
            failures.append(f"checkpoint of {service!a}: {error}")
    proven: list[Entry] = []
    seen: set[tuple[str, int]] = set()
    for number, entry in enumerate(bundle.entries):
        reasons = _reasons_against(entry, checkpoints.get(entry.service))
        if (entry.service, entry.position) in seen:
            reasons.append("the bundle holds this event twice")
        seen.add((entry.service, entry.position))
        failures += [
            f"entry {number} ({entry.service!a} position {entry.position}): {why}" for why in reasons
        ]
        if not reasons:
            proven.append(entry)
    return Report(checkpoints, bundle.entries, proven, failures)


def verify_growth(
    old: Mapping[str, Checkpoint], new: Mapping[str, Checkpoint], proofs: Sequence[Growth]
) -> tuple[list[str], list[str]]:
    """A line for each log that both know, and the reasons why one does not continue the other."""
    told, failures = [], []
    for service in old.keys() & new.keys():
        before, after = old[service], new[service]
        between = f"{before.origin!a} from {before.size} to {after.size} events"
        if before.origin != after.origin:
            failures.append(f"{before.origin!a} and {after.origin!a} are logs of different installations")
        elif after.size < before.size:
            failures.append(f"{between}: what is called newer is older")
        elif before.size == after.size:
            if before.root == after.root:
                told.append(f"{between}: the same log")
            else:
                failures.append(f"{between}: two histories of one size were signed")
        elif before.size == 0:
            told.append(f"{between}: continued, there was nothing to change")
        elif not (
            fit := [p for p in proofs if (p.service, p.old, p.new) == (service, before.size, after.size)]
        ):
            failures.append(f"{between}: needs the consistency proof of these sizes")
        elif not verify_consistency(before.size, after.size, before.root, after.root, fit[0].proof):
            failures.append(f"{between}: the log was changed in between (consistency proof fails)")
        else:
            told.append(f"{between}: continued, nothing of it changed")
    told += [f"{old[service].origin!a}: not compared" for service in sorted(old.keys() - new.keys())]
    if not old.keys() & new.keys():
        failures.append("the newer file is of no log of this bundle")
    return sorted(told), sorted(failures)


def _gaps(versions: set[int], highest: int) -> list[int]:
    """The versions below the highest that are not there; of a stream that lacks absurdly many, the first
    ones."""
    return list(islice((version for version in range(1, highest) if version not in versions), MOST_GAPS + 1))


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
        prog="python -m shared.kernel.evidence.verify", description="Check a bundle of evidence."
    )
    parser.add_argument("bundle", type=Path, help="the bundle, a JSON file")
    parser.add_argument(
        "--key", type=Path, required=True, help="file of verifier keys (C2SP signed-note), one a line"
    )
    parser.add_argument("--newer", type=Path, help="a later bundle or signed checkpoint to hold it against")
    parser.add_argument(
        "--consistency", type=Path, nargs="*", default=[], help="consistency proofs, JSON files of audit"
    )
    options = parser.parse_args(arguments)
    try:
        keys = read_keys(options.key)
        report = verify_bundle(options.bundle.read_bytes(), keys)
        told: list[str] = []
        failures = list(report.failures)
        if options.newer is not None:
            newer, wrong = read_newer(options.newer.read_text("utf-8"), keys)
            told, changed = verify_growth(
                report.checkpoints,
                newer,
                [read_growth(file.read_text("utf-8")) for file in options.consistency],
            )
            failures += [f"newer: {why}" for why in (*wrong, *changed)]
    except (OSError, ValueError) as error:
        print(f"cannot verify: {error!s}".encode("ascii", "backslashreplace").decode(), file=sys.stderr)
        return UNREADABLE
    for failure in failures:
        print(f"FAILED {failure}")
    print(summary(report, failures, datetime.now(UTC)))
    for line in told:
        print(f"  {line}")
    return REFUTED if failures else PROVEN


def read_keys(path: Path) -> list[VerifierKey]:
    """Read a file of verifier keys; ValueError if it holds none or something else."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    keys = [VerifierKey.parse(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError("the key file holds no key")
    return keys


def read_newer(text: str, keys: Sequence[VerifierKey]) -> tuple[dict[str, Checkpoint], list[str]]:
    """The checkpoints of a later bundle, or the one of a signed note, and the reasons why others are not
    proven."""
    if text.lstrip().startswith("{"):
        report = verify_bundle(text, keys)
        return dict(report.checkpoints), list(report.failures)
    try:
        checkpoint = parse_and_verify(text, *keys)
    except UnverifiedNote as error:
        return {}, [str(error)]
    return {service_of(checkpoint): checkpoint}, []


def read_growth(text: str) -> Growth:
    """Read a consistency proof; ValueError if it is none."""
    try:
        value = json.loads(text)
        proof = [from_base64(hash_) for hash_ in value["consistency"]]
        return Growth(str(value["service"]), int(value["from"]), int(value["to"]), proof)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a consistency proof") from error


def summary(report: Report, failures: Sequence[str], now: datetime) -> str:
    """A summary for a person: what is proven, how old the word of the logs is, what is not shown and what is
    not there."""
    missing = report.missing()
    verdict = f"NOT PROVEN: {len(failures)} failures" if failures else "PROVEN"
    lines = [
        f"{verdict}; {len(report.proven)} events proven: {report.shown} shown, {report.withheld} withheld",
        *(f"  {_told(log, now)}" for log in report.checkpoints.values()),
    ]
    if report.proven:
        days = sorted(entry.recorded_at for entry in report.proven)
        lines.append(f"  recorded from {format_instant(days[0])} to {format_instant(days[-1])}")
    lines += [
        f"  WITHHELD {entry.service!a} position {entry.position}: {entry.topic!a}, recorded "
        f"{format_instant(entry.recorded_at)}"
        for entry in report.proven
        if entry.shown is None
    ]
    lines += [
        f"  MISSING {service!a} stream {stream!a}: version {_spans(versions)}"
        for (service, stream), versions in missing.items()
    ]
    if missing:
        lines.append("  What is MISSING was recorded between events of this bundle and is not in it.")
    return "\n".join(lines)


def _told(log: Checkpoint, now: datetime) -> str:
    told = f"{log.origin!a}: checkpoint of {log.size} events"
    if log.signed_at is None:
        return f"{told}, which does not say when it was signed"
    hours = round((now - log.signed_at).total_seconds() / 3600)
    age = f"{hours} hours" if abs(hours) < 48 else f"{hours // 24} days"
    return f"{told}, signed {format_instant(log.signed_at)}, {age} ago"


def _spans(versions: Sequence[int]) -> str:
    """1, 3 to 5: in order, runs as one."""
    spans: list[list[int]] = []
    for version in versions[:MOST_GAPS]:
        if spans and version == spans[-1][1] + 1:
            spans[-1][1] = version
        else:
            spans.append([version, version])
    told = [str(first) if first == last else f"{first} to {last}" for first, last in spans]
    return ", ".join(told) + (" and more" if len(versions) > MOST_GAPS else "")


if __name__ == "__main__":
    sys.exit(main())
