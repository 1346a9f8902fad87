"""The projection that clerks work from, folded in memory."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.intake.clerks.book import RANKS, DeskBook, grams, searchable
from shared.kernel.store.rows import RowSet
from shared.kernel.store.types import RawEntry
from shared.language.spelling import normal


def entry(stream: UUID, version: int, name: str, state: str, **event: Any) -> RawEntry:
    meta = {"occurred_at": "2026-03-31T16:30:00+00:00"}
    data = {"kind": "Complaint", "organ": "DI-990102100", "state": state, "event": event, "meta": meta}
    return RawEntry(version, stream, version, f"intake.{name}", datetime.now(UTC), data)


def folded(*entries: RawEntry) -> tuple[DeskBook, RowSet]:
    book = DeskBook()
    rows = RowSet({table: table for table in book.tables}, None, empty=True)
    asyncio.run(book.apply(entries, rows))
    return book, rows


RECEIVED = {"channel": "LETTER", "received_on": "2026-03-02"}


@pytest.mark.parametrize(
    ("after", "rank"),
    [
        ([], "NORMAL"),
        ([("ComplaintRegistered", {"priority": "URGENT"})], "URGENT"),
        ([("ReporterIdentityConfirmed", {})], "REAL_NAME"),
        ([("ReporterIdentityConfirmed", {}), ("ReporterTreatedAsAnonymous", {})], "NORMAL"),
        ([("ComplaintRegistered", {"priority": "URGENT"}), ("ReporterIdentityConfirmed", {})], "URGENT"),
        ([("ComplaintRegistered", {"priority": "URGENT"}), ("ReporterTreatedAsAnonymous", {})], "URGENT"),
    ],
)
def test_a29_the_place_in_the_queue(after: list[tuple[str, dict[str, str]]], rank: str) -> None:
    stream = uuid4()
    later = [entry(stream, n, name, "REGISTERED", **event) for n, (name, event) in enumerate(after, 2)]
    book, rows = folded(entry(stream, 1, "ComplaintReceived", "RECEIVED", **RECEIVED), *later)
    row = rows[book.queue].get(stream)
    assert row is not None
    assert (row["rank"], row["received_on"], row["to_do"]) == (RANKS[rank], date(2026, 3, 2), True)


@pytest.mark.parametrize("state", ["CLOSED", "SENT_OUT", "SEALED_UPWARD", "DUPLICATE_FILED"])
def test_what_is_done_stands_in_no_queue_and_may_come_back(state: str) -> None:
    stream = uuid4()
    steps = [
        entry(stream, 1, "ComplaintReceived", "RECEIVED", **RECEIVED),
        entry(stream, 2, "Ended", state),
        entry(stream, 3, "Again", "RESULT_AVAILABLE"),
    ]
    for n, to_do in ((2, False), (3, True)):
        book, rows = folded(*steps[:n])
        row = rows[book.queue].get(stream)
        assert row is not None
        assert row["to_do"] is to_do


def test_a26_a_reported_result_waits_for_the_superior() -> None:
    stream = uuid4()
    steps = [
        entry(stream, 1, "ComplaintReceived", "RECEIVED", **RECEIVED),
        entry(stream, 2, "ComplaintAssignedDown", "SENT_DOWN"),
        entry(stream, 3, "AssignedResultNoted", "SENT_DOWN"),
        entry(stream, 4, "AssignmentStarted", "SENT_DOWN"),
        entry(stream, 5, "AssignedResultReturned", "SENT_DOWN"),
        entry(stream, 6, "AssignmentStarted", "SENT_DOWN"),
        entry(stream, 7, "AssignedResultNoted", "SENT_DOWN"),
        entry(stream, 8, "AssignedResultAccepted", "RESULT_AVAILABLE"),
        entry(stream, 9, "AssignedCaseReopened", "SENT_DOWN"),
    ]
    for n, to_do in ((2, False), (3, True), (4, True), (5, False), (6, False), (8, True), (9, False)):
        book, rows = folded(*steps[:n])
        row = rows[book.queue].get(stream)
        assert row is not None
        assert row["to_do"] is to_do


def test_a12_a_duplicate_belongs_to_the_month_of_the_local_day() -> None:
    """16:30 UTC on 31 March is 1 April in Shanghai."""
    stream, original = uuid4(), uuid4()
    book, rows = folded(
        entry(stream, 1, "ComplaintReceived", "RECEIVED", **RECEIVED),
        entry(stream, 2, "ComplaintRegistered", "REGISTERED", number="XF-1", priority="NORMAL"),
        entry(stream, 3, "DuplicateFiled", "DUPLICATE_FILED", of=str(original), of_number="XF-0"),
    )
    row = rows[book.duplicates].get("XF-1")
    assert row is not None
    assert (row["month"], row["original"], row["told"]) == ("2026-04", original, False)


def test_b11_words_are_compared_in_one_form() -> None:
    assert normal("收受 礼金，共ＡＢ１２元。") == "收受礼金共ab12元"
    assert grams("收受礼金", "礼") == ["受礼", "收受", "礼金"]


def test_b11_a12_likely_duplicates_and_search_know_one_form_of_a_name() -> None:
    """Traditional and simplified characters, as for the screen: one key, one term, one text."""
    one = {"ref": "a", "name": "馬虛龍", "unit": "東湖鎮政府", "position": "鎮長"}
    other = {"ref": "a", "name": "⻢虚⻰", "unit": "东湖镇 政府", "position": "镇长"}
    said = [{"text": words} for words in ("收受紅包，並經營旅館。", "收受红包并经营旅馆")]
    forms = [
        searchable({"accused": [person], "allegations": [claim]})
        for person, claim in zip((one, other), said, strict=True)
    ]
    assert forms[0] == forms[1]
    assert forms[0]["terms"] == ["东湖镇政府", "镇长", "马虚龙"]


def listed(stream: UUID, version: int, *names: str) -> RawEntry:
    people = [{"ref": f"acc-{name}", "name": name, "unit": "虚构镇政府", "position": ""} for name in names]
    claims = [{"id": "a1", "accused_ref": f"acc-{names[0]}", "kind": "OTHER", "text": "收受红包。"}]
    return entry(stream, version, "AllegationsListed", "REGISTERED", accused=people, allegations=claims)


def test_a_list_replaces_the_names_of_the_one_before_it() -> None:
    stream = uuid4()
    received = entry(stream, 1, "ComplaintReceived", "RECEIVED", **RECEIVED)
    book, rows = folded(
        received, listed(stream, 2, "王虚清", "李虚明"), listed(stream, 3, "李虚明", "赵虚安")
    )
    day = date(2026, 3, 2)
    for name, found in (("王虚清", False), ("李虚明", True), ("赵虚安", True), ("虚构镇政府", True)):
        assert ((name, day, stream) in rows[book.named]) is found
        assert name in rows[book.terms]


def test_a18_what_is_split_off_is_still_found_and_no_longer_shown() -> None:
    stream = uuid4()
    rest = listed(stream, 3, "李虚明").data["event"]
    book, rows = folded(
        entry(stream, 1, "ComplaintReceived", "RECEIVED", **RECEIVED),
        listed(stream, 2, "王虚清", "李虚明"),
        entry(stream, 3, "ComplaintSplit", "REGISTERED", **rest),
    )
    row = rows[book.content][stream]
    assert [person["name"] for person in orjson.loads(row["accused"])] == ["李虚明"]
    assert "王虚清" in row["terms"]
    assert ("王虚清", date(2026, 3, 2), stream) in rows[book.named]
