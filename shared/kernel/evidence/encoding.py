"""One spelling per value: a value that two readers must agree on byte for byte has exactly one accepted
form."""

import base64
from typing import Any

import rfc8785


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 (JCS) form of a JSON value; ValueError if it has none."""
    try:
        return rfc8785.dumps(value)
    except (RecursionError, AttributeError) as error:
        raise ValueError("the value has no canonical JSON form") from error


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Undo `to_base64`; ValueError for any other spelling of the same bytes."""
    data = base64.b64decode(text, validate=True)
    if to_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def from_hex(text: str) -> bytes:
    """Undo `bytes.hex`; ValueError for any other spelling of the same bytes."""
    data = bytes.fromhex(text)
    if data.hex() != text:
        raise ValueError("not lower-case hexadecimal")
    return data


def from_decimal(text: str) -> int:
    """Undo `str(int)` for 0 to 2**63 - 1, what a bigint column can hold."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise ValueError("not a decimal number")
    number = int(text)
    if str(number) != text or number >= 1 << 63:
        raise ValueError("not a decimal number of 63 bits without leading zeroes")
    return number
