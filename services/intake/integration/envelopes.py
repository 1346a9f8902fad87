"""What the platform encrypts for us: JWE in compact form, ECDH-ES+A256KW with A256GCM on P-256.

Our public keys are published; the private ones lie in `integration.jwks` (RFC 7517) of the keys folder. The
first is the one to encrypt for; the others still open what was encrypted for them before they were replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode

KEYS_FILE = "integration.jwks"
ALGORITHM, ENCRYPTION = "ECDH-ES+A256KW", "A256GCM"
HEADER = frozenset({"alg", "enc", "kid", "epk", "cty", "typ", "apu", "apv"})
"""Nothing else may stand in a header: compression, for instance, would be a way to blow up."""


class NotForUs(Exception):
    """Something that is not an envelope of ours, or does not open."""


class Envelopes:
    """Opens what was encrypted for one of our keys."""

    def __init__(self, keys_file: Path) -> None:
        kept = orjson.loads(keys_file.read_bytes())["keys"] if keys_file.exists() else []
        self._keys = [ECKey.import_key(k) for k in kept]
        self._by_id = {str(k.kid): k for k in self._keys}

    def published(self) -> dict[str, Any]:
        """The public keys as a JWK set."""
        uses = {"use": "enc", "alg": ALGORITHM}
        return {"keys": [{**k.as_dict(private=False), **uses} for k in self._keys]}

    def check(self, blob: str) -> ECKey:
        """Raises NotForUs for what is plainly wrong: form, algorithms, or an unknown key."""
        parts = blob.split(".")
        try:
            if len(parts) != 5 or not all(parts):
                raise NotForUs("not a compact JWE")
            header = orjson.loads(urlsafe_b64decode(parts[0].encode()))
        except (ValueError, TypeError) as error:
            raise NotForUs("no header") from error
        if not isinstance(header, dict) or not set(header) <= HEADER:
            raise NotForUs("unknown member of the header")
        if (header.get("alg"), header.get("enc")) != (ALGORITHM, ENCRYPTION):
            raise NotForUs(f"not {ALGORITHM} and {ENCRYPTION}")
        key = self._by_id.get(str(header.get("kid")))
        if key is None:
            raise NotForUs("unknown key")
        return key

    def open(self, blob: str) -> bytes:
        """What was encrypted. Raises NotForUs."""
        key = self.check(blob)
        try:
            opened = jwe.decrypt_compact(blob, key, algorithms=[ALGORITHM, ENCRYPTION]).plaintext
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotForUs("does not open") from error
        if opened is None:
            raise NotForUs("does not open")
        return opened


def new_keys() -> bytes:
    """A fresh key, as the keys file holds it."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    return orjson.dumps({"keys": [key.as_dict(private=True)]})
