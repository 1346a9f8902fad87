"""Messages to reporters: neutral words, to the contact that they gave (SEC-10).

A stored message names a complaint and a template. Its contact is asked from the vault at the moment of
sending and handed to the adapter; it stands in no row, log, metric or error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from uuid import UUID, uuid4

from services.intake.domain.complaint import Complaint
from services.intake.vault.store import NOBODY, Vault
from shared.casework.aggregate import Actor, Context
from shared.casework.gate import AuditRecord
from shared.casework.parts import Core
from shared.kernel.effect import Effect
from shared.kernel.outgoing.adapters import NotDelivered
from shared.kernel.store.types import Append
from shared.language.contracts.common import InVault
from shared.language.refusal import Refusal
from shared.language.roles import SYSTEM

MESSAGE_KIND = "reporter-message"
NEWS = "您反映的事项有新的进展，请登录查询。"
"""Text that fits every message: it names nobody and nothing."""
TEXTS: Mapping[str, str] = {
    "RECEIVED": "您反映的事项已收到。",
    "NOT_ACCEPTED": "您反映的事项已有答复，可登录查询并补充具体情况。",
    "ACCEPTED": "您反映的事项已受理。",
    "CONCLUDED": "您反映的事项已办结，请登录查询。",
}

WAYS: Mapping[str, str] = {"SMS": "phone", "APP": "phone", "EMAIL": "email", "LETTER": "address"}
"""The contact that each means needs; where the reporter gave another one only, that is used."""


class ReporterMessages:
    """Addresses a message when it is sent; every look at a contact leaves a record (SEC-9)."""

    def __init__(self, core: Core, vault: Vault, texts: Mapping[str, str] = TEXTS) -> None:
        self._core = core
        self._vault = vault
        self._texts = texts

    async def prepare(self, effect: Effect) -> Effect:
        """The message with its contact. Its carrier learns no id of ours: its key is a digest."""
        complaint = UUID(effect.payload["complaint"])
        named = await self._note(complaint)
        try:
            reporter = await self._vault.reporter(complaint, named) or NOBODY
        except Refusal as refusal:
            raise NotDelivered(refusal.code) from None
        ways = {"phone": reporter.phone, "email": reporter.email, "address": reporter.address}
        contact = {name: value for name, value in ways.items() if value}
        if not contact:
            raise NotDelivered("NO_CONTACT", final=True)
        if (way := WAYS[effect.payload["means"]]) in contact:
            # The carrier learns no more of the reporter than it needs.
            contact = {way: contact[way]}
        text = self._texts.get(effect.payload["template"], NEWS)
        key = sha256(effect.key.encode()).hexdigest()
        return Effect(key, effect.kind, {"to": contact, "text": text})

    async def _note(self, id: UUID) -> Iterable[InVault]:
        """Writes the record, durable before the vault is asked; returns the things that are asked for."""
        complaint = await self._core.repository.get(Complaint, id)
        if complaint is None:
            raise NotDelivered("NO_COMPLAINT", final=True)
        now = self._core.clock.now()
        ctx = Context(
            actor=Actor(SYSTEM, SYSTEM, complaint.organ),
            now=now,
            occurred_at=now,
            law=self._core.law,
            command="SendReporterMessage",
            rule="SEC-10",
            correlation_id=complaint.correlation_id,
            matters=complaint.matters,
        )
        record = AuditRecord(uuid4(), Complaint.service)
        record.note(
            ctx, "CaseRead", who=SYSTEM, role=SYSTEM, object=str(id), fields="contact", purpose=MESSAGE_KIND
        )
        await self._core.recorder.append(Append(events=record.collect_events()))
        return complaint.in_vault.values()
