"""The answers that the client was given: the one witness that no fault can reach."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.language.ids import keyed_id


@dataclass(frozen=True, slots=True)
class Sent:
    """A command as the client sent it, under one idempotency key."""

    service: str
    command: str
    who: str
    key: str

    def id(self, secret: bytes) -> UUID:
        """The id under which the service, whose secret it is, must have stored it."""
        return keyed_id(secret, "command", self.who, self.key)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A 2xx: from here on its events exist, in the version and at the position that were named."""

    sent: Sent
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal by rule: nothing of the command exists."""

    sent: Sent
    status: int
    code: str
    details: str = ""


@dataclass(slots=True)
class Ledger:
    """All final answers of one run, and the oddities that a verdict must know of."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repeats: Counter[str] = field(default_factory=Counter)
    """Answers after which a command was sent again: status or error -> how often."""
    contradictions: list[str] = field(default_factory=list)
    """The same command answered in two ways, or answered as only a defect would."""
    parked: set[tuple[str, str, int]] = field(default_factory=set)
    """(service, source, position) that a test made poisonous: to be set aside, and nothing else."""

    def __str__(self) -> str:
        again = ", ".join(f"{count} after {what}" for what, count in self.repeats.most_common())
        return (
            f"{len(self.acknowledged)} commands acknowledged, {len(self.refused)} refused, "
            f"{self.repeats.total()} sent again ({again}), {len(self.contradictions)} contradicted"
        )

    def accept(self, sent: Sent, answer: dict[str, Any]) -> Acknowledged:
        entry = Acknowledged(sent, answer)
        self.acknowledged.append(entry)
        return entry

    def refuse(self, sent: Sent, status: int, code: str, details: str) -> Refused:
        entry = Refused(sent, status, code, details)
        self.refused.append(entry)
        return entry
