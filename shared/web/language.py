"""What the words of the API mean: closed lists, refusals, organs and divisions, for whoever builds on it.

Anybody may read them: they stand in published law and in the documents of the API, and tell of no case. Who
works in an organ is not among them: services know people by their tokens and by single assignments only, and
whom an organ employs is for its identity provider to tell.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shared.contracts.common import LevelName
from shared.organs.tree import OrganTree
from shared.refusal import refuse
from shared.refusals import CATALOGUE
from shared.web import query
from shared.web.describe import answer, array, describe, in_query
from shared.web.docstrings import schema_of
from shared.web.naming import named
from shared.web.values import json_response

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


@cache
def vocabulary() -> dict[str, dict[str, str]]:
    """Every closed list by name: its values, in Chinese."""
    found: dict[str, dict[str, str]] = json.loads(
        files("shared.law").joinpath("vocabulary.json").read_text("utf-8")
    )
    return found


def in_english(value: str) -> str:
    """`RE_REPORT_AFTER_CONCLUSION` -> `re report after conclusion`, `CaseHeld` -> `case held`."""
    return " ".join(word.lower() for word in WORD.findall(value))


class LanguageRoutes:
    """Stands in intake alone, which is where everybody begins, those who report included."""

    def __init__(self, organs: OrganTree) -> None:
        self._organs = organs

    def add_to(self, app: FastAPI) -> None:
        text, whole = {"type": "string"}, {"type": "integer"}
        level = schema_of(LevelName)
        value = answer(value=text, zh=text, en=text)
        for path, endpoint, name, parameters, item in (
            (
                "/v1/vocabulary",
                self.read_vocabulary,
                "Vocabulary",
                [],
                answer(name=text, values=array(value)),
            ),
            (
                *("/v1/refusals", self.read_refusals, "Refusals", []),
                answer(code=named("RefusalCode"), status=whole, zh=text, en=text),
            ),
            (
                *("/v1/organs", self.read_organs, "Organs", [PARENT["organ"]]),
                answer(code=text, name=text, level=level, parent=_or_null(text), division=text),
            ),
            (
                *("/v1/divisions", self.read_divisions, "Divisions", [PARENT["division"]]),
                answer(code=text, name=text, level=level, parent=_or_null(text), organ=text),
            ),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=["GET"],
                operation_id=name,
                response_class=Response,
                tags=["vocabulary"],
            )
            describe(app, name, anyone=True, parameters=parameters, answer=answer(items=array(item)))

    async def read_vocabulary(self, request: Request) -> Response:
        """Every closed list by its name in the API documents, its values in Chinese and English."""
        query.only(request, ())
        items = [
            {
                "name": name,
                "values": [{"value": v, "zh": zh, "en": in_english(v)} for v, zh in values.items()],
            }
            for name, values in vocabulary().items()
        ]
        return json_response({"items": items})

    async def read_refusals(self, request: Request) -> Response:
        """Every code with which something can be refused: its status, and why in Chinese and English."""
        query.only(request, ())
        return json_response(
            {"items": [{"code": code, **e._asdict()} for code, e in sorted(CATALOGUE.items())]}
        )

    async def read_organs(self, request: Request) -> Response:
        """The organs of a level, from the provinces down: elsewhere `organ` is the `code` of one."""
        query.only(request, ("parent",))
        parent = query.organ(request, "parent")
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

    async def read_divisions(self, request: Request) -> Response:
        """The divisions within one (GB/T 2260 with the codes of townships), each with its `organ`: what a
        report asks for as `unit_division`."""
        query.only(request, ("parent",))
        parent = request.query_params.get("parent")
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


def _or_null(schema: dict[str, str]) -> dict[str, list[str]]:
    return {"type": [schema["type"], "null"]}
