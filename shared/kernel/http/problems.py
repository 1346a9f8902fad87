"""Problem documents (RFC 9457) in Chinese and English, with the rule that a refusal carries out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from shared.language.catalogue import CATALOGUE
from shared.language.refusal import Refusal

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "1"
RANGE = re.compile(
    r"[ \t]*(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
"""A language with its weight (RFC 9110 §12.4.2), in small letters."""


def problem(
    code: str,
    rule: str = "",
    details: dict[str, Any] | None = None,
    *,
    accept_language: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer to something that was not done. 404s are the same bytes whatever lies behind them."""
    entry = CATALOGUE[code]
    if entry.status == 404:
        code, rule, details = "E_NOT_FOUND", "", None
        entry = CATALOGUE[code]
    english = prefers_english(accept_language)
    body: dict[str, Any] = {
        "type": f"urn:zhengming:refusal:{code}",
        "title": entry.en if english else entry.zh,
        "status": entry.status,
        "code": code,
        "rule": rule,
        "message_zh": entry.zh,
        "message_en": entry.en,
        "details": details or {},
    }
    extra = dict(headers or {})
    extra["content-language"] = "en" if english else "zh-CN"
    if entry.status == 503:
        extra["retry-after"] = RETRY_AFTER_SECONDS
    if entry.status == 401:
        extra["www-authenticate"] = "Bearer"
    return Response(orjson.dumps(body, default=str), entry.status, extra, MEDIA_TYPE)


def refusal_problem(refusal: Refusal, accept_language: str = "") -> Response:
    """A refusal as the caller may see it; a stale version names the current one in `ETag`."""
    headers = {}
    if refusal.code in ("E_STALE_VERSION", "E_VERSION_REQUIRED") and "version" in refusal.details:
        headers["etag"] = f'"{refusal.details["version"]}"'
    details = {k: v for k, v in refusal.details.items() if k != "alert"}
    return problem(refusal.code, refusal.rule, details, accept_language=accept_language, headers=headers)


def schema_problem(errors: Sequence[Any], accept_language: str = "") -> Response:
    """A body that has not the required form: names every field, and never echoes what was sent."""
    return problem("E_SCHEMA", "", {"fields": _fields(errors)}, accept_language=accept_language)


def within(field: str, invalid: ValidationError) -> list[dict[str, str]]:
    """The faults of an object that came sealed in a field, named below that field."""
    errors = invalid.errors(include_url=False, include_input=False, include_context=False)
    return [{**told, "field": f"{field}.{told['field']}".removesuffix(".body")} for told in _fields(errors)]


def _fields(errors: Sequence[Any]) -> list[dict[str, str]]:
    return [{"field": _place(e), "reason": e["type"], "message_en": e["msg"]} for e in errors]


def _place(error: Any) -> str:
    """The path of the field at fault. An unknown member is named by its parent's path: its own name came from
    the caller and could contain anything."""
    known = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    return ".".join(str(part) for part in known) or "body"


def prefers_english(accept_language: str) -> bool:
    """True if English is asked for before Chinese (RFC 9110 §12.5.4); Chinese is the default. A part that is
    no language range is passed over."""
    ranges = [RANGE.fullmatch(part) for part in accept_language.lower().split(",")]
    asked = [(r[1], float(r[2] or 1), -place) for place, r in enumerate(ranges) if r is not None]
    rest = max(((weight, place) for tag, weight, place in asked if tag == "*"), default=(0.0, 0))
    english, chinese = (
        max(((weight, place) for tag, weight, place in asked if tag.split("-")[0] == language), default=rest)
        for language in ("en", "zh")
    )
    return english[0] > 0 and english > chinese
