"""Stands for a command's fields while its method is only asked (`Aggregate.rehearsing`): the method goes as
far as its guards tell without them, and stops where it looks into one, or at its first event."""

from __future__ import annotations

from typing import Any, NoReturn


class Rehearsed(Exception):
    """A method that was only asked has come to its first event."""


class NotSaid(Exception):
    """Raised when the method looks into what nobody has said, looked up or deposited yet."""


class Dated(Exception):
    """Raised when the method looks at the clock: its answer holds for this moment only."""


def _raising(error: type[Exception]) -> Any:
    """A value of which nothing is known: it can be handed on, and whatever else is done with it raises."""

    def look(*_: Any, **__: Any) -> NoReturn:
        raise error

    members = {f"__{name}__": look for name in _LOOKS} | {"__class__": property(look)}
    return type(error.__name__, (), members)()


_LOOKS = (
    *("getattr", "bool", "eq", "ne", "lt", "le", "gt", "ge", "hash", "len", "iter", "contains", "getitem"),
    *("call", "str", "repr", "format", "int", "float", "index", "add", "radd", "sub", "rsub", "and", "rand"),
    *("or", "ror", "enter", "next", "reversed", "bytes", "mod", "rmod", "mul", "rmul"),
)
FIELD = _raising(NotSaid)
"""A field of which nothing is known."""
MOMENT = _raising(Dated)
"""A time of which nothing is known."""


class NotPrepared(dict[Any, Any]):
    """Stands for what a command declares, where nothing was looked up and nothing deposited."""

    def __getitem__(self, named: Any) -> NoReturn:
        super().__getitem__(named)  # what is not declared is a defect here too
        raise NotSaid
