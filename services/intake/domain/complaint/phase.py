"""The questions and steps that more than one phase of a complaint shares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import get_args

from services.intake.domain.complaint.state import ComplaintState
from services.intake.domain.register import competence_of
from services.intake.domain.values import Deposited
from shared.casework.aggregate import Context
from shared.casework.case import house_of
from shared.casework.preparation import Deposit, Lookup
from shared.kernel.effect import Effect
from shared.language.contracts.common import Accused, Finding, Member
from shared.language.contracts.intake import Means, Stage
from shared.language.organs.tree import Competence, Level
from shared.language.refusal import refuse
from shared.language.roles import foremost
from shared.language.spelling import normal

STAGES: tuple[Stage, ...] = get_args(Stage)
PART = re.compile("[a-z]*")
"""The letters that verification puts behind the id of an allegation for a part of it (§4.2)."""
BEFORE_FINDING = ("RECEIVED", "REGISTERED", "NOT_ACCEPTED", "ACCEPTED", "WITH_HANDLER")
"""States in which there is no finding, and in which a complaint may still be passed on (B14)."""
IN_MATTER: Lookup[tuple[Accused, ...]] = Lookup("in_matter")
"""The accused of every complaint that grew from the same letter (B16)."""
TODAY: Lookup[Mapping[str, Accused]] = Lookup("today")
"""The accused of the complaint as the register has them today, by the references that the complaint names
them by; one who was merged has the reference of the entry that stands (B11)."""
NAMESAKES: Lookup[Mapping[str, tuple[Member, ...]]] = Lookup("namesakes")
"""The members of staff who bear the name of an accused, by that name."""
ORIGINAL: Lookup[ComplaintState | None] = Lookup("original")
"""The complaint that this one is said to repeat."""
GOES_ON_AT: Lookup[str] = Lookup("goes_on_at")
"""The organ that goes on with the original now; empty where that was sealed on."""
ANOTHER: Lookup[bool] = Lookup("another")
"""True if this complaint has a named reporter who is not the one of the original (B24)."""
HEADS: Lookup[frozenset[str]] = Lookup("heads")
"""The heads of the complaint's organ, as the staff directory names them today."""
HERE = ("REGISTERED", "ACCEPTED", "WITH_HANDLER", "RESULT_AVAILABLE")
SENT: frozenset[Means] = frozenset({"SMS", "APP", "LETTER", "EMAIL"})
"""The means by which a message leaves the house; the others are a person's word."""
IDENTITY: Deposit[Deposited] = Deposit("identity")
"""The reporter, and what comes along with a parcel of a lower organ."""


