"""The words that several publishers use: people, allegations, and the events every service has."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, StringConstraints, create_model

from shared.language.event import L1, L2, ChangesExclusion, Event, Timing, Value

LevelName = Literal["TOWNSHIP", "COUNTY", "CITY", "PROVINCE", "CENTRAL"]
SubjectType = Literal["PERSON", "PARTY_ORG"]
Form = Literal["WRITTEN", "FACE_TO_FACE", "MEETING", "CIRCULAR"]
Scope = Literal[
    "SUBJECT_AND_UNIT_HEAD",
    "UNIT_PARTY_COMMITTEE",
    "UNIT_ALL_STAFF",
    "VILLAGE_OR_COMMUNITY",
    "COUNTY_WIDE",
    "CITY_WIDE",
    "PROVINCE_WIDE",
    "PUBLIC_MEDIA",
]
SCOPES: tuple[Scope, ...] = (
    "SUBJECT_AND_UNIT_HEAD",
    "UNIT_PARTY_COMMITTEE",
    "UNIT_ALL_STAFF",
    "VILLAGE_OR_COMMUNITY",
    "COUNTY_WIDE",
    "CITY_WIDE",
    "PROVINCE_WIDE",
    "PUBLIC_MEDIA",
)
"""Scopes from narrow to wide (§8.1)."""
PoliticalStatus = Literal[
    "PARTY_MEMBER",
    "PROBATIONARY_PARTY_MEMBER",
    "LEAGUE_MEMBER",
    "DEMOCRATIC_PARTY_MEMBER",
    "NON_PARTY_PERSONAGE",
    "MASSES",
]
"""Political status, after GB/T 4762: the statistics count party member cadres (R11)."""
Outcome = Literal["SUBSTANTIATED", "UNFOUNDED", "INCONCLUSIVE"]
AllegationKind = Literal[
    "POLITICAL_DISCIPLINE",
    "ORGANISATIONAL_DISCIPLINE",
    "INTEGRITY_DISCIPLINE",
    "MASSES_DISCIPLINE",
    "WORK_DISCIPLINE",
    "LIFE_DISCIPLINE",
    "DUTY_VIOLATION",
    "DUTY_CRIME",
    "OTHER_BY_RULE",
]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]

Division = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}([0-9]{2}){0,2}([0-9]{3}){0,2}$")]
"""A division code of GB/T 2260, down to the village. No mobile number is as long as one."""
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._()/-]{1,60}$")]
"""A code, not prose: nothing of a person can stand in it."""


class Read(Value):
    """A value inside an event: readers ignore members that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Accused(Read):
    """The person or party organisation that a complaint names; called subject once cleared (R11).

    `ref` is stable over complaints and organs: intake's register gives it. The rest are their details of a
    day (B11).
    """

    ref: str
    subject_type: SubjectType = "PERSON"
    name: Short
    unit: Short
    unit_division: Division
    position: str = ""
    managed_by_level: LevelName
    political_status: PoliticalStatus | None = None
    official_category: str = ""
    is_discipline_staff: bool = False
    organisation_code: str = ""
    superior_org: str = ""
    """The party organisation above a party organisation."""
    principal_head: str = ""
    archive: str = ""
    """The place where the files of a party organisation lie."""
    since: str = ""
    """The first day of these details; from before, where it is not told."""

    @property
    def places(self) -> tuple[str, ...]:
        """Unit, with its code, and position; and the organisation itself where one is accused."""
        named = [self.name] if self.subject_type == "PARTY_ORG" else []
        return tuple(place for place in (self.unit, self.organisation_code, self.position, *named) if place)


class Allegation(Read):
    """One atomic claim of fact against one accused, in sanitised words (SEC-2)."""

    id: str
    accused_ref: str
    kind: AllegationKind
    text: str


class Finding(Read):
    """Verification's finding about one allegation."""

    allegation_id: str
    outcome: Outcome
    disposition_ref: str = ""


class LegalBasis(Value):
    """An article of an instrument in the version that was in force (R2)."""

    instrument: Code
    version_date: date
    article: Code


class Member(Read):
    """A person as the staff directory has them (B8)."""

    person: str
    """The `sub` of their tokens."""
    name: str
    organ: str
    department: str = ""
    roles: tuple[str, ...]
    since: str = ""
    """The first day in this place; always, where it is not told."""
    until: str = ""
    """The last day in it."""

    def is_there(self, today: date) -> bool:
        """True if they hold the place on this day."""
        return self.since <= today.isoformat() and (not self.until or today.isoformat() <= self.until)


class StaffJoined(Event):
    """People whom the staff directory did not know serve in an organ (B8)."""

    members: L2[tuple[Member, ...]]


class StaffMoved(Event):
    """People have another place: organ, department, roles or days (B8)."""

    members: L2[tuple[Member, ...]]


class StaffLeft(Event):
    """People serve nowhere any more (B8). The assignments that they had end."""

    people: L2[tuple[str, ...]]


