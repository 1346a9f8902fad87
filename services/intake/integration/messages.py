"""Messages to reporters: neutral words, to the contact that they gave (SEC-10).

A stored message names a complaint and a template. Its contact is asked from the vault at the moment of
sending and handed to the adapter; it stands in no row, log, metric or error.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from services.intake.vault.store import Vault
from shared.effect import Effect
from shared.outgoing.adapters import NotDelivered

MESSAGE_KIND = "reporter-message"
NEWS = "您反映的事项有新的进展，请登录查询。"
"""What fits every message: it names nobody and nothing."""
TEXTS: Mapping[str, str] = {
    "RECEIVED": "您反映的事项已收到。",
    "ACCEPTED": "您反映的事项已受理。",
    "CONCLUDED": "您反映的事项已办结，请登录查询。",
}


class ReporterMessages:
    """Addresses a message when it is sent."""

    def __init__(self, vault: Vault, texts: Mapping[str, str] = TEXTS) -> None:
        self._vault = vault
        self._texts = texts

    async def prepare(self, effect: Effect) -> Effect:
        """The message with its contact. What carries it learns no id of ours: its key is a digest."""
        reporters = await self._vault.reporters([UUID(effect.payload["complaint"])])
        contact = {
            name: value
            for r in reporters
            for name, value in (("phone", r.phone), ("email", r.email), ("address", r.address))
            if value
        }
        if not contact:
            raise NotDelivered("NO_CONTACT", final=True)
        text = self._texts.get(effect.payload["template"], NEWS)
        key = sha256(effect.key.encode()).hexdigest()
        return Effect(key, effect.kind, {"to": contact, "text": text})