class ComplaintPhase(ComplaintState):
    """The state, and the rules that several phases share."""

    def check_open(self, ctx: Context) -> None:
        """A14: refuses to touch a sealed complaint. It is not registered, viewed, copied or pushed; only the
        addressee takes it in, and those who know of it may step aside."""
        if ctx.command != "DeclareRecusal":
            self.check_not_sealed()

    def check_not_sealed(self) -> None:
        """Refuses if the complaint was sealed upward: it is not registered, viewed, copied or passed on here
        any more (A14)."""
        if self.state == "SEALED_UPWARD":
            refuse("E_SEALED_UPWARD", "A14")

    def exclude_colleagues(self, ctx: Context, people: Sequence[Accused]) -> None:
        """B2: puts the accused who are members of staff themselves out of the matter."""
        for member in self._colleagues(ctx, people):
            self._exclude(ctx, member.person, foremost(member.roles), "ACCUSED_OR_RELATIVE")

    def _colleagues(self, ctx: Context, people: Sequence[Accused]) -> Iterator[Member]:
        """B2: the accused who are members of staff themselves, by the directory: of this name, in the organ
        of their place of work. Of two of one name both are out, until one is let in again."""
        organs, namesakes = ctx.law.organs, ctx.found(NAMESAKES)
        for person in people:
            if person.subject_type != "PERSON":
                continue
            own = organs.covering(person.unit_division)
            serves = person.is_discipline_staff or normal(person.unit) == normal(own.name_zh)
            for member in namesakes.get(person.name, ()) if serves else ():
                if member.organ == own.code and member.person not in self.excluded:
                    yield member

    def original_of(self, ctx: Context) -> ComplaintState:
        """The original, where this organ has it still."""
        original = self.known_original(ctx)
        if original.is_away:
            # Only the organ that has it now knows the findings, and tells its department of duplicates.
            refuse("E_CONTENT_MISMATCH", "A12", field="of", reason="with another organ: SendAfter")
        return original

    def known_original(self, ctx: Context) -> ComplaintState:
        """The complaint that this organ registered itself; nobody learns anything here of one that it sealed
        upward."""
        original = ctx.found(ORIGINAL)
        unknown = ("RECEIVED", "SEALED_UPWARD", "DUPLICATE_FILED")
        if (
            original is None
            or original.state in unknown
            or original.organ != self.organ
            or original.id == self.id
            or ctx.actor.person in original.excluded
        ):
            refuse("E_CONTENT_MISMATCH", "A12", field="of")
        return original

    def claims_of_today(self, ctx: Context, of: ComplaintState) -> set[tuple[str, str]]:
        """The claims of a complaint, by the references that stand after what was merged (B11)."""
        return {(self.ref_of_today(ctx, ref), kind) for ref, kind in of.claims}

    def ref_of_today(self, ctx: Context, ref: str) -> str:
        """The reference that stands for somebody after what was merged (B11)."""
        known = ctx.found(TODAY).get(ref)
        return ref if known is None else known.ref

    def as_own(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Findings on the complaint to whose case this one was joined, as findings on its own allegations
        (B24); a part keeps the letters of the part (§4.2)."""
        found = []
        for each in findings:
            whole = max((id for id in self.same if each.allegation_id.startswith(id)), key=len, default="")
            part = each.allegation_id.removeprefix(whole)
            if whole and PART.fullmatch(part):
                found.append(each.model_copy(update={"allegation_id": self.same[whole] + part}))
        return tuple(found)

    def check_taken_in(self) -> None:
        """Refuses to decide on a complaint that lies in a parcel which nobody has taken in (B15)."""
        if self.waits_to_be_taken_in:
            refuse("E_RECORD_INCOMPLETE", "B15", missing="SealedParcelTakenIn")

    def check_undisputed(self) -> None:
        """B17: refuses to do anything with a complaint while it is disputed whose it is. Its common superior
        decides first."""
        if self.disputed_with:
            refuse("E_STATE", "B17", missing="JurisdictionAssigned", decided_by=self.decided_by)

    def dismiss_judges(self, ctx: Context) -> None:
        """Ends the assignments of those who came from the common superior for the dispute alone (B17)."""
        for person, role in sorted(self.judges):
            if role in self.assigned.get(person, ()):
                ended = self.own("AssignmentEnded")
                self.record(ctx, ended(person=person, role=role, reason="JURISDICTION_ASSIGNED"))

    def check_not_told(self) -> None:
        """A9: refuses to pass aside, or to dispute, what a superior told this organ to handle."""
        self.check_result_not_owed()
        if self.designated and self.source != "SUBORDINATE_ESCALATED":
            refuse("E_STATE", "A9", reason="a superior said that this organ handles it")

    def check_result_not_owed(self) -> None:
        """A22: refuses to end a complaint that a superior assigned and that waits for its result there."""
        if self.origin and self.source == "SUPERIOR_ASSIGNED":
            refuse("E_STATE", "A22", reason="its result is owed to the organ that assigned it")

    def _own_level(self, ctx: Context) -> Level:
        return ctx.law.organs.get(self.organ).level

    def _of_today(self, ctx: Context, people: Sequence[Accused]) -> tuple[Accused, ...]:
        """The same people with today's details, each once (B11)."""
        today = ctx.found(TODAY)
        found = (today.get(person.ref, person) for person in people)
        return tuple({person.ref: person for person in found}.values())

    def _competence(self, ctx: Context, person: Accused) -> Competence:
        try:
            return competence_of(ctx.law.organs, person)
        except KeyError:
            refuse("E_SCHEMA", "§5.4", field="unit_division", reason="no such place", accused=person.ref)

    def _competent_organ(self, ctx: Context, person: Accused) -> str:
        return self._competence(ctx, person).organ.code

    def check_own(self, ctx: Context) -> None:
        """§5.4, B11, B13: refuses unless by the details of today this organ is competent for one of the
        accused, and for the others one below it: the highest organ may keep the whole."""
        competent = {self._competent_organ(ctx, person) for person in self._of_today(ctx, self.accused)}
        elsewhere = [o for o in competent if not ctx.law.organs.is_ancestor_or_self(self.organ, o)]
        if elsewhere or (competent and self.organ not in competent):
            refuse(
                "E_NOT_COMPETENT", "§5.4", competent=min(elsewhere or competent, key=lambda o: (len(o), o))
            )

    def _check_competent(self, ctx: Context, organ: str, people: Sequence[Accused]) -> None:
        """Refuses unless the receiving organ is competent for every accused that goes along (§5.4)."""
        if self.state in BEFORE_FINDING and not self.allegations:
            refuse("E_RECORD_INCOMPLETE", "R44", missing="AllegationsListed")
        for person in self._of_today(ctx, people):
            competent = self._competent_organ(ctx, person)
            if competent != organ:
                refuse("E_NOT_COMPETENT", "§5.4", competent=competent)

    def _check_not_their_own(self, ctx: Context, organ: str, field: str = "to_organ") -> None:
        """A15, A75, B16: refuses to pass anything to an organ whose own head or staff is accused anywhere in
        the matter, or to one below it, whoever goes along."""
        people = (*self.people_accused, *ctx.found(IN_MATTER))
        if own := house_of(people, ctx.law, organ):
            refuse("E_NOT_COMPETENT", "A75", field=field, own_organ=own)

    def _send(self, ctx: Context, template: str, means: Means) -> None:
        """Sends a message in neutral words if the reporter is not told in person (SEC-10). The row names the
        complaint and a template; the vault gives the contact when it is sent."""
        if means in SENT:
            payload = {"complaint": str(self.id), "template": template, "means": means}
            key = f"reporter-message:{self.id}:{self.version}"
            ctx.effects.append(Effect(key, "reporter-message", payload))
