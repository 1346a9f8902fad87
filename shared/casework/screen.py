"""Asks the vault whether a text would reveal who reported (SEC-12). Fails closed: no answer, no text.

Somebody may have pasted an identity into these texts, so question and answer travel sealed with the bus key,
as confidential fields of events do; an answer fits its own question only (§6.1).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.kernel.bus.envelope import BadEnvelope, BusKey, Malformed
from shared.language.contracts.common import Accused
from shared.language.refusal import refuse

SUBJECT = "zm.vault.screen"
WAIT_SECONDS = 3.0
Part = Literal["question", "answer"]


def sealed(key: BusKey, part: Part, id: str, body: dict[str, Any]) -> bytes:
    """One side of a conversation as it travels; `id` binds an answer to its question."""
    closed = key.seal(orjson.dumps(body), _bound(part, id))
    return orjson.dumps({"id": id, "cipher": key.cipher, "key": key.active, "sealed": closed})


def opened(key: BusKey, part: Part, data: bytes) -> tuple[str, Any]:
    """The id and the body. Raises `BadEnvelope` for a message that was not sealed for this part by one of
    us."""
    try:
        told = orjson.loads(data)
        id, cipher, key_id, closed = (told[name] for name in ("id", "cipher", "key", "sealed"))
    except (ValueError, KeyError, TypeError):
        raise Malformed("not a sealed question or answer") from None
    if not all(isinstance(word, str) for word in (id, cipher, key_id, closed)):
        raise Malformed("not a sealed question or answer")
    return id, orjson.loads(key.open(cipher, key_id, closed, _bound(part, id)))


def _bound(part: Part, id: str) -> bytes:
    return f"{SUBJECT}:{part}:{id}".encode()


class Asker(NamedTuple):
    """The author of the texts: their person, and the organ that they act for."""

    person: str
    organ: str


class Verdict(NamedTuple):
    """The screen's answer about texts, and whether internal supervision hears of it."""

    leak: bool
    alert: bool = False
    reason: str = ""
    """The reason of a refusal that is held against nobody: `names` of too many people, or `clearance`, after
    too many refusals."""


class RemoteScreen:
    """The screen as the services other than intake reach it."""

    def __init__(self, nc: Client, key: BusKey) -> None:
        self._nc = nc
        self._key = key

    async def asked(
        self, asker: Asker, complaints: Sequence[str], texts: Sequence[str], accused: Sequence[Accused] = ()
    ) -> Verdict:
        """The vault's verdict; refuses with E_SCREEN_UNAVAILABLE (503) when it does not answer. Only intake
        gives `accused`: those whom other services know, intake has recorded."""
        id = os.urandom(16).hex()
        body = {**asker._asdict(), "complaint_refs": list(complaints), "texts": list(texts)}
        try:
            question = sealed(self._key, "question", id, body)
            reply = await self._nc.request(SUBJECT, question, timeout=WAIT_SECONDS)
            of, answer = opened(self._key, "answer", reply.data)
        except (NatsError, TimeoutError, OSError, BadEnvelope):
            refuse("E_SCREEN_UNAVAILABLE", "SEC-12")
        try:
            verdict = Verdict(**answer)
        except TypeError:  # an error, told as one
            refuse("E_SCREEN_UNAVAILABLE", "SEC-12")
        if of != id:
            refuse("E_SCREEN_UNAVAILABLE", "SEC-12")
        return verdict
