"""The reads that say what the words of the API mean, and that they leave none out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.casework.http.language import in_english
from shared.casework.http.naming import CODES
from shared.language.catalogue import CATALOGUE
from tools.documents import AUDIT, WRITING, built, openapi, vault_openapi


@pytest.fixture
async def intake() -> AsyncIterator[httpx.AsyncClient]:
    """Intake, of which nothing is started: these reads need no database."""
    with built("intake") as app:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as client:
            yield client


async def items(intake: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, Any]]:
    answer = await intake.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_every_closed_list_of_every_document_is_explained(intake: httpx.AsyncClient) -> None:
    """Whole, under the name that it has there, and each value in Chinese."""
    told = {i["name"]: {v["value"] for v in i["values"]} for i in await items(intake, "/v1/vocabulary")}
    for document in [*map(openapi, (*WRITING, AUDIT)), vault_openapi()]:
        for name, schema in document["components"]["schemas"].items():
            if "enum" not in schema or name in (CODES, "MediaType", "NoticeVersion", *OF_AUDIT):
                continue
            if name.endswith("EventType"):
                assert set(schema["enum"]) <= told["EventType"], name
            elif name in ("CaseState", "CaseKind"):
                every = {v for n, values in told.items() if n.endswith(name[4:]) for v in values}
                assert set(schema["enum"]) <= every, name
            else:
                assert set(schema["enum"]) == told[name], name


OF_AUDIT = ("Audience", "By", "Withhold")
"""Choices of a question, and no words of the law."""


async def test_values_are_told_in_chinese_and_english(intake: httpx.AsyncClient) -> None:
    lists = {i["name"]: i["values"] for i in await items(intake, "/v1/vocabulary")}
    assert {"value": "LETTER", "zh": "来信", "en": "letter"} in lists["Channel"]
    for value in (v for values in lists.values() for v in values):
        assert re.search(r"[\u4e00-\u9fff]", value["zh"])
        assert re.fullmatch(r"[a-z0-9 ]+", value["en"])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("RE_REPORT_AFTER_CONCLUSION", "re report after conclusion"),
        ("ComplaintAccepted", "complaint accepted"),
        ("organ_head", "organ head"),
        ("SMS", "sms"),
    ],
)
def test_a_value_is_its_own_english(value: str, words: str) -> None:
    assert in_english(value) == words


async def test_every_refusal_is_told(intake: httpx.AsyncClient) -> None:
    told = {i.pop("code"): i for i in await items(intake, "/v1/refusals")}
    assert told == {code: entry._asdict() for code, entry in CATALOGUE.items()}


async def test_organs_and_divisions_are_found_from_above(intake: httpx.AsyncClient) -> None:
    assert {o["code"] for o in await items(intake, "/v1/organs")} >= {"DI-33", "DI-99"}
    below = await items(intake, "/v1/organs", parent="DI-9901")
    assert {o["level"] for o in below} == {"COUNTY"}
    within = await items(intake, "/v1/divisions", parent="9901")
    assert [(d["code"], d["organ"]) for d in within] == [(o["division"], o["code"]) for o in below]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("organs?parent=DI-9988", 404),
        ("organs?parent=x", 422),
        ("divisions?parent=9988", 404),
        ("divisions?parent=x", 422),
        ("vocabulary?name=Channel", 422),
        ("refusals?code=E_STATE", 422),
    ],
)
async def test_what_is_not_there_is_refused(intake: httpx.AsyncClient, asked: str, status: int) -> None:
    answer = await intake.get(f"/v1/{asked}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
