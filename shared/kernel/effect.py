"""Effects on the outside world: asked for by the domain, carried out later by a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

SUBJECT_MESSAGE = "subject-message"


@dataclass(frozen=True, slots=True)
class Effect:
    """A message to the outside, stored in the transaction of its event and carried out once per key.

    The key is visible ASCII: it travels as a header. The payload holds no identity (SEC-3): a contact that
    only the vault knows is asked for when the message is sent.
    """

    key: str
    kind: str
    payload: dict[str, Any]
    trace_id: str = ""
    """The trace of the call that asked for it, where it may be followed: written by the store."""
    matters: tuple[UUID, ...] = ()
    """The matters of the event that asked for it (B1): written by the store."""


def to_subject(case: UUID, version: int, template: str) -> Effect:
    """A message to the subject of a case about what its event of this version did. It names no account: whose
    it is by then is asked for when it is sent."""
    payload = {"case": str(case), "template": template, "about": version}
    return Effect(f"{SUBJECT_MESSAGE}:{case}:{version}:{template}", SUBJECT_MESSAGE, payload)
