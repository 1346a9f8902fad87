"""The grammar of reads: one declaration says of what something is told, to whom, and what is noted about it.

    @read(
        "ReadLetters", "/v1/complaints/{id}/letters", rule="SEC-2", of=Complaint, by=roles.PETITION,
        own_organ=True, notes="letters", answer=answer(letters=array(letter)),
    )
    async def read_letters(self, ask: Asked[Complaint]) -> Response:
        \"\"\"The report in the reporter's own words, and their letters.\"\"\"

The method is called when the gate (`shared.casework.http.readgate`) has let its caller in, and only says what
is told. Its docstring is the OpenAPI description; the route, the document and the lists that the secrecy
tests walk are made from the declaration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.casework.aggregate import Aggregate
from shared.casework.command import Token
from shared.casework.http.describe import Parameter
from shared.kernel.http.docstrings import Schema
from shared.language.organs.tree import Level

if TYPE_CHECKING:
    from shared.casework.http.readgate import CaseReadGate

A = TypeVar("A", bound=Aggregate)
M = TypeVar("M", bound=Callable[..., Awaitable[Response]])
Method = Callable[["Asked[Any]"], Awaitable[Response]]
NOBODY = Token("", frozenset(), "", 0.0)
"""The token of a caller where none is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Declares what a read asks of its caller and what it tells."""

    name: str
    """The operation id."""
    path: str
    rule: str
    """The rule under which the read is open to those who may read, and refused to others."""
    of: type[Aggregate] | None = None
    """The kind whose case the path names by `{id}`. None: a list, a search, a count."""
    found: Callable[[Any, Asked[Any]], Awaitable[Aggregate | None]] | None = None
    """Finds what the path names where that is no case by its id, and decides who may know of it."""
    also: Callable[[Token, Any], bool] | None = None
    """Those who may see a case of `of` without jurisdiction or assignment (internal supervision)."""
    by: frozenset[str] = frozenset()
    """The roles that it is for. Empty: every member of an organ who may see the case, or lists at all."""
    own_organ: bool = False
    """True if the read is for the organ that owns the case only."""
    assigned_as: frozenset[str] | None = None
    """The reader, an auditor too, is assigned to the case in one of these roles; empty: in any."""
    level: Level | None = None
    """The lowest level of organ that may ask."""
    sealed: bool = False
    """True if the read shows, to those still assigned, content that was sealed upward (A14)."""
    outsiders: bool = False
    """True if the read is open to persons outside the organs too."""
    anyone: bool = False
    """No token is read."""
    traces: bool = False
    """True if an unentitled caller would learn from it who reported. They are refused alike whether or not
    there is anything, the attempt is on record, and internal supervision hears of it (R27)."""
    notes: str = ""
    """The word under which the reading is on record (SEC-9); it is not if empty."""
    looks_first: bool = False
    """The method must look before it can say whether there is anything to tell, and notes it then itself."""
    purpose: bool = False
    """True if a `Purpose` must be named."""
    models: tuple[str, ...] = ()
    """The read models that the answer is made of; they are to hold what the caller has done."""
    parameters: tuple[Parameter, ...] = ()
    answer: type[BaseModel] | Schema | Callable[[Any], Schema] | None = None
    """The form of the answer; if it depends on tables, a function of the object that reads makes it."""
    media_type: str | tuple[str, ...] = "application/json"
    headers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    """Further refusals that do not stand in the code of the method."""
    tag: str = "reads"

    @property
    def role_first(self) -> bool:
        """True if the role is asked before anything is looked up: where no assignment decides who may know of
        a thing, a later refusal would tell that it is there."""
        return self.of is None or self.found is not None or self.traces

    @property
    def queries(self) -> set[str]:
        """The names that a query string may hold."""
        return {p["name"] for p in self.parameters if p["in"] == "query"}


@dataclass(slots=True)
class Asked(Generic[A]):
    """One asking that the gate has let in: who asks, and about what."""

    gate: CaseReadGate
    read: Read
    request: Request
    token: Token = NOBODY
    target: UUID | None = None
    """The id in the path."""
    about: A | None = None
    view: bytes = b""
    """The case as its events tell it, as JSON."""
    noted: bool = field(default=False, init=False)

    @property
    def case(self) -> A:
        """The case that is read; there is one if the declaration says `of`."""
        assert self.about is not None, self.read.name
        return self.about

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the query string."""
        return self.request.query_params.get(name, default)

    async def note_reading(self) -> None:
        """Puts the reading on record before anything is told (SEC-9)."""
        self.noted = True
        await self.gate.note_reading(self)


_DECLARED: dict[Any, Read] = {}


def read(
    name: str,
    path: str,
    *,
    rule: str,
    by: Collection[str] = (),
    assigned_as: Collection[str] | None = None,
    parameters: Sequence[Parameter] = (),
    **more: Any,
) -> Callable[[M], M]:
    """Declares a method as a read. In `name`, `path` and the schemas that `parameters` refer to, `<kind>` and
    `<plural>` stand for the kind of the object that reads, where one class reads several kinds."""

    def decorate(method: M) -> M:
        declared = Read(
            name=name,
            path=path,
            rule=rule,
            by=frozenset(by),
            assigned_as=None if assigned_as is None else frozenset(assigned_as),
            parameters=tuple(parameters),
            **more,
        )
        if not (method.__doc__ or "").strip():
            raise TypeError(f"{name} says nothing of itself")
        if declared.notes and declared.of is None and not declared.looks_first:
            raise TypeError(f"{name} notes a reading of nothing")
        _DECLARED[method] = declared
        return method

    return decorate


def declared_in(holder: Any) -> Iterator[tuple[Read, Method]]:
    """The reads of an object, in the order in which they are written."""
    for name, method in vars(type(holder)).items():
        if (declared := _declared(method)) is not None:
            if "<" in declared.name:
                declared = _of_kind(declared, holder.kind)
            yield declared, getattr(holder, name)


def _declared(method: Any) -> Read | None:
    return _DECLARED.get(method) if callable(method) else None


def _of_kind(declared: Read, kind: type[Aggregate]) -> Read:
    name = declared.name.replace("<kind>", kind.kind)
    path = declared.path.replace("<plural>", kind.plural)
    parameters = tuple(_of_its_kind(p, kind) for p in declared.parameters)
    of = None if declared.of is None else kind
    return replace(declared, name=name, path=path, of=of, parameters=parameters)


def _of_its_kind(parameter: Parameter, kind: type[Aggregate]) -> Parameter:
    schema = parameter["schema"]
    if "$ref" not in schema:
        return parameter
    return {**parameter, "schema": {"$ref": schema["$ref"].replace("<kind>", kind.kind)}}
