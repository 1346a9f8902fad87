"""Audit's record of an event: to the letter for the proof, in the producer's order, classified."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import orjson
import pytest

from services.audit.record import (
    NotProved,
    about,
    check,
    claims_of,
    keep,
    number_of,
    salt_and_content,
    shown_content,
    subjects_of,
)
from services.audit.timeline import entry
from shared.kernel.bus.envelope import Published, content
from shared.language.contracts import intake
from shared.language.event import event_class
from tests.audit.world import CANARY, MORNING, Producer, accused, allegation

STREAM = UUID(int=5)


def listed() -> tuple[Producer, Published]:
    """An event whose confidential fields stand before a clear one."""
    producer = Producer("intake")
    event = intake.AllegationsListed(
        accused=(accused("s-1"), accused("s-2")), allegations=(allegation("s-1"),), approved_by="p-head"
    )
    producer.record(event, STREAM, at=MORNING, correlation=STREAM, links=("a",), causation_id=UUID(int=9))
    return producer, producer.published()[0]


def test_the_content_is_kept_to_the_letter() -> None:
    """In the producer's own order of fields, although the wire carries confidential ones apart."""
    producer, published = listed()
    salt, kept = salt_and_content(keep(published).plaintext)
    assert salt == published.salt
    assert orjson.dumps(kept) == orjson.dumps(content(producer.recorded[0]))


def test_the_clear_line_holds_no_confidential_word() -> None:
    _, published = listed()
    kept = keep(published)
    assert kept.confidential
    assert not kept.hidden
    assert CANARY.encode() not in kept.line
    shown = orjson.loads(orjson.dumps(entry(kept.line, b'""', kept.plaintext, kept.event_at, None)))
    assert shown["event"] == published.event
    assert shown["by"]["actor"] == "p-clerk"


def test_a_field_that_nobody_classified_stays_shut() -> None:
    """Should a newer publisher send more than is known here, the more is not shown."""
    _, published = listed()
    newer = replace(published, event={**published.event, "reporter_name": "某人"})
    kept = keep(newer)
    assert kept.hidden
    assert kept.confidential
    assert "reporter_name" not in shown_content(kept.plaintext, newer.topic)["event"]
    assert "reporter_name" in salt_and_content(kept.plaintext)[1]["event"]


def test_what_is_not_proved_is_refused() -> None:
    _, published = listed()
    check(published)
    for forged in (
        replace(published, event={**published.event, "approved_by": "p-other"}),
        replace(published, state="ACCEPTED"),
        replace(published, salt=b"x" * 16),
        replace(published, previous=5),
    ):
        with pytest.raises(NotProved):
            check(forged)


def test_surroundings() -> None:
    _, published = listed()
    assert claims_of(published) == {"a", str(UUID(int=9))}
    assert subjects_of(published.event) == {"s-1", "s-2"}
    assert number_of(published) == ""
    assert about(published) == []


def test_only_the_event_that_gives_a_number_is_asked_for_it() -> None:
    """Others repeat numbers for their readers, also those of other streams."""
    producer = Producer("intake")
    for event in (
        intake.ComplaintRegistered(
            number="XF-990102100-2022-000001",
            category="ACCUSATION",
            priority="NORMAL",
            identity_status="UNCLAIMED",
        ),
        intake.ComplaintTransferredToHandler(
            number="XF-990102100-2022-000001",
            handling_dept="d",
            accused=(),
            allegations=(),
            registered_by=(),
            real_name=False,
        ),
    ):
        producer.record(event, STREAM, at=MORNING, correlation=STREAM)
    assert [number_of(p) for p in producer.published()] == ["XF-990102100-2022-000001", ""]


def test_a_reminder_is_about_its_case() -> None:
    cls = event_class("intake.DeadlineBreached")
    assert cls is not None
    producer = Producer("intake")
    event = cls.model_validate({"stream": str(STREAM), "deadline": "DL-01", "due": "2022-03-22"})
    producer.record(event, uuid4(), at=MORNING, correlation=STREAM, kind="Deadline")
    assert about(producer.published()[0]) == [STREAM]


def test_a_reading_of_several_cases_is_about_each_of_them() -> None:
    cls = event_class("intake.CasesRead")
    assert cls is not None
    read = [str(uuid4()) for _ in range(3)]
    producer = Producer("intake")
    said = {"who": "p", "role": "petition_clerk", "objects": read, "fields": "search", "purpose": ""}
    producer.record(cls.model_validate(said), uuid4(), at=MORNING, correlation=STREAM, kind="AuditRecord")
    assert [str(id) for id in about(producer.published()[0])] == read
