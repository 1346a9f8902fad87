"""A case across services, published as the relays would publish it. All people are invented."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.kernel.bus.envelope import BusKey, Published, content, to_cloudevent
from shared.kernel.bus.envelope import open as open_envelope
from shared.kernel.store.canonical import content_digest
from shared.kernel.store.mapper import data_of
from shared.kernel.store.types import LogEntry
from shared.language.contracts import intake, verification
from shared.language.contracts.common import Accused, Allegation, Finding
from shared.language.event import DeadlineSet, Event, Meta, Recorded, event_class

KEY = BusKey.single(b"b" * 32)
EPOCH = uuid4()
COUNTY, TOWNSHIP, OTHER_COUNTY, CITY = "DI-990102", "DI-990102100", "DI-990101", "DI-9901"
MORNING = datetime(2022, 3, 1, 1, tzinfo=UTC)
CANARY = "王虚清"
"""The name of an accused: it may lie on no disk in clear."""


def accused(ref: str, name: str = CANARY) -> Accused:
    return Accused(
        ref=ref, name=name, unit="虚构镇政府", unit_division="990102100", managed_by_level="COUNTY"
    )


def allegation(ref: str, id: str = "a1") -> Allegation:
    return Allegation(id=id, accused_ref=ref, kind="INTEGRITY_DISCIPLINE", text="收受红包")


class Producer:
    """The log of one service, as far as the bus can see it."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.entries: list[LogEntry] = []
        self.recorded: list[Recorded] = []
        """The same events as classes."""
        self._versions: dict[UUID, int] = {}
        self._states: dict[UUID, str] = {}

    def record(
        self,
        event: Event,
        stream: UUID,
        *,
        at: datetime,
        correlation: UUID,
        occurred: datetime | None = None,
        organ: str = TOWNSHIP,
        kind: str = "Complaint",
        of: str = "",
        **meta: Any,
    ) -> Recorded:
        """Appends one event; `of`: the organ of who did it, where that is another."""
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        self._states[stream] = event.leads_to() or self._states.get(stream, "")
        position = len(self.entries) + 1
        circumstances: dict[str, Any] = {
            "actor": "p-clerk",
            "role": "petition_clerk",
            "organ": of or organ,
            "command": type(event).__name__,
            "policy": "2022-01",
            "rule": "R1",
        }
        recorded = Recorded(
            originator_id=stream,
            originator_version=version,
            kind=kind,
            stream_organ=organ,
            event=event,
            meta=Meta(occurred_at=occurred or at, correlation_id=correlation, **{**circumstances, **meta}),
            state=self._states[stream],
            position=position,
            recorded_at=at,
        )
        self.entries.append(
            LogEntry(
                position=position,
                stream=stream,
                version=version,
                topic=event.topic,
                recorded_at=at,
                data=data_of(recorded),
                previous=position - 1,
                state=b"state of %d" % position,
                content_digest=content_digest(recorded.salt, content(recorded)),
            )
        )
        self.recorded.append(recorded)
        return recorded

    def published(self, after: int = 0) -> list[Published]:
        """The log after a position, once through the envelope and out again."""
        return [open_envelope(to_cloudevent(entry, KEY, EPOCH), KEY) for entry in self.entries[after:]]

    def forge(self, position: int) -> None:
        """Changes an event behind its digest's back."""
        entry = self.entries[position - 1]
        data = {**entry.data, "meta": {**entry.data["meta"], "actor": "p-forger"}}
        self.entries[position - 1] = entry._replace(data=data)


