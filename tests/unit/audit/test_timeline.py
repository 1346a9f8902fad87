"""The pure parts of a replay: which streams, in what order, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.audit.timeline import (
    By,
    Looked,
    Stream,
    Told,
    accesses,
    altered_entry,
    difference,
    entry,
    in_order,
    states,
    until,
    visible,
)
from shared.language.organs.tree import OrganTree

NOON = datetime(2022, 3, 1, 4, tzinfo=UTC)
TREE = OrganTree.load()
TOWNSHIP, COUNTY, CITY, OTHER = "DI-990102100", "DI-990102", "DI-9901", "DI-990101"


def told(
    position: int,
    *,
    service: str = "intake",
    recorded: int = 0,
    occurred: int = 0,
    stream: int = 1,
    **event: Any,
) -> Told:
    """An event so many hours after noon."""
    happened = NOON + timedelta(hours=occurred)
    content = {
        "type": "zm.intake.Something.v1",
        "time": happened.isoformat(),
        "stream": {"id": str(UUID(int=stream)), "version": position, "kind": "Complaint", "organ": TOWNSHIP}
        | {"state": f"S{position}"},
        "meta": {"actor": "p", "role": "r", "organ": TOWNSHIP, "command": "C", "policy": "1"}
        | {"correlation_id": str(UUID(int=1))},
        "event": event,
    }
    return Told(service, position, UUID(int=stream), happened, NOON + timedelta(hours=recorded), content)


def stream(
    id: int,
    *,
    organ: str = TOWNSHIP,
    kind: str = "Complaint",
    about: int | None = None,
    subjects: Sequence[str] = (),
) -> Stream:
    target = None if about is None else UUID(int=about)
    return Stream(UUID(int=id), "intake", kind, organ, UUID(int=1), target, "", tuple(subjects))


def seen(streams: Sequence[Stream], organ: str, subject: str | None = None) -> list[int]:
    return [s.id.int for s in visible(streams, organ, TREE, subject)]


# --- Which streams ---


def test_an_organ_sees_its_own_and_what_is_below() -> None:
    """Siblings see nothing, and nobody looks up."""
    streams = [stream(1), stream(2, organ=COUNTY), stream(3, organ=CITY), stream(4, organ=OTHER)]
    assert seen(streams, TOWNSHIP) == [1]
    assert seen(streams, COUNTY) == [1, 2]
    assert seen(streams, CITY) == [1, 2, 3, 4]
    assert seen(streams, OTHER) == [4]
    assert seen(streams, "") == []
    assert seen(streams, "DI-12345") == []


def test_what_stands_beside_a_case_is_seen_with_it() -> None:
    """A refusal of a foreign organ's clerk belongs to the case that the clerk touched, not to the clerk's
    organ."""
    streams = [stream(1), stream(2, kind="AuditRecord", organ=OTHER, about=1)]
    assert seen(streams, COUNTY) == [1, 2]
    assert seen(streams, OTHER) == []


def test_a_record_about_what_the_case_does_not_hold_counts_by_its_own_organ() -> None:
    streams = [stream(1), stream(2, kind="AuditRecord", organ=COUNTY, about=99)]
    assert seen(streams, COUNTY) == [1, 2]
    assert seen(streams, TOWNSHIP) == [1]


def test_one_subject_keeps_what_speaks_of_him_or_of_nobody() -> None:
    streams = [
        stream(1, subjects=["a", "b"]),
        stream(2, subjects=["b"]),
        stream(3),
        stream(4, kind="Deadline", about=2),
        stream(5, kind="Deadline", about=1),
    ]
    assert seen(streams, COUNTY, "a") == [1, 3, 5]
    assert seen(streams, COUNTY) == [1, 2, 3, 4, 5]


def test_accesses_are_summed_over_the_streams() -> None:
    early, late = "2022-03-01T00:00:00+00:00", "2022-03-01T00:00:00.5+00:00"
    one = replace(
        stream(1), looked=(Looked("p", "r", "o", 2, late, late), Looked("a", "r", "o", 1, late, late))
    )
    two = replace(stream(2), looked=(Looked("p", "r", "o", 1, early, early),))
    assert accesses([one, two]) == [
        {"who": "a", "role": "r", "organ": "o", "count": 1, "first": late, "last": late},
        {"who": "p", "role": "r", "organ": "o", "count": 3, "first": early, "last": late},
    ]
    assert accesses([stream(3)]) == []


# --- Order and as-of ---


def positions(events: Sequence[Told]) -> list[int]:
    return [event.position for event in events]


def test_recorded_order_is_that_of_knowing() -> None:
    """A letter of the day before that is entered last comes last."""
    events = [told(3, recorded=2, occurred=-24), told(2, recorded=1, occurred=1), told(1)]
    assert positions(in_order(events, "recorded")) == [1, 2, 3]
    assert positions(in_order(events, "occurred")) == [3, 1, 2]


def test_equal_times_keep_the_order_of_the_log() -> None:
    """And services stand in a fixed order, so that the answer is always the same."""
    events = [told(2), told(1), told(1, service="clarification")]
    for by in ("recorded", "occurred"):
        assert [(e.service, e.position) for e in in_order(events, by)] == [
            ("clarification", 1),
            ("intake", 1),
            ("intake", 2),
        ]


def test_as_of_includes_its_instant() -> None:
    events = [told(1, recorded=0), told(2, recorded=1), told(3, recorded=2)]
    assert positions(until(events, NOON + timedelta(hours=1), "recorded")) == [1, 2]
    assert positions(until(events, None, "recorded")) == [1, 2, 3]


hours = st.integers(-50, 50)
histories = st.lists(st.tuples(hours, hours), max_size=12).map(
    lambda times: [told(n, recorded=r, occurred=o) for n, (r, o) in enumerate(times, 1)]
)


@given(histories, hours, hours, st.sampled_from(["recorded", "occurred"]))
def test_an_earlier_day_is_a_prefix_of_a_later(history: list[Told], one: int, two: int, by: By) -> None:
    """The events known then are known now, in the same order, whatever the history."""
    early, late = sorted((NOON + timedelta(hours=one), NOON + timedelta(hours=two)))
    then, now = until(history, early, by), until(history, late, by)
    assert now[: len(then)] == then


@given(histories, hours, st.sampled_from(["recorded", "occurred"]))
def test_the_order_of_arrival_does_not_matter(history: list[Told], hour: int, by: By) -> None:
    day = NOON + timedelta(hours=hour)
    assert until(history[::-1], day, by) == until(history, day, by)
    assert states(history[::-1], day, by) == states(history, day, by)


# --- States and differences ---


def test_a_difference_names_changed_facts_only() -> None:
    events = [told(1, a=1, b=1), told(2, recorded=1, b=2, c=3), told(3, recorded=2, stream=2, d=4)]
    before = states(events, NOON, "recorded")
    after = states(events, NOON + timedelta(hours=1), "recorded")
    (changed,) = difference(before, after)
    assert changed["facts"] == {"b": {"before": 1, "after": 2}, "c": {"before": None, "after": 3}}
    assert (changed["before"], changed["after"]) == (
        {"version": 1, "state": "S1"},
        {"version": 2, "state": "S2"},
    )
    assert difference(after, after) == []


def test_a_stream_that_began_in_between_has_no_before() -> None:
    events = [told(1, stream=2, d=4)]
    (changed,) = difference({}, states(events, None, "recorded"))
    assert changed["before"] is None
    assert changed["facts"] == {"d": {"before": None, "after": 4}}


# --- Entries ---


def test_an_entry_is_cut_out_of_the_sealed_text() -> None:
    plaintext = b'\x02ss{"id":"x","event":{"a":1}}'
    cut = entry(b'"service":"intake"', b'"XF-1"', plaintext, plaintext.index(b'{"a"'), None)
    assert orjson.loads(orjson.dumps(cut)) == {"number": "XF-1", "service": "intake", "event": {"a": 1}}


def test_an_unclassified_field_is_left_out() -> None:
    """The topic is known to nobody here, so none of its fields is."""
    plaintext = b'\x00{"event":{"secret":1}}'
    cut = entry(b'"service":"intake"', b'""', plaintext, plaintext.index(b'{"secret"'), "intake.NeverHeardOf")
    assert orjson.loads(orjson.dumps(cut))["event"] == {}


def test_an_altered_event_is_shown_as_such() -> None:
    shown = orjson.loads(orjson.dumps(altered_entry(b'"service":"intake"', b'""')))
    assert shown["altered"] is True
    assert shown["event"] is None
