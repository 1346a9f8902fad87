"""Headers and values of requests are read as their standards have them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.casework.command import Instant
from shared.casework.http.values import if_match, instant
from shared.kernel.http.problems import prefers_english
from shared.language.refusal import Refusal


@pytest.mark.parametrize(
    ("accept", "english"),
    [
        ("", False),
        ("en", True),
        ("EN-us", True),
        ("zh-CN, en", False),
        ("zh-CN;q=0.9, en; q=0.5", False),
        ("zh-CN ;q=0.4 , en ; q=0.5", True),
        ("zh\t;\tq=0.4,en;Q=0.5", True),
        ("en;q=0, *", False),
        ("zh;q=0, *", True),
        ("*", False),
        ("en, *", True),
        ("en;q=0.1, *;q=0.9", False),
        ("fr, de", False),
        ("eng", False),
        ("english", False),
        ("en;q=2", False),
        ("en;q=0.1234", False),
        ("en;q=nan", False),
        ("en;q=-1", False),
        ("en;level=1", False),
        (",, en ,,", True),
        ("en;q=0.", False),
        ("en;q=1.000, zh;q=0.999", True),
    ],
)
def test_a_language_is_asked_for_by_weight(accept: str, english: bool) -> None:
    """RFC 9110 §12.5.4 and §12.4.2, blanks before the weight included."""
    assert prefers_english(accept) is english


@pytest.mark.parametrize(
    ("value", "versions"),
    [
        (None, None),
        ("*", None),
        ('"7"', {7}),
        ('"1", "2"', {1, 2}),
        ('"1" ,W/"2",, "x" ', {1, 2}),
        ('"a,2,b", "3"', {3}),
        ("7", set()),
        ('"7', set()),
        ('7"', set()),
        ('"7", 8', set()),
        ('"٣"', set()),
        ('"1.0"', set()),
        ('"9999999999"', set()),
        ('""', set()),
        ("", set()),
    ],
)
def test_a_condition_is_a_list_of_tags(value: str | None, versions: set[int] | None) -> None:
    """RFC 9110 §13.1.1: any of them may be the present one; what we never gave out matches nothing."""
    assert if_match(value) == versions


def test_a_condition_of_any_length_is_read_at_once() -> None:
    """Nothing in it is tried in two ways: thousands of these would take for ever."""
    assert if_match(", " * 5_000 + "x") == frozenset()


RFC_3339 = {
    "2026-11-25T01:00:00Z": datetime(2026, 11, 25, 1, tzinfo=UTC),
    "2026-11-25t01:00:00z": datetime(2026, 11, 25, 1, tzinfo=UTC),
    "2026-11-25T09:00:00.5+08:00": datetime(2026, 11, 25, 1, 0, 0, 500_000, tzinfo=UTC),
    "2026-11-25T01:00:00.123456789-00:00": datetime(2026, 11, 25, 1, 0, 0, 123456, tzinfo=UTC),
}
OTHER = [
    "2026-W48-3T01:00:00Z",
    "20261125T010000Z",
    "2026-11-25",
    "2026-11-25T01:00Z",
    "2026-11-25 01:00:00Z",
    "2026-11-25T01:00:00",
    "2026-11-25T01:00:00,5Z",
    "2026-11-25T01:00:00+08",
    "2026-11-25T01:00:00+0800",
    "2026-11-25T01:00:00+08:00:30",
    "2026-11-25T01:00:00Z\n",
    "２０２６-11-25T01:00:00Z",
    "2026-13-25T01:00:00Z",
    "2026-11-25T01:00:00+24:00",
    "1764032400",
    "",
]


@pytest.mark.parametrize(("text", "meant"), RFC_3339.items())
def test_05_an_instant_is_rfc_3339(text: str, meant: datetime) -> None:
    """In a header or a query, and in a body."""
    assert instant(text, "Occurred-At") == meant
    assert TypeAdapter(Instant).validate_json(f'"{text}"', strict=True) == meant


@pytest.mark.parametrize("text", OTHER)
def test_05_what_is_another_form_of_iso_8601_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        instant(text, "as_of")
    assert refused.value.details["field"] == "as_of"
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python(text)


def test_05_a_number_is_no_instant() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_json("1764032400", strict=True)
