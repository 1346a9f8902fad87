"""NUL is refused by what a body means, not by the letters that escape it."""

from __future__ import annotations

import pytest

from shared.casework.http.values import without_nul
from shared.language.refusal import Refusal


@pytest.mark.parametrize(
    "body",
    [
        rb'{"text":"\u0000"}',
        rb'{"text":"D:\\\u0000"}',
        rb'{"\u0000":1}',
        rb'{"a":[{"b":["x\u0000y"]}]}',
        rb'"\u0000"',
    ],
)
def test_a_nul_is_refused_wherever_it_stands(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        without_nul(body)
    assert refusal.value.details["reason"] == "NUL character"


@pytest.mark.parametrize(
    "body",
    [rb'{"text":"D:\\u0000"}', rb'{"\\u0000":"C:\\\\u0000"}', b'{"text":"u0000"}', b"", rb'{"broken\u0000'],
)
def test_a_backslash_that_is_escaped_escapes_nothing(body: bytes) -> None:
    """D:\\u0000 typed literally is a text; a body without form is refused for its form."""
    assert without_nul(body) is body
