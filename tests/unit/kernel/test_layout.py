"""Large aggregates have one layout: a state, and phases beside one another (ADR 35)."""

from __future__ import annotations

import ast
import inspect

import pytest

from services.clarification.domain.clarification import Clarification
from services.followup.domain.plan import RevisitPlan
from services.intake.domain.complaint import Complaint
from services.verification.domain.case import VerificationCase
from shared.casework.aggregate import Aggregate
from shared.casework.case import Case
from tools.documents import WRITING, service_of

LARGE: list[type[Aggregate]] = [Complaint, VerificationCase, Clarification, RevisitPlan]


def house_of(aggregate: type[Aggregate]) -> tuple[type, type, list[type]]:
    """The kind's state, the class that its phases share, and the phases."""
    own = [c for c in aggregate.__mro__ if c.__module__.startswith(aggregate.__module__ + ".")]
    *phases, shared, state = own
    return state, shared, phases


@pytest.mark.parametrize("aggregate", LARGE, ids=lambda a: a.__name__)
def test_what_it_remembers_stands_in_its_state(aggregate: type[Aggregate]) -> None:
    """Every attribute and every handler; a phase decides and remembers nothing."""
    state, shared, phases = house_of(aggregate)
    assert state.__module__.endswith(".state")
    assert state.__bases__ == (Case,)
    for phase in (shared, *phases, aggregate):
        named = [name for name in vars(phase) if name.startswith("on_") or name in ("__init__", "apply")]
        assert not named, phase
        assert not _assigned(phase), phase


@pytest.mark.parametrize("aggregate", LARGE, ids=lambda a: a.__name__)
def test_phases_stand_beside_one_another(aggregate: type[Aggregate]) -> None:
    state, shared, phases = house_of(aggregate)
    assert shared.__bases__ == (state,)
    assert shared.__module__.endswith(".phase")
    assert set(aggregate.__bases__) == set(phases)
    for phase in phases:
        assert phase.__bases__ == (shared,), phase
    names = [name for phase in phases for name, value in vars(phase).items() if inspect.isroutine(value)]
    assert len(names) == len(set(names)), "two phases with one name: the order of the bases would decide"


def test_sec12_every_kind_says_whose_reporters_its_texts_may_not_name() -> None:
    """The screen is asked for the complaints that a case rests on: a kind that names none is asked nothing.
    The vault's own kinds take no text at all."""
    screened = {c.on for s in WRITING for c in service_of(s).commands if c.screened}
    assert {kind.__name__ for kind in screened if kind.rests_on is Aggregate.rests_on} == set()


def _assigned(cls: type) -> list[str]:
    """The attributes that its methods set on themselves; `_composed_texts` is handed to the gate."""
    tree = ast.parse(inspect.getsource(cls))
    targets = [
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return [
        target.attr
        for target in targets
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
        and target.attr != "_composed_texts"
    ]
