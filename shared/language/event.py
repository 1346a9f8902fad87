"""The grammar of events: facts with a stable topic, classified fields and the state they lead to.

The law of events, to be read before one is changed (a stored event must load for ever): add optional fields
only; never rename, retype, reuse or delete one. A breaking change is a new `version` with an `upcast_v1_v2`
beside it; old bytes are lifted when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import Enum, IntEnum
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.language.entropy import fresh
from shared.language.frozen import frozen
from shared.language.ids import random_id

if TYPE_CHECKING:
    from shared.casework.aggregate import Aggregate

T = TypeVar("T")


class DataClass(IntEnum):
    """The classes of data of §6.1, from public to sealed upward: the identity of a reporter and the content
    of a case stay with those whose work they are (A46, A93)."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4


L0 = Annotated[T, DataClass.L0]
"""Public: anyone may read it."""
L1 = Annotated[T, DataClass.L1]
"""Internal: numbers, states, dates, organs; travels in clear."""
L2 = Annotated[T, DataClass.L2]
"""Confidential to the case; travels sealed with the bus key."""
L3 = Annotated[T, DataClass.L3]
"""Reporter identity: the vault only. A field so tagged cannot stand in an event."""
L4 = Annotated[T, DataClass.L4]
"""Sealed upward: the addressee only. A field so tagged cannot stand in an event."""


class IdentityInEvent(TypeError):
    """An event class declares an L3 or L4 field, or an untagged one (E_IDENTITY_IN_EVENT, SEC-12)."""


