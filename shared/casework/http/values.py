"""Values of requests and answers: bodies, headers and query strings read strictly, and JSON written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

from shared.casework.command import Command
from shared.kernel.clock import instant_of
from shared.language.contracts.common import LegalBasis
from shared.language.refusal import refuse

KEY = re.compile(r"[\x21-\x7e]{8,128}")
VERSION = re.compile(r"[0-9]{1,9}")
_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAG = re.compile(r'"([^"]*)"')
_TAGS = re.compile(rf"(?:[ \t,]|{_ENTITY_TAG})*")  # one thing at a time: nothing to try again


def plain_rows(rows: Iterable[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Rows of a query as JSON objects; the driver's column names are not plain strings. A case is called by
    its `id`, as in every answer."""
    return [{"id" if name == "stream" else str(name): value for name, value in row.items()} for row in rows]


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, default=str), status, headers, "application/json")


def parse(command: type[Command], body: bytes) -> Command:
    """The command in a body."""
    # Strictly: "yes" is no confirmation and `true` is no number, whatever could be made of them.
    return command.__pydantic_validator__.validate_json(without_nul(body) or b"{}", strict=True)  # type: ignore[no-any-return]


def without_nul(body: bytes) -> bytes:
    """The body. NUL is refused everywhere: no text of a person holds it, and PostgreSQL could not keep it.
    Behind a backslash that is itself escaped (a path of Windows) the same letters are a text."""
    if b"\\u0000" in body:
        try:
            holds = _holds_nul(orjson.loads(body))
        except orjson.JSONDecodeError:
            return body  # refused for its form
        if holds:
            refuse("E_SCHEMA", "", field="body", reason="NUL character")
    return body


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _holds_nul(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def idempotency_key(value: str | None) -> str | None:
    """8 to 128 visible characters, with or without the quotes of a structured field."""
    if value is None:
        return None
    key = value.strip('"')
    if not KEY.fullmatch(key):
        refuse("E_IDEMPOTENCY_KEY", "", field="Idempotency-Key")
    return key


def if_match(value: str | None) -> frozenset[int] | None:
    """The versions in `If-Match: "7", "8"` (RFC 9110 §13.1.1), any of which may be the present one; a form
    that we never gave out matches nothing. None where there is no condition."""
    if value is None or value.strip() == "*":
        return None
    if not _TAGS.fullmatch(value):
        return frozenset()
    return frozenset(int(tag) for tag in _TAG.findall(value) if VERSION.fullmatch(tag))


def instant(value: str | None, field: str) -> datetime | None:
    """An RFC 3339 instant with offset."""
    if value is None:
        return None
    try:
        return instant_of(value)
    except ValueError:
        refuse("E_SCHEMA", "§0.5", field=field, reason="RFC 3339 with offset")


def occurred_at(value: str | None) -> datetime | None:
    """The instant at which something happened, within the years that a calendar can tell working days of."""
    happened = instant(value, "Occurred-At")
    if happened is not None and not 1900 <= happened.year < 3000:
        refuse("E_SCHEMA", "§0.5", field="Occurred-At", reason="year out of range")
    return happened


def legal_basis(value: str | None) -> tuple[dict[str, str], ...]:
    """`Legal-Basis`: a JSON list of {instrument, version_date, article} in ASCII (R2)."""
    if value is None:
        return ()
    try:
        cited = orjson.loads(value)
        if not isinstance(cited, list) or len(cited) > 20:
            raise ValueError
        return tuple(LegalBasis.model_validate(b).model_dump(mode="json") for b in cited)
    except (ValueError, TypeError):
        refuse("E_SCHEMA", "R2", field="Legal-Basis")


def object_id(value: str) -> UUID:
    """The id in a path; a text that is no id is simply not found."""
    try:
        return UUID(value)
    except ValueError:
        refuse("E_NOT_FOUND")


def page_number(value: str | None, field: str, default: int, maximum: int, *, minimum: int = 0) -> int:
    """A whole number of a query string within its bounds."""
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 20 and minimum <= int(value) <= maximum):
        refuse("E_SCHEMA", "", field=field, minimum=minimum, maximum=maximum)
    return int(value)
