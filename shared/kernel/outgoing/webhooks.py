"""Signatures of the Standard Webhooks specification 1.0: HMAC-SHA256 over `id.timestamp.body`.

A secret is `whsec_` and base64. While one is replaced, a sender signs with both and a receiver takes either.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

TOLERANCE_SECONDS = 300
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class NotSigned(Exception):
    """The signature is missing, wrong, or too old."""


def key_of(secret: str) -> bytes:
    """The bytes behind a `whsec_` secret; raises ValueError for what is none, or is too short to be one."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is whsec_ and base64") from error
    if not 24 <= len(key) <= 64:
        raise ValueError("a webhook secret has 24 to 64 bytes")
    return key


def sign(secrets: Sequence[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one message."""
    signatures = " ".join(f"v1,{_signature(s, id, timestamp, body)}" for s in secrets)
    return {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Raises NotSigned unless one of the signatures was made with one of the secrets a moment ago."""
    id, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not id or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise NotSigned("header missing")
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        raise NotSigned("too old, or from the future")
    given = [s.removeprefix("v1,") for s in headers.get(SIGNATURE, "").split(" ") if s.startswith("v1,")]
    for secret in secrets:
        expected = _signature(secret, id, int(stamp), body).encode()
        if any(hmac.compare_digest(expected, g.encode()) for g in given):
            return
    raise NotSigned("no signature fits")


def _signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    told = b"%s.%d.%s" % (id.encode(), timestamp, body)
    return base64.b64encode(hmac.digest(key_of(secret), told, "sha256")).decode()
