"""The reports that go past the organ that they concern: to its superior's petition department and to internal
supervision (retaliation A44, misconduct of staff A33)."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from shared.casework.aggregate import Law
from shared.casework.case import Case
from shared.language.contracts.common import InVault
from shared.language.roles import ORGAN_HEAD, PETITION

REPORTED, SETTLED = "REPORTED", "SETTLED"


def superior_of(organ: str, law: Law) -> str:
    """The next organ above; the province, above which there is none here, handles its own."""
    return law.organs.get(organ).parent or organ


class Overseen(Case):
    """A report owned by the superior organ. Nobody below sees it. Above, it is seen by its petition
    department and those whom that assigns (`unopened` in every state), and by internal supervision by a route
    of its own.

    Nothing stands here of the person who was harmed and of their words: that lies in the vault as a letter.
    """

    service = "intake"
    unopened: ClassVar[frozenset[str]] = frozenset({REPORTED, SETTLED})

    openers: ClassVar[frozenset[str]] = frozenset({*PETITION, ORGAN_HEAD})
    """The head too, told by internal supervision: it may be the petition head who is named."""

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.complaint = ""
        """The complaint that it came with; empty where there was none."""
        self.in_vault: tuple[InVault, ...] = ()
        """The account, as it lies in the vault."""

    @property
    def rests_on(self) -> tuple[str, ...]:
        return (self.complaint,) if self.complaint else ()

    @property
    def letter_key(self) -> UUID:
        """The key under which the letter lies in the vault: it ends with the keys of the complaint."""
        return UUID(self.complaint) if self.complaint else self.id

    def watched_in(self, organ: str, person: str) -> bool:
        """True if this organ's internal supervision, by this person, watches over it."""
        return organ in {self.organ, *self.addressees} and person not in self.kept_from

    def _take_in(self, event: Any) -> None:
        self.organ = event.organ
        self.complaint, self.in_vault = event.complaint, event.in_vault
