"""The grammar of commands: one class says what may be asked, by whom, and which rule it carries out.

    class ReviewClarification(
        Command, on=Clarification, rule="R3", by=(ORGAN_HEAD,), duty="reviewer",
        differs_from=("handler", "author"), decides=True,
    ):
        \"\"\"Review by the head of the handling organ (审核).\"\"\"
        decision: Literal["ENDORSE", "RETURN"]
        opinion: FreeText

The fields are the request body; the aggregate's method of the same name in snake case takes them
as keyword arguments (checked when the class is made); the docstring is the OpenAPI description.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from shared.casework.aggregate import Actor, Aggregate, Context, Law, snake, states_of
from shared.casework.preparation import Deposit, Lookup
from shared.casework.rehearsal import FIELD, NotSaid, Rehearsed
from shared.kernel.clock import instant_of
from shared.language.event import DataClass
from shared.language.law.identifiers import holds_personal_number, tells_personal_number
from shared.language.organs.tree import Level
from shared.language.roles import CASEWORK, LEADERS
from shared.language.text import Seen, Straight


class Screened:
    """Marks text that the vault's screen reads before it is stored (SEC-12, SEC-16)."""


FreeText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000),
    Seen,
    Straight,
    Screened(),
]
"""Free text typed by a person; screened for the identity of reporters before it is stored."""
ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), Seen, Straight, Screened()
]


class Chosen:
    """Marks an identifier that a person or another system chose: it is nobody's telephone or identity number
    (SEC-12, B21). Set behind the constraints, it leaves them in the API document."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_impersonal, handler(source))


def _impersonal(identifier: str) -> str:
    if holds_personal_number(identifier):
        raise ValueError("a telephone or identity number is no reference")
    return identifier


class Serving:
    """Marks a reference to a member of staff, who must hold one of these roles on that day in the organ of
    the case or, unless it must be its `own`, one above it, which may lend its people (B8)."""

    def __init__(self, *roles: str, own: bool = False) -> None:
        self.roles = frozenset(roles)
        self.own = own


def among(values: Collection[str]) -> Callable[[str], str]:
    """A check that a text is one of these; ValueError where it is not."""

    def check(text: str) -> str:
        if text not in values:
            raise ValueError(f"one of {sorted(values)}")
        return text

    return check


FORM = r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,119}$"
Reference = Annotated[str, StringConstraints(pattern=FORM), Chosen()]
"""A reference to a document, study or person: an identifier, not prose."""
Colleague = Annotated[Reference, Serving(*CASEWORK)]
"""The account of somebody who works on cases."""
Leader = Annotated[Reference, Serving(*LEADERS)]
"""The account of a leader of an organ or of its departments."""
Given = Annotated[str, StringConstraints(pattern=FORM)]
"""An identifier that the house itself gave: any digits may stand in it by chance."""
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$"), Chosen()]
"""The short identifier of an allegation, a department, a text."""
Day = Annotated[
    date, Field(ge=date(1949, 10, 1), le=date(2099, 12, 31), description="From 1949-10-01 to 2099-12-31.")
]
"""A civil day; bounded, so that no period added to it leaves the calendar."""


def _rfc_3339(value: Any) -> Any:
    return instant_of(value) if isinstance(value, str) else value


def _in_bounds(instant: datetime) -> datetime:
    if not 1949 <= instant.year < 2100:
        raise ValueError("year out of range")
    return instant


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc_3339),
    AfterValidator(_in_bounds),
    Field(description="RFC 3339 with offset, of 1949 to 2099."),
]
"""An instant with its offset, in the same years."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

VAULTED = frozenset({DataClass.L3, DataClass.L4})
OrganRule = Callable[[Any, Law], str]
"""The organ that must act on an aggregate: its own unless a command says otherwise."""
LeakCode = Literal["E_TEXT_IDENTITY_LEAK", "E_TRACE_FORBIDDEN"]


