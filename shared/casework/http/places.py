"""Places in a log as callers hold them: sealed, and good for the one person who was given them.

The length of a log tells that something happened, and in intake that somebody reported (SEC-1, B53). So no
answer holds a position, and nobody can wait for one that they were not given.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from shared.kernel.store.sealing import Sealer
from shared.kernel.store.types import StoreTampered
from shared.language.refusal import refuse

_POSITION = struct.Struct(">q")
_NO_STREAM = UUID(int=0)
_LONGEST = 600


class Places:
    """Seals positions of one service's log under the keys of its store."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, person: str, position: int) -> str:
        """A position for one person; another text each time, so that two of them tell nothing either."""
        sealed = self._sealer.seal(_POSITION.pack(position), _NO_STREAM, 0, f"place of {person}")
        return urlsafe_b64encode(sealed).decode()

    def open(self, person: str, text: str | None, field: str, default: int) -> int:
        """The position of a text that `person` was given; `default` where there is none. Refuses (422) every
        other text and names the `field`."""
        if text is None:
            return default
        try:
            sealed = urlsafe_b64decode(text[:_LONGEST].encode("ascii"))
            (position,) = _POSITION.unpack(self._sealer.open(sealed, _NO_STREAM, 0, f"place of {person}"))
        except (StoreTampered, ValueError):
            refuse("E_SCHEMA", "B53", field=field, reason="not a place that you were given")
        return int(position)
