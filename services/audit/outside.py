"""Sends checkpoints away from the machine (§6.4): once an hour, to every place that is named.

Somebody who holds the store, audit and the key together could write all of them anew; against that helps only
a copy that somebody else has kept. The signed checkpoints of all logs go as one message to each place, such
as the superior organ; they hold no personal data. A place outside the organs gets no more than the message's
digest, every hour whether or not something was recorded: the size of a log steps when somebody reports
(SEC-1).

    {"format": "zhengming-checkpoints/1", "origin": "...", "hour": "2026-03-01T08:00:00Z",
     "checkpoints": {"intake": "<signed note>", ...}}
    {"format": "zhengming-checkpoints-digest/1", "origin": "...", "hour": "...",
     "sha256": "<hex of the RFC 8785 form of the message above>"}
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from services.audit.database import using
from services.audit.proof import HistoryChanged, Trees, hour_of
from services.audit.tables import LOGS
from shared.kernel.clock import Clock
from shared.kernel.evidence.encoding import canonical_json
from shared.kernel.settings import CHECKPOINT

DIGEST_ONLY = f"{CHECKPOINT}timestamp"
"""Kinds that begin so are places outside the organs: a time-stamp authority."""
_KNOWN = "SELECT count(*) FROM effects WHERE key = ANY($1::text[])"
_ADD = """
    INSERT INTO effects (key, kind, payload, created_at)
    SELECT key, kind, payload::jsonb, now() FROM unnest($1::text[], $2::text[], $3::text[])
        AS given (key, kind, payload)
    ON CONFLICT DO NOTHING
    """


class Outside:
    """Asks for messages to be sent; `shared.kernel.outgoing` sends them."""

    def __init__(self, engine: AsyncEngine, trees: Trees, clock: Clock, places: Sequence[str]) -> None:
        self._engine = engine
        self._trees = trees
        self._clock = clock
        self._places = sorted(places)

    async def send_hourly(self) -> bool:
        """Has the hour's checkpoints sent, once, however many workers ask. False if they were already."""
        hour = hour_of(self._clock.now()).strftime("%Y-%m-%dT%H:%M:%SZ")
        keys = [f"{kind}/{self._trees.origin}/{hour}" for kind in self._places]
        async with using(self._engine) as driver:
            if await driver.fetchval(_KNOWN, keys) == len(keys):
                return False
        message = {
            "format": "zhengming-checkpoints/1",
            "origin": self._trees.origin,
            "hour": hour,
            "checkpoints": await self._checkpoints(),
        }
        payloads = [orjson.dumps(_for_place(kind, message)).decode() for kind in self._places]
        async with using(self._engine) as driver:
            await driver.execute(_ADD, keys, self._places, payloads)
        return True

    async def _checkpoints(self) -> dict[str, str]:
        """The checkpoints of all logs but those that no longer hold their signed root: the worker's alarm
        tells of these."""
        notes = {}
        for log in LOGS:
            try:
                notes[log] = await self._trees.checkpoint(log)
            except HistoryChanged:
                continue
        return notes


def _for_place(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    if not kind.startswith(DIGEST_ONLY):
        return message
    digest = sha256(canonical_json(message)).hexdigest()
    told = {name: message[name] for name in ("origin", "hour")}
    return {"format": "zhengming-checkpoints-digest/1", **told, "sha256": digest}