def own_organ(aggregate: Aggregate, law: Law) -> str:
    """The organ that owns the stream (§5.4, write scope)."""
    return aggregate.organ


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate's questions about a command, in their order: organ and level, role, separation of duties.

    `organ` None means that the actor's organ is not compared (the subject acts). `need_to_know` False lets
    the organ's own staff act without an assignment (opening, assigning). `decides` demands `If-Match`.
    `carries_out` asks, like a decision, for steps of people who were excluded since (B3).
    `anyone` reads no token at all.
    """

    rule: str
    by: tuple[str, ...] = ()
    organ: OrganRule | None = own_organ
    wrong_organ: str = "E_JURISDICTION"
    level: Level | None = None
    level_code: str = "E_LEVEL_TOO_LOW"
    differs_from: tuple[str, ...] = ()
    duty: str = ""
    decides: bool = False
    carries_out: bool = False
    need_to_know: bool = True
    in_order: bool = False
    """True for a record that cannot be dated before the case's last event (decisions never can)."""
    anyone: bool = False
    step: str | None = None
    """Name of the step that it belongs to (`shared.casework.steps`), where it is not told by role and
    decision; empty for what belongs to none."""
    occasional: bool = False
    """True for a step that a case need not pass: whether anybody is left for it is asked when it comes."""
    leak: LeakCode = "E_TEXT_IDENTITY_LEAK"
    lookups: tuple[Lookup[Any], ...] = ()
    """Names of things that are read before it is decided."""
    deposits: tuple[Deposit[Any], ...] = ()
    """Names of things that are written to the vault before it is decided, after the lookups, in this
    order."""

    @property
    def asks_steps(self) -> bool:
        """True if it waits until steps of people who were excluded since are confirmed (B3)."""
        return bool(self.duty) and (self.decides or self.carries_out)

    @property
    def prepared(self) -> tuple[Lookup[Any] | Deposit[Any], ...]:
        """Everything that is there before it is decided."""
        return (*self.lookups, *self.deposits)


class Command(BaseModel):
    """Base of all commands; see the module's docstring. `occurred_at` may lie before the recording,
    never in the future; `legal_basis` cites the instruments of the decision (R2)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: ClassVar[type[Aggregate]]
    gate: ClassVar[Gate]
    creates: ClassVar[bool] = False
    method: ClassVar[str]
    states: ClassVar[tuple[str, ...]]
    """The states in which it may be asked; empty where every state will do."""
    method_fields: ClassVar[tuple[str, ...]]
    """Fields that the aggregate's method takes: all that are not `vaulted`."""
    unsaid: ClassVar[dict[str, Any]]
    """The fields of the method, of which nothing is known (`rehearse`)."""
    optional: ClassVar[bool]
    """True if the method may get nothing for one of its fields."""
    takes: ClassVar[str]
    """The step of the case that it takes (B5); empty where it belongs to no role of one organ."""
    plural: ClassVar[str]
    """Name in paths of what it opens or acts on."""
    screened: ClassVar[tuple[str, ...]]
    serving: ClassVar[tuple[str, ...]]
    """Fields that name members of staff."""
    vaulted: ClassVar[frozenset[str]]
    """Fields of class L3 and L4: they go to the vault and never to an aggregate."""

    def __init_subclass__(cls, **gate: Any) -> None:
        """Takes the gate's words; they are read in `__pydantic_init_subclass__`, when fields are known."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        on: type[Aggregate] | None = None,
        creates: bool = False,
        rule: str = "",
        by: tuple[str, ...] = (),
        plural: str = "",
        **gate: Any,
    ) -> None:
        super().__pydantic_init_subclass__()
        cls.screened = tuple(_marked_fields(cls, Screened))
        cls.serving = tuple(_marked_fields(cls, Serving))
        cls.vaulted = frozenset(n for n, f in cls.model_fields.items() if VAULTED.intersection(f.metadata))
        cls.method_fields = tuple(name for name in cls.model_fields if name not in cls.vaulted)
        cls.unsaid = dict.fromkeys(cls.method_fields, FIELD)
        cls.optional = any(_admits_none(cls.model_fields[name].annotation) for name in cls.method_fields)
        if on is None:
            return
        cls.on = on
        cls.creates = creates
        cls.gate = Gate(rule=rule, by=by, **gate)
        cls.takes = _step_of(cls)
        cls.plural = plural or getattr(on, "plural", "")
        cls.method = snake(cls.__name__)
        _check_method(cls)
        cls.states = states_of(getattr(cls.on, cls.method))

    def stream(self, organ: str) -> UUID | None:
        """The stream that a creating command opens, where that follows from its fields and from the caller's
        organ; a second such command finds it again."""
        return None

    @classmethod
    def rehearse(cls, case: Aggregate, ctx: Context) -> None:
        """Asks whether a case that is only asked (`Aggregate.rehearsing`) would carry this out, whatever it
        says: what the method guards before it looks into a field, then the state. Refuses as the command
        would be refused. A method that may be told nothing in a field is asked for the state alone."""
        if not cls.optional:
            try:
                getattr(case, cls.method)(ctx, **cls.unsaid)
            except Rehearsed:
                return
            except (NotSaid, ValidationError):
                pass  # the rest hangs on what the command says
            except TypeError as error:
                if NotSaid.__name__ not in str(error):  # a function in C was handed the field
                    raise
        case.check_state(ctx, cls.states)

    def arguments(self) -> dict[str, Any]:
        """The fields as the aggregate's method takes them."""
        return {name: getattr(self, name) for name in self.method_fields}

    @property
    def brings_secrets(self) -> bool:
        """True if it holds something that goes to the vault before anything is decided."""
        return any(getattr(self, name) is not None for name in self.vaulted)

    def people(self) -> Iterator[tuple[str, str, Serving]]:
        """The members of staff whom it names: the field, the person, and what they must be."""
        for name in self.serving:
            for person, mark in _people_in(getattr(self, name), self.__class__.model_fields[name]):
                yield name, person, mark

    def numbered(self) -> list[str]:
        """The screened fields that hold a telephone or identity number (B21)."""
        told = ((name, _texts(getattr(self, name))) for name in self.screened)
        return [name for name, texts in told if any(map(tells_personal_number, texts))]

    def texts(self) -> list[str]:
        """The free texts that must be screened before they are stored."""
        return [t for name in self.screened for t in _texts(getattr(self, name)) if t]