SubstituteReason = Literal["AWAY", "BARRED", "VACANT", "OTHER"]
"""Sorts of reasons why somebody stands in. A text could tell of a case."""


class SubstituteDesignated(Event):
    """Somebody stands in for the holders of a role in an organ, from one day to another (代行, B5). A later
    one for the same role and person takes its place."""

    role: L1[str]
    person: L2[str]
    at: L1[str]
    """The organ."""
    since: L1[str]
    until: L1[str]
    reason: L1[SubstituteReason]

    def runs(self, today: date) -> bool:
        """True if they stand in on this day."""
        return self.since <= today.isoformat() <= self.until


class AssignmentStarted(Event):
    """A person may from now on see and work on this case in this role (§6.3)."""

    person: L1[str]
    role: L1[str]

    def timing(self) -> Timing:
        return Timing(key=self.role)


class AssignmentEnded(Event):
    """The person's need to know has ended."""

    person: L1[str]
    role: L1[str]
    reason: L2[str]


VaultKind = Literal[
    "IDENTITY",
    "REPORT",
    "FROM_REPORTER",
    "TO_REPORTER",
    "RECUSAL",
    "ACCOUNT",
    "ORIGINAL",
    "COPY",
    "TRANSFER",
    "PARCEL",
]
"""The kinds of things in the vault: identities of reporters, letters by their direction, files and their
copies without metadata, originals from the platform, and parcels sealed upward."""


class InVault(Value):
    """A thing in the vault, named with a digest that it must have (B55). The digest is of the ciphertext,
    whose key is fresh: it tells nothing of the content."""

    kind: VaultKind
    id: str
    digest: str


class NamesVaulted(Event):
    """An event that names things in the vault (B55)."""

    in_vault: L2[tuple[InVault, ...]] = ()


RecusalGround = Literal["ACCUSED_OR_RELATIVE", "INTEREST", "OTHER"]
"""Grounds of recusal (规则 48). Any tie to the reporter is OTHER: a ground that named it would tell who the
reporter is."""
RecusalAskedBy = Literal["REPORTER", "ACCUSED", "STAFF"]


class RecusalRequested(NamesVaulted):
    """Somebody asks that a member of staff stay away from this case (申请回避, A33, A48)."""

    request: L1[str]
    person: L2[str] = ""
    """The account of the member of staff. Empty where the asker knows none: then `role` and the reason say
    whom they mean."""
    role: L1[str]
    ground: L1[RecusalGround]
    reason: L2[str] = ""
    asked_by: L1[RecusalAskedBy]
    letter: L1[str] = ""
    """The words of a reporter lie in the vault under this id."""


class RecusalDecided(Event):
    """The organ has decided on a request for recusal; on the head of an organ its superior has (A48). If it
    is granted, `PersonExcluded` follows."""

    request: L1[str]
    person: L2[str]
    granted: L2[bool]
    opinion: L2[str]


class PersonExcluded(ChangesExclusion):
    """A person is out of the matters of this case, of their own accord or because it was decided (A48, B2):
    nothing of them is shown to that person any more, and no command of theirs is taken, in any service
    (SD10)."""

    role: L2[str]
    """The role in which they were to stay away: others open what they would have opened (B4)."""
    ground: L2[str]

    def change(self, stream: UUID) -> tuple[UUID, str, bool]:
        return stream, self.role, True


class ExclusionLifted(ChangesExclusion):
    """A person is no longer excluded by what was decided in this case (B2)."""

    role: L2[str]
    reason: L2[str]

    def change(self, stream: UUID) -> tuple[UUID, str, bool]:
        return stream, self.role, False


class ExclusionNoted(ChangesExclusion):
    """An exclusion that was decided elsewhere, or its end, as the service was told of it (B2)."""

    decided_in: L1[str]
    """The stream in which it was decided."""
    role: L2[str]
    excluded: L2[bool]

    def change(self, stream: UUID) -> tuple[UUID, str, bool]:
        return UUID(self.decided_in), self.role, self.excluded


class DecisionInQuestion(Event):
    """A step that somebody took after they were excluded elsewhere, before that was known here: it counts
    once another has confirmed it (B2)."""

    event: L1[int]
    """The event of the step, by its number in this case."""
    step: L1[str]
    person: L2[str]


class EarlierStepConfirmed(Event):
    """An earlier step of somebody who was excluded since is confirmed by another: it stands (B3)."""

    event: L1[int]
    """The event of the step, by its number in this case."""
    step: L1[str]
    opinion: L2[str] = ""


class EarlierStepSentBack(Event):
    """An earlier step of somebody who was excluded since is to be taken anew by another (B3)."""

    event: L1[int]
    step: L1[str]
    opinion: L2[str] = ""


class StandInAwaited(Event):
    """Nobody works on this case any more in a role that somebody had: another is to be assigned (DL-34)."""

    role: L1[str]

    def timing(self) -> Timing:
        return Timing(key=self.role)


