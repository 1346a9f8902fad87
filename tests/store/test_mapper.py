"""Events survive the way to their bytes and back, old versions included."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson
import pytest
import rfc8785
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.store.canonical import canonical, content_digest
from shared.kernel.store.mapper import UnknownTopic, content_of, data_of
from shared.kernel.store.types import StoreTampered
from shared.language.event import L1, Event
from tests.store.examples import DossierRenamed, PageAdded, full_meta, mapper, opened, paged


def test_an_event_is_mapped_there_and_back() -> None:
    """With every circumstance filled in, and with only the necessary ones."""
    m = mapper()
    for recorded in (replace(paged(uuid4(), 3), meta=full_meta()), opened()):
        stored = m.to_stored_event(recorded)
        assert stored.topic == recorded.event.topic
        assert m.to_domain_event(stored) == recorded


def test_raw_is_the_stored_json() -> None:
    """Compact: what is empty is not there."""
    recorded = paged(uuid4(), 1)
    m = mapper()
    data = m.raw(m.to_stored_event(recorded))
    assert set(data) == {"event", "event_version", "meta", "salt", "event_id", "kind", "organ", "state"}
    assert set(data["meta"]) == {
        *("occurred_at", "actor", "role", "organ", "command", "policy", "correlation_id")
    }
    assert data["event"]["tags"] == ["x", "y"]


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (1, {"name": "新名"}),
        (2, {"title": "新名"}),
        (3, {"title": "新名", "language": "zh", "of the future": 1}),
    ],
)
def test_old_versions_are_lifted(version: int, payload: dict[str, str]) -> None:
    """Upcasts that change their argument and upcasts that return a new one; unknown fields are ignored."""
    m = mapper()
    template = m.raw(m.to_stored_event(opened()))
    stream, topic = uuid4(), DossierRenamed.topic
    data = {**template, "event": payload, "event_version": version}
    stored = StoredEvent(stream, 2, topic, m.sealer.seal(orjson.dumps(data), stream, 2, topic))
    assert m.to_domain_event(stored).event == DossierRenamed(title="新名", language="zh")
    assert m.raw(stored)["event"]["title"] == "新名"
    assert m.raw(stored)["event_version"] == 3


def test_an_unknown_topic_is_named() -> None:
    """For aggregates it is an error that says which; projections read on."""
    m = mapper()
    stream, topic = uuid4(), "archive.NeverHeardOf"
    data = orjson.dumps({"event": {"x": 1}, "event_version": 1})
    stored = StoredEvent(stream, 1, topic, m.sealer.seal(data, stream, 1, topic))
    with pytest.raises(UnknownTopic, match=re.escape(topic)):
        m.to_domain_event(stored)
    assert m.raw(stored)["event"] == {"x": 1}


def test_a_row_in_another_place_does_not_map() -> None:
    """Not even to another event of the same class."""
    m = mapper()
    stored = m.to_stored_event(paged(uuid4(), 2))
    for moved in (replace(stored, originator_id=uuid4()), replace(stored, originator_version=3)):
        with pytest.raises(StoreTampered):
            m.to_domain_event(moved)
    with pytest.raises(StoreTampered):
        mapper("another").raw(stored)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_json_is_rfc_8785(value: Any) -> None:
    """The fast way and the long way write the same."""
    assert canonical(value) == rfc8785.dumps(value)


def test_canonical_json_escapes_as_javascript_does() -> None:
    """Every control character, and what looks like one."""
    text = "".join(map(chr, range(0x100))) + "\u2028\u2029\ufeff\U0001f600"
    assert canonical({"b": text, "a": text}) == rfc8785.dumps({"a": text, "b": text})
    assert canonical({"\u20ac": 1, "\U0001f600": 2, "\ufb33": 3}) == rfc8785.dumps(
        {"\u20ac": 1, "\U0001f600": 2, "\ufb33": 3}
    )


def test_what_a_class_shows_to_be_simple_is_canonical_at_once() -> None:
    """A simple class's values need no look; a class of other values is known, and a number that is too large
    is found."""
    assert PageAdded.simple
    assert DossierRenamed.simple

    class Loose(Event):
        told: L1[dict[str, str]]

    class Fraction(Event):
        share: L1[float]

    assert not Loose.simple
    assert not Fraction.simple
    salt = bytes(16)
    for recorded in (opened(), replace(paged(uuid4(), 3), meta=full_meta())):
        stream, version, topic = recorded.originator_id, recorded.originator_version, recorded.event.topic
        published = content_of(stream, version, topic, data_of(recorded))
        assert content_digest(salt, published, simple=True) == content_digest(salt, published)
    with pytest.raises(rfc8785.IntegerDomainError):
        content_digest(salt, {"event": {"pages": 2**53}}, simple=True)