def commands_on(kinds: Collection[type[Aggregate]]) -> Iterator[type[Command]]:
    """Every command on cases of these kinds, those without a route too."""
    left = Command.__subclasses__()
    while left:
        command = left.pop()
        left += command.__subclasses__()
        if "gate" in vars(command) and command.on in kinds:
            yield command


def _step_of(command: type[Command]) -> str:
    gate = command.gate
    if gate.step is not None:
        return gate.step
    by = [role for role in gate.by if role in CASEWORK]
    if not by or gate.organ is None or gate.anyone or command.creates:
        return ""
    return command.__name__ if gate.decides and gate.differs_from else by[0]


def _marked_fields(model: type[BaseModel], mark: type) -> list[str]:
    """The fields in which, or in parts of which, a mark stands."""
    fields = model.model_fields.items()
    return [name for name, info in fields if _is_marked(mark, info.metadata, info.annotation)]


def _admits_none(annotation: Any) -> bool:
    return annotation is type(None) or any(map(_admits_none, getattr(annotation, "__args__", ())))


def _is_marked(mark: type, metadata: Sequence[Any], annotation: Any) -> bool:
    if any(isinstance(m, mark) for m in metadata):
        return True
    arguments: tuple[Any, ...] = getattr(annotation, "__args__", ())
    inner = [*arguments, annotation]
    for a in inner:
        if any(isinstance(m, mark) for m in getattr(a, "__metadata__", [])):
            return True
        if isinstance(a, type) and issubclass(a, BaseModel) and _marked_fields(a, mark):
            return True
        if a is not annotation and hasattr(a, "__args__") and _is_marked(mark, [], a):
            return True
    return False


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, BaseModel):
        marked = _marked_fields(type(value), Screened)
        return [t for name in marked for t in _texts(getattr(value, name))]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in _texts(item)]
    return []


def _people_in(value: Any, field: Any) -> Iterator[tuple[str, Serving]]:
    """The people in a value, each with its mark: it stands on the field, on the items of a list,
    or in a part of the command."""
    if isinstance(value, BaseModel):
        model = type(value)
        for name in _marked_fields(model, Serving):
            yield from _people_in(getattr(value, name), model.model_fields[name])
    elif isinstance(value, (list, tuple)):
        item = FieldInfo.from_annotation(field.annotation.__args__[0])
        for each in value:
            yield from _people_in(each, item)
    elif value is not None:
        parts = getattr(field.annotation, "__args__", ())
        for mark in (*field.metadata, *(m for part in parts for m in getattr(part, "__metadata__", ()))):
            if isinstance(mark, Serving):
                yield value, mark


def _check_method(cls: type[Command]) -> None:
    """A command without its method, or with other parameters, fails at import and not in service."""
    method = getattr(cls.on, cls.method, None)
    if method is None:
        raise TypeError(f"{cls.on.__name__} has no method {cls.method} for {cls.__name__}")
    parameters = [p for p in inspect.signature(method).parameters if p not in ("self", "ctx")]
    if set(parameters) != set(cls.model_fields) - cls.vaulted:
        raise TypeError(f"{cls.on.__name__}.{cls.method}{parameters} does not take {list(cls.model_fields)}")


@dataclass(frozen=True, slots=True)
class Token:
    """A verified access token: the person, their roles, their organ, and its end (epoch seconds)."""

    person: str
    roles: frozenset[str]
    organ: str
    expires: float
    departments: frozenset[str] = field(default_factory=frozenset)

    def as_actor(self, role: str) -> Actor:
        return Actor(self.person, role, self.organ)


__all__ = [
    "Chosen",
    "Code",
    "Colleague",
    "Command",
    "Day",
    "Field",
    "FreeText",
    "Gate",
    "Given",
    "Instant",
    "Leader",
    "Reference",
    "Screened",
    "Serving",
    "Sha256",
    "ShortText",
    "Token",
    "commands_on",
    "own_organ",
]
