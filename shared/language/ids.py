"""Ids of streams and events: by chance, or following from others."""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha1
from typing import Any
from uuid import UUID

from shared.language.entropy import fresh

NAMESPACE = UUID("6ba7c0de-0000-5000-8000-7a68656e676d")
"""Ids that follow from other ids are uuid5 in this namespace: reacting twice hits the same stream."""


def random_id() -> UUID:
    """A random UUID, as `uuid4`."""
    return UUID(bytes=fresh(16), version=4)


def derived_id(*parts: Any) -> UUID:
    """An id that follows from others: the same parts always give the same stream. As `uuid5`."""
    name = ":".join(map(str, parts)).encode()
    return UUID(bytes=sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16], version=5)


def keyed_id(secret: bytes, *parts: Any) -> UUID:
    """An id made as `derived_id` makes it, but under a secret: it confirms nothing to anybody who knows or
    guesses the parts."""
    digest = keyed_digest(secret, "\0".join(map(str, parts)).encode())
    return UUID(bytes=digest[:16], version=5)


def keyed_digest(secret: bytes, message: bytes) -> bytes:
    """The HMAC-SHA-256 of a message. The secret is taken in once: that costs twice what the message costs."""
    mac = _under(secret).copy()
    mac.update(message)
    return mac.digest()


@lru_cache(maxsize=16)
def _under(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")
