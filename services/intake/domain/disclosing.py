"""Decides who may learn how to reach a reporter (SEC-5), and when a reporter is forgotten (§6.5, A92)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Literal
from uuid import UUID

from services.intake.domain.complaint import Complaint
from shared.casework.aggregate import Aggregate, Context, allowed_in
from shared.casework.case import Case, house_of
from shared.casework.preparation import Lookup
from shared.language.contracts.common import Accused
from shared.language.contracts.intake import (
    IdentityDisclosureApproved,
    IdentityDisclosureDenied,
    IdentityDisclosureRequested,
    IdentityField,
    IdentityKeyDestroyed,
)
from shared.language.event import Meta
from shared.language.ids import derived_id
from shared.language.law.working_days import local_date
from shared.language.organs.tree import OrganTree
from shared.language.refusal import refuse

LONGEST = timedelta(days=30)
"""A disclosure is for a purpose at hand, not for the life of a case."""
FINAL = frozenset({"CLOSED", "DUPLICATE_FILED", "SENT_OUT", "SENT_DOWN", "SEALED_UPWARD", "RETURNED"})
"""States that a complaint does not leave by itself; retention runs from the last thing that happened."""


def is_over(complaint: Complaint) -> bool:
    """True if nothing more is to come here; for a complaint assigned to a lower organ its result is (A23)."""
    waits = complaint.state == "SENT_DOWN" and complaint.assigned_down
    return complaint.state in FINAL and not waits


@dataclass(frozen=True, slots=True)
class Asked:
    """The complaint that a disclosure is asked for, and whether its reporter agreed to be contacted."""

    complaint: Complaint | None
    may_be_contacted: bool
    accused: tuple[Accused, ...] = ()
    """Everybody accused in the matters of the complaint (B16)."""


IN_MATTER_OF: Lookup[Collection[Accused]] = Lookup("accused in the matter of a disclosure")
"""Everybody accused in the matters of the complaint, when it is decided (B16)."""
ASKED: Lookup[Asked] = Lookup("asked")


class IdentityDisclosure(Case):
    """A request to be told how to reach one reporter. It holds the purpose, never an identity."""

    kind = "IdentityDisclosure"
    plural: ClassVar[str] = "disclosures"
    ended = frozenset({"APPROVED", "DENIED"})
    service = "intake"

    def __init__(self, id: UUID) -> None:
        super().__init__(id)
        self.complaint = ""
        self.fields: tuple[IdentityField, ...] = ()
        self.until: date | None = None

    @property
    def rests_on(self) -> tuple[str, ...]:
        return (self.complaint,) if self.complaint else ()

    def request_identity_disclosure(
        self, ctx: Context, complaint: UUID, purpose: str, fields: tuple[IdentityField, ...], until: date
    ) -> None:
        """SEC-5, R27: asked by those who work on this complaint, about a reporter who agreed; nobody else can
        ask for anything."""
        asked = ctx.found(ASKED)
        case = asked.complaint
        if case is None or ctx.actor.organ not in case.working_organs:
            refuse("E_JURISDICTION", "SEC-5", alert=True)
        if not case.assigned.get(ctx.actor.person):
            refuse("E_NEED_TO_KNOW", "SEC-5", alert=True)
        if case.identity_status != "CONFIRMED" or not asked.may_be_contacted:
            refuse("E_TRACE_FORBIDDEN", "SEC-5")
        _check_not_their_own(ctx, asked.accused, ctx.actor.organ)
        today = local_date(ctx.now)
        if not today <= until <= today + LONGEST:
            refuse("E_SCHEMA", "SEC-5", field="until", days=LONGEST.days)
        self.follow(case)
        self.record(
            ctx,
            IdentityDisclosureRequested(
                organ=case.organ, complaint=str(complaint), purpose=purpose, fields=fields, until=until
            ),
        )

    def on_identity_disclosure_requested(self, event: IdentityDisclosureRequested, meta: Meta) -> None:
        self.organ = event.organ
        self.complaint = event.complaint
        self.fields, self.until = event.fields, event.until

    @allowed_in("REQUESTED")
    def decide_identity_disclosure(
        self, ctx: Context, decision: Literal["APPROVE", "DENY"], opinion: str
    ) -> None:
        if decision == "DENY":
            self.record(ctx, IdentityDisclosureDenied(opinion=opinion))
            return
        if self.state == "REQUESTED":
            _check_not_their_own(ctx, ctx.found(IN_MATTER_OF), self.organ)
        assert self.until is not None
        approved = IdentityDisclosureApproved(fields=self.fields, until=self.until, opinion=opinion)
        self.record(ctx, approved)

    def open_on(self, today: date) -> bool:
        """True if its fields may be read today."""
        return self.state == "APPROVED" and self.until is not None and today <= self.until


def _check_not_their_own(ctx: Context, accused: Collection[Accused], organ: str) -> None:
    """B16: refuses to tell who reported in an organ whose head or staff is accused anywhere in the matter."""
    if own := house_of(accused, ctx.law, organ):
        refuse("E_NOT_COMPETENT", "B16", own_organ=own)


def custodian_organ(organ: str, organs: OrganTree) -> str:
    """The organ whose custodian operates the vault for an organ: custodians sit at the county and above
    (§5.1)."""
    return organs.clarification_approving_organ(organ).code


@dataclass(frozen=True, slots=True)
class Forgettable:
    """The circumstances that decide whether a reporter may be forgotten."""

    complaint: Complaint | None
    years: int
    protection_open: bool


FORGETTABLE: Lookup[Forgettable] = Lookup("forgettable")


def identity_key_id(complaint: UUID) -> UUID:
    """The stream that tells the end of a complaint's key."""
    return derived_id("identity-key", complaint)


class IdentityKey(Aggregate):
    """The end of one complaint's key. It has no stream before; a second end is a conflict."""

    kind = "IdentityKey"
    plural: ClassVar[str] = "identity-keys"
    service = "intake"

    def destroy_identity_key(self, ctx: Context, complaint: UUID) -> None:
        """§6.5: destroys the key after the years of retention, never while protection is open."""
        found = ctx.found(FORGETTABLE)
        case = found.complaint
        if case is None or ctx.actor.organ != custodian_organ(case.organ, ctx.law.organs):
            refuse("E_JURISDICTION")
        if ctx.actor.person in case.excluded:
            refuse("E_RECUSAL", "B2")
        if self.version:
            refuse("E_STATE", "§6.5", state=self.state)
        last = case.modified_on
        assert last is not None
        if not is_over(case):
            refuse("E_STATE", "§6.5", state=case.state)
        if years_after(local_date(last), found.years) > local_date(ctx.now):
            refuse("E_STATE", "§6.5", retained_years=found.years)
        if found.protection_open:
            # Without a word why: a request for protection is nobody's business but the clerks'.
            refuse("E_STATE", "§6.5", state="HELD")
        self.follow(case)
        self.record(
            ctx,
            IdentityKeyDestroyed(
                organ=case.organ,
                complaint=str(complaint),
                ground="RETENTION_ENDED",
                closed_on=local_date(last),
            ),
        )


def years_after(day: date, years: int) -> date:
    """The same day years later; 29 February becomes the last of the month."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
