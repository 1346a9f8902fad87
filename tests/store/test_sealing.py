"""A sealed state opens in its own place and nowhere else."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import product
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.store.sealing import Keyring, Sealer, digest_of, keyrings
from shared.kernel.store.types import StoreTampered
from shared.kernel.suites import INTERNATIONAL, SM, SUITES

KEYS = {"k1": bytes(range(32)), "k2": bytes(range(1, 33))}
RINGS = [
    Keyring("intake", {id: key[: suite.key_bytes] for id, key in KEYS.items()}, "k1", suite)
    for suite in SUITES
]
SEALERS = [Sealer(*RINGS), Sealer(*RINGS[::-1])]
Place = tuple[UUID, int, str]

PLACE: Place = (UUID(int=1), 1, "intake.X")

sealers = st.sampled_from(SEALERS)
plaintexts = st.binary(max_size=200)
places = st.tuples(st.uuids(), st.integers(0, 2**62), st.text(max_size=40))


@given(sealers, plaintexts, places)
def test_seal_and_open_are_inverse(sealer: Sealer, plaintext: bytes, place: Place) -> None:
    """In its own place; the plaintext does not show."""
    sealed = sealer.seal(plaintext, *place)
    assert sealer.open(sealed, *place) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


@given(sealers, plaintexts, places, places)
def test_moved_is_detected(sealer: Sealer, plaintext: bytes, place: Place, other: Place) -> None:
    """Every part of the place is bound: stream, version and topic, one by one and together."""
    sealed = sealer.seal(plaintext, *place)
    for moved in product((place[0], other[0]), (place[1], other[1]), (place[2], other[2])):
        if moved != place:
            with pytest.raises(StoreTampered):
                sealer.open(sealed, *moved)


@given(sealers, plaintexts, places, st.data())
def test_altered_is_detected(sealer: Sealer, plaintext: bytes, place: Place, data: st.DataObject) -> None:
    """Any bit of any byte, header included; cut short or made longer."""
    sealed = sealer.seal(plaintext, *place)
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = bytearray(sealed)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for altered in (bytes(flipped), sealed[:at], sealed + b"\0"):
        with pytest.raises(StoreTampered):
            sealer.open(altered, *place)


@given(sealers, plaintexts, plaintexts, places, places)
def test_swapped_is_detected(sealer: Sealer, one: bytes, two: bytes, place: Place, other: Place) -> None:
    """Two rows that exchange their states open neither."""
    if place == other:
        return
    sealed_one, sealed_two = sealer.seal(one, *place), sealer.seal(two, *other)
    for sealed, where in ((sealed_one, other), (sealed_two, place)):
        with pytest.raises(StoreTampered):
            sealer.open(sealed, *where)


@pytest.mark.parametrize("ring", RINGS)
def test_another_service_or_key_is_detected(ring: Keyring) -> None:
    """Also with the same key bytes: the service and the key id are bound."""
    keys, suite = ring.keys, ring.suite
    sealed = Sealer(ring).seal(b"state", *PLACE)
    for other in (
        Keyring("followup", keys, "k1", suite),
        Keyring("intake", {"k2": keys["k2"]}, "k2", suite),
        Keyring("intake", {"k1": keys["k2"]}, "k1", suite),
    ):
        with pytest.raises(StoreTampered):
            Sealer(other).open(sealed, *PLACE)
    relabelled = sealed.replace(b"k1", b"k2", 1)
    with pytest.raises(StoreTampered):
        Sealer(Keyring("intake", {"k1": keys["k1"], "k2": keys["k1"]}, "k1", suite)).open(relabelled, *PLACE)


@pytest.mark.parametrize("ring", RINGS)
def test_rotation_seals_new_records_only(ring: Keyring) -> None:
    """Records of the old key still open; the new one seals."""
    old = Sealer(ring).seal(b"state", *PLACE)
    rotated = Sealer(Keyring("intake", ring.keys, "k2", ring.suite))
    assert rotated.open(old, *PLACE) == b"state"
    new = rotated.seal(b"state", *PLACE)
    assert new[3:5] == b"k2"
    with pytest.raises(StoreTampered):
        Sealer(Keyring("intake", {"k1": ring.keys["k1"]}, "k1", ring.suite)).open(new, *PLACE)


def test_records_of_both_suites_open_whichever_seals() -> None:
    """Reading needs no configuration; the suite stands in the record, and cannot be relabelled."""
    for sealing, reading in product(SEALERS, SEALERS):
        sealed = sealing.seal(b"state", *PLACE)
        assert sealed[1] == sealing.suite.number
        assert digest_of(sealed) is sealing.suite.digest
        assert reading.open(sealed, *PLACE) == b"state"
        for number in (0, 3, 3 - sealing.suite.number):
            with pytest.raises(StoreTampered):
                reading.open(sealed[:1] + bytes((number,)) + sealed[2:], *PLACE)
    with pytest.raises(StoreTampered):
        Sealer(RINGS[0]).open(SEALERS[1].seal(b"state", *PLACE), *PLACE)


def test_the_keys_of_each_suite_have_a_file(tmp_path: Path) -> None:
    """The other suite's file may be missing, that of the suite that seals may not."""
    path = tmp_path / "store-intake.key"
    path.write_bytes(bytes(32))
    assert [ring.suite for ring in keyrings(path, "intake")] == [INTERNATIONAL]
    with pytest.raises(FileNotFoundError):
        keyrings(path, "intake", SM)
    (tmp_path / "store-intake.sm.key").write_bytes(bytes(16))
    for suite in SUITES:
        assert Sealer.from_files(path, "intake", suite).suite is suite
        assert {ring.suite for ring in keyrings(path, "intake", suite)} == set(SUITES)
    with pytest.raises(ValueError, match="neither a key of 16 bytes"):
        Keyring.from_file(path, "intake", SM)


def test_a_keyring_comes_from_a_file(tmp_path: Path) -> None:
    """Raw bytes or JSON; the file's name says whose it is, unless the caller does."""
    raw = tmp_path / "intake.key"
    raw.write_bytes(KEYS["k1"])
    assert Keyring.from_file(raw) == Keyring("intake", {"1": KEYS["k1"]}, "1")
    several = tmp_path / "keys.json"
    encoded = {id: b64encode(key).decode() for id, key in KEYS.items()}
    several.write_text(json.dumps({"active": "k2", "keys": encoded}))
    keyring = Keyring.from_file(several, "followup")
    assert keyring == Keyring("followup", KEYS, "k2")
    assert "k1" in repr(keyring)
    assert "x00" not in repr(keyring)


@pytest.mark.parametrize(
    "content",
    [b"short", b"{}", b'{"active": "a", "keys": {"b": ""}}', b'{"active": "a", "keys": {"a": "!"}}'],
)
def test_a_bad_keyring_is_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    """The error names the file, never its content."""
    path = tmp_path / "intake.key"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"key") as refused:
        Keyring.from_file(path)
    assert "short" not in str(refused.value)
