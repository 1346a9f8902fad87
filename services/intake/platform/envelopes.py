"""Opens JWEs from the platform: compact form, ECDH-ES+A256KW with A256GCM on P-256.

Our public keys are published; the private ones lie in `integration.jwks` (RFC 7517) of the keys folder. The
first is the one to encrypt for; the others still open blobs that were encrypted for them before they were
replaced. The file is read whenever it has changed, and key by key: one that cannot be used spoils none of the
others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import structlog
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode

log = structlog.get_logger("integration")
KEYS_FILE = "integration.jwks"
ALGORITHM, ENCRYPTION, CURVE = "ECDH-ES+A256KW", "A256GCM", "P-256"
HEADER = frozenset({"alg", "enc", "kid", "epk", "cty", "typ", "apu", "apv"})
"""Members that a header may have, and no others: compression, for instance, would be a way to blow up."""


class NotForUs(Exception):
    """Something that is not an envelope of ours, or does not open."""


class Envelopes:
    """Opens blobs that were encrypted for one of our keys."""

    def __init__(self, keys_file: Path) -> None:
        """Raises for a file that is no key set: that is told at the start."""
        self._file = keys_file
        self._read: tuple[int, int] | None = None
        self._kept: dict[str, ECKey] = {}
        if keys_file.exists():
            self._look()

    def published(self) -> dict[str, Any]:
        """The public keys as a JWK set."""
        uses = {"use": "enc", "alg": ALGORITHM}
        return {"keys": [{**k.as_dict(private=False), **uses} for k in self._keys().values()]}

    def _keys(self) -> dict[str, ECKey]:
        """The keys by their ids, in the order of the file; while it is away or no key set, the keys of its
        last good state."""
        try:
            self._look()
        except FileNotFoundError:
            if self._read is not None:
                log.error("integration_keys_away")
            self._read = None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("integration_keys_misconfigured", error=type(error).__name__)
        return self._kept

    def _look(self) -> None:
        at = self._file.stat()
        if (seen := (at.st_mtime_ns, at.st_size)) != self._read:
            self._read = seen
            members = orjson.loads(self._file.read_bytes())["keys"]
            self._kept = {str(key.kid): key for key in map(_usable, members) if key is not None}

    def check(self, blob: str) -> ECKey:
        """The key that a blob names. Raises NotForUs for plain faults: form, algorithms, or an unknown
        key."""
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
        key = self._keys().get(str(header.get("kid")))
        if key is None:
            raise NotForUs("unknown key")
        return key

    def open(self, blob: str) -> bytes:
        """The content that was encrypted. Raises NotForUs."""
        key = self.check(blob)
        try:
            opened = jwe.decrypt_compact(blob, key, algorithms=[ALGORITHM, ENCRYPTION]).plaintext
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotForUs("does not open") from error
        if opened is None:
            raise NotForUs("does not open")
        return opened


def _usable(member: Any) -> ECKey | None:
    """A private key of ours; its value stands in no error."""
    try:
        key = ECKey.import_key(member)
        if key.is_private and key.curve_name == CURVE and key.kid:
            return key
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        pass
    log.error("integration_key_misconfigured")
    return None


def new_keys() -> bytes:
    """A fresh key, as the keys file holds it."""
    key = ECKey.generate_key(CURVE, auto_kid=True)
    return orjson.dumps({"keys": [key.as_dict(private=True)]})
