"""The values of which commands of intake are made."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from shared.casework.command import Chosen, Code, Colleague, Day, FreeText, Given, Screened
from shared.language.contracts.common import (
    Accused,
    AllegationKind,
    Division,
    InVault,
    LevelName,
    Outcome,
    PoliticalStatus,
    SubjectType,
)
from shared.language.contracts.intake import IdentityStatus
from shared.language.event import Value
from shared.language.law.identifiers import is_credit_code, is_resident_id, resident_id_check
from shared.language.text import IfSeen, Seen, Straight

OrganCode = Annotated[str, StringConstraints(pattern=r"^DI-[0-9]{2,9}$")]
Named = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), Seen, Straight, Screened()
]
"""The name of a person, party organisation or unit, as long as the register takes it."""
MaybeTitle = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=120), IfSeen, Straight, Screened()
]
MaybeStatus = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=60), IfSeen, Straight, Screened()
]


ACCUSED_MAX, ALLEGATIONS_MAX = 200, 1000
"""People and claims in one complaint: more would be another letter."""


class OutcomeTold(Value):
    """The outcome of one of the reporter's allegations, as they are told it."""

    allegation_id: Given
    """One of this complaint's allegations, or a part into which verification split one."""
    outcome: Outcome
    """The finding of the verification."""


class Reception(Value):
    """The way in which a visit or a call was received: by a named person and with nobody else present (A5); a
    group through its representatives (A6); with the words written down and confirmed (A7)."""

    received_by: Colleague
    """The account of the one member of staff who received them."""
    others_present: bool
    """True is refused: nobody else may be present (A5)."""
    group_size: Annotated[int, Field(ge=1, le=100_000)] = 1
    """The number of people who came together; 1 is no group."""
    representatives: Annotated[int, Field(ge=1, le=100_000)] = 1
    """The number of people who spoke for the group: three at most, five for a group of more than ten (A6)."""
    oral_record: bool = False
    """True if the words were written down."""
    reporter_confirmed: bool = False
    """True if the reporter confirmed what was written down."""

    @property
    def of_group(self) -> bool:
        return self.group_size > 1


class AllegationEntry(Value):
    """One atomic claim in sanitised words, about the accused with that index."""

    id: Code
    """The clerk's own numbering, unique in this list; the case's id of it begins with that of the
    complaint."""
    accused: Annotated[int, Field(ge=0, lt=ACCUSED_MAX)]
    """The place in `accused` of whom it is about, from 0."""
    kind: AllegationKind
    """The kind of discipline or offence."""
    text: FreeText
    """One claim in sanitised words. It is quoted to the subject if it proves unfounded, so it tells nothing
    of how or by whom it was reported (SEC-2)."""


class SamePair(Value):
    """An allegation of this complaint that claims the same as one of the first complaint's."""

    own: Given
    """The allegation of this complaint."""
    theirs: Given
    """The allegation of the complaint that is verified already."""


def _telephone(typed: str) -> str:
    """One form of what is typed on a form or copied from a telephone: width, dashes, spaces, 轉."""
    folded = _visible(typed).translate(_EXTENSION)
    return _PARTING.sub(lambda found: "-" if found[0].strip() else " ", folded).strip()


def _document(typed: str) -> str:
    """The number of a document as it is printed: no spaces or dashes, capital letters."""
    return _PARTING.sub("", _visible(typed)).upper()


def _visible(typed: str) -> str:
    """NFKC, without what comes along unseen where something is copied."""
    return "".join(c for c in unicodedata.normalize("NFKC", typed) if unicodedata.category(c) != "Cf")


def _resident_id(typed: str) -> str:
    number = _document(typed)
    if _OF_15.fullmatch(number):
        number = f"{number[:6]}19{number[6:]}"
        number += resident_id_check(number)
    if number and not is_resident_id(number):
        raise ValueError("does not satisfy GB 11643")
    return number


def _credit_code(typed: str) -> str:
    code = _document(typed)
    if code and not is_credit_code(code):
        raise ValueError("does not satisfy GB 32100")
    return code


def _given(typed: Any) -> Any:
    """Nothing for what says that nothing is given: null, 无, 不详, a dash (B19)."""
    if typed is None:
        return ""
    if not isinstance(typed, str):
        return typed
    word = _PARTING.sub("", _visible(typed)).strip(_IDLE).casefold()
    return "" if word in _NOT_GIVEN else typed


