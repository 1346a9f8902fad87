"""Events inside the vault: protection and rewards. Stored there and never published (L3).

States, numbers and codes stand in clear within them; everything personal is sealed under the complaint's own
key, and ends with that key.
"""

from __future__ import annotations

from typing import Literal

from shared.language.contracts.common import common_events
from shared.language.event import L1, L2, Event, Numbered, OfOrgan

Authority = Literal["POLICE", "REPORTERS_UNIT", "OTHER_ORGAN"]


class VaultEvent(Event):
    """Base of the vault's own events."""

    service = "vault"


class SealedEvent(Event):
    """An event with contents that lie in it under the complaint's key."""

    sealed: L2[str]


COMMON = common_events(VaultEvent)


class ProtectionRequested(Numbered, OfOrgan, SealedEvent, VaultEvent):
    """A reporter, a relative of theirs or a supposed reporter asks for protection (规则 49)."""

    to = "REQUESTED"
    numbered = "BH"

    complaint: L1[str]
    sealed: L2[str]
    """The threat, under the complaint's key."""


class OtherAuthorityAsked(SealedEvent, VaultEvent):
    """Another authority was asked to protect (商请有关机关)."""

    authority: L1[Authority]


class ProtectionProvided(SealedEvent, VaultEvent):
    """Measures are in force."""

    to = "PROVIDED"


class ProtectionDeclined(SealedEvent, VaultEvent):
    """Declined with reasons; the superior petition department reviews it."""

    to = "DECLINED"


class ProtectionDeclineUpheld(SealedEvent, VaultEvent):
    """The superior agrees: no protection."""

    to = "ENDED"


class ProtectionDeclineOverturned(SealedEvent, VaultEvent):
    """The superior does not agree: the request stands again, and so does its deadline."""

    to = "REQUESTED"


class ProtectionEnded(SealedEvent, VaultEvent):
    """The measures have ended."""

    to = "ENDED"


class RewardRecorded(OfOrgan, SealedEvent, VaultEvent):
    """A reporter is rewarded (A32). Outside the vault the reward has this code and no name (SEC-14)."""

    to = "RECORDED"

    complaint: L1[str]
    code: L1[str]
    amount_fen: L1[int]
    decision_ref: L1[str]
    sealed: L2[str]
    """The payee and the contribution, under the complaint's key."""


class RewardPaid(VaultEvent):
    """Paid to the reporter through the vault."""

    to = "PAID"

    receipt_ref: L1[str]
