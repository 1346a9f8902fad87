"""The words to contributors are true: recipes show the code as it is, decisions have status and date."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from shared.casework.operating import parser_of
from tools.documents import ROOT

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))


def shown() -> Iterator[tuple[str, str]]:
    """The pieces of code that the recipes show, with their files: runs of added lines."""
    for block in re.findall(r"```diff\n(.*?)```", CONTRIBUTING.read_text("utf-8"), re.S):
        for part in re.split(r"^--- ", block, flags=re.M)[1:]:
            name, _, lines = part.partition("\n")
            for added in re.findall(r"(?:^\+.*\n)+", lines, re.M):
                yield name, re.sub(r"^\+", "", added, flags=re.M)


def test_the_recipes_show_the_code_as_it_is() -> None:
    """A recipe that was forgotten teaches what does not work."""
    pieces = list(shown())
    assert {name.partition("/")[0] for name, _ in pieces} == {"services", "shared", "tests"}
    for name, text in pieces:
        assert _plain(text) in _plain((ROOT / name).read_text("utf-8")), f"{name} has no longer:\n{text}"


def _plain(text: str) -> str:
    """Without what a formatter may break otherwise."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem[:4])
def test_each_decision_tells_its_status_and_date_and_is_listed(page: Path) -> None:
    title, empty, status, date, *_ = page.read_text("utf-8").splitlines()
    number = int(page.name[:4])
    assert title.startswith(f"# {number}. ")
    assert empty == ""
    assert re.fullmatch(r"Status: (proposed|accepted|superseded by \d+)  ", status)
    assert re.fullmatch(r"Date: 20\d\d-\d\d-\d\d", date)
    assert f"({page.name})" in (ROOT / "docs/adr/README.md").read_text("utf-8")


def test_the_form_of_files_is_what_the_linter_holds() -> None:
    editor = ConfigParser()
    editor.read_string("[top]\n" + (ROOT / ".editorconfig").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert int(editor["*.py"]["max_line_length"]) == project["tool"]["ruff"]["line-length"]


def test_the_hooks_run_the_locked_linter() -> None:
    """From the environment that `make install` made: no other version, and nothing that is fetched."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"repo: (.*)", hooks) == ["local"]
    assert re.findall(r"entry: (\S+ \S+)", hooks) == [".venv/bin/ruff format", ".venv/bin/ruff check"]


def test_the_operators_guide_has_a_line_for_each_part_that_may_stand_still() -> None:
    """`zm_halted` by its parts, as the code names them."""
    guide = (ROOT / "docs/operating.md").read_text("utf-8")
    runbook = guide.partition("## When an alarm comes")[2].partition("\n## ")[0]
    names = set()
    for folder in ("shared", "services"):
        for path in (ROOT / folder).rglob("*.py"):
            found = re.findall(
                r'(?:halted|halt)\(\s*f?"([a-z .]+)|^CHECK = "(.*)"', path.read_text("utf-8"), re.M
            )
            names |= {name.strip() for pair in found for name in pair if name}
    assert {"relay", "read model", "vault check", "vault sweep", "painter"} <= names
    for name in (*sorted(names), "inbox.", "clock", "against the log"):
        assert name in runbook, f"what to do when {name} stands still?"


def test_the_guides_name_commands_that_there_are() -> None:
    """Every `zhengming SERVICE WORD` of the documents is understood."""
    known = {*parser_of("any", "")[1].choices, "rebuild", "check", "verify-store"}
    for page in (ROOT / "README.md", ROOT / "docs/operating.md", *DECISIONS):
        for word in re.findall(r"zhengming (?:SERVICE|intake|audit) ([a-z-]+)", page.read_text("utf-8")):
            assert word in known, f"{page.name}: {word}"