_OF_15 = re.compile("[0-9]{15}")
"""A resident identity number of before 1999: the year in two digits, and no check character."""
_IDLE = "/.。*…·、,，;；:：?？\\_~'\"“”()[]"
_ABSENT = """
    无 没有 暂无 不详 未知 不明 不知 不清楚 未提供 不提供 未填 未填写 匿名 保密 不便透露 不愿透露
    none null nil na unknown anonymous
"""
_NOT_GIVEN = frozenset({"", *_ABSENT.split()})
"""Words that are typed where nothing is given; signs alone are nothing either."""
MayBeAbsent = BeforeValidator(_given)
_EXTENSION = str.maketrans("轉機線內", "转机线内")
_DASHES = "‐‑‒–—―−－-"
_PARTING = re.compile(rf"[\s{_DASHES}]+")
_DIALLED = "0-9０-９+＋()（） \u3000.．,，/／#＃:：转轉分机機内內线線extEXTｅｘｔＥＸＴ"
_UNSEEN = "\u200b-\u200f\u202a-\u202e\u2060\ufeff"
Phone = Annotated[
    str,
    MayBeAbsent,
    StringConstraints(pattern=f"^[{_DIALLED}{_UNSEEN}{_DASHES}]{{0,40}}$"),
    AfterValidator(_telephone),
]
"""A telephone number with its extension (转, 分机, ext, x, #), in any width."""
ResidentId = Annotated[str, MayBeAbsent, StringConstraints(max_length=40), AfterValidator(_resident_id)]
CreditCode = Annotated[str, MayBeAbsent, StringConstraints(max_length=40), AfterValidator(_credit_code)]
Short = Annotated[
    str, MayBeAbsent, StringConstraints(strip_whitespace=True, max_length=120), IfSeen, Straight
]
"""A name or mailbox of a reporter, as it was typed."""
Address = Annotated[
    str, MayBeAbsent, StringConstraints(strip_whitespace=True, max_length=200), IfSeen, Straight
]
"""A postal address at which letters arrive."""


_EVERYBODY = ("name", "unit", "unit_division", "managed_by_level")
NEEDED: dict[SubjectType, tuple[str, ...]] = {
    "PERSON": (*_EVERYBODY, "position", "political_status", "official_category"),
    "PARTY_ORG": (*_EVERYBODY, "organisation_code", "superior_org", "principal_head", "archive"),
}
"""The details that R11 wants of a person and of a party organisation."""


class Details(Value):
    """Details of an accused as a clerk tells them. In an entry that matches a known accused they are those of
    today, and what is not told is as the register has it."""

    name: Named | None = None
    """The name of the person or party organisation."""
    unit: Named | None = None
    """The place of work, as it calls itself."""
    unit_division: Division | None = None
    """The division code of the place of work (GB/T 2260)."""
    position: MaybeTitle | None = None
    """The post that a person holds."""
    managed_by_level: LevelName | None = None
    """The level of the organs that manage them as a cadre. Above this organ's level the complaint is sealed
    upward (E_SEALED_UPWARD)."""
    political_status: PoliticalStatus | None = None
    """The political status of a person."""
    official_category: MaybeStatus | None = None
    """The kind of public official, in the words of the Supervision Law."""
    is_discipline_staff: bool | None = None
    """True if they belong to an organ of discipline inspection; the organ above is then competent (A75)."""
    organisation_code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{0,40}$"), Chosen()] | None = (
        None
    )
    """The code of a party organisation."""
    superior_org: MaybeTitle | None = None
    """The party organisation above a party organisation."""
    principal_head: MaybeTitle | None = None
    """The head of a party organisation, who answers for it."""
    archive: MaybeTitle | None = None
    """The place where the files of a party organisation lie."""
    since: Day | None = None
    """The first day of these details; today, where others were known and nothing is told."""

    def told(self) -> dict[str, Any]:
        """The details that are told, as an accused has them."""
        told = self.model_dump(include=set(Details.model_fields), exclude_none=True)
        return told | ({"since": self.since.isoformat()} if self.since else {})


