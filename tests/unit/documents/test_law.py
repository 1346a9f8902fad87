"""References lead somewhere: rules to paragraphs of docs/law, links to places, documents to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.law import NAMED, Pages, dead

Write = Callable[[str, str], None]

R7 = '<a id="R7"></a>\n### R7 · Consent\n\nNobody is cleared without it.\n\n*Source:* the seed.\n'
S42 = '<a id="s4.2"></a>\n### §4.2 · A case\n\nIt is opened.\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of a repository."""

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    return write


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("(A14, A15; SEC-12, DL-03)", ["A14", "A15", "SEC-12", "DL-03"]),
        ("B35 of the second part, SD10, C2, P8", ["B35", "SD10", "C2", "P8"]),
        ("§4.2 note a, §0.5, RFC 9162 §2.1 and RFC 9110 §12.4.2", ["§4.2", "§0.5"]),
        ("Trace Context §3.2.2, B018, GB11643, x.R7, _A1, DL-00, [R96 7]", []),
    ],
)
def test_a_rule_is_recognised_where_it_is_named(text: str, named: list[str]) -> None:
    assert NAMED.findall(text) == named


def test_every_rule_has_one_paragraph(tmp_path: Path, write: Write) -> None:
    write("docs/law/principles.md", f"# Principles\n\n{R7}\n{S42}")
    pages = Pages(tmp_path)
    assert list(pages.wrong(["R7", "§4.2"])) == []
    assert pages.link("R7") == "[R7](law/principles.md#R7)"
    assert pages.link("§4.2") == "[§4.2](law/principles.md#s4.2)"
    assert list(pages.wrong(["§4.2"])) == [
        "docs/law has a paragraph of R7, which docs/rules.toml does not list"
    ]
    assert list(pages.wrong(["R7", "§4.2", "A14"])) == ["A14 has 0 paragraphs in docs/law"]
    write("docs/law/regulations.md", R7)
    assert list(Pages(tmp_path).wrong(["R7", "§4.2"])) == [
        "R7 has 2 paragraphs in docs/law principles.md regulations.md"
    ]


def test_a_paragraph_says_something(tmp_path: Path, write: Write) -> None:
    """A chapter may be a heading over its rules."""
    empty = '<a id="R6"></a>\n### R6 · Evidence\n\n*Source:* the seed.\n'
    write("docs/law/principles.md", f'<a id="s2.1"></a>\n## 2.1 Principles\n\n{empty}\n{R7}')
    assert list(Pages(tmp_path).wrong(["R6", "R7"])) == ["the paragraph of R6 in docs/law is empty"]


@pytest.mark.parametrize("file", ["services/x.py", "tests/x.py", "docs/adr/0001-x.md", "README.md"])
def test_a_rule_that_is_named_has_a_paragraph(tmp_path: Path, write: Write, file: str) -> None:
    write("docs/law/principles.md", R7)
    write(file, "R7 and B99 hold here, and §4.9 too.")
    assert list(Pages(tmp_path).wrong(["R7"])) == [
        f"{file} names B99, which has no paragraph in docs/law",
        f"{file} names §4.9, which has no paragraph in docs/law",
    ]


def test_links_lead_to_places(tmp_path: Path, write: Write) -> None:
    write("docs/law/principles.md", R7)
    write(
        "docs/operating.md",
        "# How to run\n[R7](law/principles.md#R7) [here](#how-to-run) [x](https://x.example/y)",
    )
    assert list(Pages(tmp_path).broken()) == []
    write("docs/operating.md", "[R8](law/principles.md#R8) [P1](law/processes.md#P1) [x](#nowhere)")
    assert list(Pages(tmp_path).broken()) == [
        "docs/operating.md links to #nowhere, which is not there",
        "docs/operating.md links to law/principles.md#R8, which is not there",
        "docs/operating.md links to law/processes.md#P1, which is not there",
    ]


@pytest.mark.parametrize("name", ["domain", "domain-2", "architecture", "findings/style", "../reliability"])
def test_no_file_names_a_document_that_is_elsewhere(tmp_path: Path, write: Write, name: str) -> None:
    write("docs/operating.md", "See CHANGELOG.md and adr/0001-x.md.")
    write("CHANGELOG.md", "docs/operating.md says how. docs/adr/0001-x.md")
    write("docs/adr/0001-x.md", "")
    assert list(dead(tmp_path)) == []
    write("services/x.py", f'"""As {name}.md has it (§4.2)."""')
    assert list(dead(tmp_path)) == [f"services/x.py refers to {name}.md, which is not in the repository"]


@pytest.mark.parametrize(
    "reference",
    ["architecture §3", "`../shared`", "findings/use", "services/x/none.py", "tests/none", "test_w17_x"],
)
def test_no_file_names_what_is_elsewhere(tmp_path: Path, write: Write, reference: str) -> None:
    write("services/x.py", "# see services/x.py, services/x and example.org/services/y")
    assert list(dead(tmp_path)) == []
    write("services/x.py", f"# see {reference}")
    assert len(list(dead(tmp_path))) == 1


def test_this_repository_names_only_what_it_has() -> None:
    assert list(dead()) == []


def test_the_second_part_is_whole() -> None:
    """B1 to B55 stand in one file, and each says something."""
    pages = Pages()
    assert [f"B{n}" for n in range(1, 56)] == [id for id, at in pages.at.items() if at == ["second-part.md"]]
    assert not [id for id in pages.empty if id.startswith("B")]
