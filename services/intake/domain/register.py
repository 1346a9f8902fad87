"""The register of accused: one stream per person or organisation, stable over complaints (R55)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from uuid import UUID

from shared.casework.aggregate import Aggregate, Context
from shared.language.contracts.common import Accused
from shared.language.contracts.intake import (
    AccusedConclusionNoted,
    AccusedRegistered,
    ComplaintLinkedToAccused,
)
from shared.language.event import Meta
from shared.language.ids import derived_id


def register_id(accused_ref: str) -> UUID:
    """The stream of an accused, which follows from their reference."""
    return derived_id("accused-register", accused_ref)


class RegisterEntry(Aggregate):
    """Everything that intake knows about one accused over the years: complaints and conclusions, no
    verdict."""

    kind = "RegisterEntry"
    plural = "accused"
    collects = True
    service = "intake"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.accused: Accused | None = None
        self.complaints: dict[str, str] = {}
        """The organ of each complaint about them, by the complaint's id."""
        self.conclusions: dict[str, tuple[str, ...]] = {}
        """The complaints that each conclusion was about, by the number of its case."""

    @property
    def organs(self) -> set[str]:
        """The organs in whose register this accused stands: the one that entered them, and those to which a
        complaint was passed on."""
        return self.organs_of_all_but(frozenset())

    def organs_of_all_but(self, withheld: Set[str]) -> set[str]:
        """The organs in whose register they would stand without some of the complaints."""
        return {organ for complaint, organ in self.complaints.items() if complaint not in withheld}

    def conclusions_of_all_but(self, withheld: Set[str]) -> list[str]:
        """The numbers of concluded cases, without those that some of the complaints led to."""
        return sorted(n for n, about in self.conclusions.items() if withheld.isdisjoint(about))

    def link_complaint(
        self, ctx: Context, accused: Accused, complaint: UUID, kinds: Sequence[str], organ: str
    ) -> None:
        """Registers the accused at the first complaint about them, and adds this one to their history."""
        if self.accused is None:
            self.record(ctx, AccusedRegistered(accused=accused))
        if str(complaint) not in self.complaints:
            self.record(
                ctx,
                ComplaintLinkedToAccused(
                    complaint=str(complaint), allegation_kinds=tuple(kinds), complaint_organ=organ
                ),
            )

    def note_conclusion(
        self, ctx: Context, case_number: str, unfounded: Sequence[str], complaints: Sequence[str]
    ) -> None:
        """Told twice, it changes nothing."""
        if case_number not in self.conclusions:
            self.record(
                ctx,
                AccusedConclusionNoted(
                    case_number=case_number, unfounded=tuple(unfounded), complaints=tuple(complaints)
                ),
            )

    def on_accused_registered(self, event: AccusedRegistered, meta: Meta) -> None:
        self.accused = event.accused

    def on_complaint_linked_to_accused(self, event: ComplaintLinkedToAccused, meta: Meta) -> None:
        self.complaints[event.complaint] = event.complaint_organ or self.organ

    def on_accused_conclusion_noted(self, event: AccusedConclusionNoted, meta: Meta) -> None:
        self.conclusions[event.case_number] = event.complaints
