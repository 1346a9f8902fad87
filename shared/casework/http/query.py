"""Parameters of a query string: a value without the form is refused (422), and never reaches the database."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from datetime import date
from typing import Annotated, Any, Generic, TypeVar, get_args

import orjson
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from starlette.requests import Request

from shared.language.law.colours import Colour
from shared.language.refusal import refuse

T = TypeVar("T")
C = TypeVar("C", bound=str)
CODE = re.compile(r"^[A-Za-z0-9._#()/-]{1,120}\Z")
ORGAN = re.compile(r"^DI-[0-9]{2,9}\Z")

PAGING = {
    "limit": "How many rows at most.",
    "cursor": "`next` of the page before.",
    "min_position": "`Position` of an answer to the same caller: the read model is to hold it.",
}


def documented(longest: int = 200, /, **parameters: str) -> list[dict[str, Any]]:
    """The parameters of a read for its OpenAPI document; a page of it has at most `longest` rows."""
    forms = FORMS | {"limit": {"type": "integer", "minimum": 1, "maximum": longest}}
    return [
        {"name": n, "in": "query", "required": False, "description": words, "schema": forms.get(n, TEXT)}
        for n, words in parameters.items()
    ]


TEXT = {"type": "string"}
FORMS: dict[str, dict[str, Any]] = {
    "organ": {"type": "string", "pattern": "^DI-[0-9]{2,9}$"},
    "colour": {"type": "string", "enum": list(get_args(Colour))},
    "suggested": {"type": "boolean"},
    "asked": {"type": "boolean"},
    "from": {"type": "string", "format": "date"},
    "to": {"type": "string", "format": "date"},
}
"""The forms of parameters of these names, on whatever route."""


def code(request: Request, name: str) -> str | None:
    """A code such as a state or a department."""
    return _matching(request, name, CODE)


def organ(request: Request, name: str = "organ") -> str | None:
    """The code of an organ; the answer is narrowed to it and those below, within what the caller may see
    anyway."""
    return _matching(request, name, ORGAN)


def choice(request: Request, name: str, choices: Collection[C]) -> C | None:
    """One of the values of a closed list."""
    value = request.query_params.get(name)
    if value is None:
        return None
    chosen = next((c for c in choices if c == value), None)
    if chosen is None:
        refuse("E_SCHEMA", "", field=name, choices=list(choices))
    return chosen


def flag(request: Request, name: str) -> bool:
    """`true`; `false` is the same as nothing."""
    return choice(request, name, ("true", "false")) == "true"


def day(request: Request, name: str) -> date | None:
    """A civil day, as `2026-03-02`."""
    value = request.query_params.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        refuse("E_SCHEMA", "§0.5", field=name, reason="YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        refuse("E_SCHEMA", "§0.5", field=name, reason="no such day")


class Cursor(Generic[T]):
    """A place in an ordered list: the keys of the last row shown, opaque to the client that turns the page.

    The next page begins behind those keys, wherever the row itself has moved to meanwhile: nothing that
    stayed in its place is shown twice or left out.
    """

    def __init__(self, keys: Any) -> None:
        self._keys: TypeAdapter[T] = TypeAdapter(keys)

    def read(self, request: Request) -> T | None:
        """The keys behind which the page begins; a cursor that we never gave out is refused."""
        value = request.query_params.get("cursor")
        if value is None:
            return None
        try:
            return self._keys.validate_json(urlsafe_b64decode(value[:600].encode("ascii")), strict=True)
        except (ValidationError, ValueError):
            refuse("E_SCHEMA", "", field="cursor", reason="not a cursor of this list")

    def write(self, *keys: Any) -> str:
        return urlsafe_b64encode(orjson.dumps(keys, default=str)).decode()


Key = Annotated[str, StringConstraints(pattern=r"^[^\x00]{0,200}$")]
"""A text among the keys of a cursor."""
Count = Annotated[int, Field(ge=0, lt=1 << 31)]
"""A small number among them."""


def _matching(request: Request, name: str, form: re.Pattern[str]) -> str | None:
    value = request.query_params.get(name)
    if value is not None and not form.match(value):
        refuse("E_SCHEMA", "", field=name, form=form.pattern)
    return value
