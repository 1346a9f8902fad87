"""The register of accused: one stream per person or organisation, for all organs and years (B11, R55).

Details are dated. A resident or credit number is kept nowhere: under a key of intake's it gives the id of a
stream of its own, which names the accused.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple
from uuid import UUID

from shared.casework.aggregate import Aggregate, Context, allowed_in
from shared.casework.preparation import Lookup
from shared.language.contracts.common import Accused
from shared.language.contracts.intake import (
    AccusedConclusionNoted,
    AccusedDetailsRecorded,
    AccusedMerged,
    AccusedNumberBound,
    AccusedNumberRecorded,
    AccusedRegistered,
    AccusedTookOver,
    ComplaintLinkedToAccused,
    PrincipalHeadChanged,
)
from shared.language.event import Meta
from shared.language.ids import derived_id
from shared.language.organs.tree import Competence, Level, OrganTree
from shared.language.refusal import refuse


def register_id(accused_ref: str) -> UUID:
    """The stream of an accused, which follows from their reference."""
    return derived_id("accused-register", accused_ref)


class Into(NamedTuple):
    """The entry that stands after a merger."""

    accused: Accused
    number: str


INTO: Lookup[Into | None] = Lookup("into")
"""The entry into which another one is merged; None if there is none."""


def competence_of(organs: OrganTree, person: Accused) -> Competence:
    """The organ that is competent for an accused by these details (§5.4). KeyError where there is no such
    place."""
    return organs.competent(
        Level[person.managed_by_level],
        person.unit_division,
        is_discipline_staff=person.is_discipline_staff,
        subject_type=person.subject_type,
    )


def may_handle(organs: OrganTree, organ: str, person: Accused) -> bool:
    """True if an organ is of a level that may handle a complaint about them today: of those who belong higher
    it learns nothing (A14, A15)."""
    competence = competence_of(organs, person)
    return not competence.leaves_system and competence.organ.level <= organs.get(organ).level


class RegisterNumber(Aggregate):
    """A resident or credit number, without the number: whose it is (B11)."""

    kind = "RegisterNumber"
    plural = "accused-numbers"
    collects = True
    service = "intake"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.ref = ""

    def bind(self, ctx: Context, ref: str) -> None:
        """Done twice, it changes nothing."""
        if not self.ref:
            self.record(ctx, AccusedNumberBound(accused_ref=ref))

    def on_accused_number_bound(self, event: AccusedNumberBound, meta: Meta) -> None:
        self.ref = event.accused_ref


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
        self.number_known = ""
        """The number of them, as the register keeps it."""
        self.merged_into = ""
        """The reference of the entry that stands, where this was a second one."""
        self.merged: list[str] = []
        """The references of the entries that were merged into this one."""
        self.numbered: dict[str, int] = {}
        """The latest conclusion of each case that was heard of (B27)."""

    @property
    def rests_on(self) -> Sequence[str]:
        return tuple(self.complaints)

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
                    accused_ref=self.accused.ref if self.accused else accused.ref,
                    complaint=str(complaint),
                    allegation_kinds=tuple(kinds),
                    complaint_organ=organ,
                ),
            )

    def note_number(self, ctx: Context, number: str) -> None:
        """Done twice, it changes nothing."""
        if not self.number_known:
            self.record(ctx, AccusedNumberRecorded(number=number))

    def record_details(self, ctx: Context, now: Accused, *, slip: bool = False) -> None:
        """B11: the details of an accused, where they differ from what is known. B10: another head of a party
        organisation is told apart."""
        was = self.accused
        if was is None or now.ref != was.ref or now == was:
            return
        self.record(
            ctx,
            AccusedDetailsRecorded(
                since=now.since,
                was=was,
                now=now,
                slip=slip,
                known_as=(was.ref, *self.merged),
                complaints=tuple(sorted(self.complaints)),
            ),
        )
        if now.principal_head != was.principal_head:
            self.record(
                ctx,
                PrincipalHeadChanged(
                    accused_ref=now.ref, since=now.since, was=was.principal_head, head=now.principal_head
                ),
            )

    @allowed_in("REGISTERED")
    def merge_accused(self, ctx: Context, accused_ref: str, into: str, reason: str) -> None:
        """B11: two entries were one person or organisation. The organ must be competent for both as they are
        today, or stand above the organs that are."""
        other = ctx.found(INTO)
        if self.accused is None:
            refuse("E_SCHEMA", "B11", field="accused_ref", reason="not in the register")
        if other is None or other.accused.ref == self.accused.ref:
            refuse("E_SCHEMA", "B11", field="into", reason="not another entry of the register")
        for field, person in (("accused_ref", self.accused), ("into", other.accused)):
            competent = competence_of(ctx.law.organs, person).organ.code
            if not ctx.law.organs.is_ancestor_or_self(ctx.actor.organ, competent):
                refuse("E_NOT_COMPETENT", "B11", field=field)
        if other.accused.subject_type != self.accused.subject_type:
            # Persons and party organisations are counted apart and never merged (R11).
            refuse("E_CONTENT_MISMATCH", "R11", field="into", reason="a person is no organisation")
        if self.number_known and other.number and self.number_known != other.number:
            refuse("E_CONTENT_MISMATCH", "B11", field="into", reason="they have different numbers")
        self.record(ctx, AccusedMerged(accused_ref=self.accused.ref, into=other.accused.ref, reason=reason))

    def take_over(self, ctx: Context, other: RegisterEntry) -> None:
        """Takes over the history of an entry that was merged into this one."""
        assert self.accused is not None
        assert other.accused is not None
        self.record(
            ctx,
            AccusedTookOver(
                accused_ref=self.accused.ref,
                merged=(other.accused.ref, *other.merged),
                complaints=other.complaints,
                conclusions=other.conclusions,
                number=other.number_known,
            ),
        )

    def note_conclusion(
        self,
        ctx: Context,
        case_number: str,
        conclusion: int,
        unfounded: Sequence[str],
        complaints: Sequence[str],
    ) -> None:
        """Told twice, it changes nothing: twice is the same case and the same number (B27)."""
        if conclusion > self.numbered.get(case_number, 0):
            self.record(
                ctx,
                AccusedConclusionNoted(
                    case_number=case_number,
                    conclusion=conclusion,
                    unfounded=tuple(unfounded),
                    complaints=tuple(complaints),
                ),
            )

    def note_taken_back(self, ctx: Context, case_number: str, conclusion: int) -> None:
        """A further conclusion finds nothing unfounded where an earlier one did."""
        if case_number in self.conclusions:
            self.note_conclusion(ctx, case_number, conclusion, (), self.conclusions[case_number])

    def on_accused_registered(self, event: AccusedRegistered, meta: Meta) -> None:
        self.accused = event.accused

    def on_accused_details_recorded(self, event: AccusedDetailsRecorded, meta: Meta) -> None:
        self.accused = event.now

    def on_accused_number_recorded(self, event: AccusedNumberRecorded, meta: Meta) -> None:
        self.number_known = event.number

    def on_accused_merged(self, event: AccusedMerged, meta: Meta) -> None:
        self.merged_into = event.into

    def on_accused_took_over(self, event: AccusedTookOver, meta: Meta) -> None:
        self.merged += event.merged
        self.complaints = event.complaints | self.complaints
        self.conclusions = event.conclusions | self.conclusions
        self.number_known = self.number_known or event.number

    def on_complaint_linked_to_accused(self, event: ComplaintLinkedToAccused, meta: Meta) -> None:
        self.complaints[event.complaint] = event.complaint_organ or self.organ

    def on_accused_conclusion_noted(self, event: AccusedConclusionNoted, meta: Meta) -> None:
        self.conclusions[event.case_number] = event.complaints
        self.numbered[event.case_number] = event.conclusion
