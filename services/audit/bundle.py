"""The evidence of a case as one document that can be checked without us (`shared.evidence.bundle`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

from services.audit.cases import Cases
from services.audit.proof import Trees
from services.audit.record import salt_and_content
from shared.evidence.bundle import Bundle, Entry, Shown
from shared.suites import Digest

Withhold = Literal["none", "L2"]


async def bundle_of(
    cases: Cases, trees: Trees, rows: Sequence[Any], withhold: Withhold
) -> tuple[Bundle, int]:
    """Every event with its proof under fresh checkpoints, and how many could not be proved yet.

    `withhold="L2"` shows only events without a confidential field; of the others the bundle proves that
    they are there, and reveals nothing. An event is shown whole or not at all, since its digest covers
    the whole; so one with a field that nobody here has classified is withheld in any case.
    """
    by_service: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_service[row["service"]].append(row)
    checkpoints: dict[str, str] = {}
    proofs: dict[str, dict[int, list[bytes]]] = {}
    for service, own in by_service.items():
        indexes = [row["position"] - 1 for row in own]
        note, _, inclusions = await trees.inclusions(service, indexes)
        if inclusions:
            checkpoints[service], proofs[service] = note, inclusions
    entries = [
        _entry(cases, row, proofs[row["service"]][row["position"] - 1], withhold)
        for row in rows
        if row["position"] - 1 in proofs.get(row["service"], {})
    ]
    return Bundle(checkpoints, entries), len(rows) - len(entries)


def _entry(cases: Cases, row: Any, inclusion: Sequence[bytes], withhold: Withhold) -> Entry:
    shown = None
    if not row["hidden"] and not (withhold == "L2" and row["confidential"]):
        salt, content = salt_and_content(cases.open(row))
        shown = Shown(content, salt)
    return Entry(
        service=row["service"],
        position=row["position"],
        stream=str(row["stream"]),
        version=row["version"],
        topic=row["topic"],
        recorded_at=row["recorded_at"],
        state_digest=row["state_digest"],
        content_digest=row["content_digest"],
        algorithm=Digest(row["algorithm"]),
        leaf_index=row["position"] - 1,
        inclusion=inclusion,
        shown=shown,
    )