class AccusedEntry(Details):
    """An accused as the clerk enters it: a match in the register, or a new entry. A person has position,
    unit, managing level, political status and official category; a party organisation its code, the
    organisation above it, its principal head and its archive (R11). For a match they are needed where the
    register lacks them."""

    match: Given | None = None
    """The reference of an accused who is known already, at whichever organ (`FindAccused`)."""
    subject_type: SubjectType = "PERSON"
    """A person, or a party organisation with its `principal_head`; of a match the register knows it."""
    resident_id: ResidentId = ""
    """The resident identity number of a person, where it is known: it finds the same person in the register.
    The number itself is kept nowhere."""
    credit_code: CreditCode = ""
    """The unified social credit code of a party organisation, where it is known: it does the same."""

    @property
    def number(self) -> str:
        return self.resident_id or self.credit_code

    def of_today(self, known: Accused, today: date) -> Accused:
        """The details of a known accused, with what is told of today."""
        now = known.model_copy(update=self.told())
        if now == known or self.since is not None:
            return now
        return now.model_copy(update={"since": today.isoformat()})

    def as_accused(self, ref: str) -> Accused:
        return Accused(ref=ref, subject_type=self.subject_type, **self.told())


def missing_of(accused: Mapping[str, Any], subject_type: SubjectType) -> str:
    """The first detail that R11 wants of an accused and that is not told; empty if nothing is missing."""
    return next((field for field in NEEDED[subject_type] if not accused.get(field)), "")


class CoSigner(Value):
    """One of several who signed together (联名): protected like the first (L3)."""

    name: Short = ""
    """As they signed."""
    phone: Phone = ""
    """With extension, in any width."""
    resident_id: ResidentId = ""
    """Resident identity number, checked by GB 11643."""


class Contacts(Value):
    """New contacts of a reporter: those that are left out stay, one that is empty is none any more (B19)."""

    phone: Phone | None = None
    """With extension, in any width."""
    email: Short | None = None
    """An address at which messages arrive."""
    address: Address | None = None
    """A postal address at which letters arrive."""

    @model_validator(mode="after")
    def some(self) -> Contacts:
        """Refuses a change of nothing."""
        if not self.model_fields_set:
            raise ValueError("phone, email or address")
        return self


class Deposited(NamedTuple):
    """The things that went into the vault before the event of a receipt is written: the reporter, the things
    that came along, and the name of the petition platform's original."""

    reporter: InVault | None = None
    identity_status: IdentityStatus = "UNCLAIMED"
    original: str = ""
    things: tuple[InVault, ...] = ()
    joint: bool = False
    """True if others report with the reporter: that is told, and nothing more (SEC-1)."""
    unread: tuple[str, ...] = ()
    """The fields of a platform's reporter block that could not be read: with it, there is no reporter."""

    @property
    def reporter_ref(self) -> str:
        return "" if self.reporter is None else self.reporter.id

    @property
    def in_vault(self) -> tuple[InVault, ...]:
        return self.things if self.reporter is None else (self.reporter, *self.things)


class ReporterBlock(Value):
    """The reporter and how to reach them: goes to the vault and nowhere else (L3)."""

    name: Short = ""
    """With a phone, an e-mail or an address it makes a claim to be a real-name report (A27)."""
    unit: Short = ""
    """The name of a unit that reports, or of the reporter's place of work."""
    unit_code: CreditCode = ""
    """Unified social credit code of the unit, where it has one."""
    address: Address = ""
    """A postal address at which letters arrive."""
    phone: Phone = ""
    """With extension, in any width."""
    email: Short = ""
    """An address at which messages arrive."""
    resident_id: ResidentId = ""
    """Resident identity number, checked by GB 11643."""
    co_signers: Annotated[tuple[CoSigner, ...], Field(max_length=200)] = ()
    """Those who signed together with them (联名)."""
    may_be_contacted: bool = False
    """The reporter agrees that the handler, too, may learn how to reach them (SEC-5)."""

    @property
    def claims_real_name(self) -> bool:
        """A27: a name or unit name, and a concrete contact."""
        return bool((self.name or self.unit) and (self.phone or self.email or self.address))

    def reached(self, by: Contacts) -> ReporterBlock:
        """The same reporter, reached by other contacts."""
        return self.model_copy(update=by.model_dump(exclude_unset=True, exclude_none=True))
