"""The pages of docs/law: what stands under which anchor, and whether all that is referred to is there.

A rule has an anchor on a line of its own, `<a id="R7"></a>` (`s4.2` for §4.2), then its heading and its
text. A rule that is named anywhere leads to such an anchor, a link in a document to its target, and the
name of a document to a file of the repository: nobody has to have read anything else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from tools.documents import ROOT

NAMED = re.compile(
    r"(?<![\w.])(?<!RFC \d{4} )(?!DL-(?:00|99)|R96)"
    r"(?:(?:SEC|DL)-\d+|(?:SD|[RACPB])[1-9]\d*|§\d\.\d+(?!\.\d))(?!\w)"
)
"""A rule where code, a test or a document names it. None is a section of an RFC, a deadline that tests make
up (DL-00, DL-99), and the tag of a source (R96)."""
_ANCHOR = re.compile(r'^<a id="([^"]+)"></a>$', re.MULTILINE)
_ANY_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_LINK = re.compile(r"\]\(([^)\s:]+)\)")
_DOCUMENT = re.compile(r"(?<![\w./-])(?<!\]\()[\w./-]*\w\.md\b(?!-)")
"""The name of a document, but for what a link leads to."""
_PATH = re.compile(r"(?<![\w./-])(?:deploy|docs|scenarios|services|shared|tests)/[\w./-]*\w")
_ELSEWHERE = re.compile(r"\.\./shared(?![\w/])|\bfindings/(?!\S*\.md)|\barchitecture §|\btest_[wf]\d+_")
"""The same for what is no document: the house that was to be built, and rows of lists of findings."""
_TOP = ("deploy", "docs", "scenarios", "services", "shared", "tests")
_TEXT = {".py", ".md", ".toml", ".json", ".js", ".sh", ".txt", ".yaml", ".yml", ".ini", ".html", ""}


def anchor(id: str) -> str:
    """R7 -> R7, §4.2 -> s4.2."""
    return id.replace("§", "s")


class Pages:
    """The pages of docs/law, by anchor."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.at: dict[str, list[str]] = defaultdict(list)
        """The files that have an anchor."""
        self.empty: list[str] = []
        for path in sorted((root / "docs" / "law").glob("*.md")):
            _, *parts = _ANCHOR.split(path.read_text("utf-8"))
            for id, text in zip(parts[::2], parts[1::2], strict=True):
                self.at[id].append(path.name)
                lines = [line for line in text.split("\n") if line.strip()]
                if all(line.startswith(("#", "*Source", "*Decided")) for line in lines):
                    self.empty.append(id)

    def link(self, id: str) -> str:
        """The link from docs/ to the paragraph of a rule."""
        file = next(iter(self.at.get(anchor(id), ())), "")
        return f"[{id}](law/{file}#{anchor(id)})" if file else id

    def wrong(self, rules: Collection[str]) -> Iterator[str]:
        """Rules without exactly one paragraph, anchors of rules that are none, and what leads nowhere."""
        for id in rules:
            files = self.at.get(anchor(id), [])
            if len(files) != 1:
                yield f"{id} has {len(files)} paragraphs in docs/law {' '.join(files)}".rstrip()
        for id in self.at:
            if NAMED.fullmatch(id) and id not in rules:
                yield f"docs/law has a paragraph of {id}, which docs/rules.toml does not list"
        for id in self.empty:
            if id in map(anchor, rules):
                yield f"the paragraph of {id} in docs/law is empty"
        for path in texts(self.root):
            told = path.relative_to(self.root).as_posix()
            for id in sorted(set(NAMED.findall(path.read_text("utf-8")))):
                if anchor(id) not in self.at:
                    yield f"{told} names {id}, which has no paragraph in docs/law"

    def broken(self) -> Iterator[str]:
        """Links of documents that lead to no file, or to no place in it."""
        places = cache(_places)  # the table of rules has hundreds of links to a few pages
        for path in sorted((self.root / "docs").rglob("*.md")):
            for target in sorted(set(_LINK.findall(path.read_text("utf-8")))):
                file, _, place = target.partition("#")
                to = path.parent / file if file else path
                if not to.exists() or (place and to.suffix == ".md" and place not in places(to)):
                    yield f"{path.relative_to(self.root).as_posix()} links to {target}, which is not there"


def dead(root: Path = ROOT) -> Iterator[str]:
    """Documents, and files by their path, that a file names and the repository does not have."""
    paths = list(texts(root))
    there = {path.relative_to(root).as_posix() for path in paths if path.suffix == ".md"}
    for path in paths:
        text = path.read_text("utf-8")
        named = {name for name in _DOCUMENT.findall(text) if not _leads(path, name, root, there)}
        named |= {name for name in _PATH.findall(text) if not _begins(root / name)}
        for name in sorted(named | set(_ELSEWHERE.findall(text))):
            yield f"{path.relative_to(root).as_posix()} refers to {name}, which is not in the repository"


def _leads(path: Path, name: str, root: Path, there: Collection[str]) -> bool:
    if (path.parent / name).exists():
        return True
    return any(f"/{known}".endswith(f"/{name.lstrip('./')}") for known in there)


def _begins(path: Path) -> bool:
    """True if there is such a file, or one whose name begins so (`tests/faults/verify`)."""
    return path.exists() or any(path.parent.glob(f"{path.name}*"))


def texts(root: Path) -> Iterator[Path]:
    """Every file of the repository that is text, but for the tests of this: they make references up."""
    for path in sorted([*root.glob("*"), *(p for top in _TOP for p in (root / top).rglob("*"))]):
        inside = path.relative_to(root)
        hidden = any(part.startswith((".", "__pycache__", "node_modules")) for part in inside.parts)
        made_up = inside.as_posix().startswith("tests/unit/documents/")
        if path.is_file() and path.suffix in _TEXT and not hidden and not made_up:
            yield path


def _places(document: Path) -> set[str]:
    """The anchors of a document: those that it names, and those of its headings."""
    text = document.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return slugs | set(_ANY_ANCHOR.findall(text))
