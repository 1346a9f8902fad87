"""The refusals that a piece of code can end in, read from the source.

A code counts for a function that names it, or that uses something (a function, a table) by a name under which
a code is found. Names are not told apart by what they belong to, so the answer may hold too much, and is
complete as long as codes are written out where they are used.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from shared.language.catalogue import CATALOGUE

GRAMMAR = (
    "shared.casework.case",
    "shared.casework.staff",
    "shared.casework.aggregate",
    "shared.language.law",
    "shared.language.organs",
    "shared.kernel.evidence",
    "shared.casework.bulk",
    "shared.casework.screen",
    "shared.casework.tally",
    "shared.casework.tokens",
)
FACE = (
    "shared.casework.http.values",
    "shared.casework.http.commands",
    "shared.casework.http.reads",
    "shared.casework.http.query",
    "shared.casework.http.language",
    "shared.casework.dead",
)
"""The modules of routes that are searched. The gate is not among them: its refusals hang on the command, and
are known from its class."""


def codes_of(package: str, names: Iterable[str]) -> set[str]:
    """The codes that functions of these names in a service's package can be refused with."""
    uses = _uses(package)
    seen: set[str] = set()
    left = list(names)
    codes: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        found, used = uses.get(name, (set(), set()))
        codes |= found
        left += [u for u in used if u in uses]
    return codes


@functools.cache
def _uses(package: str) -> dict[str, tuple[set[str], set[str]]]:
    """The codes that stand under each name defined in the service or the grammar of cases, and the names that
    it uses."""
    uses: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for path in (p for module in (package, *GRAMMAR, *FACE) for p in _files(module)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.col_offset == 0:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [t.id for t in targets if isinstance(t, ast.Name)]
            else:
                continue
            for name in names:
                _note(node, *uses[name])
    return dict(uses)


def _note(node: ast.AST, codes: set[str], used: set[str]) -> None:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and inner.value in CATALOGUE:
            codes.add(str(inner.value))
        elif isinstance(inner, ast.Name):
            used.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            used.add(inner.attr)


def _files(module: str) -> list[Path]:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    origin = Path(spec.origin)
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
