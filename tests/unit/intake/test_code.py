"""A query code is copied by hand and typed on a telephone (SEC-7)."""

from __future__ import annotations

import pytest

from services.intake.reporters.code import halves, make, shown

CODE = make(b"s" * 32, "a key")


@pytest.mark.parametrize(
    "between", ["-", " ", "–", "—", "－", "‑", "−", "\u200b", "\u2060", "\u3000", ".", "·", "\n", "、"]
)
def test_sec7_whatever_stands_between_the_letters(between: str) -> None:
    """The dashes of a telephone, full width, and what nobody sees."""
    assert halves(between.join(CODE)) == (CODE[:10], CODE[10:])


@pytest.mark.parametrize("around", ["{}。", "“{}”", "\ufeff{}", " {} ", "（{}）", "'{}'", "{},"])
def test_sec7_whatever_stands_around_it(around: str) -> None:
    assert halves(around.format(shown(CODE))) == (CODE[:10], CODE[10:])


def test_sec7_width_and_case() -> None:
    full = "".join(chr(ord(c) + 0xFEE0) for c in shown(CODE))
    for typed in (full, full.lower(), shown(CODE).lower()):
        assert halves(typed) == (CODE[:10], CODE[10:])


@pytest.mark.parametrize(
    "typed", ["", CODE[:-1], CODE + "A", CODE[:-1] + "0", CODE[:-1] + "码", CODE[:-1] + "é"]
)
def test_sec7_what_is_no_code(typed: str) -> None:
    assert halves(typed) is None
