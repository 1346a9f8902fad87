"""The leaf of an event in the tree: the RFC 8785 (JCS) form of one row's identity and digests.

The leaf covers the *stored* bytes (their digest), which are encrypted, so erasing a vault key breaks no
proof; and through a salted digest the event as *published*, in clear, so a bundle may show it and be checked
to the letter, or withhold it and reveal nothing.

The names of the two members say what the digests were made with: `state_sha256` and `content_digest`, or
`state_sm3` and `content_sm3` (docs/adr/0009). The tree over the leaves is SHA-256's in any case.
"""

from collections.abc import Container, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.kernel.evidence.encoding import canonical_json
from shared.kernel.suites import Digest

DIGEST_SIZE = 32
MIN_SALT_SIZE = 16
MEMBERS = {
    Digest.SHA_256: ("state_sha256", "content_digest"),
    Digest.SM3: ("state_sm3", "content_sm3"),
}
"""Names of an event's digests in a leaf, a bundle and an envelope."""


def leaf_data(
    service: str,
    position: int,
    stream: str,
    version: int,
    topic: str,
    recorded_at: datetime,
    state_digest: bytes,
    content_digest: bytes,
    algorithm: Digest = Digest.SHA_256,
) -> bytes:
    """The bytes of a leaf, an RFC 8785 object; its hash is `merkle.leaf_hash` of them (RFC 9162 §2.1.1).

    Numbers are written as strings, since RFC 8785 knows none above 2**53.
    """
    if len(state_digest) != DIGEST_SIZE or len(content_digest) != DIGEST_SIZE:
        raise ValueError(f"a digest has {DIGEST_SIZE} bytes")
    state, content = MEMBERS[algorithm]
    leaf = {
        "service": service,
        "position": str(position),
        "stream": stream,
        "version": str(version),
        "topic": topic,
        "recorded_at": format_instant(recorded_at),
        state: state_digest.hex(),
        content: content_digest.hex(),
    }
    try:
        # For texts alone, under ASCII names, this is the RFC 8785 form, at a twentieth of the price.
        return orjson.dumps(leaf, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise ValueError("a text of the leaf has no UTF-8 form") from error


def content_digest(published: Mapping[str, Any], salt: bytes, algorithm: Digest = Digest.SHA_256) -> bytes:
    """The digest over the RFC 8785 form of {"event": published, "salt": hex}.

    The salt is random and at least 16 bytes, else anybody who can guess an event could confirm the guess.
    """
    if len(salt) < MIN_SALT_SIZE:
        raise ValueError(f"a salt has at least {MIN_SALT_SIZE} bytes")
    return algorithm.of(canonical_json({"event": published, "salt": salt.hex()}))


def algorithm_of(members: Container[str]) -> Digest:
    """The digest algorithm, by the names under which digests stand: those of one algorithm, whole. ValueError
    otherwise."""
    found = [algorithm for algorithm, names in MEMBERS.items() if any(name in members for name in names)]
    if len(found) != 1 or not all(name in members for name in MEMBERS[found[0]]):
        raise ValueError("digests of state and content, both by one algorithm, are needed")
    return found[0]


def format_instant(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC, with microseconds and 'Z': the one form a leaf knows."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Undo `format_instant`; ValueError for any other spelling of the same instant."""
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() != timedelta(0) or format_instant(instant) != text:
        raise ValueError("not an RFC 3339 instant in UTC with microseconds")
    return instant
