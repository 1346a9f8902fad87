"""The events that stores are filled with: the life of one complaint, again and again, as it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count as count_up
from typing import Any
from uuid import uuid4

from services.intake.domain.complaint import Complaint
from services.intake.domain.complaint.phase import IDENTITY, NAMESAKES, TODAY
from services.intake.domain.complaint.receiving import REGISTER, Entered
from services.intake.domain.values import AccusedEntry, AllegationEntry, Deposited
from shared.casework.aggregate import Actor, Context
from shared.casework.service import load_law
from shared.language.event import Recorded

TOWNSHIP = "DI-990102100"
YEAR = 2022


def life() -> list[Recorded]:
    """The life of one complaint, as its commands record it."""
    law, now = load_law(), datetime(YEAR, 3, 1, 2, tzinfo=UTC)
    complaint = Complaint(uuid4())

    def at(days: int, role: str = "petition_clerk") -> Context:
        moment = now + timedelta(days=days)
        return Context(
            actor=Actor(f"p-990102100-{role}", role, TOWNSHIP),
            now=moment,
            occurred_at=moment,
            law=law,
            command="Benchmark",
            rule="A3",
            duty="registrar",
            assigns=True,
            command_id=uuid4(),
            trace_id="0123456789abcdef" * 2,
            prepared={IDENTITY: Deposited(), REGISTER: (Entered(),), NAMESAKES: {}, TODAY: {}},
        )

    complaint.receive_complaint(
        at(0),
        channel="LETTER",
        source="DIRECT",
        received_on=date(YEAR, 3, 1),
        pages=3,
        competent_level="TOWNSHIP",
        competent_organ="",
        blob_id="scan-2022-0001",
        platform_no="",
        acknowledged_notice_version="",
        urgent=False,
        joint=False,
        reception=None,
    )
    complaint.register_complaint(at(1), "ACCUSATION")
    accused = AccusedEntry(
        name="王虚清",
        unit="虚构镇政府",
        unit_division="990102100",
        managed_by_level="TOWNSHIP",
        position="科员",
        political_status="PARTY_MEMBER",
        official_category="公务员",
    )
    claim = AllegationEntry(id="a1", accused=0, kind="INTEGRITY_DISCIPLINE", text="收受红包")
    complaint.list_allegations(at(2), (accused,), (claim,), "p-990102100-petition_head")
    complaint.accept_complaint(at(3, "petition_head"), "supervision_dept")
    complaint.transfer_to_handler(at(4, "petition_head"))
    return list(complaint.collect_events())


def log_of(count: int) -> Iterator[Recorded]:
    """A log of `count` events: ever new complaints with the same life."""
    events = life()
    position, numbers = 0, count_up(1)
    while position < count:
        stream = uuid4()
        for pattern in events[: count - position]:
            position += 1
            event: Any = pattern.event
            if event.numbered:
                event = event.model_copy(update={"number": f"XF-990102100-{YEAR}-{next(numbers):06d}"})
            meta = replace(pattern.meta, correlation_id=stream, matters=(stream,))
            yield replace(
                pattern, originator_id=stream, event=event, meta=meta, event_id=uuid4(), position=position
            )
