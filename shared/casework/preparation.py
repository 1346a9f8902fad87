"""The preparation of a command: what is looked up for it, and deposited in the vault, before it is decided.

    ORIGINAL: Lookup[Complaint | None] = Lookup("original")       # beside the method that asks for it

    class MarkDuplicate(Command, on=Complaint, ..., lookups=(ORIGINAL,)): ...

    original = ctx.found(ORIGINAL)                                # in the method

    [ORIGINAL.found_by(self.original), ...]                       # in the service: its `lookups`

A lookup reads and writes nothing. A deposit writes to the vault what no event may hold, and gives back what
an event names it by. If the command is refused no event names it: nobody is shown it, and it is swept where
its case never came to be. A command gets what its gate declares and no more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

if TYPE_CHECKING:
    from shared.casework.aggregate import Aggregate, Context
    from shared.casework.command import Command

T = TypeVar("T")
C = TypeVar("C", bound="Command")
A = TypeVar("A", bound="Aggregate")
Prepare = Callable[[Any, Any, Any], Awaitable[Any]]
"""The function behind a lookup or a deposit: it takes the command, its case and the context."""


class Undeclared(TypeError):
    """A method asks for something that its command's gate does not declare: a defect of the program."""


class _Named(Generic[T]):
    """A name that stands for itself: two of the same word are two."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Lookup(_Named[T]):
    """Something that is read before a command is decided. Finding it writes nothing."""

    __slots__ = ()

    def found_by(self, find: Callable[[C, A, Context], Awaitable[T]]) -> tuple[Lookup[T], Prepare]:
        """Binds the function that finds it."""
        return self, find


class Deposit(_Named[T]):
    """Something that is written to the vault before a command is decided. Making it gives back what an event
    names it by."""

    __slots__ = ()

    def made_by(self, make: Callable[[C, A, Context], Awaitable[T]]) -> tuple[Deposit[T], Prepare]:
        """Binds the function that makes it."""
        return self, make


Lookups = Sequence[tuple[Lookup[Any], Prepare]]
"""The lookups of a service, each with its function."""
Deposits = Sequence[tuple[Deposit[Any], Prepare]]
"""The deposits of a service, each with its function."""
Prepared = Mapping[Lookup[Any] | Deposit[Any], Any]
"""The answers of lookups and deposits for one command."""


def check_bound(commands: Iterable[type[Command]], bound: Mapping[Any, Prepare]) -> None:
    """Checks, when a service is made, that what its commands declare is bound, to functions that take such
    commands and cases, and that nothing is bound which nobody declares. Raises TypeError."""
    declared = set()
    for command in commands:
        for named in command.gate.prepared:
            declared.add(named)
            if named not in bound:
                raise TypeError(f"{command.__name__} declares {named}, and no function is bound to it")
            taken = list(get_type_hints(bound[named]).values())[:2]
            if not all(map(issubclass, (command, command.on), taken)):
                raise TypeError(f"the function of {named} takes {taken}, and no {command.__name__}")
    if lost := bound.keys() - declared:
        raise TypeError(f"no command declares {', '.join(map(repr, lost))}")
