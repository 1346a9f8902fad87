"""Clauses: every command, event, refusal code, deadline and process manager that the law names, by its name.

docs/clauses.toml lists them with the rules that demand them. Here each is looked for in the code: a command
among those of the services, an event among the contracts and outside them, a code in the catalogue, where it
is refused and where a test asks for it, a deadline among the data with an event that starts it (DL-12 starts
elsewhere), a process manager by its own rule. A rule is built when all of its clauses are.
"""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.casework.command import Command
from shared.language.catalogue import CATALOGUE
from shared.language.event import event_classes
from tools.documents import ROOT, WRITING, service_of

CLAUSES = ROOT / "docs" / "clauses.toml"
DEADLINES = ROOT / "shared" / "language" / "law" / "deadlines.json"
KINDS = {
    "command": "commands",
    "event": "events",
    "code": "refusal codes",
    "deadline": "deadlines",
    "process": "process managers",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that the law names, and whether it is there."""

    kind: str
    name: str
    of: tuple[str, ...]
    """The rules that demand it."""
    later: str
    built: bool

    @property
    def wrong(self) -> str:
        """The way in which the list and the code differ about it; empty if they do not."""
        if self.built and self.later:
            return f"{self.name} is there, and docs/clauses.toml says later: {self.later}"
        if not self.built and not self.later:
            told = f"{self.name} ({self.kind}; {' '.join(self.of)})"
            return f"{told} is not there, and docs/clauses.toml does not say later"
        return ""


@dataclass(frozen=True, slots=True)
class There:
    """The names that the code has, by kind."""

    names: Mapping[str, Collection[str]]

    def has(self, kind: str, name: str) -> bool:
        """A dotted name is that of something in a module."""
        module, _, attribute = name.rpartition(".")
        if module:
            return hasattr(importlib.import_module(module), attribute)
        return name in self.names[kind]


def clauses(processes: Mapping[str, str], listed: str | None = None) -> list[Clause]:
    """Every clause. `processes` has the process managers by id, with what each is to come with, if later."""
    told = tomllib.loads(CLAUSES.read_text("utf-8") if listed is None else listed)
    there = found(processes)
    made = []
    for kind, rows in told.items():
        for name, row in rows.items():
            row = {"of": row} if isinstance(row, str) else row
            later = processes.get(name, "") if kind == "process" else row.get("later", "")
            built = there.has(kind, row.get("called", name))
            made.append(Clause(kind, name, tuple(row["of"].split()), later, built))
    return made


def found(processes: Mapping[str, str]) -> There:
    """The names that the code has."""
    return There({**_in_code(), "process": {id for id, later in processes.items() if not later}})


@cache
def _in_code() -> dict[str, set[str]]:
    """The names of each kind in code and tests, which are read once."""
    commands = {command.__name__ for service in WRITING for command in commands_of(service)}
    events = {event.__name__ for service in (*WRITING, "vault") for event in event_classes(service)}
    code = [p for p in files("shared", "services") if p.name != "catalogue.py" and "contracts" not in p.parts]
    written = _text(code)
    asked = set(re.findall(r"\w+", _text([*files("tests"), *files("scenarios", ending="json")])))
    words = set(re.findall(r"\w+", written))
    deadlines = json.loads(DEADLINES.read_text("utf-8"))
    return {
        "command": commands,
        "event": events & words,
        "code": {code for code in CATALOGUE if f'"{code}"' in written and code in asked},
        "deadline": {d["id"] for d in deadlines if not d["starts_on"] or events & set(d["starts_on"])},
    }


def commands_of(service: str) -> list[type[Command]]:
    """All that may be asked of a service, also what only a hand-written route or the system gives."""
    listed = list(service_of(service).commands)
    subclasses = [c for c in _below(Command) if c.__module__.startswith(f"services.{service}.")]
    return [*listed, *sorted((c for c in subclasses if c not in listed), key=lambda c: c.__name__)]


def _below(command: type[Command]) -> Iterator[type[Command]]:
    for subclass in command.__subclasses__():
        yield subclass
        yield from _below(subclass)


def files(*folders: str, ending: str = "py") -> list[Path]:
    """The files of folders of the repository, in order."""
    return sorted(p for folder in folders for p in (ROOT / folder).rglob(f"*.{ending}"))


def _text(paths: list[Path]) -> str:
    return "\n".join(path.read_text("utf-8") for path in paths)
