"""Holds docstrings and comments to plain English (`make check`).

A docstring, of an attribute too, begins with a noun or a verb that says what the thing is or does: never with
a free relative ("What is sealed", "Whoever asks"), nor with a word that leaves the noun to the name above
("Of a stored event"). A rule id may stand before it (`R34: the subject …`). A person is named by their role,
or is "they": no pronoun of one sex stands for everybody.

`unclean` under `[tool.prose]` of pyproject.toml lists the files that are not there yet. A file in it that is
clean is a fault as well, so the list can only shrink.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("shared", "services", "ops", "deploy", "tests")

RULE = r"(?:(?:[A-Z]+-?\d+|W\d+|§\d+(?:\.\d+)*|规则 \d+|RFC \d+)(?: §[\d.]+)?(?:, | and |: |\. ))*"
RELATIVE = (
    "what|whatever|who|whoever|whom|whomever|whose|which|whichever|whether|where|wherever|when|whenever|why|how|"
    "however"
)
OPENING = re.compile(
    rf"{RULE}(?:(?:as|at|behind|beyond|by|for|from|in|into|of|on|to|under|up to|with) )?(?:{RELATIVE})\b"
    rf"|{RULE}(?:as if|he|his|if|it|its|of|so|that|their|they|with this)\b",
    re.IGNORECASE,
)
"""The openings that no docstring has."""
PERSON = re.compile(r"\b(?:he|him|his|himself|she|her|hers|herself)\b", re.IGNORECASE)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, its classes, functions and attributes, each with its line."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """The comments of a module, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def faults_of(source: str, *, commented: bool = True) -> list[str]:
    """The faults of a module; those of its comments only if it is `commented`."""
    found = []
    for line, text in docstrings(source):
        if opening := OPENING.match(text.strip()):
            found.append((line, f"begins with {opening.group()!r}"))
    for line, text in [*docstrings(source), *(comments(source) if commented else ())]:
        for person in PERSON.findall(text):
            found.append((line, f"says {person!r}: name the role, or say 'they'"))
    return [f"{line}: {fault}" for line, fault in sorted(found)]


def faults(root: Path, unclean: frozenset[str]) -> list[str]:
    """The faults of all rooms below `root` but for the `unclean` files, and those of that list itself."""
    found, files = [], set()
    for path in sorted(p for room in ROOMS for p in (root / room).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        files.add(name)
        own = faults_of(path.read_text("utf-8"), commented=not name.startswith("tests/"))
        if name not in unclean:
            found += [f"{name}:{fault}" for fault in own]
        elif not own:
            found.append(f"{name} is clean: take it out of [tool.prose] in pyproject.toml")
    found += [f"{name} is not there: take it out of [tool.prose]" for name in sorted(unclean - files)]
    return found


def main() -> int:
    """Prints the faults of this repository; exit status 1 if there are any."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found = faults(ROOT, frozenset(settings["tool"]["prose"]["unclean"]))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
