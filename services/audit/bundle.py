"""The evidence of a case as one document that can be checked without us (`shared.kernel.evidence.bundle`).

Its audience decides what is in it. A superior organ gets the whole case, confidential events withheld or
shown. A court and the cleared person are outside the organs: for them there is only the clarification of this
one person, and only those of its events which tell nothing of reports (SEC-1). The other events are not
withheld from them either, but left out: an entry has a topic and a time of recording in any case. The
versions show that something lies between the events they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

from services.audit.cases import Cases
from services.audit.proof import Trees
from services.audit.record import salt_and_content
from services.audit.timeline import Stream
from shared.kernel.evidence.bundle import Bundle, Entry, Shown
from shared.kernel.suites import Digest

Audience = Literal["superior", "court", "subject"]
Withhold = Literal["none", "L2"]
CLEARING = ("clarification", "Clarification")
"""Service and kind of the only streams that go outside."""
_WITH_THE_SUBJECT = {
    "SubjectVoiceRecorded",
    "ClarificationTextRendered",
    "ClarificationConsentRequested",
    "ConsentNoticeDelivered",
    "ClarificationConsentGranted",
    "ClarificationConsentRefused",
    "ClarificationConsentLapsed",
    "ClarificationConsentWithdrawn",
    "ClarificationImplemented",
    "ClarificationEnteredInPlatform",
    "IntegrityFileEntryRecorded",
}
_BY_THE_ORGANS = {
    "ClarificationPlanned",
    "ClarificationSubmitted",
    "ClarificationReviewed",
    "ClarificationReturned",
    "ClarificationApproved",
    "ClarificationRefused",
    "ClarificationApprovalVoided",
    "ClarificationFormImplemented",
}
TOLD: dict[Audience, frozenset[str]] = {
    "court": frozenset(f"clarification.{name}" for name in _WITH_THE_SUBJECT | _BY_THE_ORGANS),
    "subject": frozenset(f"clarification.{name}" for name in _WITH_THE_SUBJECT),
}
"""The events that are told outside, by topic: agreements, decisions and deeds. Nothing that led there is
among them: those events count complaints and cases, or say that a report came again."""


def told_to(audience: Audience, rows: Sequence[Any], streams: Sequence[Stream]) -> list[Any]:
    """The rows that a bundle for somebody is made of; the streams are those of one subject."""
    if audience == "superior":
        return list(rows)
    clearing = {
        stream.id for stream in streams if (stream.service, stream.kind) == CLEARING and stream.subjects
    }
    return [
        row
        for row in rows
        if row["stream"] in clearing and row["topic"] in TOLD[audience] and not row["hidden"]
    ]


async def bundle_of(
    cases: Cases, trees: Trees, rows: Sequence[Any], withhold: Withhold
) -> tuple[Bundle, int]:
    """Makes a bundle of every event with its proof under fresh checkpoints; returns also how many could not
    be proved yet.

    `withhold="L2"` shows only events without a confidential field; of the others the bundle proves that they
    are there, and reveals nothing. An event is shown whole or not at all, since its digest covers the whole;
    so one with a field that nobody here has classified is withheld in any case.
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
