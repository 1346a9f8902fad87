"""The deadline catalogue (§3.8): data in `deadlines.json`, arithmetic here.

A deadline belongs to one service, or to all, and starts on an event of that service; a foreign trigger is
represented by the local event that it causes. A breach is reported, it never changes the state of a case by
itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, TypeAdapter, model_validator

from shared.language.law.policy import Policy
from shared.language.law.working_days import (
    Due,
    add_days,
    add_months,
    add_working_days,
    local_date,
    quarter_end_after,
    subtract_working_days,
)

SERVICES = ("intake", "verification", "clarification", "followup", "vault")
_Length = Annotated[StrictInt, Field(gt=0)] | StrictStr


class Unit(StrEnum):
    """The unit of a length."""

    WORKING_DAYS = "WD"
    DAYS = "D"
    MONTHS = "M"
    QUARTER = "Q"
    """Working days after the end of the quarter."""


class Lengths(NamedTuple):
    """Lengths of a deadline by the policy under which it began: that stays its own (B52)."""

    length: int
    extension: int
    policy: str


class Deadline(BaseModel):
    """One row of the catalogue. A length is a number, or the key of the policy parameter that holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^DL-[0-9]{2}$")]
    name_zh: str
    name_en: str
    service: Literal["intake", "verification", "clarification", "followup", "vault", "all"]
    """The service whose cases it runs in; `all` for a clock that any case may have."""
    starts_on: tuple[str, ...]
    when: tuple[str, ...] = ()
    """Conditions that must all hold; the aggregate that emits the starting event knows whether they do."""
    length: _Length | None
    """The length of the period; None where the starting event carries its own day (DL-18)."""
    unit: Unit
    grace: _Length | None = None
    """Added to a carried day, in the same unit."""
    extension: _Length | None = None
    extended_by: tuple[str, ...] = ()
    owner: str
    satisfied_by: tuple[str, ...]
    """Events after which nothing is owed any more. Apply them before `starts_on`: one event may do both."""
    basis: tuple[str, ...]
    notes: str

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.length is None) != (self.grace is not None):
            raise ValueError(f"{self.id}: a deadline has either a length, or a carried day with grace")
        if (self.extension is None) != (not self.extended_by):
            raise ValueError(f"{self.id}: an extension and the event that grants it belong together")
        return self

    def lengths(self, policy: Policy) -> Lengths:
        """The lengths that a policy gives it."""
        length = self.grace if self.length is None else self.length
        assert length is not None  # see _coherent
        extension = 0 if self.extension is None else _number(self.extension, policy)
        return Lengths(_number(length, policy), extension, policy.label)

    def due_from(self, first: date, lengths: Lengths, *, extended: bool = False) -> Due:
        """The last day of a deadline that began on `first`: the day of its starting event, or the day that
        this carries itself and to which its grace is added (DL-18).

        An extension lengthens the period itself, so that clamping to a short month happens only once.
        """
        if extended and self.extension is None:
            raise ValueError(f"{self.id} cannot be extended")
        return _count(first, lengths.length + (lengths.extension if extended else 0), self.unit)

    def due(self, occurred: datetime, policy: Policy, *, extended: bool = False) -> Due:
        """The last day, for a starting event that occurred at `occurred`."""
        if self.length is None:
            raise ValueError(f"{self.id} runs to the day its starting event carries: use due_carried()")
        return self.due_from(local_date(occurred), self.lengths(policy), extended=extended)

    def due_carried(self, day: date, policy: Policy) -> Due:
        """The last day, where the starting event carries `day` itself: that day and its grace (DL-18)."""
        if self.grace is None:
            raise ValueError(f"{self.id} runs from its starting event: use due()")
        return self.due_from(day, self.lengths(policy))

    def remind_on(self, due: Due, policy: Policy) -> date:
        """The day of the reminder; for the shortest periods it may precede the start, meaning at once."""
        return subtract_working_days(due.date, policy.int_of("reminder.before.days")).date


class Catalogue:
    """All deadlines, found by service and event type in one lookup."""

    def __init__(self, deadlines: Iterable[Deadline]) -> None:
        rows = tuple(deadlines)
        self._by_id: Mapping[str, Deadline] = MappingProxyType({row.id: row for row in rows})
        if len(self._by_id) != len(rows):
            raise ValueError("a deadline id occurs twice")
        self._started = _index((row, row.starts_on) for row in rows)
        satisfied = _index((row, row.satisfied_by) for row in rows)
        self._satisfied = {key: tuple(row.id for row in found) for key, found in satisfied.items()}
        extended = _index((row, row.extended_by) for row in rows)
        self._extended = {key: tuple(row.id for row in found) for key, found in extended.items()}

    @classmethod
    def load(cls) -> "Catalogue":
        """The packaged catalogue, read once."""
        return _packaged()

    def __iter__(self) -> Iterator[Deadline]:
        return iter(self._by_id.values())

    def get(self, deadline_id: str) -> Deadline:
        """The deadline of that id."""
        try:
            return self._by_id[deadline_id]
        except KeyError:
            raise KeyError(f"unknown deadline: {deadline_id}") from None

    def started_by(self, service: str, event_type: str) -> tuple[Deadline, ...]:
        """The deadlines that the event starts, as far as their `when` holds."""
        return self._started.get((service, event_type), ())

    def satisfied_by(self, service: str, event_type: str) -> tuple[str, ...]:
        """The ids of the deadlines of its own stream that the event ends."""
        return self._satisfied.get((service, event_type), ())

    def extended_by(self, service: str, event_type: str) -> tuple[str, ...]:
        """The ids of the deadlines that the event extends."""
        return self._extended.get((service, event_type), ())


_Index = Mapping[tuple[str, str], tuple[Deadline, ...]]


def _index(rows: Iterable[tuple[Deadline, tuple[str, ...]]]) -> _Index:
    found: defaultdict[tuple[str, str], list[Deadline]] = defaultdict(list)
    for row, event_types in rows:
        services = SERVICES if row.service == "all" else (row.service,)
        for service in services:
            for event_type in event_types:
                found[service, event_type].append(row)
    return {key: tuple(deadlines) for key, deadlines in found.items()}


@cache
def _packaged() -> Catalogue:
    raw = files(__package__).joinpath("deadlines.json").read_bytes()
    return Catalogue(TypeAdapter(tuple[Deadline, ...]).validate_json(raw))


def _number(length: int | str, policy: Policy) -> int:
    return length if isinstance(length, int) else policy.int_of(length)


def _count(start: date, length: int, unit: Unit) -> Due:
    match unit:
        case Unit.WORKING_DAYS:
            return add_working_days(start, length)
        case Unit.DAYS:
            return add_days(start, length)
        case Unit.MONTHS:
            return add_months(start, length)
        case Unit.QUARTER:
            return add_working_days(quarter_end_after(start), length)
