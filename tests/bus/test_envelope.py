"""The envelope of an event: its readable part, and that nothing of it can be changed."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.bus.envelope import (
    Altered,
    BadEnvelope,
    BusKey,
    Malformed,
    Published,
    UnknownKey,
    content,
    hint_of_correlation,
    open,
    to_cloudevent,
)
from shared.kernel.store.canonical import canonical, content_digest
from shared.kernel.store.sealing import Keyring
from shared.kernel.store.types import Append, LogEntry
from shared.kernel.suites import INTERNATIONAL, SM, SUITES, Digest, Suite
from shared.language.event import L1, L2, DataClass, IdentityInEvent, Recorded
from tests.bus.events import BORN, CANARY, FULL_META, AlphaEvent, Happened, happened, recorded
from tests.bus.memory_store import EPOCH, MemoryStore

KEY = BusKey.single(os.urandom(32))


async def entry_of(event: Recorded, suite: Suite = INTERNATIONAL) -> LogEntry:
    """The entry of an event as it is stored; under a suite, as far as its digests show it."""
    store = MemoryStore()
    await store.append(Append(events=[event]))
    entry = store.entries[0]
    digest = content_digest(event.salt, content(event), suite.digest)
    return entry._replace(state=bytes((1, suite.number)), content_digest=digest)


async def test_what_is_published_is_what_was_recorded() -> None:
    source = happened(5, **FULL_META)
    entry = await entry_of(source)
    published = open(to_cloudevent(entry, KEY, EPOCH), KEY)

    assert published.type == "zm.alpha.Happened.v1"
    assert (published.event_id, published.stream_id) == (source.event_id, source.originator_id)
    assert (published.position, published.previous) == (1, 0)
    assert published.recorded_at == entry.recorded_at
    assert published.occurred_at == BORN
    assert published.salt == source.salt
    assert published.as_event() == source.event
    assert published.event["name"] == CANARY
    assert published.meta["deadlines"] == [
        {"id": "DL-01", "due": "2026-04-01", "remind_on": "2026-03-27", "provisional": True}
    ]
    assert canonical(published.content()) == canonical(content(source))
    assert published.is_proved()


async def test_it_is_a_cloudevent() -> None:
    envelope = orjson.loads(to_cloudevent(await entry_of(happened(5)), KEY, EPOCH))
    assert envelope["specversion"] == "1.0"
    assert envelope["source"] == "/zhengming/alpha"
    assert envelope["type"] == "zm.alpha.Happened.v1"
    assert envelope["datacontenttype"] == "application/json"
    assert envelope["time"] == "2026-03-01T09:30:00+00:00"
    assert envelope["data"]["event"] == {"n": 5, "label": "public"}


@given(st.text(min_size=6, alphabet=st.characters(codec="utf-8", categories=["Lo"])))
async def test_confidential_values_are_not_in_the_bytes(name: str) -> None:
    data = to_cloudevent(await entry_of(recorded(Happened(n=1, name=name))), KEY, EPOCH)
    assert name.encode() not in data
    assert orjson.dumps(name)[1:-1] not in data
    assert open(data, KEY).event["name"] == name


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    return [path]


async def test_no_part_can_be_altered() -> None:
    data = to_cloudevent(await entry_of(happened(5, **FULL_META)), KEY, EPOCH)
    for path in _leaves(orjson.loads(data)):
        envelope = orjson.loads(data)
        parent = envelope
        for key in path[:-1]:
            parent = parent[key]
        old = parent[path[-1]]
        parent[path[-1]] = old + 1 if isinstance(old, int) else "x" + str(old)
        with pytest.raises(BadEnvelope):
            open(orjson.dumps(envelope), KEY)
    envelope = orjson.loads(data)
    envelope["data"]["event"]["added"] = 1
    with pytest.raises(Altered):
        open(orjson.dumps(envelope), KEY)


async def test_whitespace_and_key_order_do_not_matter() -> None:
    data = to_cloudevent(await entry_of(happened(5)), KEY, EPOCH)
    rewritten = orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    assert open(rewritten, KEY).as_event() == Happened(n=5)


async def test_both_suites_travel_side_by_side() -> None:
    """A service that seals with SM4 is read by one that seals with AES, and the other way round."""
    rings = [Keyring("bus", {"1": os.urandom(suite.key_bytes)}, "1", suite) for suite in SUITES]
    entry = await entry_of(happened(5, **FULL_META), SM)
    for keys in (BusKey(*rings), BusKey(*rings[::-1])):
        data = to_cloudevent(entry, keys, EPOCH)
        told = orjson.loads(data)["data"]
        assert told["cipher"] == keys.cipher
        assert {"state_sm3", "content_sm3"} < told["evidence"].keys()
        for reader in (BusKey(*rings), BusKey(*rings[::-1])):
            published = open(data, reader)
            assert published.event["name"] == CANARY
            assert published.algorithm is Digest.SM3
            assert published.is_proved()
            assert not replace(published, algorithm=Digest.SHA_256).is_proved()
    with pytest.raises(UnknownKey):
        open(to_cloudevent(entry, BusKey(rings[1]), EPOCH), BusKey(rings[0]))


@pytest.mark.parametrize("suite", SUITES)
async def test_neither_suite_opens_what_was_altered(suite: Suite) -> None:
    """Any byte of the sealed part changed, cut off, or taken from another message."""
    key = BusKey.of({"1": os.urandom(suite.key_bytes)}, "1", suite)
    data = orjson.loads(to_cloudevent(await entry_of(happened(5)), key, EPOCH))
    other = orjson.loads(to_cloudevent(await entry_of(happened(5)), key, EPOCH))
    sealed = b64decode(data["data"]["sealed"])
    wrong = [sealed[:n] for n in (0, 5, 12, 20, len(sealed) - 1)] + [b64decode(other["data"]["sealed"])]
    wrong += [sealed[:n] + bytes((sealed[n] ^ 1,)) + sealed[n + 1 :] for n in range(len(sealed))]
    for altered in wrong:
        data["data"]["sealed"] = b64encode(altered).decode()
        with pytest.raises(Altered):
            open(orjson.dumps(data), key)


async def test_keys_rotate() -> None:
    old, new = os.urandom(32), os.urandom(32)
    entry = await entry_of(happened(5))
    before = to_cloudevent(entry, BusKey.of({"old": old}, "old"), EPOCH)
    rotated = BusKey.of({"old": old, "new": new}, "new")
    assert open(before, rotated).event["n"] == 5
    assert open(to_cloudevent(entry, rotated, EPOCH), rotated).event["n"] == 5
    with pytest.raises(UnknownKey):
        open(before, BusKey.of({"new": new}, "new"))
    with pytest.raises(Altered):
        open(before, BusKey.of({"old": new}, "old"))
    with pytest.raises(ValueError, match="active"):
        BusKey.of({"old": old}, "new")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"{}", b'{"data": 1}', b'{"data": {"key": "1"}}']
)
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        open(data, KEY)
    assert hint_of_correlation(data) == ""


async def test_a_broken_seal_still_tells_the_case() -> None:
    event = happened(1)
    data = to_cloudevent(await entry_of(event), KEY, EPOCH)
    with pytest.raises(BadEnvelope):
        open(data.replace(b'"n":1', b'"n":2'), KEY)
    assert hint_of_correlation(data.replace(b'"n":1', b'"n":2')) == str(event.meta.correlation_id)


async def test_identity_is_never_published(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky(AlphaEvent):
        who: L1[str]

    monkeypatch.setattr(Leaky, "classes", {"who": DataClass.L3})
    with pytest.raises(IdentityInEvent):
        to_cloudevent(await entry_of(recorded(Leaky(who="x"))), KEY, EPOCH)


class TestReadersAreTolerant:
    async def published(self, **changes: Any) -> Published:
        entry = await entry_of(happened(5))
        found = open(to_cloudevent(entry, KEY, EPOCH), KEY)
        return Published(**{name: changes.get(name, getattr(found, name)) for name in found.__slots__})

    async def test_of_events_they_do_not_know(self) -> None:
        assert (await self.published(name="NotYetInvented")).as_event() is None

    async def test_of_newer_versions(self) -> None:
        assert (await self.published(version=2)).as_event() is None

    async def test_of_fields_they_do_not_know(self) -> None:
        assert (await self.published(event={"n": 5, "more": True})).as_event() == Happened(n=5)


async def test_an_old_event_is_published_as_it_was_proved() -> None:
    """The class of the event has since grown an optional field and a version; the stored bytes say so, and
    are proved."""

    class Growing(AlphaEvent):
        n: L1[int]
        given: L1[str]

    event = recorded(Growing(n=1, given=CANARY))
    entry = await entry_of(event)

    class Grown(Growing):
        version = 2
        added: L1[str] = "default"
        given: L2[str] = ""

    Grown.__name__ = "Growing"  # in life it is the same class in a later release
    data = to_cloudevent(entry, KEY, EPOCH)
    published = open(data, KEY)
    assert published.type == "zm.alpha.Growing.v1"
    assert published.event == {"n": 1, "given": CANARY}
    assert published.is_proved()


async def test_what_nobody_here_classified_travels_sealed() -> None:
    """A field that the class has lost since, and an event whose class is not known."""
    entry = await entry_of(happened(5))
    entry.data["event"]["lost"] = CANARY
    for told in (entry, entry._replace(topic="alpha.OfANewerVersion")):
        data = to_cloudevent(told, KEY, EPOCH)
        assert CANARY.encode() not in data
        assert open(data, KEY).event["lost"] == CANARY
    assert orjson.loads(data)["data"]["event"] == {}
