"""A sealed state opens in its own place and nowhere else."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.store.sealing import Keyring, Sealer
from shared.store.types import StoreTampered

KEYS = {"k1": bytes(range(32)), "k2": bytes(range(1, 33))}
sealer = Sealer(Keyring("intake", KEYS, "k1"))

plaintexts = st.binary(max_size=200)
places = st.tuples(st.uuids(), st.integers(0, 2**62), st.text(max_size=40))


@given(plaintexts, places)
def test_seal_and_open_are_inverse(plaintext: bytes, place: tuple[UUID, int, str]) -> None:
    """In its own place; the plaintext does not show."""
    sealed = sealer.seal(plaintext, *place)
    assert sealer.open(sealed, *place) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


@given(plaintexts, places, places)
def test_moved_is_detected(
    plaintext: bytes, place: tuple[UUID, int, str], other: tuple[UUID, int, str]
) -> None:
    """Every part of the place is bound: stream, version and topic, one by one and together."""
    sealed = sealer.seal(plaintext, *place)
    for n in range(1, 8):
        moved = tuple(o if n & 1 << i else p for i, (p, o) in enumerate(zip(place, other, strict=True)))
        if moved != place:
            with pytest.raises(StoreTampered):
                sealer.open(sealed, *moved)


@given(plaintexts, places, st.data())
def test_altered_is_detected(plaintext: bytes, place: tuple[UUID, int, str], data: st.DataObject) -> None:
    """Any bit of any byte, header included; cut short or made longer."""
    sealed = sealer.seal(plaintext, *place)
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = bytearray(sealed)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for altered in (bytes(flipped), sealed[:at], sealed + b"\0"):
        with pytest.raises(StoreTampered):
            sealer.open(altered, *place)


@given(plaintexts, plaintexts, places, places)
def test_swapped_is_detected(
    one: bytes, two: bytes, place: tuple[UUID, int, str], other: tuple[UUID, int, str]
) -> None:
    """Two rows that exchange their states open neither."""
    if place == other:
        return
    sealed_one, sealed_two = sealer.seal(one, *place), sealer.seal(two, *other)
    for sealed, where in ((sealed_one, other), (sealed_two, place)):
        with pytest.raises(StoreTampered):
            sealer.open(sealed, *where)


def test_another_service_or_key_is_detected() -> None:
    """Also with the same key bytes: the service and the key id are bound."""
    place = (UUID(int=1), 1, "intake.X")
    sealed = sealer.seal(b"state", *place)
    for other in (
        Keyring("followup", KEYS, "k1"),
        Keyring("intake", {"k2": KEYS["k2"]}, "k2"),
        Keyring("intake", {"k1": KEYS["k2"]}, "k1"),
    ):
        with pytest.raises(StoreTampered):
            Sealer(other).open(sealed, *place)
    relabelled = sealed.replace(b"k1", b"k2", 1)
    with pytest.raises(StoreTampered):
        Sealer(Keyring("intake", {"k1": KEYS["k1"], "k2": KEYS["k1"]}, "k1")).open(relabelled, *place)


def test_rotation_seals_new_records_only() -> None:
    """What the old key sealed still opens; the new one seals."""
    place = (UUID(int=1), 1, "intake.X")
    old = sealer.seal(b"state", *place)
    rotated = Sealer(Keyring("intake", KEYS, "k2"))
    assert rotated.open(old, *place) == b"state"
    new = rotated.seal(b"state", *place)
    assert new[3:5] == b"k2"
    with pytest.raises(StoreTampered):
        Sealer(Keyring("intake", {"k1": KEYS["k1"]}, "k1")).open(new, *place)


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
