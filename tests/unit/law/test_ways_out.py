"""A way out of every state (B7): a search over the states, steps and roles that the code declares.

The search reads which events a command's method may record, and where they lead. It asks of each kind of case
that from every state some end can be reached without the word of any one person: by the work of people in an
organ, whose step can be escalated or stood in for, or by the system itself.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from services.intake.vault.protection.commands import PROTECTION
from services.intake.vault.rewards import REWARDS
from shared.casework.aggregate import STANDING_IN, Aggregate
from shared.casework.case import Case
from shared.casework.command import Command
from shared.casework.http.kinds import events_of, states_of_kind
from shared.casework.steps import known_steps
from shared.language.event import Event
from shared.language.law.deadlines import Catalogue
from shared.language.roles import CASEWORK, SYSTEM
from tools.documents import service_of

COMMANDS = [
    command
    for commands in (
        *(service_of(s).commands for s in ("intake", "verification", "clarification", "followup")),
        [*PROTECTION, *REWARDS],
    )
    for command in commands
]
KINDS = [k for k in dict.fromkeys(command.on for command in COMMANDS) if issubclass(k, Case) and k.ended]
CATALOGUE = Catalogue.load()
WAITS = {
    ("IdentityDisclosure", "DESTROYED"): "of the key (IdentityKey), whose events stand in the same module",
}
"""States that no act of their own organ ends, and why that is so."""


@cache
def calls(kind: Any, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a method uses, and those of them that are methods of the kind."""
    method = inspect.unwrap(getattr(kind, name))
    tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    used |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    used |= {str(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return frozenset(used), frozenset(u for u in used if inspect.isfunction(getattr(kind, u, None)))


def names_in(kind: type[Aggregate], name: str) -> set[str]:
    """The names that a method and those that it calls use."""
    seen, left, found = set[str](), [name], set[str]()
    while left:
        if (at := left.pop()) in seen:
            continue
        seen.add(at)
        used, methods = calls(kind, at)  # type: ignore[arg-type] # a class whose objects have no hash
        found |= used
        left += methods
    return found


def leads_to(kind: type[Aggregate], method: str) -> set[str]:
    """The states to which the events lead that a method may record."""
    used = names_in(kind, method)
    events = [event for event in events_of(kind) if event.__name__ in used]
    return {state for event in events for state in (event.to, *event.may_lead_to) if state}


def moves(kind: type[Aggregate]) -> Iterator[tuple[type[Command], set[str], set[str]]]:
    """The commands that move a case of this kind, with the states that they come from and lead to."""
    for command in COMMANDS:
        if command.on is kind and not command.creates and (to := leads_to(kind, command.method)):
            yield command, set(command.states or states_of_kind(kind)), to


def of_many(command: type[Command]) -> bool:
    """True for a command that hangs on no one person: the system gives it, or it belongs to a step that can
    be escalated or stood in for."""
    return SYSTEM in command.gate.by or bool(command.takes and CASEWORK.intersection(command.gate.by))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_b7_from_every_state_an_end_is_reached_without_any_one_person(kind: type[Aggregate]) -> None:
    reaches = set(kind.ended)
    edges = [(states, to) for command, states, to in moves(kind) if of_many(command)]
    while more := {s for states, to in edges if to & reaches for s in states} - reaches:
        reaches |= more
    stuck = {state for state in states_of_kind(kind) if state not in reaches}
    assert {(kind.kind, state) for state in stuck} <= WAITS.keys()


def test_b7_an_excuse_ends_with_its_reason() -> None:
    """A state that has a way out by now needs no excuse."""
    for name, state in WAITS:
        [kind] = [k for k in KINDS if k.kind == name]
        out = [c.__name__ for c, states, to in moves(kind) if c.states and state in states and to - {state}]
        assert not out, (name, state, out)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_b5_every_step_of_an_organ_can_be_escalated(kind: type[Aggregate]) -> None:
    """Every decision and all work of people in an organ belong to a step, and somebody may escalate it."""
    [escalate] = [c for c in COMMANDS if c.on is kind and c.__name__ == "EscalateForSeparation"]
    offered = set(escalate.model_json_schema()["properties"]["step"].get("enum", ())) or {
        escalate.model_json_schema()["properties"]["step"]["const"]
    }
    assert offered == known_steps(kind).keys()
    for command in COMMANDS:
        gate = command.gate
        if command.on is kind and not command.creates and gate.organ is not None and gate.step is None:
            assert not CASEWORK.intersection(gate.by) or command.takes in offered, command.__name__


UNCLOCKED = {
    **{
        ("SupervisionOrder", state): "it presses an item that has clocks of its own; none of its own is named"
        for state in ("DRAFTED", "APPROVED", "ISSUED", "RESPONDED", "RETURNED")
    },
    ("IdentityDisclosure", "REQUESTED"): "nobody but the asker waits, and without a yes nothing is disclosed",
    ("IdentityDisclosure", "DESTROYED"): "of the key, as above",
    ("RetaliationReport", "REPORTED"): "no term is named for deciding on it",
    ("StaffMisconductReport", "REPORTED"): "no term is named for deciding on it",
    ("ProtectionRequest", "PROVIDED"): "it lasts as long as the danger",
    ("Reward", "RECORDED"): "what is left is to pay it out; no term is named",
}
"""States in which something waits without a clock, and why that is so."""


def enters(kind: type[Aggregate], state: str) -> list[type[Event]]:
    """The events that lead a case of this kind into a state."""
    return [event for event in events_of(kind) if state in (event.to, *event.may_lead_to)]


def stays(kind: type[Aggregate], state: str) -> set[str]:
    """The events that may be recorded in a state without leaving it."""
    given = [c for c in COMMANDS if c.on is kind and not c.creates and state in (c.states or {state})]
    return {name for command in given for name in names_in(kind, command.method)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_b7_every_waiting_state_has_a_clock_with_an_owner(kind: type[Aggregate]) -> None:
    """Some clock of the catalogue begins where a state begins, or with what is recorded in it."""
    without = set()
    for state in set(states_of_kind(kind)) - kind.ended:
        names = {event.__name__ for event in enters(kind, state)} | stays(kind, state)
        rows = [row for name in names for row in CATALOGUE.started_by(kind.service, name)]
        if not any(row.owner for row in rows if row.id != STANDING_IN):
            without.add((kind.kind, state))
    assert without == {row for row in UNCLOCKED if row[0] == kind.kind}
