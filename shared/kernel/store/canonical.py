"""Canonical JSON (RFC 8785) fast enough for the write path, and the digest of published content.

For values without floats whose keys are ASCII, `orjson` with sorted keys writes exactly the canonical
form: byte order equals UTF-16 order there, and both escape the same characters alike (a test compares
the two over random values). Everything else goes the long way through `rfc8785`.
"""

from __future__ import annotations

from typing import Any

import orjson
import rfc8785

from shared.kernel.suites import Digest

_SAFE_INTEGER = 2**53 - 1
_SIMPLE = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value."""
    if _plain(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(value)


def content_digest(
    salt: bytes, published: dict[str, Any], algorithm: Digest = Digest.SHA_256, *, simple: bool = False
) -> bytes:
    """The digest of an event's published content in clear, which the proof covers; its salt keeps the content
    from being guessed.

    `simple` says that its class shows it to be plain (`Event.simple`): a look at every value costs as much as
    all the rest.
    """
    try:
        form = orjson.dumps(published, option=_SIMPLE) if simple else canonical(published)
    except orjson.JSONEncodeError:  # a number above 2**53
        form = canonical(published)
    return algorithm.of(b'{"event":%s,"salt":"%s"}' % (form, salt.hex().encode()))


def _plain(value: Any) -> bool:
    """True if orjson's sorted form is the canonical one."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        try:
            if not "".join(value).isascii():
                return False
        except TypeError:  # a key that is no string
            return False
        return all(type(item) is str or _plain(item) for item in value.values())
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    return kind is int and -_SAFE_INTEGER <= value <= _SAFE_INTEGER