class StepEscalated(Event):
    """A step of this case is taken by the next organ above, since nobody is left who could take it (B5)."""

    step: L1[str]
    roles: L1[tuple[str, ...]]
    """The roles to which the step belongs."""
    to_organ: L1[str]
    unavailable: L2[tuple[str, ...]] = ()
    """Holders of the role who are away, or are to take part in the case otherwise."""
    reason: L2[str]

    def timing(self) -> Timing:
        return Timing(key=f"step.{self.step}")


class StepTakenUp(Event):
    """The organ above has named who takes the step that was escalated to it (DL-34)."""

    step: L1[str]
    person: L1[str]

    def timing(self) -> Timing:
        return Timing(key=f"step.{self.step}")


class CommandRefused(Event):
    """Audit record of a refused command: never its body (§0.5)."""

    code: L1[str]
    rule: L1[str]
    command: L1[str]
    actor: L1[str]
    object: L1[str]


class RefusalsSummed(Event):
    """Audit record: refusals of one person within an hour that were not recorded one by one."""

    actor: L1[str]
    since: L1[str]
    """The beginning of the hour (RFC 3339)."""
    count: L1[int]
    codes: L1[tuple[str, ...]]


class CaseRead(Event):
    """Audit record of a reading of confidential data (SEC-9)."""

    who: L1[str]
    role: L1[str]
    object: L1[str]
    fields: L1[str]
    purpose: L1[str]


class CasesRead(Event):
    """Audit record of one answer that shows, or was found by, confidential data of several cases (SEC-9)."""

    who: L1[str]
    role: L1[str]
    objects: L1[tuple[str, ...]]
    fields: L1[str]
    purpose: L1[str]


Severity = Literal["HIGH", "MEDIUM", "LOW"]
"""The severity of an alert (B47); `shared.language.alerts` says what is how grave."""


AlertState = Literal["OPEN", "CLOSED"]
AlertOutcome = Literal["NO_FAULT", "REMINDED", "ACCESS_CHANGED", "REFERRED", "PUT_RIGHT"]
"""The end of an alert: nobody did wrong; the person was reminded or criticised; their assignments or accounts
were changed; it was handed to whoever deals with misconduct; or it was a fault of the system, which is put
right."""


class Alert(Event):
    """An incident that internal supervision must see, and closes with a word on what was done (B47): audit
    lists everything of this kind."""


class BulkReadAlert(Alert):
    """Audit record: a person has read more than twenty different objects within an hour (SEC-9)."""

    who: L1[str]
    role: L1[str]
    objects: L1[int]


class ReplayPerformed(Event):
    """Audit record of a replay (§6.6)."""

    who: L1[str]
    object: L1[str]
    as_of: L1[str]
    by: L1[str]


class EffectReplayed(Event):
    """Audit record: a message to the outside that was given up is tried again."""

    who: L1[str]
    role: L1[str]
    key: L1[str]
    kind: L1[str]


class SecurityAlertRaised(Alert):
    """An attempt, a refusal or a loss that internal supervision must see (R27)."""

    code: L1[str]
    actor: L1[str]
    object: L1[str]
    severity: L1[Severity]


class DeadlineApproaching(Event):
    """Three working days before a due date, once (P10). Holds numbers only (SEC-11)."""

    stream: L1[str]
    deadline: L1[str]
    due: L1[str]


class DeadlineBreached(Event):
    """A due date has passed without its satisfying event, once; changes no state by itself."""

    stream: L1[str]
    deadline: L1[str]
    due: L1[str]


class DeadlineRecomputed(Event):
    """A due date that was counted without the calendar of its year, counted anew (§8.7). It stands in the
    case itself and starts the deadline with its new day, which may be the old one, now certain."""

    deadline: L1[str]
    was: L1[str]
    due: L1[str]


COMMON = (
    StaffJoined,
    StaffMoved,
    StaffLeft,
    SubstituteDesignated,
    AssignmentStarted,
    AssignmentEnded,
    RecusalRequested,
    RecusalDecided,
    PersonExcluded,
    ExclusionLifted,
    ExclusionNoted,
    DecisionInQuestion,
    EarlierStepConfirmed,
    EarlierStepSentBack,
    StandInAwaited,
    StepEscalated,
    StepTakenUp,
    CommandRefused,
    CaseRead,
    CasesRead,
    BulkReadAlert,
    ReplayPerformed,
    EffectReplayed,
    RefusalsSummed,
    SecurityAlertRaised,
    DeadlineApproaching,
    DeadlineBreached,
    DeadlineRecomputed,
)


def common_events(base: type[Event]) -> dict[str, type[Event]]:
    """Every service publishes the common events under its own topic (`intake.CommandRefused`)."""
    return {
        shape.__name__: create_model(
            shape.__name__, __base__=(base, shape), __module__=base.__module__, __doc__=shape.__doc__
        )
        for shape in COMMON
    }


__all__ = ["COMMON", "L1", "L2", "SCOPES", "Accused", "Allegation", "Finding", "LegalBasis", "common_events"]