class Value(BaseModel):
    """A part of an event or a command that has no identity of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Timing(NamedTuple):
    """The timing of the deadlines that an event starts, extends or meets (§3.8)."""

    begins: date | None = None
    """The day after which they are counted, where it is not the day of the event (a letter's receipt)."""
    due: date | None = None
    """The last day itself, where the event sets it."""
    key: str = ""
    """The key of one among several, where one case runs more than one of the same deadline."""
    extended: bool = False
    """True keeps an extension that was granted before."""


class Event(BaseModel):
    """The payload of one domain event. Readers ignore fields that they do not know.

    `to` names the state that the event leads to (None: it stays). `numbered` names the prefix of
    the human number that the committer writes into `number` (§0.5).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str] = ""
    version: ClassVar[int] = 1
    to: ClassVar[str | None] = None
    may_lead_to: ClassVar[tuple[str, ...]] = ()
    """The states of which one follows, by what it says (`leads_to`)."""
    numbered: ClassVar[str] = ""
    topic: ClassVar[str] = ""
    classes: ClassVar[dict[str, DataClass]] = {}
    simple: ClassVar[bool] = False
    """True if all values become texts, whole numbers, truth values or null, or objects of fixed members and
    lists of such: with its keys sorted, its JSON then has the canonical form of RFC 8785."""

    def leads_to(self) -> str | None:
        """The state after this event; events whose goal depends on a field override it."""
        return self.to

    def timing(self) -> Timing:
        """The timing of its deadlines; events that know better than the day of their recording override
        it."""
        return Timing()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.classes = {name: _class_of(cls, name) for name in cls.model_fields}
        cls.simple = _is_simple(cls)
        if cls.numbered and not issubclass(cls, Numbered):
            raise TypeError(f"{cls.__name__} is numbered and has no place for its number: it is no Numbered")
        if cls.service and "service" not in cls.__dict__:
            cls.topic = f"{cls.service}.{cls.__name__}"
            _register(cls)

    @classmethod
    def class_of_highest_field(cls) -> DataClass:
        return max(cls.classes.values(), default=DataClass.L1)


_topics: dict[str, type[Event]] = {}


def _class_of(cls: type[Event], name: str) -> DataClass:
    metadata = cls.model_fields[name].metadata
    found = [m for m in metadata if isinstance(m, DataClass)]
    if not found:
        raise IdentityInEvent(f"{cls.__name__}.{name} has no data class (L0, L1, L2)")
    highest = max(found)
    if highest >= DataClass.L3:
        raise IdentityInEvent(f"{cls.__name__}.{name} is {highest.name}: it may never enter an event")
    return highest


def _is_simple(annotation: Any) -> bool:
    annotation = strip_annotation(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return all(name.isascii() and _is_simple(f.annotation) for name, f in annotation.model_fields.items())
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return issubclass(annotation, str | int | UUID | date | Enum | NoneType)
    if get_origin(annotation) is Literal:
        return True
    plural = get_origin(annotation) in (tuple, list, frozenset, Union, UnionType)
    return plural and all(part is ... or _is_simple(part) for part in get_args(annotation))


def _register(cls: type[Event]) -> None:
    known = _topics.get(cls.topic)
    if known is not None and known.__module__ != cls.__module__:
        raise TypeError(f"topic {cls.topic} is taken by {known.__module__}")
    _topics[cls.topic] = cls


def event_class(topic: str) -> type[Event] | None:
    """The class that a stored or published topic names; None when nobody here knows it."""
    return _topics.get(topic)


def event_classes(service: str) -> list[type[Event]]:
    """Every event of one service, by name."""
    return [cls for topic, cls in sorted(_topics.items()) if cls.service == service]


def strip_annotation(annotation: Any) -> Any:
    """The plain type below `Annotated`."""
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


class Numbered(Event):
    """An event with which a case gets its number."""

    number: L1[str] = ""
    """The number of the case, which the store gives when it takes the event."""


class ChangesExclusion(Event):
    """An event by which a person is excluded from the matters of its stream, or let in again (B2)."""

    person: L2[str]

    def change(self, stream: UUID) -> tuple[UUID, str, bool]:
        """The stream in which it was decided, the role concerned, and whether the person is excluded."""
        raise NotImplementedError


class OfOrgan(Event):
    """An event that says whose its stream is: of this organ, whoever acts."""

    organ: L1[str]


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """A deadline that an event starts, computed when it is recorded (§3.8). A deadline of working days tells
    how it was counted, `working_days` after `since`, and is counted anew when the calendar is there, or has
    changed (§8.7)."""

    id: str
    due: str
    remind_on: str
    provisional: bool = False
    since: str = ""
    """The day after which it is counted."""
    working_days: int = 0
    length: int = 0
    """Length under the policy in force at the beginning: that stays its law, as does `extension` (B52)."""
    extension: int = 0
    policy: str = ""
    """The label of that policy, where it is not the one under which the event was decided."""

    def told(self) -> dict[str, Any]:
        """The deadline as it is stored and published, without empty members."""
        told = {"id": self.id, "due": self.due, "remind_on": self.remind_on, "provisional": self.provisional}
        more = (self.since, self.working_days, self.length, self.extension, self.policy)
        return told | {name: value for name, value in zip(_MORE, more, strict=True) if value}


_MORE = ("since", "working_days", "length", "extension", "policy")


@frozen
class Meta:
    """The circumstances of an event: who did it, when, as what and under which law; the same members for
    every event.

    `occurred_at` may lie before the recording (paper letters), never in the future. `duty` is the part that
    the actor thereby plays in the case; separation of duties reads it (§5.3). `assigns` says that the actor
    works on the case from this event on, in the role that they act in (§6.3). `matters` are
    those of its stream: the first letters that it grew from (B1).
    """

    occurred_at: datetime
    actor: str
    role: str
    organ: str
    command: str
    policy: str
    correlation_id: UUID
    rule: str = ""
    duty: str = ""
    command_id: UUID | None = None
    causation_id: UUID | None = None
    links: tuple[str, ...] = ()
    legal_basis: tuple[dict[str, str], ...] = ()
    deadlines: tuple[DeadlineSet, ...] = ()
    deadlines_met: tuple[str, ...] = ()
    assigns: bool = False
    matters: tuple[UUID, ...] = ()
    trace_id: str = ""


@frozen
class Recorded:
    """An event in its place: stream, version and circumstances.

    Satisfies the eventsourcing library's `CanMutateProtocol`. `position` and `recorded_at` are
    known once the committer has admitted it; `salt` keeps the published content digest from being
    guessed (ADR 0028).
    """

    originator_id: UUID
    originator_version: int
    kind: str
    stream_organ: str
    event: Event
    meta: Meta
    state: str = ""
    event_id: UUID = field(default_factory=random_id)
    salt: bytes = field(default_factory=lambda: fresh(16))
    position: int = 0
    recorded_at: datetime | None = None

    @property
    def type(self) -> str:
        return type(self.event).__name__

    def mutate(self, aggregate: Aggregate | None) -> Aggregate | None:
        """Applies this event to an aggregate; never refuses."""
        if aggregate is not None:
            aggregate.apply(self)
        return aggregate

    def numbered(self, number: str) -> Recorded:
        """The same event, holding the human number that the committer gave it."""
        return replace(self, event=self.event.model_copy(update={"number": number}))
