"""Leaves and content digests."""

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.evidence.encoding import canonical_json
from shared.kernel.evidence.leaf import algorithm_of, content_digest, format_instant, leaf_data, parse_instant
from shared.kernel.suites import Digest

AT = datetime(2026, 3, 1, 16, 30, tzinfo=timezone(timedelta(hours=8)))
SALT = bytes(range(16))


def test_a_leaf_to_the_letter() -> None:
    """A leaf is canonical JSON: keys sorted, numbers as strings, UTC with microseconds, UTF-8 unescaped."""
    assert (
        leaf_data("intake", 17, "正名-1", 3, "Opened", AT, b"\x01" * 32, b"\x02" * 32)
        == (
            '{"content_digest":"'
            + "02" * 32
            + '","position":"17","recorded_at":"2026-03-01T08:30:00.000000Z",'
            '"service":"intake","state_sha256":"'
            + "01" * 32
            + '","stream":"正名-1","topic":"Opened","version":"3"}'
        ).encode()
    )


@given(st.text(), st.text(), st.text())
def test_a_leaf_is_in_the_canonical_form(service: str, stream: str, topic: str) -> None:
    """RFC 8785's reference writes the same leaf, whatever the texts."""
    leaf = leaf_data(service, 17, stream, 3, topic, AT, b"\x01" * 32, b"\x02" * 32)
    assert leaf == canonical_json(json.loads(leaf))


def test_a_leaf_of_half_a_character_has_no_form() -> None:
    """A bundle may hold one; it is refused, as every other spelling that is none."""
    with pytest.raises(ValueError, match="UTF-8"):
        leaf_data("intake", 17, "\ud800", 3, "Opened", AT, b"\x01" * 32, b"\x02" * 32)


def test_a_leaf_with_sm3_says_so() -> None:
    """The names of the two members are all that tells the algorithms apart: both give 32 bytes."""
    arguments = ("intake", 17, "正名-1", 3, "Opened", AT, b"\x01" * 32, b"\x02" * 32)
    sha, sm3 = leaf_data(*arguments), leaf_data(*arguments, Digest.SM3)
    told = json.loads(sm3)
    assert (told.pop("state_sm3"), told.pop("content_sm3")) == ("01" * 32, "02" * 32)
    assert told.items() <= json.loads(sha).items()


@pytest.mark.parametrize(
    "members",
    [
        {"state_sha256"},
        {"state_sha256", "content_sm3"},
        {"state_sm3", "content_digest"},
        {"state_sha256", "content_digest", "state_sm3"},
        set(),
    ],
)
def test_digests_of_one_event_are_by_one_algorithm(members: set[str]) -> None:
    """Neither half of each, nor both whole."""
    with pytest.raises(ValueError, match="one algorithm"):
        algorithm_of(members)
    assert algorithm_of({"state_sm3", "content_sm3", "other"}) is Digest.SM3


def test_a_leaf_takes_positions_beyond_what_json_numbers_hold() -> None:
    """Positions above 2**53, which RFC 8785 does not know as numbers, are exact."""
    assert b'"position":"9007199254740993"' in leaf_data("a", 2**53 + 1, "s", 1, "t", AT, SALT * 2, SALT * 2)


def test_a_content_digest_to_the_letter() -> None:
    """The digest hashes the canonical form of event and salt, whatever the order of keys."""
    expected = sha256(b'{"event":{"a":[1,"\xe5\x86\xa4"],"b":null},"salt":"' + SALT.hex().encode() + b'"}')
    assert content_digest({"b": None, "a": [1, "冤"]}, SALT) == expected.digest()
    assert content_digest({"a": [1.0, "冤"], "b": None}, SALT) == expected.digest()
    text = b'{"event":{"a":1},"salt":"' + SALT.hex().encode() + b'"}'
    assert content_digest({"a": 1}, SALT, Digest.SM3) == Digest.SM3.of(text)


def test_salt_hides_equal_events() -> None:
    """Equal events under different salts have different digests."""
    assert content_digest({"a": 1}, SALT) != content_digest({"a": 1}, SALT[::-1])


@pytest.mark.parametrize(
    "event", [{"a": 2**53}, {"a": float("nan")}, {"a": "\ud800"}, {"\ud800": 1}, {1: 2}, {"a": AT}]
)
def test_what_has_no_canonical_form_has_no_digest(event: dict[str, object]) -> None:
    """Values outside I-JSON are refused with ValueError."""
    with pytest.raises(ValueError, match=r"."):
        content_digest(event, SALT)


def test_nesting_without_end_is_refused() -> None:
    """Nesting deeper than the interpreter goes is refused, not a crash."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="canonical"):
        content_digest({"a": deep}, SALT)


def test_short_salts_and_digests_are_refused() -> None:
    """A salt below 16 bytes or a digest not of 32 is a mistake."""
    with pytest.raises(ValueError, match="salt"):
        content_digest({}, SALT[1:])
    with pytest.raises(ValueError, match="digest"):
        leaf_data("a", 1, "s", 1, "t", AT, SALT, SALT * 2)


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_come_back(instant: datetime) -> None:
    """An instant written is read back the same."""
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-01",
        "2026-03-01T08:30:00Z",
        "2026-03-01T08:30:00.000000",
        "2026-03-01T08:30:00.000000+00:00",
        "2026-03-01T16:30:00.000000+08:00",
        "2026-03-01 08:30:00.000000Z",
        "2026-03-01t08:30:00.000000z",
        "2026-02-30T08:30:00.000000Z",
        "0001-01-01T00:00:00.000000+23:59",
    ],
)
def test_an_instant_has_one_spelling(text: str) -> None:
    """Any other spelling of an instant is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_instant(text)


def test_a_naive_instant_is_refused() -> None:
    """An instant without zone is no instant."""
    with pytest.raises(ValueError, match="zone"):
        format_instant(datetime(2026, 3, 1))


def test_a_leaf_is_plain_json() -> None:
    """Any JSON reader can read a leaf, and it has the eight agreed keys."""
    assert json.loads(leaf_data("a", 1, "s", 1, "t", AT, SALT * 2, SALT * 2)).keys() == {
        "service",
        "position",
        "stream",
        "version",
        "topic",
        "recorded_at",
        "state_sha256",
        "content_digest",
    }