class World:
    """Two complaints about one accused, one of them naming a second accused, and a foreign one."""

    def __init__(self) -> None:
        self.intake, self.verification = Producer("intake"), Producer("verification")
        self.first, self.second, self.foreign, self.case = uuid4(), uuid4(), uuid4(), uuid4()
        self._tell()

    @property
    def producers(self) -> list[Producer]:
        return [self.intake, self.verification]

    def numbered(self, number: str, category: str = "ACCUSATION") -> intake.ComplaintRegistered:
        return intake.ComplaintRegistered.model_validate(
            {"number": number, "category": category, "priority": "NORMAL", "identity_status": "UNCLAIMED"}
        )

    def received(self, organ: str, on: date) -> intake.ComplaintReceived:
        return intake.ComplaintReceived(
            organ=organ, channel="LETTER", source="DIRECT", received_on=on, pages=2, competent_level="COUNTY"
        )

    def _tell(self) -> None:
        intake_, first = self.intake, self.first
        hour = timedelta(hours=1)
        # A paper letter: it happened a day before it was recorded.
        intake_.record(
            self.received(TOWNSHIP, date(2022, 2, 28)),
            first,
            at=MORNING,
            occurred=MORNING - timedelta(days=1),
            correlation=first,
            deadlines=(DeadlineSet("DL-01", "2022-03-22", "2022-03-17"),),
        )
        intake_.record(self.numbered("XF-990102100-2022-000001"), first, at=MORNING + hour, correlation=first)
        people = (accused("s-1"), accused("s-2", "李虚白"))
        intake_.record(
            intake.AllegationsListed(
                accused=people,
                allegations=(allegation("s-1"), allegation("s-2", "b1")),
                approved_by="p-head",
            ),
            first,
            at=MORNING + 2 * hour,
            correlation=first,
        )
        handed = intake_.record(
            intake.ComplaintTransferredToHandler(
                number="XF-990102100-2022-000001",
                handling_dept="supervision",
                accused=people,
                allegations=(allegation("s-1"), allegation("s-2", "b1")),
                registered_by=("p-clerk",),
                real_name=False,
            ),
            first,
            at=MORNING + 3 * hour,
            correlation=first,
            deadlines_met=("DL-01",),
        )
        self.verification.record(
            verification.VerificationCaseOpened(
                number="HC-990102100-2022-000001",
                organ=TOWNSHIP,
                complaint_ids=(str(first),),
                complaint_numbers=("XF-990102100-2022-000001",),
                accused=people,
                allegations=(allegation("s-1"),),
                handling_dept="supervision",
                registered_by=("p-clerk",),
                real_name=False,
            ),
            self.case,
            at=MORNING + 3 * hour,
            correlation=first,
            kind="VerificationCase",
            causation_id=handed.event_id,
            actor="system",
            role="system",
        )
        refusal = self._beside(
            "intake", "CommandRefused", code="E_STATE", rule="R1", command="AcceptComplaint"
        )
        intake_.record(refusal, uuid4(), at=MORNING + 4 * hour, correlation=first, kind="AuditRecord")
        reading = self._beside(
            "intake", "CaseRead", who="p-head", role="petition_head", fields="case", purpose=""
        )
        for _ in range(2):
            intake_.record(
                reading,
                uuid4(),
                at=MORNING + 4 * hour,
                correlation=first,
                kind="AuditRecord",
                actor="p-head",
                role="petition_head",
            )
        # A second complaint, months later, filed as a duplicate of the first.
        later = MORNING + timedelta(days=90)
        intake_.record(
            self.received(TOWNSHIP, date(2022, 5, 30)), self.second, at=later, correlation=self.second
        )
        intake_.record(
            self.numbered("XF-990102100-2022-000002"), self.second, at=later, correlation=self.second
        )
        intake_.record(
            intake.DuplicateFiled(
                of=str(first), of_number="XF-990102100-2022-000001", repeat_kind="DUPLICATE"
            ),
            self.second,
            at=later + hour,
            correlation=self.second,
            links=(str(first),),
        )
        # Another county's complaint.
        intake_.record(
            self.received(OTHER_COUNTY, date(2022, 5, 30)),
            self.foreign,
            at=later + hour,
            correlation=self.foreign,
            organ=OTHER_COUNTY,
        )
        intake_.record(
            self.numbered("XF-990101-2022-000001"),
            self.foreign,
            at=later + hour,
            correlation=self.foreign,
            organ=OTHER_COUNTY,
        )
        self.verification.record(
            verification.VerificationConcluded(
                number="HC-990102100-2022-000001",
                verdict="ALL_UNFOUNDED",
                complaint_ids=(str(first),),
                findings=(Finding(allegation_id="a1", outcome="UNFOUNDED"),),
                three_distinctions=(),
                opinion="查无此事",
                concluded_on=date(2022, 5, 31),
            ),
            self.case,
            at=later + 2 * hour,
            correlation=first,
            kind="VerificationCase",
            actor="p-leader",
            role="organ_head",
        )
        self.verification.record(
            verification.AllegationsVerifiedUnfounded(
                subject=accused("s-2", "李虚白"),
                unfounded=(allegation("s-2", "b1"),),
                other_findings=(),
                case_id=str(self.case),
                case_number="HC-990102100-2022-000001",
                complaint_ids=(str(first),),
                complaint_numbers=("XF-990102100-2022-000001",),
                handling_organ=TOWNSHIP,
                handling_dept="supervision",
                verification_handlers=("p-handler",),
                concluded_by="p-leader",
                concluded_on=date(2022, 5, 31),
            ),
            self.case,
            at=later + 2 * hour,
            correlation=first,
            kind="VerificationCase",
            actor="p-leader",
            role="organ_head",
        )

    def _beside(self, service: str, name: str, **fields: str) -> Event:
        cls = event_class(f"{service}.{name}")
        assert cls is not None
        actor = {"actor": "p-clerk"} if "actor" in cls.model_fields else {}
        return cls.model_validate({"object": str(self.first), **actor, **fields})


__all__ = [
    "CANARY",
    "CITY",
    "COUNTY",
    "KEY",
    "MORNING",
    "OTHER_COUNTY",
    "TOWNSHIP",
    "Producer",
    "World",
]
