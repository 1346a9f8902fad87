"""Scenarios 1, 4 and 5, as far as they are built, and drills A and C: every row as its table says, replayed
and proved."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deploy.local.demo import main
from deploy.local.player import expand, load
from tests.scenarios.foretold import Foretold

pytestmark = pytest.mark.external

DUE = {
    "1": {("DL-03", "2020-09-27"), ("DL-11", "2020-12-22"), ("DL-11", "2021-01-22"), ("DL-14", "2021-02-09"),
        ("DL-16", "2021-02-09"), ("DL-17", "2021-02-23")},
    "4": {("DL-01", "2026-04-23"), ("DL-02", "2026-06-23"), ("DL-14", "2026-06-23"), ("DL-17", "2026-07-02")},
    "5": {("DL-01", "2026-03-23"), ("DL-02", "2026-05-26"), ("DL-14", "2026-05-26"), ("DL-16", "2026-05-28"),
        ("DL-17", "2026-06-08")},
    "A": {("DL-03", "2026-03-09")},
    "C": {("DL-01", "2026-03-23"), ("DL-02", "2026-05-26"), ("DL-14", "2026-05-26"), ("DL-16", "2026-05-28"),
        ("DL-17", "2026-06-08"), ("DL-34#petition_head", "2026-03-10")},
}  # fmt: skip
"""The days that the tables name."""
REFUSED = {
    "1": ["E_SEALED_UPWARD"],
    "4": [
        "E_SPLIT_REQUIRED",
        "E_DISCIPLINE_LOOSENING",
        "E_ALLEGATION_INCONCLUSIVE",
        "E_TEXT_OVERALL_EVALUATION",
    ],
    "5": [],
    "A": ["E_SEALED_UPWARD"],
    "C": [],
}  # fmt: skip


@pytest.mark.parametrize("name", list(DUE))
def test_the_file_has_the_days_and_refusals_of_its_table(name: str) -> None:
    steps = list(expand(load(name)))
    assert {(s["deadline"], s["due"]) for s in steps if "deadline" in s} == DUE[name]
    assert [s["expect"]["refused"] for s in steps if "refused" in s.get("expect", {})] == REFUSED[name]


@pytest.mark.parametrize("name", list(DUE))
def test_every_row_happens_as_foretold_and_is_proved(name: str) -> None:
    """Runs `make demo SCENARIO=`: it ends with 1 at the first answer that departs from the table. A command
    is carried out if and only if its giver was told so before."""
    told, foretold = io.StringIO(), Foretold()
    status = main([name], out=lambda: Console(file=told, width=200), onlooker=foretold)
    assert status == 0, told.getvalue()[-3000:]
    foretold.account(load(name))
