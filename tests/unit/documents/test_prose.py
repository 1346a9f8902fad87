"""The check of plain English finds what it should, and its list of unclean files can only shrink."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools.prose import ROOT, faults, faults_of


@pytest.mark.parametrize(
    "text",
    [
        "What travels on the wire.",
        "Whoever asks is told nothing.",
        "Whether it is open.",
        "Where messages wait.",
        "By which rule.",
        "Up to when everything was looked at.",
        "Of a stored event.",
        "So many events wait.",
        "With this begin the public paths.",
        "Its store and its gate.",
        "A48, SD10: who stepped aside does not visit.",
        "§4.5: whoever comes too early is refused.",
        "\n    How it ends.",
    ],
)
@pytest.mark.parametrize(
    "place", ["{}", "class A:\n    {}", "def f():\n    {}", "class A:\n    b = 1\n    {}", "B = 1\n{}"]
)
def test_a_docstring_that_begins_without_its_noun_is_found(text: str, place: str) -> None:
    [found] = faults_of(place.format(f'"""{text}"""'))
    assert "begins with" in found


@pytest.mark.parametrize(
    "text",
    [
        "Raises an alert when somebody tries.",
        "Whole or not at all.",
        "Offers a way out of what was said.",
        "Items of a page.",
        "The reporter says what they want.",
        "R34: the subject's own account asks for no evidence.",
        "Software that asks who it is for.",
        "Theme and heading of the letter.",
    ],
)
def test_plain_english_passes(text: str) -> None:
    assert faults_of(f'"""{text}"""') == []


@pytest.mark.parametrize("word", ["he", "him", "his", "himself", "she", "her", "His"])
def test_nobody_is_he(word: str) -> None:
    assert faults_of(f'"""The clerk, and {word} desk."""') == [
        f"1: says {word!r}: name the role, or say 'they'"
    ]
    assert faults_of(f"A = 1  # the clerk, and {word} desk") != []
    assert faults_of(f"A = 1  # the clerk, and {word} desk", commented=False) == []
    assert faults_of(f'A = "{word}"') == []


def test_the_list_of_unclean_files_can_only_shrink(tmp_path: Path) -> None:
    for name, text in (("clean", "Says it."), ("worse", "What it says."), ("known", "What it says.")):
        (tmp_path / "shared").mkdir(exist_ok=True)
        (tmp_path / "shared" / f"{name}.py").write_text(f'"""{text}"""\n', "utf-8")
    unclean = frozenset({"shared/clean.py", "shared/known.py", "shared/gone.py"})
    clean, worse, gone = faults(tmp_path, unclean)
    assert clean.startswith("shared/clean.py is clean")
    assert worse == "shared/worse.py:1: begins with 'What'"
    assert gone.startswith("shared/gone.py is not there")


def test_the_house_speaks_plain_english() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert faults(ROOT, frozenset(settings["tool"]["prose"]["unclean"])) == []
