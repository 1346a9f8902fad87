"""What commands of intake are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from shared.command import FreeText, Reference, Screened, ShortText
from shared.contracts.common import Accused, AllegationKind, InVault, LevelName, Outcome, SubjectType
from shared.contracts.intake import IdentityStatus
from shared.event import Value
from shared.law.identifiers import is_credit_code, is_resident_id

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
OrganCode = Annotated[str, StringConstraints(pattern=r"^DI-[0-9]{2,9}$")]


class OutcomeTold(Value):
    """What the reporter is told about one of his allegations."""

    allegation_id: Reference
    outcome: Outcome


class Reception(Value):
    """How a visit or a call was received: by a named person and with nobody else present (A5); a group
    through its representatives (A6); what was said, written down and confirmed (A7)."""

    received_by: Reference
    others_present: bool
    group_size: Annotated[int, Field(ge=1, le=100_000)] = 1
    representatives: Annotated[int, Field(ge=1, le=100_000)] = 1
    oral_record: bool = False
    reporter_confirmed: bool = False

    @property
    def of_group(self) -> bool:
        return self.group_size > 1


class AccusedEntry(Value):
    """An accused as the clerk enters it: either the confirmed match in the register, or a new entry."""

    match: Reference | None = None
    subject_type: SubjectType = "PERSON"
    name: ShortText | None = None
    unit: ShortText | None = None
    unit_division: Annotated[str, StringConstraints(pattern=r"^\d{2,12}$")] | None = None
    position: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), Screened()] = ""
    managed_by_level: LevelName | None = None
    political_status: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60), Screened()] = ""
    official_category: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60), Screened()] = (
        ""
    )
    is_discipline_staff: bool = False
    organisation_code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{0,40}$")] = ""
    principal_head: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), Screened()] = ""

    @model_validator(mode="after")
    def complete(self) -> AccusedEntry:
        """Without a match, R11 wants name, unit, place and the level that manages the cadre."""
        if self.match is None and None in (self.name, self.unit, self.unit_division, self.managed_by_level):
            raise ValueError(
                "name, unit, unit_division and managed_by_level are required without match (R11)"
            )
        if self.subject_type == "PARTY_ORG" and self.match is None and not self.principal_head:
            raise ValueError("principal_head is required for PARTY_ORG (R11)")
        return self

    def as_accused(self, ref: str) -> Accused:
        return Accused(ref=ref, **self.model_dump(exclude={"match"}))


class AllegationEntry(Value):
    """One atomic claim in sanitised words, about the accused with that index."""

    id: Code
    accused: Annotated[int, Field(ge=0, le=50)]
    kind: AllegationKind
    text: FreeText


Phone = Annotated[str, StringConstraints(pattern=r"^[0-9+() -]{0,24}$")]


class CoSigner(Value):
    """One of several who signed together (联名): protected like the first (L3)."""

    name: Annotated[str, StringConstraints(max_length=60)] = ""
    phone: Phone = ""
    resident_id: Annotated[str, StringConstraints(max_length=18)] = ""

    @model_validator(mode="after")
    def plausible(self) -> CoSigner:
        if self.resident_id and not is_resident_id(self.resident_id):
            raise ValueError("resident_id does not satisfy GB 11643")
        return self


@dataclass(frozen=True, slots=True)
class Deposited:
    """What went into the vault before the event of a receipt is written: who reported, what came along, and
    the name of what the petition platform sent."""

    reporter: InVault | None = None
    identity_status: IdentityStatus = "UNCLAIMED"
    original: str = ""
    things: tuple[InVault, ...] = ()

    @property
    def reporter_ref(self) -> str:
        return "" if self.reporter is None else self.reporter.id

    @property
    def in_vault(self) -> tuple[InVault, ...]:
        return self.things if self.reporter is None else (self.reporter, *self.things)


class ReporterBlock(Value):
    """Who reports and how to reach him: goes to the vault and nowhere else (L3)."""

    name: Annotated[str, StringConstraints(max_length=60)] = ""
    unit: Annotated[str, StringConstraints(max_length=120)] = ""
    unit_code: Annotated[str, StringConstraints(max_length=18)] = ""
    """Unified social credit code of the unit, where it has one."""
    address: Annotated[str, StringConstraints(max_length=200)] = ""
    phone: Phone = ""
    email: Annotated[str, StringConstraints(max_length=120)] = ""
    resident_id: Annotated[str, StringConstraints(max_length=18)] = ""
    co_signers: Annotated[tuple[CoSigner, ...], Field(max_length=200)] = ()
    may_be_contacted: bool = False
    """He agrees that the handler himself may learn how to reach him (SEC-5)."""

    @model_validator(mode="after")
    def plausible(self) -> ReporterBlock:
        if self.resident_id and not is_resident_id(self.resident_id):
            raise ValueError("resident_id does not satisfy GB 11643")
        if self.unit_code and not is_credit_code(self.unit_code):
            raise ValueError("unit_code does not satisfy GB 32100")
        return self

    @property
    def claims_real_name(self) -> bool:
        """A27: a name or unit name, and a concrete contact."""
        return bool((self.name or self.unit) and (self.phone or self.email or self.address))
