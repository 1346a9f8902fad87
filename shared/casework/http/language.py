"""Explains the words of the API to those who build on it: closed lists, refusals, organs and divisions.

Anybody may read them: they stand in published law and in the documents of the API, and tell of no case. The
staff of an organ are not among them: services know people by their tokens and by single assignments only, and
only the identity provider of an organ knows whom it employs.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.responses import Response

from shared.casework.http import query
from shared.casework.http.describe import answer, array, in_query
from shared.casework.http.naming import named
from shared.casework.http.read import Asked, read
from shared.casework.http.values import json_response
from shared.kernel.http.docstrings import Schema, schema_of
from shared.language.catalogue import CATALOGUE
from shared.language.contracts.common import LevelName
from shared.language.organs.tree import OrganTree
from shared.language.refusal import refuse

TEXT: Schema = {"type": "string"}
PLACE: dict[str, Schema] = {"code": TEXT, "name": TEXT, "level": schema_of(LevelName)}
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
DIVISION = re.compile(r"^[0-9]{2,9}\Z")
PARENT = {
    "organ": in_query(
        "parent",
        "Those directly below this one; left out, the highest.",
        pattern=query.FORMS["organ"]["pattern"],
    ),
    "division": in_query(
        "parent", "Those directly within this one; left out, the largest.", pattern="^[0-9]{2,9}$"
    ),
}


def _or_null(schema: dict[str, str]) -> dict[str, list[str]]:
    return {"type": [schema["type"], "null"]}


@cache
def vocabulary() -> dict[str, dict[str, str]]:
    """Every closed list by name: its values, in Chinese."""
    found: dict[str, dict[str, str]] = json.loads(
        files("shared.language.law").joinpath("vocabulary.json").read_text("utf-8")
    )
    return found


def in_english(value: str) -> str:
    """`RE_REPORT_AFTER_CONCLUSION` -> `re report after conclusion`, `CaseHeld` -> `case held`."""
    return " ".join(word.lower() for word in WORD.findall(value))


class LanguageRoutes:
    """Stands in intake alone, which is where everybody begins, those who report included."""

    def __init__(self, organs: OrganTree) -> None:
        self._organs = organs

    @read(
        "Vocabulary",
        "/v1/vocabulary",
        rule="§8.1",
        anyone=True,
        answer=answer(items=array(answer(name=TEXT, values=array(answer(value=TEXT, zh=TEXT, en=TEXT))))),
        tag="vocabulary",
    )
    async def read_vocabulary(self, ask: Asked[Any]) -> Response:
        """Every closed list by its name in the API documents, its values in Chinese and English."""
        items = [
            {
                "name": name,
                "values": [{"value": v, "zh": zh, "en": in_english(v)} for v, zh in values.items()],
            }
            for name, values in vocabulary().items()
        ]
        return json_response({"items": items})

    @read(
        "Refusals",
        "/v1/refusals",
        rule="§8.1",
        anyone=True,
        answer=answer(
            items=array(answer(code=named("RefusalCode"), status={"type": "integer"}, zh=TEXT, en=TEXT))
        ),
        tag="vocabulary",
    )
    async def read_refusals(self, ask: Asked[Any]) -> Response:
        """Every code with which something can be refused: its status, and why in Chinese and English."""
        return json_response(
            {"items": [{"code": code, **e._asdict()} for code, e in sorted(CATALOGUE.items())]}
        )

    @read(
        "Organs",
        "/v1/organs",
        rule="§8.1",
        anyone=True,
        parameters=(PARENT["organ"],),
        answer=answer(items=array(answer(**PLACE, parent=_or_null(TEXT), division=TEXT))),
        tag="vocabulary",
    )
    async def read_organs(self, ask: Asked[Any]) -> Response:
        """The organs of a level, from the provinces down: elsewhere `organ` is the `code` of one."""
        parent = query.organ(ask.request, "parent")
        if parent is not None and parent not in self._organs:
            refuse("E_NOT_FOUND")
        items = [
            {
                "code": organ.code,
                "name": organ.name_zh,
                "level": organ.level.name,
                "parent": organ.parent,
                "division": organ.division,
            }
            for organ in self._organs
            if organ.parent == parent
        ]
        return json_response({"items": items})

    @read(
        "Divisions",
        "/v1/divisions",
        rule="§8.1",
        anyone=True,
        parameters=(PARENT["division"],),
        answer=answer(items=array(answer(**PLACE, parent=_or_null(TEXT), organ=TEXT))),
        tag="vocabulary",
    )
    async def read_divisions(self, ask: Asked[Any]) -> Response:
        """The divisions within one (GB/T 2260 with the codes of townships), each with its `organ`: what a
        report asks for as `unit_division`."""
        parent = ask.request.query_params.get("parent")
        if parent is not None and not DIVISION.match(parent):
            refuse("E_SCHEMA", "", field="parent", form=DIVISION.pattern)
        above = None if parent is None else f"DI-{parent}"
        if above is not None and above not in self._organs:
            refuse("E_NOT_FOUND")
        items = [
            {
                "code": organ.division,
                "name": organ.place_zh,
                "level": organ.level.name,
                "parent": parent,
                "organ": organ.code,
            }
            for organ in self._organs
            if organ.parent == above
        ]
        return json_response({"items": items})
